"""A venue's pages, behind its token: accounts, queue, breaker, the clock's log."""

from __future__ import annotations

import asyncio
import json

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from zkmargin.encoding import parse_uint
from zkmargin.errors import UsageWrong
from zkmargin.verifier.clock.standing import State
from zkmargin.verifier.service.errors import TokenWrong
from zkmargin.verifier.service.messages import Reason
from zkmargin.verifier.service.pages import views
from zkmargin.verifier.service.pages.forms import read_form, text_of
from zkmargin.verifier.service.pages.render import HEADERS, page
from zkmargin.verifier.service.pages.session import Sessions
from zkmargin.verifier.service.service import Service
from zkmargin.verifier.service.venue_routes import account_list


def venue_pages(service: Service, sessions: Sessions) -> APIRouter:
    """Each session shows and moves its own venue's accounts alone."""
    router = APIRouter(prefix="/venue", include_in_schema=False)

    @router.get("")
    async def desk(request: Request, state: str = "", number: str = "1") -> Response:
        session = sessions.find(request)
        if session is None:
            return page("login.html", problem=None)
        if session.venue_id not in service.clocks:
            policy = service.desk.venue(session.venue_id).policy
            return page("venue.html", shown=None, policy=policy, mark=session.mark)
        wanted, at = _state(state), max(1, parse_uint(number, "number", 20))
        shown = await asyncio.to_thread(views.desk, service, session.venue_id, wanted, at)
        return page("venue.html", shown=shown, policy=shown.policy, mark=session.mark)

    @router.post("/login")
    async def login(request: Request) -> Response:
        sent = await read_form(request)
        try:
            venue_id = service.venue_of(text_of(sent, "token"))
        except TokenWrong as error:
            service.metrics.refusals.labels(error.code).inc()
            return page("login.html", 401, {"WWW-Authenticate": "Bearer"}, problem="No venue has this token.")
        answer = _back()
        sessions.open(request, answer, venue_id)
        return answer

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        sessions.require_form(request, await read_form(request))
        answer = _back()
        sessions.close(request, answer)
        return answer

    @router.post("/reset")
    async def reset(request: Request) -> Response:
        sent = await read_form(request)
        session = sessions.require_form(request, sent)
        asked = Reason.of_json({"reason": text_of(sent, "reason")})
        clock = service.clock_of(session.venue_id)
        await asyncio.to_thread(clock.reset, asked.reason, service.clock())
        return _back()

    @router.get("/queue.csv")
    async def queue_csv(request: Request) -> Response:
        clock = service.clock_of(sessions.require(request).venue_id)
        return _file(await asyncio.to_thread(views.queue_csv, clock), "text/csv", "queue.csv")

    @router.get("/queue.json")
    async def queue_json(request: Request) -> Response:
        clock = service.clock_of(sessions.require(request).venue_id)
        listed = account_list(clock, await asyncio.to_thread(clock.queue)).to_json()
        return _file(json.dumps(listed, indent=2, ensure_ascii=False), "application/json", "queue.json")

    return router


def _back() -> Response:
    return RedirectResponse("/venue", 303, HEADERS)


def _file(text: str, kind: str, name: str) -> Response:
    return Response(text, 200, HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}, kind)


def _state(text: str) -> State | None:
    if not text:
        return None
    try:
        return State(text)
    except ValueError:
        raise UsageWrong("no such state", where="state", expected=", ".join(State)) from None
