"""What an account holds, in the terms of whatever rule set: positions, their prices, where money goes.

====================  ================================================================================================
sizes                 the private column ``size``
prices                the public column ``mark``, else ``price``, ``value``, else the only one there is, in the unit of
                      equity per unit of size, along one axis of sizes
money                 the private column ``cash``, else ``balance``, ``deposit``, ``margin``, in the unit of equity
entries               the private column ``entry``: what was paid for each position, in the unit of equity
====================  ================================================================================================

A rule set may lack any of them; what needs it is then left out, with the reason.           specs/market.md#check
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import ceil, floor
from typing import Any

import numpy as np

from zkmargin.circuits.rules import RuleSet, evaluate
from zkmargin.circuits.rules.again import Again
from zkmargin.circuits.rules.document import VENUE
from zkmargin.circuits.rules.operations import IntArray
from zkmargin.circuits.rules.plaintext import private_values
from zkmargin.circuits.rules.tree import ONE, ColumnDecl, Padding
from zkmargin.errors import AccountInvalid
from zkmargin.margin.market import Market
from zkmargin.margin.tables import INSTRUMENT_AXIS, Column, Label, Tables
from zkmargin.margin.trade import Trade

__all__ = ["Holdings", "Place", "Position", "apply_trades", "row_names"]

PRICES = ("mark", "price", "value")
MONEY = ("cash", "balance", "deposit", "margin")
Place = tuple[int, ...]
"""Where an element stands in a column: a row per axis."""


@dataclass(frozen=True, repr=False)
class Position:
    """A size that is not zero: ``lots`` of ``10**-decimals`` of the column ``size`` at ``place``, ``row`` of prices.

    ``name`` has the rows of all axes of sizes, ``/`` between them: ``BTC-PERPETUAL``, ``2/BTC-PERPETUAL``.
    """

    name: str
    place: Place
    row: int
    lots: int


def row_names(rules: RuleSet, market: Market, axis: str) -> tuple[str, ...]:
    """Names of the rows of an axis: of the listing, else of the tables, else counted from 1."""
    named = rules.axes[axis].like or axis
    if named == INSTRUMENT_AXIS:
        return tuple(instrument.id for instrument in market.listing.instruments)
    counted = tuple(str(row + 1) for row in range(rules.axes[axis].capacity))
    if named == VENUE:
        return counted
    return market.listing.axes.get(named) or market.tables.names.get(named, counted)


@dataclass(frozen=True, repr=False, eq=False)
class Holdings:
    """An account under a rule set on a market. ``private``: every private column over the active rows, by name."""

    rules: RuleSet
    market: Market
    private: Mapping[str, IntArray]

    @classmethod
    def of(cls, rules: RuleSet, market: Market, private: Mapping[str, Any]) -> Holdings:
        """Columns may also be over capacities. Raises AmountRange where one does not fit."""
        columns = {c.name: private_values(rules, market.tables, c.name, private[c.name]) for c in rules.private}
        return cls(rules, market, columns)

    def with_columns(self, columns: Mapping[str, IntArray]) -> Holdings:
        """The same with other private columns."""
        return replace(self, private={**self.private, **columns})

    @cached_property
    def size(self) -> ColumnDecl | None:
        """The column of sizes, if it has axes."""
        size = next((column for column in self.rules.private if column.name == "size"), None)
        return size if size is not None and size.axes else None

    @cached_property
    def price(self) -> ColumnDecl | None:
        """The column of prices."""
        if self.size is None:
            return None
        unit = (self.rules.equity.type.unit or ONE) / self.size.unit
        fitting = {
            column.name: column
            for column in self.rules.public
            if column.unit == unit and len(column.axes) == 1 and column.axes[0] in self.size.axes
        }
        named = next((fitting[name] for name in PRICES if name in fitting), None)
        return named or (next(iter(fitting.values())) if len(fitting) == 1 else None)

    @cached_property
    def deposits(self) -> ColumnDecl | None:
        """The column of money."""
        private = {column.name: column for column in self.rules.private}
        unit = self.rules.equity.type.unit
        return next((private[name] for name in MONEY if name in private and private[name].unit == unit), None)

    @cached_property
    def money(self) -> ColumnDecl | None:
        """The column of money, where equity counts it once and as it is: prices of trades can be paid from it."""
        column = self.deposits
        if column is None or not (self.size is None or set(column.axes) <= set(self.size.axes)):
            return None
        again = Again(self.rules, self.market.tables, self.private, {column.name})
        raised = np.array(self.private[column.name], dtype=object)
        one = 10**column.decimals
        raised.flat[0] += one if raised.flat[0] + one <= column.hi else -one
        moved = np.abs(again.evaluate({column.name: raised}).equity - again.first.equity)
        return column if max(np.ravel(moved).tolist()) == again.first.denominators["equity"] else None

    @cached_property
    def entry(self) -> ColumnDecl | None:
        """The column of what was paid."""
        entry = next((column for column in self.rules.private if column.name == "entry"), None)
        fits = entry is not None and self.size is not None and entry.axes == self.size.axes
        return entry if fits and entry is not None and entry.unit == self.rules.equity.type.unit else None

    @property
    def row_axis(self) -> str:
        """The axis of sizes that instruments are along."""
        if self.price is not None:
            return self.price.axes[0]
        axes = self.size.axes if self.size is not None else ()
        return INSTRUMENT_AXIS if INSTRUMENT_AXIS in axes or not axes else axes[-1]

    @cached_property
    def positions(self) -> tuple[Position, ...]:
        """All positions, in the order of the column."""
        if self.size is None:
            return ()
        sizes = self.private[self.size.name]
        at = self.size.axes.index(self.row_axis)
        places = [tuple(map(int, place)) for place in np.argwhere(sizes != 0)]
        return tuple(Position(self.name(place), place, place[at], int(sizes[place])) for place in places)

    def name(self, place: Place) -> str:
        """The name of a place of the column of sizes."""
        axes = self.size.axes if self.size is not None else ()
        return "/".join(row_names(self.rules, self.market, axis)[row] for axis, row in zip(axes, place, strict=True))

    def place(self, name: str, where: str = "") -> Place:
        """The place of a name. Raises AccountInvalid, InstrumentUnknown."""
        if self.size is None:
            raise AccountInvalid("the rule set has no column `size`: nothing can be traded", where=where)
        axes = self.size.axes
        *outer, last = name.split("/", len(axes) - 1)
        if len(outer) != len(axes) - 1:
            words = f"`{name[:60]}` names no position"
            raise AccountInvalid(words, where=where, expected="/".join(axes))
        found = []
        for axis, row in zip(axes, (*outer, last), strict=True):
            names = row_names(self.rules, self.market, axis)
            if axis == INSTRUMENT_AXIS:
                found.append(self.market.listing.row(row, where))
            elif row in names:
                found.append(names.index(row))
            else:
                raise AccountInvalid(f"`{row[:60]}` is no row of `{axis}`", where=where, expected=", ".join(names[:8]))
        return tuple(found)

    def price_of(self, row: int) -> Fraction | None:
        """The price in the tables, in the unit of equity; None where the rule set has none."""
        if self.price is None:
            return None
        column = self.market.tables.columns[self.price.name]
        return Fraction(int(column.values[row]), 10**column.decimals)

    def traded(self, place: Place, lots: int, price: Fraction) -> Holdings:
        """After buying ``lots`` (selling, where negative) at ``price``, without fees.

        Sizes rise by them. With entries: what adds to a position adds to its entry; what reduces it takes its share of
        the entry along, and the gain goes to money. Without: the price is paid from money. Money is rounded down,
        entries up. Raises AccountInvalid where the rule set has neither, AmountRange where a column cannot hold it.
        """
        if self.size is None:
            raise AccountInvalid("the rule set has no column `size`: nothing can be traded")
        sizes = np.array(self.private[self.size.name], dtype=object)
        before, after = int(sizes[place]), int(sizes[place]) + lots
        sizes[place] = after
        changed: dict[str, IntArray] = {self.size.name: sizes}
        due = -price * Fraction(lots, 10**self.size.decimals)
        if self.entry is not None:
            entries = np.array(self.private[self.entry.name], dtype=object)
            held, scale = int(entries[place]), 10**self.entry.decimals
            if self.money is None or before * lots >= 0:
                new = ceil(held - due * scale)
            elif abs(lots) <= abs(before):
                new = round(Fraction(held * after, before))
            else:
                new = ceil(price * Fraction(after, 10**self.size.decimals) * scale)
            entries[place] = new
            changed[self.entry.name] = entries
            due += Fraction(new - held, scale)
        if self.money is not None:
            money = np.array(self.private[self.money.name], dtype=object)
            axes = self.size.axes
            own = tuple(place[axes.index(axis)] for axis in self.money.axes)
            money[own] += floor(due * 10**self.money.decimals)
            changed[self.money.name] = money
        elif self.entry is None:
            raise AccountInvalid(
                "the rule set has no column that the price of a trade is paid from", where=self.rules.name
            )
        for name, values in changed.items():
            private_values(self.rules, self.market.tables, name, values)
        return self.with_columns(changed)

    def held_rows(self) -> tuple[Holdings, tuple[int, ...]]:
        """The same account on a market of only those rows that it has amounts in, and which they are.

        A smaller market is read faster. All of it where the axis cannot be cut, or where equity or a requirement
        would be another one.
        """
        axis, tables = self.row_axis, self.market.tables
        every = tuple(range(tables.sizes.get(axis, 0)))
        own = self.rules.axes.get(axis)
        tied = any(other.like == axis for other in self.rules.axes.values()) or any(
            label.target == axis for label in self.rules.labels.values()
        )
        if axis != INSTRUMENT_AXIS or own is None or own.padding is not Padding.ZERO or own.like or tied or not every:
            return self, every
        held: set[int] = set()
        for declared in self.rules.private:
            if axis in declared.axes:
                held |= set(np.argwhere(self.private[declared.name] != 0)[:, declared.axes.index(axis)].tolist())
        rows = tuple(sorted(held)) or every[:1]
        if len(rows) == len(every):
            return self, every
        small = self._cut(axis, rows)
        whole, part = (evaluate(h.rules, h.market.tables, h.private) for h in (self, small))
        kept = ("equity", *self.rules.requirements)
        if any(axis in whole.axes[name] or not np.array_equal(whole.values[name], part.values[name]) for name in kept):
            return self, every
        return small, rows

    def _cut(self, axis: str, rows: tuple[int, ...]) -> Holdings:
        tables, listing = self.market.tables, self.market.listing

        def cut(values: IntArray, axes: tuple[str, ...]) -> IntArray:
            return np.take(values, rows, axis=axes.index(axis)) if axis in axes else values

        smaller = Tables(
            {**tables.sizes, axis: len(rows)},
            {**tables.names, axis: tuple(tables.names[axis][row] for row in rows)},
            {n: Column(n, c.axes, c.decimals, cut(c.values, c.axes)) for n, c in tables.columns.items()},
            {
                n: Label(n, k.axis, k.target, tuple(k.indices[row] for row in rows) if k.axis == axis else k.indices)
                for n, k in tables.labels.items()
                if k.target != axis
            },
            tables.parameters,
        )
        few = replace(listing, instruments=tuple(listing.instruments[row] for row in rows))
        market = replace(self.market, listing=few, tables=smaller)
        axes = {column.name: column.axes for column in self.rules.private}
        return Holdings(self.rules, market, {n: cut(values, axes[n]) for n, values in self.private.items()})


def apply_trades(holdings: Holdings, trades: Sequence[Trade]) -> Holdings:
    """The account after trades, one after the other, without fees.

    Raises InstrumentUnknown, AccountInvalid, AmountDecimals, AmountRange; each names the trade, and no amount.
    """
    for trade in trades:
        where = f"trade `{trade.name[:60]}`"
        place = holdings.place(trade.name, where)
        axes = holdings.size.axes if holdings.size is not None else ()
        price = trade.price
        if price is None:
            price = holdings.price_of(place[axes.index(holdings.row_axis)])
        if price is None:
            raise AccountInvalid(
                "the rule set has no marks: a trade needs its price", where=where, expected="NAME=SIZE@PRICE"
            )
        lots = trade.lots(holdings.size.decimals if holdings.size is not None else 0)
        holdings = holdings.traded(place, lots, price)
    return holdings
