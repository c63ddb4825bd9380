"""At-the-money histories: per moment and coin the index, and of each expiry its forward and one volatility.

    history,1                                     form and version
    source,<name of the file>,<0x sha-256>        what it was derived from
    at,2026-02-05T09:36:47Z                       a moment; its coins follow, moments ascend
    BTC,71481.04,1/-47.8/8763,8/3.4/7121          index (USD); per expiry, in order: days/basis/volatility

``days`` lead from the moment's date to the expiry's, at 08:00 UTC; ``basis`` is forward less index in USD; volatility,
in 1/10,000, is that of the call whose strike is nearest the forward. A history knows no other strike: ``chain_at``
prices an option at its own volatility in a chain that is given, moved as the one at the money of its expiry has moved
since. Perpetuals stand at the index, dated futures at the forward of their expiry.
                                                                                        specs/market.md#sources
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from statistics import median

from zkmargin.encoding import hex_bytes, parse_bytes
from zkmargin.errors import BytesLength, MarketSource
from zkmargin.margin.chain import (
    EXPIRY_HOUR,
    Chain,
    FutureQuote,
    OptionQuote,
    format_plain,
    format_time,
    option_name,
)
from zkmargin.margin.delimited import check_positive, parse_number, parse_time, read_lines, read_rows, read_text
from zkmargin.margin.deribit import MAX_VOLATILITY
from zkmargin.margin.market import Source
from zkmargin.margin.pricing import SECONDS_PER_DAY, SECONDS_PER_YEAR, black_76

COLUMNS = ("timestamp", "currency", "expiry", "strike", "underlying_price", "index_price", "mark_price", "mark_iv")
"""Of the table that a compact history is derived from."""
LEAST_VOLATILITY = 0.01

_ENTRY = re.compile(r"([0-9]{1,4})/(-?[0-9]{1,9}(?:\.[0-9]{1,2})?)/([1-9][0-9]{0,5})")
_BASIS_STEPS = {True: Decimal("0.1"), False: Decimal("0.01")}
_DEAR = 10_000
"""From this index on, a basis is kept to 0.1 USD: 0.00001 of it at most."""
_VOLATILITY_UNITS = 10_000


@dataclass(frozen=True)
class Term:
    """An expiry at a moment: its forward in USD and its volatility at the money, a decimal."""

    forward: Decimal
    volatility: Decimal


@dataclass(frozen=True)
class Curve:
    """A coin at a moment: ``time`` and the keys of ``terms`` (expiries) in unix seconds, ``index`` in USD."""

    underlying: str
    time: int
    index: Decimal
    terms: Mapping[int, Term]

    def chain_at(self, base: Chain, names: Iterable[str]) -> Chain:
        """What ``names`` of ``base`` are worth at this moment, as a chain of those whose expiry is listed in it.

        An option keeps the distance of its volatility to that at the money of its expiry, as both were in ``base``;
        at the least ``LEAST_VOLATILITY``. Where no option is priced there is one at the money, as a chain has options.
        """
        wanted = set(names)
        money = volatilities_at_the_money(base)
        options = []
        for quote in base.options:
            if quote.id in wanted and quote.expiry in self.terms:
                moved = quote.volatility + self.terms[quote.expiry].volatility - money[quote.expiry]
                held = min(max(moved, Decimal(repr(LEAST_VOLATILITY))), MAX_VOLATILITY)
                options.append(self._option(quote.id, quote.expiry, quote.strike, quote.is_call, held))
        if not options:
            expiry, term = min(self.terms.items())
            strike = term.forward.quantize(Decimal(1))
            name = option_name(self.underlying, expiry, strike, True)
            options.append(self._option(name, expiry, strike, True, term.volatility))
        futures = [
            FutureQuote(future.id, future.expiry, self.index if future.expiry is None else self._forward(future.expiry))
            for future in base.futures
            if future.id in wanted and (future.expiry is None or future.expiry in self.terms)
        ]
        forwards = {expiry: float(term.forward) for expiry, term in self.terms.items()}
        return Chain(self.underlying, self.time, float(self.index), forwards, tuple(options), tuple(futures), ())

    def _forward(self, expiry: int) -> Decimal:
        return self.terms[expiry].forward

    def _option(self, name: str, expiry: int, strike: Decimal, is_call: bool, volatility: Decimal) -> OptionQuote:
        forward, years = float(self._forward(expiry)), (expiry - self.time) / SECONDS_PER_YEAR
        value = float(black_76(forward, float(strike), float(volatility), years, is_call)) / forward
        return OptionQuote(name, expiry, strike, is_call, Decimal(repr(value)), volatility)


@dataclass(frozen=True)
class AtmHistory:
    """Curves in ascending order of their time, several coins of one moment side by side."""

    curves: tuple[Curve, ...]
    sources: tuple[Source, ...]


def volatilities_at_the_money(chain: Chain) -> dict[int, Decimal]:
    """By expiry, the volatility of the option whose strike is nearest the forward; calls go first."""
    nearest: dict[int, tuple[float, bool, Decimal]] = {}
    for quote in chain.options:
        distance = abs(float(quote.strike) - chain.forwards[quote.expiry])
        found = distance, not quote.is_call, quote.volatility
        nearest[quote.expiry] = min(nearest.get(quote.expiry, found), found)
    return {expiry: volatility for expiry, (_, _, volatility) in nearest.items()}


def read_table(path: Path | str) -> AtmHistory:
    """The history of a table with ``COLUMNS``: one call per moment, coin and expiry. Raises MarketSource."""
    path = Path(path)
    text, content = read_text(path)
    indices: dict[tuple[int, str], list[Decimal]] = {}
    terms: dict[tuple[int, str], dict[int, Term]] = {}
    for row in read_rows(text, path.name, COLUMNS):
        time, coin = row.time("timestamp"), row.text("currency")
        expiry = parse_time(f"{row.text('expiry')}T{EXPIRY_HOUR:02d}:00:00Z", "expiry", row.where)
        listed = terms.setdefault((time, coin), {})
        if expiry in listed or expiry <= time:
            raise MarketSource("an expiry comes twice, or has passed", where=row.where)
        listed[expiry] = Term(row.positive("underlying_price"), row.positive("mark_iv"))
        indices.setdefault((time, coin), []).append(row.positive("index_price"))
    curves = []
    for (time, coin), listed in sorted(terms.items()):
        index = median(indices[time, coin]).quantize(Decimal("0.01"))
        step = _BASIS_STEPS[index >= _DEAR]
        rounded = {
            expiry: Term(index + (term.forward - index).quantize(step), term.volatility)
            for expiry, term in sorted(listed.items())
        }
        curves.append(Curve(coin, time, index, rounded))
    return AtmHistory(tuple(curves), (Source.of(path.name, content),))


def format_history(history: AtmHistory) -> str:
    """The compact form."""
    lines = ["history,1", *(f"source,{source.name},{hex_bytes(source.digest)}" for source in history.sources)]
    time = None
    for curve in history.curves:
        if curve.time != time:
            time = curve.time
            lines.append(f"at,{format_time(time)}")
        entries = [
            f"{(expiry - _expiry_on(curve.time, 0)) // SECONDS_PER_DAY}/{format_plain(term.forward - curve.index)}"
            f"/{format_plain(term.volatility * _VOLATILITY_UNITS)}"
            for expiry, term in curve.terms.items()
        ]
        lines.append(",".join([curve.underlying, format_plain(curve.index), *entries]))
    return "\n".join(lines) + "\n"


def parse_history(text: str, name: str) -> AtmHistory:
    """The history of a compact file's text. Raises MarketSource with ``name:line``."""
    lines = read_lines(text, name)
    cells, where = next(lines, ([], f"{name}:1"))
    if cells != ["history", "1"]:
        raise MarketSource("not a history of a version that is supported", where=where, expected="history,1")
    sources: list[Source] = []
    curves: list[Curve] = []
    time = 0
    coins: set[str] = set()
    for cells, where in lines:
        kind = cells[0] if cells else ""
        if kind == "source" and not time and len(cells) == 3:
            try:
                sources.append(Source(cells[1], parse_bytes(cells[2], where, 32)))
            except BytesLength:
                raise MarketSource("not a SHA-256 digest", where=where) from None
        elif kind == "at" and len(cells) == 2:
            before, time, coins = time, parse_time(cells[1], "at", where), set()
            if time <= before:
                raise MarketSource("moments must ascend", where=where)
        elif time and len(cells) > 2 and kind.isascii() and kind.isalpha() and kind.isupper() and kind not in coins:
            coins.add(kind)
            curves.append(_curve(kind, time, cells[1:], where))
        else:
            raise MarketSource("not a line of a history, or out of its order", where=where, got=kind[:40])
    if not curves:
        raise MarketSource("a history has at least one moment", where=name)
    return AtmHistory(tuple(curves), tuple(sources))


