"""G1 and G2: the group laws with their exceptional cases, sums of multiples, refusals. Both engines."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from points import (
    G1_INFINITY,
    G2_INFINITY,
    SILENT,
    fq_sqrt,
    g1,
    g2,
    integers,
    le,
    negate,
    twist_point_outside_subgroup,
)

from zkmargin.backend import Arithmetic
from zkmargin.field import FQ_MODULUS as Q
from zkmargin.field import FR_MODULUS as R


@dataclass(frozen=True)
class GroupOps:
    """One group of one engine; ``point(k)`` is py_ecc's ``k * generator``."""

    add: Callable[[bytes, bytes], bytes]
    mul: Callable[[bytes, bytes], bytes]
    msm: Callable[[bytes, bytes], bytes]
    is_valid: Callable[[bytes], bool]
    point: Callable[[int], bytes]
    infinity: bytes


@pytest.fixture(params=["G1", "G2"])
def group(request: pytest.FixtureRequest, engine: Arithmetic) -> GroupOps:
    if request.param == "G1":
        return GroupOps(engine.g1_add, engine.g1_mul, engine.g1_msm, engine.g1_is_valid, g1, G1_INFINITY)
    return GroupOps(engine.g2_add, engine.g2_mul, engine.g2_msm, engine.g2_is_valid, g2, G2_INFINITY)


def test_sums_agree_with_py_ecc(group: GroupOps) -> None:
    for a, b in [(1, 2), (2, 1), (5, 7), (R - 1, 3), (123456789, R - 5)]:
        assert group.add(group.point(a), group.point(b)) == group.point(a + b)


def test_exceptional_sums(group: GroupOps) -> None:
    p, zero = group.point(9), group.infinity
    assert group.add(p, zero) == p
    assert group.add(zero, p) == p
    assert group.add(zero, zero) == zero
    assert group.add(p, p) == group.point(18)
    assert group.add(p, negate(p)) == zero
    assert group.add(negate(p), p) == zero


