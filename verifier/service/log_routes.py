"""The transparency log: heads, entries, proofs. Public, so that anyone can check the registry."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import JSONResponse

from zkmargin.attestations.schema import Model
from zkmargin.encoding import parse_uint
from zkmargin.verifier.registry.documents import LogConsistency, LogHeadDocument, LogPage, LogProof
from zkmargin.verifier.service.routes import reply
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

    @giving("/entries", LogPage, "Up to 1,000 entries, and the heads over them")
    async def entries(first: UIntQuery = "0") -> JSONResponse:
        return reply(await asyncio.to_thread(registry.page, parse_uint(first, "first", _BITS)))

    @giving("/inclusion/{index}", LogProof, "An entry with its path to the last head")
    async def inclusion(index: UIntPath) -> JSONResponse:
        return reply(await asyncio.to_thread(registry.prove_inclusion, parse_uint(index, "index", _BITS)))

    @giving("/consistency", LogConsistency, "That the log of one head begins with that of an earlier one")
    async def consistency(first: UIntQuery, second: UIntQuery | None = None) -> JSONResponse:
        sizes = [parse_uint(first, "first", _BITS)]
        if second is not None:
            sizes.append(parse_uint(second, "second", _BITS))
        return reply(await asyncio.to_thread(registry.prove_consistency, *sizes))

    return router
