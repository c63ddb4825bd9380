"""Pages for anyone: the service, one pledge, submitting a proof."""

from __future__ import annotations

import asyncio
import json
import time

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from zkmargin.encoding import parse_bytes
from zkmargin.errors import ZkMarginError
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.registry.errors import DoublePledge
from zkmargin.verifier.service.gate import client_of
from zkmargin.verifier.service.pages import views
from zkmargin.verifier.service.pages.forms import document_of, read_form, text_of
from zkmargin.verifier.service.pages.render import page, refusal, style
from zkmargin.verifier.service.pages.session import Sessions
from zkmargin.verifier.service.routes import nullifier_of
from zkmargin.verifier.service.service import Service


def public_pages(service: Service, sessions: Sessions) -> APIRouter:
    """Pages without a session; who has one sees more of its own pledges."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def overview() -> Response:
        shown = await asyncio.to_thread(views.overview, service)
        return page("overview.html", shown=shown, venues=service.desk.venues, terms=service.registry.terms)

    @router.get("/style.css")
    async def stylesheet() -> Response:
        return style()

    @router.get("/proof")
    async def find(nullifier: str = "") -> Response:
        return RedirectResponse(f"/proof/{nullifier_of(nullifier.strip())}", 303)

    @router.get("/proof/{nullifier}")
    async def proof(nullifier: str, request: Request) -> Response:
        session = sessions.find(request)
        venue_id = None if session is None else session.venue_id
        shown = await asyncio.to_thread(views.explain, service, nullifier_of(nullifier), venue_id)
        return page("proof.html", shown=shown)

    @router.get("/submit")
    async def form() -> Response:
        return page("submit.html", venues=service.desk.venues, issued=None)

    @router.post("/submit/challenge")
    async def challenge(request: Request) -> Response:
        sent = await read_form(request)
        venue_id = parse_bytes(text_of(sent, "venue"), "venue", 32)
        made, expires_at = await asyncio.to_thread(service.registry.issue_challenge, venue_id)
        issued = {"venue": service.desk.venue(venue_id).policy.name, "challenge": made, "expires_at": expires_at}
        return page("submit.html", 201, venues=service.desk.venues, issued=issued)

    @router.post("/submit")
    async def submit(request: Request) -> Response:
        began, content = time.perf_counter(), document_of(await read_form(request))
        try:
            made = await service.submit(content, client_of(request.scope))
        except DoublePledge as error:
            return _twice(service, content, error)
        service.metrics.pledges.inc()
        service.metrics.seconds.observe(time.perf_counter() - began)
        text = json.dumps(made.receipt.to_json(), indent=2, ensure_ascii=False)
        return page("accepted.html", 201, made=made, receipt=text)

    return router


def _twice(service: Service, content: bytes, error: ZkMarginError) -> Response:
    """The refusal that needs explaining: nothing is wrong with the proof."""
    envelope = Envelope.parse(content)
    ends = (envelope.context.epoch + 1) * service.registry.terms.epoch_length
    service.metrics.refusals.labels(error.code).inc()
    pledge = {"nullifier": envelope.public_inputs.nullifier, "epoch": envelope.context.epoch, "ends": ends}
    return refusal(error, pledge=pledge)
