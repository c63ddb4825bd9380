"""Columns of Drift, Mango and Synthetix: scaled weights, prices for assets and debts, bounds of rewards."""

from __future__ import annotations

from fractions import Fraction

import pytest

from zkmargin.circuits.rules import check_tables, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import Capacity, MarketSource, ParameterCondition
from zkmargin.margin import drift, mango, synthetix
from zkmargin.margin.exact import build_tables, round_down, round_up
from zkmargin.margin.schema import AxisSchema, ColumnSchema, LabelSchema, TableSchema

CENT = Fraction(1, 100)


def test_rounding_has_a_direction() -> None:
    assert (round_down(Fraction(-7, 3), 1), round_up(Fraction(-7, 3), 1)) == (Fraction(-24, 10), Fraction(-23, 10))
    assert round_down(Fraction(7, 2), 1) == round_up(Fraction(7, 2), 1) == Fraction(7, 2)


SCHEMA = TableSchema(
    axes=(AxisSchema("row", capacity=2),),
    columns=(ColumnSchema("rate", ("row",), 2, 0, 100),),
    labels=(LabelSchema("group", "row", "row"),),
    parameters=(ColumnSchema("factor", (), 1, 0, 50, 13), ColumnSchema("floor", (), 0, 0, 9)),
    lot_decimals=0,
    cash_unit="usd",
    cash_decimals=0,
)
NAMES = {"row": ["a", "b"]}


def test_figures_become_tables_exactly() -> None:
    tables = build_tables(SCHEMA, NAMES, {"rate": [CENT, 1], "floor": 4}, {"group": [1, -1]})
    assert tables.columns["rate"].values.tolist() == [1, 100]
    assert (int(tables.parameters["factor"].values), int(tables.parameters["floor"].values)) == (13, 4)
    assert tables.labels["group"].indices == (1, -1)
    with pytest.raises(MarketSource, match="`rate` has more decimals"):
        build_tables(SCHEMA, NAMES, {"rate": [CENT / 10, 1], "floor": 4}, {"group": [0, 0]})
    with pytest.raises(MarketSource, match="no figures of `floor`"):
        build_tables(SCHEMA, NAMES, {"rate": [0, 1]}, {"group": [0, 0]})
    with pytest.raises(MarketSource, match="axis `row` has no rows"):
        build_tables(SCHEMA, {}, {"rate": [0, 1], "floor": 4}, {"group": [0, 0]})
    with pytest.raises(MarketSource, match="label `group`"):
        build_tables(SCHEMA, NAMES, {"rate": [0, 1], "floor": 4})
    with pytest.raises(ParameterCondition, match="`rate` is outside"):
        build_tables(SCHEMA, NAMES, {"rate": [0, 2], "floor": 4}, {"group": [0, 0]})
    with pytest.raises(Capacity):
        build_tables(SCHEMA, {"row": ["a", "b", "c"]}, {"rate": [0, 1, 1], "floor": 4}, {"group": [0, 0, 0]})


@pytest.mark.parametrize(
    ("deposits", "weight"), [(1, "0.9"), (20_000, "0.9"), (40_000, "0.45"), (60_000, "0.3"), (70_000, "0.2571")]
)
def test_drift_lowers_the_weight_of_crowded_collateral(deposits: int, weight: str) -> None:
    """programs/drift/src/math/margin/tests.rs:191-231, and one that truncates."""
    market = drift.DriftSpot("SOL", 25, 25, Fraction(9, 10), 1, 1, 1, deposits=deposits, scale_start=500_000)
    assert drift.spot_columns([market])["asset_initial"] == [Fraction(weight)]


def test_drift_prices_and_weights() -> None:
    assert drift.strict_prices(100, 110, True) == (100, 110)
    assert drift.strict_prices(100, 90, True) == (90, 100)
    assert drift.strict_prices(100, 90, False) == (100, 100)
    assert drift.short_price(Fraction(1, 4), True) == Fraction(3, 4)
    assert drift.short_price(Fraction(5, 4), True) == 0
    assert drift.short_price(Fraction(5, 4), False) == Fraction(5, 4)
    assert drift.fill_weight(Fraction(15, 100), Fraction(7501, 10_000)) == Fraction(45, 100)
    assert drift.scaled_pnl_weight(1, 30, 20) == Fraction(6666, 10_000)
    assert drift.scaled_pnl_weight(1, 20, 20) == drift.scaled_pnl_weight(1, 30, 0) == 1
    market = drift.DriftPerp("X", 2, 1, 1, imbalance=(30, 20))
    assert drift.perp_columns([market])["pnl_initial"] == [Fraction(6666, 10_000)]


