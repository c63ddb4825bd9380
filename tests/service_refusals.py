"""One way to meet each refusal of the service, for the table of errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from zkmargin.verifier.service.client import ServiceClient
from zkmargin.verifier.service.pool import Turns


def _run(work: Coroutine[Any, Any, object]) -> object:
    return asyncio.run(work)


async def _too_many(waiting_each: int, waiting: int) -> None:
    """Two more than there are slots: the third has no place in line."""
    turns = Turns(1, waiting_each, waiting)
    async with turns.turn("a"):
        second = asyncio.create_task(_take(turns))
        await asyncio.sleep(0)
        try:
            async with turns.turn("a"):
                pass
        finally:
            second.cancel()


async def _take(turns: Turns) -> None:
    async with turns.turn("a"):
        pass


SERVICE: Mapping[str, Callable[[], object]] = {
    "E_RATE_LIMIT": lambda: _run(_too_many(1, 9)),
    "E_BUSY": lambda: _run(_too_many(9, 1)),
    "E_SERVICE": lambda: ServiceClient("http://127.0.0.1:9").venues(),
}
OVER_A_SOCKET = frozenset(
    {
        "E_BODY_SIZE",
        "E_SLOW",
        "E_ROUTE",
        "E_METHOD",
        "E_TOKEN",
        "E_FORM",
        "E_MARKET_MISSING",
        "E_CUSTOMER",
        "E_SERVICE_REFUSED",
    }
)
"""Those that need a whole service: tests/service provokes each."""
