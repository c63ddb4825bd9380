"""A key belongs to its circuit in every point and coefficient; whatever else is done to it is refused."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from points import twist_point_outside_subgroup

from zkmargin import backend
from zkmargin.backend import Arithmetic
from zkmargin.circuits.compile import compile_rules
from zkmargin.circuits.rules import load_rules
from zkmargin.errors import CircuitError, KeyInconsistent, ProofPoint
from zkmargin.field import FR_MODULUS, encode_elements
from zkmargin.formats import R1cs, Zkey, read_r1cs, read_zkey, write_r1cs
from zkmargin.prover.key_check import Assignment, check_key
from zkmargin.prover.powers_of_tau import G1, G2

FAST = backend.engine()
ALPHA, BETA, DELTA = 3, 5, 7
SECTIONS = {"ic": 64, "a": 64, "b1": 64, "b2": 128, "c": 64, "h": 64}


def setup(r1cs: bytes, engine: Arithmetic = FAST, **secret: int) -> Zkey:
    chosen = {"tau": 2**200 + 1, "alpha": ALPHA, "beta": BETA, "delta": DELTA, **secret}
    entropy = b"".join(chosen[name].to_bytes(64, "little") for name in ("tau", "alpha", "beta", "delta"))
    return read_zkey(engine.groth16_setup(r1cs, entropy))


@pytest.fixture(scope="module")
def r1cs(small_circuit: Any) -> bytes:
    return bytes(small_circuit.r1cs_bytes)


@pytest.fixture(scope="module")
def key(r1cs: bytes) -> Zkey:
    return setup(r1cs)


def refused(r1cs: bytes, key: Zkey, *words: str) -> None:
    with pytest.raises(KeyInconsistent) as caught:
        check_key(r1cs, key, FAST)
    assert any(word in str(caught.value) for word in words), str(caught.value)


def multiple(point: bytes, scalar: int) -> bytes:
    encoded = encode_elements([scalar])
    return FAST.g1_mul(point, encoded) if len(point) == 64 else FAST.g2_mul(point, encoded)


def plus(point: bytes, other: bytes) -> bytes:
    return FAST.g1_add(point, other) if len(point) == 64 else FAST.g2_add(point, other)


def changed(key: Zkey, section: str, index: int, change: Callable[[bytes], bytes]) -> Zkey:
    """One point of a section replaced."""
    size, points = SECTIONS[section], getattr(key, section)
    point = points[index * size : (index + 1) * size]
    return replace(key, **{section: points[: index * size] + change(point) + points[(index + 1) * size :]})


def shift(amount: bytes) -> Callable[[bytes], bytes]:
    return lambda point: plus(point, amount)


def test_keys_of_the_circuit_are_accepted(r1cs: bytes, key: Zkey, engine: Arithmetic) -> None:
    check_key(r1cs, key, engine)
    check_key(r1cs, setup(r1cs, engine, tau=987654321, alpha=11, beta=13, delta=17), engine)


def test_a_key_after_another_contribution_is_accepted(r1cs: bytes, key: Zkey) -> None:
    """delta times d, the points of C and H divided by it: what a second phase does."""
    d = 123456789
    inverse = pow(d, -1, FR_MODULUS)

    def divided(points: bytes) -> bytes:
        return b"".join(multiple(points[at : at + 64], inverse) for at in range(0, len(points), 64))

    header = replace(key.header, delta1=multiple(key.header.delta1, d), delta2=multiple(key.header.delta2, d))
    contributed = replace(key, header=header, c=divided(key.c), h=divided(key.h))
    check_key(r1cs, contributed, FAST)
    refused(r1cs, replace(key, header=header), "do not fit")
    refused(r1cs, replace(contributed, c=key.c), "do not fit")
    refused(r1cs, replace(contributed, h=key.h), "do not fit")


@pytest.mark.parametrize("section", SECTIONS)
def test_every_altered_point_is_found(r1cs: bytes, key: Zkey, section: str) -> None:
    size = SECTIONS[section]
    unit = G1 if size == 64 else G2
    for index in range(len(getattr(key, section)) // size):
        refused(r1cs, changed(key, section, index, shift(unit)), "do not fit", "not the same", "infinity")
        refused(r1cs, changed(key, section, index, lambda point: unit if not any(point) else bytes(len(point))),
                "do not fit", "not the same", "infinity")  # fmt: skip


@pytest.mark.parametrize("section", SECTIONS)
def test_points_in_another_order_are_found(r1cs: bytes, key: Zkey, section: str) -> None:
    size, points = SECTIONS[section], getattr(key, section)
    parts = [points[at : at + size] for at in range(0, len(points), size)]
    first = next(index for index in range(len(parts) - 1) if parts[index] != parts[index + 1])
    parts[first], parts[first + 1] = parts[first + 1], parts[first]
    refused(r1cs, replace(key, **{section: b"".join(parts)}), "do not fit", "not the same")


def test_changes_that_fit_each_other_are_found(r1cs: bytes, key: Zkey) -> None:
    """Points moved together so that K still is what beta A + alpha B says: the circuit's polynomials are not."""
    private = 5  # the wire of x^2: in A, in B and in C
    in_c = private - key.header.n_public - 1
    over_delta = pow(DELTA, -1, FR_MODULUS)  # a maker of keys knows delta
    moved = changed(key, "a", private, shift(G1))
    refused(r1cs, moved, "do not fit")
    refused(r1cs, changed(moved, "c", in_c, shift(multiple(key.header.beta1, over_delta))), "do not fit")
    moved = changed(changed(key, "b1", private, shift(G1)), "b2", private, shift(G2))
    refused(r1cs, moved, "do not fit")
    refused(r1cs, changed(moved, "c", in_c, shift(multiple(key.header.alpha1, over_delta))), "do not fit")


