"""``nearest``: exact in plaintext; the circuit takes half a unit more for each element that is not zero, never less."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from math import ceil
from random import Random

import numpy as np
import pytest
from worlds import Claimed, is_provable, random_tables, smallest_cash, violated_by

from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.rules import RuleSet, parse_rules
from zkmargin.margin.tables import Tables

TEXT = """rules: 1
name: nearest
binding: public
axes:
  i: {{capacity: 5}}
  s: {{size: 4}}
public:
  price: {{axes: [i], unit: usd/lot, decimals: 2, min: 0, max: 100}}
  ret: {{axes: [i, s], decimals: 3, min: -1, max: 1}}
parameters:
  unit: {{unit: usd, decimals: 1, min: 0.1, max: 9}}
private:
  size: {{axes: [i], unit: lot, decimals: 1, min: -1e3, max: 1e3, from: venue}}
  cash: {{unit: usd, decimals: 4, min: -1e9, max: 1e9, from: venue}}
define:
  pnl: sum(nearest(size * price * ret, unit), over=i)
equity: {equity}
requirements:
  maintenance: {maintenance}
"""
SCAN = ("cash", "max(-pnl, over=s)")
MIRRORED = ("cash + min(pnl, over=s)", "0")
EXACT = ("cash", "max(abs(pnl), over=s)")
CLAIM = Claimed()


@cache
def _rules(equity: str, maintenance: str) -> RuleSet:
    return parse_rules(TEXT.format(equity=equity, maintenance=maintenance).encode(), "nearest.yaml")


@cache
def _compiled(equity: str, maintenance: str) -> CompiledCircuit:
    return compile_rules(_rules(equity, maintenance), cache=False)


def _sizes(tables: Tables, random: Random) -> list[int]:
    return [random.choice((0, 0, 1, -1, random.randint(-9999, 9999))) for _ in range(tables.sizes["i"])]


def _bounded_loss(tables: Tables, sizes: list[int]) -> Fraction:
    """The largest loss, half a unit added for each position that is held."""
    price, ret = tables.columns["price"].values, tables.columns["ret"].values
    exact = [Fraction(int(x), 10**6) for x in (np.array(sizes, dtype=object) * price) @ ret]
    half = Fraction(int(tables.parameters["unit"].values), 20)
    return max(half * np.count_nonzero(sizes) - x for x in exact)


def _least_cash(case: tuple[str, str], tables: Tables, sizes: list[int]) -> int:
    """By plaintext, in the last decimal of cash."""
    found = smallest_cash(_rules(*case), tables, {"size": sizes}, CLAIM)
    assert found is not None
    return found


def _provable(case: tuple[str, str], tables: Tables, account: Mapping[str, object]) -> bool:
    circuit = _compiled(*case)
    return is_provable(circuit, account, CLAIM, circuit.plan.bind(tables))


@pytest.mark.parametrize("case", [SCAN, MIRRORED], ids=["requirement", "equity"])
def test_the_circuit_is_stricter_by_what_is_declared_and_never_looser(case: tuple[str, str]) -> None:
    random = Random(f"{case}")
    slacks = []
    for _ in range(12):
        tables = random_tables(_rules(*case), random)
        sizes = _sizes(tables, random)
        plain, bound = _least_cash(case, tables, sizes), ceil(_bounded_loss(tables, sizes) * 10**4)
        bound = max(bound, 0) if case is SCAN else bound
        unit = int(tables.parameters["unit"].values) * 10**3
        assert plain <= bound < plain + max(1, unit * np.count_nonzero(sizes))
        assert _provable(case, tables, {"size": sizes, "cash": bound})
        assert not _provable(case, tables, {"size": sizes, "cash": bound - 1})
        slacks.append(Fraction(bound - plain, unit * max(1, np.count_nonzero(sizes))))
    assert 0.25 < sum(slacks) / len(slacks) < 0.75  # half on average


def test_what_is_not_held_costs_nothing() -> None:
    tables = random_tables(_rules(*SCAN), Random(5))
    sizes = [0] * tables.sizes["i"]
    assert _provable(SCAN, tables, {"size": sizes, "cash": 0})
    assert not _provable(SCAN, tables, {"size": sizes, "cash": -1})


def test_the_exact_value_is_rounded_in_the_circuit() -> None:
    random = Random(7)
    for _ in range(6):
        tables = random_tables(_rules(*EXACT), random)
        sizes = _sizes(tables, random)
        plain = _least_cash(EXACT, tables, sizes)
        assert _provable(EXACT, tables, {"size": sizes, "cash": plain})
        assert not _provable(EXACT, tables, {"size": sizes, "cash": plain - 1})


def test_a_stubborn_prover_is_refused() -> None:
    random = Random(11)
    tables = random_tables(_rules(*SCAN), random)
    sizes = [random.randint(1, 9999) for _ in range(tables.sizes["i"])]
    circuit = _compiled(*SCAN)
    account = {"size": sizes, "cash": ceil(_bounded_loss(tables, sizes) * 10**4) - 1}
    paths = violated_by(circuit, account, CLAIM, circuit.plan.bind(tables))
    assert paths
    assert all(path.startswith("margin[") and path.endswith("/slack/recompose") for path in paths)


def test_scenarios_share_the_cost() -> None:
    """Per scenario the check of its branch and its place in the commitment, per row a few; no rounding."""
    few = _compiled(*SCAN).stats.constraints
    more = compile_rules(
        parse_rules(TEXT.format(equity="cash", maintenance=SCAN[1]).replace("size: 4", "size: 8").encode())
    )
    assert more.stats.constraints - few < 4 * 100
    rounded = compile_rules(
        parse_rules(
            TEXT.format(equity="cash", maintenance=SCAN[1])
            .replace("nearest(size * price * ret, unit)", "floor(size * price * ret, unit)")
            .encode()
        )
    )
    assert rounded.stats.constraints > few + 5 * 4 * 30
