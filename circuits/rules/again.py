"""One account under one rule set, read again with other values in a few columns.

Prices move, cash is paid in, a position is closed: what does not depend on the columns that change is computed once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from zkmargin.circuits.rules.check import condition_holds, condition_nodes
from zkmargin.circuits.rules.plaintext import Evaluation, IntArray, Reading, evaluate, private_values
from zkmargin.circuits.rules.tree import ColumnRef, Node, RuleSet, walk
from zkmargin.errors import CircuitError, ParameterCondition
from zkmargin.margin.tables import Tables

__all__ = ["Again"]


class Again:
    """``first`` is the reading of the account as it is; ``evaluate`` gives others.

    ``changing`` names the columns that may differ, public or private.
    """

    def __init__(
        self, rules: RuleSet, tables: Tables, private: Mapping[str, object], changing: Collection[str]
    ) -> None:
        self.rules, self.tables, self.changing = rules, tables, frozenset(changing)
        self.private = {
            column.name: private_values(rules, tables, column.name, private[column.name]) for column in rules.private
        }
        self.first = evaluate(rules, tables, self.private)
        self._named = {**rules.definitions, "equity": rules.equity, **rules.requirements}
        self._order = self._dependent(self._named.values())
        self._conditions = tuple(
            (condition, order)
            for condition in rules.conditions
            if (order := self._dependent(condition_nodes(condition)))
        )
        nodes = [node for condition, _ in self._conditions for node in condition_nodes(condition)]
        self._fixed = {**Reading(rules, tables, {}).evaluate(nodes), **self.first.nodes}

    def evaluate(self, columns: Mapping[str, IntArray]) -> Evaluation:
        """The reading with these columns, whole and in the shape of the active rows.

        Raises ParameterCondition where the tables would not fit the rule set, AmountRange where the account would
        not; CircuitError for a column that was not named as changing.
        """
        if unnamed := columns.keys() - self.changing:
            raise CircuitError(f"`{min(unnamed)}` was not to change")
        public = {name: values for name, values in columns.items() if name not in self.private}
        tables = self.tables.with_values(public) if public else self.tables
        private = {
            name: private_values(self.rules, tables, name, columns[name]) if name in columns else values
            for name, values in self.private.items()
        }
        reading = Reading(self.rules, tables, private)
        reading.found = dict(self._fixed)
        self._check(reading, public)
        for node in self._order:
            reading.found[node] = reading.value(node)
        values = {name: reading.found[node] for name, node in self._named.items()}
        return Evaluation(self.rules, values, self.first.axes, self.first.denominators, reading.found)

    def _check(self, reading: Reading, public: Mapping[str, IntArray]) -> None:
        """What ``check_tables`` checks, of what changed: the tables as they were are taken as checked."""
        for name, values in public.items():
            declared = self.rules.columns[name]
            flat = values.ravel().tolist()
            if min(flat) < declared.minimum or max(flat) > declared.maximum:
                raise ParameterCondition(f"`{name}` is outside its bounds")
        if not public:
            return
        for condition, order in self._conditions:
            for node in order:
                reading.found[node] = reading.value(node)
            if not condition_holds(self.rules, condition, reading.found):
                raise ParameterCondition(f"condition `{condition.text}` does not hold")

    def _dependent(self, roots: Collection[Node]) -> tuple[Node, ...]:
        touched: set[Node] = set()
        order = []
        for node in walk(roots):
            own = isinstance(node, ColumnRef) and node.name in self.changing
            if own or any(child in touched for child in node.children):
                touched.add(node)
                order.append(node)
        return tuple(order)
