"""Points of BN254 as other chains write them: both coordinates in either byte order, or x and a sign.

    big-endian    x y               of G2: x.c1 x.c0 y.c1 y.c0                     EIP-196, EIP-197
    little-endian x y               of G2: x.c0 x.c1 y.c0 y.c1                     arkworks, uncompressed
    compressed    x, little-endian  its two highest bits are flags                 arkworks, compressed

Flag ``0x80`` of the last byte says that y is the larger of ``y, q - y`` (of G2: compared by c1, then by c0); ``0x40``
is infinity, which no key and no proof holds. Every reader refuses what a writer would not have written: coordinates
that are not below q, points off the curve or outside the subgroup, infinity, flags.   specs/formats.md#other-chains
"""

from __future__ import annotations

from typing import Final

from zkmargin.backend import Arithmetic
from zkmargin.errors import BytesLength, FieldRange, ProofPoint
from zkmargin.field import ELEMENT_BYTES, FQ_MODULUS, FR_MODULUS

G1_BYTES: Final = 2 * ELEMENT_BYTES
G2_BYTES: Final = 4 * ELEMENT_BYTES

_NEGATIVE: Final = 0x80
_AT_INFINITY: Final = 0x40
_FLAGS: Final = _NEGATIVE | _AT_INFINITY
_HALF: Final = (FQ_MODULUS + 1) // 2
_TWIST_B: Final = (
    19485874751759354771024239261021720505790618469301721065564631296452457478373,
    266929791119991161246907387137283842545076965332900288569378510910307636690,
)
"""``3 / (9 + u)``, EIP-197."""

Fq2 = tuple[int, int]


def require_point(point: bytes, engine: Arithmetic, where: str) -> bytes:
    """``point`` (little-endian, 64 or 128 bytes) if it is a point of its group other than infinity.

    Raises FieldRange for a coordinate that is not below q, ProofPoint.
    """
    for number in _integers(point, "little"):
        if number >= FQ_MODULUS:
            raise FieldRange("coordinate is not below the field's prime", where=where)
    if not any(point):
        raise ProofPoint("point is at infinity", where=where)
    if not (engine.g1_is_valid(point) if len(point) == G1_BYTES else engine.g2_is_valid(point)):
        raise ProofPoint("point is off its curve or outside its subgroup", where=where)
    return point


def _integers(encoded: bytes, order: str) -> list[int]:
    pieces = [encoded[at : at + ELEMENT_BYTES] for at in range(0, len(encoded), ELEMENT_BYTES)]
    return [int.from_bytes(piece, "little" if order == "little" else "big") for piece in pieces]


def swap(point: bytes) -> bytes:
    """From little-endian to big-endian and back: every coordinate, in G2 also the two parts of each, turn round."""
    half = len(point) // 2
    return point[:half][::-1] + point[half:][::-1]


def negate_g1(point: bytes) -> bytes:
    """``-P`` of a point of G1, little-endian, other than infinity."""
    y = int.from_bytes(point[ELEMENT_BYTES:], "little")
    return point[:ELEMENT_BYTES] + (FQ_MODULUS - y).to_bytes(ELEMENT_BYTES, "little")


# --- scalars ------------------------------------------------------------------------------------------------


def require_scalars(publics: bytes, where: str = "public inputs") -> bytes:
    """Little-endian elements of Fr. Raises BytesLength, FieldRange."""
    if len(publics) % ELEMENT_BYTES:
        raise BytesLength("public inputs are 32 bytes each", where=where, got=len(publics))
    for index, number in enumerate(_integers(publics, "little")):
        if number >= FR_MODULUS:
            raise FieldRange("value is not below the field's prime", where=f"{where}, element {index}")
    return publics


# --- compressed ---------------------------------------------------------------------------------------------


def compress(point: bytes, engine: Arithmetic, where: str) -> bytes:
    """32 or 64 bytes of a point of 64 or 128. Raises FieldRange, ProofPoint."""
    numbers = _integers(require_point(point, engine, where), "little")
    half = len(point) // 2
    y = numbers[len(numbers) // 2 :]
    x = bytearray(point[:half])
    if _is_larger(y):
        x[-1] |= _NEGATIVE
    return bytes(x)


def decompress(encoded: bytes, engine: Arithmetic, where: str) -> bytes:
    """64 or 128 bytes of a point compressed to 32 or 64. Raises FieldRange, ProofPoint."""
    flags = encoded[-1] & _FLAGS
    if flags & _AT_INFINITY:
        raise ProofPoint("point is at infinity", where=where)
    x_bytes = encoded[:-1] + bytes([encoded[-1] & ~_FLAGS & 0xFF])
    x = _integers(x_bytes, "little")
    if any(number >= FQ_MODULUS for number in x):
        raise FieldRange("coordinate is not below the field's prime", where=where)
    y = _g1_root(x[0]) if len(x) == 1 else _g2_root((x[0], x[1]))
    if y is None:
        raise ProofPoint("no point of the curve has this coordinate", where=where)
    if _is_larger(y) != bool(flags & _NEGATIVE):
        y = [-number % FQ_MODULUS for number in y]
    point = x_bytes + b"".join(number.to_bytes(ELEMENT_BYTES, "little") for number in y)
    return require_point(point, engine, where)


def _is_larger(y: list[int]) -> bool:
    """Whether y is larger than ``-y``, its highest part that is not zero deciding."""
    return next((number >= _HALF for number in reversed(y) if number), False)


def _root(square: int) -> int | None:
    """A square root mod q, which is 3 mod 4, or None."""
    root = pow(square, (FQ_MODULUS + 1) // 4, FQ_MODULUS)
    return root if root * root % FQ_MODULUS == square % FQ_MODULUS else None


def _multiply(a: Fq2, b: Fq2) -> Fq2:
    return (a[0] * b[0] - a[1] * b[1]) % FQ_MODULUS, (a[0] * b[1] + a[1] * b[0]) % FQ_MODULUS


def _g1_root(x: int) -> list[int] | None:
    root = _root((x**3 + 3) % FQ_MODULUS)
    return None if root is None else [root]


def _g2_root(x: Fq2) -> list[int] | None:
    """A root of ``x^3 + 3/(9 + u)`` in Fq2, by roots of its norm and of half its trace with it."""
    cube = _multiply(_multiply(x, x), x)
    a, b = (cube[0] + _TWIST_B[0]) % FQ_MODULUS, (cube[1] + _TWIST_B[1]) % FQ_MODULUS
    norm = _root(a * a + b * b)
    if norm is None:
        return None
    real = _root((a + norm) * _HALF)
    if not real:
        real = _root((a - norm) * _HALF)
    if not real:  # neither half is a square but 0: the root, if any, is imaginary and no point of the curve
        return None
    root = (real, b * pow(2 * real, -1, FQ_MODULUS) % FQ_MODULUS)
    return list(root) if _multiply(root, root) == (a, b) else None
