"""What ``check`` shows beyond the claim itself: risk, what-if trades, what restores margin."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from calling import DEMO, MORNING, World, call, ok

ACCOUNT = DEMO / "account.csv"
CHAIN = DEMO / "chain_btc_20260205T093647Z.csv"


def _check(world: World, name: str = "morning") -> list[object]:
    return ["check", "--rules", "portfolio_scan", "--market", world[f"{name}.market.json"], "--account", ACCOUNT]


def test_both_requirements_and_what_positions_add(world: World) -> None:
    found = ok(*_check(world), "--json").json
    both = found["requirements"]
    assert set(both) == {"maintenance", "initial"}
    assert both["maintenance"]["requirement"] == found["requirement"]
    for side in both.values():
        assert Fraction(side["headroom"]) == Fraction(side["equity"]) - Fraction(side["requirement"])
        ratio = Fraction(side["requirement"]) / Fraction(side["equity"])
        assert abs(Fraction(side["marginRatio"]) - ratio) <= Fraction(1, 10**6)
        carried = Fraction(found["notional"]) / Fraction(side["total"])
        assert abs(Fraction(side["efficiency"]) - carried) <= Fraction(1, 10**6)
    assert len(found["positions"]) == 27
    assert Fraction(found["notional"]) == sum(abs(Fraction(entry["value"])) for entry in found["positions"])
    assert found["closes"] == []
    assert found["deposits"] == []
    assert "--chain" in found["missing"]["distances"]
    assert "--chain" in found["missing"]["greeks"]


def test_the_claim_holds_at_liquidation_prices(world: World) -> None:
    prices = ok(*_check(world), "--json").json["liquidationPrices"]
    assert len(prices) == 27
    perpetual = next(entry for entry in prices if entry["instrument"] == "BTC-PERPETUAL")
    assert perpetual["below"] is None
    assert Fraction(perpetual["above"]) > Fraction(perpetual["price"])


def test_a_chain_tells_distances_and_greeks(world: World) -> None:
    found = ok(*_check(world), "--chain", CHAIN, "--json").json
    (distance,) = found["liquidationDistances"]
    assert (distance["underlying"], Fraction(distance["down"]) < 0 < Fraction(distance["up"])) == ("BTC", True)
    (greeks,) = found["greeks"]
    assert set(greeks) == {"underlying", "cashDelta", "cashGamma", "vega", "theta"}
    text = ok(*_check(world), "--chain", CHAIN).out
    for word in ("maintenance holds to a move of", "greeks (USD)", "what closing takes off", "of equity", "notional"):
        assert word in text
    assert "not shown" not in text
    other = call(*_check(world), "--chain", DEMO / "chain_btc_20260205T212937Z.csv", "--json")
    assert (other.code, other.json["error"]["code"]) == (2, "E_MARKET_SOURCE")


def test_what_if(world: World) -> None:
    plain = ok(*_check(world), "--json").json
    found = ok(*_check(world), "--with", "BTC-PERPETUAL=-2@71000", "--with", "BTC-13FEB26=1", "--json").json
    assert found["headroomBefore"] == plain["headroom"]
    mark = Fraction(next(e["price"] for e in plain["liquidationPrices"] if e["instrument"] == "BTC-PERPETUAL"))
    assert Fraction(found["equity"]) == Fraction(plain["equity"]) + 2 * (71000 - mark)
    assert "before the trades" in ok(*_check(world), "--with", "BTC-PERPETUAL=-2").out
    for trade, code in (
        ("BTC-PERPETUAL", "E_ACCOUNT"),
        ("BTC-PERPETUL=1", "E_INSTRUMENT"),
        ("BTC-PERPETUAL=1e3", "E_DEC"),
    ):
        refused = call(*_check(world), "--with", trade, "--json")
        assert refused.code == 2
        assert refused.json["error"]["code"].startswith(code)


def test_closes_restore_the_claim(world: World) -> None:
    found = call(*_check(world, "evening"), "--json").json
    assert found["closes"]
    trades = [word for close in found["closes"] for word in ("--with", f"{close['position']}={close['size']}")]
    assert ok(*_check(world, "evening"), *trades, "--json").json["holds"] is True
    text = call(*_check(world, "evening")).out
    assert "or close, at today's marks" in text
    assert "maintenance fails at today's prices" in text


def test_tiers_of_a_real_venue(world: World, tmp_path: Path) -> None:
    """Binance's brackets: linear contracts, so distances and delta need no chain."""
    marks = tmp_path / "marks.csv"
    marks.write_text("symbol,price\nBTCUSDT,66344.1\nETHUSDT,1950.5\n")
    market, account = tmp_path / "market.json", tmp_path / "account.csv"
    brackets = DEMO / "binance_usdm_brackets_20260326.csv"
    only = ["--only", "BTCUSDT", "--only", "ETHUSDT", "--price-time", MORNING]
    common = ["--rules", "cross_bracket", "--domain", world["domain.json"], "--at", MORNING, "--out", market]
    ok("market", "build", brackets, marks, *common, *only)
    rows = ("size,BTCUSDT,2", "size,ETHUSDT,-10", "own_rate,BTCUSDT,0.05", "own_rate,ETHUSDT,0.04", "cash,,-103000")
    account.write_text("\n".join(("column,instrument,value", *rows, "")))
    found = ok("check", "--rules", "cross_bracket", "--market", market, "--account", account, "--json").json
    assert found["missing"] == {}
    assert {entry["underlying"] for entry in found["liquidationDistances"]} == {"BTC", "ETH"}
    delta = {entry["underlying"]: Fraction(entry["cashDelta"]) for entry in found["greeks"]}
    assert delta == {"BTC": Fraction("132688.2"), "ETH": Fraction(-19505)}
    equity = Fraction("132688.2") - 19505 - 103000
    # maintenance: 0.4% of each notional (below the first bound of 300,000 USD, ETH 300,000)
    bitcoin = next(entry for entry in found["liquidationPrices"] if entry["instrument"] == "BTCUSDT")
    rate = Fraction("0.004")
    exact = (Fraction("103000") + 19505 + 19505 * rate) / (2 - 2 * rate)
    assert exact <= Fraction(bitcoin["below"]) < exact + Fraction(1, 10**8)
    assert Fraction(found["equity"]) == equity


@pytest.mark.parametrize("option", ["--with", "--chain"])
def test_help_names_them(option: str) -> None:
    assert option in ok("check", "--help").out
