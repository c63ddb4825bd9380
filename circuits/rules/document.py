"""Phase 1, document: YAML to declarations and expression texts, each with its place.     specs/rules.md#file

YAML is read as a node graph, never constructed into objects: numbers stay text and become exact integers
here, and anchors, aliases, tags, duplicate, unknown and non-text keys are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import yaml

from zkmargin.circuits.rules.problems import Problem, Refused, RuleProblems, did_you_mean
from zkmargin.circuits.rules.tree import ONE, Axis, ColumnDecl, LabelDecl, Padding, Role, Span, Unit

MAX_BYTES = 1 << 17
MAX_DEPTH = 5
MAX_CAPACITY = 1 << 20
MAX_ELEMENTS = 1 << 22
MAX_DECIMALS = 38
VALUE_BITS = 88

NUMBER = re.compile(r"(-?)(0|[1-9][0-9]{0,59})(?:\.([0-9]{1,60}))?(?:[eE]([+-]?[0-9]{1,2}))?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_TITLE = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_COUNT = re.compile(r"[1-9][0-9]{0,8}|0")
_POWER = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,31})(?:\^([1-9]))?")
_LABEL = re.compile(r"([A-Za-z_]\w*) > ([A-Za-z_]\w*)", re.ASCII)
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


@dataclass(frozen=True, slots=True)
class Document:
    """The declarations of a rule file, in its order; expressions are still text, names not yet looked up."""

    file: str
    name: str
    binding: str
    value_bits: int
    venues: int
    axes: dict[str, Axis]
    columns: dict[str, ColumnDecl]
    labels: dict[str, LabelDecl]
    definitions: dict[str, Expression]
    equity: Expression
    requirements: dict[str, Expression]
    conditions: tuple[Expression, ...]


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


def read_document(text: bytes, file: str) -> Document:
    """Read the declarations of a rule file. Raises RuleProblems."""
    return _Reader(text, file).document()


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


class _Reader:
    """One reading of one file: collects problems, reads on where it can."""

    def __init__(self, text: bytes, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.lines = tuple(_BREAK.split(text[:MAX_BYTES].decode("utf-8", "replace")))
        if len(text) > MAX_BYTES:
            self._stop(1, 1, f"a rule file has at most {MAX_BYTES} bytes")
        try:
            decoded = text.decode("utf-8")
        except UnicodeDecodeError as error:
            self._stop(text[: error.start].count(b"\n") + 1, 1, "not UTF-8")
        self.root = self._compose(decoded)

    def _compose(self, decoded: str) -> yaml.Node:
        loader: Any = None
        try:
            loader = _Loader(decoded)
            node = loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self._stop(line, column, error.problem or "not valid YAML")
        except yaml.reader.ReaderError as error:
            before = _BREAK.split(decoded[: error.position])
            self._stop(len(before), len(before[-1]) + 1, "character not allowed")
        finally:
            if loader is not None:
                loader.dispose()
        if node is None:
            self._stop(1, 1, "the file is empty")
        return node  # type: ignore[no-any-return]

    def _stop(self, line: int, column: int, message: str) -> None:
        line = min(line, len(self.lines))
        raise RuleProblems([Problem("yaml", message, self._span(line, column, 1))])

    def _span(self, line: int, column: int, width: int) -> Span:
        text = self.lines[line - 1]
        column = min(column, len(text) + 1)
        return Span(self.file, line, column, max(1, min(width, len(text) + 1 - column)), text)

    def _at(self, node: yaml.Node) -> Span:
        start, end = node.start_mark, node.end_mark
        width = end.column - start.column if end.line == start.line else len(self.lines[start.line])
        return self._span(start.line + 1, start.column + 1, width)

    def _refuse(self, node: yaml.Node, message: str, help: str = "") -> Refused:
        return Refused("schema", message, self._at(node), help)

    # --- nodes --------------------------------------------------------------------------------------------

    def _entries(self, node: yaml.Node, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """A mapping as {key: (key node, value node)}; bad keys become problems and are left out."""
        if not isinstance(node, yaml.MappingNode):
            raise self._refuse(node, f"{what} must be a mapping")
        entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TEXT_TAG:
                self.problems.append(self._refuse(key, f"a key of {what} must be text").problem)
            elif key.value in entries:
                self.problems.append(self._refuse(key, f"duplicate key `{key.value}`").problem)
            else:
                entries[key.value] = (key, value)
        return entries

    def _record(
        self, node: yaml.Node, what: str, needed: tuple[str, ...], optional: tuple[str, ...]
    ) -> dict[str, yaml.Node]:
        """A mapping with known keys only; unknown ones become problems, a missing one stops its reader."""
        entries = self._entries(node, what)
        for key, (key_node, _) in entries.items():
            if key not in needed + optional:
                words = f"unknown key `{key}` in {what}{did_you_mean(key, needed + optional)}"
                self.problems.append(self._refuse(key_node, words).problem)
        missing = [key for key in needed if key not in entries]
        if missing:
            raise self._refuse(node, f"{what} lacks {', '.join(f'`{key}`' for key in missing)}")
        return {key: value for key, (_, value) in entries.items()}

    def _named(self, node: yaml.Node | None, what: str, read: Callable[[str, Span, yaml.Node], None]) -> None:
        """Read every entry of a mapping of free names."""
        if node is None:
            return
        with self._collect():
            for name, (key, value) in self._entries(node, what).items():
                with self._collect():
                    if not _NAME.fullmatch(name):
                        raise self._refuse(key, "a name has ASCII letters, digits and _, at most 64, no digit first")
                    read(name, self._at(key), value)

    def _collect(self) -> _Collector:
        return _Collector(self.problems)

    def _text(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._refuse(node, f"{what} must be text")
        return str(node.value)

    def _choice(self, node: yaml.Node, what: str, choices: tuple[str, ...]) -> str:
        text = self._text(node, what)
        if text not in choices:
            raise self._refuse(node, f"{what} must be {' or '.join(f'`{c}`' for c in choices)}")
        return text

    def _count(self, node: yaml.Node, what: str, low: int, high: int) -> int:
        text = self._text(node, what)
        if not _COUNT.fullmatch(text) or _style(node) is not None or not low <= int(text) <= high:
            raise self._refuse(node, f"{what} must be a whole number from {low} to {high}")
        return int(text)

    def _number(self, node: yaml.Node, what: str, decimals: int) -> int:
        """An exact decimal, as an integer of ``10**-decimals``."""
        number = exact(self._text(node, what)) if _style(node) is None else None
        if number is None:
            raise self._refuse(node, f"{what} must be a plain decimal number such as 12, -0.5 or 1e7")
        value, denominator = number
        scaled, rest = divmod(value * int(10**decimals), denominator)
        if rest:
            raise self._refuse(node, f"{what} has more than {decimals} decimals")
        return scaled

    def _list(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._refuse(node, f"{what} must be a list")
        return list(node.value)

    # --- declarations -------------------------------------------------------------------------------------

    def document(self) -> Document:
        needed = ("rules", "name", "axes", "private", "equity", "requirements")
        optional = ("binding", "value_bits", "public", "parameters", "define", "conditions")
        self.axes: dict[str, Axis] = {}
        self.columns: dict[str, ColumnDecl] = {}
        self.labels: dict[str, LabelDecl] = {}
        definitions: dict[str, Expression] = {}
        requirements: dict[str, Expression] = {}
        conditions: list[Expression] = []
        title, binding, value_bits, venues = "", "public", VALUE_BITS, 1
        equity: Expression | None = None
        with self._collect():
            top = self._record(self.root, "a rule set", needed, optional)
            with self._collect():
                self._choice(top["rules"], "`rules`", ("1",))
            with self._collect():
                title = self._text(top["name"], "`name`")
                if not _TITLE.fullmatch(title) or len(title) > 64:
                    raise self._refuse(top["name"], "`name` has lower-case letters and digits, joined by - or _")
            if "binding" in top:
                with self._collect():
                    binding = self._choice(top["binding"], "`binding`", ("public",))
            if "value_bits" in top:
                with self._collect():
                    value_bits = self._count(top["value_bits"], "`value_bits`", 16, 128)
            self._named(top["axes"], "`axes`", self._axis)
            self._named(top.get("public"), "`public`", self._public)
            self._named(top.get("parameters"), "`parameters`", self._parameter)
            self._named(top["private"], "`private`", self._private)

            def define(name: str, span: Span, node: yaml.Node) -> None:
                self._fresh(name, span)
                definitions[name] = self._expression(name, node)

            self._named(top.get("define"), "`define`", define)
            with self._collect():
                equity = self._expression("equity", top["equity"])
            with self._collect():
                asked = self._record(top["requirements"], "`requirements`", ("maintenance",), ("initial",))
                for name in ("maintenance", "initial"):
                    if name in asked:
                        requirements[name] = self._expression(name, asked[name])
            if "conditions" in top:
                with self._collect():
                    for item in self._list(top["conditions"], "`conditions`"):
                        conditions.append(self._expression(f"condition {len(conditions) + 1}", item))
        if self.problems or equity is None:
            raise RuleProblems(self.problems)
        return Document(
            self.file,
            title,
            binding,
            value_bits,
            venues,
            self.axes,
            self.columns,
            self.labels,
            definitions,
            equity,
            requirements,
            tuple(conditions),
        )

    def _fresh(self, name: str, span: Span) -> None:
        """Columns, labels, parameters and definitions share one namespace; the first declaration keeps a
        name.
        """
        for kind, known in (("column", self.columns), ("label", self.labels)):
            if name in known:
                raise Refused("name", f"`{name}` is already a {kind}", span)

    def _axis(self, name: str, span: Span, node: yaml.Node) -> None:
        given = self._record(node, f"axis `{name}`", (), ("size", "capacity", "pad"))
        if ("size" in given) == ("capacity" in given):
            raise self._refuse(node, f"axis `{name}` has either `size` (exact) or `capacity` (padded)")
        if "size" in given:
            if "pad" in given:
                raise self._refuse(given["pad"], "an axis of exact `size` is not padded")
            size = self._count(given["size"], "`size`", 1, MAX_CAPACITY)
            self.axes[name] = Axis(name, size, Padding.NONE, span)
            return
        padding = Padding.ZERO
        if "pad" in given:
            padding = Padding(self._choice(given["pad"], "`pad`", ("zero", "repeat")))
        self.axes[name] = Axis(name, self._count(given["capacity"], "`capacity`", 1, MAX_CAPACITY), padding, span)

    def _axis_names(self, node: yaml.Node, what: str) -> tuple[str, ...]:
        """Declared axes, in the order of their declaration."""
        names: list[str] = []
        for item in self._list(node, f"`axes` of {what}"):
            name = self._text(item, "an axis")
            if name not in self.axes:
                words = f"unknown axis `{name}`{did_you_mean(name, self.axes)}"
                raise Refused("axis", words, self._at(item))
            names.append(name)
        ordered = [name for name in self.axes if name in names]
        if names != ordered:
            help = f"write [{', '.join(ordered)}]"
            raise Refused("axis", f"axes of {what} must be in declared order, once each", self._at(node), help)
        return tuple(names)

    def _unit(self, node: yaml.Node) -> Unit:
        unit, text = ONE, self._text(node, "`unit`")
        for position, side in enumerate(text.split("/")):
            for factor in side.strip("()").split("*"):
                match = _POWER.fullmatch(factor.strip())
                if position > 1 or not (match or (factor.strip() == "1" and side.strip() == "1")):
                    raise Refused("unit", "a unit reads like usd, usd/contract or 1/(usd*day^2)", self._at(node))
                if match:
                    power = int(match.group(2) or 1)
                    unit *= Unit(((match.group(1), -power if position else power),))
        return unit

    def _public(self, name: str, span: Span, node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode) and any(getattr(key, "value", None) == "label" for key, _ in node.value):
            self._label(name, span, node)
            return
        given = self._record(node, f"column `{name}`", ("axes", "decimals", "min", "max"), ("unit",))
        if not self._list(given["axes"], f"`axes` of `{name}`"):
            raise self._refuse(given["axes"], f"`{name}` has no axes: declare it under `parameters`")
        self._column(name, span, Role.PUBLIC, given)

    def _label(self, name: str, span: Span, node: yaml.Node) -> None:
        given = self._record(node, f"label `{name}`", ("label",), ())
        match = _LABEL.fullmatch(self._text(given["label"], "`label`"))
        if match is None:
            raise self._refuse(given["label"], "a label reads like `instrument > underlying`")
        for axis in match.groups():
            if axis not in self.axes:
                words = f"unknown axis `{axis}`{did_you_mean(axis, self.axes)}"
                raise Refused("axis", words, self._at(given["label"]))
            if self.axes[axis].padding is Padding.REPEAT:
                raise Refused("pad", f"`{axis}` repeats its last row: no label from it or to it", span)
        source, target = match.groups()
        if source == target:
            raise Refused("axis", "a label leads to another axis", self._at(given["label"]))
        self._fresh(name, span)
        self.labels[name] = LabelDecl(name, source, target, span)

    def _parameter(self, name: str, span: Span, node: yaml.Node) -> None:
        needed, optional = ("decimals", "min", "max"), ("unit", "default")
        self._column(name, span, Role.PARAMETER, self._record(node, f"parameter `{name}`", needed, optional))

    def _private(self, name: str, span: Span, node: yaml.Node) -> None:
        needed, optional = ("decimals", "min", "max", "from"), ("axes", "unit")
        given = self._record(node, f"private column `{name}`", needed, optional)
        self._choice(given["from"], "`from`", ("venue",))
        self._column(name, span, Role.PRIVATE, given)

    def _column(self, name: str, span: Span, role: Role, given: dict[str, yaml.Node]) -> None:
        axes = self._axis_names(given["axes"], f"`{name}`") if "axes" in given else ()
        if prod(self.axes[axis].capacity for axis in axes) > MAX_ELEMENTS:
            raise Refused("axis", f"`{name}` has more than {MAX_ELEMENTS} elements", span)
        if role is Role.PRIVATE:
            if name == "cash" and axes:
                raise Refused("axis", "`cash` is a scalar", span)
            for axis in axes:
                if self.axes[axis].padding is Padding.REPEAT:
                    raise Refused("pad", f"`{axis}` repeats its last row: no private column on it", span)
        decimals = self._count(given["decimals"], "`decimals`", 0, MAX_DECIMALS)
        low, high = (self._number(given[key], f"`{key}`", decimals) for key in ("min", "max"))
        if low > high:
            raise self._refuse(given["min"], "`min` is above `max`")
        default = self._number(given["default"], "`default`", decimals) if "default" in given else None
        if default is not None and not low <= default <= high:
            raise self._refuse(given["default"], "`default` is outside `min` and `max`")
        unit = self._unit(given["unit"]) if "unit" in given else ONE
        if role is Role.PRIVATE:
            lo, hi = effective_interval(low, high)
        elif any(self.axes[axis].padding is Padding.ZERO for axis in axes):
            lo, hi = min(low, 0), max(high, 0)
        else:
            lo, hi = low, high
        self._fresh(name, span)
        self.columns[name] = ColumnDecl(name, role, axes, unit, decimals, low, high, lo, hi, default, span)

    # --- expressions --------------------------------------------------------------------------------------

    def _expression(self, name: str, node: yaml.Node) -> Expression:
        """An expression text, however YAML wraps it: its characters are found again in the lines of the
        file.
        """
        text = re.sub(r"[ \t\r\n]", " ", self._text(node, f"`{name}`"))
        if not text.strip():
            raise self._refuse(node, f"`{name}` is empty")
        start, end = node.start_mark, node.end_mark
        line, column = start.line, start.column
        style = _style(node)
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
                raise self._refuse(node, f"write `{name}` without YAML escapes")
            places.append((line + 1, column + 1))
            column += 1
        return Expression(name, text, self.file, self.lines, tuple(places))


def _style(node: yaml.Node) -> str | None:
    """How a scalar is written: None for plain, a quote, ``|`` or ``>``."""
    return node.style if isinstance(node, yaml.ScalarNode) else None


class _Collector:
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


def effective_interval(low: int, high: int) -> tuple[int, int]:
    """The interval that the circuit checks a private column to: a power of two wide, around ``[low, high]``.

    ``[0, 2**k - 1]`` if ``low >= 0``, else ``[-2**(k-1), 2**(k-1) - 1]``, with the smallest k that covers
    both bounds; so a bit decomposition shows it, and the top bit of a signed one is the sign.
    """
    if low >= 0:
        return 0, (1 << max(1, high.bit_length())) - 1
    half = 1 << max((-low - 1).bit_length(), high.bit_length() if high > 0 else 0)
    return -half, half - 1
