"""The typed tree: its normal form, its intervals, what it shares."""

from __future__ import annotations

import pytest
from sample_rules import problems_of, rules_of, sample

from zkmargin.circuits.rules import PHASES, show_phase
from zkmargin.circuits.rules.tree import (
    LIMIT,
    Abs,
    ColumnRef,
    LinearSum,
    Literal,
    Max,
    Node,
    Positive,
    Product,
    Sum,
    SumBy,
    Unit,
    Visibility,
    walk,
)
from zkmargin.errors import InputError


def tree(text: str) -> Node:
    return rules_of(definitions={"x": text}).definitions["x"]


EQUAL: list[tuple[str, str]] = [
    ("cash + size * price", "size * price + cash - 0"),
    ("cash - cash + cash * factor", "factor * cash"),
    ("2 * cash + 3 * cash", "cash * 5"),
    ("-(-cash)", "cash"),
    ("cash / 2 + cash / 3", "cash * 5 / 6"),
    ("size * price * 2 * weight", "weight * (2 * (price * size))"),
    ("price * weight * size", "size * weight * price"),
    ("min(cash, cash * 2)", "-max(-cash, -2 * cash)"),
    ("max(cash, 0)", "positive(cash)"),
    ("max(0, cash, 0)", "positive(cash)"),
    ("positive(cash * 3)", "3 * positive(cash)"),
    ("positive(-4 * cash)", "4 * positive(-cash)"),
    ("abs(-2 * cash)", "2 * abs(cash)"),
    ("positive(held)", "held"),
    ("abs(-held)", "held"),
    ("positive(-held)", "0 * held"),
    ("positive(positive(cash))", "positive(cash)"),
    ("max(cash, cash)", "cash"),
    ("sum(size * pnl, over=[i, s])", "sum(sum(size * pnl, over=s), over=i)"),
    ("sum(size * price + held * price, over=i)", "sum(held * price, over=i) + sum(size * price, over=i)"),
    ("sum(cash * swing + cash, over=s)", "sum(cash * swing, over=s) + 3 * cash"),
    ("sum(size + bias * 0, by=group)", "sum(size, by=group)"),
    ("max(2 * swing * cash, over=s)", "2 * max(cash * swing, over=s)"),
    ("sum(size * fee - size * fee, over=g)", "size * 0"),
    ("1 + 2 * 3 - 0.5", "6.5"),
    ("max(1, 2, factor * 0)", "2"),
    ("-0 * cash", "0"),
]


@pytest.mark.parametrize(("left", "right"), EQUAL, ids=[entry[0] for entry in EQUAL])
def test_equal_expressions_are_one_value(left: str, right: str) -> None:
    difference = f"({left}) - ({right})"
    assert problems_of(sample({"x": difference})) == []
    assert isinstance(tree(difference), Literal)
    assert tree(difference).type.hi == 0


def test_shared_expressions_are_one_node() -> None:
    rules = rules_of(definitions={"a": "max(cash, 1 * cash + cash)", "b": "max(cash, 2 * cash) + cash", "c": "a"})
    (term, _), *_ = [(n, f) for f, n in rules.definitions["b"].terms if isinstance(n, Max)]  # type: ignore[attr-defined]
    assert rules.definitions["a"] is rules.definitions["c"] is term


def test_products_are_constant_public_private() -> None:
    node = tree("lever * 2 * tilt * bias * factor")
    assert isinstance(node, LinearSum)
    ((factor, product),) = node.terms
    assert (factor, node.type.denominator) == (2, 10**4)
    assert isinstance(product, Product)
    assert isinstance(product.left, Product)
    assert isinstance(product.right, Product)
    assert (product.left.type.visibility, product.right.type.visibility) == (
        Visibility.PUBLIC,
        Visibility.PRIVATE,
    )


@pytest.mark.parametrize("text", [left for left, _ in EQUAL] + [right for _, right in EQUAL])
def test_normal_form(text: str) -> None:
    for node in walk([tree(text)]):
        if isinstance(node, LinearSum):
            assert all(factor and not isinstance(term, LinearSum | Literal) for factor, term in node.terms)
            assert len({term for _, term in node.terms}) == len(node.terms) > 0
        elif isinstance(node, Product):
            assert node.left.type.visibility <= node.right.type.visibility
            assert not isinstance(node.left, Literal)
        elif isinstance(node, Sum):
            assert not isinstance(node.x, LinearSum | Sum | Literal)
        elif isinstance(node, SumBy):
            assert not isinstance(node.x, LinearSum)
        elif isinstance(node, Positive | Abs):
            assert node.x.type.lo < 0 < node.x.type.hi
        assert -LIMIT < node.type.lo <= node.type.hi < LIMIT


