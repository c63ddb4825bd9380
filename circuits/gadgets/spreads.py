"""Spreads formed greedily, row after row, from signed amounts.
specs/gadgets.md#spreads
"""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import boolean, decompose
from zkmargin.circuits.gadgets.compare import assert_nonnegative
from zkmargin.circuits.gadgets.select import is_zero, one_hot, product
from zkmargin.circuits.integers import Bit, Num, num_unchecked
from zkmargin.circuits.linear import ONE, ZERO, LinearCombination


def form_spreads(
    cs: ConstraintSystem, amounts: Sequence[Num], ratios: Sequence[Sequence[Num]], label: str = "spreads"
) -> list[Num]:
    """How many spreads each row forms from what the rows before left, exactly.       specs/gadgets.md#spreads

    Requires: products of an amount with the square of a ratio, or with a ratio, are integers of the field.
    Ensures: row by row, with x what is left of each leg and a the row's ratios: if all legs with ``a != 0`` have
    ``a x > 0``, or all have ``a x < 0``, then ``R = min floor(|x| / |a|)`` over them and x shrinks by ``R |a|``;
    else, or if all ratios are zero, ``R = 0``.
    Cost: see ``spread``, once per row.
    """
    left, formed = list(amounts), []
    with cs.scope(label):
        for index, ratio in enumerate(ratios):
            count, left = spread(cs, left, ratio, f"row[{index}]")
            formed.append(count)
    return formed


def spread(
    cs: ConstraintSystem, left: Sequence[Num], ratio: Sequence[Num], label: str = "spread"
) -> tuple[Num, list[Num]]:
    """One row: the number of spreads R, and what it leaves of each leg.               specs/gadgets.md#spreads

    With ``m = a x`` and ``s = a^2``: in the direction in which all m fit, R is the smallest ``floor(m / s)``. The
    prover gives ``R >= 0`` and a direction, R up or R down. Where R > 0 every leg fits: ``+-m >= R s``. In both
    directions some leg with a ratio allows no more: ``(R_up + 1) s > m`` and ``(R_down + 1) s > -m``, so neither
    is below what the rule gives; or no leg has a ratio, and R is 0.
    Cost: for L legs, w digits for R and v for m: ``L (v + 12) + w + 2v + 14``.
    """
    most = max(max(abs(x.lo), abs(x.hi)) for x in left)
    width = max(1, most.bit_length())
    with cs.scope(label):
        gained = [product(cs, x, a, f"gained[{leg}]") for leg, (x, a) in enumerate(zip(left, ratio, strict=True))]
        squares = [_square(cs, a, f"square[{leg}]") for leg, a in enumerate(ratio)]
        signed_wire, up_wire = cs.advise_spread([x.lc for x in left], [a.lc for a in ratio], "formed")
        up = boolean(cs, up_wire, "up")
        cs.declare_bound(up_wire, 1, "up", "the direction in which all legs fit, either if none", kind="choice")
        count = num_unchecked(LinearCombination.of_wire(signed_wire), 0, (1 << width) - 1)
        decompose(cs, count, 0, width, "count")
        rising = product(cs, up, count, "rising")
        change = num_unchecked(rising.lc * 2 - count.lc, -count.hi, count.hi)  # count or minus count
        some = is_zero(cs, count.lc, "is_zero").negated()
        both: tuple[list[Num], list[Num]] = ([], [])
        remaining, fits = [], []
        for leg, (x, a, m, s) in enumerate(zip(left, ratio, gained, squares, strict=True)):
            with cs.scope(f"leg[{leg}]"):
                whole, one_way = product(cs, count, s, "count"), product(cs, rising, s, "rising")
                forward = product(cs, up, m, "forward")
                fit = forward * 2 - m - whole  # m - R s upwards, -m - R s downwards
                checked = product(cs, some, fit, "fit")
                fits.append(checked.lc)
                decompose(cs, checked, 0, max(1, m.magnitude.bit_length()), "fits")
                both[0].append(one_way + s - m)
                both[1].append(whole - one_way + s + m)
                after = x - product(cs, change, a, "used")
                remaining.append(num_unchecked(after.lc, min(x.lo, 0), max(x.hi, 0)))  # it only shrinks
        forms: dict[str, Sequence[LinearCombination]] = {
            "gained": [number.lc for number in gained],
            "square": [number.lc for number in squares],
            "count": [count.lc],
            "up": [up.lc],
            "rising": [rising.lc],
            "some": [some.lc],
            "fit": fits,
        }
        for name, allowed in zip(("up", "down"), both, strict=True):
            places, more = _assert_one_is_positive(cs, allowed, squares, count, f"no more {name}")
            forms |= {f"leg {name}": [bit.lc for bit in places], f"no more {name}": [more]}
        largest = max(number.hi for number in squares)
        wires = [wire for number in (count, rising) for wire in number.lc.terms]
        inequality = "fits every leg in its direction; in both directions one leg allows no more"
        bounded = "given ratios within their bounds"
        cs.declare_bracket("spread", wires, "count", inequality, forms, factors=[largest], assumption=bounded)
    return num_unchecked(count.lc, 0, most), remaining  # at most the smallest |x|


def _square(cs: ConstraintSystem, a: Num, label: str) -> Num:
    squared = product(cs, a, a, label)
    return num_unchecked(squared.lc, 0, max(squared.hi, 0))  # a square


def _assert_one_is_positive(
    cs: ConstraintSystem, allowed: Sequence[Num], squares: Sequence[Num], count: Num, label: str
) -> tuple[list[Bit], LinearCombination]:
    """One of ``allowed`` is at least 1, or all squares and the count are zero.

    Returns the bits that say which, none of them first, and what is not negative.
    """
    with cs.scope(label):
        # The first bit says that there is no leg. It is the honest choice where nothing allowed is positive.
        nothing, *bits = one_hot(cs, [ZERO, *(number.lc for number in allowed)], "leg")
        chosen = [product(cs, bit, n, "chosen") for bit, n in zip(bits, allowed, strict=True)]
        lo, hi = min(n.lo for n in allowed), max(n.hi for n in allowed)
        total = LinearCombination.total([*(n.lc for n in chosen), nothing.lc])
        # One of the allowed, or 1 where none is chosen.
        more = num_unchecked(total - ONE, min(lo, 1) - 1, max(hi, 1) - 1)
        assert_nonnegative(cs, more, label="at least 1")
        none = Num.total([*squares, count])  # of numbers that are not negative
        cs.require_integer(none)
        cs.enforce(nothing.lc, none.lc, ZERO, "no leg")
    return [nothing, *bits], more.lc
