"""The large rule set on a real chain: twenty changed places, both verifiers, one code."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from parties import World
from tampering import changed, code_of, leaves, other_values

from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import ZkMarginError
from zkmargin.field import FR_MODULUS, encode_elements
from zkmargin.margin.account import Account
from zkmargin.margin.build import build_market
from zkmargin.margin.compact import read_source
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.groth16 import verify_groth16
from zkmargin.verifier.verify import compute_public_inputs

DEMO = Path(__file__).parents[2] / "demo"
ENGINES = ("rust", "python")

pytestmark = pytest.mark.prove


@dataclass
class Large:
    """A proof over 792 options and their futures, and the world it was made in."""

    world: World
    snapshot: MarketSnapshotDocument
    envelope: Envelope
    at: int

    def code(self, tree: Any) -> str:
        codes = {engine: code_of(self.world, tree, engine, market=self.snapshot, at=self.at) for engine in ENGINES}
        assert len(set(codes.values())) == 1, codes
        return codes["rust"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Large:
    rules = load_rules("portfolio_scan")
    market = build_market([read_source(DEMO / "chain_btc_20260205T093647Z.csv")], table_schema(rules))
    world = World(tmp_path_factory.mktemp("large"), text=rules.text)
    account = Account.read(DEMO / "account.csv", market.listing)
    at = market.price_time + 10
    snapshot = world.snapshot(market)
    statement = world.statement(
        account.vector(market.listing),
        account.cash,
        listing_digest=market.listing.digest,
        as_of=at - 30,
        issued_at=at - 20,
        expires_at=at + 3600,
        epoch=at // 86400,
    )
    return Large(world, snapshot, world.prove(snapshot=snapshot, account=statement, at=at), at)


def test_it_holds(large: Large) -> None:
    assert large.code(large.envelope.to_json()) == "holds"
    assert len(large.envelope.to_bytes()) < 8192


def test_twenty_changed_fields(large: Large) -> None:
    chance = random.Random(20)
    tree = large.envelope.to_json()
    places = list(leaves(tree))
    for path, value in chance.sample(places, 14):
        other = chance.choice([other for other in other_values(value) if other != value])
        assert large.code(changed(tree, path, other)) != "holds", path
    publics_only = [("publicInputs", name) for name in ("nullifier", "C")]
    for place in publics_only:
        assert large.code(changed(tree, place, "12345")) == "E_PROOF_INVALID"


def test_changed_public_inputs_of_every_kind(large: Large) -> None:
    world, proof = large.world, large.envelope.proof.to_bytes()
    publics = list(compute_public_inputs(large.envelope, world.rules, large.snapshot.market, world.prover._arithmetic))
    assert len(publics) == 1033
    for index in (6, 7, 8, 799, 1031, 1032):  # C, gamma, the first t, an active one, a padded one, a direct one
        altered = [*publics[:index], (publics[index] + 1) % FR_MODULUS, *publics[index + 1 :]]
        for engine in ENGINES:
            with pytest.raises(ZkMarginError) as caught:
                verify_groth16(world.verifying_key, encode_elements(altered), proof, engine=engine)
            assert caught.value.code == "E_PROOF_INVALID"
