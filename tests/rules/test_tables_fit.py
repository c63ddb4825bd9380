"""Tables against the rule set, accounts against their intervals, the bundled rule sets on a full table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from sample_rules import random_account, random_tables, rules_of

from zkmargin.circuits.rules import (
    check_tables,
    evaluate,
    evaluate_public,
    list_rules,
    load_rules,
)
from zkmargin.circuits.rules.plaintext import pad
from zkmargin.circuits.rules.tree import (
    Abs,
    ColumnRef,
    LinearSum,
    Max,
    Positive,
    Product,
    Sum,
    SumBy,
    walk,
)
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import AmountRange, CircuitError, ParameterCondition
from zkmargin.margin.tables import Column, Label, Tables

CONDITIONS = [
    "factor <= 2",
    "1 <= factor < 4",
    "falling(cut, over=t)",
    "max(rate, over=t) >= 0.5",
    "cut / 2 >= 0",
]
RULES = rules_of(conditions=CONDITIONS, maintenance="sum(abs(size) * price, over=i)")


def tables(**changes: Any) -> Tables:
    """Tables that fit, with columns, labels, parameters or sizes exchanged."""
    fitting = random_tables(RULES, Random(1), full=True)
    columns, parameters = dict(fitting.columns), dict(fitting.parameters)
    columns["cut"] = Column.of("cut", ["t"], 0, [50, 20, 20, 0])
    columns["rate"] = Column.of("rate", ["t"], 2, [10, 90, 0, 3])
    parameters["factor"] = Column.of("factor", [], 1, 13)
    parts = {"columns": columns, "parameters": parameters, "labels": dict(fitting.labels)}
    for kind, held in parts.items():
        for name, given in changes.get(kind, {}).items():
            if given is None:
                del held[name]
            else:
                held[name] = given
    return replace(fitting, **parts)


def test_fitting_tables_pass() -> None:
    check_tables(RULES, tables())
    extra = Column.of("extra", ["i"], 0, [1] * 5)
    check_tables(RULES, tables(columns={"extra": extra}))


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("missing column", {"columns": {"price": None}}, "no column `price`"),
    ("missing parameter", {"parameters": {"tilt": None}}, "no parameter `tilt`"),
    ("missing label", {"labels": {"group": None}}, "label `group` is missing"),
    (
        "axes",
        {"columns": {"rate": Column.of("rate", ["s"], 2, [0, 0, 0])}},
        "`rate` is not of its declared type",
    ),
    ("decimals", {"columns": {"rate": Column.of("rate", ["t"], 1, [10, 9, 0, 3])}}, "`rate` is not of its"),
    (
        "too large",
        {"columns": {"cut": Column.of("cut", ["t"], 0, [51, 20, 20, 0])}},
        "`cut` is outside its bounds",
    ),
    ("too small", {"columns": {"cut": Column.of("cut", ["t"], 0, [50, 20, 20, -1])}}, "`cut` is outside its"),
    (
        "zero in an active row",
        {"columns": {"price": Column.of("price", ["i"], 1, [10, 10, 0, 10, 10])}},
        "`price` is",
    ),
    (
        "parameter",
        {"parameters": {"factor": Column.of("factor", [], 1, 31)}},
        "`factor` is outside its bounds",
    ),
    (
        "label elsewhere",
        {"labels": {"group": Label("group", "i", "t", (0,) * 5)}},
        "label `group` is missing or",
    ),
    (
        "comparison",
        {"parameters": {"factor": Column.of("factor", [], 1, 21)}},
        "condition `factor <= 2` does not",
    ),
    (
        "falling",
        {"columns": {"cut": Column.of("cut", ["t"], 0, [20, 21, 0, 0])}},
        "condition `falling(cut, over=t)`",
    ),
    (
        "reduction",
        {"columns": {"rate": Column.of("rate", ["t"], 2, [49] * 4)}},
        "condition `max(rate, over=t)",
    ),
]


@pytest.mark.parametrize(("changes", "message"), [e[1:] for e in REFUSED], ids=[e[0] for e in REFUSED])
def test_tables_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterCondition) as caught:
        check_tables(RULES, tables(**changes))
    assert message in caught.value.message
    assert caught.value.exit_code == 1


def test_sizes_of_axes() -> None:
    fitting = tables()
    for axis, size in (("s", 2), ("i", 6)):
        names = {**fitting.names, axis: tuple(f"{axis}{row}" for row in range(size))}
        columns = {name: column for name, column in fitting.columns.items() if axis not in column.axes}
        sizes = {**fitting.sizes, axis: size}
        labels = {} if axis == "i" else fitting.labels
        wrong = Tables(sizes, names, columns, labels, fitting.parameters)
        with pytest.raises(ParameterCondition, match=f"axis `{axis}` has the wrong size"):
            check_tables(RULES, wrong)


ACCOUNT: dict[str, object] = {
    "size": [1, 2, 3, 4, 5],
    "held": [0, 0, 0, 0, 15],
    "cash": -5,
    "lever": 0,
    "bias": 1,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", [31337, 0, 0, 0, 0]),
        ("size", [-31337, 0, 0, 0, 0]),
        ("held", [-1, 0, 0, 0, 0]),
        ("size", [0, 0, 0, 0]),
        ("size", [[0, 0, 0, 0, 0]]),
        ("size", 3),
        ("size", [0.5, 0, 0, 0, 0]),
        ("size", [True, 0, 0, 0, 0]),
        ("size", ["1", 0, 0, 0, 0]),
        ("cash", 10**30),
        ("cash", None),
    ],
)
def test_accounts_that_do_not_fit(name: str, value: object) -> None:
    with pytest.raises(AmountRange) as caught:
        evaluate(RULES, tables(), {**ACCOUNT, name: value})
    assert caught.value.where == name
    assert str(10**30) not in str(caught.value)
    assert "31337" not in str(caught.value)


def test_the_whole_effective_interval_is_accepted() -> None:
    evaluate(RULES, tables(), {**ACCOUNT, "size": [255, -256, 0, 0, 0]})
    evaluate(RULES, tables(), {**ACCOUNT, "size": np.array([255, -256, 0, 0, 0], dtype=np.int64)})


def test_missing_columns_and_rows_beyond_the_listed_ones() -> None:
    with pytest.raises(AmountRange, match="lacks a private column"):
        evaluate(RULES, tables(), {"size": [0] * 5})
    rules = RULES
    short = random_tables(rules, Random(2))
    rows = short.sizes["i"]
    assert rows < 5
    account = random_account(rules, short, Random(3))
    account["size"] = [0] * rows + [1] + [0] * (4 - rows)
    with pytest.raises(AmountRange, match="beyond the listed ones"):
        evaluate(rules, short, account)


def test_public_evaluation_reads_no_private_column() -> None:
    rules = rules_of(definitions={"a": "max(rate * cut, over=t) * factor", "b": "cash * factor"})
    fitting = tables()
    ((_, values),) = evaluate_public(rules, fitting, [rules.definitions["a"]]).items()
    expected = max(int(r) * int(c) for r, c in zip([10, 90, 0, 3], [50, 20, 20, 0], strict=True)) * 13
    assert int(values) == expected
    with pytest.raises(CircuitError):
        evaluate_public(rules, fitting, [rules.definitions["b"]])


def test_padding_to_capacity() -> None:
    values = np.array([[1, 2], [3, 4]], dtype=object)
    padded = pad(RULES, ("i", "t"), values)
    assert padded.shape == (5, 4)
    assert padded.tolist() == [[1, 2, 2, 2], [3, 4, 4, 4], [0] * 4, [0] * 4, [0] * 4]


def test_evaluations_do_not_print_accounts() -> None:
    found = evaluate(RULES, tables(), ACCOUNT)
    assert "values" not in repr(found)


@pytest.mark.parametrize("name", ["deribit_pm", "portfolio_scan"])
def test_bundled_rule_sets(name: str) -> None:
    assert name in list_rules()
    rules = load_rules(name)
    assert rules.name == name
    assert list(rules.requirements) == ["maintenance", "initial"]
    schema = table_schema(rules)
    assert (schema.lot_decimals, schema.cash_unit, schema.cash_decimals) == (4, "usd", 6)
    full = random_tables(rules, Random(4), full=True)
    check_tables(rules, full)
    account = random_account(rules, full, Random(5))
    found = evaluate(rules, full, account)
    size, pnl = account["size"], full.columns["pnl"].values.tolist()
    losses = [-sum(s * row[k] for s, row in zip(size, pnl, strict=True)) for k in range(35)]  # type: ignore[call-overload]
    assert found.values["scan"].tolist() == max(0, *losses)


def test_deribit_charges() -> None:
    """Net short per strike, calls with puts; futures long against futures short."""
    rules = load_rules("deribit_pm")
    sizes = {"instrument": 5, "scenario": 35, "series": 2}
    none = [[0] * 35] * 5
    market = Tables(
        sizes,
        {axis: tuple(map(str, range(size))) for axis, size in sizes.items()},
        {
            "mark": Column.of("mark", ["instrument"], 8, [0] * 5),
            "pnl": Column.of("pnl", ["instrument", "scenario"], 8, none),
            "is_option": Column.of("is_option", ["instrument"], 0, [1, 1, 1, 0, 0]),
            "unit_delta": Column.of("unit_delta", ["instrument"], 4, [0, 0, 0, 10_000, 10_000]),
        },
        {"series": Label("series", "instrument", "series", (0, 0, 1, -1, -1))},
        {
            "index": Column.of("index", [], 4, 70_000_0000),
            "short_charge": Column.of("short_charge", [], 4, 100),
            "offset_charge": Column.of("offset_charge", [], 4, 100),
            "futures_charge": Column.of("futures_charge", [], 4, 0),
            "im_factor": Column.of("im_factor", [], 4, 13_000),
        },
    )
    # Short 3 calls, long 1 put at one strike; short 2 at another; long 5 and short 4 futures.
    account = {"size": [-30_000, 10_000, -20_000, 50_000, -40_000], "cash": 0}
    found = evaluate(rules, market, account)
    charge = found.values["charge"].item() / found.denominators["charge"]
    assert charge == 70_000 * (0.01 * (2 + 2) + 0.01 * 4)
    assert found.slack("maintenance") == (np.array(-5600 * 10**16, dtype=object), 10**16)
    assert found.slack("initial")[0].item() == 13_000 * found.slack("maintenance")[0].item()
    charged = {**market.parameters, "futures_charge": Column.of("futures_charge", [], 4, 60)}
    found = evaluate(rules, replace(market, parameters=charged), account)
    assert found.slack("maintenance")[0].item() == -(5600 + 9 * 420) * 10**16


def test_the_small_rule_set_has_every_construct() -> None:
    rules = load_rules(Path(__file__).parent / "small_scan.yaml")
    kinds = {ColumnRef, LinearSum, Product, Sum, SumBy, Max, Positive, Abs}
    assert {type(node) for node in walk(rules.roots)} == kinds
    random = Random(7)
    for _ in range(20):
        drawn = random_tables(rules, random)
        columns = {**drawn.columns, "rate": Column.of("rate", ["tier"], 4, sorted(drawn.columns["rate"].values))}
        parameters = {**drawn.parameters, "im_factor": Column.of("im_factor", [], 2, 130)}
        market = replace(drawn, columns=columns, parameters=parameters)
        check_tables(rules, market)
        evaluate(rules, market, random_account(rules, market, random))
