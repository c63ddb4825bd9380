"""Linear combinations, typed numbers, the constraint system and the program builder."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.integers import Bit, Num, UInt, bit_unchecked, num_unchecked
from zkmargin.circuits.linear import ONE, ZERO, LinearCombination, LinearTable
from zkmargin.circuits.names import without_indices
from zkmargin.circuits.r1cs import CHUNK_TERMS, count_terms, to_r1cs
from zkmargin.errors import CircuitError
from zkmargin.field import FR_MODULUS as R
from zkmargin.formats import read_r1cs
from zkmargin.reference.program import Op, WitnessError, WitnessProgram

combinations = st.dictionaries(st.integers(0, 5), st.integers(-9, 9), max_size=4).map(LinearCombination)
wires = st.lists(st.integers(-50, 50), min_size=6, max_size=6)


def _value(combination: LinearCombination, values: list[int]) -> int:
    return sum(coefficient * ([1, *values[1:]])[wire] for wire, coefficient in combination.terms.items())


@given(combinations, combinations, st.integers(-9, 9), wires)
def test_combinations_are_linear(a: LinearCombination, b: LinearCombination, k: int, values: list[int]) -> None:
    assert _value(a + b, values) == _value(a, values) + _value(b, values)
    assert _value(a - b, values) == _value(a, values) - _value(b, values)
    assert _value(a * k, values) == k * _value(a, values)
    assert _value(-a, values) == -_value(a, values)
    assert _value(a.plus_constant(k), values) == _value(a, values) + k
    assert (a - a) == ZERO
    assert hash(a + b) == hash(b + a)
    assert all((a + b).terms.values())


def test_special_combinations() -> None:
    assert (ZERO.constant, ONE.constant, LinearCombination.of_constant(-7).constant) == (0, 1, -7)
    assert LinearCombination.of_wire(3).constant is None
    assert LinearCombination.of_wire(3).single_wire == 3
    assert LinearCombination.of_wire(3, 2).single_wire is None
    assert repr(LinearCombination({0: 5, 2: 1, 3: -4})) == "5 + w2 + -4*w3"


def test_rows_are_sorted_reduced_and_shared() -> None:
    table = LinearTable(R)
    row = table.row(LinearCombination({4: -1, 0: 3, 2: 1}))
    assert dict(table.combination(row).terms) == {0: 3, 2: 1, 4: R - 1}
    assert list(table.wires) == [0, 2, 4]
    assert table.row(LinearCombination.of_wire(7)) == table.row(LinearCombination.of_wire(7))
    with pytest.raises(CircuitError, match="no such linear combination"):
        table.combination(99)


intervals = st.tuples(st.integers(-20, 20), st.integers(-20, 20)).map(sorted)


@given(intervals, intervals, st.integers(-5, 5), st.data())
def test_intervals_hold_what_arithmetic_makes(a: list[int], b: list[int], k: int, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(*a)), data.draw(st.integers(*b))
    left = num_unchecked(LinearCombination.of_wire(1), *a)
    right = num_unchecked(LinearCombination.of_wire(2), *b)
    for number, value in (
        (left + right, x + y),
        (left - right, x - y),
        (-left, -x),
        (left * k, x * k),
        (left.plus(k), x + k),
        (Num.total([left, right, left]), 2 * x + y),
        (Num.weighted([(k, left), (-2, right)], 7), k * x - 2 * y + 7),
    ):
        assert number.lo <= value <= number.hi
        assert _value(number.lc, [1, x, y, 0, 0, 0]) == value
    assert left.magnitude == max(abs(a[0]), abs(a[1]))


def test_types_refuse_intervals_that_are_not_theirs() -> None:
    wire = LinearCombination.of_wire(1)
    with pytest.raises(CircuitError, match="empty interval"):
        num_unchecked(wire, 2, 1)
    with pytest.raises(CircuitError, match="does not fit"):
        UInt(wire, 0, 8, 3)
    with pytest.raises(CircuitError, match="does not fit"):
        UInt(wire, -1, 7, 3)
    with pytest.raises(CircuitError, match="a bit lies"):
        Bit(wire, 0, 2)
    assert bit_unchecked(wire).negated().lc == LinearCombination({0: 1, 1: -1})
    assert Num.constant(5).is_constant
    assert not num_unchecked(wire, 5, 5).is_constant


def test_wires_come_in_the_order_of_the_file() -> None:
    cs = ConstraintSystem()
    assert list(cs.public("a", 2).wires) == [1, 2]
    assert cs.private("b").first == 3
    with pytest.raises(CircuitError, match="public inputs are declared first"):
        cs.public("late")
    with pytest.raises(CircuitError, match="declared twice"):
        cs.private("a")
    cs.allocate()
    with pytest.raises(CircuitError, match="before any constraint"):
        cs.private("late")


def test_paths() -> None:
    cs = ConstraintSystem()
    x = LinearCombination.of_wire(cs.private("x").first)
    with cs.scope("size[3]"), cs.scope("range"):
        cs.enforce(x, x, x, "bit")
        cs.enforce(x, x, x, "bit")
        cs.product(x, x, "square")
    cs.enforce_equal(x, ONE, "one")
    assert cs.paths == [("size[3]/range/bit", 2), ("size[3]/range/square", 1), ("one", 1)]
    assert [cs.path_of(index) for index in (1, 2, 3)] == ["size[3]/range/bit", "size[3]/range/square", "one"]
    assert without_indices("size[3]/range/bit") == "size/range/bit"
    with pytest.raises(CircuitError, match="no such constraint"):
        cs.path_of(4)
    with pytest.raises(CircuitError, match="never hold; one more"):
        cs.enforce_equal(ONE, ZERO, "one more")


def test_constant_factors_need_no_constraint() -> None:
    cs = ConstraintSystem()
    x = LinearCombination.of_wire(cs.private("x").first)
    assert cs.product(x, LinearCombination.of_constant(3), "p") == x * 3
    assert cs.product(LinearCombination.of_constant(3), x, "p") == x * 3
    assert cs.n_constraints == 0
    dense = x.plus_constant(1)
    cs.enforce(x, dense, ZERO, "swapped")
    assert len(cs.table.combination(cs.a[0])) == 2
    assert count_terms(cs) == 3
    assert to_r1cs(cs) == to_r1cs(cs)


def test_a_file_is_written_in_pieces_and_held_once() -> None:
    """Dense rows repeated, as Poseidon's are: fewer terms in the table than in the file, one row beyond a piece."""
    cs = ConstraintSystem()
    first = cs.private("x", CHUNK_TERMS + 1).first
    wide = LinearCombination(dict.fromkeys(range(first, first + CHUNK_TERMS + 1), 1))
    dense = LinearCombination({wire: wire for wire in range(first, first + 200)})
    x = LinearCombination.of_wire(first)
    cs.enforce(x, x, wide, "wide")
    cs.enforce(x, dense, dense, "dense")
    for rows in (cs.a, cs.b, cs.c):
        rows.extend([rows[1]] * 3000)
    cs.enforce(x, x, ZERO, "last")
    tracemalloc.start()
    try:
        file = to_r1cs(cs)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(file) > 40 << 20
    assert peak < 1.5 * len(file)
    written = read_r1cs(file)
    assert len(written.constraints) == cs.n_constraints
    rows = {row: list(cs.table.combination(row).terms.items()) for row in {*cs.a, *cs.b, *cs.c}}
    for constraint, *numbers in zip(written.constraints, cs.a, cs.b, cs.c, strict=True):
        assert [list(part) for part in constraint] == [rows[number] for number in numbers]


