"""Staked and wrapped collateral: prices, tiers, moves, and every refusal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from real_chains import MOMENTS, path_of, real_chain

from zkmargin.circuits.rules import check_tables, evaluate, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import MarketSource
from zkmargin.margin.build import build_market
from zkmargin.margin.haircuts import CollateralAsset, HaircutTier, haircut_columns, read_collateral
from zkmargin.margin.scenarios import deribit_grid
from zkmargin.margin.sources import build_from_files

FILE = Path(__file__).parents[1] / "data" / "collateral_eth.csv"
RULES = load_rules("portfolio_collateral")
SCHEMA = table_schema(RULES)
CHAIN = real_chain("ETH", MOMENTS[1])
GRID = deribit_grid()
HEADER = "asset,underlying,exchange_rate,discount,haircut,bound\n"


def tables() -> dict[str, list]:  # type: ignore[type-arg]
    market = build_from_files([path_of("ETH", MOMENTS[1]), FILE], SCHEMA)
    check_tables(RULES, market.tables)
    return {name: column.values.tolist() for name, column in market.tables.columns.items()}


def test_prices_are_the_underlyings_less_the_discount() -> None:
    found = tables()["price"]
    index = Fraction(Decimal(repr(CHAIN.index)))
    staked = index * Fraction(9991, 10_000)
    exact = [index, staked, staked * Fraction(12258, 10_000), Fraction(9997, 10_000)]
    for value, price in zip(found, exact, strict=True):
        assert 0 <= price * 10**6 - value < 1  # rounded down
    assert found[1] < found[0] < found[2]


def counted(value: Fraction, tiers: list[tuple[str, int]]) -> Fraction:
    """Each part of a value at its tier's haircut."""
    total, below = Fraction(0), 0
    for haircut, bound in tiers:
        total += max(Fraction(0), min(value, Fraction(bound)) - below) * (1 - Fraction(haircut))
        below = bound
    return total


@pytest.mark.parametrize("held", [0, 1, 10**8, 2_200 * 10**8, 8_000 * 10**8, 30_000 * 10**8])
def test_what_an_amount_counts_for(held: int) -> None:
    """Staked ether in the first tier, at its end, in the second, in the third."""
    market = build_from_files([path_of("ETH", MOMENTS[1]), FILE], SCHEMA)
    size = [0] * market.tables.sizes["instrument"]
    found = evaluate(RULES, market.tables, {"size": size, "held": [0, held, 0, 0], "cash": 0})
    value = Fraction(held * int(market.tables.columns["price"].values[1]), 10**14)
    tiers = [("0.10", 5_000_000), ("0.25", 20_000_000), ("0.60", 10**15)]
    assert Fraction(int(found.values["equity"]), found.denominators["equity"]) == counted(value, tiers)


def test_values_move_with_the_coin() -> None:
    """A loss at the first tier's weight, a gain at the last's; a dollar stays; times the scenario's weight."""
    columns = tables()
    prices, weights, gains = columns["price"], columns["weight"], columns["asset_gain"]
    for row, scenario in enumerate(GRID.scenarios):
        move = Fraction(scenario.price_shock) * Fraction(scenario.weight)
        for asset in range(3):
            part = Fraction(weights[asset][0 if move < 0 else -1], 10_000)
            exact = Fraction(prices[asset]) * move * part
            assert 0 <= exact - gains[row][asset] < 1
        assert gains[row][3] == 0


def test_a_covered_call_needs_little() -> None:
    """Ether against calls short: the coins gain what the calls lose, but for the haircut and what volatility adds."""
    market = build_from_files([path_of("ETH", MOMENTS[1]), FILE], SCHEMA)
    size = [0] * len(market.listing)
    size[market.listing.row("ETH-27MAR26-2200-C")] = -100 * 10**4
    needed = []
    for coins in (0, 100 * 10**8):
        found = evaluate(RULES, market.tables, {"size": size, "held": [coins, 0, 0, 0], "cash": 0})
        needed.append(Fraction(int(found.values["maintenance"]), found.denominators["maintenance"]))
    assert needed[1] < needed[0]


