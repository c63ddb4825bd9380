"""Portfolio margin by scenarios: SPAN, OKX, Paradex, Deribit, Dederi."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from zkmargin.circuits.vectors.engines.base import Case, Cases, Unsupported
from zkmargin.circuits.vectors.world import World
from zkmargin.margin.span import (
    CalendarSpread,
    Contract,
    InterSpread,
    ScanRange,
    SpanMarket,
    Tier,
    future_losses,
    losses_of_gains,
)

# --- SPAN ---------------------------------------------------------------------------------------------------------

ONE = "all"


def span(case: Case, _: Cases) -> dict[str, Any]:
    """Scan risk and the array of a portfolio, or the requirement with its spreads."""
    params, private = case["params"], case["private"]
    if case["kind"] == "requirement":
        return _span_requirement(params, private)
    if case["kind"] not in ("scan_risk", "scenario_array"):
        raise Unsupported(f"no adapter for {case['kind']}")
    if "arrays" in params:
        losses = {name: losses_of_gains(gains) for name, gains in params["arrays"].items()}
    else:
        scan = Fraction(case["public"]["scan_per_unit"]) * Fraction(params["lot"])
        losses = {"lots": future_losses(ScanRange(scan))}
    if unknown := sorted(private.keys() - losses.keys()):
        raise Unsupported(f"no risk array of {unknown[0]}")
    contracts = [Contract(ONE, ONE, array) for array in losses.values()]
    world = _span_world(SpanMarket(contracts, [ONE], [Tier(ONE, ONE)]), [private.get(name, 0) for name in losses])
    if case["kind"] == "scan_risk":
        return {"scan_risk": world.element("scan")}
    return {"array": [-world.element("losses", scenario, 0) for scenario in range(len(contracts[0].losses))]}


def _span_world(market: SpanMarket, size: list[Any]) -> World:
    if any(Fraction(quantity).denominator != 1 for quantity in size):
        raise Unsupported("SPAN counts whole contracts")
    return World.of("span", market.figures, {"size": size, "cash": 0}, market.labels)


def _span_requirement(params: Any, private: Any) -> dict[str, Any]:
    """Positions in the months of commodities, each with a scan range or an array of losses."""
    tiers, contracts, size = {}, [], []
    for row in private["positions"]:
        commodity = params["commodities"][row["commodity"]]
        name = f"{row['commodity']} {row['tier']}"
        tiers[name] = Tier(name, row["commodity"], commodity.get("spot_outright", 0), commodity.get("spot_spread", 0))
        losses = commodity.get("losses") or future_losses(ScanRange(Fraction(commodity["scan_range"])))
        contracts.append(Contract(row["commodity"], name, losses))
        size.append(row["quantity"])
    calendar = [
        CalendarSpread(
            spread["commodity"],
            spread["rate"],
            {f"{spread['commodity']} {tier}": ratio for tier, ratio in spread["legs"].items()},
        )
        for spread in params.get("calendar", [])
    ]
    inter = [
        InterSpread({name: (leg["ratio"], leg["rate"]) for name, leg in spread["legs"].items()})
        for spread in params.get("inter", [])
    ]
    market = SpanMarket(contracts, list(params["commodities"]), list(tiers.values()), calendar, inter)
    world = _span_world(market, size)
    return {"requirement": world.value("maintenance")}


# --- OKX ----------------------------------------------------------------------------------------------------------

POSITION_BUILDER: Mapping[str, Mapping[str, str]] = {
    "okx-pm-BTC": {
        "mr1": "1164.4109244719994",
        "mr4": "19.4098073796",
        "mr6": "1164.4109244720003",
        "mr7": "43.6720666041",
    },
    "okx-pm-LTC": {"mr1": "183.50672805719995", "mr4": "8.1562464", "mr6": "183.5067280572", "mr7": "7.1367156"},
}
"""The risk units of the sample response in OKX's API v5 documentation, "Position builder": a case of an account names
them and need not stand beside them in its file. They are what goes in; the account's requirement comes from the rules.
"""


PARTS = ("mr1", "mr2", "mr3", "mr4", "mr5", "mr6", "mr7")


def okx(case: Case, cases: Cases) -> dict[str, Any]:
    """Risk units by their seven parts, and what is borrowed."""
    params, private = case["params"], case["private"]
    if case["kind"] == "unit_requirement":
        return _okx([private], params)
    if case["kind"] != "account_requirement":
        raise Unsupported(f"no adapter for {case['kind']}")
    units = []
    for name in private["units"]:
        if name not in cases and name not in POSITION_BUILDER:
            raise Unsupported(f"the risk unit {name} is not in the file")
        units.append(cases[name]["private"] if name in cases else POSITION_BUILDER[name])
    return _okx(units, params)


def _okx(units: list[Mapping[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
    """Each unit is one contract whose columns are the unit's parts."""
    for unit in units:
        if more := sorted(name for name, value in unit.items() if name not in PARTS and Fraction(value)):
            raise Unsupported(f"no rule has the part {more[0]}")

    def part(name: str, factor: int = 1) -> list[Fraction]:
        return [factor * Fraction(unit.get(name, 0)) for unit in units]

    rows = list(range(len(units)))
    public = {
        "mark": [0 for _ in units],
        "pnl": [[loss] * 21 for loss in part("mr1", -1)],
        "tail_pnl": [[loss] * 2 for loss in part("mr6", -2)],
        "theta": part("mr2", -1),
        "vega_shocked": part("mr3"),
        "exposure": part("mr4", 100),
        "rho_shocked": part("mr5"),
        "weight": part("mr7"),
        "basis_rate": [Fraction(1, 100) for _ in units],
        "multiplier": [[1] for _ in units],
        "deduction": [[0] for _ in units],
    }
    account = {
        "size": [1 for _ in units],
        "borrow_mmr": params.get("borrow_mmr", 0),
        "borrow_imr": params.get("borrow_imr", 0),
        "cash": 0,
    }
    world = World.of("okx_pm", public, account, {"underlying": rows, "maturity": rows, "home": rows})
    return {"mmr": world.value("maintenance"), "imr": world.value("initial")}


