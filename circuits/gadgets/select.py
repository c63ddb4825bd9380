"""Products and choices.
specs/gadgets.md#choice
"""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import boolean
from zkmargin.circuits.integers import Bit, Num, num_unchecked
from zkmargin.circuits.linear import ONE, ZERO, LinearCombination


def product(cs: ConstraintSystem, a: Num, b: Num, label: str = "product") -> Num:
    """``a * b``.                                                                  specs/gadgets.md#product

    Requires: the product is an integer of the field.
    Ensures: exactly the product. As a bound: where b >= 0 by its type, an upper (lower) bound times b is an
    upper (lower) bound of the product; the caller checks the sign (``Num.lo >= 0``).
    Cost: 1 constraint; none if a factor is constant.
    """
    ends = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    result = num_unchecked(cs.product(a.lc, b.lc, label), min(ends), max(ends))  # products of the ends bound it
    cs.require_integer(result)
    return result


def select(cs: ConstraintSystem, bit: Bit, if_one: Num, if_zero: Num, label: str = "select") -> Num:
    """``if_one`` where the bit is 1, ``if_zero`` where it is 0.                    specs/gadgets.md#select

    Cost: 1 constraint.
    """
    cs.rely_on_bit(bit, label)
    lc = if_zero.lc + cs.product((if_one - if_zero).lc, bit.lc, label)
    return num_unchecked(lc, min(if_one.lo, if_zero.lo), max(if_one.hi, if_zero.hi))  # it is one of the two


def is_zero(cs: ConstraintSystem, x: LinearCombination, label: str = "is_zero") -> Bit:
    """The bit ``x == 0`` in the field.                                             specs/gadgets.md#is-zero

    Ensures: with y the advised inverse, ``x y = 1 - z`` and ``x z = 0``: x = 0 forces z = 1, x != 0 forces z
    = 0.
    Cost: 2 constraints.
    """
    with cs.scope(label):
        inverse = cs.advise_inverse(x, "inverse")
        free = "free where x = 0: the product is 0 all the same"
        cs.declare_bound(inverse, 1, "inverse", free, kind="inverse")
        nonzero = cs.product(x, LinearCombination.of_wire(inverse), "product")
        zero = (-nonzero).plus_constant(1)
        cs.enforce(x, zero, ZERO, "flag")
    return Bit(zero, 0, 1)


def assert_nonzero(cs: ConstraintSystem, x: LinearCombination, label: str = "x!=0") -> None:
    """Constrain ``x != 0`` in the field: it has an inverse.                        specs/gadgets.md#non-zero

    Cost: 1 constraint.
    """
    with cs.scope(label):
        inverse = LinearCombination.of_wire(cs.advise_inverse(x, "inverse"))
        cs.enforce(x, inverse, ONE, "product")


def one_hot(
    cs: ConstraintSystem, scores: Sequence[LinearCombination], label: str = "one_hot", *, fixed: bool = False
) -> list[Bit]:
    """Bits of which exactly one is 1; an honest prover sets the one with the largest score.
                                                                                      specs/gadgets.md#one-hot

    Requires: fewer bits than p.
    Ensures: one bit is 1, the others are 0. *Which* one is the prover's choice: a use must be sound for every
    choice. With ``fixed`` the caller has inequalities that leave it one, and declares them.
    Cost: one constraint per bit, and one.
    """
    with cs.scope(label):
        first = cs.advise_one_hot(scores, "place")
        if not fixed:
            anywhere = "any place: the caller's bound holds for each"
            cs.declare_bound(first, len(scores), "place", anywhere, kind="one_hot")
        bits = [boolean(cs, wire, "bit") for wire in range(first, first + len(scores))]
        cs.enforce_equal(LinearCombination.total(bit.lc for bit in bits), ONE, "one")
    return bits


def pick(cs: ConstraintSystem, bits: Sequence[Bit], values: Sequence[Num], label: str = "pick") -> Num:
    """The value whose bit is 1.                                                    specs/gadgets.md#one-hot

    Requires: exactly one bit is 1, as ``one_hot`` ensures.
    Cost: one constraint per value that is not constant.
    """
    terms = [cs.product(value.lc, bit.lc, label) for bit, value in zip(bits, values, strict=True)]
    lo, hi = min(value.lo for value in values), max(value.hi for value in values)
    return num_unchecked(LinearCombination.total(terms), lo, hi)  # it is one of the values
