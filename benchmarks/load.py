"""A client that asks for little of the machine: prepared requests over kept connections, answers by their length."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """To the request at this place; ``seconds`` from when it was due to when it was read."""

    place: int
    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


def post(path: str, body: bytes) -> bytes:
    """A request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: service\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def send(
    address: tuple[str, int],
    requests: Sequence[bytes],
    connections: int,
    *,
    rate: float | None = None,
    source: str | None = None,
    answered: list[Answer] | None = None,
) -> list[Answer]:
    """Send all, over so many connections: as fast as they are answered, or so many a second, whether answered or not.

    At a rate, a request that has to wait for a free connection has waited since it was due. ``answered``: where answers
    are put as they come.
    """
    waiting = iter(enumerate(requests))
    started = time.perf_counter()
    answers: list[Answer] = [] if answered is None else answered

    async def run() -> None:
        local = None if source is None else (source, 0)
        reader, writer = await asyncio.open_connection(*address, local_addr=local)
        try:
            for place, content in waiting:
                due = time.perf_counter() if rate is None else started + place / rate
                if (ahead := due - time.perf_counter()) > 0:
                    await asyncio.sleep(ahead)
                writer.write(content)
                status, body = await _read(reader)
                answers.append(Answer(place, status, body, time.perf_counter() - due))
        finally:
            writer.close()

    await asyncio.gather(*(run() for _ in range(min(connections, len(requests)))))
    return answers


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    (length,) = (int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
    return int(lines[0].split(b" ")[1]), await reader.readexactly(length)


def percentile(values: Iterable[float], share: float) -> float:
    """The least value that so many are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
