"""What a venue asks and tells, with its token: customers, the margin clock, the liquidation queue."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from zkmargin.attestations.schema import Model, load_json
from zkmargin.encoding import parse_uint
from zkmargin.verifier.clock.standing import Standing
from zkmargin.verifier.service.clocks import VenueClock
from zkmargin.verifier.service.messages import (
    AccountList,
    AccountState,
    ChangeList,
    ClockChange,
    Enrolment,
    Reason,
)
from zkmargin.verifier.service.routes import bearer_of, reply
from zkmargin.verifier.service.schemas import NamePath, Route, UIntQuery, answer, body
from zkmargin.verifier.service.service import Service


def venue_routes(service: Service) -> APIRouter:
    """Routes with a venue's token; each shows and moves that venue's accounts alone."""
    router = APIRouter(prefix="/v1", tags=["margin clock"])

    def clock_of(request: Request) -> VenueClock:
        return service.clock_of(service.venue_of(bearer_of(request)))

    def route(method: str, path: str, words: str, given: type[Model], taken: type[Model] | None = None) -> Route:
        extra: dict[str, Any] = {} if taken is None else body(taken)
        extra["security"] = [{"token": []}]
        return router.api_route(
            path, methods=[method], summary=words, openapi_extra=extra, responses={200: answer(given, words)}
        )

    @route("GET", "/accounts", "All accounts", AccountList)
    async def accounts(request: Request) -> JSONResponse:
        clock = clock_of(request)
        return _accounts(clock, await asyncio.to_thread(clock.standings))

    @route("POST", "/accounts", "A customer, or further statements of one", AccountState, Enrolment)
    async def enrol(request: Request) -> JSONResponse:
        clock = clock_of(request)
        asked = Enrolment.of_json(load_json(await request.body()))
        await asyncio.to_thread(clock.enrol, asked.account, asked.commitments, service.clock())
        return reply(_state(clock, await asyncio.to_thread(clock.standing, asked.account)))

    @route("GET", "/accounts/{account}", "One account", AccountState)
    async def account(account: NamePath, request: Request) -> JSONResponse:
        clock = clock_of(request)
        return reply(_state(clock, await asyncio.to_thread(clock.standing, account)))

    @route("POST", "/accounts/{account}/removal", "An account is closed, or liquidated", AccountList, Reason)
    async def remove(account: NamePath, request: Request) -> JSONResponse:
        clock = clock_of(request)
        asked = Reason.of_json(load_json(await request.body()))
        await asyncio.to_thread(clock.remove, account, asked.reason, service.clock())
        return _accounts(clock, await asyncio.to_thread(clock.standings))

    @route("GET", "/queue", "The liquidation queue, in its order", AccountList)
    async def queue(request: Request) -> JSONResponse:
        clock = clock_of(request)
        return _accounts(clock, await asyncio.to_thread(clock.queue))

    @route("GET", "/changes", "The clock's log from behind an entry", ChangeList)
    async def changes(request: Request, after: UIntQuery = "0") -> JSONResponse:
        clock = clock_of(request)
        found = await asyncio.to_thread(clock.changes, parse_uint(after, "after", 63))
        listed = [ClockChange(number=number, **vars(change)) for number, change in found]
        return reply(ChangeList(changes=tuple(listed)))

    @route("POST", "/breaker/reset", "An operator ends a pause of margin calls", AccountList, Reason)
    async def reset(request: Request) -> JSONResponse:
        clock = clock_of(request)
        asked = Reason.of_json(load_json(await request.body()))
        await asyncio.to_thread(clock.reset, asked.reason, service.clock())
        return _accounts(clock, await asyncio.to_thread(clock.standings))

    return router


def _state(clock: VenueClock, standing: Standing) -> AccountState:
    return AccountState(
        account=standing.account,
        state=standing.state.value,
        since=standing.since,
        due=standing.due,
        band=clock.band(standing),
        issued_at=standing.issued_at,
        price_time=standing.price_time,
    )


def account_list(clock: VenueClock, standings: list[Standing]) -> AccountList:
    """Accounts as an answer."""
    pause = clock.pause
    listed = tuple(_state(clock, standing) for standing in standings)
    return AccountList(accounts=listed, paused=None if pause is None else pause.reason)


def _accounts(clock: VenueClock, standings: list[Standing]) -> JSONResponse:
    return reply(account_list(clock, standings))
