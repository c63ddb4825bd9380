"""``zkmargin keys rotate``: a new owner key for accounts that are bound to an old one."""

from __future__ import annotations

from pathlib import Path

import click

from zkmargin.cli.files import read_document, refuse_existing, write_document
from zkmargin.cli.options import FILE, FOLDER, at_option, json_option, now, out_option
from zkmargin.cli.output import print_json, print_pairs
from zkmargin.cli.passphrase import passphrase
from zkmargin.cli.pledge_domain import holder_domain_option, read_known, read_pledge_domain


@click.command()
@click.argument("old", type=FILE)
@holder_domain_option
@click.option("--known", type=FOLDER, required=True, help="Folder of the bindings that you signed before.")
@click.option("--from-epoch", type=click.IntRange(0, (1 << 64) - 1), help="First epoch of the new key (default: next).")
@click.option("--drafts", type=FOLDER, required=True, help="Write a draft binding for each account to this new folder.")
@at_option("When they are signed")
@out_option("the new secret key")
@json_option
def rotate(
    old: Path, domain: Path, known: Path, from_epoch: int | None, drafts: Path, at: int | None, out: Path, as_json: bool
) -> None:
    """Make a new owner key, and draft bindings to it of every account that is bound to the key OLD.

    The new key counts from an epoch that has not begun; until then the old one does, and its file is left as it is.
    Each account's wallet signs its draft. Accounts in a vault that names the owner change it in the vault.
    """
    from zkmargin.attestations.collateral.bundle import require_free
    from zkmargin.attestations.collateral.documents import OwnerBindingDocument
    from zkmargin.attestations.collateral.drafts import draft_rotation
    from zkmargin.attestations.keyfiles import OwnerKeyFile

    refuse_existing(out, force=False)
    home = read_pledge_domain(domain)
    epoch = home.epoch(now(at))
    before = read_document(old, OwnerKeyFile)
    made = OwnerKeyFile.generate(passphrase(new=True))
    bindings = draft_rotation(
        before.owner, made.owner, home.domain, epoch=epoch, known=read_known(known, OwnerBindingDocument) or (),
        first=from_epoch,
    )  # fmt: skip
    require_free(drafts)
    write_document(out, made)  # first: no account is ever bound to a key that is nowhere
    files = [drafts / f"{number:06}.binding.json" for number in range(len(bindings))]
    for file, document in zip(files, bindings, strict=True):
        write_document(file, document)
    first = bindings[0].binding.from_epoch
    if as_json:
        print_json(
            {
                "owner": str(made.owner),
                "file": str(out),
                "fromEpoch": str(first),
                "drafts": [
                    {"file": str(file), "binding": document.binding.to_json()}
                    for file, document in zip(files, bindings, strict=True)
                ],
            }
        )
        return
    print_pairs(
        [
            ("owner", str(made.owner)),
            ("secret in", f"{out}; `keys backup` it"),
            ("counts from", home.begins(first)),
            *(("draft", f"{file}, {made.binding.account}") for file, made in zip(files, bindings, strict=True)),
            ("next", "have each draft signed: `collateral request`, `collateral sign`; send it to every attestor"),
            ("old key", f"keep {old}: until epoch {first} begins it is the one that pledges"),
        ]
    )
