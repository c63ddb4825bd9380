"""The groups G1 and G2 of BN254, one set of formulas over either coordinate field.

G1: ``y^2 = x^3 + 3`` over Fq. G2: ``y^2 = x^3 + 3/(9 + u)`` over Fq2 (the sextic twist), its subgroup of
order r. An affine point is ``(x, y)`` or ``None`` for infinity. Sums are taken in Jacobian coordinates ``(X,
Y, Z)``, ``x = X/Z^2``, ``y = Y/Z^3``, infinity being ``Z = 0``; doubling, opposite points and infinity are
separate branches.

Formulas: Explicit-Formulas Database, g1p/auto-shortw-jacobian-0 (dbl-2009-l, madd-2007-bl, add-2007-bl).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from zkmargin.field import ELEMENT_BYTES, FQ_MODULUS, FR_MODULUS
from zkmargin.reference.field import (
    FQ2_ONE,
    FQ2_ZERO,
    Fq2,
    batch_inverse,
    decode,
    encode,
    fq2_add,
    fq2_inverse,
    fq2_mul,
    fq2_neg,
    fq2_square,
    fq2_sub,
)

F = TypeVar("F", int, Fq2)

G1Point = tuple[int, int] | None
G2Point = tuple[Fq2, Fq2] | None


@dataclass(frozen=True)
class Group(Generic[F]):
    """A short Weierstrass curve ``y^2 = x^3 + b`` over the field whose operations it holds."""

    b: F
    zero: F
    one: F
    add_: Callable[[F, F], F]
    sub_: Callable[[F, F], F]
    mul_: Callable[[F, F], F]
    square_: Callable[[F], F]
    neg_: Callable[[F], F]
    batch_inverse_: Callable[[Sequence[F]], list[F]]

    # affine

    def is_on_curve(self, point: tuple[F, F] | None) -> bool:
        """Whether the point satisfies the curve equation; infinity does."""
        if point is None:
            return True
        x, y = point
        return self.square_(y) == self.add_(self.mul_(self.square_(x), x), self.b)

    def negate(self, point: tuple[F, F] | None) -> tuple[F, F] | None:
        return None if point is None else (point[0], self.neg_(point[1]))

    def add(self, p: tuple[F, F] | None, q: tuple[F, F] | None) -> tuple[F, F] | None:
        """``p + q``."""
        return self.to_affine(self.add_mixed(self.to_jacobian(p), q))

    def multiply(self, point: tuple[F, F] | None, scalar: int) -> tuple[F, F] | None:
        """``scalar * point``; the scalar is not reduced mod r, since the subgroup check multiplies by r."""
        return self.to_affine(self.multiply_jacobian(point, scalar))

    # Jacobian

    def to_jacobian(self, point: tuple[F, F] | None) -> tuple[F, F, F]:
        return (self.one, self.one, self.zero) if point is None else (point[0], point[1], self.one)

    def to_affine(self, point: tuple[F, F, F]) -> tuple[F, F] | None:
        return self.batch_to_affine([point])[0]

    def batch_to_affine(self, points: Sequence[tuple[F, F, F]]) -> list[tuple[F, F] | None]:
        """Normalise many points with one inversion."""
        affine: list[tuple[F, F] | None] = []
        inverses = self.batch_inverse_([point[2] for point in points])
        for (x, y, z), z_inverse in zip(points, inverses, strict=True):
            if z == self.zero:
                affine.append(None)
                continue
            square = self.square_(z_inverse)
            affine.append((self.mul_(x, square), self.mul_(y, self.mul_(square, z_inverse))))
        return affine

    def double(self, point: tuple[F, F, F]) -> tuple[F, F, F]:
        """dbl-2009-l; no point of order 2 exists, and infinity maps to ``Z = 0`` by itself."""
        add, sub, mul, square = self.add_, self.sub_, self.mul_, self.square_
        x, y, z = point
        a = square(x)
        b = square(y)
        c = square(b)
        d = sub(sub(square(add(x, b)), a), c)
        d = add(d, d)
        e = add(add(a, a), a)
        x3 = sub(square(e), add(d, d))
        c = add(c, c)
        c = add(c, c)
        y3 = sub(mul(e, sub(d, x3)), add(c, c))
        yz = mul(y, z)
        return x3, y3, add(yz, yz)

    def add_mixed(self, p: tuple[F, F, F], q: tuple[F, F] | None) -> tuple[F, F, F]:
        """madd-2007-bl: Jacobian plus affine."""
        if q is None:
            return p
        x1, y1, z1 = p
        x2, y2 = q
        if z1 == self.zero:
            return x2, y2, self.one
        add, sub, mul, square = self.add_, self.sub_, self.mul_, self.square_
        z1z1 = square(z1)
        h = sub(mul(x2, z1z1), x1)
        r = sub(mul(y2, mul(z1, z1z1)), y1)
        if h == self.zero:
            return self.double(p) if r == self.zero else (self.one, self.one, self.zero)
        r = add(r, r)
        hh = square(h)
        i = add(hh, hh)
        i = add(i, i)
        j = mul(h, i)
        v = mul(x1, i)
        x3 = sub(sub(square(r), j), add(v, v))
        yj = mul(y1, j)
        y3 = sub(mul(r, sub(v, x3)), add(yj, yj))
        return x3, y3, sub(sub(square(add(z1, h)), z1z1), hh)

    def add_jacobian(self, p: tuple[F, F, F], q: tuple[F, F, F]) -> tuple[F, F, F]:
        """add-2007-bl: Jacobian plus Jacobian."""
        x1, y1, z1 = p
        x2, y2, z2 = q
        if z1 == self.zero:
            return q
        if z2 == self.zero:
            return p
        add, sub, mul, square = self.add_, self.sub_, self.mul_, self.square_
        z1z1 = square(z1)
        z2z2 = square(z2)
        u1 = mul(x1, z2z2)
        s1 = mul(y1, mul(z2, z2z2))
        h = sub(mul(x2, z1z1), u1)
        r = sub(mul(y2, mul(z1, z1z1)), s1)
        if h == self.zero:
            return self.double(p) if r == self.zero else (self.one, self.one, self.zero)
        r = add(r, r)
        i = square(add(h, h))
        j = mul(h, i)
        v = mul(u1, i)
        x3 = sub(sub(square(r), j), add(v, v))
        sj = mul(s1, j)
        y3 = sub(mul(r, sub(v, x3)), add(sj, sj))
        return x3, y3, mul(sub(sub(square(add(z1, z2)), z1z1), z2z2), h)

    def multiply_jacobian(self, point: tuple[F, F] | None, scalar: int) -> tuple[F, F, F]:
        """Double and add, from the top bit."""
        result = self.to_jacobian(None)
        if point is None:
            return result
        for bit in bin(scalar)[2:]:
            result = self.double(result)
            if bit == "1":
                result = self.add_mixed(result, point)
        return result


def _fq_batch_inverse(values: Sequence[int]) -> list[int]:
    return batch_inverse(values, FQ_MODULUS)


def _fq2_batch_inverse(values: Sequence[Fq2]) -> list[Fq2]:
    norms = batch_inverse([(a * a + b * b) % FQ_MODULUS for a, b in values], FQ_MODULUS)
    return [(a * n % FQ_MODULUS, -b * n % FQ_MODULUS) for (a, b), n in zip(values, norms, strict=True)]


G1: Group[int] = Group(
    b=3,
    zero=0,
    one=1,
    add_=lambda a, b: (a + b) % FQ_MODULUS,
    sub_=lambda a, b: (a - b) % FQ_MODULUS,
    mul_=lambda a, b: a * b % FQ_MODULUS,
    square_=lambda a: a * a % FQ_MODULUS,
    neg_=lambda a: -a % FQ_MODULUS,
    batch_inverse_=_fq_batch_inverse,
)

G2: Group[Fq2] = Group(
    b=fq2_mul((3, 0), fq2_inverse((9, 1))),
    zero=FQ2_ZERO,
    one=FQ2_ONE,
    add_=fq2_add,
    sub_=fq2_sub,
    mul_=fq2_mul,
    square_=fq2_square,
    neg_=fq2_neg,
    batch_inverse_=_fq2_batch_inverse,
)

G1_GENERATOR: G1Point = (1, 2)
G2_GENERATOR: G2Point = (  # EIP-197
    (
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
    ),
    (
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    ),
)

G1_BYTES = 2 * ELEMENT_BYTES
G2_BYTES = 4 * ELEMENT_BYTES


def g2_in_subgroup(point: G2Point) -> bool:
    """Whether a point of the twist has order r (or is infinity). The twist's order is ``r (2q - r)``."""
    return G2.multiply_jacobian(point, FR_MODULUS)[2] == FQ2_ZERO


