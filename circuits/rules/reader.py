"""A rule file's YAML as a node graph: typed reads of its nodes, each with its place.     specs/rules.md#file

Nothing is constructed into objects: numbers stay text and become exact integers here, and anchors, aliases,
tags, duplicate, unknown and non-text keys are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from zkmargin.circuits.rules.problems import Problem, Refused, RuleProblems, did_you_mean
from zkmargin.circuits.rules.tree import Span

MAX_BYTES = 1 << 17
MAX_DEPTH = 5

NUMBER = re.compile(r"(-?)(0|[1-9][0-9]{0,59})(?:\.([0-9]{1,60}))?(?:[eE]([+-]?[0-9]{1,2}))?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_COUNT = re.compile(r"[1-9][0-9]{0,8}|0")
_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")  # YAML's line breaks
_TEXT_TAG = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression text of the file. ``places[i]`` is the line and column (from 1) of its i-th character."""

    name: str
    text: str
    file: str
    lines: tuple[str, ...]
    places: tuple[tuple[int, int], ...]

    def span(self, start: int = 0, end: int | None = None) -> Span:
        """The place of ``text[start:end]``, cut at the end of its first line."""
        end = len(self.text) if end is None else end
        line, column = self.places[min(start, len(self.places) - 1)]
        width = sum(1 for place in self.places[start:end] if place[0] == line)
        return Span(self.file, line, column, max(1, width), self.lines[line - 1])


def exact(text: str) -> tuple[int, int] | None:
    """A decimal text as ``(value, denominator)`` in lowest decimal terms, or None if it is not a number."""
    match = NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction, exponent = match.groups()
    value, shift = int(whole + (fraction or "")), int(exponent or 0) - len(fraction or "")
    if shift >= 0:
        value, shift = value * 10**shift, 0
    while value and shift < 0 and value % 10 == 0:
        value, shift = value // 10, shift + 1
    return (-value if sign else value), 10**-shift if value else 1


