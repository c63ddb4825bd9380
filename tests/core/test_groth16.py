"""Groth16 setup, prove and verify. Both engines: they agree byte for byte where the secrets are the same."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from points import G1_INFINITY, SILENT, g1, integers, le, negate, twist_point_outside_subgroup

from zkmargin import reference
from zkmargin.backend import Arithmetic
from zkmargin.field import FQ_MODULUS as Q
from zkmargin.field import FR_MODULUS as R
from zkmargin.field import encode_elements
from zkmargin.formats import R1cs, read_zkey, write_r1cs


@pytest.fixture(scope="module")
def key(engine: Arithmetic, small_circuit: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A key of this engine from fresh randomness."""
    path = tmp_path_factory.mktemp("key") / "small.zkey"
    path.write_bytes(engine.groth16_setup(small_circuit.r1cs_bytes, os.urandom(256)))
    return engine.ProvingKey(str(path))


def test_round_trip(engine: Arithmetic, key: Any, small_circuit: Any) -> None:
    assert (key.n_public, key.n_wires, key.domain_size) == (3, 9, 16)
    vk = key.verifying_key()
    first, second = (key.prove(small_circuit.witness, os.urandom(128)) for _ in range(2))
    assert len(first) == 256
    assert first != second  # blinded
    assert engine.groth16_verify(vk, small_circuit.publics, first)
    assert engine.groth16_verify(vk, small_circuit.publics, second)
    assert reference.groth16_verify(vk, small_circuit.publics, first)


def test_no_blinding_is_also_a_proof(engine: Arithmetic, key: Any, small_circuit: Any) -> None:
    proof = key.prove(small_circuit.witness, bytes(128))
    assert engine.groth16_verify(key.verifying_key(), small_circuit.publics, proof)


def test_other_values_of_the_same_circuit(engine: Arithmetic, key: Any, make_circuit: Any) -> None:
    vk = key.verifying_key()
    for circuit in (
        make_circuit(a=0, b=0, x=0, d=0),
        make_circuit(a=-1, b=-1, x=-1),
        make_circuit(1, 2, R - 3),
    ):
        proof = key.prove(circuit.witness, os.urandom(128))
        assert engine.groth16_verify(vk, circuit.publics, proof)


def test_setup_is_that_of_the_reference(engine: Arithmetic, small_circuit: Any, entropy: Callable[..., bytes]) -> None:
    secrets = entropy(tau=2**300 + 7, alpha=R - 1, beta=2**511, delta=11)
    made = engine.groth16_setup(small_circuit.r1cs_bytes, secrets)
    assert made == reference.groth16_setup(small_circuit.r1cs_bytes, secrets)


def test_proofs_are_those_of_the_reference(engine: Arithmetic, small_circuit: Any, small_proof: Any) -> None:
    key = engine.ProvingKey(str(small_proof.zkey))
    assert key.verifying_key() == small_proof.verifying_key
    assert key.prove(small_circuit.witness, bytes(range(128))) == small_proof.proof


def test_a_key_without_public_inputs(engine: Arithmetic, tmp_path: Path) -> None:
    system = R1cs(3, 0, 0, 2, [([(1, 1)], [(2, 1)], [(0, 6)])])
    path = tmp_path / "factors.zkey"
    path.write_bytes(engine.groth16_setup(write_r1cs(system), os.urandom(256)))
    key = engine.ProvingKey(str(path))
    proof = key.prove(encode_elements([1, 2, 3]), os.urandom(128))
    assert engine.groth16_verify(key.verifying_key(), b"", proof)
    assert not engine.groth16_verify(key.verifying_key(), b"", key.prove(encode_elements([1, 2, 4]), os.urandom(128)))


def test_empty_rows_and_repeated_terms(engine: Arithmetic, tmp_path: Path) -> None:
    """``(x + x) * (2y - y) = z``, ``0 * 0 = 0``: terms of one wire add up."""
    constraints = [([(2, 1), (2, 1)], [(3, 2), (3, R - 1)], [(1, 1)]), ([], [], [])]
    content = write_r1cs(R1cs(4, 1, 0, 2, constraints))
    secrets = os.urandom(256)
    made = engine.groth16_setup(content, secrets)
    assert made == reference.groth16_setup(content, secrets)
    path = tmp_path / "repeated.zkey"
    path.write_bytes(made)
    key = engine.ProvingKey(str(path))
    witness = encode_elements([1, 24, 4, 3])
    assert engine.r1cs_check(content, witness) == []
    proof = key.prove(witness, os.urandom(128))
    assert engine.groth16_verify(key.verifying_key(), encode_elements([24]), proof)


