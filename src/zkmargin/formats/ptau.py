"""The ``.ptau`` file: the powers of tau of a ceremony as snarkjs writes them.       specs/formats.md#ptau

    1 header: Fq, power, power of the whole ceremony
    2 [tau^i]_1, i < 2N - 1        3 [tau^i]_2, i < N        4 [alpha tau^i]_1, i < N
    5 [beta tau^i]_1, i < N        6 [beta]_2                7 contributions
    12 to 15 the Lagrange bases of 2, 3, 4 and 5 over the roots of unity of order 1, 2, 4 .. N, in 12 up to 2N

N is ``2^power``. Coordinates are Montgomery residues; this module alone knows that. A section stays as the file has
it until its points are asked for, so that what a file costs is its own size.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zkmargin.errors import FileSection
from zkmargin.field import ELEMENT_BYTES, FQ_MODULUS
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

MAGIC = b"ptau"
VERSION = 1
MAX_POWER = 28
"""The two-adicity of Fr: there is no larger domain."""
G1_BYTES, G2_BYTES = 2 * ELEMENT_BYTES, 4 * ELEMENT_BYTES
SECTIONS = {
    1: "header",
    2: "tau in G1",
    3: "tau in G2",
    4: "alpha tau in G1",
    5: "beta tau in G1",
    6: "beta in G2",
    7: "contributions",
    12: "Lagrange basis, tau in G1",
    13: "Lagrange basis, tau in G2",
    14: "Lagrange basis, alpha tau in G1",
    15: "Lagrange basis, beta tau in G1",
}
LAGRANGE_OF = {12: 2, 13: 3, 14: 4, 15: 5}
"""Per section of a Lagrange basis: the section of the powers that it is made of."""
PARTIAL_HASH_BYTES, CHALLENGE_BYTES = 216, 64
CONTRIBUTION, BEACON = 0, 1
_MAX_NAME = 255
_NAME, _ITERATIONS, _BEACON_HASH = 1, 2, 3


@dataclass(frozen=True)
class Points:
    """A section's points, as the file holds them."""

    view: memoryview = field(repr=False)
    size: int
    """Bytes per point: 64 in G1, 128 in G2."""
    where: str

    def __len__(self) -> int:
        return len(self.view) // self.size

    def read(self, first: int = 0, count: int | None = None) -> bytes:
        """``count`` points from ``first`` on, or all, canonical (infinity is zeros).

        Raises FieldRange for a coordinate that is not below q, FileSection where there are not so many. Whether
        the points are on their curve is for the engine that takes them to say.
        """
        end = len(self) if count is None else first + count
        if not 0 <= first <= end <= len(self):
            raise FileSection("there are not so many points", where=self.where, expected=f"{end}", got=len(self))
        return from_montgomery(self.view[first * self.size : end * self.size], FQ_MODULUS, self.where)


@dataclass(frozen=True)
class PtauContribution:
    """What one participant left: the points after their turn, and their proof of knowledge.

    Bytes of points are canonical. ``key``: ``[s]_1 [s x]_1`` for tau, alpha and beta, then ``[s' x]_2`` for the three.
    """

    tau1: bytes
    tau2: bytes
    alpha1: bytes
    beta1: bytes
    beta2: bytes
    key: bytes
    partial_hash: bytes
    """The state of BLAKE2b before the key is absorbed, which makes the response's hash."""
    next_challenge: bytes
    """BLAKE2b-512 of the powers that this contribution made."""
    name: str = ""
    """As the participant gave it, what cannot be printed escaped."""
    beacon: bytes | None = None
    """The public randomness of a beacon; None for a person's contribution."""
    iterations_exponent: int = 0
    """The beacon was hashed ``2**iterations_exponent`` times."""


@dataclass(frozen=True)
class PowersOfTau:
    """A whole file. ``powers`` and ``lagrange`` by section number, as in ``SECTIONS``."""

    power: int
    ceremony_power: int
    """Larger than ``power`` in a file that was cut down from its ceremony's."""
    powers: Mapping[int, Points]
    lagrange: Mapping[int, Points]
    """Empty, or all four sections."""
    contributions: Sequence[PtauContribution]

    @property
    def is_prepared(self) -> bool:
        """Whether a circuit's keys can be made from it (``prepare phase2``)."""
        return bool(self.lagrange)

    def lagrange_points(self, section: int, level: int) -> bytes:
        """The basis over the roots of unity of order ``2**level``, canonical."""
        return self.lagrange[section].read((1 << level) - 1, 1 << level)


def lengths(power: int) -> dict[int, tuple[int, int]]:
    """Per section of points: how many, and their size."""
    n = 1 << power
    return {
        2: (2 * n - 1, G1_BYTES),
        3: (n, G2_BYTES),
        4: (n, G1_BYTES),
        5: (n, G1_BYTES),
        6: (1, G2_BYTES),
        12: (4 * n - 1, G1_BYTES),
        13: (2 * n - 1, G2_BYTES),
        14: (2 * n - 1, G1_BYTES),
        15: (2 * n - 1, G1_BYTES),
    }


