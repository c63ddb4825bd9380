"""Marginal maintenance brackets: ``N * rate_k - deduction_k`` in the tier k into which a notional N falls.

Tier k ends at ``bound_k``, the largest notional that it margins; the last one has no end. Rates rise. The
deductions make the charge a sum over tiers, each part of N at the rate of its own tier:

    deduction_1 = 0,  deduction_k = deduction_(k-1) + bound_(k-1) * (rate_k - rate_(k-1))

A tier has a largest leverage too: no position in it has a lower initial rate than 1 / that leverage.

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
COLUMNS = ("rate", "bound", "deduction", "initial_rate")
"""What tables hold of tiers; rule sets without an initial requirement have no ``initial_rate``."""


@dataclass(frozen=True)
class Tier:
    """A bracket: the largest notional that it margins (USD; of the last one the largest position), its rate.

    ``initial``: 1 / its largest leverage; 1, no leverage at all, where a source does not tell.
    """

    bound: Fraction
    rate: Fraction
    initial: Fraction = Fraction(1)


def deductions(tiers: Sequence[Tier]) -> list[Fraction]:
    """What each tier takes off ``notional * rate``, in the unit of the bounds."""
    found = [Fraction(0)]
    for before, tier in pairwise(tiers):
        found.append(found[-1] + before.bound * (tier.rate - before.rate))
    return found


def check_tiers(tiers: Sequence[Tier], where: str) -> None:
    """Refuse tiers that are none, whose bounds or rates fall, or whose rates are outside (0, 1]. MarketSource.

    Initial rates may stay, and are not below the maintenance rate.
    """
    if not tiers:
        raise MarketSource("a market has no tiers", where=where)
    for number, tier in enumerate(tiers, 1):
        if tier.bound <= 0 or not 0 < tier.rate <= 1:
            raise MarketSource(
                "a tier needs a bound above 0 and a rate above 0, at most 1", where=f"{where}, tier {number}"
            )
        if not tier.rate <= tier.initial <= 1:
            words = "the largest leverage of a tier is at least 1, at most 1 / its maintenance rate"
            raise MarketSource(words, where=f"{where}, tier {number}")
    for number, (before, tier) in enumerate(pairwise(tiers), 2):
        if tier.bound <= before.bound or tier.rate <= before.rate or tier.initial < before.initial:
            raise MarketSource("bounds and rates of tiers rise", where=f"{where}, tier {number}")


def of_leverage(lower: Sequence[Number], leverage: Sequence[int], last: Number) -> list[Tier]:
    """Hyperliquid's tiers: from each lower bound on, half of ``1 / leverage``; the last ends at ``last``."""
    bounds = [*lower[1:], last]
    initial = [Fraction(1, most) for most in leverage]
    return [Tier(Fraction(bound), rate / 2, rate) for bound, rate in zip(bounds, initial, strict=True)]


def from_zero(rate: Number, deduction: Number, last: Number) -> list[Tier]:
    """Tiers for one known tier of a schedule: nothing up to ``deduction / rate``, where it begins to charge."""
    top = Tier(Fraction(last), Fraction(rate))
    return [Tier(Fraction(deduction) / Fraction(rate), Fraction(0)), top] if deduction else [top]


def bracket_columns(schedules: Sequence[Sequence[Tier]], schema: TableSchema) -> dict[str, Column]:
    """Those of COLUMNS that the schema has, over instrument and tier; shorter schedules repeat their last tier.

    Rates are rounded up and bounds down to the decimals of the schema, a bound above its column's maximum to that: the
    charge is never below the venue's. Deductions follow from the rounded figures, exactly. Raises MarketSource where
    they need more decimals than their column has, or the schema has no such columns.
    """
    declared = {column.name: column for column in schema.columns}
    if missing := [name for name in COLUMNS[:3] if name not in declared]:
        raise MarketSource("the rule set has no tiers", expected=f"a column `{missing[0]}`")
    rate, bound, deduction = (declared[name] for name in COLUMNS[:3])
    width = max(map(len, schedules))
    rows: dict[str, list[list[int]]] = {name: [] for name in COLUMNS if name in declared}
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
        figures = {"rate": rates, "bound": bounds, "deduction": [int(value) for value in exact]}
        if initial := declared.get("initial_rate"):
            figures["initial_rate"] = [ceil(tier.initial * 10**initial.decimals) for tier in tiers]
        for name, values in figures.items():
            rows[name].append([*values, *values[-1:] * (width - len(values))])
    axes = (INSTRUMENT_AXIS, "tier")
    return {name: Column.of(name, axes, declared[name].decimals, values) for name, values in rows.items()}
