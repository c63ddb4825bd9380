"""A synthetic R1CS with the shape of a margin circuit, to compare provers without any rule set.

Range checks make 70% of its wires bits; the rest are products of field elements as a hash makes them. Files
are written byte by byte, apart from the package, after the description of iden3's binary formats.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
BITS = 38  # the width of a position size in the shipped rule sets
PUBLIC = 1000  # public inputs: one per row of a market, as table binding `public` has them

Combination = list[tuple[int, int]]  # (wire, coefficient)


def write_synthetic(folder: Path, constraints: int, seed: int = 1) -> tuple[Path, Path]:
    """Write ``synthetic.r1cs`` and a satisfying ``synthetic.wtns`` of exactly ``constraints`` constraints."""
    rows, values = _build(constraints, random.Random(seed))
    prime = R.to_bytes(32, "little")
    header = struct.pack("<I32sIIIIQI", 32, prime, len(values), 0, PUBLIC, 0, len(values), len(rows))
    body = bytearray()
    for row in rows:
        for combination in row:
            body += struct.pack("<I", len(combination))
            for wire, coefficient in sorted(combination):
                body += struct.pack("<I", wire) + (coefficient % R).to_bytes(32, "little")
    labels = b"".join(struct.pack("<Q", wire) for wire in range(len(values)))
    r1cs, wtns = folder / "synthetic.r1cs", folder / "synthetic.wtns"
    r1cs.write_bytes(_container(b"r1cs", 1, [(1, header), (2, bytes(body)), (3, labels)]))
    witness = b"".join(value.to_bytes(32, "little") for value in values)
    wtns.write_bytes(_container(b"wtns", 2, [(1, struct.pack("<I32sI", 32, prime, len(values))), (2, witness)]))
    return r1cs, wtns


def _build(
    constraints: int, source: random.Random
) -> tuple[list[tuple[Combination, Combination, Combination]], list[int]]:
    one = (0, 1)
    values = [1, *(source.randrange(R) for _ in range(PUBLIC))]
    rows: list[tuple[Combination, Combination, Combination]] = []

    def wire(value: int) -> int:
        values.append(value % R)
        return len(values) - 1

    group = BITS + 2 + 15  # bits, recomposition, product with a public input, hash-like products
    for index in range(constraints // group):
        size = source.randrange(1 << BITS)
        bits = [wire(size >> k & 1) for k in range(BITS)]
        rows += [([(b, 1)], [(b, 1), (0, -1)], []) for b in bits]
        total = wire(size)
        rows.append(([(b, 1 << k) for k, b in enumerate(bits)], [one], [(total, 1)]))
        public = 1 + index % PUBLIC
        state = wire(size * values[public])
        rows.append(([(total, 1)], [(public, 1)], [(state, 1)]))
        rows += _products(state, total, public, 15, values)
    while len(rows) < constraints:
        rows += _products(len(values) - 1, 1, 2, 1, values)
    return rows, values


def _products(
    state: int, left: int, right: int, count: int, values: list[int]
) -> list[tuple[Combination, Combination, Combination]]:
    """``count`` multiplications (state + 3 left + c)(state + 5 right) = next, each a full-size element."""
    rows = []
    for k in range(count):
        a: Combination = [(state, 1), (left, 3), (0, k + 7)]
        b: Combination = [(state, 1), (right, 5)]
        product = sum(values[w] * c for w, c in a) * sum(values[w] * c for w, c in b) % R
        values.append(product)
        state = len(values) - 1
        rows.append((a, b, [(state, 1)]))
    return rows


def _container(magic: bytes, version: int, sections: list[tuple[int, bytes]]) -> bytes:
    parts = [magic, struct.pack("<II", version, len(sections))]
    for kind, content in sections:
        parts += [struct.pack("<IQ", kind, len(content)), content]
    return b"".join(parts)
