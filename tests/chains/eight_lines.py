"""One coin in eight notes: the haircut is that of the total, as if it were one line."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from attesting import allocation
from calling import Called, ok
from desk import ACCOUNTS, EQUITY, MAINNET, SCAN, WALLET, Desk, of_chain, refusal, vaults, worth

from zkmargin.attestations.collateral.documents import Note
from zkmargin.attestations.collateral.receipts import CollateralReceipt

CENT = Decimal("0.01")


def _wallet(opening: object) -> bool:
    return of_chain(MAINNET)(opening) and not vaults(opening)


def _receipts(desk: Desk) -> dict[str, Path]:
    """The wallet on mainnet as one line, and as eight: of a root whose holder had signed an allocation in time."""
    if not desk["eight"].exists():
        token = desk.world.registry.named(f"{MAINNET} token")
        notes = [Note(note=n, pocket=0, amount=WALLET // 8) for n in range(8)]
        desk["shares"].mkdir()
        desk.write("shares/0.json", allocation(token, *notes))
        desk.publish("eight", allocations="shares", records="eight.record")
    return {
        "one line": desk.select(_wallet, "one.json"),
        "eight lines": desk.select(_wallet, "many.json", desk.receipt(name="eight")),
    }


def require_no_gain(desk: Desk) -> str:
    """Show that eight lines count what one counts and not what they would each by themselves.

    Gives the code for an account that would be backed if each line had the best tier.
    """
    receipts = _receipts(desk)
    lines = [line.opening for line in CollateralReceipt.read(receipts["eight lines"]).lines]
    assert [line.amount for line in lines] == [WALLET // 8] * 8
    total, each = worth({MAINNET: WALLET}), sum(worth({MAINNET: line.amount}) for line in lines)
    assert each > total + 80  # USD
    backed = _owing(desk, "backed", total)
    for receipt in receipts.values():
        found = ok("check", *desk.given, *backed, "--collateral", receipt, "--json").json
        assert (found["headroom"], found["equity"]) == ("0", str(SCAN))
    made = _prove(desk, "backed", receipts["eight lines"])
    assert made.code == 0, made.out
    assert desk.verify(desk["backed.proof"], policy="open.json").code == 0
    _owing(desk, "short", total + Fraction(CENT))
    _owing(desk, "split", each)
    attempts = [("short", receipts["one line"]), *((name, receipts["eight lines"]) for name in ("short", "split"))]
    (code,) = {refusal(_prove(desk, name, receipt)) for name, receipt in attempts}
    return code


def _owing(desk: Desk, name: str, amount: Fraction) -> list[object]:
    """An account that owes what collateral worth this amount just backs, and the venue's statement of it."""
    cash = -9000 - EQUITY + SCAN - Decimal(amount.numerator) / Decimal(amount.denominator)
    desk[f"{name}.csv"].write_text(f"instrument,size\nNEAR,3\nFAR,0\ncash,{cash}\n")
    if not desk[f"{name}.statement"].exists():
        desk.attest("alpha", name, account=desk[f"{name}.csv"])
    accounts = dict(zip(ACCOUNTS, (desk[f"{name}.csv"], desk["beta.csv"]), strict=True))
    return [word for venue in desk.order for word in ("--account", accounts[venue])]


def _prove(desk: Desk, name: str, receipt: Path) -> Called:
    return desk.prove(f"{name}.proof", "--collateral", receipt, policy="open.json", venues=(name, "beta"))
