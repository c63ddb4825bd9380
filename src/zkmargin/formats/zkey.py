"""The ``.zkey`` file: a Groth16 proving key as snarkjs writes it.                   specs/formats.md#zkey

Coordinates of points are Montgomery residues, ``x R mod q`` with ``R = 2^256``; coefficients of the
constraint matrices carry ``R`` twice. This module alone knows that: what it returns and takes is canonical.

    1 protocol (1 = Groth16)           2 header: fields, sizes, alpha1 beta1 beta2 gamma2 delta1 delta2
    3 IC   [beta u_i + alpha v_i + w_i]_1 for the constant and the public wires
    4 coefficients of A and B, among them the rows ``wire_i * 0 = 0`` that tie down public wires
    5 A    [u_i]_1     6 B1 [v_i]_1     7 B2 [v_i]_2
    8 C    [(beta u_i + alpha v_i + w_i)/delta]_1 for the private wires
    9 H    [L_(2i+1)/delta]_1, the odd Lagrange polynomials of the domain of twice the size, at tau
    10     circuit hash and the contributions of the ceremony
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from zkmargin.errors import FieldRange, FileSection, FileVersion
from zkmargin.field import ELEMENT_BYTES, FQ_MODULUS, FR_MODULUS
from zkmargin.formats.binfile import (
    Buffer,
    Reader,
    from_montgomery,
    read_prime,
    read_sections,
    require_section,
    require_size,
    to_montgomery,
    write_prime,
    write_sections,
)

MAGIC = b"zkey"
VERSION = 1
GROTH16 = 1
MAX_DOMAIN = 1 << 28
SECTIONS = {
    1: "protocol",
    2: "header",
    3: "IC",
    4: "coefficients",
    5: "A points",
    6: "B1 points",
    7: "B2 points",
    8: "C points",
    9: "H points",
    10: "contributions",
}

G1_BYTES = 2 * ELEMENT_BYTES
G2_BYTES = 4 * ELEMENT_BYTES
NO_CONTRIBUTIONS = bytes(64 + 4)
"""Section 10 of a key that no ceremony made: no circuit hash, no contribution."""

_COEFFICIENT = struct.Struct(f"<III{ELEMENT_BYTES}s")
_R_SQUARED_INVERSE = pow(1 << 512, -1, FR_MODULUS)

Coefficient = tuple[int, int, int, int]
"""``(matrix, row, wire, value)``; matrix 0 is A and 1 is B."""


@dataclass(frozen=True)
class ZkeyHeader:
    """The sizes and the six fixed points (bytes, canonical, G1 64 and G2 128)."""

    n_wires: int
    n_public: int
    domain_size: int
    alpha1: bytes
    beta1: bytes
    beta2: bytes
    gamma2: bytes
    delta1: bytes
    delta2: bytes


@dataclass(frozen=True)
class Zkey:
    """A whole proving key. Points are concatenated, canonical bytes; infinity is zeros."""

    header: ZkeyHeader
    ic: bytes
    coefficients: Sequence[Coefficient]
    a: bytes
    b1: bytes
    b2: bytes
    c: bytes
    h: bytes
    contributions: bytes = NO_CONTRIBUTIONS

    def verifying_key(self) -> bytes:
        """``alpha1 || beta2 || gamma2 || delta2 || IC``."""
        return _verifying_key(self.header, self.ic)


def _verifying_key(header: ZkeyHeader, ic: bytes) -> bytes:
    return header.alpha1 + header.beta2 + header.gamma2 + header.delta2 + ic


def _points(reader: Reader, size: int) -> bytes:
    return from_montgomery(reader.take(size), FQ_MODULUS, reader.where)


def _read_header(sections: dict[int, Reader]) -> ZkeyHeader:
    protocol = require_section(sections, 1, SECTIONS)
    found = protocol.u32()
    protocol.finish()
    if found != GROTH16:
        raise FileVersion("proof system is not Groth16", where=protocol.where, expected=GROTH16, got=found)
    header = require_section(sections, 2, SECTIONS)
    read_prime(header, FQ_MODULUS)
    read_prime(header, FR_MODULUS)
    n_wires, n_public, domain_size = header.u32(), header.u32(), header.u32()
    if n_public >= n_wires:
        raise FileSection("more public inputs than wires", where=header.where, got=n_public)
    if domain_size > MAX_DOMAIN or domain_size < 1 or domain_size & (domain_size - 1):
        raise FileSection("domain is not a power of two up to 2^28", where=header.where, got=domain_size)
    alpha1, beta1 = _points(header, G1_BYTES), _points(header, G1_BYTES)
    beta2, gamma2 = _points(header, G2_BYTES), _points(header, G2_BYTES)
    delta1, delta2 = _points(header, G1_BYTES), _points(header, G2_BYTES)
    header.finish()
    return ZkeyHeader(n_wires, n_public, domain_size, alpha1, beta1, beta2, gamma2, delta1, delta2)


def _read_points(sections: dict[int, Reader], section_id: int, count: int, size: int) -> bytes:
    section = require_section(sections, section_id, SECTIONS)
    require_size(section, count * size)
    return _points(section, count * size)


def _read_coefficients(section: Reader, header: ZkeyHeader) -> list[Coefficient]:
    count = section.u32()
    require_size(section, 4 + count * _COEFFICIENT.size)
    coefficients = []
    for matrix, row, wire, encoded in _COEFFICIENT.iter_unpack(section.take(count * _COEFFICIENT.size)):
        value = int.from_bytes(encoded, "little")
        if value >= FR_MODULUS:
            raise FieldRange("coefficient is not below the field's prime", where=section.where)
        if matrix > 1 or row >= header.domain_size or wire >= header.n_wires:
            raise FileSection("coefficient is outside the matrices", where=section.where)
        coefficients.append((matrix, row, wire, value * _R_SQUARED_INVERSE % FR_MODULUS))
    return coefficients


def read_zkey_header(content: Buffer) -> tuple[ZkeyHeader, bytes]:
    """The header and the verifying key's bytes; the prover's sections are held to their lengths only.

    Raises as ``read_zkey``.
    """
    sections = read_sections(content, MAGIC, VERSION, SECTIONS)
    header = _read_header(sections)
    ic = _read_points(sections, 3, header.n_public + 1, G1_BYTES)
    for section_id, size in _point_sections(header).items():
        require_size(require_section(sections, section_id, SECTIONS), size)
    return header, _verifying_key(header, ic)


def _point_sections(header: ZkeyHeader) -> dict[int, int]:
    """Lengths of sections 5 to 9."""
    return {
        5: header.n_wires * G1_BYTES,
        6: header.n_wires * G1_BYTES,
        7: header.n_wires * G2_BYTES,
        8: (header.n_wires - header.n_public - 1) * G1_BYTES,
        9: header.domain_size * G1_BYTES,
    }


def read_zkey(content: Buffer) -> Zkey:
    """Parse a Groth16 ``.zkey`` over BN254.

    Raises: FileMagic; FileVersion (another version or proof system); FileTruncated; FileSection (a section is
    missing, has the wrong length, or points outside the matrices); FieldRange. Whether points are on their
    curves is not checked.
    """
    sections = read_sections(content, MAGIC, VERSION, SECTIONS)
    header = _read_header(sections)
    ic = _read_points(sections, 3, header.n_public + 1, G1_BYTES)
    coefficients = _read_coefficients(require_section(sections, 4, SECTIONS), header)
    points = {}
    for section_id, size in _point_sections(header).items():
        points[section_id] = _read_points(sections, section_id, 1, size)
    contributions = require_section(sections, 10, SECTIONS)
    if len(contributions.view) < len(NO_CONTRIBUTIONS):
        raise FileSection("section is too short", where=contributions.where)
    return Zkey(
        header=header,
        ic=ic,
        coefficients=coefficients,
        a=points[5],
        b1=points[6],
        b2=points[7],
        c=points[8],
        h=points[9],
        contributions=bytes(contributions.view),
    )


def _montgomery(points: bytes) -> bytes:
    return to_montgomery(points, FQ_MODULUS)


def _write_header(header: ZkeyHeader) -> bytes:
    sizes = struct.pack("<III", header.n_wires, header.n_public, header.domain_size)
    points = header.alpha1 + header.beta1 + header.beta2 + header.gamma2 + header.delta1 + header.delta2
    return write_prime(FQ_MODULUS) + write_prime(FR_MODULUS) + sizes + _montgomery(points)


def _write_coefficients(coefficients: Sequence[Coefficient]) -> bytes:
    parts = [struct.pack("<I", len(coefficients))]
    for matrix, row, wire, value in coefficients:
        encoded = ((value << 512) % FR_MODULUS).to_bytes(ELEMENT_BYTES, "little")
        parts.append(_COEFFICIENT.pack(matrix, row, wire, encoded))
    return b"".join(parts)


def write_zkey(zkey: Zkey) -> bytes:
    """The file's bytes, sections in ascending order."""
    return write_sections(
        MAGIC,
        VERSION,
        [
            (1, struct.pack("<I", GROTH16)),
            (2, _write_header(zkey.header)),
            (3, _montgomery(zkey.ic)),
            (4, _write_coefficients(zkey.coefficients)),
            (5, _montgomery(zkey.a)),
            (6, _montgomery(zkey.b1)),
            (7, _montgomery(zkey.b2)),
            (8, _montgomery(zkey.c)),
            (9, _montgomery(zkey.h)),
            (10, zkey.contributions),
        ],
    )
