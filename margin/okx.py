"""OKX's portfolio margin: scenarios, tiers and columns for the rule set ``okx_pm``.

Sources: OKX, parameters of 2025-01-06 and 2025-01-15 (help page "OKX will further adjust portfolio margin parameters"):
price moves of MR1 and MR6 by group of underlyings, tiers of MR7; API v5, position builder, sample response. The shocks
of volatility, of its term structure and of the rate, and the cost of closing a contract are the venue's and are given.
Figures only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from zkmargin.margin.build import Board
from zkmargin.margin.chain import Chain
from zkmargin.margin.greeks import cash_delta, rho, vega
from zkmargin.margin.pricing import FloatArray
from zkmargin.margin.scenarios import Grid, Scenario, VolatilityMove, VolatilityShock
from zkmargin.margin.schema import LabelSchema
from zkmargin.margin.tables import INSTRUMENT_AXIS

__all__ = ["CLOSING_TIERS", "OkxShocks", "closing_deductions", "okx_columns", "okx_grid", "tail_grid"]

PRICE_STEPS = {"BTC": Decimal("0.04"), "ETH": Decimal("0.04")} | dict.fromkeys(
    ("LTC", "BCH", "EOS", "OKB", "DOT", "BSV", "LINK", "FIL", "ADA", "TRX", "UNI", "XRP"), Decimal("0.06")
)
"""MR1 moves a price by up to three steps either way; 0.08 where an underlying is not listed."""

TAIL_MOVES = {"BTC": Decimal("0.24"), "ETH": Decimal("0.24")} | dict.fromkeys(
    ("SOL", "DOGE", "PEPE", "XRP", "BNB", "SHIB", "LTC", "ORDI", "WLD", "BCH", "ADA"), Decimal("0.36")
)
"""The extreme move of MR6; 0.50 where an underlying is not listed."""

CLOSING_TIERS: tuple[tuple[int | None, int], ...] = (
    (10_000, 1),
    (70_000, 2),
    (170_000, 4),
    (300_000, 6),
    (470_000, 8),
    (700_000, 10),
    (None, 12),
)
"""MR7 of BTC and ETH: up to which raw charge in USD, and the multiplier of what lies in the tier."""


@dataclass(frozen=True)
class OkxShocks:
    """What the venue sets for one underlying.

    ``volatility``: MR1. ``term``: relative move of each maturity's volatility, MR3. ``rate``: move of the yearly
    rate, MR5. ``closing``: by instrument the share of the underlying's value that closing a contract costs, MR7.
    """

    volatility: VolatilityShock
    term: ArrayLike
    rate: float
    closing: ArrayLike


def okx_grid(underlying: str, volatility: VolatilityShock) -> Grid:
    """The 21 scenarios of MR1: seven price moves, each with volatility up, same and down."""
    step = PRICE_STEPS.get(underlying, Decimal("0.08"))
    return Grid(tuple(Scenario(step * k, move) for k in range(-3, 4) for move in VolatilityMove), volatility)


def tail_grid(underlying: str) -> Grid:
    """The two scenarios of MR6, volatility as it is."""
    move = TAIL_MOVES.get(underlying, Decimal("0.50"))
    return Grid(tuple(Scenario(shock, VolatilityMove.SAME) for shock in (-move, move)))


def closing_deductions(tiers: Sequence[tuple[int | None, int]] = CLOSING_TIERS) -> list[Fraction]:
    """What makes multipliers marginal: MR7 = max over tiers of raw * multiplier - deduction, joining without a jump."""
    found = [Fraction(0)]
    for (bound, multiplier), (_, following) in pairwise(tiers):
        found.append(found[-1] + Fraction(bound or 0) * (following - multiplier))
    return found


def okx_columns(chain: Chain, shocks: OkxShocks, basis_rate: ArrayLike) -> dict[str, FloatArray]:
    """The columns of ``okx_pm`` that a chain with its venue's shocks gives, for ``build_market(given=...)``.

    USD per contract, but ``basis_rate`` by maturity (a share of exposure) and tiers. One underlying.
    """
    board = Board((chain,), tail_grid(chain.underlying))
    place = list(board.label(LabelSchema("maturity", INSTRUMENT_AXIS, "maturity"))[1])
    return {
        "tail_pnl": board.gain,
        "vega_shocked": vega(board) * np.asarray(shocks.term, dtype=np.float64)[place],
        "rho_shocked": rho(board) * shocks.rate,
        "exposure": cash_delta(board),
        "weight": np.where(board.is_option, board.index, board.mark) * np.asarray(shocks.closing, dtype=np.float64),
        "basis_rate": np.asarray(basis_rate, dtype=np.float64),
        "multiplier": np.array([[float(multiplier) for _, multiplier in CLOSING_TIERS]]),
        "deduction": np.array([[float(deduction) for deduction in closing_deductions()]]),
    }
