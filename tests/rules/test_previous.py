"""``previous``: conditions that look at the row before, such as tiers that join without a jump."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from zkmargin.circuits.rules import RuleProblems, RuleSet, check_tables, evaluate_public, load_rules, parse_rules
from zkmargin.circuits.rules.tree import Comparison
from zkmargin.errors import ParameterCondition
from zkmargin.margin.tables import Column, Tables

SPECIFICATION = (Path(__file__).parents[2] / "specs" / "rules.md").read_text()
(JOINED,) = re.findall(r"^```joined\n(.*?)\n```$", SPECIFICATION, re.DOTALL | re.MULTILINE)
HEAD = """\
rules: 1
name: tiers
axes:
  i: {capacity: 3}
  tier: {capacity: 5, pad: repeat}
public:
  rate: {axes: [i, tier], decimals: 2, min: 0, max: 1}
  bound: {axes: [i, tier], unit: usd, decimals: 0, min: 0, max: 1000}
  deduction: {axes: [i, tier], unit: usd, decimals: 2, min: -100, max: 1000}
private:
  cash: {unit: usd, decimals: 2, min: -100, max: 100, from: venue}
equity: cash
requirements: {maintenance: 0}
"""
RATE = [[10, 20, 50], [5, 5, 100]]
BOUND = [[10, 30, 40], [1, 2, 900]]
DEDUCTION = [[0, 100, 1000], [0, 0, 190]]


def rules_of(*conditions: str) -> RuleSet:
    return parse_rules((HEAD + "conditions:\n" + "".join(f'  - "{text}"\n' for text in conditions)).encode())


def tables(rate: object = RATE, bound: object = BOUND, deduction: object = DEDUCTION) -> Tables:
    columns = {"rate": (2, rate), "bound": (0, bound), "deduction": (2, deduction)}
    return Tables(
        {"i": 2, "tier": 3},
        {"i": ("a", "b"), "tier": ("1", "2", "3")},
        {name: Column.of(name, ["i", "tier"], *given) for name, given in columns.items()},
    )


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("previous(rate, over=tier)", [[0, 10, 20], [0, 5, 5]]),
        ("previous(rate, over=i)", [[0, 0, 0], [10, 20, 50]]),
        ("previous(previous(rate, over=tier), over=tier)", [[0, 0, 10], [0, 0, 5]]),
        ("previous(2 * rate - 1, over=tier)", [[0, -80, -60], [0, -90, -90]]),
    ],
)
def test_the_row_before_and_nothing_before_the_first(text: str, values: list[list[int]]) -> None:
    rules = rules_of(f"{text} <= 2")
    (condition,) = rules.conditions
    assert isinstance(condition, Comparison)
    node = condition.operands[0]
    found = evaluate_public(rules, tables(), [node])[node]
    assert (found * 100 // node.type.denominator).tolist() == values
    assert node.type.lo <= int(found.min()) <= int(found.max()) <= node.type.hi


def test_tiers_that_join_pass() -> None:
    check_tables(rules_of(JOINED), tables())


def moved(values: Sequence[Sequence[int]], row: int, tier: int, by: int) -> list[list[int]]:
    changed = [list(line) for line in values]
    changed[row][tier] += by
    return changed


@pytest.mark.parametrize("by", [-1, 1])
@pytest.mark.parametrize(("row", "tier"), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)])
def test_one_deduction_off_by_its_last_digit_is_refused(row: int, tier: int, by: int) -> None:
    with pytest.raises(ParameterCondition, match="condition `deduction == previous"):
        check_tables(rules_of(JOINED), tables(deduction=moved(DEDUCTION, row, tier, by)))


@pytest.mark.parametrize(
    "wrong", [{"rate": moved(RATE, 0, 1, 1)}, {"bound": moved(BOUND, 1, 1, 1)}], ids=["rate", "bound"]
)
def test_another_rate_or_bound_needs_other_deductions(wrong: dict[str, object]) -> None:
    with pytest.raises(ParameterCondition, match="condition `deduction == previous"):
        check_tables(rules_of(JOINED), tables(**wrong))


def test_the_last_bound_is_not_asked() -> None:
    check_tables(rules_of(JOINED), tables(bound=moved(BOUND, 0, 2, 500)))


@pytest.mark.parametrize("name", ["cross_bracket", "isolated_bracket", "isolated_entry"])
def test_rule_sets_with_marginal_tiers_say_so(name: str) -> None:
    assert JOINED in [condition.text for condition in load_rules(name).conditions]


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("previous(cash, over=tier) <= 1", "axis", "`cash` has no axes; it has no axis `tier`"),
        ("previous(rate, over=[i, tier]) <= 1", "axis", "`previous` runs over one axis"),
        ("previous(rate) <= 1", "syntax", "`previous` is written previous(x, over=axis)"),
        ("previous(rate - rate + 1, over=tier) <= 1", "axis", "`rate - rate + 1` is the same for every `tier`"),
        ("previous(deduction, over=tier) <= 1", "unit", "cannot compare usd and 1"),
        ("sum(previous(rate, over=i), over=i) <= 1", "pad", "the sum over `i` would depend on its padding"),
    ],
)
def test_refused(text: str, kind: str, message: str) -> None:
    with pytest.raises(RuleProblems) as caught:
        rules_of(text)
    (problem,) = caught.value.problems
    assert (problem.kind, problem.message[: len(message)]) == (kind, message)


def test_it_stands_under_conditions_only() -> None:
    """A circuit reads padded rows, where the row before the first of them is an active one."""
    text = HEAD.replace("maintenance: 0", 'maintenance: "max(max(previous(bound, over=tier), over=tier), over=i)"')
    with pytest.raises(RuleProblems, match="`previous` stands under `conditions`"):
        parse_rules(text.encode())
    defined = HEAD.replace("equity:", 'define: {floor_of: "previous(bound, over=tier)"}\nequity:')
    with pytest.raises(RuleProblems, match="`previous` stands under `conditions`"):
        parse_rules(defined.encode())


def test_the_account_is_not_read() -> None:
    text = HEAD.replace("private:\n", "private:\n  held: {axes: [i], decimals: 0, min: 0, max: 9, from: venue}\n")
    with pytest.raises(RuleProblems, match="the operand of `previous` comes from the tables, `held` from the account"):
        parse_rules((text + 'conditions: ["previous(held, over=i) <= 1"]\n').encode())
