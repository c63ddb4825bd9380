"""The transparency log. Heads and their consistency are public, so that anyone can catch an operator who rewrites it.

Entries name venues: a pledge's is given to who knows its context, which is in the proof; all of them to auditors.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from zkmargin.attestations.schema import Model
from zkmargin.encoding import parse_uint
from zkmargin.verifier.registry.documents import LogConsistency, LogHeadDocument, LogPage, LogProof
from zkmargin.verifier.registry.errors import LogInclusion
from zkmargin.verifier.service.routes import bearer_of, reply
from zkmargin.verifier.service.schemas import Route, UIntPath, UIntQuery, answer
from zkmargin.verifier.service.service import Service

_BITS = 63


def log_routes(service: Service) -> APIRouter:
    """Routes of the log."""
    router = APIRouter(prefix="/v1/log", tags=["log"])
    registry = service.registry

    def giving(path: str, model: type[Model], words: str) -> Route:
        return router.get(path, summary=words, responses={200: answer(model, words)})

    @giving("/head", LogHeadDocument, "The last signed head")
    async def head() -> JSONResponse:
        return reply(await asyncio.to_thread(registry.latest_head))

    @router.get(
        "/entries",
        summary="Up to 1,000 entries, and the heads over them, for auditors",
        responses={200: answer(LogPage, "a part of the log")},
        openapi_extra={"security": [{"token": []}]},
    )
    async def entries(request: Request, first: UIntQuery = "0") -> JSONResponse:
        service.require_auditor(bearer_of(request))
        return reply(await asyncio.to_thread(registry.page, parse_uint(first, "first", _BITS)))

    @giving("/inclusion/{index}", LogProof, "A pledge's entry with its path to the last head, for who has its proof")
    async def inclusion(index: UIntPath, context: UIntQuery) -> JSONResponse:
        found = await asyncio.to_thread(registry.prove_inclusion, parse_uint(index, "index", _BITS))
        pledged = found.entry.registration
        if pledged is None or pledged.context != parse_uint(context, "context"):
            raise LogInclusion("the log has no such entry", where="index, context", got=index)
        return reply(found)

    @giving("/consistency", LogConsistency, "That the log of one head begins with that of an earlier one")
    async def consistency(first: UIntQuery, second: UIntQuery | None = None) -> JSONResponse:
        sizes = [parse_uint(first, "first", _BITS)]
        if second is not None:
            sizes.append(parse_uint(second, "second", _BITS))
        return reply(await asyncio.to_thread(registry.prove_consistency, *sizes))

    return router
