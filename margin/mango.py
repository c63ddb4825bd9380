"""Public columns of Mango v4's banks and perpetuals: prices for assets and debts, weights scaled by all deposits.

Source: blockworks-foundation/mango-v4, commit 1303a4a, programs/mango-v4/src/state/bank.rs:1232-1265 (scaled weights),
health/cache.rs:40-66 (prices). The program scales with floats; here asset weights are rounded down, those of debts
up, to 12 decimals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from zkmargin.margin.exact import Number, round_down, round_up

WEIGHT_DECIMALS = 12


@dataclass(frozen=True)
class MangoToken:
    """A bank: oracle and stable price in USD, weights, and what scales the initial ones.

    ``deposits`` of all accounts (those in spot orders that could come back included) and ``borrows``, in tokens; their
    weights are scaled from values of ``deposit_start`` and ``borrow_start`` USD on (None: never).
    """

    name: str
    price: Number
    stable: Number
    asset_initial: Number
    asset_maintenance: Number
    liability_initial: Number
    liability_maintenance: Number
    deposits: Number = 0
    deposit_start: Number | None = None
    borrows: Number = 0
    borrow_start: Number | None = None


@dataclass(frozen=True)
class MangoPerp:
    """A perpetual that settles into a token: tokens of base in a lot, oracle and stable price in settle tokens,
    weights of the base position and of a profit.
    """

    name: str
    lot: Number
    price: Number
    stable: Number
    base_asset_initial: Number
    base_asset_maintenance: Number
    base_liability_initial: Number
    base_liability_maintenance: Number
    pnl_initial: Number = 1
    pnl_maintenance: Number = 1


def scaled_asset_weight(weight: Number, deposits_value: Number, start: Number | None) -> Fraction:
    """The initial asset weight beyond deposits of ``start`` USD: ``weight * start / value``, rounded down."""
    if start is None or deposits_value <= start:
        return Fraction(weight)
    return round_down(Fraction(weight) * Fraction(start) / Fraction(deposits_value), WEIGHT_DECIMALS)


def scaled_liability_weight(weight: Number, borrows_value: Number, start: Number | None) -> Fraction:
    """The initial weight of debts beyond borrows of ``start`` USD (above 0): ``weight * value / start``, rounded up."""
    if start is None or borrows_value <= start:
        return Fraction(weight)
    return round_up(Fraction(weight) * Fraction(borrows_value) / Fraction(start), WEIGHT_DECIMALS)


def token_columns(tokens: Sequence[MangoToken]) -> dict[str, list[Fraction]]:
    """The columns along ``token`` of the rule set ``mango_v4``."""
    lows = [min(Fraction(token.price), Fraction(token.stable)) for token in tokens]
    highs = [max(Fraction(token.price), Fraction(token.stable)) for token in tokens]
    return {
        "price": [Fraction(token.price) for token in tokens],
        "low": lows,
        "high": highs,
        "asset_initial": [
            scaled_asset_weight(token.asset_initial, Fraction(token.deposits) * low, token.deposit_start)
            for token, low in zip(tokens, lows, strict=True)
        ],
        "asset_maintenance": [Fraction(token.asset_maintenance) for token in tokens],
        "liability_initial": [
            scaled_liability_weight(token.liability_initial, Fraction(token.borrows) * high, token.borrow_start)
            for token, high in zip(tokens, highs, strict=True)
        ],
        "liability_maintenance": [Fraction(token.liability_maintenance) for token in tokens],
    }


def perp_columns(perps: Sequence[MangoPerp]) -> dict[str, list[Fraction]]:
    """The columns along ``perp`` of the rule set ``mango_v4``."""
    return {
        "lot": [Fraction(perp.lot) for perp in perps],
        "perp_price": [Fraction(perp.price) for perp in perps],
        "perp_low": [min(Fraction(perp.price), Fraction(perp.stable)) for perp in perps],
        "perp_high": [max(Fraction(perp.price), Fraction(perp.stable)) for perp in perps],
        "base_asset_initial": [Fraction(perp.base_asset_initial) for perp in perps],
        "base_asset_maintenance": [Fraction(perp.base_asset_maintenance) for perp in perps],
        "base_liability_initial": [Fraction(perp.base_liability_initial) for perp in perps],
        "base_liability_maintenance": [Fraction(perp.base_liability_maintenance) for perp in perps],
        "pnl_initial": [Fraction(perp.pnl_initial) for perp in perps],
        "pnl_maintenance": [Fraction(perp.pnl_maintenance) for perp in perps],
    }
