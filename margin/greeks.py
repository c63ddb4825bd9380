"""Greeks of an option chain, and the shocks that margin by greeks multiplies them with.

An option's value in USD is (S / F) Black76(F, K, sigma, T), S the index (``pricing``). Where the index moves, the
forward moves by the same factor, so S / F stays:

==========  ==========================  ========================================================================
figure      unit                        formula
==========  ==========================  ========================================================================
cash_delta  USD per 100% of the index   S dV/dS = sign S N(sign d1)
cash_gamma  USD per square of it        S^2 d2V/dS2 = S n(d1) / (sigma sqrt T)
vega        USD per 100% of volatility  sigma dV/dsigma = S n(d1) sigma sqrt T
theta       USD per day                 -S n(d1) sigma / (2 sqrt T) / 365: what a day takes from a bought option
rho         USD per 1.00 of the rate    -T (S / F) K dBlack76/dK: the forward moves by T, the index stays
==========  ==========================  ========================================================================

Moves are relative, so that one table of moves fits a coin of 70,000 USD and one of 0.10. Futures and perpetuals gain
with their price and have no other greek; what a rate does to a future is basis, not rho. Floats end where tables are
rounded. Source: F. Black, "The pricing of commodity contracts", Journal of Financial Economics 3 (1976), 167-179.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from zkmargin.margin.pricing import (
    SECONDS_PER_DAY,
    SECONDS_PER_YEAR,
    FloatArray,
    forward_gamma,
    strike_derivative,
    volatility_derivative,
)
from zkmargin.margin.scenarios import Grid, VolatilityMove

if TYPE_CHECKING:
    from zkmargin.margin.build import Board

__all__ = ["FULL_MOVES", "MOVE_AXIS", "Figure", "greek_figures", "greeks_grid", "relative_move"]

Figure = tuple[tuple[str, ...], Callable[[], FloatArray]]
"""Axes of a column, and its values in its unit."""

MOVE_AXIS = "move"
FULL_MOVES = 27
"""Scenarios of the greeks' grid: those of Deribit's that count in full."""

_DAYS = SECONDS_PER_YEAR / SECONDS_PER_DAY


def greeks_grid(grid: Grid) -> Grid:
    """The scenarios of ``grid`` that count in full: beyond them an option's value is not its second-order expansion."""
    return Grid(tuple(scenario for scenario in grid.scenarios if scenario.weight == 1), grid.volatility_shock)


def cash_delta(board: Board) -> FloatArray:
    """USD per 100% of the index, of shape (instruments,); of futures and perpetuals their price."""
    return np.where(board.is_option, board.delta * board.index, board.mark)


def cash_gamma(board: Board) -> FloatArray:
    """USD per square of 100% of the index, of shape (instruments,)."""
    return _of_options(board, forward_gamma(*board.terms) * board.forward * board.index)


def vega(board: Board) -> FloatArray:
    """USD per 100% of the volatility, at today's slope, of shape (instruments,)."""
    return _of_options(board, volatility_derivative(*board.terms) * board.volatility * board.index / board.forward)


def theta(board: Board) -> FloatArray:
    """USD per day, at most zero, of shape (instruments,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        decay = -vega(board) / (2.0 * board.years * _DAYS)
    return _of_options(board, decay)


def rho(board: Board) -> FloatArray:
    """USD per 1.00 of the yearly rate, of shape (instruments,)."""
    slope = strike_derivative(*board.terms)
    return _of_options(board, -board.years * board.index / board.forward * board.strike * slope)


def relative_move(grid: Grid, days: FloatArray) -> FloatArray:
    """Relative moves of volatility, of shape (scenarios, times): 0.5 is up by a half."""
    moves = [grid.volatility_shock.factor(days, scenario.volatility) - 1.0 for scenario in grid.scenarios]
    return np.stack(moves)


def greek_figures(board: Board) -> Mapping[str, Figure]:
    """The columns by which rule sets margin greeks, by name; moves are those of ``greeks_grid(board.grid)``.

    Charges are the loss under the largest move of the grid that counts in full, up or down alike: ``delta_charge`` that
    move, ``gamma_charge`` half its square, ``vega_charge`` the larger move of the expiry's volatility; all relative.
    """
    full = greeks_grid(board.grid)
    moves = np.array([float(scenario.price_shock) for scenario in full.scenarios])
    largest = np.abs(moves).max()
    spot = np.array([chain.index for chain in board.chains])
    same = np.ones(len(board.chains))

    def vega_charge() -> FloatArray:
        shock = board.grid.volatility_shock
        up = shock.factor(board.expiry_days, VolatilityMove.UP) - 1.0
        return np.maximum(up, 1.0 - shock.factor(board.expiry_days, VolatilityMove.DOWN))

    return {
        "cash_delta": (("instrument",), lambda: cash_delta(board)),
        "cash_gamma": (("instrument",), lambda: cash_gamma(board)),
        "vega": (("instrument",), lambda: vega(board)),
        "theta": (("instrument",), lambda: theta(board)),
        "spot": (("underlying",), lambda: spot),
        "spot_move": ((MOVE_AXIS, "underlying"), lambda: np.outer(moves, same)),
        "vol_move": ((MOVE_AXIS, "expiry"), lambda: relative_move(full, board.expiry_days)),
        "delta_charge": (("underlying",), lambda: same * largest),
        "gamma_charge": (("underlying",), lambda: same * largest**2 / 2.0),
        "vega_charge": (("expiry",), vega_charge),
    }


def _of_options(board: Board, values: FloatArray) -> FloatArray:
    return np.where(board.is_option, values, 0.0)
