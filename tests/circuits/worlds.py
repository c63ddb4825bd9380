"""Small rule sets that between them use every gadget, with random markets and accounts for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np

from zkmargin.backend import Arithmetic, engine
from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.plan import BoundPlan
from zkmargin.circuits.rules import RuleSet, check_tables, evaluate, parse_rules
from zkmargin.circuits.rules.tree import ColumnRef, Monotone, Padding, Role
from zkmargin.circuits.run import StatementRun
from zkmargin.circuits.testing import LyingEngine
from zkmargin.errors import ParameterCondition, WitnessFailed
from zkmargin.margin.tables import Column, Label, Tables

_AXES = """
rules: 1
name: {name}
binding: public
axes:
  i: {{capacity: 8}}
  s: {{size: 3}}
  u: {{capacity: 2}}
  g: {{size: 2}}
  k: {{capacity: 4}}
  t: {{capacity: 3, pad: repeat}}
public:
  mark: {{axes: [i], unit: usd/lot, decimals: 2, min: 0, max: 1e6}}
  pnl: {{axes: [i, s], unit: usd/lot, decimals: 2, min: -1e6, max: 1e6}}
  is_option: {{axes: [i], decimals: 0, min: 0, max: 1}}
  delta: {{axes: [i], unit: lot/lot, decimals: 2, min: -1, max: 1}}
  fixed: {{axes: [i], unit: lot, decimals: 1, min: -5, max: 9}}
  rate: {{axes: [i, t], decimals: 3, min: 0, max: 1}}
  ded: {{axes: [i, t], unit: usd, decimals: 0, min: 0, max: 1e4}}
  low: {{axes: [g], decimals: 1, min: 0, max: 100}}
  high: {{axes: [g], decimals: 1, min: 0, max: 100}}
  tilt: {{axes: [s], decimals: 1, min: -2, max: 2}}
  u: {{label: i > u}}
  g: {{label: i > g}}
  k: {{label: i > k}}
parameters:
  charge: {{unit: usd/lot, decimals: 2, min: 0, max: 1e3}}
  factor: {{decimals: 2, min: 1, max: 3}}
private:
  size: {{axes: [i], unit: lot, decimals: 1, min: -1e3, max: 1e3, from: venue}}
  other: {{axes: [i], unit: lot, decimals: 0, min: 0, max: 100, from: venue}}
  own: {{axes: [i], decimals: 1, min: 0, max: 3, from: venue}}
  cash: {{unit: usd, decimals: 2, min: -1e12, max: 1e12, from: venue}}
"""

RULES: Mapping[str, str] = {
    # Scenario losses by group, net short per series, and a minimum that the prover picks: the slice's main
    # shape.
    "portfolio": """
define:
  loss: -sum(size * pnl, by=u)
  scan: sum(max(0, max(loss, over=s)), over=u)
  naked: positive(-sum(size * is_option, by=k))
  long: sum(positive(size) * mark, by=u)
  short: sum(positive(-size) * mark, by=u)
  offset: min(long, short)
  fees: sum(naked, over=k) * charge + sum(offset, over=u)
equity: cash + sum(size * mark, over=i)
requirements:
  maintenance: scan + fees
  initial: (scan + fees) * factor
""",
    # Brackets per row and tier, without functional of its own; a claim for the whole account.
    "bracket": """
equity: cash + sum(size * mark, over=i)
requirements:
  maintenance: sum(max(abs(size) * mark * rate - ded, over=t), over=i)
""",
    # A claim for every group; absolute values of functionals; private products; sums by label of what is not
    # linear.
    "groups": """
define:
  net: abs(sum(size * delta * mark, by=g))
  gross: sum(abs(size) * mark * own, by=g)
  worst: sum(max(size, other), by=g) * high * charge
equity: cash + sum((size + other) * mark, by=g) - sum(abs(size - other) * mark, by=g) / 7
requirements:
  initial: net + gross * factor + positive(worst)
  maintenance: net + gross
""",
    # Everything on the wrong side: maxima in equity, minima in the requirement, mixed uses that force exact
    # gadgets.
    "sides": """
define:
  held: sum(size * mark, by=g)
  best: max(held * low, held * high, 5 * held)
  mixed: max(sum(size * pnl, over=i) * tilt, over=s)
  spread: max(size, other - size, other - 2 * size)
  short: sum(positive(-held), over=g)
equity: cash + sum(best, over=g) / 1000 + mixed + sum(abs(size), over=i) * charge - short
requirements:
  maintenance: mixed * 2 - sum(positive(held), over=g) - sum(spread * is_option, over=i) * charge
""",
    # Numbers at a row's group, linear and not, and public amounts among the private ones.
    "lookup": """
define:
  total: max(sum(size * is_option, by=u), 0)
  back: at(total, by=u) * own
  drift: abs(sum(at(sum(size * mark, by=u), by=u) * delta, over=i))
  shifted: sum((size * delta + fixed - 2 * other) * mark, over=i)
  orders: sum(max(abs(size + other), abs(size - other)) * mark * own, over=i)
equity: cash - sum(positive(size - other) * own, over=i) * charge
requirements:
  maintenance: sum(back, over=i) * charge + orders + drift + shifted
