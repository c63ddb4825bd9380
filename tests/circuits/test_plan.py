"""The public side: matrices against the plaintext reading, padded rows, direct inputs, order, speed of planning."""

from __future__ import annotations

import struct
from random import Random

import pytest
from worlds import RULES, compiled, random_positions, random_tables, rules_of

from zkmargin.backend import Arithmetic
from zkmargin.circuits.forms import ColumnBase, OneBase, PositiveBase, ProductBase, RowForm
from zkmargin.circuits.plan import BoundPlan, Plan
from zkmargin.circuits.rules import evaluate, evaluate_public, load_rules
from zkmargin.circuits.rules.plaintext import pad
from zkmargin.errors import CircuitError, FieldRange
from zkmargin.field import FR_MODULUS as R
from zkmargin.field import decode_elements, signed


def _base_values(base: object, account: dict[str, list[int]], row: int) -> int:
    if isinstance(base, ColumnBase):
        return account[base.name][row]
    if isinstance(base, PositiveBase):
        return max(0, _form_value(base.form, account, row))
    if isinstance(base, ProductBase):
        return _form_value(base.left, account, row) * _form_value(base.right, account, row)
    return 1


def _form_value(form: RowForm, account: dict[str, list[int]], row: int) -> int:
    return form.constant + sum(c * _base_values(base, account, row) for c, base in form.terms)


def _dense(bound: BoundPlan) -> list[list[list[int]]]:
    """Per base the matrix T, rows by functionals, from the bytes that the engines get."""
    matrices = []
    for rows, cols, values, n_rows, n_cols in bound.entries:
        dense = [[0] * n_cols for _ in range(n_rows)]
        count = len(rows) // 4
        places = zip(struct.unpack(f"<{count}I", rows), struct.unpack(f"<{count}I", cols), strict=True)
        for (row, col), value in zip(places, decode_elements(values), strict=True):
            dense[row][col] += signed(value)
        matrices.append(dense)
    return matrices


@pytest.mark.parametrize("name", RULES)
def test_matrices_give_the_functionals_of_the_plaintext_reading(name: str) -> None:
    random, rules = Random(name), rules_of(name)
    plan = Plan(rules)
    for _ in range(6):
        tables = random_tables(rules, random)
        private = {**random_positions(rules, tables, random), "cash": 0}
        rows = {key: [*value, *[0] * 8][:8] for key, value in private.items() if isinstance(value, list)}
        matrices = _dense(plan.bind(tables))
        found = evaluate(rules, tables, private).nodes
        for node, functional in plan.functionals.items():
            expected = [int(x) for x in pad(rules, node.type.axes, found[node]).ravel()]
            for k, value in enumerate(expected, functional.first):
                total = sum(
                    _base_values(base.base, rows, row) * matrices[index][row][k]
                    for index, base in enumerate(plan.bases)
                    for row in range(base.count)
                )
                assert total == value


@pytest.mark.parametrize("name", RULES)
def test_challenge_inputs_are_powers_and_padding(name: str, engine: Arithmetic) -> None:
    random, rules = Random(name), rules_of(name)
    plan, gamma = Plan(rules), random.randrange(R)
    tables = random_tables(rules, random)
    bound = plan.bind(tables)
    expected = []
    for base, matrix in zip(plan.bases, _dense(bound), strict=True):
        for row, entries in enumerate(matrix):
            value = sum(pow(gamma, k, R) * entry for k, entry in enumerate(entries)) % R
            if isinstance(base.base, ColumnBase) and row >= tables.sizes["i"]:
                assert not any(entries)
                value = pow(gamma, plan.n_functionals + base.first + row, R)
            expected.append(value)
    assert bound.challenge_inputs(gamma, engine) == expected
    assert plan.market_inputs(tables, gamma, engine) == expected + bound.direct


