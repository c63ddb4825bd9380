"""The ``.wtns`` file: the values of all wires.                                specs/formats.md#wtns"""

from __future__ import annotations

import struct

from zkmargin.errors import FileSection
from zkmargin.field import ELEMENT_BYTES, FR_MODULUS
from zkmargin.formats.binfile import (
    Buffer,
    read_integers,
    read_prime,
    read_sections,
    require_section,
    require_size,
    write_prime,
    write_sections,
)

MAGIC = b"wtns"
VERSION = 2
SECTIONS = {1: "header", 2: "values"}


def read_wtns(content: Buffer) -> bytes:
    """The wires' values, 32 little-endian bytes each, canonical, wire 0 being 1.

    Raises: FileMagic, FileVersion, FileTruncated, FileSection, FieldRange. No message carries a value.
    """
    sections = read_sections(content, MAGIC, VERSION, SECTIONS)
    header = require_section(sections, 1, SECTIONS)
    read_prime(header, FR_MODULUS)
    count = header.u32()
    header.finish()
    values = require_section(sections, 2, SECTIONS)
    require_size(values, count * ELEMENT_BYTES)
    integers = read_integers(values.view, FR_MODULUS, values.where)
    if not integers or integers[0] != 1:
        raise FileSection("the first wire is not the constant 1", where=values.where)
    return bytes(values.view)


def write_wtns(values: bytes) -> bytes:
    """The file's bytes for canonical values. Raises FieldRange where one is not canonical."""
    count, rest = divmod(len(values), ELEMENT_BYTES)
    if rest:
        raise FileSection("a witness is 32 bytes a wire", where=".wtns", got=len(values))
    read_integers(memoryview(values), FR_MODULUS, ".wtns")
    header = write_prime(FR_MODULUS) + struct.pack("<I", count)
    return write_sections(MAGIC, VERSION, [(1, header), (2, values)])
