"""Tables of Derive's portfolio margin, version 1: what specs/rules/derive_pmrm1.yaml reads.

Source: derivexyz/v2-core, commit 7736900, src/risk-managers/PMRMLib.sol lines 92-353; the default figures are those of
test/config-test.sol lines 29-99, with which the venue's tests run.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from zkmargin.margin.derive import BasisCharge, ConfidenceCharge, Doubts, PegCharge, Underlying
from zkmargin.margin.figures import Figures, unique_names
from zkmargin.margin.scenarios import Scenario, VolatilityMove, VolatilityShock

MOVES = (VolatilityMove.UP, VolatilityMove.SAME, VolatilityMove.DOWN)
SCENARIOS = tuple(Scenario(Decimal(percent) / 100, move) for percent in (15, 10, 5, 0, -5, -10, -15) for move in MOVES)
VOLATILITY = VolatilityShock(up=0.45, down=0.3, short_power=0.3, long_power=0.13, floor_days=1.0)
BASIS = BasisCharge(up=1.05, down=0.95, add=0.25, mult=0.01)
CONFIDENCE = ConfidenceCharge(threshold=0.6, margin=0.5)
PEG = PegCharge(threshold=0.98, factor=2.0)


@dataclass(frozen=True)
class Pmrm1Parameters:
    """Figures that the venue sets. Percentages are of spot, a ``discount`` is 1 where nothing is taken off."""

    scenarios: tuple[Scenario, ...] = SCENARIOS
    volatility: VolatilityShock = VOLATILITY
    basis: BasisCharge = BASIS
    confidence: ConfidenceCharge = CONFIDENCE
    peg: PegCharge = PEG
    perp_percent: float = 0.02
    base_percent: float = 0.02
    option_percent: float = 0.01
    im_factor: float = 1.3
    discount: float = 0.95
    rate_mult: float = 4.0
    rate_add: float = 0.05


def pmrm1_figures(market: Underlying, parameters: Pmrm1Parameters | None = None) -> Figures:
    """The columns of ``derive_pmrm1`` for one underlying."""
    p = parameters or Pmrm1Parameters()
    now, doubts = market.values(market.volatility), Doubts.of(market, p.confidence)
    moves = np.array([float(scenario.price_shock) for scenario in p.scenarios])
    shocked = [
        market.values(
            market.volatility * market.by_option(p.volatility.factor(market.days, scenario.volatility)), 1.0 + move
        )
        for scenario, move in zip(p.scenarios, moves, strict=True)
    ]
    base_value, series = market.spot / market.stable, market.series
    return Figures(
        names={
            "instrument": market.option_names,
            "scenario": unique_names(scenario.name for scenario in p.scenarios),
            "expiry": market.expiry_names,
            "series": series[0],
        },
        columns={
            "value": now,
            "shocked": np.stack(shocked, axis=1),
            "up": market.values(market.volatility, p.basis.up) - now,
            "down": market.values(market.volatility, p.basis.down) - now,
            "doubt": doubts.options,
            "more": doubts.more,
            "discount": p.discount * np.exp(-market.years * (market.rate * p.rate_mult + p.rate_add)),
            "basis_f": p.basis.add + p.basis.mult * market.years,
            "base_move": base_value * moves,
            "perp_move": market.perp * moves,
        },
        labels={"expiry": market.expiry_label, "series": series[1]},
        parameters={
            "spot": market.spot,
            "base_value": base_value,
            "perp_pct": p.perp_percent,
            "base_pct": p.base_percent,
            "opt_pct": p.option_percent,
            "perp_doubt": doubts.perp,
            "base_doubt": doubts.base,
            "base_more": doubts.base_more,
            "im_factor": p.im_factor + p.peg.of(market.stable),
        },
    )