def read_ptau(content: Buffer) -> PowersOfTau:
    """Parse a ``.ptau`` file over BN254, prepared for phase 2 or not.

    Raises: FileMagic, FileVersion, FileTruncated; FileSection where a section is missing or has another length than
    the header implies; FieldRange for a contribution's coordinate (the sections' own when they are read).
    """
    sections = read_sections(content, MAGIC, VERSION, SECTIONS)
    header = require_section(sections, 1, SECTIONS)
    read_prime(header, FQ_MODULUS)
    power, ceremony_power = header.u32(), header.u32()
    header.finish()
    if not 1 <= power <= ceremony_power <= MAX_POWER:
        limits = f"1 to {MAX_POWER}, and at most the ceremony's"
        raise FileSection("no such power", where=header.where, expected=limits, got=f"{power} of {ceremony_power}")
    found: dict[int, Points] = {}
    for number, (count, size) in lengths(power).items():
        if number in LAGRANGE_OF and not LAGRANGE_OF.keys() & sections.keys():
            continue
        section = require_section(sections, number, SECTIONS)
        require_size(section, count * size)
        found[number] = Points(section.view, size, section.where)
    contributions = _read_contributions(require_section(sections, 7, SECTIONS))
    lagrange = {number: points for number, points in found.items() if number in LAGRANGE_OF}
    powers = {number: points for number, points in found.items() if number not in LAGRANGE_OF}
    return PowersOfTau(power, ceremony_power, powers, lagrange, contributions)


def _read_contributions(section: Reader) -> list[PtauContribution]:
    contributions = [_read_contribution(section) for _ in range(_plausible_count(section))]
    section.finish()
    return contributions


def _plausible_count(section: Reader) -> int:
    count = section.u32()
    least = 7 * G1_BYTES + 4 * G2_BYTES  # a part of what each takes
    if count * least > section.remaining:
        raise FileSection("more contributions than there is room for", where=section.where, got=count)
    return count


def _read_contribution(section: Reader) -> PtauContribution:
    def points(size: int) -> bytes:
        return from_montgomery(section.take(size), FQ_MODULUS, section.where)

    tau1, tau2, alpha1, beta1 = points(G1_BYTES), points(G2_BYTES), points(G1_BYTES), points(G1_BYTES)
    beta2, key = points(G2_BYTES), points(6 * G1_BYTES + 3 * G2_BYTES)
    partial_hash, next_challenge = (bytes(section.take(size)) for size in (PARTIAL_HASH_BYTES, CHALLENGE_BYTES))
    kind = section.u32()
    name, beacon, exponent = _read_parameters(Reader(section.take(section.u32()), section.where))
    if kind not in (CONTRIBUTION, BEACON) or (kind == BEACON) != (beacon is not None):
        raise FileSection("not a contribution, nor a beacon with its randomness", where=section.where, got=kind)
    parts = (tau1, tau2, alpha1, beta1, beta2, key, partial_hash, next_challenge)
    return PtauContribution(*parts, name, beacon, exponent)


def _read_parameters(reader: Reader) -> tuple[str, bytes | None, int]:
    """Name, beacon and its exponent: one byte of kind each, kinds rising, then a byte and for two of them a text."""
    name, beacon, exponent = "", None, None
    last = 0
    while reader.remaining:
        kind, value = reader.take(2)
        if kind <= last:
            raise FileSection("parameters of a contribution are not in order", where=reader.where, got=kind)
        last = kind
        if kind == _NAME:
            name = _printable(bytes(reader.take(value)))
        elif kind == _ITERATIONS:
            exponent = value
        elif kind == _BEACON_HASH:
            beacon = bytes(reader.take(value))
        else:
            raise FileSection("parameter of a contribution is not supported", where=reader.where, got=kind)
    if (beacon is None) != (exponent is None):
        raise FileSection("a beacon has randomness and a number of iterations", where=reader.where)
    return name, beacon, exponent or 0


def _printable(text: bytes) -> str:
    """A name that a terminal can show: it comes from a stranger."""
    decoded = text.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in decoded)


def _write_contribution(contribution: PtauContribution) -> bytes:
    c = contribution
    name = c.name.encode("utf-8")
    if len(name) > _MAX_NAME:
        raise FileSection("name is too long", where=SECTIONS[7], expected=f"{_MAX_NAME} bytes", got=len(name))
    parameters = bytes([_NAME, len(name)]) + name if name else b""
    if c.beacon is not None:
        parameters += bytes([_ITERATIONS, c.iterations_exponent, _BEACON_HASH, len(c.beacon)]) + c.beacon
    points = to_montgomery(c.tau1 + c.tau2 + c.alpha1 + c.beta1 + c.beta2 + c.key, FQ_MODULUS)
    kind = CONTRIBUTION if c.beacon is None else BEACON
    return points + c.partial_hash + c.next_challenge + struct.pack("<II", kind, len(parameters)) + parameters


def write_ptau(
    power: int,
    ceremony_power: int,
    points: Mapping[int, bytes],
    contributions: Sequence[PtauContribution] = (),
) -> bytes:
    """The file's bytes from canonical points by section number, sections in ascending order.

    Raises FieldRange for a coordinate that is not below q, FileSection for a name of more than 255 bytes.
    """
    written = b"".join(map(_write_contribution, contributions))
    sections = {number: to_montgomery(content, FQ_MODULUS) for number, content in points.items()}
    sections[1] = write_prime(FQ_MODULUS) + struct.pack("<II", power, ceremony_power)
    sections[7] = struct.pack("<I", len(contributions)) + written
    return write_sections(MAGIC, VERSION, sorted(sections.items()))
