"""Phase 5, bound: the typed tree, each node with its proven integer interval.     specs/rules.md#intervals"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

from zkmargin.circuits.rules.build import Builder
from zkmargin.circuits.rules.functions import FUNCTIONS
from zkmargin.circuits.rules.parse import Binary, Call, Compare, Name, Negate, Number, Quotient, Syntax
from zkmargin.circuits.rules.problems import Poisoned, Problem, Refused, RuleProblems
from zkmargin.circuits.rules.tree import ONE, Comparison, Condition, Monotone, Node, Padding, Span, direction
from zkmargin.circuits.rules.types import Typed


@dataclass(frozen=True, slots=True)
class Bounded:
    """The typed tree of a document. Requirements are already at least zero; ``conditions`` are those of the file,
    then those that nodes add.
    """

    typed: Typed
    definitions: dict[str, Node]
    equity: Node
    requirements: dict[str, Node]
    conditions: tuple[Condition, ...]


def bound(typed: Typed) -> Bounded:
    """Build the tree. Raises RuleProblems where a value could leave the field or depend on padding."""
    phase = _Bounds(typed)
    parsed = typed.resolved.parsed
    document = parsed.document
    for name in typed.resolved.order:
        node = phase.root(parsed.definitions[name])
        if node is not None:
            phase.definitions[name] = node
    definitions = {name: phase.definitions[name] for name in parsed.definitions if name in phase.definitions}
    equity = phase.root(parsed.equity)
    requirements: dict[str, Node] = {}
    for name, root in parsed.requirements.items():
        node = phase.root(root)
        if node is None:
            continue
        requirements[name] = phase.builder.positive(node, root.span)
        if equity is not None:
            phase.check_claim(equity, requirements[name], document.requirements[name].span())
    conditions = [phase.condition(condition) for condition in parsed.conditions]
    if phase.problems or equity is None:
        raise RuleProblems(phase.problems)
    written = tuple(condition for condition in conditions if condition is not None)
    added = tuple(
        condition for (node, axis), condition in phase.builder.conditions.items() if direction(written, node, axis) != 1
    )
    return Bounded(typed, definitions, equity, requirements, written + added)


class _Bounds:
    def __init__(self, typed: Typed) -> None:
        self.document = typed.resolved.parsed.document
        self.builder = Builder(self.document.axes, self.document.labels)
        self.definitions: dict[str, Node] = {}
        self.problems: list[Problem] = []

    def root(self, syntax: Syntax) -> Node | None:
        """The node of a whole expression, or None where it or what it uses was refused."""
        try:
            return self.build(syntax)
        except Refused as refused:
            self.problems.append(refused.problem)
        except Poisoned:
            pass
        return None

    def build(self, syntax: Syntax) -> Node:
        given = tuple(self.build(operand) for operand in syntax.operands)
        builder, span = self.builder, syntax.span
        match syntax:
            case Number():
                return builder.literal(syntax.value, syntax.denominator, ONE, span)
            case Name():
                if syntax.name in self.definitions:
                    return self.definitions[syntax.name]
                column = self.document.columns.get(syntax.name)
                if column is None:
                    raise Poisoned
                return builder.column(column, span)
            case Negate():
                return builder.negate(given[0], span)
            case Quotient():
                return builder.quotient(given[0], syntax.divisor, span)
            case Binary(operator="*"):
                return builder.product(given[0], given[1], span)
            case Binary():
                sign = 1 if syntax.operator == "+" else -1
                return builder.add([(1, given[0]), (sign, given[1])], span)
            case Call():
                return FUNCTIONS[syntax.function].build(builder, syntax, given)
        raise Refused("syntax", "not part of the rule language", span)

    def condition(self, syntax: Syntax) -> Condition | None:
        """A condition, its operands brought to one denominator."""
        try:
            if isinstance(syntax, Compare):
                nodes = [self.build(part) for part in syntax.parts]
                common = lcm(*(node.type.denominator for node in nodes))
                aligned = [
                    self.builder.linear([(common // node.type.denominator, node)], common, syntax.span)
                    for node in nodes
                ]
                return Comparison(tuple(aligned), syntax.operators, syntax.text, syntax.span)
            if isinstance(syntax, Call):
                (axis, _), *_ = syntax.keywords["over"].names
                x = self.build(syntax.arguments[0])
                return Monotone(x, axis, syntax.function == "rising", syntax.text, syntax.span)
        except Refused as refused:
            self.problems.append(refused.problem)
        except Poisoned:
            pass
        return None

    def check_claim(self, equity: Node, requirement: Node, span: Span) -> None:
        """A claim that keeps a zero-padded axis holds on its padded rows by itself: both sides are 0."""
        for axis in self.document.axes.values():
            if axis.padding is not Padding.ZERO or axis.name not in equity.type.axes + requirement.type.axes:
                continue
            for what, node in (("equity", equity), ("the requirement", requirement)):
                if not self.builder.vanishes(node, axis.name):
                    words = f"the claim holds for every `{axis.name}`, and {what} is not 0 on its padded rows"
                    help = f"give `{axis.name}` a size, or sum over it"
                    self.problems.append(Problem("pad", words, span, help))
