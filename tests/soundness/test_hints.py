"""Every hint of the registry has its lies, and every lie meets a named constraint, or is harmless by declaration.

A hint kind without an entry in ``OBJECTIONS`` fails the first test. A lie that no constraint notices must be on the
list of one-sided bounds of the circuit, and must not have made a false statement provable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import permutations
from random import Random

import pytest
from replay import Forger
from tiny import COMMITTED, TINY, Case, accounts

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import range_check
from zkmargin.circuits.gadgets.divide import divide
from zkmargin.circuits.gadgets.maximum import lower_bound, upper_bound
from zkmargin.circuits.gadgets.measures import rank_upper_bound, ranked, tail_lower_bound, tail_upper_bound
from zkmargin.circuits.gadgets.root import square_root
from zkmargin.circuits.gadgets.select import assert_nonzero, is_zero, one_hot, pick
from zkmargin.circuits.gadgets.sign import positive
from zkmargin.circuits.gadgets.spreads import spread
from zkmargin.circuits.gadgets.tiers import tier_value
from zkmargin.circuits.integers import Num
from zkmargin.circuits.names import without_indices
from zkmargin.circuits.program import HINTS, HintPlacement
from zkmargin.circuits.testing import Gadget
from zkmargin.field import FR_MODULUS as R

ALL = {**TINY, **COMMITTED}
Objections = Callable[[HintPlacement], set[str]]


def _beside(hint: HintPlacement, *labels: str) -> set[str]:
    return {hint.path.rpartition("/")[0] + f"/{label}".rstrip("/") for label in labels}


def _checks(*ranges: str) -> tuple[str, ...]:
    return tuple(f"{name}/{label}" for name in ranges for label in ("bit", "recompose"))


OBJECTIONS: Mapping[str, Objections] = {
    # A digit is a bit, and the digits make the value.
    "bits": lambda hint: _beside(hint, "bit", "recompose"),
    # The product with the value shows what the value is; a wrong inverse of one that is not zero gives another.
    "inverse": lambda hint: _beside(hint, "product", "flag"),
    # Either choice gives a branch: only a number that is no choice is refused.
    "sign": lambda hint: _beside(hint, "bit"),
    # Every branch is below the bound.
    "maximum": lambda hint: _beside(hint, *(f"branch[{index}]/recompose" for index in range(64))),
    # Bits of which one is 1.
    "one_hot": lambda hint: _beside(hint, "bit", "one"),
    # The product with the divisor, then the range of the remainder on each side.
    "quotient": lambda hint: _beside(hint, "product", *_checks("quotient", "remainder>=0", "remainder<y")),
    # The square, compared with the value on each side.
    "root": lambda hint: _beside(hint, "square", *_checks("root", "square<=x", "x<next square")),
    # Every number that is not waived is below the bound; a threshold is free within its digits.
    "rank": lambda hint: _beside(hint, *_checks("threshold", *(f"number[{index}]" for index in range(64)))),
    # Bits of which a given number are 1.
    "top": lambda hint: _beside(hint, "bit", "count"),
    # Bits of which one is 1, in a tier whose bounds hold the value.
    "tier": lambda hint: _beside(hint, "bit", "one", *_checks("x<=bound", "x>bound before")),
    # A direction is a bit; the number has digits, fits every leg, and one more fits none.
    "spread": lambda hint: _beside(
        hint,
        "up",
        *_checks("count", *(f"leg[{leg}]/fits" for leg in range(8)), "no more up/at least 1"),
        *_checks("no more down/at least 1"),
        *(f"no more {way}/no leg" for way in ("up", "down")),
    ),
    # The challenge fixes all functionals together.
    "functionals": lambda _: {"binding/identity"},
}
"""Per kind of hint the constraints (paths) of which at least one objects to a lie."""


def lies(honest: int, seed: str) -> list[int]:
    """Values for a wire in place of the honest one."""
    random = Random(seed)
    values = [0, 1, R - 1, 2, R // 2, R // 2 + 1, -honest, 1 - honest, honest + 1, honest - 1]
    values += [honest + (1 << k) for k in (1, 8, 64, 128, 252)] + [honest - (1 << 16), random.randrange(R)]
    return sorted({value % R for value in values} - {honest % R})


def test_every_kind_of_hint_has_its_lies() -> None:
    assert OBJECTIONS.keys() == HINTS.keys()


@cache
def forger(name: str) -> Forger:
    return Forger(ALL[name])


@cache
def situations(name: str) -> Sequence[Case]:
    """An account that meets its claim, and one that misses it by one unit."""
    all_of = accounts(ALL[name])
    short = [case for case in all_of[5:] if forger(name).forge(case).broken]
    holds = [case for case in all_of[5:] if not forger(name).forge(case).broken]
    return (holds[0], short[0])


def _wires(hint: HintPlacement) -> set[int]:
    """The first and the last wire of a hint."""
    return {hint.first_wire, hint.first_wire + hint.count - 1}


@pytest.mark.parametrize("kind", HINTS)
@pytest.mark.parametrize("name", ALL)
def test_lies_in_the_statement(name: str, kind: str) -> None:
    """At every place where advice of a kind is taken."""
    for hint in forger(name).names.hints:
        if hint.name == kind:
            _lie(name, hint)


def _lie(name: str, hint: HintPlacement) -> None:
    found_free = False
    declared = {w for b in forger(name).names.bounds for w in range(b.first_wire, b.first_wire + b.count)}
    for case in situations(name):
        honest = forger(name).run(case, {})
        for wire in sorted(_wires(hint)):
            for value in lies(honest[wire], hint.path)[:: 1 if hint.count == 1 else 5]:
                attempt = forger(name).forge(case, {wire: value})
                assert not attempt.broken or attempt.violated, (wire, value)
                objecting = set(forger(name).paths(attempt.violated))
                if objecting & OBJECTIONS[hint.name](hint):
                    continue
                assert wire in declared, (hint.name, wire, objecting)
                found_free = True
    assert found_free == (hint.first_wire in declared)


# --- the same of gadgets on their own -----------------------------------------------------------------------------


def _is_zero(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    return [is_zero(cs, x[0].lc)]


def _tier(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    bounds, values = ([Num.constant(n) for n in numbers] for numbers in ((3, 6, 99), (7, 8, 9)))
    return [tier_value(cs, x[0], bounds, values, late=True, early=True)]


def _spread(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    count, _ = spread(cs, x[:2], x[2:])
    return [count]


def _tail(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    return [tail_upper_bound(cs, x, (2, 1), lambda number, label: positive(cs, number, label))]


def _picked(cs: ConstraintSystem, x: list[Num]) -> list[Num]:
    return [pick(cs, one_hot(cs, [n.lc for n in x]), x)]


GADGETS: Mapping[str, tuple[Gadget, Sequence[int], Callable[..., set[int]]]] = {
    # Gadget, inputs, and all outputs that may be proven of them.
    "bits": (Gadget(lambda cs, x: [range_check(cs, x[0], 5)], [(0, 31)]), (19,), lambda x: {x}),
    "inverse of one": (Gadget(_is_zero, [(-9, 9)]), (5,), lambda x: {int(x == 0)}),
    "inverse of zero": (Gadget(_is_zero, [(-9, 9)]), (0,), lambda x: {int(x == 0)}),
    "inverse": (Gadget(lambda cs, x: [assert_nonzero(cs, x[0].lc) or x[0]], [(1, 9)]), (5,), lambda x: {x}),
    "sign": (Gadget(lambda cs, x: [lower_bound(cs, x)], [(0, 15), (0, 15)]), (3, 5), lambda *x: set(x)),
    "maximum": (
        Gadget(lambda cs, x: [upper_bound(cs, x, 3)], [(0, 15), (0, 15)]),
        (3, 5),
        lambda *x: set(range(max(x), min(x) + 8)),
    ),
    "quotient": (
        Gadget(lambda cs, x: [divide(cs, x[0], x[1], upper=True, lower=True)], [(-20, 20), (1, 7)]),
        (-17, 5),
        lambda x, y: {x // y},
    ),
    "root": (
        Gadget(lambda cs, x: [square_root(cs, x[0], 2, upper=True, lower=True)], [(-50, 200)]),
        (130,),
        lambda _: {8},
    ),
    "rank": (
        Gadget(lambda cs, x: [rank_upper_bound(cs, x, 2)], [(0, 15)] * 3),
        (3, 9, 5),
        lambda *x: set(range(sorted(x)[-2], 32)),
    ),
    "rank, exact": (
        Gadget(lambda cs, x: [ranked(cs, x, 2)], [(0, 15)] * 3),
        (3, 9, 5),
        lambda *x: {sorted(x)[-2]},
    ),
    "rank of a tail": (
        Gadget(_tail, [(0, 15)] * 3),
        (3, 9, 5),
        lambda *x: {2 * eta + sum(max(value - eta, 0) for value in x) for eta in range(16)},
    ),
    "top": (
        Gadget(lambda cs, x: [tail_lower_bound(cs, x, (3, 2))], [(0, 15)] * 3),
        (3, 9, 5),
        lambda *x: {2 * a + b for a, b in permutations(x, 2)},
    ),
    "tier": (Gadget(_tier, [(0, 15)]), (5,), lambda _: {8}),
    "spread": (Gadget(_spread, [(-9, 9), (-9, 9), (-3, 3), (-3, 3)]), (7, -8, 2, -3), lambda *_: {2}),
    "spread that does not form": (
        Gadget(_spread, [(-9, 9), (-9, 9), (-3, 3), (-3, 3)]),
        (7, 8, 2, -3),
        lambda *_: {0},
    ),
    "one_hot": (Gadget(_picked, [(0, 9), (0, 9), (0, 9)]), (3, 8, 5), lambda *x: set(x)),
}


LATER: Mapping[str, set[str]] = {
    "root": {"sqrt/square<=x/recompose"},  # zero in place of x: at most max(x, 0), and then too little for the root
    "rank, exact": {"ranked/equal"},  # a bound that is too high is not the bound from below
}
"""What objects to a lie that is a sound choice for its gadget, and not for the one around it."""

FREE = ("rank", "spread")
"""A threshold is free wherever its digits reach, and a spread of none has no direction: outputs tell."""


def test_every_kind_of_hint_is_lied_to_in_a_gadget_or_in_the_statement() -> None:
    in_gadgets = {hint.name for gadget, _, _ in GADGETS.values() for hint in gadget.cs.program.hints}
    in_statements = {hint.name for name in TINY for hint in forger(name).names.hints}
    assert in_gadgets | in_statements == set(HINTS)
    assert in_statements == {"bits", "inverse", "sign", "maximum", "functionals"}


@pytest.mark.parametrize("name", GADGETS)
def test_lies_in_a_gadget(name: str) -> None:
    gadget, values, allowed = GADGETS[name]
    honest = gadget.run(values).wires
    for hint in gadget.cs.program.hints:
        for wire in range(hint.first_wire, hint.first_wire + hint.count):
            for value in lies(honest[wire], name):
                found = gadget.with_lie(values, {wire: value})
                violated = set(gadget.violated(found.wires))
                if not violated:
                    assert wire in gadget.chosen or hint.name in FREE
                    assert set(found.outputs) <= allowed(*values)
                else:
                    objections = OBJECTIONS[hint.name](hint) | LATER.get(name, set())
                    assert violated & objections, (wire, value, violated)


def test_a_one_hot_vector_may_stand_anywhere_and_nowhere_else() -> None:
    gadget, values, _ = GADGETS["one_hot"]
    (hint,) = gadget.cs.program.hints
    for place in range(3):
        vector = {hint.first_wire + index: int(index == place) for index in range(3)}
        found = gadget.with_lie(values, vector)
        assert gadget.violated(found.wires) == []
        assert found.outputs == (values[place],)
    for vector, objecting in (((1, 1, 0), "one"), ((0, 0, 0), "one"), ((2, -1, 0), "bit")):
        found = gadget.with_lie(values, {hint.first_wire + k: digit for k, digit in enumerate(vector)})
        assert f"one_hot/{objecting}" in gadget.violated(found.wires)


def test_hints_of_the_statement_stand_where_the_text_says() -> None:
    """A new place where advice is taken shows up here."""
    places = {(hint.name, without_indices(hint.path)) for name in TINY for hint in forger(name).names.hints}
    assert {place for place in places if place[0] != "bits"} == {
        ("inverse", "claim/denominator>=1/inverse"),
        ("functionals", "functionals"),
        ("sign", "rules/max:28/max/branch/choice"),
        ("maximum", "rules/max:20/max/bound"),
        ("maximum", "rules/positive:26/positive/bound"),
    }
