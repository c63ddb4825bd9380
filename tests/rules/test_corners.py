"""Built-ins at their corners: exact values, normal form, intervals, refusals, what the tables must keep."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from zkmargin.circuits.rules import RuleProblems, RuleSet, check_tables, evaluate, parse_rules
from zkmargin.circuits.rules.tree import (
    Div,
    ExpectedShortfall,
    LinearSum,
    Literal,
    Match,
    Max,
    Node,
    Product,
    Source,
    Sqrt,
    Step,
    Sum,
    ValueAtRisk,
)
from zkmargin.errors import ParameterCondition
from zkmargin.margin.tables import Column, Tables

HEAD = """\
rules: 1
name: corners
axes:
  s: {size: 5}
  g: {size: 3}
  h: {like: g}
  r: {capacity: 3}
  t: {capacity: 4, pad: repeat}
  i: {capacity: 4}
  j: {like: i}
  k: {size: 2}
public:
  bound: {axes: [t], unit: usd, decimals: 0, min: -100, max: 1000}
  rate: {axes: [t], decimals: 2, min: 0, max: 1}
  mix: {axes: [g, r], decimals: 1, min: -9, max: 9}
  point: {axes: [i], unit: usd, decimals: 1, min: 0.1, max: 9}
  side: {label: g > k, fixed: [1, 0, 1]}
  part: {label: g > k, fixed: [-1, 0, 0]}
parameters:
  tick: {unit: usd, decimals: 2, min: 0.01, max: 5}
  zero: {unit: usd, decimals: 2, min: 0, max: 5}
private:
  x: {unit: usd, decimals: 2, min: -1e6, max: 1e6, from: venue}
  y: {unit: usd, decimals: 2, min: 1, max: 1e6, from: venue}
  p: {unit: usd, decimals: 2, min: 0, max: 1e6, from: venue}
  area: {unit: usd^2, decimals: 3, min: -1e6, max: 1e6, from: venue}
  loss: {axes: [s], unit: usd, decimals: 0, min: -100, max: 100, from: prover}
  leg: {axes: [g], unit: lot, decimals: 2, min: -1e3, max: 1e3, from: chain}
  row: {axes: [i], unit: usd, decimals: 0, min: -100, max: 100, from: venue}
  far: {decimals: 38, min: 0, max: 1e30, from: prover}
