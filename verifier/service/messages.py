"""Small bodies and answers that are no files: strict like documents, integers as decimal strings."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from zkmargin.attestations.schema import U32, U64, Bytes32, FieldElement, Model, Sequence, Text
from zkmargin.verifier.registry.documents import PledgeReceiptDocument


class ChallengeRequest(Model):
    """For a proof to this venue; ``seconds``: how long it may take."""

    venue_id: Bytes32
    seconds: U32


class ChallengeIssued(Model):
    """32 bytes that one proof may answer, until ``expires_at``."""

    venue_id: Bytes32
    challenge: Bytes32
    expires_at: U64


class SubmissionAccepted(Model):
    """The receipt, until when the proof counts, and whose account it is where the venue has said so."""

    receipt: PledgeReceiptDocument
    valid_until: U64
    account: Text | None


class PledgeState(Model):
    """A recorded pledge, without its venue: that is for the venue and for auditors."""

    nullifier: FieldElement
    epoch: U64
    issued_at: U64
    expires_at: U64
    state: Literal["pending", "active", "lapsed"]
    log_index: U64
    recorded_at: U64


class Kept(Model):
    """A document that the service keeps now."""

    digest: Bytes32


class Enrolment(Model):
    """A customer and the commitments of position statements that are the customer's."""

    account: Text
    commitments: Annotated[tuple[FieldElement, ...], Field(max_length=1000), Sequence]


class Reason(Model):
    """Why an operator does it."""

    reason: Text


class AccountState(Model):
    """An account on the margin clock. ``band``: the buffer of its last proof, as ``num/den``."""

    account: Text
    state: Literal["healthy", "grace", "margin-call", "liquidation-queue"]
    since: U64
    due: U64 | None
    band: Text | None
    issued_at: U64
    price_time: U64


class AccountList(Model):
    """Accounts of a venue, in their order. ``paused``: why calls pause."""

    accounts: Annotated[tuple[AccountState, ...], Sequence]
    paused: Text | None


class ClockChange(Model):
    """An entry of the clock's log; ``account`` is null where the breaker changed."""

    number: U64
    at: U64
    account: Text | None
    before: str
    after: str
    reason: Text


class ChangeList(Model):
    """Up to 1,000 entries, ascending."""

    changes: Annotated[tuple[ClockChange, ...], Sequence]


class Venue(Model):
    """A venue of the service: the policy is for traders to prove under."""

    venue_id: Bytes32
    name: Text
    policy_id: Bytes32


class VenueList(Model):
    """All venues of a service."""

    venues: Annotated[tuple[Venue, ...], Sequence]


class Entry(Model):
    """A change of the registry, at its place in the log."""

    index: U64


MESSAGES: Final[tuple[type[Model], ...]] = (
    ChallengeRequest,
    ChallengeIssued,
    SubmissionAccepted,
    PledgeState,
    Kept,
    Enrolment,
    Reason,
    AccountState,
    AccountList,
    ClockChange,
    ChangeList,
    Venue,
    VenueList,
    Entry,
)
