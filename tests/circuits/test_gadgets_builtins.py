"""Built-ins that round, rank and choose, as gadgets, against integers. Every witness: tests/soundness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
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
from zkmargin.circuits.testing import Build, Gadget, check_gadget, check_tampering
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


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_divisor_that_may_be_zero_is_refused() -> None:
    with pytest.raises(CircuitError, match="divisor"):
        Gadget(lambda cs, x: [divide(cs, x[0], x[1], upper=True, lower=True)], [(0, 9), (0, 9)])


def test_what_may_leave_the_field_is_refused() -> None:
    with pytest.raises(CircuitError, match="the field"):
        Gadget(lambda cs, x: [divide(cs, x[0], x[1], upper=True, lower=False)], [(0, 2**252), (1, 2**252)])
    with pytest.raises(CircuitError, match="the field"):
        Gadget(lambda cs, x: [square_root(cs, x[0], 2**100, upper=True, lower=False)], [(0, 2**253 - 1)])
    with pytest.raises(CircuitError, match="the field"):
        Gadget(_one(rank_upper_bound, 2), [(-(2**252), 2**252)] * 3)


@pytest.mark.parametrize("rank", [0, 4])
def test_a_rank_beyond_the_numbers_is_refused(rank: int) -> None:
    with pytest.raises(CircuitError, match="rank"):
        Gadget(_one(rank_upper_bound, rank), [(-1, 2)] * 3)
