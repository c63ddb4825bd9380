"""A margin proof of binding `committed`: one trader, two chains, four verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledger import ADMIN, LENDER, NOW, PUBLISHER, STRANGER, TRADER, VENUE, VENUE_ID, Ledger, refused
from parties import RULES, World, small_market

from zkmargin import backend
from zkmargin.attestations.documents import HomeDomain, Signers
from zkmargin.attestations.keyfiles import party_of
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.positions import PositionOpening, PositionStatementDocument
from zkmargin.circuits.plan import compute_table_commitment
from zkmargin.errors import VerificationError
from zkmargin.field import FQ_MODULUS as Q
from zkmargin.margin.market import Market
from zkmargin.verifier.contracts import words
from zkmargin.verifier.contracts.client import Contract
from zkmargin.verifier.contracts.deployment import deploy_verifier
from zkmargin.verifier.contracts.encoding import proof_words
from zkmargin.verifier.contracts.registry import Registry
from zkmargin.verifier.envelope import Envelope, Proof
from zkmargin.verifier.policy import MaximumAge, Policy, VenuePolicy

pytestmark = [pytest.mark.chain, pytest.mark.prove]
TEXT = RULES.replace(b"binding: public", b"binding: committed").replace(b"capacity: 8", b"capacity: 6")
ENGINES = ("rust", "python") if "rust" in backend.engines() else ("reference", "python")


class OnChain(World):
    """The small world of other tests, in a registry's domain, at the chain's clock."""

    ledger: Ledger

    @property
    def domain(self) -> HomeDomain:  # type: ignore[override]
        return self.ledger.domain

    def market(self) -> Market:
        return small_market(price_time=NOW - 10)

    def listed(self) -> Policy:
        return self.policy(
            target=self.ledger.target, verifier_id=party_of(LENDER.address), publishers=Signers.of(PUBLISHER.address),
            venues=(VenuePolicy(venue_id=VENUE_ID, name="venue", signers=Signers.of(VENUE.address)),),
            maximum_age=MaximumAge(price=300, statement=3600, proof=600),
        )  # fmt: skip

    def signed_market(self) -> MarketSnapshotDocument:
        market = self.market()
        return self.snapshot(
            market, keys=[PUBLISHER], table_commitment=compute_table_commitment(self.rules, market.tables)
        )

    def positions(self) -> tuple[PositionStatementDocument, PositionOpening]:
        return self.statement(
            venue_id=VENUE_ID, audience=party_of(LENDER.address), keys=[VENUE], as_of=NOW - 30, issued_at=NOW - 20,
            expires_at=NOW + 3600,
        )  # fmt: skip

    def made(self, challenge: bytes) -> Envelope:
        return self.prove(
            policy=self.listed(), snapshot=self.signed_market(), account=self.positions(), at=NOW, challenge=challenge
        )

    def holds(self, envelope: Envelope, engine: str) -> bool:
        """The whole verification, off chain."""
        try:
            self.verify(
                envelope, policy=self.listed(), market=self.signed_market(), at=NOW,
                challenge=envelope.context.challenge, engine=engine,
            )  # fmt: skip
        except VerificationError:
            return False
        return True


@pytest.fixture(scope="module")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("key")


def test_one_proof_on_two_chains_and_four_verdicts(ledger: Ledger, away: Ledger, key_folder: Path) -> None:
    world = OnChain(key_folder, TEXT)
    world.ledger = ledger
    verifier, _ = deploy_verifier(ledger.node, STRANGER, world.verifying_key)
    policy, registry = world.listed(), Registry(ledger.node, ledger.domain)

    registry.add_policy(ADMIN, policy, LENDER.address, [world.verifying_key])
    state = registry.policy_state(policy, LENDER.address, [world.verifying_key])
    assert (state.known, state.retired) == (True, False)
    ledger.go_to(NOW)
    challenge, _ = registry.request_challenge(TRADER, policy)
    envelope = world.made(challenge)
    publics = [*envelope.public_inputs.leading(), envelope.market.snapshot.table_commitment]
    assert len(publics) == 7

    away.go_to(NOW)
    refused("WrongTarget", "E_TARGET", lambda: away.try_words(words.submission_words(envelope)))

    other = policy.venues[0].model_copy(update={"venue_id": bytes(31) + b"\1"})
    elsewhere = policy.model_copy(update={"venues": (other,)})
    with pytest.raises(VerificationError, match=r"E_STATEMENT.*exactly one"):
        registry.document_calls(envelope, elsewhere)

    valid = envelope.proof
    tampered = Proof(a=valid.a, b=valid.b, c=(valid.c[0], Q - valid.c[1]))
    forged = envelope.model_copy(update={"proof": tampered})
    refused("ProofInvalid", "E_PROOF_INVALID", lambda: _submit(registry, forged, policy))
    for each, holds in ((envelope, True), (forged, False)):
        assert [world.holds(each, engine) for engine in ENGINES] == [holds] * 2
        assert _alone(verifier, each, publics) is holds

    record = _submit(registry, envelope, policy)
    assert registry.require_record(record) > 0
    assert record.record.digest == ledger.slot(record.nullifier)
    refused("ChallengeUnknown", "E_CHALLENGE", lambda: _submit(registry, envelope, policy))
    asking = (TRADER.address, policy.policy_id, 600, record.nullifier, record.record.words)
    assert ledger.registry.call("isCovered", *asking)


def _submit(registry: Registry, envelope: Envelope, policy: Policy) -> words.RecordDocument:
    """With the documents, in one transaction."""
    return registry.submit(TRADER, envelope, policy)[0]


def _alone(verifier: Contract, envelope: Envelope, publics: list[int]) -> bool:
    try:
        verifier.call("verify", proof_words(envelope.proof.to_bytes()), publics)
    except VerificationError:
        return False
    return True
