"""Whose an account is, and how its balance is shared between pockets, for a whole epoch.

The nullifier only works if an account has one owner key for the whole epoch and no amount of a pocket rises within it:
otherwise a holder would rotate the key, or move notes, and pledge the same coins again under a fresh nullifier
(ATTESTATION §0).                                                                  specs/collateral.md#bindings
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zkmargin.attestations.collateral.documents import (
    AllocationDocument,
    LeafOpening,
    Note,
    OwnerBinding,
    OwnerBindingDocument,
    hash_notes,
)
from zkmargin.attestations.collateral.errors import (
    AllocationMoved,
    AllocationRaised,
    AllocationSignature,
    BalanceShort,
    BindingConflict,
    BindingMidEpoch,
    BindingMissing,
    BindingSignature,
)
from zkmargin.attestations.collateral.holders import require_holder
from zkmargin.attestations.collateral.identifiers import require_custody, split_asset
from zkmargin.attestations.documents import HomeDomain, OfflineDomain, require_domain
from zkmargin.attestations.faults import Report, stop
from zkmargin.errors import DomainMismatch

DEFAULT_NOTES = (Note(note=0, pocket=0, amount=(1 << 128) - 1),)
"""Without an allocation: one note, pocket 0, the whole balance."""


def require_binding(document: OwnerBindingDocument, domain: OfflineDomain | HomeDomain, where: str = "binding") -> None:
    """Raise unless the account's own key signed the binding (``require_holder``).

    What a vault's slot says needs no document: it is in the evidence. Raises DomainMismatch, IdCanonical,
    BindingSignature.
    """
    require_binding_words(document, domain, where)
    binding = document.binding
    digest = binding.digest(domain.signing())
    require_holder(binding.account, digest, document.signed.signature, document.signed.scheme, BindingSignature, where)


def require_binding_words(
    document: OwnerBindingDocument, domain: OfflineDomain | HomeDomain, where: str = "binding"
) -> None:
    """Raise unless a binding says what may be signed in this domain."""
    binding = document.binding
    require_domain(document.domain, domain, f"{where}.domain")
    if binding.pledge_domain != domain.signing().pledge_domain:
        raise DomainMismatch("the binding is for another pledge domain", where=f"{where}.pledgeDomain")
    if binding.from_epoch > binding.to_epoch:
        raise BindingSignature("the binding ends before it begins", where=f"{where}.toEpoch")


def require_allocation(
    document: AllocationDocument, domain: OfflineDomain | HomeDomain, epoch: int, where: str = "allocation"
) -> None:
    """Raise unless the account's own key signed this allocation, of these notes, for this epoch."""
    require_allocation_words(document, domain, epoch, where)
    allocation = document.allocation
    digest = allocation.digest(domain.signing())
    require_holder(
        allocation.account, digest, document.signed.signature, document.signed.scheme, AllocationSignature, where
    )


def require_allocation_words(
    document: AllocationDocument, domain: OfflineDomain | HomeDomain, epoch: int, where: str = "allocation"
) -> None:
    """Raise unless an allocation says what may be signed in this domain for this epoch."""
    allocation = document.allocation
    require_domain(document.domain, domain, f"{where}.domain")
    if allocation.pledge_domain != domain.signing().pledge_domain:
        raise DomainMismatch("the allocation is for another pledge domain", where=f"{where}.pledgeDomain")
    split_asset(allocation.asset, f"{where}.asset")
    require_custody(allocation.custody, f"{where}.custody")
    if allocation.epoch != epoch:
        raise AllocationSignature("the allocation is for another epoch", where=f"{where}.epoch",
                                  expected=epoch, got=allocation.epoch)  # fmt: skip
    if hash_notes(document.notes) != allocation.notes_hash or not document.notes:
        raise AllocationSignature("not the notes that were signed", where=f"{where}.notes")


def owner_in_epoch(account: str, epoch: int, bindings: Iterable[OwnerBinding], where: str = "bindings") -> OwnerBinding:
    """The binding of the account that counts in an epoch: of those that cover it, the one with the highest nonce.

    ``bindings``: those whose signatures hold. Raises BindingMissing, BindingConflict where two of one nonce differ.
    """
    covering = [b for b in bindings if b.account == account and b.from_epoch <= epoch <= b.to_epoch]
    if not covering:
        raise BindingMissing("the account has no owner in this epoch", where=where, got=f"{account}, epoch {epoch}")
    last = max(binding.nonce for binding in covering)
    latest = {binding.owner for binding in covering if binding.nonce == last}
    if len(latest) > 1:
        raise BindingConflict("two owners with one nonce", where=where, got=account)
    return next(binding for binding in covering if binding.nonce == last)


def require_in_time(binding: OwnerBinding, known: Iterable[OwnerBinding], epoch: int, where: str = "bindings") -> None:
    """Raise unless a binding that arrives in ``epoch`` leaves that epoch as it is.

    ``known``: what the attestors had before. The first binding of an account counts at once; another one from a later
    epoch on, with a higher nonce. Raises BindingMidEpoch, BindingConflict.
    """
    before = [entry for entry in known if entry.account == binding.account]
    if binding in before:
        return
    if any(entry.nonce >= binding.nonce for entry in before):
        raise BindingConflict("the nonce is not above the last one", where=where, got=binding.account)
    bound_now = [entry for entry in before if entry.from_epoch <= epoch <= entry.to_epoch]
    if bound_now and binding.from_epoch <= epoch:
        raise BindingMidEpoch("a new owner begins with a later epoch", where=where, expected=f"from {epoch + 1}",
                              got=binding.from_epoch)  # fmt: skip


def share_balance(balance: int, notes: Iterable[Note]) -> dict[int, int]:
    """Amounts by note that a balance covers: as signed, or all scaled down where they add up to more.

    ``floor(amount * balance / sum)``, so the parts never exceed the balance (ATTESTATION §1.4).
    """
    listed = list(notes)
    total = sum(note.amount for note in listed)
    if total <= balance:
        return {note.note: note.amount for note in listed}
    return {note.note: note.amount * balance // total for note in listed}


def require_covered(balance: int, lines: Iterable[LeafOpening], where: str = "lines") -> None:
    """Raise BalanceShort where the lines of one (account, asset, custody) add up to more than its balance."""
    total = sum(line.amount for line in lines)
    if total > balance:
        raise BalanceShort("the notes add up to more than the balance", where=where, expected=balance, got=total)


def require_not_raised(
    first: Mapping[int, LeafOpening],
    lines: Mapping[int, LeafOpening],
    where: str = "leaves",
    report: Report = stop,
) -> None:
    """Raise where a line of this epoch holds more than in the epoch's earlier root, is new, or changed hands or pocket.

    Both by cid. Raises AllocationRaised, AllocationMoved.
    """
    for cid, line in lines.items():
        here = f"{where}[{line.index}]"
        before = first.get(cid)
        if before is None:
            report(AllocationRaised("a line appeared within the epoch", where=here))
            continue
        if (before.owner, before.pocket) != (line.owner, line.pocket):
            report(AllocationMoved("a line changed its owner or pocket within the epoch", where=here))
        if line.amount > before.amount:
            report(
                AllocationRaised("a line grew within the epoch", where=f"{here}.amount", expected=before.amount,
                                 got=line.amount)
            )  # fmt: skip