INTERVALS: list[tuple[str, int, int, int, str]] = [
    # expression, lo, hi, denominator, unit
    ("size", -256, 255, 10, "lot"),
    ("held", 0, 15, 1, "lot"),
    ("price", 0, 90, 10, "usd/lot"),  # min 1, but padded with zeros
    ("factor", 10, 30, 10, "1"),
    ("size * price", -256 * 90, 255 * 90, 100, "usd"),
    ("weight * tilt", -600, 600, 100, "1"),
    ("tilt * tilt", 0, 900, 100, "1"),
    ("factor * factor", 100, 900, 100, "1"),
    ("sum(size * price, over=i)", -5 * 256 * 90, 5 * 255 * 90, 100, "usd"),
    ("sum(held, by=group)", 0, 75, 1, "lot"),
    ("sum(1 + 0 * weight, by=group)", 0, 5, 1, "1"),
    ("at(fee, by=group)", 0, 30, 10, "usd/lot"),
    ("size + held", -256, 255 + 150, 10, "lot"),
    ("size - held / 3", -256 * 3 - 150, 255 * 3, 30, "lot"),
    ("max(size, held)", 0, 255, 10, "lot"),
    ("min(size, held)", -256, 150, 10, "lot"),
    ("positive(size)", 0, 255, 10, "lot"),
    ("positive(-size)", 0, 256, 10, "lot"),
    ("abs(size)", 0, 256, 10, "lot"),
    ("max(pnl, over=s)", -900, 900, 100, "usd/lot"),
    ("cash - cash / 2", -8192 * 2 * 1, 8191 * 2 + 1, 200, "usd"),
    ("0.5", 5, 5, 10, "1"),
]


@pytest.mark.parametrize(("text", "low", "high", "denominator", "unit"), INTERVALS, ids=[e[0] for e in INTERVALS])
def test_intervals(text: str, low: int, high: int, denominator: int, unit: str) -> None:
    kind = tree(text).type
    assert (kind.lo, kind.hi, kind.denominator, str(kind.unit)) == (low, high, denominator, unit)
    assert kind.bits == (high - low).bit_length()


def test_axes_unite_in_declared_order() -> None:
    assert tree("cash * swing * weight").type.axes == ("i", "s")
    assert tree("max(cut, size * price)").type.axes == ("i", "t")
    assert tree("sum(size * pnl, by=group)").type.axes == ("s", "g")
    assert tree("at(fee, by=group) * swing").type.axes == ("i", "s")


def test_requirements_are_at_least_zero() -> None:
    assert isinstance(rules_of(maintenance="cash").requirements["maintenance"], Positive)
    assert isinstance(rules_of(maintenance="abs(cash)").requirements["maintenance"], Abs)
    public = rules_of(maintenance="max(cut, over=t)").requirements["maintenance"]
    assert (type(public), public.type.visibility) == (Max, Visibility.PUBLIC)


def test_walk_visits_children_first_and_once() -> None:
    rules = rules_of(definitions={"a": "max(cash, bias * cash)"}, equity="a - cash", maintenance="a * bias")
    order = list(walk(rules.roots))
    assert len(set(order)) == len(order)
    for position, node in enumerate(order):
        assert all(child in order[:position] for child in node.children)


def test_columns_are_looked_up_by_name() -> None:
    rules = rules_of(maintenance="sum(abs(size) * price, over=i)")
    names = [node.name for node in walk(rules.roots) if isinstance(node, ColumnRef)]
    assert names == ["cash", "price", "size"]
    assert all(name in rules.columns for name in names)


def test_units_multiply() -> None:
    usd, lot = Unit((("usd", 1),)), Unit((("lot", 1),))
    per = Unit((("lot", -1), ("usd", 1)))
    assert per * lot == usd
    assert str(per * per) == "usd^2/lot^2"
    assert str(Unit((("a", -1), ("b", -2)))) == "1/(a*b^2)"


def test_phases_show_their_products() -> None:
    text = sample({"loss": "-sum(size * pnl, over=i)"}, maintenance="max(0, max(loss, over=s))").encode()
    shown = {phase: show_phase(text, "sample.yaml", phase) for phase in PHASES}
    assert "loss: -(sum((size * pnl), over=i))\n" in shown["parse"]
    assert "define loss: uses size, pnl\n" in shown["resolve"]
    assert "  size * pnl: [i, s] usd /1000 private\n" in shown["type"]
    assert "%1 = size: [i] lot /10, -256 .. 255, 9 bits\n" in shown["bound"]
    assert "max(%4, over=[s]): upper\n" in shown["side"]
    with pytest.raises(InputError):
        show_phase(text, "sample.yaml", "lower")