# --- bytes --------------------------------------------------------------------------------------------------


def decode_g1_unchecked(encoded: bytes) -> list[G1Point]:
    """Points ``x || y``, canonical, not checked to be on the curve; 64 zero bytes are infinity."""
    if len(encoded) % G1_BYTES:
        raise ValueError("G1 points are 64 bytes each")
    values = decode(encoded, FQ_MODULUS)
    return [(x, y) if x or y else None for x, y in zip(values[::2], values[1::2], strict=True)]


def decode_g2_unchecked(encoded: bytes) -> list[G2Point]:
    """Points ``x.c0 || x.c1 || y.c0 || y.c1``, canonical, not checked; 128 zero bytes are infinity."""
    if len(encoded) % G2_BYTES:
        raise ValueError("G2 points are 128 bytes each")
    values = decode(encoded, FQ_MODULUS)
    quads = zip(values[::4], values[1::4], values[2::4], values[3::4], strict=True)
    return [((a, b), (c, d)) if a or b or c or d else None for a, b, c, d in quads]


def decode_g1(encoded: bytes) -> list[G1Point]:
    """As ``decode_g1_unchecked``; raises ValueError on a point off the curve (all of which is G1)."""
    points = decode_g1_unchecked(encoded)
    if not all(G1.is_on_curve(point) for point in points):
        raise ValueError("G1 point is not on the curve")
    return points


