"""Brackets: advice that inequalities fix. Gadgets over a tiny field are damaged at random; where the analysis accepts
the damaged circuit, every witness is tried, and what it calls fixed has one value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

import pytest

from zkmargin.circuits.constraints import Bracket, ConstraintSystem
from zkmargin.circuits.determinism.analysis import classify
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.circuits.gadgets.choose import at_first_largest
from zkmargin.circuits.gadgets.divide import divide
from zkmargin.circuits.gadgets.measures import ranked, tail
from zkmargin.circuits.gadgets.root import square_root
from zkmargin.circuits.gadgets.sign import positive
from zkmargin.circuits.gadgets.spreads import spread
from zkmargin.circuits.gadgets.tiers import tier_value
from zkmargin.circuits.integers import Num, num_unchecked
from zkmargin.circuits.linear import LinearCombination
from zkmargin.circuits.testing import Gadget, assignments
from zkmargin.errors import CircuitError
from zkmargin.field import FR_MODULUS


@dataclass(frozen=True)
class Sample:
    """A gadget with a bracket; the prime leaves room for its numbers, and few witnesses to try."""

    build: Callable[[ConstraintSystem, list[Num]], Sequence[Num]]
    intervals: Sequence[tuple[int, int]]
    modulus: int
    n_outputs: int = 1

    def gadget(self, modulus: int | None = None) -> Gadget:
        return Gadget(self.build, self.intervals, self.n_outputs, modulus or self.modulus)


def _tier(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    bounds = [Num.constant(bound) for bound in (0, 2, 99)]
    return [tier_value(cs, x[0], bounds, [Num.constant(v) for v in (5, 7, 9)], late=True, early=True)]


def _spread(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    return [spread(cs, x[:1], x[1:])[0]]


SAMPLES = {
    "quotient": Sample(lambda cs, x: [divide(cs, x[0], x[1], upper=True, lower=True)], [(-1, 1), (1, 2)], 37),
    "root": Sample(lambda cs, x: [square_root(cs, x[0], 1, upper=True, lower=True)], [(-1, 3)], 37),
    "tier": Sample(_tier, [(-1, 4)], 61),
    "first largest": Sample(lambda cs, x: [at_first_largest(cs, x[:3], x[3:])], [(0, 1)] * 3 + [(2, 3)] * 3, 37),
    "rank": Sample(lambda cs, x: [ranked(cs, x, 2)], [(-1, 1)] * 3, 37),
    "tail": Sample(lambda cs, x: [tail(cs, x, (3, 2), lambda n, label: positive(cs, n, label))], [(0, 1), (-1, 1)], 61),
    "spread": Sample(_spread, [(-2, 2), (-1, 1)], 61),
}
"""By the kind of bracket that the gadget declares."""


LIMIT = 1_000
"""Witnesses that are looked at."""
FREE = (Verdict.BOUND, Verdict.CHOICE)


def require_one_value(gadget: Gadget) -> None:
    """Over all witnesses: wires that brackets fix follow from the inputs alone, the others from inputs and choices."""
    found = classify(gadget.cs)
    assert found.holds
    verdicts = [Verdict(verdict) for verdict in found.verdicts]
    inputs = list(gadget.inputs.wires)
    chosen = [wire for wire, verdict in enumerate(verdicts) if verdict in (Verdict.BOUND, Verdict.CHOICE)]
    fixed = [
        wire for wire, verdict in enumerate(verdicts) if verdict not in (Verdict.BOUND, Verdict.CHOICE, Verdict.DEAD)
    ]
    bracketed = [wire for wire, verdict in enumerate(verdicts) if verdict is Verdict.BRACKET]
    if any(bracket.kind == "tail" for bracket in gadget.cs.brackets):
        bracketed += gadget.outputs
    by_input: dict[tuple[int, ...], tuple[int, ...]] = {}
    by_choice: dict[tuple[int, ...], tuple[int, ...]] = {}
    for wires in islice(assignments(gadget), LIMIT):
        for seen, given, following in ((by_input, inputs, bracketed), (by_choice, inputs + chosen, fixed)):
            value = tuple(wires[wire] for wire in following)
            assert seen.setdefault(tuple(wires[wire] for wire in given), value) == value


@pytest.mark.parametrize("kind", SAMPLES)
def test_what_a_bracket_fixes_has_one_value(kind: str) -> None:
    gadget = SAMPLES[kind].gadget()
    assert [bracket.kind for bracket in gadget.cs.brackets] == [kind]
    require_one_value(gadget)


def _damage(gadget: Gadget, random: Random) -> None:
    """One coefficient changed, one term moved to another wire, or a declaration altered."""
    table, n_terms = gadget.cs.table, len(gadget.cs.table.wires)
    at = random.randrange(n_terms)
    if random.random() < 0.8:
        value = random.choice((1, 2, -1, -2, 3, 4, 8, 0))
        table.coefficients[at] = table.constant_index(value % gadget.cs.modulus)
    elif random.random() < 0.5:
        table.wires[at] = random.randrange(gadget.cs.n_wires)
    else:
        (bracket,) = gadget.cs.brackets
        gadget.cs.brackets[0] = _altered(bracket, random)


def _altered(bracket: Bracket, random: Random) -> Bracket:
    if bracket.factors and random.random() < 0.5:
        factors = list(bracket.factors)
        factors[random.randrange(len(factors))] += random.choice((-1, 1))
        return replace(bracket, factors=tuple(factors))
    roles = dict(bracket.rows)
    one, other = random.sample(sorted(roles), 2)
    roles[one], roles[other] = roles[other], roles[one]
    return replace(bracket, rows=roles)


DAMAGES = 40


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_damaged_bracket_is_refused_or_still_fixes_its_value(kind: str) -> None:
    random, accepted = Random(kind), 0
    for _ in range(DAMAGES):
        gadget = SAMPLES[kind].gadget()
        _damage(gadget, random)
        if classify(gadget.cs).holds:
            accepted += 1
            require_one_value(gadget)
    assert accepted < DAMAGES


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_role_of_a_declaration_counts(kind: str) -> None:
    """Without one of its forms, or with one too many, or other constants, a declaration is refused; never a crash."""
    cs = SAMPLES[kind].gadget(FR_MODULUS).cs
    (bracket,) = cs.brackets
    for role, rows in bracket.rows.items():
        for changed in ((), rows[1:], (*rows, rows[0]) if rows else (0,)):
            if changed == rows:
                continue
            cs.brackets[0] = replace(bracket, rows={**bracket.rows, role: changed})
            assert classify(cs).problems, (role, changed)
    if kind in ("quotient", "first largest", "tier"):
        return  # no constants, or one that constant bounds do not need
    changes: list[tuple[int, ...]] = [(), (*bracket.factors, 1)]
    if kind != "spread":  # whose constant is what the types promise
        changes.append((bracket.factors[0] + 1, *bracket.factors[1:]))
    for factors in changes:
        cs.brackets[0] = replace(bracket, factors=factors)
        assert classify(cs).problems, factors
    cs.brackets[0] = bracket
    assert classify(cs).holds


PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59)


@pytest.mark.parametrize("kind", SAMPLES)
def test_numbers_too_large_for_the_field_are_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over every small prime, also where the gadget itself would refuse: values that wrap around fix nothing."""
    monkeypatch.setattr(ConstraintSystem, "require_integer", lambda *_: None)
    refused, held = 0, 0
    for modulus in PRIMES:
        try:
            gadget = SAMPLES[kind].gadget(modulus)
        except CircuitError:  # digits wider than the field
            continue
        found = classify(gadget.cs)
        refused += "the numbers compared are too large for the field" in found.problems.values()
        held += found.holds
        if found.holds:
            require_one_value(gadget)
    assert held
    assert bool(refused) is (kind not in ("quotient", "root", "first largest"))  # there the digits are refused before


