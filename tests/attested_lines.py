"""Attested collateral for any rule set with lines: what an account holds, split into lines of one signed root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from collateral_world import ATTESTORS, KEYS, checkpoint
from parties import DOMAIN, NOW

from zkmargin.attestations.collateral.documents import (
    CollateralRoot,
    CollateralRootDocument,
    LeafOpening,
    LeafOpeningsDocument,
    hash_checkpoints,
)
from zkmargin.attestations.collateral.identifiers import asset_id, compute_cid
from zkmargin.attestations.collateral.receipts import CollateralReceipt, ReceiptLine
from zkmargin.attestations.collateral.tree import Leaf, Tree
from zkmargin.attestations.documents import sign
from zkmargin.circuits.collateral import OpenedLine
from zkmargin.circuits.rules import RuleSet, parse_rules
from zkmargin.margin.tables import Column, Tables
from zkmargin.prover.collateral import Collateral, CollateralLine

LOCKED = NOW + 10**6


def collateral_of(
    rules: RuleSet, tables: Tables, account: Mapping[str, object], owner: int, pocket: int
) -> Collateral | None:
    """A signed root in which this owner holds what the account's column says; None where it holds nothing.

    The largest amounts are split in two while there is room for lines; lines of others stand between them.
    """
    (column,) = rules.on_chain
    (axis,) = column.axes
    held = [
        (name, int(amount))
        for name, amount in zip(tables.names[axis], account[column.name], strict=False)  # type: ignore[arg-type]
        if amount
    ]
    if not held:
        return None
    parts = list(held)
    while len(parts) < min(rules.lines, 2 * len(held)) and max(amount for _, amount in parts) > 1:
        name, amount = max(parts, key=lambda part: part[1])
        parts.remove((name, amount))
        parts += [(name, amount // 3), (name, amount - amount // 3)]
    random = Random(owner & 0xFFFF)
    openings = [_opening(asset, amount, note, owner, pocket) for note, (asset, amount) in enumerate(parts)]
    openings += [_opening(tables.names[axis][0], 5, 100 + n, random.getrandbits(250), n) for n in range(12)]
    openings.sort(key=lambda line: line.cid)
    lines = [line.model_copy(update={"index": at}) for at, line in enumerate(openings)]
    tree = Tree([line.leaf for line in lines])
    document = _signed(lines, tree.root)
    mine = [line for line in lines if line.owner == owner and line.note < 100]
    return Collateral(document, tuple(CollateralLine(line, tree.path(line.index)) for line in mine), locked=True)


def receipt_of(owner: int, pocket: int = 0) -> CollateralReceipt:
    """A receipt over two chains, as the trader gets it."""
    rules = parse_rules(_TWO_ASSETS, "two_assets.yaml")
    assets = ("eip155:1/slip44:60", "eip155:8453/slip44:60")
    tables = Tables({"asset": 2}, {"asset": assets}, {"price": Column.of("price", ["asset"], 0, [1, 1])}, {}, {})
    collateral = collateral_of(rules, tables, {"held": [100, 50]}, owner, pocket)
    if collateral is None:
        raise ValueError("it holds something")
    lines = tuple(ReceiptLine(opening=line.opening, path=tuple(map(tuple, line.path))) for line in collateral.lines)
    return CollateralReceipt(owner=owner, lines=lines, root=collateral.root)


_TWO_ASSETS = b"""\
rules: 1
name: two_assets
lines: 4
axes: {asset: {size: 2}}
public: {price: {axes: [asset], unit: usd/atom, decimals: 0, min: 0, max: 9}}
private:
  held: {axes: [asset], unit: atom, decimals: 0, min: 0, max: 999, from: chain}
  cash: {unit: usd, decimals: 0, min: 0, max: 9, from: venue}
equity: cash + sum(held * price, over=asset)
requirements: {maintenance: 0}
"""


def opened_lines(rules: RuleSet, tables: Tables, collateral: Collateral | None) -> tuple[list[OpenedLine], int]:
    """As the circuit takes them, and the root."""
    if collateral is None:
        return [], 0
    (axis,) = rules.on_chain[0].axes
    opened = [
        OpenedLine(
            Leaf(o.owner, o.pocket, asset_id(o.asset), o.amount, o.cid, o.lock_until, o.salt),
            o.index,
            line.path,
            tables.names[axis].index(o.asset),
        )
        for line in collateral.lines
        for o in [line.opening]
    ]
    return opened, collateral.root.root.root


def _opening(asset: str, amount: int, note: int, owner: int, pocket: int) -> LeafOpening:
    chain = asset.partition("/")[0]
    account = f"{chain}:0x{note + 1:040x}"
    cid = compute_cid(chain, account, asset, "eoa", note)
    leaf = Leaf(owner, pocket, asset_id(asset), amount, cid, LOCKED, 77 + note).digest
    return LeafOpening(
        index=0, chain=chain, account=account, asset=asset, custody="eoa", note=note, pocket=pocket, owner=owner,
        amount=amount, lock_until=LOCKED, salt=77 + note, cid=cid, leaf=leaf, evidence="ev/1.json",
    )  # fmt: skip


def _signed(lines: Sequence[LeafOpening], root: int) -> CollateralRootDocument:
    chains = sorted({line.chain for line in lines}, key=str.encode)
    checkpoints = tuple(checkpoint(chain, block_time=NOW - 60) for chain in chains)
    domain = DOMAIN.domain()
    words = CollateralRoot(
        root=root,
        epoch=NOW // DOMAIN.epoch_length,
        seq=1,
        leaf_count=len(lines),
        depth=7,
        checkpoints_hash=hash_checkpoints(checkpoints),
        leaves_hash=LeafOpeningsDocument(leaves=tuple(lines)).digest,
        prev_digest=bytes(32),
        pledge_domain=domain.signing().pledge_domain,
        attestor_set_id=ATTESTORS.identity,
        issued_at=NOW - 50,
        expires_at=NOW + 3600,
    )
    return CollateralRootDocument(
        domain=domain,
        root=words,
        checkpoints=checkpoints,
        attestors=ATTESTORS,
        signatures=sign(words, domain.signing(), KEYS[:2]),
    )
