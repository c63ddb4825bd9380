"""A small world for tests of proofs: rules over eight instruments, a market, and all who sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from zkmargin.attestations.context import Claim, ClaimKind
from zkmargin.attestations.documents import DomainFile, OfflineDomain, Signers
from zkmargin.attestations.market import MarketSnapshotDocument, sign_snapshot
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.positions import (
    Customer,
    PositionLayout,
    PositionOpening,
    PositionStatementDocument,
    StatementTerms,
    issue_statement,
)
from zkmargin.attestations.signatures import SigningKey
from zkmargin.circuits.compile import compile_rules
from zkmargin.circuits.rules import RuleSet, parse_rules
from zkmargin.margin.market import Market, Source
from zkmargin.margin.tables import Column, Instrument, Listing, Tables
from zkmargin.prover.prove import Prover, Request
from zkmargin.prover.setup import read_description, read_verifying_key, setup_dev
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.policy import AcceptedRuleSet, LeastClaim, MaximumAge, Policy, VenuePolicy
from zkmargin.verifier.verdict import Verdict
from zkmargin.verifier.verify import verify

RULES = b"""\
rules: 1
name: small_scan
binding: public
axes:
  instrument: {capacity: 8}
  scenario: {size: 3}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 2, min: 0, max: 1e6}
  pnl: {axes: [instrument, scenario], unit: usd/contract, decimals: 2, min: -1e6, max: 1e6}
  short_charge: {axes: [instrument], unit: usd/contract, decimals: 2, min: 0, max: 1e4}
parameters:
  im_factor: {decimals: 4, min: 1, max: 10, default: 1.3}
private:
  size: {axes: [instrument], unit: contract, decimals: 2, min: -1e4, max: 1e4, from: venue}
  cash: {unit: usd, decimals: 2, min: -1e9, max: 1e9, from: venue}
define:
  loss: -sum(size * pnl, over=instrument)
  scan: max(0, max(loss, over=scenario))
  short: sum(positive(-size) * short_charge, over=instrument)
equity: cash + sum(size * mark, over=instrument)
requirements:
  maintenance: scan + short
  initial: (scan + short) * im_factor
conditions:
  - im_factor <= 2
