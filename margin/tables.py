"""Public tables and listings: what a margin rule reads of a market, as exact integers with a digest.

A table is a set of named axes (instrument, scenario, series ...) and columns over them. A column holds Python
ints, each meaning ``value / 10**decimals`` of the column's unit, in the shape of the *active* sizes of its
axes: padding up to a rule set's capacities is the circuit's business. A label maps each row of an axis to an
element of another axis.

JSON (integers are canonical decimal strings, unknown keys are refused):

    {"sizes": {axis: "792"}, "names": {axis: [element, ...]},
     "columns": {name: {"axes": [axis, ...], "decimals": "8", "values": nested arrays}},
     "labels": {name: {"axis": axis, "target": axis, "indices": ["0", "-1", ...]}},
     "parameters": {name: {"decimals": "2", "value": "100"}}}

``Tables.digest`` is SHA-256 over the RFC 8785 bytes of that object.                   specs/market.md#tables
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self

from zkmargin.encoding import canonical_json, parse_uint, sha256
from zkmargin.errors import InstrumentUnknown, SchemaType
from zkmargin.margin.strict import (
    IntArray,
    check_name,
    check_text,
    distinct_names,
    format_integer_array,
    integer_array,
    parse_integer_array,
    read_list,
    read_mapping,
    read_names,
    read_object,
    read_text,
)
from zkmargin.margin.terms import MAX_DECIMALS, Averaging, Barrier, check_decimal

INSTRUMENT_AXIS = "instrument"
KINDS = ("option", "future", "perpetual", "barrier", "asian")
OPTION_KINDS = ("option", "barrier", "asian")
OPTION_TYPES = ("call", "put")
TERMS = {"barrier": "barrier", "asian": "averaging"}
"""The field of the document form that a kind has beyond the others'."""


@dataclass(frozen=True, eq=False)
class Column:
    """Integers over axes: element ``[i, j, ...]`` means ``values[i, j, ...] / 10**decimals``.

    ``values`` is a read-only object array of Python ints, one dimension per axis; a scalar has shape ``()``.
    """

    name: str
    axes: tuple[str, ...]
    decimals: int
    values: IntArray

    def __post_init__(self) -> None:
        check_name(self.name, "column")
        for axis in self.axes:
            check_name(axis, f"column `{self.name}`")
        if len(set(self.axes)) != len(self.axes):
            raise SchemaType(f"column `{self.name}` names an axis twice", got=list(self.axes))
        _check_decimals(self.decimals, f"column `{self.name}`")
        shape = getattr(self.values, "shape", None)
        if shape is None or len(shape) != len(self.axes):
            raise SchemaType(f"column `{self.name}` needs one dimension per axis", expected=len(self.axes))
        object.__setattr__(self, "values", integer_array(self.values, shape, f"column `{self.name}`"))

    @classmethod
    def of(cls, name: str, axes: Iterable[str], decimals: int, values: object) -> Self:
        """A column from nested sequences of ints (or one int)."""
        import numpy as np

        return cls(name, tuple(axes), decimals, np.asarray(values, dtype=object))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Column):
            return NotImplemented
        mine, theirs = (self.name, self.axes, self.decimals), (other.name, other.axes, other.decimals)
        if mine != theirs or self.values.shape != other.values.shape:
            return False
        return bool(self.values.ravel().tolist() == other.values.ravel().tolist())

    def __hash__(self) -> int:
        return hash((self.name, self.axes, self.decimals, tuple(self.values.ravel().tolist())))


@dataclass(frozen=True)
class Label:
    """For each active row of ``axis`` the element of ``target`` that it belongs to; -1 for none."""

    name: str
    axis: str
    target: str
    indices: tuple[int, ...]

    def __post_init__(self) -> None:
        for text in (self.name, self.axis, self.target):
            check_name(text, f"label `{self.name}`")
        object.__setattr__(self, "indices", tuple(self.indices))
        if not set(map(type, self.indices)) <= {int}:
            raise SchemaType(f"label `{self.name}` must hold integers only")


