"""What a registry's database says, read without writing: pledges, entries, heads, proofs of the log."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from zkmargin.attestations.documents import Signature
from zkmargin.attestations.schema import load_json
from zkmargin.errors import DomainMismatch
from zkmargin.verifier.registry import merkle, tables
from zkmargin.verifier.registry.database import Database
from zkmargin.verifier.registry.documents import (
    PAGE_ENTRIES,
    LogConsistency,
    LogEntry,
    LogHead,
    LogHeadDocument,
    LogPage,
    LogProof,
    RegistryTerms,
    SignedHead,
)
from zkmargin.verifier.registry.errors import LogInclusion, PledgeMissing, StoreFailed
from zkmargin.verifier.registry.transaction import Pledge, pledge_of, word

MAX_ROWS = 1000


def stored_node(connection: Connection, level: int, position: int) -> bytes:
    """The hash of a complete subtree. Raises StoreFailed where the database lost it."""
    nodes = tables.nodes.c
    found = connection.execute(select(nodes.hash).where(nodes.level == level, nodes.position == position)).scalar()
    if found is None:
        raise StoreFailed("a node of the log's tree is missing", hint="restore the database from its backup")
    return bytes(found)


class Reader:
    """A database that holds the registry of ``terms``."""

    def __init__(self, database: Database, terms: RegistryTerms) -> None:
        self.terms = terms
        self._database = database

    def require_own(self) -> None:
        """Raise DomainMismatch, StoreFailed unless the database is of this registry and of this version."""
        terms = self.terms
        if not self._database.is_current():
            raise StoreFailed("no registry of this version is here")
        with self._database.reading() as connection:
            row = connection.execute(tables.registry.select()).first()
        if row is None:
            raise StoreFailed("no registry is here")
        if row.pledge_domain != terms.domain.signing().pledge_domain:
            raise DomainMismatch("the database is another pledge domain's", where="--database")
        if (row.operator, row.epoch_length) != (terms.operator, terms.epoch_length):
            raise StoreFailed("the database is of another operator, or of epochs of another length")

    # --- pledges ----------------------------------------------------------------------------------------------------

    def pledge(self, nullifier: int) -> Pledge | None:
        """What is recorded under a nullifier. It names the venue: for that venue and for auditors."""
        with self._database.reading() as connection:
            return self._pledge(connection, nullifier)

    def _pledge(self, connection: Connection, nullifier: int) -> Pledge | None:
        statement = tables.pledges.select().where(tables.pledges.c.nullifier == word(nullifier))
        row = connection.execute(statement).mappings().first()
        return None if row is None else pledge_of(row)

    def pledges(
        self, *, epoch: int, venue_id: bytes | None = None, after: int = -1, limit: int = MAX_ROWS
    ) -> list[Pledge]:
        """Pledges of an epoch in the order of their entries, from behind entry ``after``."""
        column = tables.pledges.c
        statement = tables.pledges.select().where(column.epoch == epoch, column.log_index > after)
        if venue_id is not None:
            statement = statement.where(column.venue_id == venue_id)
        with self._database.reading() as connection:
            rows = connection.execute(statement.order_by(column.log_index).limit(min(limit, MAX_ROWS))).mappings()
            return [pledge_of(row) for row in rows]

    # --- the log ----------------------------------------------------------------------------------------------------

    def size(self) -> int:
        """How many entries the log has."""
        with self._database.reading() as connection:
            return self._size(connection)

    def _size(self, connection: Connection) -> int:
        return int(connection.execute(select(tables.registry.c.size)).scalar_one())

    def latest_head(self) -> LogHeadDocument:
        """The last signed head. Raises PledgeMissing where the log is empty."""
        with self._database.reading() as connection:
            signed = self._head_over(connection, self._size(connection) - 1)
        return LogHeadDocument(domain=self.terms.domain, head=signed.head, signatures=signed.signatures)

    def _head_over(self, connection: Connection, index: int) -> SignedHead:
        """The first head that covers an entry."""
        if index >= 0:
            found = self._heads(connection, index, None, 1)
            if found:
                return found[0]
        raise PledgeMissing("the log is empty", where="log")

    def _heads(self, connection: Connection, above: int, up_to: int | None, limit: int) -> list[SignedHead]:
        column = tables.heads.c
        statement = tables.heads.select().where(column.size > above).order_by(column.size).limit(limit)
        if up_to is not None:
            statement = statement.where(column.size <= up_to)
        domain = self.terms.domain.signing()
        return [
            SignedHead(
                head=LogHead(pledge_domain=domain.pledge_domain, size=row.size, root=row.root, time=row.time),
                signatures=(Signature(signer=self.terms.operator, signature=row.signature),),
            )
            for row in connection.execute(statement)
        ]

    def page(self, first: int, end: int | None = None) -> LogPage:
        """Up to 1,000 entries from number ``first`` on, below ``end``, and the heads over them."""
        count = PAGE_ENTRIES if end is None else max(0, min(PAGE_ENTRIES, end - first))
        with self._database.reading() as connection:
            entries = self._entries(connection, first, count)
            heads = self._heads(connection, first, first + len(entries), PAGE_ENTRIES) if entries else []
        return LogPage(domain=self.terms.domain, first=first, entries=tuple(entries), heads=tuple(heads))

    def _entries(self, connection: Connection, first: int, count: int) -> list[LogEntry]:
        column = tables.entries.c
        statement = select(column.body).where(column.log_index >= first).order_by(column.log_index).limit(count)
        return [_entry(body) for body in connection.execute(statement).scalars()]

    def prove_inclusion(self, index: int) -> LogProof:
        """Entry ``index`` with its path to the last head. Raises LogInclusion where there is no such entry."""
        with self._database.reading() as connection:
            entries = self._entries(connection, index, 1)
            if not entries:
                raise LogInclusion("the log has no such entry", where="index", got=index)
            head = self._head_over(connection, self._size(connection) - 1)
            path = merkle.inclusion_path(index, head.head.size, lambda level, at: stored_node(connection, level, at))
        return LogProof(domain=self.terms.domain, index=index, entry=entries[0], path=tuple(path), log=head)

    def prove_consistency(self, first: int, second: int | None = None) -> LogConsistency:
        """That the log of one signed head begins with that of another, by their sizes; None: the last head.

        Raises LogInclusion where no head has such a size.
        """
        with self._database.reading() as connection:
            last = self._size(connection) if second is None else second
            before, after = self._head_of(connection, first), self._head_of(connection, last)
            if first > last:
                raise LogInclusion("a log does not shrink", where="first", expected=f"at most {last}", got=first)
            path = merkle.consistency_path(first, last, lambda level, at: stored_node(connection, level, at))
        return LogConsistency(domain=self.terms.domain, first=before, second=after, path=tuple(path))

    def _head_of(self, connection: Connection, size: int) -> SignedHead:
        found = self._heads(connection, size - 1, size, 1)
        if not found:
            raise LogInclusion("no head of this size was signed", where="size", got=size)
        return found[0]

    # --- the whole --------------------------------------------------------------------------------------------------

    def require_whole(self) -> None:
        """Raise StoreFailed unless the tables say what the log says: for restored backups, and after a crash."""
        with self._database.reading() as connection:
            size = self._size(connection)
            counts = {
                "entries": connection.execute(select(func.count()).select_from(tables.entries)).scalar_one(),
                "nodes": connection.execute(
                    select(func.count()).select_from(tables.nodes).where(tables.nodes.c.level == 0)
                ).scalar_one(),
                "heads": connection.execute(select(func.coalesce(func.max(tables.heads.c.size), 0))).scalar_one(),
            }
            if wrong := [name for name, count in counts.items() if count != size]:
                raise StoreFailed("tables and log differ in length", where=", ".join(wrong), expected=size)
            held: dict[int, tuple[int, LogEntry]] = {}
            contexts: set[bytes] = set()
            for first in range(0, size, PAGE_ENTRIES):
                for number, entry in enumerate(self._entries(connection, first, PAGE_ENTRIES), first):
                    if stored_node(connection, 0, number) != merkle.leaf_hash(entry.canonical()):
                        raise StoreFailed("an entry is not the one that was hashed", where=f"entry {number}")
                    if entry.registration is None:
                        held.pop(entry.nullifier, None)
                    else:
                        held[entry.nullifier] = (number, entry)
                        contexts.add(word(entry.registration.context))
            pledges = [pledge_of(row) for row in connection.execute(tables.pledges.select()).mappings()]
            used = set(connection.execute(select(tables.contexts.c.context)).scalars())
            head = self._head_over(connection, size - 1).head if size else None
            root = merkle.root(size, lambda level, at: stored_node(connection, level, at))
        _require_same(pledges, held)
        if used != contexts:
            raise StoreFailed("used contexts are not those of the log", where="contexts")
        if head is not None and head.root != root:
            raise StoreFailed("the tree is not the one that was signed", where="nodes")


def _entry(body: bytes) -> LogEntry:
    return LogEntry.of_json(load_json(bytes(body), "entry"), "entry")


def _require_same(pledges: Sequence[Pledge], held: dict[int, tuple[int, LogEntry]]) -> None:
    table = {
        pledge.nullifier: (pledge.log_index, pledge.venue_id, pledge.expires_at, pledge.context, pledge.recorded_at)
        for pledge in pledges
    }
    log = {
        nullifier: (
            number,
            entry.venue_id,
            entry.registration.expires_at,
            entry.registration.context,
            entry.recorded_at,
        )
        for nullifier, (number, entry) in held.items()
        if entry.registration is not None
    }
    if table != log:
        raise StoreFailed("pledges are not those of the log", where="pledges")
