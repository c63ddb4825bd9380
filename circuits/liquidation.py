"""Where a claim ceases to hold as prices move: found by asking the rules, never by a formula of a venue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from zkmargin.circuits.rules.again import Again
from zkmargin.circuits.rules.plaintext import Evaluation, IntArray
from zkmargin.circuits.rules.tree import RuleSet
from zkmargin.errors import ParameterCondition
from zkmargin.margin.tables import Tables

__all__ = ["Repriced", "boundary", "first_loss", "probes"]


def boundary(holds: Callable[[int], bool], held: int, lost: int) -> int:
    """A number next to which the claim ceases to hold on the way from ``held`` to ``lost``, by bisection.

    It holds at ``held`` and at the result, and not at ``lost`` nor one step from the result towards it. Where it
    changes once between the two, the result is the last number at which it holds.
    """
    while abs(held - lost) > 1:
        middle = (held + lost) // 2
        held, lost = (middle, lost) if holds(middle) else (held, middle)
    return held


def first_loss(holds: Callable[[int], bool], start: int, along: Iterable[int]) -> int | None:
    """The ``boundary`` before the first of the numbers ``along`` at which the claim does not hold.

    ``start`` is where it holds. None where it holds at all of them, or where tables cease to fit the rule set first.
    """
    held = start
    try:
        for probe in along:
            if not holds(probe):
                return boundary(holds, held, probe)
            held = probe
    except ParameterCondition:
        return None
    return None


def probes(start: int, end: int) -> list[int]:
    """Numbers from ``start`` (not with it) to ``end``, each twice as far as the last, first 1/64 of ``start``."""
    step = 1 if end > start else -1
    distance = max(1, abs(start) >> 6)
    found = []
    while distance < abs(end - start):
        found.append(start + step * distance)
        distance *= 2
    return [*found, end] if end != start else []


class Repriced:
    """The maintenance claim of one account with other values of one price column; all other columns stay."""

    def __init__(
        self,
        rules: RuleSet,
        tables: Tables,
        private: Mapping[str, object],
        price: str = "mark",
        kind: str = "maintenance",
    ) -> None:
        self.kind, self.price = kind, price
        self.again = Again(rules, tables, private, {price})
        self.prices: IntArray = tables.columns[price].values
        declared = rules.columns[price]
        self.low, self.high = declared.minimum, declared.maximum

    def evaluate(self, prices: IntArray) -> Evaluation:
        """The reading at these prices. Raises ParameterCondition where the tables would not fit."""
        return self.again.evaluate({self.price: prices})

    def holds(self, prices: IntArray) -> bool:
        """Whether the claim holds at these prices. Raises ParameterCondition where the tables would not fit."""
        return self.evaluate(prices).holds(self.kind)

    def holds_at(self, row: int, price: int) -> bool:
        """The same with one row's price moved."""
        moved = np.array(self.prices, dtype=object)
        moved[row] = price
        return self.holds(moved)

    def liquidation(self, row: int, *, up: bool) -> int | None:
        """The last price of one row, from now on upwards or downwards, at which the claim holds.

        One unit further it does not. The nearest such price of those between which ``probes`` tell; the only one
        where headroom is concave in prices, as it is where margin is charged by tiers. None where the claim holds to
        the column's bound, or to 1,024 times the price, or does not hold now.
        """
        now = int(self.prices[row])
        highest = min(self.high, now << 10) if now > 0 else self.high
        if not self.again.first.holds(self.kind):
            return None
        return first_loss(lambda price: self.holds_at(row, price), now, probes(now, highest if up else self.low))
