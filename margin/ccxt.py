"""Accounts from JSON in the unified shapes of ccxt: what its ``fetch_positions`` and ``fetch_balance`` return.

A position (https://docs.ccxt.com, "Position Structure"), in an array of them; read are

==============  ============================================================================================
symbol          ``BASE/QUOTE:SETTLE``, ``-YYMMDD`` after it for a future, ``-YYMMDD-STRIKE-C`` or ``-P`` for an option
side            ``long`` or ``short``; anything where there are no contracts
contracts       how many, not negative
contractSize    units of the base asset in one: the listing's multiplier
entryPrice      where what was paid is needed
unrealizedPnl   where the balance counts it
leverage        above zero, where the rule set has the column ``own_rate``: its inverse, rounded up
marginMode      ``isolated`` is refused (``isolated: true`` too) unless the listing is of one instrument
==============  ============================================================================================

and a balance (same place, "Balance Structure") has ``total`` by currency. Other fields of these structures are let be;
any else is refused. Numbers may be floats: their decimal text is read exactly, exponents too.

**Symbols.** A symbol is the one listed instrument of its base, settlement, kind, expiry day (UTC), strike and type; a
map (CSV ``symbol,instrument``) goes first. None or several is an error, and so are two positions of one instrument, in
either direction: what a hedged pair is worth is the venue's to say.

**Cash.** Dollars and dollar tokens count as one each. ``total`` is the ``wallet`` (no unrealized gains) or the
``equity`` (with them); which one, venues differ, so it has to be said. With the column ``entry`` in the rule set

    entry = size x contractSize x entryPrice,   cash = wallet = equity - sum(unrealizedPnl)

and without, where equity is cash + size x mark, cash is net of what was paid:

    cash = wallet - sum(size x contractSize x entryPrice)

Entries are rounded up, cash down: never in the account's favour.                            specs/market.md#account
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

from zkmargin.encoding import format_decimal, loads_json, read_file
from zkmargin.errors import AccountInvalid, AmountDecimals, InstrumentUnknown
from zkmargin.margin.account import Account
from zkmargin.margin.columns import COLUMN, VALUE, PrivateColumn, parse_columns
from zkmargin.margin.tables import INSTRUMENT_AXIS, Instrument, Listing

__all__ = ["Export", "Held", "account_text", "net_cash", "read_balance", "read_map", "read_positions"]

DOLLARS = frozenset({"USD", "USDT", "USDC"})
MAX_BYTES = 16 << 20
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,40})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?")
_SYMBOL = re.compile(
    r"(?P<base>[^/:\s]{1,30})/(?P<quote>[^/:\s]{1,30}):(?P<settle>[^/:\s-]{1,30})"
    r"(?:-(?P<expiry>[0-9]{6})(?:-(?P<strike>[0-9]{1,12}(?:\.[0-9]{1,12})?)-(?P<type>[CP]))?)?"
)
_POSITION = frozenset(
    (
        *("info", "id", "symbol", "timestamp", "datetime", "lastUpdateTimestamp", "hedged", "isolated", "side"),
        *("contracts", "contractSize", "entryPrice", "markPrice", "lastPrice", "notional", "leverage", "collateral"),
        *("initialMargin", "initialMarginPercentage", "maintenanceMargin", "maintenanceMarginPercentage"),
        *("unrealizedPnl", "realizedPnl", "liquidationPrice", "marginMode", "marginRatio", "percentage"),
        *("stopLossPrice", "takeProfitPrice"),
    )
)
_BALANCE = frozenset(["info", "timestamp", "datetime", "free", "used", "total", "debt"])
_AMOUNTS = frozenset(["free", "used", "total", "debt"])


@dataclass(frozen=True)
class Held:
    """A position as it is exported: signed ``contracts`` of ``size`` units each; what was paid, where it is told."""

    instrument: Instrument
    where: str
    contracts: Fraction = field(repr=False)
    entry_price: Fraction | None = field(repr=False)
    unrealized: Fraction | None = field(repr=False)
    leverage: Fraction | None = field(repr=False)

    @property
    def entry(self) -> Fraction:
        """What was paid, in dollars; negative where sold. Raises AccountInvalid where the export does not tell."""
        if self.instrument.settlement not in DOLLARS:
            words = f"`{self.instrument.id}` settles in {self.instrument.settlement}: what was paid is not in dollars"
            raise AccountInvalid(words, where=self.where, hint="give cash, net of what was paid, with --cash")
        if self.entry_price is None:
            raise AccountInvalid("has no `entryPrice`", where=self.where)
        return self.contracts * Fraction(self.instrument.multiplier) * self.entry_price


@dataclass(frozen=True)
class Export:
    """The open positions of an export, in the listing's order."""

    positions: tuple[Held, ...] = field(repr=False)

    def sizes(self, decimals: int) -> dict[str, int]:
        """Lots of ``10**-decimals`` by instrument. Raises AmountDecimals where digits would be lost."""
        found = {}
        for held in self.positions:
            lots = held.contracts * 10**decimals
            if lots.denominator != 1:
                raise AmountDecimals(
                    "too many decimals", where=f"{held.where}.contracts", expected=f"at most {decimals}"
                )
            found[held.instrument.id] = int(lots)
        return found

    def entries(self, decimals: int) -> dict[str, int]:
        """What was paid by instrument, rounded up. Raises AccountInvalid where it is not told, or not in dollars."""
        return {held.instrument.id: ceil(held.entry * 10**decimals) for held in self.positions}

    def rates(self, decimals: int) -> dict[str, int]:
        """The inverse of each position's leverage, rounded up. Raises AccountInvalid where it is not told."""
        found = {}
        for held in self.positions:
            if held.leverage is None or held.leverage <= 0:
                raise AccountInvalid("has no `leverage` above zero", where=held.where)
            found[held.instrument.id] = ceil(10**decimals / held.leverage)
        return found


