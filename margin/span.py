"""SPAN: risk arrays, price risk and spreads, as tables of the rule set ``span``.

A risk array has what one contract, held long, *loses* in each of sixteen scenarios; a gain is negative. That is the
sign of the exchanges' files; textbooks print gains (``losses_of_gains``). Scenarios are numbered as CME does:

    1, 2     price as it is               volatility up, down
    3 .. 6   up, down by 1/3 of the scan range      each with volatility up, down
    7 .. 10  by 2/3;  11 .. 14  by 3/3
    15, 16   up, down by an extreme multiple of the range, of which a fraction is covered, volatility as it is

Sources: CME, "Components of SPAN" (cme.com/clearing/rmspan/span/components.html) and the layouts of its risk-parameter
files (type B: scan ranges, extreme multiplier and covered fraction, lookahead; type 8: arrays, composite delta); HKEX,
PRiME Margining Guide 1.05 and 1.4.1 (price risk, weighted price risk, spreads). Figures only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from zkmargin.errors import MarketSource
from zkmargin.margin.pricing import black_76

__all__ = [
    "PAIRS",
    "SCENARIOS",
    "CalendarSpread",
    "Contract",
    "InterSpread",
    "ScanRange",
    "SpanMarket",
    "Tier",
    "future_losses",
    "losses_of_gains",
    "option_losses",
    "paired_losses",
    "price_scan_range",
]

_STEPS = [Fraction(sign * k, 3) for k in range(4) for sign in ((1, -1) if k else (1,))]
SCENARIOS: tuple[tuple[Fraction | None, int], ...] = (
    *((step, volatility) for step in _STEPS for volatility in (1, -1)),
    (None, 0),
    (None, 0),
)
"""Per scenario the price move, in scan ranges, and the volatility move; None for the two extreme moves."""

PAIRS = (1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 14, 15)
"""For each scenario the one of the same price and the other volatility, from 0; the extreme ones stand alone."""

CENTS = 100
_DAYS = 365.0


@dataclass(frozen=True)
class ScanRange:
    """What an exchange scans over. ``price``: money per unit of the underlying; ``volatility``: 0.04 is four points.

    The extreme moves are ``extreme`` times the price range, their loss counts by ``cover``: 2 and 0.35, or 3 and 0.33.
    """

    price: Fraction
    volatility: Fraction = Fraction(0)
    extreme: Fraction = Fraction(2)
    cover: Fraction = Fraction(35, 100)
    lookahead_days: Fraction = Fraction(1)

    @property
    def moves(self) -> tuple[Fraction, ...]:
        """The price moves of the sixteen scenarios."""
        core = [step * self.price for step, _ in SCENARIOS if step is not None]
        return (*core, self.extreme * self.price, -self.extreme * self.price)

    @property
    def weights(self) -> tuple[Fraction, ...]:
        """How much of a loss counts, by scenario."""
        return (*(Fraction(1) for _ in range(14)), self.cover, self.cover)


def price_scan_range(price: float, sigma: float, deviations: float, days: float, floor: float) -> float:
    """A range by volatility: ``price * max(floor, deviations * sigma * sqrt(days))``, sigma the daily deviation.

    NSE's rule for index futures is 6 deviations over 2 days, at least 9.3% of the price.
    """
    return price * max(floor, deviations * sigma * float(np.sqrt(days)))


def losses_of_gains(gains: Sequence[Any]) -> list[Fraction]:
    """An array of gains as an array of losses. Raises MarketSource where it has not sixteen values."""
    if len(gains) != len(SCENARIOS):
        raise MarketSource("a risk array has one value per scenario", expected=len(SCENARIOS), got=len(gains))
    return [-Fraction(gain) for gain in gains]


def future_losses(scan: ScanRange, multiplier: Fraction = Fraction(1)) -> list[Fraction]:
    """The exact array of a future of ``multiplier`` units of the underlying."""
    return [-move * weight * multiplier for move, weight in zip(scan.moves, scan.weights, strict=True)]


def option_losses(
    price: float, strike: float, volatility: float, days: float, is_call: bool, scan: ScanRange, multiplier: float = 1.0
) -> list[Fraction]:
    """The array of an option on a future at ``price``, by Black (1976) without discounting, the lookahead's time gone.

    ``volatility`` per square root of a year, moved by the range's points up and down, never below zero. Losses are
    rounded to cents, ties to even. Raises MarketSource where a scenario takes the price to zero.
    """
    moves = np.array([float(move) for move in scan.moves])
    turns = np.array([float(turn) for _, turn in SCENARIOS])
    shocked = np.maximum(volatility + turns * float(scan.volatility), 0.0)
    left = max(days - float(scan.lookahead_days), 0.0) / _DAYS
    if np.any(price + moves <= 0):
        raise MarketSource("a scenario takes the price to zero", expected="a scan range below it")
    now = black_76(price, strike, volatility, days / _DAYS, is_call)
    then = black_76(price + moves, strike, shocked, left, is_call)
    weights = np.array([float(weight) for weight in scan.weights])
    losses = (now - then) * weights * multiplier
    return [Fraction(round(float(loss) * CENTS), CENTS) for loss in losses]


def paired_losses(losses: Sequence[Fraction]) -> list[Fraction]:
    """Price risk of one long contract, were each scenario the worst: the mean of it and its pair, less time risk.

    Time risk is the mean of the first two scenarios, in which prices stay. Linear, so the figures of contracts add up
    to the portfolio's.
    """
    time_risk = (Fraction(losses[0]) + Fraction(losses[1])) / 2
    return [(Fraction(loss) + Fraction(losses[PAIRS[at]])) / 2 - time_risk for at, loss in enumerate(losses)]


@dataclass(frozen=True)
class Contract:
    """One listed contract: its array of losses, delta, place, and for an option what it is worth and costs short."""

    commodity: str
    tier: str
    losses: Sequence[Any]
    delta: Any = 1
    option_value: Any = 0
    short_charge: Any = 0


@dataclass(frozen=True)
class Tier:
    """Months of a commodity that spread alike. Delivery charges per delta: outright, and in spreads."""

    name: str
    commodity: str
    spot_outright: Any = 0
    spot_spread: Any = 0


@dataclass(frozen=True)
class CalendarSpread:
    """A charge of ``rate`` per spread. ``legs``: delta per spread of each tier, signed by side."""

    commodity: str
    rate: Any
    legs: Mapping[str, Any]


@dataclass(frozen=True)
class InterSpread:
    """A credit. ``legs``: for each commodity its delta per spread, signed by side, and the rate of its price risk."""

    legs: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class SpanMarket:
    """What an exchange publishes for a day. Spreads stand in the order of their priority."""

    contracts: Sequence[Contract]
    commodities: Sequence[str]
    tiers: Sequence[Tier]
    calendar: Sequence[CalendarSpread] = ()
    inter: Sequence[InterSpread] = ()

    def __post_init__(self) -> None:
        listed = {tier.name: tier.commodity for tier in self.tiers}
        if len(listed) != len(self.tiers):
            raise MarketSource("two tiers have one name")
        for contract in self.contracts:
            _check_home(listed, contract.tier, contract.commodity)
        for spread in self.calendar:
            for name in spread.legs:
                _check_home(listed, name, spread.commodity)
        named = {*listed.values(), *(name for pair in self.inter for name in pair.legs)}
        if unknown := named - set(self.commodities):
            raise MarketSource("a tier or a leg is of a commodity that is not listed", got=min(unknown))

    @property
    def figures(self) -> dict[str, list[Any]]:
        """The columns of ``span`` in money and delta, exact.

        An axis has at least one row: without spreads it is one that cannot form.
        """
        contracts, tiers = self.contracts, self.tiers
        spreads = self.calendar or [CalendarSpread("", 0, {})]
        pairs = self.inter or [InterSpread()]
        return {
            "loss": [list(contract.losses) for contract in contracts],
            "paired": [paired_losses(contract.losses) for contract in contracts],
            "delta": [contract.delta for contract in contracts],
            "option_value": [contract.option_value for contract in contracts],
            "short_charge": [contract.short_charge for contract in contracts],
            "calendar_ratio": [[spread.legs.get(tier.name, 0) for spread in spreads] for tier in tiers],
            "calendar_rate": [spread.rate for spread in spreads],
            "spot_outright": [tier.spot_outright for tier in tiers],
            "spot_spread": [tier.spot_spread for tier in tiers],
            "inter_ratio": [[pair.legs.get(name, (0, 0))[0] for pair in pairs] for name in self.commodities],
            "inter_rate": [[pair.legs.get(name, (0, 0))[1] for pair in pairs] for name in self.commodities],
        }

    @property
    def labels(self) -> dict[str, list[int]]:
        """The labels of ``span``."""
        place = {name: at for at, name in enumerate(self.commodities)}
        order = {tier.name: at for at, tier in enumerate(self.tiers)}
        return {
            "commodity": [place[contract.commodity] for contract in self.contracts],
            "tier": [order[contract.tier] for contract in self.contracts],
            "home": [place[tier.commodity] for tier in self.tiers],
            "spread_home": [place[spread.commodity] for spread in self.calendar] or [-1],
        }


def _check_home(listed: Mapping[str, str], tier: str, commodity: str) -> None:
    if listed.get(tier) != commodity:
        raise MarketSource("a contract or a leg is in a tier of another commodity", got=tier, expected=commodity)
