"""Risk measures of scenarios: the n-th largest, and the mean of the n largest.
specs/gadgets.md#measures
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import boolean, decompose
from zkmargin.circuits.integers import Bit, Num, num_unchecked
from zkmargin.circuits.linear import LinearCombination
from zkmargin.errors import CircuitError


def marks(cs: ConstraintSystem, numbers: Sequence[Num], count: int, label: str = "marks") -> list[Bit]:
    """Bits of which ``count`` are 1; an honest prover marks the largest numbers.      specs/gadgets.md#measures

    Ensures: exactly ``count`` bits are 1. *Which* is the prover's choice: a use must be sound for every choice.
    Cost: one constraint per number, and one.
    """
    with cs.scope(label):
        first = cs.advise_top([number.lc for number in numbers], count, "marked")
        chosen = f"any {count} of {len(numbers)}: the caller's bound holds for each choice"
        bits = [boolean(cs, wire, "bit") for wire in range(first, first + len(numbers))]
        total = LinearCombination.total(bit.lc for bit in bits)
        exactly = [total.plus_constant(-count)]
        cs.declare_bound(first, len(numbers), "marked", chosen, kind="choice", branches=exactly)
        cs.enforce_equal(total, LinearCombination.of_constant(count), "count")
    return bits


@dataclass(frozen=True)
class _RankBound:
    """A bound of a rank and what it is held against."""

    bound: Num
    over: Sequence[LinearCombination]
    """Per number the bound less the number, not negative; with the spread in between where it is waived."""
    waived: Sequence[Bit]


def rank_upper_bound(cs: ConstraintSystem, numbers: Sequence[Num], rank: int, label: str = "upper") -> Num:
    """A number that is at least the ``rank``-th largest: at least all but ``rank - 1``.  specs/gadgets.md#measures

    Requires: numbers and their spread B are integers of the field; ``1 <= rank <= S``.
    Ensures: ``R >= x_s - B b_s`` for every s, ``sum b = rank - 1``: R is not below the numbers that are not waived.
    Cost: ``S (w + 2) + 1``, w the digits of B; without waivers ``S (w + 1)``.
    """
    return _rank_bound(cs, numbers, rank, label).bound


def _rank_bound(
    cs: ConstraintSystem, numbers: Sequence[Num], rank: int, label: str, *, fixed: bool = False
) -> _RankBound:
    """As ``rank_upper_bound``; ``fixed``: the caller declares what leaves the bound one value."""
    if not 1 <= rank <= len(numbers):
        raise CircuitError("there is no such rank", where=cs.path(label), got=rank)
    lowest, highest = min(number.lo for number in numbers), max(number.hi for number in numbers)
    spread = highest - lowest
    width = max(1, spread.bit_length())
    over: list[LinearCombination] = []
    waived: list[Bit] = []
    with cs.scope(label):
        branches = [number.lc for number in numbers]
        if rank > 1:
            waived = marks(cs, numbers, rank - 1, "waived")
            branches = [number.lc - bit.lc * spread for number, bit in zip(numbers, waived, strict=True)]
        bound = LinearCombination.of_wire(cs.advise_rank([number.lc for number in numbers], rank, "bound"))
        (wire,) = bound.terms
        if not fixed:
            inequality = f"bound >= each of {len(numbers)} numbers but {rank - 1}"
            cs.declare_bound(wire, 1, "bound", inequality, kind="upper", branches=branches)
        for index, branch in enumerate(branches):
            slack = num_unchecked(bound - branch, 0, (1 << width) - 1)  # what the next line makes true
            decompose(cs, slack, 0, width, f"number[{index}]")
            over.append(slack.lc)
    # Some number is not waived, so lowest <= R; each difference to a branch is below 2^w.
    result = num_unchecked(bound, lowest, highest + (1 << width) - 1)
    cs.require_integer(num_unchecked(bound, lowest - spread, result.hi), 1)  # slacks hold over the integers
    return _RankBound(result, over, waived)


def rank_lower_bound(cs: ConstraintSystem, numbers: Sequence[Num], rank: int, label: str = "lower") -> Num:
    """A number that is at most the ``rank``-th largest: the mirror of ``rank_upper_bound``.

    Requires, Cost: as there, of the negatives from the other end.                     specs/gadgets.md#measures
    """
    return -rank_upper_bound(cs, [-number for number in numbers], len(numbers) - rank + 1, label)


def ranked(cs: ConstraintSystem, numbers: Sequence[Num], rank: int, label: str = "ranked") -> Num:
    """Exactly the ``rank``-th largest, counted with repetition.                       specs/gadgets.md#measures

    Cost: both bounds, and one constraint: they are equal.
    """
    mirrored = [-number for number in numbers]
    with cs.scope(label):
        above = _rank_bound(cs, numbers, rank, "upper", fixed=True)
        below = _rank_bound(cs, mirrored, len(numbers) - rank + 1, "lower", fixed=True)
        cs.enforce_equal(above.bound.lc, -below.bound.lc, "equal")
        forms: dict[str, Sequence[LinearCombination]] = {
            "number": [number.lc for number in numbers],
            "above": [above.bound.lc],
            "below": [below.bound.lc],
            "over": above.over,
            "under": below.over,
            "waived": [bit.lc for bit in above.waived],
            "spared": [bit.lc for bit in below.waived],
        }
        wires = [wire for side in (above, below) for wire in side.bound.lc.terms]
        inequality = f"at least all but {rank - 1} of {len(numbers)} numbers, at most {rank} of them"
        cs.declare_bracket("rank", wires, "rank", inequality, forms, factors=[rank])
    lo, hi = min(number.lo for number in numbers), max(number.hi for number in numbers)
    return num_unchecked(above.bound.lc, lo, hi)  # it is one of the numbers


@dataclass(frozen=True)
class _Tail:
    """A bound of a tail's sum and what it is made of, by its role in the inequality that fixes it."""

    total: Num
    forms: Mapping[str, Sequence[LinearCombination]]


