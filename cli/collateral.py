"""``zkmargin collateral``: the trader's own lines of attested collateral, and what a holder signs to have them.

What it prints is the trader's alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli import collateral_sign
from zkmargin.cli.files import read_document, refuse_existing, write_document
from zkmargin.cli.options import FILE, force_option, json_option, out_option
from zkmargin.cli.output import format_time, print_json, print_pairs, print_table

if TYPE_CHECKING:
    from zkmargin.attestations.collateral.receipts import CollateralReceipt


@click.group()
def command() -> None:
    """Collateral on chains: what you sign of your accounts, and the lines that attestors opened to you in a receipt."""


for _part in (collateral_sign.bind, collateral_sign.allocate, collateral_sign.request, collateral_sign.sign):
    command.add_command(_part)


@command.command("list")
@click.argument("receipt", type=FILE)
@json_option
def list_(receipt: Path, as_json: bool) -> None:
    """Show the lines of a receipt, each checked against the root that it is under."""
    _show(_read(receipt), receipt, as_json)


@command.command()
@click.argument("receipt", type=FILE)
@click.option("--pocket", type=click.IntRange(0, 255), help="Lines of this pocket.")
@click.option("--asset", "assets", multiple=True, metavar="CAIP-19", help="Lines of this asset; repeatable.")
@click.option("--line", "cids", multiple=True, metavar="CID", help="This line; repeatable.")
@out_option("the smaller receipt")
@force_option
@json_option
def select(
    receipt: Path,
    pocket: int | None,
    assets: tuple[str, ...],
    cids: tuple[str, ...],
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Write a receipt with some of the lines: those that meet every option given.

    All lines of one proof are of one pocket, and a rule set has room for so many; a pocket is pledged as a whole.
    """
    from zkmargin.encoding import parse_uint
    from zkmargin.errors import UsageWrong

    refuse_existing(out, force)
    whole = _read(receipt)
    wanted = {parse_uint(cid, "--line") for cid in cids}
    for what, named, known in (
        ("line", wanted, {line.opening.cid for line in whole.lines}),
        ("asset", set(assets), {line.opening.asset for line in whole.lines}),
    ):
        if missing := sorted(named - known):
            raise UsageWrong(f"the receipt has no such {what}", where=f"--{what}", got=str(missing[0])[:100])
    lines = tuple(
        line
        for line in whole.lines
        if (pocket is None or line.opening.pocket == pocket)
        and (not assets or line.opening.asset in assets)
        and (not wanted or line.opening.cid in wanted)
    )
    if not lines:
        raise UsageWrong("no line meets the options", where=str(receipt))
    chosen = whole.model_copy(update={"lines": lines})
    write_document(out, chosen, force=force)
    _show(chosen, out, as_json)


def _read(path: Path) -> CollateralReceipt:
    from zkmargin.attestations.collateral.receipts import CollateralReceipt

    receipt = read_document(path, CollateralReceipt)
    receipt.require_consistent()
    return receipt


def _show(receipt: CollateralReceipt, file: Path, as_json: bool) -> None:
    root = receipt.root.root
    if as_json:
        print_json(
            {
                "file": str(file),
                "rootDigest": "0x" + receipt.root.digest.hex(),
                "epoch": str(root.epoch),
                "seq": str(root.seq),
                "expiresAt": str(root.expires_at),
                "lines": [
                    {
                        "cid": str(line.opening.cid),
                        "account": line.opening.account,
                        "asset": line.opening.asset,
                        "custody": line.opening.custody,
                        "pocket": str(line.opening.pocket),
                        "amount": str(line.opening.amount),
                        "lockUntil": str(line.opening.lock_until),
                    }
                    for line in receipt.lines
                ],
            }
        )
        return
    rows = []
    for line in receipt.lines:
        opening = line.opening
        locked = format_time(opening.lock_until) if opening.lock_until else "not locked"
        rows.append([opening.asset, f"{opening.amount:,}", str(opening.pocket), locked, str(opening.cid)])
    print_table(("asset", "amount (atomic units)", "pocket", "locked until", "line"), rows, right=(1, 2))
    print_pairs(
        [
            ("receipt", f"{file} (private)"),
            ("root", f"number {root.seq} of epoch {root.epoch}, until {format_time(root.expires_at)}"),
            ("chains", ", ".join(entry.chain for entry in receipt.root.checkpoints)),
        ]
    )
