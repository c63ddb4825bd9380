"""Square roots rounded down: a bound from above, one from below, or exactly.
specs/gadgets.md#root
"""

from __future__ import annotations

from math import isqrt

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import decompose
from zkmargin.circuits.gadgets.maximum import lower_bound
from zkmargin.circuits.integers import Num, num_unchecked
from zkmargin.circuits.linear import LinearCombination
from zkmargin.errors import CircuitError


def square_root(cs: ConstraintSystem, x: Num, divisor: int, *, upper: bool, lower: bool, label: str = "sqrt") -> Num:
    """``isqrt(max(x, 0) // divisor)``, or a bound of it.                               specs/gadgets.md#root

    Requires: ``divisor >= 1``; x, and ``divisor * R**2`` for every R within its digits, are integers of the field.
    Ensures: R >= 0; with ``upper``: ``divisor (R + 1)**2 > x``; with ``lower``: ``divisor R**2 <= max(x, 0)``. With
    both R is exact.
    Cost: with w digits for R: ``w + 2`` and per side a range check; ``lower`` takes 2 more where x may be negative.
    """
    if divisor < 1 or not (upper or lower):
        raise CircuitError("divisor is not positive, or nothing is asked", where=cs.path(label))
    hi = isqrt(max(x.hi, 0) // divisor)
    if hi == 0:
        return Num.constant(0)
    width = hi.bit_length()
    most = (1 << width) - 1
    with cs.scope(label):
        wire = LinearCombination.of_wire(cs.advise_root(x.lc, divisor, "root"))
        digits = decompose(cs, num_unchecked(wire, 0, most), 0, width, "root")
        guards: list[LinearCombination] = []
        least = x
        square = num_unchecked(cs.product(wire, wire, "square"), 0, most * most)  # of a number of that many digits
        cs.require_integer(square * divisor, 1)
        if lower:
            # Either choice is at most max(x, 0); a prover with x < 0 has to choose 0.
            least = x if x.lo >= 0 else lower_bound(cs, [Num.constant(0), x], "positive")
            slack = least - square * divisor
            guards.append(slack.lc)
            decompose(cs, slack, 0, (divisor * (2 * hi + 1) - 1).bit_length(), "square<=x")
        if upper:
            following = num_unchecked(square.lc + wire * 2, 0, most * (most + 2)) * divisor  # d (R^2 + 2 R)
            slack = following.plus(divisor - 1) - x
            guards.append(slack.lc)
            largest = max(divisor * (2 * hi + 1) - 1, divisor - 1 - x.lo)  # x >= 0: from R^2 on; x < 0: R = 0
            decompose(cs, slack, 0, largest.bit_length(), "x<next square")
        sides = " and ".join(["d (R + 1)^2 > x"] * upper + ["d R^2 <= max(x, 0)"] * lower)
        inequality = f"R = isqrt(x / d): {sides}"
        if upper and lower:
            forms = {"root": [wire], "x": [x.lc], "square": [square.lc], "least": [least.lc]}
            cs.declare_bracket("root", list(wire.terms), "root", inequality, forms, factors=[divisor])
        else:
            cs.declare_bound(digits.first, width, "root", inequality, kind="choice", branches=guards)
    return num_unchecked(wire, 0, hi if lower else most)
