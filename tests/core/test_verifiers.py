"""The three verifiers agree on every verdict and on its code; the one on py_ecc shares no arithmetic."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from points import g1, g2, integers, le, negate, twist_point_outside_subgroup

from zkmargin import backend, reference
from zkmargin.errors import BytesLength, FieldRange, ProofInvalid, ProofPoint, ZkMarginError
from zkmargin.field import FQ_MODULUS as Q
from zkmargin.field import FR_MODULUS as R
from zkmargin.verifier import groth16
from zkmargin.verifier.groth16 import ENGINES, verify_groth16, verify_groth16_all


@pytest.fixture(params=ENGINES)
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "rust" and "rust" not in backend.engines():
        pytest.skip("the Rust core is not built")
    return str(request.param)


def refused(name: str, error: type[ZkMarginError], *arguments: bytes) -> None:
    with pytest.raises(ZkMarginError) as refusal:
        verify_groth16(*arguments, engine=name)
    assert type(refusal.value) is error, f"{name}: {refusal.value}"


def test_a_valid_proof_passes(name: str, small_proof: Any) -> None:
    verify_groth16(small_proof.verifying_key, small_proof.publics, small_proof.proof, engine=name)
    verify_groth16(small_proof.verifying_key, small_proof.publics, small_proof.proof)


def test_proofs_of_all_engines_pass(name: str, small_circuit: Any, small_proof: Any) -> None:
    for prover in backend.engines():
        key = backend.engine(prover).ProvingKey(str(small_proof.zkey))
        proof = key.prove(small_circuit.witness, bytes(reversed(range(128))))
        verify_groth16(key.verifying_key(), small_circuit.publics, proof, engine=name)


def test_each_changed_public_input(name: str, small_proof: Any) -> None:
    publics = integers(small_proof.publics)
    for index in range(len(publics)):
        for change in (1, -1, 2**200):
            changed = list(publics)
            changed[index] = (changed[index] + change) % R
            refused(name, ProofInvalid, small_proof.verifying_key, le(*changed), small_proof.proof)
        aliased = list(publics)
        aliased[index] += R
        refused(name, FieldRange, small_proof.verifying_key, le(*aliased), small_proof.proof)


def test_each_changed_coordinate_of_the_proof(name: str, small_proof: Any) -> None:
    vk, publics = small_proof.verifying_key, small_proof.publics
    coordinates = integers(small_proof.proof)
    for index in range(8):
        changed = list(coordinates)
        changed[index] = (changed[index] + 1) % Q
        refused(name, ProofPoint, vk, publics, le(*changed))
        aliased = list(coordinates)
        aliased[index] = Q + (aliased[index] if aliased[index] + Q < 2**256 else 0)
        refused(name, FieldRange, vk, publics, le(*aliased))


def test_points_of_their_groups_but_not_of_a_proof(name: str, small_proof: Any) -> None:
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    a, b, c = proof[:64], proof[64:192], proof[192:]
    for changed in (
        negate(a) + b + c,
        a + negate(b) + c,
        a + b + negate(c),
        g1(5) + b + c,
        a + g2(5) + c,
        a + b + g1(5),
        bytes(64) + b + c,
        a + bytes(128) + c,
        a + b + bytes(64),
        bytes(256),
    ):
        refused(name, ProofInvalid, vk, publics, changed)


def test_a_point_outside_the_subgroup(name: str, small_proof: Any) -> None:
    """On the twist, and py_ecc's pairing would take it."""
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    outside = twist_point_outside_subgroup()
    refused(name, ProofPoint, vk, publics, proof[:64] + outside + proof[192:])
    for at in (64, 192, 320):
        refused(name, ProofPoint, vk[:at] + outside + vk[at + 128 :], publics, proof)


def test_a_valid_point_moved_out_of_the_subgroup(name: str, small_proof: Any) -> None:
    """B plus a point of the cofactor's order: the pairing equation could hold, the proof must not pass."""
    x0, x1, y0, y1 = integers(twist_point_outside_subgroup())
    outside = ((x0, x1), (y0, y1))
    small_order = reference.curve.G2.multiply(outside, R)  # its order divides the cofactor
    (b,) = reference.curve.decode_g2(small_proof.proof[64:192])
    moved = reference.curve.encode_g2([reference.curve.G2.add(b, small_order)])
    changed = small_proof.proof[:64] + moved + small_proof.proof[192:]
    refused(name, ProofPoint, small_proof.verifying_key, small_proof.publics, changed)


