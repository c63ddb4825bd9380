"""Judging a log without its operator's help: heads, proofs, receipts, evidence.               specs/registry.md#log

Each function raises where something does not hold, and returns nothing else.
"""

from __future__ import annotations

from zkmargin.attestations.documents import Signatures, SignedStructure, require_domain, require_signed
from zkmargin.errors import VerificationError
from zkmargin.verifier.registry.documents import (
    Inclusion,
    LogConsistency,
    LogEntry,
    LogEvidence,
    LogHeadDocument,
    LogProof,
    PledgeReceipt,
    PledgeReceiptDocument,
    Registration,
    RegistryTerms,
    SignedHead,
)
from zkmargin.verifier.registry.errors import LogFork, LogHeadInvalid, LogInclusion, ReceiptInvalid
from zkmargin.verifier.registry.merkle import is_consistent, leaf_hash, root_of_inclusion


def require_head(signed: SignedHead | LogHeadDocument, terms: RegistryTerms, where: str = "head") -> None:
    """Raise LogHeadInvalid unless the operator signed the head for this pledge domain."""
    if signed.head.pledge_domain != terms.domain.signing().pledge_domain:
        raise LogHeadInvalid("the head is of another pledge domain's log", where=where)
    if (fault := _unsigned(signed.head, signed.signatures, terms, where)) is not None:
        raise LogHeadInvalid("the operator did not sign this head", where=where, got=fault)


def _unsigned(structure: SignedStructure, signatures: Signatures, terms: RegistryTerms, where: str) -> str | None:
    """The code of what is wrong with the operator's signature."""
    operator = terms.operator_set().signer_set()
    try:
        require_signed(structure, terms.domain.signing(), signatures, operator, where)
    except VerificationError as error:
        return error.code
    return None


def require_inclusion(proof: LogProof, terms: RegistryTerms) -> None:
    """Raise unless the entry is in the log of the proof's head. Raises DomainMismatch, LogHeadInvalid, LogInclusion."""
    require_domain(proof.domain, terms.domain, "domain")
    require_head(proof.log, terms, "log")
    inclusion = Inclusion(index=proof.index, entry=proof.entry, path=proof.path)
    if not _is_included(inclusion, proof.log):
        raise LogInclusion("the path does not lead from the entry to the signed root", where="path")


def _is_included(inclusion: Inclusion, signed: SignedHead) -> bool:
    leaf = leaf_hash(inclusion.entry.canonical())
    return root_of_inclusion(leaf, inclusion.index, signed.head.size, inclusion.path) == signed.head.root


def require_consistency(proof: LogConsistency, terms: RegistryTerms) -> None:
    """Raise unless the second head's log begins with the first's. Raises DomainMismatch, LogHeadInvalid, LogFork."""
    require_domain(proof.domain, terms.domain, "domain")
    first, second = proof.first.head, proof.second.head
    require_head(proof.first, terms, "first")
    require_head(proof.second, terms, "second")
    if first.size > second.size:
        raise LogFork("the heads are in the wrong order", where="second.size", expected=f"at least {first.size}")
    if not is_consistent(first.size, first.root, second.size, second.root, proof.path):
        evidence = fork(proof.first, proof.second, second.root, (), terms) if first.size == second.size else None
        raise LogFork("the heads are not shown to be of one log", where="path", evidence=evidence)


def fork(
    first: SignedHead, second: SignedHead, prefix_root: bytes, path: tuple[bytes, ...], terms: RegistryTerms
) -> LogEvidence:
    """Evidence that the log of ``second`` began with another root than ``first`` signed."""
    return LogEvidence(
        domain=terms.domain, kind="fork", first=first, second=second, prefix_root=prefix_root, path=path, receipt=None,
        inclusions=(),
    )  # fmt: skip


def shrunk(first: SignedHead, second: SignedHead, terms: RegistryTerms) -> LogEvidence:
    """Evidence that the operator signed a shorter log after a longer one."""
    return LogEvidence(
        domain=terms.domain, kind="shrunk", first=first, second=second, prefix_root=None, path=(), receipt=None,
        inclusions=(),
    )  # fmt: skip


# --- receipts -------------------------------------------------------------------------------------------------------


