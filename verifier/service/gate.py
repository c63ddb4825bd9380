"""What every request passes first: a client's rate, the size of the body, the time that it may take to come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final

from zkmargin.errors import ZkMarginError
from zkmargin.verifier.service.errors import BodyTooLarge, RateLimited, TooSlow
from zkmargin.verifier.service.metrics import Metrics
from zkmargin.verifier.service.settings import Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = Callable[[Scope, ZkMarginError, dict[str, str] | None], App]
"""How a refusal of a request is told."""

_MAX_CLIENTS: Final = 100_000
_DRAINED: Final = 1 << 22
_MARKET_BODY: Final = 1 << 26
"""Market snapshots are as large as their tables; their signatures are checked before they are kept."""


class Gate:
    """ASGI middleware: the body is read whole, within its limits, before the application sees the request."""

    def __init__(self, app: App, limits: Limits, metrics: Metrics, answer: Answer) -> None:
        self._app, self._limits, self._metrics, self._answer = app, limits, metrics, answer
        self._buckets: dict[str, tuple[float, float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            if scope["method"] not in ("GET", "HEAD"):
                self._take(client_of(scope))
            body = await self._body(scope, receive)
        except ZkMarginError as error:
            self._metrics.refusals.labels(error.code).inc()
            if isinstance(error, BodyTooLarge):
                await self._drain(receive)
            await self._answer(scope, error, {"Connection": "close"})(scope, receive, send)
            return
        if body is None:
            return
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    def _take(self, client: str) -> None:
        """One of the client's requests of a minute. Raises RateLimited."""
        most, now = float(self._limits.per_minute), time.monotonic()
        left, at = self._buckets.get(client, (most, now))
        left = min(most, left + (now - at) * most / 60)
        if left < 1:
            raise RateLimited("too many requests", expected=f"at most {self._limits.per_minute} a minute")
        if client not in self._buckets and len(self._buckets) >= _MAX_CLIENTS:
            self._buckets.clear()  # fuller buckets for all rather than memory without bound
        self._buckets[client] = left - 1, now

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None where the client has gone. Raises BodyTooLarge, TooSlow."""
        limit = _MARKET_BODY if scope["path"] == "/v1/markets" else self._limits.body_bytes
        stated = dict(scope["headers"]).get(b"content-length", b"0")
        if stated.isdigit() and int(stated) > limit:
            raise BodyTooLarge("the body is too large", expected=f"at most {limit} bytes", got=int(stated))
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > limit:
                        raise BodyTooLarge("the body is too large", expected=f"at most {limit} bytes")
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            words = f"within {self._limits.body_seconds} s"
            raise TooSlow("the body did not come in time", expected=words) from None

    async def _drain(self, receive: Receive) -> None:
        """Take in and forget some of what still comes: who is cut off while sending does not read the answer."""
        left = _DRAINED
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.body_seconds):
                while left > 0:
                    message = await receive()
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return
                    left -= len(message.get("body", b""))


def client_of(scope: Scope) -> str:
    """Who asks: the address of the connection, or what the trusted proxy in front says."""
    client = scope.get("client")
    return client[0] if client else "unknown"
