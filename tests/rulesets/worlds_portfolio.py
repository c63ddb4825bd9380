"""Deribit's bitcoin options of 5 February 2026, before and in the fall (demo/README.md)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

from rule_world import Account, RuleWorld

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.margin.build import build_market
from zkmargin.margin.compact import read_source
from zkmargin.margin.tables import Column, Tables

CHAINS = ("chain_btc_20260205T093647Z.csv", "chain_btc_20260205T212937Z.csv")
DEMO = Path(__file__).parents[2] / "demo"


@cache
def tables_of(rules: str, chain: str) -> Tables:
    """The tables that a rule set asks for, of one of the demo's chains."""
    return build_market([read_source(DEMO / chain)], table_schema(load_rules(rules))).tables


def positions(random: Random, tables: Tables, held: int = 12) -> list[int]:
    """Sizes in ten-thousandths of a contract: a few instruments of all, mostly short."""
    size = [0] * tables.sizes["instrument"]
    for row in random.sample(range(len(size)), held):
        size[row] = random.choice((-1, -1, 1)) * random.randint(1, 500_000)
    return size


def scan_account(random: Random, tables: Tables) -> Account:
    return {"size": positions(random, tables), "cash": 0}


def with_parameter(tables: Tables, name: str, value: int) -> Tables:
    """The tables with another value of a parameter, in its last decimal."""
    column = Column.of(name, [], tables.parameters[name].decimals, value)
    return Tables(tables.sizes, tables.names, tables.columns, tables.labels, {**tables.parameters, name: column})


WORLDS = (
    RuleWorld(
        rules="portfolio_scan",
        market=lambda random: tables_of("portfolio_scan", random.choice(CHAINS)),
        account=scan_account,
        concave=True,
        bad_tables={"`im_factor` is outside its bounds": lambda tables: with_parameter(tables, "im_factor", 9_999)},
    ),
)
