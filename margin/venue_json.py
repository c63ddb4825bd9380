"""Strict reading of the JSON that venues publish: exact numbers, known fields, every refusal with its place.

Numbers may stand as numbers or as text, as venues write both; either way they are exact decimals. A field that comes
twice, one that is not known, NaN and infinities are refused.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from zkmargin.encoding import loads_json
from zkmargin.errors import MarketSource
from zkmargin.margin.delimited import check_positive, parse_number


def parse(content: bytes, name: str) -> Any:
    """The document of a file's bytes. Raises MarketSource."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = next(key for position, (key, _) in enumerate(pairs) if key in dict(pairs[:position]))
            raise MarketSource(f"the field `{twice[:40]}` comes twice in one object", where=name)
        return found

    def exact(text: str) -> Decimal:
        return parse_number(text, "number", name)

    try:
        return loads_json(
            content.decode("utf-8"), object_pairs_hook=unique, parse_float=exact, parse_int=exact, parse_constant=exact
        )
    except (ValueError, RecursionError) as error:
        place = f"{name}:{error.lineno}" if isinstance(error, json.JSONDecodeError) else name
        raise MarketSource("not JSON text", where=place) from None


def read_fields(
    value: object, where: str, required: Collection[str], optional: Collection[str] | None = ()
) -> dict[str, Any]:
    """An object with all ``required`` fields and, besides ``optional`` ones, no others; None: whatever others."""
    if not isinstance(value, dict):
        raise MarketSource("must be an object", where=where, got=_kind(value))
    if missing := [key for key in required if key not in value]:
        raise MarketSource(f"has no field `{missing[0]}`", where=where)
    unknown = [] if optional is None else [key for key in value if key not in required and key not in optional]
    if unknown:
        words = f"the field `{unknown[0][:40]}` is not known"
        raise MarketSource(words, where=where, hint="it may change what the others mean: support has to be added")
    return value


def read_items(value: object, where: str) -> list[Any]:
    """An array with at least one element."""
    if not isinstance(value, list) or not value:
        raise MarketSource("must be an array that is not empty", where=where, got=_kind(value))
    return value


def read_text(value: object, where: str) -> str:
    """Text that is not empty and can be printed."""
    if not isinstance(value, str) or not value.isprintable() or not value or value != value.strip():
        raise MarketSource("must be text", where=where, got=_kind(value))
    return value


def read_number(value: object, where: str) -> Decimal:
    """A finite number, or text that is one."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str):
        return parse_number(value, where.rpartition(".")[2], where)
    raise MarketSource("must be a number", where=where, got=_kind(value))


def read_positive(value: object, where: str) -> Decimal:
    """A number above zero."""
    return check_positive(read_number(value, where), where.rpartition(".")[2], where)


def read_whole(value: object, where: str) -> int:
    """A whole number."""
    number = read_number(value, where)
    if number != int(number):
        raise MarketSource("must be a whole number", where=where, got=number)
    return int(number)


def read_flag(value: object, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise MarketSource("must be true or false", where=where, got=_kind(value))
    return value


def _kind(value: object) -> str:
    names = {dict: "object", list: "array", str: "text", Decimal: "number", bool: "true or false", type(None): "null"}
    return names.get(type(value), type(value).__name__)
