"""Tables of a rule set from exact figures, for markets whose columns are computed rather than read from chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from zkmargin.errors import MarketSource
from zkmargin.margin.schema import ColumnSchema, TableSchema
from zkmargin.margin.tables import Column, Label, Tables

Number = int | Decimal | Fraction


def round_down(value: Number, decimals: int) -> Fraction:
    """The multiple of ``10**-decimals`` next below, or the value itself."""
    return Fraction(Fraction(value) * 10**decimals // 1, 10**decimals)


def round_up(value: Number, decimals: int) -> Fraction:
    """The multiple of ``10**-decimals`` next above, or the value itself."""
    return -round_down(-Fraction(value), decimals)


def build_tables(
    schema: TableSchema,
    names: Mapping[str, Sequence[str]],
    figures: Mapping[str, Any],
    labels: Mapping[str, Sequence[int]] | None = None,
) -> Tables:
    """The tables that ``schema`` asks for. ``figures``: a number, or nested lists of numbers along the column's axes,
    for every column and for every parameter without a default; ``names``: the rows of every axis.

    Nothing is rounded here. Raises MarketSource where a figure is missing or has more decimals than its column,
    Capacity where rows do not fit, ParameterCondition where a value is outside its declared bounds.
    """
    for axis in schema.axes_in(names):
        if axis.name not in names:
            raise MarketSource(f"the axis `{axis.name}` has no rows", expected="a name for each")
        axis.check(len(names[axis.name]))
    columns = {}
    for declared in (*schema.columns, *schema.parameters):
        given = figures.get(declared.name)
        if given is None and declared.default is None:
            raise MarketSource(f"there are no figures of `{declared.name}`")
        values = declared.default if given is None else _scaled(declared, given)
        columns[declared.name] = column = Column.of(declared.name, declared.axes, declared.decimals, values)
        declared.check(column, [names[axis] for axis in declared.axes])
    targets = labels or {}
    if missing := [label.name for label in schema.labels if label.name not in targets]:
        raise MarketSource(f"there is nothing for the label `{missing[0]}`")
    parameters = {declared.name for declared in schema.parameters}
    return Tables(
        sizes={axis.name: len(names[axis.name]) for axis in schema.axes_in(names)},
        names={axis.name: tuple(names[axis.name]) for axis in schema.axes_in(names)},
        columns={name: column for name, column in columns.items() if name not in parameters},
        labels={
            label.name: Label(label.name, label.axis, label.target, tuple(targets[label.name]))
            for label in schema.labels
        },
        parameters={name: column for name, column in columns.items() if name in parameters},
    )


def _scaled(declared: ColumnSchema, given: Any) -> Any:
    array = np.asarray(given, dtype=object)
    scaled = np.empty(array.size, dtype=object)
    for place, value in enumerate(array.ravel().tolist()):
        exact = Fraction(value) * 10**declared.decimals
        if exact.denominator != 1:
            raise MarketSource(
                f"`{declared.name}` has more decimals than its column",
                expected=f"at most {declared.decimals}",
                got=value,
            )
        scaled[place] = int(exact)
    return scaled.reshape(array.shape)