""",
}


@cache
def rules_of(name: str) -> RuleSet:
    return parse_rules((_AXES.format(name=name) + RULES[name].strip() + "\n").encode(), f"{name}.yaml")


@cache
def compiled(name: str) -> CompiledCircuit:
    return compile_rules(rules_of(name), cache=False)


def random_tables(rules: RuleSet, random: Random) -> Tables:
    """Tables within the declared bounds and conditions, with active sizes up to the capacities."""
    sizes = rules.sizes(
        {
            axis.name: axis.capacity if axis.padding is Padding.NONE else random.randint(1, axis.capacity)
            for axis in rules.axes.values()
            if axis.like is None
        }
    )
    rising = {(c.x.name, c.axis) for c in rules.conditions if isinstance(c, Monotone) and isinstance(c.x, ColumnRef)}

    def values(axes: Sequence[str], low: int, high: int) -> object:
        if not axes:
            return random.choice((low, high, random.randint(low, high)))
        return [values(axes[1:], low, high) for _ in range(sizes[axes[0]])]

    columns, parameters = {}, {}
    for declared in rules.columns.values():
        if declared.role is not Role.PRIVATE:
            drawn = values(declared.axes, declared.minimum, declared.maximum)
            for name, axis in rising:
                if name == declared.name:
                    drawn = np.sort(np.array(drawn, dtype=object), axis=declared.axes.index(axis)).tolist()
            column = Column.of(declared.name, declared.axes, declared.decimals, drawn)
            (parameters if declared.role is Role.PARAMETER else columns)[declared.name] = column
    labels = {}
    for label in rules.labels.values():
        if label.fixed is not None:
            continue
        indices = tuple(random.randint(-1, sizes[label.target] - 1) for _ in range(sizes[label.axis]))
        labels[label.name] = Label(label.name, label.axis, label.target, indices)
    names = {axis: tuple(f"{axis}{row}" for row in range(size)) for axis, size in sizes.items()}
    tables = Tables(sizes, names, columns, labels, parameters)
    try:
        check_tables(rules, tables)
    except ParameterCondition:
        return random_tables(rules, random)
    return tables


def random_positions(rules: RuleSet, tables: Tables, random: Random) -> dict[str, object]:
    """Private columns but ``cash``: mostly small, some at the ends of their intervals."""

    def values(axes: Sequence[str], low: int, high: int) -> object:
        if not axes:
            near = max(low, min(high, random.randint(-50, 50)))
            return random.choice((0, near, near, low, high, random.randint(low, high)))
        return [values(axes[1:], low, high) for _ in range(rules.sizes(tables.sizes)[axes[0]])]

    return {c.name: values(c.axes, c.minimum, c.maximum) for c in rules.private if c.name != "cash"}


@dataclass(frozen=True)
class Claimed:
    """A claim: which requirement, and the buffer as a ratio."""

    kind: str = "maintenance"
    numerator: int = 1
    denominator: int = 1

    @property
    def packed(self) -> int:
        return (self.kind == "initial") | self.numerator << 8 | self.denominator << 24


def holds(rules: RuleSet, tables: Tables, account: Mapping[str, object], claim: Claimed) -> bool:
    """The plaintext reading."""
    return evaluate(rules, tables, account).holds(claim.kind, claim.numerator, claim.denominator)


def smallest_cash(rules: RuleSet, tables: Tables, positions: Mapping[str, object], claim: Claimed) -> int | None:
    """The least cash, in units, with which the account meets the claim; None where no cash does, or none in
    range.

    Equity is linear in cash, so two evaluations show it.
    """

    def slack(cash: int) -> list[int]:
        found = evaluate(rules, tables, {**positions, "cash": cash})
        values, _ = found.slack(claim.kind, claim.numerator, claim.denominator)
        return list(values.ravel().tolist())

    needed = []
    for at_zero, at_one in zip(slack(0), slack(1), strict=True):
        if at_one <= at_zero:
            return None
        needed.append(-(at_zero // (at_one - at_zero)))
    return max(needed) if rules.columns["cash"].lo < max(needed) <= rules.columns["cash"].hi else None


SECRETS = {"ask": 11, "nk": 12, "pocket": 3, "subject": 13, "listing": 14, "salt": 15}


def start(
    circuit: CompiledCircuit,
    account: Mapping[str, object],
    claim: Claimed,
    market: BoundPlan,
    arithmetic: Arithmetic | None = None,
) -> StatementRun:
    """The first part of a statement's witness."""
    private = {**SECRETS, **account, **({"blind": 16} if circuit.plan.bases else {})}
    public = {"context": 1, "claim": claim.packed, "scope": 2}
    return StatementRun(circuit, private, public, market, arithmetic)


def violated_by(
    circuit: CompiledCircuit,
    account: Mapping[str, object],
    claim: Claimed,
    market: BoundPlan,
    lies: Mapping[int, int] | None = None,
) -> list[str]:
    """The paths of the constraints that notice a prover who lies, or goes on where the program gives up."""
    run = start(circuit, account, claim, market, LyingEngine(lies))  # type: ignore[arg-type]
    witness = run.finish(challenge(run) if circuit.plan.bases else None)
    return [circuit.names.path_of(index) for index in engine().r1cs_check(circuit.r1cs, witness.to_bytes())]


def challenge(run: StatementRun) -> int:
    """A stand-in for the challenge's hash: any function of what comes before it will do for completeness."""
    return pow(7, 1 + sum(run.leading) % (1 << 64), 2**251)


def is_provable(circuit: CompiledCircuit, account: Mapping[str, object], claim: Claimed, market: BoundPlan) -> bool:
    """Whether the honest program finds a witness; that it satisfies the circuit is checked too."""
    try:
        run = start(circuit, account, claim, market)
        witness = run.finish(challenge(run) if circuit.plan.bases else None)
    except WitnessFailed:
        return False
    violated = engine().r1cs_check(circuit.r1cs, witness.to_bytes())
    if violated:
        raise AssertionError([circuit.names.path_of(index) for index in violated])
    return True
