"""Proofs that the registry verifies itself: real ones, for one venue, recorded once or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from parties import NOW, World
from registry_world import EPOCH, A, B, Clock, open_registry, release, sqlite_at

from zkmargin.attestations.documents import OfflineDomain
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.backend import engine
from zkmargin.encoding import sha256
from zkmargin.errors import (
    ChallengeMismatch,
    DomainMismatch,
    ProofExpired,
    ProofInvalid,
    StatementMismatch,
    VenueMismatch,
    ZkMarginError,
)
from zkmargin.field import FR_MODULUS, encode_elements
from zkmargin.verifier.envelope import Envelope, Proof
from zkmargin.verifier.registry.conditions import registration_of
from zkmargin.verifier.registry.errors import ContextReplay, DoublePledge
from zkmargin.verifier.registry.registry import Registry
from zkmargin.verifier.verdict import Verdict
from zkmargin.verifier.verify import verify

pytestmark = pytest.mark.prove
OWNER = OwnerKeys.of_seed(b"\x51" * 32)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("key"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(tmp_path: Path, clock: Clock) -> Iterator[Registry]:
    with open_registry(sqlite_at(tmp_path), clock) as opened:
        yield opened


def prove(world: World, challenge: bytes, venue: bytes = A, keys: OwnerKeys = OWNER, **changes: Any) -> Envelope:
    """The trader's proof to one venue."""
    policy = world.policy(verifier_id=venue)
    return world.prove(
        policy=policy, account=world.statement(owner=keys, audience=venue), keys=keys, challenge=challenge, **changes
    )


def judging(world: World, clock: Clock) -> Any:
    """How each venue verifies."""

    def judge(envelope: Envelope, challenge: bytes | None) -> Verdict:
        policy = world.policy(verifier_id=envelope.context.verifier_id)
        return verify(
            envelope, policy=policy, market=world.snapshot(), rules=world.rules, verifying_key=world.verifying_key,
            at=clock(), challenge=challenge,
        )  # fmt: skip

    return judge


def test_a_proof_is_verified_recorded_and_refused_elsewhere(world: World, registry: Registry, clock: Clock) -> None:
    judge = judging(world, clock)
    envelope = prove(world, registry.issue_challenge(A)[0])
    receipt = registry.submit(envelope.to_bytes(), judge).receipt
    stated = envelope.public_inputs
    assert (receipt.nullifier, receipt.venue_id, receipt.epoch) == (stated.nullifier, A, EPOCH)
    assert (receipt.context, receipt.expires_at) == (stated.context, envelope.context.expires_at)
    entry = registry.page(0).entries[0]
    assert entry.signatures == ()
    assert entry.registration is not None
    assert entry.registration.proof_hash == sha256(envelope.to_bytes())
    second = prove(world, registry.issue_challenge(B)[0], B)
    assert second.public_inputs.nullifier == stated.nullifier
    with pytest.raises(DoublePledge):
        registry.submit(second, judge)
    registry.release(release(stated.nullifier))
    third = prove(world, registry.issue_challenge(B)[0], B)
    assert registry.submit(third, judge).receipt.venue_id == B
    registry.require_whole()


def test_a_challenge_is_gone_before_its_proof_is_judged(world: World, registry: Registry, clock: Clock) -> None:
    """A proof that fails uses it up, and leaves nothing else."""
    judge = judging(world, clock)
    envelope = prove(world, registry.issue_challenge(A)[0])
    broken = envelope.model_copy(update={"proof": envelope.proof.model_copy(update={"a": envelope.proof.c})})
    with pytest.raises(ProofInvalid):
        registry.submit(broken, judge)
    assert registry.size() == 0
    assert registry.pledge(envelope.public_inputs.nullifier) is None
    with pytest.raises(ChallengeMismatch):
        registry.submit(envelope, judge)
    assert registry.size() == 0


def test_one_challenge_answered_many_times_at_once(world: World, registry: Registry, clock: Clock) -> None:
    judge = judging(world, clock)
    envelope = prove(world, registry.issue_challenge(A)[0])
    outcomes: list[str] = []

    def submit() -> None:
        try:
            registry.submit(envelope, judge)
            outcomes.append("recorded")
        except ZkMarginError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=submit) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["E_CHALLENGE"] * 11 + ["recorded"]
    assert registry.size() == 1


