"""The public side of a circuit: which linear functionals, which challenge inputs, which direct ones.

Computed from the rules alone, without building the circuit, because a verifier needs it for every proof.
Binding ``public``: the market enters as public inputs that the verifier computes from the tables. Binding
``committed``: it enters as private inputs that one public input commits to.
                                                                                     specs/statement.md#market
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod

from zkmargin.attestations.collateral.tree import LEAF_BITS
from zkmargin.backend import Arithmetic
from zkmargin.circuits.bound_plan import BoundPlan
from zkmargin.circuits.committed import TABLE_COMMITMENT
from zkmargin.circuits.forms import Base, ColumnBase, Forms
from zkmargin.circuits.rules.tree import At, Axis, Nearest, Node, Padding, RuleSet, SumBy, Visibility
from zkmargin.errors import RuleError
from zkmargin.margin.tables import Tables

__all__ = [
    "COMMITTED",
    "BaseRows",
    "BoundPlan",
    "DirectInput",
    "Functional",
    "Plan",
    "compute_table_commitment",
]

COMMITTED = "committed"
MAX_COMMITTED_VENUES = 2
"""Some chains verify proofs with at most eight public inputs: six, one per venue, the commitment."""


@dataclass(frozen=True)
class Functional:
    """Linear functionals of one node: one per element along its axes, numbered from ``first``, row-major."""

    node: Node
    first: int
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class DirectInput:
    """Public inputs that hold a public node (``node``), or the one-hot rows of a label (``label``),
    row-major.
    """

    node: Node | None
    label: str | None
    axes: tuple[str, ...]
    first: int
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class BaseRows:
    """A base and its place among the challenge inputs ``t``."""

    base: Base
    first: int
    count: int


class Plan:
    """Bases, functionals and direct inputs of a rule set, in the order in which they become public inputs."""

    def __init__(self, rules: RuleSet) -> None:
        _require_supported(rules)
        self.rules = rules
        self.committed = rules.binding == COMMITTED
        self.forms = Forms(rules)
        self.functionals: dict[Node, Functional] = {}
        self.direct_nodes: dict[Node, DirectInput] = {}
        self.direct_labels: dict[str, DirectInput] = {}
        seen: set[Node] = set()
        for root in rules.roots:
            self._visit(root, seen)
        self.bases = self._collect_bases()

    def _visit(self, node: Node, seen: set[Node]) -> None:
        if node in seen or node.type.visibility is Visibility.CONSTANT:
            return
        seen.add(node)
        if node.type.visibility is Visibility.PUBLIC:
            axes = node.type.axes
            first = self.n_direct
            self.direct_nodes[node] = DirectInput(node, None, axes, first, self.rules.shape(axes))
        elif not self.committed and self.forms.is_functional(node):
            self.functionals[node] = Functional(node, self.n_functionals, self.rules.shape(node.type.axes))
        else:
            label = self.rules.labels[node.label] if isinstance(node, SumBy | At) else None
            if label is not None and label.fixed is None and label.name not in self.direct_labels:
                axes = tuple(axis for axis in self.rules.axes if axis in (label.axis, label.target))
                first = self.n_direct
                self.direct_labels[label.name] = DirectInput(None, label.name, axes, first, self.rules.shape(axes))
            for child in node.read(self.rules.side(node)) if isinstance(node, Nearest) else node.children:
                self._visit(child, seen)

    def _collect_bases(self) -> tuple[BaseRows, ...]:
        """Columns with padded rows first (padding must be shown to be zero), then what functionals use. None in binding
        ``committed``, which has a bit per row for padding and multiplies with the tables themselves.
        """
        if self.committed:
            return ()
        bases: dict[Base, None] = {
            ColumnBase(column.name, column.axes): None
            for column in self.rules.private
            if any(self.rules.axes[axis].padding is not Padding.NONE for axis in column.axes)
        }
        for node in self.functionals:
            bases.update(dict.fromkeys(self.forms.bases(node)))
        rows, first = [], 0
        for base in bases:
            rows.append(BaseRows(base, first, prod(self.rules.shape(base.axes))))
            first += rows[-1].count
        return tuple(rows)

    # --- sizes --------------------------------------------------------------------------------------------

    @property
    def n_functionals(self) -> int:
        """K, the number of linear functionals."""
        return sum(functional.count for functional in self.functionals.values())

    @property
    def n_direct(self) -> int:
        return sum(direct.count for direct in self.directs)

    @property
    def asset_axis(self) -> str | None:
        """The axis of the assets that lines of collateral are of; None where the rules have no lines."""
        return self.rules.on_chain[0].axes[0] if self.rules.lines else None

    @property
    def n_assets(self) -> int:
        """Rows of the asset table."""
        return 0 if self.asset_axis is None else self.rules.axes[self.asset_axis].capacity

    @cached_property
    def listed_axes(self) -> tuple[Axis, ...]:
        """In binding ``committed``, the padded axes of private columns, in place of copies what they copy."""
        axes = self.rules.axes
        named = {axes[name].like or name for column in self.rules.private for name in column.axes}
        chosen = (axis for axis in axes.values() if axis.name in named and axis.padding is not Padding.NONE)
        return tuple(chosen) if self.committed else ()

    @cached_property
    def active_axes(self) -> dict[str, int]:
        """Per padded axis of a private column the place of its first bit in ``active``: one bit per row, 1 where the
        market has it. An axis like another has the same bits.
        """
        ends = accumulate((axis.capacity for axis in self.listed_axes), initial=0)
        places = {axis.name: end for axis, end in zip(self.listed_axes, ends, strict=False)}
        return places | {a.name: places[a.like] for a in self.rules.axes.values() if a.like in places}

    @property
    def n_active(self) -> int:
        """The number of inputs ``active``."""
        return sum(axis.capacity for axis in self.listed_axes)

    @property
    def committed_inputs(self) -> tuple[tuple[str, int], ...]:
        """Names and counts of the private inputs that the table commitment opens to, in order; none in binding
        ``public``.                                                       specs/statement.md#committed-tables
        """
        if not self.committed:
            return ()
        inputs = (("active", self.n_active), ("direct", self.n_direct), ("assets", self.n_assets))
        return tuple((name, count) for name, count in inputs if count)

    @property
    def directs(self) -> Iterator[DirectInput]:
        """Direct inputs in order of their place."""
        both = [*self.direct_nodes.values(), *self.direct_labels.values()]
        return iter(sorted(both, key=lambda direct: direct.first))

    @cached_property
    def n_rows(self) -> int:
        """The number of challenge inputs ``t``: the elements of all bases."""
        return sum(base.count for base in self.bases)

    @cached_property
    def public_inputs(self) -> tuple[tuple[str, int], ...]:
        """Names and counts of the public inputs in order.
        specs/statement.md#public-inputs
        """
        inputs = [("context", 1), ("claim", 1), ("positions", self.rules.venues)]
        inputs += [("collateral_root", 1), ("nullifier", 1), ("scope", 1)]
        if self.committed:
            return (*inputs, (TABLE_COMMITMENT, 1))
        if self.bases:
            inputs += [("C", 1), ("gamma", 1), ("t", self.n_rows)]
        if self.n_direct:
            inputs.append(("direct", self.n_direct))
        if self.n_assets:
            inputs.append(("assets", self.n_assets))
        return tuple(inputs)

    @cached_property
    def n_public(self) -> int:
        return sum(count for _, count in self.public_inputs)

    # --- values -------------------------------------------------------------------------------------------

    def bind(self, tables: Tables) -> BoundPlan:
        """The plan with the tables of one market, whose bounds and conditions the caller has checked."""
        return BoundPlan(self, tables)

    def market_inputs(self, tables: Tables, gamma: int | None, arithmetic: Arithmetic | None = None) -> list[int]:
        """The public inputs that the tables determine, as canonical field elements: ``t``, the direct ones, the assets,
        or the commitment to them all.
        """
        return self.bind(tables).market_inputs(gamma, arithmetic)

    def to_text(self) -> str:
        """The plan in lines, for ``--show plan``."""
        lines = [f"{name:16} {count}" for name, count in self.public_inputs]
        lines += [f"{name:16} {count} (private, under {TABLE_COMMITMENT})" for name, count in self.committed_inputs]
        lines.append("")
        lines += [f"base {rows.base}: t[{rows.first}..{rows.first + rows.count})" for rows in self.bases]
        for node, functional in self.functionals.items():
            span = f"L[{functional.first}..{functional.first + functional.count})"
            lines.append(f"functional {span} {_axes(node.type.axes)} {_source(node)}")
        for direct in self.directs:
            what = f"label {direct.label}" if direct.node is None else _source(direct.node)
            lines.append(f"direct [{direct.first}..{direct.first + direct.count}) {_axes(direct.axes)} {what}")
        return "\n".join(lines)


def compute_table_commitment(rules: RuleSet, tables: Tables, arithmetic: Arithmetic | None = None) -> int:
    """What a publisher signs beside the tables, which must have been checked; zero in binding ``public``."""
    return Plan(rules).bind(tables).commitment(arithmetic)


def _require_supported(rules: RuleSet) -> None:
    """Refuse columns of chains that no lines can add up to, and more public inputs than contracts take."""
    if rules.binding == COMMITTED and rules.venues > MAX_COMMITTED_VENUES:
        raise RuleError(
            "binding `committed` has room for two venues: contracts take eight public inputs",
            where=rules.file,
            expected=f"at most {MAX_COMMITTED_VENUES}",
            got=rules.venues,
        )
    columns = rules.on_chain
    if bool(columns) != bool(rules.lines):
        words = "there are no lines" if columns else "no column is `from: chain`"
        where = f"{columns[0].span.file}:{columns[0].span.line}" if columns else rules.file
        hint = "`lines: 8` opens up to eight lines of attested collateral into one column `from: chain`"
        raise RuleError(f"{words} to open collateral for", where=where, hint=hint)
    for column in columns:
        fits = len(columns) == 1 and len(column.axes) == 1 and not rules.axes[column.axes[0]].like
        if not fits or column.decimals or column.minimum < 0 or column.maximum >> LEAF_BITS["amount"]:
            raise RuleError(
                f"`{column.name}` is no sum of lines",
                where=f"{column.span.file}:{column.span.line}",
                expected="one column `from: chain`, along one axis of assets, in atomic units: no decimals, "
                "not negative, below 2^128",
            )


def _axes(axes: Sequence[str]) -> str:
    return f"[{', '.join(axes)}]"


def _source(node: Node) -> str:
    span = node.span
    piece = span.text[span.column - 1 : span.column - 1 + span.width]
    return f"{type(node).__name__} {span.file}:{span.line} {piece}"
