"""Public columns of Synthetix v3's perpetual markets and collateral, and the price at which an order fills.

Source: Synthetixio/synthetix-v3, commit 23585f7 (MIT), markets/perps-market/contracts/storage:
PerpsMarketConfiguration.sol (margin parameters, windows), PerpsCollateralConfiguration.sol (discounts),
GlobalPerpsMarketConfiguration.sol (rewards), AsyncOrder.sol (fill price). What divides by
a skew scale is rounded up to 18 decimals, a window down to 9: never in the account's favour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from zkmargin.margin.exact import Number, round_down, round_up

UNIT_DECIMALS = 18
SIZE_DECIMALS = 9
NO_WINDOW = 10**10
"""The window of a market that liquidates any position at once, in its asset: more than a position can be."""


@dataclass(frozen=True)
class SynthetixMarket:
    """A perpetual market. ``imf``: initial margin fraction at a size of the skew scale; ``scalar``: maintenance
    ratio over initial ratio; ``min_margin`` in USD; ``flag_ratio``: the liquidation reward's share of the notional;
    ``window``: the most that one window liquidates (None: anything), in the asset.
    """

    name: str
    price: Number
    skew_scale: Number
    imf: Number
    min_ratio: Number
    scalar: Number
    min_margin: Number = 0
    flag_ratio: Number = 0
    window: Number | None = None


@dataclass(frozen=True)
class SynthetixCollateral:
    """A collateral with the skew scale of its spot market (0: no discount), discount scalar and its limits."""

    name: str
    price: Number
    skew_scale: Number = 0
    discount_scalar: Number = 0
    discount_low: Number = 0
    discount_high: Number = 0


def per_unit(fraction: Number, skew_scale: Number) -> Fraction:
    """``fraction / skew_scale`` per unit of the asset, rounded up; 0 without a skew scale."""
    return round_up(Fraction(fraction) / Fraction(skew_scale), UNIT_DECIMALS) if skew_scale else Fraction(0)


def liquidation_window(fees: Number, skew_scale: Number, multiplier: Number, seconds: int) -> Fraction:
    """The most that one window of ``seconds`` liquidates, in the asset, rounded down. ``fees``: maker's and taker's."""
    return round_down(Fraction(fees) * Fraction(skew_scale) * Fraction(multiplier) * seconds, SIZE_DECIMALS)


def fill_price(price: Number, size: Number, skew: Number, skew_scale: Number) -> Fraction:
    """What an order of a signed ``size`` pays: the mean of the price's premium at the skew before and after it."""
    if not skew_scale:
        return Fraction(price)
    return Fraction(price) * (1 + (Fraction(skew) + Fraction(size) / 2) / Fraction(skew_scale))


def reward_parameters(
    flag_cost: Number,
    liquidate_cost: Number,
    least_reward: Number,
    least_profit: Number,
    most_reward: Number,
    most_share: Number,
    collateral_ratio: Number = 0,
) -> dict[str, Fraction]:
    """The parameters of ``synthetix_v3`` that bound the liquidation reward, in USD and shares.

    A keeper who spends a cost is paid at least ``cost + least_reward`` and ``cost * (1 + least_profit)``, and at most
    ``most_reward`` or ``most_share`` of the collateral; each window after the first pays for one more liquidation.
    """

    def least(cost: Fraction) -> Fraction:
        return max(cost + Fraction(least_reward), cost * (1 + Fraction(least_profit)))

    cost, again = Fraction(flag_cost) + Fraction(liquidate_cost), Fraction(liquidate_cost)
    return {
        "collateral_ratio": Fraction(collateral_ratio),
        "liquidation_cost": cost,
        "least_reward": least(cost),
        "most_reward": Fraction(most_reward),
        "most_share": Fraction(most_share),
        "window_cost": min(least(again), Fraction(most_reward)),
    }


def market_columns(markets: Sequence[SynthetixMarket]) -> dict[str, list[Fraction]]:
    """The columns along ``instrument`` of the rule set ``synthetix_v3``."""
    return {
        "price": [Fraction(market.price) for market in markets],
        "imf_unit": [per_unit(market.imf, market.skew_scale) for market in markets],
        "min_ratio": [Fraction(market.min_ratio) for market in markets],
        "scalar": [Fraction(market.scalar) for market in markets],
        "min_margin": [Fraction(market.min_margin) for market in markets],
        "flag_ratio": [Fraction(market.flag_ratio) for market in markets],
        "window": [Fraction(NO_WINDOW if market.window is None else market.window) for market in markets],
    }


def collateral_columns(collateral: Sequence[SynthetixCollateral]) -> dict[str, list[Fraction]]:
    """The columns along ``collateral`` of the rule set ``synthetix_v3``."""
    limits = [(each.discount_low, each.discount_high) if each.skew_scale else (0, 0) for each in collateral]
    return {
        "collateral_price": [Fraction(each.price) for each in collateral],
        "discount_unit": [per_unit(each.discount_scalar, each.skew_scale) for each in collateral],
        "discount_low": [Fraction(low) for low, _ in limits],
        "discount_high": [Fraction(high) for _, high in limits],
    }
