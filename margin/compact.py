"""A chain in a compact text form: one line per strike, prices as the venue printed them.

    chain,1                                           form and version
    underlying,BTC
    time,2026-02-05T09:36:47Z
    index,71470.62                                    USD
    source,<name of the file>,<0x sha-256>            one line per file it was derived from
    future,BTC-27FEB26,71582.66                       USD
    perpetual,BTC-PERPETUAL,71447.5                   USD
    expiry,2026-02-06T08:00:00Z,71433.23              an expiry and its forward; its strikes follow
    strike,60000,0.16044175,1.6177,0.00044306,        call: mark (coin), volatility; put: the same

A put volatility is left out where it equals the call's; both cells of an option that is not listed are empty.
Records come in this order. Reading gives the same chain, bit for bit, as the source it was derived from.
                                                                                        specs/market.md#sources
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from zkmargin.encoding import hex_bytes, parse_bytes
from zkmargin.errors import BytesLength, MarketSource
from zkmargin.margin.chain import (
    Chain,
    FutureQuote,
    OptionQuote,
    format_plain,
    format_time,
    option_name,
    parse_future_name,
    perpetual_name,
)
from zkmargin.margin.delimited import check_positive, parse_number, parse_time, read_lines, read_text
from zkmargin.margin.deribit import check_not_expired, check_volatility, files_beside, read_chain
from zkmargin.margin.market import Source

_CELLS = {"chain": 2, "underlying": 2, "time": 2, "index": 2, "source": 3}
_CELLS |= {"future": 3, "perpetual": 3, "expiry": 3, "strike": 6}
_ORDER = tuple(_CELLS)
_HEAD = _ORDER[:4]


def format_chain(chain: Chain) -> str:
    """The compact form of a chain."""
    lines = [
        "chain,1",
        f"underlying,{chain.underlying}",
        f"time,{format_time(chain.time)}",
        f"index,{chain.index!r}",
        *(f"source,{source.name},{hex_bytes(source.digest)}" for source in chain.sources),
    ]
    for future in chain.futures:
        kind = "perpetual" if future.expiry is None else "future"
        lines.append(f"{kind},{future.id},{format_plain(future.price)}")
    for expiry, forward in sorted(chain.forwards.items()):
        lines.append(f"expiry,{format_time(expiry)},{forward!r}")
        strikes: dict[Decimal, dict[bool, OptionQuote]] = {}
        for quote in chain.options:
            if quote.expiry == expiry:
                strikes.setdefault(quote.strike, {})[quote.is_call] = quote
        lines += [_format_strike(strike, pair.get(True), pair.get(False)) for strike, pair in strikes.items()]
    return "\n".join(lines) + "\n"


def _format_strike(strike: Decimal, call: OptionQuote | None, put: OptionQuote | None) -> str:
    cells = ["strike", format_plain(strike)]
    for quote in (call, put):
        cells += ["", ""] if quote is None else [format_plain(quote.mark), format_plain(quote.volatility)]
    if call is not None and put is not None and call.volatility == put.volatility:
        cells[-1] = ""
    return ",".join(cells)


def parse_chain(text: str, name: str) -> Chain:
    """The chain of a compact file's text. Raises MarketSource with ``name:line``."""
    return _Parser(name).parse(text)


def read_source(path: Path | str, currency: str | None = None) -> Chain:
    """A chain from a compact file, or from a Deribit chain file with the futures and perpetuals beside it.

    The sources of the former are the file itself and those that it was derived from.
    """
    path = Path(path)
    text, content = read_text(path)
    if text.startswith("chain,"):
        chain = parse_chain(text, path.name)
        chain = replace(chain, sources=(Source.of(path.name, content), *chain.sources))
        if currency is not None and chain.underlying != currency:
            raise MarketSource(
                "the chain is of another currency", where=path.name, expected=currency, got=chain.underlying
            )
        return chain
    return read_chain(path, currency, *files_beside(path))


