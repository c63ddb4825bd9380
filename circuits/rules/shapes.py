"""Shapes of expressions, axes by unit by denominator, and the rules by which they combine.

Specified in specs/rules.md#types.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import lcm, prod

from zkmargin.circuits.rules.document import MAX_ELEMENTS
from zkmargin.circuits.rules.parse import Call, Syntax
from zkmargin.circuits.rules.problems import Refused
from zkmargin.circuits.rules.tree import LIMIT, Axis, LabelDecl, Padding, Span, Unit, Visibility


@dataclass(frozen=True, slots=True)
class Shape:
    """What the type phase knows of an expression; ``unit`` is None for the number 0, which fits any unit."""

    axes: tuple[str, ...]
    unit: Unit | None
    denominator: int
    visibility: Visibility

    def __str__(self) -> str:
        unit = "any unit" if self.unit is None else str(self.unit)
        return f"[{', '.join(self.axes)}] {unit} /{self.denominator} {self.visibility.name.lower()}"


class Shapes:
    """The combining rules, over one document's axes and labels. All raise Refused."""

    def __init__(self, axes: Mapping[str, Axis], labels: Mapping[str, LabelDecl]) -> None:
        self.axes = axes
        self.labels = labels

    def ordered(self, names: Iterable[str], span: Span) -> tuple[str, ...]:
        """Axes in declared order; refuses arrays too large to handle."""
        wanted = set(names)
        axes = tuple(name for name in self.axes if name in wanted)
        if prod(self.axes[name].capacity for name in axes) > MAX_ELEMENTS:
            words = f"an array over [{', '.join(axes)}] has more than {MAX_ELEMENTS} elements"
            raise Refused("axis", words, span)
        return axes

    def alike(self, nodes: Sequence[Syntax], shapes: Sequence[Shape], verb: str, span: Span) -> Shape:
        """The common shape of operands that are added or compared: equal units, axes united by name."""
        unit = None
        for node, shape in zip(nodes, shapes, strict=True):
            if unit is None:
                unit = shape.unit
            elif shape.unit is not None and shape.unit != unit:
                raise Refused("unit", f"cannot {verb} {unit} and {shape.unit}", node.span)
        axes = self.ordered((axis for shape in shapes for axis in shape.axes), span)
        denominator = lcm(*(shape.denominator for shape in shapes))
        visibility = max(shape.visibility for shape in shapes)
        return self.limited(Shape(axes, unit, denominator, visibility), span)

    def times(self, left: Shape, right: Shape, span: Span) -> Shape:
        """The shape of a product."""
        unit = None if left.unit is None or right.unit is None else left.unit * right.unit
        axes = self.ordered(left.axes + right.axes, span)
        visibility = max(left.visibility, right.visibility)
        return self.limited(Shape(axes, unit, left.denominator * right.denominator, visibility), span)

    def limited(self, shape: Shape, span: Span) -> Shape:
        """Refuse a denominator that no value could be written over."""
        if shape.denominator >= LIMIT:
            raise Refused("field", "too many decimals: the denominator reaches 2^252", span, "fewer decimals")
        return shape

    def over(self, call: Call, shape: Shape, argument: int = 0) -> tuple[str, ...]:
        """The axes that ``over=`` names, each an axis of that operand; without ``over=``, none."""
        if "over" not in call.keywords:
            return ()
        for name, span in call.keywords["over"].names:
            if name not in shape.axes:
                held = f"axes [{', '.join(shape.axes)}]" if shape.axes else "no axes"
                words = f"`{call.arguments[argument].text}` has {held}; it has no axis `{name}`"
                raise Refused("axis", words, span)
        names = [name for name, _ in call.keywords["over"].names]
        return tuple(name for name in shape.axes if name in names)

    def along(self, call: Call, shape: Shape, argument: int = 0) -> str:
        """The one axis that ``over=`` names, an axis of that operand."""
        axes = self.over(call, shape, argument)
        if len(axes) != 1:
            raise Refused("axis", f"`{call.function}` runs over one axis", call.keywords["over"].span)
        return axes[0]

    def public(self, call: Call, shape: Shape, argument: int, what: str) -> None:
        """Refuse an operand that depends on the account."""
        if shape.visibility is Visibility.PRIVATE:
            words = (
                f"{what} of `{call.function}` comes from the tables, `{call.arguments[argument].text}` from the account"
            )
            raise Refused("visibility", words, call.arguments[argument].span)

    def by(self, call: Call) -> LabelDecl:
        """The label that ``by=`` names."""
        return self.labels[call.keywords["by"].names[0][0]]

    def relabel(self, call: Call, shape: Shape, source: str, target: str) -> Shape:
        """The operand's shape with axis ``source`` become ``target``."""
        if source not in shape.axes:
            held = f"axes [{', '.join(shape.axes)}]" if shape.axes else "no axes"
            words = f"`{call.arguments[0].text}` has {held}; `{call.function}` by this label needs `{source}`"
            raise Refused("axis", words, call.span)
        if target in shape.axes:
            words = f"`{call.arguments[0].text}` already has the axis `{target}`"
            raise Refused("axis", words, call.span)
        axes = [axis for axis in shape.axes if axis != source]
        visibility = max(shape.visibility, Visibility.PUBLIC)
        return Shape(self.ordered([*axes, target], call.span), shape.unit, shape.denominator, visibility)

    def exact(self, call: Call) -> None:
        """Refuse a count of elements along an axis whose number of rows may vary."""
        for name, span in call.keywords["over"].names:
            if self.axes[name].padding is not Padding.NONE:
                words = f"`{name}` has a capacity: `{call.function}` would count its padding; use size"
                raise Refused("pad", words, span)

    def unpadded(self, call: Call, over: tuple[str, ...], refused: Padding, consequence: str) -> None:
        """Refuse a reduction over an axis whose padding would change its result."""
        for name, span in call.keywords["over"].names if over else ():
            if self.axes[name].padding is refused:
                how = "is padded with zeros" if refused is Padding.ZERO else "repeats its last row"
                fix = "pad: repeat or size" if refused is Padding.ZERO else "pad: zero or size"
                raise Refused("pad", f"`{name}` {how}: {consequence}; use {fix}", span)
