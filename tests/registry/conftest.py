"""Registries on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import postgres
import pytest
from registry_world import Clock, open_registry, sqlite_at

from zkmargin.verifier.registry.registry import Registry


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Postgres]:
    """A PostgreSQL server, started when the first test asks for it."""
    if postgres.binaries() is None:
        if os.environ.get("ZKMARGIN_CI") == "1":
            pytest.fail("PostgreSQL is not installed (ZKMARGIN_CI=1 insists)")
        pytest.skip("PostgreSQL is not installed")
    started = postgres.Postgres()
    yield started
    started.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of either kind."""
    if request.param == "sqlite":
        return sqlite_at(tmp_path)
    found: str = request.getfixturevalue("server").database()
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(url: str, clock: Clock) -> Iterator[Registry]:
    """An empty registry."""
    with open_registry(url, clock) as opened:
        yield opened