def tail_upper_bound(
    cs: ConstraintSystem,
    numbers: Sequence[Num],
    parts: tuple[int, int],
    positive: Callable[[Num, str], Num],
    label: str = "upper",
) -> Num:
    """At least p times the mean of the p/q largest: ``p eta + q sum max(x_s - eta, 0)``, whatever eta is.

    R. T. Rockafellar, S. Uryasev, Optimization of conditional value-at-risk (2000), theorem 1: the smallest
    such value over eta is the true one.                                               specs/gadgets.md#measures
    Requires: ``positive(x, label)`` is at least ``max(x, 0)``, and exact for an honest prover.
    Ensures: a bound from above; eta is an integer within w digits of the least number.
    Cost: ``w + 1`` for eta, and S positive parts.
    """
    return _tail_above(cs, numbers, parts, positive, label).total


def _tail_above(
    cs: ConstraintSystem,
    numbers: Sequence[Num],
    parts: tuple[int, int],
    positive: Callable[[Num, str], Num],
    label: str,
) -> _Tail:
    p, q = parts
    lowest, highest = min(number.lo for number in numbers), max(number.hi for number in numbers)
    width = max(1, (highest - lowest).bit_length())
    with cs.scope(label):
        wire = LinearCombination.of_wire(cs.advise_rank([number.lc for number in numbers], p // q + 1, "threshold"))
        # The type of eta is what the next line makes true.
        threshold = num_unchecked(wire, lowest, lowest + (1 << width) - 1)
        digits = decompose(cs, threshold, lowest, width, "threshold")
        anywhere = "p eta + q sum max(x - eta, 0) is at least the tail's sum for any eta"
        cs.declare_bound(digits.first, width, "threshold", anywhere, kind="choice")
        above = [positive(number - threshold, f"above[{index}]") for index, number in enumerate(numbers)]
        total = Num.weighted([(p, threshold), *((q, part) for part in above)])
        cs.require_integer(total, 1)
    return _Tail(total, {"threshold": [threshold.lc], "part": [part.lc for part in above], "above": [total.lc]})


def tail_lower_bound(cs: ConstraintSystem, numbers: Sequence[Num], parts: tuple[int, int], label: str = "lower") -> Num:
    """At most p times the mean of the p/q largest: ``sum c_s x_s`` with ``0 <= c_s <= q`` and ``sum c_s = p``.

    Ensures: m = p // q numbers weigh q - t and m + 1 weigh t, t = p - q m, the same or others: none weighs more than
    q, and all together p. An honest prover lets the m + 1 hold the m.                 specs/gadgets.md#measures
    Cost: ``2S + 1``; ``3S + 2`` where p/q is not whole.
    """
    return _tail_below(cs, numbers, parts, label).total


def _tail_below(cs: ConstraintSystem, numbers: Sequence[Num], parts: tuple[int, int], label: str) -> _Tail:
    p, q = parts
    whole, rest = divmod(p, q)
    with cs.scope(label):
        full = marks(cs, numbers, whole, "full")
        weights = [bit.lc * q for bit in full]
        forms = {"full": [bit.lc for bit in full]}
        if rest:
            some = marks(cs, numbers, whole + 1, "some")
            forms["some"] = [bit.lc for bit in some]
            weights = [f.lc * (q - rest) + g.lc * rest for f, g in zip(full, some, strict=True)]  # from 0 to q, sum p
        terms = [cs.product(n.lc, weight, "weighted") for n, weight in zip(numbers, weights, strict=True)]
    lowest, highest = min(number.lo for number in numbers), max(number.hi for number in numbers)
    total = num_unchecked(LinearCombination.total(terms), p * lowest, p * highest)  # weights add up to p
    cs.require_integer(total, 1)
    return _Tail(total, {**forms, "below": [total.lc]})


def tail(
    cs: ConstraintSystem,
    numbers: Sequence[Num],
    parts: tuple[int, int],
    positive: Callable[[Num, str], Num],
    label: str = "tail",
) -> Num:
    """Exactly p times the mean of the p/q largest.                                    specs/gadgets.md#measures

    Cost: both bounds, and one constraint: they are equal.
    """
    with cs.scope(label):
        above = _tail_above(cs, numbers, parts, positive, "upper")
        below = _tail_below(cs, numbers, parts, "lower")
        cs.enforce_equal(above.total.lc, below.total.lc, "equal")
        forms = {"number": [number.lc for number in numbers], **above.forms, **below.forms}
        inequality = "p eta + q sum max(x - eta, 0) is a sum of the numbers with weights up to q that add up to p"
        cs.declare_bracket("tail", [], "sum", inequality, forms, factors=parts)
    return below.total
