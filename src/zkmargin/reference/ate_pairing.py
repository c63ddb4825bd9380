"""The optimal ate pairing on BN254, in affine coordinates on the twist.

``Fq12 = Fq2[w]/(w^6 - xi)``, ``xi = 9 + u``: an element is six coefficients in Fq2. The untwisting map is
``(x, y) -> (x w^2, y w^3)``. Vercauteren, "Optimal pairings", 2010, section IV.
"""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.field import FQ_MODULUS, FR_MODULUS
from zkmargin.reference.curve import (
    G1Point,
    G2Point,
    decode_g1,
    decode_g2,
)
from zkmargin.reference.field import (
    FQ2_ONE,
    FQ2_ZERO,
    Fq2,
    encode,
    fq2_add,
    fq2_conjugate,
    fq2_inverse,
    fq2_mul,
    fq2_neg,
    fq2_pow,
    fq2_scale,
    fq2_square,
    fq2_sub,
)

Fq12 = tuple[Fq2, ...]

XI: Fq2 = (9, 1)
CURVE_PARAMETER = 4965661367192848881
"""The x of the BN family: ``q = 36x^4 + 36x^3 + 24x^2 + 6x + 1``."""

ATE_LOOP = 6 * CURVE_PARAMETER + 2

FQ12_ONE: Fq12 = (FQ2_ONE, *[FQ2_ZERO] * 5)

