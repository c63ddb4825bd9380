"""A node of a rule set in the circuit: numbers, and what they are to its true value.
specs/circuits.md#lowering
"""

from __future__ import annotations

from dataclasses import dataclass

from zkmargin.circuits.arrays import Numbers
from zkmargin.circuits.rules.tree import Side
from zkmargin.errors import CircuitError


@dataclass(frozen=True)
class Lowered:
    """A node in the circuit: numbers along its axes, and what they are to its true value."""

    values: Numbers
    side: Side


def join_sides(*sides: Side) -> Side:
    """The side of a sum of parts. Raises CircuitError for upper and lower bounds together: that bounds
    nothing.
    """
    bounds = {side for side in sides if side is not Side.EXACT}
    if len(bounds) > 1:
        raise CircuitError("upper and lower bounds meet in one value")
    return bounds.pop() if bounds else Side.EXACT