@pytest.mark.parametrize("name", ["alpha1", "beta1", "beta2", "gamma2", "delta1", "delta2"])
def test_every_fixed_point_is_checked(r1cs: bytes, key: Zkey, name: str) -> None:
    point = getattr(key.header, name)
    for other in (bytes(len(point)), multiple(point, 2)):
        refused(r1cs, replace(key, header=replace(key.header, **{name: other})), "section", "infinity")


def test_one_secret_in_place_of_another_is_found(r1cs: bytes, key: Zkey) -> None:
    header = key.header
    refused(r1cs, replace(key, header=replace(header, delta1=header.beta1, delta2=header.beta2)), "do not fit")
    swapped = replace(header, delta1=header.beta1, delta2=header.beta2, beta1=header.delta1, beta2=header.delta2)
    refused(r1cs, replace(key, header=swapped), "do not fit")
    refused(r1cs, replace(key, header=replace(header, alpha1=header.beta1)), "do not fit")


def test_a_key_that_everybody_can_forge_under_is_refused(r1cs: bytes) -> None:
    """delta = gamma, as in a key that nobody contributed to: C may be chosen to make up for any public input."""
    refused(r1cs, setup(r1cs, delta=1), "everybody can forge")


def test_a_public_input_is_not_free(r1cs: bytes, key: Zkey) -> None:
    for index in range(key.header.n_public + 1):
        refused(r1cs, changed(key, "ic", index, lambda point: bytes(len(point))), "its public input would be free")


def test_a_circuit_of_equal_sizes_is_another_circuit(small_circuit: Any, r1cs: bytes, key: Zkey) -> None:
    """5 becomes 6: nothing but a coefficient differs; and where the key lies about it, its points do not."""
    system = small_circuit.r1cs
    (first, *rest), b, c = system.constraints[3]
    other = replace(
        system, constraints=[*system.constraints[:3], (((first[0], 6), *rest), b, c), *system.constraints[4:]]
    )
    foreign = setup(write_r1cs(other))
    check_key(write_r1cs(other), foreign, FAST)
    refused(r1cs, foreign, "matrices of another circuit")
    refused(r1cs, replace(foreign, coefficients=key.coefficients), "do not fit")
    refused(write_r1cs(other), replace(key, coefficients=foreign.coefficients), "do not fit")


def test_a_change_of_C_alone_is_found(small_circuit: Any, r1cs: bytes, key: Zkey) -> None:
    """The matrix C is in no file of the key: only its points know it."""
    system = small_circuit.r1cs
    a, b, ((wire, _),) = system.constraints[0]
    other = replace(system, constraints=[(a, b, [(wire, 2)]), *system.constraints[1:]])
    foreign = setup(write_r1cs(other))
    assert sorted(foreign.coefficients) == sorted(key.coefficients)
    refused(r1cs, foreign, "do not fit")


