"""Binary digits and ranges: the only place where a number gets a narrower interval.
specs/gadgets.md#range
"""

from __future__ import annotations

from dataclasses import dataclass

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.integers import Bit, Num, UInt, bit_unchecked
from zkmargin.circuits.linear import LinearCombination
from zkmargin.errors import CircuitError


@dataclass(frozen=True, slots=True)
class Digits:
    """The binary digits of ``number - lo``: wires ``first`` to ``first + width - 1``, lowest first."""

    number: Num
    lo: int
    first: int
    width: int

    def bit(self, place: int) -> Bit:
        """The digit of value ``2**place``."""
        if not 0 <= place < self.width:
            raise CircuitError("no such digit", got=place)
        return bit_unchecked(LinearCombination.of_wire(self.first + place))  # constrained by decompose

    @property
    def shifted(self) -> UInt:
        """``number - lo``, which is not negative."""
        value = self.number.plus(-self.lo)
        return UInt(value.lc, value.lo, value.hi, self.width)


def decompose(cs: ConstraintSystem, value: Num, lo: int, width: int, label: str = "range") -> Digits:
    """Constrain ``value`` to ``[lo, lo + 2**width)`` by its binary digits.             specs/gadgets.md#range

    Requires: ``2**width <= (p - 1) / 2``, so the digits are unique (a value below p never has two
    representations), and ``value`` and ``lo`` within ``(p - 1) / 2``; nothing else about ``value``: its type
    may claim any interval.
    Ensures: ``value`` in the intersection of its interval and ``[lo, lo + 2**width)``; the digits are those
    of ``value - lo``.
    Cost: ``width + 1`` constraints.
    """
    if width < 1 or (1 << width) > (cs.modulus - 1) // 2:
        raise CircuitError("range check is empty or wider than the field", where=cs.path(label), got=f"{width} bits")
    shifted = value.plus(-lo)
    cs.require_integer(value)
    cs.require_integer(shifted)
    with cs.scope(label):
        first = cs.advise_bits(shifted.lc, width, "digits")
        for wire in range(first, first + width):
            cs.enforce_bit(wire, "bit")
        terms = dict(shifted.lc.terms)
        for place in range(width):
            terms[first + place] = -1 << place
        cs.enforce_equal(LinearCombination(terms), LinearCombination({}), "recompose")
    narrowed_lo, narrowed_hi = max(value.lo, lo), min(value.hi, lo + (1 << width) - 1)
    if narrowed_lo > narrowed_hi:
        raise CircuitError("range check can never hold", where=cs.path(label))
    return Digits(Num(value.lc, narrowed_lo, narrowed_hi), lo, first, width)


def range_check(cs: ConstraintSystem, value: Num, width: int, label: str = "range") -> UInt:
    """Constrain ``0 <= value < 2**width``.                                           specs/gadgets.md#range

    Requires, Cost: as ``decompose``.
    """
    checked = decompose(cs, value, 0, width, label).number
    return UInt(checked.lc, checked.lo, checked.hi, width)


def boolean(cs: ConstraintSystem, wire: int, label: str = "bit") -> Bit:
    """Constrain a wire to 0 or 1.                                                  specs/gadgets.md#boolean

    Cost: 1 constraint.
    """
    cs.enforce_bit(wire, label)
    return bit_unchecked(LinearCombination.of_wire(wire))
