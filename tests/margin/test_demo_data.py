"""The demo's story holds on its data: covered in the morning, short in the evening."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import pytest

from zkmargin.circuits.rules import check_tables, evaluate, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.margin.account import Account
from zkmargin.margin.build import build_market
from zkmargin.margin.chain import Chain
from zkmargin.margin.compact import format_chain
from zkmargin.margin.explain import (
    Claim,
    compute_headroom,
    contributions,
    position_values,
    scenario_results,
    worst_scenarios,
)
from zkmargin.margin.market import Market
from zkmargin.margin.schema import TableSchema

DEMO = Path(__file__).parents[2] / "demo"
MORNING, EVENING = DEMO / "chain_btc_20260205T093647Z.csv", DEMO / "chain_btc_20260205T212937Z.csv"


def test_the_chains(morning: Chain, evening: Chain) -> None:
    assert (len(morning.options), len(evening.options)) == (792, 902)
    assert len(morning.futures) == len(evening.futures) == 8
    assert evening.index / morning.index - 1 == pytest.approx(-0.1065, abs=1e-4)
    for path, chain in ((MORNING, morning), (EVENING, evening)):
        assert path.stat().st_size < 60_000
        text = path.read_text()
        assert format_chain(chain).splitlines()[7:] == text.splitlines()[6:]  # read_source adds the file itself


def equity_and_scan(market: Market) -> tuple[Fraction, Fraction, Fraction]:
    """Equity, scan risk, and the charge for contracts net short at a strike (0.01 coin each)."""
    tables, listing = market.tables, market.listing
    account = Account.read(DEMO / "account.csv", listing)
    sizes = account.vector(listing)
    values = position_values(account.sizes, listing, tables.columns["mark"])
    equity = Fraction(account.cash, 10**listing.cash_decimals) + sum(values.values())
    worst = worst_scenarios(scenario_results(sizes, tables, listing.lot_decimals), 1)[0]
    assert sum(c.pnl for c in contributions(sizes, tables, 4, worst.scenario)) == worst.pnl
    net: dict[int, int] = defaultdict(int)
    for size, group in zip(sizes, tables.labels["series"].indices, strict=True):
        if group >= 0:
            net[group] += size
    short = sum(max(0, -size) for size in net.values())
    rate = Fraction(int(tables.parameters["short_rate"].values), 100)
    return equity, max(Fraction(0), -worst.pnl), rate * Fraction(short, 10**4)


def test_the_story(morning: Chain, evening: Chain, schema: TableSchema) -> None:
    equity, scan, charge = equity_and_scan(build_market([morning], schema))
    assert compute_headroom(equity, scan, Claim(5, 4)).holds
    assert compute_headroom(equity, scan + charge, Claim(11, 10)).holds
    assert round(equity, -3) == 383_000
    equity, scan, charge = equity_and_scan(build_market([evening], schema))
    short, shorter = (compute_headroom(equity, needed, Claim()) for needed in (scan, scan + charge))
    assert not short.holds
    assert round(-short.slack, -3) == 70_000
    assert 150_000 <= -shorter.slack <= 156_000


def test_the_account_exists_at_both_times(morning: Chain, evening: Chain, schema: TableSchema) -> None:
    accounts = [
        Account.read(DEMO / "account.csv", build_market([chain], schema).listing) for chain in (morning, evening)
    ]
    assert accounts[0] == accounts[1]
    kinds = [name.count("-") for name, size in accounts[0].sizes.items() if size]
    assert (len(kinds), kinds.count(3)) == (27, 23)


@pytest.mark.parametrize("name", ["portfolio_scan", "deribit_pm"])
def test_the_story_under_the_rule_sets(name: str, morning: Chain, evening: Chain) -> None:
    """Maintenance holds in the morning, with a buffer of 10%; in the evening only after the deposit."""
    rules = load_rules(name)
    for chain, covered in ((morning, True), (evening, False)):
        market = build_market([chain], table_schema(rules))
        check_tables(rules, market.tables)
        account = Account.read(DEMO / "account.csv", market.listing)
        sizes = account.vector(market.listing)
        result = evaluate(rules, market.tables, {"size": sizes, "cash": account.cash})
        assert result.holds() is covered
        assert result.holds(numerator=11, denominator=10) is covered
        if not covered:
            slack, over = result.slack()
            assert 50_000 < Fraction(-int(slack), over) < 200_000
            scale = over // 10**market.listing.cash_decimals
            deposit = -(int(slack) // scale)
            for cash, holds in ((account.cash + deposit - 1, False), (account.cash + deposit, True)):
                assert evaluate(rules, market.tables, {"size": sizes, "cash": cash}).holds() is holds
