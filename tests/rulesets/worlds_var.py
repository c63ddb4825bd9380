"""Historical simulation of eight coins (tests/data/prices), Hong Kong's margin over the same days, and ISDA SIMM.

HKSCC publishes its returns to participants only, so stocks have those of coins, a tenth as large.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from rule_world import Account, RuleWorld

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.margin.historical import Closes, daily_returns, historical_figures, read_closes
from zkmargin.margin.hkex import DAYS, STRESSED, Stock, hkex_figures
from zkmargin.margin.simm import equity_tables, fx_tables
from zkmargin.margin.tables import Column, Tables

PRICES = Path(__file__).parents[1] / "data" / "prices" / "daily_close_usd.csv"
COINS = ("BTC", "ETH", "BNB", "ADA", "XRP", "DOGE", "LINK", "ALGO")
ENDS = (1461, 1400, 1100)
"""Days of the history at which a snapshot is taken."""


@cache
def closes(end: int) -> Closes:
    whole = read_closes(PRICES.read_text(), PRICES.name, COINS)
    return Closes(whole.days[:end], whole.names, whole.prices[:end])


def with_values(tables: Tables, name: str, change: dict[tuple[int, ...], int]) -> Tables:
    """The tables with other values at some places of a column, in its last decimal."""
    held = tables.columns[name]
    values = held.values.copy()
    for place, value in change.items():
        values[place] = value
    columns = {**tables.columns, name: Column(name, held.axes, held.decimals, values)}
    return Tables(tables.sizes, tables.names, columns, tables.labels, tables.parameters)


def with_parameter(tables: Tables, name: str, value: int) -> Tables:
    """The tables with another value of a parameter, in its last decimal."""
    column = Column.of(name, [], tables.parameters[name].decimals, value)
    return Tables(tables.sizes, tables.names, tables.columns, tables.labels, {**tables.parameters, name: column})


# --- historical simulation ---------------------------------------------------------------------------------


@cache
def _historical(rules: str, end: int, decay: float | None) -> Tables:
    schema = table_schema(load_rules(rules))
    (days,) = (axis.size for axis in schema.axes if axis.name == "scenario")
    return historical_figures(closes(end), days or 0, decay).tables(schema)


def historical_market(rules: str, random: Random) -> Tables:
    """Plain or volatility-scaled returns of the last thousand days."""
    return _historical(rules, random.choice(ENDS), random.choice((None, 0.97)))


def historical_account(random: Random, tables: Tables) -> Account:
    """A book of up to three hundred thousand dollars a coin, long and short."""
    marks = tables.columns["mark"].values
    dollars = [random.choice((0, -1, 1)) * random.randint(1_000, 300_000) for _ in marks]
    size = [dollar * 10**4 * 10**8 // int(mark) for dollar, mark in zip(dollars, marks, strict=True)]
    return {"size": size, "cash": 0}


# --- Hong Kong ---------------------------------------------------------------------------------------------


@cache
def _hkex(end: int) -> Tables:
    returns = daily_returns(closes(end)) / 10
    stocks = [
        Stock(
            code, 10.0 + 35 * row, returns[-DAYS:, row], returns[:STRESSED, row], beta=1 + row / 10, threshold=2 * 10**8
        )
        for row, code in enumerate(("700", "1299", "2823", "388", "5", "941"))
    ]
    small = [Stock(code, 1.5 + row, group=row) for row, code in enumerate(("8001", "9801", "7226"))]
    return hkex_figures([*stocks, *small]).tables(table_schema(load_rules("hkex_es")))


def hkex_account(random: Random, tables: Tables) -> Account:
    """Unsettled trades of a participant: tens of millions a stock, board lots of a hundred."""
    size = [random.choice((0, -1, 1, 1)) * random.randint(1, 50_000) * 100 for _ in range(tables.sizes["stock"])]
    extra = {name: random.choice((0, 2 * random.randint(0, 10**9))) for name in ("addons", "favourable", "later")}
    return {"size": size, **extra, "cash": 0}


# --- SIMM --------------------------------------------------------------------------------------------------

CURRENCIES = ("EUR", "JPY", "GBP", "AUD", "CHF", "CAD", "CNY", "KRW", "MXN", "BRL", "TRY", "ZAR", "SGD", "INR")
PAIRS = ("EURUSD", "USDJPY", "GBPUSD", "EURGBP", "USDCNH", "USDBRL", "USDTRY", "EURCHF")


def simm_equity_account(random: Random, _: Tables) -> Account:
    """Millions a name, several tens of names, some concentrated; volatility at three tenors."""
    delta = np.zeros((13, 6), dtype=object)
    vega = np.zeros((13, 6, 12), dtype=object)
    for _ in range(25):
        name = random.randrange(13), random.randrange(6)
        delta[name] = random.choice((-1, 1, 1)) * random.choice((random.randint(1, 5_000_000), 40_000_000))
        vega[(*name, random.choice((1, 3, 5)))] = random.choice((-1, 1)) * random.randint(1, 3_000_000)
    return {"delta": delta, "vega": vega, "cash": 0}


def simm_fx_account(random: Random, tables: Tables) -> Account:
    used = len(CURRENCIES)
    delta = [random.choice((0, -1, 1)) * random.randint(1, 900_000_000) for _ in range(used)]
    delta += [0] * (tables.sizes["currency"] - used)
    vega = np.zeros((tables.sizes["fx"], 12), dtype=object)
    for row in range(len(PAIRS)):
        for tenor in random.sample(range(12), 2):
            vega[row, tenor] = random.choice((-1, 1)) * random.randint(1, 30_000_000)
    return {"delta": delta, "vega": vega, "cash": 0}


def _bent_fx(_: Random) -> tuple[Tables, Account, Account]:
    """Curvature: what nets within one account raises theta less than in proportion."""
    return (
        fx_tables(CURRENCIES, PAIRS),
        _fx_vega({(0, 5): 5_000_000, (1, 0): -9_600_000}),
        _fx_vega({(0, 0): 1_200_000}),
    )


def _fx_vega(amounts: dict[tuple[int, int], int]) -> Account:
    vega = np.zeros((16, 12), dtype=object)
    for place, amount in amounts.items():
        vega[place] = amount
    return {"delta": [0] * 16, "vega": vega, "cash": 0}


def _bent_equity(_: Random) -> tuple[Tables, Account, Account]:
    """As for currencies, with two issuers of one bucket."""
    return equity_tables(), _equity_vega({(0, 5): 500_000, (1, 0): -960_000}), _equity_vega({(0, 0): 120_000})


def _equity_vega(amounts: dict[tuple[int, int], int]) -> Account:
    vega = np.zeros((13, 6, 12), dtype=object)
    for place, amount in amounts.items():
        vega[(0, *place)] = amount
    return {"delta": np.zeros((13, 6), dtype=object), "vega": vega, "cash": 0}


OUT_OF_RANGE = 10_001
WORLDS = (
    RuleWorld(
        rules="historical_es",
        market=lambda random: historical_market("historical_es", random),
        account=historical_account,
        concave=True,
        bad_tables={
            "`pnl` is outside its bounds": lambda tables: with_values(tables, "pnl", {(0, 0): 10**15 + 1}),
            "`mark` is outside its bounds": lambda tables: with_values(tables, "mark", {(3,): -1}),
            "`horizon` is outside its bounds": lambda tables: with_parameter(tables, "horizon", 999_999),
        },
    ),
    RuleWorld(
        rules="historical_var",
        market=lambda random: historical_market("historical_var", random),
        account=historical_account,
        concave=False,
        bad_tables={
            "`pnl` is outside its bounds": lambda tables: with_values(tables, "pnl", {(1, 499): -(10**15) - 1}),
            "`horizon` is outside its bounds": lambda tables: with_parameter(tables, "horizon", 0),
        },
    ),
    RuleWorld(
        rules="hkex_es",
        market=lambda random: _hkex(random.choice(ENDS)),
        account=hkex_account,
        concave=True,
        grain=20_000,  # rounding up to ten thousand at both ends
        tight=False,
        bad_tables={
            "`flat_rate` is outside its bounds": lambda tables: with_values(tables, "flat_rate", {(2,): 10_001}),
            "`big_rate` is outside its bounds": lambda tables: with_values(tables, "big_rate", {(0,): -1}),
            "w_hist + w_stress == 1": lambda tables: with_parameter(tables, "w_hist", 5_000),
        },
    ),
    RuleWorld(
        rules="simm_equity",
        market=lambda _: equity_tables(),
        account=simm_equity_account,
        concave=False,
        bent=_bent_equity,
        bad_tables={
            "`rho` is outside its bounds": lambda tables: with_values(tables, "rho", {(4,): OUT_OF_RANGE}),
            "`gamma` is outside its bounds": lambda tables: with_values(tables, "gamma", {(0, 1): -OUT_OF_RANGE}),
            "`delta_weight` is outside its bounds": lambda tables: with_values(tables, "delta_weight", {(0,): -1}),
        },
    ),
    RuleWorld(
        rules="simm_fx",
        market=lambda random: fx_tables(CURRENCIES, PAIRS, random.choice(("USD", "BRL"))),
        account=simm_fx_account,
        concave=False,
        bent=_bent_fx,
        bad_tables={
            "`delta_rho` is outside its bounds": lambda tables: with_values(tables, "delta_rho", {(7,): OUT_OF_RANGE}),
            "`vega_weight` is outside its bounds": lambda tables: with_values(tables, "vega_weight", {(0,): -1}),
            "`vega_rho` is outside its bounds": lambda tables: with_parameter(tables, "vega_rho", -OUT_OF_RANGE),
        },
    ),
)
