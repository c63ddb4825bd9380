"""Black-76 and the scenario grid, against the venue's own marks and the published figures."""

from __future__ import annotations

import math
from decimal import Decimal
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.margin.chain import Chain
from zkmargin.margin.pricing import SECONDS_PER_YEAR, black_76, forward_delta
from zkmargin.margin.scenarios import VolatilityMove, VolatilityShock, deribit_grid


def scalar_black_76(f: float, k: float, sigma: float, years: float, is_call: bool) -> float:
    """Textbook form, one option at a time, on the standard library's normal distribution."""
    total = sigma * math.sqrt(years)
    if total == 0:
        return max(f - k, 0.0) if is_call else max(k - f, 0.0)
    cdf = NormalDist().cdf
    d1 = (math.log(f / k) + total * total / 2) / total
    d2 = d1 - total
    return f * cdf(d1) - k * cdf(d2) if is_call else k * cdf(-d2) - f * cdf(-d1)


@pytest.mark.parametrize("moment", ["morning", "evening"])
def test_black_76_reproduces_the_marks(moment: str, request: pytest.FixtureRequest) -> None:
    chain: Chain = request.getfixturevalue(moment)
    forward = np.array([chain.forwards[q.expiry] for q in chain.options])
    years = np.array([(q.expiry - chain.time) / SECONDS_PER_YEAR for q in chain.options])
    marks = np.array([float(q.mark) for q in chain.options])
    model = black_76(
        forward,
        [float(q.strike) for q in chain.options],
        [float(q.volatility) for q in chain.options],
        years,
        [q.is_call for q in chain.options],
    )
    errors = np.abs(model / forward - marks)
    assert np.median(errors) <= 1e-4
    assert errors.max() <= 3e-3
    # Dividing by the index instead would miss by 0.1 coin far out: the marks are per coin of the forward.
    assert np.abs(model / chain.index - marks).max() > 0.05


@pytest.mark.parametrize("moment", ["morning", "evening"])
def test_parity_of_the_marks(moment: str, request: pytest.FixtureRequest) -> None:
    chain: Chain = request.getfixturevalue(moment)
    marks = {(q.expiry, q.strike, q.is_call): float(q.mark) for q in chain.options}
    misses = [
        marks[expiry, strike, True] - marks[expiry, strike, False] - (1 - float(strike) / chain.forwards[expiry])
        for expiry, strike, is_call in marks
        if is_call
    ]
    assert np.median(np.abs(misses)) < 1e-3
    assert np.max(np.abs(misses)) < 2e-2


positive = st.floats(1.0, 1e6)


@given(positive, positive, st.floats(0.0, 5.0), st.floats(0.0, 3.0), st.booleans())
def test_vectorised_equals_scalar(f: float, k: float, sigma: float, years: float, is_call: bool) -> None:
    value = float(black_76(f, k, sigma, years, is_call))
    assert value == pytest.approx(scalar_black_76(f, k, sigma, years, is_call), abs=1e-7 * max(f, k))
    assert value >= max(f - k if is_call else k - f, 0.0)
    assert value <= (f if is_call else k) * (1 + 1e-12)


@given(positive, positive, st.floats(0.0, 5.0), st.floats(0.0, 3.0))
def test_parity_of_the_formula(f: float, k: float, sigma: float, years: float) -> None:
    call, put = black_76(f, k, sigma, years, [True, False])
    assert call - put == pytest.approx(f - k, abs=1e-9 * max(f, k))
    up, down = forward_delta(f, k, sigma, years, [True, False])
    assert up - down == pytest.approx(1.0, abs=1e-12)
    assert 0 <= up <= 1


def test_delta_is_the_derivative() -> None:
    strikes = np.array([40_000.0, 70_000.0, 100_000.0, 70_000.0])
    calls = np.array([True, True, False, False])
    above = black_76(71_001.0, strikes, 0.6, 0.1, calls)
    below = black_76(70_999.0, strikes, 0.6, 0.1, calls)
    assert forward_delta(71_000.0, strikes, 0.6, 0.1, calls) == pytest.approx((above - below) / 2, abs=1e-6)


def test_the_grid() -> None:
    grid = deribit_grid()
    assert len(grid.scenarios) == len(set(grid.names)) == 35
    assert grid.names[:4] == ("-16% vol up", "-16% vol same", "-16% vol down", "-12% vol up")
    assert grid.names[12:15] == ("0% vol up", "0% vol same", "0% vol down")
    assert grid.names[26:] == (
        "+16% vol down",
        "-66% vol up",
        "-33% vol up",
        "+50% vol up",
        "+100% vol up",
        "+200% vol up",
        "+300% vol up",
        "+400% vol up",
        "+500% vol up",
    )
    assert all(scenario.weight == 1 for scenario in grid.scenarios[:27])
    weights = [round(float(scenario.weight), 4) for scenario in grid.scenarios[27:]]
    # MARGIN §1.9 lists .0545 .109 .072 .036 .018 .012 for the first six.
    assert weights == [0.0545, 0.1091, 0.072, 0.036, 0.018, 0.012, 0.009, 0.0072]
    assert grid.scenarios[0].price_shock == Decimal("-0.16")


def test_volatility_shocks() -> None:
    days = np.array([0.2, 1.0, 7.0, 30.0, 60.0, 320.0])
    shock = VolatilityShock()
    up = shock.factor(days, VolatilityMove.UP)
    down = shock.factor(days, VolatilityMove.DOWN)
    assert up == pytest.approx(
        [1 + 0.5 * 30**0.3, 1 + 0.5 * 30**0.3, 1 + 0.5 * (30 / 7) ** 0.3, 1.5, 1 + 0.5 * 0.5**0.13, 1.3675],
        rel=1e-4,
    )
    assert down == pytest.approx(
        [
            1 - 0.25 * 30**0.3,
            1 - 0.25 * 30**0.3,
            1 - 0.25 * (30 / 7) ** 0.3,
            0.75,
            1 - 0.25 * 0.5**0.13,
            0.81625,
        ],
        rel=1e-3,
    )
    assert shock.factor(days, VolatilityMove.SAME).tolist() == [1.0] * 6
    assert VolatilityShock(down=2.0).factor(days, VolatilityMove.DOWN).min() == 0.0
    assert (np.diff(up) < 0).all() or up[0] == up[1]
    # The power goes by the expiry itself where the floor is beyond 30 days.
    far = VolatilityShock(floor_days=365.0).factor(np.array([7.0, 60.0]), VolatilityMove.UP)
    assert far == pytest.approx([1 + 0.5 * (30 / 365) ** 0.3, 1 + 0.5 * (30 / 365) ** 0.13])