def test_the_listing_names_the_assets() -> None:
    market = build_from_files([path_of("ETH", MOMENTS[1]), FILE], SCHEMA)
    assert market.listing.axes == {"asset": ("ETH", "stETH", "wstETH", "USDC")}
    assert market.tables.names["tier"] == ("1", "2", "3")
    assert market.tables.columns["weight"].values.tolist()[0] == [9500, 8800, 8800]
    assert market.sources[-1].name == FILE.name


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", "the file has no asset"),
        ("A,ETH,1,0,0.1,\nB,ETH,1,0,0.1,\nA,ETH,1,0,0.2,\n", "the rows of `A` stand apart"),
        ("A,ETH,1,0,0.1,5\nA,ETH,1,0.1,0.2,\n", "another underlying, rate or discount"),
        ("A,ETH,0,0,0.1,\n", "a rate is above 0"),
        ("A,ETH,1,-0.01,0.1,\n", "a discount at least 0"),
        ("A,ETH,1,1,0.1,\n", "below 1"),
        ("A,ETH,1,0,1.1,\n", "haircuts of 0 to 1"),
        ("A,ETH,1,0,0.1,5\n", "every tier but the last has a bound"),
        ("A,ETH,1,0,0.1,\nA,ETH,1,0,0.2,\n", "every tier but the last has a bound"),
        ("A,ETH,1,0,0.2,5\nA,ETH,1,0,0.1,\n", "haircuts and bounds of tiers rise"),
        ("A,ETH,1,0,0.1,5\nA,ETH,1,0,0.2,5\nA,ETH,1,0,0.3,\n", "haircuts and bounds of tiers rise"),
        ("A,ETH,1,0,0.1,-5\nA,ETH,1,0,0.2,\n", "must be above zero"),
        ("A,ETH,1,0,x,\n", "`haircut` is not a number; got x; x.csv:2"),
        ("A,ETH,1,0\n", "wrong number of cells"),
    ],
)
def test_strange_files(rows: str, words: str) -> None:
    with pytest.raises(MarketSource, match=words):
        read_collateral((HEADER + rows).encode(), "x.csv")


def test_what_does_not_go_together() -> None:
    assets = read_collateral(FILE.read_bytes(), FILE.name)
    with pytest.raises(MarketSource, match="`ETH` is of a coin without a chain"):
        haircut_columns(assets, [real_chain("BTC", MOMENTS[1])], GRID, SCHEMA)
    with pytest.raises(MarketSource, match="listed twice"):
        haircut_columns([*assets, assets[0]], [CHAIN], GRID, SCHEMA)
    with pytest.raises(MarketSource, match="lacks a column that another one needs; expected `price`"):
        haircut_columns(assets, [CHAIN], GRID, table_schema(load_rules("portfolio_scan")))
    with pytest.raises(MarketSource, match="nothing for the axis `asset`"):
        build_market([CHAIN], SCHEMA)
    coarse = replace(
        SCHEMA, columns=tuple(replace(c, decimals=2) if c.name == "allowance" else c for c in SCHEMA.columns)
    )
    with pytest.raises(MarketSource, match="as many decimals as bounds and weights"):
        haircut_columns(assets, [CHAIN], GRID, coarse)
    turned = replace(
        SCHEMA, columns=tuple(replace(c, axes=c.axes[::-1]) if c.name == "asset_gain" else c for c in SCHEMA.columns)
    )
    with pytest.raises(MarketSource, match="column `asset_gain` has other axes"):
        build_market([CHAIN], turned, collateral=haircut_columns(assets, [CHAIN], GRID, turned))


def test_rounding_never_counts_more() -> None:
    """A haircut and a bound with more decimals than their columns have: at every value at most what they say."""
    tiers = (HaircutTier(Fraction(1, 3), Fraction(100_000, 7)), HaircutTier(Fraction(2, 3)))
    asset = CollateralAsset("X", "ETH", Fraction(10, 9), Fraction(1, 7), tiers)
    columns = haircut_columns([asset], [CHAIN], GRID, SCHEMA).columns
    weight, allowance = columns["weight"].values[0], columns["allowance"].values[0]
    for value in np.linspace(0, 10**5, 500).astype(int).tolist():
        exact = min(value * Fraction(2, 3), value * Fraction(1, 3) + Fraction(100_000, 7) / 3)
        found = min(
            value * Fraction(int(w), 10**4) + Fraction(int(a), 10**6) for w, a in zip(weight, allowance, strict=True)
        )
        assert found <= exact
