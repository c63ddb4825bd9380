"""Explanations: worst scenarios, contributions and headroom, exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest

from zkmargin.errors import SchemaType
from zkmargin.margin.explain import (
    Claim,
    compute_headroom,
    contributions,
    position_values,
    scenario_results,
    worst_scenarios,
)
from zkmargin.margin.tables import Column, Instrument, Label, Listing, Tables

TABLES = Tables(
    sizes={"instrument": 3, "scenario": 2, "underlying": 2},
    names={"instrument": ("A", "B", "C"), "scenario": ("down", "up"), "underlying": ("BTC", "ETH")},
    columns={
        "pnl": Column.of("pnl", ("instrument", "scenario"), 2, [[-500, 400], [-100, 50], [300, -700]]),
        "mark": Column.of("mark", ("instrument",), 2, [1000, 2000, 3000]),
    },
    labels={"underlying": Label("underlying", "instrument", "underlying", (0, 1, 0))},
)
SIZES = [20000, -10000, 5000]  # 2, -1, 0.5 contracts at 4 decimals


def test_scenarios() -> None:
    results = scenario_results(SIZES, TABLES, 4)
    assert [(r.group, r.scenario, r.pnl) for r in results] == [
        ("", "down", Fraction("-7.5")),
        ("", "up", Fraction(4)),
    ]
    by_group = scenario_results([*SIZES, 0, 0], TABLES, 4, label="underlying")
    assert [(r.group, r.scenario, r.pnl) for r in by_group] == [
        ("BTC", "down", Fraction("-8.5")),
        ("BTC", "up", Fraction("4.5")),
        ("ETH", "down", Fraction(1)),
        ("ETH", "up", Fraction("-0.5")),
    ]
    assert [(r.group, r.scenario) for r in worst_scenarios(by_group, 2)] == [("BTC", "down"), ("ETH", "up")]
    assert scenario_results([0, 0, 0], TABLES, 4)[0].pnl == 0


def test_contributions_sum_to_the_scenario() -> None:
    found = contributions(SIZES, TABLES, 4, "down")
    assert [(c.instrument, c.size, c.pnl) for c in found] == [
        ("A", Fraction(2), Fraction(-10)),
        ("B", Fraction(-1), Fraction(1)),
        ("C", Fraction("0.5"), Fraction("1.5")),
    ]
    assert sum(c.pnl for c in found) == scenario_results(SIZES, TABLES, 4)[0].pnl
    assert len(contributions([20000, 0, 0], TABLES, 4, "up")) == 1
    with pytest.raises(SchemaType, match="no scenario column `mark`"):
        contributions(SIZES, TABLES, 4, "down", column="mark")
    with pytest.raises(SchemaType, match="no scenario `sideways`"):
        contributions(SIZES, TABLES, 4, "sideways")


def test_position_values() -> None:
    listing = Listing(tuple(Instrument(n, "perpetual", "BTC", "USD", "1") for n in "ABC"), 4, "usd", 6)
    assert position_values({"C": 5000, "A": -1}, listing, TABLES.columns["mark"]) == {
        "C": Fraction(15),
        "A": Fraction("-0.001"),
    }


def test_headroom() -> None:
    holds = compute_headroom(Fraction(120), Fraction(100), Claim(12, 10))
    assert (holds.slack, holds.holds, holds.coverage) == (Fraction(0), True, Fraction(6, 5))
    short = compute_headroom(Fraction(120), Fraction(100), Claim(5, 4))
    assert (short.slack, short.holds) == (Fraction(-5), False)
    free = compute_headroom(Fraction(-1), Fraction(-50), Claim())
    assert (free.requirement, free.slack, free.coverage) == (Fraction(0), Fraction(-1), None)
    assert "120" not in repr(short)
    for numerator, denominator in ((1, 2), (0, 0), (1, 0), (-1, -1)):
        with pytest.raises(SchemaType):
            Claim(numerator, denominator)
