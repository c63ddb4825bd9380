"""Signs: positive part and absolute value.
specs/gadgets.md#sign
"""

from __future__ import annotations

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import Digits, decompose
from zkmargin.circuits.integers import Num, num_unchecked
from zkmargin.errors import CircuitError


def sign_width(x: Num) -> int:
    """The smallest w with x in ``[-2**w, 2**w)``."""
    return max(x.hi.bit_length(), (-1 - x.lo).bit_length() if x.lo < 0 else 0)


def sign_digits(cs: ConstraintSystem, x: Num, label: str = "sign") -> Digits:
    """Digits of ``x + 2**w``: the top one is 1 exactly where ``x >= 0``.          specs/gadgets.md#sign

    Requires: x is an integer of the field.
    Ensures: x in ``[-2**w, 2**w)``, which its type says already, so that every honest x can be proven.
    Cost: ``w + 2`` constraints.
    """
    width = sign_width(x)
    return decompose(cs, x, -1 << width, width + 1, label)


def positive_of_digits(cs: ConstraintSystem, digits: Digits, label: str = "positive") -> Num:
    """``max(x, 0)`` of a number whose top digit is its sign.                     specs/gadgets.md#positive

    Requires: ``digits.lo == -2**(width - 1)``.
    Ensures: exactly ``max(x, 0)``.
    Cost: 1 constraint.
    """
    if digits.lo != -1 << digits.width - 1:
        raise CircuitError("top digit is not the sign", where=cs.path(label))
    x = digits.number
    lc = cs.product(x.lc, digits.bit(digits.width - 1).lc, label)
    return num_unchecked(lc, max(x.lo, 0), max(x.hi, 0))  # x if the sign digit is 1, else 0


def positive(cs: ConstraintSystem, x: Num, label: str = "positive") -> Num:
    """``max(x, 0)``.                                                             specs/gadgets.md#positive

    Requires: x is an integer of the field.
    Ensures: exactly ``max(x, 0)``.
    Cost: ``w + 3`` constraints, x in ``[-2**w, 2**w)``; none if the type shows the sign.
    """
    if x.lo >= 0:
        return x
    if x.hi <= 0:
        return Num.constant(0)
    with cs.scope(label):
        return positive_of_digits(cs, sign_digits(cs, x), "select")


def absolute_of_positive(x: Num, positive_part: Num) -> Num:
    """``abs(x) = 2 max(x, 0) - x``: no constraint.                               specs/gadgets.md#absolute

    Requires: ``positive_part`` is exactly ``max(x, 0)``.
    """
    lc = positive_part.lc * 2 - x.lc
    return num_unchecked(lc, max(x.lo, -x.hi, 0), x.magnitude)  # the interval of abs over [lo, hi]


def absolute(cs: ConstraintSystem, x: Num, label: str = "absolute") -> Num:
    """``max(x, -x)``.                                                            specs/gadgets.md#absolute

    Requires, Ensures, Cost: as ``positive``.
    """
    return absolute_of_positive(x, positive(cs, x, label))
