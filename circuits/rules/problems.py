"""What is wrong with a rule file: kind, place, words, help; several at once.     specs/rules.md#errors"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from zkmargin.circuits.rules.tree import Span
from zkmargin.errors import RuleError

KINDS = ("yaml", "schema", "syntax", "name", "cycle", "axis", "unit", "visibility", "pad", "sign", "field", "bits")
"""Every ``error[kind]``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a rule file. ``kind`` is one of KINDS, ``help`` says what to do and may be empty."""

    kind: str
    message: str
    span: Span
    help: str = ""

    def __str__(self) -> str:
        text = self.span.text.expandtabs(1)
        line = text.lstrip()
        head = f"{self.span.file}:{self.span.line} "
        lines = [head + line]
        if self.span.width and line:
            start = max(0, self.span.column - 1 - (len(text) - len(line)))
            lines.append(" " * (len(head) + start) + "^" * self.span.width)
        lines.append(f"  error[{self.kind}]: {self.message}")
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)


class RuleProblems(RuleError):
    """A rule file was refused. ``problems`` lists every mistake found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.span.line, p.span.column)))
        first = self.problems[0]
        super().__init__(
            f"error[{first.kind}]: {first.message}",
            where=f"{first.span.file}:{first.span.line}:{first.span.column}",
            hint=first.help,
        )

    def __str__(self) -> str:
        return f"{self.code}: not a valid rule set\n" + "\n".join(map(str, self.problems))


class Refused(Exception):
    """Carries one problem out of the part of a phase that cannot go on; phases catch it and collect."""

    def __init__(self, kind: str, message: str, span: Span, help: str = "") -> None:
        self.problem = Problem(kind, message, span, help)
        super().__init__(message)


class Poisoned(Exception):
    """An expression uses a definition that was refused already: not a problem of its own."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean `x`?`` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""
