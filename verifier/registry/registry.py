"""The registry: challenges, verified submissions, registrations by venues, releases, receipts.   specs/registry.md

Safe to use from many threads; several processes may share one database. What a method returns is on disk.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final, Self, TypeVar

from sqlalchemy import Connection, select

from zkmargin.attestations.context import ZERO32
from zkmargin.attestations.documents import Signature, require_domain, require_signed
from zkmargin.attestations.signatures import SigningKey, recover
from zkmargin.encoding import hex_bytes
from zkmargin.errors import ChallengeMismatch, SignatureNotAttestor, StatementMismatch, VenueMismatch, ZkMarginError
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.registry import pledging, tables
from zkmargin.verifier.registry.conditions import registration_of, require_current, require_registration
from zkmargin.verifier.registry.database import Database
from zkmargin.verifier.registry.documents import (
    LogHead,
    LogHeadDocument,
    PledgeReceipt,
    PledgeReceiptDocument,
    RegisteredVenue,
    Registration,
    RegistrationDocument,
    RegistryTerms,
    ReleaseDocument,
    SignedHead,
)
from zkmargin.verifier.registry.errors import PledgeMissing, StoreFailed
from zkmargin.verifier.registry.merkle import Frontier
from zkmargin.verifier.registry.pledging import Recorded, SignedRelease
from zkmargin.verifier.registry.reader import Reader, stored_node
from zkmargin.verifier.registry.statements import Cursor, Statement
from zkmargin.verifier.registry.transaction import Pledge, Transaction
from zkmargin.verifier.registry.writer import Writer
from zkmargin.verifier.verdict import Verdict

T = TypeVar("T")

CHALLENGE_SECONDS: Final = 300
MAX_CHALLENGE_SECONDS: Final = 3600
_LOCK: Final = Statement(select(tables.registry.c.size, tables.registry.c.signed_at).with_for_update())
"""SQLite has locked the whole database before."""

Judge = Callable[[Envelope, bytes | None], Verdict]
"""Verifies an envelope against the challenge that was consumed for it (None: it names none), or raises."""


def system_clock() -> int:
    """This machine's time in unix seconds."""
    return int(time.time())