def test_another_key(name: str, small_proof: Any) -> None:
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    for changed in (
        g1(3 + 1) + vk[64:],
        vk[:64] + g2(9) + vk[192:],
        vk[:192] + g2(9) + vk[320:],
        vk[:320] + g2(9) + vk[448:],
        vk[:-64] + g1(9),
        vk[:448] + g1(9) + vk[512:],
    ):
        refused(name, ProofInvalid, changed, publics, proof)
    coordinates = integers(vk)
    for index in (0, 3, 7, 11, 14, len(coordinates) - 1):
        changed_coordinates = list(coordinates)
        changed_coordinates[index] = (changed_coordinates[index] + 1) % Q
        refused(name, ProofPoint, le(*changed_coordinates), publics, proof)
        changed_coordinates[index] = Q
        refused(name, FieldRange, le(*changed_coordinates), publics, proof)
    for at, size in ((0, 64), (64, 128), (192, 128), (320, 128)):
        refused(name, ProofPoint, vk[:at] + bytes(size) + vk[at + size :], publics, proof)


def test_other_lengths(name: str, small_proof: Any) -> None:
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    for arguments in (
        (vk[:-1], publics, proof),
        (vk[:448], b"", proof),
        (b"", b"", proof),
        (vk, publics[:-32], proof),
        (vk, publics + le(0), proof),
        (vk, publics[:-1], proof),
        (vk, publics, proof[:-1]),
        (vk, publics, proof + b"\0"),
        (vk, publics, proof + le(0)),
        (vk, publics, proof[:-32]),
        (vk + le(0), publics, proof),
        (vk[:-32], publics, proof),
        (vk[:416], b"", proof),
    ):
        refused(name, BytesLength, *arguments)


def test_encodings_come_before_points_and_points_before_the_equation(name: str, small_proof: Any) -> None:
    vk, proof = small_proof.verifying_key, small_proof.proof
    off_curve = le(1, 1) + proof[64:]
    refused(name, FieldRange, vk, le(R, 0, 0), off_curve)
    refused(name, FieldRange, vk, le(0, 0, 0), off_curve[:-32] + le(Q))
    refused(name, ProofPoint, vk, le(0, 0, 0), off_curve)


def test_an_unknown_engine(small_proof: Any) -> None:
    with pytest.raises(ZkMarginError) as refusal:
        verify_groth16(small_proof.verifying_key, small_proof.publics, small_proof.proof, engine="gpu")
    assert refusal.value.code == "E_ENGINE"


def test_the_sum_of_a_thousand_public_inputs(name: str) -> None:
    """A key and a proof by known logarithms: ``alpha beta + sum a_i k_i + C delta = A B``."""
    rng = random.Random(3)
    alpha, beta, delta, b = 11, 13, 17, 19
    logs = [rng.randrange(R) for _ in range(24)]
    table = [g1(k) for k in logs]
    picks = [rng.randrange(len(logs)) for _ in range(1001)]
    inputs = [rng.choice([0, 1, R - 1, rng.randrange(2**64), rng.randrange(R)]) for _ in range(1000)]
    total = sum(logs[i] * a for i, a in zip(picks, [1, *inputs], strict=True))
    c = rng.randrange(R)
    a = (alpha * beta + total + c * delta) * pow(b, -1, R) % R
    vk = g1(alpha) + g2(beta) + g2(1) + g2(delta) + b"".join(table[i] for i in picks)
    proof = g1(a) + g2(b) + g1(c)
    verify_groth16(vk, le(*inputs), proof, engine=name)
    inputs[777] = (inputs[777] + 1) % R
    refused(name, ProofInvalid, vk, le(*inputs), proof)


