"""Portfolio margin: SPAN on grains and their options; Deribit's chains under OKX, Paradex, Deribit and by greeks.

SPAN's margins per contract and spread credits are published ones (tests/rules/vectors/span.json names them); prices and
volatilities around them are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from random import Random

import numpy as np
from rule_world import Account, RuleWorld
from worlds_portfolio import CHAINS, DEMO, positions, tables_of, with_parameter

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.circuits.vectors.world import World
from zkmargin.margin.build import Board, build_market
from zkmargin.margin.chain import Chain
from zkmargin.margin.compact import read_source
from zkmargin.margin.okx import OkxShocks, okx_columns, okx_grid
from zkmargin.margin.paradex import paradex_columns, paradex_grid
from zkmargin.margin.scenarios import VolatilityShock, deribit_grid
from zkmargin.margin.span import (
    CalendarSpread,
    Contract,
    InterSpread,
    ScanRange,
    SpanMarket,
    Tier,
    future_losses,
    option_losses,
)
from zkmargin.margin.tables import Column, Tables


def with_entry(tables: Tables, name: str, place: tuple[int, ...], value: int) -> Tables:
    """The tables with another value at one place of a column, in its last decimal."""
    column = tables.columns[name]
    values = column.values.copy()
    values[place] = value
    changed = Column.of(name, column.axes, column.decimals, values)
    return Tables(tables.sizes, tables.names, {**tables.columns, name: changed}, tables.labels, tables.parameters)


def entry(name: str, place: tuple[int, ...], value: int) -> Callable[[Tables], Tables]:
    return lambda tables: with_entry(tables, name, place, value)


def chain_account(random: Random, tables: Tables) -> Account:
    return {"size": positions(random, tables), "cash": 0}


# --- SPAN ---------------------------------------------------------------------------------------------------------

GRAINS = {
    # multiplier, price, margin of a contract, charge of a calendar spread, volatility
    "corn": (5_000, 4.5, 900, 250, 0.28),
    "soybeans": (5_000, 10.5, 2_100, 450, 0.22),
    "meal": (100, 310.0, 1_800, 400, 0.26),
}
MONTHS = {"near": 40, "next": 100, "far": 160}
CREDITS = (
    InterSpread({"soybeans": (2, "0.55"), "corn": (-4, "0.55")}),
    InterSpread({"soybeans": (1, "0.55"), "meal": (-1, "0.70")}),
)


def span_tables(random: Random, inter: tuple[InterSpread, ...] = CREDITS) -> Tables:
    """Three commodities, three months each: a future, calls and puts; the near month is in delivery."""
    contracts, tiers, calendar = [], [], []
    for name, (units, base, margin, rate, volatility) in GRAINS.items():
        price = base * random.uniform(0.9, 1.1)
        scan = ScanRange(Fraction(margin, units), Fraction(4, 100), Fraction(3), Fraction(33, 100))
        for month, days in MONTHS.items():
            tier = f"{name} {month}"
            tiers.append(Tier(tier, name, 150 if month == "near" else 0, 100 if month == "near" else 0))
            contracts.append(Contract(name, tier, future_losses(scan, Fraction(units))))
            for is_call in (True, False):
                for step in (-1, 0, 1, 2):
                    strike = round(price * (1 + 0.05 * step * (1 if is_call else -1)), 2)
                    array = option_losses(price, strike, volatility, days, is_call, scan, units)
                    delta = round((0.5 - 0.15 * step) * (1 if is_call else -1), 4)
                    value = abs(delta) * margin
                    contracts.append(Contract(name, tier, array, Fraction(delta), Fraction(value), margin // 20))
        for near, far in (("near", "next"), ("next", "far"), ("near", "far")):
            calendar.append(CalendarSpread(name, rate, {f"{name} {near}": 1, f"{name} {far}": -1}))
    market = SpanMarket(contracts, list(GRAINS), tiers, calendar, inter)
    return World.of("span", market.figures, {"size": [0] * len(contracts), "cash": 0}, market.labels).tables


def span_account(random: Random, tables: Tables) -> Account:
    rows = tables.sizes["instrument"]
    size = [0] * rows
    for row in random.sample(range(rows), 20):
        size[row] = random.randint(-80, 80)
    return {"size": size, "cash": 0}


def span_bent(random: Random) -> tuple[Tables, Account, Account]:
    """The first spread takes corn away from a better one: half of the meal costs more than half of the way."""
    spreads = (
        InterSpread({"corn": (1, "0.10"), "meal": (-1, "0.10")}),
        InterSpread({"corn": (2, "0.55"), "soybeans": (-1, "0.55")}),
    )
    tables = span_tables(random, spreads)
    rows = tables.sizes["instrument"]
    futures = [place * rows // 3 + rows // 9 for place in range(3)]  # of the next month, not in delivery
    one = [0] * rows
    one[futures[0]], one[futures[1]] = 4, -2
    other = list(one)
    other[futures[2]] = -8
    return tables, {"size": one, "cash": 0}, {"size": other, "cash": 0}


# --- Deribit's chains ---------------------------------------------------------------------------------------------


def deribit_bent(random: Random) -> tuple[Tables, Account, Account]:
    """A future sold against one that is bought offsets it up to its size and no more. The scan does not see it: long
    straddles lose most where the price stays.
    """
    tables = tables_of("deribit_pm", random.choice(CHAINS))
    names = tables.names["instrument"]
    size = [0] * len(names)
    for kind in "CP":
        size[names.index(f"BTC-27MAR26-70000-{kind}")] = 3_000_000
    size[names.index("BTC-27MAR26")] = 100_000
    sold = list(size)
    sold[names.index("BTC-26JUN26")] = -200_000
    return tables, {"size": size, "cash": 0}, {"size": sold, "cash": 0}


@cache
def near_chain(name: str) -> Chain:
    """The chain up to the end of February: some 350 of 800 contracts, enough to be like a market."""
    return read_source(DEMO / name).until(1_772_265_600)


@cache
def okx_tables(name: str) -> Tables:
    chain = near_chain(name)
    board = Board((chain,), deribit_grid())
    maturities = board.axes["maturity"]
    shocks = OkxShocks(
        VolatilityShock(),
        term=np.full(len(maturities), 0.1),
        rate=0.03,
        closing=np.full(len(board.instruments), 0.0045),  # the share of BTC in the sample response
    )
    days = np.array([*board.expiry_days, 0.0])[: len(maturities)]
    columns = okx_columns(chain, shocks, 0.002 + 0.05 * days / 365)
    schema = table_schema(load_rules("okx_pm"))
    return build_market([chain], schema, grid=okx_grid("BTC", VolatilityShock()), given=columns).tables


def okx_account(random: Random, tables: Tables) -> Account:
    borrowed = random.randint(0, 10**13)
    return {**chain_account(random, tables), "borrow_mmr": borrowed, "borrow_imr": 5 * borrowed}


@cache
def paradex_tables(name: str) -> Tables:
    chain = near_chain(name)
    board = Board((chain,), deribit_grid())
    fee = 0.0003 * board.index
    funding = np.where(board.expiry == 0, 0.0001 * board.index, 0.0)
    given = paradex_columns(["BTC"], fee, funding)
    schema = table_schema(load_rules("paradex_pm"))
    return build_market([chain], schema, grid=paradex_grid("BTC"), given=given).tables


@cache
def greeks_tables(rules: str, name: str) -> Tables:
    schema = table_schema(load_rules(rules))
    return build_market([near_chain(name)], schema).tables


WORLDS = (
    RuleWorld(
        rules="span",
        market=span_tables,
        account=span_account,
        concave=False,
        bent=span_bent,
        bad_tables={
            "`inter_rate` is outside its bounds": entry("inter_rate", (0, 0), 10_001),
            "`calendar_rate` is outside its bounds": entry("calendar_rate", (0,), -1),
            "`short_charge` is outside its bounds": entry("short_charge", (0,), -1),
            "`tick` is outside its bounds": lambda tables: with_parameter(tables, "tick", 0),
        },
    ),
    RuleWorld(
        rules="deribit_pm",
        market=lambda random: tables_of("deribit_pm", random.choice(CHAINS)),
        account=chain_account,
        concave=False,
        bent=deribit_bent,
        bad_tables={
            "`short_charge` is outside its bounds": lambda tables: with_parameter(tables, "short_charge", -1),
            "`im_factor` is outside its bounds": lambda tables: with_parameter(tables, "im_factor", 9_999),
        },
    ),
    RuleWorld(
        rules="okx_pm",
        market=lambda random: okx_tables(random.choice(CHAINS)),
        account=okx_account,
        concave=True,
        bad_tables={
            "rising(multiplier, over=tier)": entry("multiplier", (0, 6), 100),
            "`basis_rate` is outside its bounds": entry("basis_rate", (0,), -1),
            "`weight` is outside its bounds": entry("weight", (0,), -1),
        },
    ),
    RuleWorld(
        rules="paradex_pm",
        market=lambda random: paradex_tables(random.choice(CHAINS)),
        account=chain_account,
        concave=True,
        bad_tables={
            "`weight` is outside its bounds": entry("weight", (20, 0), 10_001),
            "hedged <= 2 * unhedged": entry("hedged", (0,), 401),
            "`fee` is outside its bounds": entry("fee", (0,), -1),
        },
    ),
    RuleWorld(
        rules="greeks_charges",
        market=lambda random: greeks_tables("greeks_charges", random.choice(CHAINS)),
        account=chain_account,
        concave=True,
        bad_tables={
            "`vega_charge` is outside its bounds": entry("vega_charge", (0,), -1),
            "`cash_gamma` is outside its bounds": entry("cash_gamma", (0,), -1),
            "`days` is outside its bounds": lambda tables: with_parameter(tables, "days", -1),
        },
    ),
    RuleWorld(
        rules="greeks_grid",
        market=lambda random: greeks_tables("greeks_grid", random.choice(CHAINS)),
        account=chain_account,
        concave=True,
        bad_tables={
            "`vol_move` is outside its bounds": entry("vol_move", (0, 0), -1_000_001),
            "`spot_move` is outside its bounds": entry("spot_move", (0, 0), -10_001),
        },
    ),
)
