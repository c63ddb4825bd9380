"""Multi-scalar multiplication: Pippenger's bucket method, and many multiples of one base from a table."""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.field import FR_MODULUS
from zkmargin.reference.curve import (
    G1,
    G2,
    F,
    Group,
    decode_g1,
    decode_g2,
    encode_g1,
    encode_g2,
)
from zkmargin.reference.field import decode

SCALAR_BITS = FR_MODULUS.bit_length()
BASE_WINDOW_BITS = 8


def msm(group: Group[F], points: Sequence[tuple[F, F] | None], scalars: Sequence[int]) -> tuple[F, F] | None:
    """``sum_i scalars[i] * points[i]`` for scalars in ``[0, 2^254)``.

    Each window of c bits sorts the points into ``2^c - 1`` buckets by digit; ``sum_d d * bucket_d`` is a
    running sum from the top bucket down.                         Bernstein, Doumen, Lange, Oosterwijk 2012,
    section 4
    """
    if len(points) != len(scalars):
        raise ValueError("as many scalars as points are needed")
    terms = [(p, s) for p, s in zip(points, scalars, strict=True) if p is not None and s]
    window = max(2, len(terms).bit_length() - 3)
    total = group.to_jacobian(None)
    for shift in reversed(range(0, SCALAR_BITS, window)):
        for _ in range(window):
            total = group.double(total)
        buckets = [group.to_jacobian(None)] * (1 << window)
        for point, scalar in terms:
            digit = scalar >> shift & (1 << window) - 1
            if digit:
                buckets[digit] = group.add_mixed(buckets[digit], point)
        running = window_sum = group.to_jacobian(None)
        for bucket in reversed(buckets[1:]):
            running = group.add_jacobian(running, bucket)
            window_sum = group.add_jacobian(window_sum, running)
        total = group.add_jacobian(total, window_sum)
    return group.to_affine(total)


def base_table(group: Group[F], base: tuple[F, F] | None) -> list[list[tuple[F, F] | None]]:
    """``table[i][d] = d * 2^(8i) * base`` for every byte ``i`` of a scalar and its value ``d``."""
    table: list[list[tuple[F, F] | None]] = []
    power = group.to_jacobian(base)
    for _ in range(0, SCALAR_BITS, BASE_WINDOW_BITS):
        step = group.to_affine(power)
        row = [group.to_jacobian(None)]
        for _ in range((1 << BASE_WINDOW_BITS) - 1):
            row.append(group.add_mixed(row[-1], step))
        table.append(group.batch_to_affine(row))
        power = group.add_mixed(row[-1], step)
    return table


def multiples(
    group: Group[F], table: list[list[tuple[F, F] | None]], scalars: Sequence[int]
) -> list[tuple[F, F] | None]:
    """``[s * base for s in scalars]`` from the base's table: 32 additions a scalar."""
    products = []
    for scalar in scalars:
        total = group.to_jacobian(None)
        for digit, row in zip(scalar.to_bytes(len(table), "little"), table, strict=True):
            total = group.add_mixed(total, row[digit])
        products.append(total)
    return group.batch_to_affine(products)


def g1_msm(points: bytes, scalars: bytes) -> bytes:
    """``sum_i scalars[i] * points[i]`` in G1; the empty sum is infinity."""
    return encode_g1([msm(G1, decode_g1(points), decode(scalars, FR_MODULUS))])


def g2_msm(points: bytes, scalars: bytes) -> bytes:
    """As ``g1_msm``, in G2."""
    return encode_g2([msm(G2, decode_g2(points), decode(scalars, FR_MODULUS))])
