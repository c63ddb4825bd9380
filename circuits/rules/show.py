"""The products of the front-end phases as text, for ``zkmargin rules compile --show PHASE``."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2

from zkmargin.circuits.rules.load import Phases, run_phases
from zkmargin.circuits.rules.parse import (
    Binary,
    Call,
    Compare,
    Keyword,
    Name,
    Negate,
    Number,
    Quotient,
    Syntax,
)
from zkmargin.circuits.rules.resolve import subexpressions
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
    Pick,
    Positive,
    Previous,
    Product,
    Sqrt,
    Step,
    Sum,
    SumBy,
    ValueAtRisk,
    walk,
)
from zkmargin.errors import InputError

PHASES = ("parse", "resolve", "type", "bound", "side")
"""Phases whose product can be shown, in order."""


def show_phase(text: bytes, file: str, phase: str) -> str:
    """The product of one phase of a rule file's bytes. Raises RuleProblems, InputError for an unknown
    phase.
    """
    shows = {"parse": _parse, "resolve": _resolve, "type": _type, "bound": _bound, "side": _side}
    if phase not in shows:
        raise InputError("unknown phase", expected=", ".join(PHASES), got=phase)
    return "\n".join(shows[phase](run_phases(text, file))) + "\n"


def _parse(phases: Phases) -> Iterator[str]:
    for name, root in phases.bounded.typed.resolved.parsed.roots():
        yield f"{name}: {format_syntax(root)}"


def _resolve(phases: Phases) -> Iterator[str]:
    resolved = phases.bounded.typed.resolved
    document, parsed = resolved.parsed.document, resolved.parsed
    for axis in document.axes.values():
        yield f"axis {axis.name}: {axis.capacity} rows, padding {axis.padding.value}" + (
            f", like {axis.like}" if axis.like else ""
        )
    for column in document.columns.values():
        yield f"{column.role.value} {column.name}: [{', '.join(column.axes)}]"
    for label in document.labels.values():
        fixed = "" if label.fixed is None else ", fixed"
        yield f"label {label.name}: {label.axis} > {label.target}{fixed}"
    for name in resolved.order:
        used = {node.name: None for node in subexpressions(parsed.definitions[name]) if isinstance(node, Name)}
        yield f"define {name}: uses {', '.join(used) or 'nothing'}"


def _type(phases: Phases) -> Iterator[str]:
    typed = phases.bounded.typed
    for name, root in typed.resolved.parsed.roots():
        yield f"{name}:"
        for node in subexpressions(root):
            yield f"  {node.text}: {typed.shapes[node]}"


def _numbered(phases: Phases) -> dict[Node, int]:
    bounded = phases.bounded
    roots = [*bounded.definitions.values(), bounded.equity, *bounded.requirements.values()]
    return {node: number for number, node in enumerate(walk(roots))}


def _bound(phases: Phases) -> Iterator[str]:
    numbers = _numbered(phases)
    for node, number in numbers.items():
        kind = node.type
        axes = f"[{', '.join(kind.axes)}] " if kind.axes else ""
        interval = f"{_power(kind.lo)} .. {_power(kind.hi)}, {kind.bits} bits"
        unit = "any" if kind.unit is None else str(kind.unit)
        yield f"%{number} = {format_node(node, numbers)}: {axes}{unit} /{kind.denominator}, {interval}"
    yield from _roots(phases, numbers)


def _side(phases: Phases) -> Iterator[str]:
    numbers = _numbered(phases)
    for node, number in numbers.items():
        if node in phases.sides:
            yield f"%{number} = {format_node(node, numbers)}: {phases.sides[node].value}"
    yield from _roots(phases, numbers)


def _roots(phases: Phases, numbers: dict[Node, int]) -> Iterator[str]:
    bounded = phases.bounded
    for name, node in {**bounded.definitions, "equity": bounded.equity, **bounded.requirements}.items():
        yield f"{name} = %{numbers[node]}"


def _power(value: int) -> str:
    if abs(value) < 1 << 20:
        return str(value)
    return f"{'-' if value < 0 else ''}2^{log2(abs(value)):.1f}"


def format_syntax(node: Syntax) -> str:
    """A syntax tree with every grouping written out."""
    match node:
        case Number():
            return str(node.value) if node.denominator == 1 else f"{node.value}/{node.denominator}"
        case Name():
            return node.name
        case Negate():
            return f"-({format_syntax(node.x)})"
        case Binary():
            return f"({format_syntax(node.left)} {node.operator} {format_syntax(node.right)})"
        case Quotient():
            return f"({format_syntax(node.x)} / {node.divisor})"
        case Call():
            words = [format_syntax(argument) for argument in node.arguments]
            words += [f"{name}={_keyword(keyword)}" for name, keyword in node.keywords.items()]
            return f"{node.function}({', '.join(words)})"
        case Compare():
            words = [format_syntax(node.parts[0])]
            for operator, part in zip(node.operators, node.parts[1:], strict=True):
                words += [operator, format_syntax(part)]
            return " ".join(words)
    return node.text


def _keyword(keyword: Keyword) -> str:
    if keyword.number is not None:
        return "/".join(map(str, keyword.number))
    names = ", ".join(name for name, _ in keyword.names)
    return f"[{names}]" if keyword.bracketed else names


def format_node(node: Node, numbers: dict[Node, int]) -> str:
    """One node, its children as ``%number``."""

    def ref(child: Node) -> str:
        return f"%{numbers[child]}"

    match node:
        case Literal():
            return str(node.value)
        case ColumnRef():
            return node.name
        case LinearSum():
            terms = [ref(term) if factor == 1 else f"{factor}*{ref(term)}" for factor, term in node.terms]
            return " + ".join(terms + ([str(node.constant)] if node.constant else []))
        case Product():
            return f"{ref(node.left)} * {ref(node.right)}"
        case Sum():
            return f"sum({ref(node.x)}, over=[{', '.join(node.over)}])"
        case SumBy():
            return f"sum({ref(node.x)}, by={node.label})"
        case At():
            return f"at({ref(node.x)}, by={node.label})"
        case Max():
            over = f", over=[{', '.join(node.over)}]" if node.over else ""
            return f"max({', '.join(map(ref, node.branches))}{over})"
        case Div():
            return f"div({ref(node.x)}, {ref(node.y)})"
        case Nearest():
            return f"nearest({ref(node.exact)}: {ref(node.near)} +- {ref(node.room)})"
        case Sqrt():
            return f"sqrt({ref(node.x)}" + (f" / {node.divisor})" if node.divisor > 1 else ")")
        case Step():
            return f"step({ref(node.x)}, {ref(node.bound)}, {ref(node.value)}, over={node.axis})"
        case ValueAtRisk():
            return f"value_at_risk({ref(node.x)}, over=[{', '.join(node.over)}], worst={node.worst})"
        case ExpectedShortfall():
            worst = "/".join(map(str, node.worst)).removesuffix("/1")
            return f"expected_shortfall({ref(node.x)}, over=[{', '.join(node.over)}], worst={worst})"
        case Match():
            return f"match({ref(node.x)}, {ref(node.ratio)}, over={node.leg}, rows={node.row})"
        case Pick():
            return f"pick({ref(node.y)}, {ref(node.score)}, over={node.axis})"
        case Previous():
            return f"previous({ref(node.x)}, over={node.axis})"
        case Positive():
            return f"positive({ref(node.x)})"
        case Abs():
            return f"abs({ref(node.x)})"
    return type(node).__name__
