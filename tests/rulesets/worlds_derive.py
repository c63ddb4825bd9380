"""Derive's three managers, on Deribit's bitcoin options of 5 February 2026: forwards, volatilities and strikes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

from rule_world import Account, RuleWorld
from worlds_portfolio import CHAINS, DEMO

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.margin.chain import Chain
from zkmargin.margin.compact import read_source
from zkmargin.margin.derive import ExpiryFeed, OptionTerms, Underlying
from zkmargin.margin.derive_pmrm import pmrm1_figures
from zkmargin.margin.derive_pmrm2 import Collateral, Pmrm2Parameters, pmrm2_figures
from zkmargin.margin.derive_srm import srm_figures
from zkmargin.margin.figures import Figures
from zkmargin.margin.tables import Column, Tables

CONTRACT = 10**8
LISTED = 128

COLLATERAL = (  # prices, haircuts: derivexyz/v2-core 7736900, PMRM_2/portfolio_cases/test_4, test_13
    Collateral("BTC", 71_470.62, 0.02, 0.01, cancels_risk=True),
    Collateral("RSWETH", 2_765.70825151, 0.03, 0.01),
    Collateral("ETH", 2_681.6029851, 0.015, 0.005),
    Collateral("CBBTC", 71_430.0, 0.35, 0.1, confidence=0.5),
)


@cache
def chain_of(name: str) -> Chain:
    return read_source(DEMO / name)


def bitcoin(random: Random, rows: int = LISTED, **feeds: float) -> Underlying:
    """Calls and puts within 35% of the index, drawn from the nearest eight expiries of either moment."""
    chain = chain_of(random.choice(CHAINS))
    near = sorted(chain.forwards)[:8]
    quotes = [q for q in chain.options if q.expiry in near and abs(float(q.strike) / chain.index - 1) < 0.35]
    listed = {quote.id for quote in random.sample(quotes, min(rows, len(quotes)))}
    return Underlying.of_chain(chain, listed, **feeds)


def ether(market: Underlying) -> Underlying:
    """The same smile over the ratio of both prices: Derive margins both, the demo's chain is bitcoin's."""
    ratio = 2_681.6029851 / market.spot
    return Underlying(
        "ETH",
        market.spot * ratio,
        tuple(ExpiryFeed(feed.name, feed.seconds, feed.variable * ratio) for feed in market.expiries),
        tuple(
            OptionTerms(option.expiry, round(option.strike * ratio, 2), option.is_call, option.volatility)
            for option in market.options
        ),
        perp=market.perp * ratio,
        stable=market.stable,
    )


def feeds_of(random: Random, least: float = 0.7) -> dict[str, float]:
    """A sound day, or a stablecoin off its peg, or an unsure index; perpetuals as sure as the index or ``least``."""
    day = random.choice(({}, {"stable": 0.96}, {"spot_confidence": 0.35}))
    return {"perp_confidence": least, **day}


def tables_of(rules: str, figures: Figures) -> Tables:
    return figures.tables(table_schema(load_rules(rules)))


def pmrm1_market(random: Random) -> Tables:
    return tables_of("derive_pmrm1", pmrm1_figures(bitcoin(random, **feeds_of(random))))


def pmrm2_market(random: Random) -> Tables:
    """The venue lets discounts of losses lie below those of gains too (portfolio_cases/test_98)."""
    parameters = Pmrm2Parameters(short_discount=random.choice((1.04, 0.9)))
    return tables_of("derive_pmrm2", pmrm2_figures(bitcoin(random, **feeds_of(random)), COLLATERAL, parameters))


def srm_market(random: Random) -> Tables:
    market = bitcoin(random, rows=60, **feeds_of(random))
    return tables_of("derive_srm", srm_figures([market, ether(market)]))


def options(random: Random, tables: Tables, held: int = 16) -> list[int]:
    """Sizes of a few options, in hundreds of millionths of a contract: as often short as long."""
    size = [0] * tables.sizes["instrument"]
    for row in random.sample(range(len(size)), held):
        size[row] = random.choice((-1, 1)) * random.randint(1, 5_000) * CONTRACT // 100
    return size


def signed(random: Random, most: int = 30) -> int:
    """Contracts long, short or none."""
    return random.choice((-1, 0, 1)) * random.randint(1, most * CONTRACT)


def pmrm1_account(random: Random, tables: Tables) -> Account:
    pnl = random.randint(-50_000, 50_000) * CONTRACT
    base = random.choice((0, random.randint(1, 20 * CONTRACT)))
    return {"size": options(random, tables), "base": base, "perp": signed(random), "perp_pnl": pnl, "cash": 0}


def pmrm2_account(random: Random, tables: Tables) -> Account:
    held = [random.randint(0, 20 * CONTRACT) for _ in range(tables.sizes["asset"])]
    pnl = random.randint(-50_000, 50_000) * CONTRACT
    return {"size": options(random, tables), "held": held, "perp": signed(random), "perp_pnl": pnl, "cash": 0}


def srm_account(random: Random, tables: Tables) -> Account:
    markets = range(tables.sizes["market"])
    return {
        "size": options(random, tables),
        "perp": [signed(random) for _ in markets],
        "base": [random.randint(0, 3 * CONTRACT) for _ in markets],
        "perp_pnl": [random.randint(-5_000, 5_000) * CONTRACT for _ in markets],
        "cash": 0,
    }


def _unsure_perpetual(market: Tables, account: Account) -> tuple[Tables, Account, Account]:
    """Whoever holds the least bit of a perpetual that nobody is sure of is charged for all options."""
    return market, {**account, "perp": 0}, {**account, "perp": 2}


def pmrm1_bent(random: Random) -> tuple[Tables, Account, Account]:
    tables = tables_of("derive_pmrm1", pmrm1_figures(bitcoin(random, perp_confidence=0.1)))
    return _unsure_perpetual(tables, pmrm1_account(random, tables))


def pmrm2_bent(random: Random) -> tuple[Tables, Account, Account]:
    tables = tables_of("derive_pmrm2", pmrm2_figures(bitcoin(random, perp_confidence=0.1), COLLATERAL))
    return _unsure_perpetual(tables, pmrm2_account(random, tables))


def srm_bent(random: Random) -> tuple[Tables, Account, Account]:
    """A call sold is margined alone, a spread by its width; half way the wing is worth nothing yet."""
    tables = srm_market(random)
    spread = next(_call_spreads(tables))
    account = srm_account(random, tables)
    none = [0] * tables.sizes["instrument"]
    alone, both = list(none), list(none)
    alone[spread[0]] = both[spread[0]] = -CONTRACT
    both[spread[1]] = CONTRACT
    return tables, {**account, "size": alone}, {**account, "size": both}


def _call_spreads(tables: Tables) -> Iterator[tuple[int, int]]:
    """Pairs of calls of one expiry, the first with the lower strike, less than a twentieth of it apart."""
    rows = [name.rsplit("-", 2) for name in tables.names["instrument"]]
    for low, (expiry, strike, kind) in enumerate(rows):
        for high, (other, wing, same) in enumerate(rows):
            if (expiry, kind, same) == (other, "C", "C") and float(strike) < float(wing) < 1.05 * float(strike):
                yield low, high


def with_value(tables: Tables, name: str, value: int) -> Tables:
    """The tables with another first value of a column or parameter, in its last decimal."""
    if name in tables.parameters:
        column = Column.of(name, [], tables.parameters[name].decimals, value)
        return Tables(tables.sizes, tables.names, tables.columns, tables.labels, {**tables.parameters, name: column})
    old = tables.columns[name]
    values = old.values.copy()
    values[(0,) * values.ndim] = value
    columns = {**tables.columns, name: Column.of(name, old.axes, old.decimals, values)}
    return Tables(tables.sizes, tables.names, columns, tables.labels, tables.parameters)


WORLDS = (
    RuleWorld(
        rules="derive_pmrm1",
        market=pmrm1_market,
        account=pmrm1_account,
        concave=False,
        bent=pmrm1_bent,
        bad_tables={
            "discount <= 1": lambda tables: with_value(tables, "discount", 10**10 + 1),
            "`discount` is outside its bounds": lambda tables: with_value(tables, "discount", -1),
            "`im_factor` is outside its bounds": lambda tables: with_value(tables, "im_factor", 10**8 - 1),
            "`lots` is outside its bounds": lambda tables: with_value(tables, "lots", 10**7),
        },
    ),
    RuleWorld(
        rules="derive_pmrm2",
        market=pmrm2_market,
        account=pmrm2_account,
        concave=False,
        bent=pmrm2_bent,
        bad_tables={
            "`gain_d` is outside its bounds": lambda tables: with_value(tables, "gain_d", -1),
            "`damping` is outside its bounds": lambda tables: with_value(tables, "damping", -1),
            "`mm_factor` is outside its bounds": lambda tables: with_value(tables, "mm_factor", -1),
            "`mm_cut` is outside its bounds": lambda tables: with_value(tables, "mm_cut", -1),
        },
    ),
    RuleWorld(
        rules="derive_srm",
        market=srm_market,
        account=srm_account,
        concave=False,
        bent=srm_bent,
        bad_tables={
            "perp_mm <= perp_im": lambda tables: with_value(tables, "perp_mm", 10**8),
            "`payoff` is outside its bounds": lambda tables: with_value(tables, "payoff", -1),
            "`short_mm` is outside its bounds": lambda tables: with_value(tables, "short_mm", -1),
        },
    ),
)
