"""Claims, records of nullifiers and challenges."""

from __future__ import annotations

from typing import Any

import pytest
from ledger import (
    END,
    LENDER,
    NOW,
    NULLIFIER,
    OTHER_LENDER,
    STRANGER,
    TRADER,
    Ledger,
    refused,
)

from zkmargin.attestations.context import Claim, ClaimKind
from zkmargin.encoding import keccak256
from zkmargin.verifier.contracts import words
from zkmargin.verifier.contracts.words import Record

pytestmark = pytest.mark.chain


# --- claims ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("ClaimTooWeak", Claim(num=6, den=5)),
        ("ClaimTooWeak", Claim(ClaimKind.INITIAL, num=5, den=4)),
        ("ClaimMalformed", Claim(num=5, den=4, min_lock=NOW)),
    ],
)
def test_claims(ledger: Ledger, name: str, claim: Claim) -> None:
    policy = ledger.ready()
    refused(name, "E_CLAIM", lambda: ledger.submit(ledger.envelope(policy, claim=claim)))


def test_claims_that_are_none(ledger: Ledger) -> None:
    policy = ledger.ready()
    submission = words.submission_words(ledger.envelope(policy))
    for claim in (0, 2 | 5 << 8 | 4 << 24, 4 << 8 | 5 << 24, 5 << 8, 5 << 8 | 4 << 24 | 1 << 104):
        refused("ClaimMalformed", "E_CLAIM", lambda claim=claim: ledger.try_words({**submission, "claim": claim}))
    ledger.submit(ledger.envelope(policy, claim=Claim(num=50, den=4)))


# --- one nullifier, one venue ---------------------------------------------------------------------------------------


def test_replay_and_other_venues(ledger: Ledger) -> None:
    policy = ledger.ready()
    envelope = ledger.envelope(policy)
    record = ledger.submit(envelope)
    refused("NullifierTaken", "E_DOUBLE_PLEDGE", lambda: ledger.submit(envelope))
    refused("Replayed", "E_REPLAY", lambda: ledger.submit(envelope, record))
    other = ledger.add(ledger.policy(lender=OTHER_LENDER), OTHER_LENDER)
    statement = ledger.statement(audience=other.verifier_id, commitment=5)
    ledger.show_statement(other, statement)
    ledger.show_snapshot(other, ledger.snapshot())
    elsewhere = ledger.envelope(other, statements=[statement], issued_at=NOW + 3)
    refused("HeldByAnother", "E_DOUBLE_PLEDGE", lambda: ledger.submit(elsewhere, record))
    ledger.submit(ledger.envelope(other, statements=[statement], nullifier=NULLIFIER + 1))


def test_refreshing(ledger: Ledger) -> None:
    policy = ledger.ready(ledger.policy(ledger.key, ledger.other_key))
    record = ledger.submit(ledger.envelope(policy))
    for what, changes in (
        ("issuedAt", {"expires_at": NOW + 7201}),
        ("expiresAt", {"issued_at": NOW + 3, "expires_at": NOW + 7199}),
        ("vkHash", {"issued_at": NOW + 3, "key": ledger.other_key}),
    ):
        told = refused(
            "RefreshRefused", "E_PLEDGE_REFRESH",
            lambda changes=changes: ledger.submit(ledger.envelope(policy, **changes), record),
        )  # fmt: skip
        assert told.got == f"what {what}"
    again = ledger.add(ledger.policy(name="another"))
    ledger.show_statement(again, ledger.statement())
    ledger.show_snapshot(again, ledger.snapshot())
    told = refused(
        "RefreshRefused", "E_PLEDGE_REFRESH", lambda: ledger.submit(ledger.envelope(again, issued_at=NOW + 3), record)
    )
    assert told.got == "what policyId"
    before = ledger.statement(seq=6, commitment=3)
    ledger.show_statement(policy, before)
    envelope = ledger.envelope(policy, statements=[before], issued_at=NOW + 3)
    refused("StatementSuperseded", "E_STATEMENT_STALE", lambda: ledger.submit(envelope, record))
    forged = record.model_copy(update={"issued_at": 0})
    newer = ledger.envelope(policy, issued_at=NOW + 3)
    refused("RecordMismatch", "E_PLEDGE_MISSING", lambda: ledger.submit(newer, forged))
    fresh = ledger.submit(newer, record)
    assert ledger.slot() == fresh.digest != record.digest


def test_a_refresh_does_not_go_back_behind_a_root(ledger: Ledger) -> None:
    policy = ledger.ready(ledger.collateral_policy())
    later = ledger.root(seq=5)
    ledger.show_root(policy, later)
    record = ledger.submit(ledger.envelope(policy, root=later))
    envelope = ledger.envelope(policy, root=ledger.root(), issued_at=NOW + 3)
    refused("RootSuperseded", "E_ROOT_SEQ", lambda: ledger.submit(envelope, record))


