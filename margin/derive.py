"""What Derive's three risk managers read of one underlying: its feeds, its options, and their values under a shock.

Options are European on the forward, worth Black-76 at the expiry's volatility; an index move k takes the forward from
``variable + fixed`` to ``variable * k + fixed``, because what is fixed already is the settled part of an average price
(the last half hour). Feeds carry confidences between 0 and 1: below a threshold the initial requirement charges
``(1 - confidence) * margin`` of the notional.

Source: derivexyz/v2-core, commit 7736900, src/risk-managers/PMRM.sol lines 262-345, PMRMLib.sol lines 146-190 and
308-330. Time is in seconds, a year has 365 days, prices are in USD, volatilities and rates decimals per year.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np

from zkmargin.errors import MarketSource
from zkmargin.margin.chain import Chain, format_plain, future_name
from zkmargin.margin.figures import unique_names
from zkmargin.margin.pricing import SECONDS_PER_DAY, SECONDS_PER_YEAR, BoolArray, FloatArray, black_76

IntIndex = tuple[int, ...]


@dataclass(frozen=True)
class ExpiryFeed:
    """One expiry. ``seconds`` to it (0 once it has passed); the forward is ``variable + fixed``, in USD.

    ``confidence`` is the least of forward, rate and volatility feed.
    """

    name: str
    seconds: float
    variable: float
    fixed: float = 0.0
    rate: float = 0.0
    confidence: float = 1.0


@dataclass(frozen=True)
class OptionTerms:
    """One listed option: ``expiry`` is the row of its ExpiryFeed, ``strike`` in USD, ``volatility`` a decimal."""

    expiry: int
    strike: float
    is_call: bool
    volatility: float


@dataclass(frozen=True)
class Underlying:
    """One underlying's prices in USD and confidences, its expiries and its options (at least one of each).

    ``stable`` is the stablecoin's price in USD. ``perp`` is the perpetual's price.
    """

    name: str
    spot: float
    expiries: tuple[ExpiryFeed, ...]
    options: tuple[OptionTerms, ...]
    perp: float = 0.0
    stable: float = 1.0
    spot_confidence: float = 1.0
    perp_confidence: float = 1.0

    def __post_init__(self) -> None:
        if not self.options or not self.expiries:
            raise MarketSource(f"`{self.name}` lists no option")
        if not all(0 <= option.expiry < len(self.expiries) for option in self.options):
            raise MarketSource("an option's expiry has no feed", where=self.name)
        positive = [self.spot, self.stable, *(option.strike for option in self.options)]
        positive += [feed.variable + feed.fixed for feed in self.expiries]
        if not all(value > 0 for value in positive):  # false for nan too
            raise MarketSource("spot, stablecoin, forwards and strikes are positive", where=self.name)

    @classmethod
    def of_chain(cls, chain: Chain, listed: Collection[str], **feeds: float) -> Underlying:
        """Forwards and volatilities of an option chain, for the options whose ids are ``listed``.

        ``feeds`` may give ``stable``, ``spot_confidence``, ``perp_confidence``; rates are 0. The perpetual's price
        is that of the chain's perpetual, the index where it has none.
        """
        quotes = [quote for quote in chain.options if quote.id in listed]
        expiries = sorted({quote.expiry for quote in quotes})
        perpetual = [float(quote.price) for quote in chain.futures if quote.expiry is None]
        return cls(
            chain.underlying,
            chain.index,
            tuple(
                ExpiryFeed(
                    future_name(chain.underlying, expiry).partition("-")[2], expiry - chain.time, chain.forwards[expiry]
                )
                for expiry in expiries
            ),
            tuple(
                OptionTerms(expiries.index(quote.expiry), float(quote.strike), quote.is_call, float(quote.volatility))
                for quote in quotes
            ),
            perp=perpetual[0] if perpetual else chain.index,
            **feeds,
        )

    @cached_property
    def option_names(self) -> tuple[str, ...]:
        """``ETH-20230118-1400-C`` and so on, in row order."""
        return unique_names(
            f"{self.name}-{self.expiries[option.expiry].name}-{format_plain(Decimal(repr(option.strike)))}"
            f"-{'C' if option.is_call else 'P'}"
            for option in self.options
        )

    @cached_property
    def expiry_names(self) -> tuple[str, ...]:
        """In row order."""
        return unique_names(feed.name for feed in self.expiries)

    @cached_property
    def expiry_label(self) -> IntIndex:
        """Each option's expiry."""
        return tuple(option.expiry for option in self.options)

    @cached_property
    def series(self) -> tuple[tuple[str, ...], IntIndex]:
        """Names of the pairs of expiry and strike in order of appearance, and each option's."""
        rows: dict[tuple[int, float], int] = {}
        label = tuple(rows.setdefault((option.expiry, option.strike), len(rows)) for option in self.options)
        names = (f"{self.expiries[expiry].name}-{format_plain(Decimal(repr(strike)))}" for expiry, strike in rows)
        return unique_names(names), label

    # Floats by option, shape (options,).

    @cached_property
    def strike(self) -> FloatArray:
        """USD."""
        return np.array([option.strike for option in self.options], dtype=np.float64)

    @cached_property
    def is_call(self) -> BoolArray:
        """Calls and puts."""
        return np.array([option.is_call for option in self.options], dtype=np.bool_)

    @cached_property
    def volatility(self) -> FloatArray:
        """Decimal per square root of a year."""
        return np.array([option.volatility for option in self.options], dtype=np.float64)

    def by_option(self, of_expiries: Sequence[float] | FloatArray) -> FloatArray:
        """A figure of each expiry, for each option."""
        return np.asarray(of_expiries, dtype=np.float64)[list(self.expiry_label)]

    def values(self, volatility: FloatArray, move: float = 1.0) -> FloatArray:
        """Undiscounted Black-76 values in USD, the index at ``move`` times itself."""
        forward = self.by_option([feed.variable * move + feed.fixed for feed in self.expiries])
        return black_76(forward, self.strike, volatility, self.by_option(self.years), self.is_call)

    # Floats by expiry, shape (expiries,).

    @cached_property
    def years(self) -> FloatArray:
        """To each expiry."""
        return np.array([feed.seconds / SECONDS_PER_YEAR for feed in self.expiries], dtype=np.float64)

    @cached_property
    def days(self) -> FloatArray:
        """To each expiry."""
        return np.array([feed.seconds / SECONDS_PER_DAY for feed in self.expiries], dtype=np.float64)

    @cached_property
    def rate(self) -> FloatArray:
        """The venue takes negative rates as 0."""
        return np.array([max(feed.rate, 0.0) for feed in self.expiries], dtype=np.float64)


