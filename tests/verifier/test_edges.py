"""Where a check begins to hold and where it ceases: what binds each public input, first and last moments, most and
fewest entries."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from parties import NOW, VENUE, World
from tampering import changed
from test_checks import in_context, refusal

from zkmargin.attestations.context import Claim, compute_context_input, compute_statements_hash
from zkmargin.attestations.documents import sign
from zkmargin.backend import engine_name
from zkmargin.errors import ClaimMismatch, FieldRange, ProofPoint, ZkMarginError
from zkmargin.field import FR_MODULUS
from zkmargin.formats import split_verifying_key, vk_hash
from zkmargin.verifier.checks import Case, require_claim
from zkmargin.verifier.envelope import MAX_VENUES, Envelope, PublicInputs
from zkmargin.verifier.verify import _require_bound_inputs, _verdict

pytestmark = pytest.mark.prove


def case_of(world: World, envelope: Envelope, **changes: Any) -> Case:
    """What ``verify`` would judge."""
    fields: dict[str, Any] = {
        "envelope": envelope,
        "policy": world.policy(),
        "market": world.snapshot().market,
        "rules": world.rules,
        "verifying_key": world.verifying_key,
        "at": NOW,
        "challenge": envelope.context.challenge,
        "engine": "rust",
    }
    return Case(**fields | changes)


# --- public inputs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("context", "E_CONTEXT"),
        ("claim", "E_CLAIM"),
        ("positions", "E_STATEMENT"),
        ("collateral_root", "E_TREE_ROOT"),
        ("nullifier", "E_PROOF_INVALID"),
        ("scope", "E_SCOPE"),
        ("C", "E_PROOF_INVALID"),
    ],
)
def test_what_binds_each_public_input(world: World, envelope: Envelope, name: str, code: str) -> None:
    """A document where there is one, the equation for the rest."""
    assert set(PublicInputs.model_fields) == {
        *("context", "claim", "positions", "collateral_root", "nullifier", "scope", "C")
    }
    value = getattr(envelope.public_inputs, name)
    other = (value[0] + 1,) if isinstance(value, tuple) else value + 1
    publics = envelope.public_inputs.model_copy(update={name: other})
    assert refusal(world, envelope.model_copy(update={"public_inputs": publics})) == code


def test_a_public_input_has_one_spelling(world: World, envelope: Envelope) -> None:
    """``nullifier + r`` is the same element: it would pass for a new one where nullifiers are counted."""
    fields = dict(envelope.public_inputs)
    fields["nullifier"] += FR_MODULUS
    with pytest.raises(FieldRange):
        PublicInputs(**fields)
    past_its_checks = PublicInputs.model_construct(**fields)
    given = Envelope.model_construct(**dict(envelope) | {"public_inputs": past_its_checks})
    assert refusal(world, given) == "E_FIELD_RANGE"


def test_statements_are_in_the_context_by_their_hash(world: World, envelope: Envelope) -> None:
    """Another statement of the same venue over the same commitment: signed, and not the one that the proof names."""
    statement = envelope.statements[0].statement.model_copy(update={"seq": 8})
    signed = envelope.statements[0].model_copy(
        update={"statement": statement, "signatures": sign(statement, world.domain.signing(), [VENUE])}
    )
    exchanged = envelope.model_copy(update={"statements": (signed,)})
    assert refusal(world, exchanged) == "E_STATEMENT"
    told = compute_statements_hash([statement], world.domain.signing())
    assert refusal(world, in_context(world, exchanged, statements_hash=told)) == "E_PROOF_INVALID"


def test_a_key_must_bind_every_public_input(world: World, envelope: Envelope) -> None:
    """Where a key's point for an input is at infinity, one proof would serve all of its values."""
    key = world.verifying_key
    *_, points = split_verifying_key(key)
    head = len(key) - 64 * len(points)
    for index in (1, 2, len(points) - 1):
        at = head + 64 * index
        loose = key[:at] + bytes(64) + key[at + 64 :]
        listed = world.accepted.model_copy(update={"vk_hash": vk_hash(loose)})
        policy = world.policy(rule_sets=(listed,))
        told = in_context(world, envelope, vk_hash=listed.vk_hash, policy_id=policy.policy_id)
        with pytest.raises(ProofPoint, match=rf"binds no value.*IC\[{index}\]"):
            world.verify(told, policy=policy, verifying_key=loose)
    _require_bound_inputs(key[:head] + bytes(64) + key[head + 64 :])  # the constant term binds no input


# --- moments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "code"), [(0, "E_EXPIRY"), ((1 << 64) - 1, "E_EXPIRY"), (1 << 64, "E_SCHEMA_TYPE")])
def test_the_first_and_the_last_moment_of_the_clock(world: World, envelope: Envelope, at: int, code: str) -> None:
    assert refusal(world, envelope, at=at) == code