# w^q = w * xi^((q-1)/6), so that coefficient k of a Frobenius image carries the k-th power of this.
_FROBENIUS = fq2_pow(XI, (FQ_MODULUS - 1) // 6)


def fq12_mul(a: Fq12, b: Fq12) -> Fq12:
    """Schoolbook product with ``w^6 = xi``; zero coefficients of ``b`` cost nothing (lines are sparse)."""
    low = [0] * 11
    high = [0] * 11
    for i, (b0, b1) in enumerate(b):
        if not (b0 or b1):
            continue
        for j, (a0, a1) in enumerate(a):
            low[i + j] += a0 * b0 - a1 * b1
            high[i + j] += a0 * b1 + a1 * b0
    for k in range(5):  # (c0 + c1 u)(9 + u) = 9 c0 - c1 + (c0 + 9 c1) u
        c0, c1 = low[k + 6], high[k + 6]
        low[k] += 9 * c0 - c1
        high[k] += c0 + 9 * c1
    return tuple((low[k] % FQ_MODULUS, high[k] % FQ_MODULUS) for k in range(6))


def fq12_pow(base: Fq12, exponent: int) -> Fq12:
    result = FQ12_ONE
    for bit in bin(exponent)[2:]:
        result = fq12_mul(result, result)
        if bit == "1":
            result = fq12_mul(result, base)
    return result


def fq12_frobenius(a: Fq12) -> Fq12:
    """``a^q``."""
    factor = FQ2_ONE
    image = []
    for coefficient in a:
        image.append(fq2_mul(fq2_conjugate(coefficient), factor))
        factor = fq2_mul(factor, _FROBENIUS)
    return tuple(image)


def fq12_conjugate(a: Fq12) -> Fq12:
    """``a^(q^6)``: w goes to -w."""
    return tuple(fq2_neg(c) if k % 2 else c for k, c in enumerate(a))


def fq12_inverse(a: Fq12) -> Fq12:
    """``1/a`` through the norms down to Fq2: ``N = a * conj(a)`` in Fq6, then N's two conjugates over Fq2.

    ``q^2`` fixes Fq2 and generates the Galois group of Fq6 over it, so ``N * N^(q^2) * N^(q^4)`` is in Fq2.
    """
    conjugate = fq12_conjugate(a)
    norm = fq12_mul(a, conjugate)
    once = fq12_frobenius(fq12_frobenius(norm))
    twice = fq12_frobenius(fq12_frobenius(once))
    others = fq12_mul(once, twice)
    scale = fq2_inverse(fq12_mul(norm, others)[0])
    return tuple(fq2_mul(c, scale) for c in fq12_mul(conjugate, others))


def _line(t: tuple[Fq2, Fq2], slope: Fq2, x: int, y: int) -> Fq12:
    """The line through the untwisted ``t`` with slope ``slope * w``, at the point (x, y) of G1:
    ``y - slope x w + (slope t_x - t_y) w^3``."""
    constant = fq2_sub(fq2_mul(slope, t[0]), t[1])
    return (y, 0), fq2_scale(slope, -x), FQ2_ZERO, constant, FQ2_ZERO, FQ2_ZERO


def _double_step(t: tuple[Fq2, Fq2], x: int, y: int) -> tuple[tuple[Fq2, Fq2], Fq12]:
    """``2t`` and the tangent at ``t``. G2 has no point of order 2, so the slope is finite."""
    slope = fq2_mul(fq2_scale(fq2_square(t[0]), 3), fq2_inverse(fq2_scale(t[1], 2)))
    return _third_point(t, t, slope), _line(t, slope, x, y)


def _add_step(t: tuple[Fq2, Fq2], q: tuple[Fq2, Fq2], x: int, y: int) -> tuple[tuple[Fq2, Fq2], Fq12]:
    """``t + q`` and the line through both. In the Miller loop of a point of order r, ``t`` is never +-q."""
    slope = fq2_mul(fq2_sub(q[1], t[1]), fq2_inverse(fq2_sub(q[0], t[0])))
    return _third_point(t, q, slope), _line(t, slope, x, y)


def _third_point(t: tuple[Fq2, Fq2], q: tuple[Fq2, Fq2], slope: Fq2) -> tuple[Fq2, Fq2]:
    x = fq2_sub(fq2_square(slope), fq2_add(t[0], q[0]))
    return x, fq2_sub(fq2_mul(slope, fq2_sub(t[0], x)), t[1])


def _twisted_frobenius(point: tuple[Fq2, Fq2]) -> tuple[Fq2, Fq2]:
    """The q-power map, carried to the twist: ``(conj(x) xi^((q-1)/3), conj(y) xi^((q-1)/2))``."""
    square = fq2_square(_FROBENIUS)
    cube = fq2_mul(square, _FROBENIUS)
    return fq2_mul(fq2_conjugate(point[0]), square), fq2_mul(fq2_conjugate(point[1]), cube)


def miller_loop(p: G1Point, q: G2Point) -> Fq12:
    """``f_(6x+2, Q)(P) * l_([6x+2]Q, pi(Q))(P) * l_([6x+2]Q + pi(Q), -pi^2(Q))(P)``; 1 if either is infinity.

    Requires: ``p`` on the curve, ``q`` in the subgroup of order r.
    """
    if p is None or q is None:
        return FQ12_ONE
    x, y = p
    f, t = FQ12_ONE, q
    for bit in bin(ATE_LOOP)[3:]:
        t, line = _double_step(t, x, y)
        f = fq12_mul(fq12_mul(f, f), line)
        if bit == "1":
            t, line = _add_step(t, q, x, y)
            f = fq12_mul(f, line)
    q1 = _twisted_frobenius(q)
    q2 = _twisted_frobenius(q1)
    t, line = _add_step(t, q1, x, y)
    f = fq12_mul(f, line)
    _, line = _add_step(t, (q2[0], fq2_neg(q2[1])), x, y)
    return fq12_mul(f, line)


def final_exponentiation(f: Fq12) -> Fq12:
    """``f^((q^12 - 1)/r)``: the easy part ``(q^6 - 1)(q^2 + 1)``, then ``(q^4 - q^2 + 1)/r``."""
    easy = fq12_mul(fq12_conjugate(f), fq12_inverse(f))
    easy = fq12_mul(fq12_frobenius(fq12_frobenius(easy)), easy)
    return fq12_pow(easy, (FQ_MODULUS**4 - FQ_MODULUS**2 + 1) // FR_MODULUS)


def pairing_product(pairs: Sequence[tuple[G1Point, G2Point]]) -> Fq12:
    """``prod_i e(P_i, Q_i)`` with one final exponentiation."""
    product = FQ12_ONE
    for p, q in pairs:
        product = fq12_mul(product, miller_loop(p, q))
    return final_exponentiation(product)


def encode_fq12(a: Fq12) -> bytes:
    """The twelve coefficients over Fq of ``Fq[w]/(w^12 - 18 w^6 + 82)``, where ``u = w^6 - 9``."""
    low = [(c0 - 9 * c1) % FQ_MODULUS for c0, c1 in a]
    return encode(low + [c1 for _, c1 in a])


def pairing(g1: bytes, g2: bytes) -> bytes:
    """``e(P, Q)`` as 384 bytes. Raises ValueError on an invalid point."""
    p, q = decode_g1(g1), decode_g2(g2)
    if len(p) != 1 or len(q) != 1:
        raise ValueError("expected one point of each group")
    return encode_fq12(pairing_product([(p[0], q[0])]))


def pairing_check(g1s: bytes, g2s: bytes) -> bool:
    """Whether ``prod_i e(P_i, Q_i) = 1``. Raises ValueError on an invalid point or unequal counts."""
    ps, qs = decode_g1(g1s), decode_g2(g2s)
    if len(ps) != len(qs):
        raise ValueError("as many G1 as G2 points are needed")
    return pairing_product(list(zip(ps, qs, strict=True))) == FQ12_ONE