def read_positions(path: Path, listing: Listing, symbols: Mapping[str, str] | None = None) -> Export:
    """The positions of a file. ``symbols``: instrument ids by symbol, before what the listing says.

    Raises AccountInvalid, InstrumentUnknown; each names the position by its number and symbol, none an amount.
    """
    document = _document(path)
    if not isinstance(document, list):
        raise AccountInvalid("not an array of positions", where=path.name, hint="write what fetch_positions returns")
    found: dict[str, Held] = {}
    for number, entry in enumerate(document):
        held = _position(entry, f"{path.name}[{number}]", listing, symbols or {})
        if held is None:
            continue
        name = held.instrument.id
        if name in found:
            same = (held.contracts > 0) == (found[name].contracts > 0)
            words = f"`{name}` is there twice" if same else f"`{name}` is held on both sides (hedged)"
            raise AccountInvalid(words, where=held.where, got=f"first at {found[name].where}")
        found[name] = held
    return Export(tuple(found[name] for name in sorted(found, key=listing.rows.__getitem__)))


def read_balance(path: Path) -> Fraction:
    """All dollars of a balance. Raises AccountInvalid where it holds or owes anything else."""
    document = _document(path)
    name = path.name
    if not isinstance(document, dict) or not isinstance(document.get("total"), dict):
        raise AccountInvalid(
            "not a balance: no `total` by currency", where=name, hint="write what fetch_balance returns"
        )
    currencies = [key for key in document if key not in _BALANCE]
    total = document["total"]
    for currency in (*currencies, *total):
        own = document.get(currency)
        if currency not in total or not isinstance(own, dict) or not own.keys() <= _AMOUNTS or "total" not in own:
            raise AccountInvalid(f"the currency `{currency[:20]}` is not in both forms", where=name)
        if _number(own["total"], f"{name}.{currency}.total") != _number(total[currency], f"{name}.total.{currency}"):
            raise AccountInvalid(f"two totals of `{currency[:20]}` differ", where=name)
        if own.get("debt") is not None and _number(own["debt"], f"{name}.{currency}.debt"):
            raise AccountInvalid(f"`{currency[:20]}` is owed: debts are not cash", where=name)
        if currency not in DOLLARS and _number(own["total"], f"{name}.{currency}.total"):
            raise AccountInvalid(
                f"the balance holds `{currency[:20]}`, which is not cash here",
                where=name,
                expected=", ".join(sorted(DOLLARS)),
                hint="give cash with --cash",
            )
    return sum((_number(total[currency], f"{name}.total.{currency}") for currency in total), Fraction(0))


