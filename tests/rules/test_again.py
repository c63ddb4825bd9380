"""Reading an account again: the same as reading it anew, and refused where tables would be."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from zkmargin.circuits.rules import check_tables, evaluate, parse_rules
from zkmargin.circuits.rules.again import Again
from zkmargin.errors import AmountRange, CircuitError, ParameterCondition, SchemaType
from zkmargin.margin.tables import Column, Tables

TEXT = b"""
rules: 1
name: example
axes:
  instrument: {capacity: 4}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 2, min: 0, max: 1000}
  cap: {axes: [instrument], unit: usd/contract, decimals: 2, min: 0, max: 1000}
private:
  size: {axes: [instrument], unit: contract, decimals: 1, min: -100, max: 100, from: venue}
  cash: {unit: usd, decimals: 2, min: -1e6, max: 1e6, from: venue}
define:
  capped: min(mark, cap)
equity: cash + sum(size * mark, over=instrument)
requirements:
  maintenance: sum(abs(size) * capped, over=instrument) * 0.1
conditions:
  - mark <= 2 * cap
"""
RULES = parse_rules(TEXT)
TABLES = Tables(
    {"instrument": 3},
    {"instrument": ("A", "B", "C")},
    {
        "mark": Column.of("mark", ["instrument"], 2, [100, 200, 300]),
        "cap": Column.of("cap", ["instrument"], 2, [5000, 5000, 5000]),
    },
)
ACCOUNT = {"size": [10, -20, 0], "cash": 500}


def _row(*values: int) -> np.ndarray:
    return np.array(values, dtype=object)


def test_it_is_what_a_fresh_reading_says() -> None:
    again, random = Again(RULES, TABLES, ACCOUNT, {"mark", "size"}), Random(2)
    for _ in range(30):
        marks, sizes = (_row(*(random.randint(*r) for _ in range(3))) for r in ((0, 10**4), (-1000, 1000)))
        found = again.evaluate({"mark": marks, "size": sizes})
        fresh = evaluate(RULES, TABLES.with_values({"mark": marks}), {**ACCOUNT, "size": sizes})
        for name in fresh.values:
            assert found.values[name].tolist() == fresh.values[name].tolist()
    assert again.evaluate({}).equity == again.first.equity


@pytest.mark.parametrize("marks", [(10_001, 0, 0), (0, 0, 100_001), (-1, 0, 0)])
def test_tables_that_do_not_fit_are_refused(marks: tuple[int, ...]) -> None:
    moved = _row(*marks)
    with pytest.raises(ParameterCondition):
        check_tables(RULES, TABLES.with_values({"mark": moved}))
    with pytest.raises(ParameterCondition):
        Again(RULES, TABLES, ACCOUNT, {"mark"}).evaluate({"mark": moved})


def test_what_was_not_to_change_does_not() -> None:
    again = Again(RULES, TABLES, ACCOUNT, {"size"})
    with pytest.raises(CircuitError, match="`cash`"):
        again.evaluate({"cash": _row(1)})
    with pytest.raises(AmountRange):
        again.evaluate({"size": _row(10**6, 0, 0)})


def test_tables_with_other_values() -> None:
    moved = TABLES.with_values({"mark": _row(1, 2, 3)})
    whole = Tables(
        TABLES.sizes, TABLES.names, {**TABLES.columns, "mark": Column.of("mark", ["instrument"], 2, [1, 2, 3])}
    )
    assert moved == whole
    assert moved != TABLES
    for values, words in (({"rate": _row(1)}, "no column `rate`"), ({"mark": _row(1)}, "wrong shape")):
        with pytest.raises(SchemaType, match=words):
            TABLES.with_values(values)
