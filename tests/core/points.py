"""Bytes and points for tests, by py_ecc alone: independent of both engines."""

from __future__ import annotations

from typing import Any

from py_ecc import optimized_bn128

from zkmargin.field import FQ_MODULUS as Q
from zkmargin.field import FR_MODULUS as R

bn254: Any = optimized_bn128

SILENT = r"^(?!.*\d{20})."
"""Matches the message of a refusal that says something, and holds no field element."""

G1_INFINITY = bytes(64)
G2_INFINITY = bytes(128)


def le(*values: int) -> bytes:
    return b"".join(value.to_bytes(32, "little") for value in values)


def integers(encoded: bytes) -> list[int]:
    return [int.from_bytes(encoded[at : at + 32], "little") for at in range(0, len(encoded), 32)]


def g1_bytes(point: Any) -> bytes:
    if bn254.is_inf(point):
        return G1_INFINITY
    x, y = bn254.normalize(point)
    return le(int(x), int(y))


def g2_bytes(point: Any) -> bytes:
    if bn254.is_inf(point):
        return G2_INFINITY
    x, y = bn254.normalize(point)
    return le(*(int(c) for c in (*x.coeffs, *y.coeffs)))


def g1(scalar: int) -> bytes:
    """``scalar * G1``."""
    return g1_bytes(bn254.multiply(bn254.G1, scalar % R))


def g2(scalar: int) -> bytes:
    """``scalar * G2``."""
    return g2_bytes(bn254.multiply(bn254.G2, scalar % R))


def negate(point: bytes) -> bytes:
    """The opposite point of either group."""
    coordinates = integers(point)
    half = len(coordinates) // 2
    return le(*coordinates[:half], *(-y % Q for y in coordinates[half:]))


def fq_sqrt(value: int) -> int | None:
    """q = 3 mod 4."""
    root = pow(value, (Q + 1) // 4, Q)
    return root if root * root % Q == value % Q else None


def fq2_sqrt(a: Any) -> Any | None:
    """By the norm: ``sqrt(a0 + a1 u) = x0 + a1/(2 x0) u`` with ``x0^2 = (a0 +- sqrt(norm))/2``."""
    a0, a1 = (int(c) for c in a.coeffs)
    norm = fq_sqrt(a0 * a0 + a1 * a1)
    if norm is None:
        return None
    for sign in (1, -1):
        x0 = fq_sqrt((a0 + sign * norm) * pow(2, -1, Q) % Q)
        if x0:
            root = bn254.FQ2([x0, a1 * pow(2 * x0, -1, Q) % Q])
            if root * root == a:
                return root
    return None


def twist_point_outside_subgroup() -> bytes:
    """On the twist, not of order r: the first x = 1 + k u with a y, checked."""
    for k in range(1, 100):
        x = bn254.FQ2([1, k])
        y = fq2_sqrt(x * x * x + bn254.b2)
        if y is None:
            continue
        point = (x, y, bn254.FQ2.one())
        assert bn254.is_on_curve(point, bn254.b2)
        if not bn254.is_inf(bn254.multiply(point, R)):
            return g2_bytes(point)
    raise AssertionError("no such point among the first hundred")
