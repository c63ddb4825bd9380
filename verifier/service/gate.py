"""What every request passes first: a client's rate, the size of the body, the time that it may take to come."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from zkmargin.errors import ZkMarginError
from zkmargin.verifier.service.errors import BodyTooLarge, Overloaded, RateLimited, TooSlow
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
_LARGE: Final = {"/v1/markets": 1 << 26}
"""Market snapshots are as large as their tables; their signatures are checked before they are kept."""
_MAX_HELD: Final = 1 << 27
"""Bytes of large bodies in memory at once, of all clients. Others are not counted: they cannot be kept out by those."""
_MAX_DISCARDED: Final = 1 << 22
"""Bytes of a refused body that are still read: a connection that is closed upon them loses the answer."""


class Gate:
    """ASGI middleware: the body is read whole, within its limits, before the application sees the request."""

    def __init__(self, app: App, limits: Limits, metrics: Metrics, answer: Answer) -> None:
        self._app, self._limits, self._metrics, self._answer = app, limits, metrics, answer
        self._buckets: dict[str, tuple[float, float]] = {}
        self._large = _Large()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        holding = _Holding(self._large, client_of(scope), self._limits.body_bytes)
        try:
            try:
                if scope["method"] not in ("GET", "HEAD"):
                    self._take(client_of(scope))
                body = await self._body(scope, receive, holding)
            except ZkMarginError as error:
                self._metrics.refusals.labels(error.code).inc()
                holding.end()
                if not holding.complete and not isinstance(error, TooSlow):
                    await self._discard(receive)
                await self._answer(scope, error, {"Connection": "close"})(scope, receive, send)
                return
            if body is not None:
                await self._proceed(scope, body, receive, send)
        finally:
            holding.end()

    async def _proceed(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
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

    async def _body(self, scope: Scope, receive: Receive, holding: _Holding) -> bytes | None:
        """The whole body; None where the client has gone. Raises BodyTooLarge, TooSlow, RateLimited, Overloaded."""
        limit = _LARGE.get(scope["path"], self._limits.body_bytes)
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
                    holding.complete = not message.get("more_body", False)
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > limit:
                        raise BodyTooLarge("the body is too large", expected=f"at most {limit} bytes")
                    holding.grow(size)
                    if holding.complete:
                        return b"".join(parts)
        except TimeoutError:
            words = f"within {self._limits.body_seconds} s"
            raise TooSlow("the body did not come in time", expected=words) from None

    async def _discard(self, receive: Receive) -> None:
        """Read on what a client is still sending, a little and not for long, so that it reads the answer."""
        left = _MAX_DISCARDED
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.body_seconds):
                while left > 0:
                    message = await receive()
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return
                    left -= len(message.get("body", b""))


class Counted:
    """ASGI middleware: requests by route and status."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.requests.labels(route, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, note if scope["type"] == "http" else send)


class _Large:
    """Large bodies in memory: all bytes, and those of each client."""

    def __init__(self) -> None:
        self.bytes = 0
        self.clients: dict[str, int] = {}


class _Holding:
    """One request's body: from ``small`` bytes on it is a large one, of which each client has one at a time."""

    def __init__(self, large: _Large, client: str, small: int) -> None:
        self._large, self._client, self._small = large, client, small
        self._counted = 0
        self.complete = False

    def grow(self, size: int) -> None:
        """The body has ``size`` bytes by now. Raises RateLimited, Overloaded."""
        if size <= self._small:
            return
        large = self._large
        if not self._counted and self._client in large.clients:
            raise RateLimited("one large body at a time")
        if large.bytes + size - self._counted > _MAX_HELD:
            raise Overloaded("too many large bodies at once", expected=f"at most {_MAX_HELD} bytes")
        large.bytes += size - self._counted
        large.clients[self._client] = self._counted = size

    def end(self) -> None:
        """The body is no longer in memory."""
        if self._counted:
            self._large.bytes -= self._counted
            del self._large.clients[self._client]
            self._counted = 0


def client_of(scope: Scope) -> str:
    """Who asks: the address of the connection, or what the trusted proxy in front says."""
    client = scope.get("client")
    return _network_of(client[0]) if client else "unknown"


@lru_cache(4096)
def _network_of(address: str) -> str:
    """An address of IPv6 counts as its /64: whoever has one has them all."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if found.version == 4:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.ipv4_mapped is None else str(found.ipv4_mapped)
