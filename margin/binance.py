"""Binance USD-M: leverage brackets and mark prices, as the venue's interface gives them.

Brackets (``GET /fapi/v1/leverageBracket``), JSON: an array of

    {"symbol": "BTCUSDT", "brackets": [
      {"bracket": 1, "initialLeverage": 150, "notionalFloor": 0, "notionalCap": 300000,
       "maintMarginRatio": 0.004, "cum": 0.0}, ...]}

or one such object, with perhaps a ``notionalCoef`` of 1 beside ``brackets`` (another one multiplies the account's own
brackets and is refused). Amounts are in the quote asset. Brackets are numbered from 1, each begins where the one before
ends, leverage falls, ratios rise, and ``cum`` must be the deduction that follows from floors and ratios, to the last
digit.
The compact form (``format_brackets``) holds the same once for all symbols that share a schedule:

    brackets,1                                        form and version
    source,<name of the file>,<0x sha-256>            one line per file it was derived from
    tier,300000,0.004,0,150                           cap, maintenance ratio, cum, leverage; tiers of a schedule
    symbols,BTCUSDT,BTCUSDT_260626                    who has it, one line or more; then the next schedule

Marks (``GET /fapi/v1/premiumIndex``), JSON: an array of ``{"symbol": .., "markPrice": "..", "time": <ms>, ...}``; or
CSV with the header ``symbol,price``, which does not tell its time.

The tables are in US dollars: a USDT and a USDC count as one, any other quote asset at the mark of its USDT contract.
                                                                                        specs/market.md#sources
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from zkmargin.encoding import hex_bytes, parse_bytes
from zkmargin.errors import BytesLength, MarketSource
from zkmargin.margin.brackets import Tier, check_tiers, deductions
from zkmargin.margin.chain import format_plain
from zkmargin.margin.delimited import decode, parse_number, read_lines, read_rows
from zkmargin.margin.market import Source
from zkmargin.margin.perpetuals import Contract
from zkmargin.margin.venue_json import (
    parse,
    read_fields,
    read_items,
    read_number,
    read_positive,
    read_text,
    read_whole,
)

BRACKET_FIELDS = ("bracket", "initialLeverage", "notionalFloor", "notionalCap", "maintMarginRatio", "cum")
MARK_FIELDS = ("symbol", "markPrice", "time")
MARK_EXTRA_FIELDS = ("indexPrice", "estimatedSettlePrice", "lastFundingRate", "interestRate", "nextFundingTime")
DOLLARS = ("USDT", "USDC")
QUOTES = (*DOLLARS, "BTC", "ETH", "BNB")
EXPIRY_HOUR = 8
"""Dated contracts expire at 08:00 UTC."""
_DATED = re.compile(r"(.+)_([0-9]{6})")


@dataclass(frozen=True)
class Bracket:
    """A tier as published: ``cap`` and ``cum`` in the quote asset."""

    cap: Decimal
    rate: Decimal
    cum: Decimal
    leverage: int


@dataclass(frozen=True)
class Brackets:
    """Schedules by symbol, in the order of the file."""

    schedules: Mapping[str, tuple[Bracket, ...]]
    sources: tuple[Source, ...]


def parse_brackets(content: bytes, name: str) -> Brackets:
    """Brackets from the venue's JSON. Raises MarketSource."""
    schedules: dict[str, tuple[Bracket, ...]] = {}
    document = parse(content, name)
    for position, given in enumerate(read_items([document] if isinstance(document, dict) else document, name)):
        entry = read_fields(given, f"{name}[{position}]", ("symbol", "brackets"), ("notionalCoef",))
        symbol = read_text(entry["symbol"], f"{name}[{position}].symbol")
        where = f"{name}: {symbol}"
        if symbol in schedules:
            raise MarketSource("a symbol comes twice", where=where)
        if read_number(entry.get("notionalCoef", "1"), f"{where}.notionalCoef") != 1:
            raise MarketSource("these brackets are multiplied for one account: `notionalCoef` is not 1", where=where)
        found, floor = [], Decimal(0)
        for number, tier in enumerate(read_items(entry["brackets"], where), 1):
            at = f"{where}, bracket {number}"
            row = read_fields(tier, at, BRACKET_FIELDS)
            if read_whole(row["bracket"], at) != number or read_number(row["notionalFloor"], at) != floor:
                raise MarketSource("brackets are numbered from 1, and begin where the one before ends", where=at)
            floor = read_positive(row["notionalCap"], f"{at}.notionalCap")
            rate, cum = (read_number(row[key], f"{at}.{key}") for key in ("maintMarginRatio", "cum"))
            found.append(Bracket(floor, rate, cum, read_whole(row["initialLeverage"], f"{at}.initialLeverage")))
        schedules[symbol] = _checked(found, where)
    return Brackets(schedules, (Source.of(name, content),))


