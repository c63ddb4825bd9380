"""Poseidon over Fr with circomlib's parameters, its constants generated as the paper says.

Width t = inputs + 1, x^5, 8 full rounds, and the partial rounds below; 254-bit constants from the Grain LFSR.
Grassi, Khovratovich, Rechberger, Roy, Schofnegger, "Poseidon", USENIX Security 2021, appendices E and F.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from zkmargin.field import FR_MODULUS
from zkmargin.reference.field import decode, encode

MAX_INPUTS = 16
FULL_ROUNDS = 8
PARTIAL_ROUNDS = (56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68)
"""For widths 2 to 17."""

FIELD_BITS = FR_MODULUS.bit_length()

_GRAIN_TAPS = (0, 13, 23, 38, 51, 62)
_GRAIN_STEP = 16  # bits made at once; at most 80 - 62
_GRAIN_WARM_UP = 160


def _grain_seed(width: int) -> int:
    """The LFSR's 80 starting bits, the first being the lowest: the parameters, then thirty ones."""
    fields = (
        (1, 2),
        (0, 4),
        (FIELD_BITS, 12),
        (width, 12),
        (FULL_ROUNDS, 10),
        (PARTIAL_ROUNDS[width - 2], 10),
    )
    bits = "".join(format(value, f"0{length}b") for value, length in fields) + "1" * 30
    return int(bits[::-1], 2)


@lru_cache(maxsize=1)
def _shrink_table() -> list[str]:
    """For every byte of LFSR output (first bit lowest): the bits that self-shrinking keeps.

    Of each pair, the second bit is kept where the first is 1.
    """
    table = []
    for byte in range(256):
        pairs = [(byte >> at & 1, byte >> at + 1 & 1) for at in range(0, 8, 2)]
        table.append("".join(str(second) for first, second in pairs if first))
    return table


def _grain_bits(width: int) -> Iterator[str]:
    """The self-shrunk stream, in pieces of up to eight bits.

    Sixteen new bits depend on old ones only (the highest tap is 62, the register has 80): they are made at
    once.
    """
    state = _grain_seed(width)
    mask = (1 << _GRAIN_STEP) - 1
    shrink = _shrink_table()
    produced = 0
    while True:
        new = 0
        for tap in _GRAIN_TAPS:
            new ^= state >> tap
        new &= mask
        state = state >> _GRAIN_STEP | new << 80 - _GRAIN_STEP
        produced += _GRAIN_STEP
        if produced > _GRAIN_WARM_UP:
            yield shrink[new & 255]
            yield shrink[new >> 8]


def _grain_integers(width: int) -> Iterator[int]:
    """254-bit integers, the first bit being the highest."""
    buffer = ""
    for piece in _grain_bits(width):
        buffer += piece
        if len(buffer) >= FIELD_BITS:
            yield int(buffer[:FIELD_BITS], 2)
            buffer = buffer[FIELD_BITS:]


@lru_cache(maxsize=MAX_INPUTS)
def parameters(width: int) -> tuple[list[list[int]], list[list[int]]]:
    """Round constants (a row per round) and the MDS matrix for one width.

    Constants are rejection-sampled; the matrix is Cauchy, ``1/(x_i + y_j)``, from the next 2t integers mod r.
    """
    stream = _grain_integers(width)
    below = (value for value in stream if value < FR_MODULUS)
    rounds = FULL_ROUNDS + PARTIAL_ROUNDS[width - 2]
    constants = [[next(below) for _ in range(width)] for _ in range(rounds)]
    while True:
        samples = [next(stream) % FR_MODULUS for _ in range(2 * width)]
        xs, ys = samples[:width], samples[width:]
        sums = [[(x + y) % FR_MODULUS for y in ys] for x in xs]
        if len(set(samples)) == 2 * width and all(all(row) for row in sums):
            return constants, [[pow(entry, -1, FR_MODULUS) for entry in row] for row in sums]


def permute(state: Sequence[int]) -> list[int]:
    """The permutation: add constants, x^5 on all (full round) or on the first element (partial), mix."""
    constants, matrix = parameters(len(state))
    half, partial = FULL_ROUNDS // 2, PARTIAL_ROUNDS[len(state) - 2]
    values = list(state)
    for index, row in enumerate(constants):
        values = [value + constant for value, constant in zip(values, row, strict=True)]
        is_full = index < half or index >= half + partial
        substituted = [pow(value, 5, FR_MODULUS) for value in (values if is_full else values[:1])]
        values = substituted + values[len(substituted) :]
        values = [sum(m * v for m, v in zip(mix, values, strict=True)) % FR_MODULUS for mix in matrix]
    return values


def hash_elements(inputs: Sequence[int]) -> int:
    """Poseidon of 1 to 16 elements: capacity element 0 first, output the first element."""
    if not 1 <= len(inputs) <= MAX_INPUTS:
        raise ValueError("Poseidon takes 1 to 16 inputs")
    return permute([0, *inputs])[0]


def poseidon(inputs: bytes) -> bytes:
    """As ``hash_elements``, over bytes. Raises ValueError on another number of inputs."""
    return encode([hash_elements(decode(inputs, FR_MODULUS))])


def poseidon_many(inputs: bytes, arity: int) -> bytes:
    """The hashes of consecutive groups of ``arity`` elements. Raises ValueError where they do not come out even."""
    elements = decode(inputs, FR_MODULUS)
    if not 1 <= arity <= MAX_INPUTS or len(elements) % arity:
        raise ValueError("Poseidon takes groups of 1 to 16 inputs that come out even")
    return encode([hash_elements(elements[at : at + arity]) for at in range(0, len(elements), arity)])