class _Parser:
    def __init__(self, name: str) -> None:
        self.name = name
        self.head: dict[str, str] = {}
        self.time = 0
        self.sources: list[Source] = []
        self.futures: list[FutureQuote] = []
        self.forwards: dict[int, float] = {}
        self.options: list[OptionQuote] = []
        self.seen: set[str] = set()
        self.expiry = 0

    def parse(self, text: str) -> Chain:
        records = {
            "source": self._source,
            "future": self._future,
            "perpetual": self._perpetual,
            "expiry": self._expiry,
            "strike": self._strike,
        }
        reached = 0
        for cells, where in read_lines(text, self.name):
            kind = cells[0] if cells else ""
            if kind not in _CELLS:
                raise MarketSource("unknown record", where=where, got=kind[:40])
            if len(cells) != _CELLS[kind]:
                raise MarketSource(
                    f"wrong number of cells in `{kind}`", where=where, expected=_CELLS[kind], got=len(cells)
                )
            rank = _ORDER.index(kind)
            if rank < reached and not (kind == "expiry" and reached == rank + 1):
                raise MarketSource(f"`{kind}` is out of order", where=where)
            if rank > reached + 1 and reached < len(_HEAD) - 1:
                raise MarketSource(f"`{_ORDER[reached + 1]}` is missing", where=where)
            reached = rank
            records.get(kind, self._head_record)(cells, where)
        if len(self.head) < len(_HEAD):
            raise MarketSource("the file ends early", where=self.name)
        index = check_positive(parse_number(self.head["index"], "index", self.name), "index", self.name)
        return Chain(
            underlying=self.head["underlying"],
            time=self.time,
            index=float(index),
            forwards=self.forwards,
            options=tuple(self.options),
            futures=tuple(self.futures),
            sources=tuple(self.sources),
        )

    def _head_record(self, cells: list[str], where: str) -> None:
        kind, value = cells
        if kind in self.head:
            raise MarketSource(f"`{kind}` is there twice", where=where)
        if kind == "chain" and value != "1":
            raise MarketSource("unsupported version", where=where, expected=1, got=value[:40])
        if kind == "underlying" and not (value.isascii() and value.isalpha() and value.isupper()):
            raise MarketSource("not a currency", where=where, got=value[:40])
        if kind == "time":
            self.time = parse_time(value, kind, where)
        self.head[kind] = value

    def _source(self, cells: list[str], where: str) -> None:
        try:
            digest = parse_bytes(cells[2], where, 32)
        except BytesLength:
            raise MarketSource("not a SHA-256 digest", where=where) from None
        self.sources.append(Source(cells[1], digest))

    def _future(self, cells: list[str], where: str) -> None:
        underlying, expiry = parse_future_name(cells[1], where)
        if underlying != self.head["underlying"]:
            raise MarketSource(f"`{cells[1]}` is of another currency", where=where)
        check_not_expired(cells[1], expiry, self.time, where)
        self._once(cells[1], where)
        self.futures.append(FutureQuote(cells[1], expiry, self._price(cells[2], where)))

    def _perpetual(self, cells: list[str], where: str) -> None:
        if cells[1] != (expected := perpetual_name(self.head["underlying"])):
            raise MarketSource("not the currency's perpetual", where=where, expected=expected)
        self._once(cells[1], where)
        self.futures.append(FutureQuote(cells[1], None, self._price(cells[2], where)))

    def _expiry(self, cells: list[str], where: str) -> None:
        self.expiry = parse_time(cells[1], "expiry", where)
        check_not_expired(cells[1], self.expiry, self.time, where)
        self._once(cells[1], where)
        self.forwards[self.expiry] = float(self._price(cells[2], where))

    def _strike(self, cells: list[str], where: str) -> None:
        if not self.expiry:
            raise MarketSource("`expiry` is missing", where=where)
        strike = check_positive(parse_number(cells[1], "strike", where), "strike", where)
        call_mark, call_volatility, put_mark, put_volatility = cells[2:]
        if call_mark:
            self._option(strike, True, call_mark, call_volatility, where)
        elif call_volatility:
            raise MarketSource("a volatility without a mark", where=where)
        if put_mark:
            self._option(strike, False, put_mark, put_volatility or call_volatility, where)
        elif put_volatility:
            raise MarketSource("a volatility without a mark", where=where)

    def _option(self, strike: Decimal, is_call: bool, mark: str, volatility: str, where: str) -> None:
        name = option_name(self.head["underlying"], self.expiry, strike, is_call)
        self._once(name, where)
        price = parse_number(mark, "mark", where)
        if price < 0:
            raise MarketSource("a mark is negative", where=where, got=price)
        sigma = check_volatility(parse_number(volatility, "volatility", where), where)
        self.options.append(OptionQuote(name, self.expiry, strike, is_call, price, sigma))

    def _price(self, text: str, where: str) -> Decimal:
        return check_positive(parse_number(text, "price", where), "price", where)

    def _once(self, name: str, where: str) -> None:
        if name in self.seen:
            raise MarketSource(f"`{name}` is there twice", where=where)
        self.seen.add(name)
