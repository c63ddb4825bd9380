"""Rule sets on markets from several sources: both coins of Deribit at once."""

from __future__ import annotations

from functools import cache
from random import Random

from real_chains import COINS, MOMENTS, real_chain
from rule_world import Account, RuleWorld
from worlds_portfolio import positions, with_parameter

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.margin.build import build_market
from zkmargin.margin.tables import Tables


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
)
