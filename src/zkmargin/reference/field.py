"""Prime fields Fr and Fq as Python integers, Fq2 as pairs, and their byte encodings.

An element of ``Fq2 = Fq[u]/(u^2 + 1)`` is the tuple ``(c0, c1)`` for ``c0 + c1 u``. Everything here takes
and returns reduced integers; only the ``*_op`` functions and ``decode_*`` look at bytes, and they refuse a
value that is not canonical with ValueError.                                                           EIP-197
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zkmargin.field import ELEMENT_BYTES, FQ_MODULUS, FR_MODULUS

Fq2 = tuple[int, int]

FQ2_ZERO: Fq2 = (0, 0)
FQ2_ONE: Fq2 = (1, 0)
FQ2_BYTES = 2 * ELEMENT_BYTES


def decode(encoded: bytes, modulus: int) -> list[int]:
    """Split into little-endian elements. Raises ValueError where one is partial or not canonical."""
    if len(encoded) % ELEMENT_BYTES:
        raise ValueError("field elements are 32 bytes each")
    values = [
        int.from_bytes(encoded[at : at + ELEMENT_BYTES], "little") for at in range(0, len(encoded), ELEMENT_BYTES)
    ]
    if any(value >= modulus for value in values):
        raise ValueError("field element is not canonical")
    return values


def encode(values: Sequence[int]) -> bytes:
    """Encode reduced integers as 32 little-endian bytes each."""
    return b"".join(value.to_bytes(ELEMENT_BYTES, "little") for value in values)


def inverse(value: int, modulus: int) -> int:
    """``1/value`` mod a prime, and 0 for 0."""
    return pow(value, -1, modulus) if value else 0


def batch_inverse(values: Sequence[int], modulus: int) -> list[int]:
    """Invert many elements with one inversion (Montgomery's trick); zeros stay zero."""
    prefix = [1]
    for value in values:
        prefix.append(prefix[-1] * (value or 1) % modulus)
    running = pow(prefix[-1], -1, modulus)
    inverses = [0] * len(values)
    for index in range(len(values) - 1, -1, -1):
        value = values[index]
        if value:
            inverses[index] = running * prefix[index] % modulus
            running = running * value % modulus
    return inverses


# --- Fq2 ----------------------------------------------------------------------------------------------------


def fq2_add(a: Fq2, b: Fq2) -> Fq2:
    return (a[0] + b[0]) % FQ_MODULUS, (a[1] + b[1]) % FQ_MODULUS


def fq2_sub(a: Fq2, b: Fq2) -> Fq2:
    return (a[0] - b[0]) % FQ_MODULUS, (a[1] - b[1]) % FQ_MODULUS


def fq2_neg(a: Fq2) -> Fq2:
    return -a[0] % FQ_MODULUS, -a[1] % FQ_MODULUS


def fq2_mul(a: Fq2, b: Fq2) -> Fq2:
    a0, a1 = a
    b0, b1 = b
    return (a0 * b0 - a1 * b1) % FQ_MODULUS, (a0 * b1 + a1 * b0) % FQ_MODULUS


def fq2_square(a: Fq2) -> Fq2:
    a0, a1 = a
    return (a0 + a1) * (a0 - a1) % FQ_MODULUS, 2 * a0 * a1 % FQ_MODULUS


def fq2_scale(a: Fq2, factor: int) -> Fq2:
    """Multiply by an element of Fq."""
    return a[0] * factor % FQ_MODULUS, a[1] * factor % FQ_MODULUS


def fq2_conjugate(a: Fq2) -> Fq2:
    """The Frobenius map ``a^q``."""
    return a[0], -a[1] % FQ_MODULUS


def fq2_inverse(a: Fq2) -> Fq2:
    """``1/a``, and 0 for 0: the conjugate over the norm ``c0^2 + c1^2``."""
    norm = inverse((a[0] * a[0] + a[1] * a[1]) % FQ_MODULUS, FQ_MODULUS)
    return a[0] * norm % FQ_MODULUS, -a[1] * norm % FQ_MODULUS


def fq2_pow(base: Fq2, exponent: int) -> Fq2:
    result = FQ2_ONE
    for bit in bin(exponent)[2:]:
        result = fq2_square(result)
        if bit == "1":
            result = fq2_mul(result, base)
    return result


# --- the element-wise operations of the engine --------------------------------------------------------------


def _prime_op(op: str, a: bytes, b: bytes, modulus: int) -> bytes:
    left = decode(a, modulus)
    if op == "inv":
        return encode(batch_inverse(left, modulus))
    operations: dict[str, Callable[[int, int], int]] = {
        "add": lambda x, y: (x + y) % modulus,
        "sub": lambda x, y: (x - y) % modulus,
        "mul": lambda x, y: x * y % modulus,
    }
    if op not in operations:
        raise ValueError("operation must be add, sub, mul or inv")
    right = decode(b, modulus)
    if len(left) != len(right):
        raise ValueError("operands have different lengths")
    return encode([operations[op](x, y) for x, y in zip(left, right, strict=True)])


def fr_op(op: str, a: bytes, b: bytes) -> bytes:
    """Element-wise ``add``, ``sub``, ``mul`` in Fr, or ``inv`` of ``a``: ``b`` is ignored, 0 goes to 0."""
    return _prime_op(op, a, b, FR_MODULUS)


def fq_op(op: str, a: bytes, b: bytes) -> bytes:
    """As ``fr_op``, in Fq."""
    return _prime_op(op, a, b, FQ_MODULUS)


def decode_fq2(encoded: bytes) -> list[Fq2]:
    """Split into elements of Fq2, 64 bytes ``c0 || c1`` each."""
    if len(encoded) % FQ2_BYTES:
        raise ValueError("elements of Fq2 are 64 bytes each")
    coordinates = decode(encoded, FQ_MODULUS)
    return list(zip(coordinates[::2], coordinates[1::2], strict=True))


def fq2_op(op: str, a: bytes, b: bytes) -> bytes:
    """As ``fr_op``, in Fq2 with 64-byte elements."""
    left = decode_fq2(a)
    if op == "inv":
        results = [fq2_inverse(x) for x in left]
    else:
        operations = {"add": fq2_add, "sub": fq2_sub, "mul": fq2_mul}
        if op not in operations:
            raise ValueError("operation must be add, sub, mul or inv")
        right = decode_fq2(b)
        if len(left) != len(right):
            raise ValueError("operands have different lengths")
        results = [operations[op](x, y) for x, y in zip(left, right, strict=True)]
    return encode([coordinate for element in results for coordinate in element])
