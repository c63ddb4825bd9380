"""Sizes that the built-ins must keep to."""

from __future__ import annotations

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.margin import build_statement
from zkmargin.circuits.plan import Plan
from zkmargin.circuits.rules import parse_rules

SHORTFALL = """rules: 1
name: shortfall
binding: public
value_bits: 88
axes:
  instrument: {capacity: 1000}
  scenario: {size: 1000}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 8, min: 0, max: 1e7}
  pnl: {axes: [instrument, scenario], unit: usd/contract, decimals: 8, min: -1e7, max: 1e7}
private:
  size: {axes: [instrument], unit: contract, decimals: 4, min: -1e7, max: 1e7, from: venue}
  cash: {unit: usd, decimals: 6, min: -1e12, max: 1e12, from: venue}
equity: cash + sum(size * mark, over=instrument)
requirements:
  maintenance: expected_shortfall(-sum(size * pnl, over=instrument), over=scenario, worst=25)
"""
BRACKETS = """rules: 1
name: brackets
binding: public
axes:
  market: {capacity: 64}
  tier: {capacity: 12, pad: repeat}
public:
  mark: {axes: [market], unit: usd/contract, decimals: 8, min: 0, max: 1e7}
  rate: {axes: [market, tier], decimals: 5, min: 0, max: 1}
  ded: {axes: [market, tier], unit: usd, decimals: 2, min: 0, max: 1e9}
  bound: {axes: [market, tier], unit: usd, decimals: 0, min: 0, max: 1e12}
private:
  size: {axes: [market], unit: contract, decimals: 3, min: -1e9, max: 1e9, from: venue}
  cash: {unit: usd, decimals: 6, min: -1e12, max: 1e12, from: venue}
define:
  notional: abs(size) * mark
  charge: notional * step(notional, bound, rate, over=tier) - step(notional, bound, ded, over=tier)
equity: cash + sum(size * mark, over=market)
requirements:
  maintenance: sum(charge, over=market)
conditions:
  - rising(rate, over=tier)
  - rising(ded, over=tier)
"""


def _build(text: str) -> ConstraintSystem:
    return build_statement(Plan(parse_rules(text.encode(), "limits.yaml")))


def test_expected_shortfall_of_a_thousand_scenarios() -> None:
    assert _build(SHORTFALL).n_constraints <= 275_000


def test_tail_of_a_fraction() -> None:
    assert _build(SHORTFALL.replace("worst=25", "worst=24.5")).n_constraints <= 275_000


def test_brackets_of_64_markets() -> None:
    """The tier as a choice: one comparison in place of a range check per tier."""
    assert _build(BRACKETS).n_constraints <= 30_000
