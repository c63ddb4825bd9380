"""The scenario grid of portfolio margin: price and volatility shocks under which instruments are revalued.

Deribit's published portfolio margin: price moves of up to 16% either way in nine steps, each with volatility
up, same and down; and eight extended moves with volatility up, whose P&L counts only in part (it is
*dampened*). Specified in specs/market.md#scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

import numpy as np

from zkmargin.margin.pricing import FloatArray


class VolatilityMove(Enum):
    """Direction of a scenario's volatility shock."""

    UP = "up"
    SAME = "same"
    DOWN = "down"


@dataclass(frozen=True)
class Scenario:
    """One joint move. ``price_shock`` is relative (-0.16 = down 16%); the P&L is multiplied by ``weight``."""

    price_shock: Decimal
    volatility: VolatilityMove
    weight: Decimal = Decimal(1)

    @property
    def name(self) -> str:
        """Readable and unique in a grid, such as ``-16% vol up``."""
        percent = (self.price_shock * 100).normalize()
        price = f"{percent:+f}%" if percent else "0%"
        return f"{price} vol {self.volatility.value}"


@dataclass(frozen=True)
class VolatilityShock:
    """Relative volatility moves by time to expiry: ``1 + up (30 / d)^p`` and ``max(0, 1 - down (30 / d)^p)``.

    d is the time to expiry in days, at least ``floor_days``; p is ``short_power`` where the expiry is up to 30
    days away and ``long_power`` beyond, so that the factor is continuous for floors of up to 30 days.
    The move up is at least ``least_up``.
    """

    up: float = 0.50
    down: float = 0.25
    short_power: float = 0.30
    long_power: float = 0.13
    floor_days: float = 1.0
    least_up: float = 0.0

    def factor(self, days: FloatArray, move: VolatilityMove) -> FloatArray:
        """What volatilities are multiplied by, for each time to expiry in days."""
        if move is VolatilityMove.SAME:
            return np.ones_like(days)
        floored = np.maximum(days, self.floor_days)
        power = np.where(days <= 30.0, self.short_power, self.long_power)
        scaled = (30.0 / floored) ** power
        if move is VolatilityMove.UP:
            return 1.0 + np.maximum(self.up * scaled, self.least_up)
        return np.maximum(0.0, 1.0 - self.down * scaled)


@dataclass(frozen=True)
class Grid:
    """Scenarios in table order, with the volatility shock that they share."""

    scenarios: tuple[Scenario, ...]
    volatility_shock: VolatilityShock = VolatilityShock()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scenarios, in table order."""
        names: list[str] = []
        for scenario in self.scenarios:
            # A core move may be as large as an extended one, where volatility scales it.
            names.append(f"{scenario.name} extended" if scenario.name in names else scenario.name)
        return tuple(names)


PRICE_RANGE = Decimal("0.16")
CORE_STEPS = tuple(Decimal(step) / 4 for step in range(-4, 5))
TAIL_PRICE_SHOCKS = tuple(Decimal(percent) / 100 for percent in (-66, -33, 50, 100, 200, 300, 400, 500))
TAIL_DAMPENING = Decimal("0.036")
"""A tail's P&L counts in the proportion ``0.036 / |shock|``: a move of 66% as .0545, of 100% as .036."""


def deribit_grid(price_range: Decimal = PRICE_RANGE) -> Grid:
    """The 35 scenarios of Deribit's portfolio margin: 27 core ones by price, then volatility, and 8 tails.

    ``price_range`` is the largest core move, of which the others are quarters; ``volatility`` scales it.
    """
    core = [Scenario(step * price_range, move) for step in CORE_STEPS for move in VolatilityMove]
    tails = [Scenario(shock, VolatilityMove.UP, TAIL_DAMPENING / abs(shock)) for shock in TAIL_PRICE_SHOCKS]
    return Grid((*core, *tails))