def require_receipt(
    document: PledgeReceiptDocument | None,
    terms: RegistryTerms,
    pledged: Registration | None = None,
    proof: LogProof | None = None,
) -> None:
    """Raise ReceiptInvalid unless the operator received ``pledged``; None: whatever the receipt says.

    A venue that relies on exclusivity asks for this before it gives credit. ``proof`` shows that the pledge is in the
    log, under the receipt's own head or a later one. Raises DomainMismatch, LogHeadInvalid, LogInclusion too.
    """
    if document is None:
        raise ReceiptInvalid("there is no receipt of the home registry", where="receipt")
    require_domain(document.domain, terms.domain, "domain")
    receipt = document.receipt
    if (fault := _unsigned(receipt, document.signatures, terms, "receipt")) is not None:
        raise ReceiptInvalid("the operator did not sign this receipt", where="receipt", got=fault)
    require_head(document.log, terms, "log")
    if receipt.log_head != document.log.head.digest(terms.domain.signing()):
        raise ReceiptInvalid("the receipt names another head", where="receipt.logHead")
    if receipt.log_index >= document.log.head.size:
        raise ReceiptInvalid("the head does not cover the entry", where="receipt.logIndex")
    if pledged is not None and _pledge_of_receipt(receipt) != _pledge_of(pledged):
        raise ReceiptInvalid("the receipt is of another pledge", where="receipt")
    if proof is not None:
        require_inclusion(proof, terms)
        if proof.index != receipt.log_index or not is_receipt_of(receipt, proof.entry):
            raise LogInclusion("the proof is of another entry than the receipt", where="proof.entry")


def _pledge_of(pledged: Registration) -> tuple[int, bytes, int, int, int]:
    return pledged.nullifier, pledged.venue_id, pledged.epoch, pledged.expires_at, pledged.context


def _pledge_of_receipt(receipt: PledgeReceipt) -> tuple[int, bytes, int, int, int]:
    return receipt.nullifier, receipt.venue_id, receipt.epoch, receipt.expires_at, receipt.context


def is_receipt_of(receipt: PledgeReceipt, entry: LogEntry) -> bool:
    """Whether a receipt says what an entry says."""
    if entry.registration is None or entry.recorded_at != receipt.recorded_at:
        return False
    return _pledge_of_receipt(receipt) == _pledge_of(entry.registration)


# --- evidence -------------------------------------------------------------------------------------------------------


def require_evidence(evidence: LogEvidence, terms: RegistryTerms) -> None:
    """Raise LogInclusion unless the document shows that the operator cheated, to whoever knows its key alone.

    Against ``double`` the operator can show one thing: a release that stands between both entries.
    Raises DomainMismatch, LogHeadInvalid, ReceiptInvalid too.
    """
    require_domain(evidence.domain, terms.domain, "domain")
    require_head(evidence.second, terms, "second")
    judges = {
        "fork": _require_fork,
        "shrunk": _require_shrunk,
        "receipt": _require_broken_receipt,
        "double": _require_double,
    }
    judges[evidence.kind](evidence, terms)


def _require_fork(evidence: LogEvidence, terms: RegistryTerms) -> None:
    if evidence.first is None or evidence.prefix_root is None:  # excluded by the document
        raise LogInclusion("evidence of a fork has two heads", where="first")
    require_head(evidence.first, terms, "first")
    first, second = evidence.first.head, evidence.second.head
    if not is_consistent(first.size, evidence.prefix_root, second.size, second.root, evidence.path):
        raise LogInclusion("the second log is not shown to begin with `prefixRoot`", where="path")
    if evidence.prefix_root == first.root:
        raise LogInclusion("the heads agree", where="prefixRoot")


def _require_shrunk(evidence: LogEvidence, terms: RegistryTerms) -> None:
    if evidence.first is None:  # excluded by the document
        raise LogInclusion("evidence of a shorter log has two heads", where="first")
    require_head(evidence.first, terms, "first")
    first, second = evidence.first.head, evidence.second.head
    if not (second.size < first.size and second.time > first.time):
        raise LogInclusion("the log did not become shorter", where="second")


def _require_broken_receipt(evidence: LogEvidence, terms: RegistryTerms) -> None:
    require_receipt(evidence.receipt, terms)
    (found,) = evidence.inclusions
    if not _is_included(found, evidence.second):
        raise LogInclusion("the entry is not shown to be in the log", where="inclusions[0]")
    receipt = evidence.receipt.receipt if evidence.receipt is not None else None
    if receipt is None or found.index != receipt.log_index or is_receipt_of(receipt, found.entry):
        raise LogInclusion("the entry is the one that the receipt names", where="inclusions[0]")


def _require_double(evidence: LogEvidence, _: RegistryTerms) -> None:
    first, second = evidence.inclusions
    for number, found in enumerate(evidence.inclusions):
        if not _is_included(found, evidence.second):
            raise LogInclusion("the entry is not shown to be in the log", where=f"inclusions[{number}]")
    pledges = first.entry.registration, second.entry.registration
    if None in pledges or first.entry.nullifier != second.entry.nullifier or first.index >= second.index:
        raise LogInclusion("not two pledges of one nullifier", where="inclusions")
    if first.entry.venue_id == second.entry.venue_id:
        raise LogInclusion("both pledges are to one venue", where="inclusions")
