"""Exact figures of listed instruments to the public tables of a rule set.

What every source but option chains comes down to: instruments, the elements of the other axes, and columns that are
integers already, at the decimals that the rule set declares. The rule set says which of them it wants.
                                                                                        specs/market.md#tables
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from zkmargin.encoding import parse_decimal
from zkmargin.errors import MarketSource
from zkmargin.margin.market import Market, Source
from zkmargin.margin.schema import ColumnSchema, TableSchema
from zkmargin.margin.tables import INSTRUMENT_AXIS, Column, Instrument, Label, Listing, Tables

Maker = Callable[[TableSchema], Column]


@dataclass(frozen=True)
class Figures:
    """What a source tells. ``what`` names it in messages; ``time``: unix seconds of its prices, None if it has none.

    ``names``: elements of axes, ``columns`` and ``labels`` by name. ``axes`` of the account besides instruments are
    those that the rule set's private columns have.
    """

    what: str
    instruments: tuple[Instrument, ...]
    columns: Mapping[str, Maker]
    sources: tuple[Source, ...]
    time: int | None = None
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, Label] = field(default_factory=dict)


def assemble_market(
    figures: Figures, schema: TableSchema, parameters: Mapping[str, str] | None = None, price_time: int | None = None
) -> Market:
    """The tables that ``schema`` asks for. ``price_time`` is for sources that do not tell the time of their prices.

    Raises Capacity where rows do not fit, ParameterCondition where a value is outside its declared bounds, MarketSource
    where the source has nothing for a column, a label or an axis, or the time of its prices is told twice or not.
    """
    if figures.time is not None and price_time is not None:
        raise MarketSource(
            f"{figures.what} tell the time of their prices", hint="do not give another with --price-time"
        )
    time = price_time if figures.time is None else figures.time
    if time is None:
        words = f"{figures.what} do not tell the time of their prices"
        raise MarketSource(words, hint="say when they were read: --price-time 2026-02-06T12:54:16Z")
    names = {INSTRUMENT_AXIS: tuple(instrument.id for instrument in figures.instruments), **figures.names}
    sizes = {axis.name for axis in schema.axes}
    if missing := [axis for axis in schema.axes_in(names) if axis.name not in names]:
        raise MarketSource(f"{figures.what} have nothing for the axis `{missing[0].name}`")
    names = {axis: elements for axis, elements in names.items() if axis in sizes}
    for axis in schema.axes_in(names):
        axis.check(len(names[axis.name]))
    columns, labels = {}, {}
    for wanted in schema.columns:
        if wanted.name not in figures.columns:
            known = ", ".join(figures.columns) or "none"
            raise MarketSource(f"{figures.what} have nothing for the column `{wanted.name}`", hint=f"known: {known}")
        columns[wanted.name] = column = figures.columns[wanted.name](schema)
        if (column.axes, column.decimals) != (wanted.axes, wanted.decimals):
            raise MarketSource(
                f"column `{wanted.name}` has other axes", expected=list(wanted.axes), got=list(column.axes)
            )
        wanted.check(column, [names[axis] for axis in wanted.axes])
    for label in schema.labels:
        found = figures.labels.get(label.name)
        if found is None or (found.axis, found.target) != (label.axis, label.target):
            raise MarketSource(f"{figures.what} have nothing for the label `{label.name}`")
        labels[label.name] = found
    account_axes = {axis: names[axis] for axis in schema.account_axes if axis in names and axis != INSTRUMENT_AXIS}
    return Market(
        Listing(figures.instruments, schema.lot_decimals, schema.cash_unit, schema.cash_decimals, account_axes),
        Tables(
            {a: len(n) for a, n in names.items()}, names, columns, labels, build_parameters(schema, parameters or {})
        ),
        time,
        figures.sources,
    )


def build_parameters(
    schema: TableSchema, given: Mapping[str, str], derived: Mapping[str, Decimal] | None = None
) -> dict[str, Column]:
    """Parameters: as given, else the rule set's default, else ``derived`` from the source and rounded up.

    Raises MarketSource for one that the rule set does not have, or that has no value.
    """
    known = {parameter.name for parameter in schema.parameters}
    if unknown := sorted(given.keys() - known):
        raise MarketSource(
            f"the rule set has no parameter `{unknown[0][:40]}`",
            hint=f"it has: {', '.join(sorted(known)) or 'none'}",
        )
    found = derived or {}
    built = {}
    for wanted in schema.parameters:
        if wanted.name in given:
            value = parse_decimal(given[wanted.name], wanted.decimals, f"parameter `{wanted.name}`")
        elif wanted.default is not None:
            value = wanted.default
        elif wanted.name in found:
            # Charges and factors raise the requirement: rounding up never understates it.
            value = ceil(Fraction(found[wanted.name]) * 10**wanted.decimals)
        else:
            words = f"parameter `{wanted.name}` has no default"
            raise MarketSource(words, hint=f"give its value: --parameter {wanted.name}=VALUE")
        built[wanted.name] = column = Column.of(wanted.name, (), wanted.decimals, value)
        wanted.check(column, ())
    return built


def declared(schema: TableSchema, name: str) -> ColumnSchema:
    """The declaration of a column. Raises MarketSource where the rule set has none."""
    for column in schema.columns:
        if column.name == name:
            return column
    raise MarketSource("the rule set lacks a column that another one needs", expected=f"`{name}`")


def per_instrument(name: str, values: list[Fraction], rounding: str) -> Maker:
    """A column along instruments; ``rounding`` is up, down, nearest (ties to even) or exact (else refused)."""

    def make(schema: TableSchema) -> Column:
        decimals = declared(schema, name).decimals
        scaled = [value * 10**decimals for value in values]
        if rounding == "exact" and any(value.denominator != 1 for value in scaled):
            raise MarketSource(f"a value of `{name}` does not fit {decimals} decimals")
        ways: dict[str, Callable[[Fraction], int]] = {"up": ceil, "down": floor, "nearest": round, "exact": int}
        return Column.of(name, (INSTRUMENT_AXIS,), decimals, [ways[rounding](value) for value in scaled])

    return make
