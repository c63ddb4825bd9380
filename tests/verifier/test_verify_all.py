"""Many proofs at once: each gets the verdict, or the refusal, that it gets alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from parties import CHALLENGE, NOW, World

from zkmargin.attestations.owner import OwnerKeys
from zkmargin.backend import engine
from zkmargin.errors import EngineUnavailable, SchemaType, ZkMarginError
from zkmargin.field import FR_MODULUS as R
from zkmargin.verifier.checks import Case
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.verdict import Verdict
from zkmargin.verifier.verify import make_case, verify_all

pytestmark = pytest.mark.prove

SECOND = OwnerKeys.of_seed(b"\x45" * 32)
ONE = (1).to_bytes(32, "little") + (2).to_bytes(32, "little")
"""The generator of G1, as an error to add to a proof."""


@pytest.fixture(scope="module")
def other(world: World) -> Envelope:
    """Another owner's."""
    return world.prove(account=world.statement(owner=SECOND), keys=SECOND)


def case(world: World, envelope: Envelope | bytes, **changes: Any) -> Case:
    arguments: dict[str, Any] = {
        "policy": world.policy(),
        "market": world.snapshot(),
        "rules": world.rules,
        "verifying_key": world.verifying_key,
        "at": NOW,
        "challenge": CHALLENGE,
    }
    return make_case(envelope, **(arguments | changes))


def told(found: Verdict | ZkMarginError) -> str:
    return found.code if isinstance(found, ZkMarginError) else "holds"


def moved(envelope: Envelope, opposite: bool) -> Envelope:
    """C with the generator added, or taken off: false, by errors that cancel."""
    core, proof = engine(), envelope.proof
    error = ONE if not opposite else core.g1_mul(ONE, (-1 % R).to_bytes(32, "little"))
    encoded = core.g1_add(proof.to_bytes()[192:], error)
    c = tuple(int.from_bytes(encoded[at : at + 32], "little") for at in (0, 32))
    return envelope.model_copy(update={"proof": proof.model_copy(update={"c": c})})


def test_verdicts_are_those_of_each_alone(world: World, envelope: Envelope, other: Envelope) -> None:
    cases = [case(world, envelope), case(world, other), case(world, envelope.to_bytes(), at=NOW + 1)]
    assert verify_all(cases) == [world.verify(envelope), world.verify(other), world.verify(envelope, at=NOW + 1)]
    assert verify_all([]) == []


@pytest.mark.parametrize("name", ["rust", "python"])
def test_a_failure_is_of_its_own_case(world: World, envelope: Envelope, other: Envelope, name: str) -> None:
    wrong_claim = envelope.model_copy(
        update={"public_inputs": envelope.public_inputs.model_copy(update={"context": 5})}
    )
    cases = [
        case(world, moved(envelope, opposite=False), engine=name),
        case(world, other, engine=name),
        case(world, envelope, challenge=b"\x55" * 32, engine=name),
        case(world, wrong_claim, engine=name),
        case(world, envelope, at=NOW + 10**6, engine=name),
        case(world, envelope, engine=name),
    ]
    found = [told(outcome) for outcome in verify_all(cases)]
    assert found == ["E_PROOF_INVALID", "holds", "E_CHALLENGE", "E_CONTEXT", "E_EXPIRY", "holds"]


def test_false_proofs_whose_errors_cancel(world: World, envelope: Envelope, other: Envelope) -> None:
    pair = [case(world, moved(envelope, opposite=False)), case(world, moved(other, opposite=True))]
    assert [told(outcome) for outcome in verify_all(pair)] == ["E_PROOF_INVALID"] * 2
    held = verify_all([*pair, case(world, envelope)])
    assert [told(outcome) for outcome in held] == ["E_PROOF_INVALID", "E_PROOF_INVALID", "holds"]


def test_engines_and_keys_stay_apart(world: World, envelope: Envelope, other: Envelope) -> None:
    """A proof is never judged by its neighbour's key or engine."""
    unbound = world.verifying_key[:-64] + bytes(64)
    cases = [
        case(world, envelope, engine="rust"),
        case(world, other, engine="python"),
        case(world, envelope, verifying_key=unbound),
        case(world, other, engine="reference"),
    ]
    found = verify_all(cases)
    assert [told(outcome) for outcome in found] == ["holds", "holds", "E_VK", "holds"]
    assert [outcome.engine for outcome in found if isinstance(outcome, Verdict)] == ["rust", "python", "reference"]


def test_cases_are_made_with_the_cares_of_verify(world: World, envelope: Envelope) -> None:
    with pytest.raises(SchemaType):
        case(world, envelope, at=-1)
    with pytest.raises(SchemaType):
        case(world, {})  # type: ignore[arg-type]
    with pytest.raises(EngineUnavailable):
        case(world, envelope, engine="other")
    assert (case(world, envelope).clock_source, case(world, envelope, at=None).clock_source) == ("given", "system")
    late = replace(case(world, envelope), at=NOW + 10**6)
    assert [told(outcome) for outcome in verify_all([late])] == ["E_EXPIRY"]
