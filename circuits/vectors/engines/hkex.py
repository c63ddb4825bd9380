"""HKSCC's value-at-risk platform: the steps of the guide's worked examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from zkmargin.circuits.rules import RuleSet, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.circuits.vectors.engines.base import Case, Cases, Unsupported
from zkmargin.circuits.vectors.world import World, with_parts
from zkmargin.margin.hkex import DAYS, FLAT_RATES, STRESSED, Stock, hkex_figures

RULES = "hkex_es"
MOST_SHARES = 500_000_000
NOTHING = {"addons": 0, "favourable": 0, "later": 0, "cash": 0}


def hkex(case: Case, _: Cases) -> dict[str, Any]:
    """Profit of a scenario, the mix of shortfalls, flat rates, or the account's requirement from its parts."""
    steps = {
        "scenario_pnl": _scenario,
        "weighted_es": _mix,
        "flat_rate": _flat,
        "account_requirement": _account,
    }
    if case["kind"] not in steps:
        raise Unsupported(f"no adapter for {case['kind']}")
    return steps[case["kind"]](case["params"], case["public"], case["private"])


def _world(
    rules: RuleSet,
    stocks: Sequence[Stock],
    private: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    rates: Sequence[Fraction] = FLAT_RATES,
) -> World:
    given = {name: float(value) for name, value in (parameters or {}).items()}
    tables = hkex_figures(stocks, given, rates).tables(table_schema(rules))
    return World.on(rules, tables, {**NOTHING, **private})


def _scenario(_params: Any, public: Any, private: Any) -> dict[str, Any]:
    """The scenario is the first day."""
    stocks, sizes = [], []
    for code, market_value in private["mv"].items():
        returns = np.zeros(DAYS)
        returns[0] = float(public["returns"][code])
        price, shares = _holding(market_value)
        stocks.append(Stock(code, float(price), returns, np.zeros(STRESSED)))
        sizes.append(shares)
    world = _world(load_rules(RULES), stocks, {"size": sizes})
    found = world.evaluate()
    return {"pnl": Fraction(int(found.values["pnl"][0]), found.denominators["pnl"])}


def _mix(params: Any, public: Any, _private: Any) -> dict[str, Any]:
    shortfalls = {"hist": public["es_hvar"], "stress": public["es_svar"]}
    weights = {"w_hist": params["w_hvar"], "w_stress": params["w_svar"]}
    world = _world(with_parts(load_rules(RULES), *shortfalls), [_nothing()], {"size": [0], **shortfalls}, weights)
    return {"measure": world.value("measure")}


def _flat(params: Any, _public: Any, private: Any) -> dict[str, Any]:
    """The larger side of each group as one stock, long."""
    rates = [Fraction(rate) for rate in params["rates"]]
    holdings = [_holding(value) for value in private["larger_side_mv"]]
    stocks = [Stock(f"group {group}", float(price), group=group) for group, (price, _) in enumerate(holdings)]
    sizes = [shares for _, shares in holdings]
    multiplier = {"flat_mult": params["multiplier"]}
    padded = [*rates, *[Fraction(0)] * (len(FLAT_RATES) - len(rates))]
    world = _world(load_rules(RULES), stocks, {"size": sizes}, multiplier, padded)
    return {"flat": world.value("flat")}


def _account(params: Any, _public: Any, private: Any) -> dict[str, Any]:
    """``lra`` is the liquidation risk add-on; what comes after the rounding adds up to ``later``."""
    given = {
        "portfolio": private["portfolio"],
        "flat": private["flat"],
        "large": private["lra"],
        "addons": sum(private.get(name, 0) for name in ("structured", "corporate_action")),
        "later": sum(private.get(name, 0) for name in ("mtm", "position_limit", "other1", "other2")),
    }
    parameters = {
        "holiday_f": params["holiday_factor"],
        "lot": params["round_up_to"],
        "credit": private["credit"],
    }
    rules = with_parts(load_rules(RULES), "portfolio", "flat", "large")
    world = _world(rules, [_nothing()], {"size": [0], **given}, parameters)
    results = {"holiday": "holiday", "sum": "summed", "rounded": "rounded", "net_of_credit": "net_of_credit"}
    found = {key: world.value(name) for key, name in results.items()}
    return {**found, "grand_total": world.value("maintenance")}


def _holding(market_value: Any) -> tuple[Fraction, Fraction]:
    """A price, and the whole number of shares that are worth the market value at it."""
    value = Fraction(market_value)
    for power in (0, 1, 2, 3, -1, -2, -3):
        price = Fraction(10) ** power
        shares = value / price
        if shares.denominator == 1 and abs(shares) <= MOST_SHARES:
            return price, shares
    raise Unsupported("no whole number of shares has that market value")


def _nothing() -> Stock:
    return Stock("nothing held", 1.0, group=0)
