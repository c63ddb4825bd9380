"""Drift, Mango and Synthetix: their markets' parameters, prices of early 2026 moved at random.

Drift: ratios and imf factors of a live perpetual (protocol-v2 0ae3e3b, sdk/tests/amm/test.ts:552-568), weights
as in the program's tests. Mango: mainnet beta's tokens and BTC-PERP (mango-v4 1303a4a,
ts/client/scripts/archive/mb-admin.ts).
Synthetix: Base mainnet's ETH and BTC (synthetix-deployments, tomls/omnibus-base-mainnet-andromeda/perps).
"""

from __future__ import annotations

from fractions import Fraction
from random import Random

from rule_world import Account, RuleWorld

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.margin import drift, mango, synthetix
from zkmargin.margin.exact import build_tables
from zkmargin.margin.tables import Column, Label, Tables

TOKEN = 10**9
"""Units of an amount of 9 decimals."""
USD = 10**6
PRICES = {"BTC": 71_000, "ETH": 2_100, "SOL": 92, "USDC": 1, "USDT": 1}


def random_price(random: Random, name: str) -> Fraction:
    spread = 0.002 if name.startswith("USD") else 0.1
    return Fraction(round(PRICES[name] * random.uniform(1 - spread, 1 + spread) * 10**6), 10**6)


def _near(random: Random, price: Fraction) -> Fraction:
    return Fraction(round(float(price) * random.uniform(0.99, 1.01) * 10**6), 10**6)


def changed(tables: Tables, name: str, place: int, value: int) -> Tables:
    """The tables with another value in a row of a column, in its last decimal."""
    values = tables.columns[name].values.copy()
    values[place] = value
    column = Column.of(name, tables.columns[name].axes, tables.columns[name].decimals, values)
    return Tables(tables.sizes, tables.names, {**tables.columns, name: column}, tables.labels, tables.parameters)


def signed_amount(random: Random, most: float) -> int:
    return round(random.choice((-1, 1)) * random.uniform(0.05, 1) * most)


# Drift


def drift_perps(random: Random) -> list[drift.DriftPerp]:
    perps = [
        drift.DriftPerp(
            f"{name}-PERP",
            random_price(random, name),
            Fraction(initial, 10_000),
            Fraction(maintenance, 10_000),
            imf=Fraction(450, 10**6),
            pnl_initial=1,
            pnl_imf=Fraction(450, 10**6),
            imbalance=(random.choice((0, 10**6, 40 * 10**6)), 25 * 10**6),
        )
        for name, initial, maintenance in (("SOL", 1000, 500), ("BTC", 500, 300), ("ETH", 500, 300))
    ]
    odds = Fraction(random.randint(5, 95), 100)
    return [*perps, drift.DriftPerp("ELECTION-BET", odds, 1, Fraction(9_999, 10_000), pnl_initial=0, prediction=True)]


def drift_market(random: Random) -> Tables:
    perps = drift_perps(random)
    sol, eth = random_price(random, "SOL"), random_price(random, "ETH")
    eight, nine = Fraction(8, 10), Fraction(9, 10)
    spots = [
        drift.DriftSpot("USDC", 1, _near(random, Fraction(1)), 1, 1, 1, 1, quote=True),
        drift.DriftSpot(
            "SOL",
            sol,
            _near(random, sol),
            eight,
            nine,
            Fraction(12, 10),
            Fraction(11, 10),
            imf=Fraction(3_000, 10**6),
            deposits=random.randint(10**5, 4 * 10**6),
            scale_start=50_000_000,
        ),
        drift.DriftSpot("ETH", eth, _near(random, eth), eight, nine, Fraction(12, 10), Fraction(11, 10)),
    ]
    names = {
        "perp": [perp.name for perp in perps],
        "spot": [spot.name for spot in spots],
        "side": ["asks", "bids"],
    }
    low, high = drift.strict_prices(1, spots[0].average, True)
    figures = {**drift.perp_columns(perps), **drift.spot_columns(spots, strict=True)}
    return build_tables(table_schema(load_rules("drift_v2")), names, {**figures, "quote_low": low, "quote_high": high})


def drift_positions(random: Random, tables: Tables) -> Account:
    prices = [float(price) / USD for price in tables.columns["price"].values.tolist()]
    base = [signed_amount(random, 60_000 / price * TOKEN) for price in prices]
    entry = [-size * price * random.uniform(0.9, 1.1) / TOKEN for size, price in zip(base, prices, strict=True)]
    busy = [random.random() < 0.4 for _ in prices]
    return {
        "base": base,
        "bids": [random.randrange(abs(size)) if on else 0 for size, on in zip(base, busy, strict=True)],
        "asks": [random.randrange(2 * abs(size)) if on else 0 for size, on in zip(base, busy, strict=True)],
        "quote": [round(value * USD) for value in entry],
        "orders": [2 * on for on in busy],
        "own_ratio": [random.choice((0, 0, 2_000)) for _ in prices],
    }


