"""Venue, publisher, trader and verifier of any rule set: from tables and an account to a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from attested_lines import collateral_of
from collateral_world import ATTESTORS
from parties import CHALLENGE, DOMAIN, KEYS, NOW, PUBLISHER, VERIFIER_ID

from zkmargin.attestations.context import compute_context_input
from zkmargin.attestations.documents import Signers
from zkmargin.attestations.market import MarketSnapshotDocument, sign_snapshot
from zkmargin.attestations.positions import (
    CASH,
    Customer,
    PositionLayout,
    PositionOpening,
    PositionStatementDocument,
    StatementTerms,
    issue_statement,
)
from zkmargin.attestations.signatures import SigningKey
from zkmargin.circuits.compile import CompiledCircuit
from zkmargin.circuits.plan import compute_table_commitment
from zkmargin.circuits.rules import RuleSet
from zkmargin.errors import ParameterCondition
from zkmargin.margin.market import Market, Source
from zkmargin.margin.tables import INSTRUMENT_AXIS, Instrument, Listing, Tables
from zkmargin.prover.prove import Prover, Request
from zkmargin.prover.setup import read_description, read_verifying_key, setup_dev
from zkmargin.verifier.envelope import Envelope, SignedSnapshot
from zkmargin.verifier.policy import ChainPolicy, CollateralPolicy, LeastClaim, MaximumAge, Policy, VenuePolicy
from zkmargin.verifier.verdict import Verdict
from zkmargin.verifier.verify import verify


def market_of(rules: RuleSet, tables: Tables) -> Market:
    """The tables with a listing that names every row that an account has amounts along."""
    rows = tables.names.get(INSTRUMENT_AXIS, ())
    axes = {rules.axes[axis].like or axis for column in rules.attested for axis in column.axes} - {INSTRUMENT_AXIS}
    decimals = {name: rules.columns[name].decimals if name in rules.columns else 0 for name in ("size", CASH)}
    listing = Listing(
        tuple(Instrument(name, "perpetual", "X", "USD", "1") for name in rows),
        decimals["size"],
        str(rules.columns[CASH].unit) if CASH in rules.columns else "usd",
        decimals[CASH],
        {axis: tables.names[axis] for axis in sorted(axes) if axis in tables.names},
    )
    return Market(listing, tables, NOW - 10, (Source.of("test", b"tables of a test"),))


def commitment_of(rules: RuleSet, tables: Tables) -> int:
    """What a publisher signs beside tables, also beside those that the rules forbid."""
    try:
        return compute_table_commitment(rules, tables)
    except ParameterCondition:
        return 1


@dataclass
class Parties:
    """Everyone around one rule set, of which the policy asks for ``kind``; ``folder`` holds its development key."""

    rules: RuleSet
    circuit: CompiledCircuit
    kind: str
    folder: Path

    @cached_property
    def prover(self) -> Prover:
        """With a key made here."""
        setup_dev(self.circuit, self.folder)
        return Prover(self.rules, self.folder)

    @cached_property
    def venues(self) -> list[tuple[bytes, SigningKey]]:
        """Id and key of every venue, in ascending order of ids."""
        return [
            (bytes([0x32 + place]) * 32, SigningKey(bytes([0x52 + place]) * 32)) for place in range(self.rules.venues)
        ]

    @property
    def policy(self) -> Policy:
        """Lists this rule set alone."""
        return Policy(
            name="tests",
            domain=DOMAIN.domain(),
            verifier_id=VERIFIER_ID,
            target=bytes(32),
            publishers=Signers.of(PUBLISHER.address),
            venues=tuple(
                VenuePolicy(venue_id=venue_id, name=f"venue {place}", signers=Signers.of(key.address))
                for place, (venue_id, key) in enumerate(self.venues)
            ),
            rule_sets=(read_description(self.folder).accepted(),),
            maximum_age=MaximumAge(price=120, statement=3600, proof=300),
            clock_skew=60,
            epoch_length=DOMAIN.epoch_length,
            epoch_lead=3600,
            claim=LeastClaim.model_validate({"kind": self.kind, "num": 1, "den": 1}),
            challenge_required=True,
            collateral=CollateralPolicy(
                attestors=ATTESTORS,
                chains=tuple(
                    ChainPolicy(chain=chain, maximum_age=1800, finality=2, observed=False)
                    for chain in ("eip155:1", "eip155:8453")
                ),
                exclusive=True,
            )
            if self.rules.lines
            else None,
        )

    def snapshot(self, tables: Tables) -> MarketSnapshotDocument:
        """The publisher signs whatever tables."""
        return sign_snapshot(
            market_of(self.rules, tables),
            rule_digest=self.rules.digest,
            table_commitment=commitment_of(self.rules, tables),
            issued_at=NOW - 9,
            expires_at=NOW + 900,
            domain=DOMAIN.domain(),
            keys=[PUBLISHER],
        )

    def prove(self, tables: Tables, account: Mapping[str, object]) -> Envelope:
        """The venues attest the account, each its part; its owner proves it."""
        snapshot, prover = self.snapshot(tables), self.prover
        attested = [self.attest(place, account, snapshot) for place in range(self.rules.venues)]
        statements, openings = zip(*attested, strict=True)
        collateral = collateral_of(self.rules, tables, account, KEYS.owner, 0) if self.rules.lines else None
        request = Request(self.policy, snapshot, statements, NOW, None, CHALLENGE, collateral)
        own = {column.name: account[column.name] for column in self.rules.chosen}
        return prover.prove(request, openings, KEYS, own=own)

    def attest(
        self, place: int, account: Mapping[str, object], snapshot: MarketSnapshotDocument
    ) -> tuple[PositionStatementDocument, PositionOpening]:
        """The statement of one venue, on its slice of the account."""
        layout = PositionLayout.of(self.rules)
        sizes = {}
        for column in self.rules.attested:
            values = np.asarray(account[column.name], dtype=object)
            full = np.zeros(self.rules.shape(column.axes), dtype=object)
            full[tuple(slice(n) for n in values.shape)] = values
            own = full if self.rules.venues == 1 else full[place]
            sizes[column.name] = [int(value) for value in np.asarray(own, dtype=object).ravel().tolist()]
        (cash,) = sizes.pop(CASH, [0])
        venue_id, key = self.venues[place]
        terms = StatementTerms(
            venue_id=venue_id,
            audience=VERIFIER_ID,
            listing_digest=snapshot.snapshot.listing_digest,
            as_of=NOW - 30,
            issued_at=NOW - 20,
            expires_at=NOW + 3600,
            epoch=NOW // DOMAIN.epoch_length,
            seq=1,
            domain=DOMAIN.domain(),
            keys=[key],
        )
        return issue_statement(layout, sizes, cash, Customer(KEYS.owner, 0, subject=5), terms)

    def verify(self, envelope: Envelope, tables: Tables) -> Verdict:
        """The verifier's word, on its own copies of rules, tables and key."""
        return verify(
            envelope,
            policy=self.policy,
            market=self.snapshot(tables),
            rules=self.rules,
            verifying_key=read_verifying_key(self.folder),
            at=NOW,
            challenge=CHALLENGE,
        )

    def claiming(self, envelope: Envelope, tables: Tables) -> Envelope:
        """The same proof, with a context that names a snapshot of other tables."""
        document = self.snapshot(tables)
        context = envelope.context.model_copy(
            update={
                "market_digest": document.snapshot.market_digest,
                "listing_digest": document.snapshot.listing_digest,
            }
        )
        stated = {"context": compute_context_input(context, DOMAIN.domain().signing())}
        return envelope.model_copy(
            update={
                "context": context,
                "market": SignedSnapshot(snapshot=document.snapshot, signatures=document.signatures),
                "public_inputs": envelope.public_inputs.model_copy(update=stated),
            }
        )
