"""Quotients, roots, tiers, ranks and tails over a tiny field: every witness is tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from math import isqrt
from typing import NamedTuple

import pytest

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.choose import at_first_largest
from zkmargin.circuits.gadgets.divide import divide
from zkmargin.circuits.gadgets.measures import (
    marks,
    rank_lower_bound,
    rank_upper_bound,
    ranked,
    tail,
    tail_lower_bound,
    tail_upper_bound,
)
from zkmargin.circuits.gadgets.root import square_root
from zkmargin.circuits.gadgets.sign import positive
from zkmargin.circuits.gadgets.spreads import spread
from zkmargin.circuits.gadgets.tiers import tier_value
from zkmargin.circuits.integers import Num
from zkmargin.circuits.names import without_indices
from zkmargin.circuits.testing import Build, Gadget, Relation, drop_each_constraint, exhaust, provable, true_points

Outputs = list[tuple[int, ...]]


class Sample(NamedTuple):
    """A gadget and all that it may prove; the prime leaves room for its numbers."""

    build: Build
    intervals: Sequence[tuple[int, int]]
    relation: Relation
    modulus: int
    n_outputs: int = 1


# --- quotients and roots ------------------------------------------------------------------------------------------

_QUOTIENTS = range(-1, 3)  # two digits, counted from -1


def _quotients(x: int, y: int, *, upper: bool, lower: bool) -> Outputs:
    """Within its digits any quotient on the right side whose remainder the range checks have room for."""
    rests = {r: x - r * y for r in _QUOTIENTS}
    fits = [r for r, rest in rests.items() if (not lower or 0 <= rest < 2) and (not upper or 0 <= y - 1 - rest < 2)]
    for r in fits:
        assert not upper or r >= x // y
        assert not lower or r <= x // y
    return [(r,) for r in fits]


def _divide(cs: ConstraintSystem, x: list[Num], *, upper: bool, lower: bool) -> list[Num]:
    return [divide(cs, x[0], x[1], upper=upper, lower=lower)]


def _root(cs: ConstraintSystem, x: list[Num], *, upper: bool, lower: bool) -> list[Num]:
    return [square_root(cs, x[0], 1, upper=upper, lower=lower)]


def _roots(x: int, *, upper: bool, lower: bool) -> Outputs:
    """Roots of one digit on the right side; the slack towards the next square has two."""
    fits = [r for r in range(2) if (not lower or r * r <= max(x, 0)) and (not upper or 0 <= r * r + 2 * r - x < 4)]
    for r in fits:
        assert not upper or r >= isqrt(max(x, 0))
        assert not lower or r <= isqrt(max(x, 0))
    return [(r,) for r in fits]


# --- tiers --------------------------------------------------------------------------------------------------------

_BOUNDS, _VALUES = (0, 2), (5, 7, 9)


def _tier(cs: ConstraintSystem, x: list[Num], *, late: bool, early: bool) -> list[Num]:
    bounds = [Num.constant(bound) for bound in (*_BOUNDS, 99)]
    return [tier_value(cs, x[0], bounds, [Num.constant(v) for v in _VALUES], late=late, early=early)]


def _tiers(x: int, *, late: bool, early: bool) -> Outputs:
    true = next((k for k, bound in enumerate(_BOUNDS) if x <= bound), 2)
    return [(v,) for k, v in enumerate(_VALUES) if (not late or k >= true) and (not early or k <= true)]


# --- ranks and tails ----------------------------------------------------------------------------------------------


def _rank_uppers(*x: int) -> Outputs:
    """One of three numbers in [-1, 1] is waived: it counts two less. Slacks have two digits."""
    found = set()
    for waived in range(len(x)):
        branches = [value - 2 * (place == waived) for place, value in enumerate(x)]
        found |= {r for r in range(-8, 9) if all(0 <= r - branch < 4 for branch in branches)}
    assert min(found) == sorted(x)[-2]
    return [(r,) for r in found]


def _rank_lowers(*x: int) -> Outputs:
    return [(-r,) for (r,) in _rank_uppers(*(-value for value in x))]


def _tail_uppers(*x: int) -> Outputs:
    """Any threshold of two digits from -1."""
    found = {2 * eta + sum(max(value - eta, 0) for value in x) for eta in range(-1, 3)}
    assert min(found) >= sum(sorted(x)[-2:])
    return [(total,) for total in found]


def _tail_lowers(*x: int) -> Outputs:
    """A weight on one number and one each on two, which may hold the first."""
    pairs = combinations(range(len(x)), 2)
    found = {x[i] + x[j] + x[k] for j, k in pairs for i in range(len(x))}
    assert max(found) == 2 * max(x) + sorted(x)[-2]
    return [(total,) for total in found]


def _positive(cs: ConstraintSystem, number: Num, label: str) -> Num:
    return positive(cs, number, label)


def _marked(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    return list(marks(cs, x, 2))


def _first_largest(*x: int) -> Outputs:
    scores, values = x[: len(x) // 2], x[len(x) // 2 :]
    return [(values[scores.index(max(scores))],)]


BOTH, UPPER, LOWER = ({"upper": u, "lower": v} for u, v in ((True, True), (True, False), (False, True)))
EXACT, LATE, EARLY = ({"late": u, "early": v} for u, v in ((True, True), (True, False), (False, True)))
THREE = [(-1, 1)] * 3
SAMPLES = {
    "quotient": Sample(partial(_divide, **BOTH), [(-1, 1), (1, 2)], partial(_quotients, **BOTH), 37),
    "quotient, upper": Sample(partial(_divide, **UPPER), [(-1, 1), (1, 2)], partial(_quotients, **UPPER), 37),
    "quotient, lower": Sample(partial(_divide, **LOWER), [(-1, 1), (1, 2)], partial(_quotients, **LOWER), 37),
    "root": Sample(partial(_root, **BOTH), [(-1, 3)], partial(_roots, **BOTH), 37),
    "root, upper": Sample(partial(_root, **UPPER), [(-1, 3)], partial(_roots, **UPPER), 37),
    "root, lower": Sample(partial(_root, **LOWER), [(-1, 3)], partial(_roots, **LOWER), 37),
    "tier": Sample(partial(_tier, **EXACT), [(-1, 4)], partial(_tiers, **EXACT), 61),
    "tier, late": Sample(partial(_tier, **LATE), [(-1, 4)], partial(_tiers, **LATE), 61),
    "tier, early": Sample(partial(_tier, **EARLY), [(-1, 4)], partial(_tiers, **EARLY), 61),
    "marks": Sample(
        _marked,
        [(0, 0)] * 3,
        lambda *_: [tuple(int(k in pair) for k in range(3)) for pair in combinations(range(3), 2)],
        37,
        3,
    ),
    "rank, upper": Sample(lambda cs, x: [rank_upper_bound(cs, x, 2)], THREE, _rank_uppers, 37),
    "rank, lower": Sample(lambda cs, x: [rank_lower_bound(cs, x, 2)], THREE, _rank_lowers, 37),
    "rank": Sample(lambda cs, x: [ranked(cs, x, 2)], THREE, lambda *x: [(sorted(x)[-2],)], 37),
    "tail, upper": Sample(
        lambda cs, x: [tail_upper_bound(cs, x, (2, 1), partial(_positive, cs))], THREE, _tail_uppers, 61
    ),
    "tail, lower": Sample(lambda cs, x: [tail_lower_bound(cs, x, (3, 2))], THREE, _tail_lowers, 37),
    "tail": Sample(
        lambda cs, x: [tail(cs, x, (2, 1), partial(_positive, cs))],
        THREE,
        lambda *x: [(sum(sorted(x)[-2:]),)],
        61,
    ),
    "first largest": Sample(
        lambda cs, x: [at_first_largest(cs, x[:3], x[3:])],
        [(0, 1), (-1, 1), (0, 1), (3, 3), (4, 4), (5, 5)],
        _first_largest,
        37,
    ),
}


def _gadget(name: str) -> Gadget:
    sample = SAMPLES[name]
    return Gadget(sample.build, sample.intervals, sample.n_outputs, modulus=sample.modulus)


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_provable_is_what_is_true(name: str) -> None:
    exhaust(_gadget(name), SAMPLES[name].relation)


def _tier_of_inputs(cs: ConstraintSystem, x: list[Num], *, late: bool, early: bool) -> list[Num]:
    values = [Num.constant(value) for value in _UNEVEN]
    return [tier_value(cs, x[0], [*x[1:], Num.constant(9)], values, late=late, early=early)]


def _tiers_of_inputs(x: int, *bounds: int, late: bool, early: bool) -> Outputs:
    """Each tier on the right side of its bound; the bounds of the instance rise."""
    places = range(len(bounds) + 1)
    fits = [k for k in places if (not late or k == 2 or x <= bounds[k]) and (not early or k == 0 or x > bounds[k - 1])]
    return [(_UNEVEN[k],) for k in fits]


def _tail_sum(parts: tuple[int, int], *x: int) -> Outputs:
    (whole, rest), falling = divmod(*parts), sorted(x, reverse=True)
    return [(parts[1] * sum(falling[:whole]) + (rest * falling[whole] if rest else 0),)]


def _tail_of(parts: tuple[int, int], intervals: Sequence[tuple[int, int]]) -> Sample:
    def build(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
        return [tail(cs, x, parts, partial(_positive, cs))]

    return Sample(build, intervals, partial(_tail_sum, parts), 97)


def _spread(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    legs = len(x) // 2
    count, left = spread(cs, x[:legs], x[legs:])
    return [count, *left]


def _spreads(*x: int) -> Outputs:
    """The number of spreads and what is left of each leg."""
    left, ratio = x[: len(x) // 2], x[len(x) // 2 :]
    legs = [(amount, a) for amount, a in zip(left, ratio, strict=True) if a]
    for sign in (1, -1):
        if legs and all(sign * amount * a > 0 for amount, a in legs):
            count = min(abs(amount) // abs(a) for amount, a in legs)
            return [(count, *(amount - sign * count * a for amount, a in zip(left, ratio, strict=True)))]
    return [(0, *left)]


_UNEVEN = (5, 7, 10)
RISING = [(-1, 5), (0, 1), (1, 4)]
ROOM: Mapping[str, Sequence[Sample]] = {
    "root": [Sample(partial(_root, **BOTH), [(-8, 3)], lambda x: [(isqrt(max(x, 0)),)], 61)],
    **{
        f"tier {sides}": [Sample(partial(_tier_of_inputs, **sides), RISING, partial(_tiers_of_inputs, **sides), 61)]
        for sides in (EXACT, LATE, EARLY)
    },
    "tail": [_tail_of((1, 1), THREE), _tail_of((3, 2), THREE), _tail_of((3, 2), [(0, 0), (0, 3)])],
}
"""The others, in instances with room for every lie: each class of constraints counts in one of them, all that it has.

