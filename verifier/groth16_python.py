"""A Groth16 verifier in plain Python on py_ecc: it shares no arithmetic with the core or the reference.

py_ecc supplies fields, curves and the pairing; here are what it lacks: canonical encodings, the subgroup
check of G2, a multi-scalar multiplication, and one final exponentiation for the whole product. Encodings are
those of ``zkmargin.backend``.                                      Groth 2016, section 3.2; EIP-197
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from zkmargin.errors import BytesLength, FieldRange, ProofInvalid, ProofPoint

_recursion_limit = sys.getrecursionlimit()
from py_ecc import optimized_bn128  # noqa: E402

# py_ecc raises the limit to 100,000, at which deeply nested JSON overflows the C stack of the whole process.
sys.setrecursionlimit(_recursion_limit)

bn254: Any = optimized_bn128  # its annotations do not fit its own re-exports

FR_MODULUS: int = bn254.curve_order
FQ_MODULUS: int = bn254.field_modulus
ELEMENT_BYTES = 32
G1_BYTES = 64
G2_BYTES = 128
PROOF_BYTES = 256

Point = tuple[Any, Any, Any]
"""py_ecc's projective coordinates, ``x = X/Z``, ``y = Y/Z``; infinity is ``Z = 0``."""


@dataclass(frozen=True)
class _PreparedKey:
    """A verifying key whose points are checked, with ``e(alpha, beta)``."""

    alpha_beta: Any
    gamma: Point
    delta: Point
    ic: Sequence[Point]


def _elements(encoded: bytes, modulus: int, where: str) -> list[int]:
    if len(encoded) % ELEMENT_BYTES:
        raise BytesLength("field elements are 32 bytes each", where=where, got=len(encoded))
    values = []
    for at in range(0, len(encoded), ELEMENT_BYTES):
        value = int.from_bytes(encoded[at : at + ELEMENT_BYTES], "little")
        if value >= modulus:
            index = at // ELEMENT_BYTES
            raise FieldRange("value is not below the field's prime", where=f"{where}, element {index}")
        values.append(value)
    return values


def _g1_points(coordinates: Sequence[int], where: str) -> list[Point]:
    """Points of the curve, all of which has order r; two zero coordinates are infinity."""
    points = []
    for at in range(0, len(coordinates), 2):
        x, y = coordinates[at : at + 2]
        if not (x or y):
            points.append(bn254.Z1)
            continue
        point = bn254.FQ(x), bn254.FQ(y), bn254.FQ.one()
        if not bn254.is_on_curve(point, bn254.b):
            raise ProofPoint("point is not on the curve", where=f"{where}, G1 point {at // 2}")
        points.append(point)
    return points


def _g2_points(coordinates: Sequence[int], where: str) -> list[Point]:
    """Points of the twist that have order r, which py_ecc's pairing takes for granted."""
    points = []
    for at in range(0, len(coordinates), 4):
        x0, x1, y0, y1 = coordinates[at : at + 4]
        if not (x0 or x1 or y0 or y1):
            points.append(bn254.Z2)
            continue
        point = bn254.FQ2([x0, x1]), bn254.FQ2([y0, y1]), bn254.FQ2.one()
        if not bn254.is_on_curve(point, bn254.b2):
            raise ProofPoint("point is not on the curve", where=f"{where}, G2 point {at // 4}")
        if not bn254.is_inf(bn254.multiply(point, FR_MODULUS)):
            raise ProofPoint("point is outside the subgroup of order r", where=f"{where}, G2 point {at // 4}")
        points.append(point)
    return points


def _linear_combination(points: Sequence[Point], scalars: Sequence[int]) -> Point:
    """``sum_i scalars[i] * points[i]`` by Pippenger's buckets, with digits in ``(-2^(c-1), 2^(c-1)]``.

    Signed digits halve the buckets: a negative digit adds the negated point.
    """
    terms = [(p, bn254.neg(p), scalar) for p, scalar in zip(points, scalars, strict=True) if scalar]
    bits = max(2, len(terms).bit_length() - 3)
    half = 1 << bits - 1
    windows = FR_MODULUS.bit_length() // bits + 1
    buckets = [[bn254.Z1] * (half + 1) for _ in range(windows)]
    for point, negated, scalar in terms:
        rest, window = scalar, 0
        while rest:
            digit = rest & (1 << bits) - 1
            if digit > half:
                digit -= 1 << bits
            if digit > 0:
                buckets[window][digit] = bn254.add(buckets[window][digit], point)
            elif digit < 0:
                buckets[window][-digit] = bn254.add(buckets[window][-digit], negated)
            rest = (rest - digit) >> bits
            window += 1
    total: Point = bn254.Z1
    for row in reversed(buckets):
        for _ in range(bits):
            total = bn254.double(total)
        running = bn254.Z1
        for bucket in reversed(row[1:]):
            running = bn254.add(running, bucket)
            total = bn254.add(total, running)
    return total


def _miller(g1: Point, g2: Point) -> Any:
    return bn254.pairing(g2, g1, final_exponentiate=False)


@lru_cache(maxsize=16)
def _prepare(coordinates: tuple[int, ...]) -> _PreparedKey:
    """Check a verifying key's points and pair alpha with beta, once per key."""
    where = "verifying key"
    (alpha,) = _g1_points(coordinates[:2], where)
    beta, gamma, delta = _g2_points(coordinates[2:14], where)
    if any(bn254.is_inf(point) for point in (alpha, beta, gamma, delta)):
        raise ProofPoint("point is at infinity", where=where)
    ic = _g1_points(coordinates[14:], where)
    return _PreparedKey(bn254.pairing(beta, alpha), gamma, delta, ic)


def verify_groth16(vk: bytes, publics: bytes, proof: bytes) -> None:
    """Return if ``e(A, B) = e(alpha, beta) e(IC_0 + sum_i a_i IC_i, gamma) e(C, delta)``, raise otherwise.

    Raises: BytesLength; FieldRange (a value is not canonical); ProofPoint (a point is off its curve or
    outside its subgroup); ProofInvalid (the equation does not hold). Encodings are all checked before
    points, points before the equation.
    """
    key_points, rest = divmod(len(vk) - G1_BYTES - 3 * G2_BYTES, G1_BYTES)
    if rest or key_points < 1:
        raise BytesLength("not a verifying key's length", where="verifying key", got=len(vk))
    if len(proof) != PROOF_BYTES:
        raise BytesLength("a proof is 256 bytes", where="proof", got=len(proof))
    if len(publics) != (key_points - 1) * ELEMENT_BYTES:
        raise BytesLength(
            "the verifying key has another number of public inputs",
            where="public inputs",
            expected=(key_points - 1) * ELEMENT_BYTES,
            got=len(publics),
        )
    key_coordinates = _elements(vk, FQ_MODULUS, "verifying key")
    scalars = _elements(publics, FR_MODULUS, "public inputs")
    coordinates = _elements(proof, FQ_MODULUS, "proof")

    key = _prepare(tuple(key_coordinates))
    A, C = _g1_points(coordinates[:2] + coordinates[6:], "proof")
    (B,) = _g2_points(coordinates[2:6], "proof")

    inputs = bn254.add(key.ic[0], _linear_combination(key.ic[1:], scalars))
    product = _miller(bn254.neg(A), B) * _miller(inputs, key.gamma) * _miller(C, key.delta)
    if bn254.final_exponentiate(product) * key.alpha_beta != bn254.FQ12.one():
        raise ProofInvalid("the pairing equation does not hold")
