"""``account import --format ccxt``, then ``check``: from what ccxt returns to a margin."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from calling import DEMO, MORNING, World, call, ok


def _market(world: World, folder: Path, rules: str, *symbols: str) -> list[object]:
    marks, market = folder / "marks.csv", folder / f"{rules}.json"
    marks.write_text("symbol,price\nBTCUSDT,66344.1\nETHUSDT,1950.5\n")
    only = [word for symbol in symbols for word in ("--only", symbol)]
    common = ["--domain", world["domain.json"], "--at", MORNING, "--price-time", MORNING, "--out", market, *only]
    ok("market", "build", DEMO / "binance_usdm_brackets_20260326.csv", marks, "--rules", rules, *common)
    return ["--rules", rules, "--market", market]


def _positions(folder: Path, *changes: dict[str, Any]) -> Path:
    common = {"info": {}, "contractSize": 1.0, "unrealizedPnl": 0.5, "hedged": False, "leverage": 15.0}
    path = folder / "positions.json"
    path.write_text(json.dumps([{**common, **changed} for changed in changes]))
    return path


BTC = {"symbol": "BTC/USDT:USDT", "side": "long", "contracts": 0.25, "entryPrice": 65000.5}
ETH = {"symbol": "ETH/USDT:USDT", "side": "short", "contracts": 3.0, "entryPrice": 2000.0}


def _balance(folder: Path, total: float) -> Path:
    path = folder / "balance.json"
    held = {"free": total, "used": 0.0, "total": total}
    path.write_text(json.dumps({"info": {}, "USDT": held, **{name: {"USDT": held[name]} for name in held}}))
    return path


def test_cash_is_net_of_what_was_paid(world: World, tmp_path: Path) -> None:
    market, out = _market(world, tmp_path, "cross_bracket", "BTCUSDT", "ETHUSDT"), tmp_path / "account.csv"
    files = [_positions(tmp_path, BTC, ETH), "--format", "ccxt", "--balance", _balance(tmp_path, 5000.25)]
    shown = ok("account", "import", *files, "--balance-is", "wallet", *market, "--out", out, "--json").json
    gains = Fraction("0.25") * (Fraction("66344.1") - Fraction("65000.5")) - 3 * (Fraction("1950.5") - 2000)
    assert Fraction(shown["equity"]) == Fraction("5000.25") + gains
    assert out.stat().st_mode & 0o077 == 0
    assert ok("check", *market, "--account", out, "--json").json["equity"] == shown["equity"]
    again = ok("account", "import", *files, "--balance-is", "equity", *market, "--out", out, "--force", "--json").json
    assert Fraction(again["equity"]) == Fraction(shown["equity"]) - 1


def test_a_rule_set_with_entries_gets_them(world: World, tmp_path: Path) -> None:
    market, out = _market(world, tmp_path, "isolated_bracket", "BTCUSDT"), tmp_path / "account.csv"
    files = [_positions(tmp_path, {**BTC, "marginMode": "isolated"}), "--format", "ccxt"]
    shown = ok("account", "import", *files, "--cash", "900", *market, "--out", out, "--json").json
    assert out.read_text().splitlines()[0] == "column,instrument,value"
    assert Fraction(shown["equity"]) == 900 + Fraction("0.25") * (Fraction("66344.1") - Fraction("65000.5"))
    found = ok("check", *market, "--account", out, "--json").json
    assert found["equity"] == shown["equity"]
    assert found["liquidationPrices"][0]["above"] is None
    # what is left at p of 0.25 BTC bought at 65,000.5 with 900 USD: the lowest p at which 0.4% are covered
    exact = (Fraction("0.25") * Fraction("65000.5") - 900) / (Fraction("0.25") * (1 - Fraction("0.004")))
    assert 0 <= Fraction(found["liquidationPrices"][0]["below"]) - exact < Fraction(1, 10**12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "give one of them"),
        (["--cash", "1", "--balance", "balance.json"], "give one of them"),
        (["--balance", "balance.json"], "go together"),
        (["--cash", "1", "--size-column", "Qty"], "is for --format csv"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], words: str, world: World, tmp_path: Path) -> None:
    market, out = ["--rules", "portfolio_scan", "--market", world["morning.market.json"]], tmp_path / "account.csv"
    refused = call("account", "import", tmp_path / "x.json", "--format", "ccxt", *options, *market, "--out", out)
    assert refused.code == 2
    assert words in refused.err
    assert not out.exists()


def test_a_venues_csv_has_no_balance_file(world: World, tmp_path: Path) -> None:
    market = ["--rules", "portfolio_scan", "--market", world["morning.market.json"]]
    refused = call("account", "import", tmp_path / "x.csv", "--map", "m.csv", *market, "--out", tmp_path / "a.csv")
    assert (refused.code, "is for --format ccxt" in refused.err) == (2, True)


def test_an_option_chain_takes_options_and_a_map(world: World, tmp_path: Path) -> None:
    market = ["--rules", "portfolio_scan", "--market", world["morning.market.json"]]
    option = {"symbol": "BTC/USD:BTC-260227-65000-P", "side": "short", "contracts": 18.0, "entryPrice": 0.02}
    symbols = tmp_path / "map.csv"
    symbols.write_text("symbol,instrument\nBTC/USD:USD,BTC-PERPETUAL\n")
    files = [_positions(tmp_path, option, {**BTC, "symbol": "BTC/USD:USD"}), "--format", "ccxt", "--map", symbols]
    shown = ok("account", "import", *files, "--cash", "600000", *market, "--out", tmp_path / "a.csv", "--json").json
    sizes = {entry["instrument"]: entry["size"] for entry in shown["positions"]}
    assert sizes == {"BTC-27FEB26-65000-P": "-18", "BTC-PERPETUAL": "0.25"}
    balance = ["--balance", _balance(tmp_path, 1), "--balance-is", "wallet"]
    refused = call("account", "import", *files, *balance, *market, "--out", tmp_path / "b.csv", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "E_ACCOUNT")
    assert "settles in BTC" in refused.out
