"""``zkmargin keys``: make, show, keep and change keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli import keys_backup, keys_rotate
from zkmargin.cli.files import read_document, refuse_existing, write_document
from zkmargin.cli.options import FILE, force_option, json_option, out_option
from zkmargin.cli.output import print_json, print_pairs
from zkmargin.cli.passphrase import passphrase

if TYPE_CHECKING:
    from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile


@click.group()
def command() -> None:
    """Owner keys (a trader's) and signing keys (a venue's, a risk publisher's)."""


for _part in (keys_backup.backup, keys_backup.restore, keys_backup.change, keys_rotate.rotate):
    command.add_command(_part)


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
    _show(made, out, as_json)


@command.command()
@click.argument("file", type=FILE)
@click.option("--public", is_flag=True, help="Print the owner or the address alone, for other commands.")
@json_option
def show(file: Path, public: bool, as_json: bool) -> None:
    """Show what is public of a key: an owner's name, a signer's address."""
    found = read_key_file(file)
    if public and not as_json:
        click.echo(public_part(found)[2])
        return
    _show(found, file, as_json)


def read_key_file(file: Path) -> OwnerKeyFile | SigningKeyFile:
    """A key file of either kind."""
    from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile
    from zkmargin.errors import DocumentVersion

    try:
        return read_document(file, SigningKeyFile)
    except DocumentVersion:
        return read_document(file, OwnerKeyFile)


def public_part(key: OwnerKeyFile | SigningKeyFile) -> tuple[str, str, str]:
    """Kind of a key, what its public part is called, and that part."""
    from zkmargin.attestations.keyfiles import OwnerKeyFile

    if isinstance(key, OwnerKeyFile):
        return "owner", "owner", str(key.owner)
    return "signer", "address", "0x" + key.address.hex()


def _show(key: OwnerKeyFile | SigningKeyFile, file: Path, as_json: bool) -> None:
    kind, name, public = public_part(key)
    if as_json:
        print_json({"kind": kind, name: public, "file": str(file)})
    else:
        print_pairs([("kind", kind), (name, public), ("secret in", str(file))])