def test_failures_name_the_place_without_its_index() -> None:
    cs = ConstraintSystem()
    x = LinearCombination.of_wire(cs.private("x").first)
    with cs.scope("size[17]"):
        cs.advise_bits(x, 3, "digits")
    with pytest.raises(WitnessError) as failed:
        WitnessProgram(cs.program.to_bytes(cs.n_wires)).start([(1, (8).to_bytes(32, "little"))], [])
    assert str(failed.value) == "witness: size/digits#bits"
    assert cs.program.hints[0].path == "size[17]/digits"


def test_the_builder_refuses_what_is_not_a_program() -> None:
    cs = ConstraintSystem()
    with pytest.raises(CircuitError, match="not in the registry"):
        cs.program.hint("guess", Op.INV, "x", "x", (1, 1), 1, 0)
    with pytest.raises(CircuitError, match="number of operands"):
        cs.program.emit(Op.LIN, "x", 1)
    cs.program.split("first")
    with pytest.raises(CircuitError, match="two parts"):
        cs.program.split("second")


def test_a_tiny_field() -> None:
    """Gadgets take their field from the system, so that tests can try every witness."""
    cs = ConstraintSystem(modulus=97)
    x = num_unchecked(LinearCombination.of_wire(cs.private("x").first), -48, 48)
    cs.require_integer(x)
    with pytest.raises(CircuitError, match="leave the field"):
        cs.require_integer(x.plus(1))
    row = cs.table.row(LinearCombination({1: -1}))
    assert dict(cs.table.combination(row).terms) == {1: 96}
