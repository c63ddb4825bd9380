"""Gadgets over a tiny field: every witness is tried. What is provable is what is true, and every constraint counts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as combinations
from typing import NamedTuple

import pytest

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import boolean, decompose, range_check
from zkmargin.circuits.gadgets.compare import assert_less_equal, assert_nonnegative, is_nonnegative
from zkmargin.circuits.gadgets.maximum import lower_bound, maximum, upper_bound
from zkmargin.circuits.gadgets.merkle import _mux
from zkmargin.circuits.gadgets.poseidon import _sbox
from zkmargin.circuits.gadgets.select import assert_nonzero, is_zero, one_hot, pick, product, select
from zkmargin.circuits.gadgets.sign import absolute, positive, positive_of_digits, sign_digits
from zkmargin.circuits.integers import Num, bit_unchecked
from zkmargin.circuits.linear import LinearCombination
from zkmargin.circuits.testing import (
    Build,
    Gadget,
    GadgetMismatchError,
    Relation,
    drop_each_constraint,
    exhaust,
    provable,
)
from zkmargin.errors import CircuitError

P = 37
ANY = (-(P // 2), P // 2)
"""Every element of the field."""


class Sample(NamedTuple):
    """A gadget and all that it may prove: inputs to the outputs that are true of them."""

    build: Build
    intervals: Sequence[tuple[int, int]]
    relation: Relation
    n_outputs: int = 1


def _bits(cs: ConstraintSystem, numbers: Sequence[Num]) -> list[LinearCombination]:
    return [boolean(cs, next(iter(x.lc.terms))).lc for x in numbers]


def _sign(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    bit = is_nonnegative(cs, x[0])
    assert bit is not None
    return [bit]


def _sbox_of(cs: ConstraintSystem, x: list[Num]) -> list[LinearCombination]:
    return [LinearCombination.of_wire(_sbox(cs, cs.table.row(x[0].lc.plus_constant(3))))]


def _chosen(cs: ConstraintSystem, x: list[Num]) -> list[LinearCombination]:
    return [_mux(cs, [bit_unchecked(bit) for bit in _bits(cs, x[:2])], [n.lc for n in x[2:]], "place")]


def _one_hot(cs: ConstraintSystem, x: list[Num]) -> list[Num | LinearCombination]:
    bits = one_hot(cs, [n.lc for n in x])
    return [*bits, pick(cs, bits, x)]


def _uppers(*x: int, width: int) -> list[tuple[int, ...]]:
    """A bound is at least every branch, and within the slack's width of each."""
    return [(bound,) for bound in range(max(x), min(x) + (1 << width))]


SAMPLES = {
    "boolean": Sample(_bits, [ANY], lambda x: [(x,)] if x in (0, 1) else []),
    "range_check": Sample(lambda cs, x: [range_check(cs, x[0], 3)], [ANY], lambda x: [(x,)] if 0 <= x < 8 else []),
    "decompose": Sample(
        lambda cs, x: [decompose(cs, x[0], -4, 3).bit(place) for place in range(3)],
        [(-9, 9)],
        lambda x: [tuple((x + 4) >> place & 1 for place in range(3))] if -4 <= x < 4 else [],
        3,
    ),
    "sign_digits": Sample(lambda cs, x: [sign_digits(cs, x[0]).bit(3)], [(-8, 7)], lambda x: [(int(x >= 0),)]),
    "positive_of_digits": Sample(
        lambda cs, x: [positive_of_digits(cs, decompose(cs, x[0], -4, 3))],
        [(-9, 9)],
        lambda x: [(max(x, 0),)] if -4 <= x < 4 else [],
    ),
    "positive": Sample(lambda cs, x: [positive(cs, x[0])], [(-4, 3)], lambda x: [(max(x, 0),)]),
    "absolute": Sample(lambda cs, x: [absolute(cs, x[0])], [(-4, 3)], lambda x: [(abs(x),)]),
    "assert_nonnegative": Sample(
        lambda cs, x: [assert_nonnegative(cs, x[0])], [(-8, 7)], lambda x: [(x,)] if x >= 0 else []
    ),
    "assert_nonnegative_narrow": Sample(
        lambda cs, x: [assert_nonnegative(cs, x[0], max_width=2)], [(-8, 7)], lambda x: [(x,)] if 0 <= x < 4 else []
    ),
    "assert_less_equal": Sample(
        lambda cs, x: [assert_less_equal(cs, x[0], x[1]) or x[0]],
        [(-2, 2), (-2, 2)],
        lambda a, b: [(a,)] if a <= b else [],
    ),
    "is_nonnegative": Sample(_sign, [(-4, 3)], lambda x: [(int(x >= 0),)]),
    "product": Sample(lambda cs, x: [product(cs, x[0], x[1])], [(-4, 3), (-3, 4)], lambda a, b: [(a * b,)]),
    "select": Sample(
        lambda cs, x: [select(cs, boolean_of(cs, x[0]), x[1], x[2])],
        [(-1, 2), (-4, 3), (0, 5)],
        lambda bit, a, b: [(a if bit else b,)] if bit in (0, 1) else [],
    ),
    "is_zero": Sample(lambda cs, x: [is_zero(cs, x[0].lc)], [ANY], lambda x: [(int(x == 0),)]),
    "assert_nonzero": Sample(lambda cs, x: [assert_nonzero(cs, x[0].lc) or x[0]], [ANY], lambda x: [(x,)] if x else []),
    "one_hot and pick": Sample(
        _one_hot,
        [(0, 2), (3, 5), (6, 7)],
        lambda *x: [(1, 0, 0, x[0]), (0, 1, 0, x[1]), (0, 0, 1, x[2])],
        4,
    ),
    "upper_bound": Sample(
        lambda cs, x: [upper_bound(cs, x, 2)],
        [(-2, 2), (-1, 1)],
        lambda *x: _uppers(*x, width=2),
    ),
    "lower_bound": Sample(
        lambda cs, x: [lower_bound(cs, x)], [(-2, 1), (0, 2)], lambda *x: [(branch,) for branch in set(x)]
    ),
    "maximum": Sample(lambda cs, x: [maximum(cs, x)], [(-2, 1), (-1, 2)], lambda *x: [(max(x),)]),
    "maximum of three": Sample(lambda cs, x: [maximum(cs, x)], [(-2, 1), (-1, 1), (-2, 1)], lambda *x: [(max(x),)]),
    "S-box": Sample(_sbox_of, [ANY], lambda x: [((x + 3) ** 5,)]),
    "child of a Merkle node": Sample(
        _chosen,
        [(-1, 2), (-1, 2), (0, 1), (2, 3), (4, 5), (6, 7)],
        lambda low, high, *x: [(x[low + 2 * high],)] if {low, high} <= {0, 1} else [],
    ),
}


