"""Barrier and Asian options, revalued in full by QuantLib in every scenario, as rows beside a chain's.

The model is Black and Scholes with the chain's own figures: index S, forward F of the expiry, and the volatility sigma
that the chain quotes at the expiry and strike (linear between listed strikes, flat beyond; puts' where puts have one).
Payoffs are in USD on the index; the rate is ln(F / S) / T without yield, so that a vanilla option is worth what the
chain's are, (S / F) Black76(F, K, sigma, T). One volatility for all of a contract's life knows no smile: a publisher
that sees one marks such contracts otherwise. In a scenario index and forward move by one factor, volatility by the
shock of the contract's time to expiry, and time does not pass; an index at the barrier or beyond has touched it.

============  ======================================================================================================
barrier       closed form of Reiner and Rubinstein (1991), watched all the time (``AnalyticBarrierEngine``)
geometric     closed form over the fixings left (``AnalyticDiscreteGeometricAveragePriceAsianEngine``)
arithmetic    4,095 Sobol paths with the geometric average as control (``MCLDDiscreteArithmeticAPEngine``), the same in
              every scenario. Measured against 2^18 - 1 paths, in parts of the index, by sigma sqrt(T): 3e-5 at 0.25,
              2e-4 at 0.5, 1e-3 at 1, 2e-2 at 2. What has been observed moves the strike: with sum A of n - m
              observations, (A + m X) / n - K = (m / n) (X - (n K - A) / m) for the average X of the m fixings left
============  ======================================================================================================

QuantLib counts whole days. Values depend on sigma sqrt(T), r T and t / T alone, so time is stretched until a contract's
life is 36,500 days; a fixing is off by at most the 73,000th part of it.                 specs/market.md#exotics
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import exp, log, prod, sqrt
from typing import Any

import numpy as np

from zkmargin.errors import MarketSource
from zkmargin.margin import venue_json
from zkmargin.margin.build import PricedRow
from zkmargin.margin.chain import Chain, format_plain, format_time
from zkmargin.margin.market import Source
from zkmargin.margin.optional import optional_package
from zkmargin.margin.pricing import SECONDS_PER_DAY, SECONDS_PER_YEAR, FloatArray, black_76
from zkmargin.margin.scenarios import Grid
from zkmargin.margin.tables import Instrument
from zkmargin.margin.terms import Averaging, Barrier

LIFE_DAYS = 36_500
PATHS = 4_095
SEED = 42
_LEAST_TOTAL = 1e-6
"""Of sigma sqrt(T), in which QuantLib divides; a smaller one is worth no more than 1e-6 of the index."""


@dataclass(frozen=True)
class Exotic:
    """A listed barrier or Asian option, and the index at the fixings that are past, in USD, in their order."""

    instrument: Instrument
    observed: tuple[float, ...] = ()
    sources: tuple[Source, ...] = ()


def read_exotics(content: bytes, name: str) -> tuple[Exotic, ...]:
    """Contracts from JSON, times in ISO-8601, prices as numbers or text:

        {"exotics": [
          {"id": "...", "underlying": "BTC", "expiry": "2026-03-27T08:00:00Z", "strike": "70000", "optionType": "call",
           "barrier": {"type": "down-out", "level": "60000"}},
          {..., "averaging": {"method": "arithmetic", "fixings": ["2026-02-20T08:00:00Z", ...], "observed": [71000]}}]}

    ``observed`` has the index at each fixing that is past, and is left out where none is. A contract is on one coin.
    Raises MarketSource, SchemaType or AmountDecimals, with the place.
    """
    document = venue_json.read_fields(venue_json.parse(content, name), name, ["exotics"])
    source = Source.of(name, content)
    listed = venue_json.read_items(document["exotics"], f"{name}.exotics")
    return tuple(_read_exotic(given, f"{name}.exotics[{at}]", source) for at, given in enumerate(listed))


def _read_exotic(given: object, where: str, source: Source) -> Exotic:
    required = ["id", "underlying", "expiry", "strike", "optionType"]
    entry = venue_json.read_fields(given, where, required, ["barrier", "averaging"])
    if ("barrier" in entry) == ("averaging" in entry):
        raise MarketSource("a contract has a barrier or an averaging, one of them", where=where)
    text = {key: venue_json.read_text(entry[key], f"{where}.{key}") for key in ("id", "underlying", "optionType")}
    barrier: Barrier | None = None
    averaging: Averaging | None = None
    observed: tuple[float, ...] = ()
    if "barrier" in entry:
        terms = venue_json.read_fields(entry["barrier"], f"{where}.barrier", ["type", "level"])
        level = venue_json.read_positive(terms["level"], f"{where}.barrier.level")
        barrier = Barrier(venue_json.read_text(terms["type"], f"{where}.barrier.type"), format_plain(level))
    else:
        place = f"{where}.averaging"
        terms = venue_json.read_fields(entry["averaging"], place, ["method", "fixings"], ["observed"])
        times = venue_json.read_items(terms["fixings"], f"{place}.fixings")
        averaging = Averaging(
            venue_json.read_text(terms["method"], f"{place}.method"),
            tuple(_time(time, f"{place}.fixings") for time in times),
        )
        if "observed" in terms:
            prices = venue_json.read_items(terms["observed"], f"{place}.observed")
            observed = tuple(float(venue_json.read_positive(price, f"{place}.observed")) for price in prices)
    instrument = Instrument(
        id=text["id"],
        kind="asian" if barrier is None else "barrier",
        underlying=text["underlying"],
        settlement="USD",
        multiplier="1",
        expiry=_time(entry["expiry"], f"{where}.expiry"),
        strike=format_plain(venue_json.read_positive(entry["strike"], f"{where}.strike")),
        option_type=text["optionType"],
        barrier=barrier,
        averaging=averaging,
    )
    return Exotic(instrument, observed, (source,))


def _time(value: object, where: str) -> int:
    text = venue_json.read_text(value, where)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or time.microsecond or not 1970 < time.year < 9999:
        raise MarketSource("is no time", where=where, expected="ISO-8601 with the offset from UTC", got=text[:40])
    return int(time.timestamp())


def price_exotics(exotics: Sequence[Exotic], chains: Sequence[Chain], grid: Grid) -> tuple[PricedRow, ...]:
    """Mark and gains of each contract, at the figures of its underlying's chain.

    Raises PackageMissing without QuantLib; MarketSource where there is no chain of the underlying or no such expiry in
    it, where a contract has reached its barrier or has no fixing left, or where the observations are not those of the
    past fixings.
    """
    by_coin = {chain.underlying: chain for chain in chains}
    rows = []
    for exotic in exotics:
        coin = exotic.instrument.underlying
        if coin not in by_coin:
            raise MarketSource(f"`{exotic.instrument.id}` is on a coin without a chain", got=coin)
        rows.append(_Pricer(exotic, by_coin[coin]).row(grid))
    return tuple(rows)


@dataclass(frozen=True)
class _Pricer:
    """One contract at one chain. Prices are in units of the chain's index, times in parts of what is left of a life."""

    exotic: Exotic
    chain: Chain

    def __post_init__(self) -> None:
        instrument, where = self.exotic.instrument, f"`{self.exotic.instrument.id}`"
        if self.expiry not in self.chain.forwards:
            listed = ", ".join(format_time(time) for time in sorted(self.chain.forwards))
            raise MarketSource(f"{where} expires at a time that the chain does not quote", hint=f"it quotes {listed}")
        if instrument.barrier is not None and instrument.barrier.is_touched(self.chain.index):
            raise MarketSource(f"{where} has reached its barrier", hint="list what has become of it, if anything")
        if instrument.averaging is not None:
            past = [time for time in instrument.averaging.fixings if time <= self.chain.time]
            if len(past) != len(self.exotic.observed):
                words = f"{where} needs the index at each past fixing"
                raise MarketSource(words, expected=f"{len(past)} observed", got=len(self.exotic.observed))
            if len(past) == len(instrument.averaging.fixings):
                raise MarketSource(f"{where} has no fixing left", hint="its value is what it pays")

    @property
    def expiry(self) -> int:
        """Unix seconds."""
        return self.exotic.instrument.expiry or 0

    @property
    def is_call(self) -> bool:
        """Else it is a put."""
        return self.exotic.instrument.option_type == "call"

    @property
    def strike(self) -> float:
        """In units of the index."""
        return float(self.exotic.instrument.strike or 0) / self.chain.index

    @property
    def years(self) -> float:
        """To expiry."""
        return (self.expiry - self.chain.time) / SECONDS_PER_YEAR

    @property
    def growth(self) -> float:
        """Of the index until expiry, F / S; its inverse is the discount."""
        return self.chain.forwards[self.expiry] / self.chain.index

    @cached_property
    def volatility(self) -> float:
        """What the chain quotes at the contract's expiry and strike."""
        quoted: dict[float, float] = {}
        for quote in self.chain.options:
            strike = float(quote.strike)
            if quote.expiry == self.expiry and (quote.is_call == self.is_call or strike not in quoted):
                quoted[strike] = float(quote.volatility)
        strikes = sorted(quoted)
        return float(np.interp(self.strike * self.chain.index, strikes, [quoted[strike] for strike in strikes]))

    def row(self, grid: Grid) -> PricedRow:
        """The contract's figures in USD."""
        ql = optional_package("QuantLib", "pricing a barrier or an Asian option")
        days = np.array([self.years * SECONDS_PER_YEAR / SECONDS_PER_DAY])
        with _evaluation_date(ql) as today:
            now = self._value(ql, today, 1.0, self.volatility)
            then = []
            for scenario in grid.scenarios:
                factor = float(grid.volatility_shock.factor(days, scenario.volatility)[0])
                then.append(self._value(ql, today, 1.0 + float(scenario.price_shock), self.volatility * factor))
        index = self.chain.index
        gains: FloatArray = (np.array(then) - now) * index
        forward = self.chain.forwards[self.expiry]
        return PricedRow(
            self.exotic.instrument, index, forward, self.volatility, now * index, gains, self.exotic.sources
        )

    def _value(self, ql: Any, today: Any, spot: float, volatility: float) -> float:
        total = max(volatility * sqrt(self.years), _LEAST_TOTAL)
        if self.exotic.instrument.barrier is not None:
            value = self._barrier_value(ql, today, spot, total, self.exotic.instrument.barrier)
        else:
            value = self._asian_value(ql, today, spot, total)
        return max(value, 0.0)

    def _barrier_value(self, ql: Any, today: Any, spot: float, total: float, barrier: Barrier) -> float:
        if barrier.is_touched(spot * self.chain.index):
            return 0.0 if barrier.is_out else self._vanilla_value(spot, total)
        kinds = {
            "down-in": ql.Barrier.DownIn,
            "down-out": ql.Barrier.DownOut,
            "up-in": ql.Barrier.UpIn,
            "up-out": ql.Barrier.UpOut,
        }
        level = float(barrier.level) / self.chain.index
        option = ql.BarrierOption(kinds[barrier.type], level, 0.0, self._payoff(ql, self.strike), _exercise(ql, today))
        option.setPricingEngine(ql.AnalyticBarrierEngine(self._process(ql, today, spot, total)))
        return float(option.NPV())

    def _vanilla_value(self, spot: float, total: float) -> float:
        """Of the same strike without a barrier."""
        return float(black_76(spot * self.growth, self.strike, total, 1.0, self.is_call)) / self.growth

    def _asian_value(self, ql: Any, today: Any, spot: float, total: float) -> float:
        averaging = self.exotic.instrument.averaging
        fixings = () if averaging is None else averaging.fixings
        observed = [price / self.chain.index for price in self.exotic.observed]
        count, left = len(fixings), len(fixings) - len(observed)
        parts = [(time - self.chain.time) / (self.expiry - self.chain.time) for time in fixings[-left:]]
        dates = [today + max(1, round(part * LIFE_DAYS)) for part in parts]
        process = self._process(ql, today, spot, total)
        if averaging is not None and averaging.method == "geometric":
            terms = (ql.Average.Geometric, prod(observed), len(observed), dates)
            option = ql.DiscreteAveragingAsianOption(*terms, self._payoff(ql, self.strike), _exercise(ql, today))
            option.setPricingEngine(ql.AnalyticDiscreteGeometricAveragePriceAsianEngine(process))
            return float(option.NPV())
        strike, share = (count * self.strike - sum(observed)) / left, left / count
        if strike <= 0:  # what has been observed reaches the strike alone
            expected = sum(spot * exp(log(self.growth) * part) for part in parts) / left
            return share * (expected - strike) / self.growth if self.is_call else 0.0
        terms = (ql.Average.Arithmetic, 0.0, 0, dates)
        option = ql.DiscreteAveragingAsianOption(*terms, self._payoff(ql, strike), _exercise(ql, today))
        engine = ql.MCLDDiscreteArithmeticAPEngine(process, True, False, True, PATHS, None, None, SEED)
        option.setPricingEngine(engine)
        return share * float(option.NPV())

    def _payoff(self, ql: Any, strike: float) -> Any:
        return ql.PlainVanillaPayoff(ql.Option.Call if self.is_call else ql.Option.Put, strike)

    def _process(self, ql: Any, today: Any, spot: float, total: float) -> Any:
        count, years = ql.Actual365Fixed(), LIFE_DAYS / 365
        rate = ql.YieldTermStructureHandle(ql.FlatForward(today, log(self.growth) / years, count))
        none = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, count))
        level = ql.BlackConstantVol(today, ql.NullCalendar(), total / sqrt(years), count)
        quote = ql.QuoteHandle(ql.SimpleQuote(spot))
        return ql.BlackScholesMertonProcess(quote, none, rate, ql.BlackVolTermStructureHandle(level))


def _exercise(ql: Any, today: Any) -> Any:
    return ql.EuropeanExercise(today + LIFE_DAYS)


@contextmanager
def _evaluation_date(ql: Any) -> Iterator[Any]:
    """QuantLib's global date, set to where the stretched lives begin and put back afterwards. Its refusals are ours."""
    settings, today = ql.Settings.instance(), ql.Date(1, 1, 2000)
    before = settings.evaluationDate
    settings.evaluationDate = today
    try:
        yield today
    except RuntimeError as error:
        raise MarketSource("QuantLib cannot price a contract", got=str(error)[:120]) from None
    finally:
        settings.evaluationDate = before