def read_history(path: Path | str) -> AtmHistory:
    """``parse_history`` of a file, which is the first of the sources."""
    path = Path(path)
    text, content = read_text(path)
    history = parse_history(text, path.name)
    return replace(history, sources=(Source.of(path.name, content), *history.sources))


def _curve(coin: str, time: int, cells: list[str], where: str) -> Curve:
    index = check_positive(parse_number(cells[0], "index", where), "index", where)
    terms: dict[int, Term] = {}
    for cell in cells[1:]:
        if (entry := _ENTRY.fullmatch(cell)) is None:
            raise MarketSource("not an expiry", where=where, expected="days/basis/volatility", got=cell[:40])
        expiry = _expiry_on(time, int(entry.group(1)))
        volatility = Decimal(entry.group(3)) / _VOLATILITY_UNITS
        if expiry <= time or (terms and expiry <= max(terms)):
            raise MarketSource("expiries must ascend, and lie ahead", where=where, got=cell[:40])
        if volatility > MAX_VOLATILITY:
            raise MarketSource("a volatility is outside its range", where=where, got=cell[:40])
        forward = check_positive(index + Decimal(entry.group(2)), "forward", where)
        terms[expiry] = Term(forward, volatility)
    return Curve(coin, time, index, terms)


def _expiry_on(time: int, days: int) -> int:
    """08:00 UTC, ``days`` after the date of ``time``."""
    return time - time % SECONDS_PER_DAY + days * SECONDS_PER_DAY + EXPIRY_HOUR * 3600
