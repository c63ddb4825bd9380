"""The ``.r1cs`` file: a constraint system as circom writes it.                     specs/formats.md#r1cs

Wire 0 is the constant 1; wires 1 to ``n_public`` are the public inputs (a circuit's outputs first).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from zkmargin.errors import FieldRange, FileSection
from zkmargin.field import ELEMENT_BYTES, FR_MODULUS, require_canonical
from zkmargin.formats.binfile import (
    Buffer,
    Reader,
    read_prime,
    read_sections,
    require_section,
    require_size,
    write_prime,
    write_sections,
)

MAGIC = b"r1cs"
VERSION = 1
SECTIONS = {1: "header", 2: "constraints", 3: "wire labels", 4: "custom gates", 5: "custom gate uses"}

LinearCombination = Sequence[tuple[int, int]]
"""Terms ``(wire, coefficient)``; the empty one is 0."""

Constraint = tuple[LinearCombination, LinearCombination, LinearCombination]
"""``A * B = C``."""

_TERM = struct.Struct(f"<I{ELEMENT_BYTES}s")


@dataclass(frozen=True)
class R1cs:
    """A constraint system over Fr. Coefficients are in ``[0, r)``."""

    n_wires: int
    n_outputs: int
    n_public_inputs: int
    n_private_inputs: int
    constraints: Sequence[Constraint]
    n_labels: int = 0
    wire_labels: Sequence[int] | None = None
    """circom's signal number of each wire; where None, the wires' own numbers are written."""

    @property
    def n_public(self) -> int:
        """Public wires without the constant: what snarkjs and verifying keys call ``nPublic``."""
        return self.n_outputs + self.n_public_inputs


def _read_combination(reader: Reader, n_wires: int) -> LinearCombination:
    count = reader.u32()
    terms = []
    for wire, encoded in _TERM.iter_unpack(reader.take(count * _TERM.size)):
        coefficient = int.from_bytes(encoded, "little")
        if wire >= n_wires:
            raise FileSection("wire does not exist", where=reader.where, expected=f"below {n_wires}", got=wire)
        if coefficient >= FR_MODULUS:
            raise FieldRange("coefficient is not below the field's prime", where=reader.where)
        terms.append((wire, coefficient))
    return tuple(terms)


def read_r1cs(content: Buffer) -> R1cs:
    """Parse a ``.r1cs`` file over BN254 without custom gates.

    Raises: FileMagic, FileVersion, FileTruncated, FileSection; FieldRange for a non-canonical coefficient.
    """
    sections = read_sections(content, MAGIC, VERSION, SECTIONS)
    for section_id in (4, 5):
        if section_id in sections and any(sections[section_id].view):
            raise FileSection("custom gates are not supported", where=sections[section_id].where)
    header = require_section(sections, 1, SECTIONS)
    read_prime(header, FR_MODULUS)
    n_wires, n_outputs, n_public_inputs, n_private_inputs = (header.u32() for _ in range(4))
    n_labels, n_constraints = header.u64(), header.u32()
    header.finish()
    if n_wires < 1 + n_outputs + n_public_inputs + n_private_inputs:
        raise FileSection("fewer wires than inputs and outputs", where=header.where, got=n_wires)
    if n_wires > len(content) // 8:  # a wire has a label or a term; holds memory to the size of the file
        raise FileSection("more wires than the file has room for", where=header.where, got=n_wires)
    body = require_section(sections, 2, SECTIONS)
    constraints = []
    for _ in range(n_constraints):
        a, b, c = (_read_combination(body, n_wires) for _ in range(3))
        constraints.append((a, b, c))
    body.finish()
    labels = None
    if 3 in sections:
        require_size(sections[3], 8 * n_wires)
        labels = struct.unpack(f"<{n_wires}Q", sections[3].view)
    return R1cs(n_wires, n_outputs, n_public_inputs, n_private_inputs, constraints, n_labels, labels)


def _write_combination(terms: LinearCombination) -> bytes:
    for _, coefficient in terms:
        require_canonical(coefficient, ".r1cs coefficient")
    encoded = [_TERM.pack(wire, coefficient.to_bytes(ELEMENT_BYTES, "little")) for wire, coefficient in terms]
    return struct.pack("<I", len(terms)) + b"".join(encoded)


def write_r1cs(r1cs: R1cs) -> bytes:
    """The file's bytes; terms keep their order. Raises FieldRange where a coefficient is not canonical."""
    labels = range(r1cs.n_wires) if r1cs.wire_labels is None else r1cs.wire_labels
    header = write_prime(FR_MODULUS) + struct.pack(
        "<IIIIQI",
        r1cs.n_wires,
        r1cs.n_outputs,
        r1cs.n_public_inputs,
        r1cs.n_private_inputs,
        r1cs.n_labels or r1cs.n_wires,
        len(r1cs.constraints),
    )
    body = b"".join(_write_combination(terms) for constraint in r1cs.constraints for terms in constraint)
    return write_sections(MAGIC, VERSION, [(1, header), (2, body), (3, struct.pack(f"<{r1cs.n_wires}Q", *labels))])
