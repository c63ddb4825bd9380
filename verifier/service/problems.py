"""Errors as problem documents (RFC 9457): every refusal has its code, and nothing else of the inside shows."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import JSONResponse

from zkmargin.errors import FileUnreadable, InputError, VerificationError, ZkMarginError
from zkmargin.verifier.clock.errors import AccountEnrolled, AccountUnknown, ProofSuperseded
from zkmargin.verifier.registry.errors import ContextReplay, DoublePledge, PledgeMissing, PledgeRefresh, StoreFailed
from zkmargin.verifier.service.errors import (
    BodyTooLarge,
    MarketMissing,
    MethodWrong,
    Overloaded,
    RateLimited,
    RouteUnknown,
    TokenWrong,
    TooSlow,
)

MEDIA_TYPE: Final = "application/problem+json"
_STATUS: Final[dict[type[ZkMarginError], int]] = {
    TokenWrong: 401,
    RouteUnknown: 404,
    PledgeMissing: 404,
    AccountUnknown: 404,
    MarketMissing: 404,
    MethodWrong: 405,
    TooSlow: 408,
    DoublePledge: 409,
    ContextReplay: 409,
    PledgeRefresh: 409,
    AccountEnrolled: 409,
    ProofSuperseded: 409,
    BodyTooLarge: 413,
    RateLimited: 429,
    FileUnreadable: 500,
    StoreFailed: 503,
    Overloaded: 503,
    VerificationError: 422,
    InputError: 400,
    ZkMarginError: 500,
}
"""By class; the nearest one in an error's ancestry counts."""

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "pattern": "^E_[A-Z_]+$"},
        "detail": {"type": "string"},
        "where": {"type": ["string", "null"]},
        "expected": {"type": ["string", "null"]},
        "got": {"type": ["string", "null"]},
        "hint": {"type": ["string", "null"]},
    },
}


def status_of(error: ZkMarginError) -> int:
    """The HTTP status of an error."""
    return next(_STATUS[cls] for cls in type(error).__mro__ if cls in _STATUS)


def problem(error: ZkMarginError, headers: dict[str, str] | None = None) -> JSONResponse:
    """The response that tells of an error. Unforeseen ones say nothing of the inside."""
    status = status_of(error)
    told = error.as_json()
    body = {
        "type": f"urn:zkmargin:error:{error.code}",
        "title": (type(error).__doc__ or error.code).split("\n")[0],
        "status": status,
        "code": error.code,
        "detail": told["message"],
        "where": told["where"],
        "expected": told["expected"],
        "got": told["got"],
        "hint": told["hint"],
    }
    return JSONResponse(body, status, headers_of(error, headers), MEDIA_TYPE)


def headers_of(error: ZkMarginError, headers: dict[str, str] | None = None) -> dict[str, str]:
    """What the status of an error asks for, beside ``headers``."""
    status, extra = status_of(error), dict(headers or {})
    if status in (429, 503):
        extra.setdefault("Retry-After", "5")
    if status == 401:
        extra["WWW-Authenticate"] = "Bearer"
    return extra
