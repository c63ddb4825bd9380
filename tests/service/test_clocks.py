"""A venue's clock in the database: what is on it survives, and what could not be stored did not happen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from parties import NOW, small_market
from registry_world import A, B, Clock, open_registry, sqlite_at
from served import CLOCK

from zkmargin.attestations.context import Claim, ClaimKind
from zkmargin.errors import StatementStale
from zkmargin.verifier.clock.errors import AccountUnknown
from zkmargin.verifier.clock.standing import State
from zkmargin.verifier.registry.errors import StoreFailed
from zkmargin.verifier.registry.registry import Registry
from zkmargin.verifier.service.clocks import VenueClock, index_of
from zkmargin.verifier.service.errors import CustomerMixed
from zkmargin.verifier.verdict import Verdict


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with open_registry(sqlite_at(tmp_path), Clock()) as opened:
        yield opened


def test_everything_is_there_after_a_restart(registry: Registry) -> None:
    clock = VenueClock(A, CLOCK, registry)
    clock.snapshot(small_market(), NOW)
    clock.enrol("alice", [1, 2], NOW)
    clock.enrol("bob", [3], NOW + 1)
    clock.tick(NOW + 100)
    clock.tick(NOW + 5000)
    again = VenueClock(A, CLOCK, registry)
    assert again.standings() == clock.standings()
    assert again.standing("alice").state is State.CALLED
    assert again.pause == clock.pause is not None
    assert [change for _, change in again.changes()] == [change for _, change in clock.changes()]
    assert again.account_of([2], nullifier=7) == "alice"
    with pytest.raises(CustomerMixed):
        again.account_of([3], nullifier=7)
    assert VenueClock(B, CLOCK, registry).standings() == []


def test_statements_of_two_customers(registry: Registry) -> None:
    clock = VenueClock(A, CLOCK, registry)
    clock.enrol("alice", [1], NOW)
    clock.enrol("bob", [2], NOW)
    with pytest.raises(CustomerMixed):
        clock.account_of([1, 2], nullifier=7)
    assert clock.account_of([5], nullifier=7) is None
    assert clock.account_of([5, 2], nullifier=7) == "bob"
    with pytest.raises(CustomerMixed):
        clock.enrol("carol", [9, 1], NOW)
    with pytest.raises(AccountUnknown):
        clock.standing("carol")
    clock.enrol("alice", [9], NOW)  # the refused enrolment left nothing behind
    assert clock.account_of([9], nullifier=8) == "alice"


def test_what_is_not_stored_did_not_happen(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VenueClock(A, CLOCK, registry)
    clock.enrol("alice", [1], NOW)

    def broken(*_: object, **__: object) -> None:
        raise StoreFailed("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(VenueClock, "_store", broken)
        with pytest.raises(StoreFailed):
            clock.remove("alice", "closed", NOW + 1)
    assert clock.standing("alice").state is State.GRACE
    assert [change.after for _, change in clock.changes()] == ["grace"]


def test_a_machine_whose_clock_steps_back(registry: Registry) -> None:
    clock = VenueClock(A, CLOCK, registry)
    clock.enrol("alice", [1], NOW)
    clock.tick(NOW - 100)
    assert clock.standing("alice").since == NOW


def test_what_the_breaker_watches() -> None:
    market = small_market()
    (index,) = index_of(market)
    place = [instrument.id for instrument in market.listing.instruments].index("BTC-PERP")
    assert index == ("BTC", int(market.tables.columns["mark"].values[place]))


def verdict_of(issued_at: int) -> Verdict:
    """What the clock reads of a verdict."""
    claim = Claim(ClaimKind.MAINTENANCE, 1, 1)
    return cast(Verdict, SimpleNamespace(issued_at=issued_at, valid_until=NOW + 9000, price_time=NOW - 10, claim=claim))


def test_two_processes_keep_one_clock(registry: Registry, tmp_path: Path) -> None:
    """What one of them was told counts in the other: who proved there is not called here."""
    with open_registry(sqlite_at(tmp_path), Clock()) as other:
        here, there = VenueClock(A, CLOCK, registry), VenueClock(A, CLOCK, other)
        here.snapshot(small_market(), NOW)
        here.enrol("alice", [1], NOW)
        assert there.account_of([1], nullifier=7) == "alice"
        there.proven("alice", verdict_of(NOW), NOW + 1)
        assert here.tick(NOW + CLOCK.grace) == []
        assert here.standing("alice").state is State.HEALTHY
        there.enrol("bob", [2], NOW + 200)
        here.remove("alice", "closed", NOW + 201)
        assert [standing.account for standing in there.standings()] == ["bob"]
        assert [change.after for _, change in there.changes()] == ["grace", "healthy", "grace", ""]


def test_processes_that_write_at_once_lose_nothing(registry: Registry, tmp_path: Path) -> None:
    with open_registry(sqlite_at(tmp_path), Clock()) as other:
        both = [VenueClock(A, CLOCK, registry), VenueClock(A, CLOCK, other)]

        def enrol(part: int) -> None:
            for number in range(20):
                both[part].enrol(f"{part} {number}", [100 * part + number], NOW + number)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(enrol, range(2)))
        assert [len(clock.standings()) for clock in both] == [40, 40]
        assert len(both[0].changes()) == 40


def test_a_store_that_is_away_for_a_while(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither written nor read: once it is back, what was not stored has not happened, and happens then."""
    clock = VenueClock(A, CLOCK, registry)
    clock.snapshot(small_market(), NOW)
    clock.enrol("alice", [1], NOW)

    def broken(*_: object, **__: object) -> None:
        raise StoreFailed("the disk is away")

    with monkeypatch.context() as patched:
        patched.setattr(VenueClock, "_store", broken)
        patched.setattr(VenueClock, "_load", broken)
        for at in (CLOCK.grace, CLOCK.grace + 1):
            with pytest.raises(StoreFailed):
                clock.tick(NOW + at)
    assert clock.standing("alice").state is State.GRACE
    assert [change.after for change in clock.tick(NOW + CLOCK.grace)] == [State.CALLED]
    assert VenueClock(A, CLOCK, registry).standings() == clock.standings()


