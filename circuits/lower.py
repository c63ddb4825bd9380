"""The circuit reading of a rule set: its tree to gadgets.
                                                                                    specs/circuits.md#lowering

Every node becomes an array of numbers and a *side*: what those numbers are to the node's true value, exactly
equal, at least it, or at most it. The demands of the side pass choose which gadget is placed; the sides of
what was placed are worked out again here from the gadgets themselves, and a combination that would not be a
bound is refused. So a mistake in the side pass cannot become an unsound circuit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from zkmargin.circuits.account import Account, form_values
from zkmargin.circuits.arrays import Numbers, align, along, array_of, elementwise, places
from zkmargin.circuits.builtins import BUILTINS, Builtins
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.maximum import (
    exact_cost,
    lower_bound,
    maximum,
    slack_width,
    upper_bound,
    upper_bound_cost,
)
from zkmargin.circuits.gadgets.select import product
from zkmargin.circuits.gadgets.sign import absolute_of_positive, sign_width
from zkmargin.circuits.integers import Num, num_unchecked
from zkmargin.circuits.linear import LinearCombination
from zkmargin.circuits.lowered import Lowered, join_sides
from zkmargin.circuits.plan import DirectInput, Plan
from zkmargin.circuits.reach import Slacks
from zkmargin.circuits.rules.tree import (
    Abs,
    At,
    ColumnRef,
    LabelDecl,
    LinearSum,
    Literal,
    Max,
    Nearest,
    Node,
    Positive,
    Product,
    Side,
    Sum,
    SumBy,
    Visibility,
    walk,
)
from zkmargin.circuits.signs import Signs
from zkmargin.errors import CircuitError

__all__ = ["Lowered", "Lowering", "join_sides"]


class Lowering:
    """Lowers the nodes of one rule set, each once."""

    def __init__(
        self,
        cs: ConstraintSystem,
        plan: Plan,
        account: Account,
        functionals: list[Num],
        signs: Signs,
        slacks: Slacks,
    ) -> None:
        self._cs = cs
        self._plan = plan
        self._rules = plan.rules
        self._account = account
        self._functionals = functionals
        self._signs = signs
        self._slacks = slacks
        self._builtins = Builtins(cs, plan.rules, self._positive_upper)
        self._done: dict[Node, Lowered] = {}
        self._names: dict[Node, str] = {}
        for name, node in plan.rules.definitions.items():
            self._names.setdefault(node, name)
        self._uses: dict[Node, int] = {}
        for node in walk(plan.rules.roots):
            for child in node.children:
                self._uses[child] = self._uses.get(child, 0) + 1

    def lower(self, node: Node) -> Lowered:
        """The node's numbers, made at the first call."""
        if node not in self._done:
            self._done[node] = self._lower(node)
        return self._done[node]

    def _lower(self, node: Node) -> Lowered:
        if isinstance(node, Literal):
            return Lowered(array_of([Num.constant(node.value)], ()), Side.EXACT)
        if node.type.visibility is Visibility.PUBLIC:
            return Lowered(self._direct(self._plan.direct_nodes[node], node.type.lo, node.type.hi), Side.EXACT)
        if node in self._plan.functionals:
            functional = self._plan.functionals[node]
            numbers = self._functionals[functional.first : functional.first + functional.count]
            return Lowered(array_of(numbers, functional.shape), Side.EXACT)
        if isinstance(node, ColumnRef):
            return Lowered(self._account.columns[node.name], Side.EXACT)
        form = self._plan.forms.row_form(node)
        if form is not None and all(base in self._account.bases for _, base in form.terms):
            return Lowered(form_values(self._rules, self._account, form, node.type.axes), Side.EXACT)
        if isinstance(node, Nearest):
            return self._nearest(node)
        for operand in (self._max_of_positive(node) or node).children:
            self.lower(operand)
        with self._cs.scope(self._name(node)):
            return self._lower_operation(node)

    def _max_of_positive(self, node: Node) -> Max | None:
        """The inner node of ``max(0, max(...))`` where an upper bound of both together does: zero is one more
        branch.
        """
        if not isinstance(node, Positive) or self._rules.side(node) is not Side.UPPER:
            return None
        return node.x if isinstance(node.x, Max) and self._uses[node.x] == 1 else None

    def _name(self, node: Node) -> str:
        return self._names.get(node) or f"{type(node).__name__.lower()}:{node.span.line}"

    def _lower_operation(self, node: Node) -> Lowered:
        if isinstance(node, LinearSum):
            return self._linear_sum(node)
        if isinstance(node, Product):
            return self._product(node)
        if isinstance(node, Sum):
            inner = self.lower(node.x)
            return Lowered(self._total(inner.values, node.x.type.axes, node.over), inner.side)
        if isinstance(node, SumBy | At):
            return self._by_label(node)
        if isinstance(node, Max):
            return self._maximum(node, self._rules.side(node), with_zero=False)
        if isinstance(node, Positive):
            return self._positive(node)
        if isinstance(node, Abs):
            return self._absolute(node)
        if isinstance(node, BUILTINS):
            return self._builtins.lower(node, [self.lower(child) for child in node.children], self._name(node))
        raise CircuitError("node has no circuit reading", got=type(node).__name__)

    # --- linear
    # -----------------------------------------------------------------------------------------------------

    def _direct(self, direct: DirectInput, lo: int, hi: int) -> Numbers:
        """Inputs that the verifier computes from tables whose bounds it checks, padded rows included, or that are
        committed to by a publisher who did.
        """
        first = self._cs.input("direct").first + direct.first
        wires = (LinearCombination.of_wire(wire) for wire in range(first, first + direct.count))
        return array_of((num_unchecked(lc, lo, hi) for lc in wires), direct.shape)

    def _linear_sum(self, node: LinearSum) -> Lowered:
        parts = [self.lower(term) for _, term in node.terms]
        factors = [factor for factor, _ in node.terms]
        axes = node.type.axes
        aligned = [
            align(self._rules, part.values, term.type.axes, axes)
            for part, (_, term) in zip(parts, node.terms, strict=True)
        ]
        values = elementwise(
            lambda *numbers: Num.weighted(list(zip(factors, numbers, strict=True)), node.constant), *aligned
        )
        sides = [p.side if factor > 0 else p.side.flip() for p, factor in zip(parts, factors, strict=True)]
        return Lowered(values, join_sides(*sides))

    def _nearest(self, node: Nearest) -> Lowered:
        """What is rounded, and as much more, or less, as rounding may add or take: no constraint but for the room."""
        demand = self._rules.side(node)
        parts, axes = [self.lower(child) for child in node.read(demand)], node.type.axes
        values = [
            align(self._rules, part.values, child.type.axes, axes)
            for part, child in zip(parts, node.read(demand), strict=True)
        ]
        if demand is Side.EXACT:
            return Lowered(values[0], parts[0].side)
        sign = 1 if demand is Side.UPPER else -1
        near, room = parts
        bound = elementwise(lambda x, more: Num.weighted([(1, x), (sign, more)], 0), *values)
        # The room is never negative, so a lower bound of it would do as little as none.
        return Lowered(bound, join_sides(near.side, room.side if sign > 0 else room.side.flip(), demand))

    @staticmethod
    def _total(values: Numbers, axes: tuple[str, ...], over: tuple[str, ...]) -> Numbers:
        grouped = along(values, axes, over)
        rows = grouped.reshape(-1, grouped.shape[-1])
        return array_of((Num.total(row) for row in rows), grouped.shape[:-1])

    def _by_label(self, node: SumBy | At) -> Lowered:
        """A label as its public one-hot rows: one product per row and group, for values that no functional
        covers.
        """
        label = self._rules.labels[node.label]
        gone = label.axis if isinstance(node, SumBy) else label.target
        inner = self.lower(node.x)
        if label.fixed is not None:
            return Lowered(self._by_fixed_label(node, label, inner.values), inner.side)
        axes = {*node.x.type.axes, label.axis, label.target}
        wide = tuple(axis for axis in self._rules.axes if axis in axes)
        direct = self._plan.direct_labels[node.label]
        chosen = self._direct(direct, 0, 1)
        terms = self._multiply(
            align(self._rules, chosen, direct.axes, wide),
            align(self._rules, inner.values, node.x.type.axes, wide),
        )
        return Lowered(self._total(terms, wide, (gone,)), inner.side)  # factors 0 and 1 keep a bound a bound

    def _by_fixed_label(self, node: SumBy | At, label: LabelDecl, values: Numbers) -> Numbers:
        """A label that is part of the circuit: sums and copies, no constraint."""
        old, new = (label.axis, label.target) if isinstance(node, SumBy) else (label.target, label.axis)
        others = tuple(axis for axis in node.type.axes if axis != new)
        wide = tuple(axis for axis in self._rules.axes if axis == old or axis in others)
        rows = along(align(self._rules, values, node.x.type.axes, wide), wide, (old,))
        flat = rows.reshape(-1, rows.shape[-1])
        columns = []
        for place in range(self._rules.axes[new].capacity):
            if isinstance(node, SumBy):
                members = [row for row, group in enumerate(label.fixed or ()) if group == place]
            else:
                members = [group for group in (label.fixed or ())[place : place + 1] if group >= 0]
            columns.append([Num.total(element[row] for row in members) for element in flat])
        numbers = array_of((number for column in columns for number in column), (len(columns), *rows.shape[:-1]))
        return np.moveaxis(numbers, 0, node.type.axes.index(new))

    # --- products
    # ---------------------------------------------------------------------------------------------------

    def _multiply(self, left: Numbers, right: Numbers) -> Numbers:
        pairs = zip(left.reshape(-1), right.reshape(-1), places(left.shape), strict=True)
        return array_of((product(self._cs, x, y, f"product{place}") for x, y, place in pairs), left.shape)

    def _product(self, node: Product) -> Lowered:
        left, right = self.lower(node.left), self.lower(node.right)
        side = self._product_side(node, left, right)
        axes = node.type.axes
        factors = (
            align(self._rules, part.values, child.type.axes, axes)
            for part, child in ((left, node.left), (right, node.right))
        )
        return Lowered(self._multiply(*factors), side)

    def _product_side(self, node: Product, left: Lowered, right: Lowered) -> Side:
        """What the product of two values or bounds is. Raises CircuitError where it would bound nothing."""
        if left.side is Side.EXACT and right.side is Side.EXACT:
            return Side.EXACT
        for factor, part, other in ((node.left, left, right), (node.right, right, left)):
            if part.side is Side.EXACT and factor.type.lo >= 0:
                return other.side
            if part.side is Side.EXACT and factor.type.hi <= 0:
                return other.side.flip()
        # Two bounds on the same side, of true values and with bounds that are not negative.
        numbers = [*left.values.reshape(-1), *right.values.reshape(-1)]
        if min(node.left.type.lo, node.right.type.lo, *(x.lo for x in numbers)) >= 0:
            return join_sides(left.side, right.side)
        raise CircuitError("a bound is multiplied by a value of unknown sign", where=self._name(node))

    # --- the largest
    # ------------------------------------------------------------------------------------------------

    def _branches(self, node: Max) -> tuple[list[list[Num]], Side]:
        """Per element of the node the branches, and what they are to the true ones."""
        parts = [self.lower(branch) for branch in node.branches]
        side = join_sides(*(part.side for part in parts))
        if node.over:
            grouped = along(parts[0].values, node.branches[0].type.axes, node.over)
            return [list(row) for row in grouped.reshape(-1, grouped.shape[-1])], side
        aligned = [
            align(self._rules, part.values, branch.type.axes, node.type.axes).reshape(-1)
            for part, branch in zip(parts, node.branches, strict=True)
        ]
        return [list(row) for row in zip(*aligned, strict=True)], side

    def _maximum(self, node: Max, demand: Side, *, with_zero: bool) -> Lowered:
        """The maximum, of zero too if asked: the cheapest gadget that serves the demand."""
        elements, side = self._branches(node)
        if with_zero:
            elements = [[Num.constant(0), *branches] for branches in elements]
        width = self._slacks.bits(node)
        gadget: Callable[..., Num]
        if demand is Side.UPPER and upper_bound_cost(elements[0], width) <= exact_cost(elements[0]):
            gadget, placed = partial(upper_bound, max_width=width), Side.UPPER
            for branches in elements:
                self._slacks.of_branches(node, self._name(node), branches)
        elif demand is Side.LOWER:
            gadget, placed = lower_bound, Side.LOWER
        else:
            gadget, placed = maximum, Side.EXACT
        shape = self._rules.shape(node.type.axes)
        values = []
        for place, branches in zip(places(shape), elements, strict=True):
            values.append(gadget(self._cs, branches, label=f"max{place}"))
        return Lowered(array_of(values, shape), join_sides(side, placed))

    def _positive(self, node: Positive) -> Lowered:
        demand = self._rules.side(node)
        largest = self._max_of_positive(node)
        if largest is not None:
            return self._maximum(largest, demand, with_zero=True)
        inner = self.lower(node.x)
        values, sides = [], [inner.side]
        for place, x in zip(places(inner.values.shape), inner.values.reshape(-1), strict=True):
            number, side = self._positive_number(node, x, demand, f"positive{place}")
            values.append(number)
            sides.append(side)
        return Lowered(array_of(values, inner.values.shape), join_sides(*sides))

    def _positive_upper(self, node: Node, x: Num, label: str) -> Num:
        """At least ``max(x, 0)``, of a number in the unit of the node."""
        return self._positive_number(node, x, Side.UPPER, label)[0]

    def _positive_number(self, node: Node, x: Num, demand: Side, label: str) -> tuple[Num, Side]:
        exact = self._signs.cost(x, sign_width(x) + 3)
        if demand is Side.LOWER and exact > 2:
            return lower_bound(self._cs, [Num.constant(0), x], label), Side.LOWER
        branches = [Num.constant(0), x]
        if demand is Side.UPPER and 2 * (slack_width(branches, self._slacks.bits(node)) + 1) < exact:
            width = self._slacks.of_branches(node, self._name(node), branches)
            return upper_bound(self._cs, branches, width, label), Side.UPPER
        return self._signs.positive(x, label), Side.EXACT

    def _absolute(self, node: Abs) -> Lowered:
        inner = self.lower(node.x)
        if inner.side is not Side.EXACT:
            raise CircuitError("the absolute value of a bound bounds nothing", where=self._name(node))
        demand = self._rules.side(node)
        values, sides = [], []
        for place, x in zip(places(inner.values.shape), inner.values.reshape(-1), strict=True):
            label = f"abs{place}"
            if demand is Side.LOWER and self._signs.cost(x, sign_width(x) + 3) > 2:
                values.append(lower_bound(self._cs, [-x, x], label))
                sides.append(Side.LOWER)
            else:
                values.append(absolute_of_positive(x, self._signs.positive(x, label)))
                sides.append(Side.EXACT)
        return Lowered(array_of(values, inner.values.shape), join_sides(*sides))