class _Loader(yaml.SafeLoader):
    """Composes plain trees only."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not allowed", problem_mark=event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem="tags are not allowed", problem_mark=event.start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class Reader:
    """One reading of one file: collects problems, reads on where it can."""

    def __init__(self, text: bytes, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.lines = tuple(_BREAK.split(text[:MAX_BYTES].decode("utf-8", "replace")))
        # Another file, given by a slip of the hand, may be an account or a key: nothing of it is shown.
        self.is_rule_set = any(line.startswith("rules:") for line in self.lines)
        if len(text) > MAX_BYTES:
            self.stop(1, 1, f"a rule file has at most {MAX_BYTES} bytes")
        try:
            decoded = text.decode("utf-8")
        except UnicodeDecodeError as error:
            self.stop(text[: error.start].count(b"\n") + 1, 1, "not UTF-8")
        self.root = self.compose(decoded)

    def compose(self, decoded: str) -> yaml.Node:
        loader: Any = None
        try:
            loader = _Loader(decoded)
            node = loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self.stop(line, column, error.problem or "not valid YAML")
        except yaml.reader.ReaderError as error:
            before = _BREAK.split(decoded[: error.position])
            self.stop(len(before), len(before[-1]) + 1, "character not allowed")
        finally:
            if loader is not None:
                loader.dispose()
        if node is None:
            self.stop(1, 1, "the file is empty")
        return node  # type: ignore[no-any-return]

    def stop(self, line: int, column: int, message: str) -> None:
        line = min(line, len(self.lines))
        raise RuleProblems([Problem("yaml", message, self.span(line, column, 1))])

    def span(self, line: int, column: int, width: int) -> Span:
        text = self.lines[line - 1]
        column = min(column, len(text) + 1)
        width = max(1, min(width, len(text) + 1 - column))
        return Span(self.file, line, column, width, text if self.is_rule_set else "")

    def at(self, node: yaml.Node) -> Span:
        start, end = node.start_mark, node.end_mark
        width = end.column - start.column if end.line == start.line else len(self.lines[start.line])
        return self.span(start.line + 1, start.column + 1, width)

    def refuse(self, node: yaml.Node, message: str, help: str = "") -> Refused:
        return Refused("schema", message, self.at(node), help)

    # --- nodes --------------------------------------------------------------------------------------------

    def entries(self, node: yaml.Node, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """A mapping as {key: (key node, value node)}; bad keys become problems and are left out."""
        if not isinstance(node, yaml.MappingNode):
            raise self.refuse(node, f"{what} must be a mapping")
        entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TEXT_TAG:
                self.problems.append(self.refuse(key, f"a key of {what} must be text").problem)
            elif key.value in entries:
                self.problems.append(self.refuse(key, f"duplicate key `{key.value}`").problem)
            else:
                entries[key.value] = (key, value)
        return entries

    def record(
        self, node: yaml.Node, what: str, needed: tuple[str, ...], optional: tuple[str, ...]
    ) -> dict[str, yaml.Node]:
        """A mapping with known keys only; unknown ones become problems, a missing one stops its reader."""
        entries = self.entries(node, what)
        for key, (key_node, _) in entries.items():
            if key not in needed + optional:
                words = f"unknown key `{key}` in {what}{did_you_mean(key, needed + optional)}"
                self.problems.append(self.refuse(key_node, words).problem)
        missing = [key for key in needed if key not in entries]
        if missing:
            raise self.refuse(node, f"{what} lacks {', '.join(f'`{key}`' for key in missing)}")
        return {key: value for key, (_, value) in entries.items()}

    def named(self, node: yaml.Node | None, what: str, read: Callable[[str, Span, yaml.Node], None]) -> None:
        """Read every entry of a mapping of free names."""
        if node is None:
            return
        with self.collect():
            for name, (key, value) in self.entries(node, what).items():
                with self.collect():
                    if not _NAME.fullmatch(name):
                        raise self.refuse(key, "a name has ASCII letters, digits and _, at most 64, no digit first")
                    read(name, self.at(key), value)

    def collect(self) -> Collector:
        return Collector(self.problems)

    def text(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.refuse(node, f"{what} must be text")
        return str(node.value)

    def choice(self, node: yaml.Node, what: str, choices: tuple[str, ...]) -> str:
        text = self.text(node, what)
        if text not in choices:
            raise self.refuse(node, f"{what} must be {' or '.join(f'`{c}`' for c in choices)}")
        return text

    def count(self, node: yaml.Node, what: str, low: int, high: int) -> int:
        text = self.text(node, what)
        if not _COUNT.fullmatch(text) or style_of(node) is not None or not low <= int(text) <= high:
            raise self.refuse(node, f"{what} must be a whole number from {low} to {high}")
        return int(text)

    def number(self, node: yaml.Node, what: str, decimals: int) -> int:
        """An exact decimal, as an integer of ``10**-decimals``."""
        number = exact(self.text(node, what)) if style_of(node) is None else None
        if number is None:
            raise self.refuse(node, f"{what} must be a plain decimal number such as 12, -0.5 or 1e7")
        value, denominator = number
        scaled, rest = divmod(value * int(10**decimals), denominator)
        if rest:
            raise self.refuse(node, f"{what} has more than {decimals} decimals")
        return scaled

    def list(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.refuse(node, f"{what} must be a list")
        return list(node.value)

    def expression(self, name: str, node: yaml.Node) -> Expression:
        """An expression text, however YAML wraps it: its characters are found again in the lines of the
        file.
        """
        text = re.sub(r"[ \t\r\n]", " ", self.text(node, f"`{name}`"))
        if not text.strip():
            raise self.refuse(node, f"`{name}` is empty")
        start, end = node.start_mark, node.end_mark
        line, column = start.line, start.column
        style = style_of(node)
        if style in ("|", ">"):
            line, column = line + 1, 0
        elif style is not None:
            column += 1
        places: list[tuple[int, int]] = []
        for character in text:
            if character == " ":
                places.append(places[-1] if places else (line + 1, column + 1))
                continue
            while (line, column) < (end.line, end.column):
                if column >= len(self.lines[line]):
                    line, column = line + 1, 0
                elif self.lines[line][column] in " \t":
                    column += 1
                else:
                    break
            if (line, column) >= (end.line, end.column) or self.lines[line][column] != character:
                raise self.refuse(node, f"write `{name}` without YAML escapes")
            places.append((line + 1, column + 1))
            column += 1
        return Expression(name, text, self.file, self.lines, tuple(places))


def style_of(node: yaml.Node) -> str | None:
    """How a scalar is written: None for plain, a quote, ``|`` or ``>``."""
    return node.style if isinstance(node, yaml.ScalarNode) else None


class Collector:
    """``with`` block that turns a Refused into a collected problem and goes on after the block."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Refused):
            self.problems.append(error.problem)
            return True
        return False
