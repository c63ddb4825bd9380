"""Who is signed in. A browser keeps a random number; the venue's token is asked for once and kept nowhere."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from zkmargin.encoding import sha256
from zkmargin.verifier.service.errors import FormWrong, TokenWrong

LIFE: Final = 8 * 3600
"""Seconds. A restart of the service ends all sessions."""
MOST: Final = 1000


@dataclass(frozen=True)
class Session:
    """``mark`` is in each form that changes something: who only makes a browser send a request does not know it."""

    venue_id: bytes
    mark: str
    ends: float


class Sessions:
    """By SHA-256 of the cookie. Only who has a token makes one, and the oldest give way."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._open: dict[bytes, Session] = {}

    def open(self, request: Request, response: Response, venue_id: bytes) -> None:
        """Sign in: the response sets a cookie that no script reads and no other site's link or form sends."""
        self.close(request, response)
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
        number = secrets.token_urlsafe(32)
        self._open[sha256(number.encode())] = Session(venue_id, secrets.token_urlsafe(32), self._now() + LIFE)
        name, secure = _cookie(request)
        response.set_cookie(name, number, path="/", secure=secure, httponly=True, samesite="strict")

    def close(self, request: Request, response: Response) -> None:
        """Sign out."""
        name, secure = _cookie(request)
        self._open.pop(sha256(request.cookies.get(name, "").encode()), None)
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")

    def find(self, request: Request) -> Session | None:
        """The session of a request, if any."""
        digest = sha256(request.cookies.get(_cookie(request)[0], "").encode())
        session = self._open.get(digest)
        if session is not None and session.ends <= self._now():
            del self._open[digest]
            return None
        return session

    def require(self, request: Request) -> Session:
        """Raises TokenWrong."""
        session = self.find(request)
        if session is None:
            raise TokenWrong("sign in with a venue's token", where="session", hint="sign in at /venue")
        return session

    def require_form(self, request: Request, form: dict[str, bytes]) -> Session:
        """The session that a form belongs to. Raises TokenWrong, FormWrong."""
        session = self.require(request)
        if not hmac.compare_digest(form.get("mark", b""), session.mark.encode()):
            raise FormWrong("the form is of another session", where="mark")
        return session


def _cookie(request: Request) -> tuple[str, bool]:
    """Its name, and whether it goes over TLS alone. Browsers take ``__Host-`` from this very host alone, over TLS."""
    secure = request.url.scheme == "https"
    return ("__Host-zkmargin" if secure else "zkmargin"), secure
