"""Packing: several non-negative integers in one field element, before they are hashed.
specs/gadgets.md#pack
"""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.integers import UInt
from zkmargin.circuits.linear import LinearCombination
from zkmargin.errors import CircuitError

PACKED_BITS = 248
"""The room of a packed element: whole bytes, and below every prime in use."""


def pack(cs: ConstraintSystem, numbers: Sequence[UInt]) -> list[LinearCombination]:
    """Elements that hold the numbers one after the other, the first in the lowest bits.
                                                                                         specs/gadgets.md#pack

    A number goes to the next element where it does not fit the current one any more.
    Requires: each number's range is checked (its type says so) and at most 248 bits wide.
    Ensures: injective for given widths: equal elements mean equal numbers. An unchecked limb would break
    exactly that.
    Cost: none, the elements are linear combinations.
    """
    if cs.modulus < (1 << PACKED_BITS):
        raise CircuitError("the field is too small to pack", where=cs.path("pack"))
    packed: list[dict[int, int]] = []
    used = PACKED_BITS
    for number in numbers:
        if number.bits > PACKED_BITS:
            raise CircuitError("number is too wide to pack", where=cs.path("pack"), got=f"{number.bits} bits")
        if used + number.bits > PACKED_BITS:
            packed.append({})
            used = 0
        for wire, coefficient in number.lc.terms.items():
            packed[-1][wire] = packed[-1].get(wire, 0) + (coefficient << used)
        used += number.bits
    return [LinearCombination(terms) for terms in packed]


def pack_integers(values: Sequence[int], widths: Sequence[int]) -> list[int]:
    """The same outside the circuit. Raises CircuitError where a value does not fit its width."""
    packed: list[int] = []
    used = PACKED_BITS
    for value, width in zip(values, widths, strict=True):
        if value < 0 or value >> width or width > PACKED_BITS:
            raise CircuitError("value does not fit its width", expected=f"{width} bits")
        if used + width > PACKED_BITS:
            packed.append(0)
            used = 0
        packed[-1] |= value << used
        used += width
    return packed
