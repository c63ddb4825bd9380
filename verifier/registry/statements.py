"""Statements whose text is made once.

SQLAlchemy's own ``execute`` takes longer to find a statement's text again than SQLite takes to do what it says. Values
are numbers, bytes and None alone, which the drivers take as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import Connection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from zkmargin.verifier.registry.errors import StoreFailed

Values = Mapping[str, int | bytes | None]


class Statement:
    """``made`` takes all its values by name."""

    def __init__(self, made: ClauseElement) -> None:
        self._made: Final = made
        self._texts: dict[str, tuple[str, list[str] | None]] = {}

    def text(self, connection: Connection) -> tuple[str, list[str] | None]:
        """In the words of the connection's kind of database; where those have no names, in which order values go."""
        kind = connection.dialect.name
        if kind not in self._texts:
            compiled = cast(SQLCompiler, self._made.compile(dialect=connection.dialect))
            self._texts[kind] = str(compiled), compiled.positiontup
        return self._texts[kind]


class Cursor:
    """Runs statements in the transaction that a connection is in. Raises what the driver raises."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor = connection.connection.cursor()

    def run(self, statement: Statement, values: Values) -> int:
        """How many rows it changed."""
        text, order = statement.text(self._connection)
        self._cursor.execute(text, _given(values, order))
        return int(self._cursor.rowcount)

    def run_all(self, statement: Statement, rows: Sequence[Values]) -> None:
        """Once with each row's values."""
        text, order = statement.text(self._connection)
        self._cursor.executemany(text, [_given(values, order) for values in rows])

    def row(self, statement: Statement) -> Sequence[Any]:
        """The row that it finds. Raises StoreFailed where there is none."""
        self._cursor.execute(statement.text(self._connection)[0])
        found: Sequence[Any] | None = self._cursor.fetchone()
        if found is None:
            raise StoreFailed("a row is missing", hint="restore the database from its backup")
        return found


def _given(values: Values, order: list[str] | None) -> Any:
    return values if order is None else [values[name] for name in order]