The threshold of a tail needs its range only where a number is the least by its type, and has no positive part.
"""
SPREAD = Sample(_spread, [(-2, 2), (-1, 1)], _spreads, 61, 2)
COUNTED = [name for name in SAMPLES if not name.startswith(("tier", "rank")) and name not in ("root", "tail")]
"""Samples whose intervals leave room for every lie: elsewhere a neighbour stops what one constraint lets through."""


def _idle(gadget: Gadget, relation: Relation, dropped: Sequence[Sequence[int]]) -> list[Sequence[int]]:
    """Which of these sets of constraints nothing misses."""
    true = true_points(gadget, relation)
    return [constraints for constraints in dropped if all(p in true for p in provable(gadget, constraints))]


def _classes(gadget: Gadget) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for constraint in range(gadget.cs.n_constraints):
        found.setdefault(without_indices(gadget.cs.path_of(constraint)), []).append(constraint)
    return found


@pytest.mark.parametrize("name", ROOM)
def test_every_constraint_counts_where_there_is_room(name: str) -> None:
    counted, classes = set(), set()
    for sample in ROOM[name]:
        gadget = Gadget(sample.build, sample.intervals, sample.n_outputs, modulus=sample.modulus)
        exhaust(gadget, sample.relation)
        for path, constraints in _classes(gadget).items():
            classes.add(path)
            if path not in counted and not _idle(gadget, sample.relation, [[c] for c in constraints]):
                counted.add(path)
    assert counted == classes


@pytest.mark.parametrize("name", ["rank", "rank, upper", "rank, lower"])
def test_bits_of_a_rank_count_together(name: str) -> None:
    """One bit that is none follows from the count of the others, and then holds the bound above every number; two that
    are none make a false rank provable. Every other constraint counts alone.
    """
    gadget, relation = _gadget(name), SAMPLES[name].relation
    classes = _classes(gadget)
    bits = [constraints for path, constraints in classes.items() if path.endswith("waived/bit")]
    assert bits
    for constraints in bits:
        assert len(_idle(gadget, relation, [[c] for c in constraints])) == len(constraints)
        assert not _idle(gadget, relation, list(combinations(constraints, 2)))
    others = [[c] for found in classes.values() if found not in bits for c in found]
    assert not _idle(gadget, relation, others)


def test_spreads_over_a_tiny_field() -> None:
    exhaust(Gadget(SPREAD.build, SPREAD.intervals, SPREAD.n_outputs, modulus=SPREAD.modulus), SPREAD.relation)


@pytest.mark.parametrize("name", COUNTED)
def test_every_constraint_counts(name: str) -> None:
    drop_each_constraint(_gadget(name), SAMPLES[name].relation)
