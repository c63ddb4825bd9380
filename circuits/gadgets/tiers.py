"""The value of the tier in which a number lies.
specs/gadgets.md#tiers
"""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import boolean, decompose
from zkmargin.circuits.gadgets.select import pick
from zkmargin.circuits.integers import Bit, Num, bit_unchecked
from zkmargin.circuits.linear import ONE, ONE_WIRE, LinearCombination
from zkmargin.errors import CircuitError


def tier_value(
    cs: ConstraintSystem,
    x: Num,
    bounds: Sequence[Num],
    values: Sequence[Num],
    *,
    late: bool,
    early: bool,
    label: str = "tier",
) -> Num:
    """``values[k]`` of the first tier k with ``x <= bounds[k]``; the last tier has no bound.  specs/gadgets.md#tiers

    Requires: bounds rise (the verifier checks public ones); differences of x and bounds are integers of the field.
    Ensures: with ``late`` the tier is not before the true one (``x <= bound``), with ``early`` not after it
    (``x > `` the bound before); with both it is the true one. With one of them it is the prover's choice: sound
    where values rise or fall in the direction that never helps.
    Cost: for K tiers, public bounds and values: ``2K + 1``, and per side ``K - 1`` and a range check.
    """
    if len(bounds) != len(values):
        raise CircuitError("tiers lack bounds or values", where=cs.path(label))
    return value_in_tier(cs, place_in_tiers(cs, x, bounds, late=late, early=early, label=label), values, label)


def value_in_tier(cs: ConstraintSystem, places: Sequence[Bit], values: Sequence[Num], label: str = "tier") -> Num:
    """The value of the tier that ``place_in_tiers`` chose.                                    specs/gadgets.md#tiers

    Cost: for K tiers and public values K, none for one tier.
    """
    if len(places) != len(values):
        raise CircuitError("tiers lack bounds or values", where=cs.path(label))
    if len(values) == 1:
        return values[0]
    with cs.scope(label):
        return pick(cs, places, values, "value")


def place_in_tiers(
    cs: ConstraintSystem, x: Num, bounds: Sequence[Num], *, late: bool, early: bool, label: str = "tier"
) -> list[Bit]:
    """The tier of ``tier_value``: one bit for each, of which one is 1.                        specs/gadgets.md#tiers

    Cost: for K tiers and public bounds ``K + 1``, and per side ``K - 1`` and a range check; none for one tier.
    """
    if not (late or early):
        raise CircuitError("nothing is asked of the tier", where=cs.path(label))
    if len(bounds) == 1:
        return [bit_unchecked(ONE)]
    inner = bounds[:-1]
    with cs.scope(label):
        scores = [(bound - x).lc for bound in inner]
        first = cs.advise_first([*scores, LinearCombination({})], "place")
        guards: list[LinearCombination] = []
        bits = [boolean(cs, wire, "bit") for wire in range(first, first + len(bounds))]
        cs.enforce_equal(LinearCombination.total(bit.lc for bit in bits), ONE, "one")
        if late:
            limit = pick(cs, bits, [*inner, Num.constant(x.hi)], "bound")
            above = limit - x
            guards.append(above.lc)
            decompose(cs, above, 0, max(1, above.hi.bit_length()), "x<=bound")
        if early:
            limit = pick(cs, bits, [Num.constant(x.lo - 1), *inner], "bound before")
            above = x - limit.plus(1)
            guards.append(above.lc)
            decompose(cs, above, 0, max(1, above.hi.bit_length()), "x>bound before")
        sides = " and ".join(["x <= bound"] * late + ["x > bound before"] * early)
        inequality = f"one tier with {sides}"
        if late and early and _are_public(cs, inner):
            forms = {"place": [bit.lc for bit in bits], "x": [x.lc], "bound": [bound.lc for bound in inner]}
            forms |= {"above": guards[:1], "below": guards[1:]}
            places = [wire for bit in bits for wire in bit.lc.terms]
            spread = max(bound.hi for bound in inner) - min(bound.lo for bound in inner)
            checker = "publisher of the tables" if cs.committed else "verifier"
            rise = f"given bounds that rise, which the {checker} checks"
            cs.declare_bracket("tier", places, "place", inequality, forms, factors=[spread], assumption=rise)
        else:
            cs.declare_bound(first, len(bounds), "place", inequality, kind="one_hot", branches=guards)
        return bits


def _are_public(cs: ConstraintSystem, numbers: Sequence[Num]) -> bool:
    """Whether numbers are made of constants and of public inputs, or of what one commits to, alone: others can judge
    them.
    """
    judged = [*cs.publics.values(), *(cs.privates[name] for name in cs.committed)]
    publics = [range(ONE_WIRE, ONE_WIRE + 1), *(inputs.wires for inputs in judged)]
    return all(any(wire in wires for wires in publics) for number in numbers for wire in number.lc.terms)
