"""Proofs submitted to the registry on local chains: what is accepted, what is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ledger import (
    DAY,
    END,
    EPOCH,
    NOW,
    NULLIFIER,
    PUBLISHER,
    STRANGER,
    TRADER,
    VENUE,
    Ledger,
    refused,
)

from zkmargin.attestations.context import ZERO32, Claim
from zkmargin.encoding import hex_bytes, keccak256
from zkmargin.errors import ZkMarginError
from zkmargin.field import FQ_MODULUS, FR_MODULUS
from zkmargin.verifier.contracts import words
from zkmargin.verifier.contracts.words import Record, record_slot

pytestmark = pytest.mark.chain


# --- what holds -----------------------------------------------------------------------------------------------------


def test_a_pledge_is_recorded_and_read_back_by_a_state_proof(ledger: Ledger) -> None:
    policy = ledger.ready()
    envelope = ledger.envelope(policy)
    record = ledger.submit(envelope)
    assert record.context == envelope.public_inputs.context
    assert (record.issued_at, record.effective_from, record.expires_at) == (NOW, NOW, NOW + 7200)
    assert (record.account, record.root_seq, record.statement_seqs) == (bytes(20), 0, (7,))
    checkpoint, account = ledger.node.storage_proof(ledger.registry.address, [record_slot(NULLIFIER)])
    account.verify(checkpoint.state_root)
    (value,) = account.require_slots([record_slot(NULLIFIER)])
    assert value.to_bytes(32, "big") == record.digest == ledger.slot()


def test_two_chains_one_address_one_target(ledger: Ledger, away: Ledger) -> None:
    assert ledger.registry.address == away.registry.address
    assert ledger.verifiers == away.verifiers
    assert ledger.target != away.target
    envelope = ledger.envelope(ledger.ready())
    away.ready()
    refused("WrongTarget", "E_TARGET", lambda: away.submit(envelope))
    ledger.submit(envelope)


def test_two_venues(ledger: Ledger) -> None:
    policy = ledger.ready(ledger.policy(ledger.pair_key, venues=2))
    record = ledger.submit(ledger.envelope(policy))
    assert record.statement_seqs == (7, 7)


def test_collateral_and_challenge(ledger: Ledger) -> None:
    policy = ledger.ready(ledger.collateral_policy(challenge_required=True))
    receipt = ledger.registry.send(TRADER, "requestChallenge", policy.policy_id)
    (asked,) = ledger.registry.events(receipt, "ChallengeIssued")
    envelope = ledger.envelope(policy, root=ledger.root(), challenge=asked["challenge"])
    record = ledger.submit(envelope, sender=STRANGER)  # whoever sends it, the pledge is of who asked
    assert (record.account, record.root_seq) == (TRADER.address, 4)
    refused("ChallengeUnknown", "E_CHALLENGE", lambda: ledger.submit(envelope, record))


def test_documents_and_submission_in_one_transaction(ledger: Ledger) -> None:
    policy = ledger.add(ledger.policy())
    ledger.go_to(NOW)
    registry, statement, snapshot = ledger.registry, ledger.statement(), ledger.snapshot()
    calls = [
        registry.encode("registerStatement", policy.policy_id, 0, words.statement_words(statement),
                        ledger.signed(statement, [VENUE], words.signers_words(policy.venues[0].signers))),
        registry.encode("registerSnapshot", policy.policy_id, words.snapshot_words(snapshot),
                        ledger.signed(snapshot, [PUBLISHER], words.signers_words(policy.publishers))),
        registry.encode("submit", words.submission_words(ledger.envelope(policy))),
    ]  # fmt: skip
    receipt = registry.send(TRADER, "multicall", calls)
    (event,) = registry.events(receipt, "Pledged")
    assert Record.of_words(event["record"]).digest == ledger.slot()
    refused("NullifierTaken", "E_DOUBLE_PLEDGE", lambda: registry.call("multicall", calls))


# --- proofs ---------------------------------------------------------------------------------------------------------

Q, R = FQ_MODULUS, FR_MODULUS
FLIPPED: list[tuple[str, str, Callable[[words.Words], Any]]] = [
    ("CoordinateNotCanonical", "E_FIELD_RANGE", lambda s: s["proof"].__setitem__(0, s["proof"][0] + Q)),
    ("CoordinateNotCanonical", "E_FIELD_RANGE", lambda s: s["proof"].__setitem__(7, s["proof"][7] + Q)),
    *[("PointOffCurve", "E_PROOF_POINT", lambda s, at=at: s["proof"].__setitem__(at, s["proof"][at] ^ 1))
      for at in range(8)],
    ("PointAtInfinity", "E_PROOF_POINT", lambda s: s["proof"].__setitem__(slice(0, 2), [0, 0])),
    ("PointAtInfinity", "E_PROOF_POINT", lambda s: s["proof"].__setitem__(slice(2, 6), [0, 0, 0, 0])),
    ("PointAtInfinity", "E_PROOF_POINT", lambda s: s["proof"].__setitem__(slice(6, 8), [0, 0])),
    ("ProofInvalid", "E_PROOF_INVALID", lambda s: s["proof"].__setitem__(slice(0, 2), [1, 2])),
    ("ProofInvalid", "E_PROOF_INVALID", lambda s: s["proof"].__setitem__(7, Q - s["proof"][7])),
    ("ProofInvalid", "E_PROOF_INVALID", lambda s: s.__setitem__("nullifier", s["nullifier"] + 1)),
    ("InputNotCanonical", "E_FIELD_RANGE", lambda s: s.__setitem__("nullifier", s["nullifier"] + R)),
    ("ProofInvalid", "E_PROOF_INVALID", lambda s: s.__setitem__("claim", Claim(num=6, den=4).pack())),
    ("ContextMismatch", "E_CONTEXT", lambda s: s.__setitem__("context", s["context"] + 1)),
    ("ContextMismatch", "E_CONTEXT", lambda s: s.__setitem__("issuedAt", s["issuedAt"] - 1)),
    ("ContextMismatch", "E_CONTEXT", lambda s: s.__setitem__("expiresAt", s["expiresAt"] - 1)),
    ("WrongTarget", "E_TARGET", lambda s: s.__setitem__("target", ZERO32)),
    ("WrongVerifier", "E_VENUE", lambda s: s.__setitem__("verifierId", keccak256(b"another"))),
    ("KeyNotListed", "E_VK", lambda s: s.__setitem__("r1csDigest", keccak256(b"another"))),
    ("KeyNotListed", "E_VK", lambda s: s.__setitem__("vkHash", keccak256(b"another"))),
    ("PolicyUnknown", "E_POLICY", lambda s: s.__setitem__("policyId", keccak256(b"another"))),
    ("ChallengeUnknown", "E_CHALLENGE", lambda s: s.__setitem__("challenge", keccak256(b"another"))),
    ("CollateralRefused", "E_ATTESTOR_SET", lambda s: s.__setitem__("rootDigest", keccak256(b"another"))),
    ("WrongEpoch", "E_EPOCH", lambda s: s.__setitem__("epoch", EPOCH + 1)),
    ("WrongEpoch", "E_EPOCH", lambda s: s.__setitem__("epoch", EPOCH - 1)),
    ("SnapshotUnknown", "E_MARKET", lambda s: s["snapshot"].__setitem__("tableCommitment", 5)),
    ("SnapshotUnknown", "E_MARKET", lambda s: s["snapshot"].__setitem__("marketDigest", ZERO32)),
    ("KeyNotListed", "E_VK", lambda s: s["snapshot"].__setitem__("ruleDigest", ZERO32)),
    ("StatementUnknown", "E_STATEMENT", lambda s: s["statements"][0].__setitem__("commitment", 5)),
    ("StatementCount", "E_STATEMENT", lambda s: s["statements"].clear()),
    ("StatementCount", "E_STATEMENT", lambda s: s["statements"].append(s["statements"][0])),
    ("RecordMismatch", "E_PLEDGE_MISSING", lambda s: s["held"].append(_no_record())),
]  # fmt: skip


def _no_record() -> words.Words:
    return Record(
        policy_id=ZERO32, venue_id=ZERO32, vk_hash=ZERO32, root_digest=ZERO32, account=bytes(20), epoch=0, issued_at=0,
        effective_from=0, expires_at=0, recorded_at=0, released_at=0, root_seq=0, statement_seqs=(0,), claim=0,
        context=0,
    ).words  # fmt: skip


def test_a_changed_submission_is_refused_by_name(ledger: Ledger) -> None:
    policy = ledger.ready()
    envelope = ledger.envelope(policy)
    ledger.try_words(words.submission_words(envelope))
    for name, code, change in FLIPPED:
        changed = words.submission_words(envelope)
        change(changed)
        refused(name, code, lambda changed=changed: ledger.try_words(changed))
    ledger.submit(envelope)


def test_a_proof_of_another_key(ledger: Ledger) -> None:
    policy = ledger.ready(ledger.policy(ledger.key, ledger.other_key))
    taken = words.submission_words(ledger.envelope(policy))
    other = words.submission_words(ledger.envelope(policy, key=ledger.other_key))
    ledger.try_words(other)
    refused("ProofInvalid", "E_PROOF_INVALID", lambda: ledger.try_words({**taken, "proof": other["proof"]}))


def test_short_of_gas_is_never_accepted(ledger: Ledger) -> None:
    """Whatever the gas: a revert or the whole work, never an accepted bad proof, never a bare return."""
    policy = ledger.ready()
    good = words.submission_words(ledger.envelope(policy))
    bad = {**good, "proof": [*good["proof"][:7], Q - good["proof"][7]]}
    asked = {"from": hex_bytes(TRADER.address), "to": hex_bytes(ledger.registry.address)}
    for submission, holds in ((good, True), (bad, False)):
        data = hex_bytes(ledger.registry.encode("submit", submission))
        outcomes = set()
        for gas in range(60_000, 480_000, 7_000):
            try:
                ledger.chain.rpc.call("eth_call", {**asked, "data": data, "gas": hex(gas)}, "latest")
                outcomes.add(True)
            except ZkMarginError:
                outcomes.add(False)
        assert outcomes == ({True, False} if holds else {False})


# --- times ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code", "later", "changes"),
    [
        ("ProofExpired", "E_EXPIRY", 0, {"issued_at": NOW, "expires_at": NOW}),
        ("ProofNotYetValid", "E_EXPIRY", 0, {"issued_at": NOW + 300}),
        ("ProofExpired", "E_EXPIRY", 120, {"expires_at": NOW + 100}),
        ("ProofExpired", "E_EXPIRY", 0, {"issued_at": NOW - 700}),
        ("PledgeTooLong", "E_PLEDGE_TOO_LONG", 0, {"expires_at": END + 1}),
        ("PriceStale", "E_PRICE_STALE", 400, {}),
    ],
)
def test_times(ledger: Ledger, name: str, code: str, later: int, changes: dict[str, int]) -> None:
    policy = ledger.ready()
    ledger.go_to(NOW + 10 + later)
    refused(name, code, lambda: ledger.submit(ledger.envelope(policy, **changes)))


def test_a_pledge_of_the_next_epoch_is_pending_until_then(ledger: Ledger) -> None:
    policy = ledger.add(ledger.policy(challenge_required=True))
    ledger.go_to(END - 5000)
    receipt = ledger.registry.send(TRADER, "requestChallenge", policy.policy_id)
    (asked,) = ledger.registry.events(receipt, "ChallengeIssued")
    statement = ledger.statement(epoch=EPOCH + 1, as_of=END - 3700, issued_at=END - 3700, expires_at=END + 7000)
    snapshot = ledger.snapshot(price_time=END - 3700, issued_at=END - 3700, expires_at=END)
    ledger.show_statement(policy, statement)
    ledger.show_snapshot(policy, snapshot)
    envelope = ledger.envelope(
        policy, statements=[statement], snapshot=snapshot, epoch=EPOCH + 1, issued_at=END - 3620,
        expires_at=END + 6000, challenge=asked["challenge"],
    )  # fmt: skip
    ledger.go_to(END - 3601)
    refused("WrongEpoch", "E_EPOCH", lambda: ledger.try_words(words.submission_words(envelope)))
    ledger.go_to(END - 3600)
    record = ledger.submit(envelope)
    assert record.effective_from == END
    asking = (TRADER.address, policy.policy_id, 2 * DAY, NULLIFIER, record.words)
    assert not ledger.registry.call("isCovered", *asking)
    refused("NotCovered", "E_RECEIPT", lambda: ledger.registry.call("requireCovered", *asking))
    ledger.go_to(END)
    assert ledger.registry.call("isCovered", *asking)
    ledger.go_to(END + 6000)
    assert not ledger.registry.call("isCovered", *asking)