@pytest.mark.parametrize(("what", "value"), [("n_public", 2), ("n_wires", 10), ("domain_size", 32)])
def test_sizes_are_those_of_the_circuit(r1cs: bytes, key: Zkey, what: str, value: int) -> None:
    refused(r1cs, replace(key, header=replace(key.header, **{what: value})), "another number of")


def test_coefficients_may_come_in_any_order_and_no_other(r1cs: bytes, key: Zkey) -> None:
    check_key(r1cs, replace(key, coefficients=key.coefficients[::-1]), FAST)
    refused(r1cs, replace(key, coefficients=key.coefficients[:-1]), "section 4")
    matrix, row, wire, value = key.coefficients[0]
    refused(r1cs, replace(key, coefficients=[*key.coefficients, (matrix, row, wire, value)]), "section 4")
    refused(r1cs, replace(key, coefficients=[(1 - matrix, row, wire, value), *key.coefficients[1:]]), "section 4")


@pytest.mark.parametrize("section", SECTIONS)
def test_points_off_their_curve_are_named(r1cs: bytes, key: Zkey, section: str) -> None:
    def off(point: bytes) -> bytes:
        return bytes([point[0] ^ 1]) + point[1:]

    with pytest.raises(ProofPoint, match="point 3"):
        check_key(r1cs, changed(key, section, 3, off), FAST)


def test_a_point_outside_the_subgroup_is_refused(r1cs: bytes, key: Zkey) -> None:
    with pytest.raises(ProofPoint, match=r"section 7, point 3"):
        check_key(r1cs, changed(key, "b2", 3, lambda _: twist_point_outside_subgroup()), FAST)


# --- assignments --------------------------------------------------------------------------------------------


def satisfied(system: R1cs, given: Assignment) -> bool:
    def dot(terms: Any, vector: list[int]) -> int:
        return sum(value * vector[wire] for wire, value in terms) % FR_MODULUS

    return all(
        (dot(a, given.left) * dot(b, given.right) + dot(a, given.left2) * dot(b, given.right2) - dot(c, given.out))
        % FR_MODULUS
        == 0
        for a, b, c in system.constraints
    )


def random_system(rows: int, wires: int, dense: int) -> R1cs:
    def combination() -> list[tuple[int, int]]:
        return [(secrets.randbelow(wires), secrets.randbelow(50)) for _ in range(secrets.randbelow(dense + 1))]

    constraints = [(combination(), combination(), combination()) for _ in range(rows)]
    return R1cs(wires, 0, 1, wires - 2, constraints)


def test_assignments_satisfy_every_row(r1cs: bytes) -> None:
    system = read_r1cs(r1cs)
    given = Assignment.random(system)
    assert satisfied(system, given)
    assert len({*given.left, *given.right, *given.left2, *given.right2}) == 4 * system.n_wires
    found = 0
    for _ in range(200):
        system = random_system(12, 30, 3)
        try:
            given = Assignment.random(system)
        except CircuitError as error:
            assert "cannot be decided" in str(error)  # noqa: PT017
            continue
        found += 1
        assert satisfied(system, given)
    assert found > 20


@pytest.mark.parametrize("name", ["gmx", "isolated_bracket", "synthetix_v3", "cross_bracket_committed"])
def test_shipped_circuits_have_assignments(name: str) -> None:
    system = read_r1cs(compile_rules(load_rules(name)).r1cs)
    assert satisfied(system, Assignment.random(system))


def test_random_circuits_and_their_keys() -> None:
    """A key is accepted by its own circuit, and by no other one that was drawn."""
    circuits: list[bytes] = []
    while len(circuits) < 4:
        system = random_system(6, 12, 2)
        try:
            Assignment.random(system)
        except CircuitError:
            continue
        circuits.append(write_r1cs(system))
    keys = [setup(circuit) for circuit in circuits]
    for row, circuit in enumerate(circuits):
        for column, made in enumerate(keys):
            if row == column:
                check_key(circuit, made, FAST)
            else:
                refused(circuit, replace(made, coefficients=keys[row].coefficients), "fit", "another number", "same")
