"""Tables of Derive's standard margin: what specs/rules/derive_srm.yaml reads.

Source: derivexyz/v2-core, commit 7736900, src/risk-managers/StandardManager.sol lines 364-870; the default figures are
those of its published portfolios (test/risk-managers/unit-tests/StandardManager/TestStandardManagerBase.t.sol and
TestStandardManager_Portfolio_Cases.t.sol).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkmargin.errors import MarketSource
from zkmargin.margin.derive import ConfidenceCharge, PegCharge, Underlying
from zkmargin.margin.figures import Figures, unique_names
from zkmargin.margin.pricing import FloatArray

CONFIDENCE = ConfidenceCharge(threshold=0.4, margin=0.4)
DEPEG = PegCharge(threshold=0.98, factor=1.2)


@dataclass(frozen=True)
class SrmParameters:
    """Figures that the venue sets for a market. Requirements are shares of spot, mark or forward.

    ``max_rate`` and ``min_rate`` bound the initial rate of a short option as it goes out of the money;
    ``put_mark`` is the maintenance share of a put's mark; ``mm_offset`` how often an initial requirement of a put
    covers maintenance; ``unpaired_*`` charge calls sold net of calls bought, in forwards.
    """

    perp_mm: float = 0.05
    perp_im: float = 0.065
    max_rate: float = 0.15
    min_rate: float = 0.1
    mm_call: float = 0.075
    mm_put: float = 0.075
    mm_put_mark: float = 0.075
    mm_offset: float = 1.05
    unpaired_mm: float = 1.1
    unpaired_im: float = 1.2
    base_factor: float = 0.8
    base_im_scale: float = 1.0
    perp_confidence: ConfidenceCharge = CONFIDENCE
    option_confidence: ConfidenceCharge = CONFIDENCE
    base_confidence: ConfidenceCharge = CONFIDENCE
    depeg: PegCharge = DEPEG


def srm_figures(
    markets: Sequence[Underlying], parameters: SrmParameters | Sequence[SrmParameters] | None = None
) -> Figures:
    """The columns of ``derive_srm`` for one or more underlyings, each with parameters of its own or all with one set.

    Groups are the markets' expiries, in order. Raises MarketSource where parameters are not one for each market.
    """
    if isinstance(parameters, SrmParameters) or parameters is None:
        parameters = [parameters or SrmParameters()] * len(markets)
    if not markets or len(parameters) != len(markets):
        raise MarketSource("each market has its parameters", expected=len(markets), got=len(parameters))
    pairs = list(zip(markets, parameters, strict=True))
    first_group = np.cumsum([0, *(len(market.expiries) for market in markets)]).tolist()
    points = max(len(strikes) for market in markets for strikes in _points(market))
    columns = {
        "payoff": np.concatenate([_payoff(market, points) for market in markets]),
        "is_call": np.concatenate([market.is_call.astype(np.float64) for market in markets]),
        "short_mm": np.concatenate([_isolated(market, p)[0] for market, p in pairs]),
        "short_im": np.concatenate([_isolated(market, p)[1] for market, p in pairs]),
        "doubt": np.concatenate([_doubt(market, p.option_confidence) for market, p in pairs]),
        "perp_price": np.array([market.perp for market in markets]),
        "perp_mm": np.array([p.perp_mm for p in parameters]),
        "perp_im": np.array([p.perp_im for p in parameters]),
        "perp_doubt": np.array(
            [p.perp_confidence.rate(m.spot_confidence, m.perp_confidence) * m.spot for m, p in pairs]
        ),
        "base_credit": np.array([market.spot * p.base_factor for market, p in pairs]),
        "base_extra": np.array([_base_extra(market, p) for market, p in pairs]),
        "depeg_charge": np.array([p.depeg.of(market.stable) * market.spot for market, p in pairs]),
        "loose_mm": np.concatenate([_forward(market) * p.unpaired_mm for market, p in pairs]),
        "loose_im": np.concatenate([_forward(market) * p.unpaired_im for market, p in pairs]),
    }
    return Figures(
        names={
            "instrument": unique_names(name for market in markets for name in market.option_names),
            "market": unique_names(market.name for market in markets),
            "group": unique_names(f"{market.name}-{name}" for market in markets for name in market.expiry_names),
            "point": ("zero", *(f"strike {row}" for row in range(1, points))),
        },
        columns=columns,
        labels={
            "market": tuple(row for row, market in enumerate(markets) for _ in market.options),
            "group": tuple(
                first + expiry
                for first, market in zip(first_group, markets, strict=False)
                for expiry in market.expiry_label
            ),
        },
        parameters={},
    )


def _forward(market: Underlying) -> FloatArray:
    """USD, by expiry."""
    return np.array([feed.variable + feed.fixed for feed in market.expiries], dtype=np.float64)


def _points(market: Underlying) -> list[list[float]]:
    """Per expiry the settlement prices at which a payoff can be least: zero and each strike, rising."""
    points = [{0.0} for _ in market.expiries]
    for option in market.options:
        points[option.expiry].add(option.strike)
    return [sorted(strikes) for strikes in points]


def _payoff(market: Underlying, width: int) -> FloatArray:
    """USD, shape (options, width): at each point of the option's own expiry, the last one repeated."""
    padded = np.array([strikes + [strikes[-1]] * (width - len(strikes)) for strikes in _points(market)])
    price, strike = padded[list(market.expiry_label)], market.strike[:, None]
    return np.maximum(0.0, np.where(market.is_call[:, None], price - strike, strike - price))


def _isolated(market: Underlying, p: SrmParameters) -> tuple[FloatArray, FloatArray]:
    """Maintenance and initial requirement in USD of one short contract, its mark included, by option."""
    spot, mark = market.spot, market.values(market.volatility)
    out = np.where(market.is_call, market.strike - spot, spot - market.strike) / spot
    rate = np.maximum(p.min_rate, p.max_rate - np.maximum(0.0, out))
    call, put = mark + p.mm_call * spot, mark + np.maximum(p.mm_put * spot, p.mm_put_mark * mark)
    initial = mark + rate * spot
    return (
        np.where(market.is_call, call, put),
        np.where(market.is_call, initial, np.maximum(initial, p.mm_offset * put)),
    )


def _doubt(market: Underlying, charge: ConfidenceCharge) -> FloatArray:
    """USD per short contract, by option."""
    return market.by_option([charge.rate(market.spot_confidence, feed.confidence) for feed in market.expiries]) * (
        market.spot
    )


def _base_extra(market: Underlying, p: SrmParameters) -> float:
    """USD per coin: what initial margin takes back of the credit. Without credit nothing is charged."""
    credit = market.spot * p.base_factor
    if credit * p.base_im_scale == 0:
        return credit
    return credit * (1.0 - p.base_im_scale) + p.base_confidence.rate(market.spot_confidence) * market.spot
