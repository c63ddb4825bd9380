"""What tables a rule set asks for: axes, columns, labels and parameters, with their decimals and bounds.

Plain values, so that the table builder needs to know nothing of the rule language; ``circuits/tables.py``
derives a TableSchema from a rule set. Bounds are integers at the column's own decimals.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from zkmargin.encoding import format_decimal
from zkmargin.errors import Capacity, ParameterCondition
from zkmargin.margin.tables import Column


@dataclass(frozen=True)
class AxisSchema:
    """An axis with exactly ``size`` elements, or with up to ``capacity``. ``optional``: no column and no label is
    along it (sub-accounts of a customer, say), so tables need not name its elements.
    """

    name: str
    size: int | None = None
    capacity: int | None = None
    optional: bool = False

    def check(self, rows: int) -> None:
        """Raise Capacity where ``rows`` elements do not fit."""
        if self.size is not None and rows != self.size:
            raise Capacity(f"axis `{self.name}` has another size", expected=self.size, got=rows)
        if self.capacity is not None and rows > self.capacity:
            raise Capacity(
                f"axis `{self.name}` is full",
                expected=f"at most {self.capacity}",
                got=rows,
                hint="list fewer (--only, or without the furthest expiries), or take a rule set with more room",
            )


@dataclass(frozen=True)
class ColumnSchema:
    """A public column, or (without axes) a parameter: values are integers in ``[lo, hi]`` over
    ``10**decimals``. ``default`` is the value of a parameter that the rule set itself carries.
    """

    name: str
    axes: tuple[str, ...]
    decimals: int
    lo: int
    hi: int
    default: int | None = None

    def check(self, column: Column, names: Sequence[Sequence[str]]) -> None:
        """Raise ParameterCondition where a value is outside the declared bounds, naming the first."""
        flat = column.values.ravel().tolist()
        if not flat or (min(flat) >= self.lo and max(flat) <= self.hi):
            return
        at = next(position for position, value in enumerate(flat) if not self.lo <= value <= self.hi)
        element = []
        for axis_names in reversed(names):
            at, index = divmod(at, len(axis_names))
            element.append(axis_names[index])
        value = next(value for value in flat if not self.lo <= value <= self.hi)
        low, high = format_decimal(self.lo, self.decimals), format_decimal(self.hi, self.decimals)
        raise ParameterCondition(
            f"`{self.name}` is outside the bounds that the rule set declares",
            where=" at ".join(reversed(element)),
            expected=f"{low} to {high}",
            got=format_decimal(value, self.decimals),
        )


@dataclass(frozen=True)
class LabelSchema:
    """A label that assigns each row of ``axis`` to an element of ``target``."""

    name: str
    axis: str
    target: str


@dataclass(frozen=True)
class TableSchema:
    """All public inputs of a rule set. ``account_axes``: the axes along which an account has amounts."""

    axes: tuple[AxisSchema, ...]
    columns: tuple[ColumnSchema, ...]
    labels: tuple[LabelSchema, ...]
    parameters: tuple[ColumnSchema, ...]
    lot_decimals: int
    cash_unit: str
    cash_decimals: int
    account_axes: tuple[str, ...] = ()

    def axes_in(self, names: Container[str]) -> tuple[AxisSchema, ...]:
        """The axes of tables whose elements ``names`` has: all but optional ones that it lacks."""
        return tuple(axis for axis in self.axes if axis.name in names or not axis.optional)