@dataclass(frozen=True)
class ConfidenceCharge:
    """``(1 - c) * margin`` of the notional where the confidence c is below ``threshold``."""

    threshold: float
    margin: float

    def rate(self, *confidences: float) -> float:
        """The charge at the least of the confidences."""
        least = min(confidences)
        return (1.0 - least) * self.margin if least < self.threshold else 0.0


@dataclass(frozen=True)
class Doubts:
    """Charges in USD per contract: ``options`` by option, and what the perpetual's confidence adds (``more``).

    Whoever holds a perpetual is charged at the least confidence, the perpetual's included; others without it.
    """

    options: FloatArray
    more: FloatArray
    base: float
    base_more: float
    perp: float

    @classmethod
    def of(cls, market: Underlying, charge: ConfidenceCharge) -> Doubts:
        """The charges of one underlying."""
        spot, perp = market.spot_confidence, market.perp_confidence
        alone = np.array([charge.rate(spot, feed.confidence) for feed in market.expiries])
        both = np.array([charge.rate(spot, perp, feed.confidence) for feed in market.expiries])
        return cls(
            options=market.by_option(alone) * market.spot,
            more=market.by_option(both - alone) * market.spot,
            base=charge.rate(spot) * market.spot,
            base_more=(charge.rate(spot, perp) - charge.rate(spot)) * market.spot,
            perp=charge.rate(spot, perp) * market.spot,
        )


@dataclass(frozen=True)
class PegCharge:
    """What is added to the initial factor where the stablecoin is below ``threshold`` USD: ``factor`` per USD."""

    threshold: float
    factor: float

    def of(self, stable: float) -> float:
        """The addition at a price of the stablecoin."""
        return max(0.0, self.threshold - stable) * self.factor


@dataclass(frozen=True)
class BasisCharge:
    """The forward's own risk: index moves to ``up`` and ``down`` times itself, weight ``add + mult * years``."""

    up: float
    down: float
    add: float
    mult: float
