"""All pages of a service, and which refusals are pages."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from zkmargin.errors import ZkMarginError
from zkmargin.verifier.service.pages.auditor import audit_pages
from zkmargin.verifier.service.pages.public import public_pages
from zkmargin.verifier.service.pages.render import refusal
from zkmargin.verifier.service.pages.session import Sessions
from zkmargin.verifier.service.pages.venue import venue_pages
from zkmargin.verifier.service.problems import problem
from zkmargin.verifier.service.service import Service

_PAGES: Final = frozenset({"", "venue", "proof", "submit", "audit", "style.css"})


def page_routes(service: Service) -> APIRouter:
    """None of them is in the OpenAPI: they are for people."""
    router, sessions = APIRouter(), Sessions()
    router.include_router(public_pages(service, sessions))
    router.include_router(venue_pages(service, sessions))
    router.include_router(audit_pages(service, sessions))
    return router


def answer(scope: MutableMapping[str, Any], error: ZkMarginError, headers: dict[str, str] | None = None) -> Response:
    """A refusal: a page where a page was asked for, or where a browser looks for what is not there."""
    first = str(scope.get("path", "")).lstrip("/").split("/")[0]
    asked = dict(scope.get("headers", ())).get(b"accept", b"")
    if first in _PAGES or (first != "v1" and b"text/html" in asked):
        return refusal(error, headers)
    return problem(error, headers)
