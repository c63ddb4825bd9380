"""Rule sets of the binding `committed`: the worlds of the texts that they are made from, with fewer rows."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from worlds_brackets import WORLDS as BRACKETS
from worlds_brackets import binance, cross_account, leveraged_bent, quoted
from worlds_collateral import WORLDS as COLLATERAL
from worlds_portfolio import WORLDS as PORTFOLIO
from worlds_venues import near_the_money

from zkmargin.margin.tables import INSTRUMENT_AXIS, Column, Tables


def _brackets(random: Random) -> Tables:
    return binance("cross_bracket_committed", random, random.sample(quoted(), random.randint(6, 8)))


def _scan(random: Random) -> Tables:
    return near_the_money(random.choice((50, 64)), {"im_factor": 13_000}, random)


def _chains(random: Random) -> Tables:
    """Of the fifty instruments the first fourteen."""
    tables = _ORIGINAL["cross_chain"].market(random)
    columns = {
        name: Column(name, c.axes, c.decimals, c.values[:14]) if INSTRUMENT_AXIS in c.axes else c
        for name, c in tables.columns.items()
    }
    sizes = {**tables.sizes, INSTRUMENT_AXIS: 14}
    names = {**tables.names, INSTRUMENT_AXIS: tables.names[INSTRUMENT_AXIS][:14]}
    return Tables(sizes, names, columns, tables.labels, tables.parameters)


_ORIGINAL = {world.rules: world for world in (*BRACKETS, *COLLATERAL, *PORTFOLIO)}

WORLDS = (
    replace(
        _ORIGINAL["cross_bracket"],
        rules="cross_bracket_committed",
        market=_brackets,
        account=cross_account("cross_bracket_committed", held=5),
        bent=leveraged_bent("cross_bracket_committed", _brackets),
    ),
    replace(_ORIGINAL["portfolio_scan"], rules="portfolio_scan_committed", market=_scan),
    replace(_ORIGINAL["cross_chain"], rules="cross_chain_committed", market=_chains),
)
