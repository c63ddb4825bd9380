"""The analysis against brute force: what it calls fixed has one value, in every random circuit of a tiny field."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from systems import ONE, Constraint, Terms, bit, system, zero

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.determinism.analysis import classify
from zkmargin.circuits.determinism.propagation import is_unique
from zkmargin.circuits.determinism.relations import Relations
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.circuits.linear import LinearCombination

FREE = {Verdict.UNDETERMINED, Verdict.DEAD}
CHOSEN = {Verdict.ONE, Verdict.PUBLIC, Verdict.PRIVATE, Verdict.BOUND, Verdict.CHOICE}


def solutions(cs: ConstraintSystem) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Every assignment that satisfies a circuit, one per row, wire 0 first."""
    p, n = cs.modulus, cs.n_wires
    grid = np.indices((p,) * (n - 1)).reshape(n - 1, -1).T
    wires = np.concatenate([np.ones((len(grid), 1), dtype=np.int64), grid], axis=1)
    for rows in zip(cs.a, cs.b, cs.c, strict=True):
        a, b, c = (
            sum((wires[:, w] * v for w, v in cs.table.combination(row).terms.items()), np.zeros(len(wires), int))
            for row in rows
        )
        wires = wires[(a * b - c) % p == 0]
    return wires


def check_against_brute_force(cs: ConstraintSystem) -> int:
    """How many wires beyond the given ones the analysis calls fixed."""
    analysis = classify(cs)
    verdicts = [Verdict(verdict) for verdict in analysis.verdicts]
    wires = solutions(cs)
    chosen = [wire for wire, verdict in enumerate(verdicts) if verdict in CHOSEN]
    fixed = [wire for wire, verdict in enumerate(verdicts) if verdict not in CHOSEN | FREE]
    assert len(np.unique(wires[:, chosen], axis=0)) == len(np.unique(wires[:, chosen + fixed], axis=0))
    for bound in cs.bounds:
        if bound.path in analysis.problems:
            continue
        values = wires[:, bound.first_wire : bound.first_wire + bound.count]
        if bound.kind == "one_hot" and verdicts[bound.first_wire] is Verdict.CHOICE and len(values):
            assert set(values.sum(axis=1)) == {1}
        if verdicts[bound.first_wire] not in {Verdict.BOUND, Verdict.CHOICE}:
            continue
        for row in bound.branches:
            form = sum((wires[:, w] * v for w, v in cs.table.combination(row).terms.items()), np.zeros(len(wires), int))
            slack = values[:, 0] - form if bound.kind == "upper" else form
            assert not len(slack) or (slack % cs.modulus).max() <= cs.modulus // 2
    return len(fixed)


def terms(n_wires: int, modulus: int, size: int = 3) -> st.SearchStrategy[Terms]:
    coefficients = st.sampled_from([1, 1, 1, -1, -1, 2, -2, 4, modulus])
    return st.dictionaries(st.integers(0, n_wires - 1), coefficients, max_size=size)


@st.composite
def circuits(draw: st.DrawFn) -> ConstraintSystem:
    """Up to six wires over a field of at most 13 elements, constraints of the shapes that rules look for."""
    modulus = draw(st.sampled_from([2, 3, 5, 7, 11, 13]))
    n_wires = draw(st.integers(3, 7 if modulus <= 5 else 6 if modulus <= 7 else 5))
    n_given = draw(st.integers(1, min(2, n_wires - 2)))
    wires = st.integers(1, n_wires - 1)
    constraint: st.SearchStrategy[Constraint] = st.one_of(
        wires.map(bit),
        wires.map(bit),
        terms(n_wires, modulus, 5).map(zero),
        st.tuples(terms(n_wires, modulus), terms(n_wires, modulus), terms(n_wires, modulus)),
        st.tuples(wires.map(lambda w: {w: 1}), wires.map(lambda w: {w: 1}), wires.map(lambda w: {w: 1})),
        st.tuples(wires.map(lambda w: {w: 1}), terms(n_wires, modulus, 2), st.just({})),
        st.tuples(terms(n_wires, modulus, 2), wires.map(lambda w: {w: 1}), st.just(ONE)),
    )
    cs = system(n_given, n_wires, draw(st.lists(constraint, min_size=1, max_size=8)), modulus)
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(["upper", "choice", "one_hot", "inverse"]))
        first = draw(st.integers(n_given + 1, n_wires - 1))
        count = draw(st.integers(1, n_wires - first)) if kind == "one_hot" else 1
        reach = first if kind == "upper" else n_wires
        branches = draw(st.lists(terms(reach, modulus, 2), max_size=2)) if kind != "inverse" else []
        combinations = [LinearCombination(branch) for branch in branches]
        cs.declare_bound(first, count, kind, "", kind=kind, branches=combinations)  # type: ignore[arg-type]
    return cs


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(circuits())
def test_what_is_called_fixed_has_one_value(cs: ConstraintSystem) -> None:
    check_against_brute_force(cs)


@st.composite
def decompositions(draw: st.DrawFn) -> ConstraintSystem:
    """Sums of bits with random weights: near misses of digits."""
    modulus = draw(st.sampled_from([3, 5, 7, 11, 13, 17, 31]))
    n_digits = draw(st.integers(2, 3 if modulus > 7 else 4))
    weights = draw(st.lists(st.integers(-modulus, modulus), min_size=n_digits, max_size=n_digits))
    skipped = draw(st.sampled_from([None, None, None, 0, 1]))
    assume(modulus ** (n_digits + 1) < 50_000)
    wires = range(2, 2 + n_digits)
    bits = [bit(wire) for index, wire in enumerate(wires) if index != skipped]
    return system(1, 2 + n_digits, [zero({1: 1, **dict(zip(wires, weights, strict=True))}), *bits], modulus)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(decompositions())
def test_digits_have_one_value(cs: ConstraintSystem) -> None:
    check_against_brute_force(cs)


def test_the_search_reaches_verdicts() -> None:
    """So that the tests above mean something: of simple circuits, many wires are found fixed."""
    found = 0
    for weights in product((1, 2, 4), repeat=2):
        cs = system(1, 4, [zero({1: 1, 2: -weights[0], 3: -weights[1]}), bit(2), bit(3)], 11)
        found += check_against_brute_force(cs)
    assert found == 2 * 6  # all but equal weights


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([5, 7, 11, 13, 31, 61]),
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 3)), min_size=1, max_size=4),
)
def test_unique_weights_are_injective(modulus: int, digits: Sequence[tuple[int, int]]) -> None:
    weights, spreads = [weight % modulus for weight, _ in digits], [spread for _, spread in digits]
    sums = [
        sum(weight * value for weight, value in zip(weights, values, strict=True)) % modulus
        for values in product(*(range(spread + 1) for spread in spreads))
    ]
    if is_unique(weights, spreads, modulus):
        assert len(set(sums)) == len(sums)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([2, 3, 5, 7]),
    st.lists(st.integers(0, 7), min_size=6, max_size=6),
)
def test_booleans_are_exactly_those(modulus: int, c: Sequence[int]) -> None:
    cs = system(0, 2, [({1: c[0], 0: c[1]}, {1: c[2], 0: c[3]}, {1: c[4], 0: c[5]})], modulus)
    if Relations(cs).boolean[1]:
        assert solutions(cs)[:, 1].tolist() == [0, 1]
