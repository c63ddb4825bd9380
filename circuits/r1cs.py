"""Emitting ``.r1cs`` files, iden3's binary format version 1, byte for byte the same on every machine.

Sections: header, constraints, map from wires to labels (here the identity). Public inputs count as inputs, no
outputs. Every linear combination is sorted by wire.
                                          https://github.com/iden3/r1csfile/blob/master/doc/r1cs_bin_format.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Final

import numpy as np

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.program import Rows, gather_rows
from zkmargin.field import ELEMENT_BYTES

MAGIC: Final = b"r1cs"
VERSION: Final = 1
WORDS_PER_ELEMENT: Final = ELEMENT_BYTES // 4
WORDS_PER_TERM: Final = 1 + WORDS_PER_ELEMENT
CHUNK_TERMS: Final = 1 << 16
"""Terms, 36 bytes each, that are laid out at a time: a file is hundreds of MiB, and memory should hold it once."""


def to_r1cs(cs: ConstraintSystem) -> bytes:
    """The bytes of the ``.r1cs`` file. Takes little more memory than these."""
    header = struct.pack("<I", ELEMENT_BYTES) + cs.modulus.to_bytes(ELEMENT_BYTES, "little")
    header += struct.pack("<IIIIQI", cs.n_wires, 0, cs.n_public, cs.n_private, cs.n_wires, cs.n_constraints)
    constraints = 4 * (3 * cs.n_constraints + WORDS_PER_TERM * count_terms(cs))
    file = BytesIO()
    file.write(struct.pack("<4sII", MAGIC, VERSION, 3))
    file.write(struct.pack("<IQ", 1, len(header)) + header)
    file.write(struct.pack("<IQ", 2, constraints))
    for words in _constraints(cs):
        file.write(words.data)
    file.write(struct.pack("<IQ", 3, 8 * cs.n_wires))
    file.write(np.arange(cs.n_wires, dtype="<u8").data)
    return file.getvalue()  # no copy


def count_terms(cs: ConstraintSystem) -> int:
    """Non-zero coefficients of A, B and C together."""
    lengths = np.diff(np.frombuffer(cs.table.offsets, dtype=np.uint64))
    return int(sum(lengths[np.frombuffer(rows, dtype=np.uint32)].sum() for rows in (cs.a, cs.b, cs.c)))


def _constraints(cs: ConstraintSystem) -> Iterator[np.ndarray[tuple[int], np.dtype[np.uint32]]]:
    """Per combination the number of terms, then per term wire and coefficient, all in 4-byte words, in pieces."""
    triples = [np.frombuffer(rows, dtype=np.uint32).astype(np.int64) for rows in (cs.a, cs.b, cs.c)]
    rows = np.stack(triples, axis=1).reshape(-1)
    constants = np.frombuffer(
        b"".join(value.to_bytes(ELEMENT_BYTES, "little") for value in cs.table.constants), dtype="<u4"
    ).reshape(-1, WORDS_PER_ELEMENT)
    ends = np.cumsum(np.diff(np.frombuffer(cs.table.offsets, dtype=np.uint64).astype(np.int64))[rows])
    first = 0
    while first < len(rows):
        done = ends[first - 1] if first else 0
        after = max(first + 1, int(np.searchsorted(ends, done + CHUNK_TERMS, side="right")))
        yield _words(gather_rows(cs.table, rows[first:after]), constants)
        first = after


def _words(
    rows: Rows, constants: np.ndarray[tuple[int, int], np.dtype[np.uint32]]
) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    lengths = np.diff(rows.offsets)
    words = np.empty(len(lengths) + WORDS_PER_TERM * len(rows.wires), dtype="<u4")
    words[rows.offsets[:-1] * WORDS_PER_TERM + np.arange(len(lengths))] = lengths
    starts = np.arange(len(rows.wires)) * WORDS_PER_TERM + np.repeat(np.arange(1, len(lengths) + 1), lengths)
    words[starts] = rows.wires
    for word in range(WORDS_PER_ELEMENT):
        words[starts + 1 + word] = constants[rows.coefficients, word]
    return words
