"""Risk measures of scenarios: ``value_at_risk``, ``expected_shortfall``.     specs/rules.md#tails

Each has its typing rule (``infer_...``) and its node (``build_...``); functions.py lists them.
"""

from __future__ import annotations

from fractions import Fraction
from math import prod

from zkmargin.circuits.rules.build import Builder, split
from zkmargin.circuits.rules.parse import Call
from zkmargin.circuits.rules.problems import Refused
from zkmargin.circuits.rules.shapes import Shape, Shapes
from zkmargin.circuits.rules.tree import ExpectedShortfall, Node, Type, ValueAtRisk


def _worst(call: Call) -> Fraction:
    return Fraction(*(call.keywords["worst"].number or (0, 1)))


def _over(call: Call) -> tuple[str, ...]:
    return tuple(name for name, _ in call.keywords["over"].names)


def infer_tail(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    """Both measures: the axes leave; the mean of p/q elements is over p times the denominator."""
    x, worst, span = given[0], _worst(call), call.keywords["worst"].span
    over = shapes.over(call, x)
    shapes.exact(call)
    count = prod(shapes.axes[axis].capacity for axis in over)
    if not 1 <= worst <= count:
        raise Refused("axis", f"`worst=` lies between 1 and the {count} elements along {', '.join(over)}", span)
    whole = call.function == "value_at_risk"
    if whole and worst.denominator != 1:
        raise Refused("syntax", "`value_at_risk` takes a whole number as `worst=`", span)
    left = tuple(axis for axis in x.axes if axis not in over)
    denominator = x.denominator * (1 if whole else worst.numerator)
    return shapes.limited(Shape(left, x.unit, denominator, x.visibility), call.span)


def _kept(builder: Builder, x: Node, call: Call) -> tuple[tuple[str, ...], Fraction, int]:
    """The axes that x still has, how many elements of them count, and how many there are.

    Along an axis that x lacks every element repeats.
    """
    axes = tuple(axis for axis in builder.axes if axis in _over(call) and axis in x.type.axes)
    repeats = prod(builder.axes[axis].capacity for axis in _over(call) if axis not in axes)
    return axes, _worst(call) / repeats, prod(builder.axes[axis].capacity for axis in axes)


def build_value_at_risk(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    """The n-th largest."""
    x, span = given[0], call.span
    axes, worst, _ = _kept(builder, x, call)
    rank = -(-worst.numerator // worst.denominator)
    if not axes or rank == 1:
        return builder.maximum([x], axes, span)
    factor, core = split(x)
    if factor > 0 and core is not x:
        return builder.linear([(factor, build_value_at_risk(builder, call, (core,)))], x.type.denominator, span)
    t = x.type
    left = tuple(axis for axis in t.axes if axis not in axes)
    kind = Type(left, t.unit, t.denominator, t.lo, t.hi, t.visibility)
    return builder.node(ValueAtRisk, kind, span, (x,), builder.vanishing(x), x=x, over=axes, worst=rank)


def build_expected_shortfall(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    """The mean of the n largest."""
    x, span = given[0], call.span
    axes, worst, count = _kept(builder, x, call)
    if not axes or worst <= 1:
        return builder.maximum([x], axes, span)
    if worst == count:
        return builder.quotient(builder.sum(x, axes, span), count, span)
    factor, core = split(x)
    if factor > 0 and core is not x:
        inner = build_expected_shortfall(builder, call, (core,))
        return builder.linear([(factor, inner)], worst.numerator * x.type.denominator, span)
    t, parts = x.type, worst.numerator
    left = tuple(axis for axis in t.axes if axis not in axes)
    kind = Type(left, t.unit, parts * t.denominator, parts * t.lo, parts * t.hi, t.visibility)
    fraction = (parts, worst.denominator)
    return builder.node(ExpectedShortfall, kind, span, (x,), builder.vanishing(x), x=x, over=axes, worst=fraction)
