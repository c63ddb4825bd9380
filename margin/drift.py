"""Public columns of Drift v2's markets: ratios and weights as the program derives them, before it looks at an account.

Source: drift-labs/protocol-v2, commit 0ae3e3b (Apache-2.0), programs/drift/src: state/spot_market.rs:343-420 (weights),
state/perp_market.rs:471-600 (ratios, weight of profits), state/oracle.rs:639-660 (strict prices),
math/position.rs:75-103 (prediction markets).
Weights and ratios are fractions of 4 decimals, rounded down as there; prices are in USD.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from zkmargin.margin.exact import Number, round_down

WEIGHT_DECIMALS = 4
PREDICTION_PRICE = 1
"""What a share of a prediction market pays at most, in USD."""


@dataclass(frozen=True)
class DriftPerp:
    """A perpetual market: its oracle price in USD, margin ratios, weights of unrealised profit, imf factors.

    ``imbalance``: profits that all accounts together have not settled, and from where on their initial weight falls,
    both in USD. A market in settlement has its expiry price and ratios of 0.
    """

    name: str
    price: Number
    ratio_initial: Number
    ratio_maintenance: Number
    imf: Number = 0
    pnl_initial: Number = 1
    pnl_maintenance: Number = 1
    pnl_imf: Number = 0
    imbalance: tuple[Number, Number] = (0, 0)
    prediction: bool = False


@dataclass(frozen=True)
class DriftSpot:
    """A spot market: oracle price and its 5-minute average in USD, weights, imf factor.

    ``deposits`` of all accounts, in tokens; from a value of ``scale_start`` USD on (0: never) they lower the initial
    asset weight. ``quote``: the token in which perpetuals settle, to which an account's own ratio does not apply.
    """

    name: str
    price: Number
    average: Number
    asset_initial: Number
    asset_maintenance: Number
    liability_initial: Number
    liability_maintenance: Number
    imf: Number = 0
    deposits: Number = 0
    scale_start: Number = 0
    quote: bool = False


def scaled_asset_weight(weight: Number, deposits_value: Number, scale_start: Number) -> Fraction:
    """The initial asset weight once deposits are worth ``scale_start`` USD: ``weight * scale_start / value``."""
    if scale_start == 0 or deposits_value < scale_start:
        return Fraction(weight)
    return round_down(Fraction(weight) * Fraction(scale_start) / Fraction(deposits_value), WEIGHT_DECIMALS)


def scaled_pnl_weight(weight: Number, unsettled: Number, most: Number) -> Fraction:
    """The initial weight of profits once all accounts' unsettled ones exceed ``most`` (0: never)."""
    if most <= 0 or unsettled <= most:
        return Fraction(weight)
    return round_down(Fraction(weight) * Fraction(most) / Fraction(unsettled), WEIGHT_DECIMALS)


def fill_weight(initial: Number, maintenance: Number) -> Fraction:
    """The weight or ratio with which an order is filled: the mean of both, rounded down."""
    return round_down((Fraction(initial) + Fraction(maintenance)) / 2, WEIGHT_DECIMALS)


def short_price(price: Number, prediction: bool) -> Fraction:
    """What a short may lose for each token: the price, or in a prediction market what is left of 1 USD."""
    return max(PREDICTION_PRICE - Fraction(price), Fraction(0)) if prediction else Fraction(price)


def strict_prices(price: Number, average: Number, strict: bool) -> tuple[Fraction, Fraction]:
    """The price of assets and that of debts: the lower and the higher of oracle and average, or the oracle twice."""
    oracle, other = Fraction(price), Fraction(average if strict else price)
    return min(oracle, other), max(oracle, other)


def perp_columns(markets: Sequence[DriftPerp]) -> dict[str, list[Fraction]]:
    """The columns along ``perp`` of the rule sets ``drift_v2`` and ``drift_isolated``."""
    return {
        "price": [Fraction(market.price) for market in markets],
        "short_price": [short_price(market.price, market.prediction) for market in markets],
        "ratio_initial": [Fraction(market.ratio_initial) for market in markets],
        "ratio_maintenance": [Fraction(market.ratio_maintenance) for market in markets],
        "imf": [Fraction(market.imf) for market in markets],
        "pnl_initial": [scaled_pnl_weight(market.pnl_initial, *market.imbalance) for market in markets],
        "pnl_maintenance": [Fraction(market.pnl_maintenance) for market in markets],
        "pnl_imf": [Fraction(market.pnl_imf) for market in markets],
    }


def spot_columns(markets: Sequence[DriftSpot], strict: bool = False) -> dict[str, list[Fraction]]:
    """The columns along ``spot`` of the rule set ``drift_v2``; ``strict`` as the program is where risk is taken."""
    prices = [strict_prices(market.price, market.average, strict) for market in markets]
    return {
        "spot_price": [Fraction(market.price) for market in markets],
        "low": [low for low, _ in prices],
        "high": [high for _, high in prices],
        "asset_initial": [
            scaled_asset_weight(
                market.asset_initial, Fraction(market.deposits) * Fraction(market.price), market.scale_start
            )
            for market in markets
        ],
        "asset_maintenance": [Fraction(market.asset_maintenance) for market in markets],
        "liability_initial": [Fraction(market.liability_initial) for market in markets],
        "liability_maintenance": [Fraction(market.liability_maintenance) for market in markets],
        "spot_imf": [Fraction(market.imf) for market in markets],
        "takes_own": [Fraction(not market.quote) for market in markets],
    }
