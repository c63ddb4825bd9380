"""``zkmargin collateral bind|allocate|request|sign``: what the holder of an account signs for the attestors."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli.files import read_document, read_keys, refuse_existing, write_document
from zkmargin.cli.options import FILE, at_option, force_option, json_option, now, out_option
from zkmargin.cli.output import print_json, print_pairs
from zkmargin.cli.pledge_domain import PledgeDomain, holder_domain_option, known_option, read_known, read_pledge_domain

if TYPE_CHECKING:
    from zkmargin.attestations.collateral.documents import AllocationDocument, Note, OwnerBindingDocument

_EPOCH = click.IntRange(0, (1 << 64) - 1)
_NOTE = re.compile(r"([0-9]{1,10}):([0-9]{1,3}):([0-9]{1,39})", re.ASCII)
_key_option = click.option("--key", type=FILE, help="Sign with this key of an EVM account; without it: a draft.")


def _notes(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[Note, ...]:
    from zkmargin.attestations.collateral.documents import Note

    notes = []
    for value in values:
        found = _NOTE.fullmatch(value)
        numbers = [int(part) for part in found.groups()] if found else [1 << 32, 0, 0]
        if numbers[0] >= 1 << 32 or numbers[1] > 255 or numbers[2] >= 1 << 128:
            message = f"{value[:80]!r} is not NOTE:POCKET:AMOUNT, in 32, 8 and 128 bits"
            raise click.BadParameter(message, param=option)
        notes.append(Note(note=numbers[0], pocket=numbers[1], amount=numbers[2]))
    if any(not low.note < high.note for low, high in itertools.pairwise(notes)):
        raise click.BadParameter("notes must be strictly ascending", param=option)
    return tuple(notes)


@click.command()
@click.argument("address", metavar="CAIP-10")
@click.option("--owner-key", type=FILE, required=True, help="Owner key that the account is bound to; not unlocked.")
@holder_domain_option
@known_option
@click.option("--from-epoch", type=_EPOCH, help="First epoch (default: this one, or the next of a bound account).")
@click.option("--to-epoch", type=_EPOCH, help="Last epoch (default: 365 epochs, or as long as those before).")
@click.option("--nonce", type=_EPOCH, help="Its number (default: the next after --known).")
@_key_option
@at_option("When it is signed")
@out_option("the binding, or its draft")
@force_option
@json_option
def bind(
    address: str, owner_key: Path, domain: Path, known: Path | None, from_epoch: int | None, to_epoch: int | None,
    nonce: int | None, key: Path | None, at: int | None, out: Path, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Say which owner key pledges the coins of the account CAIP-10, such as eip155:1:0x...

    An EVM account's key signs at once (--key); every wallet can sign the draft (`collateral request`, then
    `collateral sign`). An account has one owner in an epoch: another one begins with a later epoch.
    """
    from zkmargin.attestations.collateral.documents import OwnerBindingDocument
    from zkmargin.attestations.collateral.drafts import draft_binding
    from zkmargin.attestations.keyfiles import OwnerKeyFile

    refuse_existing(out, force)
    home = read_pledge_domain(domain)
    document = draft_binding(
        address, read_document(owner_key, OwnerKeyFile).owner, home.domain, epoch=home.epoch(now(at)),
        known=read_known(known, OwnerBindingDocument), first=from_epoch, last=to_epoch, nonce=nonce,
    )  # fmt: skip
    _finish(document, home, key, out, force=force, as_json=as_json)


@click.command()
@click.argument("address", metavar="CAIP-10")
@click.option("--asset", required=True, metavar="CAIP-19", help="The asset whose balance is shared.")
@click.option("--custody", default="eoa", show_default=True, help="eoa, vault:<CAIP-10> or custodian:<name>.")
@click.option("--note", "notes", multiple=True, required=True, callback=_notes, metavar="NOTE:POCKET:AMOUNT",
              help="A part of the balance in atomic units, and its pocket; repeatable, notes ascending.")  # fmt: skip