def _checked(schedule: Sequence[Bracket], where: str) -> tuple[Bracket, ...]:
    """The schedule, if it rises and every ``cum`` follows from it."""
    for number, bracket in enumerate(schedule, 1):
        if bracket.leverage < 1 or (number > 1 and bracket.leverage >= schedule[number - 2].leverage):
            raise MarketSource("leverage falls from bracket to bracket", where=f"{where}, bracket {number}")
    tiers = [_tier_of(bracket) for bracket in schedule]
    check_tiers(tiers, where)
    for number, (bracket, deduction) in enumerate(zip(schedule, deductions(tiers), strict=True), 1):
        if bracket.cum != deduction:
            words = "`cum` does not follow from floors and ratios"
            raise MarketSource(words, where=f"{where}, bracket {number}", expected=deduction, got=bracket.cum)
    return tuple(schedule)


def _tier_of(bracket: Bracket, rate: Fraction = Fraction(1)) -> Tier:
    """The bracket in dollars, ``rate`` of them for one of the quote asset."""
    return Tier(Fraction(bracket.cap) * rate, Fraction(bracket.rate), Fraction(1, bracket.leverage))


def format_brackets(brackets: Brackets) -> str:
    """The compact form: schedules in the order in which symbols first have them."""
    lines = ["brackets,1", *(f"source,{source.name},{hex_bytes(source.digest)}" for source in brackets.sources)]
    sharing: dict[tuple[Bracket, ...], list[str]] = {}
    for symbol, schedule in brackets.schedules.items():
        sharing.setdefault(schedule, []).append(symbol)
    for schedule, symbols in sharing.items():
        for bracket in schedule:
            figures = ",".join(map(format_plain, (bracket.cap, bracket.rate, bracket.cum)))
            lines.append(f"tier,{figures},{bracket.leverage}")
        lines += [",".join(["symbols", *symbols[at : at + 8]]) for at in range(0, len(symbols), 8)]
    return "\n".join(lines) + "\n"


def parse_compact(content: bytes, name: str) -> Brackets:
    """Brackets from the compact form, symbols in ascending order. Raises MarketSource with ``name:line``."""
    sources: list[Source] = []
    schedules: dict[str, tuple[Bracket, ...]] = {}
    schedule: list[Bracket] = []
    last = ""
    for cells, where in read_lines(decode(content, name), name):
        kind = cells[0] if cells else ""
        if (kind == "brackets") != (last == "") or (kind == "source" and last not in ("brackets", "source")):
            raise MarketSource("the file begins with `brackets,1` and its sources", where=where, got=kind[:40])
        if kind == "brackets" and cells[1:] != ["1"]:
            raise MarketSource("unsupported version", where=where, expected=1, got=",".join(cells[1:])[:40])
        if kind == "source":
            sources.append(_source(cells, where))
        elif kind == "tier":
            schedule = schedule if last == "tier" else []
            schedule.append(_tier(cells, where))
        elif kind == "symbols" and last in ("tier", "symbols"):
            shared = _checked(schedule, where)
            for symbol in cells[1:]:
                if symbol in schedules:
                    raise MarketSource("a symbol comes twice", where=where, got=symbol[:40])
                schedules[read_text(symbol, where)] = shared
        elif kind != "brackets":
            raise MarketSource("unknown record, or out of order", where=where, got=kind[:40])
        last = kind
    if last != "symbols":
        raise MarketSource("the file ends early", where=name)
    return Brackets(dict(sorted(schedules.items())), (Source.of(name, content), *sources))


