"""Phase 1, document: YAML to declarations and expression texts, each with its place.     specs/rules.md#file"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod

import yaml

from zkmargin.circuits.rules.problems import Refused, RuleProblems, did_you_mean
from zkmargin.circuits.rules.reader import Expression, Reader
from zkmargin.circuits.rules.tree import ONE, Axis, ColumnDecl, LabelDecl, Padding, Role, Source, Span, Unit

MAX_CAPACITY = 1 << 20
MAX_ELEMENTS = 1 << 22
MAX_DECIMALS = 38
MAX_VENUES = 16
MAX_LINES = 8
VENUE = "venue"
"""The axis of the venues of one account."""
_TITLE = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_POWER = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,31})(?:\^([1-9]))?")
_LABEL = re.compile(r"([A-Za-z_]\w*) > ([A-Za-z_]\w*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Document:
    """The declarations of a rule file, in its order; expressions are still text, names not yet looked up."""

    file: str
    name: str
    binding: str
    value_bits: int | None
    venues: int
    lines: int
    axes: dict[str, Axis]
    columns: dict[str, ColumnDecl]
    labels: dict[str, LabelDecl]
    definitions: dict[str, Expression]
    equity: Expression
    requirements: dict[str, Expression]
    conditions: tuple[Expression, ...]


def read_document(text: bytes, file: str) -> Document:
    """Read the declarations of a rule file. Raises RuleProblems."""
    return Declarations(text, file).document()


class Declarations(Reader):
    """One reading of one file's declarations."""

    def document(self) -> Document:
        needed = ("rules", "name", "axes", "private", "equity", "requirements")
        optional = ("binding", "value_bits", "venues", "lines", "public", "parameters", "define", "conditions")
        self.axes: dict[str, Axis] = {}
        self.columns: dict[str, ColumnDecl] = {}
        self.labels: dict[str, LabelDecl] = {}
        definitions: dict[str, Expression] = {}
        requirements: dict[str, Expression] = {}
        conditions: list[Expression] = []
        title, binding, venues, lines = "", "public", 1, 0
        value_bits: int | None = None
        equity: Expression | None = None
        with self.collect():
            top = self.record(self.root, "a rule set", needed, optional)
            with self.collect():
                self.choice(top["rules"], "`rules`", ("1",))
            with self.collect():
                title = self.text(top["name"], "`name`")
                if not _TITLE.fullmatch(title) or len(title) > 64:
                    raise self.refuse(top["name"], "`name` has lower-case letters and digits, joined by - or _")
            if "binding" in top:
                with self.collect():
                    binding = self.choice(top["binding"], "`binding`", ("public", "committed"))
            if "value_bits" in top:
                with self.collect():
                    value_bits = self.count(top["value_bits"], "`value_bits`", 16, 128)
            if "venues" in top:
                with self.collect():
                    venues = self.count(top["venues"], "`venues`", 1, MAX_VENUES)
                    if venues > 1:
                        self.axes[VENUE] = Axis(VENUE, venues, Padding.NONE, self.at(top["venues"]))
            if "lines" in top:
                with self.collect():
                    lines = self.count(top["lines"], "`lines`", 1, MAX_LINES)
            self.named(top["axes"], "`axes`", self._axis)
            self.named(top.get("public"), "`public`", self._public)
            self.named(top.get("parameters"), "`parameters`", self._parameter)
            self.named(top["private"], "`private`", self._private)

            def define(name: str, span: Span, node: yaml.Node) -> None:
                self._fresh(name, span)
                definitions[name] = self.expression(name, node)

            self.named(top.get("define"), "`define`", define)
            with self.collect():
                equity = self.expression("equity", top["equity"])
            with self.collect():
                asked = self.record(top["requirements"], "`requirements`", ("maintenance",), ("initial",))
                for name in ("maintenance", "initial"):
                    if name in asked:
                        requirements[name] = self.expression(name, asked[name])
            if "conditions" in top:
                with self.collect():
                    for item in self.list(top["conditions"], "`conditions`"):
                        conditions.append(self.expression(f"condition {len(conditions) + 1}", item))
        if self.problems or equity is None:
            raise RuleProblems(self.problems)
        return Document(
            self.file,
            title,
            binding,
            value_bits,
            venues,
            lines,
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
        if name == VENUE:
            raise Refused("axis", f"`{VENUE}` is the axis of several venues, made by `venues: 2` or more", span)
        given = self.record(node, f"axis `{name}`", (), ("size", "capacity", "pad", "like"))
        if "like" in given:
            self._copy(name, span, node, given)
            return
        if ("size" in given) == ("capacity" in given):
            raise self.refuse(node, f"axis `{name}` has either `size` (exact) or `capacity` (padded)")
        if "size" in given:
            if "pad" in given:
                raise self.refuse(given["pad"], "an axis of exact `size` is not padded")
            size = self.count(given["size"], "`size`", 1, MAX_CAPACITY)
            self.axes[name] = Axis(name, size, Padding.NONE, span)
            return
        padding = Padding.ZERO
        if "pad" in given:
            padding = Padding(self.choice(given["pad"], "`pad`", ("zero", "repeat")))
        self.axes[name] = Axis(name, self.count(given["capacity"], "`capacity`", 1, MAX_CAPACITY), padding, span)

    def _copy(self, name: str, span: Span, node: yaml.Node, given: dict[str, yaml.Node]) -> None:
        """An axis like another, with the label of its own name that leads back to it."""
        if len(given) > 1:
            raise self.refuse(node, f"axis `{name}` is `like` another and takes nothing else")
        like = self.text(given["like"], "`like`")
        if like not in self.axes or self.axes[like].like is not None:
            words = f"`like` names an axis declared before{did_you_mean(like, self.axes)}"
            raise Refused("axis", words, self.at(given["like"]))
        model = self.axes[like]
        self._fresh(name, span)
        self.axes[name] = Axis(name, model.capacity, model.padding, span, like)
        self.labels[name] = LabelDecl(name, name, like, span, tuple(range(model.capacity)))

    def _axis_names(self, node: yaml.Node, what: str) -> tuple[str, ...]:
        """Declared axes, in the order of their declaration."""
        names: list[str] = []
        for item in self.list(node, f"`axes` of {what}"):
            name = self.text(item, "an axis")
            if name not in self.axes:
                words = f"unknown axis `{name}`{did_you_mean(name, self.axes)}"
                raise Refused("axis", words, self.at(item))
            names.append(name)
        ordered = [name for name in self.axes if name in names]
        if names != ordered:
            help = f"write [{', '.join(ordered)}]"
            raise Refused("axis", f"axes of {what} must be in declared order, once each", self.at(node), help)
        return tuple(names)

    def _unit(self, node: yaml.Node) -> Unit:
        unit, text = ONE, self.text(node, "`unit`")
        for position, side in enumerate(text.split("/")):
            for factor in side.strip("()").split("*"):
                match = _POWER.fullmatch(factor.strip())
                if position > 1 or not (match or (factor.strip() == "1" and side.strip() == "1")):
                    raise Refused("unit", "a unit reads like usd, usd/contract or 1/(usd*day^2)", self.at(node))
                if match:
                    power = int(match.group(2) or 1)
                    unit *= Unit(((match.group(1), -power if position else power),))
        return unit

    def _public(self, name: str, span: Span, node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode) and any(getattr(key, "value", None) == "label" for key, _ in node.value):
            self._label(name, span, node)
            return
        given = self.record(node, f"column `{name}`", ("axes", "decimals", "min", "max"), ("unit",))
        if not self.list(given["axes"], f"`axes` of `{name}`"):
            raise self.refuse(given["axes"], f"`{name}` has no axes: declare it under `parameters`")
        self._column(name, span, Role.PUBLIC, given)

    def _label(self, name: str, span: Span, node: yaml.Node) -> None:
        given = self.record(node, f"label `{name}`", ("label",), ("fixed",))
        match = _LABEL.fullmatch(self.text(given["label"], "`label`"))
        if match is None:
            raise self.refuse(given["label"], "a label reads like `instrument > underlying`")
        for axis in match.groups():
            if axis not in self.axes:
                words = f"unknown axis `{axis}`{did_you_mean(axis, self.axes)}"
                raise Refused("axis", words, self.at(given["label"]))
            if self.axes[axis].padding is Padding.REPEAT:
                raise Refused("pad", f"`{axis}` repeats its last row: no label from it or to it", span)
        source, target = match.groups()
        if source == target:
            raise Refused("axis", "a label leads to another axis", self.at(given["label"]))
        fixed = self._fixed(given["fixed"], name, source, target) if "fixed" in given else None
        self._fresh(name, span)
        self.labels[name] = LabelDecl(name, source, target, span, fixed)

    def _fixed(self, node: yaml.Node, name: str, source: str, target: str) -> tuple[int, ...]:
        """The group of every row of a label that is part of the circuit."""
        for axis in (source, target):
            if self.axes[axis].padding is not Padding.NONE:
                raise Refused("axis", f"a fixed label needs axes of exact size; `{axis}` has a capacity", self.at(node))
        groups, last = [], self.axes[target].capacity - 1
        for item in self.list(node, f"`fixed` of `{name}`"):
            group = self.number(item, "a group", 0)
            if not -1 <= group <= last:
                raise self.refuse(item, f"a group of `{name}` lies between 0 and {last}, or is -1 for none")
            groups.append(group)
        rows = self.axes[source].capacity
        if len(groups) != rows:
            raise self.refuse(node, f"`fixed` of `{name}` has {len(groups)} groups, `{source}` {rows} rows")
        return tuple(groups)

    def _parameter(self, name: str, span: Span, node: yaml.Node) -> None:
        needed, optional = ("decimals", "min", "max"), ("unit", "default")
        self._column(name, span, Role.PARAMETER, self.record(node, f"parameter `{name}`", needed, optional))

    def _private(self, name: str, span: Span, node: yaml.Node) -> None:
        needed, optional = ("decimals", "min", "max", "from"), ("axes", "unit")
        given = self.record(node, f"private column `{name}`", needed, optional)
        source = Source(self.choice(given["from"], "`from`", tuple(known.value for known in Source)))
        self._column(name, span, Role.PRIVATE, given, source)

    def _column(
        self, name: str, span: Span, role: Role, given: dict[str, yaml.Node], source: Source | None = None
    ) -> None:
        axes = self._axis_names(given["axes"], f"`{name}`") if "axes" in given else ()
        if source is Source.VENUE and VENUE in self.axes and VENUE not in axes:
            words = f"`{name}` is `from: venue`, and there are {self.axes[VENUE].capacity}: it needs the axis `{VENUE}`"
            raise Refused("axis", words, span)
        if prod(self.axes[axis].capacity for axis in axes) > MAX_ELEMENTS:
            raise Refused("axis", f"`{name}` has more than {MAX_ELEMENTS} elements", span)
        if role is Role.PRIVATE:
            if name == "cash" and (set(axes) - {VENUE} or source is not Source.VENUE):
                raise Refused("axis", "`cash` is a scalar of each venue", span)
            if name == "size" and source is Source.PROVER:
                raise Refused("schema", "`size` is what a venue signs: the prover does not choose it", span)
            for axis in axes:
                if self.axes[axis].padding is Padding.REPEAT:
                    raise Refused("pad", f"`{axis}` repeats its last row: no private column on it", span)
        decimals = self.count(given["decimals"], "`decimals`", 0, MAX_DECIMALS)
        low, high = (self.number(given[key], f"`{key}`", decimals) for key in ("min", "max"))
        if low > high:
            raise self.refuse(given["min"], "`min` is above `max`")
        default = self.number(given["default"], "`default`", decimals) if "default" in given else None
        if default is not None and not low <= default <= high:
            raise self.refuse(given["default"], "`default` is outside `min` and `max`")
        unit = self._unit(given["unit"]) if "unit" in given else ONE
        if role is Role.PRIVATE:
            lo, hi = effective_interval(low, high)
        elif any(self.axes[axis].padding is Padding.ZERO for axis in axes):
            lo, hi = min(low, 0), max(high, 0)
        else:
            lo, hi = low, high
        self._fresh(name, span)
        self.columns[name] = ColumnDecl(name, role, axes, unit, decimals, low, high, lo, hi, default, span, source)


def effective_interval(low: int, high: int) -> tuple[int, int]:
    """The interval that the circuit checks a private column to: a power of two wide, around ``[low, high]``.

    ``[0, 2**k - 1]`` if ``low >= 0``, else ``[-2**(k-1), 2**(k-1) - 1]``, with the smallest k that covers
    both bounds; so a bit decomposition shows it, and the top bit of a signed one is the sign.
    """
    if low >= 0:
        return 0, (1 << max(1, high.bit_length())) - 1
    half = 1 << max((-low - 1).bit_length(), high.bit_length() if high > 0 else 0)
    return -half, half - 1
