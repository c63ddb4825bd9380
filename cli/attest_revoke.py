"""``zkmargin attest revoke``: attestors take a signed root back."""

from __future__ import annotations

from pathlib import Path

import click

from zkmargin.cli.files import read_document, read_keys, refuse_existing, write_document
from zkmargin.cli.options import FILE, at_option, force_option, json_option, now, out_option
from zkmargin.cli.output import print_json, print_pairs

REASONS = ("reorganised", "balance", "key", "other")


@click.command()
@click.argument("root", type=FILE)
@click.option("--reason", type=click.Choice(REASONS), help="Why; of a revocation that is begun here.")
@click.option("--join", "copies", type=FILE, multiple=True, help="A revocation that others signed; repeatable.")
@click.option("--key", "keys", type=FILE, multiple=True, help="An attestor's signing key; repeatable.")
@at_option("When the root is taken back")
@out_option("the revocation")
@force_option
@json_option
def revoke(
    root: Path, reason: str | None, copies: tuple[Path, ...], keys: tuple[Path, ...], at: int | None, out: Path,
    force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Take the signed root in ROOT back, or add signatures to its revocation.

    One attestor begins with --reason and sends the file to the others, who --join it with their --key; --join without
    a key puts copies together. It counts once a quorum signed the same words.
    """
    from zkmargin.attestations.collateral.documents import CollateralRootDocument, RevokeRootDocument
    from zkmargin.attestations.collateral.revoking import REASONS as CODES
    from zkmargin.attestations.collateral.revoking import join
    from zkmargin.attestations.collateral.revoking import revoke as begin

    if (reason is None) == (not copies):
        raise click.UsageError("give --reason to begin a revocation, or --join to sign one that is begun")
    if not copies and not keys:
        raise click.UsageError("a revocation is begun with a signature: --key")
    refuse_existing(out, force)
    document = read_document(root, CollateralRootDocument)
    begun = [read_document(path, RevokeRootDocument) for path in copies]
    if reason is not None:
        begun = [begin(document, CODES[reason], now(at))]
    made = join(document, begun, read_keys(keys))
    write_document(out, made, force=force)
    signed, needed = len(made.signatures), document.attestors.signers.threshold
    if as_json:
        print_json({"file": str(out), "revocation": made.revocation.to_json(), "signatures": signed, "needed": needed})
        return
    following = f"send {out} to everyone who relies on the root: `verify --revocation`"
    if signed < needed:
        following = f"send {out} to the other attestors: `attest revoke ROOT --join {out} --key KEY`"
    print_pairs(
        [
            ("revocation", str(out)),
            ("root", f"number {document.root.seq} of epoch {document.root.epoch}, 0x{document.digest.hex()}"),
            ("signatures", f"{signed} of {needed}"),
            ("next", following),
        ]
    )
