"""Isolated and cross margin by brackets, steps and flat rates, on the parameters that venues publish.

Marks are Hyperliquid's of 6 February 2026, moved by up to a tenth; a contract of Binance that Hyperliquid does not
list has a mark of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import exp, log
from random import Random

import numpy as np
from rule_world import Account, RuleWorld
from venue_files import HYPERLIQUID, as_bytes, brackets, genesis, hyperliquid_marks, premium_index
from worlds_portfolio import with_parameter

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.margin.assemble import assemble_market
from zkmargin.margin.binance import contracts, parse_marks
from zkmargin.margin.dydx import dydx_figures
from zkmargin.margin.hyperliquid import hyperliquid_figures
from zkmargin.margin.perpetuals import contract_figures
from zkmargin.margin.tables import Column, Tables

TIME = 1770382456
JOINED = "condition `deduction == previous(deduction, over=tier) + previous(bound, over=tier) * (rate - previous"
Change = Callable[[Tables], Tables]
Bent = Callable[[Random], tuple[Tables, Account, Account]]


# --- markets --------------------------------------------------------------------------------------------------------


@cache
def quoted() -> tuple[str, ...]:
    """Binance's contracts in USDT whose coin Hyperliquid lists too."""
    known = hyperliquid_marks()
    return tuple(symbol for symbol in brackets().schedules if symbol.removesuffix("USDT") in known)


def binance(rules: str, random: Random, symbols: Sequence[str]) -> Tables:
    """Real brackets of the contracts."""
    marks = {}
    for symbol in {*symbols, "BTCUSDT"}:
        known = hyperliquid_marks().get(symbol.removesuffix("USDT"))
        price = exp(random.uniform(log(1e-3), log(1e3))) if known is None else float(known) * random.uniform(0.9, 1.1)
        marks[symbol] = f"{0.029 if symbol == 'ETHBTC' else price:.8f}"
    priced = parse_marks(as_bytes(premium_index(marks, TIME)), "marks")
    figures = contract_figures("contracts", contracts(brackets(), priced, symbols), brackets().sources)
    return assemble_market(figures, table_schema(load_rules(rules))).tables


def one_of_binance(rules: str) -> Callable[[Random], Tables]:
    return lambda random: binance(rules, random, [random.choice(quoted())])


def sixty_four(random: Random) -> Tables:
    return binance("cross_bracket", random, random.sample(quoted(), 64))


def all_of_binance(random: Random) -> Tables:
    return binance("binance_usdm", random, list(brackets().schedules))


def hyperliquid(random: Random) -> Tables:
    """All markets of one day."""
    day = random.choice(("20250822", "20260206"))
    figures = hyperliquid_figures(HYPERLIQUID[day].read_bytes(), day)
    return assemble_market(figures, table_schema(load_rules("hyperliquid")), price_time=TIME).tables


def plain(rules: str, **columns: Sequence[float]) -> Tables:
    """Columns along instruments, each number at its column's decimals."""
    rule_set = load_rules(rules)
    made = {}
    for declared in rule_set.public:
        scaled = [round(value * 10**declared.decimals) for value in columns[declared.name]]
        made[declared.name] = Column.of(declared.name, declared.axes, declared.decimals, scaled)
    parameters = {
        declared.name: Column.of(declared.name, (), declared.decimals, declared.default)
        for declared in rule_set.parameters
    }
    count = len(next(iter(columns.values())))
    names = tuple(f"I{row}" for row in range(count))
    return Tables({"instrument": count}, {"instrument": names}, made, {}, parameters)


def a_mark(random: Random) -> float:
    return float(random.choice(list(hyperliquid_marks().values())))


def flat_rate(random: Random) -> Tables:
    """Gate's or OKX's: the rate of a tier and a taker fee of 0.05%."""
    schedule = random.choice(list(brackets().schedules.values()))
    rate = float(random.choice(schedule).rate)
    return plain("isolated_fee", mark=[a_mark(random)], rate=[rate], fee=[0.0005])


def gmx(random: Random) -> Tables:
    """A market with a minimum factor of 0.5 to 1%, and an impact of up to 2% of the size."""
    factor, most = random.uniform(0.005, 0.01), random.uniform(0.005, 0.02)
    return plain(
        "gmx",
        mark=[a_mark(random)],
        collateral_price=[random.choice((1, a_mark(random)))],
        impact=[random.uniform(-1.2 * most, most / 5)],
        max_impact=[most],
        min_factor=[factor],
    )


