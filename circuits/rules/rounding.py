"""Built-ins that round: ``div``, ``floor``, ``ceil``, ``nearest``, ``sqrt``.     specs/rules.md#rounding

Each has its typing rule (``infer_...``) and its node (``build_...``); functions.py lists them.
"""

from __future__ import annotations

from dataclasses import replace
from math import gcd, isqrt, lcm

from zkmargin.circuits.rules.build import Builder, split, visibility_of
from zkmargin.circuits.rules.document import MAX_DECIMALS
from zkmargin.circuits.rules.parse import Call
from zkmargin.circuits.rules.problems import Refused
from zkmargin.circuits.rules.shapes import Shape, Shapes
from zkmargin.circuits.rules.tree import (
    LIMIT,
    ONE,
    Div,
    Literal,
    Node,
    Positive,
    Product,
    Span,
    Sqrt,
    Type,
    Unit,
    Visibility,
)


def decimals_of(call: Call) -> int:
    """``decimals=``, 0 without. Raises Refused."""
    keyword = call.keywords.get("decimals")
    value, denominator = keyword.number or (-1, 1) if keyword else (0, 1)
    if keyword is not None and (denominator != 1 or not 0 <= value <= MAX_DECIMALS):
        raise Refused("syntax", f"`decimals=` takes a whole number from 0 to {MAX_DECIMALS}", keyword.span)
    return value


def infer_div(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    x, y = given
    visibility = max(x.visibility, y.visibility)
    return Shape(shapes.ordered(x.axes + y.axes, call.span), over(x.unit, y.unit), 10 ** decimals_of(call), visibility)


def over(x: Unit | None, y: Unit | None) -> Unit | None:
    """The unit of a quotient; that of 0 divided by anything is any."""
    return x if x is None or y is None else x / y


def infer_floor(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    x, u = given
    shapes.public(call, u, 1, "the unit to round to")
    number = u.visibility is Visibility.CONSTANT  # a number is in the unit of what is rounded
    if x.unit is not None and x.unit != u.unit and not number:
        raise Refused("unit", f"cannot round {x.unit} to multiples of {u.unit or 0}", call.arguments[1].span)
    return Shape(
        shapes.ordered(x.axes + u.axes, call.span), x.unit or u.unit, u.denominator, max(x.visibility, u.visibility)
    )


def infer_nearest(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    """As ``floor``; a private value keeps the denominator of what it is rounded from, and of half a unit."""
    x, u = given
    rounded = infer_floor(shapes, call, given)
    if x.visibility is not Visibility.PRIVATE:
        return rounded
    return shapes.limited(replace(rounded, denominator=lcm(x.denominator, 2 * u.denominator)), call.span)


def infer_sqrt(_shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    x = given[0]
    unit = x.unit.root() if x.unit is not None else None
    if x.unit is not None and unit is None:
        raise Refused("unit", f"the square root of {x.unit} has no unit", call.arguments[0].span)
    return Shape(x.axes, unit, 10 ** decimals_of(call), x.visibility)


def build_div(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    return divide(builder, given[0], given[1], decimals_of(call), call.span)


def build_floor(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    return builder.product(given[1], divide(builder, given[0], given[1], 0, call.span), call.span)


def build_ceil(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    below = divide(builder, builder.negate(given[0], call.span), given[1], 0, call.span)
    return builder.negate(builder.product(given[1], below, call.span), call.span)


def build_nearest(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    """``floor(x + u / 2, u)``, with x and half a unit for those elements of x that are not zero."""
    x, u = given
    span = call.span
    half = builder.quotient(u, 2, span)
    quotient = divide(builder, builder.add([(1, x), (1, half)], span), u, 0, span)
    if isinstance(quotient, Div):
        builder.vanish(quotient, builder.vanishing(x))  # floor(1/2) is 0
    exact = builder.product(u, quotient, span)
    if x.type.visibility is not Visibility.PRIVATE:
        return exact
    _, core = split(x)
    private = core.right if isinstance(core, Product) else core  # x is 0 where this is
    return builder.nearest(exact, x, builder.product(half, _is_held(builder, private, span), span), span)


def _is_held(builder: Builder, x: Node, span: Span) -> Node:
    """1 where the integer x is not zero, else 0: ``min(abs(x), 1)`` in units of its last decimal."""
    one = builder.literal(1, x.type.denominator, x.type.unit, span)
    least = builder.minimum([builder.absolute(x, span), one], (), span)
    each = ONE if x.type.unit is None else ONE / x.type.unit
    return builder.product(least, builder.literal(x.type.denominator, 1, each, span), span)


def divide(builder: Builder, x: Node, y: Node, decimals: int, span: Span) -> Node:
    """``floor(10**decimals * x / y)`` over ``10**decimals``. Raises Refused unless y is always positive."""
    if y.type.lo <= 0:
        words = "the divisor may be 0 or less: " + ("it is 0" if y.type.hi == 0 else f"its least value is {_least(y)}")
        raise Refused("sign", words, span, "divide by max(..., a positive constant), or raise `min` of a column")
    scale, unit = int(10**decimals), over(x.type.unit, y.type.unit)
    upper, lower = scale * y.type.denominator, x.type.denominator
    common = gcd(upper, lower)
    upper, lower = upper // common, lower // common
    if isinstance(y, Literal) and upper % (lower * y.value) == 0 and x.type.unit == unit:
        return builder.linear([(upper // (lower * y.value), x)], scale, span)
    x = builder.linear([(upper, x)], upper * x.type.denominator, span)
    y = builder.linear([(lower, y)], lower * y.type.denominator, span)
    lo = x.type.lo // (y.type.lo if x.type.lo < 0 else y.type.hi)
    hi = x.type.hi // (y.type.hi if x.type.hi < 0 else y.type.lo)
    if lo == hi:
        return builder.literal(lo, scale, unit, span)
    within(max(abs(lo), abs(hi)) + 1, y.type.hi, span)
    nodes = [x, y]
    kind = Type(builder.union(nodes), unit, scale, lo, hi, visibility_of(nodes))
    return builder.node(Div, kind, span, nodes, builder.vanishing(x), x=x, y=y)


def _least(y: Node) -> str:
    return str(y.type.lo) if y.type.denominator == 1 else f"{y.type.lo}/{y.type.denominator}"


def within(left: int, right: int, span: Span) -> None:
    """Refuse a check that multiplies values of these sizes where the product could leave the field."""
    if left * right >= LIMIT:
        words = f"the check of this value multiplies {left.bit_length()} by {right.bit_length()} bits, the limit is 252"
        raise Refused("field", words, span, "fewer decimals, or tighter min and max")


def build_sqrt(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    """``floor(10**d * sqrt(max(x, 0)))`` over ``10**d``."""
    x, span = given[0], call.span
    factor, core = split(x)
    if isinstance(core, Positive) and factor > 0:
        x = builder.linear([(factor, core.x)], x.type.denominator, span)
    scale, denominator = int(10 ** decimals_of(call)), x.type.denominator
    unit = x.type.unit.root() if x.type.unit is not None else None
    common = gcd(scale**2, denominator)
    upper, divisor = scale**2 // common, denominator // common
    x = builder.linear([(upper, x)], upper * denominator, span)
    lo, hi = (isqrt(max(end, 0) // divisor) for end in (x.type.lo, x.type.hi))
    if lo == hi:
        return builder.literal(lo, scale, unit, span)
    within(divisor * (hi + 1), hi + 1, span)
    kind = Type(x.type.axes, unit, scale, lo, hi, x.type.visibility)
    return builder.node(Sqrt, kind, span, (x,), builder.vanishing(x), x=x, divisor=divisor)