def drift_account(random: Random, tables: Tables) -> Account:
    prices = [float(price) / USD for price in tables.columns["spot_price"].values.tolist()]
    tokens = [signed_amount(random, 80_000 / price * TOKEN) for price in prices]
    fill = [[0, 0], [-random.randrange(abs(tokens[1])), random.randrange(abs(tokens[1]))], [0, 0]]
    return {
        **drift_positions(random, tables),
        "tokens": tokens,
        "fill": fill,
        "spot_orders": [0, 3, 0],
        "own_spot_ratio": random.choice((0, 0, 1_500)),
    }


def drift_bent(random: Random) -> tuple[Tables, Account, Account]:
    """Own ratios multiply sizes: halfway from a large position at a low one to none at a high one, more is needed."""
    tables = drift_market(random)
    return tables, *_own_ratios(drift_account(random, tables))


def _own_ratios(account: Account) -> tuple[Account, Account]:
    none = [0] * 4
    small = {**account, "base": none, "bids": none, "asks": none, "own_ratio": [80_000] * 4}
    large = {**account, "base": [200 * TOKEN, *none[1:]], "bids": none, "asks": none, "own_ratio": none}
    return small, large


def isolated_market(random: Random) -> Tables:
    perps = drift_perps(random)
    names = {"perp": [perp.name for perp in perps]}
    return build_tables(table_schema(load_rules("drift_isolated")), names, drift.perp_columns(perps))


def isolated_account(random: Random, tables: Tables) -> Account:
    """Positions with ample collateral, but for the first, which the lever moves."""
    return {**drift_positions(random, tables), "deposit": [0, *(10**6 * USD for _ in range(3))]}


def isolated_bent(random: Random) -> tuple[Tables, Account, Account]:
    tables = isolated_market(random)
    return tables, *_own_ratios(isolated_account(random, tables))


# Mango


def mango_tokens(random: Random) -> list[mango.MangoToken]:
    def token(name: str, *weights: int, scale: int | None = None) -> mango.MangoToken:
        price = random_price(random, name)
        shares = [Fraction(weight, 100) for weight in weights]
        amount = Fraction(round(2 * 10**6 / price))
        return mango.MangoToken(
            name, price, _near(random, price), *shares, amount, scale, amount / 2, scale and scale // 4
        )

    return [
        token("USDC", 100, 100, 100, 100),
        token("USDT", 90, 95, 110, 105),
        token("SOL", 80, 90, 120, 110, scale=random.choice((10**6, 10**7))),
        token("ETH", 80, 90, 120, 110, scale=10**6),
    ]


def mango_market(random: Random) -> Tables:
    tokens = mango_tokens(random)
    price = random_price(random, "BTC")
    perp = mango.MangoPerp(
        "BTC-PERP",
        Fraction(1, 10_000),
        price,
        _near(random, price),
        Fraction(95, 100),
        Fraction(975, 1000),
        Fraction(105, 100),
        Fraction(1025, 1000),
        Fraction(90, 100),
        Fraction(95, 100),
    )
    names = {"token": [token.name for token in tokens], "market": ["SOL/USDC", "ETH/USDC"], "perp": ["BTC-PERP"]}
    labels = {"base": [2, 3], "quote": [0, 0], "settle": [0]}
    figures = {**mango.token_columns(tokens), **mango.perp_columns([perp])}
    return build_tables(table_schema(load_rules("mango_v4")), names, figures, labels)


def unsettled(tables: Tables) -> Tables:
    """The tables with a perpetual that settles into nothing."""
    label = Label("settle", "perp", "token", (-1,))
    return Tables(tables.sizes, tables.names, tables.columns, {**tables.labels, "settle": label}, tables.parameters)


def mango_account(random: Random, tables: Tables) -> Account:
    prices = [float(price) / TOKEN for price in tables.columns["price"].values.tolist()]
    bitcoin = float(tables.columns["perp_price"].values[0]) / TOKEN
    lots = signed_amount(random, 20_000)
    unknown = 10**12 * TOKEN
    return {
        "balance": [signed_amount(random, 50_000 / price * TOKEN) for price in prices],
        "base_reserve": [random.randrange(round(20_000 / price * TOKEN)) for price in prices[2:]],
        "quote_reserve": [random.randrange(20_000 * TOKEN) for _ in range(2)],
        "bid_base": [unknown, random.randrange(round(20_000 / prices[3] * TOKEN))],
        "ask_quote": [random.randrange(25_000 * TOKEN), unknown],
        "lots": [lots],
        "bids": [random.randrange(10_000)],
        "asks": [random.randrange(10_000)],
        "perp_quote": [round(-lots * bitcoin / 10_000 * random.uniform(0.9, 1.1) * TOKEN)],
    }


# Synthetix


