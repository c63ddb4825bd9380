"""``zkmargin keys``: make and show keys."""

from __future__ import annotations

from pathlib import Path

import click

from zkmargin.cli.files import read_document, refuse_existing, write_document
from zkmargin.cli.options import FILE, force_option, json_option, out_option
from zkmargin.cli.output import print_json, print_pairs
from zkmargin.cli.passphrase import passphrase


@click.group()
def command() -> None:
    """Owner keys (a trader's) and signing keys (a venue's, a risk publisher's)."""


@command.command()
@click.argument("kind", type=click.Choice(["owner", "signer"]))
@out_option("the secret key")
@force_option
@json_option
def new(kind: str, out: Path, force: bool, as_json: bool) -> None:
    """Make a key of KIND owner (a trader's) or signer (who signs statements or markets).

    The secret is sealed under a passphrase (ZKMARGIN_PASSPHRASE_FILE, ZKMARGIN_PASSPHRASE, or asked for) in a file
    that you alone can read; only what is public of it is printed.
    """
    from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile

    refuse_existing(out, force)
    secret = passphrase(new=True)
    made = OwnerKeyFile.generate(secret) if kind == "owner" else SigningKeyFile.generate(secret)
    write_document(out, made, force=force)
    _show(kind, _public(made), out, as_json)


@command.command()
@click.argument("file", type=FILE)
@click.option("--public", is_flag=True, help="Print the owner or the address alone, for other commands.")
@json_option
def show(file: Path, public: bool, as_json: bool) -> None:
    """Show what is public of a key: an owner's name, a signer's address."""
    from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
    from zkmargin.errors import DocumentVersion

    try:
        found: OwnerKeyFile | SigningKeyFile = read_document(file, SigningKeyFile)
    except DocumentVersion:
        found = read_document(file, OwnerKeyFile)
    if public and not as_json:
        click.echo(_public(found))
        return
    _show("owner" if isinstance(found, OwnerKeyFile) else "signer", _public(found), file, as_json)


def _public(key: object) -> str:
    from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile

    if isinstance(key, SigningKeyFile):
        return "0x" + key.address.hex()
    if isinstance(key, OwnerKeyFile):
        return str(key.owner)
    raise TypeError("not a key file")


def _show(kind: str, public: str, file: Path, as_json: bool) -> None:
    name = "owner" if kind == "owner" else "address"
    if as_json:
        print_json({"kind": kind, name: public, "file": str(file)})
    else:
        print_pairs([("kind", kind), (name, public), ("secret in", str(file))])
