"""The tables of a market as sparse matrices: base elements to functionals.
                                                                                    specs/circuits.md#matrices

Public data only. A linear node is evaluated with its bases kept symbolic: every intermediate value is a list
of entries, an element of a base, a place along the node's axes, a coefficient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from zkmargin.circuits.forms import Base, Forms, OneBase
from zkmargin.circuits.rules.plaintext import evaluate_public, label_indices
from zkmargin.circuits.rules.tree import (
    At,
    LinearSum,
    Node,
    Padding,
    Product,
    RuleSet,
    Sum,
    SumBy,
    Visibility,
)
from zkmargin.errors import CircuitError
from zkmargin.margin.tables import Tables

Indices = npt.NDArray[np.int64]
Integers = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Entries:
    """``coefficient * base[element]`` at a place: parallel arrays, one of coordinates per axis."""

    element: Indices
    places: Mapping[str, Indices]
    coefficient: Integers

    def __len__(self) -> int:
        return len(self.element)

    def scaled(self, factor: int) -> Entries:
        return Entries(self.element, self.places, self.coefficient * factor)

    def take(self, chosen: Indices | npt.NDArray[np.bool_]) -> Entries:
        places = {axis: place[chosen] for axis, place in self.places.items()}
        return Entries(self.element[chosen], places, self.coefficient[chosen])


class TableReader:
    """What a circuit reads of one market: arrays padded to the capacities where an axis repeats its last row.

    Axes that are padded with zeros keep their active size: what lies beyond vanishes.
    """

    def __init__(self, rules: RuleSet, tables: Tables) -> None:
        self.rules = rules
        self.tables = tables
        self.active = rules.sizes(tables.sizes)
        """Active rows of every axis."""
        self._arrays: dict[Node, Integers] = {}

    def size(self, axis: str) -> int:
        """The number of rows that count: active ones, or all where padding repeats the last one."""
        declared = self.rules.axes[axis]
        return self.active[axis] if declared.padding is Padding.ZERO else declared.capacity

    def array(self, node: Node) -> Integers:
        """A public node's integers along its axes."""
        if node not in self._arrays:
            active = evaluate_public(self.rules, self.tables, [node])[node]
            missing = [(0, self.size(a) - n) for a, n in zip(node.type.axes, active.shape, strict=True)]
            self._arrays[node] = np.pad(active, missing, mode="edge") if any(map(any, missing)) else active
        return self._arrays[node]

    def padded(self, node: Node) -> Integers:
        """A public node's integers on all rows of the circuit, evaluated from padded columns."""
        return evaluate_public(self.rules, self.tables, [node], padded=True)[node]

    def label(self, name: str) -> Indices:
        """The target of each row that counts; -1 for none."""
        indices = np.array(label_indices(self.rules, self.tables, name), dtype=np.int64)
        missing = self.size(self.rules.labels[name].axis) - len(indices)
        return np.pad(indices, (0, missing), mode="edge") if missing else indices


