"""Built-ins that round, rank and choose, as gadgets: against integers, and over tiny fields against every witness."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import product as cartesian
from math import isqrt
from random import Random

import pytest

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.determinism.analysis import classify
from zkmargin.circuits.gadgets.choose import at_first_largest
from zkmargin.circuits.gadgets.divide import divide
from zkmargin.circuits.gadgets.measures import (
    rank_lower_bound,
    rank_upper_bound,
    ranked,
    tail,
    tail_lower_bound,
    tail_upper_bound,
)
from zkmargin.circuits.gadgets.root import square_root
from zkmargin.circuits.gadgets.sign import positive
from zkmargin.circuits.gadgets.spreads import form_spreads
from zkmargin.circuits.gadgets.tiers import tier_value
from zkmargin.circuits.integers import Num
from zkmargin.circuits.testing import Build, Gadget, check_gadget, check_tampering, exhaust, provable
from zkmargin.errors import CircuitError

Interval = tuple[int, int]


def _positive(cs: ConstraintSystem, x: Num, label: str) -> Num:
    return positive(cs, x, label)


def _one(function: Callable[..., Num], *arguments: object, **keywords: object) -> Build:
    """A gadget of all inputs, as a list."""
    return lambda cs, x: [function(cs, x, *arguments, **keywords)]


def _tail_of(function: Callable[..., Num], parts: tuple[int, int]) -> Build:
    return lambda cs, x: [function(cs, x, parts, partial(_positive, cs))]


def tail_sum(x: Sequence[int], p: int, q: int) -> int:
    ordered = sorted(x, reverse=True)
    whole, rest = divmod(p, q)
    return q * sum(ordered[:whole]) + (rest * ordered[whole] if rest else 0)


def greedy(amounts: Sequence[int], ratios: Sequence[Sequence[int]]) -> list[int]:
    left, formed = list(amounts), []
    for ratio in ratios:
        legs = [leg for leg, a in enumerate(ratio) if a]
        signs = {(left[leg] * ratio[leg] > 0) - (left[leg] * ratio[leg] < 0) for leg in legs}
        count = min(abs(left[leg]) // abs(ratio[leg]) for leg in legs) if signs in ({1}, {-1}) else 0
        for leg in legs:
            left[leg] += -count * abs(ratio[leg]) if left[leg] > 0 else count * abs(ratio[leg])
        formed.append(count)
    return formed


def first_tier(x: int, bounds: Sequence[int], values: Sequence[int]) -> int:
    return next((v for v, b in zip(values[:-1], bounds[:-1], strict=True) if x <= b), values[-1])


TIERS = (-3, 0, 4, -99)
VALUES = (1, 2, 5, 9)


def _step(
    cs: ConstraintSystem, x: Sequence[Num], *, late: bool, early: bool, values: Sequence[int] = VALUES
) -> list[Num]:
    constants = ([Num.constant(value) for value in row] for row in (TIERS, values))
    return [tier_value(cs, x[0], *constants, late=late, early=early)]


def _spreads(cs: ConstraintSystem, x: list[Num], legs: int, rows: int) -> list[Num]:
    ratios = [x[legs + row * legs : legs + (row + 1) * legs] for row in range(rows)]
    return form_spreads(cs, x[:legs], ratios)


FOUR = [(-20, 20)] * 4
CASES: dict[str, tuple[Gadget, Callable[..., Sequence[int]]]] = {
    # The honest program gives the exact value, whichever side is asked for.
    **{
        f"divide {name}": (
            Gadget(lambda cs, x, flags=flags: [divide(cs, x[0], x[1], **flags)], [(-200, 300), (1, 17)]),  # type: ignore[misc]
            lambda x, y: [x // y],
        )
        for name, flags in {
            "upper": {"upper": True, "lower": False},
            "lower": {"upper": False, "lower": True},
            "exact": {"upper": True, "lower": True},
        }.items()
    },
    **{
        f"root {name}": (
            Gadget(lambda cs, x, flags=flags: [square_root(cs, x[0], 3, **flags)], [(-200, 3000)]),  # type: ignore[misc]
            lambda x: [isqrt(max(x, 0) // 3)],
        )
        for name, flags in {
            "upper": {"upper": True, "lower": False},
            "lower": {"upper": False, "lower": True},
            "exact": {"upper": True, "lower": True},
        }.items()
    },
    "tier late": (
        Gadget(partial(_step, late=True, early=False), [(-20, 20)]),
        lambda x: [first_tier(x, TIERS, VALUES)],
    ),
    "tier early": (
        Gadget(partial(_step, late=False, early=True), [(-20, 20)]),
        lambda x: [first_tier(x, TIERS, VALUES)],
    ),
    "tier": (Gadget(partial(_step, late=True, early=True), [(-20, 20)]), lambda x: [first_tier(x, TIERS, VALUES)]),
    "rank upper": (Gadget(_one(rank_upper_bound, 2), FOUR), lambda *x: [sorted(x)[-2]]),
    "rank lower": (Gadget(_one(rank_lower_bound, 2), FOUR), lambda *x: [sorted(x)[-2]]),
    "rank last": (Gadget(_one(ranked, 4), FOUR), lambda *x: [min(x)]),
    "rank": (Gadget(_one(ranked, 3), FOUR), lambda *x: [sorted(x)[-3]]),
    "tail upper": (Gadget(_tail_of(tail_upper_bound, (5, 2)), FOUR), lambda *x: [tail_sum(x, 5, 2)]),
    "tail lower": (Gadget(_one(tail_lower_bound, (5, 2)), FOUR), lambda *x: [tail_sum(x, 5, 2)]),
    "tail whole": (Gadget(_tail_of(tail, (2, 1)), FOUR), lambda *x: [tail_sum(x, 2, 1)]),
    "tail": (Gadget(_tail_of(tail, (7, 4)), FOUR), lambda *x: [tail_sum(x, 7, 4)]),
    "first largest": (
        Gadget(lambda cs, x: [at_first_largest(cs, x, [Num.constant(k) for k in (7, 8, 9, 10)])], FOUR),
        lambda *x: [7 + x.index(max(x))],
    ),
    "spreads": (
        Gadget(partial(_spreads, legs=2, rows=3), [(-50, 50)] * 2 + [(-3, 3)] * 6, 3),
        lambda *x: greedy(x[:2], [x[2:4], x[4:6], x[6:8]]),
    ),
}


def _draw(intervals: Sequence[Interval], random: Random) -> tuple[int, ...]:
    return tuple(
        random.choice((lo, hi, max(lo, 0), random.randint(lo, hi), random.randint(lo, hi))) for lo, hi in intervals
    )


@pytest.mark.parametrize("name", CASES)
def test_honest_programs_agree_with_integers(name: str) -> None:
    gadget, expected = CASES[name]
    random = Random(name)
    check_gadget(gadget, expected, [_draw(gadget.intervals, random) for _ in range(60)])


@pytest.mark.parametrize("name", CASES)
def test_no_wire_can_be_changed_alone(name: str) -> None:
    gadget, _ = CASES[name]
    random = Random(f"tampering {name}")
    for _ in range(4):
        check_tampering(gadget, _draw(gadget.intervals, random))


@pytest.mark.parametrize("name", CASES)
def test_every_wire_is_classified(name: str) -> None:
    assert classify(CASES[name][0].cs).holds


# --- every witness over a tiny field --------------------------------------------------------------------------------


def _check(gadget: Gadget, true: Callable[..., int], sound: Callable[[int, int], bool]) -> None:
    """Every provable output stands on the right side of the true one, and the true one is provable."""
    modulus = gadget.cs.modulus
    missing = {
        tuple(v % modulus for v in values): true(*values)
        for values in cartesian(*(range(lo, hi + 1) for lo, hi in gadget.intervals))
    }
    honest = dict(missing)
    for inputs, (output,) in provable(gadget):
        value = output if output <= modulus // 2 else output - modulus
        assert sound(value, honest[inputs]), (inputs, value)
        if value == honest[inputs]:
            missing.pop(inputs, None)
    assert not missing


def _above(value: int, true: int) -> bool:
    return value >= true


def _below(value: int, true: int) -> bool:
    return value <= true


P = 251


@pytest.mark.parametrize(("upper", "lower"), [(True, False), (False, True), (True, True)])
def test_every_quotient(upper: bool, lower: bool) -> None:
    gadget = Gadget(lambda cs, x: [divide(cs, x[0], x[1], upper=upper, lower=lower)], [(-2, 3), (1, 2)], modulus=61)
    _check(gadget, lambda x, y: x // y, {(1, 0): _above, (0, 1): _below}.get((upper, lower), int.__eq__))


@pytest.mark.parametrize(("upper", "lower"), [(True, False), (False, True), (True, True)])
def test_every_root(upper: bool, lower: bool) -> None:
    gadget = Gadget(lambda cs, x: [square_root(cs, x[0], 2, upper=upper, lower=lower)], [(-4, 20)], modulus=P)
    true = lambda x: isqrt(max(x, 0) // 2)  # noqa: E731
    _check(gadget, true, {(1, 0): _above, (0, 1): _below}.get((upper, lower), int.__eq__))


@pytest.mark.parametrize("values", [VALUES, (9, 5, 2, 1)])
def test_every_tier(values: Sequence[int]) -> None:
    rises = values[0] < values[-1]
    for late, early in ((True, False), (False, True), (True, True)):
        build = partial(_step, late=late, early=early, values=values)
        one_side = _above if late == rises else _below
        _check(
            Gadget(build, [(-6, 7)], modulus=P),
            lambda x: first_tier(x, TIERS, values),
            int.__eq__ if late and early else one_side,
        )


THREE = [(-1, 2)] * 3


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_rank(rank: int) -> None:
    def true(*x: int) -> int:
        return sorted(x)[-rank]

    _check(Gadget(_one(rank_upper_bound, rank), THREE, modulus=61), true, _above)
    _check(Gadget(_one(rank_lower_bound, rank), THREE, modulus=61), true, _below)


def test_every_tail() -> None:
    for parts in ((2, 1), (3, 2), (5, 2)):
        true = partial(lambda p, q, *x: tail_sum(x, p, q), *parts)
        _check(Gadget(_one(tail_lower_bound, parts), THREE, modulus=61), true, _below)
    _check(Gadget(_tail_of(tail_upper_bound, (3, 2)), [(0, 1)] * 3, modulus=61), lambda *x: tail_sum(x, 3, 2), _above)


def test_every_first_largest() -> None:
    def relation(*x: int) -> Iterable[tuple[int, ...]]:
        return [(5 + x.index(max(x)),)]

    build: Build = lambda cs, x: [at_first_largest(cs, x, [Num.constant(k) for k in (5, 6, 7)])]  # noqa: E731
    exhaust(Gadget(build, THREE, modulus=61), relation)


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_divisor_that_may_be_zero_is_refused() -> None:
    with pytest.raises(CircuitError, match="divisor"):
        Gadget(lambda cs, x: [divide(cs, x[0], x[1], upper=True, lower=True)], [(0, 9), (0, 9)])


def test_what_may_leave_the_field_is_refused() -> None:
    with pytest.raises(CircuitError, match="leave the field"):
        Gadget(lambda cs, x: [divide(cs, x[0], x[1], upper=True, lower=False)], [(0, 2**252), (1, 2**252)])
    with pytest.raises(CircuitError, match="leave the field"):
        Gadget(lambda cs, x: [square_root(cs, x[0], 2**100, upper=True, lower=False)], [(0, 2**253 - 1)])
    with pytest.raises(CircuitError, match="leave the field"):
        Gadget(_one(rank_upper_bound, 2), [(-(2**252), 2**252)] * 3)


@pytest.mark.parametrize("rank", [0, 4])
def test_a_rank_beyond_the_numbers_is_refused(rank: int) -> None:
    with pytest.raises(CircuitError, match="rank"):
        Gadget(_one(rank_upper_bound, rank), THREE)
