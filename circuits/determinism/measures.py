"""Ranks, tails and spreads that inequalities fix although the prover chooses how to show them.
specs/determinism.md#brackets
"""

from __future__ import annotations

from zkmargin.circuits.determinism.polynomials import Polynomial, linear, multiply
from zkmargin.circuits.determinism.sides import Claim, Form, Refused


def find_rank(claim: Claim) -> None:
    """``R >= x_s - B b_s`` with k - 1 bits b, ``R <= x_s + B' b'_s`` with n - k bits b', all x known.

    The n - k + 1 numbers without b and the k without b' of any two solutions share one, s: ``R - x_s`` of one and
    ``x_s - R'`` of the other are sums of booleans, and so is ``R' - R``, the other way round. Both are zero.
    """
    numbers = claim.forms("number")
    claim.require_known("number")
    above, below = claim.form("above"), claim.form("below")
    claim.require_zero(claim.combine((1, above), (1, below)), "no constraint says that both bounds are one number")
    reach = 0
    waived, spared = claim.bits("waived"), claim.bits("spared")
    if len(waived) not in (0, len(numbers)) or len(spared) not in (0, len(numbers)):
        raise Refused("there is not one bit per number")
    rank = claim.factor
    for bits, count in ((waived, rank - 1), (spared, len(numbers) - rank)):
        if bits:
            claim.require_count(bits, count)
        elif count:
            raise Refused("numbers are waived without a bit")
    for bound, sign, bits, role in ((above, 1, waived, "over"), (below, -1, spared, "under")):
        guards = claim.forms(role)
        if len(guards) != len(numbers):
            raise Refused("there is not one comparison per number")
        worst = 0
        for index, (guard, number) in enumerate(zip(guards, numbers, strict=True)):
            rest = claim.combine((1, guard), (-1, bound), (sign, number))
            if any(wire not in bits[index : index + 1] for wire in rest):
                raise Refused(f"number {index} is compared with something else")
            worst = max(worst, claim.reach(guard, f"no constraint holds the {role} bound against number {index}"))
        reach += worst
    claim.require_below(2 * reach)


def find_tail(claim: Claim) -> None:
    """``p e + q sum P_s = sum w_s x_s`` with ``P_s >= 0``, ``P_s >= x_s - e`` and weights w in [0, q] of the sum p.

    The left side less the right one of another solution is ``sum (q - w_s) P_s + w_s (P_s - x_s + e)``: a sum of
    numbers that are not negative, and the other way round too. So both are zero, and both sides have one value,
    whatever e and w are.
    """
    if len(claim.bracket.factors) != 2:
        raise Refused("the declaration does not say how many weigh what")
    p, q = claim.bracket.factors
    numbers, parts = claim.forms("number"), claim.forms("part")
    claim.require_known("number")
    threshold = claim.form("threshold")
    above, below = claim.form("above"), claim.form("below")
    claim.require_zero(claim.combine((1, above), (-1, below)), "no constraint says that both sums are one number")
    if claim.combine((p, threshold), *((q, part) for part in parts)) != above or len(parts) != len(numbers):
        raise Refused("the upper sum is not p e + q sum max(x - e, 0)")
    size = 0
    for index, (number, part) in enumerate(zip(numbers, parts, strict=True)):
        excess = claim.combine((1, number), (-1, threshold))
        size += q * _require_positive_part(claim, part, excess, index)
    weights = _weights(claim, len(numbers), p, q)
    expected: Polynomial = {}
    for number, weight in zip(numbers, weights, strict=True):
        expected = claim.polynomial((1, expected), (1, multiply(linear(number), weight, claim.relations.modulus)))
    variables = [wire for weight in weights for (wire,) in weight]
    if claim.expand(below, variables) != expected:
        raise Refused("the lower sum is not that of the weighted numbers")
    claim.require_below(2 * size)


def _weights(claim: Claim, count: int, p: int, q: int) -> list[Polynomial]:
    """Per number ``q f``; where p/q is not whole ``(q - t) f + t g``, f of m, g of m + 1 numbers, ``q m + t = p``."""
    whole, rest = divmod(p, q)
    full = claim.bits("full")
    some = claim.bits("some")
    if len(full) != count or len(some) != (count if rest else 0):
        raise Refused("there is not one weight per number")
    claim.require_count(full, whole)
    if not rest:
        return [{(wire,): q} for wire in full]
    claim.require_count(some, whole + 1)
    weights = (claim.polynomial((q - rest, {(f,): 1}), (rest, {(g,): 1})) for f, g in zip(full, some, strict=True))
    return list(weights)


def _require_positive_part(claim: Claim, part: Form, excess: Form, index: int) -> int:
    """``P >= 0`` and ``P >= D``; the largest that P, or P - D, can be.

    Either equations say both; or P is ``D e`` (perhaps with D on its other side: ``D - D e'``), where e is a boolean
    and digits say ``D + 2^w = sum of digits below 2^w, + 2^w e``: D >= 0 where e is 1, D < 0 where it is 0.
    """
    try:
        low = claim.reach(part, "")
        return max(low, claim.reach(claim.combine((1, part), (-1, excess)), ""))
    except Refused:
        pass
    mirrored = claim.combine((-1, excess))
    for product, base in ((part, excess), (claim.combine((1, part), (-1, excess)), mirrored)):
        bit = claim.gate(product, base)
        weight = None if bit is None else claim.sign_weight(base, bit)
        if weight is not None:
            return weight
    raise Refused(f"no constraint says that part {index} is the positive part of its excess")
