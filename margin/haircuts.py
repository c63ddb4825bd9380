"""Collateral in kind: staked and wrapped coins with haircut tiers, beside a chain (``portfolio_collateral``).

    asset,underlying,exchange_rate,discount,haircut,bound     a row per tier; assets in the order of their first row
    BTC,BTC,1,0,0.05,                                          a coin itself; the last tier has no bound
    WBTC,BTC,1,0.0012,0.08,5000000                             wrapped: quoted 0.12% below
    WBTC,BTC,1,0.0012,0.20,                                    what is worth more than 5 million counts at 80%
    USDC,USD,1,0.0004,0.01,                                    a dollar

``exchange_rate``: coins that one unit is redeemed for (a staked coin collects its rewards there). ``discount``: the
part by which the market pays less than that, not negative: a premium is no collateral. ``haircut``: the part of a tier
that does not count; haircuts rise. ``bound``: USD, before the haircut, where the tier ends.

==========  ==============  ================================================================================
column      axes            value, each rounded so that no account counts for more than it should
==========  ==============  ================================================================================
price       asset           USD per unit: index x exchange rate x (1 - discount), rounded down
weight      asset, tier     1 - haircut, rounded down
bound       asset, tier     USD, rounded down; of the last tier the column's largest
allowance   asset, tier     USD, so that ``min(value * weight + allowance)`` is the sum over tiers of each part at
                            its weight: ``allowance_k = allowance_(k-1) + bound_(k-1) (weight_(k-1) - weight_k)``
asset_gain  scenario, asset USD per unit, rounded down: price x move x the scenario's weight x the asset's, of the
                            first tier where the move is a loss, of the last where it is a gain; dollars stay
==========  ==============  ================================================================================

Exact fractions throughout. Shorter schedules repeat their last tier.                   specs/market.md#collateral
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import floor

from zkmargin.errors import MarketSource
from zkmargin.margin.assemble import declared
from zkmargin.margin.chain import Chain
from zkmargin.margin.delimited import decode, read_rows
from zkmargin.margin.market import Source
from zkmargin.margin.scenarios import Grid
from zkmargin.margin.schema import ColumnSchema, TableSchema
from zkmargin.margin.tables import Column

HEADER = ("asset", "underlying", "exchange_rate", "discount", "haircut", "bound")
COLUMNS = ("price", "weight", "bound", "allowance", "asset_gain")
DOLLAR = "USD"


@dataclass(frozen=True)
class HaircutTier:
    """What counts for ``1 - haircut`` of its value, up to ``bound`` USD of the whole; None: without end."""

    haircut: Fraction
    bound: Fraction | None = None


@dataclass(frozen=True)
class CollateralAsset:
    """An asset that is worth ``exchange_rate`` of ``underlying``, less ``discount``."""

    name: str
    underlying: str
    exchange_rate: Fraction
    discount: Fraction
    tiers: tuple[HaircutTier, ...]

    def __post_init__(self) -> None:
        where = f"asset `{self.name}`"
        if not self.exchange_rate > 0 or not 0 <= self.discount < 1:
            raise MarketSource("a rate is above 0, a discount at least 0 and below 1", where=where)
        if not self.tiers or any(not 0 <= tier.haircut <= 1 for tier in self.tiers):
            raise MarketSource("an asset has tiers with haircuts of 0 to 1", where=where)
        if self.tiers[-1].bound is not None or any(tier.bound is None for tier in self.tiers[:-1]):
            raise MarketSource("every tier but the last has a bound", where=where)
        bounds = [Fraction(0), *(tier.bound for tier in self.tiers if tier.bound is not None)]
        rising = all(before.haircut < tier.haircut for before, tier in pairwise(self.tiers))
        if not rising or any(bound <= before for before, bound in pairwise(bounds)):
            raise MarketSource("haircuts and bounds of tiers rise", where=where)


def read_collateral(content: bytes, name: str) -> tuple[CollateralAsset, ...]:
    """Assets of a file (above). Raises MarketSource, with the line or the asset."""
    found: dict[str, tuple[tuple[str, Fraction, Fraction], list[HaircutTier]]] = {}
    for row in read_rows(decode(content, name), name, HEADER):
        asset = row.text("asset")
        terms = (row.text("underlying"), Fraction(row.number("exchange_rate")), Fraction(row.number("discount")))
        held, tiers = found.setdefault(asset, (terms, []))
        if held != terms:
            raise MarketSource(f"`{asset}` has another underlying, rate or discount", where=row.where)
        if tiers and next(reversed(found)) != asset:
            raise MarketSource(f"the rows of `{asset}` stand apart", where=row.where)
        bound = Fraction(row.positive("bound")) if row.cells["bound"] else None
        tiers.append(HaircutTier(Fraction(row.number("haircut")), bound))
    if not found:
        raise MarketSource("the file has no asset", where=name)
    return tuple(CollateralAsset(asset, *terms, tuple(tiers)) for asset, (terms, tiers) in found.items())


@dataclass(frozen=True)
class Haircuts:
    """Columns over the axes ``asset`` and ``tier``, with their elements, for ``build_market``."""

    columns: Mapping[str, Column]
    names: Mapping[str, tuple[str, ...]]
    sources: tuple[Source, ...] = ()


def haircut_columns(
    assets: Sequence[CollateralAsset],
    chains: Sequence[Chain],
    grid: Grid,
    schema: TableSchema,
    sources: Sequence[Source] = (),
) -> Haircuts:
    """The columns that ``schema`` declares, at the index of each asset's chain.

    Raises MarketSource where an asset's underlying has no chain, an asset is listed twice or the schema lacks a column.
    """
    indices = {DOLLAR: Fraction(1), **{chain.underlying: Fraction(Decimal(repr(chain.index))) for chain in chains}}
    if len({asset.name for asset in assets}) != len(assets):
        raise MarketSource("an asset is listed twice")
    if missing := [asset for asset in assets if asset.underlying not in indices]:
        raise MarketSource(f"`{missing[0].name}` is of a coin without a chain", got=missing[0].underlying)
    asked = {name: declared(schema, name) for name in COLUMNS}
    width = max(len(asset.tiers) for asset in assets)
    values: dict[str, list[object]] = {name: [] for name in COLUMNS}
    by_asset: list[list[int]] = []
    for asset in assets:
        price = indices[asset.underlying] * asset.exchange_rate * (1 - asset.discount)
        values["price"].append(whole := _down(price, asked["price"]))
        weights, bounds, allowances = _tiers(asset, asked, width)
        values["weight"].append(weights)
        values["bound"].append(bounds)
        values["allowance"].append(allowances)
        rounded = Fraction(whole, 10 ** asked["price"].decimals)
        scale = 10 ** asked["weight"].decimals
        ends = Fraction(weights[0], scale), Fraction(weights[-1], scale)
        gains: list[int] = []
        for scenario in grid.scenarios:
            move = Fraction(scenario.price_shock) * Fraction(scenario.weight) if asset.underlying != DOLLAR else 0
            gains.append(_down(rounded * move * (ends[0] if move < 0 else ends[1]), asked["asset_gain"]))
        by_asset.append(gains)
    values["asset_gain"] = [list(row) for row in zip(*by_asset, strict=True)]
    axes = {
        "price": ("asset",),
        "weight": ("asset", "tier"),
        "bound": ("asset", "tier"),
        "allowance": ("asset", "tier"),
        "asset_gain": ("scenario", "asset"),
    }
    columns = {name: Column.of(name, axes[name], asked[name].decimals, values[name]) for name in COLUMNS}
    names = {"asset": tuple(asset.name for asset in assets), "tier": tuple(str(at + 1) for at in range(width))}
    return Haircuts(columns, names, tuple(sources))


def _tiers(
    asset: CollateralAsset, asked: Mapping[str, ColumnSchema], width: int
) -> tuple[list[int], list[int], list[int]]:
    """Weights, bounds and allowances of one asset, in the last decimals of their columns."""
    weight, bound, allowance = asked["weight"], asked["bound"], asked["allowance"]
    if allowance.decimals < weight.decimals + bound.decimals:
        words = "allowances need as many decimals as bounds and weights together"
        raise MarketSource(words, expected=weight.decimals + bound.decimals, got=allowance.decimals)
    weights = [_down(1 - tier.haircut, weight) for tier in asset.tiers]
    bounds = [bound.hi if tier.bound is None else _down(tier.bound, bound) for tier in asset.tiers]
    spare = 10 ** (allowance.decimals - weight.decimals - bound.decimals)
    allowances = [0]
    for at in range(1, len(weights)):
        allowances.append(allowances[-1] + bounds[at - 1] * (weights[at - 1] - weights[at]) * spare)
    more = width - len(weights)
    return weights + weights[-1:] * more, bounds + bounds[-1:] * more, allowances + allowances[-1:] * more


def _down(value: Fraction, column: ColumnSchema) -> int:
    scale: int = 10**column.decimals
    return floor(value * scale)
