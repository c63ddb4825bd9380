"""An option chain at one moment, as a venue quotes it: from every source reader, to the table builder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

from zkmargin.errors import MarketSource
from zkmargin.margin.market import Source

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
EXPIRY_HOUR = 8
"""Deribit's contracts expire at 08:00 UTC."""

_DATED = re.compile(r"([A-Z]{2,10})-([1-9]|[12][0-9]|3[01])([A-Z]{3})([0-9]{2})")
_OPTION_TAIL = re.compile(r"-((?:0|[1-9][0-9]*)(?:d[0-9]+)?)-([CP])")


@dataclass(frozen=True)
class OptionQuote:
    """An option's mark: ``expiry`` unix time, ``strike`` in USD, ``mark`` in coin, volatility decimal."""

    id: str
    expiry: int
    strike: Decimal
    is_call: bool
    mark: Decimal
    volatility: Decimal


@dataclass(frozen=True)
class FutureQuote:
    """A future's or (``expiry`` None) a perpetual's price in USD."""

    id: str
    expiry: int | None
    price: Decimal


@dataclass(frozen=True)
class Chain:
    """All quotes of one underlying at ``time`` (unix seconds).

    ``index`` is the coin's price in USD, ``forwards`` the forward of each option expiry: both are medians
    over the chain's rows, because a venue's figures drift while a chain is collected. Options are in the
    order of expiry, strike, call before put; futures by expiry, the perpetual last.
    """

    underlying: str
    time: int
    index: float
    forwards: Mapping[int, float]
    options: tuple[OptionQuote, ...]
    futures: tuple[FutureQuote, ...]
    sources: tuple[Source, ...]

    def until(self, last_expiry: int) -> Chain:
        """The same chain without what expires after ``last_expiry`` (unix seconds); the perpetual stays.

        For rule sets with fewer rows than the venue lists. Whoever holds what is left out cannot be margined.
        """
        return replace(
            self,
            forwards={expiry: forward for expiry, forward in self.forwards.items() if expiry <= last_expiry},
            options=tuple(quote for quote in self.options if quote.expiry <= last_expiry),
            futures=tuple(quote for quote in self.futures if quote.expiry is None or quote.expiry <= last_expiry),
        )

    def __post_init__(self) -> None:
        object.__setattr__(self, "forwards", MappingProxyType(dict(self.forwards)))
        options = sorted(self.options, key=lambda quote: (quote.expiry, quote.strike, not quote.is_call))
        futures = sorted(self.futures, key=lambda quote: (quote.expiry is None, quote.expiry or 0))
        object.__setattr__(self, "options", tuple(options))
        object.__setattr__(self, "futures", tuple(futures))
        if not options:
            raise MarketSource(f"the chain of {self.underlying} has no options")
        if missing := {quote.expiry for quote in options} - self.forwards.keys():
            raise MarketSource("an expiry has no forward", got=format_time(min(missing)))


def option_name(underlying: str, expiry: int, strike: Decimal, is_call: bool) -> str:
    """Deribit's name of an option, such as ``BTC-6FEB26-60000-C``; ``d`` stands for a decimal point."""
    written = format_plain(strike).replace(".", "d")
    return f"{future_name(underlying, expiry)}-{written}-{'C' if is_call else 'P'}"


def future_name(underlying: str, expiry: int) -> str:
    """Deribit's name of a dated future, such as ``BTC-6FEB26``."""
    day = datetime.fromtimestamp(expiry, UTC)
    return f"{underlying}-{day.day}{MONTHS[day.month - 1]}{day.year % 100:02d}"


def perpetual_name(underlying: str) -> str:
    """Deribit's name of a perpetual, such as ``BTC-PERPETUAL``."""
    return f"{underlying}-PERPETUAL"


def parse_option_name(name: str, where: str) -> tuple[str, int, Decimal, bool]:
    """Underlying, expiry, strike and whether it is a call. Raises MarketSource."""
    dated = _DATED.match(name)
    tail = _OPTION_TAIL.fullmatch(name, dated.end()) if dated else None
    if dated is None or tail is None:
        raise MarketSource("not the name of an option", where=where, expected="as BTC-6FEB26-60000-C", got=name[:40])
    underlying, expiry = _parse_dated(dated, where)
    return underlying, expiry, Decimal(tail.group(1).replace("d", ".")), tail.group(2) == "C"


def parse_future_name(name: str, where: str) -> tuple[str, int]:
    """Underlying and expiry of a dated future. Raises MarketSource."""
    if (dated := _DATED.fullmatch(name)) is None:
        raise MarketSource("not the name of a future", where=where, expected="as BTC-6FEB26", got=name[:40])
    return _parse_dated(dated, where)


def _parse_dated(match: re.Match[str], where: str) -> tuple[str, int]:
    underlying, day, month, year = match.groups()
    try:
        date = datetime(2000 + int(year), MONTHS.index(month) + 1, int(day), EXPIRY_HOUR, tzinfo=UTC)
    except ValueError:
        raise MarketSource("not a date", where=where, got=f"{day}{month}{year}") from None
    return underlying, int(date.timestamp())


def format_plain(value: Decimal) -> str:
    """Plain digits without exponent or trailing zeros."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def format_time(time: int) -> str:
    """Unix seconds as ``2026-02-05T09:36:47Z``."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
