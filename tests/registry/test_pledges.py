"""The rules of pledges, on both databases: each attack on the record, and what is honest beside it."""

from __future__ import annotations

import time

import pytest
from parties import STRANGER
from registry_world import (
    ALPHA,
    BETA,
    EPOCH,
    EPOCH_END,
    EPOCH_START,
    NOW,
    OPERATOR,
    SIGNING,
    TERMS,
    A,
    B,
    C,
    Clock,
    open_registry,
    registration,
    release,
)
from sqlalchemy import delete, select

from zkmargin.attestations.documents import OfflineDomain, Signers, sign
from zkmargin.attestations.signatures import SigningKey
from zkmargin.errors import (
    ChallengeMismatch,
    DomainMismatch,
    EpochMismatch,
    PledgeTooLong,
    ProofExpired,
    SignatureNotAttestor,
    VenueMismatch,
    VerificationError,
)
from zkmargin.verifier.registry import tables
from zkmargin.verifier.registry.errors import (
    ContextReplay,
    DoublePledge,
    PledgeMissing,
    PledgeRefresh,
    StoreFailed,
)
from zkmargin.verifier.registry.registry import Registry, system_clock


def unchanged(registry: Registry, size: int) -> None:
    """Nothing was recorded, and the tables say what the log says."""
    assert registry.size() == size
    registry.require_whole()


def test_the_first_pledge_is_written_and_its_receipt_says_so(registry: Registry) -> None:
    document = registration(7)
    receipt = registry.register(document)
    said, asked = receipt.receipt, document.registration
    assert (said.nullifier, said.venue_id, said.epoch) == (7, A, EPOCH)
    assert (said.expires_at, said.context, said.log_index) == (asked.expires_at, asked.context, 0)
    assert said.recorded_at == NOW
    assert said.log_head == receipt.log.head.digest(SIGNING)
    assert receipt.log.head.size == 1
    assert registry.receipt(7) == receipt
    assert registry.latest_head().head == receipt.log.head
    unchanged(registry, 1)


def test_another_venue_is_refused_and_not_told_which_one_holds_it(registry: Registry) -> None:
    registry.register(registration(7))
    with pytest.raises(DoublePledge) as caught:
        registry.register(registration(7, B))
    assert str(EPOCH_END) in str(caught.value)
    assert A.hex() not in str(caught.value.as_json())
    held = registry.pledge(7)
    assert held is not None
    assert held.venue_id == A
    unchanged(registry, 1)


def test_a_refused_context_is_not_burnt(registry: Registry) -> None:
    registry.register(registration(7))
    refused = registration(7, B)
    with pytest.raises(DoublePledge):
        registry.register(refused)
    registry.release(release(7))
    assert registry.register(refused).receipt.venue_id == B


def test_the_same_venue_refreshes(registry: Registry, clock: Clock) -> None:
    registry.register(registration(7))
    clock.now += 60
    receipt = registry.register(registration(7, issued_at=NOW + 50, expires_at=NOW + 3600))
    assert receipt.receipt.log_index == 1
    held = registry.pledge(7)
    assert held is not None
    assert (held.issued_at, held.expires_at, held.log_index) == (NOW + 50, NOW + 3600, 1)
    assert [entry.kind for entry in registry.page(0).entries] == ["registration", "refresh"]
    unchanged(registry, 2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issued_at": NOW - 5, "context": 9}, "not newer"),
        ({"issued_at": NOW - 6}, "not newer"),
        ({"issued_at": NOW, "expires_at": NOW + 1799}, "ends earlier"),
        ({"issued_at": NOW, "vk_hash": b"\x01" * 32}, "another key or policy"),
        ({"issued_at": NOW, "policy_id": b"\x01" * 32}, "another key or policy"),
    ],
)
def test_a_refresh_is_newer_ends_no_earlier_and_is_of_one_key_and_policy(
    registry: Registry, changes: dict[str, object], reason: str
) -> None:
    """A venue that is told the wrong reason mends the wrong thing, and stays without its refresh."""
    registry.register(registration(7))
    with pytest.raises(PledgeRefresh, match=reason):
        registry.register(registration(7, **changes))
    unchanged(registry, 1)


