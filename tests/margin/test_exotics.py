"""Barrier and Asian options: closed forms, limits that are vanilla options, scenarios, refusals, the listing."""

from __future__ import annotations

import sys
from dataclasses import replace
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
import QuantLib as ql
from exotic_options import DESK, EXPIRY, FIXINGS, asian, barrier, document, read
from real_chains import MOMENTS, real_chain

from zkmargin.circuits.rules import check_tables, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import AmountDecimals, MarketSource, PackageMissing, SchemaType, SchemaUnknownField, ZkMarginError
from zkmargin.margin.build import PricedRow, build_market
from zkmargin.margin.exotics import price_exotics, read_exotics
from zkmargin.margin.pricing import black_76
from zkmargin.margin.scenarios import Grid, VolatilityMove, deribit_grid
from zkmargin.margin.schema import ColumnSchema
from zkmargin.margin.tables import Listing
from zkmargin.margin.terms import Barrier

CHAIN = real_chain("BTC", MOMENTS[1])
TIME = 1774598400
YEARS = (TIME - CHAIN.time) / (365 * 86400)
SPOT, FORWARD = CHAIN.index, CHAIN.forwards[TIME]
RATE = log(FORWARD / SPOT) / YEARS
GRID = deribit_grid()
STILL = Grid(tuple(scenario for scenario in GRID.scenarios if scenario.name == "0% vol same"))
N = NormalDist().cdf


def rows(*contracts: dict[str, Any], grid: Grid = STILL) -> list[PricedRow]:
    return list(price_exotics(read(*contracts), [CHAIN], grid))


def vanilla(strike: float, volatility: float, is_call: bool, move: float = 0.0) -> float:
    value = float(black_76(FORWARD * (1 + move), strike, volatility, YEARS, is_call))
    return value * SPOT / FORWARD


def down_out_call(spot: float, strike: float, level: float, volatility: float) -> float:
    """Merton (1973): a vanilla call less one that begins at a barrier below the strike."""
    total = volatility * sqrt(YEARS)
    slope = 2 * (RATE + volatility**2 / 2) / volatility**2
    y = log(level**2 / (spot * strike)) / total + slope / 2 * total
    begun = spot * (level / spot) ** slope * N(y)
    begun -= strike * exp(-RATE * YEARS) * (level / spot) ** (slope - 2) * N(y - total)
    d1 = log(spot / strike) / total + slope / 2 * total
    return spot * N(d1) - strike * exp(-RATE * YEARS) * N(d1 - total) - begun


def test_a_down_and_out_call_in_every_scenario() -> None:
    (row,) = rows(barrier("B", "down-out", "60000"), grid=GRID)
    assert row.mark == pytest.approx(down_out_call(SPOT, 70000, 60000, row.volatility), rel=1e-9)
    days = np.array([YEARS * 365])
    for scenario, gain in zip(GRID.scenarios, row.gains, strict=True):
        spot = SPOT * (1 + float(scenario.price_shock))
        volatility = row.volatility * float(GRID.volatility_shock.factor(days, scenario.volatility)[0])
        then = down_out_call(spot, 70000, 60000, volatility) if spot > 60000 else 0.0
        assert row.mark + gain == pytest.approx(then, rel=1e-8, abs=1e-6)
    touched = [gain for s, gain in zip(GRID.scenarios, row.gains, strict=True) if float(s.price_shock) < -0.3]
    assert touched == [pytest.approx(-row.mark)] * 2


@pytest.mark.parametrize("option_type", ["call", "put"])
@pytest.mark.parametrize(("side", "level"), [("down", "60000"), ("up", "84000"), ("down", "71000")])
def test_what_begins_and_what_ceases_are_the_whole(side: str, level: str, option_type: str) -> None:
    """In every scenario, on both sides of the barrier."""
    begun, ceased = (barrier(kind, f"{side}-{kind}", level, option_type=option_type) for kind in ("in", "out"))
    one, other = rows(begun, ceased, grid=GRID)
    days = np.array([YEARS * 365])
    is_call = option_type == "call"
    assert one.mark + other.mark == pytest.approx(vanilla(70000, one.volatility, is_call), abs=1e-5)
    for at, scenario in enumerate(GRID.scenarios):
        volatility = one.volatility * float(GRID.volatility_shock.factor(days, scenario.volatility)[0])
        whole = vanilla(70000, volatility, is_call, float(scenario.price_shock))
        assert one.mark + other.mark + one.gains[at] + other.gains[at] == pytest.approx(whole, abs=1e-3)


