"""Rule sets on markets from several sources: both coins of Deribit at once; ether with staked collateral."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

from real_chains import COINS, MOMENTS, path_of, real_chain
from rule_world import Account, RuleWorld
from worlds_portfolio import positions, with_parameter

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.margin.build import build_market
from zkmargin.margin.sources import build_from_files
from zkmargin.margin.tables import Column, Tables

COLLATERAL = Path(__file__).parents[1] / "data" / "collateral_eth.csv"


@cache
def both_coins(moment: str) -> Tables:
    """BTC and ETH of one of the five moments."""
    chains = [real_chain(coin, moment) for coin in COINS]
    return build_market(chains, table_schema(load_rules("deribit_pm_2"))).tables


def both_account(random: Random, tables: Tables) -> Account:
    return {"size": positions(random, tables, held=24), "cash": 0}


def both_bent(_: Random) -> tuple[Tables, Account, Account]:
    """A future sold against one that is bought offsets it up to its size and no more, in ether alone."""
    tables = both_coins(MOMENTS[1])
    names = tables.names["instrument"]
    size = [0] * len(names)
    for kind in "CP":
        size[names.index(f"ETH-27MAR26-2100-{kind}")] = 3_000_000
    size[names.index("ETH-27MAR26")] = 100_000
    sold = list(size)
    sold[names.index("ETH-26JUN26")] = -200_000
    return tables, {"size": size, "cash": 0}, {"size": sold, "cash": 0}


# --- staked collateral ------------------------------------------------------------------------------------------


@cache
def staked_tables(moment: str) -> Tables:
    """ETH's chain at one of the five moments, with ether, staked ether, its wrapped form and a dollar."""
    schema = table_schema(load_rules("portfolio_collateral"))
    return build_from_files([path_of("ETH", moment), COLLATERAL], schema).tables


def staked_account(random: Random, tables: Tables) -> Account:
    """Up to some tens of thousands of coins, so that amounts lie in all tiers; dollars besides."""
    held = [random.choice((0, 1, 1)) * random.randint(1, 4 * 10**12) for _ in range(tables.sizes["asset"] - 1)]
    size = [40 * amount for amount in positions(random, tables)]
    return {"size": size, "held": [*held, random.randint(0, 10**15)], "cash": 0}


def staked(name: str, place: tuple[int, ...], value: int) -> Callable[[Tables], Tables]:
    """The tables with another value at one place of a column, in its last decimal."""

    def change(tables: Tables) -> Tables:
        values = tables.columns[name].values.copy()
        values[place] = value
        column = Column(name, tables.columns[name].axes, tables.columns[name].decimals, values)
        return Tables(tables.sizes, tables.names, {**tables.columns, name: column}, tables.labels, tables.parameters)

    return change


WORLDS = (
    RuleWorld(
        rules="deribit_pm_2",
        market=lambda random: both_coins(random.choice(MOMENTS)),
        account=both_account,
        concave=False,
        bent=both_bent,
        bad_tables={
            "`short_charge` is outside its bounds": lambda tables: with_parameter(tables, "short_charge", -1),
            "`im_factor` is outside its bounds": lambda tables: with_parameter(tables, "im_factor", 9_999),
        },
    ),
    RuleWorld(
        rules="portfolio_collateral",
        market=lambda random: staked_tables(random.choice(MOMENTS)),
        account=staked_account,
        concave=True,
        bad_tables={
            "allowance <= previous(allowance": staked("allowance", (0, 0), 1),
            "falling(weight, over=tier)": staked("weight", (1, 2), 7_501),
            "rising(bound, over=tier)": staked("bound", (1, 1), 1),
            "`weight` is outside its bounds": staked("weight", (0, 0), 10_001),
        },
    ),
)