class Registry(Reader):
    """``key`` is the operator's: it signs receipts and heads. ``clock`` gives unix seconds.

    Raises StoreFailed where the database is not this registry's, SignatureNotAttestor where ``key`` is not the
    operator's.
    """

    def __init__(
        self, url: str, terms: RegistryTerms, key: SigningKey, *, clock: Callable[[], int] = system_clock
    ) -> None:
        if key.address != terms.operator:
            raise SignatureNotAttestor(
                "the key is not the operator's", where="registry", expected=hex_bytes(terms.operator),
                got=hex_bytes(key.address),
            )  # fmt: skip
        super().__init__(Database(url), terms)
        self.clock = clock
        self._key = key
        self._venues = {venue.venue_id: venue for venue in terms.venues}
        self._by_signer = {signer: venue for venue in terms.venues for signer in venue.signers.members}
        self._frontier = Frontier()
        try:
            self.require_own()
        except ZkMarginError:
            self._database.close()
            raise
        self._writer = Writer(self._begin)

    @classmethod
    def create(cls, url: str, terms: RegistryTerms) -> None:
        """Make the tables of a registry, or bring them to this version. Raises StoreFailed for another registry's."""
        database = Database(url, create=True)
        try:
            database.upgrade()
            with database.writing() as connection:
                if connection.execute(tables.registry.select()).first() is None:
                    connection.execute(
                        tables.registry.insert().values(
                            id=1,
                            pledge_domain=terms.domain.signing().pledge_domain,
                            operator=terms.operator,
                            epoch_length=terms.epoch_length,
                            size=0,
                            signed_at=0,
                        )
                    )
            Reader(database, terms).require_own()
        finally:
            database.close()

    def close(self) -> None:
        """Finish what was accepted, and close the database."""
        self._writer.close()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, job: Callable[[Connection], T]) -> Future[T]:
        """Do a job on tables beside the pledges' in the next commit; what it returns, once that is on disk.

        A job that raises a ZkMarginError has written nothing.
        """
        return self._writer.put(lambda transaction: job(transaction.connection))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view of all tables."""
        with self._database.reading() as connection:
            yield connection

    # --- challenges -------------------------------------------------------------------------------------------------

    def issue_challenge(self, venue_id: bytes, seconds: int = CHALLENGE_SECONDS) -> tuple[bytes, int]:
        """A fresh challenge for a proof to this venue, and when it expires. Raises VenueMismatch, ChallengeMismatch."""
        self.venue(venue_id)
        if not 1 <= seconds <= MAX_CHALLENGE_SECONDS:
            raise ChallengeMismatch("a challenge lives shortly", expected=f"1 to {MAX_CHALLENGE_SECONDS} s")
        challenge = secrets.token_bytes(32)

        def add(transaction: Transaction) -> int:
            transaction.add_challenge(challenge, venue_id, transaction.now + seconds)
            return transaction.now + seconds

        return challenge, self._writer.put(add).result()

    def consume_challenge(self, challenge: bytes, venue_id: bytes) -> None:
        """Use a challenge up, before the proof that answers it is verified. Raises ChallengeMismatch.

        Unknown, used, expired and another venue's are one error: the difference is nobody's business.
        """
        self._consume(challenge, venue_id).result()

    def _consume(self, challenge: bytes, venue_id: bytes) -> Future[bytes]:
        def consume(transaction: Transaction) -> bytes:
            if not transaction.consume_challenge(challenge, venue_id):
                raise ChallengeMismatch(
                    "the challenge is unknown, used or expired", where="context.challenge",
                    hint="ask for a fresh challenge",
                )  # fmt: skip
            return challenge

        return self._writer.put(consume)

    def purge_challenges(self) -> int:
        """Forget expired challenges; how many there were."""
        return self._writer.put(lambda transaction: transaction.purge_challenges()).result()

    # --- pledges ----------------------------------------------------------------------------------------------------

    def submit(
        self, envelope: Envelope | bytes, judge: Judge, release: ReleaseDocument | None = None
    ) -> PledgeReceiptDocument:
        """Verify a proof and record its pledge; the receipt. Nothing is recorded for a proof that fails.

        ``release``: the venue lets its own pledge go for this one, which may then end earlier or be under another key.
        Raises what ``judge`` raises, what ``admit`` raises, and what ``pledging.record`` raises.
        """
        envelope = Envelope.parse(envelope) if isinstance(envelope, bytes) else envelope
        challenge = self.admit(envelope)
        return self.record(envelope, judge(envelope, challenge), release)

    def admit(self, envelope: Envelope) -> bytes | None:
        """Use up the challenge of a proof that is for this registry, now; the challenge to verify against, if any.

        Raises DomainMismatch, VenueMismatch, ProofExpired, EpochMismatch, PledgeTooLong, ChallengeMismatch.
        """
        waiting = self.enter_admission(envelope)
        return None if waiting is None else waiting.result()

    def enter_admission(self, envelope: Envelope) -> Future[bytes] | None:
        """The same without waiting; None where the proof names no challenge."""
        require_domain(envelope.domain, self.terms.domain, "domain")
        self.venue(envelope.context.verifier_id)
        require_current(registration_of(envelope), self.terms, self.clock())
        challenge = envelope.context.challenge
        if challenge == ZERO32:
            return None
        return self._consume(challenge, envelope.context.verifier_id)

    def record(
        self, envelope: Envelope, verdict: Verdict, release: ReleaseDocument | None = None
    ) -> PledgeReceiptDocument:
        """Record the pledge of a proof that was verified."""
        return self.receipt_of(self.enter(envelope, verdict, release).result(), registration_of(envelope))

    def enter(self, envelope: Envelope, verdict: Verdict, release: ReleaseDocument | None = None) -> Future[Recorded]:
        """The same without waiting; ``receipt_of`` makes the receipt of what the future gives.

        Raises StatementMismatch where the verdict is on another proof.
        """
        require_domain(envelope.domain, self.terms.domain, "domain")
        context, publics = envelope.context, envelope.public_inputs
        found = (verdict.nullifier, verdict.scope, verdict.epoch, verdict.issued_at, verdict.vk_hash, verdict.policy_id)
        stated = (
            publics.nullifier, publics.scope, context.epoch, context.issued_at, context.vk_hash, context.policy_id
        )  # fmt: skip
        if found != stated:
            raise StatementMismatch("the verdict is on another proof", where="verdict")
        self.venue(context.verifier_id)
        pledged = registration_of(envelope)
        signed = None if release is None else self._signed_release(release)
        return self._writer.put(lambda tx: pledging.record(tx, self.terms, pledged, release=signed))

    def register(self, document: RegistrationDocument, release: ReleaseDocument | None = None) -> PledgeReceiptDocument:
        """Record a pledge on the word of a venue that the terms let attest.

        Raises DomainMismatch, VenueMismatch, the errors of signatures, and what ``pledging.record`` raises.
        """
        recorded = self.enter_registration(document, release).result()
        return self.receipt_of(recorded, document.registration)

    def enter_registration(
        self, document: RegistrationDocument, release: ReleaseDocument | None = None
    ) -> Future[Recorded]:
        """The same without waiting."""
        require_domain(document.domain, self.terms.domain, "domain")
        pledged = document.registration
        require_registration(pledged, document.signatures, self.venue(pledged.venue_id), self.terms)
        signed = None if release is None else self._signed_release(release)
        return self._writer.put(
            lambda tx: pledging.record(tx, self.terms, pledged, document.signatures, release=signed)
        )

    def release(self, document: ReleaseDocument) -> Recorded:
        """Empty a record, by the signed word of the venue that holds it. Raises what ``pledging.empty`` raises."""
        signed = self._signed_release(document)
        return self._writer.put(lambda tx: pledging.empty(tx, self.terms, signed)).result()

    def receipt_of(self, recorded: Recorded, pledged: Registration) -> PledgeReceiptDocument:
        """The signed receipt of a pledge that is on disk."""
        transaction = recorded.transaction
        if transaction.head is None:  # a future gives its result after the head was written
            raise StoreFailed("a receipt was asked for before its entry was recorded")
        return self._receipt(pledged, recorded.index, transaction.now, transaction.head)

    def receipt(self, nullifier: int) -> PledgeReceiptDocument:
        """The receipt of a recorded pledge, again. Raises PledgeMissing."""
        with self._database.reading() as connection:
            held = self._pledge(connection, nullifier)
            if held is None:
                raise PledgeMissing("nothing is pledged under this nullifier", where="nullifier")
            head = self._head_over(connection, held.log_index)
        return self._receipt(held, held.log_index, held.recorded_at, head)

    def fresh_head(self) -> LogHeadDocument:
        """The log as it is now, signed now: an operator who showed more before is convicted by it."""

        def sign(transaction: Transaction) -> SignedHead:
            transaction.note_head_time()
            frontier = transaction.frontier
            return self._sign_head(frontier.size, frontier.root, transaction.head_time)

        signed = self._writer.put(sign).result()
        return LogHeadDocument(domain=self.terms.domain, head=signed.head, signatures=signed.signatures)

    # --- inside -----------------------------------------------------------------------------------------------------

    def venue(self, venue_id: bytes) -> RegisteredVenue:
        """A venue of the terms. Raises VenueMismatch."""
        found = self._venues.get(venue_id)
        if found is None:
            raise VenueMismatch("not a venue of this registry", where="venueId", got=hex_bytes(venue_id))
        return found

    def _signed_release(self, document: ReleaseDocument) -> SignedRelease:
        """Whose release it is: that of the venue that lists the signer. No signer is listed for two."""
        require_domain(document.domain, self.terms.domain, "release.domain")
        domain = self.terms.domain.signing()
        signers = [
            recover(document.release.digest(domain), entry.signature, "release.signatures")
            for entry in document.signatures
        ]
        venue = self._by_signer.get(signers[0]) if signers else None
        if venue is None:
            raise SignatureNotAttestor("no venue of this registry signed the release", where="release.signatures")
        require_signed(document.release, domain, document.signatures, venue.signers.signer_set(), "release")
        return SignedRelease(document.release, document.signatures, venue.venue_id)

    def _sign_head(self, size: int, root: bytes, at: int) -> SignedHead:
        """The operator's word on the log."""
        domain = self.terms.domain.signing()
        head = LogHead(pledge_domain=domain.pledge_domain, size=size, root=root, time=at)
        return SignedHead(head=head, signatures=(self._sign(head.digest(domain)),))

    def _receipt(
        self, pledged: Registration | Pledge, index: int, recorded_at: int, head: SignedHead
    ) -> PledgeReceiptDocument:
        """The operator's word on a pledge."""
        domain = self.terms.domain.signing()
        receipt = PledgeReceipt(
            nullifier=pledged.nullifier,
            venue_id=pledged.venue_id,
            epoch=pledged.epoch,
            expires_at=pledged.expires_at,
            context=pledged.context,
            log_index=index,
            log_head=head.head.digest(domain),
            recorded_at=recorded_at,
        )
        signatures = (self._sign(receipt.digest(domain)),)
        return PledgeReceiptDocument(domain=self.terms.domain, receipt=receipt, signatures=signatures, log=head)

    def _sign(self, digest: bytes) -> Signature:
        return Signature(signer=self._key.address, signature=self._key.sign(digest))

    @contextmanager
    def _begin(self) -> Iterator[Transaction]:
        """A transaction that knows its place in the log: the row of the registry is locked first."""
        with self._database.writing() as connection:
            size, signed_at = Cursor(connection).row(_LOCK)
            if size != self._frontier.size:  # another process wrote, or this one has just begun
                self._frontier = Frontier(size, lambda level, at: stored_node(connection, level, at))
            transaction = Transaction(
                connection,
                sqlite_=self._database.sqlite,
                now=self.clock(),
                signed_at=signed_at,
                frontier=self._frontier.copy(),
            )
            yield transaction
            if transaction.grew:
                frontier = transaction.frontier
                transaction.finish(self._sign_head(frontier.size, frontier.root, transaction.head_time))
        self._frontier = transaction.frontier
