"""specs/rules.md runs: its example loads, its errors are raised, its demands asked, its session answers."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from zkmargin.circuits.plan import Plan
from zkmargin.circuits.rules import FUNCTION_NAMES, RuleProblems, parse_rules
from zkmargin.circuits.rules.problems import KINDS
from zkmargin.circuits.rules.tree import ColumnRef, walk

SPECIFICATION = (Path(__file__).parents[2] / "specs" / "rules.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", SPECIFICATION, re.DOTALL | re.MULTILINE)


EXAMPLE = blocks("yaml")[0]
REFUSED = [tuple(entry.strip().split("\n")) for entry in blocks("refused")[0].split("\n\n")]
DEMANDS = [line for line in blocks("sides")[0].splitlines() if line]

SIDES = """
rules: 1
name: sides
axes:
  x: {{size: 2}}
  t: {{capacity: 4, pad: repeat}}
  r: {{size: 2}}
public:
  bound: {{axes: [t], decimals: 0, min: -9, max: 9}}
  rate: {{axes: [t], decimals: 0, min: 0, max: 9}}
  cut: {{axes: [t], decimals: 0, min: -9, max: 9}}
  odd: {{axes: [t], decimals: 0, min: -9, max: 9}}
  mix: {{axes: [x, r], decimals: 0, min: -2, max: 2}}
  up: {{axes: [x], decimals: 0, min: 0, max: 9}}
  down: {{axes: [x], decimals: 0, min: -9, max: 0}}
  any: {{axes: [x], decimals: 0, min: -9, max: 9}}
private:
  a: {{axes: [x], decimals: 0, min: -9, max: 9, from: venue}}
  b: {{axes: [x], decimals: 0, min: -9, max: 9, from: venue}}
  p: {{axes: [x], decimals: 0, min: 0, max: 9, from: venue}}
  q: {{axes: [x], decimals: 0, min: 0, max: 9, from: venue}}
equity: 0
requirements: {{maintenance: "{0}"}}
conditions:
  - rising(rate, over=t)
  - falling(cut, over=t)
"""


def test_the_example_loads() -> None:
    rules = parse_rules(EXAMPLE.encode(), "example.yaml")
    assert rules.name == "example"
    assert list(rules.requirements) == ["maintenance", "initial"]


@pytest.mark.parametrize("entry", REFUSED, ids=lambda entry: entry[0])
def test_refused(entry: tuple[str, str]) -> None:
    line, expected = entry
    if line.startswith("condition: "):
        text = EXAMPLE.replace("factor <= 2", line.removeprefix("condition: "))
    else:
        name = line.partition(":")[0]
        text = re.sub(rf"^  {name}: .*$", lambda _: f"  {line}", EXAMPLE, flags=re.MULTILINE)
    with pytest.raises(RuleProblems) as caught:
        parse_rules(text.encode(), "example.yaml")
    kind, message = re.fullmatch(r"error\[(\w+)\]: (.*)", expected).groups()  # type: ignore[union-attr]
    assert [(p.kind, p.message) for p in caught.value.problems] == [(kind, message)]


def test_the_error_that_is_shown() -> None:
    text = EXAMPLE.replace("pnl, over=instrument", "pnls, over=instrument")
    with pytest.raises(RuleProblems) as caught:
        parse_rules(text.encode(), "example.yaml")
    shown = "\n".join(f"    {line}" for line in str(caught.value).splitlines()[1:])
    assert shown in SPECIFICATION


@pytest.mark.parametrize("line", DEMANDS)
def test_demands(line: str) -> None:
    expression, _, expected = line.partition(" -> ")
    rules = parse_rules(SIDES.format(expression).encode())
    asked = {
        node.name: rules.sides[node].value
        for node in walk(rules.roots)
        if isinstance(node, ColumnRef) and node in rules.sides
    }
    assert asked == dict(part.split(": ") for part in expected.split(", "))


def test_the_session() -> None:
    source = blocks("python")[0]
    test = doctest.DocTestParser().get_doctest(source, {"example": EXAMPLE.encode()}, "rules.md", "specs/rules.md", 0)
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


def test_every_built_in_and_every_kind_of_error_is_listed() -> None:
    section = SPECIFICATION.partition("## Built-ins")[2].partition("## ")[0]
    assert {name for name in FUNCTION_NAMES if f"`{name}(" not in section} == set()
    kinds = SPECIFICATION.partition("\nKinds: ")[2].partition(".")[0]
    assert re.findall(r"`(\w+)`", kinds) == list(KINDS)


def test_two_venues() -> None:
    size, cash, loss = blocks("venues")[0].splitlines()
    text = re.sub("^  size: .*$", f"  {size}", EXAMPLE, flags=re.MULTILINE)
    text = re.sub("^  cash: .*$", f"  {cash}", text, flags=re.MULTILINE)
    text = re.sub("^  loss: .*$", f"  {loss}", text, flags=re.MULTILINE).replace("axes:", "venues: 2\naxes:", 1)
    rules = parse_rules(text.replace("sum(size, by", "sum(sum(size, over=venue), by").encode())
    assert (rules.venues, next(iter(rules.axes))) == (2, "venue")
    assert rules.columns["size"].axes == ("venue", "instrument")
    assert rules.definitions["loss"].type.axes == ("scenario",)
    assert rules.equity.type.axes == ("venue",)


def test_lines_of_collateral() -> None:
    axis, value, held = blocks("lines")[0].splitlines()
    text = EXAMPLE.replace("axes:\n", f"lines: 8\naxes:\n  {axis}\n", 1).replace("public:", f"public:\n  {value}\n#", 1)
    text = text.replace("private:", f"private:\n  {held}\n#", 1)
    text = text.replace("equity: cash", "equity: cash + sum(held * unit_value, over=asset)")
    rules = parse_rules(text.encode())
    assert rules.lines == 8
    assert [column.name for column in rules.on_chain] == ["held"]
    assert Plan(rules).public_inputs[-1] == ("assets", 16)