def test_a_refresh_that_ends_earlier_needs_the_venues_release(registry: Registry) -> None:
    registry.register(registration(7))
    sooner = registration(7, issued_at=NOW, expires_at=NOW + 60)
    for other in (release(7, B), release(8)):
        with pytest.raises(PledgeMissing):
            registry.register(sooner, other)
    with pytest.raises(PledgeRefresh):
        registry.register(sooner)
    unchanged(registry, 1)
    assert registry.register(sooner, release(7)).receipt.expires_at == NOW + 60
    assert [entry.kind for entry in registry.page(0).entries] == ["registration", "release", "registration"]
    unchanged(registry, 3)


def test_a_context_is_used_once_whatever_becomes_of_the_pledge(registry: Registry) -> None:
    """After a release, whoever kept the first proof could otherwise bind the collateral to the venue again."""
    first = registration(7)
    registry.register(first)
    with pytest.raises(ContextReplay):
        registry.register(first)
    registry.release(release(7))
    with pytest.raises(ContextReplay):
        registry.register(first)
    with pytest.raises(ContextReplay):  # a proof whose bytes were changed, over the same statement
        registry.register(registration(7, context=first.registration.context, proof_hash=b"\x01" * 32))
    assert registry.pledge(7) is None
    unchanged(registry, 2)


def test_a_context_is_not_used_for_another_nullifier(registry: Registry) -> None:
    registry.register(registration(7, context=5))
    with pytest.raises(ContextReplay):
        registry.register(registration(8, context=5))
    unchanged(registry, 1)


def test_a_nullifier_is_of_one_epoch(registry: Registry, clock: Clock) -> None:
    """A venue that states another epoch would hold the same coins a second time."""
    clock.now = EPOCH_END - 600
    registry.register(registration(7, issued_at=clock.now, expires_at=EPOCH_END))
    later = {"epoch": EPOCH + 1, "issued_at": clock.now + 1, "expires_at": EPOCH_END + 600}
    with pytest.raises(DoublePledge):
        registry.register(registration(7, B, **later))
    with pytest.raises(EpochMismatch):
        registry.register(registration(7, **later))
    unchanged(registry, 1)


# --- who registers for a venue --------------------------------------------------------------------------------------


def test_nobody_registers_for_another_venue(registry: Registry) -> None:
    """A nullifier that somebody saw on its way cannot be occupied in a venue's name."""
    for keys in ([STRANGER], [BETA], []):
        with pytest.raises((SignatureNotAttestor, Exception)) as caught:
            registry.register(registration(7, A, keys=keys))
        assert caught.value.code in ("E_SIG_NOT_ATTESTOR", "E_QUORUM")  # type: ignore[attr-defined]
    signed = registration(7, A)
    moved = signed.model_copy(update={"registration": signed.registration.model_copy(update={"nullifier": 8})})
    with pytest.raises(SignatureNotAttestor):
        registry.register(moved)
    unchanged(registry, 0)


def test_a_venue_that_does_not_attest_shows_its_proofs(registry: Registry) -> None:
    with pytest.raises(SignatureNotAttestor):
        registry.register(registration(7, C))


def test_strangers_and_other_domains_are_refused(registry: Registry) -> None:
    with pytest.raises(VenueMismatch):
        registry.register(registration(7, b"\x01" * 32, keys=[ALPHA]))
    elsewhere = registration(7).model_copy(update={"domain": OfflineDomain(salt=b"\x01" * 32)})
    gone = release(7).model_copy(update={"domain": elsewhere.domain})
    for refused in (lambda: registry.register(elsewhere), lambda: registry.release(gone)):
        with pytest.raises(DomainMismatch) as refusal:
            refused()
        assert refusal.value.got == "0x" + elsewhere.domain.signing().pledge_domain.hex()
    unchanged(registry, 0)


