"""Accounts at several venues and in several sub-accounts, on Deribit's bitcoin options of 5 February 2026
(demo/README.md).
"""

from __future__ import annotations

from random import Random

import numpy as np
from rule_world import Account, RuleWorld
from worlds_portfolio import CHAINS, tables_of, with_parameter

from zkmargin.margin.tables import INSTRUMENT_AXIS, Column, Tables


def near_the_money(rows: int, parameters: dict[str, int], random: Random) -> Tables:
    """The scan's tables of one of the demo's chains, for the last rows: far expiries, futures and the perpetual."""
    full = tables_of("portfolio_scan", random.choice(CHAINS))
    first = full.sizes[INSTRUMENT_AXIS] - rows
    columns = {n: Column(c.name, c.axes, c.decimals, c.values[first:]) for n, c in full.columns.items()}
    return Tables(
        {**full.sizes, INSTRUMENT_AXIS: rows},
        {**full.names, INSTRUMENT_AXIS: full.names[INSTRUMENT_AXIS][first:]},
        columns,
        {},
        {name: Column.of(name, [], 4, value) for name, value in parameters.items()},
    )


def _venues_market(random: Random) -> Tables:
    return near_the_money(50, {"offset_cut": random.choice((0, 2_000, 10_000)), "im_factor": 13_000}, random)


def _venues_account(random: Random, tables: Tables) -> Account:
    """Positions at one venue that those at the other partly offset, as a market maker has them."""
    size = np.zeros((2, tables.sizes[INSTRUMENT_AXIS]), dtype=object)
    for row in random.sample(range(size.shape[1]), 12):
        size[0, row] = random.choice((-1, 1)) * random.randint(1, 500_000)
        size[1, row] = -size[0, row] * random.randint(0, 12) // 10
    return {"size": size, "cash": [random.randint(-(10**10), 10**10) for _ in range(2)]}


def _accounts_market(random: Random) -> Tables:
    return near_the_money(30, {"im_factor": 13_000}, random)


def _accounts_account(random: Random, tables: Tables) -> Account:
    """Three of four sub-accounts are in use; all but the first are well funded."""
    size = np.zeros((4, tables.sizes[INSTRUMENT_AXIS]), dtype=object)
    for account in range(3):
        for row in random.sample(range(size.shape[1]), 5):
            size[account, row] = random.choice((-1, 1)) * random.randint(1, 500_000)
    return {"size": size, "balance": [0, 10**16, 10**16, 0]}


WORLDS = (
    RuleWorld(
        rules="two_venues",
        market=_venues_market,
        account=_venues_account,
        concave=True,
        lever=("cash", (1,)),
        bad_tables={
            "`offset_cut` is outside its bounds": lambda tables: with_parameter(tables, "offset_cut", 10_001),
            "`im_factor` is outside its bounds": lambda tables: with_parameter(tables, "im_factor", 9_999),
        },
    ),
    RuleWorld(
        rules="sub_accounts",
        market=_accounts_market,
        account=_accounts_account,
        concave=True,
        lever=("balance", (0,)),
        bad_tables={
            "`im_factor` is outside its bounds": lambda tables: with_parameter(tables, "im_factor", 9_999),
        },
    ),
)
