"""Lowering: the cheaper sound gadget is chosen, sides are worked out again, bounds bind, names lead somewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from worlds import Claimed, challenge, compiled, random_tables, rules_of, smallest_cash, start, violated_by

from zkmargin.backend import engine
from zkmargin.circuits.compile import compile_rules, show_lower, show_plan, show_r1cs
from zkmargin.circuits.lower import join_sides
from zkmargin.circuits.margin import build_statement
from zkmargin.circuits.names import CircuitMap, without_indices
from zkmargin.circuits.plan import Plan
from zkmargin.circuits.program import HINTS
from zkmargin.circuits.rules import RuleSet, parse_rules
from zkmargin.circuits.rules.tree import Side
from zkmargin.errors import CircuitError
from zkmargin.field import decode_elements

SCAN = """\
rules: 1
name: wide_scan
binding: public
axes:
  i: {{capacity: 2}}
  s: {{size: {scenarios}}}
public:
  pnl: {{axes: [i, s], unit: usd/lot, decimals: 2, min: -1e6, max: 1e6}}
private:
  size: {{axes: [i], unit: lot, decimals: 0, min: -1e3, max: 1e3, from: venue}}
  cash: {{unit: usd, decimals: 2, min: -1e12, max: 1e12, from: venue}}
define:
  scan: max(0, max(-sum(size * pnl, over=i), over=s))
equity: cash
requirements:
  maintenance: scan
"""


def _scan(scenarios: int) -> RuleSet:
    return parse_rules(SCAN.format(scenarios=scenarios).encode(), "wide_scan.yaml")


def _rule_costs(rules: RuleSet) -> Counter[str]:
    names = CircuitMap.of(build_statement(Plan(rules)))
    return Counter({path: sum(n for p, n in names.paths if without_indices(p) == path) for path, _ in names.paths})


def test_the_cheaper_form_of_a_maximum_is_emitted() -> None:
    few = CircuitMap.of(build_statement(Plan(_scan(3))))
    many = CircuitMap.of(build_statement(Plan(_scan(40))))
    assert few.bounds == []
    assert [bound.inequality for bound in many.bounds] == ["bound >= each of 41 branches"]
    width = 39  # losses: 2 rows x 2^10 lots x 10^8 cents, either way
    assert sum(count for path, count in many.paths if path.startswith("rules/")) == 41 * (width + 1)
    assert sum(count for path, count in few.paths if path.startswith("rules/")) <= 3 * (width + 3)


def test_a_requirement_can_be_raised_and_not_lowered() -> None:
    rules, random = _scan(40), Random(8)
    circuit = compile_rules(rules, cache=False)
    tables = random_tables(rules, random)
    market, positions = circuit.plan.bind(tables), {"size": [-7, 5][: tables.sizes["i"]]}
    cash = smallest_cash(rules, tables, positions, Claimed())
    assert cash is not None
    assert cash > 0
    (bound,) = circuit.names.bounds
    for spare, change, broken in ((0, 0, False), (0, 1, True), (5, 5, False), (9, -1, True)):
        account = {**positions, "cash": cash + spare}
        run = start(circuit, account, Claimed(), market)
        honest = decode_elements(run.finish(challenge(run)).to_bytes())
        lies = {bound.first_wire: honest[bound.first_wire] + change}
        violated = violated_by(circuit, account, Claimed(), market, lies)
        assert bool(violated) == broken
        if broken:
            where = "margin[0]/slack" if change > 0 else "rules/scan/max/branch["
            assert all(path.startswith(where) for path in violated)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("name", ["sides", "portfolio", "groups", "lookup"])
def test_wrong_demands_never_become_a_circuit(name: str, side: Side) -> None:
    """With one demand for every node the circuit is refused, or it places exact gadgets only where it matters."""
    rules = rules_of(name)
    wrong = replace(rules, sides=dict.fromkeys(rules.sides, side))
    try:
        circuit = compile_rules(wrong, cache=False)
    except CircuitError:
        assert side is not Side.EXACT
        return
    random = Random(name)
    tables = random_tables(rules, random)
    market = circuit.plan.bind(tables)
    positions = {c.name: [0] * tables.sizes["i"] for c in rules.private if c.axes}
    cash = smallest_cash(rules, tables, positions, Claimed())
    assert cash is not None
    run = start(circuit, {**positions, "cash": cash}, Claimed(), market)
    assert engine().r1cs_check(circuit.r1cs, run.finish(challenge(run)).to_bytes()) == []
    assert violated_by(circuit, {**positions, "cash": cash - 1}, Claimed(), market)


def test_bounds_on_both_sides_do_not_add_up() -> None:
    assert join_sides() is Side.EXACT
    assert join_sides(Side.EXACT, Side.UPPER) is Side.UPPER
    with pytest.raises(CircuitError, match="upper and lower"):
        join_sides(Side.UPPER, Side.EXACT, Side.LOWER)


def test_every_hint_is_in_the_registry_and_every_constraint_has_a_path() -> None:
    for name in ("portfolio", "bracket", "groups", "sides", "lookup"):
        circuit = compiled(name)
        names = circuit.names
        assert {hint.name for hint in names.hints} <= set(HINTS)
        assert sum(count for _, count in names.paths) == circuit.stats.constraints
        assert names.path_of(circuit.stats.constraints - 1).startswith("margin[")
        with pytest.raises(CircuitError, match="no such constraint"):
            names.path_of(circuit.stats.constraints)
        assert CircuitMap.of_bytes(names.to_bytes()) == names


def test_products_can_be_printed() -> None:
    circuit = compiled("groups")
    assert "base positive(size + -10*other)" in show_plan(circuit)
    assert "functionals: functionals" in show_lower(circuit)
    assert circuit.r1cs_digest.hex() in show_r1cs(circuit)


def test_a_value_that_may_leave_the_field_is_refused() -> None:
    text = SCAN.format(scenarios=3).replace("cash: {unit: usd, decimals: 2", "cash: {unit: usd, decimals: 38")
    text = text.replace("max: 1e12, from", "max: 1e18, from").replace("equity: cash", "equity: cash * 1e15")
    with pytest.raises(CircuitError, match="leave the field"):
        compile_rules(parse_rules(text.encode(), "wide.yaml"), cache=False)
