"""Tables of Derive's portfolio margin, version 2: what specs/rules/derive_pmrm2.yaml reads.

Source: derivexyz/v2-core, commit 7736900, src/risk-managers/PMRMLib_2.sol lines 127-460; the default figures are those
that most of the venue's published cases run with (test/risk-managers/unit-tests/PMRM_2/portfolio_cases/,
``Parameters``).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

import numpy as np

from zkmargin.errors import MarketSource
from zkmargin.margin.derive import BasisCharge, ConfidenceCharge, Doubts, PegCharge, Underlying
from zkmargin.margin.figures import Figures, unique_names
from zkmargin.margin.pricing import FloatArray
from zkmargin.margin.scenarios import TAIL_DAMPENING, Scenario, VolatilityMove, VolatilityShock

VOLATILITY = VolatilityShock(up=0.5, down=0.275, short_power=0.3, long_power=0.13, floor_days=1.0)
BASIS = BasisCharge(up=1.045, down=0.955, add=0.5, mult=2.0)
CONFIDENCE = ConfidenceCharge(threshold=0.55, margin=1.0)
PEG = PegCharge(threshold=0.98, factor=2.0)


class SkewMove(Enum):
    """How a scenario bends the smile: wings apart by the signed log-moneyness, or both by its size."""

    LINEAR = "linear"
    ABSOLUTE = "absolute"


@dataclass(frozen=True)
class SkewScenario:
    """A scenario of skew; a price move may go with it. P&L is multiplied by ``weight``."""

    skew: SkewMove
    price_shock: Decimal = Decimal(0)
    weight: Decimal = Decimal(1)


@dataclass(frozen=True)
class SkewShock:
    """Volatility times ``1 + clip(k * cap / k_star, -cap, cap)``, k the log-moneyness (or its size).

    ``cap`` is ``base * sqrt(years) + static`` of the direction. ``k_star`` estimates where the smile flattens:
    ``sqrt(years) * width * (volatility + volatility_slope * sqrt(years))``, at least ``least_k_star``.
    """

    linear_cap: float = 0.15
    linear_slope: float = -0.05
    absolute_cap: float = 0.15
    absolute_slope: float = -0.05
    least_k_star: float = 0.01
    width: float = 4.0
    volatility: float = 0.6
    volatility_slope: float = -0.1

    def factor(self, market: Underlying, move: SkewMove) -> FloatArray:
        """What volatilities are multiplied by, by option; never below 0. Raises MarketSource at a k_star of 0."""
        root = np.sqrt(market.years)
        star = np.maximum(self.least_k_star, root * self.width * (self.volatility + self.volatility_slope * root))
        if not np.all(star > 0):
            raise MarketSource("the skew has no width", where=market.name)
        linear = move is SkewMove.LINEAR
        cap = self.linear_slope * root + self.linear_cap if linear else self.absolute_slope * root + self.absolute_cap
        k = np.log(market.strike / market.by_option([feed.variable + feed.fixed for feed in market.expiries]))
        if not linear:
            k = np.abs(k)
        top, slope = market.by_option(cap), market.by_option(cap / star)
        bent = np.where(k >= 0, np.minimum(top, k * slope), np.maximum(-top, k * slope))
        return np.maximum(0.0, 1.0 + bent)


def _scenarios() -> tuple[Scenario, ...]:
    up, down = VolatilityMove.UP, VolatilityMove.DOWN
    core = [
        Scenario(Decimal(tenths) / 1000, move)
        for tenths in (135, 90, 45, 0, -45, -90, -135)
        for move in (down, VolatilityMove.SAME, up)
    ]
    shocks = [Decimal(percent) / 100 for percent in (-66, -33, 50, 100, 200, 300)]
    tails = [Scenario(shock, up, TAIL_DAMPENING / abs(shock)) for shock in shocks]
    return (Scenario(Decimal("0.18"), up), *core, Scenario(Decimal("-0.18"), up), *tails)


@dataclass(frozen=True)
class Collateral:
    """An asset that counts as collateral. ``price`` in USD; haircuts are shares of the value.

    ``im_haircut`` is what the initial requirement adds to ``mm_haircut``. One that ``cancels_risk`` moves with
    the underlying in every scenario.
    """

    name: str
    price: float
    mm_haircut: float
    im_haircut: float
    cancels_risk: bool = False
    confidence: float = 1.0


@dataclass(frozen=True)
class Pmrm2Parameters:
    """Figures that the venue sets. Percentages are of spot. ``least_volatility`` bounds volatilities shocked up.

    ``long_discount`` and ``short_discount`` apply to an expiry worth more and less than nothing after a shock.
    """

    scenarios: tuple[Scenario, ...] = _scenarios()
    skews: tuple[SkewScenario, ...] = (SkewScenario(SkewMove.LINEAR), SkewScenario(SkewMove.ABSOLUTE))
    volatility: VolatilityShock = VOLATILITY
    least_volatility: float = 0.45
    skew: SkewShock = SkewShock()
    basis: BasisCharge = BASIS
    confidence: ConfidenceCharge = CONFIDENCE
    peg: PegCharge = PEG
    mm_perp_percent: float = 0.015
    im_perp_percent: float = 0.005
    mm_option_percent: float = 0.003
    im_option_percent: float = 0.002
    mm_factor: float = 0.8
    im_factor: float = 1.0
    long_discount: float = 0.95
    long_rate_mult: float = 1.0
    long_rate_add: float = 0.08
    short_discount: float = 1.04
    short_rate_mult: float = 0.5
    short_rate_add: float = 0.08


def pmrm2_figures(
    market: Underlying, collateral: tuple[Collateral, ...], parameters: Pmrm2Parameters | None = None
) -> Figures:
    """The columns of ``derive_pmrm2`` for one underlying and at least one collateral asset.

    Without a scenario of one kind one of weight 0 stands in: it loses nothing, as the venue's margin without
    scenarios does. Raises MarketSource where there is no collateral.
    """
    if not collateral:
        raise MarketSource("no collateral is listed", where=market.name)
    p = parameters or Pmrm2Parameters()
    scenarios = p.scenarios or (Scenario(Decimal(0), VolatilityMove.SAME, Decimal(0)),)
    skews = p.skews or (SkewScenario(SkewMove.LINEAR, weight=Decimal(0)),)
    discount = np.exp(-market.rate * market.years)
    by_option = market.by_option(discount)
    now, doubts, series = by_option * market.values(market.volatility), Doubts.of(market, p.confidence), market.series
    gain = p.long_discount * np.exp(-market.years * (market.rate * p.long_rate_mult + p.long_rate_add))
    loss = p.short_discount * np.exp(market.years * (market.rate * p.short_rate_mult + p.short_rate_add))
    loss = np.minimum(loss, 1.0 / discount)
    damping, moves = _weights(scenarios)
    skew_damping, skew_moves = _weights(skews)
    value = np.array([asset.price / market.stable for asset in collateral])
    moving = value * np.array([asset.cancels_risk for asset in collateral])
    unsure = np.array([p.confidence.rate(asset.confidence, market.spot_confidence) for asset in collateral])
    columns = {
        "value": now,
        "shocked": np.stack([by_option * _shocked(market, p, scenario) for scenario in scenarios], axis=1),
        "skewed": np.stack([by_option * _skewed(market, p, scenario) for scenario in skews], axis=1),
        "up": by_option * market.values(market.volatility, p.basis.up) - now,
        "down": by_option * market.values(market.volatility, p.basis.down) - now,
        "doubt": doubts.options,
        "more": doubts.more,
        "gain_d": np.outer(damping, gain),
        "loss_d": np.outer(damping, loss),
        "skew_gain_d": np.outer(skew_damping, gain),
        "skew_loss_d": np.outer(skew_damping, loss),
        "damping": damping,
        "skew_damping": skew_damping,
        "perp_move": market.perp * moves * damping,
        "skew_perp_move": market.perp * skew_moves * skew_damping,
        "a_move": np.outer(moves * damping, moving),
        "skew_a_move": np.outer(skew_moves * skew_damping, moving),
        "a_value": value,
        "mm_cut": value * np.array([asset.mm_haircut for asset in collateral]),
        "im_cut": value * (np.array([asset.im_haircut for asset in collateral]) + unsure),
        "basis_f": p.basis.add + p.basis.mult * market.years,
    }
    return Figures(
        names={
            "instrument": market.option_names,
            "scenario": unique_names(scenario.name for scenario in scenarios),
            "skew": unique_names(scenario.skew.value for scenario in skews),
            "asset": unique_names(asset.name for asset in collateral),
            "expiry": market.expiry_names,
            "series": series[0],
        },
        columns=columns,
        labels={"expiry": market.expiry_label, "series": series[1]},
        parameters={
            "spot": market.spot,
            "mm_perp": p.mm_perp_percent,
            "im_perp": p.im_perp_percent,
            "mm_opt": p.mm_option_percent,
            "im_opt": p.im_option_percent,
            "perp_doubt": doubts.perp,
            "mm_factor": p.mm_factor,
            "im_factor": p.im_factor + p.peg.of(market.stable),
        },
    )


def _weights(scenarios: tuple[Scenario, ...] | tuple[SkewScenario, ...]) -> tuple[FloatArray, FloatArray]:
    """Dampening and price move of each scenario."""
    weights = [float(scenario.weight) for scenario in scenarios]
    return np.array(weights), np.array([float(scenario.price_shock) for scenario in scenarios])


def _shocked(market: Underlying, p: Pmrm2Parameters, scenario: Scenario) -> FloatArray:
    volatility = market.volatility * market.by_option(p.volatility.factor(market.days, scenario.volatility))
    if scenario.volatility is VolatilityMove.UP:
        volatility = np.maximum(volatility, p.least_volatility)
    return market.values(volatility, 1.0 + float(scenario.price_shock))


def _skewed(market: Underlying, p: Pmrm2Parameters, scenario: SkewScenario) -> FloatArray:
    """The smile alone is bent: a price move of the scenario reaches perpetual and collateral, not the options."""
    return market.values(market.volatility * p.skew.factor(market, scenario.skew))
