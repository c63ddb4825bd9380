"""Whether the powers of tau of a ``.ptau`` file are what they say they are.            specs/formats.md#ptau

Who contributed is not judged here: that takes the whole transcript. But points that are the powers of *one* tau,
times one alpha and one beta, in both groups, are all that a setup needs for its key to be complete; and that each of
them is there, in its place, on its curve and in its subgroup, is checked for every point.
"""

from __future__ import annotations

import secrets

from zkmargin.backend import Arithmetic
from zkmargin.errors import FileSection, ProofPoint
from zkmargin.field import ELEMENT_BYTES, FR_MODULUS, encode_elements
from zkmargin.formats.ptau import G1_BYTES, LAGRANGE_OF, Points, PowersOfTau

G1 = encode_elements([1, 2])
"""The generator of G1."""
G2 = encode_elements(
    [
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
    ]
)
"""The generator of G2 of EIP-197."""
_MINUS_ONE = encode_elements([FR_MODULUS - 1])
_WEIGHT_BITS = 128
"""A wrong point passes a random combination with weights of so many bits once in ``2**128``."""
_BLOCK = 1 << 16


def check_points(points: Points, arithmetic: Arithmetic, sample: int | None = None) -> None:
    """Points, all of them or ``sample`` at random, are on their curve and in the subgroup of order r.

    Raises ProofPoint with the place of the first that is not, FieldRange for a coordinate that is not below q.
    """
    is_valid = arithmetic.g1_is_valid if points.size == G1_BYTES else arithmetic.g2_is_valid
    blocks = range(0, len(points), _BLOCK)
    chosen = [(first, min(_BLOCK, len(points) - first)) for first in blocks]
    if sample is not None:
        chosen = [(secrets.randbelow(len(points)), 1) for _ in range(sample)]
    for first, count in chosen:
        block = points.read(first, count)
        for place in range(count):
            if not is_valid(block[place * points.size : (place + 1) * points.size]):
                raise ProofPoint("point is not in its group", where=f"{points.where}, point {first + place}")


def check_powers(powers: PowersOfTau, arithmetic: Arithmetic) -> None:
    """All points are in their groups and are the powers of one tau, times one alpha and beta.

    Every vector P of powers satisfies ``e(sum w_i P_(i+1), [1]_2) = e(sum w_i P_i, [tau]_2)`` for random weights w,
    or in G2 the mirror of it; the Lagrange bases satisfy ``sum c(root_i) L_i = sum c_j tau^j`` for random
    polynomials c. What the last contribution says to have left is what is there.

    Raises FileSection naming the section; ProofPoint, FieldRange for single points.
    """
    for points in (*powers.powers.values(), *powers.lagrange.values()):
        check_points(points, arithmetic)
    tau1, tau2 = powers.powers[2].read(1, 1), powers.powers[3].read(1, 1)
    alpha1, beta1, beta2 = (powers.powers[number].read(0, 1) for number in (4, 5, 6))
    if (powers.powers[2].read(0, 1), powers.powers[3].read(0, 1)) != (G1, G2):
        raise FileSection("powers do not begin with the groups' generators", where=powers.powers[2].where)
    for name, point in (("tau", tau1), ("alpha", alpha1), ("beta", beta1)):
        if not any(point) or point == G1:
            raise FileSection(f"{name} is 0 or 1: nobody's secret is in it", where=powers.powers[2].where)
    if len({tau1, alpha1, beta1}) < 3:
        raise FileSection("tau, alpha and beta are not three secrets", where=powers.powers[2].where)
    for number in (2, 4, 5):
        before, after = _neighbours(powers.powers[number], arithmetic)
        _require_equal(arithmetic, (after, G2), (before, tau2), powers.powers[number])
    before, after = _neighbours(powers.powers[3], arithmetic)
    _require_equal(arithmetic, (G1, after), (tau1, before), powers.powers[3])
    _require_equal(arithmetic, (beta1, G2), (G1, beta2), powers.powers[6])
    for number in powers.lagrange:
        _check_lagrange(powers, number, arithmetic)
    if powers.contributions:
        last = powers.contributions[-1]
        if (last.tau1, last.tau2, last.alpha1, last.beta1, last.beta2) != (tau1, tau2, alpha1, beta1, beta2):
            raise FileSection("powers are not those of the last contribution", where="contributions")


def _neighbours(points: Points, arithmetic: Arithmetic) -> tuple[bytes, bytes]:
    """``sum w_i P_i`` and ``sum w_i P_(i+1)`` for random weights."""
    weights = encode_elements([secrets.randbits(_WEIGHT_BITS) for _ in range(len(points) - 1)])
    return _combine(points, 0, weights, arithmetic), _combine(points, 1, weights, arithmetic)


def _combine(points: Points, first: int, weights: bytes, arithmetic: Arithmetic) -> bytes:
    """``sum weight_i P_(first + i)``, a block at a time: what is decoded at once stays small."""
    is_g1 = points.size == G1_BYTES
    msm, add = (arithmetic.g1_msm, arithmetic.g1_add) if is_g1 else (arithmetic.g2_msm, arithmetic.g2_add)
    total, count = bytes(points.size), len(weights) // ELEMENT_BYTES
    for start in range(0, count, _BLOCK):
        block = weights[start * ELEMENT_BYTES : (start + _BLOCK) * ELEMENT_BYTES]
        total = add(total, msm(points.read(first + start, len(block) // ELEMENT_BYTES), block))
    return total


def _require_equal(
    arithmetic: Arithmetic, left: tuple[bytes, bytes], right: tuple[bytes, bytes], points: Points
) -> None:
    """``e(left) = e(right)``."""
    negated = arithmetic.g1_mul(left[0], _MINUS_ONE)
    if not arithmetic.pairing_check(negated + right[0], left[1] + right[1]):
        raise FileSection("points are not the powers of tau that they should be", where=points.where)


def _check_lagrange(powers: PowersOfTau, number: int, arithmetic: Arithmetic) -> None:
    """On every level a random polynomial has one value at tau, by its coefficients and by its values.

    The last level of the basis of tau in G1 is of order 2N, and its last power, ``tau^(2N - 1)``, is not in the file.
    The basis is made as if it were zero, or in a file that was cut down from a larger one, as it is: either will do.
    """
    source, basis = powers.powers[LAGRANGE_OF[number]], powers.lagrange[number]
    for level in range(len(basis).bit_length()):
        size = 1 << level
        present = min(size, len(source))
        coefficients = [secrets.randbelow(FR_MODULUS) for _ in range(present)] + [0] * (size - present)
        expected = _combine(source, 0, encode_elements(coefficients[:present]), arithmetic)
        if _value(basis, coefficients, arithmetic) != expected:
            raise FileSection("Lagrange basis does not fit the powers", where=f"{basis.where}, level {level}")
        if present < size:
            highest = _value(basis, [0] * present + [1], arithmetic)
            if any(highest):
                before, tau2 = source.read(present - 1, 1), powers.powers[3].read(1, 1)
                _require_equal(arithmetic, (highest, G2), (before, tau2), basis)


def _value(basis: Points, coefficients: list[int], arithmetic: Arithmetic) -> bytes:
    """``sum c(root_i) L_i`` over the level of as many roots as there are coefficients."""
    values = arithmetic.ntt(encode_elements(coefficients), False)
    return _combine(basis, len(coefficients) - 1, values, arithmetic)
