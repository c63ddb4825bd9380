"""Phase 3, resolve: every name leads to a declaration, every call to a built-in, no definition to itself.

Specified in specs/rules.md#names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zkmargin.circuits.rules.functions import FUNCTIONS, RESERVED
from zkmargin.circuits.rules.parse import Call, Name, Parsed, Syntax
from zkmargin.circuits.rules.problems import Problem, Refused, RuleProblems, did_you_mean


@dataclass(frozen=True, slots=True)
class Resolved:
    """A parsed document whose names all resolve. ``order`` lists definitions, used ones first."""

    parsed: Parsed
    order: tuple[str, ...]


def resolve(parsed: Parsed) -> Resolved:
    """Check names and calls of every expression. Raises RuleProblems."""
    document = parsed.document
    problems: list[Problem] = []
    for kind, declared in (("column", document.columns), ("label", document.labels)):
        for name, declaration in declared.items():
            if name in RESERVED:
                words = f"`{name}` is a word of the language, not free for a {kind}"
                problems.append(Problem("name", words, declaration.span))
    for name, expression in document.definitions.items():
        if name in RESERVED:
            words = f"`{name}` is a word of the language, not free for a definition"
            problems.append(Problem("name", words, expression.span()))
    names = [*document.columns, *parsed.definitions]
    for where, root in parsed.roots():
        condition = where.startswith("condition ")
        for node in subexpressions(root):
            try:
                if isinstance(node, Name):
                    _check_name(node, names, parsed)
                elif isinstance(node, Call):
                    _check_call(node, parsed, condition, condition and node is root)
            except Refused as refused:
                problems.append(refused.problem)
    if not problems:
        order, cycles = _sort(parsed)
        problems.extend(cycles)
    if problems:
        raise RuleProblems(problems)
    return Resolved(parsed, tuple(order))


def subexpressions(root: Syntax) -> Iterator[Syntax]:
    """The node and everything below it, in the order of the text."""
    yield root
    for operand in root.operands:
        yield from subexpressions(operand)


def _check_name(node: Name, names: list[str], parsed: Parsed) -> None:
    if node.name in parsed.document.columns or node.name in parsed.definitions:
        return
    if node.name in parsed.document.labels:
        raise Refused("name", f"`{node.name}` is a label, not a value", node.span, f"use it as by={node.name}")
    if node.name in FUNCTIONS:
        raise Refused("name", f"`{node.name}` is a built-in and needs arguments", node.span)
    raise Refused("name", f"unknown name `{node.name}`{did_you_mean(node.name, names)}", node.span)


def _check_call(node: Call, parsed: Parsed, in_condition: bool, top_of_condition: bool) -> None:
    function = FUNCTIONS.get(node.function)
    if function is None or (function.condition and not top_of_condition):
        if function is not None:
            words = f"`{node.function}` stands alone under `conditions`"
            raise Refused("name", words, node.span)
        known = ", ".join(name for name, entry in FUNCTIONS.items() if not (entry.condition or entry.tables_only))
        words = f"unknown built-in `{node.function}`{did_you_mean(node.function, FUNCTIONS)}"
        raise Refused("name", words, node.span, f"built-ins are {known}")
    if function.tables_only and not in_condition:
        raise Refused("name", f"`{node.function}` stands under `conditions`", node.span)
    keywords = frozenset(node.keywords)
    counts = [form.arguments for form in function.forms if form.keywords == keywords]
    if not any(low <= len(node.arguments) and (high is None or len(node.arguments) <= high) for low, high in counts):
        forms = " or ".join(form.text for form in function.forms)
        raise Refused("syntax", f"`{node.function}` is written {forms}", node.span)
    document = parsed.document
    for name, keyword in node.keywords.items():
        if name in ("decimals", "worst"):
            if keyword.number is None:
                raise Refused("syntax", f"`{name}=` takes a number", keyword.span)
            continue
        known_names = document.labels if name == "by" else document.axes
        kind = "label" if name == "by" else "axis"
        if not keyword.names:
            raise Refused(
                "axis",
                f"`{name}=` takes the name of {'a label' if name == 'by' else 'an axis'}",
                keyword.span,
            )
        if keyword.bracketed and kind == "label":
            raise Refused("axis", "`by=` takes one label", keyword.span)
        seen: list[str] = []
        for text, span in keyword.names:
            if text not in known_names:
                words = f"unknown {kind} `{text}`{did_you_mean(text, known_names)}"
                raise Refused("axis", words, span)
            if text in seen:
                raise Refused("axis", f"axis `{text}` is named twice", span)
            seen.append(text)


def _sort(parsed: Parsed) -> tuple[list[str], list[Problem]]:
    """Definitions in an order in which each follows what it uses, or the cycles that forbid one."""
    uses: dict[str, list[Name]] = {}
    for name, root in parsed.definitions.items():
        found = (node for node in subexpressions(root) if isinstance(node, Name))
        uses[name] = [node for node in found if node.name in parsed.definitions]
    order: list[str] = []
    problems: list[Problem] = []
    done: set[str] = set()
    for start in parsed.definitions:
        path: list[tuple[str, Iterator[Name]]] = [] if start in done else [(start, iter(uses[start]))]
        while path:
            name, pending = path[-1]
            used = next(pending, None)
            if used is None:
                path.pop()
                done.add(name)
                order.append(name)
                continue
            on_path = [step for step, _ in path]
            if used.name in on_path:
                loop = [*on_path[on_path.index(used.name) :], used.name]
                words = " uses ".join(f"`{step}`" for step in loop)
                problems.append(Problem("cycle", f"a definition cannot use itself: {words}", used.span))
            elif used.name not in done:
                path.append((used.name, iter(uses[used.name])))
    return order, problems
