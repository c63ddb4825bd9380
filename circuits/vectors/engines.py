"""One adapter per engine: a case's numbers into the columns of a rule set, its results out of the reading.

Requirements and equity always come from the rule set. What an adapter computes itself is what a table builder
does (deductions of brackets, rates from open interest) and prices, which no rule yields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

from zkmargin.circuits.vectors.world import World

__all__ = ["ENGINES", "Unsupported"]

Case = Mapping[str, Any]
Cases = Mapping[str, Case]
Adapter = Callable[[Case, Cases], dict[str, Any]]
FAR = 10**11
"""The bound of a last tier, in USD: it is not read."""


class Unsupported(Exception):
    """No rule set covers the case."""


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


def gmx(case: Case, _: Cases) -> dict[str, Any]:
    """One position without price impact."""
    public, private = case["public"], case["private"]
    side = 1 if private["side"] == "long" else -1
    tokens = private.get("size_tokens_sol")
    coins, price = private.get("collateral_usdc"), 1
    if coins is None:
        coins, price = private["collateral_eth"], public["eth"]
    world = World.of(
        "gmx",
        {
            "mark": [public["eth"] if tokens is None else public["sol"]],
            "collateral_price": [price],
            "impact": [0],
            "max_impact": [0],
            "min_factor": [case["params"]["min_collateral_factor"]],
            "min_collateral": case["params"]["min_collateral_usd"],
        },
        {
            "size": [side * (Fraction(private["size_usd"]) / private["entry"] if tokens is None else tokens)],
            "collateral": [coins],
            "entry": [side * private["size_usd"]],
            "usd": [private["size_usd"]],
            "cash": 0,
        },
    )
    return {"liquidatable": not world.evaluate().holds("maintenance")}


def starkex(case: Case, _: Cases) -> dict[str, Any]:
    """Total value over 2^32 and total risk over 2^64, as the contracts represent them."""
    params, assets, one = case["params"], case["private"]["assets"], case["params"]["fxp"]
    segments = [params["segments"][asset["id"]] for asset in assets]
    width = max(map(len, segments))
    padded = [[*rows, *[rows[-1]] * (width - len(rows))] for rows in segments]
    prices = case["public"]["prices_32_32"]
    public = {
        "price": prices,
        "tier_price": prices,
        "bound": [[int(bound) for bound, _ in rows] for rows in padded],
        "rate": [[rate for _, rate in rows] for rows in padded],
    }
    account = {"size": [asset["balance"] for asset in assets], "cash": case["private"]["collateral"]}
    world = World.of("starkex", public, account)
    healthy = world.evaluate().holds("maintenance")
    return {
        "total_value_rep": world.value("equity"),
        "total_risk_rep": world.value("maintenance") * one,
        "well_leveraged": healthy,
        "liquidatable": not healthy,
    }


def _initial_rate(base: int, lower: int, upper: int, interest: int | Fraction) -> Fraction:
    """The initial rate of dYdX at an open interest, rounded down to millionths."""
    million = 10**6
    if upper == 0 or interest <= lower:
        return Fraction(base, million)
    if interest >= upper:
        return Fraction(1)
    return Fraction(base + int((million - base) * (interest - lower) / Fraction(upper - lower)), million)


def _dydx(per_quantum: list[Fraction], sizes: list[int], cash: Any, imf: Fraction, params: Any) -> World:
    base = Fraction(params["initial_margin_ppm"], 10**6)
    fraction = Fraction(params.get("maintenance_fraction_ppm", 10**6), 10**6)
    rows = len(sizes)
    public = {
        "quote_per_quantum": per_quantum,
        "imf": [imf] * rows,
        "base_imf": [base] * rows,
        "fraction": [fraction] * rows,
    }
    return World.of("dydx_v4", public, {"size": sizes, "own_imf": [0] * rows, "cash": cash})


def dydx(case: Case, _: Cases) -> dict[str, Any]:
    """Requirements in quote quantums, and the price at which a closed part leaves the rest as it was."""
    params, public, private, million = case["params"], case["public"], case["private"], 10**6
    if case["kind"] == "bankruptcy_price":
        return _dydx_bankruptcy(params, private)
    if case["kind"] not in ("isolated_requirement", "oi_scaled_imf"):
        raise Unsupported(f"no adapter for {case['kind']}")
    caps = params["initial_margin_ppm"], params["oi_lower_cap"], params["oi_upper_cap"]
    if case["kind"] == "oi_scaled_imf":
        imf = _initial_rate(*caps, public["open_interest_notional"])
        world = _dydx([Fraction(1, million)], [private["notional"]], 0, imf, params)
        return {"im": world.value("initial") * million}
    per_quantum = public["price"] * Fraction(10) ** (public["price_exponent"] + public["atomic_resolution"])
    imf = _initial_rate(*caps, public["open_interest_quantums"] * per_quantum * million)
    world = _dydx([per_quantum], [int(private["quantums"])], 0, imf, params)
    return {"imr": world.value("initial") * million, "mmr": world.value("maintenance") * million}


def _dydx_bankruptcy(params: Any, private: Any) -> dict[str, Any]:
    """Minus the change of net value, less the share of collateral that goes with the maintenance given back."""
    markets = [params[row["asset"].lower()] for row in private["positions"]]
    prices = [market["price_usd"] * Fraction(10) ** market["atomic_resolution"] for market in markets]
    before = [int(row["quantums"]) for row in private["positions"]]
    after = list(before)
    after[private["close_index"]] += private["delta_quantums"]
    base = Fraction(params["initial_margin_ppm"], 10**6)
    old, new = (_dydx(prices, sizes, private["quote_balance_usd"], base, params) for sizes in (before, after))
    share = abs(new.value("maintenance") - old.value("maintenance")) / old.value("maintenance")
    price = old.value("equity") - new.value("equity") - old.value("equity") * share
    return {"bankruptcy_price_quote_quantums": ceil(price * 10**6)}


def paradex_cross(case: Case, _: Cases) -> dict[str, Any]:
    """Initial margin with open orders, and an account before and after a part of it is liquidated."""
    params, public, private = case["params"], case["public"], case["private"]
    if case["kind"] == "open_order_requirement":
        world = World.of(
            "paradex_cross",
            {"mark": [public["mark"]], "imf": [params["imf"]], "mmf": [0]},
            {
                "size": [private["position"]],
                "buys": [private["buy_orders"]],
                "sells": [private["sell_orders"]],
                "entry": [0],
                "cash": 0,
            },
        )
        return {"net_imr": world.value("initial")}
    if case["kind"] != "partial_liquidation":
        raise Unsupported(f"no adapter for {case['kind']}")
    rows, rest = private["positions"], 1 - private["share"]
    marks = [public["marks"][row["m"]] for row in rows]
    tables = {"mark": marks, "imf": [params["mmf"]] * len(rows), "mmf": [params["mmf"]] * len(rows)}

    def account(kept: Decimal | int, cash: Any) -> World:
        sizes = [row["q"] * kept for row in rows]
        entries = [size * row["entry"] for size, row in zip(sizes, rows, strict=True)]
        none = [0] * len(rows)
        private = {"size": sizes, "buys": none, "sells": none, "entry": entries, "cash": cash}
        return World.of("paradex_cross", tables, private)

    whole = account(1, private["collateral"])
    required = account(rest, 0).value("maintenance")
    penalty = Fraction(params["penalty_fraction_used"]) * (whole.value("maintenance") - required)
    realised = sum(row["q"] * private["share"] * (mark - row["entry"]) for row, mark in zip(rows, marks, strict=True))
    left = account(rest, Fraction(private["collateral"] + realised) - penalty)
    return {
        "new_mmr": required,
        "penalty": penalty,
        "new_account_value": left.value("equity"),
        "ratio_pct": 100 * required / left.value("equity"),
    }


ENGINES: Mapping[str, Adapter] = {
    "binance_usdm": binance,
    "hyperliquid": hyperliquid,
    "bybit_isolated": bybit,
    "gate_okx_isolated": gate_okx,
    "gmx_v2": gmx,
    "starkex_perp": starkex,
    "dydx_v4": dydx,
    "paradex_cross": paradex_cross,
}
