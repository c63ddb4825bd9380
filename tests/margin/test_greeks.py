"""Greeks against differences of the option's value, and the shocks that margin by greeks multiplies them with."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest

from zkmargin.margin.build import Board
from zkmargin.margin.chain import Chain
from zkmargin.margin.greeks import FULL_MOVES, cash_delta, cash_gamma, greek_figures, greeks_grid, rho, theta, vega
from zkmargin.margin.pricing import FloatArray, black_76
from zkmargin.margin.scenarios import Grid, Scenario, VolatilityMove, deribit_grid


@pytest.fixture(scope="module")
def board(morning: Chain) -> Board:
    return Board((morning,), deribit_grid())


def value(board: Board, spot: float = 1, volatility: float = 1, days: float = 0, rate: float = 0) -> FloatArray:
    """USD of each row, the index and the volatility times a factor, ``days`` later, the forward at another rate."""
    left = np.maximum(board.years - days / 365, 0)
    forward = board.forward * spot * np.exp(rate * board.years)
    priced = black_76(forward, board.strike, board.volatility * volatility, left, board.is_call)
    return np.where(board.is_option, priced * board.index * spot / forward, board.mark * spot)


STEP = 1e-4
DIFFERENCES: dict[str, tuple[Callable[[Board], FloatArray], Callable[[Board], FloatArray]]] = {
    "delta": (cash_delta, lambda b: (value(b, spot=1 + STEP) - value(b, spot=1 - STEP)) / (2 * STEP)),
    "gamma": (
        cash_gamma,
        lambda b: (value(b, spot=1 + STEP) - 2 * value(b) + value(b, spot=1 - STEP)) / STEP**2,
    ),
    "vega": (vega, lambda b: (value(b, volatility=1 + STEP) - value(b, volatility=1 - STEP)) / (2 * STEP)),
    "theta": (theta, lambda b: (value(b, days=STEP) - value(b, days=-STEP)) / (2 * STEP)),
    "rho": (rho, lambda b: np.where(b.is_option, value(b, rate=STEP) - value(b, rate=-STEP), 0) / (2 * STEP)),
}


@pytest.mark.parametrize("greek", DIFFERENCES)
def test_a_greek_is_the_difference_quotient(board: Board, greek: str) -> None:
    formula, quotient = DIFFERENCES[greek]
    found, expected = formula(board), quotient(board)
    scale = np.abs(expected).max()
    assert np.abs(found - expected).max() < 2e-4 * scale
    assert found.shape == (len(board.instruments),)


def test_futures_have_a_delta_and_nothing_else(board: Board) -> None:
    rows = ~board.is_option
    assert np.array_equal(cash_delta(board)[rows], board.mark[rows])
    for greek in (cash_gamma, vega, theta, rho):
        assert not greek(board)[rows].any()
        assert np.isfinite(greek(board)).all()


def test_small_moves_are_those_of_the_full_valuation(morning: Chain, board: Board) -> None:
    small = Grid(tuple(Scenario(Decimal(cents) / 1000, VolatilityMove.SAME) for cents in (-5, 5)))
    full = Board((morning,), small).gain
    for column, move in enumerate((-0.005, 0.005)):
        expanded = cash_delta(board) * move + cash_gamma(board) * move**2 / 2
        assert np.abs(full[:, column] - expanded).max() < 0.012 * np.abs(full[:, column]).max()


def test_shocks(board: Board) -> None:
    figures = {name: figure() for name, (_, figure) in greek_figures(board).items()}
    full = greeks_grid(board.grid)
    assert len(full.scenarios) == len(board.axes["move"]) == FULL_MOVES
    assert figures["delta_charge"].tolist() == [0.16]
    assert figures["gamma_charge"].tolist() == pytest.approx([0.0128])
    assert figures["spot_move"].shape == (FULL_MOVES, 1)
    assert figures["spot_move"][:, 0].tolist() == [float(s.price_shock) for s in full.scenarios]
    days = board.expiry_days
    assert figures["vega_charge"] == pytest.approx(0.5 * (30 / np.maximum(days, 1)) ** np.where(days < 30, 0.3, 0.13))
    up, same, down = figures["vol_move"][:3]
    assert up == pytest.approx(figures["vega_charge"])
    assert not same.any()
    assert down == pytest.approx(-up / 2)
    assert days[0] == pytest.approx(0.9328, abs=1e-4)  # 6 February, 08:00, seen on the 5th at 09:36
