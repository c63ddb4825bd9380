"""The number-theoretic transform over Fr, on the roots of unity that snarkjs uses."""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.field import FR_MODULUS
from zkmargin.reference.field import decode, encode

TWO_ADICITY = 28
"""``2^28`` is the largest power of two that divides ``r - 1``."""

MULTIPLICATIVE_GENERATOR = 5
"""The smallest generator of Fr's multiplicative group."""


def root_of_unity(log_size: int) -> int:
    """A primitive ``2^log_size``-th root: ``5^((r - 1) / 2^log_size)``. Raises ValueError above ``2^28``."""
    if not 0 <= log_size <= TWO_ADICITY:
        raise ValueError("no root of unity of this order")
    return pow(MULTIPLICATIVE_GENERATOR, (FR_MODULUS - 1) >> log_size, FR_MODULUS)


def powers(base: int, count: int) -> list[int]:
    """``[1, base, base^2, ...]``, ``count`` of them."""
    result = [1] * count
    for index in range(1, count):
        result[index] = result[index - 1] * base % FR_MODULUS
    return result


def _transform(values: Sequence[int], roots: Sequence[int], stride: int) -> list[int]:
    """Cooley-Tukey, of even and odd halves: ``X_k = E_k + w^k O_k``, ``X_(k + n/2) = E_k - w^k O_k``."""
    if len(values) == 1:
        return list(values)
    even = _transform(values[::2], roots, 2 * stride)
    odd = _transform(values[1::2], roots, 2 * stride)
    twisted = [root * value % FR_MODULUS for root, value in zip(roots[::stride], odd, strict=False)]
    return [(e + t) % FR_MODULUS for e, t in zip(even, twisted, strict=True)] + [
        (e - t) % FR_MODULUS for e, t in zip(even, twisted, strict=True)
    ]


def transform(values: Sequence[int]) -> list[int]:
    """Coefficients to values: ``X_k = sum_j x_j w^(jk)``, natural order in and out."""
    return _transform(values, powers(root_of_unity(log2_size(len(values))), max(1, len(values) // 2)), 1)


def inverse_transform(values: Sequence[int]) -> list[int]:
    """Values to coefficients: the transform run backwards, over n."""
    forward = transform(values)
    scale = pow(len(values), -1, FR_MODULUS)
    return [value * scale % FR_MODULUS for value in forward[:1] + forward[:0:-1]]


def log2_size(size: int) -> int:
    """``log2`` of a domain size. Raises ValueError where it is not a power of two."""
    if size < 1 or size & (size - 1):
        raise ValueError("the size of a transform is a power of two")
    return size.bit_length() - 1


def ntt(values: bytes, inverse: bool) -> bytes:
    """Transform ``2^k`` elements, or back; natural order on both sides."""
    elements = decode(values, FR_MODULUS)
    return encode(inverse_transform(elements) if inverse else transform(elements))
