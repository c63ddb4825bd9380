"""ISDA SIMM 2.5: sensitivities to the margin of equity and foreign exchange risk."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.vectors.engines.base import Case, Cases, Unsupported
from zkmargin.circuits.vectors.world import World
from zkmargin.margin.crif import Sensitivity, equity_columns, fx_columns
from zkmargin.margin.simm import equity_tables, fx_tables

EQUITY = frozenset({"Risk_Equity", "Risk_EquityVol"})
FX = frozenset({"Risk_FX", "Risk_FXVol"})
PRODUCTS = {"Rates": "RatesFX", "FX": "RatesFX"}
"""Names of one product class."""


def simm(case: Case, _: Cases) -> dict[str, Any]:
    """The margin of each product class, added up: they do not offset."""
    params = case["params"]
    if case["kind"] != "simm_margin" or not params["version"].startswith("2.5 10-day"):
        raise Unsupported(f"no adapter for {case['kind']} {params.get('version', '')}")
    lines = [_line(row) for row in case["private"]["sensitivities"]]
    products = dict.fromkeys(line.product for line in lines)
    margins = (
        _product([line for line in lines if line.product == product], params["calc_ccy"]) for product in products
    )
    return {"margin": sum(margins, Fraction(0))}


def _line(row: Any) -> Sensitivity:
    product = PRODUCTS.get(row["product"], row["product"])
    amount = Fraction(row["amount_usd"])
    return Sensitivity(product, row["risk"], row["qualifier"], row["bucket"], row["label1"], amount)


def _product(lines: Sequence[Sensitivity], calculation: str) -> Fraction:
    risks = {line.risk for line in lines}
    if risks <= EQUITY:
        return World.on(load_rules("simm_equity"), equity_tables(), {**equity_columns(lines), "cash": 0}).value(
            "maintenance"
        )
    if risks <= FX:
        columns, currencies, pairs = fx_columns(lines)
        tables = fx_tables(currencies, pairs, calculation)
        return World.on(load_rules("simm_fx"), tables, {**columns, "cash": 0}).value("maintenance")
    raise Unsupported("equity and foreign exchange risk are margined each on its own")
