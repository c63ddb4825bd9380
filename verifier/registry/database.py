"""The registry's database: SQLite by default, PostgreSQL for production; durable before anything is answered."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from zkmargin.verifier.registry.errors import StoreFailed

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_WAIT_SECONDS: Final = 30


class Database:
    """Two engines on one database: one connection at a time writes, several read.

    ``url`` is SQLAlchemy's: ``sqlite:////path/of/registry.db``, ``postgresql://user@host/name``. A file of SQLite is
    made only where ``create`` says so. Raises StoreFailed.
    """

    def __init__(self, url: str, *, create: bool = False) -> None:
        address = _address(url)
        self.sqlite = address.get_backend_name() == "sqlite"
        if self.sqlite and not create and not Path(address.database or "").is_file():
            raise StoreFailed("no such database", where=address.database or "")
        options: dict[str, Any] = {"pool_pre_ping": not self.sqlite}
        if self.sqlite:
            options["connect_args"] = {"timeout": _WAIT_SECONDS, "check_same_thread": False}
        else:
            settings = (
                f"-c synchronous_commit=on -c lock_timeout={_WAIT_SECONDS}s -c statement_timeout={_WAIT_SECONDS}s"
            )
            options["connect_args"] = {"options": settings, "connect_timeout": _WAIT_SECONDS}
        self._writer = create_engine(address, pool_size=1, max_overflow=0, pool_timeout=_WAIT_SECONDS, **options)
        self._reader = create_engine(address, pool_size=4, max_overflow=4, pool_timeout=_WAIT_SECONDS, **options)
        if self.sqlite:
            _prepare(self._writer, "BEGIN IMMEDIATE")
            _prepare(self._reader, "BEGIN")
        driver = self._writer.dialect.loaded_dbapi
        self._errors: tuple[type[Exception], ...] = SQLAlchemyError, driver.Error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on disk when the block ends, or is not at all. Raises StoreFailed."""
        with self._translated("written"), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view. Raises StoreFailed."""
        with self._translated("read"), self._reader.begin() as connection:
            if not self.sqlite:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection

    def upgrade(self) -> None:
        """Make the tables, or bring them to this version. Raises StoreFailed."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self.writing() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def is_current(self) -> bool:
        """Whether the tables are those of this version. Raises StoreFailed."""
        from alembic.migration import MigrationContext
        from alembic.script import ScriptDirectory

        with self.reading() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
        return found == ScriptDirectory(str(MIGRATIONS)).get_current_head()

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """The driver's words can hold an address with its password, and values: they are not repeated."""
        try:
            yield
        except self._errors as error:
            cause = getattr(error, "orig", None) or error
            raise StoreFailed(f"the database cannot be {what}", got=type(cause).__name__) from None

    def close(self) -> None:
        """Close all connections."""
        self._writer.dispose()
        self._reader.dispose()


def _address(url: str) -> URL:
    try:
        address = make_url(url)
        backend = address.get_backend_name()
    except ArgumentError:
        raise StoreFailed("not the address of a database", where="--database") from None
    if backend == "sqlite":
        if not address.database or address.database == ":memory:":
            raise StoreFailed("a registry in memory forgets its pledges", where="--database", expected="a file")
        return address
    if backend != "postgresql":
        raise StoreFailed("unknown kind of database", where="--database", expected="sqlite or postgresql", got=backend)
    return address.set(drivername="postgresql+psycopg")


def _prepare(engine: Engine, begin: str) -> None:
    """SQLite: transactions that begin where we say, a write-ahead log, and a flush to disk at every commit."""

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode is None or mode[0] != "wal":
            raise StoreFailed("the file system does not carry a write-ahead log", expected="wal")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=4000")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
