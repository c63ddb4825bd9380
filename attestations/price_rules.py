"""What a verifier asks of evidence of prices: whose signatures count, how fresh, which feed stands for which price.

Who publishes tables does not choose the feeds: a feed of one coin would stand for another's price. Rules pin each
price, by the column and the row of the tables, to its feeds.                    specs/documents.md#evidence-of-prices
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.documents import Signers
from zkmargin.attestations.evidence.pyth import Guardians
from zkmargin.attestations.schema import (
    U8,
    U16,
    U32,
    Address,
    Bytes32,
    Document,
    Model,
    Sequence,
    Text,
    strictly_ascending,
)
from zkmargin.encoding import hex_bytes
from zkmargin.errors import SchemaType
from zkmargin.margin.delimited import decode, read_rows

MAX_CELLS = 1024
HEADER = ("column", "row", "decimals", "rounding", "pyth", "redstone")


class PriceCell(Model):
    """A price of the tables and the feeds that it is read from.

    The cell is the row named ``row`` of the column ``column``, which has one axis. Feeds quote a coin; the cell is the
    value of ``10**-decimals`` of it, rounded ``down`` or ``up`` to the column's decimals. ``pyth`` is a feed's id,
    ``redstone`` its name; where both are there, both must be, and the lower (higher) of the two is what is rounded
    down (up).
    """

    column: Text
    row: Text
    decimals: U8
    rounding: Literal["down", "up"]
    pyth: Bytes32 | None = None
    redstone: Text | None = None

    @model_validator(mode="after")
    def _has_a_feed(self) -> Self:
        if self.pyth is None and self.redstone is None:
            raise PydanticCustomError(SchemaType.code, "a price is read from a feed of Pyth, of RedStone, or of both")
        return self

    @property
    def place(self) -> tuple[str, str]:
        """Column and row."""
        return self.column, self.row

    @property
    def feeds(self) -> dict[str, str]:
        """Feed by oracle, as their messages name it."""
        found = {} if self.pyth is None else {"pyth": hex_bytes(self.pyth)}
        return found if self.redstone is None else found | {"redstone": self.redstone}

    def units(self, price: Fraction, column_decimals: int) -> int:
        """The cell, in units of the column's last decimal, of a coin's price in dollars."""
        exact = price * Fraction(10) ** (column_decimals - self.decimals)
        return floor(exact) if self.rounding == "down" else ceil(exact)


Cells = Annotated[
    tuple[PriceCell, ...],
    Field(min_length=1, max_length=MAX_CELLS),
    Sequence,
    strictly_ascending(lambda cell: (cell.column.encode(), cell.row.encode()), "cells, by column and row,"),
]
Columns = Annotated[tuple[Text, ...], Sequence, strictly_ascending(lambda name: name.encode(), "columns")]


def read_cells(content: bytes, name: str) -> tuple[PriceCell, ...]:
    """Cells of a CSV file, ascending: a row each, a feed that does not count is empty. Raises MarketSource.

    column,row,decimals,rounding,pyth,redstone
    unit_value,eip155:1/slip44:60,18,down,0xff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace,ETH
    """
    cells = []
    for row in read_rows(decode(content, name), name, HEADER):
        tree: dict[str, object] = {column: row.cells[column] or None for column in HEADER}
        cells.append(PriceCell.of_json(tree, row.where))
    return tuple(sorted(cells, key=lambda cell: (cell.column.encode(), cell.row.encode())))


class PythRules(Model):
    """Wormhole's guardian set that signs Pyth's updates: its number, its addresses in their order."""

    guardian_set: U32
    guardians: Annotated[tuple[Address, ...], Field(min_length=1, max_length=255), Sequence]

    def set_of(self) -> Guardians:
        """As the reader of updates takes it. Raises BytesLength where a guardian is listed twice."""
        return Guardians(self.guardian_set, self.guardians)


class RedstoneRules(Model):
    """RedStone's signers, how many must sign a feed, and the decimals of its values, which nobody signs."""

    signers: Signers
    decimals: U8 = 8


class PriceRules(Model):
    """The section ``prices`` of a policy. Ages and ``skew`` in seconds, the rest in basis points.

    ``maximum_age``: of a message before the snapshot's prices; ``skew``: how far after them, and after the clock;
    ``confidence``: the widest interval that Pyth may give, of the price; ``agreement``: how far two oracles may be
    apart; ``tolerance``: how far a table's price may be from its evidence, zero for not at all. Every cell that is
    listed needs evidence. ``complete``: columns all of whose rows must be listed; of these a row may be listed that
    tables do not have.
    """

    pyth: PythRules | None
    redstone: RedstoneRules | None
    maximum_age: U32
    skew: U32
    confidence: U16
    agreement: U16
    tolerance: U16
    cells: Cells
    complete: Columns

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.pyth is not None:
            self.pyth.set_of()
        if self.redstone is not None:
            self.redstone.signers.signer_set()
        known = {name for name, rules in (("pyth", self.pyth), ("redstone", self.redstone)) if rules is not None}
        if missing := {oracle for cell in self.cells for oracle in cell.feeds} - known:
            words = f"feeds of {min(missing)} are listed, and no signers of {min(missing)}"
            raise PydanticCustomError(SchemaType.code, words)
        if set(self.complete) - {cell.column for cell in self.cells}:
            raise PydanticCustomError(SchemaType.code, "a complete column has a row that is listed")
        return self


class PriceRulesFile(Document):
    """``*.price-rules.json``: the section by itself, for policies and for publishers."""

    TYPE: ClassVar[str] = "zkmargin/price-rules"
    type: Literal["zkmargin/price-rules"] = "zkmargin/price-rules"
    version: Literal["1"] = "1"
    prices: PriceRules