def _source(cells: list[str], where: str) -> Source:
    try:
        _, file, digest = cells
        return Source(file, parse_bytes(digest, where, 32))
    except (ValueError, BytesLength):
        raise MarketSource("a source has a name and a SHA-256 digest", where=where) from None


def _tier(cells: list[str], where: str) -> Bracket:
    if len(cells) != 5 or not cells[4].isdecimal():
        raise MarketSource("a tier has cap, ratio, cum and a whole leverage", where=where)
    cap, rate, cum = (parse_number(cell, "tier", where) for cell in cells[1:4])
    return Bracket(cap, rate, cum, int(cells[4]))


@dataclass(frozen=True)
class Marks:
    """Mark prices in the quote asset and, where told, their times in unix seconds, by symbol."""

    prices: Mapping[str, Decimal]
    times: Mapping[str, int]
    source: Source


def parse_marks(content: bytes, name: str) -> Marks:
    """Marks from the venue's JSON (one symbol's object too), or from CSV. Raises MarketSource."""
    rows = _json_marks(content, name) if content.lstrip()[:1] in (b"[", b"{") else _csv_marks(content, name)
    prices, times = {}, {}
    for symbol, price, time, where in rows:
        if symbol in prices:
            raise MarketSource("a symbol comes twice", where=where, got=symbol[:40])
        prices[symbol] = price
        if time is not None:
            times[symbol] = time
    return Marks(prices, times, Source.of(name, content))


def _json_marks(content: bytes, name: str) -> Iterator[tuple[str, Decimal, int | None, str]]:
    document = parse(content, name)
    for position, given in enumerate(read_items(document if isinstance(document, list) else [document], name)):
        where = f"{name}[{position}]"
        entry = read_fields(given, where, MARK_FIELDS, MARK_EXTRA_FIELDS)
        symbol, time = read_text(entry["symbol"], f"{where}.symbol"), read_whole(entry["time"], f"{where}.time")
        price = read_number(entry["markPrice"], f"{where}.markPrice")
        if price > 0:  # contracts that are not traded any more have a mark of 0
            yield symbol, price, time // 1000, where


def _csv_marks(content: bytes, name: str) -> Iterator[tuple[str, Decimal, int | None, str]]:
    for row in read_rows(decode(content, name), name, ("symbol", "price")):
        yield row.text("symbol"), row.positive("price"), None, row.where


def contracts(brackets: Brackets, marks: Marks, only: Sequence[str] = ()) -> list[Contract]:
    """The contracts of ``only``, or all that have brackets, in US dollars. MarketSource where a mark is missing."""
    found = []
    for symbol in only or brackets.schedules:
        if symbol not in brackets.schedules:
            raise MarketSource(f"`{symbol[:40]}` has no brackets", where=brackets.sources[0].name)
        base, quote, expiry = _split(symbol)
        rate = Fraction(1) if quote in DOLLARS else Fraction(_mark(marks, f"{quote}USDT"))
        tiers = [_tier_of(bracket, rate) for bracket in brackets.schedules[symbol]]
        time = marks.times.get(symbol)
        found.append(Contract(symbol, base, quote, expiry, Fraction(_mark(marks, symbol)) * rate, tuple(tiers), time))
    return found


def _mark(marks: Marks, symbol: str) -> Decimal:
    if symbol not in marks.prices:
        hint = "list the contracts that you want with --only, or give their marks"
        raise MarketSource(f"`{symbol[:40]}` has no mark", where=marks.source.name, hint=hint)
    return marks.prices[symbol]


def _split(symbol: str) -> tuple[str, str, int | None]:
    """Base, quote and expiry of ``BTCUSDT_260626``."""
    expiry, pair = None, symbol
    if dated := _DATED.fullmatch(symbol):
        pair = dated.group(1)
        try:
            expiry = int(datetime.strptime(dated.group(2), "%y%m%d").replace(hour=EXPIRY_HOUR, tzinfo=UTC).timestamp())
        except ValueError:
            raise MarketSource("not a date", where=symbol[:40]) from None
    for quote in QUOTES:
        if pair.endswith(quote) and pair != quote:
            return pair.removesuffix(quote), quote, expiry
    raise MarketSource(f"the quote asset of `{symbol[:40]}` is not known", hint=f"known: {', '.join(QUOTES)}")
