"""Paradex's portfolio margin: scenarios, factors and provisions for the rule set ``paradex_pm``.

Source: tradeparadex/paradex-docs, commit 0db52d9, fern/pages/risk-system/portfolio-margin.mdx: scenarios, the shock
of volatility, coefficients of the minimum on delta. Figures only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike

from zkmargin.errors import MarketSource
from zkmargin.margin.pricing import FloatArray
from zkmargin.margin.scenarios import TAIL_PRICE_SHOCKS, Grid, Scenario, VolatilityMove, VolatilityShock

__all__ = ["MIN_DELTA", "paradex_columns", "paradex_grid"]

LEAST_UP = 0.40
"""The relative move up of a volatility is at least this, at any time to expiry."""

_STEPS: Mapping[str, tuple[Decimal, float, float, tuple[str, ...]]] = {
    # step of the price moves, volatility up and down, weights of the tails from -66% to +500%
    "BTC": (Decimal("0.04"), 0.40, 0.22, ("0.18", "0.36", "0.24", "0.12", "0.06", "0.04", "0.03", "0.024")),
    "ETH": (Decimal("0.04"), 0.40, 0.22, ("0.18", "0.36", "0.24", "0.12", "0.06", "0.04", "0.03", "0.024")),
    "HYPE": (Decimal("0.07"), 0.64, 0.352, ("0.30", "0.50", "0.40", "0.20", "0.10", "0.07", "0.05", "0.04")),
}

MIN_DELTA: Mapping[str, tuple[Decimal, Decimal]] = {
    "BTC": (Decimal("0.02"), Decimal("0.01")),
    "ETH": (Decimal("0.02"), Decimal("0.01")),
    "HYPE": (Decimal("0.03"), Decimal("0.015")),
}
"""By underlying the share of spot charged per coin of net delta, and per coin that is hedged."""


def paradex_grid(underlying: str) -> Grid:
    """The 24 scenarios of an underlying, in the document's order: 16 in full, then 8 tails that count in part.

    Prices move in steps from +4 to -4, volatility up and down; at both ends up only. Raises MarketSource where no
    table is published.
    """
    if underlying not in _STEPS:
        raise MarketSource("no scenarios are published for it", got=underlying, expected=" or ".join(_STEPS))
    step, up, down, weights = _STEPS[underlying]
    full = [
        Scenario(step * k, move)
        for k in range(4, -5, -1)
        for move in (VolatilityMove.UP, VolatilityMove.DOWN)
        if abs(k) < 4 or move is VolatilityMove.UP
    ]
    tails = [
        Scenario(shock, VolatilityMove.UP, Decimal(weight))
        for shock, weight in zip(TAIL_PRICE_SHOCKS, weights, strict=True)
    ]
    return Grid((*full, *tails), VolatilityShock(up=up, down=down, least_up=LEAST_UP))


def paradex_columns(underlyings: Sequence[str], fee: ArrayLike, funding: ArrayLike) -> dict[str, FloatArray]:
    """What quotes do not tell, for ``build_market(given=...)``.

    ``fee``: USD per contract that closing it costs. ``funding``: USD that one contract held long pays over the next
    eight hours, negative where it receives. Both by instrument.
    """
    paid = np.asarray(funding, dtype=np.float64)
    factors = [MIN_DELTA[name] for name in underlyings if name in MIN_DELTA]
    if len(factors) != len(underlyings):
        raise MarketSource("no minimum on delta is published for an underlying", got=", ".join(underlyings))
    return {
        "fee": np.asarray(fee, dtype=np.float64),
        "funding_long": np.maximum(paid, 0.0),
        "funding_short": np.maximum(-paid, 0.0),
        "unhedged": np.array([float(unhedged) for unhedged, _ in factors]),
        "hedged": np.array([float(hedged) for _, hedged in factors]),
    }