def _release(ledger: Ledger, record: Record, moment: int, key: Any = LENDER) -> tuple[Any, ...]:
    digest = record.release(NULLIFIER, moment).digest(ledger.domain.signing())
    return "release", NULLIFIER, record.words, moment, key.sign(digest)


def test_release_is_the_venues_alone(ledger: Ledger) -> None:
    policy = ledger.ready()
    envelope = ledger.envelope(policy)
    record = ledger.submit(envelope)
    registry = ledger.registry
    ledger.go_to(NOW + 100)
    for name, code, call in (
        ("SignerUnknown", "E_SIG_NOT_ATTESTOR", _release(ledger, record, NOW + 50, STRANGER)),
        ("ReleaseRefused", "E_REPLAY", _release(ledger, record, record.recorded_at)),
        ("ReleaseRefused", "E_REPLAY", _release(ledger, record, NOW + 5000)),
        ("RecordMismatch", "E_PLEDGE_MISSING", _release(ledger, record.model_copy(update={"epoch": 0}), NOW + 50)),
    ):
        refused(name, code, lambda call=call: registry.call(*call))
    receipt = registry.send(STRANGER, *_release(ledger, record, NOW + 50))
    (event,) = registry.events(receipt, "Released")
    ended = Record.of_words(event["record"])
    assert (ended.released_at, ledger.slot()) == (NOW + 50, ended.digest)
    refused("RecordMismatch", "E_PLEDGE_MISSING", lambda: registry.call(*_release(ledger, record, NOW + 50)))
    refused("ReleaseRefused", "E_REPLAY", lambda: registry.call(*_release(ledger, ended, NOW + 60)))
    refused("Replayed", "E_REPLAY", lambda: ledger.submit(envelope, ended))
    earlier = ledger.envelope(policy, issued_at=NOW + 1)
    refused("Replayed", "E_REPLAY", lambda: ledger.submit(earlier, ended))
    other = ledger.add(ledger.policy(lender=OTHER_LENDER), OTHER_LENDER)
    statement = ledger.statement(audience=other.verifier_id, commitment=5)
    ledger.show_statement(other, statement)
    ledger.show_snapshot(other, ledger.snapshot())
    taken = ledger.submit(ledger.envelope(other, statements=[statement], issued_at=NOW + 60), ended)
    assert taken.venue_id == other.verifier_id


# --- challenges -----------------------------------------------------------------------------------------------------


def test_challenges(ledger: Ledger) -> None:
    policy = ledger.ready(ledger.policy(challenge_required=True))
    refused("ChallengeMissing", "E_CHALLENGE", lambda: ledger.submit(ledger.envelope(policy)))
    other = ledger.add(ledger.policy(name="another"))
    challenges = []
    for each in (policy, other):
        receipt = ledger.registry.send(TRADER, "requestChallenge", each.policy_id)
        (event,) = ledger.registry.events(receipt, "ChallengeIssued")
        challenges.append(event["challenge"])
    assert len(set(challenges)) == 2
    swapped = ledger.envelope(policy, challenge=challenges[1])
    refused("ChallengeUnknown", "E_CHALLENGE", lambda: ledger.submit(swapped))
    refused("PolicyUnknown", "E_POLICY", lambda: ledger.registry.call("requestChallenge", keccak256(b"none")))
    envelope = ledger.envelope(policy, challenge=challenges[0])
    record = ledger.submit(envelope)
    registry = ledger.registry
    asking = (TRADER.address, policy.policy_id, 600, NULLIFIER, record.words)
    assert registry.call("isCovered", *asking)
    registry.call("requireCovered", *asking)
    assert registry.call("isCovered", *asking[:2], 2**256 - 1, *asking[3:])
    for changed in (
        (STRANGER.address, *asking[1:]),
        (bytes(20), *asking[1:]),
        (*asking[:1], other.policy_id, *asking[2:]),
        (*asking[:2], 0, *asking[3:]),
        (*asking[:3], NULLIFIER + 1, record.words),
        (*asking[:4], {**record.words, "expiresAt": END}),
    ):
        assert not registry.call("isCovered", *changed)
        refused("NotCovered", "E_RECEIPT", lambda changed=changed: registry.call("requireCovered", *changed))


def test_a_challenge_expires(ledger: Ledger) -> None:
    policy = ledger.ready(ledger.policy(challenge_required=True))
    receipt = ledger.registry.send(TRADER, "requestChallenge", policy.policy_id)
    (event,) = ledger.registry.events(receipt, "ChallengeIssued")
    ledger.go_to(NOW + 1900)
    snapshot = ledger.snapshot(price_time=NOW + 1800, issued_at=NOW + 1800, expires_at=NOW + 3000)
    ledger.show_snapshot(policy, snapshot)
    envelope = ledger.envelope(policy, snapshot=snapshot, issued_at=NOW + 1800, challenge=event["challenge"])
    refused("ChallengeExpired", "E_CHALLENGE", lambda: ledger.submit(envelope))
