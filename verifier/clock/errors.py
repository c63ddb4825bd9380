"""What the margin clock refuses."""

from __future__ import annotations

from zkmargin.errors import InputError, VerificationError


class TimeBackwards(InputError):
    """An event is older than one that the clock has seen: the order of events would decide who is called."""

    code = "E_CLOCK"
    advice = "check this machine's clock; events are told in their order"


class AccountUnknown(InputError):
    """No account of this name is on the clock."""

    code = "E_ACCOUNT_UNKNOWN"
    advice = "enrol the account first"


class AccountEnrolled(InputError):
    """An account of this name is on the clock already."""

    code = "E_ACCOUNT_ENROLLED"
    advice = "an account is enrolled once; a second enrolment would restart its time"


class ProofSuperseded(VerificationError):
    """A proof is not newer than the one that counts for this account, or no longer lasts."""

    code = "E_PROOF_SUPERSEDED"
    advice = "submit a proof that was issued later"