define:
"""


def rules_of(text: str, *more: str) -> RuleSet:
    lines = [f'{HEAD}  value: "{text}"', "equity: 0", "requirements: {maintenance: 0}", *more]
    return parse_rules("\n".join(lines).encode(), "corners.yaml")


def tables(sizes: dict[str, int] | None = None, **columns: object) -> Tables:
    known = {"s": 5, "g": 3, "r": 2, "t": 3, "i": 2, "k": 2}
    values = {"bound": [0, 100, 100], "rate": [10, 20, 30], "mix": [[0, 0]] * 3, "point": [1, 1]} | columns
    axes = {"bound": ["t"], "rate": ["t"], "mix": ["g", "r"], "point": ["i"]}
    decimals = {"bound": 0, "rate": 2, "mix": 1, "point": 1}
    sizes = known | (sizes or {})
    return Tables(
        sizes=sizes,
        names={axis: tuple(f"{axis}{n}" for n in range(size)) for axis, size in sizes.items()},
        columns={name: Column.of(name, axes[name], decimals[name], held) for name, held in values.items()},
        labels={},
        parameters={"tick": Column.of("tick", [], 2, 25), "zero": Column.of("zero", [], 2, 0)},
    )


def value_of(text: str, held: Tables | None = None, **account: object) -> object:
    """The exact value of an expression; nested lists of fractions where it has axes."""
    rules, held = rules_of(text), held or tables()
    zeros = {c.name: np.zeros([held.sizes[a] for a in c.axes], dtype=object) for c in rules.private}
    found = evaluate(rules, held, zeros | account)
    denominator = found.denominators["value"]
    values = found.values["value"]
    exact = [Fraction(number, denominator) for number in values.ravel().tolist()]
    return np.asarray(exact, dtype=object).reshape(values.shape).tolist()


@pytest.mark.parametrize(
    ("text", "x", "expected"),
    [
        ("div(x, 2)", 700, 3),
        ("div(x, 2)", -700, -4),
        ("div(x, 2)", -1, -1),
        ("div(x, 2)", 0, 0),
        ("div(x, 7, decimals=3)", 100, Fraction(142, 1000)),
        ("div(x, 7, decimals=3)", -100, Fraction(-143, 1000)),
        ("div(x, 0.07)", 100, 14),
        ("div(x, tick)", -1, -1),
        ("div(x, max(abs(x), tick), decimals=2)", -4, Fraction(-16, 100)),
        ("floor(x, 0.25)", 130, Fraction(5, 4)),
        ("floor(x, 0.25)", -130, Fraction(-3, 2)),
        ("floor(x, 3)", -1, -3),
        ("ceil(x, 3)", -1, 0),
        ("ceil(x, 3)", 1, 3),
        ("ceil(x, 3)", 300, 3),
        ("ceil(x, tick)", 101, Fraction(5, 4)),
        ("nearest(x, 3)", 149, 0),
        ("nearest(x, 3)", 150, 3),  # halves go up
        ("nearest(x, 3)", -150, 0),
        ("nearest(x, 3)", -151, -3),
        ("nearest(x, 0.25)", 112, 1),
        ("nearest(x, 0.25)", 113, Fraction(5, 4)),
        ("nearest(7.3, 2)", 0, 8),
        ("floor(-x, 1) + ceil(x, 1)", 17, 0),
        ("sqrt(x * x)", -150, 1),
        ("sqrt(x * tick, decimals=2)", -150, 0),
        ("sqrt(x * tick, decimals=2)", 400, 1),
        ("sqrt(x * tick, decimals=2)", 399, Fraction(99, 100)),
        ("sqrt(x * tick, decimals=2)", 0, 0),
        ("step(x, bound, rate, over=t)", -10000, Fraction(1, 10)),
        ("step(x, bound, rate, over=t)", 0, Fraction(1, 10)),
        ("step(x, bound, rate, over=t)", 1, Fraction(2, 10)),
        ("step(x, bound, rate, over=t)", 10000, Fraction(2, 10)),  # of two equal bounds the first
        ("step(x, bound, rate, over=t)", 10001, Fraction(3, 10)),
    ],
)
def test_of_one_value(text: str, x: int, expected: object) -> None:
    assert value_of(text, x=x) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("value_at_risk(loss, over=s, worst=1)", 7),
        ("value_at_risk(loss, over=s, worst=2)", 7),
        ("value_at_risk(loss, over=s, worst=3)", 3),
        ("value_at_risk(loss, over=s, worst=5)", -9),
        ("expected_shortfall(loss, over=s, worst=1)", 7),
        ("expected_shortfall(loss, over=s, worst=2)", 7),
        ("expected_shortfall(loss, over=s, worst=2.5)", Fraction(31, 5)),  # (7 + 7 + 3/2) / 2.5
        ("expected_shortfall(loss, over=s, worst=3)", Fraction(17, 3)),
        ("expected_shortfall(loss, over=s, worst=5)", Fraction(8, 5)),
        ("expected_shortfall(loss, over=s, worst=4.75)", Fraction(41, 19)),  # (7 + 7 + 3 + 0 - 9*3/4) / 4.75
        ("pick(loss, loss * loss, over=s)", -9),
        ("pick(loss * loss, loss, over=s)", 49),
        ("pick(-loss, abs(loss - 3 * tick * 4), over=s)", 9),  # |7-3| = |7-3| < |-9-3|
    ],
)
def test_of_scenarios(text: str, expected: object) -> None:
    assert value_of(text, loss=[0, 7, -9, 7, 3]) == expected


def test_ties_go_to_the_first() -> None:
    assert value_of("pick(loss, abs(loss), over=s)", loss=[1, -7, 7, 0, 0]) == -7


@pytest.mark.parametrize(
    ("mix", "legs", "decimals", "expected"),
    [
        # ratios along the legs for each row, amounts, decimals, spreads
        ([[1, -1, 0], [0, 0, 0]], [5, -3, 9], 0, [3, 0]),
        ([[1, -1, 0], [1, -1, 0]], [5, -3, 9], 0, [3, 0]),  # used legs are gone
        ([[1, -1, 0], [1, 0, -1]], [5, -3, -9], 0, [3, 2]),
        ([[1, 0, -1], [1, -1, 0]], [5, -3, -9], 0, [5, 0]),  # the order of rows counts
        ([[-1, 1, 0], [1, 0, 0]], [5, -3, 9], 0, [3, 2]),  # the other direction fits too
        ([[1, 1, 0], [1, -1, 0]], [5, -3, 9], 0, [0, 3]),  # both legs the same way: does not fit
        ([[2, -1, 0], [1, -1, 0]], [5, -3, 9], 0, [2, 1]),  # 4 of 5 and 2 of 3, then what is left
        ([[2, -1, 0], [1, -1, 0]], [5, -3, 9], 1, [Fraction(5, 2), 0]),
        ([[3, -1, 0], [1, -1, 0]], [5, -3, 9], 2, [Fraction(166, 100), Fraction(2, 100)]),
        ([[0, 0, 4], [0, 0, 1]], [5, -3, 9], 0, [2, 1]),
        ([[1, -1, 1], [1, -1, 0]], [5, -3, 0], 0, [0, 3]),  # a leg with nothing left
    ],
)
def test_spreads(mix: list[list[int]], legs: list[int], decimals: int, expected: list[object]) -> None:
    held = tables(mix=[[10 * row[leg] for row in mix] for leg in range(3)])
    text = f"match(leg, mix, over=g, decimals={decimals})"
    assert value_of(text, held, leg=[100 * amount for amount in legs]) == expected
    assert value_of(text, held, leg=[-100 * amount for amount in legs]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(leg, by=side)", [2, 4]),
        ("at(sum(leg, by=side), by=side)", [4, 2, 4]),
        ("at(sum(leg, by=part), by=part)", [0, 5, 5]),
        ("at(leg, by=h)", [1, 2, 3]),
        ("sum(leg * at(leg, by=h), over=h)", [6, 12, 18]),
    ],
)
def test_labels_of_the_circuit(text: str, expected: object) -> None:
    assert value_of(text, leg=[100, 200, 300]) == expected


def test_copies_of_padded_axes() -> None:
    assert value_of("sum(row * sum(at(row, by=j), over=j), over=i)", row=[2, 3]) == 25


def node_of(text: str) -> Node:
    return rules_of(text).definitions["value"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("div(x, 0.5, decimals=2)", "2 * x"),
        ("floor(x, 0.01)", "x"),
        ("sqrt(positive(area), decimals=1)", "sqrt(area, decimals=1)"),
        ("floor(7.3, 2)", "6"),
        ("nearest(7.3, 2)", "8"),
        ("nearest(2 * 0.25, 1)", "1"),
        ("value_at_risk(2 * loss, over=s, worst=2)", "2 * value_at_risk(loss, over=s, worst=2)"),
        ("value_at_risk(loss, over=s, worst=1)", "max(loss, over=s)"),
        ("expected_shortfall(loss, over=s, worst=1.0)", "max(loss, over=s)"),
        ("expected_shortfall(loss, over=s, worst=5)", "sum(loss, over=s) / 5"),
        ("expected_shortfall(3 * loss, over=s, worst=2.5)", "3 * expected_shortfall(loss, over=s, worst=2.5)"),
        ("step(x, bound, 2 * rate, over=t)", "2 * step(x, bound, rate, over=t)"),
        ("step(x, bound, 0 * rate, over=t)", "0"),
        ("pick(-3 * loss, 2 * loss * 4, over=s)", "-3 * pick(loss, loss, over=s)"),
        ("pick(loss * 0 + x, loss, over=s)", "x"),
        ("sqrt(0 * area)", "0"),
        ("div(0 * x, tick)", "0"),
    ],
)
def test_normal_form(text: str, same: str) -> None:
    parsed = parse_rules(rules_of(text).text.replace(b"define:\n", f'define:\n  other: "{same}"\n'.encode()))
    one, other = parsed.definitions["value"], parsed.definitions["other"]
    assert one is other


def test_integers_of_the_nodes() -> None:
    quotient = node_of("div(x, 0.03, decimals=1)")
    assert isinstance(quotient, Div)
    assert isinstance(quotient.x, LinearSum)
    assert isinstance(quotient.y, Literal)
    assert (quotient.x.terms[0][0], quotient.y.value, quotient.type.denominator) == (10, 3, 10)
    assert quotient.x.type.denominator == quotient.type.denominator * quotient.y.type.denominator
    root = node_of("sqrt(area)")
    assert isinstance(root, Sqrt)
    assert (root.divisor, root.x.type.denominator, root.type.denominator) == (1000, 1000, 1)
    tail = node_of("expected_shortfall(loss, over=s, worst=2.5)")
    assert isinstance(tail, ExpectedShortfall)
    assert (tail.worst, tail.type.denominator) == ((5, 2), 5)
    spread = node_of("match(leg, mix, over=g, decimals=1)")
    assert isinstance(spread, Match)
    assert (spread.leg, spread.row, spread.type.axes) == ("g", "r", ("r",))
    assert spread.x.type.denominator == spread.type.denominator * spread.ratio.type.denominator
    tier = node_of("step(x, bound, rate, over=t)")
    assert isinstance(tier, Step)
    assert tier.x.type.denominator == tier.bound.type.denominator
    above = node_of("ceil(x, tick)")
    assert isinstance(above, LinearSum)
    assert isinstance(above.terms[0][1], Product)
    several = node_of("value_at_risk(loss * at(leg, by=h), over=[s, h], worst=14)")
    assert isinstance(several, ValueAtRisk)
    assert (several.over, several.worst) == (("s", "h"), 14)
    assert isinstance(node_of("expected_shortfall(loss, over=s, worst=5)"), LinearSum | Sum)
    assert isinstance(node_of("value_at_risk(loss, over=s, worst=1)"), Max)


REFUSED: list[tuple[str, str, str]] = [
    ("div(x, zero)", "sign", "the divisor may be 0 or less: its least value is 0/100"),
    ("div(x, -y)", "sign", "the divisor may be 0 or less"),
    ("div(x, y)", "sign", "the divisor may be 0 or less"),  # its effective interval has 0
    ("div(x, 0)", "sign", "the divisor may be 0 or less: it is 0"),
    ("div(row, point)", "sign", "the divisor may be 0 or less"),  # 0 on padded rows
    ("floor(x, p)", "visibility", "the unit to round to of `floor` comes from the tables, `p` from the account"),
    ("floor(x, rate)", "unit", "cannot round usd to multiples of 1"),
    ("ceil(area, tick)", "unit", "cannot round usd^2 to multiples of usd"),
    ("floor(x, -1)", "sign", "the divisor may be 0 or less"),
    ("floor(x)", "syntax", "`floor` is written floor(x, u)"),
    ("sqrt(x)", "unit", "the square root of usd has no unit"),
    ("div(x, tick, decimals=1.5)", "syntax", "`decimals=` takes a whole number from 0 to 38"),
    ("div(x, tick, decimals=39)", "syntax", "`decimals=` takes a whole number from 0 to 38"),
    ("div(x, tick, decimals=tick)", "syntax", "`decimals=` takes a number"),
    ("div(x, y, worst=1)", "syntax", "`div` is written div(x, y) or div(x, y, decimals=d)"),
    ("sqrt(far * 1e5, decimals=38)", "field", "value may reach"),
    ("div(far * 1e8, tick, decimals=38)", "field", "value may reach"),
    ("div(far, 1 + far)", "field", "the check of this value multiplies"),
    ("step(x, p, rate, over=t)", "axis", "`p` has no axes; it has no axis `t`"),
    ("step(x, bound, tick, over=t)", "axis", "`tick` has no axes; it has no axis `t`"),
    ("step(x, bound * rate, rate, over=t)", "", ""),
    ("step(area, bound, rate, over=t)", "unit", "cannot compare usd^2 and usd"),
    ("step(bound, bound, rate, over=t)", "axis", "`bound` has the axis `t` of the tiers"),
    ("step(x, bound + p, rate, over=t)", "visibility", "the bound of `step` comes from the tables"),
    ("step(x, bound, rate * p, over=t)", "visibility", "the value of `step` comes from the tables"),
    ("step(x, point, point, over=i)", "pad", "`i` is padded with zeros: step would gain a tier 0"),
    ("step(x, bound, rate, over=[t, s])", "axis", "`bound` has axes [t]; it has no axis `s`"),
    ("pick(row, row, over=i)", "pad", "`i` is padded with zeros: pick would gain a choice 0"),
    ("pick(x, loss, over=s)", "axis", "`x` has no axes; it has no axis `s`"),
    ("value_at_risk(loss, over=s, worst=0)", "axis", "`worst=` lies between 1 and the 5 elements along s"),
    ("value_at_risk(loss, over=s, worst=6)", "axis", "`worst=` lies between"),
    ("value_at_risk(loss, over=s, worst=1.5)", "syntax", "`value_at_risk` takes a whole number as `worst=`"),
    ("value_at_risk(loss, over=s, worst=s)", "syntax", "`worst=` takes a number"),
    ("expected_shortfall(loss, over=s, worst=0.99)", "axis", "`worst=` lies between 1 and the 5 elements"),
    ("expected_shortfall(loss, over=s, worst=5.01)", "axis", "`worst=` lies between"),
    ("expected_shortfall(row, over=i, worst=2)", "pad", "`i` has a capacity"),
    ("expected_shortfall(bound, over=t, worst=2)", "pad", "`t` has a capacity"),
    ("expected_shortfall(loss, over=s)", "syntax", "`expected_shortfall` is written"),
    ("match(leg, leg, over=g)", "visibility", "the ratio of `match` comes from the tables"),
    ("match(leg * x, side, over=g)", "name", "`side` is a label"),
    ("match(x, mix, over=g)", "axis", "`x` has no axes; it has no axis `g`"),
    ("match(leg, point, over=g)", "axis", "`point` has axes [i]; it has no axis `g`"),
    ("match(leg, mix + 1, over=g)", "pad", "`mix + 1` is not 0 on the padded rows of `r`"),
    ("sum(match(leg, mix, over=g) - 1, over=r)", "unit", "cannot subtract lot and 1"),
    ("at(leg, by=g)", "axis", "unknown label `g`"),
]


@pytest.mark.parametrize(("text", "kind", "message"), REFUSED, ids=[entry[0] for entry in REFUSED])
def test_refused(text: str, kind: str, message: str) -> None:
    if not kind:
        rules_of(text)
        return
    with pytest.raises(RuleProblems) as caught:
        rules_of(text)
    assert [problem.kind for problem in caught.value.problems] == [kind], caught.value
    assert caught.value.problems[0].message.startswith(message), caught.value


def test_step_adds_its_condition() -> None:
    rules = rules_of("step(x, bound, rate, over=t)")
    assert [condition.text for condition in rules.conditions] == ["rising(bound, over=t)"]
    check_tables(rules, tables())
    with pytest.raises(ParameterCondition, match=r"condition `rising\(bound, over=t\)` does not hold"):
        check_tables(rules, tables(bound=[0, 100, 99]))
    stated = rules_of("step(x, bound, rate, over=t)", "conditions: ['rising(bound, over=t)']")
    assert len(stated.conditions) == 1


def test_copied_axes_in_tables() -> None:
    rules = rules_of("sum(at(row, by=j), over=j)")
    check_tables(rules, tables())
    check_tables(rules, tables({"j": 2, "h": 3}))
    with pytest.raises(ParameterCondition, match="axis `j` differs from the axis that it copies"):
        check_tables(rules, tables({"j": 1}))


def test_fixed_labels_are_not_read_from_tables() -> None:
    from zkmargin.margin.tables import Label

    lying = replace(tables(), labels={"side": Label("side", "g", "k", (0, 0, 0))})
    assert value_of("sum(leg, by=side)", lying, leg=[100, 200, 300]) == [2, 4]


def test_sources() -> None:
    rules = rules_of("x")
    assert {c.name: c.source for c in rules.private if c.source is not Source.VENUE} == {
        "loss": Source.PROVER,
        "leg": Source.CHAIN,
        "far": Source.PROVER,
    }
    assert all(c.source is None for c in (*rules.public, *rules.parameters))