def boolean_of(cs: ConstraintSystem, x: Num) -> object:
    """The input itself, made a bit."""
    return boolean(cs, next(iter(x.lc.terms)))


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_provable_is_what_is_true(name: str) -> None:
    sample = SAMPLES[name]
    exhaust(Gadget(sample.build, sample.intervals, sample.n_outputs, modulus=P), sample.relation)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_constraint_counts(name: str) -> None:
    sample = SAMPLES[name]
    drop_each_constraint(Gadget(sample.build, sample.intervals, sample.n_outputs, modulus=P), sample.relation)


def test_an_idle_constraint_is_noticed() -> None:
    def twice(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
        boolean(cs, next(iter(x[0].lc.terms)), "first")
        return [boolean(cs, next(iter(x[0].lc.terms)), "second")]

    gadget = Gadget(twice, [ANY], modulus=P)
    exhaust(gadget, lambda x: [(x,)] if x in (0, 1) else [])
    with pytest.raises(GadgetMismatchError, match=r"nothing misses \['first', 'second'\]"):
        drop_each_constraint(gadget, lambda x: [(x,)] if x in (0, 1) else [])


def test_an_unsound_gadget_is_noticed() -> None:
    free = Gadget(lambda cs, x: [LinearCombination.of_wire(cs.advise_sign(x[0].lc, "s"))], [(-2, 2)], modulus=P)
    with pytest.raises(GadgetMismatchError, match="provable and false"):
        exhaust(free, lambda x: [(int(x >= 0),)])
    narrow = Gadget(lambda cs, x: [range_check(cs, x[0], 2)], [(-2, 7)], modulus=P)
    with pytest.raises(GadgetMismatchError, match="true and not provable"):
        exhaust(narrow, lambda x: [(x,)] if x >= 0 else [])


def test_only_tiny_fields_are_exhausted() -> None:
    gadget = Gadget(lambda _, x: [x[0]], [(0, 1)])
    with pytest.raises(GadgetMismatchError, match="tiny field"):
        next(provable(gadget))


def test_a_range_check_as_wide_as_the_field_is_refused() -> None:
    """gnark's CVE-2023-44378: with 2^width near the prime, one value has two sets of digits."""
    for width, allowed in ((4, True), (5, False), (6, False)):
        if allowed:
            Gadget(lambda cs, x, width=width: [range_check(cs, x[0], width)], [(0, 9)], modulus=P)
        else:
            with pytest.raises(CircuitError, match="wider than the field"):
                Gadget(lambda cs, x, width=width: [range_check(cs, x[0], width)], [(0, 9)], modulus=P)


def test_the_search_finds_every_assignment() -> None:
    gadget = Gadget(lambda cs, x: [cs.product(x[0].lc, x[1].lc, "p")], [(0, 4), (0, 4)], modulus=5)
    expected = {((a, b), (a * b % 5,)) for a, b in combinations(range(5), repeat=2)}
    assert set(provable(gadget)) == expected
