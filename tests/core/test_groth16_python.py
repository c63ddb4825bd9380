"""The parts of the plain Python verifier, each against the textbook: no pairing is needed to see them wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from points import bn254, g1, g2, integers, le, twist_point_outside_subgroup

from zkmargin.errors import BytesLength, FieldRange, ProofPoint
from zkmargin.field import FQ_MODULUS as Q
from zkmargin.field import FR_MODULUS as R
from zkmargin.verifier import groth16_python as verifier

TABLE = [bn254.multiply(bn254.G1, k) for k in (1, 2, 3, 5, 7)]
EDGES = [0, 1, 2, 3, 4, 5, R - 1, R - 2, R // 2, R // 2 + 1, 2**253, 2**253 + 2**252 - 1, int("10" * 126, 2)]


def textbook(points: Sequence[Any], scalars: Sequence[int]) -> Any:
    total = bn254.Z1
    for point, scalar in zip(points, scalars, strict=True):
        total = bn254.add(total, bn254.multiply(point, scalar))
    return total


def same(left: Any, right: Any) -> bool:
    infinite = bn254.is_inf(left), bn254.is_inf(right)
    return all(infinite) or (not any(infinite) and bool(bn254.normalize(left) == bn254.normalize(right)))


@pytest.mark.parametrize("scalar", EDGES)
def test_a_multiple(scalar: int) -> None:
    assert same(verifier._linear_combination(TABLE[3:4], [scalar]), textbook(TABLE[3:4], [scalar]))


@pytest.mark.parametrize("count", [0, 2, 5, 33])
def test_sums(count: int) -> None:
    """Few and many: the windows are two bits wide and more. Terms of one bucket, opposite terms, zeros."""
    chance = random.Random(count)
    points = [TABLE[chance.randrange(len(TABLE))] for _ in range(count)]
    scalars = [chance.choice([*EDGES, chance.randrange(R), 7, R - 7]) for _ in range(count)]
    assert same(verifier._linear_combination(points, scalars), textbook(points, scalars))


def test_terms_that_cancel() -> None:
    point = TABLE[2]
    assert bn254.is_inf(verifier._linear_combination([point, point], [5, R - 5]))
    assert bn254.is_inf(verifier._linear_combination([point, bn254.neg(point)], [5, 5]))


@pytest.mark.parametrize(("points", "scalars"), [(2, 1), (1, 2)])
def test_every_point_has_its_scalar(points: int, scalars: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        verifier._linear_combination(TABLE[:points], [1] * scalars)


def test_elements_are_whole_and_canonical() -> None:
    assert verifier._elements(b"", R, "here") == []
    assert verifier._elements(le(0, 1, R - 1, 2**200), R, "here") == [0, 1, R - 1, 2**200]
    assert verifier._elements(le(R, Q - 1), Q, "here") == [R, Q - 1]
    for encoded, modulus, index in ((le(R), R, 0), (le(1, 2, R + 1), R, 2), (le(1, 2**256 - 1, 3), Q, 1)):
        with pytest.raises(FieldRange, match=rf"here, element {index}\b"):
            verifier._elements(encoded, modulus, "here")
    for length in (1, 31, 33, 63):
        with pytest.raises(BytesLength):
            verifier._elements(bytes(length), R, "here")


def test_points_of_the_curve() -> None:
    numbers = [*integers(g1(5)), 0, 0, *integers(g1(R - 1))]
    five, nothing, last = verifier._g1_points(numbers, "here")
    assert same(five, bn254.multiply(bn254.G1, 5))
    assert bn254.is_inf(nothing)
    assert same(last, bn254.neg(bn254.G1))
    assert verifier._g1_points([], "here") == []
    for x, y in ((0, 1), (1, 0), (1, 1), (1, 3), (2, 1)):
        with pytest.raises(ProofPoint, match="here, G1 point 1"):
            verifier._g1_points([1, 2, x, y, 1, 2], "here")


def test_points_of_the_twist() -> None:
    numbers = [*integers(g2(5)), 0, 0, 0, 0, *integers(g2(R - 1))]
    five, nothing, last = verifier._g2_points(numbers, "here")
    assert same(five, bn254.multiply(bn254.G2, 5))
    assert bn254.is_inf(nothing)
    assert same(last, bn254.neg(bn254.G2))
    x0, x1, y0, y1 = good = integers(g2(3))
    for wrong in ([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [x1, x0, y0, y1], [x0, x1, y1, y0]):
        with pytest.raises(ProofPoint, match=r"not on the curve.*here, G2 point 1"):
            verifier._g2_points([*good, *wrong], "here")


def test_points_of_the_twist_outside_the_subgroup() -> None:
    """py_ecc's pairing would take it."""
    with pytest.raises(ProofPoint, match=r"outside the subgroup.*here, G2 point 0"):
        verifier._g2_points(integers(twist_point_outside_subgroup()), "here")


@pytest.mark.parametrize("at", [0, 2, 6, 10])
def test_a_key_of_points_at_infinity(at: int) -> None:
    key = [*integers(g1(3)), *integers(g2(5)), *integers(g2(1)), *integers(g2(7)), *integers(g1(2))]
    width = 4 if at else 2
    with pytest.raises(ProofPoint, match="infinity"):
        verifier._prepare((*key[:at], *[0] * width, *key[at + width :]))


def test_a_wrong_length_is_named() -> None:
    """Of the key first, then of the proof, then of the public inputs."""
    vk, publics, proof = bytes(448 + 64 * 3), bytes(64), bytes(256)
    for where, arguments in (
        ("verifying key", (vk + bytes(32), publics[1:], proof[1:])),
        ("verifying key", (vk[:448], b"", proof[1:])),
        ("verifying key", (b"", b"", proof)),
        ("proof", (vk, publics[1:], proof + bytes(32))),
        ("proof", (vk, publics[1:], b"")),
        ("public inputs", (vk, publics + bytes(32), proof)),
        ("public inputs", (vk, publics[32:], proof)),
        ("public inputs", (vk[:512], publics[:32], proof)),
    ):
        with pytest.raises(BytesLength) as caught:
            verifier.verify_groth16(*arguments)
        assert caught.value.where == where
