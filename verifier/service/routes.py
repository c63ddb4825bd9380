"""What anyone may ask: challenges, submissions, releases, registrations, receipts, documents."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from zkmargin.attestations.collateral.documents import RevokeRootDocument
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.price_evidence import PriceEvidence
from zkmargin.attestations.schema import Model, load_json
from zkmargin.encoding import parse_bytes, parse_uint
from zkmargin.errors import FieldRange
from zkmargin.field import FR_MODULUS
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.registry.documents import (
    PledgeReceiptDocument,
    RegistrationDocument,
    RegistryTerms,
    ReleaseDocument,
)
from zkmargin.verifier.registry.errors import PledgeMissing
from zkmargin.verifier.service.errors import TokenWrong
from zkmargin.verifier.service.gate import client_of
from zkmargin.verifier.service.messages import (
    ChallengeIssued,
    ChallengeRequest,
    Entry,
    Kept,
    PledgeState,
    SubmissionAccepted,
    Venue,
    VenueList,
)
from zkmargin.verifier.service.schemas import Bytes32Path, Route, UIntPath, UIntQuery, answer, body
from zkmargin.verifier.service.service import Service


def reply(model: Model, status: int = 200) -> JSONResponse:
    """A document as an answer."""
    return JSONResponse(model.to_json(), status)


def bearer_of(request: Request) -> str:
    """The token of a request. Raises TokenWrong where it has none."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise TokenWrong("a token is needed", where="Authorization")
    return token


def nullifier_of(text: str) -> int:
    """From a path. Raises IntFormat, FieldRange."""
    number = parse_uint(text, "nullifier")
    if number >= FR_MODULUS:
        raise FieldRange("a nullifier is a field element", where="nullifier")
    return number


def public_routes(service: Service) -> APIRouter:
    """Routes without a token."""
    router = APIRouter(prefix="/v1", tags=["pledges"])
    registry = service.registry

    def taking(path: str, model: type[Model], given: type[Model], words: str, status: int = 201) -> Route:
        return router.post(
            path, summary=words, status_code=status, openapi_extra=body(model), responses={status: answer(given, words)}
        )

    def giving(path: str, model: type[Model], words: str) -> Route:
        return router.get(path, summary=words, responses={200: answer(model, words)})

    # the first, since addresses are tried one by one
    @taking("/submissions", Envelope, SubmissionAccepted, "Submit a proof: it is verified and its pledge recorded")
    async def submission(request: Request) -> JSONResponse:
        began = time.perf_counter()
        made = await service.submit(await request.body(), client_of(request.scope))
        service.metrics.pledges.inc()
        service.metrics.seconds.observe(time.perf_counter() - began)
        accepted = SubmissionAccepted(receipt=made.receipt, valid_until=made.verdict.valid_until, account=made.account)
        return reply(accepted, 201)

    @giving("/terms", RegistryTerms, "The registry's terms")
    async def terms() -> JSONResponse:
        return reply(registry.terms)

    @giving("/venues", VenueList, "The venues of this service")
    async def venues() -> JSONResponse:
        listed = [
            Venue(venue_id=venue_id, name=venue.policy.name, policy_id=venue.policy.policy_id)
            for venue_id, venue in service.desk.venues.items()
        ]
        return reply(VenueList(venues=tuple(listed)))

    @giving("/venues/{venue_id}/policy", Policy, "A venue's policy")
    async def policy(venue_id: Bytes32Path) -> JSONResponse:
        return reply(service.desk.venue(parse_bytes(venue_id, "venueId", 32)).policy)

    @taking("/challenges", ChallengeRequest, ChallengeIssued, "A fresh challenge for one proof")
    async def challenge(request: Request) -> JSONResponse:
        asked = ChallengeRequest.of_json(load_json(await request.body()))
        issue = registry.issue_challenge
        made, expires_at = await asyncio.to_thread(issue, asked.venue_id, asked.seconds)
        return reply(ChallengeIssued(venue_id=asked.venue_id, challenge=made, expires_at=expires_at), 201)

    @taking("/registrations", RegistrationDocument, PledgeReceiptDocument, "A venue's signed registration of a pledge")
    async def registration(request: Request) -> JSONResponse:
        document = RegistrationDocument.parse(await request.body())
        recorded = await asyncio.wrap_future(registry.enter_registration(document))
        return reply(registry.receipt_of(recorded, document.registration), 201)

    @taking("/releases", ReleaseDocument, Entry, "A venue's signed release of a pledge")
    async def release(request: Request) -> JSONResponse:
        document = ReleaseDocument.parse(await request.body())
        recorded = await asyncio.to_thread(registry.release, document)
        return reply(Entry(index=recorded.index), 201)

    @giving("/receipts/{nullifier}", PledgeReceiptDocument, "The receipt of a pledge, for who has its proof")
    async def receipt(nullifier: UIntPath, context: UIntQuery) -> JSONResponse:
        found = await asyncio.to_thread(registry.receipt, nullifier_of(nullifier))
        if found.receipt.context != parse_uint(context, "context"):  # it names the venue: not for who holds no proof
            raise PledgeMissing("nothing is pledged under this nullifier and context", where="nullifier, context")
        return reply(found)

    @giving("/pledges/{nullifier}", PledgeState, "The state of a pledge")
    async def pledge(nullifier: UIntPath) -> JSONResponse:
        number = nullifier_of(nullifier)
        held = await asyncio.to_thread(registry.pledge, number)
        if held is None:
            raise PledgeMissing("nothing is pledged under this nullifier", where="nullifier")
        return reply(
            PledgeState(
                nullifier=number,
                epoch=held.epoch,
                issued_at=held.issued_at,
                expires_at=held.expires_at,
                state=held.state(service.clock(), registry.terms.epoch_length),
                log_index=held.log_index,
                recorded_at=held.recorded_at,
            )
        )

    @taking("/markets", MarketSnapshotDocument, Kept, "A signed market snapshot that proofs are about")
    async def market(request: Request) -> JSONResponse:
        return reply(Kept(digest=await service.keep_market(await request.body())), 201)

    @taking("/markets/{digest}/prices", PriceEvidence, Kept, "The evidence of a snapshot's prices")
    async def prices(digest: Bytes32Path, request: Request) -> JSONResponse:
        of = parse_bytes(digest, "digest", 32)
        await service.keep_prices(of, await request.body())
        return reply(Kept(digest=of), 201)

    @taking("/revocations", RevokeRootDocument, Kept, "A collateral root that its attestors took back")
    async def revocation(request: Request) -> JSONResponse:
        return reply(Kept(digest=await service.keep_revocation(await request.body())), 201)

    return router