def decode_g2(encoded: bytes) -> list[G2Point]:
    """As ``decode_g2_unchecked``; raises ValueError on a point off the curve or outside the subgroup."""
    points = decode_g2_unchecked(encoded)
    for point in points:
        if not G2.is_on_curve(point):
            raise ValueError("G2 point is not on the curve")
        if not g2_in_subgroup(point):
            raise ValueError("G2 point is not in the subgroup")
    return points


def encode_g1(points: Sequence[G1Point]) -> bytes:
    return b"".join(bytes(G1_BYTES) if point is None else encode(point) for point in points)


def encode_g2(points: Sequence[G2Point]) -> bytes:
    return b"".join(bytes(G2_BYTES) if point is None else encode([*point[0], *point[1]]) for point in points)


def _single(points: list[G1Point] | list[G2Point]) -> None:
    if len(points) != 1:
        raise ValueError("expected one point")


def _scalar(encoded: bytes) -> int:
    values = decode(encoded, FR_MODULUS)
    if len(values) != 1:
        raise ValueError("expected one scalar")
    return values[0]


def g1_is_valid(p: bytes) -> bool:
    """Whether 64 bytes are a canonical point of G1."""
    try:
        return len(decode_g1(p)) == 1
    except ValueError:
        return False


def g2_is_valid(p: bytes) -> bool:
    """Whether 128 bytes are a canonical point of G2: on the twist and in the subgroup of order r."""
    try:
        return len(decode_g2(p)) == 1
    except ValueError:
        return False


def g1_add(a: bytes, b: bytes) -> bytes:
    """``a + b`` in G1."""
    left, right = decode_g1(a), decode_g1(b)
    _single(left)
    _single(right)
    return encode_g1([G1.add(left[0], right[0])])


def g2_add(a: bytes, b: bytes) -> bytes:
    """``a + b`` in G2."""
    left, right = decode_g2(a), decode_g2(b)
    _single(left)
    _single(right)
    return encode_g2([G2.add(left[0], right[0])])


def g1_mul(point: bytes, scalar: bytes) -> bytes:
    """``scalar * point`` in G1."""
    points = decode_g1(point)
    _single(points)
    return encode_g1([G1.multiply(points[0], _scalar(scalar))])


def g2_mul(point: bytes, scalar: bytes) -> bytes:
    """``scalar * point`` in G2."""
    points = decode_g2(point)
    _single(points)
    return encode_g2([G2.multiply(points[0], _scalar(scalar))])