def net_cash(export: Export, balance: Fraction, kind: str, *, net: bool, decimals: int) -> int:
    """Cash in units of ``10**-decimals``, rounded down.

    ``kind``: what the balance is, ``wallet`` or ``equity``; ``net``: less what was paid. Raises AccountInvalid.
    """
    cash = balance
    if kind == "equity":
        for held in export.positions:
            if held.unrealized is None:
                raise AccountInvalid("has no `unrealizedPnl`, which the balance counts", where=held.where)
            cash -= held.unrealized
    elif kind != "wallet":
        raise AccountInvalid("a balance is the wallet or the equity", got=kind)
    if net:
        cash -= sum((held.entry for held in export.positions), Fraction(0))
    scale: int = 10**decimals
    return floor(cash * scale)


def account_text(export: Export, listing: Listing, columns: Sequence[PrivateColumn], cash: int) -> str:
    """An account file with these columns: ``instrument,size`` where there are sizes and cash alone, else by column.

    Raises AccountInvalid where a column is asked for that positions do not tell; else what the readers of such files
    raise: what is written is read again, and so within the bounds that the rule set declares.
    """
    by_name = {column.name: column for column in columns}
    told: dict[str, tuple[str, ...]] = {**dict.fromkeys(("size", "own_rate", "entry"), (INSTRUMENT_AXIS,)), "cash": ()}
    for column in columns:
        if told.get(column.name) != tuple(axis for axis, _ in column.axes):
            raise AccountInvalid(f"the rule set asks for `{column.name}`, which positions and a balance do not tell")
    if "size" not in by_name or "cash" not in by_name:
        raise AccountInvalid("the rule set has no sizes and cash to import")
    amounts = {"size": export.sizes(by_name["size"].decimals)}
    if "own_rate" in by_name:
        amounts["own_rate"] = export.rates(by_name["own_rate"].decimals)
    if "entry" in by_name:
        amounts["entry"] = export.entries(by_name["entry"].decimals)
    lines = [f"{COLUMN},{INSTRUMENT_AXIS},{VALUE}"]
    for name, values in amounts.items():
        decimals = by_name[name].decimals
        lines += [f"{name},{instrument},{format_decimal(value, decimals)}" for instrument, value in values.items()]
    text = "\n".join([*lines, f"cash,,{format_decimal(cash, by_name['cash'].decimals)}"]) + "\n"
    parse_columns(text, columns, "import")
    return text if len(amounts) > 1 else Account(amounts["size"], cash).to_csv(listing)


