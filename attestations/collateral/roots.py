"""Whether a root counts: who signed it, when, over which chains, over which lines.        specs/collateral.md#roots"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
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
from zkmargin.attestations.faults import Report, reporting, stop
from zkmargin.encoding import hex_bytes
from zkmargin.errors import DomainMismatch, EpochMismatch, IdCanonical, PledgeTooLong, RootMismatch


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
    require_set(document, domain, attestors)
    require_signed(document.root, domain.signing(), document.signatures, attestors.signers.signer_set(), "root")
    require_words(document, domain=domain, attestors=attestors, epoch=epoch, at=at, skew=skew)
    require_not_revoked(document, domain, attestors, revocations)


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
    require_set(document, domain, attestors)
    require_checkpoints(document)
    require_depth(document)
    require_times(document, epoch, at, skew)


def require_set(
    document: CollateralRootDocument, domain: OfflineDomain | HomeDomain, attestors: Attestors, report: Report = stop
) -> None:
    """The root is of this pledge domain and attestor set. Raises DomainMismatch, AttestorSetMismatch."""
    root = document.root
    with reporting(report):
        require_domain(document.domain, domain, "root.domain")
    if root.pledge_domain != domain.signing().pledge_domain:
        report(DomainMismatch("the root is for another pledge domain", where="root.pledgeDomain"))
    if document.attestors != attestors or root.attestor_set_id != attestors.identity:
        report(
            AttestorSetMismatch(
                "another attestor set than the policy's",
                where="root.attestorSetId",
                expected=hex_bytes(attestors.identity),
                got=hex_bytes(root.attestor_set_id),
            )
        )


def require_checkpoints(document: CollateralRootDocument, report: Report = stop) -> None:
    """The checkpoints are the signed ones. Raises CheckpointsHash."""
    if hash_checkpoints(document.checkpoints) != document.root.checkpoints_hash:
        report(CheckpointsHash("not the checkpoints that were signed", where="checkpoints"))


def require_depth(document: CollateralRootDocument, report: Report = stop) -> None:
    """The tree is as deep as all are. Raises RootMismatch."""
    if (depth := document.root.depth) != DEPTH:
        report(RootMismatch("a tree of another depth", where="root.depth", expected=DEPTH, got=depth))


def require_times(document: CollateralRootDocument, epoch: int, at: int, skew: int = 0, report: Report = stop) -> None:
    """The root counts at ``at``, in this epoch. Raises RootNotYetValid, RootExpired, EpochMismatch."""
    root = document.root
    if root.issued_at > at + skew:
        report(RootNotYetValid("the root is from the future", where="root.issuedAt", expected=at, got=root.issued_at))
    if not at < root.expires_at:
        report(RootExpired("the root has expired", where="root.expiresAt", expected=f"after {at}", got=root.expires_at))
    if root.epoch != epoch:
        report(EpochMismatch("the root is for another epoch", where="root.epoch", expected=epoch, got=root.epoch))


def require_within_epoch(document: CollateralRootDocument, epoch_length: int, report: Report = stop) -> None:
    """The root does not outlive its epoch. Raises PledgeTooLong."""
    end = (document.root.epoch + 1) * epoch_length
    if document.root.expires_at > end:
        report(
            PledgeTooLong("the root outlives its epoch", where="root.expiresAt", expected=f"at most {end}",
                          got=document.root.expires_at)
        )  # fmt: skip


def require_not_revoked(
    document: CollateralRootDocument,
    domain: OfflineDomain | HomeDomain,
    attestors: Attestors,
    revocations: Iterable[RevokeRootDocument],
    report: Report = stop,
) -> None:
    """No revocation, each of which the quorum signed, takes the root back. Raises RootRevoked, errors of signatures."""
    signers = attestors.signers.signer_set()
    for number, revoked in enumerate(revocations):
        where = f"revocations[{number}]"
        with reporting(report):
            require_domain(revoked.domain, domain, f"{where}.domain")
            require_signed(revoked.revocation, domain.signing(), revoked.signatures, signers, f"{where}.revocation")
            if revoked.revocation.root_digest == document.digest:
                reason = f"reason {revoked.revocation.reason}"
                raise RootRevoked("the attestors took this root back", where="root", got=reason)


def require_successor(
    previous: CollateralRootDocument, document: CollateralRootDocument, report: Report = stop
) -> None:
    """Raise unless ``document`` follows ``previous``. Raises Equivocation, RootSequence, RootChain."""
    before, root = previous.root, document.root
    if number_of(previous) == number_of(document) and previous.digest != document.digest:
        number = f"epoch {root.epoch}, number {root.seq}"
        report(Equivocation("two roots with one number", where="root.seq", got=number))
    elif (root.epoch, root.seq) <= (before.epoch, before.seq):
        report(
            RootSequence(
                "not a later root", where="root.seq", expected=f"after {before.seq} of epoch {before.epoch}",
                got=f"{root.seq} of epoch {root.epoch}",
            )
        )  # fmt: skip
    if root.prev_digest != previous.digest:
        report(
            RootChain(
                "does not follow the root before it", where="root.prevDigest", expected=hex_bytes(previous.digest),
                got=hex_bytes(root.prev_digest),
            )
        )  # fmt: skip


def number_of(document: CollateralRootDocument) -> tuple[bytes, bytes, int, int]:
    """Pledge domain, attestor set, epoch and sequence number: attestors sign one root of these."""
    root = document.root
    return root.pledge_domain, root.attestor_set_id, root.epoch, root.seq


def require_chains(
    checkpoints: Iterable[Checkpoint],
    rules: Mapping[str, ChainRule],
    at: int,
    skew: int = 0,
    report: Report = stop,
) -> None:
    """Raise unless every checkpointed chain is on the policy, final and fresh enough, and proven or allowed.

    Raises CheckpointMissing, Finality, StaleBlock, ProofKindRefused.
    """
    for entry in checkpoints:
        require_fresh(entry, rules, at, skew, report)
        require_kind(entry, rules, report)


def require_fresh(
    entry: Checkpoint, rules: Mapping[str, ChainRule], at: int, skew: int = 0, report: Report = stop
) -> None:
    """The chain is on the policy; its block is final and fresh enough. CheckpointMissing, Finality, StaleBlock."""
    where = f"checkpoints.{entry.chain}"
    rule = rules.get(entry.chain)
    if rule is None:
        listed = ", ".join(rules) or "none"
        report(CheckpointMissing("the policy lists no such chain", where=where, expected=listed))
        return
    if entry.finality < rule.finality:
        report(Finality("not final enough", where=where, expected=rule.finality, got=entry.finality))
    if entry.block_time > at + skew:
        report(StaleBlock("the block is from the future", where=where, expected=f"at most {at}", got=entry.block_time))
    if (age := at - entry.block_time) > rule.maximum_age:
        oldest = f"at most {rule.maximum_age} s"
        report(StaleBlock("the block is too old", where=where, expected=oldest, got=f"{age} s"))


def require_kind(entry: Checkpoint, rules: Mapping[str, ChainRule], report: Report = stop) -> None:
    """The chain is proven, or the policy allows that it is observed. Raises ProofKindRefused."""
    rule = rules.get(entry.chain)
    if entry.proof_kind not in PROVEN_KINDS and not (rule is not None and rule.observed):
        where = f"checkpoints.{entry.chain}"
        report(ProofKindRefused("only observed, not proven", where=where, got=entry.proof_kind))


def require_openings(document: CollateralRootDocument, openings: LeafOpeningsDocument) -> Tree:
    """The tree over the openings, which are the root's. Raises LeavesHash, LeafCount, CidMismatch, CidDuplicate,
    LeafOrder, CheckpointMissing, RootMismatch.
    """
    require_leaves(document, openings)
    tree = require_tree(document, openings.leaves)
    if tree is None:
        raise RootMismatch("the lines make no tree", where="root.root")
    return tree


def require_leaves(document: CollateralRootDocument, openings: LeafOpeningsDocument, report: Report = stop) -> None:
    """The openings are the signed file, and as many as the root says. Raises LeavesHash, LeafCount."""
    root = document.root
    if (digest := openings.digest) != root.leaves_hash:
        report(
            LeavesHash("not the openings that were signed", where="openings", expected=hex_bytes(root.leaves_hash),
                       got=hex_bytes(digest))
        )  # fmt: skip
    if (count := len(openings.leaves)) != root.leaf_count:
        report(LeafCount("another number of lines", where="openings", expected=root.leaf_count, got=count))


def require_tree(
    document: CollateralRootDocument,
    lines: Sequence[LeafOpening],
    report: Report = stop,
    skipped: Collection[int] = (),
) -> Tree | None:
    """The tree over the lines, each of which is what it says, in order; None where some have no leaf.

    ``skipped``: lines by their place that were found to have none before. Raises CheckpointMissing, CidMismatch,
    CidDuplicate, LeafOrder, RootMismatch, IdCanonical.
    """
    chains = {entry.chain for entry in document.checkpoints}
    cids: dict[int, int] = {}
    for at, line in enumerate(lines):
        where = f"leaves[{at}]"
        if line.chain not in chains and at not in skipped:
            report(CheckpointMissing("the line's chain has no checkpoint", where=where, got=line.chain))
        if at not in skipped:
            try:
                cids[at] = compute_cid(line.chain, line.account, line.asset, line.custody, line.note)
            except IdCanonical as error:
                error.where = f"{where}: {error.where}"
                report(error)
    digests = hash_leaves([leaf_of(lines[at]) for at in cids])
    for (at, cid), digest in zip(cids.items(), digests, strict=True):
        if (lines[at].index, lines[at].cid, lines[at].leaf) != (at, cid, digest):
            report(CidMismatch("place, id or leaf are not those of the line", where=f"leaves[{at}]"))
    require_ascending((line.cid for line in lines), "leaves", report)
    if len(cids) < len(lines):
        return None
    tree = Tree(digests)
    if tree.root != document.root.root:
        report(RootMismatch("the lines make another tree", where="root.root"))
    return tree


def leaf_of(line: LeafOpening) -> Leaf:
    """The leaf that an opening opens."""
    return Leaf(line.owner, line.pocket, asset_id(line.asset), line.amount, line.cid, line.lock_until, line.salt)
