"""The quadratic arithmetic program as an executable specification in galois, and the key file held to it.

galois builds the polynomials from their definition (Lagrange interpolation, products of roots) and shares
nothing with either engine. Groth 2016, section 3.2; the extra rows for public wires are those of snarkjs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from points import g1, g2

from zkmargin.backend import Arithmetic
from zkmargin.field import FR_MODULUS as R
from zkmargin.formats import R1cs, Zkey, read_zkey

TAU, ALPHA, BETA, DELTA = 2**251 + 12345, 3**150 % R, 5**100 % R, 7**80 % R


@pytest.fixture(scope="module")
def galois() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numba's own, on import
        import galois as module
    return module


class Qap:
    """``u_i, v_i, w_i`` by interpolation of wire i's column of A, B and C over the roots of unity, and Z."""

    def __init__(self, galois: Any, r1cs: R1cs) -> None:
        self.GF = galois.GF(R, primitive_element=5, verify=False)
        self.galois = galois
        rows = [*r1cs.constraints]
        rows += [([(wire, 1)], [], []) for wire in range(r1cs.n_public + 1)]
        self.size = 2
        while self.size < len(rows):
            self.size *= 2
        root = pow(5, (R - 1) // self.size, R)
        self.domain = self.GF([pow(root, k, R) for k in range(self.size)])
        self.u, self.v, self.w = (
            [self.interpolate(self.column(rows, matrix, wire)) for wire in range(r1cs.n_wires)] for matrix in range(3)
        )
        self.z = galois.Poly.Roots(self.domain)

    def column(self, rows: list[Any], matrix: int, wire: int) -> list[int]:
        values = [sum(c for w, c in row[matrix] if w == wire) % R for row in rows]
        return values + [0] * (self.size - len(values))

    def interpolate(self, values: list[int]) -> Any:
        return self.galois.lagrange_poly(self.domain, self.GF(values))

    def combine(self, polynomials: list[Any], wires: list[int]) -> Any:
        total = self.galois.Poly.Zero(self.GF)
        for polynomial, wire in zip(polynomials, wires, strict=True):
            total += polynomial * self.GF(wire % R)
        return total

    def divide(self, wires: list[int]) -> tuple[Any, Any]:
        """Quotient and remainder of ``(sum a_i u_i)(sum a_i v_i) - sum a_i w_i`` by Z."""
        a, b, c = (self.combine(p, wires) for p in (self.u, self.v, self.w))
        return divmod(a * b - c, self.z)


@pytest.fixture(scope="module")
def qap(galois: Any, small_circuit: Any) -> Qap:
    return Qap(galois, small_circuit.r1cs)


@pytest.fixture(scope="module")
def key(engine: Arithmetic, small_circuit: Any, entropy: Callable[..., bytes]) -> Zkey:
    secrets = entropy(TAU, ALPHA, BETA, DELTA)
    return read_zkey(engine.groth16_setup(small_circuit.r1cs_bytes, secrets))


def test_a_satisfying_witness_gives_a_multiple_of_z(qap: Qap, small_circuit: Any) -> None:
    quotient, remainder = qap.divide(small_circuit.wires)
    assert remainder == 0
    assert quotient.degree <= qap.size - 2
    a, b, c = (qap.combine(p, small_circuit.wires) for p in (qap.u, qap.v, qap.w))
    assert a * b - c == quotient * qap.z


def test_any_wrong_wire_leaves_a_remainder(qap: Qap, small_circuit: Any) -> None:
    for wire in range(1, 9):
        wires = list(small_circuit.wires)
        wires[wire] += 1
        _, remainder = qap.divide(wires)
        assert remainder != 0


def test_polynomials_of_public_wires_are_independent(qap: Qap) -> None:
    """Each public wire has a row where only its own u is not zero: a proof binds every public input."""
    n_constraints = 5
    for wire in range(4):
        at = qap.domain[n_constraints + wire]
        assert [int(u(at)) for u in qap.u] == [int(other == wire) for other in range(9)]


def split(points: bytes, size: int) -> list[bytes]:
    return [points[at : at + size] for at in range(0, len(points), size)]


def test_the_key_holds_the_polynomials_at_tau(qap: Qap, key: Zkey) -> None:
    tau = qap.GF(TAU)
    u, v, w = ([int(p(tau)) for p in polynomials] for polynomials in (qap.u, qap.v, qap.w))
    k = [(BETA * a + ALPHA * b + c) % R for a, b, c in zip(u, v, w, strict=True)]
    over_delta = pow(DELTA, -1, R)
    assert split(key.a, 64) == [g1(value) for value in u]
    assert split(key.b1, 64) == [g1(value) for value in v]
    assert split(key.b2, 128) == [g2(value) for value in v]
    assert split(key.ic, 64) == [g1(value) for value in k[:4]]
    assert split(key.c, 64) == [g1(value * over_delta) for value in k[4:]]
    header = key.header
    assert (header.alpha1, header.beta1, header.delta1) == (g1(ALPHA), g1(BETA), g1(DELTA))
    assert (header.beta2, header.gamma2, header.delta2) == (g2(BETA), g2(1), g2(DELTA))


def test_the_h_query_evaluates_any_multiple_of_z(qap: Qap, key: Zkey, small_circuit: Any) -> None:
    """``[h(tau) Z(tau)/delta]_1`` from the values of ``A B - C`` at the odd roots of twice the order."""
    quotient, _ = qap.divide(small_circuit.wires)
    product = quotient * qap.z
    root = pow(5, (R - 1) // (2 * qap.size), R)
    odd = [int(product(qap.GF(pow(root, 2 * i + 1, R)))) for i in range(qap.size)]
    over_delta = pow(DELTA, -1, R)
    tau = qap.GF(TAU)
    # The points themselves: odd Lagrange polynomials of the doubled domain, over delta.
    double = qap.GF([pow(root, k, R) for k in range(2 * qap.size)])
    logs = []
    for i in range(qap.size):
        at = 2 * i + 1
        others = qap.galois.Poly.Roots([point for k, point in enumerate(double) if k != at], field=qap.GF)
        logs.append(int(others(tau) / others(double[at])) * over_delta % R)
    assert split(key.h, 64) == [g1(value) for value in logs]
    expected = int(quotient(tau)) * int(qap.z(tau)) * over_delta % R
    assert sum(value * log for value, log in zip(odd, logs, strict=True)) % R == expected
