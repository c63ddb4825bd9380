"""The service's addresses: bodies and answers are documents, every refusal is a problem document. specs/service.md"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError as ParametersWrong
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from zkmargin.errors import UsageWrong, ZkMarginError
from zkmargin.verifier.service.errors import MethodWrong, RouteUnknown
from zkmargin.verifier.service.gate import Counted, Gate
from zkmargin.verifier.service.log_routes import log_routes
from zkmargin.verifier.service.metrics import CONTENT_TYPE_LATEST
from zkmargin.verifier.service.pages.site import answer, page_routes
from zkmargin.verifier.service.problems import MEDIA_TYPE, SCHEMA
from zkmargin.verifier.service.routes import public_routes
from zkmargin.verifier.service.schemas import components
from zkmargin.verifier.service.service import Service
from zkmargin.verifier.service.venue_routes import venue_routes

logger: Final = logging.getLogger("zkmargin.service")


def create_app(service: Service) -> FastAPI:
    """The ASGI application of a service. It closes the service when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        ticking = asyncio.create_task(_tick(service))
        try:
            yield
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking
            await asyncio.to_thread(service.close)

    app = FastAPI(title="zkmargin", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(public_routes(service))
    app.include_router(log_routes(service))
    app.include_router(venue_routes(service))
    app.include_router(page_routes(service))
    _add_health(app, service)
    _add_errors(app, service)
    app.add_middleware(Counted, metrics=service.metrics)
    app.add_middleware(Gate, limits=service.settings.limits, metrics=service.metrics, answer=answer)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


async def _tick(service: Service) -> None:
    """Look at the clocks again and again; one failure is told and does not stop the next look."""
    while True:
        try:
            await asyncio.to_thread(service.tick)
        except ZkMarginError as error:
            logger.error("margin clock: %s", error)
        except Exception as error:  # without the next look nobody would be called any more
            logger.error("margin clock: unforeseen %s", type(error).__name__, exc_info=error)
        await asyncio.sleep(service.settings.limits.tick_seconds)


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", summary="Whether the process answers", tags=["health"])
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", summary="Whether pledges can be recorded", tags=["health"])
    async def readyz() -> JSONResponse:
        entries = await asyncio.to_thread(service.registry.size)
        return JSONResponse({"status": "ok", "logEntries": str(entries)})

    @app.get("/metrics", summary="Counters, for Prometheus", tags=["health"], response_class=Response)
    async def metrics() -> Response:
        await asyncio.to_thread(_measure, service)
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _measure(service: Service) -> None:
    metrics = service.metrics
    metrics.waiting.set(service.turns.waiting)
    metrics.entries.set(service.registry.size())
    for venue_id, clock in service.clocks.items():
        name = service.desk.venues[venue_id].policy.name
        for state, count in clock.counts().items():
            metrics.accounts.labels(name, state.value).set(count)
        metrics.paused.labels(name).set(clock.pause is not None)


def _add_errors(app: FastAPI, service: Service) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, ZkMarginError):
            logger.error("unforeseen %s", type(error).__name__, exc_info=error)
            error = ZkMarginError("unforeseen error")
        service.metrics.refusals.labels(error.code).inc()
        return answer(request.scope, error)

    async def not_found(request: Request, error: Exception) -> Response:
        wrong = isinstance(error, HTTPException) and error.status_code == 405
        kind = MethodWrong if wrong else RouteUnknown
        headers = dict(getattr(error, "headers", None) or {})
        if wrong:  # of all routes at this address: the router names those of the first
            headers["Allow"] = ", ".join(_methods_at(request))
        told = kind("not a method of this address" if wrong else "nothing is here", where=request.url.path[:200])
        service.metrics.refusals.labels(told.code).inc()
        return answer(request.scope, told, headers)

    async def misused(request: Request, error: Exception) -> Response:
        names = [str(found["loc"][-1])[:60] for found in error.errors()] if isinstance(error, ParametersWrong) else []
        return await refused(
            request, UsageWrong("a parameter is missing or not as it should be", where=", ".join(names))
        )

    app.add_exception_handler(ParametersWrong, misused)
    app.add_exception_handler(ZkMarginError, refused)
    app.add_exception_handler(HTTPException, not_found)
    app.add_exception_handler(Exception, refused)


def _methods_at(request: Request) -> list[str]:
    return [
        method
        for method in ("GET", "POST")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's, with the documents' own schemas and the problem document for every refusal."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schema["components"] = {
            "schemas": {**components(), "Problem": SCHEMA},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        }
        refusal = {
            "description": "refused, with a code of specs/errors.md",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"] = {
                    status: answer for status, answer in operation["responses"].items() if status != "422"
                } | {"4XX": refusal, "5XX": refusal}
        app.openapi_schema = schema
    return app.openapi_schema
