"""An attestor's own judgement of a bundle, its signature, and the publication of what a quorum signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from zkmargin.attestations.chains.layouts import LayoutRegistry
from zkmargin.attestations.chains.reader import ChainReader, Holding
from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.bundle_checks import Held, read_balances, require_bundle
from zkmargin.attestations.collateral.config import AttestorConfig
from zkmargin.attestations.collateral.documents import PROVEN_KINDS, Checkpoint, CollateralRootDocument
from zkmargin.attestations.collateral.errors import BalanceShort, Equivocation, Finality, RootChain, RootSequence
from zkmargin.attestations.collateral.receipts import CollateralReceipt, make_receipts
from zkmargin.attestations.collateral.roots import require_chains, require_root, require_words
from zkmargin.attestations.collateral.tree import Tree
from zkmargin.attestations.context import epoch_of
from zkmargin.attestations.documents import Signature, sign
from zkmargin.attestations.signatures import SignerSet, SigningKey, require_quorum
from zkmargin.errors import PledgeTooLong, SignatureNotAttestor

SKEW = 60


def judge(
    bundle: Bundle,
    config: AttestorConfig,
    registry: LayoutRegistry,
    readers: Mapping[str, ChainReader],
    previous: Bundle | None,
    at: int,
) -> Tree:
    """The tree of a bundle that an attestor may sign at ``at``: all of it checked, blocks asked of its own nodes.

    Raises what ``require_words``, ``require_chains`` and ``require_bundle`` raise, PledgeTooLong, Reorganised, and of
    nodes.
    """
    document = bundle.document
    require_words(document, domain=config.domain, attestors=config.attestors,
                  epoch=epoch_of(at, config.epoch_length), at=at, skew=SKEW)  # fmt: skip
    _require_term(document, config)
    require_chains(document.checkpoints, config.rules, at, SKEW)
    tree = require_bundle(bundle, registry, config.domain, previous)
    own = [require_own(entry, readers[entry.chain]) for entry in document.checkpoints]
    require_chains(own, config.rules, at, SKEW)
    for stated in document.checkpoints:
        if stated.proof_kind not in PROVEN_KINDS:
            _observe_again(bundle, registry, readers[stated.chain], stated)
    return tree


def _require_term(document: CollateralRootDocument, config: AttestorConfig) -> None:
    """Raise PledgeTooLong where a root would hold for longer than this attestor's own do: until it expires, what was
    withdrawn since counts.
    """
    root = document.root
    latest = min(root.issued_at + config.root_ttl, (root.epoch + 1) * config.epoch_length)
    if root.expires_at > latest:
        raise PledgeTooLong("the root would hold for longer than this attestor signs", where="root.expiresAt",
                            expected=f"at most {latest}", got=root.expires_at)  # fmt: skip


def require_own(stated: Checkpoint, reader: ChainReader) -> Checkpoint:
    """The checkpoint as one's own node sees it. Raises Reorganised, Finality, and of nodes."""
    seen = reader.confirm(stated)
    if stated.finality > seen.finality:
        raise Finality("less final on this node than the checkpoint says", where=f"checkpoints.{stated.chain}",
                       expected=stated.finality, got=seen.finality)  # fmt: skip
    return seen


def _observe_again(bundle: Bundle, registry: LayoutRegistry, reader: ChainReader, checkpoint: Checkpoint) -> None:
    """What is only observed is observed again, by this attestor. Raises BalanceShort where it sees less."""
    readings = read_balances(bundle, registry)
    held: list[Held] = [key for key in readings if registry.find(*key[1:]).chain == checkpoint.chain]
    holdings = [Holding(registry.find(asset, custody), account) for account, asset, custody in held]
    for key, holding, evidence in zip(held, holdings, reader.read(holdings, checkpoint), strict=True):
        seen = evidence.reading(checkpoint, holding.layout, holding.account)
        if seen.balance < readings[key].balance:
            raise BalanceShort("this attestor observes less", where=key[0])


def require_next(
    last: CollateralRootDocument | None,
    document: CollateralRootDocument,
    previous: CollateralRootDocument | None,
    unpublished: bool = False,
) -> None:
    """Raise unless a root comes after the last one that this attestor signed; the same one may be signed again.

    It follows that one, or a later one that others signed: whoever leaves out a root could raise what it lowered.
    ``unpublished``: the last one never got a quorum. Raises Equivocation, RootSequence, RootChain.
    """
    if last is None or last.digest == document.digest:
        return
    before, now = (last.root.epoch, last.root.seq), (document.root.epoch, document.root.seq)
    if now == before:
        raise Equivocation("another root of this number was signed before", where="root.seq",
                           hint="collect again with a higher number: `--seq`")  # fmt: skip
    if now < before:
        raise RootSequence("a later root was signed before", where="root.seq", expected=f"after {before}", got=now)
    if unpublished or document.root.prev_digest == last.digest:
        return
    if previous is None or (previous.root.epoch, previous.root.seq) <= before:
        raise RootChain("passes over the last root that this attestor signed", where="root.prevDigest",
                        hint="where that one never got a quorum: `--unpublished`")  # fmt: skip


def add_signature(document: CollateralRootDocument, key: SigningKey) -> CollateralRootDocument:
    """The root with this attestor's signature. Raises SignatureNotAttestor where it is not of the set."""
    if key.address not in document.attestors.signers.members:
        raise SignatureNotAttestor(
            "this key is not of the attestor set", where="attestors", got=f"0x{key.address.hex()}"
        )
    return merge(document, [document.model_copy(
        update={"signatures": sign(document.root, document.domain.signing(), [key])})])  # fmt: skip


def merge(document: CollateralRootDocument, others: Iterable[CollateralRootDocument]) -> CollateralRootDocument:
    """The root with the signatures of all copies, each checked. Raises Equivocation where a copy is another root."""
    found: dict[bytes, Signature] = {}
    for copy in (document, *others):
        if copy.digest != document.digest:
            raise Equivocation("copies of different roots", where="root")
        found |= {entry.signature + entry.signer: entry for entry in copy.signatures}
    ordered = sorted(found.values(), key=lambda entry: (entry.signer, entry.signature))
    unique = [next(group) for _, group in groupby(ordered, key=lambda entry: entry.signer)]
    if unique:
        members = SignerSet(document.attestors.signers.members, 1)
        require_quorum(document.digest, [(entry.signer, entry.signature) for entry in unique], members, "root")
    return document.model_copy(update={"signatures": tuple(unique)})


def publish(bundle: Bundle, config: AttestorConfig, tree: Tree, at: int) -> list[CollateralReceipt]:
    """One receipt for each owner, of a root that a quorum signed. ``tree``: what ``judge`` gave.

    Raises what ``require_root`` raises.
    """
    require_root(bundle.document, domain=config.domain, attestors=config.attestors,
                 epoch=epoch_of(at, config.epoch_length), at=at, skew=SKEW)  # fmt: skip
    receipts = make_receipts(bundle.document, bundle.openings.leaves, tree)
    for receipt in receipts:
        receipt.require_consistent()
    return receipts
