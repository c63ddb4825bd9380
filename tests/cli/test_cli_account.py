"""``account`` and ``check``: what a trader sees of an account in the open."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from calling import DEMO, World, call, ok

ACCOUNT = DEMO / "account.csv"


def _market(world: World, name: str = "morning") -> list[object]:
    return ["--rules", "portfolio_scan", "--market", world[f"{name}.market.json"]]


def test_show_values_every_position(world: World) -> None:
    shown = ok("account", "show", ACCOUNT, *_market(world), "--json").json
    assert len(shown["positions"]) == 27
    total = sum(Fraction(entry["value"]) for entry in shown["positions"]) + Fraction(shown["cash"])
    assert Fraction(shown["equity"]) == total
    assert "BTC-PERPETUAL" in ok("account", "show", ACCOUNT, *_market(world)).out


def test_check_holds_in_the_morning_and_fails_in_the_evening(world: World) -> None:
    morning = ok("check", *_market(world), "--account", ACCOUNT, "--json").json
    assert morning["holds"] is True
    assert Fraction(morning["headroom"]) == Fraction(morning["equity"]) - Fraction(morning["requirement"])
    assert Fraction(morning["smallestDeposit"]) == 0
    evening = call("check", *_market(world, "evening"), "--account", ACCOUNT, "--json")
    assert evening.code == 1
    found = evening.json
    assert found["holds"] is False
    assert len(found["worstScenarios"]) == 5
    assert found["worstScenarios"][0]["scenario"].startswith("-16%")
    assert -Fraction(found["worstScenarios"][0]["pnl"]) == Fraction(found["requirement"])
    missing = -Fraction(found["headroom"])
    assert missing <= Fraction(found["smallestDeposit"]) < missing + Fraction(1, 10**6)
    text = call("check", *_market(world, "evening"), "--account", ACCOUNT)
    assert text.code == 1
    for word in ("falls short", "smallest deposit", "-16% vol down", "BTC-27FEB26-65000-P"):
        assert word in text.out


def test_the_smallest_deposit_is_the_smallest(world: World, tmp_path: Path) -> None:
    evening = _market(world, "evening")
    deposit = Fraction(call("check", *evening, "--account", ACCOUNT, "--json").json["smallestDeposit"])
    text = ACCOUNT.read_text()
    for units, code in ((0, 0), (-1, 1)):
        cash = Fraction(600000) + deposit + Fraction(units, 10**6)
        account = tmp_path / "account.csv"
        account.write_text(text.replace("cash,600000", f"cash,{float(cash):.6f}"))
        assert call("check", *evening, "--account", account).code == code


def test_buffer_and_claim_raise_the_bar(world: World) -> None:
    check = ("check", *_market(world), "--account", ACCOUNT)
    assert ok(*check, "--claim", "initial", "--json").json["claim"] == "equity >= initial requirement"
    assert ok(*check, "--buffer", "5/4", "--json").json["claim"].endswith("times 5/4")
    assert call(*check, "--buffer", "1.7").code == 1
    for bad in ("0.9", "x", "1/0", "70000"):
        assert call(*check, "--buffer", bad).code == 2


def test_an_account_error_names_its_line_and_no_amount(world: World, tmp_path: Path) -> None:
    account = tmp_path / "account.csv"
    account.write_text("instrument,size\nBTC-PERPETUAL,123456.78901\ncash,1\n")
    refused = call("check", *_market(world), "--account", account)
    assert refused.code == 2
    assert "account.csv:2" in refused.err
    assert "123456" not in refused.err + refused.out


def test_import_takes_two_columns(world: World, tmp_path: Path) -> None:
    export = tmp_path / "export.csv"
    export.write_text('Symbol,Side,Qty\nBTC-PERPETUAL,"sell, all",-2.5\nBTC-27FEB26-65000-P,buy,3\n')
    out = tmp_path / "account.csv"
    columns = ("--instrument-column", "Symbol", "--size-column", "Qty")
    done = ok("account", "import", export, *_market(world), *columns, "--cash", "1000.5", "--out", out, "--json")
    assert {entry["instrument"]: entry["size"] for entry in done.json["positions"]} == {
        "BTC-27FEB26-65000-P": "3",
        "BTC-PERPETUAL": "-2.5",
    }
    assert out.stat().st_mode & 0o077 == 0
    assert out.read_text().splitlines()[-1] == "cash,1000.5"
    again = call("account", "import", export, *_market(world), *columns, "--cash", "1", "--out", out)
    assert again.code == 2
    missing = call("account", "import", export, *_market(world), "--out", tmp_path / "x", "--json")
    assert (missing.code, missing.json["error"]["code"]) == (2, "E_ACCOUNT")
