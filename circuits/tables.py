"""What tables a rule set asks of the table builder: the way from its declarations to a TableSchema.

Specified in specs/rules.md#tables.
"""

from __future__ import annotations

from zkmargin.circuits.rules.document import VENUE
from zkmargin.circuits.rules.tree import ColumnDecl, Padding, RuleSet
from zkmargin.margin.schema import AxisSchema, ColumnSchema, LabelSchema, TableSchema

SIZE = "size"
CASH = "cash"


def table_schema(rules: RuleSet) -> TableSchema:
    """Axes, columns, labels and parameters with their declared bounds; units of sizes and cash.

    Lots are in the decimals of the private column ``size``, cash in unit and decimals of ``cash`` (no decimals, and
    ``usd``, where a rule set has no such column).
    """
    private = {column.name: column for column in rules.private}
    size, cash = private.get(SIZE), private.get(CASH)
    held = {rules.axes[axis].like or axis for column in rules.attested for axis in column.axes} - {VENUE}
    return TableSchema(
        axes=tuple(
            AxisSchema(axis.name, size=axis.capacity, optional=axis.name not in rules.table_axes)
            if axis.padding is Padding.NONE
            else AxisSchema(axis.name, capacity=axis.capacity)
            for axis in rules.axes.values()
        ),
        columns=tuple(_column(column) for column in rules.public),
        labels=tuple(
            LabelSchema(label.name, label.axis, label.target)
            for label in rules.labels.values()
            if label.fixed is None  # part of the circuit
        ),
        parameters=tuple(_column(column) for column in rules.parameters),
        lot_decimals=size.decimals if size else 0,
        cash_unit=str(cash.unit) if cash else "usd",
        cash_decimals=cash.decimals if cash else 0,
        account_axes=tuple(axis.name for axis in rules.axes.values() if axis.name in held),
    )


def _column(column: ColumnDecl) -> ColumnSchema:
    return ColumnSchema(column.name, column.axes, column.decimals, column.minimum, column.maximum, column.default)
