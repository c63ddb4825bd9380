"""HKSCC's margin in the circuit: half a dollar for each stock held in each scenario, no more, and no less."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
from rule_world import all_worlds
from test_rule_sets import circuit_of, violated, witness_of

from zkmargin.circuits.rules import evaluate
from zkmargin.margin.tables import Tables

WORLD = all_worlds()["hkex_es"]
LOT = 10_000 * 100
"""What the requirement is rounded up to, in cents."""


def test_half_a_dollar_per_stock_and_scenario_moves_the_requirement_by_one_lot_at_most() -> None:
    """Against the unrounded profits less half a dollar per stock held, in plain fractions."""
    random = Random(2018)
    circuit = circuit_of(WORLD)
    tables = WORLD.market(random)
    market = circuit.plan.bind(tables)
    account = WORLD.account(random, tables)
    least = WORLD.boundary(tables, account, "maintenance", 1, 1)
    assert least is not None
    exact = evaluate(WORLD.rule_set, tables, account)
    measure = Fraction(int(exact.values["measure"]), exact.denominators["measure"])
    bound = _bounded_measure(tables, account)
    assert measure <= bound < measure + np.count_nonzero(np.array(account["size"], dtype=object))
    enough = WORLD.with_lever(account, least + LOT)
    witness = witness_of(circuit, enough, ("maintenance", 1, 1), market)
    assert witness is not None
    assert violated(circuit, witness) == []


def _bounded_measure(tables: Tables, account: dict[str, object]) -> Fraction:
    """Three quarters of the mean of the worst six, a quarter of that of the worst 21; half a dollar per stock held."""
    sizes = np.array(account["size"], dtype=object)
    values = sizes * tables.columns["price"].values
    half = Fraction(np.count_nonzero(sizes), 2)
    means = []
    for name, worst in (("ret", 6), ("stress_ret", 21)):
        profits = values @ tables.columns[name].values
        losses = sorted((half - Fraction(int(profit), 10**9) for profit in profits), reverse=True)
        means.append(sum(losses[:worst], Fraction(0)) / worst)
    return Fraction(3, 4) * means[0] + Fraction(1, 4) * means[1]
