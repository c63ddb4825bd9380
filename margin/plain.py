"""Plain tables: CSV files whose columns are the columns of a rule set, for rules and venues of one's own.

    instrument,mark,rate                              one file per set of axes; axes first, in declared order
    BTC-PERP,66344.0,0.0125
    instrument,scenario,pnl
    BTC-PERP,down 10%,-6634.4

A header begins with names of axes, then come columns and labels that the rule set declares over just these axes. Every
combination of elements stands once. Elements get the order of their first appearance, over all files in the given
order; a file may name the elements of one axis alone. Values are plain decimals with at most the column's decimals; a
label's are elements of its target axis, or nothing for none. Instruments are listed as perpetuals in US dollars, of
themselves. The files do not tell the time of their prices. A column along one axis that no file has may come from
evidence of prices, which then tells the time.
                                                                                        specs/market.md#sources
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from zkmargin.encoding import parse_decimal
from zkmargin.errors import AmountDecimals, MarketSource
from zkmargin.margin.assemble import Figures
from zkmargin.margin.delimited import decode, read_lines
from zkmargin.margin.market import Source
from zkmargin.margin.schema import ColumnSchema, TableSchema
from zkmargin.margin.tables import INSTRUMENT_AXIS, Column, Instrument, Label

Cells = dict[tuple[str, ...], tuple[str, str]]


@dataclass
class _Read:
    """What was read: elements by axis; by column and label its axes and cells, each with its place."""

    names: dict[str, dict[str, None]] = field(default_factory=dict)
    cells: dict[str, tuple[tuple[str, ...], Cells]] = field(default_factory=dict)


@dataclass(frozen=True)
class GivenPrices:
    """Prices from elsewhere: by column and row, in units of the column's last decimal; unix seconds of the oldest."""

    values: Mapping[str, Mapping[str, int]]
    time: int


def plain_figures(
    files: Sequence[tuple[str, bytes]], schema: TableSchema, prices: GivenPrices | None = None
) -> Figures:
    """The figures of plain tables, each with its name. Raises MarketSource with file and line.

    ``prices`` fill columns that the files do not have.
    """
    read, sources = _Read(), []
    for name, content in files:
        sources.append(Source.of(name, content))
        _read_table(decode(content, name), name, schema, read)
    names = {axis: tuple(elements) for axis, elements in read.names.items()}
    columns, labels = {}, {}
    declared_columns = {column.name: column for column in schema.columns}
    targets = {label.name: label for label in schema.labels}
    for name, (axes, cells) in read.cells.items():
        places = list(product(*(names[axis] for axis in axes)))
        if missing := [place for place in places if place not in cells]:
            raise MarketSource(f"`{name}` has no value for {', '.join(missing[0])[:80]}")
        if name in targets:
            target = targets[name].target
            indices = [_index(names.get(target, ()), cells[place][0]) for place in places]
            labels[name] = Label(name, axes[0], target, tuple(indices))
            continue
        decimals = declared_columns[name].decimals
        flat = [_value(name, decimals, *cells[place]) for place in places]
        columns[name] = _shaped(name, axes, decimals, flat, tuple(len(names[axis]) for axis in axes))
    if prices is not None:
        columns |= {
            name: _filled(declared_columns[name], prices, names) for name in prices.values if name not in columns
        }
    return Figures(
        what="plain tables",
        instruments=tuple(Instrument(name, "perpetual", name, "USD", "1") for name in names.get(INSTRUMENT_AXIS, ())),
        columns={name: _given(column) for name, column in columns.items()},
        sources=tuple(sources),
        names={axis: elements for axis, elements in names.items() if axis != INSTRUMENT_AXIS},
        labels=labels,
    )


def _filled(wanted: ColumnSchema, prices: GivenPrices, names: Mapping[str, tuple[str, ...]]) -> Column:
    if len(wanted.axes) != 1 or wanted.axes[0] not in names:
        raise MarketSource(f"no file names the rows of `{wanted.name}`", hint="give a file with the names of its axis")
    found = prices.values[wanted.name]
    rows = names[wanted.axes[0]]
    if missing := [row for row in rows if row not in found]:
        raise MarketSource(f"there is no evidence of `{wanted.name}` of {missing[0][:80]}")
    return Column.of(wanted.name, wanted.axes, wanted.decimals, [found[row] for row in rows])


def _given(column: Column) -> Callable[[TableSchema], Column]:
    return lambda _: column


def _read_table(text: str, name: str, schema: TableSchema, read: _Read) -> None:
    lines = read_lines(text, name)
    header, where = next(lines, ([], f"{name}:1"))
    axes, figures = _split(header, schema, where)
    for heading in figures:
        if heading in read.cells:
            raise MarketSource(f"`{heading}` is there twice", where=where)
        read.cells[heading] = axes, {}
    targets = {label.name: label.target for label in schema.labels}
    rows = list(lines)
    if not rows:
        raise MarketSource("a table has no rows", where=name)
    for cells, at in rows:
        if len(cells) != len(header):
            raise MarketSource("wrong number of cells", where=at, expected=len(header), got=len(cells))
        place = tuple(cells[: len(axes)])
        for axis, element in zip(axes, place, strict=True):
            read.names.setdefault(axis, {}).setdefault(element)
        for heading, cell in zip(figures, cells[len(axes) :], strict=True):
            held = read.cells[heading][1]
            if place in held:
                raise MarketSource(f"a row comes twice: {', '.join(place)[:80]}", where=at)
            held[place] = cell, at
            if heading in targets and cell:
                read.names.setdefault(targets[heading], {}).setdefault(cell)


def _split(header: list[str], schema: TableSchema, where: str) -> tuple[tuple[str, ...], list[str]]:
    """The axes that a header begins with, and the columns and labels after them. A label may be called as an axis."""
    known = [axis.name for axis in schema.axes]
    asked = {column.name: column.axes for column in schema.columns}
    asked |= {label.name: (label.axis,) for label in schema.labels}
    if len(header) == 1 and header[0] in known:
        return (header[0],), []
    for count in range(1, len(header)):
        axes, figures = tuple(header[:count]), header[count:]
        if not set(axes) <= set(known):
            break
        if all(asked.get(heading) == axes for heading in figures) and len(set(figures)) == len(figures):
            return axes, figures
    forms = dict.fromkeys(asked.values())
    lines = [",".join([*axes, *(name for name, over in asked.items() if over == axes)]) for axes in forms]
    raise MarketSource(
        "a header names axes, then columns over just these axes, each once",
        where=where,
        got=",".join(header)[:80],
        hint=f"headers that the rule set asks for: {' | '.join(lines)}",
    )


def _value(name: str, decimals: int, text: str, where: str) -> int:
    try:
        return parse_decimal(text, decimals, where)
    except AmountDecimals:
        words = f"`{name}` is not a plain decimal with at most {decimals} decimals"
        raise MarketSource(words, where=where, got=text[:40]) from None


def _index(names: tuple[str, ...], text: str) -> int:
    return names.index(text) if text else -1


def _shaped(name: str, axes: tuple[str, ...], decimals: int, flat: list[int], shape: tuple[int, ...]) -> Column:
    values = np.empty(len(flat), dtype=object)
    values[:] = flat
    return Column(name, axes, decimals, values.reshape(shape))