def paradex(random: Random) -> Tables:
    """Initial rates of 2 to 50%, maintenance half of it."""
    imf = [1 / random.choice((2, 3, 5, 10, 20, 50)) for _ in range(40)]
    marks = [a_mark(random) for _ in imf]
    return plain("paradex_cross", mark=marks, imf=imf, mmf=[rate / 2 for rate in imf])


def dydx(random: Random) -> Tables:
    """Mainnet's genesis, or the sample chain with open interest."""
    mainnet = dydx_figures(as_bytes(genesis()), "genesis")
    schema = table_schema(load_rules("dydx_v4"))
    if random.random() < 0.3:
        return assemble_market(mainnet, schema).tables
    tickers = [entry["params"]["ticker"] for entry in genesis("sample_202510")["app_state"]["perpetuals"]["perpetuals"]]
    interest = {ticker: random.randint(0, 10 ** random.randint(10, 18)) for ticker in tickers}
    return assemble_market(dydx_figures(as_bytes(genesis("sample_202510", interest)), "sample"), schema).tables


def starkex(random: Random) -> Tables:
    """Synthetic assets in 32.32 prices of a millionth of a dollar, risk factors rising with the position."""
    one, rows, width = 1 << 32, 24, 5
    price, bound, rate = [], [], []
    for _ in range(rows):
        decimals = random.choice((6, 7, 8, 9, 10))
        price.append(int(a_mark(random) * 10 ** (6 - decimals) * one))
        first = random.randint(100_000, 1_000_000) * 10**6
        bound.append([first * 4**tier * one for tier in range(width - 1)] + [(1 << 127) - 1])
        rate.append([int((0.03 + 0.05 * tier) * one) for tier in range(width)])
    axes, tiers = ("instrument",), ("instrument", "tier")
    columns = {
        "price": Column.of("price", axes, 0, price),
        "tier_price": Column.of("tier_price", axes, 0, price),
        "bound": Column.of("bound", tiers, 0, bound),
        "rate": Column.of("rate", tiers, 0, rate),
    }
    names = {"instrument": tuple(f"A{row}" for row in range(rows)), "tier": tuple("12345")}
    return Tables({"instrument": rows, "tier": width}, names, columns)


# --- accounts -------------------------------------------------------------------------------------------------------


def sizes(random: Random, marks: Sequence[float], decimals: int, held: int, most: float = 3e9) -> list[int]:
    """Sizes of 1,000 USD to ``most`` of either sign in a few rows, in units of the last decimal."""
    found = [0] * len(marks)
    for row in random.sample(range(len(marks)), min(held, len(marks))):
        notional = exp(random.uniform(log(1e3), log(most)))
        found[row] = random.choice((-1, 1)) * min(round(notional / marks[row] * 10**decimals), 10 ** (11 + decimals))
    return found


def marks_of(tables: Tables, name: str = "mark") -> list[float]:
    column = tables.columns[name]
    return [int(value) / 10**column.decimals for value in column.values.tolist()]


