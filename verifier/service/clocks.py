"""The margin clocks of a service's venues, and their customers, kept in the registry's database."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, insert, select

from zkmargin.errors import StatementStale
from zkmargin.margin.market import Market
from zkmargin.verifier.clock.clock import MarginClock, ProofTerms
from zkmargin.verifier.clock.errors import AccountUnknown, ProofSuperseded
from zkmargin.verifier.clock.policy import ClockPolicy
from zkmargin.verifier.clock.standing import Change, Pause, Prices, Standing, State
from zkmargin.verifier.registry import tables
from zkmargin.verifier.registry.errors import StoreFailed
from zkmargin.verifier.registry.registry import Registry
from zkmargin.verifier.registry.transaction import number_of, word
from zkmargin.verifier.service.errors import CustomerMixed
from zkmargin.verifier.verdict import Verdict

MARK = "mark"
MAX_CHANGES = 1000
MAX_ATTEMPTS = 8


class VenueClock:
    """One venue's clock. Safe to use from many threads; what a method returns is on disk."""

    def __init__(self, venue_id: bytes, policy: ClockPolicy, registry: Registry, skew: int = 0) -> None:
        self.venue_id = venue_id
        self.policy = policy
        self.skew = skew  # seconds by which publishers' clocks may be ahead
        self._registry = registry
        self._lock = threading.Lock()
        self._behind = False
        self._clock, self._revision = self._load()

    # --- events -------------------------------------------------------------------------------------------------------

    def enrol(self, account: str, commitments: Iterable[int], at: int) -> list[Change]:
        """Put an account on the clock where it is new, and note that position statements are its own.

        Raises CustomerMixed where one of them is another account's.
        """
        known = list(commitments)
        with self._lock:
            self._registry.write(lambda connection: self._note(connection, account, known)).result()
            if account in self._current().standings:
                return []
            return self._apply(lambda clock, now: clock.enrol(account, now), at)

    def remove(self, account: str, reason: str, at: int) -> list[Change]:
        """Take an account off the clock. Raises AccountUnknown."""
        with self._lock:
            return self._apply(lambda clock, now: clock.remove(account, now, reason), at)

    def proven(self, account: str, verdict: Verdict, at: int) -> list[Change]:
        """A proof of an account was recorded. One that is older than what counts already changes nothing."""
        terms = ProofTerms(verdict.issued_at, verdict.valid_until, verdict.price_time, verdict.claim)
        with self._lock:
            try:
                return self._apply(lambda clock, now: clock.prove(account, terms, now), at)
            except (ProofSuperseded, AccountUnknown):
                return []

    def snapshot(self, market: Market, at: int) -> list[Change]:
        """A market snapshot arrived."""
        prices = Prices(market.price_time, index_of(market))
        with self._lock:
            return self._apply(lambda clock, now: clock.snapshot(prices, now, self.skew), at)

    def reset(self, reason: str, at: int) -> list[Change]:
        """An operator ends a pause."""
        with self._lock:
            return self._apply(lambda clock, now: clock.reset(reason, now), at)

    def tick(self, at: int) -> list[Change]:
        """Time passed."""
        with self._lock:
            return self._apply(lambda clock, now: clock.tick(now), at)

    # --- customers ----------------------------------------------------------------------------------------------------

    def account_of(
        self, commitments: Iterable[int], nullifier: int, epoch: int = 0, numbers: Mapping[bytes, int] | None = None
    ) -> str | None:
        """Whose statements these are, and that the nullifier is credited to that customer; None: of nobody known.

        ``numbers``: the ``seq`` of each statement by the venue that signed it, in ``epoch``. Of two statements the
        later one counts: who has shown it cannot go back to the positions before.
        Raises CustomerMixed where they are of two customers, or the nullifier was credited to another; StatementStale
        where the customer has proved about a later statement.
        """
        wanted = [word(commitment) for commitment in commitments]

        def credit(connection: Connection) -> str | None:
            column = tables.commitments.c
            query = select(column.account).where(column.venue_id == self.venue_id, column.commitment.in_(wanted))
            found = set(connection.execute(query).scalars())
            if len(found) > 1:
                raise CustomerMixed("the statements are of several customers", where="statements")
            if not found:
                return None
            account = str(found.pop())
            self._require_latest(connection, account, epoch, numbers or {})
            taken = tables.credits.c
            row = connection.execute(
                select(taken.account).where(taken.venue_id == self.venue_id, taken.nullifier == word(nullifier))
            ).scalar()
            if row is None:
                values = {"venue_id": self.venue_id, "nullifier": word(nullifier), "account": account}
                connection.execute(insert(tables.credits).values(values))
            elif row != account:
                raise CustomerMixed("the nullifier was credited to another customer", where="publicInputs.nullifier")
            self._note_numbers(connection, account, epoch, numbers or {})
            return account

        return self._registry.write(credit).result()

    def _statements(self, account: str) -> ColumnElement[bool]:
        column = tables.statements.c
        return and_(column.venue_id == self.venue_id, column.account == account)

    def _require_latest(self, connection: Connection, account: str, epoch: int, numbers: Mapping[bytes, int]) -> None:
        for row in connection.execute(select(tables.statements).where(self._statements(account))):
            given, last = numbers.get(row.signer), (row.epoch, number_of(row.seq))
            if given is not None and (epoch, given) < last:
                raise StatementStale(
                    "the account has proved about a later statement of this venue", where="statements",
                    expected=f"number {last[1]} or later", got=given,
                )  # fmt: skip

    def _note_numbers(self, connection: Connection, account: str, epoch: int, numbers: Mapping[bytes, int]) -> None:
        column = tables.statements.c
        known = {"venue_id": self.venue_id, "account": account, "epoch": epoch}
        for signer, seq in numbers.items():
            connection.execute(delete(tables.statements).where(self._statements(account), column.signer == signer))
            connection.execute(insert(tables.statements).values(known | {"signer": signer, "seq": word(seq)}))

    def _note(self, connection: Connection, account: str, known: list[int]) -> None:
        column = tables.commitments.c
        words = [word(commitment) for commitment in known]
        query = select(column.commitment, column.account).where(
            column.venue_id == self.venue_id, column.commitment.in_(words)
        )
        found = {bytes(row.commitment): row.account for row in connection.execute(query)}
        if any(owner != account for owner in found.values()):
            raise CustomerMixed("a position statement is another account's", where="commitments")
        for commitment in dict.fromkeys(words):
            if commitment not in found:
                values = {"venue_id": self.venue_id, "commitment": commitment, "account": account}
                connection.execute(insert(tables.commitments).values(values))

    # --- what is asked ------------------------------------------------------------------------------------------------

    def standings(self) -> list[Standing]:
        """All accounts by name."""
        with self._lock:
            standings = self._current().standings
            return [standings[account] for account in sorted(standings)]

    def standing(self, account: str) -> Standing:
        """Raises AccountUnknown."""
        with self._lock:
            found = self._current().standings.get(account)
        if found is None:
            raise AccountUnknown("no such account is on the clock", where="account", got=account)
        return found

    def queue(self) -> list[Standing]:
        """Who is to be liquidated, in order."""
        with self._lock:
            return self._current().queue()

    def counts(self) -> dict[State, int]:
        """How many accounts are in each state."""
        with self._lock:
            return self._current().counts()

    @property
    def pause(self) -> Pause | None:
        """Why and since when calls pause."""
        return self._clock.pause

    def changes(self, after: int = 0, limit: int = MAX_CHANGES) -> list[tuple[int, Change]]:
        """The log from behind entry ``after``, with the entries' numbers."""
        number = tables.changes.c.number
        return self._told(select(tables.changes).where(number > after).order_by(number), limit)

    def latest(self, limit: int) -> list[tuple[int, Change]]:
        """The last entries of the log, newest first."""
        return self._told(select(tables.changes).order_by(tables.changes.c.number.desc()), limit)

    def _told(self, query: Select[Any], limit: int) -> list[tuple[int, Change]]:
        own = query.where(tables.changes.c.venue_id == self.venue_id).limit(min(limit, MAX_CHANGES))
        with self._registry.reading() as connection:
            rows = connection.execute(own).all()
        return [(row.number, Change(row.at, row.account, row.before, row.after, row.reason)) for row in rows]

    def band(self, standing: Standing) -> str | None:
        """The buffer of an account's last proof, as ``num/den``."""
        return None if standing.band is None else str(self.policy.bands[standing.band])

    def nullifiers(self, accounts: Iterable[str]) -> dict[str, int]:
        """For those of the accounts that have one, the nullifier of the pledge that was recorded last."""
        credit, pledge = tables.credits.c, tables.pledges.c
        query = (
            select(credit.account, credit.nullifier)
            .join(tables.pledges, pledge.nullifier == credit.nullifier)
            .where(
                credit.venue_id == self.venue_id, pledge.venue_id == self.venue_id, credit.account.in_(list(accounts))
            )
            .order_by(pledge.log_index)
        )
        with self._registry.reading() as connection:
            return {row.account: number_of(row.nullifier) for row in connection.execute(query)}

    def credited(self, nullifier: int) -> str | None:
        """Which customer a nullifier is credited to."""
        column = tables.credits.c
        query = select(column.account).where(column.venue_id == self.venue_id, column.nullifier == word(nullifier))
        with self._registry.reading() as connection:
            return connection.execute(query).scalar()

    # --- storage ------------------------------------------------------------------------------------------------------

    def _apply(self, event: Callable[[MarginClock, int], list[Change]], at: int) -> list[Change]:
        """An event, and what it changed on disk. A machine's clock that steps back does not turn time back."""
        for _ in range(MAX_ATTEMPTS):
            clock = self._current()
            self._behind = True  # until what happens here is on disk: what is not did not happen
            try:
                changes = event(clock, max(at, clock.now))
            except (ProofSuperseded, AccountUnknown):
                self._behind = False
                raise
            touched, clock.touched = clock.touched, set()
            if self._registry.write(partial(self._store, clock=clock, touched=touched, changes=changes)).result():
                self._behind = False
                self._revision += 1
                return changes
        raise StoreFailed("other processes write to this clock all the time", hint="let one process serve a venue")

    def _current(self) -> MarginClock:
        """The clock as it is on disk, where another process may have written. Raises StoreFailed."""
        with self._registry.reading() as connection:
            stored = self._stored(connection)
        if self._behind or stored != self._revision:
            self._clock, self._revision = self._load()
            self._behind = False
        return self._clock

    def _stored(self, connection: Connection) -> int:
        column = tables.clocks.c
        return connection.execute(select(column.revision).where(column.venue_id == self.venue_id)).scalar() or 0

    def _store(self, connection: Connection, *, clock: MarginClock, touched: set[str], changes: list[Change]) -> bool:
        """Write what changed; False, and nothing, where the clock on disk is not the one that changed."""
        if self._stored(connection) != self._revision:
            return False
        venue = {"venue_id": self.venue_id}
        accounts = tables.accounts.c
        for account in touched:
            connection.execute(
                delete(tables.accounts).where(accounts.venue_id == self.venue_id, accounts.account == account)
            )
            standing = clock.standings.get(account)
            if standing is not None:
                connection.execute(insert(tables.accounts).values(venue | asdict(standing)))
        connection.execute(delete(tables.clocks).where(tables.clocks.c.venue_id == self.venue_id))
        values: dict[str, Any] = {"now": clock.now, "jumped": clock.jumped, "pause": None, "prices": None}
        if clock.pause is not None:
            values["pause"] = json.dumps(asdict(clock.pause))
        if clock.prices is not None:
            values["prices"] = json.dumps([clock.prices.time, clock.prices.index])
        connection.execute(insert(tables.clocks).values(venue | values | {"revision": self._revision + 1}))
        if changes:
            connection.execute(insert(tables.changes), [venue | asdict(change) for change in changes])
        return True

    def _load(self) -> tuple[MarginClock, int]:
        with self._registry.reading() as connection:
            row = connection.execute(select(tables.clocks).where(tables.clocks.c.venue_id == self.venue_id)).first()
            columns = [column for column in tables.accounts.c if column.name != "venue_id"]
            query = select(*columns).where(tables.accounts.c.venue_id == self.venue_id)
            standings = [
                Standing(**{**found, "state": State(found["state"])}) for found in connection.execute(query).mappings()
            ]
        if row is None:
            return MarginClock(self.policy), 0
        prices = None
        if row.prices is not None:
            time, index = json.loads(row.prices)
            prices = Prices(time, tuple((name, value) for name, value in index))
        pause = None if row.pause is None else Pause(**json.loads(row.pause))
        return MarginClock(self.policy, standings, pause, prices, row.jumped, row.now), row.revision


def index_of(market: Market) -> tuple[tuple[str, int], ...]:
    """What the breaker watches: for each underlying the mark of its first perpetual, or of its first dated future.

    In the decimals of the column ``mark``; empty where the tables have none over instruments.
    """
    column = market.tables.columns.get(MARK)
    if column is None or column.axes != ("instrument",):
        return ()
    found: dict[str, tuple[bool, int]] = {}
    for row, instrument in enumerate(market.listing.instruments):
        perpetual = instrument.kind == "perpetual"
        known = found.get(instrument.underlying)
        if instrument.kind in ("perpetual", "future") and (known is None or (perpetual and not known[0])):
            found[instrument.underlying] = perpetual, int(column.values[row])
    return tuple(sorted((name, value) for name, (_, value) in found.items() if value > 0))
