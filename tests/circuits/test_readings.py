"""The plaintext reading and the circuit agree: on random accounts, half of them within one unit of the
boundary.
"""

from __future__ import annotations

from random import Random

import pytest
from worlds import (
    RULES,
    Claimed,
    compiled,
    holds,
    is_provable,
    random_positions,
    random_tables,
    rules_of,
    smallest_cash,
    violated_by,
)

from zkmargin.circuits.compile import compile_rules
from zkmargin.circuits.rules import RuleSet, load_rules

MARKETS, ACCOUNTS = 21, 10
"""Per rule set; five rule sets make 1,050 accounts."""


def _claim(rules: RuleSet, random: Random) -> Claimed:
    denominator = random.choice((1, 1, 4, 65535))
    numerator = denominator if denominator == 65535 else denominator + random.choice((0, 0, 1))
    return Claimed(random.choice(list(rules.requirements)), numerator, denominator)


@pytest.mark.parametrize("name", RULES)
def test_readings_agree(name: str) -> None:
    random, rules, circuit = Random(name), rules_of(name), compiled(name)
    cash = rules.columns["cash"]
    near = held = 0
    for _ in range(MARKETS):
        tables = random_tables(rules, random)
        market = circuit.plan.bind(tables)
        for index in range(ACCOUNTS):
            claim = _claim(rules, random)
            positions = random_positions(rules, tables, random)
            boundary = smallest_cash(rules, tables, positions, claim) if index % 4 != 3 else None
            if boundary is None:
                account = {**positions, "cash": random.randint(cash.lo, cash.hi)}
            else:
                near += 1
                account = {**positions, "cash": boundary - random.randint(0, 1)}
                assert holds(rules, tables, account, claim) == (account["cash"] == boundary)
            expected = holds(rules, tables, account, claim)
            held += expected
            assert is_provable(circuit, account, claim, market) == expected
    total = MARKETS * ACCOUNTS
    assert near >= total / 2
    assert total / 4 < held < total * 3 / 4


@pytest.mark.parametrize("name", RULES)
def test_a_stubborn_prover_is_refused_by_the_margin_constraint(name: str) -> None:
    random, rules, circuit = Random(name), rules_of(name), compiled(name)
    refused = 0
    while refused < 5:
        tables, claim = random_tables(rules, random), _claim(rules, random)
        positions = random_positions(rules, tables, random)
        boundary = smallest_cash(rules, tables, positions, claim)
        if boundary is not None:
            market = circuit.plan.bind(tables)
            violated = violated_by(circuit, {**positions, "cash": boundary - 1}, claim, market)
            assert violated
            assert all(path.startswith("margin[") and path.endswith("/slack/recompose") for path in violated)
            refused += 1


@pytest.mark.parametrize("name", ["portfolio_scan", "deribit_pm"])
def test_the_bundled_rule_sets_agree_at_the_boundary(name: str) -> None:
    random, rules = Random(name), load_rules(name)
    circuit = compile_rules(rules, cache=False)
    tables = random_tables(rules, random)
    market = circuit.plan.bind(tables)
    tried = 0
    while tried < 3:
        claim = _claim(rules, random)
        rows = tables.sizes["instrument"]
        size = [random.choice((0, 0, 0, random.randint(-300, 300))) for _ in range(rows)]
        boundary = smallest_cash(rules, tables, {"size": size}, claim)
        if boundary is not None:
            assert is_provable(circuit, {"size": size, "cash": boundary}, claim, market)
            assert not is_provable(circuit, {"size": size, "cash": boundary - 1}, claim, market)
            tried += 1
