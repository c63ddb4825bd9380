"""Volatility of price histories, and what follows from it: filtered returns, price moves to scan over.

==========  ====================================================================================================
model       variance of the next day
==========  ====================================================================================================
``plain``   none: returns stay as they were; to scan over, the mean square of all returns
``ewma``    ``decay * variance + (1 - decay) * return^2`` (``historical.ewma_volatility``)
``garch``   ``omega + alpha * return^2 + beta * variance``: GARCH(1,1) of Bollerslev (1986) with zero mean and normal
            innovations, fitted to the whole history by maximum likelihood (package ``arch``)
==========  ====================================================================================================

Filtered historical simulation multiplies the return of each past day by today's volatility over that day's forecast.
Today's is the forecast for the next day; in a **forecast regime** (predictive margin) it is that for the next ``ahead``
days, the root of the mean of their variances: after a shock GARCH expects calmer days, after calm livelier ones, at the
rate ``alpha + beta`` a day. A weighted average expects tomorrow's variance for ever.

**Dynamic margin** scans prices over ``max(floor, deviations * volatility * sqrt(days))`` (``span.price_scan_range``).
                                                                                        specs/market.md#histories
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

import numpy as np

from zkmargin.errors import MarketSource
from zkmargin.margin.historical import ewma_volatility
from zkmargin.margin.optional import optional_package
from zkmargin.margin.pricing import FloatArray
from zkmargin.margin.span import price_scan_range

MODELS = ("plain", "ewma", "garch")
LEAST_DAYS = 250
"""Returns that GARCH is fitted to, at least: about a year of trading."""
_STEP = Decimal("0.0001")


@dataclass(frozen=True)
class Garch:
    """Parameters of one asset; ``variances`` of each day and of the one after the last: shape (days + 1,)."""

    omega: float
    alpha: float
    beta: float
    variances: FloatArray

    def mean_variance(self, ahead: int) -> float:
        """The mean of the variances that are expected of the next ``ahead`` days."""
        variance, total = float(self.variances[-1]), 0.0
        for _ in range(ahead):
            total += variance
            variance = self.omega + (self.alpha + self.beta) * variance
        return total / ahead


def fit_garch(returns: FloatArray, name: str = "the history") -> Garch:
    """Fit GARCH(1,1) to one asset's daily returns.

    Raises PackageMissing without arch, MarketSource where there are fewer than 250 returns or the fit fails.
    """
    if len(returns) < LEAST_DAYS:
        raise MarketSource(f"{name} is too short to fit GARCH", expected=f"{LEAST_DAYS + 1} days", got=len(returns) + 1)
    if not (scale := float(np.sqrt(np.mean(returns**2)))) > 0:
        raise MarketSource(f"GARCH does not fit {name}", got="prices that stand still")
    univariate = optional_package("arch.univariate", "a GARCH filter")
    scaled = returns / scale  # to a deviation of one, on which the optimiser gets on best
    model = univariate.arch_model(scaled, mean="Zero", vol="GARCH", p=1, q=1, dist="normal", rescale=False)
    fitted = model.fit(disp="off", show_warning=False)
    omega, alpha, beta = (float(fitted.params[key]) for key in ("omega", "alpha[1]", "beta[1]"))
    held = np.asarray(fitted.conditional_volatility, dtype=np.float64) ** 2 * scale**2
    if fitted.convergence_flag != 0 or not np.all(np.isfinite(held)) or not held.min() > 0:
        raise MarketSource(f"GARCH does not fit {name}", hint="take --volatility ewma, or another span of days")
    omega *= scale**2
    following = omega + alpha * float(returns[-1]) ** 2 + beta * float(held[-1])
    return Garch(omega, alpha, beta, np.append(held, following))


@dataclass(frozen=True)
class Regime:
    """Which volatility counts. ``decay`` is of ``ewma``; ``ahead``: days that are forecast, 1 for tomorrow."""

    model: str = "plain"
    decay: float = 0.97
    ahead: int = 1

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise MarketSource("unknown model of volatility", expected=" or ".join(MODELS), got=self.model[:40])
        if type(self.ahead) is not int or not 1 <= self.ahead <= 250:
            raise MarketSource("a forecast reaches 1 to 250 days ahead", got=self.ahead)

    def forecasts(self, returns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Volatility of each past day as it was forecast, of shape (days, assets), and today's, of shape (assets,)."""
        if self.model == "garch":
            fits = [fit_garch(returns[:, asset], f"asset {asset + 1}") for asset in range(returns.shape[1])]
            then = np.sqrt(np.stack([fit.variances[:-1] for fit in fits], axis=1))
            return then, np.sqrt(np.array([fit.mean_variance(self.ahead) for fit in fits]))
        if self.model == "ewma":
            held = ewma_volatility(returns, self.decay)
            return held[:-1], held[-1]
        whole = np.sqrt(np.mean(returns**2, axis=0))
        return np.broadcast_to(whole, returns.shape), whole

    def scaled(self, returns: FloatArray) -> FloatArray:
        """Returns as they would be at today's volatility; where a forecast is zero, so is the return."""
        if self.model == "plain":
            return returns
        then, today = self.forecasts(returns)
        scale = np.divide(np.broadcast_to(today, then.shape), then, out=np.zeros_like(returns), where=then > 0)
        return np.asarray(returns * scale)


@dataclass(frozen=True)
class Scan:
    """Price moves by volatility: ``max(floor, deviations * volatility * sqrt(days))``; the floor is relative."""

    deviations: float
    days: float
    floor: float

    def __post_init__(self) -> None:
        if not (0 < self.deviations <= 100 and 0 < self.days <= 365 and 0 <= self.floor < 1):
            raise MarketSource("no price range", expected="deviations to 100, days to 365, a floor below 1")


def price_range(volatility: float, scan: Scan) -> Decimal:
    """The relative price move to scan over, rounded up to 0.0001.

    Raises MarketSource where it is not between 0 and 1: a price cannot fall further than to nothing.
    """
    relative = price_scan_range(1.0, volatility, scan.deviations, scan.days, scan.floor)
    if not 0 < relative < 1:
        raise MarketSource("a price range lies between 0 and 1", got=f"{relative:.4f}")
    return Decimal(repr(relative)).quantize(_STEP, ROUND_CEILING)
