"""``zkmargin submit``: send proofs to a service, and hold its receipts against its terms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli.options import FILE, FOLDER, force_option, json_option

if TYPE_CHECKING:
    from zkmargin.errors import ZkMarginError

SUFFIX = ".margin-proof.json"


@click.command()
@click.argument("url")
@click.argument("proofs", type=FILE, nargs=-1, required=True)
@click.option("--terms", type=FILE, help="The registry's terms, your own copy: each receipt is held against them.")
@click.option("--out", type=FOLDER, help="Folder for the receipts (default: beside each proof).")
@force_option
@json_option
def command(
    url: str, proofs: tuple[Path, ...], terms: Path | None, out: Path | None, force: bool, as_json: bool
) -> None:
    """Submit PROOFS (*.margin-proof.json) to the service at URL.

    The receipt of an accepted proof is written as NAME.receipt.json. With --terms its signature, and that its entry is
    in the signed log, are checked. Exit code 0 if every proof is accepted and its receipt holds, 1 if one is not, 2 if
    an input cannot be used or the service does not answer.
    """
    from zkmargin.cli.files import make_folder, read_document, read_envelope, refuse_existing, write_document
    from zkmargin.cli.output import format_time, print_json, print_table, progress
    from zkmargin.errors import UsageWrong, ZkMarginError
    from zkmargin.verifier.registry.documents import RegistryTerms
    from zkmargin.verifier.service.client import ServiceClient

    client = ServiceClient(url)
    own = None if terms is None else read_document(terms, RegistryTerms)
    envelopes = [read_envelope(path) for path in proofs]
    receipts = [_receipt(path, out) for path in proofs]
    if len(set(receipts)) < len(receipts):
        raise UsageWrong("two proofs would have one receipt's file", where="--out")
    for path in receipts:
        refuse_existing(path, force)
    if out is not None:
        make_folder(out)

    rows, told, failed = [], [], 0
    with progress("submitting"):
        for name, envelope, path in zip(proofs, envelopes, receipts, strict=True):
            error: ZkMarginError | None = None
            until, checked = None, "not checked: no --terms"
            try:
                accepted = client.submit(envelope)
                until = accepted.valid_until
                write_document(path, accepted.receipt, force=force)
                if own is not None:
                    client.require_recorded(accepted.receipt, envelope, own)
                    checked = "holds"
            except ZkMarginError as found:
                if found.exit_code != 1:
                    raise
                error = found
            failed += error is not None
            outcome = "accepted" if until is not None else f"refused: {_code(error)}"
            words = "" if error is None or until is not None else error.message
            receipt = "" if until is None else checked if error is None else f"fails: {error.code}"
            rows.append([str(name), outcome, words, "" if until is None else format_time(until), receipt])
            told.append(
                {
                    "proof": str(name),
                    "accepted": until is not None,
                    "code": _code(error),
                    "validUntil": None if until is None else str(until),
                    "receipt": None if until is None else str(path),
                    "receiptChecked": own is not None and until is not None and error is None,
                    "error": None if error is None else error.as_json(),
                }
            )
    if as_json:
        print_json({"service": client.host, "proofs": told, "failed": failed})
    else:
        print_table(("proof", "", "reason", "counts until", "receipt"), rows)
    if failed:
        click.get_current_context().exit(1)


def _code(error: ZkMarginError | None) -> str | None:
    """The service's own code where it refused."""
    from zkmargin.verifier.service.errors import ServiceRefused

    if error is None:
        return None
    return error.got if isinstance(error, ServiceRefused) else error.code


def _receipt(proof: Path, out: Path | None) -> Path:
    name = proof.name.removesuffix(SUFFIX).removesuffix(".json") + ".receipt.json"
    return (proof.parent if out is None else out) / name
