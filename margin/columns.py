"""Columns of an account in one table, for rule sets that ask for more than sizes and cash.

CSV, strictly: UTF-8, a row per value, the header ``column``, then axes in any order, then ``value``. A cell is empty
where the column does not run over its axis; a value that has no row is zero, but a column without axes needs its row.

    column,account,instrument,value
    size,hedge,BTC-PERPETUAL,-3
    balance,hedge,,1200.50
    leverage,,,5

Rows of ``instrument`` are named by the listing, those of other axes by the market's tables; rows of an axis of which
the tables say nothing (sub-accounts) are counted, ``1`` to its size.                            specs/market.md#account

Nothing private appears in an error: errors name lines, columns and rows, no amounts.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zkmargin.encoding import format_decimal, parse_decimal, read_file
from zkmargin.errors import AccountInvalid, AmountDecimals, AmountRange, InstrumentUnknown
from zkmargin.margin.strict import IntArray
from zkmargin.margin.tables import INSTRUMENT_AXIS

COLUMN, VALUE = "column", "value"
MAX_BYTES = 16 << 20


@dataclass(frozen=True)
class PrivateColumn:
    """A column that a file may fill: integers at ``decimals`` in ``[lo, hi]`` along named rows.

    ``axes``: names of axes with the names of their rows, in the order of the array.
    """

    name: str
    axes: tuple[tuple[str, tuple[str, ...]], ...]
    decimals: int
    lo: int
    hi: int


def is_columns(text: str) -> bool:
    """Whether a file's text is of this form rather than ``instrument,size``."""
    return text.split(",", 1)[0] == COLUMN


def read_columns(path: Path, columns: Sequence[PrivateColumn]) -> dict[str, IntArray]:
    """``parse_columns`` of a file."""
    return parse_columns(read_text(path), columns, path.name)


def read_text(path: Path) -> str:
    """A file's text. Raises FileUnreadable, AccountInvalid where it is not UTF-8."""
    try:
        return read_file(path, MAX_BYTES).decode("utf-8")
    except UnicodeDecodeError:
        raise AccountInvalid("not UTF-8 text", where=path.name) from None


def parse_columns(text: str, columns: Sequence[PrivateColumn], source: str = "account") -> dict[str, IntArray]:
    """Every column of ``columns`` by name, over its rows.

    Raises AccountInvalid (form, unknown columns and rows, doubled rows, a missing scalar), InstrumentUnknown,
    AmountDecimals, AmountRange; each names ``source:line``.
    """
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    axes = _header(lines[0], columns, f"{source}:1")
    wanted = {column.name: column for column in columns}
    found: dict[str, IntArray] = {
        column.name: np.zeros(tuple(len(rows) for _, rows in column.axes), dtype=object) for column in columns
    }
    seen: dict[tuple[str, tuple[int, ...]], int] = {}
    for number, line in enumerate(lines[1:], start=2):
        where = f"{source}:{number}"
        name, *cells, amount = _cells(line, len(axes) + 2, where)
        if name not in wanted:
            words = f"`{name[:60]}` is not a column that this file fills"
            raise AccountInvalid(words, where=where, expected=_list(wanted))
        column = wanted[name]
        place = _place(column, dict(zip(axes, cells, strict=True)), where)
        if (name, place) in seen:
            raise AccountInvalid(
                f"a value of `{name}` is there twice", where=where, got=f"first at {source}:{seen[name, place]}"
            )
        seen[name, place] = number
        found[name][place] = _amount(amount, column, where)
    for column in columns:
        if not column.axes and (column.name, ()) not in seen:
            raise AccountInvalid(f"there is no row for `{column.name}`", where=source)
    return found


def _header(line: str, columns: Sequence[PrivateColumn], where: str) -> list[str]:
    known = list(dict.fromkeys(axis for column in columns for axis, _ in column.axes))
    first, *axes, last = line.split(",") if "," in line else [line, ""]
    if first != COLUMN or last != VALUE or len(set(axes)) != len(axes) or not set(axes) <= set(known):
        raise AccountInvalid("wrong header", where=where, expected=",".join([COLUMN, *known, VALUE]))
    return axes


def _cells(line: str, count: int, where: str) -> list[str]:
    cells = line.split(",")
    if len(cells) != count or not cells[0] or not cells[-1] or any(cell != cell.strip() for cell in cells):
        raise AccountInvalid("malformed row", where=where, expected=f"{count} cells, no blanks")
    return cells


def _place(column: PrivateColumn, cells: Mapping[str, str], where: str) -> tuple[int, ...]:
    own = dict(column.axes)
    for axis, cell in cells.items():
        if cell and axis not in own:
            raise AccountInvalid(f"`{column.name}` does not run over `{axis}`", where=where, expected="an empty cell")
    place = []
    for axis, rows in column.axes:
        row = cells.get(axis, "")
        if row not in rows:
            near = difflib.get_close_matches(row, rows, n=1, cutoff=0.8)
            unknown = InstrumentUnknown if axis == INSTRUMENT_AXIS and row else AccountInvalid
            raise unknown(
                f"`{row[:60]}` is no row of `{axis}`" if row else f"`{column.name}` needs a row of `{axis}`",
                where=where,
                expected=None if len(rows) > 8 else _list(rows),
                hint=f"did you mean `{near[0]}`?" if near else "",
            )
        place.append(rows.index(row))
    return tuple(place)


def _amount(text: str, column: PrivateColumn, where: str) -> int:
    if len(text) > 60:
        raise AmountDecimals("not a plain decimal number", where=where, expected="at most 60 characters")
    value = parse_decimal(text, column.decimals, where)
    if not column.lo <= value <= column.hi:
        low, high = (format_decimal(bound, column.decimals) for bound in (column.lo, column.hi))
        raise AmountRange("outside the bounds of the rule set", where=where, expected=f"{low} to {high}")
    return value


def _list(names: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(names) or "none"
