"""Phase 4, type: axes, unit, denominator and visibility of every expression.     specs/rules.md#types"""

from __future__ import annotations

from dataclasses import dataclass

from zkmargin.circuits.rules.functions import FUNCTIONS
from zkmargin.circuits.rules.parse import Binary, Call, Compare, Name, Negate, Number, Quotient, Syntax
from zkmargin.circuits.rules.problems import Poisoned, Problem, Refused, RuleProblems
from zkmargin.circuits.rules.resolve import Resolved
from zkmargin.circuits.rules.shapes import Shape, Shapes
from zkmargin.circuits.rules.tree import ONE, Role, Visibility


@dataclass(frozen=True, slots=True)
class Typed:
    """A resolved document with the shape of every subexpression, and of every definition by name."""

    resolved: Resolved
    shapes: dict[Syntax, Shape]
    definitions: dict[str, Shape]


def infer_types(resolved: Resolved) -> Typed:
    """Type every expression. Raises RuleProblems; what uses a refused definition is not reported again."""
    phase = _Types(resolved)
    parsed = resolved.parsed
    for name in resolved.order:
        shape = phase.root(parsed.definitions[name])
        if shape is not None:
            phase.definitions[name] = shape
    equity = phase.root(parsed.equity)
    for name, root in parsed.requirements.items():
        shape = phase.root(root)
        if equity is None or shape is None or equity.unit is None or shape.unit is None:
            continue
        if equity.unit != shape.unit:
            words = f"{name} is in {shape.unit}, equity in {equity.unit}"
            phase.problems.append(Problem("unit", words, parsed.document.requirements[name].span()))
    for condition in parsed.conditions:
        shape = phase.root(condition)
        if shape is not None and shape.visibility is Visibility.PRIVATE:
            words = "a condition reads the tables, not the account"
            phase.problems.append(Problem("visibility", words, condition.span))
    if phase.problems:
        raise RuleProblems(phase.problems)
    return Typed(resolved, phase.found, phase.definitions)


class _Types:
    def __init__(self, resolved: Resolved) -> None:
        self.document = resolved.parsed.document
        self.shapes = Shapes(self.document.axes, self.document.labels)
        self.found: dict[Syntax, Shape] = {}
        self.definitions: dict[str, Shape] = {}
        self.problems: list[Problem] = []

    def root(self, node: Syntax) -> Shape | None:
        """The shape of a whole expression, or None where it or what it uses was refused."""
        try:
            return self.infer(node)
        except Refused as refused:
            self.problems.append(refused.problem)
        except Poisoned:
            pass
        return None

    def infer(self, node: Syntax) -> Shape:
        shape = self._infer(node, tuple(self.infer(operand) for operand in node.operands))
        self.found[node] = shape
        return shape

    def _infer(self, node: Syntax, given: tuple[Shape, ...]) -> Shape:
        shapes = self.shapes
        match node:
            case Number():
                unit = ONE if node.value else None
                return shapes.limited(Shape((), unit, node.denominator, Visibility.CONSTANT), node.span)
            case Name():
                return self._name(node)
            case Negate():
                return given[0]
            case Quotient():
                x = given[0]
                wider = Shape(x.axes, x.unit, x.denominator * node.divisor, x.visibility)
                return shapes.limited(wider, node.span)
            case Binary(operator="*"):
                return shapes.times(given[0], given[1], node.span)
            case Binary():
                verb = "add" if node.operator == "+" else "subtract"
                return shapes.alike(node.operands, given, verb, node.span)
            case Compare():
                return shapes.alike(node.operands, given, "compare", node.span)
            case Call():
                return FUNCTIONS[node.function].infer(shapes, node, given)
        raise Refused("syntax", "not part of the rule language", node.span)

    def _name(self, node: Name) -> Shape:
        if node.name in self.definitions:
            return self.definitions[node.name]
        column = self.document.columns.get(node.name)
        if column is None:
            raise Poisoned
        visibility = Visibility.PRIVATE if column.role is Role.PRIVATE else Visibility.PUBLIC
        return Shape(column.axes, column.unit, 10**column.decimals, visibility)
