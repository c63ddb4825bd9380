"""A small rule set for tests of single expressions, and tables and accounts for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

import numpy as np

from zkmargin.circuits.rules import Problem, RuleProblems, RuleSet, parse_rules
from zkmargin.circuits.rules.tree import (
    Abs,
    ColumnRef,
    Div,
    ExpectedShortfall,
    Max,
    Monotone,
    Padding,
    Pick,
    Positive,
    Role,
    Sqrt,
    Step,
    ValueAtRisk,
)
from zkmargin.margin.tables import Column, Label, Tables

HEAD = """\
rules: 1
name: sample
axes:
  i: {capacity: 5}
  s: {size: 3}
  g: {capacity: 3}
  t: {capacity: 4, pad: repeat}
public:
  price: {axes: [i], unit: usd/lot, decimals: 1, min: 1, max: 9}
  pnl: {axes: [i, s], unit: usd/lot, decimals: 2, min: -9, max: 9}
  weight: {axes: [i], decimals: 1, min: -2, max: 2}
  rate: {axes: [t], decimals: 2, min: 0, max: 1}
  cut: {axes: [t], unit: usd, decimals: 0, min: 0, max: 50}
  fee: {axes: [g], unit: usd/lot, decimals: 1, min: 0, max: 3}
  swing: {axes: [s], decimals: 1, min: -1, max: 1}
  group: {label: i > g}
parameters:
  factor: {decimals: 1, min: 1, max: 3, default: 1.3}
  tilt: {decimals: 1, min: -3, max: 3}
private:
  size: {axes: [i], unit: lot, decimals: 1, min: -20, max: 20, from: venue}
  held: {axes: [i], unit: lot, decimals: 0, min: 0, max: 9, from: venue}
  cash: {unit: usd, decimals: 2, min: -100, max: 100, from: venue}
  lever: {decimals: 1, min: 0, max: 3, from: venue}
  bias: {decimals: 1, min: -3, max: 3, from: venue}
"""

BOUNDED = (Abs, Div, ExpectedShortfall, Max, Pick, Positive, Sqrt, Step, ValueAtRisk)
"""Nodes for which a circuit may take a bound that the prover chooses."""


def sample(
    definitions: Mapping[str, str] | None = None,
    equity: str = "cash",
    maintenance: str = "0",
    conditions: Sequence[str] = (),
) -> str:
    """The sample rule file with these expressions."""
    lines = [HEAD + "define:"] if definitions else [HEAD.rstrip()]
    lines += [f"  {name}: {text}" for name, text in (definitions or {}).items()]
    lines += [f"equity: {equity}", "requirements:", f"  maintenance: {maintenance}"]
    lines += ["conditions:"] * bool(conditions) + [f"  - {text}" for text in conditions]
    return "\n".join(lines) + "\n"


def rules_of(**parts: object) -> RuleSet:
    return parse_rules(sample(**parts).encode(), "sample.yaml")  # type: ignore[arg-type]


def problems_of(text: str | bytes) -> list[Problem]:
    """The problems for which a text is refused; none if it is accepted."""
    try:
        parse_rules(text if isinstance(text, bytes) else text.encode(), "sample.yaml")
    except RuleProblems as refused:
        return list(refused.problems)
    return []


def random_tables(rules: RuleSet, random: Random, *, full: bool = False) -> Tables:
    """Tables within every declared bound, with active sizes up to capacity."""
    sizes = {
        axis.name: axis.capacity if axis.padding is Padding.NONE or full else random.randint(1, axis.capacity)
        for axis in rules.axes.values()
    }

    def values(axes: Sequence[str], low: int, high: int) -> object:
        if not axes:
            return random.choice((low, high, random.randint(low, high)))
        return [values(axes[1:], low, high) for _ in range(sizes[axes[0]])]

    for axis in rules.axes.values():
        if axis.like is not None:
            sizes[axis.name] = sizes[axis.like]
    columns: dict[str, Column] = {}
    parameters: dict[str, Column] = {}
    for declared in rules.columns.values():
        if declared.role is Role.PRIVATE:
            continue
        drawn = np.asarray(values(declared.axes, declared.minimum, declared.maximum), dtype=object)
        for condition in rules.conditions:
            if (
                isinstance(condition, Monotone)
                and isinstance(condition.x, ColumnRef)
                and condition.x.name == declared.name
            ):
                drawn = np.sort(drawn, axis=declared.axes.index(condition.axis))
                drawn = drawn if condition.rising else np.flip(drawn, declared.axes.index(condition.axis))
        column = Column.of(declared.name, declared.axes, declared.decimals, drawn)
        (parameters if declared.role is Role.PARAMETER else columns)[declared.name] = column
    labels = {}
    for label in rules.labels.values():
        if label.fixed is not None:
            continue
        indices = tuple(random.randint(-1, sizes[label.target] - 1) for _ in range(sizes[label.axis]))
        labels[label.name] = Label(label.name, label.axis, label.target, indices)
    names = {axis: tuple(f"{axis}{row}" for row in range(size)) for axis, size in sizes.items()}
    return Tables(sizes, names, columns, labels, parameters)


def random_account(rules: RuleSet, tables: Tables, random: Random) -> dict[str, object]:
    """Private columns over active rows, anywhere in their effective intervals."""

    def values(axes: Sequence[str], low: int, high: int) -> object:
        if not axes:
            return random.choice((low, high, 0, random.randint(low, high)))
        return [values(axes[1:], low, high) for _ in range(tables.sizes[axes[0]])]

    return {c.name: values(c.axes, c.lo, c.hi) for c in rules.private}
