"""How large the amounts are that slack checks can show: what is reported is the limit, and too low a one is refused."""

from __future__ import annotations

import pytest
from worlds import Claimed, is_provable

from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.reach import LEAST, MODEST, Reach
from zkmargin.circuits.rules import RuleProblems, evaluate, list_rules, load_rules, parse_rules
from zkmargin.margin.tables import Column, Tables

TEXT = """rules: 1
name: reach
binding: public{bits}
axes:
  i: {{capacity: 2}}
  s: {{size: 60}}
public:
  pnl: {{axes: [i, s], unit: usd/lot, decimals: {decimals}, min: -1e7, max: 1e7}}
private:
  size: {{axes: [i], unit: lot, decimals: 4, min: -1e6, max: 1e6, from: venue}}
  cash: {{unit: usd, decimals: 2, min: -1e9, max: 1e9, from: venue}}
define:
  loss: -sum(size * pnl, over=i)
  scan: max(loss, over=s)
equity: cash
requirements:
  maintenance: scan{ratio}
"""
LINE = 15
"""Of `scan`, where the width is stated."""


def _compile(decimals: int, bits: int | None, ratio: str = "") -> CompiledCircuit:
    stated = "" if bits is None else f"\nvalue_bits: {bits}"
    text = TEXT.format(decimals=decimals, bits=stated, ratio=ratio)
    return compile_rules(parse_rules(text.encode(), "reach.yaml"), cache=False)


def _tables(decimals: int, gain: int) -> Tables:
    """The first position gains in the first scenario, the second one loses one unit of the last decimal there."""
    pnl = Column.of("pnl", ["i", "s"], decimals, [[gain, *[0] * 59], [-1, *[0] * 59]])
    return Tables({"i": 2, "s": 60}, {"i": ("A", "B"), "s": tuple(map(str, range(60)))}, {"pnl": pnl})


def test_the_amount_reported_is_the_largest_that_proves() -> None:
    """Denominator 10^20 in 87 bits: 2^87 - 1 units between the best and the worst scenario prove, 2^87 do not."""
    compiled = _compile(16, 87)
    (cut,) = compiled.reach.cuts
    assert (cut.bits, cut.denominator, cut.unit) == (87, 10**20, "usd")
    assert cut.amount * 10**20 == 2**87 - 1
    market = compiled.plan.bind(_tables(16, 2**54))
    for second, provable in ((1, True), (0, False)):
        account = {"size": [2**33, second], "cash": 0}
        assert evaluate(compiled.rules, _tables(16, 2**54), account).holds("maintenance")
        assert is_provable(compiled, account, Claimed(), market) is provable


def test_rules_below_the_least_amount_are_refused() -> None:
    """87 bits show 1.5 million USD; 86 bits would show 0.8."""
    assert _compile(16, 87).reach.summary() == f"amounts up to 1.5e6 usd can be proven; tightest: `scan`, line {LINE}"
    with pytest.raises(RuleProblems) as caught:
        _compile(16, 86)
    (problem,) = caught.value.problems
    assert (problem.kind, problem.span.line) == ("bits", LINE)
    assert problem.message == "its slack has 86 bits: honest accounts beyond 7.7e5 usd find no proof"
    assert problem.help.startswith("value_bits: 97; or fewer decimals (20 meet here)")


def test_the_help_helps() -> None:
    assert _compile(16, 97).reach.warnings() == []
    (warning,) = _compile(16, 96).reach.warnings()
    assert warning.startswith(f"`scan`, line {LINE} shows no more than 7.9e8 usd: value_bits: 97; or fewer decimals")


@pytest.mark.parametrize(
    ("decimals", "bits"),
    [(4, None), (10, 88), (16, 97), (20, 110), (22, 117)],
)
def test_unless_stated_the_width_follows_the_denominator(decimals: int, bits: int | None) -> None:
    """88 bits or a billion of the unit, whatever is more."""
    reach = _compile(decimals, None).reach
    assert reach.warnings() == []
    assert [cut.bits for cut in reach.cuts] == ([] if bits is None else [bits])


def test_where_no_width_is_enough() -> None:
    assert [cut.bits for cut in _compile(26, None).reach.cuts] == [128]  # 340 million USD
    with pytest.raises(RuleProblems) as caught:
        _compile(34, None)
    assert "value_bits" not in caught.value.problems[0].help
    assert "fewer decimals (38 meet here), or round" in caught.value.problems[0].help


def test_other_units_are_warned_of_not_refused() -> None:
    """A slack in lots says nothing of USD: only the author can tell whether it is enough."""
    text = TEXT.format(decimals=16, bits="\nvalue_bits: 80", ratio="").replace("usd/lot", "1/lot")
    text = text.replace("maintenance: scan", "maintenance: scan * unit").replace(
        "private:", "parameters:\n  unit: {unit: usd, decimals: 0, min: 1, max: 1}\nprivate:"
    )
    reach = compile_rules(parse_rules(text.encode(), "reach.yaml"), cache=False).reach
    assert [(cut.unit, cut.name) for cut in reach.cuts if cut.name != "margin"] == [("1", "scan")]
    assert any("`scan`" in line and "no more than 1.2e4:" in line for line in reach.warnings())


def test_the_report_survives_its_file() -> None:
    reach = _compile(16, 87).reach
    assert Reach.of_bytes(reach.to_bytes()) == reach
    shown = reach.as_json()
    assert (shown["unit"], shown["amount"], shown["tightest"]) == ("usd", str(2**87 // 10**20), "scan")


@pytest.mark.parametrize("name", list_rules())
def test_every_shipped_rule_set_proves_accounts_of_a_billion(name: str) -> None:
    reach = compile_rules(load_rules(name)).reach
    assert LEAST < MODEST == 10**9
    assert reach.warnings() == []
    assert reach.tightest is None or reach.tightest.amount >= 10**9
    assert reach.unit in ("usd", "hkd")
