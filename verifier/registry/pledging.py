"""The rules of pledges: when a record is written, replaced, emptied, refused.          specs/registry.md#pledges

Each function is one job of a transaction. Where it raises, the transaction holds nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zkmargin.attestations.documents import Signatures
from zkmargin.errors import EpochMismatch, ProofExpired, SignatureNotAttestor, ZkMarginError
from zkmargin.verifier.registry import tables
from zkmargin.verifier.registry.conditions import require_current
from zkmargin.verifier.registry.documents import LogEntry, Registration, RegistryTerms, Release
from zkmargin.verifier.registry.errors import ContextReplay, DoublePledge, PledgeMissing, PledgeRefresh, StoreFailed
from zkmargin.verifier.registry.transaction import Pledge, Transaction


@dataclass(frozen=True)
class SignedRelease:
    """A release whose signatures were found to be those of ``venue_id``."""

    release: Release
    signatures: Signatures
    venue_id: bytes


@dataclass(frozen=True)
class Recorded:
    """A change that is in the log, at ``index``; ``transaction`` has the head once it is committed."""

    kind: Literal["registration", "refresh", "release"]
    index: int
    transaction: Transaction


def record(
    transaction: Transaction,
    terms: RegistryTerms,
    pledged: Registration,
    signatures: Signatures = (),
    release: SignedRelease | None = None,
) -> Recorded:
    """Record a pledge that was verified. ``release`` empties the venue's own record first.

    Raises ProofExpired, EpochMismatch, PledgeTooLong, ContextReplay, DoublePledge, PledgeRefresh, and for ``release``
    what ``empty`` raises.
    """
    require_current(pledged, terms, transaction.now)
    if not transaction.take_context(pledged.context, pledged.epoch):
        raise ContextReplay("this context was recorded before", where="context")
    kind: Literal["registration", "refresh"] = "registration"
    try:
        if release is not None:
            if (release.release.nullifier, release.venue_id) != (pledged.nullifier, pledged.venue_id):
                raise PledgeMissing("the release is of another pledge", where="release")
            empty(transaction, terms, release)
        if not transaction.write(pledged):
            if not transaction.replace(pledged):
                raise _refusal(transaction.pledge(pledged.nullifier), pledged, terms)
            kind = "refresh"
    except ZkMarginError:
        transaction.forget_context(pledged.context)
        raise
    entry = LogEntry(
        kind=kind,
        venue_id=pledged.venue_id,
        registration=pledged,
        release=None,
        signatures=signatures,
        recorded_at=transaction.now,
    )
    return Recorded(kind, transaction.append(entry), transaction)


def _refusal(held: Pledge | None, pledged: Registration, terms: RegistryTerms) -> ZkMarginError:
    """Why the record did not take the pledge."""
    if held is None:
        return StoreFailed("the record vanished while it was written")
    if held.venue_id != pledged.venue_id:
        return DoublePledge(
            "the collateral behind this nullifier is pledged to another venue",
            where="nullifier",
            got=f"pledged until {(held.epoch + 1) * terms.epoch_length}, or until it is released",
        )
    if held.epoch != pledged.epoch:
        return EpochMismatch("a nullifier is of one epoch", where="epoch", expected=held.epoch, got=pledged.epoch)
    if (held.vk_hash, held.policy_id) != (pledged.vk_hash, pledged.policy_id):
        return PledgeRefresh("the pledge was made under another key or policy", where="vkHash, policyId")
    if pledged.issued_at <= held.issued_at:
        return PledgeRefresh(
            "not newer than the pledge that is recorded", where="issuedAt", expected=f"after {held.issued_at}",
            got=pledged.issued_at,
        )  # fmt: skip
    return PledgeRefresh(
        "ends earlier than the pledge that is recorded: that would be an early release", where="expiresAt",
        expected=f"at least {held.expires_at}", got=pledged.expires_at,
    )  # fmt: skip


def empty(transaction: Transaction, terms: RegistryTerms, signed: SignedRelease) -> Recorded:
    """Empty a record, by its venue's word.

    Raises ProofExpired (from the future), ContextReplay (recorded before, or of an earlier pledge), PledgeMissing,
    EpochMismatch, SignatureNotAttestor (another venue's pledge).
    """
    release = signed.release
    if release.at > transaction.now + terms.clock_skew:
        raise ProofExpired(
            "the release is from the future", where="release.at", expected=f"at most {transaction.now}", got=release.at
        )
    if release.epoch >> tables.NUMBER_BITS:  # of an epoch that no pledge can be of, and no column holds
        raise _nothing_released(transaction.pledge(release.nullifier), signed)
    if not transaction.note_release(release, signed.venue_id):
        raise ContextReplay("this release was recorded before", where="release.at")
    if not transaction.empty(release, signed.venue_id):
        held = transaction.pledge(release.nullifier)
        transaction.forget_release(release)
        raise _nothing_released(held, signed)
    entry = LogEntry(
        kind="release",
        venue_id=signed.venue_id,
        registration=None,
        release=release,
        signatures=signed.signatures,
        recorded_at=transaction.now,
    )
    return Recorded("release", transaction.append(entry), transaction)


def _nothing_released(held: Pledge | None, signed: SignedRelease) -> ZkMarginError:
    if held is None:
        return PledgeMissing("nothing is pledged under this nullifier", where="release.nullifier")
    if held.venue_id != signed.venue_id:
        return SignatureNotAttestor("not signed by the venue that holds the pledge", where="release")
    if held.epoch != signed.release.epoch:
        return EpochMismatch(
            "the pledge is of another epoch", where="release.epoch", expected=held.epoch, got=signed.release.epoch
        )
    return ContextReplay(
        "the release is older than the pledge: it was meant for an earlier one", where="release.at",
        expected=f"at least {held.issued_at}", got=signed.release.at,
    )  # fmt: skip