def geometric(strike: float, volatility: float, is_call: bool, parts: list[float]) -> float:
    """Kemna and Vorst (1990), over discrete fixings: the average is lognormal."""
    mean = log(SPOT) + (RATE - volatility**2 / 2) * YEARS * float(np.mean(parts))
    variance = volatility**2 * YEARS * float(np.mean(np.minimum.outer(parts, parts)))
    forward = exp(mean + variance / 2)
    return float(black_76(forward, strike, sqrt(variance), 1.0, is_call)) * exp(-RATE * YEARS)


PARTS = [(TIME - 86400 * back - CHAIN.time) / (TIME - CHAIN.time) for back in range(6, -1, -1)]


@pytest.mark.parametrize("option_type", ["call", "put"])
def test_geometric_averages(option_type: str) -> None:
    (row,) = rows(asian("G", "geometric", FIXINGS, option_type=option_type))
    assert row.mark == pytest.approx(geometric(70000, row.volatility, option_type == "call", PARTS), rel=2e-5)


def test_arithmetic_averages_against_paths_of_our_own() -> None:
    """200,000 antithetic paths with the geometric average as control: standard error below a dollar."""
    (row,) = rows(asian("A", "arithmetic", FIXINGS))
    steps = np.diff([0.0, *PARTS]) * YEARS
    normal = np.random.default_rng(5).standard_normal((100_000, len(steps)))
    normal = np.concatenate([normal, -normal])
    drift = (RATE - row.volatility**2 / 2) * steps
    path = np.log(SPOT) + np.cumsum(drift + row.volatility * np.sqrt(steps) * normal, axis=1)
    discount = exp(-RATE * YEARS)
    averages = np.maximum(np.exp(path).mean(axis=1) - 70000, 0) * discount
    control = np.maximum(np.exp(path.mean(axis=1)) - 70000, 0) * discount
    ours = averages.mean() - control.mean() + geometric(70000, row.volatility, True, PARTS)
    assert abs(row.mark - ours) < 1e-4 * SPOT
    assert row.mark > geometric(70000, row.volatility, True, PARTS)


@pytest.mark.parametrize("method", ["arithmetic", "geometric"])
def test_an_average_of_the_expiry_alone_is_a_vanilla_option(method: str) -> None:
    row = rows(asian("X", method, [EXPIRY], option_type="put"))[0]
    assert row.mark == pytest.approx(vanilla(70000, row.volatility, False), rel=1e-9)


def test_observations_move_the_strike() -> None:
    """Half observed at 71,000: the other half is worth half an option struck at 69,000. Far above, it surely pays."""
    past = ["2026-02-01T08:00:00Z"]
    (half,) = rows(asian("H", "arithmetic", [*past, EXPIRY], ["71000"]))
    assert half.mark == pytest.approx(vanilla(69000, half.volatility, True) / 2, rel=1e-9)
    sure, never = rows(
        asian("S", "arithmetic", [*past, EXPIRY], ["150000"]),
        asian("N", "arithmetic", [*past, EXPIRY], ["150000"], option_type="put"),
    )
    assert sure.mark == pytest.approx((FORWARD + 10000) / 2 * SPOT / FORWARD, rel=1e-9)
    assert never.mark == 0
    (powers,) = rows(asian("G", "geometric", [*past, EXPIRY], ["70000"]))
    strike, total = 70000.0, powers.volatility * sqrt(YEARS) / 2  # the average is sqrt(70000 S_T)
    forward = sqrt(70000 * FORWARD) * exp(-(total**2) / 2)
    assert powers.mark == pytest.approx(float(black_76(forward, strike, total, 1.0, True)) * SPOT / FORWARD, rel=1e-8)