def test_multiples_agree_with_py_ecc(group: GroupOps) -> None:
    p = group.point(3)
    scalars = [1, 2, 3, 2**64 - 1, 2**64, 2**128, R // 2, R // 2 + 1, R - 2, 0xF0F0F0F0F0F0F0F0F0F0]
    for scalar in scalars:
        assert group.mul(p, le(scalar)) == group.point(3 * scalar)
    assert group.mul(p, le(0)) == group.infinity
    assert group.mul(p, le(R - 1)) == negate(p)
    assert group.mul(group.infinity, le(5)) == group.infinity


def test_associative_and_distributive(group: GroupOps) -> None:
    p, q, s = group.point(11), group.point(R - 4), group.point(77)
    assert group.add(group.add(p, q), s) == group.add(p, group.add(q, s))
    k = le(987654321987654321)
    assert group.mul(group.add(p, q), k) == group.add(group.mul(p, k), group.mul(q, k))


def test_small_msm(group: GroupOps) -> None:
    logs = [1, 2, 3, R - 1, 0]
    points = b"".join(group.point(k) for k in logs)
    scalars = [5, R - 1, 0, 7, 9]
    expected = group.point(sum(k * s for k, s in zip(logs, scalars, strict=True)))
    assert group.msm(points, le(*scalars)) == expected
    assert group.msm(b"", b"") == group.infinity
    assert group.msm(group.point(4), le(R - 1)) == negate(group.point(4))
    assert group.msm(group.infinity * 3, le(1, 2, 3)) == group.infinity


@pytest.mark.parametrize("size", [33, 700])
def test_msm_of_few_distinct_points(group: GroupOps, size: int) -> None:
    """Equal and opposite points meet in one bucket, where plain addition formulas divide by zero."""
    rng = random.Random(size)
    logs = [1, R - 1, 2, R - 2, 0, 1]
    table = {k: group.point(k) for k in logs}
    chosen = [rng.choice(logs) for _ in range(size)]
    scalars = [rng.choice([0, 1, 2, 3, 2**63, 2**64 - 1, R - 1, rng.randrange(R)]) for _ in range(size)]
    result = group.msm(b"".join(table[k] for k in chosen), le(*scalars))
    assert result == group.point(sum(k * s for k, s in zip(chosen, scalars, strict=True)))


def test_msm_that_cancels(group: GroupOps) -> None:
    p = group.point(6)
    assert group.msm((p + negate(p)) * 40, le(*[2**200 + 3] * 80)) == group.infinity
    assert group.msm(p * 64, le(*[R - 1, 1] * 32)) == group.infinity


@pytest.mark.parametrize("size", [1 << 10, (1 << 13) + 5])
def test_large_g1_msm(engine: Arithmetic, size: int) -> None:
    """Random, short, zero and one scalars at a size where windows and threads are those of real keys."""
    if engine.__name__.endswith("reference") and size > 1 << 10:
        pytest.skip("seconds on the reference; the algorithm is the same at every size")
    rng = random.Random(1)
    base = [rng.randrange(R) for _ in range(48)]
    table = [g1(k) for k in base]
    table += [negate(point) for point in table]
    base += [-k for k in base]
    picks = [rng.randrange(len(base)) for _ in range(size)]
    kinds = [lambda: 0, lambda: 1, lambda: rng.randrange(2**64), lambda: rng.randrange(R), lambda: R - 1]
    scalars = [rng.choice(kinds)() for _ in range(size)]
    result = engine.g1_msm(b"".join(table[i] for i in picks), le(*scalars))
    assert result == g1(sum(base[i] * s for i, s in zip(picks, scalars, strict=True)))


def test_valid_points(group: GroupOps) -> None:
    assert group.is_valid(group.point(1))
    assert group.is_valid(group.point(R - 1))
    assert group.is_valid(group.infinity)
    assert not group.is_valid(b"")
    assert not group.is_valid(group.point(1)[:-1])
    assert not group.is_valid(group.point(1) * 2)


def refused(group: GroupOps, point: bytes) -> None:
    assert not group.is_valid(point)
    for call in (
        lambda: group.add(point, group.infinity),
        lambda: group.add(group.infinity, point),
        lambda: group.mul(point, le(1)),
        lambda: group.msm(point, le(1)),
    ):
        with pytest.raises(ValueError, match=SILENT):
            call()


def test_points_off_the_curve_are_refused(group: GroupOps) -> None:
    coordinates = integers(group.point(5))
    for index in range(len(coordinates)):
        changed = list(coordinates)
        changed[index] = (changed[index] + 1) % Q
        refused(group, le(*changed))
    refused(group, le(*[0] * (len(coordinates) - 1), 1))


def test_coordinates_that_are_not_canonical_are_refused(group: GroupOps) -> None:
    coordinates = integers(group.point(5))
    for index, value in enumerate(coordinates):
        changed = list(coordinates)
        if value + Q < 2**256:
            changed[index] = value + Q
            refused(group, le(*changed))
    zeros = [0] * len(coordinates)
    refused(group, le(Q, *zeros[1:]))  # infinity by another name


def test_points_of_the_twist_outside_the_subgroup_are_refused(engine: Arithmetic) -> None:
    point = twist_point_outside_subgroup()
    assert not engine.g2_is_valid(point)
    assert not engine.g2_is_valid(negate(point))
    for call in (
        lambda: engine.g2_add(point, G2_INFINITY),
        lambda: engine.g2_mul(point, le(2)),
        lambda: engine.g2_msm(g2(1) + point, le(1, 1)),
        lambda: engine.pairing(g1(1), point),
        lambda: engine.pairing_check(g1(1) + g1(2), g2(1) + point),
    ):
        with pytest.raises(ValueError, match=SILENT):
            call()


def test_scalars_that_are_not_canonical_are_refused(group: GroupOps) -> None:
    for scalar in (R, R + 1, 2**256 - 1):
        with pytest.raises(ValueError, match=SILENT):
            group.mul(group.point(1), le(scalar))
        with pytest.raises(ValueError, match=SILENT):
            group.msm(group.point(1), le(scalar))


def test_unequal_counts_are_refused(group: GroupOps) -> None:
    for points, scalars in [(group.point(1), le(1, 2)), (group.point(1) * 2, le(1)), (b"\0" * 7, le(1))]:
        with pytest.raises(ValueError, match=SILENT):
            group.msm(points, scalars)


def test_all_of_g1s_curve_is_the_group(engine: Arithmetic) -> None:
    """The curve over Fq has prime order r: any point on it is valid, without a subgroup check."""
    x = next(x for x in range(3, 50) if fq_sqrt(x**3 + 3) is not None)
    y = fq_sqrt(x**3 + 3)
    assert y is not None
    point = le(x, y)
    assert engine.g1_is_valid(point)
    assert engine.g1_add(engine.g1_mul(point, le(R - 1)), point) == G1_INFINITY
