"""The service without HTTP: what happens to a submission, a document, a customer.                  specs/service.md"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zkmargin.attestations.collateral.documents import RevokeRootDocument
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.price_evidence import PriceEvidence
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import sha256
from zkmargin.errors import SchemaType, VenueMismatch, ZkMarginError
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.registry.conditions import registration_of
from zkmargin.verifier.registry.documents import PledgeReceiptDocument, RegistryTerms, ReleaseDocument
from zkmargin.verifier.registry.registry import Registry, system_clock
from zkmargin.verifier.service.clocks import VenueClock
from zkmargin.verifier.service.desk import Desk
from zkmargin.verifier.service.errors import TokenWrong
from zkmargin.verifier.service.metrics import Metrics
from zkmargin.verifier.service.pool import TOGETHER, JudgePool, Turns
from zkmargin.verifier.service.settings import ServiceSettings
from zkmargin.verifier.verdict import Verdict


@dataclass(frozen=True)
class Accepted:
    """A submission that was verified and recorded. ``account``: whose it is, where the venue said so."""

    receipt: PledgeReceiptDocument
    verdict: Verdict
    account: str | None


class Service:
    """Everything behind the addresses. ``settings`` is a file; ``key`` is the registry operator's."""

    def __init__(
        self, settings: Path, database: str, key: SigningKey, *, clock: Callable[[], int] = system_clock
    ) -> None:
        self.settings = ServiceSettings.read(settings)
        folder = settings.parent
        self.desk = Desk(self.settings, folder)
        terms = RegistryTerms.read(folder / self.settings.terms)
        for venue in self.desk.venues.values():
            if venue.policy.clock is not None and len(venue.keys) != 1:
                raise SchemaType("a venue with a margin clock serves one rule set", where=venue.policy.name)
        self.clock = clock
        self.metrics = Metrics()
        self.registry = Registry(database, terms, key, clock=clock)
        try:
            for venue_id in self.desk.venues:
                self.registry.venue(venue_id)
            self.clocks = {
                venue_id: VenueClock(venue_id, venue.policy.clock, self.registry, venue.policy.clock_skew)
                for venue_id, venue in self.desk.venues.items()
                if venue.policy.clock is not None
            }
        except ZkMarginError:
            self.registry.close()
            raise
        limits = self.settings.limits
        self.pool = JudgePool(settings, limits.workers)
        self.turns = Turns(2 * TOGETHER * limits.workers, limits.waiting_each, limits.waiting)

    def close(self) -> None:
        """Finish what was begun."""
        self.pool.close()
        self.registry.close()

    # --- submissions --------------------------------------------------------------------------------------------------

    async def submit(self, content: bytes, client: str, release: ReleaseDocument | None = None) -> Accepted:
        """Verify a proof and record its pledge. What is returned is on disk; what fails has recorded nothing.

        Raises what ``Registry.admit``, ``JudgePool.judge``, ``VenueClock.account_of`` and ``Registry.record`` raise,
        RateLimited, Overloaded.
        """
        envelope = Envelope.parse(content)
        async with self.turns.turn(client):
            admitted = self.registry.enter_admission(envelope)
            challenge: bytes | None = None
            if admitted is not None:
                challenge = await asyncio.wrap_future(admitted)
            verdict = await self.pool.judge(content, challenge, self.clock())
        clock = self.clocks.get(envelope.context.verifier_id)
        account = None
        if clock is not None:
            numbers = {venue.venue_id: venue.seq for venue in verdict.venues}
            account = await asyncio.to_thread(
                clock.account_of, envelope.public_inputs.positions, verdict.nullifier, verdict.epoch, numbers
            )
        recorded = await asyncio.wrap_future(self.registry.enter(envelope, verdict, release))
        if clock is not None and account is not None:
            await asyncio.to_thread(clock.proven, account, verdict, self.clock())
        return Accepted(self.registry.receipt_of(recorded, registration_of(envelope)), verdict, account)

    # --- documents ----------------------------------------------------------------------------------------------------

    async def keep_market(self, content: bytes) -> bytes:
        """Keep a signed snapshot, and show it to the clocks of the venues that trust it; its digest."""
        document = await asyncio.to_thread(MarketSnapshotDocument.parse, content)
        digest, venues = await asyncio.to_thread(self.desk.keep_market, document)
        for venue_id in venues:
            if venue_id in self.clocks:
                await asyncio.to_thread(self.clocks[venue_id].snapshot, document.market, self.clock())
        return digest

    async def keep_prices(self, digest: bytes, content: bytes) -> None:
        """Keep the evidence of a snapshot's prices."""
        await asyncio.to_thread(lambda: self.desk.keep_prices(digest, PriceEvidence.parse(content)))

    async def keep_revocation(self, content: bytes) -> bytes:
        """Keep a revocation of a collateral root; its digest."""
        return await asyncio.to_thread(lambda: self.desk.keep_revocation(RevokeRootDocument.parse(content)))

    # --- venues -------------------------------------------------------------------------------------------------------

    def venue_of(self, token: str) -> bytes:
        """The venue that a token is for. Raises TokenWrong."""
        digest = sha256(token.encode())
        found = [
            venue_id
            for venue_id, venue in self.desk.venues.items()
            for known in venue.tokens
            if hmac.compare_digest(known, digest)
        ]
        if not found:
            raise TokenWrong("a venue's token is needed", where="Authorization")
        return found[0]

    def require_auditor(self, token: str) -> None:
        """Raise TokenWrong unless a token is an auditor's."""
        digest = sha256(token.encode())
        if not any(hmac.compare_digest(known, digest) for known in self.settings.auditors):
            raise TokenWrong("an auditor's token is needed", where="Authorization")

    def clock_of(self, venue_id: bytes) -> VenueClock:
        """The margin clock of a venue. Raises VenueMismatch where its policy has none."""
        try:
            return self.clocks[venue_id]
        except KeyError:
            raise VenueMismatch("the policy of this venue has no margin clock", where="policy.clock") from None

    def tick(self) -> None:
        """A look at all clocks, and at what has expired. What fails does not stop the others, and is raised then."""
        failures: list[Exception] = []
        for clock in self.clocks.values():
            try:
                clock.tick(self.clock())
            except Exception as error:  # noqa: BLE001  one venue's fault is not the other venues'
                failures.append(error)
        self.registry.purge_challenges()
        if failures:
            raise failures[0]
