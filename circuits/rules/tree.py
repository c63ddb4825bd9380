"""The typed tree of a rule set: what both readings, plaintext and circuit, read.     specs/rules.md#tree

A value is an integer over a positive constant ``denominator``; arrays carry named axes. Nodes are interned
while a rule set is built: equal expressions are one object, so identity is equality and a shared
subexpression is one node. Every tuple is in a fixed order (axes as declared in the file, terms and branches
as first written), so one text gives one tree.

Normal form, which lowering may rely on:

- No definition, ``-``, ``/``, ``min`` or constant subexpression is left: ``x - y/2`` is a LinearSum,
  ``min(x, y)`` is ``-Max(-x, -y)``, ``max(x, 0)`` is ``Positive(x)``, a constant expression is one Literal.
- A LinearSum has no LinearSum and no Literal among its terms, no zero factor, and no node twice.
- A Product has no constant factor (constants are factors of a LinearSum around it), and
  ``left.type.visibility <= right.type.visibility``: public * public, public * private, or private * private
  where ``left`` and ``right`` carry no public factor at their top. A right factor may be a LinearSum.
- ``Sum`` is not applied to a LinearSum (it is distributed over the terms) nor to a Sum (axes are merged).
  SumBy is distributed likewise; a term without the label's axis becomes a product with ``SumBy(1)``, the
  public count of rows in each group, the only SumBy whose operand lacks the label's axis.
- Positive and Abs of an expression whose interval shows its sign are gone.
- ``floor(x, u)`` is ``u * Div(x, u)``, ``ceil(x, u)`` is ``-floor(-x, u)``. Operands of Div, Sqrt, Match and Step
  carry the factors that bring them to matching denominators, so these nodes speak of integers alone. A Div by
  the integer 1 is gone.
- A Sum of a Nearest is a Nearest of sums, so that what a circuit reads of it stays linear. A Nearest of a public value
  is ``floor(x + u / 2, u)``.
- ``value_at_risk`` and ``expected_shortfall`` with ``worst=1`` are Max, ``expected_shortfall`` with ``worst`` the
  number of scenarios is a Sum. Positive constant factors come out of both, any constant factor out of the
  ``value`` of a Step and the ``y`` of a Pick; positive ones of the ``score`` of a Pick are dropped.
- A label with ``fixed`` indices is part of the circuit. An axis declared ``like`` another has such a label of its
  own name, the identity: ``At(x, "other")`` renames the axis and nothing else.
- A Sum or SumBy over an axis that is padded with zeros sums an expression that vanishes on padded rows; no
  Max, Step, Pick, ValueAtRisk or ExpectedShortfall runs over such an axis; a claim that keeps such an axis
  vanishes there on both sides. So active rows and capacity rows give the same values.
- Intervals hold on padded rows too, where every zero-padded column is 0 and the expression is evaluated from
  those zeros (so ``max(u, 1)`` is 1 there, not 0).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from zkmargin.circuits.rules.base import (
    LIMIT,
    ONE,
    Axis,
    ColumnDecl,
    LabelDecl,
    Padding,
    Role,
    Side,
    Source,
    Span,
    Type,
    Unit,
    Visibility,
)

__all__ = [
    "LIMIT",
    "ONE",
    "Abs",
    "At",
    "Axis",
    "ColumnDecl",
    "ColumnRef",
    "Comparison",
    "Condition",
    "Div",
    "ExpectedShortfall",
    "LabelDecl",
    "LinearSum",
    "Literal",
    "Match",
    "Max",
    "Monotone",
    "Nearest",
    "Node",
    "Padding",
    "Pick",
    "Positive",
    "Previous",
    "Product",
    "Role",
    "RuleSet",
    "Side",
    "Source",
    "Span",
    "Sqrt",
    "Step",
    "Sum",
    "SumBy",
    "Type",
    "Unit",
    "ValueAtRisk",
    "Visibility",
    "direction",
    "walk",
]


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """An expression. Compared and hashed by identity. ``span`` is the first place in the text that built
    it.
    """

    type: Type
    span: Span

    @property
    def children(self) -> tuple[Node, ...]:
        """Direct subexpressions, in the order of the text."""
        return ()


@dataclass(frozen=True, eq=False, slots=True)
class Literal(Node):
    """The constant ``value / type.denominator``."""

    value: int


@dataclass(frozen=True, eq=False, slots=True)
class ColumnRef(Node):
    """A column of the tables, a parameter, or a column of the account; ``name`` looks up RuleSet.columns."""

    name: str
    role: Role


@dataclass(frozen=True, eq=False, slots=True)
class LinearSum(Node):
    """``constant + sum(factor * term)`` over integers: every factor already aligns its term to the
    denominator here.

    Terms broadcast by axis name to ``type.axes``.
    """

    terms: tuple[tuple[int, Node], ...]
    constant: int

    @property
    def children(self) -> tuple[Node, ...]:
        return tuple(node for _, node in self.terms)


@dataclass(frozen=True, eq=False, slots=True)
class Product(Node):
    """``left * right`` as integers, broadcasting by axis name; the denominator is the product of theirs."""

    left: Node
    right: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, eq=False, slots=True)
class Sum(Node):
    """Sum of ``x`` over ``over``, which are axes of ``x`` in declared order; they leave the type."""

    x: Node
    over: tuple[str, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x,)


@dataclass(frozen=True, eq=False, slots=True)
class SumBy(Node):
    """``result[g] = sum of x[row] over the rows with label[row] == g``: the label's axis becomes its target.

    Rows in no group (-1) count nowhere.
    """

    x: Node
    label: str

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x,)


@dataclass(frozen=True, eq=False, slots=True)
class At(Node):
    """``result[row] = x[label[row]]``, 0 for a row in no group: the label's target becomes its axis."""

    x: Node
    label: str

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x,)