def test_the_volatility_is_the_chains() -> None:
    quoted = {float(q.strike): float(q.volatility) for q in CHAIN.options if q.expiry == TIME and q.is_call}
    listed, between, beyond = rows(
        barrier("A", "up-out", "200000", strike="70000"),
        barrier("B", "up-out", "200000", strike="70500"),
        barrier("C", "down-out", "100", strike="9000"),
    )
    assert listed.volatility == quoted[70000.0]
    around = sorted(quoted)[sorted(quoted).index(70000.0) :][:2]
    weight = 500 / (around[1] - 70000)
    assert between.volatility == pytest.approx((1 - weight) * quoted[70000.0] + weight * quoted[around[1]])
    assert beyond.volatility == quoted[min(quoted)]


def test_rows_beside_the_chain() -> None:
    """Under the charges for short options too: each in a series of its own, on its coin."""
    rules = load_rules("deribit_pm")
    schema = table_schema(rules)
    contracts = read(*DESK)
    priced = price_exotics(contracts, [CHAIN], GRID)
    market, plain = build_market([CHAIN], schema, priced=priced), build_market([CHAIN], schema)
    check_tables(rules, market.tables)
    rows, names = plain.tables.sizes["instrument"], market.tables.names
    assert names["instrument"][rows:] == tuple(contract["id"] for contract in DESK)
    for name, column in plain.tables.columns.items():
        assert market.tables.columns[name].values[:rows].tolist() == column.values.tolist()
    assert market.tables.columns["is_option"].values[rows:].tolist() == [1] * 4
    assert market.tables.columns["unit_delta"].values[rows:].tolist() == [0] * 4
    weights = np.array([float(scenario.weight) for scenario in GRID.scenarios])
    for at, row in enumerate(priced, start=rows):
        assert int(market.tables.columns["mark"].values[at]) == round(row.mark * 10**8)
        found = np.array(market.tables.columns["pnl"].values[at].tolist()) / 1e8
        assert found == pytest.approx(row.gains * weights, abs=1e-7)
    indices = market.tables.labels["series"].indices
    assert [names["series"][at] for at in indices[rows:]] == [contract["id"] for contract in DESK]
    assert market.sources == (*plain.sources, contracts[0].sources[0])
    asked = replace(schema, columns=(ColumnSchema("delta", ("instrument",), 4, -(10**4), 10**4),))
    with pytest.raises(MarketSource, match="valued elsewhere have nothing for the column `delta`"):
        build_market([CHAIN], asked, priced=priced)


def test_the_listing_says_what_a_contract_is() -> None:
    listed = tuple(contract.instrument for contract in read(*DESK))
    listing = Listing(listed, 4, "usd", 6)
    shown = listing.to_json()
    assert Listing.of_json(shown) == listing
    assert shown["instruments"][0]["barrier"] == {"type": "down-out", "level": "60000"}
    assert shown["instruments"][3]["averaging"]["fixings"][-1] == str(TIME)
    plain = build_market([CHAIN], table_schema(load_rules("portfolio_scan"))).listing
    assert (
        plain.digest.hex() == "dbf689c4f51118f3ee0f9db7f576a0ee0d9efd3b168485c5666e9303ca1e614a"
    )  # as before there were such kinds
    lower = Listing((replace(listed[0], barrier=Barrier("down-out", "59000")), *listed[1:]), 4, "usd", 6)
    assert lower.digest != listing.digest


