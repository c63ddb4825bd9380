"""Vertex: spot and perpetual of two coins that hedge each other, and one perpetual alone, at prices of early 2026."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from rule_world import Account, RuleWorld
from worlds_defi import TOKEN, USD, changed, random_price, signed_amount

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.margin.exact import build_tables
from zkmargin.margin.tables import Tables


def vertex_market(random: Random) -> Tables:
    def shares(*percent: int) -> list[Fraction]:
        return [Fraction(each, 100) for each in percent]

    names = {"product": ["BTC", "ETH", "USDT"], "perp": ["BTC-PERP", "ETH-PERP", "SOL-PERP"]}
    figures = {
        "spot_price": [random_price(random, name) for name in names["product"]],
        "long_initial": shares(90, 90, 95),
        "long_maintenance": shares(95, 95, 97),
        "short_initial": shares(110, 110, 105),
        "short_maintenance": shares(105, 105, 103),
        "price": [random_price(random, name.removesuffix("-PERP")) for name in names["perp"]],
        "perp_long_initial": shares(95, 95, 90),
        "perp_long_maintenance": shares(97, 97, 95),
        "perp_short_initial": shares(105, 105, 110),
        "perp_short_maintenance": shares(103, 103, 105),
    }
    return build_tables(table_schema(load_rules("vertex")), names, figures, {"hedge": [0, 1, -1]})


def vertex_account(random: Random, tables: Tables) -> Account:
    """Spots, and perpetuals mostly against them."""
    spots = [float(price) / TOKEN for price in tables.columns["spot_price"].values.tolist()]
    perps = [float(price) / TOKEN for price in tables.columns["price"].values.tolist()]
    spot = [signed_amount(random, 60_000 / price * TOKEN) for price in spots]
    size = [
        *(round(-held * random.uniform(-0.5, 2)) for held in spot[:2]),
        signed_amount(random, 30_000 / perps[2] * TOKEN),
    ]
    entered = [-held * price * random.uniform(0.9, 1.1) / TOKEN for held, price in zip(size, perps, strict=True)]
    return {"spot": spot, "size": size, "quote": [round(value * USD) for value in entered], "cash": 0}


WORLDS = (
    RuleWorld(
        rules="vertex",
        market=vertex_market,
        account=vertex_account,
        concave=True,
        grain=1e-5,
        bad_tables={
            "long_maintenance <= short_maintenance": lambda tables: changed(tables, "short_maintenance", 1, 9_400),
            "`long_maintenance` is outside its bounds": lambda tables: changed(tables, "long_maintenance", 0, 10_001),
            "short_initial < 2": lambda tables: changed(tables, "short_initial", 2, 20_000),
            "perp_long_initial <= perp_long_maintenance": lambda tables: changed(tables, "perp_long_initial", 0, 9_701),
        },
    ),
)
