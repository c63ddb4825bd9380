"""Whether a proving key is one of the circuit that a rule set compiles to.             specs/formats.md#verify-key

Nobody knows the secrets of a good key, so that its points cannot be made again; but they must satisfy, for the
circuit's own matrices, what points at one secret tau satisfy. For vectors x, x', y, y', rho of one entry a wire with

    (A x')_j (B y')_j + (A x)_j (B y)_j = (C rho)_j    in every row j

the polynomials of the left side and of the right differ by a multiple of the domain's, so that

    e(A(x'), B(y')) e(A(x), B(y)) = e(K(rho), 1) e(A(rho), beta)^-1 e(alpha, B(rho))^-1 e(H(s), delta)

where ``A(x) = sum x_i [u_i]_1`` and so on, K are the points of IC and C, and s the values of the difference where H has
its Lagrange basis. An assignment that satisfies the circuit is the special case of five equal vectors. Here they are
random but for one entry a row, which the row's equation decides: every point of the key has a random weight, and one
that was altered passes with a probability of about 2^-250.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from zkmargin.backend import Arithmetic
from zkmargin.errors import CircuitError, KeyInconsistent, ProofPoint
from zkmargin.field import ELEMENT_BYTES, FR_MODULUS, encode_elements
from zkmargin.formats.r1cs import LinearCombination, R1cs, read_r1cs
from zkmargin.formats.zkey import G1_BYTES, G2_BYTES, Zkey
from zkmargin.prover.powers_of_tau import G1, G2
from zkmargin.reference.field import batch_inverse
from zkmargin.reference.fourier import log2_size, powers, root_of_unity
from zkmargin.reference.groth16 import compute_domain_size, matrix_coefficients

_MINUS_ONE: Final = encode_elements([FR_MODULUS - 1])
_INFINITY: Final = bytes(G1_BYTES)

Vector = list[int]


def check_key(r1cs: bytes, key: Zkey, arithmetic: Arithmetic) -> None:
    """Return if ``key`` is consistent with the circuit ``r1cs`` in every coefficient and point.

    Raises KeyInconsistent naming what does not fit; ProofPoint for a point off its curve or outside its subgroup;
    CircuitError where the circuit is of a shape that cannot be checked in this way.
    """
    system = read_r1cs(r1cs)
    _require_sizes(system, key)
    _require_coefficients(system, key)
    _require_fixed_points(key, arithmetic)
    _KeyPoints(key, arithmetic).require_equations(system, Assignment.random(system))


def _require_sizes(system: R1cs, key: Zkey) -> None:
    header = key.header
    for what, expected, got in (
        ("public inputs", system.n_public, header.n_public),
        ("wires", system.n_wires, header.n_wires),
        ("rows of the domain", compute_domain_size(system), header.domain_size),
    ):
        if expected != got:
            raise KeyInconsistent(
                f"the key is for a circuit with another number of {what}", where="section 2", expected=expected, got=got
            )


def _require_coefficients(system: R1cs, key: Zkey) -> None:
    """The matrices A and B of the key are those of the circuit, in any order."""
    if _sum_up(key.coefficients) != _sum_up(matrix_coefficients(system)):
        raise KeyInconsistent("the key holds the matrices of another circuit", where="section 4")


def _sum_up(coefficients: Iterable[tuple[int, int, int, int]]) -> dict[tuple[int, int, int], int]:
    sums: dict[tuple[int, int, int], int] = {}
    for matrix, row, wire, value in coefficients:
        place = (matrix, row, wire)
        sums[place] = (sums.get(place, 0) + value) % FR_MODULUS
    return {place: value for place, value in sums.items() if value}


def _require_fixed_points(key: Zkey, arithmetic: Arithmetic) -> None:
    header = key.header
    names = ("alpha1", "beta1", "beta2", "gamma2", "delta1", "delta2")
    for name in names:
        point: bytes = getattr(header, name)
        is_valid = arithmetic.g1_is_valid if len(point) == G1_BYTES else arithmetic.g2_is_valid
        if not is_valid(point):
            raise ProofPoint("point is off its curve or outside its subgroup", where=f"section 2, {name}")
        if not any(point):
            raise KeyInconsistent("point is at infinity: proofs would show nothing", where=f"section 2, {name}")
    if header.gamma2 != G2:
        raise KeyInconsistent("gamma is not one, as it is in every key of this kind", where="section 2, gamma2")
    if header.delta2 == header.gamma2:
        raise KeyInconsistent("delta is gamma: everybody can forge proofs", where="section 2, delta2")
    for name, first, second in (
        ("beta", header.beta1, header.beta2),
        ("delta", header.delta1, header.delta2),
    ):
        if not _pairings_are_one(arithmetic, [(_negate(first, arithmetic), G2), (G1, second)]):
            raise KeyInconsistent(f"{name} is not the same in both groups", where=f"section 2, {name}")
    for index in range(header.n_public + 1):
        if key.ic[index * G1_BYTES : (index + 1) * G1_BYTES] == _INFINITY:
            raise KeyInconsistent("point is at infinity: its public input would be free", where=f"section 3, {index}")


def _negate(point: bytes, arithmetic: Arithmetic) -> bytes:
    return arithmetic.g1_mul(point, _MINUS_ONE)


def _pairings_are_one(arithmetic: Arithmetic, pairs: Sequence[tuple[bytes, bytes]]) -> bool:
    return arithmetic.pairing_check(b"".join(p for p, _ in pairs), b"".join(q for _, q in pairs))


# --- assignments --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assignment:
    """Five vectors with ``(A left)(B right) + (A left2)(B right2) = C out`` in every row."""

    left: Vector
    right: Vector
    left2: Vector
    right2: Vector
    out: Vector

    @classmethod
    def random(cls, system: R1cs) -> Assignment:
        """``right`` and ``left2`` are random, and the others but for the entries that rows decide.

        Where ``right`` and ``left2`` are given, every row is linear in the other three. Entries that decide a row each
        are found by peeling off, again and again, a column with a single row left: from the last one back to the first,
        each changes its own row and rows whose turn is yet to come. Raises CircuitError where rows are left that no
        entry decides: no circuit of a shipped rule set has any.
        """
        n_wires = system.n_wires
        right, left2 = _random_vector(n_wires), _random_vector(n_wires)
        b_right = [_dot(b, right) for _, b, _ in system.constraints]
        a_left2 = [_dot(a, left2) for a, _, _ in system.constraints]
        columns: list[list[tuple[int, int]]] = [[] for _ in range(3 * n_wires)]
        for row, (a, b, c) in enumerate(system.constraints):
            factors = (b_right[row], a_left2[row], FR_MODULUS - 1)
            for block, (terms, factor) in enumerate(zip((a, b, c), factors, strict=True)):
                for wire, value in _summed(terms):
                    if entry := value * factor % FR_MODULUS:
                        columns[block * n_wires + wire].append((row, entry))
        unknowns = _random_vector(3 * n_wires)
        _solve(columns, unknowns, len(system.constraints), 2 * n_wires)
        left, right2, out = (unknowns[block * n_wires : (block + 1) * n_wires] for block in range(3))
        return cls(left, right, left2, right2, out)


def _random_vector(length: int) -> Vector:
    return [secrets.randbelow(FR_MODULUS) for _ in range(length)]


def _dot(terms: LinearCombination, vector: Vector) -> int:
    return sum(value * vector[wire] for wire, value in terms) % FR_MODULUS


def _summed(terms: LinearCombination) -> Iterable[tuple[int, int]]:
    """Terms with each wire once."""
    sums: dict[int, int] = {}
    for wire, value in terms:
        sums[wire] = (sums.get(wire, 0) + value) % FR_MODULUS
    return sums.items()


def _solve(columns: Sequence[Sequence[tuple[int, int]]], unknowns: Vector, n_rows: int, n_preferred: int) -> None:
    """Change as few ``unknowns`` as there are rows so that ``sum_c column_c unknown_c`` is zero in every row."""
    pivots = _peel(columns, n_rows, n_preferred)
    inverses = batch_inverse([dict(columns[column])[row] for column, row in pivots], FR_MODULUS)
    rest = [0] * n_rows
    for column, value in enumerate(unknowns):
        for row, entry in columns[column]:
            rest[row] = (rest[row] + entry * value) % FR_MODULUS
    for (column, row), inverse in zip(reversed(pivots), reversed(inverses), strict=True):
        change = -rest[row] * inverse % FR_MODULUS
        unknowns[column] = (unknowns[column] + change) % FR_MODULUS
        for other, entry in columns[column]:
            rest[other] = (rest[other] + entry * change) % FR_MODULUS
    if any(rest):
        raise CircuitError("an assignment does not satisfy the circuit's rows", where="constraints")


def _peel(columns: Sequence[Sequence[tuple[int, int]]], n_rows: int, n_preferred: int) -> list[tuple[int, int]]:
    """Columns and the row that each decides: it has no entry in a row that a later one decides.

    The first ``n_preferred`` columns come before the others, whose values stay random where they can.
    """
    left = [len(column) for column in columns]
    by_row: list[list[int]] = [[] for _ in range(n_rows)]
    for index, column in enumerate(columns):
        for row, _ in column:
            by_row[row].append(index)
    is_open = [bool(indices) for indices in by_row]
    pivots: list[tuple[int, int]] = []
    ready = [index for index in range(n_preferred) if left[index] == 1]
    reserve = [index for index in range(n_preferred, len(columns)) if left[index] == 1]
    while ready or reserve:
        chosen = ready.pop() if ready else reserve.pop()
        if left[chosen] != 1:
            continue
        row = next(row for row, _ in columns[chosen] if is_open[row])
        pivots.append((chosen, row))
        is_open[row] = False
        for other in by_row[row]:
            left[other] -= 1
            if left[other] == 1:
                (ready if other < n_preferred else reserve).append(other)
    if any(is_open):
        raise CircuitError(
            "rows cannot be decided one by one: no key of this circuit can be checked", where="constraints"
        )
    return pivots


# --- points -------------------------------------------------------------------------------------------------


class _KeyPoints:
    """The points of a key under random weights."""

    def __init__(self, key: Zkey, arithmetic: Arithmetic) -> None:
        self._key = key
        self._arithmetic = arithmetic

    def require_equations(self, system: R1cs, given: Assignment) -> None:
        key, arithmetic, header = self._key, self._arithmetic, self._key.header
        b_right = self._g2(key.b2, given.right, 7)
        if not _pairings_are_one(
            arithmetic, [(_negate(self._g1(key.b1, given.right, 6), arithmetic), G2), (G1, b_right)]
        ):
            raise KeyInconsistent("the points of B are not the same in both groups", where="sections 6 and 7")
        on_coset = _Coset(header.domain_size, arithmetic)
        rows = [*system.constraints, *([((wire, 1),), (), ()] for wire in range(system.n_public + 1))]
        a_left, a_left2 = (
            on_coset.values([_dot(a, vector) for a, _, _ in rows]) for vector in (given.left, given.left2)
        )
        right, right2 = (
            on_coset.values([_dot(b, vector) for _, b, _ in rows]) for vector in (given.right, given.right2)
        )
        out = on_coset.values([_dot(c, given.out) for _, _, c in rows])
        ones = encode_elements([1] * header.domain_size)
        h_one, h_right = self._g1(key.h, ones, 9), self._g1(key.h, right, 9)
        if not _pairings_are_one(arithmetic, [(_negate(h_one, arithmetic), b_right), (h_right, G2)]):
            raise KeyInconsistent("points do not fit the matrix B of the circuit", where="sections 7 and 9")
        fr = arithmetic.fr_op
        products = fr("add", fr("mul", a_left, right), fr("mul", a_left2, right2))
        h = self._g1(key.h, fr("sub", products, out), 9)
        n_ic = header.n_public + 1
        ic, c = self._g1(key.ic, given.out[:n_ic], 3), self._g1(key.c, given.out[n_ic:], 8)
        pairs = [
            (self._g1(key.a, given.left, 5), b_right),
            (self._g1(key.a, given.left2, 5), self._g2(key.b2, given.right2, 7)),
            (self._g1(key.a, given.out, 5), header.beta2),
            (header.alpha1, self._g2(key.b2, given.out, 7)),
            (_negate(ic, arithmetic), header.gamma2),
            (_negate(arithmetic.g1_add(c, h), arithmetic), header.delta2),
        ]
        if not _pairings_are_one(arithmetic, pairs):
            raise KeyInconsistent("points do not fit the circuit", where="sections 2, 3, 5, 7, 8 and 9")

    def _g1(self, points: bytes, weights: Vector | bytes, section: int) -> bytes:
        return self._combine(points, weights, section, G1_BYTES)

    def _g2(self, points: bytes, weights: Vector | bytes, section: int) -> bytes:
        return self._combine(points, weights, section, G2_BYTES)

    def _combine(self, points: bytes, weights: Vector | bytes, section: int, size: int) -> bytes:
        arithmetic = self._arithmetic
        if not points:
            return bytes(size)
        msm, is_valid = (
            (arithmetic.g1_msm, arithmetic.g1_is_valid)
            if size == G1_BYTES
            else (arithmetic.g2_msm, arithmetic.g2_is_valid)
        )
        try:
            return msm(points, weights if isinstance(weights, bytes) else encode_elements(weights))
        except ValueError:  # engines check every point that they add up, and name none
            for index in range(len(points) // size):
                if not is_valid(points[index * size : (index + 1) * size]):
                    raise ProofPoint(
                        "point is off its curve or outside its subgroup", where=f"section {section}, point {index}"
                    ) from None
            raise


class _Coset:
    """From the values of a polynomial in the rows to those at the odd roots of unity of twice the order."""

    def __init__(self, size: int, arithmetic: Arithmetic) -> None:
        self._size = size
        self._arithmetic = arithmetic
        self._shifts = encode_elements(powers(root_of_unity(log2_size(size) + 1), size))

    def values(self, rows: Vector) -> bytes:
        arithmetic = self._arithmetic
        encoded = encode_elements(rows) + bytes((self._size - len(rows)) * ELEMENT_BYTES)
        shifted = arithmetic.fr_op("mul", arithmetic.ntt(encoded, True), self._shifts)
        return arithmetic.ntt(shifted, False)
