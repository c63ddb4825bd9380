"""Marginal maintenance brackets: ``N * rate_k - deduction_k`` in the tier k into which a notional N falls.

Tier k ends at ``bound_k``, the largest notional that it margins; the last one has no end. Rates rise. The
deductions make the charge a sum over tiers, each part of N at the rate of its own tier:

    deduction_1 = 0,  deduction_k = deduction_(k-1) + bound_(k-1) * (rate_k - rate_(k-1))

Source: Binance USDM, "How to Calculate Liquidation Price of USD-M Futures Contracts" (maintenance amount, ``cum``);
Hyperliquid, "Margin tiers" (maintenance deduction).                                  specs/market.md#brackets
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from zkmargin.errors import MarketSource
from zkmargin.margin.schema import TableSchema
from zkmargin.margin.tables import INSTRUMENT_AXIS, Column

Number = int | Decimal | Fraction
COLUMNS = ("rate", "bound", "deduction")
"""What tables hold of tiers."""


@dataclass(frozen=True)
class Tier:
    """A bracket: the largest notional that it margins (USD; of the last one the largest position), its rate."""

    bound: Fraction
    rate: Fraction


def deductions(tiers: Sequence[Tier]) -> list[Fraction]:
    """What each tier takes off ``notional * rate``, in the unit of the bounds."""
    found = [Fraction(0)]
    for before, tier in pairwise(tiers):
        found.append(found[-1] + before.bound * (tier.rate - before.rate))
    return found


def check_tiers(tiers: Sequence[Tier], where: str) -> None:
    """Refuse tiers that are none, whose bounds or rates fall, or whose rates are outside (0, 1]. MarketSource."""
    if not tiers:
        raise MarketSource("a market has no tiers", where=where)
    for number, tier in enumerate(tiers, 1):
        if tier.bound <= 0 or not 0 < tier.rate <= 1:
            raise MarketSource(
                "a tier needs a bound above 0 and a rate above 0, at most 1", where=f"{where}, tier {number}"
            )
    for number, (before, tier) in enumerate(pairwise(tiers), 2):
        if tier.bound <= before.bound or tier.rate <= before.rate:
            raise MarketSource("bounds and rates of tiers rise", where=f"{where}, tier {number}")


def of_leverage(lower: Sequence[Number], leverage: Sequence[int], last: Number) -> list[Tier]:
    """Hyperliquid's tiers: from each lower bound on, half of ``1 / leverage``; the last ends at ``last``."""
    bounds = [*lower[1:], last]
    rates = [Fraction(1, 2 * most) for most in leverage]
    return [Tier(Fraction(bound), rate) for bound, rate in zip(bounds, rates, strict=True)]


def from_zero(rate: Number, deduction: Number, last: Number) -> list[Tier]:
    """Tiers for one known tier of a schedule: nothing up to ``deduction / rate``, where it begins to charge."""
    top = Tier(Fraction(last), Fraction(rate))
    return [Tier(Fraction(deduction) / Fraction(rate), Fraction(0)), top] if deduction else [top]


def bracket_columns(schedules: Sequence[Sequence[Tier]], schema: TableSchema) -> dict[str, Column]:
    """``rate``, ``bound`` and ``deduction`` over instrument and tier; shorter schedules repeat their last tier.

    Rates are rounded up and bounds down to the decimals of the schema, a bound above its column's maximum to that: the
    charge is never below the venue's. Deductions follow from the rounded figures, exactly. Raises MarketSource where
    they need more decimals than their column has, or the schema has no such columns.
    """
    declared = {column.name: column for column in schema.columns}
    if missing := [name for name in COLUMNS if name not in declared]:
        raise MarketSource("the rule set has no tiers", expected=f"a column `{missing[0]}`")
    rate, bound, deduction = (declared[name] for name in COLUMNS)
    width = max(map(len, schedules))
    rows: dict[str, list[list[int]]] = {name: [] for name in COLUMNS}
    for tiers in schedules:
        rates = [ceil(tier.rate * 10**rate.decimals) for tier in tiers]
        bounds = [min(floor(tier.bound * 10**bound.decimals), bound.hi) for tier in tiers]
        rounded = [
            Tier(Fraction(most, 10**bound.decimals), Fraction(part, 10**rate.decimals))
            for most, part in zip(bounds, rates, strict=True)
        ]
        exact = [value * 10**deduction.decimals for value in deductions(rounded)]
        if any(value.denominator != 1 for value in exact):
            words = "deductions need as many decimals as bounds and rates together"
            raise MarketSource(
                words, expected=f"{bound.decimals + rate.decimals} in `deduction`", got=deduction.decimals
            )
        for name, values in zip(COLUMNS, (rates, bounds, [int(value) for value in exact]), strict=True):
            rows[name].append([*values, *values[-1:] * (width - len(values))])
    axes = (INSTRUMENT_AXIS, "tier")
    return {name: Column.of(name, axes, declared[name].decimals, values) for name, values in rows.items()}