# --- Paradex ------------------------------------------------------------------------------------------------------


def paradex(case: Case, _: Cases) -> dict[str, Any]:
    """The minimum on delta of a perpetual and calls."""
    params, public, private = case["params"], case["public"], case["private"]
    if case["kind"] != "min_delta":
        raise Unsupported(f"no adapter for {case['kind']}")
    none = [0, 0]
    tables = {
        "mark": none,
        "gain": [[0] * 24] * 2,
        "weight": [[1]] * 24,
        "delta": [1, public["call_delta"]],
        "fee": none,
        "funding_long": none,
        "funding_short": none,
        "spot": [public["spot"]],
        "unhedged": [params["unhedged"]],
        "hedged": [params["hedged"]],
    }
    account = {"size": [private["perp"], private["calls"]], "cash": 0}
    world = World.of("paradex_pm", tables, account, {"underlying": none})
    return {"min_delta": world.element("min_delta")}


# --- Deribit and who follows it -----------------------------------------------------------------------------------

SCENARIOS = 35


def deribit(case: Case, _: Cases) -> dict[str, Any]:
    """The charge for a net short strike, in coins."""
    if case["kind"] != "contingency":
        raise Unsupported(f"no adapter for {case['kind']}")
    net, rate = case["private"]["net_at_strike"], case["params"]["rate_btc_per_net_short"]
    public = {
        "mark": [0],
        "pnl": [[0] * SCENARIOS],
        "is_option": [1],
        "unit_delta": [0],
        "index": 1,
        "short_charge": rate,
    }
    world = World.of("deribit_pm", public, {"size": [net], "cash": 0}, {"series": [0]}, {"series": 1})
    return {"contingency_btc": world.value("coins")}


def dederi(case: Case, _: Cases) -> dict[str, Any]:
    """Futures: the worst loss of the grid, and the charge on what is held."""
    params, public = case["params"], case["public"]
    if case["kind"] != "contingency_and_scan":
        raise Unsupported(f"no adapter for {case['kind']}")
    shape = re.match(r"(\d+) price points x (\d+) vols", params["grid"])
    if shape is None or not 2 <= int(shape[1]) <= SCENARIOS // int(shape[2]):
        raise Unsupported("not a grid of prices by volatilities that fits")
    prices, widest = int(shape[1]), Fraction(params["price_range"])
    moves = [widest * Fraction(2 * k - prices + 1, prices - 1) for k in range(prices) for _ in range(int(shape[2]))]
    moves += moves[-1:] * (SCENARIOS - len(moves))  # a scenario twice changes no maximum
    future = Fraction(public["future"])
    tables = {
        "mark": [future],
        "pnl": [[future * move for move in moves]],
        "is_option": [0],
        "unit_delta": [1],
        "index": public["index"],
        "futures_charge": params["contingency_factor"],
    }
    account = {"size": [case["private"]["futures"]], "cash": 0}
    world = World.of("deribit_pm", tables, account, {"series": [-1]}, {"series": 1})
    return {"contingency": world.value("charge"), "worst_loss": world.value("scan")}
