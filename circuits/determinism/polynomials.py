"""Forms of wires as polynomials, and forms that a constraint shows not to be negative.
specs/determinism.md#brackets
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from zkmargin.circuits.determinism.propagation import Propagation
from zkmargin.circuits.determinism.relations import Relations
from zkmargin.circuits.linear import ONE_WIRE

Monomial = tuple[int, ...]
Polynomial = dict[Monomial, int]
"""Coefficients in ``[1, p)`` by the wires that are multiplied, ascending; the empty monomial is the constant."""

MAX_DEGREE = 6


def add(*terms: tuple[int, Mapping[Monomial, int]], modulus: int) -> Polynomial:
    """``sum factor * polynomial``."""
    sums: Polynomial = {}
    for factor, polynomial in terms:
        for monomial, value in polynomial.items():
            sums[monomial] = sums.get(monomial, 0) + factor * value
    return {monomial: value % modulus for monomial, value in sums.items() if value % modulus}


def multiply(left: Mapping[Monomial, int], right: Mapping[Monomial, int], modulus: int) -> Polynomial:
    """The product."""
    sums: Polynomial = {}
    for a, x in left.items():
        for b, y in right.items():
            monomial = tuple(sorted(a + b))
            sums[monomial] = sums.get(monomial, 0) + x * y
    return {monomial: value % modulus for monomial, value in sums.items() if value % modulus}


def linear(terms: Mapping[int, int]) -> Polynomial:
    """A linear form, its coefficients in ``[1, p)``."""
    return {() if wire == ONE_WIRE else (wire,): value for wire, value in terms.items()}


class Expansion:
    """Forms as polynomials in known wires and in ``variables``: products with these are multiplied out."""

    def __init__(self, relations: Relations, propagation: Propagation, variables: Collection[int]) -> None:
        self._relations = relations
        self._known = propagation.known
        self._variables = frozenset(variables)
        self._done: dict[int, Polynomial | None] = {}

    def of_row(self, row: int) -> Polynomial | None:
        """None where a wire is neither known, nor a variable, nor a product of such."""
        return self.of_terms(self._relations.terms(row))

    def of_terms(self, terms: Mapping[int, int]) -> Polynomial | None:
        parts = []
        for wire, value in terms.items():
            part = self._of_wire(wire)
            if part is None:
                return None
            parts.append((value, part))
        return add(*parts, modulus=self._relations.modulus)

    def _of_wire(self, wire: int) -> Polynomial | None:
        if wire == ONE_WIRE:
            return {(): 1}
        if wire in self._variables:
            return {(wire,): 1}
        if wire not in self._done:
            self._done[wire] = None  # a product of itself is none
            if self._known[wire] and not self._is_of_variable(wire):
                self._done[wire] = {(wire,): 1}
            else:
                self._done[wire] = self._of_product(wire)
        return self._done[wire]

    def _is_of_variable(self, wire: int) -> bool:
        """Whether a wire is defined as a product with a variable in a factor: then it is known by a choice only."""
        relations, constraint = self._relations, self._relations.definitions.get(wire)
        if constraint is None:
            return False
        rows = (relations.a[constraint], relations.b[constraint])
        return any(not self._variables.isdisjoint(relations.wires_of(row)) for row in rows)

    def _of_product(self, wire: int) -> Polynomial | None:
        relations = self._relations
        constraint = relations.definitions.get(wire)
        if constraint is None:
            return None
        factors = [self.of_row(rows[constraint]) for rows in (relations.a, relations.b)]
        left, right = factors
        if left is None or right is None:
            return None
        product = multiply(left, right, relations.modulus)
        return product if max(map(len, product), default=0) <= MAX_DEGREE else None


class NonNegative:
    """What linear constraints show to be a sum of booleans with positive weights."""

    def __init__(self, relations: Relations) -> None:
        self._relations = relations

    def reach(self, form: Mapping[int, int]) -> int | None:
        """The largest value of a form that some constraint shows to be in ``[0, reach]``; None if none does.

        ``reach`` is below p / 2.
        """
        found = self._boolean_sum(form, {})  # the empty form, for one
        if found is not None:
            return found
        wire, constraints = self._about(form)
        for constraint in constraints:
            terms = self._relations.linear(constraint)
            if terms is None or wire not in terms:
                continue
            scale = form[wire] * pow(terms[wire], -1, self._relations.modulus)  # this multiple of the equation is zero
            found = self._boolean_sum(form, {other: value * scale for other, value in terms.items()})
            if found is not None:
                return found
        return None

    def _about(self, form: Mapping[int, int]) -> tuple[int, Sequence[int]]:
        """A wire and the constraints that it occurs in, the fewest: an equation about the form is among them."""
        wires = [wire for wire in form if wire != ONE_WIRE]
        if not wires:
            return ONE_WIRE, ()
        constraints = {wire: self._relations.constraints_of(wire) for wire in wires}
        rarest = min(wires, key=lambda wire: len(constraints[wire]))
        return rarest, constraints[rarest]

    def _boolean_sum(self, form: Mapping[int, int], zero: Mapping[int, int]) -> int | None:
        modulus, total = self._relations.modulus, 0
        for wire in form.keys() | zero.keys():
            weight = (form.get(wire, 0) - zero.get(wire, 0)) % modulus
            if weight and not (wire != ONE_WIRE and self._relations.boolean[wire]):
                return None
            total += weight
        return total if total <= (modulus - 1) // 2 else None

    def is_zero(self, form: Mapping[int, int]) -> bool:
        """Whether a linear constraint says that a form is zero."""
        if not form:
            return True
        wire, constraints = self._about(form)
        for constraint in constraints:
            terms = self._relations.linear(constraint)
            if terms is None or wire not in terms or len(terms) != len(form):
                continue
            scale = form[wire] * pow(terms[wire], -1, self._relations.modulus)
            if {other: value * scale % self._relations.modulus for other, value in terms.items()} == form:
                return True
        return False