def test_mango_scales_both_ways_and_rounds_against_the_account() -> None:
    """programs/mango-v4/src/health/cache.rs:1767-1826 (cases 10 and 11), and ones that do not end."""
    half, more = Fraction(1, 2), Fraction(3, 2)
    assert mango.scaled_asset_weight(half, 7_500, 5_000) == Fraction(333333333333, 10**12)
    assert mango.scaled_asset_weight(half, 5_000, 5_000) == mango.scaled_asset_weight(half, 10**9, None) == half
    assert mango.scaled_liability_weight(more, 7_500, 5_000) == Fraction(9, 4)
    assert mango.scaled_liability_weight(more, 10, 3) == 5
    assert mango.scaled_liability_weight(1, 10, 3) == Fraction(3333333333334, 10**12)
    assert mango.scaled_liability_weight(more, 3, 3) == mango.scaled_liability_weight(more, 10**9, None) == more
    token = mango.MangoToken("T", 10, 8, half, half, more, more, 100, 400, 100, 500)
    columns = mango.token_columns([token])
    assert (columns["low"], columns["high"]) == ([8], [10])
    assert columns["asset_initial"] == [Fraction(1, 4)]  # 800 USD at the lower price
    assert columns["liability_initial"] == [3]  # 1,000 USD at the higher
    assert (columns["asset_maintenance"], columns["liability_maintenance"]) == ([half], [more])


def test_synthetix_divides_by_skew_scales_upwards() -> None:
    assert synthetix.per_unit(2, 100) == Fraction(2, 100)
    assert synthetix.per_unit(1, 3) == Fraction(333333333333333334, 10**18)
    assert synthetix.per_unit(1, 0) == 0
    assert synthetix.fill_price(30_000, -2, 0, 100) == 29_700
    assert synthetix.fill_price(2_000, 20, 100, 1_000) == 2_220
    assert synthetix.fill_price(2_000, 20, 100, 0) == 2_000
    assert synthetix.liquidation_window(Fraction(7, 10_000), 50_000, Fraction(3, 2), 30) == 1_575
    open_ended = synthetix.SynthetixMarket("X", 1, 100, 2, 0, 1)
    assert synthetix.market_columns([open_ended])["window"] == [synthetix.NO_WINDOW]
    unlisted = synthetix.SynthetixCollateral("snxUSD", 1, 0, 2, CENT, 5 * CENT)
    assert list(synthetix.collateral_columns([unlisted]).values()) == [[1], [0], [0], [0]]


def test_synthetix_rewards() -> None:
    """The higher of a least reward and a least profit on the cost; a window pays for its liquidation alone."""
    bounds = synthetix.reward_parameters(3, 2, 1, Fraction(1, 2), 500, 1)
    assert (bounds["liquidation_cost"], bounds["least_reward"], bounds["window_cost"]) == (5, Fraction(15, 2), 3)
    assert synthetix.reward_parameters(3, 2, 10, 0, 11, 1)["window_cost"] == 11


def test_columns_fit_the_rule_sets() -> None:
    perp = drift.DriftPerp("SOL-PERP", 92, Fraction(1, 10), Fraction(1, 20))
    tables = build_tables(
        table_schema(load_rules("drift_isolated")), {"perp": ["SOL-PERP"]}, drift.perp_columns([perp])
    )
    check_tables(load_rules("drift_isolated"), tables)
    laxer = drift.DriftPerp("SOL-PERP", 92, Fraction(1, 20), Fraction(1, 10))
    swapped = build_tables(
        table_schema(load_rules("drift_isolated")), {"perp": ["SOL-PERP"]}, drift.perp_columns([laxer])
    )
    with pytest.raises(ParameterCondition, match="ratio_maintenance <= ratio_initial"):
        check_tables(load_rules("drift_isolated"), swapped)
