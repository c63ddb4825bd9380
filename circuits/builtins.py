"""The circuit reading of the built-ins that round, rank and choose.
                                                                                    specs/circuits.md#built-ins

Each takes the demand on its node and its operands as they were lowered, places the form that serves the demand,
and works out the side of the result from what was placed and from the operands. Operands that are bounds where
only exact values, or bounds of the other side, would do are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from zkmargin.circuits.arrays import Numbers, align, along, array_of, places
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.choose import at_first_largest
from zkmargin.circuits.gadgets.compare import assert_nonnegative
from zkmargin.circuits.gadgets.divide import divide
from zkmargin.circuits.gadgets.measures import (
    rank_lower_bound,
    rank_upper_bound,
    ranked,
    tail,
    tail_lower_bound,
    tail_upper_bound,
)
from zkmargin.circuits.gadgets.root import square_root
from zkmargin.circuits.gadgets.spreads import form_spreads
from zkmargin.circuits.gadgets.tiers import place_in_tiers, value_in_tier
from zkmargin.circuits.integers import Bit, Num
from zkmargin.circuits.linear import LinearCombination
from zkmargin.circuits.lowered import Lowered, join_sides
from zkmargin.circuits.rules.tree import (
    Div,
    ExpectedShortfall,
    LinearSum,
    Match,
    Node,
    Pick,
    RuleSet,
    Side,
    Sqrt,
    Step,
    ValueAtRisk,
    walk,
)
from zkmargin.errors import CircuitError

BUILTINS = (Div, Sqrt, Step, ValueAtRisk, ExpectedShortfall, Match, Pick)
Positive = Callable[[Node, Num, str], Num]


class Builtins:
    """Lowers nodes of the kinds ``BUILTINS``. ``positive(node, x, label)`` is at least ``max(x, 0)``."""

    def __init__(self, cs: ConstraintSystem, rules: RuleSet, positive: Positive) -> None:
        self._cs = cs
        self._rules = rules
        self._positive = positive
        self._tiers = self._asked_of_tiers()
        self._placed: dict[tuple[Side | LinearCombination, ...], list[Bit]] = {}

    def lower(self, node: Node, operands: list[Lowered], where: str) -> Lowered:
        """The node from its operands in the order of its children. Raises CircuitError where no bound results."""
        demand = self._rules.side(node)
        first, *others = operands
        if isinstance(node, Div):
            return self._div(node, demand, first, *others, where=where)
        if isinstance(node, Sqrt):
            return self._sqrt(node, demand, first)
        if isinstance(node, Step):
            return self._step(node, first, *others, where=where)
        if isinstance(node, ValueAtRisk | ExpectedShortfall):
            return self._measure(node, demand, first)
        if isinstance(node, Pick):
            return self._pick(node, first, *others, where=where)
        if isinstance(node, Match):
            return self._match(node, first, *others, where=where)
        raise CircuitError("node has no circuit reading", got=type(node).__name__)

    # --- arrays -------------------------------------------------------------------------------------------

    def _on(self, values: Numbers, node: Node, axes: tuple[str, ...]) -> list[Num]:
        """The values of a node along axes, one after the other."""
        return list(align(self._rules, values, node.type.axes, axes).reshape(-1))

    def _rows(self, values: Numbers, node: Node, axes: tuple[str, ...], last: str) -> list[list[Num]]:
        """Per element along axes the values along one more axis."""
        wide = tuple(axis for axis in self._rules.axes if axis in axes or axis == last)
        rows = along(align(self._rules, values, node.type.axes, wide), wide, (last,))
        return [list(row) for row in rows.reshape(-1, rows.shape[-1])]

    def _labels(self, name: str, axes: tuple[str, ...]) -> list[str]:
        return [f"{name}{place}" for place in places(self._rules.shape(axes))]

    def _array(self, numbers: list[Num], axes: tuple[str, ...]) -> Numbers:
        return array_of(numbers, self._rules.shape(axes))

    # --- rounding -----------------------------------------------------------------------------------------

    def _div(self, node: Div, demand: Side, x: Lowered, y: Lowered, *, where: str) -> Lowered:
        side = join_sides(x.side, self._divisor_side(node, y.side, where), demand)
        numbers = []
        triples = zip(
            self._labels("div", node.type.axes),
            self._on(x.values, node.x, node.type.axes),
            self._divisors(node, y),
            strict=True,
        )
        for label, dividend, divisor in triples:
            flags = {"upper": demand is not Side.LOWER, "lower": demand is not Side.UPPER}
            numbers.append(divide(self._cs, dividend, divisor, **flags, label=label))
        return Lowered(self._array(numbers, node.type.axes), side)

    def _divisors(self, node: Div, y: Lowered) -> list[Num]:
        """The divisors, at least 1: by their types, or checked here, once per element of y."""
        checked = []
        for place, number in zip(places(y.values.shape), y.values.reshape(-1), strict=True):
            if number.lo < 1:
                least = assert_nonnegative(self._cs, number.plus(-1), label=f"divisor{place}>=1")
                number = least.plus(1)
            checked.append(number)
        return self._on(array_of(checked, y.values.shape), node.y, node.type.axes)

    @staticmethod
    def _divisor_side(node: Div, side: Side, where: str) -> Side:
        """What a divisor that is a bound makes of the quotient: a larger one pulls it towards zero."""
        if side is Side.EXACT:
            return Side.EXACT
        if side is Side.UPPER and node.x.type.lo >= 0:
            return Side.LOWER
        if side is Side.UPPER and node.x.type.hi <= 0:
            return Side.UPPER
        raise CircuitError("a value of unknown sign is divided by a bound", where=where)

    def _sqrt(self, node: Sqrt, demand: Side, x: Lowered) -> Lowered:
        root = partial(square_root, upper=demand is not Side.LOWER, lower=demand is not Side.UPPER)
        pairs = zip(self._labels("sqrt", node.type.axes), x.values.reshape(-1), strict=True)
        numbers = [root(self._cs, number, node.divisor, label=label) for label, number in pairs]
        return Lowered(self._array(numbers, node.type.axes), join_sides(x.side, demand))

    # --- tiers and choices --------------------------------------------------------------------------------

    def _direction(self, node: Node, axis: str) -> int:
        """1 where conditions say that the node, or what it is a multiple of, rises along an axis; -1 where it falls."""
        stated = self._rules.direction(node, axis)
        if stated == 0 and isinstance(node, LinearSum) and len(node.terms) == 1:
            ((factor, term),) = node.terms
            return self._rules.direction(term, axis) * (1 if factor > 0 else -1)
        return stated

    def _step(self, node: Step, x: Lowered, bound: Lowered, value: Lowered, *, where: str) -> Lowered:
        rises = self._direction(node.value, node.axis)
        tier = self._tiers[node.x, node.bound, node.axis]
        if self._direction(node.bound, node.axis) != 1:
            raise CircuitError("nothing says that the bounds rise", where=where)
        axes = node.type.axes
        bounds_by_row = self._rows(bound.values, node.bound, axes, node.axis)
        self._leave_last_unread(bounds_by_row)
        rows = zip(
            self._labels("step", axes),
            self._on(x.values, node.x, axes),
            bounds_by_row,
            self._rows(value.values, node.value, axes, node.axis),
            strict=True,
        )
        numbers = [
            value_in_tier(self._cs, self._place(number, bounds, tier, label), values, label)
            for label, number, bounds, values in rows
        ]
        side = join_sides(tier, x.side)  # the tier is not before, or not after, the true one
        if rises == 0 and side is not Side.EXACT:
            raise CircuitError("a bound chooses a tier, and values neither rise nor fall", where=where)
        return Lowered(self._array(numbers, axes), side if rises >= 0 else side.flip())

    def _asked_of_tiers(self) -> dict[tuple[Node, Node, str], Side]:
        """What all steps together ask of the tier in which an x lies: they share it, a value each is all they add."""
        asked: dict[tuple[Node, Node, str], Side] = {}
        for node in walk(self._rules.roots):
            if isinstance(node, Step) and node in self._rules.sides:
                demand = self._rules.side(node)
                rises = self._direction(node.value, node.axis)
                tier = {1: demand, -1: demand.flip(), 0: Side.EXACT}[rises]
                key = (node.x, node.bound, node.axis)
                asked[key] = asked[key].join(tier) if key in asked else tier
        return asked

    def _place(self, x: Num, bounds: list[Num], tier: Side, label: str) -> list[Bit]:
        """The bits of a tier, made once for an x, its bounds and what is asked."""
        key: tuple[Side | LinearCombination, ...] = (tier, x.lc, *(bound.lc for bound in bounds))
        if key not in self._placed:
            late, early = tier is not Side.LOWER, tier is not Side.UPPER
            self._placed[key] = place_in_tiers(self._cs, x, bounds, late=late, early=early, label=label)
        return self._placed[key]

    def _leave_last_unread(self, rows: list[list[Num]]) -> None:
        inputs = self._cs.publics.get("direct")
        for wire in {wire for row in rows for wire in row[-1].lc.terms}:
            if inputs is not None and wire in inputs.wires:
                self._cs.leave_unread("direct", "the last tier has no bound", wire - inputs.first)

    def _pick(self, node: Pick, y: Lowered, score: Lowered, *, where: str) -> Lowered:
        if score.side is not Side.EXACT:
            raise CircuitError("a choice by a score that is a bound is no bound", where=where)
        axes = node.type.axes
        rows = zip(
            self._labels("pick", axes),
            self._rows(score.values, node.score, axes, node.axis),
            self._rows(y.values, node.y, axes, node.axis),
            strict=True,
        )
        numbers = [at_first_largest(self._cs, scores, values, label) for label, scores, values in rows]
        return Lowered(self._array(numbers, axes), y.side)

    # --- measures -----------------------------------------------------------------------------------------

    def _measure(self, node: ValueAtRisk | ExpectedShortfall, demand: Side, x: Lowered) -> Lowered:
        gadget: Callable[..., Num]
        if isinstance(node, ValueAtRisk):
            forms = {Side.UPPER: rank_upper_bound, Side.LOWER: rank_lower_bound, Side.EXACT: ranked}
            gadget = partial(forms[demand], rank=node.worst)
        elif demand is Side.LOWER:
            gadget = partial(tail_lower_bound, parts=node.worst)
        else:
            upper = {Side.UPPER: tail_upper_bound, Side.EXACT: tail}[demand]
            gadget = partial(upper, parts=node.worst, positive=partial(self._positive, node))
        rows = along(x.values, node.x.type.axes, node.over)
        labelled = zip(self._labels("measure", node.type.axes), rows.reshape(-1, rows.shape[-1]), strict=True)
        numbers = [gadget(self._cs, list(row), label=label) for label, row in labelled]
        return Lowered(self._array(numbers, node.type.axes), join_sides(x.side, demand))

    # --- spreads ------------------------------------------------------------------------------------------

    def _match(self, node: Match, x: Lowered, ratio: Lowered, *, where: str) -> Lowered:
        if x.side is not Side.EXACT:
            raise CircuitError("spreads formed from bounds are no bound", where=where)
        others = tuple(axis for axis in node.type.axes if axis != node.row)
        amounts = self._rows(x.values, node.x, others, node.leg)
        per_row = self._rows(ratio.values, node.ratio, (*others, node.row), node.leg)
        # Elements of ``per_row`` run over others and row in declared order: bring row to the end.
        ordered = tuple(axis for axis in self._rules.axes if axis in others or axis == node.row)
        index = np.arange(len(per_row)).reshape(self._rules.shape(ordered))
        index = np.moveaxis(index, ordered.index(node.row), -1).reshape(len(amounts), -1)
        formed = []
        for label, left, rows in zip(self._labels("match", others), amounts, index, strict=True):
            formed.append(form_spreads(self._cs, left, [per_row[row] for row in rows], label))
        numbers = array_of([n for row in formed for n in row], (*self._rules.shape(others), index.shape[1]))
        return Lowered(np.moveaxis(numbers, -1, node.type.axes.index(node.row)), Side.EXACT)
