"""Demands: a prover who moves bounds within their sides never gains; without any one rule, one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import numpy as np
import pytest
from sample_rules import BOUNDED, random_account, random_tables
from test_rules_specification import SIDES

from zkmargin.circuits.rules import RuleSet, parse_rules, sides
from zkmargin.circuits.rules.plaintext import Reading
from zkmargin.circuits.rules.tree import (
    Abs,
    Condition,
    Div,
    LinearSum,
    Match,
    Nearest,
    Node,
    Pick,
    Product,
    Side,
    Step,
    Visibility,
    walk,
)

EXPRESSIONS = [
    "abs(max(a, b))",
    "abs(min(a, b)) - a",
    "max(a, b) * any",
    "min(a, b) * up - max(a, b) * down",
    "max(a, b) * down + 90",
    "90 - positive(a) * positive(b)",
    "90 - p * positive(b)",
    "positive(a) * positive(b)",
    "max(a, b) * min(a, q)",
    "max(a, b) * max(a, b)",
    "positive(a) * b + 90",
    "max(a, b) - min(a, q)",
    "max(a, b) + min(a, b) - max(p, b)",
    "max(0, max(a - b, over=x))",
    "positive(max(a, b) - positive(a))",
    "max(max(a, b), q) - max(a, b)",
    "2 * max(max(a, b), q) - max(a, b)",
    "div(max(a, b), 1 + positive(a))",
    "div(max(p, b), 1 + positive(b)) + div(p, 1 + max(p, b))",
    "90 - div(max(p, b), 1 + positive(a), decimals=1)",
    "90 + div(min(a, 0), 1 + positive(b)) - div(min(b, 0), 1 + positive(a))",
    "floor(max(a, b), 2) - ceil(min(a, b), 3)",
    "nearest(max(a, b), 2) - nearest(min(a, b), 3)",
    "90 - nearest(max(a, b) * up, 3) + max(nearest(b, 2), a)",
    "abs(nearest(max(a, b), 2))",
    "sqrt(max(a, b), decimals=1) - sqrt(min(a, q))",
    "value_at_risk(max(a, b), over=x, worst=2) - value_at_risk(min(a, b), over=x, worst=2)",
    "expected_shortfall(max(a, b), over=x, worst=1.5) - expected_shortfall(min(a, b), over=x, worst=1.5)",
    "step(max(a, b), bound, rate, over=t) + 90",
    "step(max(a, b), bound, cut, over=t) + 90",
    "step(max(a, b), bound, odd, over=t) + 90",
    "90 - step(min(a, b), bound, odd, over=t) - step(max(a, b), bound, -rate, over=t)",
    "sum(match(max(a, b), mix, over=x), over=r)",
    "90 - sum(match(min(a, b), mix, over=x, decimals=1), over=r)",
    "pick(max(a, b), min(a, b), over=x) + 90",
    "90 - pick(a, max(a, b), over=x)",
]


def gains(expression: str, tries: int = 150) -> bool:
    """Whether a prover who moves bounds within their sides ever shows a requirement below the true one."""
    rules = parse_rules(SIDES.format(expression).encode())
    random = Random(expression)
    return any(_gains_once(rules, random) for _ in range(tries))


def _gains_once(rules: RuleSet, random: Random) -> bool:
    tables = random_tables(rules, random)
    account = random_account(rules, tables, random)
    arrays = {c.name: np.asarray(account[c.name], dtype=object) for c in rules.private}
    readings = [Reading(rules, tables, arrays) for _ in range(2)]
    honest, moved = (reading.found for reading in readings)
    for node in walk(rules.roots):
        try:
            honest[node], values = (reading.value(node) for reading in readings)
        except ZeroDivisionError:
            return False  # no prover gets that far
        side = rules.sides.get(node, Side.EXACT)
        if isinstance(node, Nearest) and side is not Side.EXACT:
            near, room = (readings[1].on(child, node.type.axes) for child in node.read(side))
            values = np.asarray(near + room if side is Side.UPPER else near - room, dtype=object)
        if isinstance(node, BOUNDED) and side is not Side.EXACT:
            moves = [random.choice((0, 0, 1, random.randrange(25))) for _ in range(values.size)]
            sign = 1 if side is Side.UPPER else -1
            values = np.asarray(values + sign * np.array(moves, dtype=object).reshape(values.shape), dtype=object)
        moved[node] = values
    root = rules.requirements["maintenance"]
    return bool(np.any(moved[root] < honest[root]))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_no_expression_lets_a_prover_gain(expression: str) -> None:
    assert not gains(expression)


Passed = Callable[[Node, Side, set[Node], Sequence[Condition]], Iterator[tuple[Node, Side]]]
PASSED: Passed = sides._passed


def keeps_side(*kinds: type[Node]) -> Passed:
    """The phase with one mistake: nodes of these kinds pass any demand on unchanged."""

    def passed(
        node: Node, side: Side, plain: set[Node], conditions: Sequence[Condition]
    ) -> Iterator[tuple[Node, Side]]:
        if isinstance(node, kinds):
            return iter([(child, side) for child in node.children])
        return PASSED(node, side, plain, conditions)

    return passed


def _public_factor(
    node: Node, side: Side, plain: set[Node], conditions: Sequence[Condition]
) -> Iterator[tuple[Node, Side]]:
    if isinstance(node, Product) and node.left.type.visibility is Visibility.PUBLIC:
        return iter([(node.right, side)])
    return PASSED(node, side, plain, conditions)


def _private_product(
    node: Node, side: Side, plain: set[Node], conditions: Sequence[Condition]
) -> Iterator[tuple[Node, Side]]:
    if isinstance(node, Product) and node.left.type.visibility is Visibility.PRIVATE:
        return iter([(node.left, side), (node.right, side)])
    return PASSED(node, side, plain, conditions)


def _lower_product(
    node: Node, side: Side, plain: set[Node], conditions: Sequence[Condition]
) -> Iterator[tuple[Node, Side]]:
    if side is Side.LOWER and isinstance(node, Product) and min(node.left.type.lo, node.right.type.lo) >= 0:
        return _private_product(node, side, plain, conditions)
    return PASSED(node, side, plain, conditions)


def _divisor_flips(
    node: Node, side: Side, plain: set[Node], conditions: Sequence[Condition]
) -> Iterator[tuple[Node, Side]]:
    if isinstance(node, Div):
        return iter([(node.x, side), (node.y, side.flip())])
    return PASSED(node, side, plain, conditions)


def _divisor_towards_zero(
    node: Node, side: Side, plain: set[Node], conditions: Sequence[Condition]
) -> Iterator[tuple[Node, Side]]:
    if isinstance(node, Div):
        return iter([(node.x, side), (node.y, Side.UPPER)])
    return PASSED(node, side, plain, conditions)


MISTAKES: list[tuple[str, str, Passed]] = [
    # what is wrong, where it shows, the phase with it
    ("abs passes on", "abs(", keeps_side(Abs)),
    ("minus does not flip", " - ", keeps_side(LinearSum)),
    ("the sign of a public factor is ignored", " * ", _public_factor),
    ("private products pass on", " * ", _private_product),
    ("lower bounds are multiplied", " * ", _lower_product),
    ("a divisor may be a lower bound", "div(", _divisor_flips),
    ("a divisor is always an upper bound", "div(", _divisor_towards_zero),
    ("step passes on", "step(", keeps_side(Step)),
    ("match passes on", "match(", keeps_side(Match)),
    ("nearest passes on to its room", "nearest(", keeps_side(Nearest)),
    ("pick passes on to its score", "pick(", keeps_side(Pick)),
]


@pytest.mark.parametrize(("where", "mistake"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_every_rule_is_needed(where: str, mistake: Passed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sides, "_passed", mistake)
    assert any(gains(expression) for expression in EXPRESSIONS if where in expression)


def test_joining_demands_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Side, "join", lambda self, _other: self)
    assert any(gains(expression) for expression in EXPRESSIONS)


def test_sides_join_and_flip() -> None:
    assert Side.UPPER.join(Side.UPPER) is Side.UPPER
    assert Side.UPPER.join(Side.LOWER) is Side.LOWER.join(Side.UPPER) is Side.EXACT
    assert Side.EXACT.join(Side.UPPER) is Side.EXACT
    assert [side.flip() for side in (Side.UPPER, Side.LOWER, Side.EXACT)] == [
        Side.LOWER,
        Side.UPPER,
        Side.EXACT,
    ]


def test_only_private_nodes_have_demands() -> None:
    rules = parse_rules(SIDES.format("max(a * up, any) + max(up, any) * b").encode())
    assert {node.type.visibility for node in rules.sides} == {Visibility.PRIVATE}
    assert list(rules.sides) == [node for node in reversed(list(walk(rules.roots))) if node in rules.sides]
