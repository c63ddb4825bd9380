"""What can be wrong with pledges, with the log over them, and with the store.                     ATTESTATION §3"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zkmargin.errors import InputError, VerificationError

if TYPE_CHECKING:
    from zkmargin.verifier.registry.documents import LogEvidence

# --- pledges --------------------------------------------------------------------------------------------------------


class DoublePledge(VerificationError):
    """The collateral behind a nullifier is already pledged to another venue in this epoch."""

    code = "E_DOUBLE_PLEDGE"
    advice = "have the venue that holds the pledge release it, or wait for the next epoch"


class ContextReplay(VerificationError):
    """A context, or a release, was recorded before. Other bytes of the proof do not make it another proof."""

    code = "E_REPLAY"
    advice = "prove again, in answer to a fresh challenge"


class PledgeRefresh(VerificationError):
    """A venue's own pledge is not replaced: the proof is not newer, ends earlier, or is under another key or policy."""

    code = "E_PLEDGE_REFRESH"
    advice = "prove again under the same key and policy, or send the venue's signed release with the proof"


class PledgeMissing(VerificationError):
    """The registry has no pledge of this nullifier, or not the one that is meant."""

    code = "E_PLEDGE_MISSING"
    advice = "ask the registry for the receipt of the nullifier"


class ReceiptInvalid(VerificationError):
    """A receipt is missing, or is not about this pledge: nothing exclusive follows from the proof alone."""

    code = "E_RECEIPT"
    advice = "ask the home registry for a receipt of this proof's nullifier"


# --- the log --------------------------------------------------------------------------------------------------------


class _LogFault(VerificationError):
    """A fault of the log's operator; ``evidence`` shows it to third parties, where it can be shown."""

    def __init__(self, message: str, *, evidence: LogEvidence | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.evidence = evidence


class LogHeadInvalid(_LogFault):
    """A head is not signed by the log's operator, or not of these entries."""

    code = "E_LOG_HEAD"
    advice = "ask the operator for the entries and heads again; keep what was given"


class LogInclusion(_LogFault):
    """An entry is not in the log at the place where a proof or a receipt says."""

    code = "E_LOG_INCLUSION"
    advice = "keep receipt and proof: the operator has signed that the entry is there"


class LogFork(_LogFault):
    """Two signed heads are not heads of one append-only log."""

    code = "E_LOG_FORK"
    advice = "keep both heads: together they are evidence against the operator"


class LogDoublePledge(DoublePledge):
    """The log itself holds one nullifier for two venues, with no release between."""

    def __init__(self, message: str, *, evidence: LogEvidence | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.evidence = evidence


# --- the store ------------------------------------------------------------------------------------------------------


class StoreFailed(InputError):
    """The registry's database cannot be used, or is of another registry."""

    code = "E_STORE"
    advice = "check the database's address, its free space and that it runs; `zkmargin registry init` makes one"
