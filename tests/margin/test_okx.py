"""OKX's scenarios and tiers, against the sample response of its position builder (API v5 documentation)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from zkmargin.margin.build import Board
from zkmargin.margin.chain import Chain
from zkmargin.margin.okx import CLOSING_TIERS, OkxShocks, closing_deductions, okx_columns, okx_grid, tail_grid
from zkmargin.margin.scenarios import VolatilityShock

SAMPLE = {"0": 0, "0.08": -776.2739496480004, "-0.08": 776.2739496480004, "0.04": -388.1369748240002}
SAMPLE |= {"0.12": -1164.4109244719994, "-0.12": 1164.4109244719994, "-0.04": 388.1369748240002}


@pytest.fixture(scope="module")
def sample(morning: Chain) -> Chain:
    """The perpetual at the price at which a tenth of a coin gains what the sample's position does."""
    *dated, perpetual = morning.futures
    return replace(morning, futures=(*dated, replace(perpetual, price=Decimal("97034.24370600"))))


def test_the_samples_scenarios(sample: Chain) -> None:
    grid = okx_grid("BTC", VolatilityShock())
    gains = Board((sample,), grid).gain[-1] * -0.1
    assert len(grid.scenarios) == 21
    for scenario, gain in zip(grid.scenarios, gains, strict=True):
        assert gain == pytest.approx(SAMPLE[f"{scenario.price_shock.normalize():f}"], abs=1e-6)


def test_the_samples_extreme_move(sample: Chain) -> None:
    shocks = OkxShocks(VolatilityShock(), np.full(13, 0.1), 0.03, np.full(800, 0.0045))
    columns = okx_columns(sample, shocks, np.full(13, 0.002))
    assert columns["tail_pnl"][-1] * -0.1 == pytest.approx([2328.8218489440005, -2328.8218489440005], abs=1e-6)
    assert columns["exposure"][-1] == columns["weight"][-1] / 0.0045 == 97034.243706
    assert [float(s.price_shock) for s in tail_grid("LTC").scenarios] == [-0.36, 0.36]
    assert {float(s.price_shock) for s in okx_grid("LTC", VolatilityShock()).scenarios} >= {-0.18, 0.18}
    assert {float(s.price_shock) for s in okx_grid("XYZ", VolatilityShock()).scenarios} >= {-0.24, 0.24}
    assert float(tail_grid("XYZ").scenarios[1].price_shock) == 0.5


def test_shocks_go_by_maturity(morning: Chain) -> None:
    names = Board((morning,), tail_grid("BTC")).axes["maturity"]
    assert names[-1] == "BTC perpetual"
    base, first = np.zeros(len(names)), np.zeros(len(names))
    first[0] = 1
    none, moved = (
        okx_columns(morning, OkxShocks(VolatilityShock(), term, 0, np.zeros(800)), base)["vega_shocked"]
        for term in (base, first)
    )
    assert not none.any()
    of_first = [instrument.expiry for instrument in Board((morning,), tail_grid("BTC")).instruments]
    assert set(np.flatnonzero(moved)) <= {row for row, expiry in enumerate(of_first) if expiry == of_first[0]}
    assert moved.any()


def test_multipliers_are_marginal() -> None:
    deductions = closing_deductions()
    assert deductions == [0, 10_000, 150_000, 490_000, 1_090_000, 2_030_000, 3_430_000]
    for at, (bound, multiplier) in enumerate(CLOSING_TIERS[:-1]):
        assert bound is not None
        following = CLOSING_TIERS[at + 1][1]
        assert bound * multiplier - deductions[at] == bound * following - deductions[at + 1]
