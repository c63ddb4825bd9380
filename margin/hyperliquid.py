"""Hyperliquid: markets, margin tables and marks, as ``POST /info {"type": "metaAndAssetCtxs"}`` answers.

    [{"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56, ...}, ...],
      "marginTables": [[56, {"description": "tiered 40x",
                             "marginTiers": [{"lowerBound": "0.0", "maxLeverage": 40}, ...]}], ...]},
     [{"markPx": "66344.0", ...}, ...]]

``universe[i]`` goes with the i-th context. A ``marginTableId`` below 50 that is in no table is a table of one tier with
that leverage. The maintenance rate is half of the initial rate at the tier's largest leverage (the venue's "Margin
tiers"). Markets that are delisted are left out; markets that the venue margins in isolation only are listed where they
are asked for by name. Tables are in US dollars: the collateral, a USDC, counts as one. The answer has no time.
                                                                                        specs/market.md#sources
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zkmargin.errors import MarketSource
from zkmargin.margin.assemble import Figures
from zkmargin.margin.brackets import Tier, check_tiers, of_leverage
from zkmargin.margin.market import Source
from zkmargin.margin.perpetuals import Contract, contract_figures
from zkmargin.margin.venue_json import (
    parse,
    read_fields,
    read_flag,
    read_items,
    read_number,
    read_positive,
    read_text,
    read_whole,
)

MARKET_FIELDS = ("name", "szDecimals", "maxLeverage", "marginTableId")
MARKET_EXTRA_FIELDS = ("isDelisted", "onlyIsolated", "marginMode", "growthMode", "lastGrowthModeChangeTime")
CONTEXT_EXTRA_FIELDS = (
    *("funding", "openInterest", "prevDayPx", "dayNtlVlm", "premium", "oraclePx", "midPx", "impactPxs", "dayBaseVlm"),
)
MARGIN_MODES = ("strictIsolated", "noCross")
SIMPLE_TABLES = 50
"""Identifiers below it stand for tables of one tier."""
LARGEST = 10**11
"""The end of a last tier, in USD, which no rule reads."""


def hyperliquid_figures(content: bytes, name: str, only: Sequence[str] = ()) -> Figures:
    """The figures of the markets named in ``only``, or of all that can be margined together. Raises MarketSource."""
    document = parse(content, name)
    if not isinstance(document, list) or len(document) != 2:
        raise MarketSource("must be an array of meta and contexts", where=name)
    meta = read_fields(document[0], f"{name}: meta", ("universe", "marginTables"), ("collateralToken",))
    if read_whole(meta.get("collateralToken", 0), f"{name}: collateralToken") != 0:
        raise MarketSource("the collateral of these markets is not USDC", where=name)
    tables = _margin_tables(meta["marginTables"], f"{name}: marginTables")
    universe = read_items(meta["universe"], f"{name}: universe")
    contexts = read_items(document[1], f"{name}: contexts")
    if len(universe) != len(contexts):
        raise MarketSource(
            "markets and contexts differ in number", where=name, expected=len(universe), got=len(contexts)
        )
    contracts: dict[str, Contract] = {}
    known = set()
    for position, (given, context) in enumerate(zip(universe, contexts, strict=True)):
        market = read_fields(given, f"{name}: universe[{position}]", MARKET_FIELDS, MARKET_EXTRA_FIELDS)
        coin = read_text(market["name"], f"{name}: universe[{position}].name")
        where = f"{name}: {coin}"
        if coin in known:
            raise MarketSource("a market comes twice", where=where)
        known.add(coin)
        prices = read_fields(context, f"{where}, context", ("markPx",), CONTEXT_EXTRA_FIELDS)
        delisted = read_flag(market.get("isDelisted", False), f"{where}.isDelisted")
        alone = read_flag(market.get("onlyIsolated", False), f"{where}.onlyIsolated")
        if market.get("marginMode", MARGIN_MODES[0]) not in MARGIN_MODES:
            raise MarketSource("the margin mode is not known", where=where, expected=" or ".join(MARGIN_MODES))
        if delisted or (coin not in only if only else alone or "marginMode" in market):
            continue
        tiers = _tiers(market, tables, where)
        mark = read_positive(prices["markPx"], f"{where}.markPx")
        contracts[coin] = Contract(coin, coin, "USDC", None, mark, tuple(tiers))
    if missing := [coin for coin in only if coin not in contracts]:
        raise MarketSource(f"`{missing[0][:40]}` is not listed, or not any more", where=name)
    if not contracts:
        raise MarketSource("no market can be margined with others", where=name, hint="list markets with --only")
    chosen = [contracts[coin] for coin in only or contracts]
    return contract_figures("Hyperliquid's markets", chosen, [Source.of(name, content)])


def _margin_tables(value: object, where: str) -> dict[int, list[Tier]]:
    tables = {}
    for position, pair in enumerate(read_items(value, where)):
        if not isinstance(pair, list) or len(pair) != 2:
            raise MarketSource("must be a number and a table", where=f"{where}[{position}]")
        number = read_whole(pair[0], f"{where}[{position}]")
        at = f"{where}, table {number}"
        if number in tables or number < SIMPLE_TABLES:
            raise MarketSource("a table comes twice, or takes the number of a simple one", where=at)
        table = read_fields(pair[1], at, ("marginTiers",), ("description",))
        rows = [
            read_fields(row, f"{at}, tier {tier}", ("lowerBound", "maxLeverage"))
            for tier, row in enumerate(read_items(table["marginTiers"], at), 1)
        ]
        lower = [read_number(row["lowerBound"], f"{at}.lowerBound") for row in rows]
        if lower[0] != 0:
            raise MarketSource("the first tier begins at 0", where=at, got=lower[0])
        tables[number] = of_leverage(lower, [_leverage(row["maxLeverage"], at) for row in rows], LARGEST)
        check_tiers(tables[number], at)
    return tables


def _tiers(market: dict[str, Any], tables: dict[int, list[Tier]], where: str) -> list[Tier]:
    """The tiers of a market; the first one's leverage must be the market's."""
    most = _leverage(market["maxLeverage"], where)
    number = read_whole(market["marginTableId"], f"{where}.marginTableId")
    if number not in tables and not 0 < number < SIMPLE_TABLES:
        raise MarketSource(f"there is no margin table {number}", where=where)
    tiers = tables.get(number) or of_leverage([0], [number], LARGEST)
    if tiers[0].rate * 2 * most != 1:
        raise MarketSource("`maxLeverage` is not that of the margin table", where=where, got=most)
    return tiers


def _leverage(value: object, where: str) -> int:
    leverage = read_whole(value, f"{where}.maxLeverage")
    if not 0 < leverage <= 1000:
        raise MarketSource("leverage is between 1 and 1,000", where=where, got=leverage)
    return leverage
