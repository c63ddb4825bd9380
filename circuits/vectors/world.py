"""A case's numbers as tables and private columns of a rule set, and what the plaintext reading says of them.

Numbers are exact: decimals of the JSON text, or fractions of them. A number with more decimals than its column
is rounded to the nearest; one outside its bounds is refused by the rule set's own checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from typing import Any

import numpy as np

from zkmargin.circuits.liquidation import Repriced, boundary
from zkmargin.circuits.rules import Evaluation, RuleSet, check_tables, evaluate, load_rules, parse_rules
from zkmargin.circuits.rules.tree import ColumnDecl
from zkmargin.circuits.tables import table_schema
from zkmargin.margin.figures import Figures
from zkmargin.margin.tables import Column, Label, Tables

__all__ = ["World", "with_parts"]


def with_parts(rules: RuleSet, *names: str) -> RuleSet:
    """The rule set with some definitions without axes as columns of the account: cases state a rule's parts.

    Each definition stands on a line of its own in the text; its column has six decimals.
    """
    text = rules.text.decode()
    columns = ""
    for name in names:
        (line,) = (line for line in text.splitlines(keepends=True) if line.startswith(f"  {name}: "))
        text = text.replace(line, "")
        unit = rules.definitions[name].type.unit
        columns += f"  {name}: {{unit: {unit or 1}, decimals: 6, min: -1e15, max: 1e15, from: venue}}\n"
    text = text.replace("\nprivate:\n", f"\nprivate:\n{columns}")
    return parse_rules(text.encode(), rules.file)


@dataclass(frozen=True, repr=False, eq=False)
class World:
    """One account under one rule set. ``public`` holds columns and parameters, by name, in their units."""

    rules: RuleSet
    tables: Tables
    private: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        name: str,
        public: Mapping[str, Any],
        private: Mapping[str, Any],
        labels: Mapping[str, Sequence[int]] | None = None,
        sizes: Mapping[str, int] | None = None,
    ) -> World:
        """Build tables and account of the shipped rule set ``name``; raises a ZkMarginError where they do not fit.

        ``public`` and ``private`` have numbers, or nested lists of numbers, for each declared column. A parameter
        that is not given has its default. ``labels`` has the targets of each label that is data, -1 for none;
        ``sizes`` the active rows of axes that no public column has.
        """
        rules = _rules(name)
        columns: dict[str, Column] = {}
        active = dict(sizes or {})
        for declared in rules.public:
            column = Column.of(
                declared.name, declared.axes, declared.decimals, _scaled(declared, public[declared.name])
            )
            columns[declared.name] = column
            active.update(zip(declared.axes, column.values.shape, strict=True))
        parameters = {}
        for declared in rules.parameters:
            given = public.get(declared.name)
            value = declared.default if given is None else _scaled(declared, given)  # a default is scaled already
            parameters[declared.name] = Column.of(declared.name, [], declared.decimals, value)
        given_labels = labels or {}
        tied = {
            label.name: Label(label.name, label.axis, label.target, tuple(given_labels[label.name]))
            for label in rules.labels.values()
            if label.fixed is None
        }
        names = {axis: tuple(f"{axis}{row}" for row in range(size)) for axis, size in active.items()}
        return cls.on(rules, Tables(active, names, columns, tied, parameters), private)

    @classmethod
    def on(cls, rules: RuleSet, tables: Tables, private: Mapping[str, Any]) -> World:
        """An account on tables that a builder made; raises a ZkMarginError where they do not fit."""
        check_tables(rules, tables)
        account = {declared.name: _scaled(declared, private[declared.name]) for declared in rules.private}
        return cls(rules, tables, account)

    @classmethod
    def built(cls, name: str, figures: Figures, private: Mapping[str, Any]) -> World:
        """The shipped rule set ``name`` on the tables of a table builder; raises a ZkMarginError as ``of`` does."""
        rules = _rules(name)
        tables = figures.tables(table_schema(rules))
        check_tables(rules, tables)
        return cls(
            rules, tables, {declared.name: _scaled(declared, private[declared.name]) for declared in rules.private}
        )

    @cached_property
    def _reading(self) -> Evaluation:
        return evaluate(self.rules, self.tables, self.private)

    def evaluate(self) -> Evaluation:
        """The plaintext reading."""
        return self._reading

    def value(self, name: str) -> Fraction:
        """Equity, a requirement or a definition without axes, in its unit."""
        return self.element(name)

    def element(self, name: str, *place: int) -> Fraction:
        """The same of a definition that has axes: its value at a place along them, by default the first."""
        found = self.evaluate()
        at = place or (0,) * len(found.axes[name])
        return Fraction(int(found.values[name][at]), found.denominators[name])

    def liquidation_price(self, long: bool) -> Fraction | None:
        """The mark of the first row at which the maintenance claim stops to hold, by bisection.

        The claim must change once between a mark of 0 and the column's maximum: a ``long`` position is lost
        below, a short one above. None where it does not change. Exact to one unit of the column's last decimal.
        """
        moved = Repriced(self.rules, self.tables, self.private)
        held, lost = (moved.high, moved.low) if long else (moved.low, moved.high)
        if moved.holds_at(0, lost) or not moved.holds_at(0, held):
            return None
        last = boundary(lambda mark: moved.holds_at(0, mark), held, lost)
        return Fraction(last, 10 ** self.tables.columns["mark"].decimals)


@cache
def _rules(name: str) -> RuleSet:
    return load_rules(name)


def _scaled(declared: ColumnDecl, value: Any) -> Any:
    """Integers of the column's last decimal, in the shape of the value."""
    array = np.asarray(value, dtype=object)
    flat = [round(Fraction(number) * 10**declared.decimals) for number in array.ravel().tolist()]
    scaled = np.empty(len(flat), dtype=object)
    scaled[:] = flat
    return scaled.reshape(array.shape) if array.shape else flat[0]
