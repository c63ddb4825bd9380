"""Deribit price files: an option chain per file, and the prices of futures and perpetuals beside it.

Chain (``read_chain``), one line per option, any order, one ``timestamp`` for the whole file:

    timestamp         ISO-8601 with offset       when the collection began
    instrument_name   BTC-6FEB26-60000-C         must agree with the next four
    currency, option_type, strike, expiry        BTC | ETH .., call | put, USD, ISO-8601 at 08:00 UTC
    underlying_name   BTC-6FEB26 | SYN...        what the forward is of; SYN. is synthetic, not tradable
    underlying_price  USD                        the forward that the venue prices this expiry against
    index_price       USD                        the coin's index
    mark_price        coin, >= 0
    mark_iv           decimal                    0.456 = 45.6%; the venue's per cent figure over 100
    bid_price, ask_price, delta, vega, open_interest, volume   may be there, are not read

Futures (``timestamp, currency, instrument_name, option_underlying_price``, and candle columns): the forward
seen in the option summary is the price, since candles can be stale; synthetic futures are skipped.
Perpetuals (``timestamp, currency, instrument_name, price``, and candle columns). Both hold many times; rows
of the chain's own second are taken. Without futures rows at that second, the futures that the chain itself
names as underlyings are listed, at their forwards.

A forward is the median of ``underlying_price`` over its expiry, the index the median of ``index_price`` over
the chain.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from statistics import median

from zkmargin.errors import MarketSource
from zkmargin.margin.chain import (
    Chain,
    FutureQuote,
    OptionQuote,
    format_time,
    future_name,
    parse_future_name,
    parse_option_name,
    perpetual_name,
)
from zkmargin.margin.delimited import Row, read_rows, read_text
from zkmargin.margin.market import Source

CHAIN_COLUMNS = (
    "timestamp",
    "instrument_name",
    "currency",
    "option_type",
    "strike",
    "expiry",
    "underlying_name",
    "underlying_price",
    "index_price",
    "mark_price",
    "mark_iv",
)
CHAIN_EXTRA_COLUMNS = ("bid_price", "ask_price", "delta", "vega", "open_interest", "volume")
FUTURES_COLUMNS = ("timestamp", "currency", "instrument_name", "option_underlying_price")
FUTURES_EXTRA_COLUMNS = ("candle_price", "candle_price_timestamp_ms", "candle_gap_seconds")
PERPETUAL_COLUMNS = ("timestamp", "currency", "instrument_name", "price")
PERPETUAL_EXTRA_COLUMNS = (
    "price_timestamp_ms",
    "price_gap_seconds",
    "candle_open",
    "candle_high",
    "candle_low",
    "candle_close",
)
FUTURES_FILE = "deribit_term_futures_prices.csv"
PERPETUALS_FILE = "deribit_perpetual_prices.csv"

MAX_VOLATILITY = Decimal(20)
"""Above 2,000% the figure is per cent, not decimal."""
_IV_STEP = Decimal("0.000001")


def read_chain(
    path: Path | str,
    currency: str | None = None,
    futures: Path | str | None = None,
    perpetuals: Path | str | None = None,
) -> Chain:
    """The chain of one currency from a chain file, with futures and perpetual prices where a file is given.

    Without ``currency`` the file must hold one currency only.

    Raises MarketSource, naming file and line, where a row is doubled, expired, contradicts itself, lacks a
    figure or has one that is no number; FileUnreadable where a file cannot be read.
    """
    path = Path(path)
    text, content = read_text(path)
    rows = list(read_rows(text, path.name, CHAIN_COLUMNS, CHAIN_EXTRA_COLUMNS))
    present = sorted({row.cells["currency"] for row in rows})
    if currency is None and len(present) == 1:
        currency = present[0]
    chosen = [row for row in rows if row.cells["currency"] == currency]
    if currency is None or not chosen:
        missing = f"no rows of currency {currency}" if currency else "a currency must be chosen"
        raise MarketSource(missing, where=path.name, hint=f"currencies in it: {', '.join(present) or 'none'}")
    time = chosen[0].time("timestamp")
    seen: dict[str, str] = {}
    options: list[OptionQuote] = []
    forwards: dict[int, list[float]] = {}
    indices: list[float] = []
    named: set[str] = set()
    for row in chosen:
        quote = _read_option(row, time)
        if quote.id in seen:
            raise MarketSource(f"`{quote.id}` is listed twice", where=row.where, got=f"first at {seen[quote.id]}")
        seen[quote.id] = row.where
        options.append(quote)
        forwards.setdefault(quote.expiry, []).append(float(row.positive("underlying_price")))
        indices.append(float(row.positive("index_price")))
        named.add(row.cells["underlying_name"])
    sources = [Source.of(path.name, content)]
    medians = {expiry: median(values) for expiry, values in forwards.items()}
    dated = _read_futures(Path(futures), currency, time, sources) if futures is not None else []
    if not dated:
        for expiry, forward in medians.items():
            if (name := future_name(currency, expiry)) in named:
                dated.append(FutureQuote(name, expiry, Decimal(repr(forward))))
    perpetual = _read_perpetual(Path(perpetuals), currency, time, sources) if perpetuals is not None else []
    return Chain(
        underlying=currency,
        time=time,
        index=median(indices),
        forwards=medians,
        options=tuple(options),
        futures=(*dated, *perpetual),
        sources=tuple(sources),
    )


def files_beside(path: Path | str) -> tuple[Path | None, Path | None]:
    """The futures and the perpetuals file in the folder of a chain file, where they exist."""
    folder = Path(path).parent
    futures, perpetuals = folder / FUTURES_FILE, folder / PERPETUALS_FILE
    return futures if futures.is_file() else None, perpetuals if perpetuals.is_file() else None


def _read_option(row: Row, time: int) -> OptionQuote:
    if (other := row.time("timestamp")) != time:
        raise MarketSource(
            "a chain has one timestamp", where=row.where, expected=format_time(time), got=format_time(other)
        )
    name = row.text("instrument_name")
    underlying, expiry, strike, is_call = parse_option_name(name, row.where)
    stated = (row.text("currency"), row.time("expiry"), row.positive("strike"), row.text("option_type"))
    if stated != (underlying, expiry, strike, "call" if is_call else "put"):
        raise MarketSource(f"`{name}` contradicts its currency, expiry, strike or type", where=row.where)
    check_not_expired(name, expiry, time, row.where)
    mark = row.number("mark_price")
    if mark < 0:
        raise MarketSource("`mark_price` is negative", where=row.where, got=mark)
    return OptionQuote(name, expiry, strike, is_call, mark, check_volatility(row.number("mark_iv"), row.where))


def check_not_expired(name: str, expiry: int, time: int, where: str) -> None:
    """Refuse a contract that expired by ``time``: it has a settlement, not a mark."""
    if expiry <= time:
        raise MarketSource(f"`{name}` has expired", where=where, expected=f"expiry after {format_time(time)}")


def check_volatility(volatility: Decimal, where: str) -> Decimal:
    """A decimal volatility in (0, 20], to six decimals.

    The venue states per cent with two decimals; dividing by 100 in floating point left 1.6177000000000001
    for 161.77%.
    """
    if not 0 < volatility <= MAX_VOLATILITY:
        raise MarketSource(
            "`mark_iv` is outside its range",
            where=where,
            expected=f"above 0, at most {MAX_VOLATILITY} (0.456 means 45.6%)",
            got=volatility,
        )
    return volatility.quantize(_IV_STEP)


def _rows_at(rows: Iterable[Row], currency: str, time: int) -> Iterable[Row]:
    seen: set[str] = set()
    for row in rows:
        if row.cells["currency"] == currency and row.time("timestamp") == time:
            if (name := row.text("instrument_name")) in seen:
                raise MarketSource(f"`{name}` is listed twice at one time", where=row.where)
            seen.add(name)
            yield row


def _read_futures(path: Path, currency: str, time: int, sources: list[Source]) -> list[FutureQuote]:
    text, content = read_text(path)
    quotes = []
    for row in _rows_at(read_rows(text, path.name, FUTURES_COLUMNS, FUTURES_EXTRA_COLUMNS), currency, time):
        name = row.text("instrument_name")
        if name.startswith("SYN."):
            continue
        underlying, expiry = parse_future_name(name, row.where)
        if underlying != currency:
            raise MarketSource(f"`{name}` contradicts its currency", where=row.where)
        check_not_expired(name, expiry, time, row.where)
        quotes.append(FutureQuote(name, expiry, row.positive("option_underlying_price")))
    if quotes:
        sources.append(Source.of(path.name, content))
    return quotes


def _read_perpetual(path: Path, currency: str, time: int, sources: list[Source]) -> list[FutureQuote]:
    text, content = read_text(path)
    quotes = []
    for row in _rows_at(read_rows(text, path.name, PERPETUAL_COLUMNS, PERPETUAL_EXTRA_COLUMNS), currency, time):
        if row.text("instrument_name") != (name := perpetual_name(currency)):
            raise MarketSource("not the currency's perpetual", where=row.where, expected=name)
        quotes.append(FutureQuote(name, None, row.positive("price")))
    if quotes:
        sources.append(Source.of(path.name, content))
    return quotes