@dataclass(frozen=True, eq=False)
class Tables:
    """All that the rules read of a market: axes (active sizes and names), columns, labels, parameters."""

    sizes: Mapping[str, int]
    names: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, Column] = field(default_factory=dict)
    labels: Mapping[str, Label] = field(default_factory=dict)
    parameters: Mapping[str, Column] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for attribute in ("sizes", "names", "columns", "labels", "parameters"):
            copied = dict(getattr(self, attribute))
            for key in copied:
                check_name(key, f"tables.{attribute}")
            object.__setattr__(self, attribute, MappingProxyType(copied))
        self._check_axes()
        for name, column in self.columns.items():
            self._check_key(name, column.name, "columns")
            shape = tuple(self._size(axis, f"tables.columns.{name}") for axis in column.axes)
            if (got := column.values.shape) != shape:
                raise SchemaType("has the wrong shape", where=f"tables.columns.{name}", expected=shape, got=got)
        for name, label in self.labels.items():
            self._check_label(name, label)
        for name, parameter in self.parameters.items():
            self._check_key(name, parameter.name, "parameters")
            if parameter.axes:
                raise SchemaType("a parameter is a scalar", where=f"tables.parameters.{name}")
        if doubled := self.columns.keys() & self.parameters.keys():
            raise SchemaType("is both a column and a parameter", where=f"tables.columns.{min(doubled)}")

    def _check_axes(self) -> None:
        if self.sizes.keys() != self.names.keys():
            odd = min(self.sizes.keys() ^ self.names.keys())
            raise SchemaType("every axis has a size and names", where=f"tables.sizes.{odd}")
        checked = {}
        for axis, size in self.sizes.items():
            if type(size) is not int or size < 1:
                raise SchemaType("an axis has at least one element", where=f"tables.sizes.{axis}", got=size)
            checked[axis] = distinct_names(self.names[axis], f"tables.names.{axis}")
            if (got := len(checked[axis])) != size:
                raise SchemaType("one name per element", where=f"tables.names.{axis}", expected=size, got=got)
        object.__setattr__(self, "names", MappingProxyType(checked))

    def _check_label(self, name: str, label: Label) -> None:
        where = f"tables.labels.{name}"
        self._check_key(name, label.name, "labels")
        rows, groups = self._size(label.axis, where), self._size(label.target, where)
        if len(label.indices) != rows:
            raise SchemaType("one index per row", where=where, expected=rows, got=len(label.indices))
        if min(label.indices) < -1 or max(label.indices) >= groups:
            raise SchemaType("an index is outside the target axis", where=where, expected=f"at most {groups - 1}")

    def _check_key(self, key: str, name: str, kind: str) -> None:
        if key != name:
            raise SchemaType("is filed under another name", where=f"tables.{kind}.{key}", got=name)

    def _size(self, axis: str, where: str) -> int:
        if axis not in self.sizes:
            raise SchemaType(f"there is no axis `{axis}`", where=where)
        return self.sizes[axis]

    def with_values(self, values: Mapping[str, IntArray]) -> Self:
        """The same tables with other values in columns or parameters that they have; axes and decimals stay."""
        held = {**self.columns, **self.parameters}
        if unknown := values.keys() - held.keys():
            raise SchemaType(f"the tables have no column `{min(unknown)}`")
        new = {name: Column.of(name, held[name].axes, held[name].decimals, array) for name, array in values.items()}

        def merged(kept: Mapping[str, Column]) -> dict[str, Column]:
            return {name: new.get(name, column) for name, column in kept.items()}

        for name, column in new.items():
            if column.values.shape != held[name].values.shape:
                raise SchemaType("has the wrong shape", where=f"tables.columns.{name}")
        moved = object.__new__(type(self))  # all else is checked: prices are moved a thousand times over
        for attribute in ("sizes", "names", "labels"):
            object.__setattr__(moved, attribute, getattr(self, attribute))
        object.__setattr__(moved, "columns", MappingProxyType(merged(self.columns)))
        object.__setattr__(moved, "parameters", MappingProxyType(merged(self.parameters)))
        return moved

    def to_json(self) -> dict[str, Any]:
        """The document form (module docstring)."""
        return {
            "sizes": {axis: str(size) for axis, size in self.sizes.items()},
            "names": {axis: list(names) for axis, names in self.names.items()},
            "columns": {
                name: {
                    "axes": list(column.axes),
                    "decimals": str(column.decimals),
                    "values": format_integer_array(column.values),
                }
                for name, column in self.columns.items()
            },
            "labels": {
                name: {"axis": label.axis, "target": label.target, "indices": list(map(str, label.indices))}
                for name, label in self.labels.items()
            },
            "parameters": {
                name: {"decimals": str(column.decimals), "value": format_integer_array(column.values)}
                for name, column in self.parameters.items()
            },
        }

    @classmethod
    def of_json(cls, document: object) -> Self:
        """Read the document form. Raises SchemaUnknownField, SchemaType or IntFormat, with the path."""
        top = read_object(document, "tables", ("sizes", "names", "columns", "labels", "parameters"))
        listed = read_mapping(top["sizes"], "tables.sizes")
        sizes = {axis: parse_uint(size, f"tables.sizes.{axis}", 32) for axis, size in listed.items()}
        names = {
            axis: read_names(given, f"tables.names.{axis}")
            for axis, given in read_mapping(top["names"], "tables.names").items()
        }
        columns, labels, parameters = {}, {}, {}
        for name, given in read_mapping(top["columns"], "tables.columns").items():
            where = f"tables.columns.{name}"
            entry = read_object(given, where, ("axes", "decimals", "values"))
            axes = read_names(entry["axes"], f"{where}.axes")
            if missing := [axis for axis in axes if axis not in sizes]:
                raise SchemaType(f"there is no axis `{missing[0]}`", where=f"{where}.axes")
            shape = tuple(sizes[axis] for axis in axes)
            values = parse_integer_array(entry["values"], shape, f"{where}.values")
            columns[name] = Column(name, axes, parse_uint(entry["decimals"], f"{where}.decimals", 8), values)
        for name, given in read_mapping(top["labels"], "tables.labels").items():
            where = f"tables.labels.{name}"
            entry = read_object(given, where, ("axis", "target", "indices"))
            rows = len(read_list(entry["indices"], f"{where}.indices"))
            indices = parse_integer_array(entry["indices"], (rows,), f"{where}.indices").tolist()
            axis, target = (read_text(entry[key], f"{where}.{key}") for key in ("axis", "target"))
            labels[name] = Label(name, axis, target, tuple(indices))
        for name, given in read_mapping(top["parameters"], "tables.parameters").items():
            where = f"tables.parameters.{name}"
            entry = read_object(given, where, ("decimals", "value"))
            value = parse_integer_array(entry["value"], (), f"{where}.value")
            parameters[name] = Column(name, (), parse_uint(entry["decimals"], f"{where}.decimals", 8), value)
        return cls(sizes, names, columns, labels, parameters)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the RFC 8785 bytes of the document form: the ``marketDigest`` of a snapshot."""
        return sha256(canonical_json(self.to_json()))

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Tables) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{axis}={size}" for axis, size in self.sizes.items())
        return f"Tables({sizes}; {len(self.columns)} columns, {len(self.labels)} labels)"


@dataclass(frozen=True)
class Instrument:
    """One listed contract. Its P&L per contract is ``multiplier`` units of the underlying.

    ``expiry`` is unix seconds (None for a perpetual); options have a ``strike``, a plain decimal in USD,
    and an ``option_type``, ``call`` or ``put``. ``settlement`` names the asset in which the contract settles. Options
    of the kinds ``barrier`` and ``asian`` have a barrier, or an averaging, and their document form says so; that of the
    other kinds has no such fields.
    """

    id: str
    kind: str
    underlying: str
    settlement: str
    multiplier: str
    expiry: int | None = None
    strike: str | None = None
    option_type: str | None = None
    barrier: Barrier | None = None
    averaging: Averaging | None = None

    def __post_init__(self) -> None:
        where = f"instrument `{self.id}`"
        for text in (self.id, self.underlying, self.settlement):
            check_text(text, where)
        if self.kind not in KINDS:
            raise SchemaType("unknown kind", where=where, expected=" or ".join(KINDS), got=self.kind)
        is_option = self.kind in OPTION_KINDS
        if (self.strike is not None) != is_option or (self.option_type is not None) != is_option:
            raise SchemaType("options, and only options, have a strike and a type", where=where)
        if (self.expiry is None) != (self.kind == "perpetual"):
            raise SchemaType("all but perpetuals have an expiry", where=where)
        if is_option and self.option_type not in OPTION_TYPES:
            raise SchemaType("unknown option type", where=where, expected=" or ".join(OPTION_TYPES))
        if self.expiry is not None and (type(self.expiry) is not int or not 0 < self.expiry < 1 << 63):
            raise SchemaType("expiry must be unix seconds", where=where)
        for amount in (self.multiplier, self.strike):
            if amount is not None:
                check_decimal(amount, where)
        if (self.barrier is not None) != (self.kind == "barrier"):
            raise SchemaType("barrier options, and only they, have a barrier", where=where)
        if (self.averaging is not None) != (self.kind == "asian"):
            raise SchemaType("Asian options, and only they, have an averaging", where=where)
        if self.barrier is not None:
            self.barrier.check(where)
        if self.averaging is not None:
            self.averaging.check(self.expiry or 0, where)

    @property
    def is_option(self) -> bool:
        """Whether it has a strike: options, barrier options, Asian options."""
        return self.kind in OPTION_KINDS

    def to_json(self) -> dict[str, Any]:
        """The document form; keys as in a listing."""
        exotic: dict[str, Any] = {}
        if self.barrier is not None:
            exotic["barrier"] = self.barrier.to_json()
        if self.averaging is not None:
            exotic["averaging"] = self.averaging.to_json()
        return {
            "id": self.id,
            "kind": self.kind,
            "underlying": self.underlying,
            "settlement": self.settlement,
            "multiplier": self.multiplier,
            "expiry": None if self.expiry is None else str(self.expiry),
            "strike": self.strike,
            "optionType": self.option_type,
            **exotic,
        }

    @classmethod
    def of_json(cls, document: object, where: str = "instrument") -> Self:
        """Read the document form, strictly."""
        keys = ["id", "kind", "underlying", "settlement", "multiplier", "expiry", "strike", "optionType"]
        kind = document.get("kind") if isinstance(document, dict) else None
        keys += [TERMS[kind]] if isinstance(kind, str) and kind in TERMS else []
        entry = read_object(document, where, keys)

        def text(key: str) -> str:
            return read_text(entry[key], f"{where}.{key}")

        return cls(
            id=text("id"),
            kind=text("kind"),
            underlying=text("underlying"),
            settlement=text("settlement"),
            multiplier=text("multiplier"),
            expiry=None if entry["expiry"] is None else parse_uint(entry["expiry"], f"{where}.expiry", 63),
            strike=None if entry["strike"] is None else text("strike"),
            option_type=None if entry["optionType"] is None else text("optionType"),
            barrier=Barrier.of_json(entry["barrier"], f"{where}.barrier") if kind == "barrier" else None,
            averaging=Averaging.of_json(entry["averaging"], f"{where}.averaging") if kind == "asian" else None,
        )


@dataclass(frozen=True, eq=False)
class Listing:
    """The ordered instruments that an account's sizes are about, and the units of sizes and cash.

    Row j of every table over the axis ``instrument`` is ``instruments[j]``; a size is a whole number of
    ``10**-lot_decimals`` contracts, cash a whole number of ``10**-cash_decimals`` of ``cash_unit``. ``axes`` names
    the rows of the other axes that an account has amounts along (assets, risk factors), in order.
    """

    instruments: tuple[Instrument, ...]
    lot_decimals: int
    cash_unit: str
    cash_decimals: int
    axes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "instruments", tuple(self.instruments))
        distinct_names((instrument.id for instrument in self.instruments), "listing.instruments")
        named = {}
        for axis, elements in self.axes.items():
            check_name(axis, "listing.axes")
            if axis == INSTRUMENT_AXIS:
                raise SchemaType("the rows of instruments are the instruments", where="listing.axes")
            named[axis] = distinct_names(elements, f"listing.axes.{axis}")
        object.__setattr__(self, "axes", MappingProxyType(named))
        check_text(self.cash_unit, "listing.cashUnit")
        _check_decimals(self.lot_decimals, "listing.lotDecimals")
        _check_decimals(self.cash_decimals, "listing.cashDecimals")

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Instrument id to row."""
        return MappingProxyType({instrument.id: row for row, instrument in enumerate(self.instruments)})

    def row(self, instrument_id: str, where: str = "") -> int:
        """The row of an instrument. Raises InstrumentUnknown, with the nearest ids."""
        if instrument_id in self.rows:
            return self.rows[instrument_id]
        import difflib

        near = difflib.get_close_matches(instrument_id, self.rows, n=1, cutoff=0.8)
        hint = f"did you mean `{near[0]}`?" if near else "`zkmargin market show` names what is listed"
        raise InstrumentUnknown(f"instrument `{instrument_id[:60]}` is not listed", where=where, hint=hint)

    def to_json(self) -> dict[str, Any]:
        """``{"instruments": [...], "lotDecimals": "4", "cashUnit": "usd", "cashDecimals": "6", "axes": {}}``."""
        return {
            "instruments": [instrument.to_json() for instrument in self.instruments],
            "lotDecimals": str(self.lot_decimals),
            "cashUnit": self.cash_unit,
            "cashDecimals": str(self.cash_decimals),
            "axes": {axis: list(elements) for axis, elements in self.axes.items()},
        }

    @classmethod
    def of_json(cls, document: object) -> Self:
        """Read the document form, strictly."""
        entry = read_object(document, "listing", ("instruments", "lotDecimals", "cashUnit", "cashDecimals", "axes"))
        listed = read_list(entry["instruments"], "listing.instruments")
        instruments = tuple(
            Instrument.of_json(given, f"listing.instruments[{row}]") for row, given in enumerate(listed)
        )
        lots = parse_uint(entry["lotDecimals"], "listing.lotDecimals", 8)
        cash = parse_uint(entry["cashDecimals"], "listing.cashDecimals", 8)
        named = read_mapping(entry["axes"], "listing.axes")
        axes = {axis: read_names(elements, f"listing.axes.{axis}") for axis, elements in named.items()}
        return cls(instruments, lots, read_text(entry["cashUnit"], "listing.cashUnit"), cash, axes)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the RFC 8785 bytes of the document form: the ``listingDigest`` of statements."""
        return sha256(canonical_json(self.to_json()))

    def __len__(self) -> int:
        return len(self.instruments)

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Listing) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)


def _check_decimals(decimals: object, where: str) -> None:
    if type(decimals) is not int or not 0 <= decimals <= MAX_DECIMALS:
        raise SchemaType(f"decimals must be 0 to {MAX_DECIMALS}", where=where)
