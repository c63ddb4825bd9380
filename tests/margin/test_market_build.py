"""Chains to tables: rows, columns, labels, rounding, bounds, capacities."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from decimal import Decimal
from statistics import NormalDist

import numpy as np
import pytest

from zkmargin.errors import AmountDecimals, Capacity, MarketSource, ParameterCondition, SchemaType
from zkmargin.margin.build import build_market, default_parameters, round_half_even
from zkmargin.margin.chain import Chain
from zkmargin.margin.market import Market
from zkmargin.margin.scenarios import Grid, VolatilityMove, deribit_grid
from zkmargin.margin.schema import AxisSchema, ColumnSchema, LabelSchema, TableSchema
from zkmargin.margin.tables import Listing, Tables

LARGE = 10**15


@pytest.fixture(scope="module")
def market(morning: Chain, schema: TableSchema) -> Market:
    return build_market([morning], schema)


def test_rows_and_listing(market: Market, morning: Chain) -> None:
    instruments = market.listing.instruments
    assert len(instruments) == 800
    assert [instrument.kind for instrument in instruments[791:]] == ["option", *["future"] * 7, "perpetual"]
    assert market.tables.sizes == {
        "instrument": 800,
        "scenario": 35,
        "underlying": 1,
        "series": 396,
        "expiry": 12,
    }
    first, last = instruments[0], instruments[-1]
    assert (first.id, first.strike, first.option_type) == ("BTC-6FEB26-60000-C", "60000", "call")
    assert (first.settlement, first.multiplier) == ("BTC", "1")
    assert (last.id, last.expiry, last.settlement) == ("BTC-PERPETUAL", None, "USD")
    keys = [(instrument.expiry, float(instrument.strike or 0)) for instrument in instruments[:792]]
    assert keys == sorted(keys)
    assert market.price_time == morning.time == 1770284207
    assert market.sources == morning.sources


def test_marks(market: Market, morning: Chain) -> None:
    marks = market.tables.columns["mark"].values
    for row, quote in enumerate(morning.options):
        exact = quote.mark * Decimal(repr(morning.index)) * 10**8
        assert abs(Decimal(int(marks[row])) - exact) <= Decimal("0.51")
    assert [int(mark) for mark in marks[792:]] == [int(quote.price * 10**8) for quote in morning.futures]


def test_pnl_equals_a_scalar_revaluation(market: Market, morning: Chain) -> None:
    """Every 37th option in every scenario, from the formulas on the standard library alone."""
    pnl = market.tables.columns["pnl"].values
    cdf = NormalDist().cdf

    def value(forward: float, strike: float, sigma: float, years: float, is_call: bool) -> float:
        total = sigma * math.sqrt(years)
        d1 = math.log(forward / strike) / total + total / 2
        call = forward * cdf(d1) - strike * cdf(d1 - total)
        return call if is_call else call - forward + strike

    for row in range(0, 792, 37):
        quote = morning.options[row]
        forward, strike, sigma = morning.forwards[quote.expiry], float(quote.strike), float(quote.volatility)
        days = (quote.expiry - morning.time) / 86400
        ratio = 30 / max(days, 1.0)
        scaled = ratio ** (0.3 if days < 30 else 0.13)
        factors = {"up": 1 + 0.5 * scaled, "same": 1.0, "down": 1 - 0.25 * scaled}
        now = value(forward, strike, sigma, days / 365, quote.is_call)
        for column, scenario in enumerate(deribit_grid().scenarios):
            shock = float(scenario.price_shock)
            weight = 1.0 if column < 27 else 0.036 / abs(shock)
            moved = value(
                forward * (1 + shock),
                strike,
                sigma * factors[scenario.volatility.value],
                days / 365,
                quote.is_call,
            )
            expected = weight * (moved - now) * morning.index / forward
            assert int(pnl[row, column]) / 1e8 == pytest.approx(expected, abs=2e-6)


def test_pnl_of_futures_is_linear(market: Market, morning: Chain) -> None:
    pnl = market.tables.columns["pnl"].values
    for row, quote in enumerate(morning.futures, start=792):
        for column, scenario in enumerate(deribit_grid().scenarios):
            exact = quote.price * scenario.price_shock * scenario.weight * 10**8
            assert abs(int(pnl[row, column]) - exact) <= 1


def test_parity_holds_in_every_scenario(market: Market, morning: Chain) -> None:
    """A call less a put of one strike and volatility gains what the discounted forward gains."""
    pnl = market.tables.columns["pnl"].values
    shocks = np.array([float(s.price_shock * s.weight) for s in deribit_grid().scenarios])
    for row in range(0, 792, 2):
        call, put = morning.options[row : row + 2]
        assert (call.is_call, put.is_call, call.strike) == (True, False, put.strike)
        if call.volatility == put.volatility:
            gained = (pnl[row] - pnl[row + 1]).astype(float) / 1e8
            assert gained == pytest.approx(morning.index * shocks, abs=1e-6)


def test_no_move_no_gain_and_signs(market: Market) -> None:
    tables = market.tables
    pnl = {name: tables.columns["pnl"].values[:, at] for at, name in enumerate(tables.names["scenario"])}
    assert not pnl["0% vol same"].any()
    assert all(gain >= 0 for gain in pnl["0% vol up"])
    assert all(gain <= 0 for gain in pnl["0% vol down"])
    calls = np.array(tables.columns["is_call"].values.tolist(), dtype=bool)
    puts = np.array(tables.columns["is_option"].values.tolist(), dtype=bool) & ~calls
    assert all(gain >= 0 for gain in pnl["+16% vol same"][calls])
    assert all(gain >= 0 for gain in pnl["-16% vol same"][puts])


def test_flags_strikes_times(market: Market, morning: Chain) -> None:
    columns = {name: column.values.tolist() for name, column in market.tables.columns.items()}
    assert columns["is_option"] == [1] * 792 + [0] * 8
    assert columns["unit_delta"] == [0] * 792 + [10**8] * 8
    assert columns["delta"][792:] == [10**8] * 8
    assert columns["strike"][:2] == [6000000, 6000000]
    assert columns["strike"][792:] == [0] * 8
    assert columns["expiry_time"][0] == 1770364800
    assert columns["expiry_time"][-1] == 0
    assert columns["forward"][0] == 7143323
    assert columns["forward"][-1] == 7147062
    for row, quote in enumerate(morning.options):
        assert (columns["delta"][row] >= 0) is quote.is_call or columns["delta"][row] == 0


def test_labels(market: Market) -> None:
    tables = market.tables
    assert set(tables.labels["underlying"].indices) == {0}
    series, expiry = tables.labels["series"], tables.labels["expiry"]
    assert series.indices[:4] == (0, 0, 1, 1)
    assert series.indices[792:] == (-1,) * 8
    assert tables.names["series"][0] == "BTC-6FEB26-60000"
    assert tables.names["expiry"][expiry.indices[793]] == "BTC-13FEB26"
    assert expiry.indices[-1] == -1
    for row, instrument in enumerate(market.listing.instruments[:792]):
        assert instrument.id.startswith(tables.names["series"][series.indices[row]] + "-")


def test_parameters(market: Market, morning: Chain, schema: TableSchema) -> None:
    values = {name: int(column.values) for name, column in market.tables.parameters.items()}
    assert values == {"short_rate": 71471, "offset_rate": 71471, "im_factor": 13000}  # 714.7062 rounded up
    given = build_market([morning], schema, {"short_rate": "500.25"}).tables.parameters
    assert int(given["short_rate"].values) == 50025
    assert default_parameters([morning])["short_rate"] == Decimal("714.7062")
    with pytest.raises(MarketSource, match="no parameter `shrot_rate`"):
        build_market([morning], schema, {"shrot_rate": "1"})
    with pytest.raises(AmountDecimals):
        build_market([morning], schema, {"short_rate": "1.234"})
    with pytest.raises(ParameterCondition, match="im_factor"):
        build_market([morning], schema, {"im_factor": "0.5"})
    own = replace(schema, parameters=(ColumnSchema("short_rate", (), 2, 0, 10**8, default=250),))
    assert int(build_market([morning], own).tables.parameters["short_rate"].values) == 250
    assert int(build_market([morning], own, {"short_rate": "3"}).tables.parameters["short_rate"].values) == 300
    odd = replace(schema, parameters=(ColumnSchema("haircut", (), 2, 0, 100),))
    with pytest.raises(MarketSource, match="no default"):
        build_market([morning], odd)


def test_capacities_and_sizes(morning: Chain, schema: TableSchema) -> None:
    def with_axis(changed: AxisSchema) -> TableSchema:
        return replace(schema, axes=tuple(changed if axis.name == changed.name else axis for axis in schema.axes))

    build_market([morning], with_axis(AxisSchema("instrument", capacity=800)))
    with pytest.raises(Capacity, match="at most 799, got 800"):
        build_market([morning], with_axis(AxisSchema("instrument", capacity=799)))
    with pytest.raises(Capacity, match="series"):
        build_market([morning], with_axis(AxisSchema("series", capacity=395)))
    with pytest.raises(Capacity, match="expected 21, got 35"):
        build_market([morning], with_axis(AxisSchema("scenario", size=21)))
    small = Grid(tuple(s for s in deribit_grid().scenarios if s.volatility is VolatilityMove.SAME))
    assert build_market([morning], with_axis(AxisSchema("scenario", size=9)), grid=small).tables.sizes["scenario"] == 9


def test_leaving_out_the_furthest_expiries(morning: Chain, schema: TableSchema) -> None:
    shorter = morning.until(1774598400)
    assert {quote.id.split("-")[1] for quote in shorter.options} >= {"6FEB26", "27MAR26"}
    assert [quote.id for quote in shorter.futures][-2:] == ["BTC-27MAR26", "BTC-PERPETUAL"]
    assert max(shorter.forwards) == 1774598400
    small = build_market([shorter], schema)
    full = build_market([morning], schema)
    for row, instrument in enumerate(small.listing.instruments):
        at = full.listing.rows[instrument.id]
        assert small.tables.columns["pnl"].values[row].tolist() == full.tables.columns["pnl"].values[at].tolist()
    with pytest.raises(MarketSource, match="no options"):
        morning.until(morning.time)


def test_declared_bounds(morning: Chain, schema: TableSchema) -> None:
    columns = tuple(replace(c, hi=10**12) if c.name == "pnl" else c for c in schema.columns)
    with pytest.raises(ParameterCondition, match=r"`pnl` is outside.*BTC-.* at \+\d+% vol up"):
        build_market([morning], replace(schema, columns=columns))
    columns = tuple(replace(c, lo=1) if c.name == "mark" else c for c in schema.columns)
    with pytest.raises(ParameterCondition, match=r"`mark` is outside.*expected 0.00000001 to .*BTC-.*-[CP]"):
        build_market([morning], replace(schema, columns=columns))


def test_what_a_chain_cannot_tell(morning: Chain, schema: TableSchema) -> None:
    with pytest.raises(MarketSource, match="nothing for the column `haircut`"):
        build_market([morning], replace(schema, columns=(ColumnSchema("haircut", ("instrument",), 2, 0, 1),)))
    with pytest.raises(MarketSource, match="column `mark` has other axes"):
        build_market([morning], replace(schema, columns=(ColumnSchema("mark", ("scenario",), 2, 0, 1),)))
    with pytest.raises(MarketSource, match="nothing for the label `sector`"):
        build_market([morning], replace(schema, labels=(LabelSchema("sector", "instrument", "sector"),)))
    with pytest.raises(MarketSource, match="nothing for the axis `tier`"):
        build_market([morning], replace(schema, axes=(*schema.axes, AxisSchema("tier", size=3))))


def test_several_chains(morning: Chain, evening: Chain, schema: TableSchema) -> None:
    with pytest.raises(MarketSource, match="different times"):
        build_market([morning, evening], schema)
    with pytest.raises(MarketSource, match="same underlying"):
        build_market([morning, morning], schema)
    other = replace(
        morning,
        underlying="ETH",
        options=tuple(replace(q, id=q.id.replace("BTC", "ETH")) for q in morning.options),
        futures=tuple(replace(q, id=q.id.replace("BTC", "ETH")) for q in morning.futures),
    )
    with pytest.raises(Capacity, match="got 1600"):
        build_market([morning, other], schema)
    roomy = replace(schema, axes=tuple(replace(a, capacity=a.capacity and 2048) for a in schema.axes))
    tables = build_market([morning, other], roomy).tables
    assert tables.names["underlying"] == ("BTC", "ETH")
    assert tables.labels["underlying"].indices == (0,) * 800 + (1,) * 800
    assert tables.columns["pnl"].values[800:].tolist() == tables.columns["pnl"].values[:800].tolist()
    with pytest.raises(MarketSource, match="for one underlying; got BTC, ETH"):
        build_market([morning, other], replace(roomy, labels=roomy.labels[1:], axes=roomy.axes))
    with pytest.raises(MarketSource, match="no chain"):
        build_market([], schema)


def test_rounding_is_nearest_ties_to_even() -> None:
    values = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 0.26, -0.26])
    assert round_half_even(values, 0, "x").tolist() == [0, 2, 2, 0, -2, 0, 0]
    assert round_half_even(np.array([0.125]), 2, "x").tolist() == [12]
    assert all(type(value) is int for value in round_half_even(values, 3, "x").tolist())
    for bad in (np.nan, np.inf, -np.inf, 2.0**53):
        with pytest.raises(MarketSource, match="does not resolve"):
            round_half_even(np.array([bad]), 0, "x")


def test_documents_round_trip(market: Market) -> None:
    assert Tables.of_json(market.tables.to_json()) == market.tables
    assert Listing.of_json(market.listing.to_json()) == market.listing


def test_building_is_fast(evening: Chain, schema: TableSchema) -> None:
    fastest = 10.0
    for _ in range(3):
        start = time.perf_counter()
        build_market([evening], schema)
        fastest = min(fastest, time.perf_counter() - start)
    assert fastest < 0.5  # 30 ms when alone


def with_columns(schema: TableSchema, *columns: ColumnSchema, labels: tuple[LabelSchema, ...] = ()) -> TableSchema:
    axes = (*schema.axes, AxisSchema("maturity", capacity=32), AxisSchema("tier", capacity=8))
    return replace(schema, axes=axes, columns=columns, labels=labels)


def test_columns_from_elsewhere(morning: Chain, schema: TableSchema) -> None:
    """They stand before those of the chain; their own axes have numbered elements."""
    asked = with_columns(
        schema,
        ColumnSchema("rate", ("underlying", "tier"), 4, 0, 10**4),
        ColumnSchema("mark", ("instrument",), 2, 0, LARGE),
        labels=(
            LabelSchema("underlying", "instrument", "underlying"),
            LabelSchema("series", "instrument", "series"),
            LabelSchema("expiry", "instrument", "expiry"),
            LabelSchema("maturity", "instrument", "maturity"),
            LabelSchema("home", "maturity", "underlying"),
        ),
    )
    given = {"rate": [[0.1, 0.25]], "mark": np.full(800, 7)}
    tables = build_market([morning], asked, given=given).tables
    assert tables.names["tier"] == ("tier-1", "tier-2")
    assert tables.columns["rate"].values.tolist() == [[1000, 2500]]
    assert set(tables.columns["mark"].values.tolist()) == {700}
    assert len(tables.names["maturity"]) == len(tables.names["expiry"]) + 1
    assert tables.labels["maturity"].indices[-1] == len(tables.names["expiry"])
    assert tables.labels["expiry"].indices[-1] == -1
    assert tables.labels["home"].indices == (0,) * 13
    with pytest.raises(MarketSource, match="column `rate` has other axes"):
        build_market([morning], asked, given={**given, "rate": [0.1]})
    with pytest.raises(ParameterCondition, match="`rate` is outside the bounds"):
        build_market([morning], asked, given={**given, "rate": [[1.1]]})
    with pytest.raises(MarketSource, match="no column `marks`"):
        build_market([morning], asked, given={**given, "marks": [1]})
    with pytest.raises(SchemaType, match="wrong shape"):
        build_market([morning], asked, given={**given, "mark": [7]})


def test_gain_is_pnl_before_weights(morning: Chain, schema: TableSchema) -> None:
    cell = ("instrument", "scenario")
    asked = with_columns(
        schema,
        ColumnSchema("gain", cell, 4, -LARGE, LARGE),
        ColumnSchema("pnl", cell, 4, -LARGE, LARGE),
        ColumnSchema("weight", ("scenario", "underlying"), 4, 0, 10**4),
    )
    asked = replace(asked, axes=tuple(a for a in asked.axes if a.name in ("instrument", "scenario", "underlying")))
    tables = build_market([morning], asked).tables
    weights = tables.columns["weight"].values[:, 0]
    assert weights.tolist()[:27] == [10_000] * 27
    exact = np.array([float(scenario.weight) for scenario in deribit_grid().scenarios])
    difference = tables.columns["gain"].values.astype(float) * exact - tables.columns["pnl"].values.astype(float)
    assert np.abs(difference).max() <= 1
