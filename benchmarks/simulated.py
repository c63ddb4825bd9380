"""Traders whose proofs are simulated: the key's secrets are known here, so that a proof costs a millisecond.

A simulated proof cannot be told from a made one, that is what zero knowledge means: whoever verifies does the same
work. All else is as it would be: a venue signs statements, a publisher the market, contexts name challenges.
"""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path

from zkmargin.attestations.context import ZERO32, compute_context_input, compute_scope, compute_statements_hash
from zkmargin.attestations.documents import (
    SCHEME_POSEIDON,
    DomainFile,
    PositionStatement,
    Signers,
    StatementContext,
    sign,
)
from zkmargin.attestations.keyfiles import party_of
from zkmargin.attestations.market import MarketSnapshotDocument, sign_snapshot
from zkmargin.attestations.signatures import SigningKey
from zkmargin.backend import engine
from zkmargin.circuits.plan import Plan, compute_table_commitment
from zkmargin.circuits.rules import load_rules
from zkmargin.encoding import sha256
from zkmargin.field import FR_MODULUS, encode_elements
from zkmargin.formats import verifying_key_to_json, vk_hash
from zkmargin.margin.market import Market, Source
from zkmargin.margin.tables import Column, Instrument, Listing, Tables
from zkmargin.reference.curve import G1_GENERATOR, G2_GENERATOR, encode_g1, encode_g2
from zkmargin.verifier.envelope import Envelope, Proof, PublicInputs, SignedSnapshot, SignedStatement
from zkmargin.verifier.policy import AcceptedRuleSet, LeastClaim, MaximumAge, Policy, VenuePolicy
from zkmargin.verifier.registry.documents import RegisteredVenue, RegistryTerms
from zkmargin.verifier.service.settings import Limits, ServedRuleSet, ServedVenue, ServiceSettings

RULES = "portfolio_scan_committed"
INSTRUMENTS, SCENARIOS = 48, 35
EPOCH, YEAR = 1 << 31, 365 * 86_400
LIMITS = Limits(
    body_bytes=1 << 16, body_seconds=10, per_minute=1 << 30, waiting_each=1000, waiting=2000, workers=2, tick_seconds=5
)
OPERATOR, VENUE, PUBLISHER = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))


class SimulatedKey:
    """A verifying key with known logarithms of its points. ``proof`` makes what holds for any public inputs."""

    def __init__(self, publics: int) -> None:
        self._arithmetic = engine()
        self._alpha, self._beta, self._gamma, self._delta, *self._inputs = (
            1 + secrets.randbelow(FR_MODULUS - 1) for _ in range(5 + publics)
        )
        g2 = b"".join(self._g2(scalar) for scalar in (self._beta, self._gamma, self._delta))
        self.bytes = self._g1(self._alpha) + g2 + b"".join(map(self._g1, self._inputs))

    def proof(self, publics: list[int]) -> Proof:
        """``ab = alpha beta + gamma sum x_i k_i + delta c`` for random a, b."""
        a, b = (1 + secrets.randbelow(FR_MODULUS - 1) for _ in range(2))
        inputs = sum(x * k for x, k in zip([1, *publics], self._inputs, strict=True))
        c = (a * b - self._alpha * self._beta - self._gamma * inputs) * pow(self._delta, -1, FR_MODULUS) % FR_MODULUS
        return Proof.of_bytes(self._g1(a) + self._g2(b) + self._g1(c))

    def _g1(self, scalar: int) -> bytes:
        return self._arithmetic.g1_mul(encode_g1([G1_GENERATOR]), encode_elements([scalar]))

    def _g2(self, scalar: int) -> bytes:
        return self._arithmetic.g2_mul(encode_g2([G2_GENERATOR]), encode_elements([scalar]))


