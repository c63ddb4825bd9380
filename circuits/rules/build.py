"""Nodes of the typed tree, interned and in normal form, each with its integer interval.

The constructors simplify as tree.py promises and refuse values that could leave the field. Every one takes
the span of the expression that asks for the node.
Specified in specs/rules.md#intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial, reduce
from math import gcd, lcm, log2, prod
from typing import Any, TypeVar

from zkmargin.circuits.rules.problems import Refused
from zkmargin.circuits.rules.tree import (
    LIMIT,
    ONE,
    Abs,
    At,
    Axis,
    ColumnDecl,
    ColumnRef,
    LabelDecl,
    LinearSum,
    Literal,
    Max,
    Monotone,
    Nearest,
    Node,
    Padding,
    Positive,
    Product,
    Role,
    Span,
    Sum,
    SumBy,
    Type,
    Unit,
    Visibility,
)

N = TypeVar("N", bound=Node)
Interval = tuple[int, int]


class Builder:
    """Makes the nodes of one rule set. Equal nodes are one object.

    ``conditions`` are those that nodes add: what must rise, along which axis.
    """

    def __init__(self, axes: Mapping[str, Axis], labels: Mapping[str, LabelDecl]) -> None:
        self.axes = axes
        self.labels = labels
        self.conditions: dict[tuple[Node, str], Monotone] = {}
        self._interned: dict[tuple[Any, ...], Node] = {}
        self._order: dict[Node, int] = {}
        self._vanishing: dict[Node, frozenset[str]] = {}
        self._padded = frozenset(name for name, axis in axes.items() if axis.padding is Padding.ZERO)

    # --- leaves -------------------------------------------------------------------------------------------

    def literal(self, value: int, denominator: int, unit: Unit | None, span: Span) -> Node:
        """A constant. Zero has no unit and denominator 1, so that there is one zero."""
        if value == 0:
            unit, denominator = None, 1
        kind = Type((), unit, denominator, value, value, Visibility.CONSTANT)
        vanishing = self._padded if value == 0 else frozenset()
        return self.node(Literal, kind, span, (), vanishing, value=value)

    def column(self, column: ColumnDecl, span: Span) -> Node:
        """A reference to a declared column."""
        visibility = Visibility.PRIVATE if column.role is Role.PRIVATE else Visibility.PUBLIC
        kind = Type(column.axes, column.unit, 10**column.decimals, column.lo, column.hi, visibility)
        vanishing = self._padded & frozenset(column.axes)
        return self.node(ColumnRef, kind, span, (), vanishing, name=column.name, role=column.role)

    # --- arithmetic ---------------------------------------------------------------------------------------

    def linear(self, parts: Iterable[tuple[int, Node]], denominator: int, span: Span) -> Node:
        """``sum(factor * node)`` over integers, as a value over ``denominator``; flattened, like terms
        merged.
        """
        merged: dict[Node, int] = {}
        constant, unit = 0, None
        for factor, node in parts:
            unit = node.type.unit if unit is None else unit
            if isinstance(node, Literal):
                constant += factor * node.value
            elif isinstance(node, LinearSum):
                constant += factor * node.constant
                for inner, term in node.terms:
                    merged[term] = merged.get(term, 0) + factor * inner
            else:
                merged[node] = merged.get(node, 0) + factor
        terms = tuple((factor, node) for node, factor in merged.items() if factor)
        if not terms:
            return self.literal(constant, denominator, unit, span)
        if constant == 0 and terms[0][0] == 1 and len(terms) == 1 and terms[0][1].type.denominator == denominator:
            return terms[0][1]
        lo = constant + sum(f * (n.type.lo if f > 0 else n.type.hi) for f, n in terms)
        hi = constant + sum(f * (n.type.hi if f > 0 else n.type.lo) for f, n in terms)
        nodes = [node for _, node in terms]
        kind = Type(self.union(nodes), unit, denominator, lo, hi, visibility_of(nodes))
        vanishing = frozenset.intersection(*(self._vanishing[node] for node in nodes))
        vanishing = vanishing if constant == 0 else frozenset()
        return self.node(LinearSum, kind, span, nodes, vanishing, terms=terms, constant=constant)

    def add(self, parts: Sequence[tuple[int, Node]], span: Span) -> Node:
        """``sum(sign * node)`` of values, whatever their denominators."""
        denominator = lcm(*(node.type.denominator for _, node in parts))
        return self.linear([(s * (denominator // n.type.denominator), n) for s, n in parts], denominator, span)

    def negate(self, x: Node, span: Span) -> Node:
        """``-x``."""
        return self.linear([(-1, x)], x.type.denominator, span)

    def quotient(self, x: Node, divisor: int, span: Span) -> Node:
        """``x / divisor``: the same integers over a larger denominator."""
        return self.linear([(1, x)], x.type.denominator * divisor, span)

    def product(self, left: Node, right: Node, span: Span) -> Node:
        """``left * right``, as constant * (public * private)."""
        denominator = left.type.denominator * right.type.denominator
        for constant, other in ((left, right), (right, left)):
            if isinstance(constant, Literal):
                if isinstance(other, Literal):
                    unit = None if constant.type.unit is None else constant.type.unit * (other.type.unit or ONE)
                    return self.literal(constant.value * other.value, denominator, unit, span)
                return self.linear([(constant.value, other)], denominator, span)
        left_factor, left = split(left)
        right_factor, right = split(right)
        factors = _factors(left) + _factors(right)
        public = [node for node in factors if node.type.visibility is not Visibility.PRIVATE]
        private = [node for node in factors if node.type.visibility is Visibility.PRIVATE]
        groups = [reduce(partial(self._times, span), group) for group in (public, private) if group]
        return self.linear(
            [(left_factor * right_factor, reduce(partial(self._times, span), groups))], denominator, span
        )

    def _times(self, span: Span, left: Node, right: Node) -> Node:
        """A Product node of two factors that carry no constants."""
        if (left.type.visibility, self._order[left]) > (right.type.visibility, self._order[right]):
            left, right = right, left
        ends = [a * b for a in (left.type.lo, left.type.hi) for b in (right.type.lo, right.type.hi)]
        lo, hi = min(ends), max(ends)
        if left is right:
            lo = 0 if left.type.lo <= 0 <= left.type.hi else min(ends[0], ends[3])
        unit = None if left.type.unit is None or right.type.unit is None else left.type.unit * right.type.unit
        nodes = [left, right]
        denominator = left.type.denominator * right.type.denominator
        kind = Type(self.union(nodes), unit, denominator, lo, hi, visibility_of(nodes))
        vanishing = self._vanishing[left] | self._vanishing[right]
        return self.node(Product, kind, span, nodes, vanishing, left=left, right=right)

    # --- reductions ---------------------------------------------------------------------------------------

    def sum(self, x: Node, over: tuple[str, ...], span: Span) -> Node:
        """``sum(x, over=...)``: over a padded axis only where padded rows add nothing."""
        for axis in over:
            if axis in self._padded and axis not in self._vanishing[x]:
                words = f"the sum over `{axis}` would depend on its padding: not zero on a row of zeros"
                raise Refused("pad", words, span, f"multiply by a column that is 0 on unused rows of `{axis}`")
        if isinstance(x, LinearSum | Literal):
            terms = x.terms if isinstance(x, LinearSum) else ()
            constant = x.constant if isinstance(x, LinearSum) else x.value
            parts = [(factor, self._sum(node, over, span)) for factor, node in terms]
            if constant:
                ones = constant * prod(self.axes[axis].capacity for axis in over)
                parts.append((1, self.literal(ones, x.type.denominator, x.type.unit, span)))
            return self.linear(parts, x.type.denominator, span)
        return self._sum(x, over, span)

    def _sum(self, x: Node, over: tuple[str, ...], span: Span) -> Node:
        kept = tuple(axis for axis in over if axis in x.type.axes)
        repeats = prod(self.axes[axis].capacity for axis in over if axis not in kept)
        if repeats != 1:
            return self.linear([(repeats, self._sum(x, kept, span))], x.type.denominator, span)
        if not kept:
            return x
        if isinstance(x, Nearest):
            room = self._sum_inside(x.room, over, span)
            return self.nearest(self.sum(x.exact, over, span), self.sum(x.near, over, span), room, span)
        inner, axes = (x.x, (*x.over, *kept)) if isinstance(x, Sum) else (x, kept)
        axes = tuple(axis for axis in self.axes if axis in axes)
        rows = prod(self.axes[axis].capacity for axis in axes)
        t = inner.type
        left = tuple(axis for axis in t.axes if axis not in axes)
        kind = Type(left, t.unit, t.denominator, rows * t.lo, rows * t.hi, t.visibility)
        vanishing = self._vanishing[inner].difference(axes)
        return self.node(Sum, kind, span, (inner,), vanishing, x=inner, over=axes)

    def _sum_inside(self, x: Node, over: tuple[str, ...], span: Span) -> Node:
        """``sum(x, over=...)`` with a public factor that lacks the axes outside: one product, not one per row."""
        factor, core = split(x)
        if not isinstance(core, Product) or core.left.type.visibility is Visibility.PRIVATE:
            return self.sum(x, over, span)
        if set(over) & set(core.left.type.axes):
            return self.sum(x, over, span)
        inner = self.product(core.left, self.sum(core.right, over, span), span)
        return self.linear([(factor, inner)], x.type.denominator, span)

    def sum_by(self, x: Node, label: LabelDecl, span: Span) -> Node:
        """``sum(x, by=label)``. A part without the label's axis is multiplied by the number of rows in the
        group.
        """
        if not isinstance(x, LinearSum | Literal):
            return self._sum_by(x, label, span)
        terms = x.terms if isinstance(x, LinearSum) else ()
        constant = x.constant if isinstance(x, LinearSum) else x.value
        parts = [(factor, self._sum_by(node, label, span)) for factor, node in terms]
        if constant:
            parts.append((constant, self._rows(label, span)))
        return self.linear(parts, x.type.denominator, span)

    def _sum_by(self, x: Node, label: LabelDecl, span: Span) -> Node:
        if label.axis not in x.type.axes and not (isinstance(x, Literal) and x.value == 1):
            return self.product(x, self._rows(label, span), span)
        axes = {*x.type.axes, label.target} - {label.axis}
        few, many, t = *self._group_sizes(label), x.type
        lo, hi = min(few * t.lo, many * t.lo), max(few * t.hi, many * t.hi)
        kind = Type(self.ordered(axes), t.unit, t.denominator, lo, hi, max(t.visibility, Visibility.PUBLIC))
        vanishing = self._carried(x, label.axis, label.target, label)
        return self.node(SumBy, kind, span, (x,), vanishing, x=x, label=label.name)

    def _group_sizes(self, label: LabelDecl) -> tuple[int, int]:
        """How few and how many rows a group may have."""
        if label.fixed is None:
            return 0, self.axes[label.axis].capacity
        counts = [label.fixed.count(group) for group in range(self.axes[label.target].capacity)]
        return min(counts), max(counts)

    def _carried(self, x: Node, old: str, new: str, label: LabelDecl) -> frozenset[str]:
        """Where a node vanishes whose axis ``old`` a label makes ``new``: unused rows of tables are in no group, and
        the identity keeps padded rows as they are.
        """
        fresh = {new} if label.fixed is None or old in self._vanishing[x] else set()
        return (self._vanishing[x] - {old}) | (self._padded & fresh)

    def _rows(self, label: LabelDecl, span: Span) -> Node:
        """The number of rows in each group."""
        return self._sum_by(self.literal(1, 1, ONE, span), label, span)

    def at(self, x: Node, label: LabelDecl, span: Span) -> Node:
        """``at(x, by=label)``."""
        if label.target not in x.type.axes and (label.total or x.type.lo == x.type.hi == 0):
            return x
        axes = {*x.type.axes, label.axis} - {label.target}
        t = x.type
        lo, hi = (t.lo, t.hi) if label.total else (min(t.lo, 0), max(t.hi, 0))
        kind = Type(self.ordered(axes), t.unit, t.denominator, lo, hi, max(t.visibility, Visibility.PUBLIC))
        vanishing = self._carried(x, label.target, label.axis, label)
        return self.node(At, kind, span, (x,), vanishing, x=x, label=label.name)

    def maximum(self, branches: Sequence[Node], over: tuple[str, ...], span: Span) -> Node:
        """``max(branches...)``, or ``max(branch, over=...)``."""
        if len(branches) == 1:
            return self._max_over(branches[0], over, span)
        denominator = lcm(*(node.type.denominator for node in branches))
        aligned = [self.linear([(denominator // n.type.denominator, n)], denominator, span) for n in branches]
        constants = [n.value * (denominator // n.type.denominator) for n in aligned if isinstance(n, Literal)]
        kept = list(dict.fromkeys(node for node in aligned if not isinstance(node, Literal)))
        unit = next((node.type.unit for node in branches if node.type.unit is not None), None)
        if constants:
            largest = max(constants)
            if not kept:
                return self.literal(largest, denominator, unit, span)
            if largest == 0 and len(kept) == 1:
                return self.positive(kept[0], span)
            kept.append(self._constant(largest, denominator, unit, span))
        if len(kept) == 1:
            return kept[0]
        lo, hi = max(node.type.lo for node in kept), max(node.type.hi for node in kept)
        kind = Type(self.union(kept), unit, denominator, lo, hi, visibility_of(kept))
        # 0 where one branch is 0 and no other can be above: min(x, cap) vanishes with x if cap >= 0
        vanishing = frozenset(
            axis
            for axis in self._padded
            if any(axis in self._vanishing[node] for node in kept)
            and all(self._most_on_padding(node, axis) <= 0 for node in kept)
        )
        return self.node(Max, kind, span, kept, vanishing, branches=tuple(kept), over=())

    def _constant(self, value: int, denominator: int, unit: Unit | None, span: Span) -> Node:
        """A literal branch of a Max, of exactly that denominator (zero included)."""
        kind = Type((), unit if value else None, denominator, value, value, Visibility.CONSTANT)
        vanishing = self._padded if value == 0 else frozenset()
        return self.node(Literal, kind, span, (), vanishing, value=value)

    def _max_over(self, x: Node, over: tuple[str, ...], span: Span) -> Node:
        axes = tuple(axis for axis in over if axis in x.type.axes)
        if not axes:
            return x
        factor, core = split(x)
        if factor > 0 and core is not x:
            return self.linear([(factor, self._max_over(core, over, span))], x.type.denominator, span)
        t = x.type
        left = tuple(axis for axis in t.axes if axis not in axes)
        kind = Type(left, t.unit, t.denominator, t.lo, t.hi, t.visibility)
        return self.node(Max, kind, span, (x,), self._vanishing[x], branches=(x,), over=axes)

    def minimum(self, branches: Sequence[Node], over: tuple[str, ...], span: Span) -> Node:
        """``min(...)`` as ``-max(-...)``."""
        return self.negate(self.maximum([self.negate(node, span) for node in branches], over, span), span)

    def positive(self, x: Node, span: Span) -> Node:
        """``max(x, 0)``; constant factors come out, so that ``positive(2*x)`` shares ``positive(x)``."""
        t = x.type
        if t.lo >= 0:
            return x
        if t.hi <= 0:
            return self.literal(0, 1, None, span)
        factor, core = split(x)
        inner = core if factor > 0 else self.negate(core, span)
        if inner is not x:
            return self.linear([(abs(factor), self.positive(inner, span))], t.denominator, span)
        kind = Type(t.axes, t.unit, t.denominator, 0, t.hi, t.visibility)
        vanishing = frozenset(axis for axis in self._padded if self._most_on_padding(x, axis) <= 0)
        return self.node(Positive, kind, span, (x,), vanishing, x=x)

    def absolute(self, x: Node, span: Span) -> Node:
        """``max(x, -x)``; constant factors come out."""
        t = x.type
        if t.lo >= 0:
            return x
        if t.hi <= 0:
            return self.negate(x, span)
        factor, core = split(x)
        if core is not x:
            return self.linear([(abs(factor), self.absolute(core, span))], t.denominator, span)
        kind = Type(t.axes, t.unit, t.denominator, 0, max(-t.lo, t.hi), t.visibility)
        return self.node(Abs, kind, span, (x,), self._vanishing[x], x=x)

    def _most_on_padding(self, node: Node, axis: str) -> int:
        """A bound from above of the node on the padded rows of an axis: of ``x - c`` with x vanishing, ``-c``."""
        if axis in self._vanishing[node]:
            return 0
        if not isinstance(node, LinearSum):
            return node.type.hi
        left = ((factor, term.type) for factor, term in node.terms if axis not in self._vanishing[term])
        return node.constant + sum(factor * (t.hi if factor > 0 else t.lo) for factor, t in left)

    def nearest(self, exact: Node, near: Node, room: Node, span: Span) -> Node:
        """A value of which circuits may take a bound: ``near`` and at most ``room`` more, or less."""
        denominator = lcm(*(node.type.denominator for node in (exact, near, room)))
        given = (exact, near, room)
        parts = [self.linear([(denominator // n.type.denominator, n)], denominator, span) for n in given]
        t, axes = parts[0].type, self.union(parts)
        kind = Type(axes, t.unit, denominator, t.lo, t.hi, visibility_of(parts))
        vanishing = frozenset.intersection(*(self._vanishing[node] for node in parts))
        fields = dict(zip(("exact", "near", "room"), parts, strict=True))
        return self.node(Nearest, kind, span, parts, vanishing, **fields)

    # --- shared -------------------------------------------------------------------------------------------

    def vanishes(self, node: Node, axis: str) -> bool:
        """Whether the node is shown to be 0 on the rows beyond the active ones of an axis padded with
        zeros.
        """
        return axis in self._vanishing[node]

    def vanish(self, node: Node, axes: frozenset[str]) -> None:
        """Note that a node is 0 on the padded rows of axes for a reason that its operands do not show."""
        self._vanishing[node] = self._vanishing[node] | axes

    def vanishing(self, node: Node) -> frozenset[str]:
        """The axes padded with zeros on whose padded rows the node is shown to be 0."""
        return self._vanishing[node]

    def node(
        self,
        cls: type[N],
        kind: Type,
        span: Span,
        parts: Iterable[Node],
        vanishing: frozenset[str],
        **fields: Any,
    ) -> N:
        """The node of these fields, made if there is none; ``parts`` are what an error message lists."""
        key = (cls, kind, *fields.values())
        known = self._interned.get(key)
        if isinstance(known, cls):
            return known
        if kind.lo <= -LIMIT or kind.hi >= LIMIT or kind.denominator >= LIMIT:
            raise Refused("field", _too_large(kind, parts), span, "fewer decimals, or tighter min and max")
        node = cls(type=kind, span=span, **fields)
        self._interned[key] = node
        self._order[node] = len(self._order)
        self._vanishing[node] = vanishing
        return node

    def union(self, nodes: Iterable[Node]) -> tuple[str, ...]:
        """All axes of nodes, in declared order."""
        return self.ordered({axis for node in nodes for axis in node.type.axes})

    def ordered(self, names: set[str]) -> tuple[str, ...]:
        """Axes in declared order."""
        return tuple(axis for axis in self.axes if axis in names)


def visibility_of(nodes: Iterable[Node]) -> Visibility:
    """Who knows a value that depends on all of these."""
    return max(node.type.visibility for node in nodes)


def split(node: Node) -> tuple[int, Node]:
    """``factor * core`` as integers, where the node is one term with a constant factor."""
    if isinstance(node, LinearSum) and len(node.terms) == 1 and node.constant == 0:
        return node.terms[0]
    return 1, node


def content(node: Node) -> int:
    """A whole number of at least 1 that divides every value of the node."""
    if not isinstance(node, LinearSum):
        return max(1, abs(node.value)) if isinstance(node, Literal) else 1
    return gcd(node.constant, *(factor for factor, _ in node.terms))


def _factors(node: Node) -> list[Node]:
    """Public and private factor of a product that has both; any other node itself."""
    if isinstance(node, Product) and node.left.type.visibility is not node.right.type.visibility:
        return [node.left, node.right]
    return [node]


def _too_large(kind: Type, parts: Iterable[Node]) -> str:
    reach = log2(max(abs(kind.lo), abs(kind.hi), kind.denominator))
    widths = ", ".join(f"{_name(node)} {node.type.bits} bits" for node in list(parts)[:6])
    return f"value may reach 2^{reach:.1f}, the limit is 2^252" + (f": {widths}" if widths else "")


def _name(node: Node) -> str:
    if isinstance(node, ColumnRef):
        return f"`{node.name}`"
    start = node.span.column - 1
    return f"`{node.span.text[start : start + node.span.width]}`"
