"""Two chains with equal blocks, collected from once; audits need no chain afterwards, unless a node is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from attesting import NOW, OWNER, PLEDGE_DOMAIN, Attesting, binding, receipt_token
from audit_world import BASE, Stage, signed
from chain_world import HOLDER, compiled, furnish, running

from zkmargin.attestations.chains.evm import EvmReader
from zkmargin.attestations.chains.reader import Holding


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """An honest root, the one after it, and one that attests a vault and its receipt token."""
    contracts = compiled()
    with running(1) as mainnet, running(8453) as base:
        chains = (mainnet, base)
        deployed = {furnish(chain, contracts, PLEDGE_DOMAIN, OWNER) for chain in chains}
        assert len(deployed) == 1
        world = Attesting({chain.name: chain for chain in chains}, deployed.pop(), [binding(c.name) for c in chains])
        first = signed(world.collect().bundle)
        second = signed(world.collect(first, at=NOW + 10).bundle)
        layout = receipt_token(world, BASE)[1].named(f"{BASE} shares")
        mark = next(entry for entry in first.document.checkpoints if entry.chain == BASE)
        reader = EvmReader(BASE, world.chains[BASE].url)
        (shares,) = reader.read([Holding(layout, f"{BASE}:0x{HOLDER.address.hex()}")], mark)
        yield Stage(world, first, second, world.registry, (layout, shares))
