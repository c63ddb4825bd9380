"""Advice fixed by a commitment and a challenge, in a small circuit of three functionals, and what is not quite that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.determinism.analysis import classify
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.circuits.gadgets.bits import decompose
from zkmargin.circuits.gadgets.poseidon import sponge
from zkmargin.circuits.integers import num_unchecked
from zkmargin.circuits.linear import ZERO, LinearCombination

K, ROWS = 3, 2
Weights = Sequence[Mapping[int, int]]


@dataclass(frozen=True)
class Sample:
    """How the circuit is built: each field is one thing that can be wrong."""

    order: Sequence[str] = ("P", "C", "gamma", "t")
    absorbed: Weights = ({0: 1}, {1: 1}, {2: 1})
    """The elements that C absorbs, as weights of the functionals."""
    positions: Weights = ({0: 1}, {1: 1})
    """The elements that P absorbs, as weights of the sizes."""
    checked: bool = False
    """Whether the functionals are range-checked to 8 bits."""
    sizes_checked: bool = False
    powers: Sequence[int] = (0, 1, 2)
    """The power of the challenge that multiplies each functional in the identity; None leaves it out."""
    left_out: int | None = None
    chosen: bool = False
    """Whether the identity also holds a value that the prover may choose."""
    hash_to_c: bool = True
    layers: int | None = None
    """Where C is no sponge but so many layers of S-boxes, each of all outputs of the one before."""


def _layers(cs: ConstraintSystem, values: Sequence[LinearCombination], count: int) -> LinearCombination:
    for layer in range(count):
        squares = [cs.product(x, x, "square") for x in values]
        fourths = [cs.product(x, x, "fourth") for x in squares]
        outputs = [cs.product(x, y, "fifth") for x, y in zip(values, fourths, strict=True)]
        values = [LinearCombination.total(x * (i + j + layer + 1) for j, x in enumerate(outputs)) for i in range(4)]
    return values[0]


def build(sample: Sample) -> ConstraintSystem:
    cs = ConstraintSystem()
    for name in sample.order:
        cs.public(name, ROWS if name == "t" else 1)
    sizes = [LinearCombination.of_wire(wire) for wire in cs.private("size", ROWS).wires]
    blind = LinearCombination.of_wire(cs.private("blind").first)
    first = cs.advise_functionals([(cs.privates["size"].first, ROWS)], K, "functionals")
    cs.declare_challenged(first, K, "functionals", "C", "gamma")
    functionals = [LinearCombination.of_wire(wire) for wire in range(first, first + K)]
    for numbers, wanted in ((functionals, sample.checked), (sizes, sample.sizes_checked)):
        for index, number in enumerate(numbers if wanted else ()):
            decompose(cs, num_unchecked(number, 0, 255), 0, 8, f"range[{index}]")

    def mixed(numbers: Sequence[LinearCombination], weights: Weights) -> list[LinearCombination]:
        return [LinearCombination.total(numbers[i] * factor for i, factor in row.items()) for row in weights]

    cs.assign_public("P", sponge(cs, "size", mixed(sizes, sample.positions), "P"), "P/equal")
    absorbed = mixed(functionals, sample.absorbed)
    digest = sponge(cs, "functionals", [blind, *absorbed], "C") if sample.hash_to_c else absorbed[0] + blind
    if sample.layers is not None:
        digest = _layers(cs, [blind, *absorbed], sample.layers)
    cs.assign_public("C", digest, "C/equal")
    gamma = LinearCombination.of_wire(cs.publics["gamma"].first)
    t = cs.publics["t"].first
    total = LinearCombination.total(
        cs.product(size, LinearCombination.of_wire(t + row), "row") for row, size in enumerate(sizes)
    )
    if sample.chosen:
        choice = LinearCombination.of_wire(cs.advise_sign(blind, "choice"))
        (wire,) = choice.terms
        cs.enforce_bit(wire, "bit")
        cs.declare_bound(wire, 1, "choice", "either", kind="choice")
        total = total + choice
    for functional, power in zip(functionals, sample.powers, strict=True):
        term = functional
        for _ in range(power):
            term = cs.product(term, gamma, "power")
        if functional is not (functionals[sample.left_out] if sample.left_out is not None else None):
            total = total - term
    cs.enforce_equal(total, ZERO, "identity")
    return cs


GOOD = Sample()
PACKED = replace(GOOD, checked=True, absorbed=({0: 1, 1: 1 << 8, 2: 1 << 16},))
NOT_IDENTICAL = "no constraint compares all of it, by different powers of the challenge, with what is known"
NOT_COMMITTED = "public input C does not commit to all of it"
FREE_BASE = "it is compared with a value that nothing commits to before the challenge"


@pytest.mark.parametrize(
    "sample",
    [
        GOOD,
        PACKED,
        replace(GOOD, powers=(2, 0, 5)),
        replace(GOOD, absorbed=({0: 1}, {0: 1, 1: 1}, {0: 1, 1: 1, 2: 1})),  # tells them apart one by one
        replace(GOOD, sizes_checked=True, positions=({0: 1, 1: 1 << 8},)),
    ],
)
def test_functionals_are_fixed(sample: Sample) -> None:
    found = classify(build(sample))
    assert found.holds, found.problems
    assert sum(verdict == Verdict.CHALLENGE for verdict in found.verdicts) == K


@pytest.mark.parametrize(
    ("sample", "problem"),
    [
        (replace(GOOD, order=("P", "gamma", "C", "t")), "the commitment comes after the challenge"),
        (replace(GOOD, absorbed=({0: 1}, {1: 1})), NOT_COMMITTED),
        (replace(GOOD, absorbed=({0: 1}, {1: 1, 2: 1})), NOT_COMMITTED),
        (replace(PACKED, checked=False), NOT_COMMITTED),  # a limb without its range
        (replace(PACKED, absorbed=({0: 1, 1: 1 << 7, 2: 1 << 16},)), NOT_COMMITTED),  # limbs that overlap
        (replace(PACKED, absorbed=({0: 1, 1: 1 << 8, 2: 1 << 247},)), NOT_COMMITTED),  # beyond the modulus
        (replace(GOOD, hash_to_c=False), NOT_COMMITTED),  # linear: the blind opens it to anything
        (replace(GOOD, layers=1), NOT_COMMITTED),  # a sum of fifth powers has many openings
        (replace(GOOD, layers=7), NOT_COMMITTED),
        (replace(GOOD, powers=(0, 1, 1)), NOT_IDENTICAL),
        (replace(GOOD, left_out=2), NOT_IDENTICAL),
        (replace(GOOD, positions=({0: 1},)), FREE_BASE),
        (replace(GOOD, positions=({0: 1, 1: 1 << 8},)), FREE_BASE),
        (replace(GOOD, order=("C", "gamma", "P", "t")), FREE_BASE),  # committed too late
        (replace(GOOD, chosen=True), FREE_BASE),
    ],
)
def test_functionals_are_not_fixed(sample: Sample, problem: str) -> None:
    found = classify(build(sample))
    assert found.problems == {"functionals": problem}
    assert not found.holds


@pytest.mark.parametrize("commits", [True, False])
def test_the_identity_does_not_commit_to_what_it_compares(commits: bool) -> None:
    """``L challenge = size`` says nothing of L where size is chosen last."""
    cs = ConstraintSystem()
    for name in ("C", "P", "gamma"):
        cs.public(name)
    (size,), (blind,) = cs.private("size").wires, cs.private("blind").wires
    first = cs.advise_functionals([(size, 1)], 1, "functionals")
    cs.declare_challenged(first, 1, "functionals", "C", "gamma")
    functional, gamma = LinearCombination.of_wire(first), LinearCombination.of_wire(cs.publics["gamma"].first)
    cs.assign_public("C", sponge(cs, "functionals", [LinearCombination.of_wire(blind), functional], "C"), "C/equal")
    cs.assign_public("P", sponge(cs, "size", [LinearCombination.of_wire(size if commits else blind)], "P"), "P/equal")
    cs.enforce(functional, gamma, LinearCombination.of_wire(size), "identity")
    found = classify(cs)
    assert found.problems == ({} if commits else {"functionals": FREE_BASE})
    assert found.holds is commits


def test_what_is_no_s_box_commits_to_nothing() -> None:
    cs = build(GOOD)
    squares = [k for k in range(cs.n_constraints) if cs.path_of(k).startswith("C/block") and cs.a[k] == cs.b[k]]
    assert classify(cs, squares).problems == {"functionals": NOT_COMMITTED}
    assert not classify(cs, squares[:1]).holds
