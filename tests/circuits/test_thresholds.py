"""What is above a threshold vanishes on unused rows: ``positive(x - c)``, with c public or a number."""

from __future__ import annotations

from random import Random

import pytest
from worlds import _AXES, Claimed, holds, is_provable, random_positions, random_tables, smallest_cash

from zkmargin.circuits.compile import compile_rules
from zkmargin.circuits.rules import RuleProblems, RuleSet, parse_rules

TAIL = """
equity: cash + sum(size * mark, over=i)
requirements: {{maintenance: "{0}"}}
"""
SUMS = {
    "parameter": "sum(positive(abs(size) * mark - factor * limit), over=i)",
    "both signs": "sum(max(0, size * mark - limit, -size * mark - 2 * limit) * delta * delta, over=i)",
    "number": "sum(positive(own - 1.5), over=i) * limit",
    "functional": "sum(positive(-own + 1 - 1.5) * mark + positive(own - 0.5) * mark, over=i) * unit",
    "two terms": "sum(positive(abs(size) * mark - limit - 3 * limit), over=i)",
}


def rules_of(text: str) -> RuleSet:
    limits = "  limit: {unit: usd, decimals: 0, min: 0, max: 50000}\n  unit: {unit: lot, decimals: 0, min: 0, max: 9}\n"
    head = _AXES.format(name="thresholds").replace("parameters:\n", "parameters:\n" + limits)
    return parse_rules((head + TAIL.format(text)).encode(), "thresholds.yaml")


@pytest.mark.parametrize("name", SUMS)
def test_readings_agree_with_unused_rows(name: str) -> None:
    random, rules = Random(name), rules_of(SUMS[name])
    circuit = compile_rules(rules, cache=False)
    tried = 0
    while tried < 6:
        tables = random_tables(rules, random)
        if tables.sizes["i"] == rules.axes["i"].capacity:
            continue
        claim = Claimed("maintenance", *random.choice(((1, 1), (5, 4))))
        positions = random_positions(rules, tables, random)
        least = smallest_cash(rules, tables, positions, claim)
        if least is None:
            continue
        market = circuit.plan.bind(tables)
        for cash in (least, least - 1):
            account = {**positions, "cash": cash}
            assert holds(rules, tables, account, claim) == (cash == least)
            assert is_provable(circuit, account, claim, market) == (cash == least)
        tried += 1


@pytest.mark.parametrize(
    "text",
    [
        "sum(positive(abs(size) * mark + limit), over=i)",
        "sum(positive(size * mark + cash - limit), over=i)",
        "sum(max(1, own - 1.5), over=i) * limit",
        "sum(positive(own * limit - limit + 2 * limit), over=i)",
    ],
)
def test_what_is_not_below_a_threshold_is_refused(text: str) -> None:
    with pytest.raises(RuleProblems, match="depend on its padding"):
        rules_of(text)
