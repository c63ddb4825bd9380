"""Venue, publisher, trader and verifier of any rule set: from tables and an account to a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from parties import CHALLENGE, DOMAIN, KEYS, NOW, PUBLISHER, VENUE, VENUE_ID, VERIFIER_ID

from zkmargin.attestations.context import compute_context_input
from zkmargin.attestations.documents import Signers
from zkmargin.attestations.market import MarketSnapshotDocument, sign_snapshot
from zkmargin.attestations.positions import CASH, Customer, PositionLayout, StatementTerms, issue_statement
from zkmargin.circuits.compile import CompiledCircuit
from zkmargin.circuits.rules import RuleSet
from zkmargin.margin.market import Market, Source
from zkmargin.margin.tables import INSTRUMENT_AXIS, Instrument, Listing, Tables
from zkmargin.prover.prove import Prover, Request
from zkmargin.prover.setup import read_description, read_verifying_key, setup_dev
from zkmargin.verifier.envelope import Envelope, SignedSnapshot
from zkmargin.verifier.policy import LeastClaim, MaximumAge, Policy, VenuePolicy
from zkmargin.verifier.verdict import Verdict
from zkmargin.verifier.verify import verify


def market_of(rules: RuleSet, tables: Tables) -> Market:
    """The tables with a listing that names every row that an account has amounts along."""
    rows = tables.names.get(INSTRUMENT_AXIS, ())
    axes = {rules.axes[axis].like or axis for column in rules.private for axis in column.axes} - {INSTRUMENT_AXIS}
    decimals = {name: rules.columns[name].decimals if name in rules.columns else 0 for name in ("size", CASH)}
    listing = Listing(
        tuple(Instrument(name, "perpetual", "X", "USD", "1") for name in rows),
        decimals["size"],
        str(rules.columns[CASH].unit) if CASH in rules.columns else "usd",
        decimals[CASH],
        {axis: tables.names[axis] for axis in sorted(axes) if axis in tables.names},
    )
    return Market(listing, tables, NOW - 10, (Source.of("test", b"tables of a test"),))


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

    @property
    def policy(self) -> Policy:
        """Lists this rule set alone."""
        return Policy(
            name="tests",
            domain=DOMAIN.domain(),
            verifier_id=VERIFIER_ID,
            target=bytes(32),
            publishers=Signers.of(PUBLISHER.address),
            venues=(VenuePolicy(venue_id=VENUE_ID, name="venue", signers=Signers.of(VENUE.address)),),
            rule_sets=(read_description(self.folder).accepted(),),
            maximum_age=MaximumAge(price=120, statement=3600, proof=300),
            clock_skew=60,
            epoch_length=DOMAIN.epoch_length,
            epoch_lead=3600,
            claim=LeastClaim.model_validate({"kind": self.kind, "num": 1, "den": 1}),
            challenge_required=True,
        )

    def snapshot(self, tables: Tables) -> MarketSnapshotDocument:
        """The publisher signs whatever tables."""
        return sign_snapshot(
            market_of(self.rules, tables),
            rule_digest=self.rules.digest,
            issued_at=NOW - 9,
            expires_at=NOW + 900,
            domain=DOMAIN.domain(),
            keys=[PUBLISHER],
        )

    def prove(self, tables: Tables, account: Mapping[str, object]) -> Envelope:
        """The venue attests the account, its owner proves it."""
        layout, snapshot, prover = PositionLayout.of(self.rules), self.snapshot(tables), self.prover
        sizes = {}
        for column in self.rules.private:
            if column.name != CASH:
                values = np.asarray(account[column.name], dtype=object)
                full = np.zeros(self.rules.shape(column.axes), dtype=object)
                full[tuple(slice(n) for n in values.shape)] = values
                sizes[column.name] = [int(value) for value in full.ravel().tolist()]
        terms = StatementTerms(
            venue_id=VENUE_ID,
            audience=VERIFIER_ID,
            listing_digest=snapshot.snapshot.listing_digest,
            as_of=NOW - 30,
            issued_at=NOW - 20,
            expires_at=NOW + 3600,
            epoch=NOW // DOMAIN.epoch_length,
            seq=1,
            domain=DOMAIN.domain(),
            keys=[VENUE],
        )
        cash = int(np.asarray(account.get(CASH, 0), dtype=object))
        statement, opening = issue_statement(layout, sizes, cash, Customer(KEYS.owner, 0, subject=5), terms)
        request = Request(self.policy, snapshot, (statement,), NOW, None, CHALLENGE)
        return prover.prove(request, opening, KEYS)

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