def market(now: int) -> Market:
    """Prices of 48 perpetuals in 35 scenarios."""
    ids = tuple(f"P{row}" for row in range(INSTRUMENTS))
    listing = Listing(tuple(Instrument(name, "perpetual", name, "USD", "1") for name in ids), 4, "usd", 6)
    marks = [10**8 * (row + 1) for row in range(INSTRUMENTS)]
    pnl = [[mark * (move - SCENARIOS // 2) // 100 for move in range(SCENARIOS)] for mark in marks]
    tables = Tables(
        {"instrument": INSTRUMENTS, "scenario": SCENARIOS},
        {"instrument": ids, "scenario": tuple(f"move {move}" for move in range(SCENARIOS))},
        {
            "mark": Column.of("mark", ["instrument"], 8, marks),
            "pnl": Column.of("pnl", ["instrument", "scenario"], 8, pnl),
        },
        {},
        {"im_factor": Column.of("im_factor", [], 4, 13_000)},
    )
    return Market(listing, tables, now, (Source.of("made up", b"for benchmarks"),))


class Traders:
    """One venue's policy and market, and any number of owners who prove to it."""

    def __init__(self, now: int | None = None) -> None:
        self.now = int(time.time()) if now is None else now
        self.rules = load_rules(RULES)
        self.key = SimulatedKey(Plan(self.rules).n_public)
        self.domain = DomainFile(name="benchmarks", epoch_length=EPOCH).domain()
        self.venue_id = party_of(VENUE.address)
        listed = AcceptedRuleSet(
            name=RULES, rule_digest=self.rules.digest, r1cs_digest=sha256(b"no circuit"),
            vk_hash=vk_hash(self.key.bytes), transcript_digest=ZERO32, insecure=True,
        )  # fmt: skip
        self.policy = Policy(
            name="venue", domain=self.domain, verifier_id=self.venue_id, target=ZERO32,
            publishers=Signers.of(PUBLISHER.address),
            venues=(VenuePolicy(venue_id=self.venue_id, name="venue", signers=Signers.of(VENUE.address)),),
            rule_sets=(listed,), maximum_age=MaximumAge(price=YEAR, statement=YEAR, proof=YEAR), clock_skew=60,
            epoch_length=EPOCH, epoch_lead=3600, claim=LeastClaim(kind="maintenance", num=1, den=1),
            challenge_required=True,
        )  # fmt: skip
        made = market(self.now)
        self.table_commitment = compute_table_commitment(self.rules, made.tables)
        self.market: MarketSnapshotDocument = sign_snapshot(
            made, rule_digest=self.rules.digest, table_commitment=self.table_commitment, issued_at=self.now,
            expires_at=self.now + YEAR, domain=self.domain, keys=[PUBLISHER],
        )  # fmt: skip
        venue = RegisteredVenue(venue_id=self.venue_id, name="venue", signers=Signers.of(VENUE.address), attests=False)
        self.terms = RegistryTerms(
            domain=self.domain, operator=OPERATOR.address, epoch_length=EPOCH, epoch_lead=3600, clock_skew=60,
            venues=(venue,),
        )  # fmt: skip
        self._policy_id = self.policy.policy_id

    def write(self, folder: Path, limits: Limits = LIMITS) -> Path:
        """What ``zkmargin serve`` reads; the path of the settings."""
        (folder / "registry.json").write_text(self.terms.to_text())
        (folder / "policy.json").write_text(self.policy.to_text())
        (folder / "key.json").write_text(json.dumps(verifying_key_to_json(self.key.bytes, engine())))
        served = ServedVenue(
            policy="policy.json", rule_sets=(ServedRuleSet(rules=RULES, key="key.json"),), tokens=(sha256(b"token"),)
        )
        settings = ServiceSettings(
            auditors=(),
            name="benchmarks",
            terms="registry.json",
            venues=(served,),
            documents="documents",
            limits=limits,
        )
        path = folder / "benchmarks.service.json"
        path.write_text(settings.to_text())
        return path

    def submission(self, challenge: bytes) -> Envelope:
        """A new owner's proof that answers a challenge."""
        domain, snapshot = self.domain.signing(), self.market.snapshot
        epoch = self.now // EPOCH
        statement = PositionStatement(
            commitment=secrets.randbelow(FR_MODULUS), scheme=SCHEME_POSEIDON, size_commitment=b"",
            listing_digest=snapshot.listing_digest, as_of=self.now, issued_at=self.now, expires_at=self.now + YEAR,
            venue_id=self.venue_id, audience=self.venue_id, epoch=epoch, seq=1,
        )  # fmt: skip
        (entry,) = self.policy.rule_sets
        context = StatementContext(
            verifier_id=self.venue_id, challenge=challenge, target=ZERO32, rule_digest=entry.rule_digest,
            r1cs_digest=entry.r1cs_digest, vk_hash=entry.vk_hash, market_digest=snapshot.market_digest,
            listing_digest=snapshot.listing_digest, statements_hash=compute_statements_hash([statement], domain),
            root_digest=ZERO32, epoch=epoch, issued_at=self.now, expires_at=self.now + YEAR, policy_id=self._policy_id,
        )  # fmt: skip
        publics = PublicInputs(
            context=compute_context_input(context, domain), claim=self.policy.claim.claim().pack(),
            positions=(statement.commitment,), collateral_root=0, nullifier=secrets.randbelow(FR_MODULUS),
            scope=compute_scope(domain.pledge_domain, epoch), C=None,
        )  # fmt: skip
        return Envelope(
            domain=self.domain, context=context, public_inputs=publics,
            statements=(SignedStatement(statement=statement, signatures=sign(statement, domain, [VENUE])),),
            market=SignedSnapshot(snapshot=snapshot, signatures=self.market.signatures),
            proof=self.key.proof([*publics.leading(), self.table_commitment]),
        )  # fmt: skip
