"""Phase 2, parse: expression texts to syntax trees, by ``ast`` against a whitelist.
Specified in specs/rules.md#grammar.

Nothing is evaluated. Only ASCII text reaches ``ast`` (it would normalise other letters into ASCII names).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from zkmargin.circuits.rules.document import Document
from zkmargin.circuits.rules.problems import Problem, Refused, RuleProblems
from zkmargin.circuits.rules.reader import Expression, exact
from zkmargin.circuits.rules.tree import Span

MAX_LENGTH = 4000
MAX_DEPTH = 60

_ALLOWED = re.compile(r"[A-Za-z0-9_+\-*/(),.=<>\[\] ]*")
_NUMERAL = re.compile(r"(?<![A-Za-z0-9_.])\.?[0-9][A-Za-z0-9_.]*(?:(?<=[eE])[+-][0-9]+)?")
_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.LtE: "<=",
    ast.Lt: "<",
    ast.Eq: "==",
    ast.GtE: ">=",
    ast.Gt: ">",
}


@dataclass(frozen=True, eq=False, slots=True)
class Syntax:
    """A parsed expression; ``text`` as it was written."""

    span: Span
    text: str

    @property
    def operands(self) -> tuple[Syntax, ...]:
        return ()


@dataclass(frozen=True, eq=False, slots=True)
class Number(Syntax):
    """``value / denominator``, exactly as written."""

    value: int
    denominator: int


@dataclass(frozen=True, eq=False, slots=True)
class Name(Syntax):
    """A column, a parameter or a definition."""

    name: str


@dataclass(frozen=True, eq=False, slots=True)
class Negate(Syntax):
    x: Syntax

    @property
    def operands(self) -> tuple[Syntax, ...]:
        return (self.x,)


@dataclass(frozen=True, eq=False, slots=True)
class Binary(Syntax):
    """``left operator right``, operator one of ``+ - *``."""

    operator: str
    left: Syntax
    right: Syntax

    @property
    def operands(self) -> tuple[Syntax, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, eq=False, slots=True)
class Quotient(Syntax):
    """``x / divisor``: no division happens, the denominator grows."""

    x: Syntax
    divisor: int

    @property
    def operands(self) -> tuple[Syntax, ...]:
        return (self.x,)


@dataclass(frozen=True, slots=True)
class Keyword:
    """``name=value``: names (one, or a bracketed list) or a number."""

    span: Span
    names: tuple[tuple[str, Span], ...]
    bracketed: bool
    number: tuple[int, int] | None


@dataclass(frozen=True, eq=False, slots=True)
class Call(Syntax):
    """``function(arguments, keyword=...)``."""

    function: str
    arguments: tuple[Syntax, ...]
    keywords: dict[str, Keyword]

    @property
    def operands(self) -> tuple[Syntax, ...]:
        return self.arguments


@dataclass(frozen=True, eq=False, slots=True)
class Compare(Syntax):
    """``parts[0] operators[0] parts[1] ...``; the top of a condition only."""

    parts: tuple[Syntax, ...]
    operators: tuple[str, ...]

    @property
    def operands(self) -> tuple[Syntax, ...]:
        return self.parts


@dataclass(frozen=True, slots=True)
class Parsed:
    """The syntax trees of a document. ``conditions`` are Compare or Call nodes."""

    document: Document
    definitions: dict[str, Syntax]
    equity: Syntax
    requirements: dict[str, Syntax]
    conditions: tuple[Syntax, ...]

    def roots(self) -> Iterator[tuple[str, Syntax]]:
        """Every expression with its name, in the order of the file's sections."""
        yield from self.definitions.items()
        yield "equity", self.equity
        yield from self.requirements.items()
        for position, condition in enumerate(self.conditions):
            yield f"condition {position + 1}", condition


def parse(document: Document) -> Parsed:
    """Parse every expression. Raises RuleProblems, one problem for each expression that fails."""
    problems: list[Problem] = []
    texts = [*document.definitions.values(), document.equity, *document.requirements.values()]
    trees: list[Syntax] = []
    for position, expression in enumerate((*texts, *document.conditions)):
        try:
            trees.append(parse_expression(expression, condition=position >= len(texts)))
        except Refused as refused:
            problems.append(refused.problem)
    if problems:
        raise RuleProblems(problems)
    cut = len(document.definitions)
    return Parsed(
        document,
        dict(zip(document.definitions, trees[:cut], strict=True)),
        trees[cut],
        dict(zip(document.requirements, trees[cut + 1 : len(texts)], strict=True)),
        tuple(trees[len(texts) :]),
    )


