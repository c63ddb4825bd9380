"""Files that claim to hold more than they do, read with hardly any memory: ``python -m tests.fuzz.claims``.

Every count, length and index of a valid file becomes a large number in turn. Whoever reserves memory for
what a header says dies here: Python with a MemoryError, the Rust core with an abort.
"""

from __future__ import annotations

import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .seeds import Seeds
from .targets import TARGETS
from .worker import limit_memory

HEADROOM = 160 << 20
LARGE = ((1 << 32) - 1, 1 << 31, 1 << 28, 1 << 26)
LARGE_WIDE = ((1 << 64) - 1, 1 << 63, 1 << 40, 1 << 32)
COUNTED = {"r1cs": {1: 64, 2: 120}, "wtns": {1: 40}, "zkey": {1: 4, 2: 84, 4: 60}, "ptau": {1: 44, 7: 4}}
"""Bytes at the start of a section in which counts and indices lie."""


def _places(name: str, content: bytes) -> Iterator[int]:
    """Where a count may begin: anywhere in a program, in the heads of the sections of the other files."""
    if name == "program":
        yield from range(4, len(content) - 3)
        return
    yield from (4, 8)
    at = 12
    while at + 12 <= len(content):
        section_id, length = struct.unpack_from("<IQ", content, at)
        yield from range(at, at + 12 + COUNTED[name].get(section_id, 0), 4)
        at += 12 + length


def claims(name: str, content: bytes) -> Iterator[bytes]:
    """The file with one number made large, for every such number."""
    for at in _places(name, content):
        for value in LARGE:
            yield content[:at] + struct.pack("<I", value) + content[at + 4 :]
        if at + 8 <= len(content):
            for value in LARGE_WIDE:
                yield content[:at] + struct.pack("<Q", value) + content[at + 8 :]


def main() -> int:
    """Run all claims; 0 where each was refused or harmless."""
    with tempfile.TemporaryDirectory(prefix="zkmargin-claims-") as folder:
        seeds = Seeds(Path(folder))
        pools = {name: TARGETS[name].seeds(seeds)[:1] for name in ("r1cs", "wtns", "zkey", "ptau", "program")}
        for name, pool in pools.items():
            TARGETS[name].run(pool[0], seeds)  # whatever is loaded late is loaded now
        limit_memory(HEADROOM)
        for name, pool in pools.items():
            target, count, accepted = TARGETS[name], 0, 0
            for content in (claim for seed in pool for claim in claims(name, seed)):
                count += 1
                try:
                    target.run(content, seeds)
                    accepted += 1
                except target.refusals:
                    pass
            print(f"{name}: {count} claims, {accepted} accepted", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