@pytest.mark.parametrize(
    ("at", "changes", "error"),
    [
        (0, {"barrier": {"type": "down-out"}}, SchemaType),
        (0, {"barrier": {"type": "out", "level": "60000"}}, SchemaType),
        (0, {"barrier": {"type": "down-out", "level": "0"}}, SchemaType),
        (0, {"barrier": {"type": "down-out", "level": "60000.0"}}, AmountDecimals),
        (0, {"barrier": {"type": "down-out", "level": "60000", "rebate": "1"}}, SchemaUnknownField),
        (0, {"barrier": None}, SchemaType),
        (0, {"kind": "option"}, SchemaUnknownField),
        (0, {"kind": "asian"}, SchemaUnknownField),
        (0, {"averaging": None}, SchemaUnknownField),
        (2, {"averaging": {"method": "harmonic", "fixings": ["1774598400"]}}, SchemaType),
        (2, {"averaging": {"method": "geometric", "fixings": []}}, SchemaType),
        (2, {"averaging": {"method": "geometric", "fixings": ["1774598400", "1774512000"]}}, SchemaType),
        (2, {"averaging": {"method": "geometric", "fixings": ["1774598401"]}}, SchemaType),
        (2, {"strike": None}, SchemaType),
    ],
)
def test_strange_listings(at: int, changes: dict[str, Any], error: type[ZkMarginError]) -> None:
    shown = Listing(tuple(contract.instrument for contract in read(*DESK)), 4, "usd", 6).to_json()
    shown["instruments"][at] |= changes
    with pytest.raises(error):
        Listing.of_json(shown)


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        (barrier("X", "down-out", "80000"), "`X` has reached its barrier"),
        (barrier("X", "up-in", "60000"), "`X` has reached its barrier"),
        (barrier("X", "down-out", "60000") | {"underlying": "ETH"}, "without a chain; got ETH"),
        (barrier("X", "down-out", "60000") | {"expiry": "2026-03-28T08:00:00Z"}, "that the chain does not quote"),
        (asian("X", "geometric", FIXINGS, ["70000"]), "expected 0 observed, got 1"),
        (asian("X", "geometric", ["2026-02-01T08:00:00Z", EXPIRY]), "expected 1 observed, got 0"),
        (asian("X", "geometric", ["2026-02-01T08:00:00Z"], ["70000"]), "has no fixing left"),
    ],
)
def test_what_cannot_be_priced(contract: dict[str, Any], words: str) -> None:
    with pytest.raises(MarketSource, match=words):
        rows(contract)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"{}", MarketSource, "has no field `exotics`"),
        (b'{"exotics": []}', MarketSource, "array that is not empty"),
        (document({}), MarketSource, r"has no field `id`; x.json.exotics\[0\]"),
        (document(barrier("X", "down-out", "1") | {"rebate": 1}), MarketSource, "the field `rebate` is not known"),
        (document(barrier("X", "down-out", "1") | asian("X", "geometric", FIXINGS)), MarketSource, "one of them"),
        (document(barrier("X", "sideways", "1")), SchemaType, "unknown type of barrier"),
        (document(barrier("X", "down-out", "-1")), MarketSource, "must be above zero"),
        (document(barrier("X", "down-out", "1") | {"expiry": "2026-03-27"}), MarketSource, "is no time"),
        (document(barrier("X", "down-out", "1") | {"optionType": "digital"}), SchemaType, "unknown option type"),
        (document(asian("X", "geometric", list(reversed(FIXINGS)))), SchemaType, "fixings ascend"),
        (document(asian("X", "median", FIXINGS)), SchemaType, "unknown average"),
    ],
)
def test_strange_files(content: bytes, error: type[ZkMarginError], words: str) -> None:
    with pytest.raises(error, match=words):
        read_exotics(content, "x.json")


def test_without_quantlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "QuantLib", None)
    with pytest.raises(
        PackageMissing, match=r"needs the package QuantLib; install it: pip install 'zkmargin\[markets\]'"
    ):
        rows(DESK[0])


def test_quantlibs_date_is_put_back() -> None:
    settings, held = ql.Settings.instance(), ql.Date(3, 4, 2025)
    settings.evaluationDate = held
    rows(DESK[0])
    assert settings.evaluationDate == held
    assert {scenario.volatility for scenario in STILL.scenarios} == {VolatilityMove.SAME}