def _tiers(bounds: Sequence[Num], cs: ConstraintSystem) -> ConstraintSystem:
    x = num_unchecked(LinearCombination.of_wire(cs.private("x").first), -9, 9)
    tier_value(
        cs, x, [*bounds, Num.constant(0)], [Num.constant(v) for v in range(len(bounds) + 1)], late=True, early=True
    )
    return cs


def test_bounds_of_tiers_rise() -> None:
    for values, holds in (((1, 2), True), ((2, 2), True), ((-3, 5), True), ((2, 1), False), ((5, -3), False)):
        cs = _tiers([Num.constant(value) for value in values], ConstraintSystem())
        assert classify(cs).problems == ({} if holds else {"tier/place": "the bounds do not rise"})


def test_public_bounds_of_tiers_are_promised_to_rise() -> None:
    cs = ConstraintSystem()
    wires = cs.public("bound", 2).wires
    cs = _tiers([num_unchecked(LinearCombination.of_wire(wire), 0, 9) for wire in wires], cs)
    found = classify(cs)
    assert found.holds
    (bracket,) = cs.brackets
    assert "which the verifier checks" in bracket.assumption
    cs.brackets[0] = replace(bracket, assumption="")
    assert classify(cs).problems == {"tier/place": "nobody says that the bounds rise"}
    cs.brackets[0] = replace(bracket, factors=(FR_MODULUS - 20,))
    assert classify(cs).problems == {"tier/place": "the numbers compared are too large for the field"}


def test_private_bounds_of_tiers_stay_a_choice() -> None:
    cs = ConstraintSystem()
    wires = cs.private("bound", 2).wires
    cs = _tiers([num_unchecked(LinearCombination.of_wire(wire), 0, 9) for wire in wires], cs)
    assert not cs.brackets
    assert [bound.kind for bound in cs.bounds] == ["one_hot"]
    assert classify(cs).holds


def test_a_bracket_on_a_wire_that_does_not_exist() -> None:
    gadget = SAMPLES["quotient"].gadget()
    gadget.cs.brackets[0] = replace(gadget.cs.brackets[0], wires=(gadget.cs.n_wires,))
    with pytest.raises(CircuitError, match="does not exist"):
        classify(gadget.cs)


def test_what_is_bracketed_is_known_before() -> None:
    """A quotient of a value that is open itself is refused for that."""
    cs = ConstraintSystem()
    first = cs.private("y").first
    open_wire = cs.allocate(1)
    x, y = (num_unchecked(LinearCombination.of_wire(wire), 1, 9) for wire in (open_wire, first))
    divide(cs, x, y, upper=True, lower=True)
    assert classify(cs).problems == {"divide/quotient": "x is not known before"}
