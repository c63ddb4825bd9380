"""Groth16 over BN254, in the letters of the paper, on keys laid out as snarkjs lays them out.

J. Groth, "On the Size of Pairing-Based Non-interactive Arguments", EUROCRYPT 2016, section 3.2.

The QAP has one row per constraint, then a row ``wire_i * 0 = 0`` for the constant and each public wire:
these keep the polynomials of public wires linearly independent, so that a proof binds each of its public
inputs. ``u_i, v_i, w_i`` interpolate wire i's column of A, B, C over the ``2^k``-th roots of unity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path

from zkmargin.backend import WitnessHandle
from zkmargin.errors import ZkMarginError
from zkmargin.field import FR_MODULUS
from zkmargin.formats.documents import PROOF_BYTES, split_verifying_key
from zkmargin.formats.r1cs import Constraint, LinearCombination, R1cs, read_r1cs
from zkmargin.formats.zkey import Coefficient, Zkey, ZkeyHeader, read_zkey, write_zkey
from zkmargin.reference.ate_pairing import FQ12_ONE, pairing_product
from zkmargin.reference.curve import (
    G1,
    G1_BYTES,
    G1_GENERATOR,
    G2,
    G2_BYTES,
    G2_GENERATOR,
    G1Point,
    G2Point,
    decode_g1,
    decode_g1_unchecked,
    decode_g2,
    decode_g2_unchecked,
    encode_g1,
    encode_g2,
)
from zkmargin.reference.field import batch_inverse, decode
from zkmargin.reference.fourier import inverse_transform, log2_size, powers, root_of_unity, transform
from zkmargin.reference.msm import base_table, msm, multiples

SECRET_BYTES = 64
"""A secret is 512 random bits reduced mod r, so that its distribution is uniform to 2^-258."""

WEIGHT_BYTES = 16
MAX_REPORTED = 32


def _secrets(entropy: bytes, count: int) -> list[int]:
    if len(entropy) != count * SECRET_BYTES:
        raise ValueError(f"entropy must have {count * SECRET_BYTES} bytes")
    pieces = [entropy[at : at + SECRET_BYTES] for at in range(0, len(entropy), SECRET_BYTES)]
    return [int.from_bytes(piece, "little") % FR_MODULUS for piece in pieces]


def _parse_r1cs(content: bytes) -> R1cs:
    try:
        return read_r1cs(content)
    except ZkMarginError as error:
        raise ValueError(str(error)) from error


# --- satisfaction -------------------------------------------------------------------------------------------


def _evaluate(terms: LinearCombination, wires: Sequence[int]) -> int:
    return sum(coefficient * wires[wire] for wire, coefficient in terms) % FR_MODULUS


def _is_satisfied(constraint: Constraint, wires: Sequence[int]) -> bool:
    a, b, c = (_evaluate(terms, wires) for terms in constraint)
    return a * b % FR_MODULUS == c


def r1cs_check(r1cs: bytes, witness: bytes) -> list[int]:
    """Indices of the first 32 constraints that the witness violates; none if it satisfies the system.

    Raises ValueError on a malformed file, a witness of another length, or a wire 0 that is not 1.
    """
    system = _parse_r1cs(r1cs)
    wires = decode(witness, FR_MODULUS)
    if len(wires) != system.n_wires:
        raise ValueError("the witness has another number of wires")
    if wires[0] != 1:
        raise ValueError("the first wire is not the constant 1")
    violated = [index for index, constraint in enumerate(system.constraints) if not _is_satisfied(constraint, wires)]
    return violated[:MAX_REPORTED]


# --- setup --------------------------------------------------------------------------------------------------


def compute_domain_size(r1cs: R1cs) -> int:
    """The smallest power of two, 2 or more, that holds all rows."""
    rows = len(r1cs.constraints) + r1cs.n_public + 1
    return 1 << max(1, (rows - 1).bit_length())


def lagrange_at(tau: int, log_size: int) -> list[int]:
    """``L_j(tau) = w^j (tau^n - 1) / (n (tau - w^j))`` over the ``2^log_size``-th roots of unity ``w^j``.

    Raises ValueError where tau is one of them.
    """
    size = 1 << log_size
    vanishing = (pow(tau, size, FR_MODULUS) - 1) % FR_MODULUS
    if vanishing == 0:
        raise ValueError("tau lies in the evaluation domain")
    roots = powers(root_of_unity(log_size), size)
    scale = vanishing * pow(size, -1, FR_MODULUS)
    inverses = batch_inverse([(tau - root) % FR_MODULUS for root in roots], FR_MODULUS)
    return [root * scale % FR_MODULUS * inverse % FR_MODULUS for root, inverse in zip(roots, inverses, strict=True)]


def matrix_coefficients(r1cs: R1cs) -> Iterator[Coefficient]:
    """The entries of A and B in the order of the key file, the rows of the public wires last."""
    for row, (a, b, _) in enumerate(r1cs.constraints):
        for matrix, terms in enumerate((a, b)):
            for wire, value in terms:
                yield matrix, row, wire, value
    for wire in range(r1cs.n_public + 1):
        yield 0, len(r1cs.constraints) + wire, wire, 1


def qap_at(r1cs: R1cs, tau: int) -> tuple[list[int], list[int], list[int]]:
    """``u_i(tau), v_i(tau), w_i(tau)`` for every wire."""
    lagrange = lagrange_at(tau, log2_size(compute_domain_size(r1cs)))
    u, v, w = ([0] * r1cs.n_wires for _ in range(3))
    for matrix, row, wire, value in matrix_coefficients(r1cs):
        column = v if matrix else u
        column[wire] = (column[wire] + value * lagrange[row]) % FR_MODULUS
    for row, (_, _, c) in enumerate(r1cs.constraints):
        for wire, value in c:
            w[wire] = (w[wire] + value * lagrange[row]) % FR_MODULUS
    return u, v, w


@cache
def _g1_table() -> list[list[G1Point]]:
    return base_table(G1, G1_GENERATOR)


@cache
def _g2_table() -> list[list[G2Point]]:
    return base_table(G2, G2_GENERATOR)


def groth16_setup(r1cs: bytes, entropy: bytes) -> bytes:
    """A one-person proving key, as a ``.zkey`` file: whoever knows ``entropy`` can forge proofs.

    ``entropy`` is 256 bytes: tau, alpha, beta, delta, 64 bytes each, reduced mod r; gamma is 1, as in
    snarkjs. Raises ValueError on a malformed file, on a secret that is 0, and on a tau in the evaluation
    domain.
    """
    system = _parse_r1cs(r1cs)
    secrets = _secrets(entropy, 4)
    if not all(secrets):
        raise ValueError("a secret is 0")
    tau, alpha, beta, delta = secrets
    domain_size = compute_domain_size(system)
    odd_lagrange = lagrange_at(tau, log2_size(domain_size) + 1)[1::2]
    u, v, w = qap_at(system, tau)
    delta_inverse = pow(delta, -1, FR_MODULUS)
    k = [(beta * a + alpha * b + c) % FR_MODULUS for a, b, c in zip(u, v, w, strict=True)]
    n_ic = system.n_public + 1

    def in_g1(scalars: Sequence[int]) -> bytes:
        return encode_g1(multiples(G1, _g1_table(), scalars))

    def in_g2(scalars: Sequence[int]) -> bytes:
        return encode_g2(multiples(G2, _g2_table(), scalars))

    fixed1, fixed2 = in_g1([alpha, beta, delta]), in_g2([beta, 1, delta])
    key = Zkey(
        header=ZkeyHeader(
            n_wires=system.n_wires,
            n_public=system.n_public,
            domain_size=domain_size,
            alpha1=fixed1[:G1_BYTES],
            beta1=fixed1[G1_BYTES : 2 * G1_BYTES],
            beta2=fixed2[:G2_BYTES],
            gamma2=fixed2[G2_BYTES : 2 * G2_BYTES],
            delta1=fixed1[2 * G1_BYTES :],
            delta2=fixed2[2 * G2_BYTES :],
        ),
        ic=in_g1(k[:n_ic]),
        coefficients=list(matrix_coefficients(system)),
        a=in_g1(u),
        b1=in_g1(v),
        b2=in_g2(v),
        c=in_g1([value * delta_inverse % FR_MODULUS for value in k[n_ic:]]),
        h=in_g1([value * delta_inverse % FR_MODULUS for value in odd_lagrange]),
    )
    return write_zkey(key)


# --- proving ------------------------------------------------------------------------------------------------


class ProvingKey:
    """A Groth16 ``.zkey`` file, ready to prove. Raises ValueError where the file is malformed, or OSError."""

    def __init__(self, path: str) -> None:
        try:
            self._key = read_zkey(Path(path).read_bytes())
        except ZkMarginError as error:
            raise ValueError(str(error)) from error

    @property
    def n_public(self) -> int:
        """Public inputs, without the constant."""
        return self._key.header.n_public

    @property
    def n_wires(self) -> int:
        """Wires, the constant included: the length of a witness."""
        return self._key.header.n_wires

    @property
    def domain_size(self) -> int:
        """Rows of the QAP, rounded up to a power of two."""
        return self._key.header.domain_size

    def verifying_key(self) -> bytes:
        """``alpha1 || beta2 || gamma2 || delta2 || IC``."""
        return self._key.verifying_key()

    @cached_property
    def _g1_queries(self) -> dict[str, list[G1Point]]:
        key = self._key
        encoded = {"a": key.a, "b1": key.b1, "c": key.c, "h": key.h}
        return {name: decode_g1_unchecked(points) for name, points in encoded.items()}

    @cached_property
    def _b2_query(self) -> list[G2Point]:
        return decode_g2_unchecked(self._key.b2)

    def _quotient_scalars(self, wires: Sequence[int]) -> list[int]:
        """``(u v - w)`` of the witness at the odd ``2n``-th roots of unity, where its even ones vanish.

        Row values of C are taken as the products of A's and B's: they are, if the witness satisfies the
        system.
        """
        size = self.domain_size
        rows = [[0] * size, [0] * size]
        for matrix, row, wire, value in self._key.coefficients:
            rows[matrix][row] = (rows[matrix][row] + value * wires[wire]) % FR_MODULUS
        rows.append([a * b % FR_MODULUS for a, b in zip(*rows, strict=True)])
        shifts = powers(root_of_unity(log2_size(size) + 1), size)
        a, b, c = (
            transform([x * shift % FR_MODULUS for x, shift in zip(inverse_transform(values), shifts, strict=True)])
            for values in rows
        )
        return [(x * y - z) % FR_MODULUS for x, y, z in zip(a, b, c, strict=True)]

    def prove(self, witness: bytes | WitnessHandle, entropy: bytes) -> bytes:
        """A proof, 256 bytes. ``entropy`` is 128 bytes, which r and s are reduced from; fresh for every
        proof.

        A witness that does not satisfy the system gives a proof that does not verify.
        Raises ValueError where the witness has another length, a value is not canonical, or wire 0 is not 1.
        """
        wires = decode(witness if isinstance(witness, bytes) else witness.to_bytes(), FR_MODULUS)
        if len(wires) != self.n_wires:
            raise ValueError("the witness has another number of wires")
        if wires[0] != 1:
            raise ValueError("the first wire is not the constant 1")
        r, s = _secrets(entropy, 2)
        header, query = self._key.header, self._g1_queries
        alpha1, beta1, delta1 = decode_g1(header.alpha1 + header.beta1 + header.delta1)
        beta2, delta2 = decode_g2(header.beta2 + header.delta2)

        A = msm(G1, [alpha1, *query["a"], delta1], [1, *wires, r])
        B1 = msm(G1, [beta1, *query["b1"], delta1], [1, *wires, s])
        B2 = msm(G2, [beta2, *self._b2_query, delta2], [1, *wires, s])
        private = wires[self.n_public + 1 :]
        C = msm(
            G1,
            [*query["c"], *query["h"], A, B1, delta1],
            [*private, *self._quotient_scalars(wires), s, r, -r * s % FR_MODULUS],
        )
        return encode_g1([A]) + encode_g2([B2]) + encode_g1([C])


# --- verification -------------------------------------------------------------------------------------------


def groth16_verify(vk: bytes, public_inputs: bytes, proof: bytes) -> bool:
    """Whether ``e(A, B) = e(alpha, beta) e(sum_i a_i IC_i, gamma) e(C, delta)``.

    Raises ValueError on a wrong length, a value that is not canonical, a point off its curve or subgroup, and
    where alpha, beta, gamma or delta is infinity.
    """
    if len(proof) != PROOF_BYTES:
        raise ValueError("a proof is 256 bytes")
    return _verify_weighted(vk, public_inputs, proof, [1])


def groth16_verify_all(vk: bytes, public_inputs: bytes, proofs: bytes, entropy: bytes) -> bool:
    """Whether the product of the equations of all proofs holds, each to the power of its 16 bytes of ``entropy``.

    Public inputs and proofs one after the other. Raises ValueError as ``groth16_verify`` does.
    """
    if len(proofs) % PROOF_BYTES or len(entropy) != len(proofs) // PROOF_BYTES * WEIGHT_BYTES:
        raise ValueError("a proof is 256 bytes, and 16 bytes of entropy are for each")
    weights = [entropy[at : at + WEIGHT_BYTES] for at in range(0, len(entropy), WEIGHT_BYTES)]
    return _verify_weighted(vk, public_inputs, proofs, [int.from_bytes(weight, "little") for weight in weights])


def _verify_weighted(vk: bytes, public_inputs: bytes, proofs: bytes, weights: Sequence[int]) -> bool:
    try:
        key = split_verifying_key(vk)
    except ZkMarginError as error:
        raise ValueError(str(error)) from error
    publics = decode(public_inputs, FR_MODULUS)
    n_public = len(key[4]) - 1
    if len(publics) != n_public * len(weights):
        raise ValueError("the verifying key has another number of public inputs")
    if not all(any(point) for point in key[:4]):
        raise ValueError("verifying key has a point at infinity")
    (alpha,) = decode_g1(key[0])
    beta, gamma, delta = decode_g2(b"".join(key[1:4]))
    ic = decode_g1(b"".join(key[4]))
    sums = [0] * len(ic)
    pairs, Cs = [], []
    for index, weight in enumerate(weights):
        proof = proofs[index * PROOF_BYTES :][:PROOF_BYTES]
        A, C = decode_g1(proof[:G1_BYTES] + proof[-G1_BYTES:])
        (B,) = decode_g2(proof[G1_BYTES:-G1_BYTES])
        pairs.append((G1.negate(msm(G1, [A], [weight])), B))
        Cs.append(C)
        own = [1, *publics[index * n_public :][:n_public]]
        sums = [(total + weight * value) % FR_MODULUS for total, value in zip(sums, own, strict=True)]
    pairs += [(msm(G1, [alpha], sums[:1]), beta), (msm(G1, ic, sums), gamma), (msm(G1, Cs, weights), delta)]
    return pairing_product(pairs) == FQ12_ONE
