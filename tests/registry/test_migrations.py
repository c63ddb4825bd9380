"""The tables in code are those that migrations make."""

from __future__ import annotations

import re
from pathlib import Path

import postgres
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from zkmargin.verifier.registry.database import MIGRATIONS, Database
from zkmargin.verifier.registry.errors import StoreFailed
from zkmargin.verifier.registry.tables import metadata


def test_migrations_make_the_tables_of_the_code(url: str) -> None:
    database = Database(url, create=True)
    database.upgrade()
    assert database.is_current()
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        made = _constraints(connection)
    database.upgrade()  # nothing more to do
    with database.writing() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)
    with database.reading() as connection:
        assert _constraints(connection) == made
    database.close()


def _constraints(connection: Connection) -> object:
    """Checks and keys, which the comparison of alembic leaves out; on SQLite the whole text too."""
    found = inspect(connection)
    tables = sorted(set(found.get_table_names()) - {"alembic_version"})
    checks = {
        table: (
            sorted((check["name"], _plain(check["sqltext"])) for check in found.get_check_constraints(table)),
            found.get_pk_constraint(table),
            sorted(column["name"] for column in found.get_columns(table)),
        )
        for table in tables
    }
    if connection.dialect.name != "sqlite":
        return checks
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    clauses = {name: sorted(re.split(r"\s*[,()]\s*", _plain(sql))) for name, sql in rows}
    return checks, {name: parts for name, parts in clauses.items() if name != "alembic_version"}


def _plain(sql: str) -> str:
    return re.sub(r"\s+", " ", sql)


def test_there_is_one_line_of_migrations() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert len(scripts.get_heads()) == 1
    assert [script.revision for script in scripts.walk_revisions()][-1] == "0001"


def test_sqlite_flushes_every_commit(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/r.db", create=True)
    with database.writing() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
    database.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}  # 2 is FULL


def test_postgresql_flushes_every_commit(server: postgres.Postgres) -> None:
    database = Database(server.database())
    with database.writing() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    database.close()


def test_words_are_exactly_32_bytes(url: str) -> None:
    """What does not fit is refused by the database itself."""
    database = Database(url, create=True)
    database.upgrade()
    for challenge in (bytes(31), bytes(33)):
        with pytest.raises(StoreFailed), database.writing() as connection:
            connection.execute(
                metadata.tables["challenges"].insert(),
                {"challenge": challenge, "venue_id": bytes(32), "expires_at": 1, "used_at": None},
            )
    database.close()