class LinearReader:
    """Evaluates linear nodes to entries."""

    def __init__(self, forms: Forms, reader: TableReader) -> None:
        self._forms = forms
        self._reader = reader
        self._rules = reader.rules

    def entries(self, node: Node) -> dict[Base, Entries]:
        """The entries of a linear node, or of a public summand of one, per base."""
        if node.type.visibility is not Visibility.PRIVATE:
            return {OneBase(): self._constant(node.type.axes, self._reader.array(node))}
        form = self._forms.row_form(node)
        if form is not None:
            found = {base: self._spread(self._identity(base).scaled(c), node) for c, base in form.terms}
            if form.constant:
                found[OneBase()] = self._spread(self._constant((), np.array(form.constant, dtype=object)), node)
            return found
        if isinstance(node, LinearSum):
            return self._linear_sum(node)
        if isinstance(node, Product):
            return {base: self._times(e, node) for base, e in self.entries(node.right).items()}
        if isinstance(node, Sum):
            return {
                base: Entries(e.element, {a: p for a, p in e.places.items() if a not in node.over}, e.coefficient)
                for base, e in self.entries(node.x).items()
            }
        if isinstance(node, SumBy):
            return {base: self._sum_by(e, node) for base, e in self.entries(node.x).items()}
        if isinstance(node, At):
            return {base: self._at(e, node) for base, e in self.entries(node.x).items()}
        raise CircuitError("node is not linear", got=type(node).__name__)

    def _linear_sum(self, node: LinearSum) -> dict[Base, Entries]:
        parts: dict[Base, list[Entries]] = {}
        for factor, term in node.terms:
            for base, entries in self.entries(term).items():
                parts.setdefault(base, []).append(self._spread(entries.scaled(factor), node))
        if node.constant:
            constant = self._constant((), np.array(node.constant, dtype=object))
            parts.setdefault(OneBase(), []).append(self._spread(constant, node))
        return {
            base: Entries(
                np.concatenate([e.element for e in found]),
                {axis: np.concatenate([e.places[axis] for e in found]) for axis in node.type.axes},
                np.concatenate([e.coefficient for e in found]),
            )
            for base, found in parts.items()
        }

    def _identity(self, base: Base) -> Entries:
        sizes = tuple(self._reader.size(axis) for axis in base.axes)
        places = [grid.reshape(-1) for grid in np.indices(sizes, dtype=np.int64)]
        element = np.zeros(prod(sizes), dtype=np.int64)
        for place, axis in zip(places, base.axes, strict=True):
            element = element * self._rules.axes[axis].capacity + place
        return Entries(element, dict(zip(base.axes, places, strict=True)), np.full(len(element), 1, dtype=object))

    def _constant(self, axes: tuple[str, ...], values: Integers) -> Entries:
        places = [grid.reshape(-1) for grid in np.indices(values.shape, dtype=np.int64)]
        return Entries(np.zeros(values.size, dtype=np.int64), dict(zip(axes, places, strict=True)), values.reshape(-1))

    def _spread(self, entries: Entries, node: Node) -> Entries:
        """Repeat entries along the node's axes that they lack."""
        for axis in node.type.axes:
            if axis not in entries.places:
                size, count = self._reader.size(axis), len(entries)
                entries = entries.take(np.repeat(np.arange(count), size))
                places = {**entries.places, axis: np.tile(np.arange(size, dtype=np.int64), count)}
                entries = Entries(entries.element, places, entries.coefficient)
        return entries

    def _times(self, entries: Entries, node: Product) -> Entries:
        spread = self._spread(entries, node)
        factors = self._reader.array(node.left)[tuple(spread.places[axis] for axis in node.left.type.axes)]
        product = Entries(spread.element, spread.places, spread.coefficient * factors)
        return product.take(product.coefficient != 0)

    def _sum_by(self, entries: Entries, node: SumBy) -> Entries:
        label = self._rules.labels[node.label]
        entries = self._spread(entries, node.x)
        group = self._reader.label(node.label)[entries.places[label.axis]]
        kept = entries.take(group >= 0)
        places = {axis: place for axis, place in kept.places.items() if axis != label.axis}
        return Entries(kept.element, {**places, label.target: group[group >= 0]}, kept.coefficient)

    def _at(self, entries: Entries, node: At) -> Entries:
        label = self._rules.labels[node.label]
        entries = self._spread(entries, node.x)
        groups = self._reader.label(node.label)
        rows = np.argsort(groups, kind="stable")
        first = np.searchsorted(groups[rows], entries.places[label.target], side="left")
        last = np.searchsorted(groups[rows], entries.places[label.target], side="right")
        counts = last - first
        chosen = entries.take(np.repeat(np.arange(len(entries)), counts))
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        places = {axis: place for axis, place in chosen.places.items() if axis != label.target}
        return Entries(
            chosen.element,
            {**places, label.axis: rows[np.repeat(first, counts) + within]},
            chosen.coefficient,
        )
