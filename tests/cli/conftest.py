"""A small world of parties and snapshots that commands work in."""

from __future__ import annotations

import pytest
from calling import DEMO, EVENING, MORNING, World, ok


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Made once; tests only add files to it."""
    folder = tmp_path_factory.mktemp("world")
    ok("policy", "domain", "--name", "tests", "--out", folder / "domain.json")
    for name in ("venue", "publisher", "verifier", "stranger"):
        ok("keys", "new", "signer", "--out", folder / f"{name}.key")
    owner = ok("keys", "new", "owner", "--out", folder / "owner.key", "--json").json["owner"]
    for name, time in (("morning", MORNING), ("evening", EVENING)):
        chain = DEMO / f"chain_btc_{time.replace('-', '').replace(':', '')}.csv"
        common = ["--rules", "portfolio_scan", "--domain", folder / "domain.json", "--at", time]
        signer = ["--key", folder / "publisher.key"]
        ok("market", "build", chain, *common, *signer, "--out", folder / f"{name}.market.json")
    return World(folder, owner)