def test_a_key_without_public_inputs(name: str) -> None:
    """One point of the key is enough: ``alpha beta + k + C delta = A B``."""
    alpha, beta, delta, b, k, c = 3, 5, 7, 11, 13, 17
    a = (alpha * beta + k + c * delta) * pow(b, -1, R) % R
    vk = g1(alpha) + g2(beta) + g2(1) + g2(delta) + g1(k)
    verify_groth16(vk, b"", g1(a) + g2(b) + g1(c), engine=name)
    refused(name, ProofInvalid, vk, b"", g1(a + 1) + g2(b) + g1(c))
    refused(name, BytesLength, vk[:-64], b"", g1(a) + g2(b) + g1(c))


def test_digits_at_the_edges_of_their_windows(name: str) -> None:
    """Scalars of ones, of halves and around r, a few and many, sum to what integers say."""
    alpha, beta, delta, b, c = 3, 5, 7, 11, 17
    edges = [0, 1, 2, 3, R - 1, R - 2, R // 2, R // 2 + 1, 2**253, 2**253 + 2**252 - 1, int("10" * 126, 2)]
    table = [g1(k) for k in range(1, 8)]
    for inputs in (edges[:1], edges[-2:], edges * 6):
        picks = [index % len(table) for index in range(len(inputs) + 1)]
        total = sum((pick + 1) * value for pick, value in zip(picks, [1, *inputs], strict=True))
        a = (alpha * beta + total + c * delta) * pow(b, -1, R) % R
        vk = g1(alpha) + g2(beta) + g2(1) + g2(delta) + b"".join(table[pick] for pick in picks)
        verify_groth16(vk, le(*inputs), g1(a) + g2(b) + g1(c), engine=name)


def test_infinity_is_zeros_and_nothing_else(name: str, small_proof: Any) -> None:
    """A zero among coordinates does not make a point infinite."""
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    a, b, c = proof[:64], proof[64:192], proof[192:]
    for point in (le(0, 1), le(1, 0)):
        refused(name, ProofPoint, vk, publics, point + b + c)
        refused(name, ProofPoint, vk, publics, a + b + point)
        refused(name, ProofPoint, vk[:-64] + point, publics, proof)
    for place in range(4):
        point = le(*(int(index == place) for index in range(4)))
        refused(name, ProofPoint, vk, publics, a + point + c)
        refused(name, ProofPoint, vk[:64] + point + vk[192:], publics, proof)


def test_the_greatest_values_are_canonical(name: str, small_proof: Any) -> None:
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    refused(name, ProofInvalid, vk, le(R - 1) + publics[32:], proof)
    refused(name, FieldRange, vk, le(R) + publics[32:], proof)
    refused(name, ProofPoint, vk, publics, le(Q - 1) + proof[32:])
    refused(name, ProofPoint, vk, publics, proof[:-32] + le(Q - 1))
    refused(name, FieldRange, vk, publics, le(Q) + proof[32:])


class Odd:
    """The reference, but for its verdict."""

    def __init__(self, verdict: Callable[[], object]) -> None:
        self._real, self._verdict = backend.engine("reference"), verdict

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def groth16_verify(self, *_: bytes) -> object:
        return self._verdict()

    def groth16_verify_all(self, *_: bytes) -> object:
        return self._verdict()


@pytest.mark.parametrize("verdict", [None, 1, "yes", b"\1", False, 0])
def test_only_true_is_true(verdict: object, small_proof: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groth16, "arithmetic_engine", lambda _: Odd(lambda: verdict))
    refused("rust", ProofInvalid, small_proof.verifying_key, small_proof.publics, small_proof.proof)


def test_an_engine_that_refuses_for_no_reason_that_is_known(small_proof: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All points are good: then it is still no."""

    def refuse() -> object:
        raise ValueError("no")

    monkeypatch.setattr(groth16, "arithmetic_engine", lambda _: Odd(refuse))
    refused("rust", ProofInvalid, small_proof.verifying_key, small_proof.publics, small_proof.proof)


# --- several together ---------------------------------------------------------------------------------------


def codes(name: str, vk: bytes, *cases: tuple[bytes, bytes]) -> list[str]:
    return ["holds" if found is None else found.code for found in verify_groth16_all(vk, cases, engine=name)]


def test_each_of_several_proofs_has_its_own_answer(name: str, small_circuit: Any, small_proof: Any) -> None:
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    key = backend.engine("reference").ProvingKey(str(small_proof.zkey))
    second = key.prove(small_circuit.witness, bytes(reversed(range(128))))
    wrong = le((integers(publics)[0] + 1) % R) + publics[32:]
    assert codes(name, vk) == []
    assert codes(name, vk, (publics, proof)) == ["holds"]
    assert codes(name, vk, (publics, proof), (publics, second)) == ["holds", "holds"]
    assert codes(name, vk, (publics, proof), (wrong, second)) == ["holds", "E_PROOF_INVALID"]
    assert codes(
        name, vk, (wrong, proof), (publics[:-32], proof), (publics, second), (publics, le(Q) + proof[32:])
    ) == [
        "E_PROOF_INVALID",
        "E_BYTES_LENGTH",
        "holds",
        "E_FIELD_RANGE",
    ]
    outside = proof[:64] + twist_point_outside_subgroup() + proof[192:]
    assert codes(name, vk, (publics, outside), (publics, second)) == ["E_PROOF_POINT", "holds"]


def test_false_proofs_do_not_make_up_for_each_other(name: str, small_proof: Any) -> None:
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    core = backend.engine("reference")
    pair = [(publics, proof[:192] + core.g1_add(proof[192:], error)) for error in (g1(1), g1(-1))]
    assert core.groth16_verify_all(vk, 2 * publics, b"".join(forged for _, forged in pair), b"\1" * 32)
    assert codes(name, vk, *pair) == ["E_PROOF_INVALID"] * 2


def test_bytes_do_not_move_from_one_proof_to_another(name: str, small_proof: Any) -> None:
    """Joined they are those of two proofs that hold; each alone is too short or too long."""
    vk, publics, proof = small_proof.verifying_key, small_proof.publics, small_proof.proof
    assert codes(name, vk, (publics[:-32], proof), (publics[-32:] + publics, proof)) == ["E_BYTES_LENGTH"] * 2
    assert codes(name, vk, (publics, proof[:-32]), (publics, proof[-32:] + proof)) == ["E_BYTES_LENGTH"] * 2
    first, *rest = integers(publics)
    assert codes(name, vk, (b"".join(map(le, (first + R, *rest))), proof), (publics, proof)) == [
        "E_FIELD_RANGE",
        "holds",
    ]


@pytest.mark.parametrize("name", backend.engines())
def test_proofs_that_hold_together_are_not_looked_at_again(
    name: str, small_proof: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(*_: object) -> None:
        raise AssertionError("checked alone")

    monkeypatch.setattr(groth16, "_refusal", again)
    case = (small_proof.publics, small_proof.proof)
    assert codes(name, small_proof.verifying_key, case, case) == ["holds", "holds"]


def test_weights_are_fresh(small_proof: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who can foresee them has false proofs that cancel."""
    seen = []

    class Noting(Odd):
        def groth16_verify_all(self, *given: bytes) -> object:
            seen.append(given[3])
            return True

    monkeypatch.setattr(groth16, "arithmetic_engine", lambda _: Noting(lambda: False))
    case = (small_proof.publics, small_proof.proof)
    for _ in range(3):
        assert codes("rust", small_proof.verifying_key, case, case) == ["holds", "holds"]
    weights = [given[at : at + 16] for given in seen for at in (0, 16)]
    assert [len(given) for given in seen] == [32] * 3
    assert len(set(weights)) == 6


@pytest.mark.parametrize("verdict", [None, 1, "yes", b"\1", False, 0])
def test_only_true_is_true_of_several(verdict: object, small_proof: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groth16, "arithmetic_engine", lambda _: Odd(lambda: verdict))
    case = (small_proof.publics, small_proof.proof)
    assert codes("rust", small_proof.verifying_key, case, case) == ["E_PROOF_INVALID"] * 2


def test_the_python_verifier_leaves_the_recursion_limit() -> None:
    """py_ecc raises it to where nested input can overflow the C stack."""
    code = "import sys; import zkmargin.verifier.groth16_python; sys.exit(sys.getrecursionlimit() > 1000)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_the_python_verifier_imports_no_arithmetic_of_ours() -> None:
    code = (
        "import sys, zkmargin.verifier.groth16_python\n"
        "loaded = [m for m in sys.modules if m in ('zkmargin._core', 'zkmargin.backend')"
        " or m.startswith('zkmargin.reference')]\n"
        "sys.exit(len(loaded))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
