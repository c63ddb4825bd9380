"""Two chains with equal blocks, made once and put back as they were after each test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from attesting import OWNER, PLEDGE_DOMAIN, Attesting, binding
from chain_world import compiled, furnish, running
from desk import Desk, two_chains


@pytest.fixture(scope="session")
def contracts() -> Mapping[str, Any]:
    """What solc makes of contracts.sol."""
    return compiled()


@pytest.fixture(scope="session")
def _world(contracts: Mapping[str, Any]) -> Iterator[Attesting]:
    with running(1) as mainnet, running(8453) as base:
        deployed = {furnish(chain, contracts, PLEDGE_DOMAIN, OWNER) for chain in (mainnet, base)}
        assert len(deployed) == 1
        yield Attesting({chain.name: chain for chain in (mainnet, base)}, deployed.pop())


@pytest.fixture
def world(_world: Attesting) -> Iterator[Attesting]:
    """The two chains; what a test does to them is undone."""
    mainnet, base = _world.chains.values()
    with mainnet.undone(), base.undone():
        yield Attesting(_world.chains, _world.deployed, [binding(name) for name in _world.chains])


@pytest.fixture(scope="session")
def desk(contracts: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """All parties around two chains of their own, up to a published root. Tests only add files."""
    with two_chains(contracts) as world:
        yield Desk(tmp_path_factory.mktemp("desk"), world)
