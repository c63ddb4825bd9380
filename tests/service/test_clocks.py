"""A venue's clock in the database: what is on it survives, and what could not be stored did not happen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from parties import NOW, small_market
from registry_world import A, B, Clock, open_registry, sqlite_at
from served import CLOCK

from zkmargin.verifier.clock.errors import AccountUnknown
from zkmargin.verifier.clock.standing import State
from zkmargin.verifier.registry.errors import StoreFailed
from zkmargin.verifier.registry.registry import Registry
from zkmargin.verifier.service.clocks import VenueClock, index_of
from zkmargin.verifier.service.errors import CustomerMixed


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

    def broken(*_: object) -> None:
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
