"""Built-ins that choose along an axis: ``step``, ``pick``, ``match``, ``previous``.     specs/rules.md#choices

Each has its typing rule (``infer_...``) and its node (``build_...``); functions.py lists them.
"""

from __future__ import annotations

from math import gcd, lcm

from zkmargin.circuits.rules.build import Builder, content, split, visibility_of
from zkmargin.circuits.rules.parse import Call
from zkmargin.circuits.rules.problems import Refused
from zkmargin.circuits.rules.rounding import decimals_of, over, within
from zkmargin.circuits.rules.shapes import Shape, Shapes
from zkmargin.circuits.rules.tree import Match, Monotone, Node, Padding, Pick, Previous, Step, Type


def _axis(call: Call) -> str:
    return call.keywords["over"].names[0][0]


def _varies(node: Node, axis: str, call: Call, argument: int) -> None:
    """Refuse an operand that turned out not to depend on an axis."""
    if axis not in node.type.axes:
        words = f"`{call.arguments[argument].text}` is the same for every `{axis}`"
        raise Refused("axis", words, call.arguments[argument].span)


def infer_step(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    x, bound, value = given
    axis = shapes.along(call, bound, 1)
    shapes.over(call, value, 2)
    shapes.unpadded(call, (axis,), Padding.ZERO, "step would gain a tier 0")
    if axis in x.axes:
        raise Refused("axis", f"`{call.arguments[0].text}` has the axis `{axis}` of the tiers", call.span)
    shapes.public(call, bound, 1, "the bound")
    shapes.public(call, value, 2, "the value")
    shapes.alike(call.arguments[:2], given[:2], "compare", call.span)
    axes = [name for name in x.axes + bound.axes + value.axes if name != axis]
    return Shape(shapes.ordered(axes, call.span), value.unit, value.denominator, max(s.visibility for s in given))


def build_step(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    """The value of the first tier whose bound is not below x. Adds the condition that bounds rise."""
    (x, bound, value), axis, span = given, _axis(call), call.span
    if axis not in value.type.axes:
        return value
    factor, core = split(value)
    if core is not value:
        inner = build_step(builder, call, (x, bound, core))
        return builder.linear([(factor, inner)], value.type.denominator, span)
    _varies(bound, axis, call, 1)
    text = f"rising({call.arguments[1].text}, over={axis})"
    builder.conditions.setdefault((bound, axis), Monotone(bound, axis, True, text, call.arguments[1].span))
    common = lcm(x.type.denominator, bound.type.denominator)
    x, bound = (builder.linear([(common // n.type.denominator, n)], common, span) for n in (x, bound))
    nodes = [x, bound, value]
    axes = tuple(name for name in builder.union(nodes) if name != axis)
    t = value.type
    kind = Type(axes, t.unit, t.denominator, t.lo, t.hi, visibility_of(nodes))
    return builder.node(Step, kind, span, nodes, builder.vanishing(value), x=x, bound=bound, value=value, axis=axis)


def infer_pick(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    y, score = given
    axis = shapes.along(call, score, 1)
    shapes.over(call, y, 0)
    shapes.unpadded(call, (axis,), Padding.ZERO, "pick would gain a choice 0")
    axes = [name for name in y.axes + score.axes if name != axis]
    return Shape(shapes.ordered(axes, call.span), y.unit, y.denominator, max(s.visibility for s in given))


def build_pick(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    """``y`` where the score first is largest."""
    (y, score), axis, span = given, _axis(call), call.span
    if axis not in y.type.axes:
        return y
    factor, core = split(y)
    if core is not y:
        return builder.linear([(factor, build_pick(builder, call, (core, score)))], y.type.denominator, span)
    _varies(score, axis, call, 1)
    factor, core = split(score)
    score = core if factor > 0 else score
    axes = tuple(name for name in builder.union([y, score]) if name != axis)
    t = y.type
    kind = Type(axes, t.unit, t.denominator, t.lo, t.hi, visibility_of([y, score]))
    return builder.node(Pick, kind, span, [y, score], builder.vanishing(y), y=y, score=score, axis=axis)


def infer_match(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    x, ratio = given
    leg = shapes.along(call, x)
    shapes.over(call, ratio, 1)
    shapes.public(call, ratio, 1, "the ratio")
    rows = [axis for axis in ratio.axes if axis not in x.axes]
    if len(rows) != 1:
        words = f"`{call.arguments[1].text}` needs one axis that `{call.arguments[0].text}` lacks: the rows of spreads"
        raise Refused("axis", words, call.arguments[1].span)
    for axis in (leg, rows[0]):
        if shapes.axes[axis].padding is Padding.REPEAT:
            words = f"`{axis}` repeats its last row: match would use it again; use pad: zero or size"
            raise Refused("pad", words, call.span)
    axes = shapes.ordered([axis for axis in x.axes + ratio.axes if axis != leg], call.span)
    return Shape(axes, over(x.unit, ratio.unit), 10 ** decimals_of(call), max(x.visibility, ratio.visibility))


def build_match(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    """The spreads formed at each row from what the rows before left over."""
    (x, ratio), leg, span = given, _axis(call), call.span
    scale, unit = int(10 ** decimals_of(call)), over(x.type.unit, ratio.type.unit)
    if x.type.lo == x.type.hi == 0:
        return x
    _varies(x, leg, call, 0)
    _varies(ratio, leg, call, 1)
    rows = [axis for axis in ratio.type.axes if axis not in x.type.axes]
    if len(rows) != 1:
        raise Refused("axis", f"`{call.arguments[1].text}` does not vary along the rows of spreads", span)
    row = rows[0]
    for axis in (leg, row):
        if builder.axes[axis].padding is Padding.ZERO and not builder.vanishes(ratio, axis):
            words = f"`{call.arguments[1].text}` is not 0 on the padded rows of `{axis}`"
            raise Refused("pad", words, call.arguments[1].span)
    upper, lower = scale * ratio.type.denominator, x.type.denominator
    common = gcd(upper, lower)
    upper, lower = upper // common, lower // common
    x = builder.linear([(upper, x)], upper * x.type.denominator, span)
    ratio = builder.linear([(lower, ratio)], lower * ratio.type.denominator, span)
    most = max(abs(x.type.lo), abs(x.type.hi)) // content(ratio)
    within(most, max(abs(ratio.type.lo), abs(ratio.type.hi)), span)
    nodes = [x, ratio]
    axes = tuple(axis for axis in builder.union(nodes) if axis != leg)
    kind = Type(axes, unit, scale, 0, most, visibility_of(nodes))
    vanishing = (builder.vanishing(x) | builder.vanishing(ratio)) - {leg}
    return builder.node(Match, kind, span, nodes, vanishing, x=x, ratio=ratio, leg=leg, row=row)


def infer_previous(shapes: Shapes, call: Call, given: tuple[Shape, ...]) -> Shape:
    shapes.along(call, given[0])
    shapes.public(call, given[0], 0, "the operand")
    return given[0]


def build_previous(builder: Builder, call: Call, given: tuple[Node, ...]) -> Node:
    """``x`` one row earlier, 0 at the first row."""
    x, axis = given[0], _axis(call)
    _varies(x, axis, call, 0)
    t = x.type
    kind = Type(t.axes, t.unit, t.denominator, min(t.lo, 0), max(t.hi, 0), t.visibility)
    return builder.node(Previous, kind, call.span, (x,), builder.vanishing(x) - {axis}, x=x, axis=axis)
