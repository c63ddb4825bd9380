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
- A Sum or SumBy over an axis that is padded with zeros sums an expression that vanishes on padded rows; a
  Max never runs over such an axis; a claim that keeps such an axis vanishes there on both sides. So active
  rows and capacity rows give the same values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum

LIMIT = 1 << 252
"""Every value stays strictly inside ``+-LIMIT``, so that field arithmetic never wraps."""


class Side(Enum):
    """What the uses of a node ask of it: its exact value, or a bound that the prover may choose."""

    EXACT = "exact"
    UPPER = "upper"
    LOWER = "lower"

    def join(self, other: Side) -> Side:
        """One demand that serves both: asked on both sides means exact."""
        return self if self is other else Side.EXACT

    def flip(self) -> Side:
        """The demand on ``x`` when ``-x`` is asked for."""
        return {Side.UPPER: Side.LOWER, Side.LOWER: Side.UPPER, Side.EXACT: Side.EXACT}[self]


class Visibility(IntEnum):
    """Who knows the value: everyone from the rule text, everyone from the tables, the prover alone."""

    CONSTANT = 0
    PUBLIC = 1
    PRIVATE = 2


class Role(Enum):
    """Where a column is declared."""

    PUBLIC = "public"
    PARAMETER = "parameters"
    PRIVATE = "private"


class Padding(Enum):
    """What fills the rows of an axis beyond the active ones."""

    NONE = "none"
    ZERO = "zero"
    REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one line of a rule file. ``line`` and ``column`` count from 1, ``text`` is the line."""

    file: str
    line: int
    column: int
    width: int
    text: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A product of powers of named units, names in ascending order, no zero power; ``()`` is the number 1."""

    powers: tuple[tuple[str, int], ...] = ()

    def __mul__(self, other: Unit) -> Unit:
        powers = dict(self.powers)
        for name, power in other.powers:
            powers[name] = powers.get(name, 0) + power
        return Unit(tuple(sorted((name, power) for name, power in powers.items() if power)))

    def __str__(self) -> str:
        def join(sign: int) -> str:
            return "*".join(
                name if abs(power) == 1 else f"{name}^{abs(power)}" for name, power in self.powers if power * sign > 0
            )

        below = join(-1)
        return (join(1) or "1") + (f"/{below}" if "*" not in below else f"/({below})") * bool(below)


ONE = Unit()


@dataclass(frozen=True, slots=True)
class Type:
    """What is known of a node before any table or account is seen.

    ``axes`` are in the order of their declaration. ``unit`` is None for the constant 0 alone, which fits
    any unit. The integer (value times ``denominator``) lies in ``[lo, hi]`` for every admissible table and
    account: public columns within their declared bounds, private ones within their effective interval.
    """

    axes: tuple[str, ...]
    unit: Unit | None
    denominator: int
    lo: int
    hi: int
    visibility: Visibility

    @property
    def bits(self) -> int:
        """Width of the interval: the smallest w with ``hi - lo < 2**w``."""
        return (self.hi - self.lo).bit_length()


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


# --- declarations -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Axis:
    """A named axis of exactly ``capacity`` elements (``padding`` NONE), or of at most that many, padded."""

    name: str
    capacity: int
    padding: Padding
    span: Span


@dataclass(frozen=True, slots=True)
class LabelDecl:
    """A label of the tables: it sends each row of ``axis`` to an element of ``target``, or to none."""

    name: str
    axis: str
    target: str
    span: Span


@dataclass(frozen=True, slots=True)
class ColumnDecl:
    """A column: an integer array of ``value * 10**decimals`` along ``axes`` (empty: a scalar).

    ``minimum`` and ``maximum`` are the declared bounds, as integers. ``lo`` and ``hi`` are the bounds that
    both readings use: the declared ones where the tables are checked, the effective interval (a power of
    two wide) where the circuit checks a private column.
    Specified in specs/rules.md#effective-intervals.
    """

    name: str
    role: Role
    axes: tuple[str, ...]
    unit: Unit
    decimals: int
    minimum: int
    maximum: int
    lo: int
    hi: int
    default: int | None
    span: Span

    @property
    def bits(self) -> int:
        """Width of ``[lo, hi]``; for a private column ``hi - lo + 1 == 2**bits``, ``lo`` 0 or
        ``-2**(bits-1)``.
        """
        return (self.hi - self.lo).bit_length()


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


@dataclass(frozen=True, eq=False)
class RuleSet:
    """A checked rule set, equal only to itself (compare digests). Mappings keep the order of the file.

    ``columns`` holds public columns, parameters and private columns alike (ColumnDecl.role tells);
    ``requirements`` holds ``maintenance`` and, if the rule set has one, ``initial``, each already at least
    zero. ``sides`` holds the joined demand on every private node under equity and requirements; nodes that
    are not private are always exact.
    """

    text: bytes = field(repr=False)
    digest: bytes
    file: str
    name: str
    binding: str
    value_bits: int
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
    def public(self) -> tuple[ColumnDecl, ...]:
        """Public columns in declared order."""
        return tuple(c for c in self.columns.values() if c.role is Role.PUBLIC)

    @property
    def parameters(self) -> tuple[ColumnDecl, ...]:
        """Parameters in declared order."""
        return tuple(c for c in self.columns.values() if c.role is Role.PARAMETER)

    @property
    def roots(self) -> tuple[Node, ...]:
        """Equity, then the requirements: what the statement is about."""
        return (self.equity, *self.requirements.values())

    def shape(self, axes: tuple[str, ...]) -> tuple[int, ...]:
        """Capacities of axes: the shape of an array of the circuit."""
        return tuple(self.axes[name].capacity for name in axes)
