"""The plaintext reading: exact integers over the active rows.     specs/rules.md#plaintext

Arrays are numpy object arrays of Python ints with one dimension per axis, in the order in which the rule set
declares its axes; a scalar has shape (). Active rows are enough: the tree makes sure that padded rows change
nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from math import lcm
from typing import Any

import numpy as np

from zkmargin.circuits.rules.operations import (
    IntArray,
    floor_quotient,
    nth_largest,
    pick,
    previous,
    root,
    spreads,
    tail_sum,
    tier,
)
from zkmargin.circuits.rules.tree import (
    Abs,
    At,
    ColumnRef,
    Div,
    ExpectedShortfall,
    LinearSum,
    Literal,
    Match,
    Max,
    Nearest,
    Node,
    Padding,
    Pick,
    Positive,
    Previous,
    Product,
    Role,
    RuleSet,
    Sqrt,
    Step,
    Sum,
    SumBy,
    ValueAtRisk,
    walk,
)
from zkmargin.errors import AmountRange, CircuitError, ParameterCondition
from zkmargin.margin.tables import Column, Tables

__all__ = [
    "Evaluation",
    "IntArray",
    "Reading",
    "column_of",
    "evaluate",
    "evaluate_public",
    "label_indices",
    "pad",
    "private_values",
    "spread",
]


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation:
    """What a rule set says of one account. It holds private values and has no repr that shows them.

    ``values`` has every definition, ``equity`` and each requirement by name; ``axes`` and ``denominators``
    say what they are over. ``nodes`` has every node that was needed.
    """

    rules: RuleSet
    values: Mapping[str, IntArray]
    axes: Mapping[str, tuple[str, ...]]
    denominators: Mapping[str, int]
    nodes: Mapping[Node, IntArray]

    @property
    def equity(self) -> IntArray:
        """Equity, over ``denominators["equity"]``."""
        return self.values["equity"]

    @property
    def requirements(self) -> Mapping[str, IntArray]:
        """Requirements by kind, ``maintenance`` and, if the rule set has it, ``initial``."""
        return {kind: self.values[kind] for kind in self.rules.requirements}

    def slack(self, kind: str = "maintenance", numerator: int = 1, denominator: int = 1) -> tuple[IntArray, int]:
        """``denominator * equity - numerator * requirement`` as integers, and what they are over.

        The account meets the claim where no element is negative.
        """
        axes = tuple(axis for axis in self.rules.axes if axis in self.axes["equity"] + self.axes[kind])
        common = lcm(self.denominators["equity"], self.denominators[kind])
        sides = []
        for name, factor in (("equity", denominator), (kind, -numerator)):
            scale = factor * (common // self.denominators[name])
            sides.append(scale * spread(self.values[name], self.axes[name], axes))
        return _array(sides[0] + sides[1]), common

    def holds(self, kind: str = "maintenance", numerator: int = 1, denominator: int = 1) -> bool:
        """Whether the claim holds for every element of the axes that equity and requirement keep."""
        slack, _ = self.slack(kind, numerator, denominator)
        return all(value >= 0 for value in slack.ravel().tolist())


def evaluate(rules: RuleSet, tables: Tables, private: Mapping[str, object]) -> Evaluation:
    """Every definition, equity and requirement of one account, exactly.

    ``private`` has each private column by name: an int, or nested sequences or an array of ints in the
    shape of the active or of the capacity sizes of its axes, zero beyond the active rows. The tables are
    taken as checked (``check_tables``). Raises AmountRange where the account, ParameterCondition where a
    table does not fit.
    """
    account = {}
    for declared in rules.private:
        if declared.name not in private:
            raise AmountRange("the account lacks a private column", where=declared.name)
        account[declared.name] = private_values(rules, tables, declared.name, private[declared.name])
    named = {**rules.definitions, "equity": rules.equity, **rules.requirements}
    nodes = Reading(rules, tables, account).evaluate(named.values())
    return Evaluation(
        rules,
        {name: nodes[node] for name, node in named.items()},
        {name: node.type.axes for name, node in named.items()},
        {name: node.type.denominator for name, node in named.items()},
        nodes,
    )


def evaluate_public(
    rules: RuleSet, tables: Tables, nodes: Iterable[Node], *, padded: bool = False
) -> dict[Node, IntArray]:
    """Values of public nodes: what circuits take as data, and what conditions compare.

    Over active rows, or, if ``padded``, over all rows of the circuit, evaluated from padded columns: there
    ``max(u, 1)`` is 1 where ``u`` is padding.
    """
    wanted = tuple(nodes)
    found = Reading(rules, tables, {}, padded).evaluate(wanted)
    return {node: found[node] for node in wanted}


def label_indices(rules: RuleSet, tables: Tables, name: str) -> tuple[int, ...]:
    """The group of each active row, -1 for none: from the rule set where it fixes the label, else from the tables."""
    label = rules.labels[name]
    if label.fixed is None:
        return tables.labels[name].indices
    return label.fixed[: rules.sizes(tables.sizes)[label.axis]]


def pad(rules: RuleSet, axes: tuple[str, ...], values: IntArray) -> IntArray:
    """Values over active rows brought to capacity: by zeros, or by the last row again, as each axis
    declares.
    """
    for position, name in enumerate(axes):
        axis = rules.axes[name]
        missing = axis.capacity - values.shape[position]
        if missing > 0:
            filler = np.take(values, [-1] * missing, axis=position)
            filler = filler if axis.padding is Padding.REPEAT else filler * 0
            values = np.concatenate([values, filler], axis=position)
    return values


def spread(values: IntArray, axes: tuple[str, ...], onto: tuple[str, ...]) -> IntArray:
    """Dimensions of size 1 for the axes that ``onto`` has beyond ``axes``: arrays then broadcast by axis
    name.
    """
    if axes == onto:
        return values
    sizes = dict(zip(axes, values.shape, strict=True))
    return values.reshape(tuple(sizes.get(axis, 1) for axis in onto))


def column_of(tables: Tables, name: str, role: Role) -> Column:
    """A public column or parameter of the tables. Raises ParameterCondition where it is missing."""
    held = tables.parameters if role is Role.PARAMETER else tables.columns
    if name not in held:
        kind = "parameter" if role is Role.PARAMETER else "column"
        raise ParameterCondition(f"the tables have no {kind} `{name}`")
    return held[name]


def private_values(rules: RuleSet, tables: Tables, name: str, given: object) -> IntArray:
    """A private column over active rows, inside its effective interval. Messages carry no value of it."""
    declared = rules.columns[name]
    values: IntArray = np.asarray(given, dtype=object)
    sizes = rules.sizes(tables.sizes)
    active = tuple(sizes[axis] for axis in declared.axes)
    full = rules.shape(declared.axes)
    if values.ndim != len(active) or any(
        size not in (short, long) for size, short, long in zip(values.shape, active, full, strict=True)
    ):
        raise AmountRange("the column has the wrong shape", where=name, expected=active, got=values.shape)
    flat = values.ravel().tolist()
    if not set(map(type, flat)) <= {int}:
        raise AmountRange("the column must hold whole numbers", where=name)
    if min(flat) < declared.lo or max(flat) > declared.hi:
        limits = f"[{declared.lo}, {declared.hi}] / 10^{declared.decimals}"
        raise AmountRange("a value is outside the interval that circuits prove", where=name, expected=limits)
    kept = _array(values[tuple(slice(0, size) for size in active)])
    if values.size != kept.size and np.count_nonzero(kept) != np.count_nonzero(values):
        raise AmountRange("a row beyond the listed ones is not zero", where=name)
    return kept


class Reading:
    """One evaluation: the rule set on tables and an account, over active rows or over all of the circuit."""

    def __init__(self, rules: RuleSet, tables: Tables, account: Mapping[str, IntArray], padded: bool = False) -> None:
        self.rules, self.tables, self.account, self.padded = rules, tables, account, padded
        capacities = {axis.name: axis.capacity for axis in rules.axes.values()}
        self.sizes = capacities if padded else rules.sizes(tables.sizes)
        self.found: dict[Node, IntArray] = {}

    def evaluate(self, roots: Iterable[Node]) -> dict[Node, IntArray]:
        for node in walk(roots):
            self.found[node] = self.value(node)
        return self.found

    def on(self, node: Node, axes: tuple[str, ...], last: str = "") -> IntArray:
        """The value of a node along axes, and along all of ``last``, if named, after them."""
        names, values, onto = node.type.axes, self.found[node], axes
        if last:
            onto = (*axes, last)
            if last not in names:
                names = (*names, last)
                values = np.broadcast_to(values[..., np.newaxis], (*values.shape, self.sizes[last]))
        order = [names.index(axis) for axis in onto if axis in names]
        return spread(values.transpose(order), tuple(names[position] for position in order), onto)

    def value(self, node: Node) -> IntArray:
        """The value of a node from those of its children in ``found``."""
        return _array(self._value(node))

    def _value(self, node: Node) -> Any:
        axes = node.type.axes
        match node:
            case Literal():
                return node.value
            case ColumnRef():
                return self.column(node)
            case LinearSum():
                given = [self.on(term, axes) for _, term in node.terms]
                parts = [x if factor == 1 else factor * x for (factor, _), x in zip(node.terms, given, strict=True)]
                return reduce(operator.add, parts, node.constant) if node.constant else reduce(operator.add, parts)
            case Product():
                return self.on(node.left, axes) * self.on(node.right, axes)
            case Positive():
                return _larger(self.found[node.x], _array(0))
            case Abs():
                return abs(self.found[node.x])
            case Max(over=()):
                return reduce(_larger, (self.on(branch, axes) for branch in node.branches))
            case Max() | Sum():
                x = node.children[0]
                along = tuple(x.type.axes.index(axis) for axis in node.over)
                return self.found[x].sum(axis=along) if isinstance(node, Sum) else self.found[x].max(axis=along)
            case SumBy() | At():
                return self.relabel(node)
            case Div():
                return floor_quotient(self.on(node.x, axes), self.on(node.y, axes))
            case Nearest():
                return self.on(node.exact, axes)
            case Sqrt():
                return root(self.found[node.x], node.divisor)
            case ValueAtRisk():
                return nth_largest(self.flat(node.x, node.over), node.worst)
            case ExpectedShortfall():
                return tail_sum(self.flat(node.x, node.over), *node.worst)
            case Step():
                return tier(
                    self.on(node.x, axes), self.on(node.bound, axes, node.axis), self.on(node.value, axes, node.axis)
                )
            case Pick():
                return pick(self.on(node.y, axes, node.axis), self.on(node.score, axes, node.axis))
            case Match():
                return self.match(node)
            case Previous():
                return previous(self.found[node.x], node.type.axes.index(node.axis))
        raise CircuitError(f"{type(node).__name__} has no plaintext reading")

    def column(self, node: ColumnRef) -> IntArray:
        if node.role is Role.PRIVATE and node.name not in self.account:
            raise CircuitError(f"`{node.name}` is private: the expression is not public")
        if node.role is Role.PRIVATE:
            return self.account[node.name]
        values = column_of(self.tables, node.name, node.role).values
        return pad(self.rules, node.type.axes, values) if self.padded else values

    def flat(self, node: Node, over: tuple[str, ...]) -> IntArray:
        """The value of a node with the axes ``over`` merged into one, the last."""
        kept = [position for position, axis in enumerate(node.type.axes) if axis not in over]
        gone = [position for position, axis in enumerate(node.type.axes) if axis in over]
        values = self.found[node].transpose(*kept, *gone)
        return values.reshape(*values.shape[: len(kept)], -1)

    def match(self, node: Match) -> Any:
        axes = tuple(axis for axis in node.type.axes if axis != node.row)
        ratio = self.on(node.ratio, (*axes, node.row), node.leg)
        formed = spreads(self.on(node.x, axes, node.leg), ratio)
        return np.moveaxis(formed, -1, node.type.axes.index(node.row))

    def relabel(self, node: SumBy | At) -> IntArray:
        """Move the axis that the label replaces to the front, add or pick rows, move the new one to its place."""
        label = self.rules.labels[node.label]
        old, new = (label.axis, label.target) if isinstance(node, SumBy) else (label.target, label.axis)
        inner, values = node.x.type.axes, self.found[node.x]
        if old in inner:
            rows = np.moveaxis(values, inner.index(old), 0)
        else:  # a constant: the same in every row
            rows = np.broadcast_to(values, (self.sizes[old], *values.shape))
        result = np.zeros((self.sizes[new], *rows.shape[1:]), dtype=object)
        indices = label.fixed if label.fixed and self.padded else label_indices(self.rules, self.tables, node.label)
        for row, group in enumerate(indices):
            if group < 0:
                continue
            if isinstance(node, SumBy):
                result[group] += rows[row]
            else:
                result[row] = rows[group]
        return np.moveaxis(result, 0, node.type.axes.index(new))


def _larger(left: IntArray, right: IntArray) -> IntArray:
    """The elementwise larger one; the type is named because numpy would take bare ints for 64-bit ones."""
    return _array(np.maximum(left, right, dtype=object))


def _array(value: Any) -> IntArray:
    """An object array of a result; numpy's operators turn object arrays without dimensions into bare ints.

    Raises CircuitError for machine integers or floats: they would not be exact.
    """
    if type(value) is not int and getattr(value, "dtype", None) != np.dtype(object):
        raise CircuitError("a value left exact integers", got=type(value).__name__)
    return np.asarray(value, dtype=object)