@click.option("--epoch", type=_EPOCH, help="The epoch that it is for (default: the next).")
@holder_domain_option
@known_option
@_key_option
@at_option("When it is signed")
@out_option("the allocation, or its draft")
@force_option
@json_option
def allocate(
    address: str, asset: str, custody: str, notes: tuple[Note, ...], epoch: int | None, domain: Path,
    known: Path | None, key: Path | None, at: int | None, out: Path, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Share a balance of the account CAIP-10 between pockets, for one epoch that has not begun.

    Without an allocation the whole balance is one note in pocket 0. Where the notes add up to more than the balance,
    all of them shrink alike.
    """
    from zkmargin.attestations.collateral.documents import AllocationDocument
    from zkmargin.attestations.collateral.drafts import draft_allocation

    refuse_existing(out, force)
    home = read_pledge_domain(domain)
    present = home.epoch(now(at))
    document = draft_allocation(
        (address, asset, custody), notes, home.domain, epoch=present,
        of_epoch=present + 1 if epoch is None else epoch, known=read_known(known, AllocationDocument) or (),
    )  # fmt: skip
    _finish(document, home, key, out, force=force, as_json=as_json)


@click.command()
@click.argument("draft", type=FILE)
@holder_domain_option
@click.option("--digest", is_flag=True, help="Show the 32 bytes that are signed, in hex, for any chain.")
@json_option
def request(draft: Path, domain: Path, digest: bool, as_json: bool) -> None:
    """Show what the account's wallet signs of DRAFT, and nothing else.

    EVM: the typed data of eth_signTypedData_v4. Bitcoin: the text of a BIP-322 message (simple, P2WPKH). Solana: the
    32 bytes of an Ed25519 message, in hex.
    """
    from zkmargin.attestations.collateral.drafts import request_of
    from zkmargin.encoding import hex_bytes

    found = request_of(_read(draft), read_pledge_domain(domain).domain)
    shown = hex_bytes(found.digest)
    if as_json:
        print_json({"scheme": found.scheme, "digest": shown, "typedData": found.typed_data, "text": found.text})
    elif digest or found.typed_data is None:
        click.echo(shown if digest or found.text is None else found.text)
    else:
        click.echo(json.dumps(found.typed_data, indent=2))


@click.command()
@click.argument("draft", type=FILE)
@holder_domain_option
@click.option("--signature", metavar="TEXT", help="What the wallet gave: 0x and hex; Bitcoin base64, Solana base58.")
@click.option("--key", type=FILE, help="Sign with this key of an EVM account instead.")
@known_option
@at_option("When it is signed")
@out_option("the signed document")
@force_option
@json_option
def sign(
    draft: Path, domain: Path, signature: str | None, key: Path | None, known: Path | None, at: int | None, out: Path,
    force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Put the account's signature to DRAFT. It is checked first: a document that would not count is not written."""
    from zkmargin.attestations.collateral.documents import OwnerBindingDocument
    from zkmargin.attestations.collateral.drafts import read_signature, require_ahead, sign_with, with_signature

    if (signature is None) == (key is None):
        raise click.UsageError("give --signature or --key")
    refuse_existing(out, force)
    home = read_pledge_domain(domain)
    document = _read(draft)
    before = read_known(known, OwnerBindingDocument)
    require_ahead(document, home.domain, home.epoch(now(at)), before)
    made: AllocationDocument | OwnerBindingDocument
    if signature is not None:
        made = with_signature(document, read_signature(signature, document.signed.scheme), home.domain)
    else:
        made = sign_with(document, read_keys([key] if key else [])[0], home.domain)
    write_document(out, made, force=force)
    _show(made, home, out, as_json)


def _finish(
    document: AllocationDocument | OwnerBindingDocument, home: PledgeDomain, key: Path | None, out: Path, *,
    force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Sign a draft where there is a key, write it, show it."""
    from zkmargin.attestations.collateral.drafts import sign_with

    if key is not None:
        document = sign_with(document, read_keys([key])[0], home.domain)
    write_document(out, document, force=force)
    _show(document, home, out, as_json)


def _read(file: Path) -> AllocationDocument | OwnerBindingDocument:
    from zkmargin.attestations.collateral.documents import AllocationDocument, OwnerBindingDocument
    from zkmargin.errors import DocumentVersion

    try:
        return read_document(file, AllocationDocument)
    except DocumentVersion:
        return read_document(file, OwnerBindingDocument)


def _show(document: AllocationDocument | OwnerBindingDocument, home: PledgeDomain, out: Path, as_json: bool) -> None:
    from zkmargin.attestations.collateral.documents import AllocationDocument

    is_signed = bool(document.signed.signature)
    if isinstance(document, AllocationDocument):
        allocated = document.allocation
        words, name, first = allocated.to_json(), "allocation", allocated.epoch
        pairs = [("asset", f"{allocated.asset}, {allocated.custody}")]
        pairs += [("note", f"{note.note}: pocket {note.pocket}, {note.amount:,}") for note in document.notes]
        pairs.append(("counts in", home.begins(first)))
    else:
        bound = document.binding
        words, name, first = bound.to_json(), "binding", bound.from_epoch
        pairs = [("owner", str(bound.owner)), ("nonce", str(bound.nonce)), ("from", home.begins(first))]
        pairs.append(("to the end of", f"epoch {bound.to_epoch}"))
    if as_json:
        print_json({"file": str(out), name: words, "signed": is_signed})
        return
    following = f"send {out} to every attestor of the domain before the first root of epoch {first}"
    if not is_signed:
        following = (
            f"`collateral request {out}` shows what the wallet signs; `collateral sign {out}` takes its signature"
        )
    pairs = [(name if is_signed else f"draft {name}", str(out)), ("account", str(words["account"])), *pairs]
    print_pairs([*pairs, ("next", following)])