# --- satisfaction -------------------------------------------------------------------------------------------


def test_r1cs_check_names_the_violated_constraints(engine: Arithmetic, small_circuit: Any) -> None:
    assert engine.r1cs_check(small_circuit.r1cs_bytes, small_circuit.witness) == []
    expected = {1: [3], 2: [2], 4: [0, 1, 2], 5: [0, 1], 6: [1, 3], 7: [2, 3], 8: [4]}
    for wire, violated in expected.items():
        wires = list(small_circuit.wires)
        wires[wire] += 1
        assert engine.r1cs_check(small_circuit.r1cs_bytes, encode_elements(wires)) == violated


def test_r1cs_check_stops_at_32(engine: Arithmetic) -> None:
    content = write_r1cs(R1cs(2, 0, 0, 1, [([(1, 1)], [(0, 1)], [])] * 100))
    assert engine.r1cs_check(content, encode_elements([1, 5])) == list(range(32))
    assert engine.r1cs_check(content, encode_elements([1, 0])) == []


def test_r1cs_check_refuses_other_witnesses(engine: Arithmetic, small_circuit: Any) -> None:
    content, witness = small_circuit.r1cs_bytes, small_circuit.witness
    for wrong in (
        b"",
        witness[:-32],
        witness + le(0),
        witness[:-1],
        le(2) + witness[32:],
        le(R) + witness[32:],
    ):
        with pytest.raises(ValueError, match=SILENT):
            engine.r1cs_check(content, wrong)


def test_a_violating_witness_gives_no_valid_proof(engine: Arithmetic, key: Any, small_circuit: Any) -> None:
    for wire in range(1, 9):
        wires = list(small_circuit.wires)
        wires[wire] += 1
        proof = key.prove(encode_elements(wires), os.urandom(128))
        publics = encode_elements(wires[1:4])
        assert not engine.groth16_verify(key.verifying_key(), publics, proof)
        assert not engine.groth16_verify(key.verifying_key(), small_circuit.publics, proof)


def test_the_prover_refuses_other_witnesses(key: Any, small_circuit: Any) -> None:
    witness = small_circuit.witness
    for wrong in (
        b"",
        witness[:-32],
        witness + le(0),
        witness[:-1],
        le(2) + witness[32:],
        witness[:-32] + le(R),
    ):
        with pytest.raises(ValueError, match=SILENT):
            key.prove(wrong, os.urandom(128))
    for entropy in (b"", os.urandom(127), os.urandom(129)):
        with pytest.raises(ValueError, match=SILENT):
            key.prove(witness, entropy)


# --- setup refuses ------------------------------------------------------------------------------------------