def parse_expression(expression: Expression, *, condition: bool = False) -> Syntax:
    """One expression, or one condition. Raises Refused."""
    text = expression.text
    if len(text) > MAX_LENGTH:
        raise Refused("syntax", f"an expression has at most {MAX_LENGTH} characters", expression.span(0, 1))
    good = _ALLOWED.match(text)
    if good is None or good.end() < len(text):
        at = good.end() if good else 0
        raise Refused("syntax", f"character {text[at]!a} is not allowed", expression.span(at, at + 1))
    for numeral in _NUMERAL.finditer(text):
        if exact(numeral.group()) is None:
            words = "a number reads like 12, 0.5 or 1e7, at most 60 digits"
            raise Refused("syntax", words, expression.span(*numeral.span()))
    shift = len(text) - len(text.lstrip())
    try:
        body = ast.parse(text[shift:], mode="eval").body
    except SyntaxError as error:
        at = min(shift + max(0, (error.offset or 1) - 1), len(text) - 1)
        raise Refused("syntax", "not a valid expression", expression.span(at, at + 1)) from None
    except (MemoryError, RecursionError, ValueError):
        raise Refused("syntax", "not a valid expression", expression.span()) from None
    reader = _Expressions(expression, shift)
    reader.check_depth(body)
    return reader.condition(body) if condition else reader.read(body)


class _Expressions:
    """Turns whitelisted ``ast`` nodes of one text into syntax."""

    def __init__(self, expression: Expression, shift: int) -> None:
        self.expression = expression
        self.shift = shift

    def check_depth(self, body: ast.expr) -> None:
        """Refuse deep trees before any recursion over them."""
        stack: list[tuple[ast.AST, int]] = [(body, 1)]
        while stack:
            node, depth = stack.pop()
            if depth > MAX_DEPTH:
                help = "name parts of it under `define`"
                raise Refused("syntax", f"nested deeper than {MAX_DEPTH}", self.expression.span(), help)
            stack.extend((child, depth + 1) for child in ast.iter_child_nodes(node))

    def text(self, node: ast.expr | ast.keyword) -> str:
        return self.expression.text[self.shift + node.col_offset : self.shift + (node.end_col_offset or 0)]

    def span(self, node: ast.expr | ast.keyword) -> Span:
        return self.expression.span(self.shift + node.col_offset, self.shift + (node.end_col_offset or 0))

    def refuse(self, node: ast.expr | ast.keyword, message: str, help: str = "") -> Refused:
        return Refused("syntax", message, self.span(node), help)

    def condition(self, node: ast.expr) -> Syntax:
        span, text = self.span(node), self.text(node)
        if isinstance(node, ast.Compare):
            operators = []
            for operator in node.ops:
                if type(operator) not in _COMPARISONS:
                    raise self.refuse(node, "a condition compares with <= < == >= >")
                operators.append(_COMPARISONS[type(operator)])
            parts = tuple(self.read(part) for part in (node.left, *node.comparators))
            return Compare(span, text, parts, tuple(operators))
        call = self.read(node)
        if isinstance(call, Call) and call.function in ("rising", "falling"):
            return call
        raise self.refuse(node, "a condition is a comparison, rising(...) or falling(...)")

    def read(self, node: ast.expr) -> Syntax:
        span, text = self.span(node), self.text(node)
        if isinstance(node, ast.Constant):
            return self.number(node)
        if isinstance(node, ast.Name):
            return Name(span, text, node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return Negate(span, text, self.read(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return Binary(span, text, _OPERATORS[type(node.op)], self.read(node.left), self.read(node.right))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            divisor = self.number(node.right) if isinstance(node.right, ast.Constant) else None
            if divisor is None or divisor.denominator != 1 or divisor.value < 1:
                help = "multiply by a decimal, or by a public column that holds the reciprocal"
                raise self.refuse(node.right, "a divisor is a whole number, at least 1", help)
            return Quotient(span, text, self.read(node.left), divisor.value)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Compare):
            raise self.refuse(node, "comparisons belong under `conditions`")
        raise self.refuse(node, "not part of the rule language", "see specs/rules.md#grammar")

    def number(self, node: ast.Constant) -> Number:
        text = self.text(node)
        number = exact(text)
        if number is None:
            raise self.refuse(node, "a number reads like 12, 0.5 or 1e7, at most 60 digits")
        return Number(self.span(node), text, *number)

    def call(self, node: ast.Call) -> Call:
        if not isinstance(node.func, ast.Name):
            raise self.refuse(node, "not part of the rule language", "see specs/rules.md#grammar")
        keywords: dict[str, Keyword] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.refuse(keyword, "not part of the rule language", "see specs/rules.md#grammar")
            if keyword.arg in keywords:
                raise self.refuse(keyword, f"`{keyword.arg}` is given twice")
            keywords[keyword.arg] = self.keyword(keyword)
        arguments = tuple(self.read(argument) for argument in node.args)
        return Call(self.span(node), self.text(node), node.func.id, arguments, keywords)

    def keyword(self, node: ast.keyword) -> Keyword:
        value = node.value
        if isinstance(value, ast.Constant):
            number = self.number(value)
            return Keyword(self.span(node), (), False, (number.value, number.denominator))
        bracketed = isinstance(value, ast.List)
        names: list[tuple[str, Span]] = []
        for item in value.elts if isinstance(value, ast.List) else [value]:
            if not isinstance(item, ast.Name):
                raise self.refuse(node, "a keyword takes a name, a list of names or a number")
            names.append((item.id, self.span(item)))
        return Keyword(self.span(node), tuple(names), bracketed, None)