@dataclass(frozen=True, eq=False, slots=True)
class Max(Node):
    """The largest of ``branches`` (two or more, all of this node's denominator, broadcasting), or, where
    ``over`` is not empty, the largest element of the one branch along those axes, which leave the type.
    """

    branches: tuple[Node, ...]
    over: tuple[str, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.branches


@dataclass(frozen=True, eq=False, slots=True)
class Positive(Node):
    """``max(x, 0)``."""

    x: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x,)


@dataclass(frozen=True, eq=False, slots=True)
class Abs(Node):
    """``max(x, -x)``."""

    x: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x,)


@dataclass(frozen=True, eq=False, slots=True)
class Div(Node):
    """``R = floor(X / Y)`` of the integers of ``x`` and ``y``, towards minus infinity: ``R*Y <= X < (R+1)*Y``.

    ``y.type.lo >= 1``, so Y > 0 on every row, padded ones included. The factors of ``div(x, y, decimals=d)``
    are in ``x`` and ``y``: ``x.type.denominator == type.denominator * y.type.denominator``, and
    ``type.denominator == 10**d``. ``y`` is public, or private; ``(|R| + 1) * Y`` stays inside the limit for
    every R and Y in their intervals. Rising in X; falling in Y where X >= 0.
    """

    x: Node
    y: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x, self.y)


@dataclass(frozen=True, eq=False, slots=True)
class Sqrt(Node):
    """``R = isqrt(max(X, 0) // divisor)``: the largest R >= 0 with ``divisor * R**2 <= max(X, 0)``.

    ``divisor >= 1`` is a constant; ``x.type.denominator == divisor * type.denominator**2``, and
    ``type.denominator == 10**d`` for ``sqrt(x, decimals=d)``. ``divisor * (R + 1)**2`` stays inside the limit for
    every R in the interval. ``x.type.lo`` may be negative: then R = 0. Rising in X.
    """

    x: Node
    divisor: int

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x,)


@dataclass(frozen=True, eq=False, slots=True)
class Nearest(Node):
    """``nearest(x, u)``, or a sum of such: the value of ``exact``, with ``near - room < exact <= near + room``.

    ``near`` is x, ``room`` half of u where x is not zero; sums of both where elements are summed. All have this
    node's denominator, ``room`` is never negative. Plaintext reads ``exact``. A circuit reads ``exact`` where the
    exact value is asked for, else ``near + room`` as a bound from above, ``near - room`` as one from below: the only
    node whose bounds an honest prover does not reach.
    """

    exact: Node
    near: Node
    room: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.exact, self.near, self.room)

    def read(self, side: Side) -> tuple[Node, ...]:
        """The children that a circuit reads for a demand."""
        return (self.exact,) if side is Side.EXACT else (self.near, self.room)


