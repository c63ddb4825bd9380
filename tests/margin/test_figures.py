"""From a builder's floats to exact tables: one rounding, named refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zkmargin.errors import Capacity, MarketSource, ParameterCondition
from zkmargin.margin.figures import Figures, unique_names
from zkmargin.margin.schema import AxisSchema, ColumnSchema, LabelSchema, TableSchema

SCHEMA = TableSchema(
    axes=(AxisSchema("instrument", capacity=2), AxisSchema("group", capacity=2)),
    columns=(ColumnSchema("mark", ("instrument",), 1, 0, 1000),),
    labels=(LabelSchema("group", "instrument", "group"),),
    parameters=(ColumnSchema("rate", (), 2, 0, 100), ColumnSchema("lots", (), 0, 5, 5, default=5)),
    lot_decimals=0,
    cash_unit="usd",
    cash_decimals=0,
)
FIGURES = Figures(
    names={"instrument": ("A", "B"), "group": ("G",)},
    columns={"mark": np.array([1.25, 1.35])},
    labels={"group": (0, -1)},
    parameters={"rate": 0.125},
)


def test_values_become_the_nearest_integers_ties_to_even() -> None:
    tables = FIGURES.tables(SCHEMA)
    assert tables.columns["mark"].values.tolist() == [12, 14]
    assert tables.parameters["rate"].values.item() == 12
    assert tables.parameters["lots"].values.item() == 5  # the rule set's default
    assert tables.labels["group"].indices == (0, -1)
    assert tables.sizes == {"instrument": 2, "group": 1}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"names": {"instrument": ("A", "B", "C"), "group": ("G",)}}, Capacity, "is full"),
        ({"names": {"instrument": ("A", "B")}}, MarketSource, "nothing for the axis `group`"),
        ({"columns": {}}, MarketSource, "nothing for the column `mark`"),
        ({"columns": {"mark": np.array([1.0])}}, MarketSource, "another shape"),
        ({"columns": {"mark": np.array([1.0, -0.1])}}, ParameterCondition, "outside the bounds"),
        ({"columns": {"mark": np.array([1.0, np.nan])}}, MarketSource, "does not resolve"),
        ({"labels": {}}, MarketSource, "nothing for the label `group`"),
        ({"parameters": {}}, MarketSource, "nothing for the parameter `rate`"),
        ({"parameters": {"rate": 1.01}}, ParameterCondition, "outside the bounds"),
        ({"parameters": {"rate": 0.5, "lots": 4.0}}, ParameterCondition, "outside the bounds"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        replace(FIGURES, **change).tables(SCHEMA)  # type: ignore[arg-type]


def test_names_are_made_unique() -> None:
    assert unique_names(["up", "down", "up", "up"]) == ("up", "down", "up (2)", "up (3)")