def test_a_challenge_of_another_venue_or_of_nobody(world: World, registry: Registry, clock: Clock) -> None:
    judge = judging(world, clock)
    for challenge in (registry.issue_challenge(B)[0], b"\x07" * 32):
        with pytest.raises(ChallengeMismatch):
            registry.submit(prove(world, challenge), judge)
    with pytest.raises(ChallengeMismatch):  # the policy asks for one; the registry hands on that there is none
        registry.submit(
            world.prove(
                policy=world.policy(verifier_id=A, challenge_required=False),
                account=world.statement(owner=OWNER, audience=A), keys=OWNER, challenge=None,
            ),
            judge,
        )  # fmt: skip
    assert registry.size() == 0


def test_what_is_not_for_this_registry_costs_no_challenge(world: World, registry: Registry, clock: Clock) -> None:
    judge = judging(world, clock)
    envelope = prove(world, registry.issue_challenge(A, 3600)[0])
    other = OfflineDomain(salt=b"\x01" * 32)
    with pytest.raises(DomainMismatch) as refusal:
        registry.submit(envelope.model_copy(update={"domain": other}), judge)
    assert refusal.value.got == "0x" + other.signing().pledge_domain.hex()
    elsewhere = envelope.context.model_copy(update={"verifier_id": b"\x01" * 32})
    with pytest.raises(VenueMismatch):
        registry.submit(envelope.model_copy(update={"context": elsewhere}), judge)
    clock.now += 100_000
    with pytest.raises(ProofExpired):
        registry.submit(envelope, judge)
    clock.now = NOW
    registry.submit(envelope, judge)


def test_other_bytes_of_one_proof_are_no_other_pledge(world: World, registry: Registry, clock: Clock) -> None:
    """Anybody can make a Groth16 proof look new: (A, B) becomes (sA, B/s). It holds, and is refused as a replay."""
    judge = judging(world, clock)
    envelope = prove(world, registry.issue_challenge(A)[0])
    registry.submit(envelope, judge)
    arithmetic, raw, scalar = engine(), envelope.proof.to_bytes(), 12345
    a = arithmetic.g1_mul(raw[:64], encode_elements([scalar]))
    b = arithmetic.g2_mul(raw[64:192], encode_elements([pow(scalar, -1, FR_MODULUS)]))
    other = envelope.model_copy(update={"proof": Proof.of_bytes(a + b + raw[192:])})
    assert other.to_bytes() != envelope.to_bytes()
    verdict = judge(other, envelope.context.challenge)
    with pytest.raises(ContextReplay):
        registry.record(other, verdict)
    assert registry.size() == 1


def test_a_verdict_on_another_proof_records_nothing(world: World, registry: Registry, clock: Clock) -> None:
    judge = judging(world, clock)
    mine = prove(world, registry.issue_challenge(A)[0])
    other = prove(world, registry.issue_challenge(A)[0], keys=OwnerKeys.of_seed(b"\x52" * 32))
    verdict = judge(mine, mine.context.challenge)
    with pytest.raises(StatementMismatch):
        registry.record(other, verdict)
    elsewhere = mine.model_copy(update={"domain": OfflineDomain(salt=b"\x01" * 32)})
    stranger = mine.model_copy(update={"context": mine.context.model_copy(update={"verifier_id": b"\x01" * 32})})
    for changed, error in ((elsewhere, DomainMismatch), (stranger, VenueMismatch)):
        with pytest.raises(error) as refusal:
            registry.record(changed, verdict)
        shown = elsewhere.domain.signing().pledge_domain if error is DomainMismatch else b"\x01" * 32
        assert refusal.value.got == "0x" + shown.hex()
    assert registry.size() == 0
    registry.record(mine, verdict)


def test_a_refresh_and_a_shorter_one(world: World, registry: Registry, clock: Clock) -> None:
    judge = judging(world, clock)
    first = prove(world, registry.issue_challenge(A)[0])
    registry.submit(first, judge)
    clock.now = NOW + 30
    second = prove(world, registry.issue_challenge(A)[0], at=NOW + 30)
    receipt = registry.submit(second, judge, release(second.public_inputs.nullifier, at=NOW + 30))
    assert receipt.receipt.expires_at == registration_of(second).expires_at
    assert [entry.kind for entry in registry.page(0).entries] == ["registration", "release", "registration"]
    clock.now = NOW + 60
    third = prove(world, registry.issue_challenge(A)[0], at=NOW + 60)
    registry.submit(third, judge)
    assert registry.page(0).entries[-1].kind == "refresh"
    registry.require_whole()
