"""One way to meet each refusal of collateral, for the table of errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from collateral_world import (
    ACCOUNT,
    ATTESTORS,
    BASE,
    DOMAIN,
    EPOCH,
    HONEST,
    KEYS,
    MAINNET,
    NOW,
    STRANGER,
    LeafOpening,
    allocation,
    binding,
    checkpoint,
    judge,
    numbered,
    opening,
    revocation,
    signed_binding,
)

from zkmargin.attestations.collateral.bindings import (
    owner_in_epoch,
    require_allocation,
    require_binding,
    require_covered,
    require_in_time,
    require_not_raised,
)
from zkmargin.attestations.collateral.documents import OBSERVED, SAFE, Checkpoint, LeafOpeningsDocument
from zkmargin.attestations.collateral.equivocation import (
    EquivocationDocument,
    SignedRootWords,
    require_equivocation,
)
from zkmargin.attestations.collateral.roots import (
    ChainRule,
    leaf_of,
    require_chains,
    require_openings,
    require_successor,
)
from zkmargin.attestations.collateral.tree import Tree
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.circuits.rules import parse_rules
from zkmargin.margin.tables import Column, Tables
from zkmargin.prover.collateral import Collateral, CollateralLine, open_lines


def _relined(change: Callable[[list[LeafOpening]], list[LeafOpening]]) -> None:
    root = replace(HONEST, lines=numbered(change(list(HONEST.lines))))
    require_openings(root.document(), root.openings)


def _chain(entry: Checkpoint) -> None:
    require_chains([entry], {MAINNET: ChainRule(1800), BASE: ChainRule(1800)}, NOW)


def _line(**changes: int) -> dict[int, LeafOpening]:
    line = opening(MAINNET, 0, changes.get("amount", 5), pocket=changes.get("pocket", 0))
    return {line.cid: line}


def _selected(least_lock: int = 0, pocket: int = 0, twice: bool = False, owner: int | None = None) -> None:
    """Select the first line of the honest root, for the owner that it names or for another one."""
    line, tree = HONEST.lines[0], Tree([entry.leaf for entry in HONEST.lines])
    mine = line.model_copy(update={"owner": HOLDS.owner if owner is None else owner})
    leaf = leaf_of(mine).digest
    tree.update({0: leaf})
    root = HONEST.document(root=tree.root)
    chosen = CollateralLine(mine.model_copy(update={"leaf": leaf}), tree.path(0))
    rules = parse_rules(SELECTING, "selecting.yaml")
    tables = Tables({"asset": 1}, {"asset": (line.asset,)}, {"price": Column.of("price", ["asset"], 0, [1])}, {}, {})
    open_lines(rules, tables, Collateral(root, (chosen,) * (1 + twice)), HOLDS, pocket, least_lock)


def _no_equivocation() -> None:
    """Two roots of two numbers."""
    roots = sorted((HONEST.document(seq=seq) for seq in (1, 2)), key=lambda document: document.digest)
    listed = tuple(SignedRootWords(root=entry.root, signatures=entry.signatures) for entry in roots)
    evidence = EquivocationDocument(domain=DOMAIN, attestors=ATTESTORS, roots=listed)
    require_equivocation(evidence, domain=DOMAIN, attestors=ATTESTORS)


ROOT = HONEST.document()
HOLDS = OwnerKeys.of_seed(bytes(range(32)))
SELECTING = b"""\
rules: 1
name: selecting
lines: 2
axes: {asset: {size: 1}}
public: {price: {axes: [asset], unit: usd/atom, decimals: 0, min: 0, max: 9}}
private:
  held: {axes: [asset], unit: atom, decimals: 0, min: 0, max: 99, from: chain}
  cash: {unit: usd, decimals: 0, min: 0, max: 9, from: venue}
equity: cash + sum(held * price, over=asset)
requirements: {maintenance: 0}
"""
COLLATERAL: Mapping[str, Callable[[], object]] = {
    "E_ATTESTOR_SET": lambda: judge(ROOT, attestors=ATTESTORS.model_copy(update={"set_nonce": 2})),
    "E_ROOT_EXPIRED": lambda: judge(ROOT, at=NOW + 3600),
    "E_ROOT_NOT_YET_VALID": lambda: judge(ROOT, at=NOW - 61),
    "E_ROOT_REVOKED": lambda: judge(ROOT, revocations=[revocation(ROOT.digest, KEYS)]),
    "E_ROOT_SEQ": lambda: require_successor(ROOT, ROOT),
    "E_ROOT_CHAIN": lambda: require_successor(ROOT, HONEST.document(seq=2)),
    "E_EQUIVOCATION": lambda: require_successor(ROOT, HONEST.document(issued_at=NOW + 1)),
    "E_EQUIVOCATION_UNPROVEN": _no_equivocation,
    "E_CHECKPOINTS": lambda: judge(HONEST.document(checkpoints_hash=bytes(32))),
    "E_LEAVES_HASH": lambda: require_openings(ROOT, LeafOpeningsDocument(leaves=())),
    "E_LEAF_COUNT": lambda: require_openings(HONEST.document(leaf_count=9), HONEST.openings),
    "E_LEAF_ORDER": lambda: _relined(lambda lines: lines[::-1]),
    "E_CID_DUPLICATE": lambda: _relined(lambda lines: [lines[0], *lines]),
    "E_CID_MISMATCH": lambda: _relined(lambda lines: [lines[0].model_copy(update={"amount": 1}), *lines[1:]]),
    "E_CHECKPOINT_MISSING": lambda: _chain(checkpoint("eip155:10")),
    "E_FINALITY": lambda: _chain(checkpoint(MAINNET, finality=SAFE)),
    "E_STALE_BLOCK": lambda: _chain(checkpoint(MAINNET, block_time=NOW - 1801)),
    "E_PROOF_KIND": lambda: _chain(checkpoint(MAINNET, proof_kind=OBSERVED)),
    "E_LOCK": lambda: _selected(least_lock=1),
    "E_LINE_DUPLICATE": lambda: _selected(twice=True),
    "E_OWNER_MIXED": lambda: _selected(owner=7),
    "E_POCKET_MIXED": lambda: _selected(pocket=1),
    "E_BALANCE_SHORT": lambda: require_covered(4, _line().values()),
    "E_BINDING_MISSING": lambda: owner_in_epoch(ACCOUNT, EPOCH, []),
    "E_BINDING_SIG": lambda: require_binding(signed_binding(binding(), STRANGER), DOMAIN),
    "E_BINDING_CONFLICT": lambda: owner_in_epoch(ACCOUNT, EPOCH, [binding(), binding(owner=8)]),
    "E_BINDING_MIDEPOCH": lambda: require_in_time(binding(owner=8, nonce=2), [binding()], EPOCH),
    "E_ALLOC_SIG": lambda: require_allocation(allocation(key=STRANGER), DOMAIN, EPOCH),
    "E_ALLOC_RAISED": lambda: require_not_raised(_line(), _line(amount=6)),
    "E_ALLOC_MOVED": lambda: require_not_raised(_line(), _line(pocket=1)),
}
