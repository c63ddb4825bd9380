"""One service for the tests of a module."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from parties import World
from served import Served, serve

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))  # simulated traders, a client that floods


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def served(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(world, tmp_path_factory.mktemp("service")) as running:
        assert running.send_market().status_code == 201
        yield running