@dataclass(frozen=True, eq=False, slots=True)
class Step(Node):
    """``value[k]`` for the first tier ``k`` along ``axis`` with ``X <= bound[k]``, as integers; the last tier has no
    upper bound, the ``bound`` of the last row (of the capacity) is not read.

    ``x`` lacks ``axis``, ``bound`` and ``value`` have it and are public; ``x`` and ``bound`` have one denominator,
    ``value`` has this node's. The others' axes broadcast to ``type.axes``. ``RuleSet.conditions`` has
    ``rising(bound, over=axis)``, so the tier ``k`` is the only one with ``bound[k-1] < X <= bound[k]``, where
    ``bound[-1]`` is minus and the last bound plus infinity. ``direction`` tells whether ``value`` rises.
    """

    x: Node
    bound: Node
    value: Node
    axis: str

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x, self.bound, self.value)


@dataclass(frozen=True, eq=False, slots=True)
class ValueAtRisk(Node):
    """The ``worst``-th largest of the elements of ``x`` along ``over``, counted with repetition.

    ``2 <= worst <= S``, S the product of the sizes of ``over``, which are axes of exact size.
    """

    x: Node
    over: tuple[str, ...]
    worst: int

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x,)


@dataclass(frozen=True, eq=False, slots=True)
class ExpectedShortfall(Node):
    """The mean of the ``p/q`` largest elements of ``x`` along ``over``, axes of exact size.

    ``worst = (p, q)`` in lowest terms, ``1 < p/q < S``, S the product of the sizes. With ``x_1 >= x_2 >= ...``
    and ``m = p // q`` the integer is ``q * (x_1 + ... + x_m) + (p - q*m) * x_(m+1)``, and
    ``type.denominator == p * x.type.denominator``. It is the smallest ``p*eta + q * sum(max(x_s - eta, 0))`` over
    integers eta, reached at ``eta = x_(m+1)`` (at ``x_m`` too if q = 1), so any eta gives an upper bound; and
    the largest ``sum(c_s * x_s)`` over integers ``0 <= c_s <= q`` with ``sum(c_s) = p``, so any such c gives a
    lower one.
    """

    x: Node
    over: tuple[str, ...]
    worst: tuple[int, int]

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x,)


@dataclass(frozen=True, eq=False, slots=True)
class Match(Node):
    """Spreads formed row after row along ``row`` from the amounts ``x`` along ``leg``: how many at each row.

    ``ratio`` is public, with the axes ``row`` and ``leg`` and maybe more; ``x`` has ``leg`` and not ``row``.
    As integers, with ``left = X``; for each row in order: the legs are those with ``ratio[row, l] != 0``. If
    ``left[l] * ratio[row, l] > 0`` for all legs, or ``< 0`` for all, then ``R[row] = min over legs of
    floor(|left[l]| / |ratio[row, l]|)`` and ``|left[l]|`` falls by ``R[row] * |ratio[row, l]|``, its sign kept;
    else, or without legs, ``R[row] = 0``. R >= 0 and no ``left`` ever crosses zero.
    ``x.type.denominator == type.denominator * ratio.type.denominator``, ``type.denominator == 10**d``.
    ``ratio`` vanishes on the padded rows of both axes, neither of which repeats its last row.
    """

    x: Node
    ratio: Node
    leg: str
    row: str

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x, self.ratio)


@dataclass(frozen=True, eq=False, slots=True)
class Pick(Node):
    """``y`` at the first element along ``axis`` at which ``score`` is largest. Both have ``axis``, which leaves.

    ``axis`` has an exact size or repeats its last row, which is never the first largest by repetition.
    """

    y: Node
    score: Node
    axis: str

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.y, self.score)


@dataclass(frozen=True, eq=False, slots=True)
class Previous(Node):
    """``x`` one row earlier along ``axis``, 0 at the first row. ``x`` is public and has the axis.

    Stands below conditions only, which read active rows: no circuit and no padded row ever sees it.
    """

    x: Node
    axis: str

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.x,)


def walk(roots: Iterable[Node]) -> Iterator[Node]:
    """Every node below the roots once, children before parents, in an order that only the text decides."""
    done: set[Node] = set()
    for root in roots:
        stack = [(root, iter(root.children))]
        while stack:
            node, pending = stack[-1]
            child = next((c for c in pending if c not in done), None)
            if child is not None:
                stack.append((child, iter(child.children)))
                continue
            stack.pop()
            if node not in done:
                done.add(node)
                yield node


