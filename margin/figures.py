"""What a table builder works out, in floats and units of the trade, and the way to exact tables.

A builder names the elements of each axis, gives columns as float arrays along axes, labels as row indices and
parameters as floats. ``tables`` rounds them once: each value to the nearest integer at its column's decimals, ties to
even. A size can have either sign, so no direction would favour one side; what an account adds up of a column is off by
at most half a unit of the last decimal times its absolute sizes. Floats end here.              specs/market.md#tables
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from zkmargin.errors import MarketSource
from zkmargin.margin.build import round_half_even
from zkmargin.margin.pricing import FloatArray
from zkmargin.margin.schema import ColumnSchema, TableSchema
from zkmargin.margin.tables import Column, Label, Tables

_Value = TypeVar("_Value")


@dataclass(frozen=True, eq=False)
class Figures:
    """Floats of a market: ``names`` of elements by axis, ``columns``, ``labels`` (-1: in no group), ``parameters``."""

    names: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, FloatArray]
    labels: Mapping[str, tuple[int, ...]]
    parameters: Mapping[str, float]

    def tables(self, schema: TableSchema) -> Tables:
        """The tables that a rule set asks for. A parameter that is not there takes the rule set's default.

        Raises Capacity where rows do not fit, ParameterCondition where a value is outside its declared bounds,
        MarketSource where the rule set asks for what is not there or a value does not resolve.
        """
        for axis in schema.axes_in(self.names):
            axis.check(len(_known(self.names, axis.name, "axis")))
        columns = {}
        for wanted in schema.columns:
            shape = tuple(len(self.names[axis]) for axis in wanted.axes)
            figure = np.asarray(_known(self.columns, wanted.name, "column"), dtype=np.float64)
            if figure.shape != shape:
                raise MarketSource(f"column `{wanted.name}` has another shape", expected=shape, got=figure.shape)
            columns[wanted.name] = self._rounded(wanted, figure)
        return Tables(
            sizes={axis.name: len(self.names[axis.name]) for axis in schema.axes_in(self.names)},
            names={axis.name: self.names[axis.name] for axis in schema.axes_in(self.names)},
            columns=columns,
            labels={
                wanted.name: Label(wanted.name, wanted.axis, wanted.target, _known(self.labels, wanted.name, "label"))
                for wanted in schema.labels
            },
            parameters={wanted.name: self._parameter(wanted) for wanted in schema.parameters},
        )

    def _rounded(self, wanted: ColumnSchema, figure: FloatArray) -> Column:
        rounded = round_half_even(figure.reshape(-1), wanted.decimals, wanted.name).reshape(figure.shape)
        column = Column(wanted.name, wanted.axes, wanted.decimals, rounded)
        wanted.check(column, [self.names[axis] for axis in wanted.axes])
        return column

    def _parameter(self, wanted: ColumnSchema) -> Column:
        if wanted.name not in self.parameters and wanted.default is not None:
            return Column.of(wanted.name, (), wanted.decimals, wanted.default)
        return self._rounded(wanted, np.asarray(_known(self.parameters, wanted.name, "parameter"), dtype=np.float64))


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names, the second of a kind with `` (2)`` behind it: elements of an axis need names of their own."""
    counts: dict[str, int] = {}
    found = []
    for name in names:
        counts[name] = count = counts.get(name, 0) + 1
        found.append(name if count == 1 else f"{name} ({count})")
    return tuple(found)


def _known(given: Mapping[str, _Value], name: str, kind: str) -> _Value:
    if name not in given:
        raise MarketSource(f"the builder has nothing for the {kind} `{name}`", hint=f"known: {', '.join(given)}")
    return given[name]