def own_rates(random: Random, count: int) -> list[int]:
    """1 / leverage rounded up at six decimals; 0, and leverages above what any tier allows, leave it to the tier."""
    return [
        random.choice((0, *(-(-(10**6) // leverage) for leverage in (1, 3, 7, 10, 20, 50, 500)))) for _ in range(count)
    ]


def cross_account(rules: str, held: int = 12) -> Callable[[Random, Tables], Account]:
    decimals = load_rules(rules).columns["size"].decimals

    def make(random: Random, tables: Tables) -> Account:
        marks = marks_of(tables)
        return {"size": sizes(random, marks, decimals, held), "own_rate": own_rates(random, len(marks)), "cash": 0}

    return make


def leveraged_bent(rules: str, world: Callable[[Random], Tables]) -> Bent:
    """A small size and its own rate that move against each other, as ``dydx_bent``."""
    declared = load_rules(rules).columns

    def account(tables: Tables, row: int, dollars: int, own: int) -> Account:
        """A long position at its mark."""
        mark, idle = marks_of(tables)[row], [0] * tables.sizes["instrument"]
        held = {"size": 2 * round(dollars / mark * 10 ** declared["size"].decimals / 2), "own_rate": own}
        if "entry" in declared:
            held["entry"] = dollars * 10 ** declared["entry"].decimals
        return {"cash": 0, **{name: [*idle[:row], value, *idle[row + 1 :]] for name, value in held.items()}}

    def make(random: Random) -> tuple[Tables, Account, Account]:
        tables = world(random)
        row = int(np.argmin(tables.columns["rate"].values[:, 0]))
        return tables, account(tables, row, 500, 10**6), account(tables, row, 1_500, 0)

    return make


def entries(random: Random, marks: Sequence[float], size: Sequence[int], decimals: int) -> list[int]:
    """What was paid, up to a fifth from the marks, at ``decimals``; sizes have 8."""
    return [
        round(random.uniform(0.8, 1.2) * price * amount / 10**8 * 10**decimals)
        for price, amount in zip(marks, size, strict=True)
    ]


def isolated_account(random: Random, tables: Tables) -> Account:
    """One position, up to 500 million USD."""
    marks = marks_of(tables)
    size = sizes(random, marks, 8, 1, most=5e8)
    return {"size": size, "entry": entries(random, marks, size, 12), "cash": 0}


def leveraged_account(random: Random, tables: Tables) -> Account:
    """The same, at a leverage of its own."""
    return {**isolated_account(random, tables), "own_rate": own_rates(random, 1)}


def gmx_account(random: Random, tables: Tables) -> Account:
    marks = marks_of(tables)
    size = sizes(random, marks, 8, 1, most=1e7)
    entry = entries(random, marks, size, 6)
    coins = round(abs(entry[0]) * random.uniform(0.02, 0.5) / marks_of(tables, "collateral_price")[0] * 100)
    return {"size": size, "entry": entry, "collateral": [coins], "cash": 0}


def paradex_account(random: Random, tables: Tables) -> Account:
    marks = marks_of(tables)
    size = [min(max(value, -(10**17)), 10**17) for value in sizes(random, marks, 8, 10, most=1e7)]
    orders = [[abs(value) for value in sizes(random, marks, 8, 5, most=1e5)] for _ in range(2)]
    buys, sells = ([2 * min(value // 2, 10**16) for value in side] for side in orders)  # even: midpoints stay in bounds
    return {"size": size, "buys": buys, "sells": sells, "entry": entries(random, marks, size, 8), "cash": 0}


def dydx_account(random: Random, tables: Tables) -> Account:
    unit = marks_of(tables, "quote_per_quantum")
    own = [random.choice((0, 0, random.randint(0, 10**6))) for _ in unit]
    return {"size": sizes(random, unit, 0, 8, most=1e8), "own_imf": own, "cash": 0}


def dydx_bent(random: Random) -> tuple[Tables, Account, Account]:
    """A size and its own rate that move against each other: the product of the means is above the mean of products."""
    tables = dydx(random)
    size, own = sizes(random, marks_of(tables, "quote_per_quantum"), 0, 1, most=1e8), [0] * tables.sizes["instrument"]
    row = int(np.flatnonzero(np.array(size))[0])
    wide, flat = list(size), list(own)
    wide[row] *= 3
    flat[row] = 10**6
    return tables, {"size": size, "own_imf": flat, "cash": 0}, {"size": wide, "own_imf": own, "cash": 0}


def starkex_account(random: Random, tables: Tables) -> Account:
    prices = [price / 2**32 / 10**6 for price in tables.columns["price"].values.tolist()]
    size = [min(max(value, -(1 << 63)), (1 << 63) - 1) for value in sizes(random, prices, 0, 8, most=1e8)]
    return {"size": size, "cash": 0}


def starkex_bent(random: Random) -> tuple[Tables, Account, Account]:
    """Both sides of a bound: the whole position takes the higher factor right above it."""
    tables = starkex(random)
    price, bound = int(tables.columns["price"].values[0]), int(tables.columns["bound"].values[0, 0])
    above, away = bound // price + 1, bound // price // 10
    low, high = ([above + step] + [0] * (tables.sizes["instrument"] - 1) for step in (-away, away))
    return tables, {"size": low, "cash": 0}, {"size": high, "cash": 0}


# --- tables that are refused ----------------------------------------------------------------------------------------


def changed(name: str, change: Callable[[np.ndarray], object]) -> Change:
    """The tables with a column whose values ``change`` alters in place."""

    def make(tables: Tables) -> Tables:
        column = tables.columns[name]
        values = column.values.copy()
        change(values)
        new = Column.of(name, column.axes, column.decimals, values)
        return Tables(tables.sizes, tables.names, {**tables.columns, name: new}, tables.labels, tables.parameters)

    return make


def backwards(values: np.ndarray) -> None:
    values[...] = values[..., ::-1].copy()


def add(amount: int, *place: int) -> Callable[[np.ndarray], None]:
    def change(values: np.ndarray) -> None:
        values[place] += amount

    return change


BAD_BRACKETS: dict[str, Change] = {
    "condition `rising(bound, over=tier)`": changed("bound", backwards),
    "condition `rising(rate, over=tier)`": changed("rate", backwards),
    "condition `rising(deduction, over=tier)`": changed("deduction", backwards),
    JOINED: changed("deduction", add(1, 0, -1)),
    "`rate` is outside its bounds": changed("rate", add(10**8, 0, -1)),
}
BAD_LEVERAGE: dict[str, Change] = {
    "condition `rising(initial_rate, over=tier)`": changed("initial_rate", backwards),
    "condition `initial_rate >= rate`": changed("initial_rate", lambda values: values.__setitem__((0, 0), 0)),
}
BAD_MOST = {"`most` is outside its bounds": lambda tables: with_parameter(tables, "most", 10**9)}

WORLDS = (
    RuleWorld(
        rules="isolated_bracket",
        market=one_of_binance("isolated_bracket"),
        account=leveraged_account,
        concave=False,
        bent=leveraged_bent("isolated_bracket", one_of_binance("isolated_bracket")),
        bad_tables=BAD_BRACKETS | BAD_LEVERAGE,
    ),
    RuleWorld(
        rules="isolated_entry",
        market=one_of_binance("isolated_entry"),
        account=leveraged_account,
        concave=False,
        bent=leveraged_bent("isolated_entry", one_of_binance("isolated_entry")),
        bad_tables=BAD_BRACKETS | BAD_LEVERAGE,
    ),
    RuleWorld(
        rules="isolated_fee",
        market=flat_rate,
        account=isolated_account,
        concave=True,
        bad_tables={
            "`rate` is outside its bounds": changed("rate", add(-(10**8), 0)),
            "`fee` is outside its bounds": changed("fee", add(10**8, 0)),
        },
    ),
    RuleWorld(
        rules="gmx",
        market=gmx,
        account=gmx_account,
        concave=True,
        bad_tables={
            "`max_impact` is outside its bounds": changed("max_impact", add(-(10**10), 0)),
            "`tick` is outside its bounds": lambda tables: with_parameter(tables, "tick", 0),
        },
    ),
    RuleWorld(
        rules="cross_bracket",
        market=sixty_four,
        account=cross_account("cross_bracket"),
        concave=False,
        bent=leveraged_bent("cross_bracket", sixty_four),
        bad_tables=BAD_BRACKETS | BAD_LEVERAGE | BAD_MOST,
    ),
    RuleWorld(
        rules="binance_usdm",
        market=all_of_binance,
        account=cross_account("binance_usdm", held=40),
        concave=False,
        bent=leveraged_bent("binance_usdm", all_of_binance),
        bad_tables=BAD_BRACKETS | BAD_LEVERAGE,
    ),
    RuleWorld(
        rules="hyperliquid",
        market=hyperliquid,
        account=cross_account("hyperliquid"),
        concave=False,
        bent=leveraged_bent("hyperliquid", hyperliquid),
        bad_tables=BAD_BRACKETS,
    ),
    RuleWorld(
        rules="starkex",
        market=starkex,
        account=starkex_account,
        concave=False,
        bent=starkex_bent,
        bad_tables={
            "condition `rising(rate, over=tier)`": changed("rate", backwards),
            "condition `rising(bound, over=tier)`": changed("bound", backwards),
        },
    ),
    RuleWorld(
        rules="dydx_v4",
        market=dydx,
        account=dydx_account,
        concave=False,
        bent=dydx_bent,
        bad_tables={
            "`base_imf` is outside its bounds": changed("base_imf", add(10**6, 0)),
            "`quantum` is outside its bounds": lambda tables: with_parameter(tables, "quantum", 2),
        },
    ),
    RuleWorld(
        rules="paradex_cross",
        market=paradex,
        account=paradex_account,
        concave=True,
        bad_tables={"`mmf` is outside its bounds": changed("mmf", add(10**8, 0))},
    ),
)
