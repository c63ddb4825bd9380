"""One transaction of the registry: what it writes about pledges, and what it appends to the log.

The database decides who was first, by primary keys: a row is inserted or it is not, and a pledge is replaced by an
UPDATE that names what may be replaced. What was read before decides nothing but the words of a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Table, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from zkmargin.verifier.registry import tables
from zkmargin.verifier.registry.documents import LogEntry, Registration, Release, SignedHead
from zkmargin.verifier.registry.errors import StoreFailed
from zkmargin.verifier.registry.merkle import Frontier, leaf_hash
from zkmargin.verifier.registry.statements import Cursor, Statement, Values


def word(number: int) -> bytes:
    """A number of up to 256 bits, as tables hold it."""
    return number.to_bytes(32, "big")


def number_of(stored: bytes) -> int:
    """The number that a word holds."""
    return int.from_bytes(stored, "big")


@dataclass(frozen=True)
class Pledge:
    """A recorded pledge. Held until its venue releases it or its epoch ends; times in unix seconds."""

    nullifier: int
    epoch: int
    venue_id: bytes
    issued_at: int
    expires_at: int
    context: int
    vk_hash: bytes
    policy_id: bytes
    log_index: int
    recorded_at: int

    def counts_from(self, epoch_length: int) -> int:
        """Before this the pledge is pending, so that pledges of two epochs never overlap."""
        return max(self.issued_at, self.epoch * epoch_length)

    def state(self, at: int, epoch_length: int) -> Literal["pending", "active", "lapsed"]:
        """``lapsed``: the proof has expired; the nullifier stays with its venue all the same."""
        if at < self.counts_from(epoch_length):
            return "pending"
        return "active" if at < self.expires_at else "lapsed"


def pledge_of(row: RowMapping) -> Pledge:
    """From a row of the table."""
    fields: dict[str, Any] = {str(name): value for name, value in row.items()}
    return Pledge(**fields | {name: number_of(fields[name]) for name in ("nullifier", "context")})


def _insert(table: Table, sqlite_: bool) -> Statement:
    """Insert a row unless its key is there."""
    statement = sqlite.insert(table) if sqlite_ else postgresql.insert(table)
    return Statement(statement.on_conflict_do_nothing())


_INSERTS = {
    (table.name, sqlite_): _insert(table, sqlite_)
    for table in (tables.pledges, tables.contexts, tables.releases, tables.challenges)
    for sqlite_ in (True, False)
}

_p = tables.pledges.c
_REPLACE = Statement(
    update(tables.pledges)
    .where(
        _p.nullifier == bindparam("of"),
        _p.venue_id == bindparam("venue"),
        _p.epoch == bindparam("in_epoch"),
        _p.vk_hash == bindparam("key"),
        _p.policy_id == bindparam("policy"),
        _p.issued_at < bindparam("issued"),
        _p.expires_at <= bindparam("expires"),
    )
    .values(
        issued_at=bindparam("issued"),
        expires_at=bindparam("expires"),
        context=bindparam("by_context"),
        log_index=bindparam("index"),
        recorded_at=bindparam("now"),
    )
)
_EMPTY = Statement(
    delete(tables.pledges).where(
        _p.nullifier == bindparam("of"),
        _p.venue_id == bindparam("venue"),
        _p.epoch == bindparam("in_epoch"),
        _p.issued_at <= bindparam("moment"),
    )
)
_PLEDGE = select(tables.pledges).where(_p.nullifier == bindparam("of"))
_FORGET = Statement(delete(tables.contexts).where(tables.contexts.c.context == bindparam("of")))
_r = tables.releases.c
_FORGET_RELEASE = Statement(
    delete(tables.releases).where(_r.nullifier == bindparam("of"), _r.at == bindparam("moment"))
)
_c = tables.challenges.c
_CONSUME = Statement(
    update(tables.challenges)
    .where(
        _c.challenge == bindparam("answered"),
        _c.venue_id == bindparam("venue"),
        _c.used_at.is_(None),
        _c.expires_at > bindparam("now"),
    )
    .values(used_at=bindparam("now"))
)
_PURGE = Statement(delete(tables.challenges).where(_c.expires_at <= bindparam("now")))
_ENTRIES, _NODES, _HEADS = (Statement(table.insert()) for table in (tables.entries, tables.nodes, tables.heads))
_GROW = Statement(update(tables.registry).values(size=bindparam("grown"), signed_at=bindparam("at")))


class Transaction:
    """What jobs of one batch write through. Nothing of it is true before the batch is committed."""

    def __init__(self, connection: Connection, *, sqlite_: bool, now: int, signed_at: int, frontier: Frontier) -> None:
        self.now = now
        self.head_time = max(now, signed_at)  # of heads, later ones are never earlier: a shorter log shows
        self.frontier = frontier
        self.head: SignedHead | None = None
        self._connection = connection
        self._cursor = Cursor(connection)
        self._sqlite = sqlite_
        self._bodies: list[bytes] = []
        self._nodes: list[tuple[int, int, bytes]] = []

    @property
    def connection(self) -> Connection:
        """For tables beside the pledges' that share the commit."""
        return self._connection

    def _insert(self, table: Table, **values: int | bytes | None) -> bool:
        """Whether the row is new."""
        return self._cursor.run(_INSERTS[table.name, self._sqlite], values) == 1

    # --- pledges ----------------------------------------------------------------------------------------------------

    def pledge(self, nullifier: int) -> Pledge | None:
        """The record as it stands in this transaction."""
        row = self._connection.execute(_PLEDGE, {"of": word(nullifier)}).mappings().first()
        return None if row is None else pledge_of(row)

    def take_context(self, context: int, epoch: int) -> bool:
        """Whether the context is used for the first time."""
        return self._insert(tables.contexts, context=word(context), epoch=epoch)

    def forget_context(self, context: int) -> None:
        """Undo ``take_context`` of this very job: its pledge was refused."""
        self._cursor.run(_FORGET, {"of": word(context)})

    def write(self, pledged: Registration) -> bool:
        """Write a pledge into an empty record; whether it was empty."""
        return self._insert(
            tables.pledges,
            nullifier=word(pledged.nullifier),
            epoch=pledged.epoch,
            venue_id=pledged.venue_id,
            issued_at=pledged.issued_at,
            expires_at=pledged.expires_at,
            context=word(pledged.context),
            vk_hash=pledged.vk_hash,
            policy_id=pledged.policy_id,
            log_index=self.next_index,
            recorded_at=self.now,
        )

    def replace(self, pledged: Registration) -> bool:
        """Replace the same venue's pledge under the same key and policy by a newer one that ends no earlier."""
        values: Values = {
            "of": word(pledged.nullifier),
            "venue": pledged.venue_id,
            "in_epoch": pledged.epoch,
            "key": pledged.vk_hash,
            "policy": pledged.policy_id,
            "issued": pledged.issued_at,
            "expires": pledged.expires_at,
            "by_context": word(pledged.context),
            "index": self.next_index,
            "now": self.now,
        }
        return self._cursor.run(_REPLACE, values) == 1

    def empty(self, release: Release, venue_id: bytes) -> bool:
        """Delete this venue's pledge, if it was issued no later than the release says; whether it was there."""
        values: Values = {
            "of": word(release.nullifier), "venue": venue_id, "in_epoch": release.epoch, "moment": release.at
        }  # fmt: skip
        return self._cursor.run(_EMPTY, values) == 1

    def note_release(self, release: Release, venue_id: bytes) -> bool:
        """Whether this release is new."""
        return self._insert(
            tables.releases, nullifier=word(release.nullifier), at=release.at, epoch=release.epoch, venue_id=venue_id,
            log_index=self.next_index,
        )  # fmt: skip

    def forget_release(self, release: Release) -> None:
        """Undo ``note_release`` of this very job: it released nothing."""
        self._cursor.run(_FORGET_RELEASE, {"of": word(release.nullifier), "moment": release.at})

    # --- challenges -------------------------------------------------------------------------------------------------

    def add_challenge(self, challenge: bytes, venue_id: bytes, expires_at: int) -> None:
        """A challenge that was drawn. Raises StoreFailed where it was drawn before: the randomness is broken."""
        row: Values = {"challenge": challenge, "venue_id": venue_id, "expires_at": expires_at, "used_at": None}
        if not self._insert(tables.challenges, **row):
            raise StoreFailed("a challenge was drawn twice", hint="this machine's random numbers are not random")

    def consume_challenge(self, challenge: bytes, venue_id: bytes) -> bool:
        """Whether it was this venue's, unused and not expired; it is used from now on."""
        return self._cursor.run(_CONSUME, {"answered": challenge, "venue": venue_id, "now": self.now}) == 1

    def purge_challenges(self) -> int:
        """Forget challenges that have expired, used or not."""
        return self._cursor.run(_PURGE, {"now": self.now})

    # --- the log ----------------------------------------------------------------------------------------------------

    @property
    def next_index(self) -> int:
        """The place of the next entry."""
        return self.frontier.size

    def append(self, entry: LogEntry) -> int:
        """Add an entry; its place. To be called when nothing can refuse it any more."""
        body = entry.canonical()
        self._nodes += self.frontier.append(leaf_hash(body))
        self._bodies.append(body)
        return self.frontier.size - 1

    @property
    def grew(self) -> bool:
        """Whether something was appended."""
        return bool(self._bodies)

    def note_head_time(self) -> None:
        """A head of this time and of the log as it is now is being signed."""
        self._cursor.run(_GROW, {"grown": self.frontier.size, "at": self.head_time})

    def finish(self, head: SignedHead) -> None:
        """Write what was appended, under a head over all of it."""
        first = self.frontier.size - len(self._bodies)
        run_all = self._cursor.run_all
        run_all(_ENTRIES, [{"log_index": first + n, "body": body} for n, body in enumerate(self._bodies)])
        run_all(_NODES, [{"level": level, "position": at, "hash": node} for level, at, node in self._nodes])
        self._cursor.run(
            _HEADS,
            {
                "size": self.frontier.size,
                "root": head.head.root,
                "time": head.head.time,
                "signature": head.signatures[0].signature,
            },
        )
        self.note_head_time()
        self.head = head
