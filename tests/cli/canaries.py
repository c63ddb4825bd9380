"""Canaries: secrets that would be recognised wherever they came out, and the places where they may stand.

A secret is looked for in the encodings that a careless line would use: decimal, scaled and with separators, hex and
bytes of either order, base64.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from zkmargin.field import FR_MODULUS

AMOUNTS, SALTS, SECRETS, WORDS = "amounts", "salts", "secrets", "words"
ALLOWED: Final[Mapping[tuple[str, str], set[str]]] = {
    ("account import", "stdout"): {AMOUNTS},
    ("account import", "account"): {AMOUNTS},
    ("account show", "stdout"): {AMOUNTS},
    ("check", "stdout"): {AMOUNTS},
    ("attest positions", "opening"): {AMOUNTS, SALTS},
    ("keys backup", "words"): {WORDS},
}
"""Command and place to the kinds of secrets that belong there: in private documents, and in what the trader's own
commands print."""
PRIVATE: Final = {"account", "opening", "key", "words"}
"""Files that only their owner may read."""


def _numbers(value: int, decimals: int = 0) -> set[str]:
    """A number as text: exact digits, with and without point and separators."""
    magnitude = abs(value)
    shown = {str(magnitude), f"{magnitude:,}", f"{magnitude:_}", str(value % FR_MODULUS), f"0x{magnitude:x}"}
    if decimals:
        whole, rest = divmod(magnitude, 10**decimals)
        shown |= {f"{form}.{rest:0{decimals}d}" for form in (str(whole), f"{whole:,}", f"{whole:_}")}
    return shown


def _bytes(raw: bytes) -> Iterator[bytes]:
    """The bytes themselves, hex of either case, and base64 at each alignment."""
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):
        padded = bytes(shift) + raw + bytes((-shift - len(raw)) % 3)
        inner = base64.b64encode(padded)[4 if shift else 0 : -4]
        if len(inner) >= 8:  # shorter ones are found by chance
            yield from (inner, inner.replace(b"+", b"-").replace(b"/", b"_"))


def _integer(value: int, lengths: tuple[int, ...]) -> Iterator[bytes]:
    """An integer, and a negative one modulo r, as bytes of either order."""
    for length in lengths:
        number = value % (FR_MODULUS if length == 32 else 1 << 8 * length)
        for raw in (number.to_bytes(length, "little"), number.to_bytes(length, "big")):
            yield from _bytes(raw)


@dataclass(frozen=True)
class Canary:
    """A secret and its encodings: ``texts`` of numbers, which count where no other digit is beside them, and bytes."""

    name: str
    kind: str
    texts: tuple[bytes, ...]
    raw: tuple[bytes, ...]

    @classmethod
    def of_number(cls, name: str, kind: str, value: int, decimals: int = 0, lengths: tuple[int, ...] = (32,)) -> Canary:
        texts = tuple(text.encode() for text in _numbers(value, decimals))
        return cls(name, kind, texts, tuple(set(_integer(value, lengths))))

    @classmethod
    def of_bytes(cls, name: str, kind: str, raw: bytes) -> Canary:
        forms = {form for value in (raw, raw[::-1]) for form in _bytes(value)}
        return cls(name, kind, (), (*forms, str(int.from_bytes(raw, "big")).encode()))

    @classmethod
    def of_words(cls, name: str, kind: str, words: list[str]) -> Canary:
        """Any two words beside each other, however they are parted."""
        pairs = set(itertools.pairwise(words))
        forms = {f"{first}{between}{after}" for first, after in pairs for between in (" ", "\n", ", ", "', '", '", "')}
        return cls(name, kind, (), tuple(form.encode() for form in forms))

    def sings(self, content: bytes) -> bool:
        """Whether the secret is in ``content``."""
        if any(form in content for form in self.raw):
            return True
        near = [re.escape(text) for text in self.texts if text in content]
        return bool(near and re.search(rb"(?<![0-9a-fA-F])(%s)(?![0-9a-fA-F])" % b"|".join(near), content))


def leaks(canaries: Iterable[Canary], content: bytes, allowed: Iterable[str] = ()) -> list[str]:
    """Names of the canaries in ``content``, but for kinds that are ``allowed`` there."""
    kinds = set(allowed)
    return [canary.name for canary in canaries if canary.kind not in kinds and canary.sings(content)]
