"""Maintenance by notional brackets: Binance, Hyperliquid, Bybit, Gate and OKX."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from zkmargin.circuits.vectors.engines.base import Case, Cases, Unsupported
from zkmargin.circuits.vectors.world import World

FAR = 10**11
"""The bound of a last tier, in USD: it is not read."""


def deductions(bounds: list[Any], rates: list[Any]) -> list[Fraction]:
    """deduction_k = deduction_(k-1) + bound_(k-1) * (rate_k - rate_(k-1)): the tiers join without a jump."""
    found = [Fraction(0)]
    for k in range(1, len(rates)):
        found.append(found[-1] + Fraction(bounds[k - 1]) * (Fraction(rates[k]) - Fraction(rates[k - 1])))
    return found


def _brackets(bounds: list[Any], rates: list[Any], notional: Any) -> dict[str, Any]:
    """Maintenance of one market at a mark of 1,000 USD, and the deductions of its table."""
    cuts = deductions(bounds, rates)
    world = World.of(
        "cross_bracket",
        {"mark": [1_000], "rate": [rates], "deduction": [cuts], "bound": [bounds]},
        {"size": [Fraction(notional) / 1_000], "entry": [0], "cash": 0},
    )
    return {"maintenance": world.value("maintenance"), "deduction_top_tier": cuts[-1]}


def binance(case: Case, cases: Cases) -> dict[str, Any]:
    """Brackets, and liquidation prices with the one tier that the case gives."""
    params, private = case["params"], case["private"]
    if case["kind"] == "bracket_table":
        rows = params["brackets"]
        return {"cum": deductions([row["cap"] for row in rows], [row["mmr"] for row in rows])}
    if case["kind"] == "bracket_requirement":
        rows = cases[params["table"]]["params"]["brackets"]
        return _brackets([row["cap"] for row in rows], [row["mmr"] for row in rows], private["notional"])
    if case["kind"] != "liquidation_price":
        raise Unsupported(f"no adapter for {case['kind']}")
    long, others = private["side"] == "long", private.get("others", [])
    sizes = [private["qty"] if long else -private["qty"], *(row["side"] * row["amt"] for row in others)]
    entries = [private["entry"], *(row["open"] for row in others)]
    public = {
        "mark": [private["entry"], *(row["mark"] for row in others)],
        "rate": [[params["mmr"]], *([row["mmr"]] for row in others)],
        "deduction": [[params["cum"]], *([row["cum"]] for row in others)],
        "bound": [[FAR] for _ in sizes],
    }
    account = {
        "size": sizes,
        "entry": [size * price for size, price in zip(sizes, entries, strict=True)],
        "cash": private["wallet_balance"],
    }
    name = "isolated_bracket" if params["mode"] == "isolated" else "cross_bracket"
    return {"liquidation_price": World.of(name, public, account).liquidation_price(long)}


def hyperliquid(case: Case, _: Cases) -> dict[str, Any]:
    """Tiers by largest leverage."""
    tiers = case["params"]["tiers"]
    rates = [Fraction(1, 2 * int(tier["max_leverage"])) for tier in tiers]
    return _brackets([*(tier["lower"] for tier in tiers[1:]), FAR], rates, case["private"]["notional"])


def _isolated(name: str, case: Case, public: Mapping[str, Any]) -> dict[str, Any]:
    """The liquidation price of one contract at the case's leverage."""
    private = case["private"]
    long, entry = private["side"] == "long", Fraction(private["entry"])
    side = 1 if long else -1
    account = {"size": [side], "entry": [side * entry], "cash": entry / Fraction(private["leverage"])}
    return {"liquidation_price": World.of(name, {"mark": [entry], **public}, account).liquidation_price(long)}


def bybit(case: Case, _: Cases) -> dict[str, Any]:
    """Maintenance on the entry value."""
    return _isolated("isolated_entry", case, {"rate": [[case["params"]["mmr"]]], "deduction": [[0]]})


def gate_okx(case: Case, _: Cases) -> dict[str, Any]:
    """Maintenance rate and taker fee."""
    params = case["params"]
    return _isolated("isolated_fee", case, {"rate": [params["mmr"]], "fee": [params["taker_fee"]]})
