"""Maintenance by notional brackets: Binance, Hyperliquid, Bybit, Gate and OKX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.circuits.vectors.engines.base import Case, Cases, Unsupported
from zkmargin.circuits.vectors.world import World
from zkmargin.margin.brackets import Tier, bracket_columns, deductions, from_zero, of_leverage

FAR = 10**11
"""The bound of a last tier, in USD: it is not read."""


def tables(schedules: Sequence[Sequence[Tier]], rules: str) -> dict[str, Any]:
    """The columns of the tiers of several markets, as a user's table builder makes them."""
    columns = bracket_columns(schedules, table_schema(load_rules(rules)))
    return {
        name: [[Fraction(value, 10**column.decimals) for value in row] for row in column.values.tolist()]
        for name, column in columns.items()
    }


def _maintenance(tiers: Sequence[Tier], notional: Any) -> dict[str, Any]:
    """Maintenance of one market at a mark of 1,000 USD, and the deductions of its table."""
    public = {"mark": [1_000], **tables([tiers], "cross_bracket")}
    world = World.of(
        "cross_bracket", public, {"size": [Fraction(notional) / 1_000], "own_rate": [0], "cash": -Fraction(notional)}
    )
    return {"maintenance": world.value("maintenance"), "deduction_top_tier": deductions(tiers)[-1]}


def _brackets(rows: Any) -> list[Tier]:
    return [Tier(Fraction(row["cap"]), Fraction(row["mmr"])) for row in rows]


def binance(case: Case, cases: Cases) -> dict[str, Any]:
    """Brackets, and liquidation prices with the one tier that the case gives."""
    params, private = case["params"], case["private"]
    if case["kind"] == "bracket_table":
        return {"cum": deductions(_brackets(params["brackets"]))}
    if case["kind"] == "bracket_requirement":
        return _maintenance(_brackets(cases[params["table"]]["params"]["brackets"]), private["notional"])
    if case["kind"] != "liquidation_price":
        raise Unsupported(f"no adapter for {case['kind']}")
    long, others = private["side"] == "long", private.get("others", [])
    name = "isolated_bracket" if params["mode"] == "isolated" else "cross_bracket"
    schedules = [from_zero(row["mmr"], row["cum"], FAR) for row in (params, *others)]
    public = {"mark": [private["entry"], *(row["mark"] for row in others)], **tables(schedules, name)}
    sizes = [private["qty"] if long else -private["qty"], *(row["side"] * row["amt"] for row in others)]
    entries = [
        size * row for size, row in zip(sizes, [private["entry"], *(row["open"] for row in others)], strict=True)
    ]
    account = {"size": sizes, "own_rate": [0] * len(sizes), "entry": entries, "cash": private["wallet_balance"]}
    if name == "cross_bracket":  # whose cash is net of what was paid
        account["cash"] -= sum(entries)
    return {"liquidation_price": World.of(name, public, account).liquidation_price(long)}


def hyperliquid(case: Case, _: Cases) -> dict[str, Any]:
    """Tiers by largest leverage."""
    tiers = case["params"]["tiers"]
    leverage = [int(tier["max_leverage"]) for tier in tiers]
    return _maintenance(of_leverage([tier["lower"] for tier in tiers], leverage, FAR), case["private"]["notional"])


def _isolated(name: str, case: Case, public: Mapping[str, Any]) -> dict[str, Any]:
    """The liquidation price of one contract at the case's leverage."""
    private = case["private"]
    long, entry = private["side"] == "long", Fraction(private["entry"])
    side = 1 if long else -1
    own = ceil(1_000_000 / Fraction(private["leverage"]))
    account = {
        "size": [side],
        "own_rate": [Fraction(own, 1_000_000)],
        "entry": [side * entry],
        "cash": entry / Fraction(private["leverage"]),
    }
    return {"liquidation_price": World.of(name, {"mark": [entry], **public}, account).liquidation_price(long)}


def bybit(case: Case, _: Cases) -> dict[str, Any]:
    """Maintenance on the entry value."""
    tiers = from_zero(case["params"]["mmr"], 0, FAR)
    return _isolated("isolated_entry", case, tables([tiers], "isolated_entry"))


def gate_okx(case: Case, _: Cases) -> dict[str, Any]:
    """Maintenance rate and taker fee."""
    params = case["params"]
    return _isolated("isolated_fee", case, {"rate": [params["mmr"]], "fee": [params["taker_fee"]]})
