"""Every gadget against plain integers: valid and invalid inputs, one past each bound, tampered wires, cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import decompose, range_check
from zkmargin.circuits.gadgets.compare import assert_less_equal, assert_nonnegative, is_nonnegative
from zkmargin.circuits.gadgets.maximum import exact_cost, lower_bound, maximum, upper_bound, upper_bound_cost
from zkmargin.circuits.gadgets.select import is_zero, one_hot, pick, product, select
from zkmargin.circuits.gadgets.sign import absolute, positive
from zkmargin.circuits.integers import Bit, Num, num_unchecked
from zkmargin.circuits.linear import LinearCombination
from zkmargin.circuits.testing import Build, Gadget, GadgetMismatchError, check_gadget, check_tampering
from zkmargin.errors import CircuitError
from zkmargin.field import FR_MODULUS as R

WIDE = (-R // 4, R // 4)
"""The interval of a number of which nothing is known."""


@dataclass(frozen=True)
class Sample:
    """A gadget, what it means for integers, its cost, and cases: the values one past each bound among them."""

    build: Build
    intervals: Sequence[tuple[int, int]]
    expected: Callable[..., Sequence[int] | None]
    cost: int
    cases: Sequence[Sequence[int]]
    n_outputs: int = 1


def _bit(cs: ConstraintSystem, x: Num) -> Bit:
    return decompose(cs, x, 0, 1, "bit").bit(0)


def _is_nonnegative(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    bit = is_nonnegative(cs, x[0])
    assert bit is not None
    return [bit]


SAMPLES: dict[str, Sample] = {
    "range_check": Sample(
        lambda cs, x: [range_check(cs, x[0], 5)],
        [WIDE],
        lambda x: [x] if 0 <= x < 32 else None,
        6,
        [(0,), (1,), (31,), (32,), (-1,), (R // 4,), (-R // 4,)],
    ),
    "decompose_signed": Sample(
        lambda cs, x: [decompose(cs, x[0], -16, 5).number],
        [WIDE],
        lambda x: [x] if -16 <= x < 16 else None,
        6,
        [(-16,), (-17,), (15,), (16,), (0,)],
    ),
    "digits": Sample(
        lambda cs, x: [decompose(cs, x[0], 0, 3).bit(place) for place in range(3)],
        [(0, 7)],
        lambda x: [x & 1, x >> 1 & 1, x >> 2],
        3 * 4,
        [(value,) for value in range(8)],
        n_outputs=3,
    ),
    "assert_nonnegative": Sample(
        lambda cs, x: [assert_nonnegative(cs, x[0])],
        [(-100, 100)],
        lambda x: [x] if x >= 0 else None,
        8,
        [(-100,), (-1,), (0,), (100,)],
    ),
    "assert_nonnegative_narrow": Sample(
        lambda cs, x: [assert_nonnegative(cs, x[0], max_width=4)],
        [(-100, 100)],
        lambda x: [x] if 0 <= x < 16 else None,
        5,
        [(-1,), (0,), (15,), (16,), (100,)],
    ),
    "assert_less_equal": Sample(
        lambda cs, x: [assert_less_equal(cs, x[0], x[1]) or x[0]],
        [(-8, 7), (-8, 7)],
        lambda a, b: [a] if a <= b else None,
        5,
        [(a, b) for a in range(-8, 8, 3) for b in range(-8, 8, 3)] + [(7, 6), (6, 7), (7, 7), (-8, 7), (7, -8)],
    ),
    "is_nonnegative": Sample(
        _is_nonnegative,
        [(-8, 7)],
        lambda x: [int(x >= 0)],
        5,
        [(value,) for value in range(-8, 8)],
    ),
    "positive": Sample(
        lambda cs, x: [positive(cs, x[0])],
        [(-8, 7)],
        lambda x: [max(x, 0)],
        6,
        [(value,) for value in range(-8, 8)],
    ),
    "absolute": Sample(
        lambda cs, x: [absolute(cs, x[0])],
        [(-8, 8)],
        lambda x: [abs(x)],
        7,
        [(value,) for value in range(-8, 9)],
    ),
    "product": Sample(
        lambda cs, x: [product(cs, x[0], x[1])],
        [(-8, 7), (-3, 4)],
        lambda a, b: [a * b],
        1,
        [(-8, -3), (-8, 4), (7, 4), (7, -3), (0, 4)],
    ),
    "select": Sample(
        lambda cs, x: [select(cs, _bit(cs, x[0]), x[1], x[2])],
        [WIDE, (-5, 5), (0, 9)],
        lambda bit, a, b: [a if bit else b] if bit in (0, 1) else None,
        1 + 2,
        [(0, -5, 9), (1, -5, 9), (2, 1, 1), (-1, 1, 1)],
    ),
    "is_zero": Sample(
        lambda cs, x: [is_zero(cs, x[0].lc)],
        [WIDE],
        lambda x: [int(x == 0)],
        2,
        [(0,), (1,), (-1,), (R // 4,)],
    ),
    "one_hot_pick": Sample(
        lambda cs, x: [pick(cs, one_hot(cs, [n.lc for n in x[:3]]), x[3:])],
        [(-9, 9)] * 6,
        lambda *x: [x[3 + x[:3].index(max(x[:3]))]],
        3 + 1 + 3,
        [(1, 2, 3, 7, 8, 9), (3, 2, 3, 7, 8, 9), (-9, -2, -3, -7, 8, 9)],
    ),
    "upper_bound": Sample(
        lambda cs, x: [upper_bound(cs, x, 88)],
        [(-8, 7), (0, 3), (-2, 20)],
        lambda *x: [max(x)],
        3 * (5 + 1),
        [(-8, 0, -2), (7, 3, 20), (7, 3, -2), (-8, 3, 1), (1, 1, 1)],
    ),
    "upper_bound_narrow": Sample(
        lambda cs, x: [upper_bound(cs, x, 3)],
        [(-8, 7), (-8, 7)],
        lambda *x: [max(x)] if max(x) - min(x) < 8 else None,
        2 * (3 + 1),
        [(-8, -1), (-8, 0), (7, 0), (7, -1), (3, 3)],
    ),
    "lower_bound": Sample(
        lambda cs, x: [lower_bound(cs, x)],
        [(-8, 7), (0, 3), (-2, 20)],
        lambda *x: [max(x)],
        2 * 2,
        [(-8, 0, -2), (7, 3, 20), (7, 3, -2), (-8, 3, 1), (1, 1, 1)],
    ),
    "maximum": Sample(
        lambda cs, x: [maximum(cs, x)],
        [(-8, 7), (0, 3), (-2, 20)],
        lambda *x: [max(x)],
        (4 + 3) + (5 + 3),
        [(-8, 0, -2), (7, 3, 20), (7, 3, -2), (-8, 3, 1), (1, 1, 1), (7, 0, 7)],
    ),
}


def _gadget(sample: Sample) -> Gadget:
    return Gadget(sample.build, sample.intervals, sample.n_outputs)


@pytest.mark.parametrize("name", SAMPLES)
def test_agrees_with_integers_on_valid_and_invalid_inputs(name: str) -> None:
    sample = SAMPLES[name]
    check_gadget(_gadget(sample), sample.expected, sample.cases)


@pytest.mark.parametrize("name", SAMPLES)
def test_costs_what_its_contract_says(name: str) -> None:
    assert _gadget(SAMPLES[name]).cost == SAMPLES[name].cost


@pytest.mark.parametrize("name", SAMPLES)
def test_no_wire_can_be_changed_alone(name: str) -> None:
    sample = SAMPLES[name]
    gadget = _gadget(sample)
    for values in sample.cases:
        if sample.expected(*values) is not None:
            check_tampering(gadget, values)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.lists(st.integers(-(2**40), 2**40), min_size=3, max_size=3))
def test_wide_numbers(values: list[int]) -> None:
    interval = (-(2**40), 2**40)
    gadget = Gadget(
        lambda cs, x: [maximum(cs, x), upper_bound(cs, x, 88), lower_bound(cs, x), positive(cs, x[0])],
        [interval] * 3,
        n_outputs=4,
    )
    largest = max(values)
    check_gadget(gadget, lambda *x: [largest, largest, largest, max(x[0], 0)], [values])


def test_costs_are_foreseen() -> None:
    branches = [
        num_unchecked(LinearCombination.of_wire(w), lo, hi) for w, lo, hi in ((1, -8, 7), (2, 0, 3), (3, -2, 20))
    ]
    assert upper_bound_cost(branches, 88) == SAMPLES["upper_bound"].cost
    assert exact_cost(branches) == SAMPLES["maximum"].cost


def test_a_bound_may_be_raised_but_not_lowered() -> None:
    gadget = Gadget(lambda cs, x: [upper_bound(cs, x, 88)], [(0, 15), (0, 15)])
    wires = list(gadget.run((3, 5)).wires)
    bound = gadget.cs.bounds[0].first_wire

    def prove(value: int) -> list[str]:
        """The lie with everything that follows from it done right."""
        changed = list(wires)
        changed[bound] = changed[1] = value % R
        for hint in gadget.cs.program.hints:
            if hint.name == "bits":
                branch = changed[gadget.inputs.first + int("[1]" in hint.path)]
                slack = (value - branch) % R
                for place in range(hint.count):
                    changed[hint.first_wire + place] = slack >> place & 1
        return gadget.violated(changed)

    assert prove(5) == []
    assert prove(8) == []
    assert prove(4) == ["upper/branch[1]/recompose"]
    assert prove(30) == ["upper/branch[0]/recompose", "upper/branch[1]/recompose"]  # beyond the slack's width
    assert "upper/branch[0]/recompose" in prove(-1)


def test_a_lower_bound_is_one_of_the_branches() -> None:
    gadget = Gadget(lambda cs, x: [lower_bound(cs, x)], [(0, 15), (0, 15)])
    wires = list(gadget.run((3, 5)).wires)
    choice, selected = gadget.cs.bounds[0].first_wire, gadget.cs.bounds[0].first_wire + 1
    lower = list(wires)
    lower[choice], lower[selected], lower[1] = 0, 0, 3
    assert gadget.violated(lower) == []
    half = list(wires)
    half[choice] = pow(2, -1, R)
    half[selected], half[1] = 1, 4
    assert gadget.violated(half) == ["lower/branch[1]/bit"]


def test_digits_of_a_value_beyond_the_field_are_refused() -> None:
    cs = ConstraintSystem()
    x = num_unchecked(LinearCombination.of_wire(cs.private("x").first), 0, 7)
    with pytest.raises(CircuitError, match="wider than the field"):
        range_check(cs, x, 254)
    with pytest.raises(CircuitError, match="wider than the field"):
        range_check(cs, x, 0)
    range_check(cs, x, 252)


def test_intervals_that_leave_the_field_are_refused() -> None:
    cs = ConstraintSystem()
    x = num_unchecked(LinearCombination.of_wire(cs.private("x").first), -(2**200), 2**200)
    with pytest.raises(CircuitError, match="leave the field"):
        product(cs, x, x)
    with pytest.raises(CircuitError, match="always negative"):
        assert_nonnegative(cs, x.plus(-(2**200) - 1))


def test_a_decided_sign_costs_nothing() -> None:
    cs = ConstraintSystem()
    x = num_unchecked(LinearCombination.of_wire(cs.private("x").first), 0, 7)
    assert positive(cs, x) is x
    assert positive(cs, -x).lc.constant == 0
    assert assert_nonnegative(cs, x) is x
    assert is_nonnegative(cs, x) is None
    assert cs.n_constraints == 0


def test_the_checker_notices_a_wrong_gadget() -> None:
    free = Gadget(lambda cs, x: [LinearCombination.of_wire(cs.advise_sign(x[0].lc, "sign"))], [(-8, 7)])
    with pytest.raises(GadgetMismatchError, match="can be changed"):
        check_tampering(free, (3,))
    with pytest.raises(GadgetMismatchError, match="not"):
        check_gadget(free, lambda x: [int(x > 0)], [(0,)])
    with pytest.raises(GadgetMismatchError, match="has a witness"):
        check_gadget(free, lambda _: None, [(0,)])