def read_map(path: Path) -> dict[str, str]:
    """Instrument ids by symbol, from CSV with the header ``symbol,instrument``. Raises AccountInvalid."""
    try:
        records = list(csv.reader(io.StringIO(read_file(path, MAX_BYTES).decode("utf-8")), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise AccountInvalid("not a CSV file in UTF-8", where=path.name) from None
    if not records or records[0] != ["symbol", "instrument"]:
        raise AccountInvalid("wrong header", where=f"{path.name}:1", expected="symbol,instrument")
    found: dict[str, str] = {}
    for number, record in enumerate(records[1:], start=2):
        where = f"{path.name}:{number}"
        if len(record) != 2 or not all(record):
            raise AccountInvalid("malformed row", where=where, expected="symbol and instrument")
        if record[0] in found:
            raise AccountInvalid(f"`{record[0][:60]}` is there twice", where=where)
        found[record[0]] = record[1]
    return found


def _position(entry: object, at: str, listing: Listing, symbols: Mapping[str, str]) -> Held | None:
    if not isinstance(entry, dict):
        raise AccountInvalid("a position must be an object", where=at)
    if unknown := sorted(entry.keys() - _POSITION):
        raise AccountInvalid(
            f"the field `{unknown[0][:40]}` is not one of ccxt's positions",
            where=at,
            hint="it may change what the others mean",
        )
    symbol = entry.get("symbol")
    if not isinstance(symbol, str) or not symbol.isprintable() or not symbol:
        raise AccountInvalid("has no `symbol`", where=at)
    where = f"{at} `{symbol[:60]}`"
    contracts = _number(entry.get("contracts"), f"{where}.contracts")
    if contracts < 0:
        raise AccountInvalid("`contracts` is negative: `side` tells the direction", where=where)
    if contracts == 0:
        return None
    if (side := entry.get("side")) not in ("long", "short"):
        raise AccountInvalid("unknown `side`", where=where, expected="long or short", got=_kind(side))
    instrument = _instrument(symbol, listing, symbols, where)
    if _number(entry.get("contractSize"), f"{where}.contractSize") != Fraction(instrument.multiplier):
        raise AccountInvalid(
            "`contractSize` is not that of the listed contract",
            where=where,
            expected=f"{instrument.multiplier} per contract",
        )
    mode = entry.get("marginMode")
    if mode not in (None, "cross", "isolated"):
        raise AccountInvalid("unknown `marginMode`", where=where, expected="cross or isolated")
    if (mode == "isolated" or entry.get("isolated") is True) and len(listing) > 1:
        raise AccountInvalid(
            "is margined on its own (isolated)", where=where, hint="leave it out: it is another account"
        )

    def maybe(key: str) -> Fraction | None:
        return None if entry.get(key) is None else _number(entry[key], f"{where}.{key}")

    price = maybe("entryPrice")
    if price is not None and price < 0:
        raise AccountInvalid("`entryPrice` is negative", where=where)
    signed = contracts if side == "long" else -contracts
    return Held(instrument, where, signed, price, maybe("unrealizedPnl"), maybe("leverage"))


def _instrument(symbol: str, listing: Listing, symbols: Mapping[str, str], where: str) -> Instrument:
    if symbol in symbols:
        return listing.instruments[listing.row(symbols[symbol], where)]
    parts = _SYMBOL.fullmatch(symbol)
    if parts is None:
        raise InstrumentUnknown(
            "not the symbol of a contract",
            where=where,
            expected="as BTC/USDT:USDT, BTC/USDT:USDT-260327 or BTC/USD:BTC-260327-80000-C",
            hint="name its instrument with --map",
        )
    matching = [instrument for instrument in listing.instruments if _is(instrument, parts)]
    if len(matching) != 1:
        words = "is no listed contract" if not matching else "is several listed contracts"
        got: Sequence[str] = [instrument.id for instrument in matching[:4]]
        raise InstrumentUnknown(words, where=where, got=", ".join(got) or None, hint="name its instrument with --map")
    return matching[0]


def _is(instrument: Instrument, parts: re.Match[str]) -> bool:
    kind = "perpetual" if parts["expiry"] is None else "future" if parts["strike"] is None else "option"
    named = (kind, parts["base"], parts["settle"])
    if (instrument.kind, instrument.underlying, instrument.settlement) != named:
        return False
    if parts["expiry"] and datetime.fromtimestamp(instrument.expiry or 0, UTC).strftime("%y%m%d") != parts["expiry"]:
        return False
    if parts["strike"] is None:
        return True
    same = instrument.strike is not None and Fraction(instrument.strike) == Fraction(parts["strike"])
    return same and instrument.option_type == {"C": "call", "P": "put"}[parts["type"]]


class _Text(str):
    """A JSON number as it was written."""


def _document(path: Path) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise AccountInvalid("a field comes twice in one object", where=path.name)
        return found

    try:
        text = read_file(path, MAX_BYTES).decode("utf-8")
        return loads_json(text, object_pairs_hook=unique, parse_float=_Text, parse_int=_Text, parse_constant=_Text)
    except (ValueError, RecursionError) as error:
        place = f"{path.name}:{error.lineno}" if isinstance(error, json.JSONDecodeError) else path.name
        raise AccountInvalid("not JSON text", where=place) from None


def _number(value: object, where: str) -> Fraction:
    """A number, or text that is one, exactly. No amount is in the refusal."""
    if value is None:
        raise AccountInvalid("is not there", where=where)
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise AccountInvalid("not a number", where=where, expected="a finite decimal number")
    return Fraction(value)


def _kind(value: object) -> str:
    return "text" if isinstance(value, str) else "none" if value is None else "no text"
