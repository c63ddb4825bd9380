"""The verifier contract: one proof and four verdicts, batches, keys."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest
from chain_world import PEERS, require_peers
from ledger import ADMIN, Ledger
from tiny_proofs import INPUTS, TinyKey

from zkmargin import backend
from zkmargin.encoding import hex_bytes
from zkmargin.errors import ZkMarginError
from zkmargin.field import FQ_MODULUS as Q
from zkmargin.field import FR_MODULUS as R
from zkmargin.field import decode_elements
from zkmargin.formats import verifying_key_to_json, vk_hash
from zkmargin.verifier.contracts.client import Contract
from zkmargin.verifier.contracts.deployment import verifier_address
from zkmargin.verifier.contracts.encoding import proof_words, verifier_creation
from zkmargin.verifier.groth16 import verify_groth16

pytestmark = pytest.mark.chain
SEEDED = random.Random(8)
PUBLICS = [SEEDED.randrange(R) for _ in range(INPUTS)]
CORE = "rust" if "rust" in backend.engines() else "reference"
CHAIN_ALSO = {
    "a coordinate plus q": "E_FIELD_RANGE",
    "an input plus r": "E_FIELD_RANGE",
    "A off the curve": "E_PROOF_POINT",
    "B off the twist": "E_PROOF_POINT",
    "halves of B swapped": "E_PROOF_POINT",
    "B outside the subgroup": "E_PROOF_POINT",
}


@pytest.fixture
def verifier(ledger: Ledger) -> Contract:
    return Contract(ledger.node, "Groth16Verifier", ledger.verifiers[vk_hash(ledger.key.verifying_key)])


def _outside_subgroup() -> list[int]:
    """A point of the twist that is not of order r: x = 1 + k u, found as tests of the engines find it."""
    from py_ecc import optimized_bn128 as bn254

    for k in range(1, 100):
        x = bn254.FQ2([1, k])
        y = _root(x * x * x + bn254.b2)
        if y is not None and not bn254.is_inf(bn254.multiply((x, y, bn254.FQ2.one()), R)):
            return [int(c) for c in (*x.coeffs, *y.coeffs)]
    raise AssertionError


def _root(value: Any) -> Any:
    """A square root in Fq2, None where there is none (q = 3 mod 4)."""
    from py_ecc import optimized_bn128 as bn254

    a, b = (int(c) for c in value.coeffs)
    norm = (a * a + b * b) % Q
    size = pow(norm, (Q + 1) // 4, Q)
    if size * size % Q != norm:
        return None
    for sign in (size, Q - size):
        half = (a + sign) * pow(2, -1, Q) % Q
        x = pow(half, (Q + 1) // 4, Q)
        if x and x * x % Q == half:
            y = b * pow(2 * x, -1, Q) % Q
            found = bn254.FQ2([x, y])
            if found * found == value:
                return found
    return None


def _cases(key: TinyKey, other: TinyKey) -> dict[str, tuple[list[int], list[int]]]:
    """Inputs and coordinates (A, B, C as snarkjs orders them) by what they are."""
    p = decode_elements(key.prove(PUBLICS), Q)
    second = decode_elements(key.prove(PUBLICS), Q)
    third = decode_elements(key.prove(PUBLICS[::-1]), Q)
    stranger = decode_elements(other.prove(PUBLICS), Q)
    changed = [PUBLICS[0] ^ 1, *PUBLICS[1:]]
    return {
        "valid": (PUBLICS, p),
        "valid, randomised anew": (PUBLICS, second),
        "valid, other inputs": (PUBLICS[::-1], third),
        "valid, A and B negated": (PUBLICS, [p[0], Q - p[1], *p[2:4], Q - p[4], Q - p[5], *p[6:]]),
        "inputs in another order": (PUBLICS[::-1], p),
        "an input changed": (changed, p),
        "an input plus r": ([PUBLICS[0] + R, *PUBLICS[1:]], p),
        "A of another proof": (PUBLICS, [*second[:2], *p[2:]]),
        "B of another proof": (PUBLICS, [*p[:2], *second[2:6], *p[6:]]),
        "C of another proof": (PUBLICS, [*p[:6], *second[6:]]),
        "A negated": (PUBLICS, [p[0], Q - p[1], *p[2:]]),
        "halves of B swapped": (PUBLICS, [*p[:2], p[3], p[2], p[5], p[4], *p[6:]]),
        "of another key": (PUBLICS, stranger),
        "a coordinate plus q": (PUBLICS, [p[0] + Q, *p[1:]]),
        "A off the curve": (PUBLICS, [p[0], p[1] ^ 1, *p[2:]]),
        "B off the twist": (PUBLICS, [*p[:2], p[2] ^ 1, *p[3:]]),
        "B outside the subgroup": (PUBLICS, [*p[:2], *_outside_subgroup(), *p[6:]]),
    }


def _engine_verdict(key: TinyKey, inputs: Sequence[int], proof: Sequence[int], engine: str) -> bool:
    encoded = b"".join(value.to_bytes(32, "little") for value in proof)
    publics = b"".join(value.to_bytes(32, "little") for value in inputs)
    try:
        verify_groth16(key.verifying_key, publics, encoded, engine=engine)
    except ZkMarginError:
        return False
    return True


def _chain_verdict(verifier: Contract, inputs: Sequence[int], proof: Sequence[int]) -> str:
    words = [proof[i] for i in (0, 1, 3, 2, 5, 4, 6, 7)]
    try:
        verifier.call("verify", words, list(inputs))
    except ZkMarginError as error:
        return error.code
    return "holds"


def _snarkjs_verdicts(key: TinyKey, cases: Sequence[tuple[list[int], list[int]]]) -> list[bool]:
    require_peers()
    asked = {
        "key": verifying_key_to_json(key.verifying_key, backend.engine()),
        "cases": [
            [
                list(map(str, inputs)),
                {
                    "pi_a": [str(p[0]), str(p[1]), "1"],
                    "pi_b": [[str(p[2]), str(p[3])], [str(p[4]), str(p[5])], ["1", "0"]],
                    "pi_c": [str(p[6]), str(p[7]), "1"],
                    "protocol": "groth16",
                    "curve": "bn128",
                },
            ]
            for inputs, p in cases
        ],
    }
    done = subprocess.run(
        ["node", "verdicts.cjs"], input=json.dumps(asked), cwd=PEERS, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: list[bool] = json.loads(done.stdout)
    return found


@pytest.mark.node
def test_one_proof_four_verdicts(ledger: Ledger, verifier: Contract) -> None:
    """Core, pure Python, snarkjs and chain agree on every line of the table."""
    key = ledger.key
    cases = _cases(key, ledger.other_key)
    snarkjs = _snarkjs_verdicts(key, list(cases.values()))
    table = {}
    for (name, (inputs, proof)), peer in zip(cases.items(), snarkjs, strict=True):
        chain = _chain_verdict(verifier, inputs, proof)
        core, python = (_engine_verdict(key, inputs, proof, engine) for engine in (CORE, "python"))
        table[name] = (core, python, peer, chain == "holds")
        valid = name.startswith("valid")
        assert chain == ("holds" if valid else CHAIN_ALSO.get(name, "E_PROOF_INVALID")), name
    alias = table.pop("a coordinate plus q")
    assert alias == (False, False, True, False)  # snarkjs reduces what it reads: another spelling of the same proof
    assert table == {name: (name.startswith("valid"),) * 4 for name in table}


def test_the_key_behind_the_code(ledger: Ledger, verifier: Contract) -> None:
    key = ledger.key.verifying_key
    assert verifier.call("vkHash") == vk_hash(key)
    assert verifier.call("inputCount") == INPUTS
    assert verifier.address == verifier_address(key) != verifier_address(ledger.other_key.verifying_key)
    for inputs in (PUBLICS[:-1], [*PUBLICS, 0], []):
        with pytest.raises(ZkMarginError, match="InputCount"):
            verifier.call("verify", proof_words(ledger.key.prove(PUBLICS)), inputs)


@pytest.mark.parametrize("point", [0, 64, 192, 320, 448, 512, 896])
def test_a_key_with_a_point_at_infinity_is_refused(ledger: Ledger, point: int) -> None:
    """alpha, beta, gamma, delta, the first, second and last of IC."""
    key = ledger.key.verifying_key
    length = 128 if point in (64, 192, 320) else 64
    with pytest.raises(ZkMarginError, match="E_PROOF_POINT"):
        verifier_creation(key[:point] + bytes(length) + key[point + length :])
    spoilt = verifier_creation(key)
    at = len(spoilt) - len(key) + point
    spoilt = spoilt[:at] + bytes(length) + spoilt[at + length :]
    address, _ = ledger.node.create(ADMIN, spoilt, "Groth16Verifier")
    with pytest.raises(ZkMarginError, match="KeyMalformed"):
        Contract(ledger.node, "Groth16Verifier", address).call("vkHash")


def test_keys_of_no_length(ledger: Ledger) -> None:
    creation = verifier_creation(ledger.key.verifying_key)
    words = len(ledger.key.verifying_key) // 32
    head = creation[: -32 * (words + 1)]
    for count in (0, 16, words - 1):
        spoilt = head + count.to_bytes(32, "big") + creation[-32 * words :][: 32 * count]
        with pytest.raises(ZkMarginError, match=r"E_CONTRACT|KeyMalformed"):
            ledger.node.create(ADMIN, spoilt, "Groth16Verifier")


# --- batches --------------------------------------------------------------------------------------------------------


def _batch(key: TinyKey, count: int) -> tuple[list[list[int]], list[list[int]]]:
    inputs = [[SEEDED.randrange(R) for _ in range(INPUTS)] for _ in range(count)]
    return [proof_words(key.prove(each)) for each in inputs], inputs


def test_batches(ledger: Ledger, verifier: Contract) -> None:
    proofs, inputs = _batch(ledger.key, 4)
    for count in (1, 2, 4):
        verifier.call("verifyBatch", proofs[:count], inputs[:count])
    for bad in range(4):
        for change in (1, 7):  # negate A, negate C
            spoilt = [list(proof) for proof in proofs]
            spoilt[bad][change] = Q - spoilt[bad][change]
            with pytest.raises(ZkMarginError, match="ProofInvalid"):
                verifier.call("verifyBatch", spoilt, inputs)
        moved = [list(each) for each in inputs]
        moved[bad][bad] ^= 1
        with pytest.raises(ZkMarginError, match="ProofInvalid"):
            verifier.call("verifyBatch", proofs, moved)


def test_errors_that_cancel_without_coefficients(ledger: Ledger, verifier: Contract) -> None:
    """C moved by D in one proof and by -D in another: a plain product of the equations would hold."""
    from py_ecc import optimized_bn128 as bn254

    proofs, inputs = _batch(ledger.key, 2)

    def add(x: int, y: int, scalar: int) -> list[int]:
        moved = bn254.add((bn254.FQ(x), bn254.FQ(y), bn254.FQ.one()), bn254.multiply(bn254.G1, scalar % R))
        return [int(c) for c in bn254.normalize(moved)]

    shifted = [[*proofs[0][:6], *add(*proofs[0][6:], 5)], [*proofs[1][:6], *add(*proofs[1][6:], -5)]]
    with pytest.raises(ZkMarginError, match="ProofInvalid"):
        verifier.call("verifyBatch", shifted, inputs)
    swapped = [[*proofs[0][:6], *proofs[1][6:]], [*proofs[1][:6], *proofs[0][6:]]]
    with pytest.raises(ZkMarginError, match="ProofInvalid"):
        verifier.call("verifyBatch", swapped, inputs)


def test_batches_that_are_none(ledger: Ledger, verifier: Contract) -> None:
    proofs, inputs = _batch(ledger.key, 2)
    for a, b, name in (
        ([], [], "InputCount"),
        (proofs, inputs[:1], "InputCount"),
        (proofs[:1], inputs, "InputCount"),
        (proofs, [inputs[0], inputs[1][:-1]], "InputCount"),
        (proofs, [inputs[0], [inputs[1][0] + R, *inputs[1][1:]]], "InputNotCanonical"),
        ([proofs[0], [proofs[1][0] + Q, *proofs[1][1:]]], inputs, "CoordinateNotCanonical"),
        ([proofs[0], [0, 0, *proofs[1][2:]]], inputs, "PointAtInfinity"),
        ([proofs[0], [*proofs[1][:6], 1, 1]], inputs, "PointOffCurve"),
    ):
        with pytest.raises(ZkMarginError, match=name):
            verifier.call("verifyBatch", a, b)


def test_short_of_gas_nothing_is_accepted(ledger: Ledger, verifier: Contract) -> None:
    proof = proof_words(ledger.key.prove(PUBLICS))
    spoilt = [*proof[:7], Q - proof[7]]
    encoded = {name: hex_bytes(verifier.encode("verify", words, PUBLICS)) for name, words in
               (("good", proof), ("bad", spoilt))}  # fmt: skip
    outcomes: dict[str, set[bool]] = {"good": set(), "bad": set()}
    for name, data in encoded.items():
        for gas in range(30_000, 280_000, 5_000):
            asked = {"to": hex_bytes(verifier.address), "data": data, "gas": hex(gas)}
            try:
                ledger.chain.rpc.call("eth_call", asked, "latest")
                outcomes[name].add(True)
            except ZkMarginError:
                outcomes[name].add(False)
    assert outcomes == {"good": {True, False}, "bad": {False}}