def test_a_head_that_was_shown_is_no_later_than_the_next(registry: Registry, clock: Clock) -> None:
    """Else a clock that goes back would convict an honest operator of a log that became shorter."""
    registry.register(registration(7))
    clock.now = NOW + 100
    shown = registry.fresh_head()
    clock.now = NOW
    receipt = registry.register(registration(8))
    assert (shown.head.size, shown.head.time) == (1, NOW + 100)
    assert (receipt.log.head.size, receipt.log.head.time) == (2, NOW + 100)


# --- times ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"issued_at": NOW + 61}, ProofExpired),
        ({"expires_at": NOW}, ProofExpired),
        ({"issued_at": NOW - 5, "expires_at": NOW - 5}, ProofExpired),
        ({"expires_at": EPOCH_END + 1}, PledgeTooLong),
        ({"epoch": EPOCH - 1}, EpochMismatch),
        ({"epoch": EPOCH + 1}, EpochMismatch),
    ],
)
def test_a_pledge_is_of_now_and_ends_with_its_epoch(
    registry: Registry, changes: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        registry.register(registration(7, **changes))
    unchanged(registry, 0)


def test_the_bounds_themselves_are_inside(registry: Registry) -> None:
    registry.register(registration(1, issued_at=NOW + 60))
    registry.register(registration(2, expires_at=EPOCH_END))
    registry.register(registration(3, expires_at=NOW + 1))


def test_a_pledge_for_the_next_epoch_is_pending_until_it_begins(registry: Registry, clock: Clock) -> None:
    clock.now = EPOCH_END - 3600
    registry.register(registration(7, epoch=EPOCH + 1, issued_at=clock.now, expires_at=EPOCH_END + 60))
    held, length = registry.pledge(7), TERMS.epoch_length
    assert held is not None
    assert held.counts_from(length) == EPOCH_END
    states = [held.state(at, length) for at in (EPOCH_END - 1, EPOCH_END, EPOCH_END + 59, EPOCH_END + 60)]
    assert states == ["pending", "active", "active", "lapsed"]
    clock.now -= 1
    with pytest.raises(EpochMismatch):
        registry.register(registration(8, epoch=EPOCH + 1, issued_at=clock.now, expires_at=EPOCH_END + 60))


def test_a_pledge_counts_from_its_issue_inside_its_epoch(registry: Registry) -> None:
    registry.register(registration(7, issued_at=NOW + 30))
    held = registry.pledge(7)
    assert held is not None
    assert held.counts_from(TERMS.epoch_length) == NOW + 30 > EPOCH_START


def test_an_expired_pledge_stays_with_its_venue(registry: Registry, clock: Clock) -> None:
    registry.register(registration(7, expires_at=NOW + 10))
    clock.now = NOW + 20
    with pytest.raises(DoublePledge):
        registry.register(registration(7, B, issued_at=NOW + 15))
    registry.register(registration(7, A, issued_at=NOW + 15))


# --- releases -------------------------------------------------------------------------------------------------------


def test_a_release_by_the_venue_that_holds_it_empties_the_record(registry: Registry) -> None:
    registry.register(registration(7))
    recorded = registry.release(release(7))
    assert (recorded.kind, recorded.index) == ("release", 1)
    assert registry.pledge(7) is None
    with pytest.raises(PledgeMissing):
        registry.receipt(7)
    assert registry.register(registration(7, B)).receipt.venue_id == B
    unchanged(registry, 3)


def test_only_the_venue_that_holds_it_releases(registry: Registry) -> None:
    registry.register(registration(7))
    forged = release(7).model_copy(update={"signatures": release(8).signatures})
    unsigned = release(7).model_copy(update={"signatures": ()})
    for document in (release(7, B), forged, unsigned):
        with pytest.raises(SignatureNotAttestor):
            registry.release(document)
    unchanged(registry, 1)


def test_a_release_has_as_many_signatures_as_its_venue_needs(url: str) -> None:
    """One of two signers, bribed or robbed of its key, frees no collateral; neither does one of each of two venues."""
    second = SigningKey(b"\x3d" * 32)
    both = Signers.of(ALPHA.address, second.address, threshold=2)
    venues = tuple(v.model_copy(update={"signers": both}) if v.venue_id == A else v for v in TERMS.venues)
    with open_registry(url, terms=TERMS.model_copy(update={"venues": venues})) as registry:
        registry.register(registration(7, keys=[ALPHA, second]))
        alone = release(7)
        for keys in ([ALPHA], [second], [ALPHA, BETA], [ALPHA, STRANGER]):
            with pytest.raises(VerificationError):
                registry.release(alone.model_copy(update={"signatures": sign(alone.release, SIGNING, keys)}))
        unchanged(registry, 1)
        registry.release(alone.model_copy(update={"signatures": sign(alone.release, SIGNING, [ALPHA, second])}))
        assert registry.pledge(7) is None


def test_a_release_is_of_the_pledges_epoch_not_of_the_future_and_of_something(registry: Registry) -> None:
    registry.register(registration(7))
    for epoch in (EPOCH + 1, 2**63, 2**64 - 1):  # the last two are no numbers for a database
        with pytest.raises(EpochMismatch):
            registry.release(release(7, epoch=epoch))
    with pytest.raises(ProofExpired):
        registry.release(release(7, at=NOW + 61))
    with pytest.raises(PledgeMissing):
        registry.release(release(8))
    with pytest.raises(DomainMismatch):
        registry.release(release(7).model_copy(update={"domain": OfflineDomain(salt=b"\x01" * 32)}))
    unchanged(registry, 1)


def test_a_release_is_as_far_ahead_as_clocks_may_differ(registry: Registry) -> None:
    registry.register(registration(7))
    registry.release(release(7, at=NOW + TERMS.clock_skew))
    assert registry.pledge(7) is None


def test_a_release_does_not_end_a_later_pledge(registry: Registry, clock: Clock) -> None:
    """Neither one that was used, nor one that was signed and kept: somebody could hold it back."""
    registry.register(registration(7))
    used, kept = release(7, at=NOW), release(7, at=NOW + 1)
    registry.release(used)
    clock.now = NOW + 100
    registry.register(registration(7, issued_at=NOW + 90))
    for document in (used, kept):
        with pytest.raises(ContextReplay):
            registry.release(document)
    unchanged(registry, 3)
    registry.release(release(7, at=NOW + 90))


# --- challenges -----------------------------------------------------------------------------------------------------


def test_a_challenge_is_used_once_by_its_venue_in_its_time(registry: Registry, clock: Clock) -> None:
    challenge, until = registry.issue_challenge(A, 30)
    assert until == NOW + 30
    other, _ = registry.issue_challenge(A, 30)
    assert challenge != other
    for answered, venue in ((challenge, B), (b"\x01" * 32, A)):
        with pytest.raises(ChallengeMismatch):
            registry.consume_challenge(answered, venue)
    clock.now = NOW + 29
    registry.consume_challenge(challenge, A)
    with pytest.raises(ChallengeMismatch):
        registry.consume_challenge(challenge, A)
    clock.now = NOW + 30
    with pytest.raises(ChallengeMismatch):
        registry.consume_challenge(other, A)
    assert registry.purge_challenges() == 2
    assert registry.purge_challenges() == 0


def test_a_challenge_is_for_a_venue_of_the_registry_and_short(registry: Registry) -> None:
    with pytest.raises(VenueMismatch):
        registry.issue_challenge(b"\x01" * 32)
    for seconds in (0, 3601):
        with pytest.raises(ChallengeMismatch):
            registry.issue_challenge(A, seconds)
    for seconds in (1, 3600):
        assert registry.issue_challenge(A, seconds)[1] == NOW + seconds


def test_a_challenge_that_is_drawn_twice_is_given_to_nobody(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was given it first could be answered by a proof for the second."""
    monkeypatch.setattr("secrets.token_bytes", lambda count: b"\x07" * count)
    challenge, _ = registry.issue_challenge(A)
    with pytest.raises(StoreFailed, match="twice"):
        registry.issue_challenge(B)
    with pytest.raises(ChallengeMismatch):
        registry.consume_challenge(challenge, B)
    registry.consume_challenge(challenge, A)


# --- the database ---------------------------------------------------------------------------------------------------


def test_a_registry_is_found_again(url: str) -> None:
    with open_registry(url) as registry:
        receipt = registry.register(registration(7))
    with open_registry(url) as again:
        assert again.receipt(7) == receipt
        with pytest.raises(DoublePledge):
            again.register(registration(7, B))
        again.register(registration(8, B))
        again.require_whole()


def test_tables_beside_the_pledges_are_written_and_read(registry: Registry) -> None:
    registry.register(registration(7))
    size = select(tables.registry.c.size)
    assert registry.write(lambda connection: connection.execute(size).scalar_one()).result() == 1
    forgotten = registry.write(lambda connection: connection.execute(delete(tables.contexts)).rowcount)
    assert forgotten.result() == 1
    with registry.reading() as connection:
        assert connection.execute(select(tables.contexts)).all() == []
        assert connection.execute(size).scalar_one() == 1


def test_two_processes_share_a_registry(url: str) -> None:
    """Each has its own picture of the log's end; the database has the true one."""
    with open_registry(url) as one, open_registry(url) as two:
        for number in range(6):
            (one, two)[number % 2].register(registration(number + 1))
        with pytest.raises(DoublePledge):
            two.register(registration(1, B))
        assert [entry.nullifier for entry in two.page(0).entries] == [1, 2, 3, 4, 5, 6]
        one.require_whole()


def test_the_clock_of_a_registry_is_the_machines_unless_told() -> None:
    before = int(time.time())
    assert before <= system_clock() <= time.time()


def test_a_database_is_of_one_registry(url: str) -> None:
    open_registry(url).close()
    other = TERMS.model_copy(update={"domain": OfflineDomain(salt=b"\x01" * 32)})
    with pytest.raises(DomainMismatch):
        open_registry(url, terms=other)
    for changes in ({"epoch_length": 3600}, {"operator": ALPHA.address}):
        with pytest.raises(StoreFailed):
            Registry.create(url, TERMS.model_copy(update=changes))
    with pytest.raises(DomainMismatch):
        Registry(url, other, OPERATOR)
    with pytest.raises(StoreFailed):
        Registry(url, TERMS.model_copy(update={"epoch_length": 3600}), OPERATOR)


def test_a_registry_is_made_before_it_is_opened(url: str) -> None:
    with pytest.raises(StoreFailed):
        Registry(url, TERMS, OPERATOR)
    with pytest.raises(SignatureNotAttestor):
        Registry(url, TERMS, ALPHA)


def test_nothing_is_accepted_once_it_is_closed(url: str) -> None:
    registry = open_registry(url)
    registry.close()
    with pytest.raises(StoreFailed):
        registry.register(registration(7))
    with open_registry(url) as left:
        left.register(registration(7))
    with pytest.raises(StoreFailed):
        left.register(registration(8))


@pytest.mark.parametrize("address", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://user:secret@host/x"])
def test_addresses_that_are_no_database(address: str) -> None:
    with pytest.raises(StoreFailed) as caught:
        Registry.create(address, TERMS)
    assert "secret" not in str(caught.value.as_json())


def test_a_server_that_is_not_there_is_said_without_its_password() -> None:
    with pytest.raises(StoreFailed) as caught:
        Registry.create("postgresql://user:secret@/x?host=/nonexistent", TERMS)
    assert "secret" not in str(caught.value.as_json())


def test_terms_list_a_signer_once() -> None:
    venues = tuple(venue.model_copy(update={"signers": Signers.of(ALPHA.address)}) for venue in TERMS.venues)
    with pytest.raises(Exception, match="E_SCHEMA_TYPE"):
        TERMS.model_copy(update={"venues": venues})
    with pytest.raises(Exception, match="E_SCHEMA_TYPE"):
        TERMS.model_copy(update={"epoch_length": 0})
