"""The small world of ``tests/parties.py``, its key made once."""

from __future__ import annotations

import pytest
from parties import World

from zkmargin.verifier.envelope import Envelope


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="session")
def envelope(world: World) -> Envelope:
    return world.prove()
