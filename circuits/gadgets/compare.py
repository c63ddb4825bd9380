"""Comparisons of integers.
specs/gadgets.md#comparison
"""

from __future__ import annotations

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import decompose
from zkmargin.circuits.gadgets.sign import sign_digits
from zkmargin.circuits.integers import Bit, Num
from zkmargin.errors import CircuitError


def assert_nonnegative(cs: ConstraintSystem, x: Num, max_width: int | None = None, label: str = "x>=0") -> Num:
    """Constrain ``x >= 0``; return x with its narrower interval.                specs/gadgets.md#non-negative

    Requires: x is an integer of the field.
    Ensures: ``0 <= x < 2**width``. With ``max_width`` the width is cut: larger x, though true, can then not
    be proven.
    Cost: ``width + 1`` constraints, ``width`` the bits of ``x.hi``; none if the type shows ``x >= 0``.
    """
    if x.lo >= 0:
        return x
    if x.hi < 0:
        raise CircuitError("value is always negative", where=cs.path(label))
    width = max(1, x.hi.bit_length())
    if max_width is not None:
        width = min(width, max_width)
    return decompose(cs, x, 0, width, label).number


def assert_less_equal(cs: ConstraintSystem, a: Num, b: Num, max_width: int | None = None, label: str = "a<=b") -> None:
    """Constrain ``a <= b`` as integers: ``b - a`` does not wrap.                  specs/gadgets.md#less-equal

    Requires: both are integers of the field, and so is their difference.
    Cost: as ``assert_nonnegative`` of ``b - a``.
    """
    assert_nonnegative(cs, b - a, max_width, label)


def is_nonnegative(cs: ConstraintSystem, x: Num, label: str = "is_nonnegative") -> Bit | None:
    """The bit ``x >= 0``.                                                        specs/gadgets.md#sign

    Requires: x is an integer of the field.
    Ensures: the bit is 1 exactly where ``x >= 0``; None if the type decides it (the caller then has no use
    for a bit).
    Cost: ``w + 2`` constraints, ``w`` the smallest with x in ``[-2**w, 2**w)``.
    """
    if x.lo >= 0 or x.hi < 0:
        return None
    digits = sign_digits(cs, x, label)
    return digits.bit(digits.width - 1)