# --- rule sets ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """A condition ``operands[0] op[0] operands[1] op[1] ...`` on the tables, true for every active element.

    All operands are public and have one denominator. Operators: ``<= < == >= >``.
    """

    operands: tuple[Node, ...]
    operators: tuple[str, ...]
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Monotone:
    """A condition ``rising(x, over=axis)`` or ``falling(...)``: no active element is below (above) the one
    before.
    """

    x: Node
    axis: str
    rising: bool
    text: str
    span: Span


Condition = Comparison | Monotone


def direction(conditions: Iterable[Condition], node: Node, axis: str) -> int:
    """1 where the conditions say that the node rises along the axis, -1 where it falls, else 0."""
    for condition in conditions:
        if isinstance(condition, Monotone) and condition.x is node and condition.axis == axis:
            return 1 if condition.rising else -1
    return 0


@dataclass(frozen=True, eq=False)
class RuleSet:
    """A checked rule set, equal only to itself (compare digests). Mappings keep the order of the file.

    ``columns`` holds public columns, parameters and private columns alike (ColumnDecl.role tells);
    ``requirements`` holds ``maintenance`` and, if the rule set has one, ``initial``, each already at least
    zero. ``sides`` holds the joined demand on every private node under equity and requirements; nodes that
    are not private are always exact. ``value_bits``: None where the file
    does not state it. ``conditions`` are those of the file, then those that nodes add.
    ``venues`` is how many position statements the account has; with more than one, ``axes`` begins with
    ``venue`` and every column that venues vouch for has it as its first axis. ``lines`` is how many lines of
    attested collateral a proof may open, 0 for none.
    """

    text: bytes = field(repr=False)
    digest: bytes
    file: str
    name: str
    binding: str
    value_bits: int | None
    venues: int
    lines: int
    axes: Mapping[str, Axis]
    columns: Mapping[str, ColumnDecl]
    labels: Mapping[str, LabelDecl]
    definitions: Mapping[str, Node] = field(repr=False)
    equity: Node = field(repr=False)
    requirements: Mapping[str, Node] = field(repr=False)
    conditions: tuple[Condition, ...] = field(repr=False)
    sides: Mapping[Node, Side] = field(repr=False)

    @property
    def private(self) -> tuple[ColumnDecl, ...]:
        """Private columns in declared order."""
        return tuple(c for c in self.columns.values() if c.role is Role.PRIVATE)

    @property
    def attested(self) -> tuple[ColumnDecl, ...]:
        """Private columns that venues vouch for, in declared order: what position commitments open to."""
        return tuple(c for c in self.private if c.source is Source.VENUE)

    @property
    def chosen(self) -> tuple[ColumnDecl, ...]:
        """Private columns that the prover chooses, in declared order."""
        return tuple(c for c in self.private if c.source is Source.PROVER)

    @property
    def on_chain(self) -> tuple[ColumnDecl, ...]:
        """Private columns that attestors of chains vouch for, in declared order."""
        return tuple(c for c in self.private if c.source is Source.CHAIN)

    @property
    def public(self) -> tuple[ColumnDecl, ...]:
        """Public columns in declared order."""
        return tuple(c for c in self.columns.values() if c.role is Role.PUBLIC)

    @property
    def parameters(self) -> tuple[ColumnDecl, ...]:
        """Parameters in declared order."""
        return tuple(c for c in self.columns.values() if c.role is Role.PARAMETER)

    @property
    def table_axes(self) -> frozenset[str]:
        """Axes that tables say something of: a public column runs over them, or a label that is not fixed."""
        labels = [label for label in self.labels.values() if label.fixed is None]
        return frozenset(
            [axis for column in self.public for axis in column.axes]
            + [axis for label in labels for axis in (label.axis, label.target)]
        )

    @property
    def roots(self) -> tuple[Node, ...]:
        """Equity, then the requirements: what the statement is about."""
        return (self.equity, *self.requirements.values())

    def sizes(self, active: Mapping[str, int]) -> dict[str, int]:
        """The active rows of every axis, from those that tables list. Tables need not list an axis that copies
        another, nor one of exact size of which they say nothing.
        """
        sizes = {}
        for axis in self.axes.values():
            known = axis.name if axis.like is None or axis.name in active else axis.like
            sizes[axis.name] = active.get(known, axis.capacity)
        return sizes

    def side(self, node: Node) -> Side:
        """The joined demand on a node; what no account influences is asked for exactly."""
        return self.sides.get(node, Side.EXACT)

    def direction(self, node: Node, axis: str) -> int:
        """1 where conditions show that the node rises along the axis, -1 where it falls, else 0."""
        return direction(self.conditions, node, axis)

    def shape(self, axes: tuple[str, ...]) -> tuple[int, ...]:
        """Capacities of axes: the shape of an array of the circuit."""
        return tuple(self.axes[name].capacity for name in axes)
