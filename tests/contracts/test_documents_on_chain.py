"""Statements, snapshots and roots: what the registry takes, and what of it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ledger import (
    ATTESTOR_KEYS,
    ATTESTORS,
    DAY,
    EPOCH,
    LENDER,
    NOW,
    NULLIFIER,
    OTHER_LENDER,
    SECOND_ID,
    STRANGER,
    TRADER,
    VENUE,
    Ledger,
    refused,
)

from zkmargin.attestations.collateral.documents import Attestors
from zkmargin.attestations.context import ZERO32, Claim
from zkmargin.attestations.documents import Signers
from zkmargin.attestations.signatures import CURVE_ORDER
from zkmargin.encoding import keccak256
from zkmargin.verifier.contracts import words
from zkmargin.verifier.contracts.words import Record

pytestmark = pytest.mark.chain


# --- documents ------------------------------------------------------------------------------------------------------


def test_statements_are_of_the_policys_venues(ledger: Ledger) -> None:
    policy = ledger.ready()
    forged = ledger.statement(commitment=99)
    refused("SignerUnknown", "E_SIG_NOT_ATTESTOR", lambda: ledger.show_statement(policy, forged, keys=(STRANGER,)))
    own = ledger.signed(forged, [STRANGER], words.signers_words(Signers.of(STRANGER.address)))
    register = ("registerStatement", policy.policy_id, 0, words.statement_words(forged))
    refused("StatementUnknown", "E_STATEMENT", lambda: ledger.registry.call(*register, own))
    unregistered = ledger.envelope(policy, statements=[forged])
    refused("StatementUnknown", "E_STATEMENT", lambda: ledger.submit(unregistered))
    other_venue = ledger.statement(SECOND_ID)
    refused("StatementUnknown", "E_STATEMENT", lambda: ledger.show_statement(policy, other_venue))


@pytest.mark.parametrize(
    ("name", "code", "changes"),
    [
        ("WrongVerifier", "E_VENUE", {"audience": keccak256(b"another")}),
        ("WrongEpoch", "E_EPOCH", {"epoch": EPOCH - 1}),
        ("ListingMismatch", "E_LISTING", {"listing_digest": keccak256(b"another")}),
        ("StatementFuture", "E_STATEMENT_STALE", {"as_of": NOW + 600}),
        ("StatementFuture", "E_STATEMENT_STALE", {"issued_at": NOW + 600}),
        ("StatementStale", "E_STATEMENT_STALE", {"as_of": NOW - 3700}),
        ("StatementStale", "E_STATEMENT_STALE", {"expires_at": NOW + 1}),
    ],
)
def test_signed_statements_that_do_not_fit(ledger: Ledger, name: str, code: str, changes: dict[str, Any]) -> None:
    policy = ledger.ready()
    statement = ledger.statement(**changes)
    ledger.show_statement(policy, statement)
    refused(name, code, lambda: ledger.submit(ledger.envelope(policy, statements=[statement])))


def test_one_commitment_does_not_stand_for_two_venues(ledger: Ledger) -> None:
    policy = ledger.ready(ledger.policy(ledger.pair_key, venues=2))
    twin = ledger.statement(SECOND_ID, commitment=ledger.statement().commitment)
    ledger.show_statement(policy, twin, 1)
    envelope = ledger.envelope(policy, statements=[ledger.statement(), twin])
    refused("StatementTwice", "E_STATEMENT_TWICE", lambda: ledger.submit(envelope))
    swapped = ledger.envelope(policy)
    turned = words.submission_words(swapped)
    turned["statements"].reverse()
    refused("StatementUnknown", "E_STATEMENT", lambda: ledger.try_words(turned))


@pytest.mark.parametrize(
    ("name", "code", "changes"),
    [
        ("PriceFuture", "E_PRICE_FUTURE", {"price_time": NOW + 600}),
        ("PriceFuture", "E_PRICE_FUTURE", {"issued_at": NOW + 600}),
        ("PriceStale", "E_PRICE_STALE", {"price_time": NOW - 400}),
        ("PriceStale", "E_PRICE_STALE", {"expires_at": NOW + 1}),
        ("ListingMismatch", "E_LISTING", {"listing_digest": keccak256(b"another")}),
    ],
)
def test_signed_snapshots_that_do_not_fit(ledger: Ledger, name: str, code: str, changes: dict[str, Any]) -> None:
    policy = ledger.ready()
    snapshot = ledger.snapshot(**changes)
    ledger.show_snapshot(policy, snapshot)
    refused(name, code, lambda: ledger.submit(ledger.envelope(policy, snapshot=snapshot)))


def test_snapshots_are_of_the_policys_publishers(ledger: Ledger) -> None:
    policy = ledger.ready()
    snapshot = ledger.snapshot(table_commitment=7)
    refused("SignerUnknown", "E_SIG_NOT_ATTESTOR", lambda: ledger.show_snapshot(policy, snapshot, [VENUE]))
    own = ledger.signed(snapshot, [STRANGER], words.signers_words(Signers.of(STRANGER.address)))
    call = ("registerSnapshot", policy.policy_id, words.snapshot_words(snapshot), own)
    refused("SnapshotUnknown", "E_MARKET", lambda: ledger.registry.call(*call))
    refused("SnapshotUnknown", "E_MARKET", lambda: ledger.submit(ledger.envelope(policy, snapshot=snapshot)))
    refused("BelowQuorum", "E_QUORUM", lambda: ledger.show_snapshot(policy, snapshot, []))
    public = ledger.snapshot(table_commitment=0)
    refused("SnapshotUnknown", "E_MARKET", lambda: ledger.show_snapshot(policy, public))


def test_a_document_counts_under_the_policy_that_it_was_checked_for(ledger: Ledger) -> None:
    ledger.ready()
    stricter = ledger.add(ledger.policy(name="another", publishers=Signers.of(STRANGER.address)))
    refused("SnapshotUnknown", "E_MARKET", lambda: ledger.submit(ledger.envelope(stricter)))


def _high(signature: bytes) -> bytes:
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


SIGNATURES: list[tuple[str, str, Callable[[list[bytes]], list[bytes]]]] = [
    ("BelowQuorum", "E_QUORUM", lambda s: s[:1]),
    ("BelowQuorum", "E_QUORUM", lambda _: []),
    ("SignatureOrder", "E_SIG_ORDER", lambda s: s[::-1]),
    ("SignatureDuplicate", "E_SIG_DUPLICATE", lambda s: [s[0], s[0]]),
    ("SignatureFormat", "E_SIG_FORMAT", lambda s: [s[0], s[1][:64]]),
    ("SignatureFormat", "E_SIG_FORMAT", lambda s: [s[0], s[1] + b"\0"]),
    ("SignatureFormat", "E_SIG_FORMAT", lambda s: [s[0], s[1][:64] + b"\0"]),
    ("SignatureFormat", "E_SIG_FORMAT", lambda s: [s[0], bytes(32) + s[1][32:]]),
    ("SignatureHighS", "E_SIG_HIGH_S", lambda s: [s[0], _high(s[1])]),
    ("SignerUnknown", "E_SIG_NOT_ATTESTOR", lambda s: [s[0], s[1][:31] + bytes([s[1][31] ^ 1]) + s[1][32:]]),
]


def test_quorums_of_roots(ledger: Ledger) -> None:
    policy = ledger.add(ledger.collateral_policy())
    ledger.go_to(NOW)
    root = ledger.root()
    signed = ledger.signed(root, ATTESTOR_KEYS[:2], words.attestor_words(policy))
    rest = [words.checkpoint_words(mark) for mark in ledger.checkpoints()], words.chain_words(policy)
    for name, code, change in SIGNATURES:
        changed = {**signed, "signatures": change(signed["signatures"])}
        call = ("registerRoot", policy.policy_id, words.root_words(root), *rest, changed)
        refused(name, code, lambda call=call: ledger.registry.call(*call))
    altered = {**words.root_words(root), "root": 778}
    call = ("registerRoot", policy.policy_id, altered, *rest, signed)
    refused("SignerUnknown", "E_SIG_NOT_ATTESTOR", lambda: ledger.registry.call(*call))
    refused("RootUnknown", "E_TREE_ROOT", lambda: _pledge_over(ledger, policy))


def _pledge_over(ledger: Ledger, policy: Any, **changes: Any) -> Record:
    ledger.show_statement(policy, ledger.statement())
    ledger.show_snapshot(policy, ledger.snapshot())
    return ledger.submit(ledger.envelope(policy, **{"root": ledger.root()} | changes))


def test_roots_that_do_not_count(ledger: Ledger) -> None:
    policy = ledger.add(ledger.collateral_policy())
    ledger.go_to(NOW)
    foreign = Attestors(set_nonce=2, signers=ATTESTORS.signers)
    marks = ledger.checkpoints
    for name, code, root, checkpoints in (
        ("DomainMismatch", "E_DOMAIN", ledger.root(pledge_domain=ZERO32), None),
        ("AttestorSetMismatch", "E_ATTESTOR_SET", ledger.root(attestor_set_id=foreign.identity), None),
        ("RootMalformed", "E_TREE_ROOT", ledger.root(depth=6), None),
        ("RootNotYetValid", "E_ROOT_NOT_YET_VALID", ledger.root(issued_at=NOW + 600), None),
        ("CheckpointsMismatch", "E_CHECKPOINTS", ledger.root(), marks(block_number=6)),
        ("FinalityTooLow", "E_FINALITY", None, marks(finality=1)),
        ("ProofKindRefused", "E_PROOF_KIND", None, marks(proof_kind=3)),
        ("CheckpointMissing", "E_CHECKPOINT_MISSING", None, marks(chain="eip155:10")),
        ("CheckpointMissing", "E_CHECKPOINT_MISSING", None, marks()[::-1]),
        ("CheckpointMissing", "E_CHECKPOINT_MISSING", None, (marks()[0], marks()[0])),
        ("BlockStale", "E_STALE_BLOCK", None, marks(block_time=NOW - 1900)),
        ("BlockStale", "E_STALE_BLOCK", None, marks(block_time=NOW + 600)),
    ):
        each = ledger.root(checkpoints) if root is None else root
        refused(name, code, lambda each=each, marks=checkpoints: ledger.show_root(policy, each, marks))
    call = ("registerRoot", policy.policy_id, words.root_words(ledger.root()), [], [],
            ledger.signed(ledger.root(), ATTESTOR_KEYS, words.attestor_words(policy)))  # fmt: skip
    refused("CheckpointsMismatch", "E_CHECKPOINTS", lambda: ledger.registry.call(*call))


def test_stale_revoked_and_foreign_roots(ledger: Ledger) -> None:
    policy = ledger.ready(ledger.collateral_policy())
    root = ledger.root()
    envelope = ledger.envelope(policy, root=root)
    refused("LockEnds", "E_LOCK", lambda: ledger.submit(ledger.envelope(policy, root=root, claim=Claim(num=5, den=4))))
    with ledger.chain.undone():
        ledger.revoke(root.digest(ledger.domain.signing()))
        refused("RootRevoked", "E_ROOT_REVOKED", lambda: ledger.submit(envelope))
        refused("RootRevoked", "E_ROOT_REVOKED", lambda: ledger.show_root(policy, root))
    digest = root.digest(ledger.domain.signing())
    refused("BelowQuorum", "E_QUORUM", lambda: ledger.revoke(digest, ATTESTOR_KEYS[:1]))
    with ledger.chain.undone():
        short = ledger.root(expires_at=NOW + 20, seq=5)
        ledger.show_root(policy, short)
        ledger.go_to(NOW + 20)
        refused("RootExpired", "E_ROOT_EXPIRED", lambda: ledger.submit(ledger.envelope(policy, root=short)))
    with ledger.chain.undone():
        marks = ledger.checkpoints()
        aging = (marks[0], marks[1].model_copy(update={"block_time": NOW - 880}))
        old = ledger.root(aging, seq=5)
        ledger.show_root(policy, old, aging)
        ledger.go_to(NOW + 30)
        refused("BlockStale", "E_STALE_BLOCK", lambda: ledger.submit(ledger.envelope(policy, root=old)))
    other = ledger.root(epoch=EPOCH - 1)
    ledger.show_root(policy, other)
    refused("WrongEpoch", "E_EPOCH", lambda: ledger.submit(ledger.envelope(policy, root=other)))
    record = ledger.submit(envelope)
    asking = (TRADER.address, policy.policy_id, DAY, NULLIFIER, record.words)
    assert not ledger.registry.call("isCovered", *asking)  # nobody asked for a challenge: the pledge is nobody's


def test_numbers_of_roots(ledger: Ledger) -> None:
    policy = ledger.ready(ledger.collateral_policy())
    ledger.show_root(policy, ledger.root())  # the same once more
    refused("Equivocation", "E_EQUIVOCATION", lambda: ledger.show_root(policy, ledger.root(root=778)))
    refused("RootSuperseded", "E_ROOT_SEQ", lambda: ledger.show_root(policy, ledger.root(seq=3)))
    ledger.show_root(policy, ledger.root(seq=5))


def test_before_attestors_are_seated_nobody_takes_a_root_back(ledger: Ledger) -> None:
    """The empty set is no quorum of nobody."""
    ledger.ready()
    revocation = {"rootDigest": keccak256(b"any"), "reason": 1, "moment": 1}
    nobody = {"signers": dict(words.NO_SIGNERS), "signatures": []}
    refused("AttestorSetMismatch", "E_ATTESTOR_SET", lambda: ledger.registry.call("revokeRoot", revocation, nobody))


def test_attestors_rotate_with_a_later_epoch(ledger: Ledger) -> None:
    old = ledger.ready(ledger.collateral_policy())
    keys = sorted((LENDER, OTHER_LENDER), key=lambda key: key.address)
    signers = Signers.of(*(key.address for key in keys), threshold=2)
    assert old.collateral is not None

    def policy(nonce: int) -> Any:
        attestors = Attestors(set_nonce=nonce, signers=signers)
        return ledger.collateral_policy(
            name=f"rotated {nonce}", collateral=old.collateral.model_copy(update={"attestors": attestors})
        )

    refused("AttestorSetMismatch", "E_ATTESTOR_SET", lambda: ledger.add(policy(1)))
    new = ledger.add(policy(2))
    identity = new.collateral.attestors.identity
    assert ledger.registry.call("attestorSetId") == identity
    early = ledger.root(attestor_set_id=identity)
    refused("WrongEpoch", "E_EPOCH", lambda: ledger.show_root(new, early, keys=keys))
    seated = ledger.root(attestor_set_id=identity, epoch=EPOCH + 2)
    ledger.show_root(new, seated, keys=keys)
    refused("WrongEpoch", "E_EPOCH", lambda: ledger.show_root(old, ledger.root(epoch=EPOCH + 2)))
    ledger.revoke(ledger.root().digest(ledger.domain.signing()))  # those who held office still take back
    stranger = Attestors(set_nonce=9, signers=Signers.of(STRANGER.address))
    word = ledger.signed(seated, [STRANGER], words.signers_words(stranger.signers, 9))
    revocation = {"rootDigest": keccak256(b"any"), "reason": 1, "moment": 1}
    refused("AttestorSetMismatch", "E_ATTESTOR_SET", lambda: ledger.registry.call("revokeRoot", revocation, word))
