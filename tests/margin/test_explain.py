"""Explanations: worst scenarios, contributions, headroom and deposit, exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.errors import SchemaType
from zkmargin.margin.explain import (
    Claim,
    compute_headroom,
    contributions,
    position_values,
    scenario_results,
    smallest_deposit,
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


def test_deposit() -> None:
    def deposit(slacks: list[str], decimals: int = 6) -> int:
        return smallest_deposit([compute_headroom(Fraction(s), Fraction(0), Claim()) for s in slacks], decimals)

    assert deposit(["0"]) == deposit(["5"]) == deposit([]) == 0
    assert deposit(["-1"]) == 1_000_000
    assert deposit(["-0.0000001"]) == 1
    assert deposit(["-1", "3", "-2.5"]) == 2_500_000
    assert deposit(["-7.5"], 0) == 8


@given(
    st.fractions(-(10**9), 10**9, max_denominator=10**12),
    st.fractions(0, 10**9, max_denominator=10**12),
    st.integers(1, 60000),
    st.integers(0, 5000),
)
def test_the_deposit_is_the_smallest(equity: Fraction, requirement: Fraction, denominator: int, buffer: int) -> None:
    claim = Claim(denominator + buffer, denominator)
    result = compute_headroom(equity, requirement, claim)
    units = smallest_deposit([result], 6)
    assert compute_headroom(equity + Fraction(units, 10**6), requirement, claim).holds
    assert units == 0 or not compute_headroom(equity + Fraction(units - 1, 10**6), requirement, claim).holds
    # The claim as a verifier states it, without division.
    assert result.holds == (denominator * equity >= (denominator + buffer) * requirement)
