"""What ``check`` tells of an account, for every shipped rule set: each figure against the rules themselves."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from rule_parties import market_of
from rule_world import Account, RuleWorld, all_worlds

from zkmargin.attestations.context import Claim
from zkmargin.circuits.rules import evaluate
from zkmargin.margin.tables import Tables
from zkmargin.prover.holdings import Holdings
from zkmargin.prover.risk import Risk, measure_risk

WORLDS = all_worlds()


def _worlds(world: RuleWorld) -> tuple[Tables, Account, Account]:
    """A market; an account with a little room under maintenance, and one that falls short of it."""
    random = Random(f"{world.rules} risk")
    tables = world.market(random)
    for _ in range(8):
        account = world.account(random, tables)
        least = world.boundary(tables, account, "maintenance", 1, 1)
        if least is not None:
            room = max(1000, abs(least) // 50)
            return tables, world.with_lever(account, least + room), world.with_lever(account, least - room)
    pytest.skip("no lever moves the claim")


def _holds(world: RuleWorld, tables: Tables, account: Account) -> bool:
    return evaluate(world.rule_set, tables, account).holds("maintenance")


def _measure(world: RuleWorld, tables: Tables, account: Account) -> Risk:
    return measure_risk(world.rule_set, market_of(world.rule_set, tables), account, Claim())


def _with_price(tables: Tables, name: str, row: int, price: Fraction) -> Tables:
    column = tables.columns[name]
    values = np.array(column.values, dtype=object)
    values[row] = int(price * 10**column.decimals)
    return tables.with_values({name: values})


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_the_account_with_room(name: str) -> None:
    world = WORLDS[name]
    tables, healthy, _ = _worlds(world)
    risk = _measure(world, tables, healthy)
    assert all(risk.missing.values())
    assert risk.deposit is None or risk.deposit.units == 0
    assert [side.kind for side in risk.sides] == list(world.rule_set.requirements)
    assert risk.sides[0].tightest.holds
    holdings = Holdings.of(world.rule_set, market_of(world.rule_set, tables), healthy)
    price = holdings.price
    assert ("notional" in risk.missing) == (price is None)
    for entry in risk.liquidations:
        assert price is not None
        names = tables.names[price.axes[0]]
        row, tick = names.index(entry.instrument), Fraction(1, 10**price.decimals)
        for found, step in ((entry.below, -tick), (entry.above, tick)):
            if found is not None:
                assert _holds(world, _with_price(tables, price.name, row, found), healthy)
                assert not _holds(world, _with_price(tables, price.name, row, found + step), healthy)
                assert (found - entry.price) * step >= 0
    for distance in risk.distances:  # market_of lists everything under one underlying
        assert price is not None
        for move, step in ((distance.down, -1), (distance.up, 1)):
            for further, holds in ((0, True), (step, False)) if move is not None else ():
                marks = [
                    round(Fraction(v * (10_000 + move + further), 10_000)) for v in tables.columns[price.name].values
                ]
                moved = tables.with_values({price.name: np.array(marks, dtype=object)})
                assert _holds(world, moved, healthy) is holds


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_the_account_that_falls_short(name: str) -> None:
    world = WORLDS[name]
    tables, _, short = _worlds(world)
    assert not _holds(world, tables, short)
    risk = _measure(world, tables, short)
    assert not risk.liquidations
    assert not risk.distances
    assert "liquidations" in risk.missing
    rules = world.rule_set
    holdings = Holdings.of(rules, market_of(rules, tables), short)
    assert (risk.deposit is None) == ("deposit" in risk.missing)
    if risk.deposit is not None:
        money = holdings.deposits
        assert money is not None
        if len(risk.deposit.amounts) == 1 and holdings.private[money.name].size == 1:
            for less, holds in ((0, True), (1, False)):
                paid = holdings.private[money.name] + (risk.deposit.units - less)
                assert _holds(world, tables, {**short, money.name: paid}) is holds
    assert (risk.closes is None) == ("closes" in risk.missing)
    for without in (None, *(risk.closes or ())):
        now = holdings
        for close in risk.closes or ():
            if close is not without:
                now = now.traded(close.position.place, -close.lots, now.price_of(close.position.row) or Fraction(0))
        if risk.closes:  # together they restore the claim, and none can be left out
            assert _holds(world, tables, dict(now.private)) is (without is None)
    if risk.closes:
        last = risk.closes[-1]
        now = holdings
        for close in risk.closes[:-1]:
            now = now.traded(close.position.place, -close.lots, now.price_of(close.position.row) or Fraction(0))
        lot = 1 if last.lots > 0 else -1
        fewer = now.traded(last.position.place, lot - last.lots, now.price_of(last.position.row) or Fraction(0))
        assert not _holds(world, tables, dict(fewer.private))


@pytest.mark.parametrize("name", ["cross_bracket", "portfolio_scan", "sub_accounts", "paradex_cross"])
def test_deep_shortfalls_take_several_closes(name: str) -> None:
    """Most of the equity gone: what is closed restores the claim, and nothing of it could stay open."""
    world = WORLDS[name]
    rules, (tables, healthy, _) = world.rule_set, _worlds(world)
    found = evaluate(rules, tables, healthy)
    column = rules.columns[world.lever[0]]
    equity, over = int(found.equity.ravel()[0]), found.denominators["equity"]
    taken = Fraction(equity, over) * Fraction(9, 10) * 10**column.decimals
    old = np.array(healthy[column.name], dtype=object)[world.lever[1]]
    short = world.with_lever(healthy, int(old) - int(taken))
    risk = _measure(world, tables, short)
    assert risk.closes is not None
    assert len(risk.closes) > 1
    start = Holdings.of(rules, market_of(rules, tables), short)
    for without in (None, *risk.closes):
        now = start
        for close in risk.closes:
            if close is not without:
                now = now.traded(close.position.place, -close.lots, now.price_of(close.position.row) or Fraction(0))
        assert _holds(world, tables, dict(now.private)) is (without is None)


def test_sub_accounts_each_get_their_deposit() -> None:
    world = WORLDS["sub_accounts"]
    rules, (tables, healthy, _) = world.rule_set, _worlds(world)
    slack, over = evaluate(rules, tables, healthy).slack()
    units = [-(-int(value) * 10**6 // over) for value in slack]
    held = np.array(healthy["balance"], dtype=object).tolist()
    balances = [held[row] - room - (7 if row < 2 else 0) for row, room in enumerate(units)]
    short = {**healthy, "balance": balances}
    deposit = _measure(world, tables, short).deposit
    assert deposit is not None
    assert {name for name, _ in deposit.amounts} <= {str(row + 1) for row in range(len(balances))}
    assert len(deposit.amounts) >= 2
    for less, holds in ((0, True), (1, False)):
        paid = list(balances)
        for name, amount in deposit.amounts:
            paid[int(name) - 1] += amount - less
        assert _holds(world, tables, {**short, "balance": paid}) is holds


def test_the_parts_are_what_a_close_takes_off() -> None:
    world = WORLDS["deribit_pm"]
    tables, healthy, _ = _worlds(world)
    risk = _measure(world, tables, healthy)
    holdings = Holdings.of(world.rule_set, market_of(world.rule_set, tables), healthy)
    now = evaluate(world.rule_set, tables, healthy)
    for position in holdings.positions[:5]:
        sizes = np.array(holdings.private["size"], dtype=object)
        sizes[position.place] = 0
        then = evaluate(world.rule_set, tables, {**holdings.private, "size": sizes})
        part = next(part for part in risk.parts if part.name == position.name)
        assert part.requirement is not None
        for kind in ("maintenance", "initial"):
            taken = Fraction(int(now.requirements[kind]) - int(then.requirements[kind]), now.denominators[kind])
            assert part.requirement[kind] == taken


def test_nothing_of_it_shows_in_a_repr() -> None:
    world = WORLDS["cross_bracket"]
    tables, healthy, _ = _worlds(world)
    risk = _measure(world, tables, healthy)
    amounts = {str(abs(part.size.numerator)) for part in risk.parts} | {str(risk.notional)}
    shown = repr(risk) + repr(Holdings.of(world.rule_set, market_of(world.rule_set, tables), healthy))
    assert not any(amount in shown for amount in amounts if len(amount) > 4)
