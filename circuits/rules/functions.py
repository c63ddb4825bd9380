"""The built-ins: one entry each, with its written forms, its typing rule and its node.
Specified in specs/rules.md#built-ins.

A new built-in is an entry of FUNCTIONS and, if no node of tree.py expresses it, a node class with its two
readings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zkmargin.circuits.rules.build import Builder
from zkmargin.circuits.rules.choices import (
    build_match,
    build_pick,
    build_previous,
    build_step,
    infer_match,
    infer_pick,
    infer_previous,
    infer_step,
)
from zkmargin.circuits.rules.parse import Call
from zkmargin.circuits.rules.problems import Refused
from zkmargin.circuits.rules.rounding import (
    build_ceil,
    build_div,
    build_floor,
    build_nearest,
    build_sqrt,
    infer_div,
    infer_floor,
    infer_nearest,
    infer_sqrt,
)
from zkmargin.circuits.rules.shapes import Shape, Shapes
from zkmargin.circuits.rules.tails import build_expected_shortfall, build_value_at_risk, infer_tail
from zkmargin.circuits.rules.tree import Node, Padding, Visibility

Infer = Callable[[Shapes, Call, tuple[Shape, ...]], Shape]
Build = Callable[[Builder, Call, tuple[Node, ...]], Node]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a call: its keywords, and at least and at most how many arguments (None: no limit)."""

    text: str
    arguments: tuple[int, int | None]
    keywords: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Function:
    """A built-in. ``condition``: it stands alone under ``conditions`` and has no node of its own.
    ``tables_only``: it stands under ``conditions``, and reads active rows alone.
    """

    forms: tuple[Form, ...]
    infer: Infer
    build: Build
    condition: bool = False
    tables_only: bool = False


def _names(call: Call, keyword: str) -> tuple[str, ...]:
    return tuple(name for name, _ in call.keywords[keyword].names) if keyword in call.keywords else ()


def _infer_sum(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    x = given[0]
    if "by" in call.keywords:
        label = shapes.by(call)
        return shapes.relabel(call, x, label.axis, label.target)
    over = shapes.over(call, x)
    shapes.unpadded(call, over, Padding.REPEAT, "sum would count its last row again")
    return Shape(tuple(axis for axis in x.axes if axis not in over), x.unit, x.denominator, x.visibility)


def _build_sum(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    if "by" in call.keywords:
        return builder.sum_by(given[0], builder.labels[_names(call, "by")[0]], call.span)
    return builder.sum(given[0], _names(call, "over"), call.span)


def _infer_at(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    label = shapes.by(call)
    return shapes.relabel(call, given[0], label.target, label.axis)


def _build_at(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    return builder.at(given[0], builder.labels[_names(call, "by")[0]], call.span)


def _infer_extreme(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    x = given[0]
    if "over" not in call.keywords:
        return shapes.alike(call.arguments, given, "compare", call.span)
    over = shapes.over(call, x)
    shapes.unpadded(call, over, Padding.ZERO, f"{call.function} would gain a branch 0")
    return Shape(tuple(axis for axis in x.axes if axis not in over), x.unit, x.denominator, x.visibility)


def _build_max(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    return builder.maximum(given, _names(call, "over"), call.span)


def _build_min(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    return builder.minimum(given, _names(call, "over"), call.span)


def _infer_same(_shapes: Shapes, _call: Call, given: tuple[Shape, ...]) -> Shape:
    return given[0]


def _build_positive(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    return builder.positive(given[0], call.span)


def _build_abs(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    return builder.absolute(given[0], call.span)


def _infer_monotone(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    if len(shapes.over(call, given[0])) != 1:
        raise Refused("axis", f"`{call.function}` runs over one axis", call.span)
    if given[0].visibility is Visibility.PRIVATE:
        raise Refused("visibility", "a condition reads the tables, not the account", call.span)
    return given[0]


def _build_monotone(_builder: Builder, _call: Call, given: tuple[Node, ...]) -> Node:
    return given[0]


_OVER, _BY, _TAIL = frozenset({"over"}), frozenset({"by"}), frozenset({"over", "worst"})


def _extreme(name: str, build: Build) -> Function:
    forms = (Form(f"{name}(x, y, ...)", (2, None)), Form(f"{name}(x, over=axis)", (1, 1), _OVER))
    return Function(forms, _infer_extreme, build)


def _unary(name: str, build: Build) -> Function:
    return Function((Form(f"{name}(x)", (1, 1)),), _infer_same, build)


def _decimals(text: str, count: int, keywords: frozenset[str], infer: Infer, build: Build) -> Function:
    """A built-in that takes ``decimals=``, 0 without."""
    counts = (count, count)
    forms = (
        Form(f"{text})", counts, keywords),
        Form(f"{text}, decimals=d)", counts, keywords | {"decimals"}),
    )
    return Function(forms, infer, build)


def _tail(name: str, build: Build) -> Function:
    return Function((Form(f"{name}(x, over=axis, worst=n)", (1, 1), _TAIL),), infer_tail, build)


def _monotone(name: str) -> Function:
    return Function((Form(f"{name}(x, over=axis)", (1, 1), _OVER),), _infer_monotone, _build_monotone, condition=True)


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "sum": Function(
            (Form("sum(x, over=axis)", (1, 1), _OVER), Form("sum(x, by=label)", (1, 1), _BY)),
            _infer_sum,
            _build_sum,
        ),
        "at": Function((Form("at(x, by=label)", (1, 1), _BY),), _infer_at, _build_at),
        "max": _extreme("max", _build_max),
        "min": _extreme("min", _build_min),
        "positive": _unary("positive", _build_positive),
        "abs": _unary("abs", _build_abs),
        "div": _decimals("div(x, y", 2, frozenset(), infer_div, build_div),
        "floor": Function((Form("floor(x, u)", (2, 2)),), infer_floor, build_floor),
        "ceil": Function((Form("ceil(x, u)", (2, 2)),), infer_floor, build_ceil),
        "nearest": Function((Form("nearest(x, u)", (2, 2)),), infer_nearest, build_nearest),
        "sqrt": _decimals("sqrt(x", 1, frozenset(), infer_sqrt, build_sqrt),
        "step": Function((Form("step(x, bound, value, over=axis)", (3, 3), _OVER),), infer_step, build_step),
        "value_at_risk": _tail("value_at_risk", build_value_at_risk),
        "expected_shortfall": _tail("expected_shortfall", build_expected_shortfall),
        "match": _decimals("match(x, ratio, over=axis", 2, _OVER, infer_match, build_match),
        "pick": Function((Form("pick(y, score, over=axis)", (2, 2), _OVER),), infer_pick, build_pick),
        "previous": Function(
            (Form("previous(x, over=axis)", (1, 1), _OVER),), infer_previous, build_previous, tables_only=True
        ),
        "rising": _monotone("rising"),
        "falling": _monotone("falling"),
    }
)
"""Every built-in by name."""

FUNCTION_NAMES = tuple(FUNCTIONS)
"""Names of the built-ins, in the order of the specification."""

RESERVED = frozenset(FUNCTIONS) | {"equity", "maintenance", "initial", "over", "by"}
"""Words that no column, label or definition may take."""
