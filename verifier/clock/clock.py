"""The clock itself: events in, changes out. Nothing here reads a clock, a file or a database.    specs/clock.md

An account moves at most one step for each look at it, and its time for the next step runs from that look: who could not
submit because the venue's machine stood still is not in the liquidation queue when it comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from zkmargin.attestations.context import Claim
from zkmargin.errors import SchemaType
from zkmargin.verifier.clock.errors import AccountEnrolled, AccountUnknown, ProofSuperseded, TimeBackwards
from zkmargin.verifier.clock.policy import ClockPolicy
from zkmargin.verifier.clock.standing import Change, Pause, Prices, Standing, State

RUNNING = "running"
PAUSED = "paused"
_BASIS_POINTS = 10_000


@dataclass(frozen=True)
class ProofTerms:
    """What the clock needs of a verdict: when it was issued and lasts, on prices of when, for which claim."""

    issued_at: int
    valid_until: int
    price_time: int
    claim: Claim


class MarginClock:
    """All accounts of a venue. Events come in the order of their times, unix seconds; each returns what it changed."""

    def __init__(
        self,
        policy: ClockPolicy,
        standings: Iterable[Standing] = (),
        pause: Pause | None = None,
        prices: Prices | None = None,
        jumped: int = 0,
        now: int = 0,
    ) -> None:
        self.policy = policy
        self.standings = {standing.account: standing for standing in standings}
        self.pause = pause
        self.prices = prices
        self.jumped = jumped
        """The time of the prices after the last move that tripped the breaker: proofs on older ones count no more."""
        self.now = now
        self.touched: set[str] = set()
        """Accounts that changed since whoever stores them last emptied this."""

    # --- events -------------------------------------------------------------------------------------------------------

    def enrol(self, account: str, at: int) -> list[Change]:
        """A new account: it has the time of grace for its first proof. Raises AccountEnrolled."""
        self._advance(at)
        if account in self.standings:
            raise AccountEnrolled("the account is on the clock already", where="account", got=account)
        self._put(Standing(account, State.GRACE, at, at + self.policy.grace))
        return [Change(at, account, "", State.GRACE, "enrolled; no proof yet")]

    def remove(self, account: str, at: int, reason: str) -> list[Change]:
        """An account leaves: closed, or liquidated. Raises AccountUnknown."""
        self._advance(at)
        before = self._standing(account)
        del self.standings[account]
        self.touched.add(account)
        return [Change(at, account, before.state, "", reason)]

    def prove(self, account: str, proof: ProofTerms, at: int) -> list[Change]:
        """A proof of this account was verified. Raises AccountUnknown; ProofSuperseded where it is not newer than the
        last one, is of prices before those of the last one or before a jump, or does not count any more.
        """
        self._advance(at)
        before = self._standing(account)
        if proof.issued_at <= before.issued_at or proof.price_time < before.price_time:
            raise ProofSuperseded("the account has a proof as new as this one", where="proof")
        if proof.price_time < self.jumped:
            raise ProofSuperseded(
                "prices have moved since those of this proof",
                where="proof",
                expected=f"prices of {self.jumped} or later",
                got=proof.price_time,
            )
        due = min(proof.valid_until, proof.issued_at + self.policy.prove_every)
        if due <= at:
            raise ProofSuperseded(
                "the proof does not count any more", where="proof", expected=f"until after {at}", got=due
            )
        band = self.policy.band_of(proof.claim)
        if band is None:
            raise ProofSuperseded("the claim is below all bands of the clock", where="claim", got=str(proof.claim))
        since = before.since if before.state is State.HEALTHY else at
        after = Standing(account, State.HEALTHY, since, due, band, proof.issued_at, proof.price_time)
        self._put(after)
        words = f"proved at least {self.policy.bands[band]} times the {proof.claim.kind.name.lower()} requirement"
        if before.state is State.HEALTHY and before.band == band:
            return []  # nothing that anyone acts on; the pledge log has the proof
        return [Change(at, account, before.state, State.HEALTHY, words)]

    def snapshot(self, prices: Prices, at: int, skew: int = 0) -> list[Change]:
        """A market snapshot arrived. It trips the breaker where an index moved too far; a fresh one ends a pause for
        lateness. One that is not newer than the last is passed over, and so is one from the future: more than ``skew``
        seconds, by which a publisher's clock may be ahead, or none of its snapshots would ever count.
        """
        self._advance(at)
        if any(value < 1 for _, value in prices.index):
            raise SchemaType("an index is above zero", where="prices")
        if prices.time > at + skew or (self.prices is not None and prices.time <= self.prices.time):
            return []
        last, self.prices = self.prices, prices
        moved = None if last is None else self._moved(dict(last.index), dict(prices.index))
        return ([] if moved is None else self._move(moved, prices.time, at)) + self._settle(at)

    def reset(self, reason: str, at: int) -> list[Change]:
        """An operator ends the pause, and says why."""
        self._advance(at)
        return [] if self.pause is None else self._resume(f"reset: {reason}", at)

    def tick(self, at: int) -> list[Change]:
        """Time passed: pauses begin and end, and whoever is due moves one step."""
        self._advance(at)
        changes: list[Change] = []
        if self.pause is None and self._is_late(at):
            words = "none has come" if self.prices is None else f"the last is of {self.prices.time}"
            self.pause = Pause(at, f"market snapshots are late: {words}")
            changes.append(Change(at, None, RUNNING, PAUSED, self.pause.reason))
        changes += self._settle(at)
        if self.pause is None:
            changes += [change for account in sorted(self.standings) for change in self._step(account, at)]
        return changes

    # --- what is asked of it ------------------------------------------------------------------------------------------

    def queue(self) -> list[Standing]:
        """Who is to be liquidated, in order: those that never proved, then by last band, time in the queue, name."""
        waiting = [standing for standing in self.standings.values() if standing.state is State.QUEUED]
        return sorted(waiting, key=lambda s: (-1 if s.band is None else s.band, s.since, s.account))

    def counts(self) -> dict[State, int]:
        """How many accounts are in each state."""
        return {state: sum(s.state is state for s in self.standings.values()) for state in State}

    # --- steps --------------------------------------------------------------------------------------------------------

    def _advance(self, at: int) -> None:
        if at < self.now:
            raise TimeBackwards("time runs forward", where="at", expected=f"at least {self.now}", got=at)
        self.now = at

    def _put(self, standing: Standing) -> None:
        self.standings[standing.account] = standing
        self.touched.add(standing.account)

    def _standing(self, account: str) -> Standing:
        try:
            return self.standings[account]
        except KeyError:
            raise AccountUnknown("no such account is on the clock", where="account", got=account) from None

    def _step(self, account: str, at: int) -> list[Change]:
        before = self.standings[account]
        if before.due is None or at < before.due:
            return []
        after, due, reason = {
            State.HEALTHY: (State.GRACE, at + self.policy.grace, "its proof no longer counts"),
            State.GRACE: (State.CALLED, at + self.policy.call, "no proof within the time of grace"),
            State.CALLED: (State.QUEUED, None, "the margin call was not answered"),
        }[before.state]
        self._put(replace(before, state=after, since=at, due=due))
        return [Change(at, account, before.state, after, reason)]

    def _is_late(self, at: int) -> bool:
        return self.prices is None or at - self.prices.time > self.policy.breaker.price_age

    def _moved(self, last: Mapping[str, int], new: Mapping[str, int]) -> str | None:
        """What trips: an index that moved too far, or one that is gone and whose moves nobody could see."""
        for name, old in sorted(last.items()):
            if name not in new:
                return f"{name} is missing from the snapshot"
            distance = abs(new[name] - old) * _BASIS_POINTS
            if distance > self.policy.breaker.move * old:
                return f"{name} moved by {distance // old} basis points"
        return None

    def _move(self, reason: str, price_time: int, at: int) -> list[Change]:
        """An index moved too far: a pause begins or lasts longer, at most ``longest_pause`` from its first move."""
        self.jumped = price_time
        pause, limits = self.pause, self.policy.breaker
        since = at if pause is None else pause.since
        first = at if pause is None or pause.moved_at is None else pause.moved_at
        self.pause = Pause(since, reason, first, min(at + limits.cool_down, first + limits.longest_pause))
        return [Change(at, None, RUNNING if pause is None else PAUSED, PAUSED, reason)]

    def _settle(self, at: int) -> list[Change]:
        """End a pause whose causes are over: fresh prices, and calm since the last move."""
        pause = self.pause
        if pause is None or self._is_late(at) or (pause.calm_at is not None and at < pause.calm_at):
            return []
        return self._resume("snapshots are fresh" if pause.calm_at is None else "the market has calmed", at)

    def _resume(self, reason: str, at: int) -> list[Change]:
        """Calls go on: what ran before the pause has as long left as it had, and a proof on prices from before a jump
        does not count any more.
        """
        pause, self.pause = self.pause, None
        if pause is None:
            return []
        for standing in tuple(self.standings.values()):
            if standing.due is None:
                continue
            if standing.state is not State.HEALTHY:
                self._put(replace(standing, due=standing.due + at - max(pause.since, standing.since)))
            elif standing.price_time < self.jumped:
                self._put(replace(standing, due=min(standing.due, at)))
        return [Change(at, None, PAUSED, RUNNING, reason)]
