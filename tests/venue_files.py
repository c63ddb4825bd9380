"""Real parameter files of venues, in the shapes in which the venues give them (tests/venues/README.md)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from zkmargin.margin.binance import Brackets, parse_compact
from zkmargin.margin.venue_json import parse

VENUES = Path(__file__).parent / "venues"
BRACKETS = Path(__file__).parents[1] / "demo" / "binance_usdm_brackets_20260326.csv"
OLD_BRACKETS = VENUES / "binance_usdm_brackets_20241024.csv"
HYPERLIQUID = {day: VENUES / f"hyperliquid_{day}.json" for day in ("20250822", "20260206", "xyz_20260206")}
DYDX = {name: VENUES / f"dydx_{name}.csv" for name in ("mainnet_20231026", "sample_202510")}


@cache
def brackets(path: Path = BRACKETS) -> Brackets:
    """Binance's brackets."""
    return parse_compact(path.read_bytes(), path.name)


def brackets_json(held: Brackets) -> list[dict[str, Any]]:
    """Brackets as ``GET /fapi/v1/leverageBracket`` gives them."""
    entries = []
    for symbol, schedule in held.schedules.items():
        floors = [0, *(float(bracket.cap) for bracket in schedule)]
        rows = [
            {
                "bracket": number,
                "initialLeverage": bracket.leverage,
                "notionalCap": int(bracket.cap),
                "notionalFloor": int(floor),
                "maintMarginRatio": float(bracket.rate),
                "cum": float(bracket.cum),
            }
            for number, (bracket, floor) in enumerate(zip(schedule, floors, strict=False), 1)
        ]
        entries.append({"symbol": symbol, "brackets": rows})
    return entries


def premium_index(marks: dict[str, str], time: int) -> list[dict[str, Any]]:
    """Marks as ``GET /fapi/v1/premiumIndex`` gives them, at unix seconds ``time``."""
    rest = {"indexPrice": "0", "estimatedSettlePrice": "0", "lastFundingRate": "0.0001", "interestRate": "0.0001"}
    return [
        {"symbol": symbol, "markPrice": mark, **rest, "nextFundingTime": 0, "time": time * 1000 + 7}
        for symbol, mark in marks.items()
    ]


def meta(day: str = "20260206") -> list[Any]:
    """Hyperliquid's ``metaAndAssetCtxs``, numbers as decimals."""
    document: list[Any] = parse(HYPERLIQUID[day].read_bytes(), "meta")
    return document


@cache
def hyperliquid_marks(day: str = "20260206") -> dict[str, str]:
    """Marks of all markets by coin."""
    universe, contexts = json.loads(HYPERLIQUID[day].read_text())
    return {market["name"]: context["markPx"] for market, context in zip(universe["universe"], contexts, strict=True)}


def genesis(name: str = "mainnet_20231026", interest: dict[str, int] | None = None) -> dict[str, Any]:
    """A genesis of dYdX with the modules that are read; ``interest`` in base quantums by ticker."""
    rows = [line.split(",") for line in DYDX[name].read_text().splitlines()]
    (_, chain, time), *rest = rows
    tiers, perpetuals, prices = [], [], []
    for row in rest:
        if row[0] == "tier":
            keys = ("id", "initial_margin_ppm", "maintenance_fraction_ppm")
            caps = ("open_interest_lower_cap", "open_interest_upper_cap")
            tier: dict[str, Any] = {"name": "tier", "impact_notional": 10**9}
            tiers.append(tier | {key: int(cell) for key, cell in zip((*keys, *caps), row[1:], strict=True) if cell})
            continue
        ticker = row[1]
        number, market, resolution, level, exponent, price = map(int, row[2:])
        params = {"ticker": ticker, "id": number, "market_id": market, "atomic_resolution": resolution}
        entry: dict[str, Any] = {"params": {**params, "default_funding_ppm": 0, "liquidity_tier": level}}
        if interest and ticker in interest:
            entry |= {"funding_index": "0", "open_interest": str(interest[ticker])}
        perpetuals.append(entry)
        prices.append({"id": market, "exponent": exponent, "price": str(price)})
    state = {
        "perpetuals": {"params": {}, "perpetuals": perpetuals, "liquidity_tiers": tiers},
        "prices": {"market_params": [], "market_prices": prices},
        "bank": {},
    }
    return {"chain_id": chain, "genesis_time": time, "initial_height": "1", "app_state": state}


def as_bytes(document: object) -> bytes:
    """JSON text; decimals as numbers."""
    return json.dumps(document, default=float).encode()
