"""One coin in eight notes: the haircut is that of the total, as if it were one line."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from attesting import allocation
from calling import call, ok
from desk import EQUITY, JUDGED, MAINNET, SCAN, WALLET, Desk, of_chain, refusal, vaults, worth

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
    receipts, market = _receipts(desk), desk.given
    lines = [line.opening for line in CollateralReceipt.read(receipts["eight lines"]).lines]
    assert [line.amount for line in lines] == [WALLET // 8] * 8
    total, each = worth({MAINNET: WALLET}), sum(worth({MAINNET: line.amount}) for line in lines)
    assert each > total + 80  # USD
    codes = set()
    for backing, shift, holds in ((total, 0, True), (total, -CENT, False), (each, 0, False)):
        cash = Decimal(-9000) - EQUITY + SCAN - _decimal(backing) + shift  # what is owed is what the lines count
        desk["owing.csv"].write_text(f"instrument,size\nNEAR,3\nFAR,0\ncash,{cash}\n")
        name = f"owing{shift}{backing == each}"
        if not desk[f"{name}.statement"].exists():
            desk.attest("alpha", name, account=desk["owing.csv"])
        accounts = ["--account", desk["owing.csv"], "--account", desk["beta.csv"]]
        for lines_file in receipts.values():
            found = call("check", *market, *accounts, "--collateral", lines_file, "--json").json
            assert found["holds"] is holds
            made = desk.prove("owing.json", "--collateral", lines_file, policy="open.json", venues=(name, "beta"))
            if holds:
                assert made.code == 0, made.out
                ok("verify", desk["owing.json"], *market, "--policy", desk["open.json"], "--key",
                   desk["keys"] / "verification_key.json", "--at", JUDGED)  # fmt: skip
            else:
                codes.add(refusal(made))
    (code,) = codes
    return code


def _decimal(amount: Fraction) -> Decimal:
    """Exact, of cents and their hundredths."""
    return Decimal(amount.numerator) / Decimal(amount.denominator)
