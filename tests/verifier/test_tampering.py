"""Both verifiers reject every changed field and every changed public input, with the same code."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from parties import CHALLENGE, STRANGER, VENUE, World
from tampering import changed, code_of, leaves, objects, other_values, without

from zkmargin.attestations.context import compute_context_input
from zkmargin.attestations.documents import SignedStructure, sign
from zkmargin.errors import ZkMarginError
from zkmargin.field import FR_MODULUS, encode_elements
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.groth16 import verify_groth16
from zkmargin.verifier.verify import compute_public_inputs

pytestmark = pytest.mark.prove

ENGINES = ("rust", "python")


def refusal(world: World, tree: Any, **arguments: Any) -> str:
    """The code on which both engines agree."""
    codes = {engine: code_of(world, tree, engine, **arguments) for engine in ENGINES}
    assert len(set(codes.values())) == 1, codes
    return codes["rust"]


def test_the_untouched_envelope_holds(world: World, envelope: Envelope) -> None:
    assert refusal(world, envelope.to_json()) == "holds"
    assert refusal(world, envelope.to_bytes()) == "holds"
    assert code_of(world, envelope.to_json(), "reference") == "holds"


def test_every_changed_leaf_is_rejected(world: World, envelope: Envelope) -> None:
    tree = envelope.to_json()
    seen: dict[str, set[str]] = {}
    count = 0
    for path, value in leaves(tree):
        for other in other_values(value):
            if other == value:
                continue
            code = refusal(world, changed(tree, path, other))
            assert code != "holds", (path, other)
            seen.setdefault(".".join(map(str, path)), set()).add(code)
            count += 1
    assert count > 500
    for field, code in {
        "version": "E_VERSION",
        "type": "E_VERSION",
        "proofSystem": "E_SCHEMA_TYPE",
        "commitments": "E_SCHEMA_TYPE",
        "domain.salt": "E_DOMAIN",
        "context.challenge": "E_CHALLENGE",
        "context.verifierId": "E_VENUE",
        "context.target": "E_TARGET",
        "context.policyId": "E_POLICY",
        "context.ruleDigest": "E_VK",
        "context.r1csDigest": "E_VK",
        "context.vkHash": "E_VK",
        "context.marketDigest": "E_MARKET",
        "context.listingDigest": "E_LISTING",
        "context.statementsHash": "E_STATEMENT",
        "context.rootDigest": "E_TREE_ROOT",
        "context.epoch": "E_EPOCH",
        "context.issuedAt": "E_CONTEXT",
        "context.expiresAt": "E_CONTEXT",
        "publicInputs.context": "E_CONTEXT",
        "publicInputs.claim": "E_CLAIM",
        "publicInputs.positions.0": "E_STATEMENT",
        "publicInputs.collateral_root": "E_TREE_ROOT",
        "publicInputs.nullifier": "E_PROOF_INVALID",
        "publicInputs.scope": "E_SCOPE",
        "publicInputs.C": "E_PROOF_INVALID",
        "statements.0.statement.venueId": "E_STATEMENT",
        "statements.0.statement.seq": "E_SIG_NOT_ATTESTOR",
        "statements.0.signatures.0.signer": "E_SIG_NOT_ATTESTOR",
        "market.snapshot.priceTime": "E_SIG_NOT_ATTESTOR",
        "market.signatures.0.signer": "E_SIG_NOT_ATTESTOR",
        "proof.a.0": "E_PROOF_POINT",
        "proof.b.0.0": "E_PROOF_POINT",
        "proof.c.1": "E_PROOF_POINT",
    }.items():
        assert code in seen[field], (field, seen[field])


def test_missing_and_unknown_fields_are_rejected(world: World, envelope: Envelope) -> None:
    tree = envelope.to_json()
    for path in objects(tree):
        assert refusal(world, changed(tree, (*path, "note"), "1")) == "E_SCHEMA_UNKNOWN_FIELD", path
    for path, _ in leaves(tree):
        assert refusal(world, without(tree, path)) in ("E_SCHEMA_TYPE", "E_STATEMENT", "E_QUORUM"), path
    for path in objects(tree):
        if path:
            assert refusal(world, without(tree, path)) in ("E_SCHEMA_TYPE", "E_QUORUM"), path


@pytest.mark.parametrize("part", ["a", "b", "c"])
def test_the_point_at_infinity_is_no_part_of_a_proof(world: World, envelope: Envelope, part: str) -> None:
    tree = envelope.to_json()
    zero = [["0", "0"], ["0", "0"]] if part == "b" else ["0", "0"]
    assert refusal(world, changed(tree, ("proof", part), zero)) == "E_PROOF_POINT"


def test_valid_points_in_the_wrong_place(world: World, envelope: Envelope) -> None:
    tree = envelope.to_json()
    a, c = tree["proof"]["a"], tree["proof"]["c"]
    swapped = changed(changed(tree, ("proof", "a"), c), ("proof", "c"), a)
    assert refusal(world, swapped) == "E_PROOF_INVALID"
    other = world.prove().to_json()
    assert other["proof"] != tree["proof"]
    assert refusal(world, other) == "holds"
    assert refusal(world, changed(tree, ("proof",), other["proof"])) == "E_PROOF_INVALID"


def test_every_changed_public_input_is_rejected(world: World, envelope: Envelope) -> None:
    """Also those that no file holds: gamma, t and the direct ones."""
    market, proof = world.snapshot().market, envelope.proof.to_bytes()
    publics = list(compute_public_inputs(envelope, world.rules, market, world.prover._arithmetic))
    assert len(publics) == 25
    for engine in ENGINES:
        verify_groth16(world.verifying_key, encode_elements(publics), proof, engine=engine)
    for index, value in enumerate(publics):
        for other, code in ((value + 1, "E_PROOF_INVALID"), (value + FR_MODULUS, "E_FIELD_RANGE")):
            altered = [*publics[:index], other, *publics[index + 1 :]]
            encoded = b"".join(number.to_bytes(32, "little") for number in altered)
            for engine in ENGINES:
                with pytest.raises(ZkMarginError) as caught:
                    verify_groth16(world.verifying_key, encoded, proof, engine=engine)
                assert caught.value.code == code, (index, engine)


@pytest.mark.parametrize("length", [24, 26])
def test_another_number_of_public_inputs_is_rejected(world: World, envelope: Envelope, length: int) -> None:
    for engine in ENGINES:
        with pytest.raises(ZkMarginError):
            verify_groth16(world.verifying_key, bytes(32 * length), envelope.proof.to_bytes(), engine=engine)


CONTEXT_FIELDS = {
    "verifier_id": "E_VENUE",
    "challenge": "E_CHALLENGE",
    "target": "E_TARGET",
    "market_digest": "E_MARKET",
    "listing_digest": "E_LISTING",
    "statements_hash": "E_STATEMENT",
    "root_digest": "E_TREE_ROOT",
    "policy_id": "E_POLICY",
    "rule_digest": "E_VK",
    "r1cs_digest": "E_VK",
    "vk_hash": "E_VK",
    "epoch": "E_EPOCH",
    "issued_at": "E_PROOF_INVALID",
    "expires_at": "E_PROOF_INVALID",
}
"""Field of the context to the check that refuses another value; no check is left to the one after it."""


@pytest.mark.parametrize("name", CONTEXT_FIELDS)
def test_a_context_that_is_changed_consistently_is_rejected(world: World, envelope: Envelope, name: str) -> None:
    """The attacker recomputes the public input too: then a check of the field, or the proof, says no."""
    value = getattr(envelope.context, name)
    other = value - 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]
    context = envelope.context.model_copy(update={name: other})
    publics = envelope.public_inputs.model_copy(
        update={"context": compute_context_input(context, world.domain.signing())}
    )
    forged = envelope.model_copy(update={"context": context, "public_inputs": publics})
    assert refusal(world, forged.to_bytes()) == CONTEXT_FIELDS[name]
    if name == "challenge":
        assert refusal(world, forged.to_bytes(), challenge=other) == "E_PROOF_INVALID"


def _resigned(structure: SignedStructure, world: World, *keys: Any) -> Any:
    return [entry.to_json() for entry in sign(structure, world.domain.signing(), list(keys))]


def test_signatures_of_others_are_rejected(world: World, envelope: Envelope) -> None:
    tree = envelope.to_json()
    for path, structure, honest in (
        (("market",), envelope.market.snapshot, None),
        (("statements", 0), envelope.statements[0].statement, VENUE),
    ):
        forged = _resigned(structure, world, STRANGER)
        assert refusal(world, changed(tree, (*path, "signatures"), forged)) == "E_SIG_NOT_ATTESTOR"
        assert refusal(world, changed(tree, (*path, "signatures"), [])) == "E_QUORUM"
        if honest:
            both = _resigned(structure, world, honest, STRANGER)
            assert refusal(world, changed(tree, (*path, "signatures"), both)) == "E_SIG_NOT_ATTESTOR"
            assert refusal(world, changed(tree, (*path, "signatures"), both[::-1])) == "E_SIG_ORDER"
            once = _resigned(structure, world, honest)
            assert refusal(world, changed(tree, (*path, "signatures"), once * 2)) == "E_SIG_DUPLICATE"


def test_a_self_signed_statement_is_rejected(world: World) -> None:
    """The trader signs richer positions as the venue would: only the policy's signer counts."""
    document, opening = world.statement(cash=10**9, keys=[STRANGER])
    with pytest.raises(ZkMarginError) as caught:
        world.prove(account=(document, opening))
    assert caught.value.code == "E_SIG_NOT_ATTESTOR"


@pytest.mark.parametrize("engine", ["", "RUST", "py_ecc", "none", "rust "])
def test_unknown_engines_are_refused(world: World, envelope: Envelope, engine: str) -> None:
    assert code_of(world, envelope.to_json(), engine) == "E_ENGINE"


def test_random_bytes_are_no_envelopes(world: World, envelope: Envelope) -> None:
    """Flipped bytes of the file itself: whatever they hit, both engines say the same, and never ``holds``."""
    raw, chance = envelope.to_bytes(), random.Random(7)
    for _ in range(300):
        altered = bytearray(raw)
        altered[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        assert refusal(world, bytes(altered)) != "holds"
    for cut in (0, 1, len(raw) // 2, len(raw) - 1):
        assert refusal(world, raw[:cut]) == "E_SCHEMA_TYPE"
    doubled = raw.replace(b'"version":"1"}', b'"version":"1","version":"1"}')
    assert doubled != raw
    assert refusal(world, doubled) == "E_SCHEMA_TYPE"
    assert json.loads(raw) == envelope.to_json()
    assert CHALLENGE.hex() in raw.decode()
