"""Tables fit a rule set: what prover, verifier and publisher check of the actual data.
Specified in specs/rules.md#tables.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from zkmargin.circuits.rules.plaintext import IntArray, column_of, evaluate_public, spread
from zkmargin.circuits.rules.tree import (
    ColumnDecl,
    Condition,
    Monotone,
    Node,
    Padding,
    Role,
    RuleSet,
)
from zkmargin.errors import ParameterCondition
from zkmargin.margin.tables import Tables

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"<=": operator.le, "<": operator.lt, "==": operator.eq, ">=": operator.ge, ">": operator.gt}
)


def check_tables(rules: RuleSet, tables: Tables) -> None:
    """Tables fit the rule set: axes, columns, decimals, bounds, labels, parameters and every condition.

    A table may hold more than the rules read. Raises ParameterCondition, naming column or condition.
    """
    sizes = rules.sizes(tables.sizes)
    for axis in rules.axes.values():
        exact = axis.padding is Padding.NONE
        unsaid = bool(axis.like) or (exact and axis.name not in rules.table_axes)
        size = sizes[axis.name] if unsaid else tables.sizes.get(axis.name)
        if size is None or size > axis.capacity or size < 1 or (exact and size != axis.capacity):
            limit = f"{axis.capacity} rows" if exact else f"1 to {axis.capacity} rows"
            raise ParameterCondition(f"axis `{axis.name}` has the wrong size", expected=limit, got=size)
        if axis.like and size != sizes[axis.like]:
            words = f"axis `{axis.name}` differs from the axis that it copies"
            raise ParameterCondition(words, expected=f"{sizes[axis.like]} rows, as `{axis.like}`", got=size)
    for declared in rules.columns.values():
        if declared.role is not Role.PRIVATE:
            _check_column(tables, declared)
    for declared_label in rules.labels.values():
        if declared_label.fixed is not None:
            continue
        label = tables.labels.get(declared_label.name)
        leads = (declared_label.axis, declared_label.target)
        if label is None or (label.axis, label.target) != leads:
            words = f"label `{declared_label.name}` is missing or leads elsewhere"
            raise ParameterCondition(words, expected=" > ".join(leads))
    for condition in rules.conditions:
        found = evaluate_public(rules, tables, condition_nodes(condition))
        if not condition_holds(rules, condition, found):
            where = f"{condition.span.file}:{condition.span.line}"
            raise ParameterCondition(f"condition `{condition.text}` does not hold", where=where)


def _check_column(tables: Tables, declared: ColumnDecl) -> None:
    column = column_of(tables, declared.name, declared.role)
    if column.axes != declared.axes or column.decimals != declared.decimals:
        asked = f"axes [{', '.join(declared.axes)}], {declared.decimals} decimals"
        got = f"axes [{', '.join(column.axes)}], {column.decimals} decimals"
        raise ParameterCondition(f"`{declared.name}` is not of its declared type", expected=asked, got=got)
    flat = column.values.ravel().tolist()
    low, high = min(flat), max(flat)
    if low < declared.minimum or high > declared.maximum:
        bounds = f"[{declared.minimum}, {declared.maximum}] / 10^{declared.decimals}"
        got = str(low if low < declared.minimum else high)
        raise ParameterCondition(f"`{declared.name}` is outside its bounds", expected=bounds, got=got)


def condition_nodes(condition: Condition) -> tuple[Node, ...]:
    """What a condition compares."""
    return (condition.x,) if isinstance(condition, Monotone) else condition.operands


def condition_holds(rules: RuleSet, condition: Condition, found: Mapping[Node, IntArray]) -> bool:
    """Whether a condition holds, from the values of its nodes over the active rows."""
    if isinstance(condition, Monotone):
        return _is_monotone(condition, found)
    for (left, right), sign in zip(pairwise(condition.operands), condition.operators, strict=True):
        axes = tuple(axis for axis in rules.axes if axis in left.type.axes + right.type.axes)
        a, b = (spread(found[node], node.type.axes, axes) for node in (left, right))
        if not np.all(_COMPARE[sign](a, b)):
            return False
    return True


def _is_monotone(condition: Monotone, found: Mapping[Node, IntArray]) -> bool:
    node = condition.x
    if condition.axis not in node.type.axes:
        return True
    rows = np.moveaxis(found[node], node.type.axes.index(condition.axis), 0)
    before, after = (rows[:-1], rows[1:]) if condition.rising else (rows[1:], rows[:-1])
    return bool(np.all(before <= after))
