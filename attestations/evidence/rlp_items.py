"""Canonical RLP (Yellow Paper, appendix B): one encoding for each value, nothing behind it."""

from __future__ import annotations

from typing import TypeAlias

import rlp
from rlp.exceptions import RLPException

Item: TypeAlias = "bytes | list[Item]"


def decode(raw: bytes) -> Item | None:
    """Byte strings and lists of them; None where the bytes are no canonical encoding."""
    try:
        item: Item = rlp.decode(raw, strict=True)
    except (RLPException, RecursionError):
        return None
    return item


def decode_strings(raw: bytes) -> list[bytes] | None:
    """A list of byte strings; None where it is anything else."""
    items = decode(raw)
    if not isinstance(items, list):
        return None
    strings = [item for item in items if isinstance(item, bytes)]
    return strings if len(strings) == len(items) else None


def encoded_length(item: Item) -> int:
    """How long the encoding is."""
    return len(rlp.encode(item))
