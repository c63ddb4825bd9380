"""Which parts of a rule are linear in the account, and over which private vectors ("bases").
                                                                                       specs/circuits.md#forms

A **base** is a private vector that is an exact function of the attested columns, row by row: a column, the
positive part of a combination of columns, a product of two such. A **row form** is an integer combination of
bases. A **linear functional** is what public coefficients, ``sum``, ``by=`` and ``at`` make of row forms; one
identity at a challenge checks all of them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from zkmargin.circuits.rules.tree import (
    Abs,
    At,
    ColumnRef,
    LinearSum,
    Node,
    Positive,
    Product,
    RuleSet,
    Sum,
    SumBy,
    Visibility,
)


@dataclass(frozen=True, slots=True)
class ColumnBase:
    """A private column."""

    name: str
    axes: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class PositiveBase:
    """``max(form, 0)``. The form is primitive: coefficients without common factor, the first positive."""

    form: RowForm
    axes: tuple[str, ...]

    def __str__(self) -> str:
        return f"positive({self.form})"


@dataclass(frozen=True, slots=True)
class ProductBase:
    """``left * right`` of private forms."""

    left: RowForm
    right: RowForm
    axes: tuple[str, ...]

    def __str__(self) -> str:
        return f"({self.left}) * ({self.right})"


@dataclass(frozen=True, slots=True)
class OneBase:
    """The constant one: carries what a functional adds that no account influences."""

    axes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "1"


Base = ColumnBase | PositiveBase | ProductBase | OneBase


@dataclass(frozen=True, slots=True)
class RowForm:
    """``constant + sum coefficient * base``, row by row; no base twice, no zero coefficient."""

    terms: tuple[tuple[int, Base], ...]
    constant: int = 0

    def __str__(self) -> str:
        parts = [str(base) if c == 1 else f"{c}*{base}" for c, base in self.terms]
        return " + ".join(parts + [str(self.constant)] * bool(self.constant)) or "0"

    def scaled(self, factor: int) -> RowForm:
        return RowForm(tuple((c * factor, base) for c, base in self.terms), self.constant * factor)

    def plus(self, other: RowForm) -> RowForm:
        sums: dict[Base, int] = {}
        for coefficient, base in self.terms + other.terms:
            sums[base] = sums.get(base, 0) + coefficient
        return RowForm(tuple((c, base) for base, c in sums.items() if c), self.constant + other.constant)

    def primitive(self) -> tuple[int, RowForm]:
        """``(factor, form)`` with ``factor * form`` equal to this one, and form primitive; needs a term."""
        divisor = gcd(self.constant, *(c for c, _ in self.terms))
        factor = divisor if self.terms[0][0] > 0 else -divisor
        return factor, RowForm(tuple((c // factor, base) for c, base in self.terms), self.constant // factor)


class Forms:
    """Row forms and linearity of the nodes of one rule set, memoised."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._row_forms: dict[Node, RowForm | None] = {}
        self._linear: dict[Node, bool] = {}

    def row_form(self, node: Node) -> RowForm | None:
        """The node as a combination of bases with constant coefficients, or None."""
        if node not in self._row_forms:
            self._row_forms[node] = self._find_row_form(node)
        return self._row_forms[node]

    def _find_row_form(self, node: Node) -> RowForm | None:
        if node.type.visibility is not Visibility.PRIVATE:
            return None
        if isinstance(node, ColumnRef):
            return RowForm(((1, ColumnBase(node.name, node.type.axes)),))
        if isinstance(node, LinearSum):
            form = RowForm((), node.constant)
            for factor, term in node.terms:
                inner = self.row_form(term)
                if inner is None:
                    return None
                form = form.plus(inner.scaled(factor))
            return form if form.terms else None
        if isinstance(node, Positive | Abs):
            inner = self.row_form(node.x)
            return None if inner is None else self._sign_form(inner, isinstance(node, Abs))
        if isinstance(node, Product):
            left, right = self.row_form(node.left), self.row_form(node.right)
            if left is None or right is None:
                return None
            return RowForm(((1, ProductBase(left, right, node.type.axes)),))
        return None

    def _sign_form(self, form: RowForm, absolute: bool) -> RowForm:
        """``positive(g x) = g p``, ``positive(-g x) = g (p - x)``, ``abs(g x) = g (2 p - x)`` share ``p``."""
        factor, primitive = form.primitive()
        axes = {axis for _, base in primitive.terms for axis in base.axes}
        in_order = tuple(axis for axis in self._rules.axes if axis in axes)
        part = RowForm(((1, PositiveBase(primitive, in_order)),))
        if absolute:
            part = part.scaled(2)
        if absolute or factor < 0:
            part = part.plus(primitive.scaled(-1))
        return part.scaled(abs(factor))

    def is_linear(self, node: Node) -> bool:
        """Whether a private node is a row form, or made of them by public factors, sums, ``by``, ``at``."""
        if node not in self._linear:
            self._linear[node] = self._find_linear(node)
        return self._linear[node]

    def _find_linear(self, node: Node) -> bool:
        if node.type.visibility is not Visibility.PRIVATE:
            return False
        if self.row_form(node) is not None:
            return True
        if isinstance(node, Sum | SumBy | At):
            return self.is_linear(node.x)
        if isinstance(node, Product):
            return node.left.type.visibility is not Visibility.PRIVATE and self.is_linear(node.right)
        if isinstance(node, LinearSum):
            return all(t.type.visibility is not Visibility.PRIVATE or self.is_linear(t) for _, t in node.terms)
        return False

    def is_functional(self, node: Node) -> bool:
        """Whether a node is bound by the challenge: a linear sum with public coefficients or a label.

        A sum with constant coefficients alone is a linear combination of wires already, and so is what a label
        makes of it that is part of the circuit.
        """
        return isinstance(node, Sum | SumBy | At) and self.is_linear(node) and self._has_public_part(node)

    def _has_public_part(self, node: Node) -> bool:
        if node.type.visibility is not Visibility.PRIVATE:
            return True
        if isinstance(node, SumBy | At) and self._rules.labels[node.label].fixed is None:
            return True
        if self.row_form(node) is not None:
            return False
        return any(self._has_public_part(child) for child in node.children)

    def bases(self, node: Node) -> Iterator[Base]:
        """The bases of a linear node in the order of the text, some perhaps twice."""
        form = self.row_form(node)
        if form is not None:
            yield from (base for _, base in form.terms)
            if form.constant:
                yield OneBase()
        elif node.type.visibility is not Visibility.PRIVATE:
            yield OneBase()
        else:
            if isinstance(node, LinearSum) and node.constant:
                yield OneBase()
            for child in node.children[1:] if isinstance(node, Product) else node.children:
                yield from self.bases(child)
