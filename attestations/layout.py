"""How the columns that venues vouch for become the values of a position commitment.     specs/documents.md#positions

Shared by venues, who commit, and by circuits, which open. The commitment names its layout: a number that a venue
signed under one rule set is never read under another whose columns, units or intervals differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Final, Protocol, Self

from zkmargin.encoding import canonical_json, sha256, u248
from zkmargin.errors import AmountRange, Capacity, SchemaType
from zkmargin.poseidon import sponge

PACKED_BITS: Final = 248
SIZE: Final = "size"
CASH: Final = "cash"


class PrivateColumn(Protocol):
    """A private column as rule sets declare it: every value lies in ``[lo, lo + 2**bits)``."""

    @property
    def name(self) -> str: ...
    @property
    def axes(self) -> tuple[str, ...]: ...
    @property
    def lo(self) -> int: ...
    @property
    def bits(self) -> int: ...
    @property
    def decimals(self) -> int: ...
    @property
    def unit(self) -> object: ...


class PrivateColumns(Protocol):
    """The part of a rule set that positions depend on."""

    @property
    def attested(self) -> Sequence[PrivateColumn]: ...
    @property
    def venues(self) -> int: ...
    def shape(self, axes: tuple[str, ...], /) -> tuple[int, ...]: ...


@dataclass(frozen=True)
class ColumnLayout:
    """A private column in the commitment: ``count`` values (row-major over capacity), each in ``[low, low +
    2**bits)``.
    """

    name: str
    low: int
    bits: int
    count: int
    decimals: int = 0
    unit: str = "1"
    axes: tuple[tuple[str, int], ...] = ()
    """Names and capacities, in the order in which values are laid out."""

    def __post_init__(self) -> None:
        if not 0 < self.bits <= PACKED_BITS or self.count < 1:
            raise SchemaType("a private column has 1 to 248 bits and at least one value", where=self.name)

    def complete(self, values: Sequence[int]) -> list[int]:
        """``values`` padded with zeros to ``count``. Raises Capacity, AmountRange (which never tells the
        value).
        """
        if len(values) > self.count:
            raise Capacity("more rows than the rule set has room for", where=self.name, expected=self.count)
        padded = [*values, *[0] * (self.count - len(values))]
        for value in padded:
            if type(value) is not int or not 0 <= value - self.low < 1 << self.bits:
                raise AmountRange("a value is outside the interval that the rule set allows", where=self.name)
        return padded

    def pack(self, values: Sequence[int]) -> list[int]:
        """Field elements of ``floor(248 / bits)`` values each."""
        offsets = [value - self.low for value in self.complete(values)]
        per_element = PACKED_BITS // self.bits
        return [
            sum(offset << self.bits * slot for slot, offset in enumerate(offsets[start : start + per_element]))
            for start in range(0, len(offsets), per_element)
        ]


@dataclass(frozen=True)
class PositionLayout:
    """The private columns that one venue vouches for: the packed ones in declared order, and ``cash`` if there is
    one. Columns that the prover chooses are in no commitment of a venue.
    """

    columns: tuple[ColumnLayout, ...]
    cash: ColumnLayout | None

    @classmethod
    def of(cls, rules: PrivateColumns) -> Self:
        """From a rule set."""
        layouts = {
            column.name: ColumnLayout(
                column.name,
                column.lo,
                column.bits,
                prod(rules.shape(axes)),
                column.decimals,
                str(column.unit),
                tuple(zip(axes, rules.shape(axes), strict=True)),
            )
            for column in rules.attested
            for axes in [column.axes[1:] if rules.venues > 1 else column.axes]  # a statement is one venue's
        }
        cash = layouts.pop(CASH, None)
        if cash is not None and cash.count != 1:
            raise SchemaType("`cash` is a scalar", where=CASH)
        return cls(tuple(layouts.values()), cash)

    @cached_property
    def identity(self) -> int:
        """What every value means, as one number: the upper 248 bits of SHA-256 of the layout's RFC 8785 bytes."""
        columns = [
            {
                "name": column.name,
                "low": str(column.low),
                "bits": str(column.bits),
                "decimals": str(column.decimals),
                "unit": column.unit,
                "axes": [[name, str(capacity)] for name, capacity in column.axes],
                "count": str(column.count),
            }
            for column in (*self.columns, *([] if self.cash is None else [self.cash]))
        ]
        return u248(sha256(canonical_json(columns)))

    def size_commitment(self, values: Mapping[str, Sequence[int]]) -> int:
        """``Sponge(T_SIZE; identity, packed...)``. Raises SchemaType where columns are missing or extra, AmountRange,
        Capacity.
        """
        if values.keys() != {column.name for column in self.columns}:
            raise SchemaType("exactly the columns that a venue vouches for are needed", where="sizes")
        words = [word for column in self.columns for word in column.pack(values[column.name])]
        return sponge("size", [self.identity, *words])

    def check_cash(self, cash: int) -> int:
        """The cash balance, if the rule set has room for it: zero where it has none. Raises AmountRange."""
        if self.cash is None:
            if type(cash) is not int or cash != 0:
                raise AmountRange("this rule set has no cash", where=CASH)
            return cash
        return self.cash.complete([cash])[0]
