"""The margin clock against its rules: one step at a time, none in a pause, nothing gained by old proofs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.attestations.context import Claim, ClaimKind
from zkmargin.errors import SchemaType
from zkmargin.verifier.clock.clock import MarginClock, ProofTerms
from zkmargin.verifier.clock.errors import AccountEnrolled, AccountUnknown, ProofSuperseded, TimeBackwards
from zkmargin.verifier.clock.policy import Band, Breaker, ClockPolicy
from zkmargin.verifier.clock.standing import Pause, Prices, Standing, State

POLICY = ClockPolicy(
    prove_every=600,
    grace=100,
    call=200,
    bands=(Band(num=1, den=1), Band(num=5, den=4), Band(num=2, den=1)),
    breaker=Breaker(price_age=1000, move=500, cool_down=300, longest_pause=900),
)
ORDER = list(State)


def prices(time: int, bitcoin: int = 70_000, ether: int = 2_000) -> Prices:
    return Prices(time, (("BTC", bitcoin), ("ETH", ether)))


def running(*accounts: str, at: int = 1000) -> MarginClock:
    clock = MarginClock(POLICY)
    assert clock.snapshot(prices(at), at) == []
    for account in accounts:
        clock.enrol(account, at)
    return clock


def terms(
    issued_at: int, num: int = 1, den: int = 1, valid_until: int = 1 << 40, price_time: int | None = None
) -> ProofTerms:
    claim = Claim(ClaimKind.MAINTENANCE, num, den)
    return ProofTerms(issued_at, valid_until, issued_at if price_time is None else price_time, claim)


def state(clock: MarginClock, account: str) -> State:
    return clock.standings[account].state


def test_one_step_a_look_however_late() -> None:
    clock = running("a")
    clock.prove("a", terms(1000), 1001)
    for at, expected in ((1599, State.HEALTHY), (1600, State.GRACE), (1650, State.GRACE), (1700, State.CALLED)):
        clock.snapshot(prices(at), at)
        clock.tick(at)
        assert state(clock, "a") is expected
    clock.snapshot(prices(90_000), 90_000)
    assert [(c.before, c.after) for c in clock.tick(90_000)] == [(State.CALLED, State.QUEUED)]
    assert clock.tick(91_000) == []


def test_a_standstill_puts_nobody_into_the_queue() -> None:
    clock = running("a")
    clock.prove("a", terms(1000), 1001)
    clock.snapshot(prices(90_000), 90_000)
    assert [c.after for c in clock.tick(90_000)] == [State.GRACE]
    assert [c.after for c in clock.tick(90_099)] == []
    assert clock.standings["a"].due == 90_100


def test_a_proof_leads_out_of_every_state() -> None:
    for at in (1100, 1300):
        clock = running("a")
        clock.tick(1100)
        clock.tick(at)
        before = state(clock, "a")
        (change,) = clock.prove("a", terms(at), at)
        assert (change.before, change.after) == (before, State.HEALTHY)
        assert before in (State.CALLED, State.QUEUED)


def test_bands_and_not_ratios() -> None:
    clock = running("a")
    clock.prove("a", terms(1001, 3, 2), 1002)
    assert clock.standings["a"].band == 1
    assert clock.prove("a", terms(1003, 13, 10), 1004) == []  # the same band: nothing to tell
    (worse,) = clock.prove("a", terms(1005), 1006)
    assert worse.reason == "proved at least 1/1 times the maintenance requirement"
    assert (worse.before, worse.after) == (State.HEALTHY, State.HEALTHY)


def test_the_queue_has_an_order() -> None:
    clock = running("never", "weak", "strong", "weak-later")
    for account, num in (("weak", 1), ("strong", 2), ("weak-later", 1)):
        clock.prove(account, terms(1001, num), 1002)
    clock.prove("weak-later", terms(1050), 1051)
    for at in range(1100, 2600, 50):
        clock.snapshot(prices(at), at)
        clock.tick(at)
    assert [standing.account for standing in clock.queue()] == ["never", "weak", "weak-later", "strong"]
    assert clock.counts() == {State.HEALTHY: 0, State.GRACE: 0, State.CALLED: 0, State.QUEUED: 4}
    (left,) = clock.remove("never", 2600, "liquidated")
    assert (left.at, left.account, left.after, left.reason) == (2600, "never", "", "liquidated")
    assert [standing.account for standing in clock.queue()] == ["weak", "weak-later", "strong"]
    waiting = [Standing("weak", State.QUEUED, 1000, None, 0), Standing("never", State.QUEUED, 2000, None, None)]
    assert [standing.account for standing in MarginClock(POLICY, waiting).queue()] == ["never", "weak"]


def test_a_newer_proof_on_the_same_prices_counts_and_keeps_the_start_of_health() -> None:
    clock = running("a")
    assert clock.standings["a"] == Standing("a", State.GRACE, 1000, 1100, None, 0, 0)
    for at in (1002, 1004):
        clock.prove("a", terms(at, price_time=1001), at)
        assert clock.standings["a"] == Standing("a", State.HEALTHY, 1002, at + 600, 0, at, 1001)
    clock.snapshot(prices(1604), 1604)
    (change,) = clock.tick(1604)
    told = {"at": "1604", "account": "a", "before": "healthy", "after": "grace"}
    assert change.to_json() == {**told, "reason": "its proof no longer counts"}
    clock.prove("a", terms(1605), 1606)
    assert clock.standings["a"].since == 1606


@pytest.mark.parametrize(
    ("proof", "at"),
    [
        pytest.param(terms(1001), 1010, id="the same proof again"),
        pytest.param(terms(1000), 1010, id="an older proof"),
        pytest.param(terms(1002, price_time=1000), 1010, id="newer, on older prices"),
        pytest.param(terms(1002, valid_until=1010), 1010, id="no longer valid"),
        pytest.param(terms(1002), 1602, id="issued too long ago"),
    ],
)
def test_proofs_that_do_not_count(proof: ProofTerms, at: int) -> None:
    clock = running("a")
    clock.prove("a", terms(1001), 1002)
    before = clock.standings["a"]
    with pytest.raises(ProofSuperseded):
        clock.prove("a", proof, at)
    assert clock.standings["a"] == before


def test_a_claim_below_all_bands() -> None:
    policy = POLICY.model_copy(update={"bands": (Band(num=5, den=4),)})
    clock = MarginClock(policy)
    clock.enrol("a", 1000)
    with pytest.raises(ProofSuperseded, match="below all bands"):
        clock.prove("a", terms(1001), 1002)
    assert state(clock, "a") is State.GRACE


def test_accounts_are_enrolled_once() -> None:
    clock = running("a")
    with pytest.raises(AccountEnrolled):
        clock.enrol("a", 1050)  # would restart its time of grace
    with pytest.raises(AccountUnknown):
        clock.prove("b", terms(1051), 1052)
    with pytest.raises(AccountUnknown):
        clock.remove("b", 1052, "closed")


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(lambda clock, at: clock.tick(at), id="tick"),
        pytest.param(lambda clock, at: clock.prove("a", terms(1040), at), id="prove"),
        pytest.param(lambda clock, at: clock.enrol("b", at), id="enrol"),
        pytest.param(lambda clock, at: clock.remove("a", at, "closed"), id="remove"),
        pytest.param(lambda clock, at: clock.snapshot(prices(1040), at), id="snapshot"),
        pytest.param(lambda clock, at: clock.reset("by hand", at), id="reset"),
    ],
)
def test_time_runs_forward(event: Callable[[MarginClock, int], object]) -> None:
    clock = running("a")
    clock.tick(1050)
    with pytest.raises(TimeBackwards):
        event(clock, 1049)
    assert (clock.now, clock.prices, set(clock.standings)) == (1050, prices(1000), {"a"})
    event(clock, 1051)
    assert clock.now == 1051


def test_where_accounts_stand_is_not_altered() -> None:
    clock = running("a")
    clock.snapshot(prices(1050, bitcoin=60_000), 1050)
    (change,) = clock.reset("by hand", 1060)
    values = (terms(1), clock.standings["a"], clock.prices, change, Pause(1, "late"))
    for value, name in zip(values, ("issued_at", "due", "time", "at", "since"), strict=True):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 5)


# --- the breaker ----------------------------------------------------------------------------------------------------


def test_late_prices_pause_and_fresh_ones_resume() -> None:
    clock = running("a")
    clock.tick(1050)
    (tripped,) = clock.tick(2001)  # grace ended at 1100, but nobody could prove
    assert (tripped.account, tripped.after) == (None, "paused")
    assert clock.tick(5000) == []
    assert clock.snapshot(prices(3000), 5000) == []  # newer, still late
    (resumed,) = clock.snapshot(prices(5000), 5001)
    assert resumed.after == "running"
    assert clock.standings["a"].due == 1100 + 3000
    assert [c.after for c in clock.tick(5001)] == [State.CALLED]


def test_no_snapshot_at_all() -> None:
    clock = MarginClock(POLICY)
    clock.enrol("a", 1000)
    (tripped,) = clock.tick(1001)
    assert tripped.reason == "market snapshots are late: none has come"
    assert clock.tick(50_000) == []


def test_a_jump_pauses_and_voids_older_proofs() -> None:
    clock = running("called", "healthy", "fresh")
    clock.prove("healthy", terms(1000), 1001)
    clock.prove("fresh", terms(1000), 1001)
    clock.tick(1100)  # grace ends for who never proved: a call until 1300
    (tripped,) = clock.snapshot(prices(1150, bitcoin=73_501), 1150)
    assert tripped.reason == "BTC moved by 500 basis points"
    with pytest.raises(ProofSuperseded, match="prices have moved"):
        clock.prove("healthy", terms(1151, price_time=1149), 1152)
    clock.prove("fresh", terms(1151), 1152)
    assert clock.tick(1449) == []
    changes = clock.tick(1450)
    assert [(c.account, c.after) for c in changes] == [(None, "running"), ("healthy", State.GRACE)]
    assert clock.standings["called"].due == 1300 + 300
    assert state(clock, "fresh") is State.HEALTHY


def test_exactly_the_bound_does_not_trip() -> None:
    clock = running()
    assert clock.snapshot(prices(1001, bitcoin=73_500), 1001) == []
    assert clock.snapshot(prices(1002, bitcoin=69_825), 1002) == []
    fine = MarginClock(POLICY)
    for at, bitcoin, trips in ((1000, 70_000_000, False), (1001, 73_500_000, False), (1002, 77_175_001, True)):
        assert bool(fine.snapshot(prices(at, bitcoin), at)) == trips


def test_an_index_that_is_gone_trips() -> None:
    clock = running()
    (tripped,) = clock.snapshot(Prices(1001, (("BTC", 70_000),)), 1001)
    assert tripped.reason == "ETH is missing from the snapshot"


def test_a_late_jump_waits_for_calm() -> None:
    """Prices that come late and far off are no fresh start: they pause as any jump does."""
    clock = running("a")
    clock.prove("a", terms(1000, valid_until=1 << 40), 1001)
    clock.tick(2500)
    assert [c.after for c in clock.snapshot(prices(2600, bitcoin=60_000), 2600)] == ["paused"]
    assert clock.tick(2899) == []
    assert [c.after for c in clock.tick(2900)] == ["running", State.GRACE]


def test_a_jump_and_then_silence() -> None:
    clock = running("a")
    clock.snapshot(prices(1100, bitcoin=60_000), 1100)
    assert clock.tick(2101) == []  # calm, but the last snapshot is late by now
    assert clock.pause is not None
    assert [c.after for c in clock.snapshot(prices(2200, bitcoin=60_500), 2200)] == ["running"]


def test_moves_cannot_pause_for_ever() -> None:
    clock = running("a")
    level = 70_000
    for at in range(1100, 2000, 100):
        level = level * 11 // 10
        clock.snapshot(prices(at, bitcoin=level), at)
        assert clock.tick(at) == []
    changes = clock.tick(2000)  # longestPause after the first move, which came when the time of grace ended
    assert [c.after for c in changes] == ["running", State.CALLED]


def test_an_operator_resumes_with_a_reason() -> None:
    clock = running("a")
    assert clock.reset("nothing to end", 1001) == []
    clock.snapshot(prices(1050, bitcoin=60_000), 1050)
    (change,) = clock.reset("the move is real", 1060)
    assert (change.after, change.reason) == ("running", "reset: the move is real")
    assert clock.standings["a"].due == 1110


def test_snapshots_that_change_nothing() -> None:
    clock = running()
    assert clock.snapshot(prices(1000, bitcoin=1), 1001) == []  # not newer: cannot trip
    assert clock.snapshot(prices(1002, bitcoin=1), 1001) == []  # of the future: cannot make later ones old
    assert clock.prices == prices(1000)
    with pytest.raises(SchemaType):
        clock.snapshot(prices(1002, bitcoin=0), 1002)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bands": (Band(num=1, den=2),)}, "at least one"),
        ({"bands": (Band(num=1, den=0),)}, "at least one"),
        ({"bands": (Band(num=2, den=1), Band(num=4, den=2))}, "strictly ascending"),
        ({"bands": ()}, "bands"),
        ({"prove_every": 0}, "at least 1"),
        ({"breaker": Breaker(price_age=1, move=1, cool_down=10, longest_pause=9)}, "longestPause"),
        ({"breaker": Breaker(price_age=1, move=0, cool_down=1, longest_pause=1)}, "at least 1"),
    ],
)
def test_policies_that_make_no_sense(changes: dict[str, object], words: str) -> None:
    with pytest.raises(SchemaType, match=words):
        POLICY.model_copy(update=changes)


def test_a_pause_of_one_length() -> None:
    """Each move pauses for as long as all of them may."""
    breaker = Breaker(price_age=1, move=1, cool_down=10, longest_pause=10)
    assert POLICY.model_copy(update={"breaker": breaker}).breaker == breaker


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["tick", "snapshot", "jump", "prove", "strong", "reset"]),
        st.integers(0, 400),
        st.sampled_from(["a", "b"]),
    ),
    max_size=60,
)


@given(EVENTS)
def test_whatever_happens(events: list[tuple[str, int, str]]) -> None:
    """No account gets worse in a pause or by more than a step; who is healthy has a proof that counts; the log tells
    every change of state, and from it alone the states follow.
    """
    clock, now, level = running("a", "b"), 1000, 70_000
    told = {"a": State.GRACE, "b": State.GRACE}
    for kind, wait, account in events:
        now += wait
        before = {name: ORDER.index(s.state) for name, s in clock.standings.items()}
        paused = clock.pause is not None
        if kind == "snapshot" or kind == "jump":
            level += level // 10 if kind == "jump" else 0
            changes = clock.snapshot(prices(now, bitcoin=level), now)
        elif kind == "tick":
            changes = clock.tick(now)
        elif kind == "reset":
            changes = clock.reset("test", now)
        else:
            try:
                changes = clock.prove(account, terms(now, 2 if kind == "strong" else 1), now)
            except ProofSuperseded:
                changes = []
        after = {name: ORDER.index(s.state) for name, s in clock.standings.items()}
        for name, place in after.items():
            assert place <= before[name] + 1
            if paused and clock.pause is not None:
                assert place <= before[name]
        for change in changes:
            if change.account is not None:
                assert told[change.account] == change.before
                told[change.account] = State(change.after)
        assert told == {name: s.state for name, s in clock.standings.items()}
        if kind == "tick" and clock.pause is None:
            for standing in clock.standings.values():
                if standing.state is State.HEALTHY:
                    assert standing.due is not None
                    assert standing.due > now
                    assert standing.price_time >= clock.jumped
