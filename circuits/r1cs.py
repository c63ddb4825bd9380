"""Emitting ``.r1cs`` files, iden3's binary format version 1, byte for byte the same on every machine.

Sections: header, constraints, map from wires to labels (here the identity). Public inputs count as inputs, no
outputs. Every linear combination is sorted by wire.
                                          https://github.com/iden3/r1csfile/blob/master/doc/r1cs_bin_format.md
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.program import gather_rows
from zkmargin.field import ELEMENT_BYTES

MAGIC: Final = b"r1cs"
VERSION: Final = 1
WORDS_PER_ELEMENT: Final = ELEMENT_BYTES // 4


def to_r1cs(cs: ConstraintSystem) -> bytes:
    """The bytes of the ``.r1cs`` file."""
    header = struct.pack("<I", ELEMENT_BYTES) + cs.modulus.to_bytes(ELEMENT_BYTES, "little")
    header += struct.pack("<IIIIQI", cs.n_wires, 0, cs.n_public, cs.n_private, cs.n_wires, cs.n_constraints)
    sections = [
        (1, header),
        (2, _constraints(cs)),
        (3, np.arange(cs.n_wires, dtype="<u8").tobytes()),
    ]
    parts = [struct.pack("<4sII", MAGIC, VERSION, len(sections))]
    for number, content in sections:
        parts += [struct.pack("<IQ", number, len(content)), content]
    return b"".join(parts)


def count_terms(cs: ConstraintSystem) -> int:
    """Non-zero coefficients of A, B and C together."""
    lengths = np.diff(np.frombuffer(cs.table.offsets, dtype=np.uint64))
    return int(sum(lengths[np.frombuffer(rows, dtype=np.uint32)].sum() for rows in (cs.a, cs.b, cs.c)))


def _constraints(cs: ConstraintSystem) -> bytes:
    """Per combination the number of terms, then per term wire and coefficient, all in 4-byte words."""
    triples = [np.frombuffer(rows, dtype=np.uint32).astype(np.int64) for rows in (cs.a, cs.b, cs.c)]
    rows = gather_rows(cs.table, np.stack(triples, axis=1).reshape(-1))
    lengths = np.diff(rows.offsets)
    constants = np.frombuffer(
        b"".join(value.to_bytes(ELEMENT_BYTES, "little") for value in cs.table.constants), dtype="<u4"
    ).reshape(-1, WORDS_PER_ELEMENT)
    term_words = 1 + WORDS_PER_ELEMENT
    words = np.empty(len(lengths) + term_words * len(rows.wires), dtype="<u4")
    words[rows.offsets[:-1] * term_words + np.arange(len(lengths))] = lengths
    starts = np.arange(len(rows.wires)) * term_words + np.repeat(np.arange(1, len(lengths) + 1), lengths)
    words[starts] = rows.wires
    for word in range(WORDS_PER_ELEMENT):
        words[starts + 1 + word] = constants[rows.coefficients, word]
    return words.tobytes()
