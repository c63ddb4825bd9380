"""Paradex's scenarios as its document lists them (tradeparadex/paradex-docs, commit 0db52d9, portfolio-margin.mdx)."""

from __future__ import annotations

import numpy as np
import pytest

from zkmargin.errors import MarketSource
from zkmargin.margin.paradex import paradex_columns, paradex_grid
from zkmargin.margin.scenarios import VolatilityMove

BTC = """
+16 up 100, +12 up 100, +12 down 100, +8 up 100, +8 down 100, +4 up 100, +4 down 100, 0 up 100, 0 down 100, -4 up 100,
-4 down 100, -8 up 100, -8 down 100, -12 up 100, -12 down 100, -16 up 100, -66 up 18, -33 up 36, +50 up 24, +100 up 12,
+200 up 6, +300 up 4, +400 up 3, +500 up 2.4"""


def test_the_scenarios_of_bitcoin() -> None:
    listed = [row.split() for row in BTC.split(",")]
    grid = paradex_grid("BTC")
    assert [s.volatility.value for s in grid.scenarios] == [move for _, move, _ in listed]
    assert [float(s.price_shock * 100) for s in grid.scenarios] == [float(price) for price, _, _ in listed]
    assert [float(s.weight * 100) for s in grid.scenarios] == [float(weight) for _, _, weight in listed]
    assert paradex_grid("ETH") == grid


def test_wider_scenarios() -> None:
    grid = paradex_grid("HYPE")
    assert [float(s.price_shock) for s in grid.scenarios[:16:5]] == [0.28, 0.07, -0.07, -0.28]
    assert [float(s.weight) for s in grid.scenarios[16:]] == [0.3, 0.5, 0.4, 0.2, 0.1, 0.07, 0.05, 0.04]
    with pytest.raises(MarketSource, match="no scenarios are published"):
        paradex_grid("DOGE")


def test_the_move_up_has_a_floor() -> None:
    days, shock = np.array([0.1, 10.0, 30.0, 100.0]), paradex_grid("BTC").volatility_shock
    up, down = (shock.factor(days, move) for move in (VolatilityMove.UP, VolatilityMove.DOWN))
    assert up == pytest.approx([1 + 0.4 * 30**0.3, 1 + 0.4 * 3**0.3, 1.4, 1.4])
    assert down == pytest.approx([1 - 0.22 * 30**0.3, 1 - 0.22 * 3**0.3, 0.78, 1 - 0.22 * 0.3**0.13])


def test_columns() -> None:
    given = paradex_columns(["BTC", "HYPE"], [1, 2, 3], [0, -5, 7])
    assert given["fee"].tolist() == [1, 2, 3]
    assert given["funding_long"].tolist() == [0, 0, 7]
    assert given["funding_short"].tolist() == [0, 5, 0]
    assert given["unhedged"].tolist() == [0.02, 0.03]
    assert given["hedged"].tolist() == [0.01, 0.015]
    with pytest.raises(MarketSource, match="no minimum on delta"):
        paradex_columns(["DOGE"], [1], [0])
