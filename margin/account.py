"""A private account: signed sizes of listed instruments, and cash.

CSV, strictly: UTF-8, the header ``instrument,size``, one row per instrument, one row ``cash``; no other
rows, no blank lines, no comments, plain decimals (``-12.5``).

    instrument,size
    BTC-27MAR26-80000-C,-12.5
    BTC-PERPETUAL,3
    cash,250000.00

Sizes are in contracts, with at most the listing's lot decimals; positive is long. Cash is in the listing's
cash unit and net of what was paid for the positions: a bought future debits its price, as an option does its
premium, because equity is cash plus the marks of all positions.                  specs/market.md#account

Nothing private appears in a repr or in an error: errors name lines, columns and instrument ids, no amounts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

from zkmargin.encoding import format_decimal, parse_decimal, read_file
from zkmargin.errors import AccountInvalid, AmountDecimals, AmountRange, InstrumentUnknown
from zkmargin.margin.tables import Listing

HEADER = "instrument,size"
CASH = "cash"
MAX_BYTES = 4 << 20

Bounds = tuple[int, int]


@dataclass(frozen=True, repr=False)
class Account:
    """Sizes by instrument id, in lots of ``10**-lot_decimals`` contracts; cash in ``10**-cash_decimals``."""

    sizes: Mapping[str, int]
    cash: int

    def __post_init__(self) -> None:
        sizes = dict(self.sizes)
        for name, size in (*sizes.items(), (CASH, self.cash)):
            if type(size) is not int:
                raise AccountInvalid("amounts are whole numbers of lots", where=f"`{name}`")
        object.__setattr__(self, "sizes", MappingProxyType(sizes))

    def __repr__(self) -> str:
        return "Account(private)"

    def vector(self, listing: Listing, capacity: int | None = None) -> list[int]:
        """The dense vector of sizes over the listing's rows, zeros up to ``capacity``.

        Raises InstrumentUnknown for a position in what is not listed (an expired contract, say), Capacity
        never: a listing that does not fit is refused where its tables are built.
        """
        dense = [0] * (len(listing) if capacity is None else capacity)
        for name, size in self.sizes.items():
            if size or name in listing.rows:
                dense[listing.row(name)] = size
        return dense

    def with_cash(self, cash: int) -> Account:
        """The same positions with other cash."""
        return Account(self.sizes, cash)

    @classmethod
    def of_csv(
        cls,
        text: str,
        listing: Listing,
        *,
        source: str = "account",
        size_bounds: Bounds | None = None,
        cash_bounds: Bounds | None = None,
    ) -> Self:
        """Parse the CSV form. Bounds are inclusive, in lots and in cash units, as a rule set declares them.

        Raises AccountInvalid (form, doubled rows, no cash row), InstrumentUnknown, AmountDecimals,
        AmountRange; each names ``source:line``.
        """
        sizes: dict[str, int] = {}
        cash: int | None = None
        lines: dict[str, str] = {}
        for name, amount, where in _rows(text, source):
            if name in lines:
                raise AccountInvalid(f"`{name}` is there twice", where=where, got=f"first at {lines[name]}")
            lines[name] = where
            if name == CASH:
                cash = _amount(amount, listing.cash_decimals, cash_bounds, where)
                continue
            listing.row(name, where)
            sizes[name] = _amount(amount, listing.lot_decimals, size_bounds, where)
        if cash is None:
            raise AccountInvalid("there is no cash row", where=source, hint="add a row such as `cash,0`")
        return cls(sizes, cash)

    @classmethod
    def read(
        cls,
        path: Path | str,
        listing: Listing,
        *,
        size_bounds: Bounds | None = None,
        cash_bounds: Bounds | None = None,
    ) -> Self:
        """``of_csv`` of a file."""
        path = Path(path)
        try:
            text = read_file(path, MAX_BYTES).decode("utf-8")
        except UnicodeDecodeError:
            raise AccountInvalid("not UTF-8 text", where=path.name) from None
        return cls.of_csv(text, listing, source=path.name, size_bounds=size_bounds, cash_bounds=cash_bounds)

    def to_csv(self, listing: Listing) -> str:
        """The CSV form, positions in listing order; the inverse of ``of_csv``."""
        if unlisted := [name for name in self.sizes if name not in listing.rows]:
            raise InstrumentUnknown(f"instrument `{unlisted[0]}` is not listed")
        lines = [HEADER]
        for name in sorted(self.sizes, key=listing.rows.__getitem__):
            lines.append(f"{name},{_plain(self.sizes[name], listing.lot_decimals)}")
        lines.append(f"{CASH},{_plain(self.cash, listing.cash_decimals)}")
        return "\n".join(lines) + "\n"


def import_csv(
    path: Path | str,
    listing: Listing,
    *,
    instrument_column: str = "instrument",
    size_column: str = "size",
    cash: str | None = None,
    size_bounds: Bounds | None = None,
    cash_bounds: Bounds | None = None,
) -> Account:
    """An account from a venue's CSV export: two of its columns, whatever others it has.

    ``cash`` is a plain decimal, for exports without a row ``cash``. Raises what ``Account.of_csv`` raises.
    """
    path = Path(path)
    try:
        records = list(csv.reader(io.StringIO(read_file(path, MAX_BYTES).decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise AccountInvalid("not a CSV file in UTF-8", where=path.name) from None
    heading = records[0] if records else []
    for column in (instrument_column, size_column):
        if heading.count(column) != 1:
            known = ", ".join(f"`{name}`" for name in heading[:20])
            raise AccountInvalid(
                f"there must be one column `{column}`", where=f"{path.name}:1", got=known or "no columns"
            )
    at = [heading.index(instrument_column), heading.index(size_column)]
    lines = [HEADER]
    for number, record in enumerate(records[1:], start=2):
        if len(record) != len(heading):
            raise AccountInvalid("malformed row", where=f"{path.name}:{number}", expected=len(heading))
        lines.append(",".join(record[index].strip() for index in at))
    if cash is not None:
        lines.append(f"{CASH},{cash}")
    text = "\n".join(lines) + "\n"
    return Account.of_csv(text, listing, source=path.name, size_bounds=size_bounds, cash_bounds=cash_bounds)


def _rows(text: str, source: str) -> Iterator[tuple[str, str, str]]:
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines or lines[0] != HEADER:
        raise AccountInvalid("wrong header", where=f"{source}:1", expected=HEADER)
    for number, line in enumerate(lines[1:], start=2):
        where = f"{source}:{number}"
        cells = line.split(",")
        if len(cells) != 2 or not all(cells) or any(cell != cell.strip() for cell in cells):
            raise AccountInvalid("malformed row", where=where, expected="instrument and size, no blanks")
        yield cells[0], cells[1], where


def _amount(text: str, decimals: int, bounds: Bounds | None, where: str) -> int:
    if len(text) > 60:
        raise AmountDecimals("not a plain decimal number", where=where, expected="at most 60 characters")
    value = parse_decimal(text, decimals, where)
    if bounds is not None and not bounds[0] <= value <= bounds[1]:
        low, high = (_plain(bound, decimals) for bound in bounds)
        raise AmountRange("outside the bounds of the rule set", where=where, expected=f"{low} to {high}")
    return value


def _plain(value: int, decimals: int) -> str:
    text = format_decimal(value, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text