def test_a_statement_in_force_is_not_pending(world: World, envelope: Envelope) -> None:
    """It is in force from the moment at which it was issued; before that, a clock that lags sees it pending."""
    now = world.verify(envelope)
    assert (now.effective_from, now.clock) == (NOW, NOW)
    assert now.warnings == (
        "insecure key: it comes from a development setup whose maker could forge proofs",
        "not exclusive: no collateral is locked for the life of this statement",
        "the clock was given by the caller",
        "completeness is not claimed: the owner may hold other accounts under other keys",
    )
    assert any("pending" in warning for warning in world.verify(envelope, at=NOW - 1).warnings)


def test_a_key_from_a_ceremony_is_not_called_insecure(world: World) -> None:
    listed = world.accepted.model_copy(update={"transcript_digest": b"\x55" * 32, "insecure": False})
    policy = world.policy(rule_sets=(listed,))
    verdict = world.verify(world.prove(policy=policy), policy=policy)
    assert not verdict.insecure_key
    assert not any("insecure" in warning for warning in verdict.warnings)
    assert verdict.to_json()["verifyingKey"]["insecure"] is False


# --- what a verdict says ----------------------------------------------------------------------------------


def test_exclusive_is_a_root_and_a_lock_to_the_end(world: World, envelope: Envelope) -> None:
    """No rule set of this version has a root; what a verdict will say of one is fixed all the same."""
    end, entry = envelope.context.expires_at, world.accepted
    rooted = envelope.model_copy(update={"context": envelope.context.model_copy(update={"root_digest": b"\1" * 32})})
    for given, lock, exclusive in (
        (rooted, end, True),
        (rooted, end + 1, True),
        (rooted, end - 1, False),
        (rooted, 0, False),
        (envelope, end, False),
        (envelope, 0, False),
    ):
        verdict = _verdict(case_of(world, given), entry, Claim(min_lock=lock), "given")
        assert verdict.exclusive is exclusive
        assert any("not exclusive" in warning for warning in verdict.warnings) is not exclusive


def test_a_verdict_names_the_engine_that_judged(world: World, envelope: Envelope) -> None:
    """The fastest one here, where none was asked for."""
    assert world.verify(envelope).engine == engine_name()


def test_a_case_is_not_altered_while_it_is_judged(world: World, envelope: Envelope) -> None:
    with pytest.raises(FrozenInstanceError):
        case_of(world, envelope).at = 0  # type: ignore[misc]


def test_a_claim_on_collateral_needs_collateral(world: World, envelope: Envelope) -> None:
    """Also where it is stronger than what the policy asks for."""
    publics = envelope.public_inputs.model_copy(update={"claim": Claim(min_lock=1).pack()})
    with pytest.raises(ClaimMismatch, match="no collateral"):
        require_claim(case_of(world, envelope.model_copy(update={"public_inputs": publics})))


def test_a_claim_names_a_requirement_of_the_rules(world: World, envelope: Envelope) -> None:
    lacking = replace(world.rules, requirements={})
    with pytest.raises(ClaimMismatch, match="no such requirement"):
        require_claim(case_of(world, envelope, rules=lacking))


# --- arrays -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [("proof", "a"), ("proof", "b"), ("proof", "b", 0), ("proof", "b", 1), ("proof", "c")])
def test_points_have_their_coordinates_and_no_more(world: World, envelope: Envelope, path: tuple[Any, ...]) -> None:
    tree = envelope.to_json()
    node: Any = tree
    for step in path:
        node = node[step]
    for other in ([], node[:1], [*node, node[0]]):
        assert refusal(world, _bytes(changed(tree, path, other))) == "E_SCHEMA_TYPE", other


def test_as_many_statements_as_positions_and_neither_none_nor_too_many(world: World, envelope: Envelope) -> None:
    tree = envelope.to_json()
    publics, statements = tree["publicInputs"], tree["statements"]
    for positions, signed, code in (
        ([], [], "E_SCHEMA_TYPE"),
        (publics["positions"] * 2, statements, "E_SCHEMA_TYPE"),
        (publics["positions"] * MAX_VENUES, statements * MAX_VENUES, "E_STATEMENT_TWICE"),
        (publics["positions"] * (MAX_VENUES + 1), statements * (MAX_VENUES + 1), "E_SCHEMA_TYPE"),
    ):
        altered = {**tree, "publicInputs": {**publics, "positions": positions}, "statements": signed}
        assert refusal(world, _bytes(altered)) == code, len(positions)
    assert MAX_VENUES == 64  # specs/documents.md


def _bytes(tree: Any) -> bytes:
    import json

    return json.dumps(tree).encode()


def test_the_context_input_is_that_of_the_stated_context(world: World, envelope: Envelope) -> None:
    """The two must agree even where each alone would pass."""
    other = envelope.context.model_copy(update={"issued_at": NOW - 1})
    publics = envelope.public_inputs.model_copy(
        update={"context": compute_context_input(other, world.domain.signing())}
    )
    with pytest.raises(ZkMarginError) as caught:
        world.verify(envelope.model_copy(update={"public_inputs": publics}))
    assert caught.value.code == "E_CONTEXT"