def test_bad_secrets_are_refused(engine: Arithmetic, small_circuit: Any, entropy: Callable[..., bytes]) -> None:
    root = pow(5, (R - 1) // 32, R)  # a primitive root of twice the domain
    bad = [
        entropy(tau=0),
        entropy(tau=2, alpha=0),
        entropy(tau=2, beta=R),
        entropy(tau=2, delta=2 * R),
        entropy(tau=1),
        entropy(tau=root),
        entropy(tau=pow(root, 2, R)),
        bytes(255),
        os.urandom(320),
    ]
    for secrets in bad:
        with pytest.raises(ValueError, match=SILENT):
            engine.groth16_setup(small_circuit.r1cs_bytes, secrets)


def test_malformed_constraint_systems_are_refused(engine: Arithmetic, small_circuit: Any) -> None:
    good = small_circuit.r1cs_bytes
    system = small_circuit.r1cs
    wire_too_high = replace(system, constraints=[([(9, 1)], [(0, 1)], [])])
    marked = write_r1cs(replace(system, constraints=[([(1, 2**253)], [(0, 1)], [])]))
    too_few_wires = replace(system, n_private_inputs=6)
    other_prime = bytearray(good)
    other_prime[good.index(R.to_bytes(32, "little"))] ^= 1
    bad = [
        b"",
        b"r1cs",
        b"wtns" + good[4:],
        good[:4] + struct.pack("<I", 2) + good[8:],
        good[:-1],
        good[: len(good) // 2],
        good + b"\0",
        write_r1cs(wire_too_high),
        marked.replace(le(2**253), le(R)),
        marked.replace(le(2**253), b"\xff" * 32),
        write_r1cs(too_few_wires),
        bytes(other_prime),
        good[:8] + struct.pack("<I", 4) + good[12:] + struct.pack("<IQ", 4, 4) + struct.pack("<I", 1),
    ]
    for index, content in enumerate(bad):
        print("case", index)
        with pytest.raises(ValueError, match=SILENT):
            engine.groth16_setup(content, os.urandom(256))
        with pytest.raises(ValueError, match=SILENT):
            engine.r1cs_check(content, small_circuit.witness)


def test_malformed_keys_are_refused(engine: Arithmetic, small_proof: Any, tmp_path: Path) -> None:
    good = small_proof.zkey.read_bytes()
    header = good.index(struct.pack("<IQ", 2, 660)) + 12
    sizes = header + 72
    first_coefficient = good.index(struct.pack("<I", 4), header + 660) + 12 + 4

    def patched(at: int, content: bytes) -> bytes:
        return good[:at] + content + good[at + len(content) :]

    bad = [
        b"",
        good[:200],
        good[:-1],
        patched(0, b"zkez"),
        patched(4, struct.pack("<I", 2)),
        patched(header, struct.pack("<I", 31)),
        patched(header + 4, b"\0"),
        patched(sizes, struct.pack("<I", 10)),
        patched(sizes, struct.pack("<I", 2**32 - 1)),
        patched(sizes + 4, struct.pack("<I", 4)),
        patched(sizes + 4, struct.pack("<I", 9)),
        patched(sizes + 8, struct.pack("<I", 15)),
        patched(sizes + 8, struct.pack("<I", 32)),
        patched(sizes + 8, struct.pack("<I", 2**31)),
        patched(sizes + 12, b"\xff" * 32),
        patched(first_coefficient, struct.pack("<I", 2)),
        patched(first_coefficient + 4, struct.pack("<I", 16)),
        patched(first_coefficient + 8, struct.pack("<I", 9)),
        patched(first_coefficient + 12, b"\xff" * 32),
    ]
    for index, content in enumerate(bad):
        path = tmp_path / f"{index}.zkey"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=SILENT):
            engine.ProvingKey(str(path))
    with pytest.raises(FileNotFoundError):
        engine.ProvingKey(str(tmp_path / "none.zkey"))


def test_key_files_hold_their_parts(small_proof: Any) -> None:
    zkey = read_zkey(small_proof.zkey.read_bytes())
    assert (zkey.header.n_wires, zkey.header.n_public, zkey.header.domain_size) == (9, 3, 16)
    assert zkey.header.gamma2 == reference.g2_mul(zkey.header.gamma2, le(1))
    assert zkey.header.alpha1 == g1(3)
    assert zkey.header.beta1 == g1(5)
    assert zkey.header.delta1 == g1(7)
    assert zkey.contributions == bytes(68)
    rows = [(0, 5 + wire, wire, 1) for wire in range(4)]
    assert list(zkey.coefficients)[-4:] == rows
    # The rows of public wires keep their polynomials independent: no public wire has an A point at infinity.
    assert all(any(zkey.a[64 * wire : 64 * wire + 64]) for wire in range(4))


def test_each_key_accepts_its_own_proofs_alone(engine: Arithmetic, small_circuit: Any, tmp_path: Path) -> None:
    """More keys in turn than an engine keeps; a malformed one is refused again and again."""
    count = 2 if engine is reference else 10
    made = []
    for number in range(count):
        path = tmp_path / f"{number}.zkey"
        path.write_bytes(engine.groth16_setup(small_circuit.r1cs_bytes, os.urandom(256)))
        key = engine.ProvingKey(str(path))
        made.append((key.verifying_key(), key.prove(small_circuit.witness, os.urandom(128))))
    for number in [*range(count), *reversed(range(count))]:
        vk, proof = made[number]
        assert engine.groth16_verify(vk, small_circuit.publics, proof)
        assert not engine.groth16_verify(vk, small_circuit.publics, made[number - 1][1])
    for at in (0, 64, 192, 320, 448, len(vk) - 64):
        for _ in range(2):
            off = vk[:at] + bytes([vk[at] ^ 1]) + vk[at + 1 :]
            with pytest.raises(ValueError, match=r"point|verifying key"):
                engine.groth16_verify(off, small_circuit.publics, proof)


# --- verification refuses -----------------------------------------------------------------------------------


def test_changed_publics_are_not_accepted(engine: Arithmetic, small_proof: Any) -> None:
    publics = integers(small_proof.publics)
    for index in range(3):
        changed = list(publics)
        changed[index] = (changed[index] + 1) % R
        assert not engine.groth16_verify(small_proof.verifying_key, le(*changed), small_proof.proof)
    swapped = le(publics[1], publics[0], publics[2])
    assert not engine.groth16_verify(small_proof.verifying_key, swapped, small_proof.proof)


def test_other_points_are_not_accepted(engine: Arithmetic, small_proof: Any) -> None:
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    a, b, c = proof[:64], proof[64:192], proof[192:]
    for changed in (
        negate(a) + b + c,
        a + negate(b) + c,
        a + b + negate(c),
        c + b + a,
        a + b + g1(1),
        bytes(64) + b + c,
        a + bytes(128) + c,
        a + b + bytes(64),
        bytes(256),
    ):
        assert not engine.groth16_verify(vk, publics, changed)
    # The same element in other coordinates is the same proof: Groth16 is malleable, statements are not.
    assert engine.groth16_verify(vk, publics, negate(a) + negate(b) + c)


def test_values_that_are_not_canonical_are_refused(engine: Arithmetic, small_proof: Any) -> None:
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    inputs = integers(publics)
    for index, value in enumerate(inputs):
        aliased = [*inputs[:index], value + R, *inputs[index + 1 :]]
        with pytest.raises(ValueError, match=SILENT):
            engine.groth16_verify(vk, le(*aliased), proof)
    coordinates = integers(proof)
    for index, value in enumerate(coordinates):
        aliased = [*coordinates[:index], value + Q, *coordinates[index + 1 :]]
        if value + Q < 2**256:
            with pytest.raises(ValueError, match=SILENT):
                engine.groth16_verify(vk, publics, le(*aliased))
    key = integers(vk)
    for index in (0, 2, 6, 10, 14, len(key) - 1):
        aliased = [*key[:index], key[index] + Q, *key[index + 1 :]]
        with pytest.raises(ValueError, match=SILENT):
            engine.groth16_verify(le(*aliased), publics, proof)


def test_points_outside_their_groups_are_refused(engine: Arithmetic, small_proof: Any) -> None:
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    outside = twist_point_outside_subgroup()
    off = le(1, 1)
    for changed in (
        off + proof[64:],
        proof[:192] + off,
        proof[:64] + outside + proof[192:],
        proof[:64] + le(1, 2, 3, 4) + proof[192:],
    ):
        with pytest.raises(ValueError, match=SILENT):
            engine.groth16_verify(vk, publics, changed)
    for changed in (
        off + vk[64:],
        vk[:64] + outside + vk[192:],
        vk[:192] + outside + vk[320:],
        vk[:320] + outside + vk[448:],
        vk[:-64] + off,
        G1_INFINITY + vk[64:],
        vk[:192] + bytes(128) + vk[320:],
        vk[:320] + bytes(128) + vk[448:],
    ):
        with pytest.raises(ValueError, match=SILENT):
            engine.groth16_verify(changed, publics, proof)


def test_other_lengths_are_refused(engine: Arithmetic, small_proof: Any) -> None:
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    for arguments in (
        (vk[:-1], publics, proof),
        (vk[:-64], publics, proof),
        (vk + g1(1), publics, proof),
        (vk[:448], b"", proof),
        (b"", b"", proof),
        (vk, publics[:-32], proof),
        (vk, publics[:-1], proof),
        (vk, publics + le(0), proof),
        (vk, publics, proof[:-1]),
        (vk, publics, proof + b"\0"),
        (vk, publics, b""),
    ):
        with pytest.raises(ValueError, match=SILENT):
            engine.groth16_verify(*arguments)


# --- many proofs of one key ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three(make_circuit: Any, small_proof: Any) -> tuple[bytes, list[bytes], list[bytes]]:
    """A key, and public inputs and proofs of three statements."""
    key = reference.ProvingKey(str(small_proof.zkey))
    circuits = [make_circuit(a=a, b=3, x=a + 1, d=0) for a in (2, 5, 7)]
    proofs = [key.prove(circuit.witness, os.urandom(128)) for circuit in circuits]
    return small_proof.verifying_key, [circuit.publics for circuit in circuits], proofs


def test_a_batch_holds_where_each_proof_does(engine: Arithmetic, three: Any) -> None:
    vk, publics, proofs = three
    for count in range(4):
        together = b"".join(publics[:count]), b"".join(proofs[:count])
        assert engine.groth16_verify_all(vk, *together, os.urandom(16 * count))
    for index in range(3):
        changed = list(proofs)
        changed[index] = proofs[index - 1]  # holds, for the inputs of another
        assert not engine.groth16_verify_all(vk, b"".join(publics), b"".join(changed), os.urandom(48))
    swapped = publics[1] + publics[0] + publics[2]
    assert not engine.groth16_verify_all(vk, swapped, b"".join(proofs), os.urandom(48))


def test_errors_that_cancel_pass_under_weights_that_could_be_foreseen_alone(engine: Arithmetic, three: Any) -> None:
    vk, publics, proofs = three
    first, second, _ = proofs
    forged = [first[:192] + engine.g1_add(first[192:], g1(1)), second[:192] + engine.g1_add(second[192:], g1(-1))]
    for own, proof in zip(publics[:2], forged, strict=True):
        assert not engine.groth16_verify(vk, own, proof)
    together = publics[0] + publics[1], b"".join(forged)
    assert engine.groth16_verify_all(vk, *together, bytes([7]) * 32)
    assert not engine.groth16_verify_all(vk, *together, os.urandom(32))
    weighted = [first[:192] + engine.g1_add(first[192:], g1(-6)), second[:192] + engine.g1_add(second[192:], g1(2))]
    together = publics[0] + publics[1], b"".join(weighted)
    assert engine.groth16_verify_all(vk, *together, (1).to_bytes(16, "little") + (3).to_bytes(16, "little"))
    assert not engine.groth16_verify_all(vk, *together, os.urandom(32))


def test_malformed_batches_are_refused(engine: Arithmetic, three: Any) -> None:
    vk, publics, proofs = three
    inputs, joined, entropy = b"".join(publics), b"".join(proofs), os.urandom(48)
    outside = joined[:320] + twist_point_outside_subgroup() + joined[448:]
    for arguments in (
        (inputs, joined, entropy[:-1]),
        (inputs, joined, entropy[:-16]),
        (inputs, joined, b""),
        (inputs, joined[:-1], entropy),
        (inputs, joined[:-256], entropy),
        (inputs[:-32], joined, entropy),
        (inputs + le(0), joined, entropy),
        (le(R) + inputs[32:], joined, entropy),
        (inputs, joined[:256] + le(Q) + joined[288:], entropy),
        (inputs, joined[:-64] + le(1, 1), entropy),
        (inputs, outside, entropy),
    ):
        with pytest.raises(ValueError, match=SILENT):
            engine.groth16_verify_all(vk, *arguments)
    with pytest.raises(ValueError, match=SILENT):
        engine.groth16_verify_all(vk[:-64], inputs, joined, entropy)


def test_the_subgroup_check_has_nothing_but_r_in_common_with_the_twist() -> None:
    """``(x + 1) + x X + x X^2 - 2 x X^3`` at psi kills a point; so does its resultant with psi's polynomial.

    rust/arith/src/g2.rs
    """
    x = 4965661367192848881
    trace, cofactor = 6 * x * x + 1, 2 * Q - R

    def times(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:  # a0 + a1 X modulo X^2 - trace X + q
        square = a[1] * b[1]
        return a[0] * b[0] - Q * square, a[0] * b[1] + a[1] * b[0] + trace * square

    psi = (0, 1)
    second = times(psi, psi)
    third = times(second, psi)
    low = x + 1 + x * second[0] - 2 * x * third[0]
    high = x + x * second[1] - 2 * x * third[1]
    resultant = low * low + trace * low * high + Q * high * high
    assert math.gcd(resultant, cofactor * R) == R
    eigenvalue = Q % R
    assert (x + 1 + x * eigenvalue + x * eigenvalue**2 - 2 * x * eigenvalue**3) % R == 0
