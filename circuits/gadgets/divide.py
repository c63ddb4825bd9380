"""Quotients rounded down: a bound from above, one from below, or exactly.
specs/gadgets.md#quotient
"""

from __future__ import annotations

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import decompose
from zkmargin.circuits.integers import Num, num_unchecked
from zkmargin.circuits.linear import LinearCombination
from zkmargin.errors import CircuitError


def divide(cs: ConstraintSystem, x: Num, y: Num, *, upper: bool, lower: bool, label: str = "divide") -> Num:
    """``floor(x / y)`` towards minus infinity, or a bound of it.                     specs/gadgets.md#quotient

    Requires: ``y >= 1`` by its type; every x is an integer of the field, and so is each product of a quotient
    within its digits and y.
    Ensures: with ``upper`` the result R has ``(R + 1) y > x``, with ``lower`` it has ``R y <= x``: with both it
    is exact. Where only one is asked the prover may choose R on that side.
    Cost: with w digits for the interval of R and v digits for y - 1: ``w + v + 3``, exact ``w + 2v + 4``.
    """
    if y.lo < 1 or not (upper or lower):
        raise CircuitError("divisor may be zero, or nothing is asked", where=cs.path(label))
    lo = min(x.lo // y.lo, x.lo // y.hi)
    hi = max(x.hi // y.lo, x.hi // y.hi)
    width, remainder_width = max(1, (hi - lo).bit_length()), max(1, (y.hi - 1).bit_length())
    most = (1 << width) - 1
    shifted = x - y * lo  # not negative for honest x and y: the quotient is counted from its least value
    with cs.scope(label):
        quotient, rest = cs.advise_quotient(shifted.lc, y.lc, "quotient")
        counted = num_unchecked(LinearCombination.of_wire(quotient), 0, most)  # the next line checks it
        digits = decompose(cs, counted, 0, width, "quotient")
        wire = LinearCombination.of_wire(rest)
        # rest = shifted - quotient * y in the field; it is that integer, because the interval fits the field.
        remainder = num_unchecked(wire, shifted.lo - most * y.hi, shifted.hi)
        cs.require_integer(remainder, 1)
        cs.enforce(counted.lc, y.lc, shifted.lc - wire, "product")
        room = y.plus(-1) - remainder
        sides = " and ".join(["(R + 1) y > x"] * upper + ["R y <= x"] * lower)
        inequality = f"R = floor(x / y): {sides}"
        if upper and lower:
            forms = {"quotient": [counted.lc], "x": [shifted.lc], "y": [y.lc], "rest": [wire]}
            cs.declare_bracket("quotient", [quotient], "quotient", inequality, forms)
        else:
            guards = [remainder.lc] * lower + [room.lc] * upper
            cs.declare_bound(digits.first, width, "quotient", inequality, kind="choice", branches=guards)
        if lower:
            decompose(cs, remainder, 0, remainder_width, "remainder>=0")
        if upper:
            decompose(cs, room, 0, remainder_width, "remainder<y")
    # With R y <= x the quotient is at most the largest true one.
    return num_unchecked(counted.lc.plus_constant(lo), lo, hi if lower else lo + most)