"""
NOW = 1_800_000_000  # 28,800 s into its day-long epoch
EXPIRY = NOW + 7200
DOMAIN = DomainFile(name="tests", epoch_length=86400)
PUBLISHER, VENUE, VERIFIER, STRANGER = (SigningKey(bytes([n]) * 32) for n in (21, 22, 23, 24))
VERIFIER_ID = b"\x31" * 32
VENUE_ID = b"\x32" * 32
CHALLENGE = b"\x33" * 32
KEYS = OwnerKeys.of_seed(b"\x34" * 32)
IDS = ("BTC-PERP", "BTC-FUT", "BTC-C1", "BTC-P1", "BTC-C2", "BTC-P2")
SIZES = (150, -75, 1000, -500, 0, 20)  # hundredths of a contract
CASH = 5_000_000  # cents


def small_market(price_time: int = NOW - 10, shift: int = 0, im_factor: int = 13000) -> Market:
    """Six instruments of eight rows. ``shift`` moves every mark, in cents."""

    def instrument(name: str) -> Instrument:
        if name.endswith("PERP"):
            return Instrument(name, "perpetual", "BTC", "USD", "1")
        if name.endswith("FUT"):
            return Instrument(name, "future", "BTC", "USD", "1", EXPIRY)
        kind = "call" if "-C" in name else "put"
        return Instrument(name, "option", "BTC", "USD", "1", EXPIRY + 86400, "50000", kind)

    listing = Listing(tuple(instrument(name) for name in IDS), 2, "usd", 2)
    marks = [5_000_000, 5_010_000, 120_000, 90_000, 60_000, 30_000]
    pnl = [[800_000 - 10_000 * j, 0, -800_000 + 9_000 * j] for j in range(2)]
    pnl += [
        [300_000, -5_000, -110_000],
        [-80_000, -4_000, 350_000],
        [150_000, -2_000, -55_000],
        [-25_000, 0, 99],
    ]
    columns = {
        "mark": Column.of("mark", ["instrument"], 2, [mark + shift for mark in marks]),
        "pnl": Column.of("pnl", ["instrument", "scenario"], 2, pnl),
        "short_charge": Column.of("short_charge", ["instrument"], 2, [0, 0, 500, 500, 500, 500]),
    }
    tables = Tables(
        {"instrument": len(IDS), "scenario": 3},
        {"instrument": IDS, "scenario": ("up", "same", "down")},
        columns,
        {},
        {"im_factor": Column.of("im_factor", [], 4, im_factor)},
    )
    return Market(listing, tables, price_time, (Source.of("made up", b"for tests"),))


@dataclass
class World:
    """Everything from the rules to a verdict. ``folder`` holds the development key."""

    folder: Path
    text: bytes = RULES
    engine: str | None = None
    claim: LeastClaim = field(default_factory=lambda: LeastClaim(kind="maintenance", num=1, den=1))

    @cached_property
    def rules(self) -> RuleSet:
        return parse_rules(self.text, "small_scan.yaml")

    @cached_property
    def accepted(self) -> AcceptedRuleSet:
        if not (self.folder / "key.json").exists():
            setup_dev(compile_rules(self.rules, cache=False), self.folder, engine=self.engine)
        return read_description(self.folder).accepted()

    @cached_property
    def verifying_key(self) -> bytes:
        _ = self.accepted
        return read_verifying_key(self.folder)

    @cached_property
    def prover(self) -> Prover:
        _ = self.accepted
        return Prover(self.rules, self.folder, engine=self.engine)

    @property
    def domain(self) -> OfflineDomain:
        return DOMAIN.domain()

    def policy(self, **changes: Any) -> Policy:
        fields: dict[str, Any] = {
            "name": "tests",
            "domain": self.domain,
            "verifier_id": VERIFIER_ID,
            "target": bytes(32),
            "publishers": Signers.of(PUBLISHER.address),
            "venues": (VenuePolicy(venue_id=VENUE_ID, name="venue", signers=Signers.of(VENUE.address)),),
            "rule_sets": (self.accepted,),
            "maximum_age": MaximumAge(price=120, statement=3600, proof=300),
            "clock_skew": 60,
            "epoch_length": DOMAIN.epoch_length,
            "epoch_lead": 3600,
            "claim": self.claim,
            "challenge_required": True,
        }
        return Policy(**fields | changes)

    def snapshot(self, market: Market | None = None, **changes: Any) -> MarketSnapshotDocument:
        market = market or small_market()
        fields: dict[str, Any] = {
            "rule_digest": self.rules.digest,
            "issued_at": market.price_time + 1,
            "expires_at": market.price_time + 900,
            "domain": self.domain,
            "keys": [PUBLISHER],
        }
        return sign_snapshot(market, **fields | changes)

    def statement(
        self,
        sizes: Sequence[int] | Mapping[str, Sequence[int]] = SIZES,
        cash: int = CASH,
        *,
        owner: OwnerKeys = KEYS,
        pocket: int = 0,
        **changes: Any,
    ) -> tuple[PositionStatementDocument, PositionOpening]:
        fields: dict[str, Any] = {
            "venue_id": VENUE_ID,
            "audience": VERIFIER_ID,
            "listing_digest": small_market().listing.digest,
            "as_of": NOW - 30,
            "issued_at": NOW - 20,
            "expires_at": NOW + 3600,
            "epoch": NOW // DOMAIN.epoch_length,
            "seq": 7,
            "domain": self.domain,
            "keys": [VENUE],
        }
        columns = sizes if isinstance(sizes, Mapping) else {"size": sizes}
        customer = Customer(owner.owner, pocket, subject=5)
        return issue_statement(
            PositionLayout.of(self.rules), columns, cash, customer, StatementTerms(**fields | changes)
        )

    def prove(
        self,
        *,
        policy: Policy | None = None,
        snapshot: MarketSnapshotDocument | None = None,
        account: tuple[PositionStatementDocument, PositionOpening] | None = None,
        keys: OwnerKeys = KEYS,
        at: int = NOW,
        claim: Claim | None = None,
        challenge: bytes | None = CHALLENGE,
    ) -> Envelope:
        document, opening = account or self.statement()
        request = Request(policy or self.policy(), snapshot or self.snapshot(), (document,), at, claim, challenge)
        return self.prover.prove(request, opening, keys)

    def verify(self, envelope: Envelope | bytes, **changes: Any) -> Verdict:
        fields: dict[str, Any] = {
            "policy": self.policy(),
            "market": self.snapshot(),
            "rules": self.rules,
            "verifying_key": self.verifying_key,
            "at": NOW,
            "challenge": CHALLENGE,
        }
        return verify(envelope, **fields | changes)


INITIAL = Claim(ClaimKind.INITIAL, 1, 1)