@pytest.mark.parametrize("name", RULES)
def test_direct_inputs_are_the_public_expressions(name: str) -> None:
    random, rules = Random(name), rules_of(name)
    plan, tables = Plan(rules), random_tables(rules, random)
    direct = plan.bind(tables).direct
    assert len(direct) == plan.n_direct
    assert all(0 <= value < R for value in direct)
    for node, place in plan.direct_nodes.items():
        values = pad(rules, node.type.axes, evaluate_public(rules, tables, [node])[node]).ravel()
        assert direct[place.first : place.first + place.count] == [int(value) % R for value in values]
    for label, place in plan.direct_labels.items():
        assert place.axes[0] == "i"
        targets = place.shape[1]
        for row, target in enumerate(tables.labels[label].indices):
            one_hot = direct[place.first + row * targets : place.first + (row + 1) * targets]
            assert one_hot == [int(index == target) for index in range(targets)]


def test_equal_parts_share_a_base() -> None:
    bases = [str(rows.base) for rows in Plan(rules_of("groups")).bases]
    assert bases == [
        "size",
        "other",
        "own",
        "positive(size + -10*other)",
        "(2*positive(size) + -1*size) * (own)",
    ]
    assert str(OneBase()) == "1"


def test_order_of_public_inputs() -> None:
    plan = Plan(load_rules("deribit_pm"))
    assert plan.public_inputs == (
        ("context", 1),
        ("claim", 1),
        ("positions", 1),
        ("collateral_root", 1),
        ("nullifier", 1),
        ("scope", 1),
        ("C", 1),
        ("gamma", 1),
        ("t", 2048),
        ("direct", 5),
    )
    assert [(str(rows.base), rows.first) for rows in plan.bases] == [("size", 0), ("positive(size)", 1024)]
    assert plan.n_functionals == 1 + 35 + 512 + 2


def test_challenges_are_canonical_and_expected() -> None:
    plan = Plan(rules_of("portfolio"))
    tables = random_tables(rules_of("portfolio"), Random(1))
    with pytest.raises(FieldRange):
        plan.market_inputs(tables, R)
    with pytest.raises(CircuitError, match="challenge"):
        plan.market_inputs(tables, None)


def test_rules_without_functionals_have_no_challenge() -> None:
    from zkmargin.circuits.compile import compile_rules
    from zkmargin.circuits.rules import parse_rules

    text = b"""\
rules: 1
name: fixed
axes:
  i: {size: 2}
parameters:
  rate: {decimals: 2, min: 0, max: 1}
private:
  size: {axes: [i], unit: usd, decimals: 0, min: -9, max: 9, from: venue}
  cash: {unit: usd, decimals: 0, min: -1e6, max: 1e6, from: venue}
equity: cash
requirements:
  maintenance: sum(abs(size), over=i) * rate
"""
    circuit = compile_rules(parse_rules(text), cache=False)
    names = [name for name, _ in circuit.plan.public_inputs]
    assert names == ["context", "claim", "positions", "collateral_root", "nullifier", "scope", "direct"]
    assert "blind" not in circuit.names.inputs
    tables = random_tables(circuit.rules, Random(4))
    assert circuit.plan.market_inputs(tables, None) == circuit.plan.bind(tables).direct
    from worlds import Claimed, is_provable

    rate = circuit.plan.bind(tables).direct[0]
    market = circuit.plan.bind(tables)
    needed = -(-16 * rate // 100)
    assert is_provable(circuit, {"size": [-9, 7], "cash": needed}, Claimed(), market)
    assert rate == 0 or not is_provable(circuit, {"size": [-9, 7], "cash": needed - 1}, Claimed(), market)


def test_the_circuit_has_the_plans_public_inputs() -> None:
    for name in RULES:
        circuit = compiled(name)
        first = 1
        for public, count in circuit.plan.public_inputs:
            wires = circuit.names.inputs[public]
            assert (wires.first, wires.count) == (first, count)
            first += count
