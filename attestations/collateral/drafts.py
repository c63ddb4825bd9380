"""What a holder of accounts signs: bindings and allocations, drafted, handed to a wallet, signed.

A draft is the document with an empty signature, which counts for nobody. Drafts are held against what the holder signed
before, by the rules that attestors hold them against.                               specs/collateral.md#signing
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from zkmargin.attestations.chains.addresses import decode_base58
from zkmargin.attestations.collateral.bindings import (
    require_allocation,
    require_allocation_words,
    require_binding,
    require_binding_words,
    require_in_time,
)
from zkmargin.attestations.collateral.documents import (
    AccountSignature,
    Allocation,
    AllocationDocument,
    Note,
    OwnerBinding,
    OwnerBindingDocument,
    hash_notes,
)
from zkmargin.attestations.collateral.errors import (
    AllocationMoved,
    AllocationRaised,
    AllocationSignature,
    BindingConflict,
    BindingMidEpoch,
)
from zkmargin.attestations.collateral.holders import Scheme, scheme_of
from zkmargin.attestations.collateral.identifiers import compute_cid, split_account
from zkmargin.attestations.documents import HomeDomain, OfflineDomain
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import hex_bytes, parse_bytes
from zkmargin.errors import EpochMismatch, IdCanonical, SignatureFormat, UsageWrong

USUAL_EPOCHS = 365
"""How long a binding lasts, unless its holder says."""
_SIGNATURE_CHARACTERS = 4096
Domain = OfflineDomain | HomeDomain
HolderDocument = OwnerBindingDocument | AllocationDocument
_H = TypeVar("_H", bound=OwnerBindingDocument | AllocationDocument)


def draft_binding(
    account: str,
    owner: int,
    domain: Domain,
    *,
    epoch: int,
    known: Sequence[OwnerBindingDocument] | None = None,
    first: int | None = None,
    last: int | None = None,
    nonce: int | None = None,
) -> OwnerBindingDocument:
    """A binding of ``account`` to ``owner``, unsigned, from epoch ``first`` to ``last``.

    ``epoch``: the present one. ``known``: what the holder signed before, each checked. By default the nonce is the
    next; it begins at once where the account has no owner now, else with the next epoch; it lasts as long as those
    before.
    Raises BindingMidEpoch, BindingConflict, IdCanonical, and what ``require_binding`` raises of ``known``.
    """
    scheme = scheme_of(account)
    before = _bindings_before(account, domain, known or ())
    number = nonce if nonce is not None else max((entry.nonce for entry in before), default=0) + 1
    is_bound = any(entry.from_epoch <= epoch <= entry.to_epoch for entry in before) if before else number > 1
    begin = first if first is not None else epoch + is_bound
    longest = max((entry.to_epoch for entry in before if entry.owner != owner), default=0)
    words = OwnerBinding(
        account=account,
        owner=owner,
        pledge_domain=domain.signing().pledge_domain,
        nonce=number,
        from_epoch=begin,
        to_epoch=last if last is not None else max(begin + USUAL_EPOCHS - 1, longest),
    )
    if words.to_epoch < longest:
        raise BindingConflict("after this binding an earlier one would count again", where="binding.toEpoch",
                              expected=f"at least {longest}", got=words.to_epoch)  # fmt: skip
    signed = AccountSignature(scheme=scheme, signature=b"")
    document = OwnerBindingDocument(domain=domain, binding=words, signed=signed)
    require_binding_words(document, domain)
    require_ahead(document, domain, epoch, known)
    return document


def _bindings_before(account: str, domain: Domain, known: Sequence[OwnerBindingDocument]) -> list[OwnerBinding]:
    """Those of the account, each of which must hold."""
    before = []
    for number, document in enumerate(known):
        if document.binding.account == account:
            require_binding(document, domain, f"known[{number}]")
            before.append(document.binding)
    return before


def draft_rotation(
    old: int,
    owner: int,
    domain: Domain,
    *,
    epoch: int,
    known: Sequence[OwnerBindingDocument],
    first: int | None = None,
) -> list[OwnerBindingDocument]:
    """Unsigned bindings to ``owner`` of every account that is bound to ``old``, from an epoch after the present one.

    An account counts as bound by its latest binding that is not over. Raises UsageWrong where there is none, and what
    ``draft_binding`` raises.
    """
    begin = epoch + 1 if first is None else first
    if begin <= epoch:
        raise BindingMidEpoch("a new owner begins with a later epoch", where="binding.fromEpoch",
                              expected=f"from {epoch + 1}", got=begin)  # fmt: skip
    latest: dict[str, OwnerBinding] = {}
    for entry in (document.binding for document in known if document.binding.to_epoch >= epoch):
        held = latest.setdefault(entry.account, entry)
        if entry.nonce > held.nonce:
            latest[entry.account] = entry
    accounts = sorted(account for account, entry in latest.items() if entry.owner == old)
    if not accounts:
        raise UsageWrong("no account is bound to this owner key", where="known", got=f"{len(known)} bindings")
    return [draft_binding(account, owner, domain, epoch=epoch, known=known, first=begin) for account in accounts]


def draft_allocation(
    held: tuple[str, str, str],
    notes: Sequence[Note],
    domain: Domain,
    *,
    epoch: int,
    of_epoch: int,
    known: Iterable[AllocationDocument] = (),
) -> AllocationDocument:
    """An allocation of ``held`` (account, asset, custody) for a later epoch than the present ``epoch``, unsigned.

    ``known``: what the holder signed before, each checked; another one of this balance and epoch is final. Raises
    EpochMismatch, AllocationRaised, AllocationMoved, AllocationSignature, IdCanonical.
    """
    account, asset, custody = held
    scheme = scheme_of(account)
    for note in notes:
        compute_cid(split_account(account)[0], *held, note.note)  # account and asset are of one chain
    words = Allocation(
        account=account, asset=asset, custody=custody, pledge_domain=domain.signing().pledge_domain, epoch=of_epoch,
        notes_hash=hash_notes(notes),
    )  # fmt: skip
    signed = AccountSignature(scheme=scheme, signature=b"")
    document = AllocationDocument(domain=domain, allocation=words, notes=tuple(notes), signed=signed)
    require_allocation_words(document, domain, of_epoch)
    require_ahead(document, domain, epoch)
    for number, earlier in enumerate(known):
        stated = earlier.allocation
        if (stated.account, stated.asset, stated.custody, stated.epoch) == (*held, of_epoch):
            require_allocation(earlier, domain, of_epoch, f"known[{number}]")
            _require_same_notes({note.note: note for note in earlier.notes}, notes)
    return document


def _require_same_notes(before: dict[int, Note], notes: Sequence[Note]) -> None:
    for number, note in enumerate(notes):
        where, earlier = f"notes[{number}]", before.get(note.note)
        if earlier is not None and earlier.pocket != note.pocket:
            raise AllocationMoved("an earlier allocation has this note in another pocket", where=where,
                                  expected=earlier.pocket, got=note.pocket)  # fmt: skip
        if earlier is None or note.amount > earlier.amount:
            raise AllocationRaised("an earlier allocation of this epoch has less in this note", where=where)
    if before != {note.note: note for note in notes}:
        raise AllocationSignature("two allocations of one balance in one epoch", where="known")


def require_ahead(
    document: HolderDocument, domain: Domain, epoch: int, known: Sequence[OwnerBindingDocument] | None = None
) -> None:
    """Raise where attestors would leave out what is signed in ``epoch``: it comes too late, or its number is taken.

    ``known``: bindings that were signed before; None: not given, so that a number above 1 means that there are some.
    Raises EpochMismatch, BindingMidEpoch, BindingConflict.
    """
    if isinstance(document, AllocationDocument):
        if document.allocation.epoch <= epoch:
            raise EpochMismatch("allocations are fixed before their epoch begins", where="allocation.epoch",
                                expected=f"{epoch + 1} or later", got=document.allocation.epoch,
                                hint="allocate for a later epoch")  # fmt: skip
        return
    words = document.binding
    require_in_time(words, _bindings_before(words.account, domain, known or ()), epoch, "known")
    earliest = epoch if known is not None or words.nonce <= 1 else epoch + 1
    if words.from_epoch < earliest:
        raise BindingMidEpoch("the binding begins with an epoch that is over or has begun", where="binding.fromEpoch",
                              expected=f"from {earliest}", got=words.from_epoch,
                              hint="where none is in force now: `--known`")  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What a wallet is asked to sign: ``typed_data`` (EIP-712), else the text (BIP-322), else the digest (Ed25519)."""

    scheme: Scheme
    digest: bytes
    typed_data: dict[str, object] | None
    text: str | None


