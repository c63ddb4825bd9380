"""Whether a root counts: who signed it, when, over which chains, over which lines.        specs/collateral.md#roots"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zkmargin.attestations.collateral.documents import (
    FINALIZED,
    PROVEN_KINDS,
    Attestors,
    Checkpoint,
    CollateralRootDocument,
    LeafOpening,
    LeafOpeningsDocument,
    RevokeRootDocument,
    hash_checkpoints,
)
from zkmargin.attestations.collateral.errors import (
    AttestorSetMismatch,
    CheckpointMissing,
    CheckpointsHash,
    CidMismatch,
    Equivocation,
    Finality,
    LeafCount,
    LeavesHash,
    ProofKindRefused,
    RootChain,
    RootExpired,
    RootNotYetValid,
    RootRevoked,
    RootSequence,
    StaleBlock,
)
from zkmargin.attestations.collateral.identifiers import asset_id, compute_cid
from zkmargin.attestations.collateral.line_tree import require_ascending
from zkmargin.attestations.collateral.tree import DEPTH, Leaf, Tree, hash_leaves
from zkmargin.attestations.documents import HomeDomain, OfflineDomain, require_domain, require_signed
from zkmargin.encoding import hex_bytes
from zkmargin.errors import DomainMismatch, EpochMismatch, RootMismatch


@dataclass(frozen=True)
class ChainRule:
    """What a policy asks of a chain: the oldest block in seconds, its finality, whether observed lines count."""

    maximum_age: int
    finality: int = FINALIZED
    observed: bool = False


def require_root(
    document: CollateralRootDocument,
    *,
    domain: OfflineDomain | HomeDomain,
    attestors: Attestors,
    epoch: int,
    at: int,
    skew: int = 0,
    revocations: Iterable[RevokeRootDocument] = (),
) -> None:
    """Raise unless a quorum of the policy's attestors signed the root for this epoch, and it counts at ``at``.

    Raises what ``require_words`` does, the errors of signatures, RootRevoked.
    """
    signers = attestors.signers.signer_set()
    _require_set(document, domain, attestors)
    require_signed(document.root, domain.signing(), document.signatures, signers, "root")
    require_words(document, domain=domain, attestors=attestors, epoch=epoch, at=at, skew=skew)
    for number, revoked in enumerate(revocations):
        require_domain(revoked.domain, domain, f"revocations[{number}].domain")
        require_signed(
            revoked.revocation, domain.signing(), revoked.signatures, signers, f"revocations[{number}].revocation"
        )
        if revoked.revocation.root_digest == document.digest:
            raise RootRevoked(
                "the attestors took this root back", where="root", got=f"reason {revoked.revocation.reason}"
            )


def require_words(
    document: CollateralRootDocument,
    *,
    domain: OfflineDomain | HomeDomain,
    attestors: Attestors,
    epoch: int,
    at: int,
    skew: int = 0,
) -> None:
    """Raise unless the root says what an attestor of this set may sign for this epoch at ``at``.

    Raises DomainMismatch, AttestorSetMismatch, CheckpointsHash, RootMismatch, RootNotYetValid, RootExpired,
    EpochMismatch.
    """
    root = document.root
    _require_set(document, domain, attestors)
    if hash_checkpoints(document.checkpoints) != root.checkpoints_hash:
        raise CheckpointsHash("not the checkpoints that were signed", where="checkpoints")
    if root.depth != DEPTH:
        raise RootMismatch("a tree of another depth", where="root.depth", expected=DEPTH, got=root.depth)
    if root.issued_at > at + skew:
        raise RootNotYetValid("the root is from the future", where="root.issuedAt", expected=at, got=root.issued_at)
    if not at < root.expires_at:
        raise RootExpired("the root has expired", where="root.expiresAt", expected=f"after {at}", got=root.expires_at)
    if root.epoch != epoch:
        raise EpochMismatch("the root is for another epoch", where="root.epoch", expected=epoch, got=root.epoch)


def _require_set(document: CollateralRootDocument, domain: OfflineDomain | HomeDomain, attestors: Attestors) -> None:
    root = document.root
    require_domain(document.domain, domain, "root.domain")
    if root.pledge_domain != domain.signing().pledge_domain:
        raise DomainMismatch("the root is for another pledge domain", where="root.pledgeDomain")
    if document.attestors != attestors or root.attestor_set_id != attestors.identity:
        raise AttestorSetMismatch(
            "another attestor set than the policy's",
            where="root.attestorSetId",
            expected=hex_bytes(attestors.identity),
            got=hex_bytes(root.attestor_set_id),
        )


def require_successor(previous: CollateralRootDocument, document: CollateralRootDocument) -> None:
    """Raise unless ``document`` follows ``previous``. Raises Equivocation, RootSequence, RootChain."""
    before, root = previous.root, document.root
    same_number = (before.attestor_set_id, before.epoch, before.seq) == (root.attestor_set_id, root.epoch, root.seq)
    if same_number and previous.digest != document.digest:
        raise Equivocation("two roots with one number", where="root.seq", got=f"epoch {root.epoch}, number {root.seq}")
    if (root.epoch, root.seq) <= (before.epoch, before.seq):
        raise RootSequence(
            "not a later root", where="root.seq", expected=f"after {before.seq} of epoch {before.epoch}",
            got=f"{root.seq} of epoch {root.epoch}",
        )  # fmt: skip
    if root.prev_digest != previous.digest:
        raise RootChain(
            "does not follow the root before it", where="root.prevDigest", expected=hex_bytes(previous.digest)
        )


def require_chains(checkpoints: Iterable[Checkpoint], rules: Mapping[str, ChainRule], at: int, skew: int = 0) -> None:
    """Raise unless every checkpointed chain is on the policy, final and fresh enough, and proven or allowed.

    Raises CheckpointMissing, Finality, StaleBlock, ProofKindRefused.
    """
    for entry in checkpoints:
        where = f"checkpoints.{entry.chain}"
        if entry.chain not in rules:
            raise CheckpointMissing("the policy lists no such chain", where=where, expected=", ".join(rules) or "none")
        rule = rules[entry.chain]
        if entry.finality < rule.finality:
            raise Finality("not final enough", where=where, expected=rule.finality, got=entry.finality)
        if entry.block_time > at + skew:
            raise StaleBlock(
                "the block is from the future", where=where, expected=f"at most {at}", got=entry.block_time
            )
        if (age := at - entry.block_time) > rule.maximum_age:
            raise StaleBlock(
                "the block is too old", where=where, expected=f"at most {rule.maximum_age} s", got=f"{age} s"
            )
        if entry.proof_kind not in PROVEN_KINDS and not rule.observed:
            raise ProofKindRefused("only observed, not proven", where=where, got=entry.proof_kind)


def require_openings(document: CollateralRootDocument, openings: LeafOpeningsDocument) -> Tree:
    """The tree over the openings, which are the root's. Raises LeavesHash, LeafCount, CidMismatch, CidDuplicate,
    LeafOrder, CheckpointMissing, RootMismatch.
    """
    root, lines = document.root, openings.leaves
    if openings.digest != root.leaves_hash:
        raise LeavesHash("not the openings that were signed", where="openings", expected=hex_bytes(root.leaves_hash))
    if len(lines) != root.leaf_count:
        raise LeafCount("another number of lines", where="openings", expected=root.leaf_count, got=len(lines))
    chains = {entry.chain for entry in document.checkpoints}
    digests = hash_leaves([leaf_of(line) for line in lines])
    for at, (line, digest) in enumerate(zip(lines, digests, strict=True)):
        where = f"leaves[{at}]"
        if line.chain not in chains:
            raise CheckpointMissing("the line's chain has no checkpoint", where=where, got=line.chain)
        cid = compute_cid(line.chain, line.account, line.asset, line.custody, line.note)
        if (line.index, line.cid, line.leaf) != (at, cid, digest):
            raise CidMismatch("place, id or leaf are not those of the line", where=where)
    require_ascending((line.cid for line in lines), "leaves")
    tree = Tree(digests)
    if tree.root != root.root:
        raise RootMismatch("the lines make another tree", where="root.root")
    return tree


def leaf_of(line: LeafOpening) -> Leaf:
    """The leaf that an opening opens."""
    return Leaf(line.owner, line.pocket, asset_id(line.asset), line.amount, line.cid, line.lock_until, line.salt)
