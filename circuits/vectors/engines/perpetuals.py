"""Perpetual exchanges with rules of their own: GMX, StarkEx, dYdX, Paradex."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

from zkmargin.circuits.vectors.engines.base import Case, Cases, Unsupported
from zkmargin.circuits.vectors.world import World
from zkmargin.margin.dydx import initial_ppm, quote_per_quantum


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
        imf = Fraction(initial_ppm(*caps, public["open_interest_notional"]), million)
        world = _dydx([Fraction(1, million)], [private["notional"]], 0, imf, params)
        return {"im": world.value("initial") * million}
    per_quantum = quote_per_quantum(public["price"], public["price_exponent"], public["atomic_resolution"])
    imf = Fraction(initial_ppm(*caps, public["open_interest_quantums"] * per_quantum * million), million)
    world = _dydx([per_quantum], [int(private["quantums"])], 0, imf, params)
    return {"imr": world.value("initial") * million, "mmr": world.value("maintenance") * million}


def _dydx_bankruptcy(params: Any, private: Any) -> dict[str, Any]:
    """Minus the change of net value, less the share of collateral that goes with the maintenance given back."""
    markets = [params[row["asset"].lower()] for row in private["positions"]]
    prices = [quote_per_quantum(market["price_usd"], 0, market["atomic_resolution"]) for market in markets]
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
