"""Collateral on Ethereum and Base behind options at two venues; prices and haircuts of the kind that venues publish."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
from rule_world import Account, RuleWorld
from worlds_venues import near_the_money

from zkmargin.margin.tables import INSTRUMENT_AXIS, Column, Label, Tables

# CAIP-19 name, decimals, price in USD, risk group. Wrapped and staked forms move with the coin.
ASSETS = (
    ("eip155:1/slip44:60", 18, "2104.55", 0),
    ("eip155:8453/slip44:60", 18, "2104.55", 0),
    ("eip155:1/erc20:0xae7ab96520de3a18e5e111b5eaab095312d7fe84", 18, "2101.10", 0),
    ("eip155:1/erc20:0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", 8, "71447.5", 1),
    ("eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", 6, "0.9998", 2),
    ("eip155:8453/erc20:0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", 6, "0.9998", 2),
)
KEEP = ((9000, 8000, 5000), (9200, 8500, 6000), (9950, 9900, 9500))  # of the first, second and all further tiers
BOUND = ((10**8, 10**9, 10**13), (2 * 10**8, 2 * 10**9, 10**13), (10**9, 10**10, 10**13))  # cents


def _market(random: Random) -> Tables:
    scan = near_the_money(50, {"im_factor": 13_000}, random)
    values = [int(Fraction(price) * 10 ** (30 - decimals)) for _, decimals, price, _ in ASSETS]
    extra = []
    for keep, bound in zip(KEEP, BOUND, strict=True):
        row = [0]
        for k in (1, 2):
            row.append(row[-1] + bound[k - 1] * (keep[k - 1] - keep[k]))
        extra.append(row)
    return Tables(
        {**scan.sizes, "asset": len(ASSETS), "risk": 3, "tier": 3},
        {
            **scan.names,
            "asset": tuple(name for name, *_ in ASSETS),
            "risk": ("ETH", "BTC", "USD"),
            "tier": ("1", "2", "3"),
        },
        {
            **scan.columns,
            "unit_value": Column.of("unit_value", ["asset"], 30, values),
            "keep": Column.of("keep", ["risk", "tier"], 4, KEEP),
            "bound": Column.of("bound", ["risk", "tier"], 2, BOUND),
            "extra": Column.of("extra", ["risk", "tier"], 6, extra),
        },
        {"risk": Label("risk", "asset", "risk", tuple(group for *_, group in ASSETS))},
        {**scan.parameters, "cent": Column.of("cent", [], 2, 1)},
    )


def _account(random: Random, tables: Tables) -> Account:
    size = np.zeros((2, tables.sizes[INSTRUMENT_AXIS]), dtype=object)
    for row in random.sample(range(size.shape[1]), 10):
        size[random.randrange(2), row] = random.choice((-1, 1)) * random.randint(1, 500_000)
    held = [0] * len(ASSETS)
    for row in random.sample(range(len(ASSETS)), random.randint(1, 4)):
        worth = random.randint(10**3, 3 * 10**6)
        held[row] = int(worth / Fraction(ASSETS[row][2]) * 10 ** ASSETS[row][1])
    return {"size": size, "cash": [random.randint(-(10**10), 10**10) for _ in range(2)], "held": held}


def _with_column(tables: Tables, name: str, change: int, at: tuple[int, ...]) -> Tables:
    column = tables.columns[name]
    values = column.values.copy()
    values[at] += change
    changed = Column(name, column.axes, column.decimals, values)
    return Tables(tables.sizes, tables.names, {**tables.columns, name: changed}, tables.labels, tables.parameters)


WORLDS = (
    RuleWorld(
        rules="cross_chain",
        market=_market,
        account=_account,
        concave=True,
        lever=("cash", (1,)),
        grain=0.05,  # totals are rounded down to cents, in three groups
        bad_tables={
            "`keep` is outside its bounds": lambda tables: _with_column(tables, "keep", 2000, (0, 0)),
            "`falling(keep, over=tier)` does not hold": lambda tables: _with_column(tables, "keep", 2000, (0, 1)),
            "`rising(bound, over=tier)` does not hold": lambda tables: _with_column(tables, "bound", 10**10, (0, 0)),
            "`extra == previous(extra, over=tier)": lambda tables: _with_column(tables, "extra", 1, (1, 1)),
            "`unit_value` is outside its bounds": lambda tables: _with_column(tables, "unit_value", -(10**30), (4,)),
        },
    ),
)