def test_nobody_goes_back_to_an_earlier_statement(registry: Registry) -> None:
    """Of two statements the later one counts, at each venue on its own; numbers begin anew with an epoch."""
    clock = VenueClock(A, CLOCK, registry)
    clock.enrol("alice", [1, 2], NOW)
    clock.enrol("bob", [3], NOW)
    assert clock.account_of([1], 7, 5, {A: 8, B: 3}) == "alice"
    assert clock.account_of([2], 7, 5, {A: 8, B: 2**64 - 1}) == "alice"
    for numbers in ({A: 7, B: 2**64 - 1}, {A: 8, B: 4}):
        with pytest.raises(StatementStale):
            clock.account_of([1], 7, 5, numbers)
    with pytest.raises(StatementStale):
        clock.account_of([1], 7, 4, {A: 9})
    assert clock.account_of([3], 9, 5, {A: 1}) == "bob"
    assert clock.account_of([1], 8, 6, {A: 1, B: 1}) == "alice"


def test_a_publisher_whose_clock_is_ahead_does_not_stop_all_calls(registry: Registry) -> None:
    """Were its snapshots passed over, as verifiers do not, prices would be late for ever and nobody called."""
    strict, clock = VenueClock(B, CLOCK, registry), VenueClock(A, CLOCK, registry, skew=60)
    for each in (strict, clock):
        each.snapshot(small_market(price_time=NOW + 5), NOW)
        each.enrol("alice", [1], NOW)
        each.tick(NOW + CLOCK.grace)
    assert clock.standing("alice").state is State.CALLED
    assert strict.pause is not None
    clock.snapshot(small_market(price_time=NOW + CLOCK.grace + 61), NOW + CLOCK.grace)  # beyond the skew
    clock.tick(NOW + 6 + CLOCK.breaker.price_age)
    assert clock.pause is not None
