"""``zkmargin keys backup|restore|passphrase``: an owner key on paper, and a key file under another passphrase."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli.files import read_document, refuse_existing, write_document
from zkmargin.cli.options import FILE, json_option, out_option
from zkmargin.cli.output import print_json, print_pairs
from zkmargin.cli.passphrase import next_passphrase, passphrase

if TYPE_CHECKING:
    from zkmargin.attestations.keyfiles import OwnerKeyFile, SigningKeyFile

_LIMIT = 1 << 14  # bytes of a backup


@click.command()
@click.argument("file", type=FILE)
@out_option("the words, readable by you alone", required=False)
@json_option
def backup(file: Path, out: Path | None, as_json: bool) -> None:
    """Show the 24 words from which the owner key in FILE can be made again, to be written on paper.

    They are shown on a terminal, or written where --out says, and nowhere else. They need no passphrase: whoever reads
    them can pledge. They are BIP-39's words of this one key; put into a wallet they give nothing.
    """
    from zkmargin.attestations.backup import backup_text
    from zkmargin.attestations.keyfiles import OwnerKeyFile
    from zkmargin.encoding import write_atomic
    from zkmargin.errors import UsageWrong

    if out is not None:
        refuse_existing(out, force=False)
    elif as_json or not sys.stdout.isatty():
        raise UsageWrong("words are shown on a terminal only", where="--out", hint="write them to a file with --out")
    key = read_document(file, OwnerKeyFile)
    text = backup_text(key.seed(passphrase()))
    if out is None:
        click.echo(text, nl=False)
        return
    write_atomic(out, text, private=True)
    if as_json:
        print_json({"owner": str(key.owner), "file": str(out)})
        return
    print_pairs(
        [
            ("owner", str(key.owner)),
            ("words in", f"{out} (secret)"),
            ("next", "copy them by hand to paper, try `keys restore` from it, then delete the file"),
        ]
    )


@click.command()
@click.option("--words", type=FILE, help="File of the words (default: asked for, or from standard input).")
@click.option("--owner", metavar="NUMBER", help="The owner that it must be; the checksum lets one slip of 256 pass.")
@out_option("the secret key")
@json_option
def restore(words: Path | None, owner: str | None, out: Path, as_json: bool) -> None:
    """Make an owner key's file again from its 24 words. It is sealed under a passphrase; none is replaced.

    Lines that begin with # are remarks; one that names the owner, as `keys backup` writes it, is compared.
    """
    from zkmargin.attestations.backup import read_backup
    from zkmargin.attestations.keyfiles import OwnerKeyFile
    from zkmargin.encoding import parse_uint

    refuse_existing(out, force=False)
    expected = None if owner is None else parse_uint(owner, "--owner")
    seed = read_backup(_words(words), expected)
    made = OwnerKeyFile.of_seed(seed, passphrase(new=True))
    write_document(out, made)
    if as_json:
        print_json({"kind": "owner", "owner": str(made.owner), "file": str(out)})
    else:
        print_pairs([("owner", str(made.owner)), ("secret in", str(out))])


def _words(file: Path | None) -> str:
    from zkmargin.encoding import read_file
    from zkmargin.errors import BackupWords

    if file is None and sys.stdin.isatty():
        answer: str = click.prompt("The 24 words", hide_input=True, err=True)
        return answer
    raw = sys.stdin.buffer.read(_LIMIT) if file is None else read_file(file, _LIMIT)
    text = raw.decode("utf-8", errors="replace")
    if "\ufffd" in text:
        raise BackupWords("not text in UTF-8", where="standard input" if file is None else str(file))
    return text


@click.command("passphrase")
@click.argument("file", type=FILE)
@out_option("the key under its new passphrase; default: in place of FILE", required=False)
@json_option
def change(file: Path, out: Path | None, as_json: bool) -> None:
    """Seal the key in FILE under another passphrase; the key stays the same.

    The old one is found as always, the new one in ZKMARGIN_NEW_PASSPHRASE_FILE or ZKMARGIN_NEW_PASSPHRASE, or asked
    for. The file is replaced whole. Copies of it still open with the old one.
    """
    from zkmargin.cli.keys import public_part, read_key_file

    if out is not None:
        refuse_existing(out, force=False)
    key: OwnerKeyFile | SigningKeyFile = read_key_file(file)
    made = key.sealed_anew(passphrase(), next_passphrase())
    write_document(out or file, made, force=out is None)
    kind, name, public = public_part(made)
    if as_json:
        print_json({"kind": kind, name: public, "file": str(out or file)})
    else:
        print_pairs([("kind", kind), (name, public), ("secret in", str(out or file))])
