"""Strict reading of delimited price files: every refusal is a MarketSource error that names file and line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from zkmargin.encoding import read_file
from zkmargin.errors import MarketSource

MAX_BYTES = 64 << 20
_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,2})?")


@dataclass(frozen=True)
class Row:
    """The cells of one line by column name."""

    cells: dict[str, str]
    where: str

    def text(self, column: str) -> str:
        """A cell that is not empty."""
        if not (cell := self.cells[column]):
            raise MarketSource(f"`{column}` is missing", where=self.where)
        return cell

    def number(self, column: str) -> Decimal:
        """A finite decimal number."""
        return parse_number(self.text(column), column, self.where)

    def positive(self, column: str) -> Decimal:
        """A number above zero."""
        return check_positive(self.number(column), column, self.where)

    def time(self, column: str) -> int:
        """An ISO-8601 time with its offset, as unix seconds (fractions are cut off)."""
        return parse_time(self.text(column), column, self.where)


def parse_number(text: str, column: str, where: str) -> Decimal:
    """A finite decimal number, an exponent allowed. Raises MarketSource."""
    if not _NUMBER.fullmatch(text):
        raise MarketSource(f"`{column}` is not a number", where=where, got=text[:40])
    return Decimal(text)


def check_positive(value: Decimal, column: str, where: str) -> Decimal:
    """The value, if it is above zero."""
    if value <= 0:
        raise MarketSource(f"`{column}` must be above zero", where=where, got=value)
    return value


def parse_time(text: str, column: str, where: str) -> int:
    """An ISO-8601 time with its offset from UTC, as unix seconds, rounded down."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or not 1970 < time.year < 9999:
        raise MarketSource(
            f"`{column}` is not a time",
            where=where,
            expected="ISO-8601 with the offset from UTC",
            got=text[:40],
        )
    return int(time.timestamp() // 1)


def read_text(path: Path) -> tuple[str, bytes]:
    """A file's text and bytes. Raises FileUnreadable, or MarketSource where it is not UTF-8."""
    content = read_file(path, MAX_BYTES)
    return decode(content, path.name), content


def decode(content: bytes, name: str) -> str:
    """The text of a file's bytes. Raises MarketSource where it is not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MarketSource("not UTF-8 text", where=f"{name}:{line}") from None


def read_lines(text: str, name: str) -> Iterator[tuple[list[str], str]]:
    """The lines of comma-separated text as cells, each with its ``file:line``."""
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        for cells in reader:
            yield cells, f"{name}:{reader.line_num}"
    except csv.Error as error:
        raise MarketSource(f"malformed line ({error})", where=f"{name}:{reader.line_num}") from None


def read_rows(text: str, name: str, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
    """Rows under a header with all ``required`` columns, perhaps some ``optional`` ones, and no others."""
    lines = read_lines(text, name)
    header, where = next(lines, ([], f"{name}:1"))
    if missing := [column for column in required if column not in header]:
        raise MarketSource(f"the header has no column `{missing[0]}`", where=where)
    if unknown := [column for column in header if column not in required and column not in optional]:
        raise MarketSource(f"unknown column `{unknown[0][:40]}`", where=where)
    if len(set(header)) != len(header):
        raise MarketSource("a column is named twice", where=where)
    for cells, where in lines:
        if len(cells) != len(header):
            raise MarketSource("wrong number of cells", where=where, expected=len(header), got=len(cells))
        yield Row(dict(zip(header, cells, strict=True)), where)
