"""Strict reading of JSON values: exact keys, exact types, canonical integers; nested arrays of them at speed.

Every reader here names the path of the value it refuses (``tables.columns.pnl``).  specs/formats.md#encodings
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zkmargin.errors import IntFormat, SchemaType, SchemaUnknownField

IntArray = NDArray[np.object_]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INTEGER = r"(?:0|-?[1-9][0-9]{0,75})"  # below 2**253 in magnitude: no integer of a rule set is larger
_CELL = re.compile(_INTEGER)
_CELLS = re.compile(f"{_INTEGER}(?:,{_INTEGER})*+")
MAX_MAGNITUDE = 10**76


def read_object(value: object, where: str, keys: Iterable[str]) -> dict[str, Any]:
    """A JSON object with exactly ``keys``."""
    if not isinstance(value, dict):
        raise SchemaType("must be an object", where=where, got=type(value).__name__)
    wanted = set(keys)
    for key in value:
        if key not in wanted:
            raise SchemaUnknownField(f"field `{key}` is not part of the document", where=where)
    for key in wanted:
        if key not in value:
            raise SchemaType(f"field `{key}` is missing", where=where)
    return value


def read_mapping(value: object, where: str) -> dict[str, Any]:
    """A JSON object whose keys are free names (of axes, columns, labels)."""
    if not isinstance(value, dict):
        raise SchemaType("must be an object", where=where, got=type(value).__name__)
    return value


def read_list(value: object, where: str) -> list[Any]:
    """A JSON array."""
    if not isinstance(value, list):
        raise SchemaType("must be an array", where=where, got=type(value).__name__)
    return value


def read_text(value: object, where: str) -> str:
    """A non-empty printable string without blanks at its ends."""
    check_text(value, where)
    return str(value)


def check_text(value: object, where: str) -> None:
    """Refuse anything but a non-empty printable string without blanks at its ends."""
    if not isinstance(value, str) or not value or not value.isprintable() or value != value.strip():
        raise SchemaType("must be a non-empty printable string", where=where)


def check_name(value: object, where: str) -> None:
    """Refuse anything but an identifier: ASCII letters, digits and underscores, no digit first."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise SchemaType("must be a name (letters, digits, underscores)", where=where, got=repr(value)[:40])


def integer_array(values: object, shape: tuple[int, ...], where: str) -> IntArray:
    """A read-only object array of Python ints of ``shape``, from nested sequences or integer arrays.

    Raises SchemaType where the shape differs or an element is not an integer, IntFormat beyond 76 digits.
    """
    array = np.empty(shape, dtype=object)
    given = np.asarray(values, dtype=object)
    if given.shape != shape:
        raise SchemaType("has the wrong shape", where=where, expected=shape, got=given.shape)
    flat = given.ravel().tolist()
    if not set(map(type, flat)) <= {int}:
        flat = [_whole(value, where) for value in flat]
    if flat and (max(flat) >= MAX_MAGNITUDE or min(flat) <= -MAX_MAGNITUDE):
        raise IntFormat("an integer has more than 76 digits", where=where)
    array.ravel()[:] = flat
    array.flags.writeable = False
    return array


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise SchemaType("must hold integers only", where=where, got=type(value).__name__)
    return int(value)


def parse_integer_array(values: object, shape: tuple[int, ...], where: str) -> IntArray:
    """The same from JSON: nested arrays, exactly of ``shape``, of canonical decimal strings."""
    cells: Sequence[Any] = [values]
    for size in shape:
        nested: list[Any] = []
        for row in cells:
            if not isinstance(row, list) or len(row) != size:
                got = len(row) if isinstance(row, list) else type(row).__name__
                raise SchemaType("has the wrong shape", where=where, expected=f"arrays of {size}", got=got)
            nested.extend(row)
        cells = nested
    # One match over all of them takes a third of the time; a cell with a comma in it shows in their number.
    texts = set(map(type, cells)) <= {str}
    joined = ",".join(cells) if texts else ""
    if cells and (not texts or not _CELLS.fullmatch(joined) or joined.count(",") != len(cells) - 1):
        accepts = _CELL.fullmatch
        at = next(i for i, cell in enumerate(cells) if type(cell) is not str or not accepts(cell))
        raise IntFormat("integer must be a canonical decimal string", where=f"{where}, element {at}")
    array = np.empty(shape, dtype=object)
    array.ravel()[:] = list(map(int, cells))
    array.flags.writeable = False
    return array


def format_integer_array(values: IntArray) -> Any:
    """Nested arrays of decimal strings; the inverse of parse_integer_array. A scalar is a string."""
    cells: list[Any] = list(map(str, values.ravel().tolist()))
    for size in reversed(values.shape):
        cells = [cells[start : start + size] for start in range(0, len(cells), size)]
    return cells[0]


def read_names(value: object, where: str) -> tuple[str, ...]:
    """An array of distinct printable strings."""
    return distinct_names(read_list(value, where), where)


def distinct_names(names: Iterable[object], where: str) -> tuple[str, ...]:
    """Distinct printable strings, in order."""
    listed = tuple(names)
    for position, name in enumerate(listed):
        check_text(name, f"{where}[{position}]")
    if len(set(listed)) != len(listed):
        twice = next(name for position, name in enumerate(listed) if name in listed[:position])
        raise SchemaType(f"`{twice}` is named twice", where=where)
    return tuple(str(name) for name in listed)
