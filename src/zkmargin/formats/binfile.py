"""The container of iden3's binary files: magic, version, and numbered sections.           specs/formats.md

    magic[4] | u32 version | u32 section count | (u32 section id | u64 length | content)*

Integers are little-endian.
Nothing is copied and nothing is trusted: every length is held to the bytes that are there before it is used.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from zkmargin.errors import FieldRange, FileMagic, FileSection, FileTruncated, FileVersion
from zkmargin.field import ELEMENT_BYTES

Buffer = bytes | bytearray | memoryview

MAX_SECTIONS = 64


class Reader:
    """A cursor over bytes that refuses to pass their end.  Errors name the part of the file in ``where``."""

    def __init__(self, view: Buffer, where: str) -> None:
        self.view = memoryview(view)
        self.at = 0
        self.where = where

    @property
    def remaining(self) -> int:
        return len(self.view) - self.at

    def take(self, count: int) -> memoryview:
        """The next ``count`` bytes, as a view. Raises FileTruncated."""
        if count > self.remaining:
            raise FileTruncated("file ends early", where=self.where, expected=f"{count} bytes", got=self.remaining)
        self.at += count
        return self.view[self.at - count : self.at]

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def finish(self) -> None:
        """Raises FileSection where bytes are left over."""
        if self.remaining:
            raise FileSection("bytes left over", where=self.where, expected="the end", got=f"{self.remaining} more")


def read_sections(content: Buffer, magic: bytes, version: int, known: Mapping[int, str]) -> dict[int, Reader]:
    """Split a file into its sections, by id.

    Raises: FileMagic, FileVersion; FileTruncated where a section ends past the file; FileSection where a
    section is doubled or not one of ``known`` (id to name), or bytes follow the last one.
    """
    kind = magic.decode()
    reader = Reader(content, f".{kind} header")
    if len(reader.view) < len(magic) or bytes(reader.take(len(magic))) != magic:
        raise FileMagic("not a file of this kind", where=f".{kind} header", expected=magic, got=bytes(content[:4]))
    found = reader.u32()
    if found != version:
        raise FileVersion("unsupported version", where=f".{kind} header", expected=version, got=found)
    count = reader.u32()
    if count > MAX_SECTIONS:
        raise FileSection("too many sections", where=f".{kind} header", expected=f"at most {MAX_SECTIONS}", got=count)
    sections: dict[int, Reader] = {}
    for _ in range(count):
        section_id, length = reader.u32(), reader.u64()
        if section_id not in known:
            raise FileSection("section is not supported", where=f".{kind} section {section_id}")
        where = f".{kind} section {section_id} ({known[section_id]})"
        if section_id in sections:
            raise FileSection("section comes twice", where=where)
        if length > reader.remaining:
            raise FileTruncated("section ends past the file", where=where, expected=length, got=reader.remaining)
        sections[section_id] = Reader(reader.take(length), where)
    reader.finish()
    return sections


def require_section(sections: Mapping[int, Reader], section_id: int, known: Mapping[int, str]) -> Reader:
    """The section, or FileSection where it is missing."""
    if section_id not in sections:
        raise FileSection("section is missing", where=f"section {section_id} ({known[section_id]})")
    return sections[section_id]


def require_size(section: Reader, expected: int) -> None:
    """Hold a whole section to the length that the header implies."""
    if len(section.view) != expected:
        raise FileSection("section has the wrong length", where=section.where, expected=expected, got=len(section.view))


def write_sections(magic: bytes, version: int, sections: Sequence[tuple[int, bytes]]) -> bytes:
    """The file's bytes, sections in the order given."""
    parts = [magic, struct.pack("<II", version, len(sections))]
    for section_id, content in sections:
        parts += [struct.pack("<IQ", section_id, len(content)), content]
    return b"".join(parts)


# --- field elements in files --------------------------------------------------------------------------------


def read_prime(reader: Reader, modulus: int) -> None:
    """Read ``u32 32 | prime`` and hold it to the BN254 prime expected here."""
    size = reader.u32()
    if size != ELEMENT_BYTES:
        raise FileSection("field size is not supported", where=reader.where, expected=ELEMENT_BYTES, got=size)
    if int.from_bytes(reader.take(ELEMENT_BYTES), "little") != modulus:
        raise FileSection("field is not the one of BN254 that belongs here", where=reader.where)


def write_prime(modulus: int) -> bytes:
    return struct.pack("<I", ELEMENT_BYTES) + modulus.to_bytes(ELEMENT_BYTES, "little")


def read_integers(view: memoryview, modulus: int, where: str) -> list[int]:
    """All elements of a view. Raises FieldRange where one is not below the modulus."""
    encoded = bytes(view)
    values = [
        int.from_bytes(encoded[at : at + ELEMENT_BYTES], "little") for at in range(0, len(encoded), ELEMENT_BYTES)
    ]
    if any(value >= modulus for value in values):
        index = next(index for index, value in enumerate(values) if value >= modulus)
        raise FieldRange("value is not below the field's prime", where=f"{where}, element {index}")
    return values


def from_montgomery(view: memoryview, modulus: int, where: str) -> bytes:
    """Elements ``x R mod p`` (``R = 2^256``) to canonical little-endian ones."""
    inverse = pow(1 << 256, -1, modulus)
    values = read_integers(view, modulus, where)
    return b"".join((value * inverse % modulus).to_bytes(ELEMENT_BYTES, "little") for value in values)


def to_montgomery(elements: bytes, modulus: int) -> bytes:
    """Canonical little-endian elements to ``x R mod p``."""
    values = read_integers(memoryview(elements), modulus, "points")
    return b"".join(((value << 256) % modulus).to_bytes(ELEMENT_BYTES, "little") for value in values)