def synthetix_market(random: Random) -> Tables:
    eth, btc = random_price(random, "ETH"), random_price(random, "BTC")
    fees = Fraction(501, 10**6), Fraction(7, 10**4)
    common = {
        "min_ratio": Fraction(2, 100),
        "scalar": Fraction(28, 100),
        "min_margin": 50,
        "flag_ratio": Fraction(3, 10_000),
    }
    markets = [
        synthetix.SynthetixMarket(
            "ETH",
            eth,
            350_000,
            Fraction("1.16"),
            window=synthetix.liquidation_window(fees[0], 350_000, 1.5, 30),
            **common,
        ),
        synthetix.SynthetixMarket(
            "BTC",
            btc,
            50_000,
            Fraction("13.35"),
            window=synthetix.liquidation_window(fees[1], 50_000, 1.5, 30),
            **common,
        ),
    ]
    collateral = [
        synthetix.SynthetixCollateral("snxUSD", 1),
        synthetix.SynthetixCollateral("sETH", eth, 50_000, 2, Fraction(1, 100), Fraction(5, 100)),
    ]
    names = {"instrument": ["ETH", "BTC"], "collateral": ["snxUSD", "sETH"]}
    figures = {
        **synthetix.market_columns(markets),
        **synthetix.collateral_columns(collateral),
        **synthetix.reward_parameters(Fraction(3, 100), Fraction(2, 100), 1, 1, 500, 1),
    }
    return build_tables(table_schema(load_rules("synthetix_v3")), names, figures)


def synthetix_account(random: Random, tables: Tables) -> Account:
    prices = [float(price) / TOKEN for price in tables.columns["price"].values.tolist()]
    sizes = [signed_amount(random, most * TOKEN) for most in (random.choice((90, 20_000)), random.choice((4, 2_000)))]
    moved = [size * price * random.uniform(0.97, 1.03) for size, price in zip(sizes, prices, strict=True)]
    return {
        "size": sizes,
        "entry": [round(value) for value in moved],
        "held": [0, random.randrange(2_000 * TOKEN)],
        "debt": random.randrange(2_000 * TOKEN),
    }


def synthetix_bent(random: Random) -> tuple[Tables, Account, Account]:
    """Beyond the highest discount each further coin counts for more than the last one before it did."""
    tables = synthetix_market(random)
    account = synthetix_account(random, tables)
    kink = 1_250 * TOKEN  # 5% at a scalar of 2 and a skew scale of 50,000
    below, above = ([10**8 * TOKEN, part * kink // 10] for part in (9, 11))
    return tables, {**account, "held": below}, {**account, "held": above}


WORLDS = (
    RuleWorld(
        rules="drift_v2",
        market=drift_market,
        account=drift_account,
        concave=False,
        bent=drift_bent,
        lever=("tokens", (0,)),
        bad_tables={
            "asset_initial <= asset_maintenance": lambda tables: changed(tables, "asset_initial", 2, 9_001),
            "`asset_maintenance` is outside its bounds": lambda tables: changed(tables, "asset_maintenance", 2, 10_001),
            "liability_maintenance >= 1": lambda tables: changed(tables, "liability_maintenance", 2, 9_999),
            "`imf` is outside its bounds": lambda tables: changed(tables, "imf", 0, -1),
            "low <= spot_price": lambda tables: changed(tables, "low", 1, 10**9),
        },
    ),
    RuleWorld(
        rules="drift_isolated",
        market=isolated_market,
        account=isolated_account,
        concave=False,
        bent=isolated_bent,
        lever=("deposit", (0,)),
        bad_tables={
            "ratio_maintenance <= ratio_initial": lambda tables: changed(tables, "ratio_maintenance", 0, 1_001),
            "`pnl_initial` is outside its bounds": lambda tables: changed(tables, "pnl_initial", 0, 10_001),
        },
    ),
    RuleWorld(
        rules="mango_v4",
        market=mango_market,
        account=mango_account,
        concave=True,
        grain=1e-6,
        lever=("balance", (0,)),
        bad_tables={
            "asset_maintenance <= liability_maintenance": lambda tables: changed(
                tables, "liability_maintenance", 1, 9 * 10**11
            ),
            "asset_initial <= asset_maintenance": lambda tables: changed(tables, "asset_initial", 3, 91 * 10**10),
            "`asset_maintenance` is outside its bounds": lambda tables: changed(
                tables, "asset_maintenance", 0, 10**12 + 1
            ),
            "at(price, by=settle) > 0": unsettled,
            "perp_low <= perp_price": lambda tables: changed(tables, "perp_low", 0, 10**15),
        },
    ),
    RuleWorld(
        rules="synthetix_v3",
        market=synthetix_market,
        account=synthetix_account,
        concave=False,
        bent=synthetix_bent,
        lever=("held", (0,)),
        bad_tables={
            "discount_low <= discount_high": lambda tables: changed(tables, "discount_low", 1, 60_000),
            "`discount_high` is outside its bounds": lambda tables: changed(tables, "discount_high", 1, 1_000_001),
            "`imf_unit` is outside its bounds": lambda tables: changed(tables, "imf_unit", 0, -1),
        },
    ),
)
