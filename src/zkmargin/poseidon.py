"""circomlib's Poseidon over BN254 and the sponge built on it, outside the circuit.       specs/statement.md#hashing"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from zkmargin.backend import Arithmetic, engine
from zkmargin.encoding import tag
from zkmargin.field import ELEMENT_BYTES, decode_elements, encode_elements, require_canonical

MAX_INPUTS = 16


def poseidon(inputs: Sequence[int], arithmetic: Arithmetic | None = None) -> int:
    """Hash 1 to 16 canonical field elements to one."""
    for index, value in enumerate(inputs):
        require_canonical(value, f"poseidon input {index}")
    return decode_elements((arithmetic or engine()).poseidon(encode_elements(inputs)))[0]


def poseidon_many(groups: Sequence[Sequence[int]]) -> list[int]:
    """The hash of each group; all groups have the same number of canonical elements, 1 to 16."""
    if not groups:
        return []
    flat = list(chain.from_iterable(groups))
    for value in (min(flat, default=0), max(flat, default=0)):
        require_canonical(value, "poseidon input")
    encoded = b"".join([value.to_bytes(ELEMENT_BYTES, "little") for value in flat])
    return decode_elements(engine().poseidon_many(encoded, len(groups[0])))


def tagged(name: str, *inputs: int) -> int:
    """``H(T_name, inputs...)``: the tag is always the first input (ATTESTATION §1.0)."""
    return poseidon([tag(name), *inputs])


def sponge(name: str, values: Sequence[int], arithmetic: Arithmetic | None = None) -> int:
    """Hash any number of elements: chained compressions, the tag and the length first. ``arithmetic``: None for the
    fastest one here.

    ``h_1 = H_16(tag, n, x_1..x_14)``, ``h_(i+1) = H(h_i, next 15 values)``; the last block takes the narrowest
    Poseidon that holds its values. The length comes first, so no input is a prefix of another, and the block
    boundaries follow from it; collisions of the sponge are collisions of Poseidon.
    """
    state = [tag(name), len(values)]
    rest = list(values)
    while True:
        room = MAX_INPUTS - len(state)
        digest = poseidon(state + rest[:room], arithmetic)
        rest = rest[room:]
        if not rest:
            return digest
        state = [digest]