def request_of(document: HolderDocument, domain: Domain) -> Request:
    """What the account's wallet must sign, of a draft that is for this domain."""
    words: OwnerBinding | Allocation
    if isinstance(document, AllocationDocument):
        require_allocation_words(document, domain, document.allocation.epoch)
        words = document.allocation
    else:
        require_binding_words(document, domain)
        words = document.binding
    scheme = scheme_of(words.account)
    digest = words.digest(domain.signing())
    typed = domain.signing().typed_data(words.STRUCTURE, words.values()) if scheme == "eip712" else None
    return Request(scheme, digest, typed, hex_bytes(digest) if scheme == "bip322" else None)


def with_signature(document: _H, signature: bytes, domain: Domain) -> _H:
    """The document with the account's signature, which must hold.

    Raises BindingSignature, AllocationSignature, and what is wrong with a signature's form.
    """
    signed = AccountSignature(scheme=request_of(document, domain).scheme, signature=signature)
    made = cast(_H, document.model_copy(update={"signed": signed}))
    _require_signed(made, domain)
    return made


def _require_signed(document: HolderDocument, domain: Domain) -> None:
    if isinstance(document, AllocationDocument):
        require_allocation(document, domain, document.allocation.epoch)
    else:
        require_binding(document, domain)


def sign_with(document: _H, key: SigningKey, domain: Domain) -> _H:
    """The document signed with an EVM account's key. Raises UsageWrong for other accounts: their wallets sign."""
    request = request_of(document, domain)
    if request.scheme != "eip712":
        raise UsageWrong("a signing key signs for EVM accounts only", where="--key", got=request.scheme,
                         hint="have the wallet sign what `collateral request` shows")  # fmt: skip
    return with_signature(document, key.sign(request.digest), domain)


def read_signature(text: str, scheme: str, where: str = "--signature") -> bytes:
    """The bytes of a signature as wallets give it: 0x and hex; base64 for ``bip322``; base58 for ``ed25519``.

    Raises SignatureFormat, BytesLength.
    """
    text = text.strip()
    if len(text) > _SIGNATURE_CHARACTERS:
        raise SignatureFormat("too long for a signature", where=where)
    if text.startswith("0x"):
        return parse_bytes(text, where)
    try:
        if scheme == "bip322":
            return base64.b64decode(text, validate=True)
        if scheme == "ed25519":
            return decode_base58(text, 64, where)
    except (binascii.Error, ValueError, IdCanonical):
        pass
    expected = {"bip322": "0x and hex, or base64", "ed25519": "0x and hex, or base58 of 64 bytes"}
    raise SignatureFormat(
        "not a signature as wallets give it", where=where, expected=expected.get(scheme, "0x and hex")
    )
