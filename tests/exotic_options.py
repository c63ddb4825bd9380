"""Barrier and Asian options on a real chain, as a publisher describes them."""

from __future__ import annotations

import json
from typing import Any

from zkmargin.margin.exotics import Exotic, read_exotics

EXPIRY = "2026-03-27T08:00:00Z"
FIXINGS = [f"2026-03-{day:02d}T08:00:00Z" for day in range(21, 28)]


def terms(id: str = "X", option_type: str = "call", strike: str = "70000", **beyond: Any) -> dict[str, Any]:
    """A contract on bitcoin that expires on 27 March 2026."""
    return {"id": id, "underlying": "BTC", "expiry": EXPIRY, "strike": strike, "optionType": option_type, **beyond}


def barrier(id: str, type: str, level: str, **changes: Any) -> dict[str, Any]:
    """With a barrier."""
    return terms(id, barrier={"type": type, "level": level}, **changes)


def asian(
    id: str, method: str, fixings: list[str], observed: list[str] | None = None, **changes: Any
) -> dict[str, Any]:
    """On an average."""
    averaging = {"method": method, "fixings": fixings} | ({"observed": observed} if observed else {})
    return terms(id, averaging=averaging, **changes)


def document(*contracts: dict[str, Any]) -> bytes:
    """The file."""
    return json.dumps({"exotics": list(contracts)}).encode()


def read(*contracts: dict[str, Any]) -> tuple[Exotic, ...]:
    """As they are read."""
    return read_exotics(document(*contracts), "exotics.json")


DESK = (
    barrier("BTC-27MAR26-70000-C-DO60000", "down-out", "60000"),
    barrier("BTC-27MAR26-70000-P-DI55000", "down-in", "55000", option_type="put"),
    asian("BTC-27MAR26-72000-C-ASIAN", "arithmetic", FIXINGS, strike="72000"),
    asian("BTC-27MAR26-72000-P-GEOMETRIC", "geometric", FIXINGS, strike="72000", option_type="put"),
)
"""What a desk has: a cheaper call, a crash put, averages of the last week."""
