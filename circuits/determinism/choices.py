"""Advice that no constraint fixes and that is safe all the same: the constraints must say why.
specs/determinism.md#bounds
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zkmargin.circuits.constraints import OneSidedBound
from zkmargin.circuits.determinism.propagation import Propagation
from zkmargin.circuits.determinism.relations import CONSTANT, Relations
from zkmargin.circuits.determinism.verdicts import Verdict
from zkmargin.circuits.linear import ONE_WIRE
from zkmargin.errors import CircuitError


class Choices:
    """The declared bounds of a circuit, each taken as given once its inequality is found."""

    def __init__(self, relations: Relations, bounds: Sequence[OneSidedBound]) -> None:
        for bound in bounds:
            if not 1 <= bound.count <= relations.n_wires - bound.first_wire:
                raise CircuitError("a bound declares no wire, or one that does not exist", where=bound.path)
        self._relations = relations
        self._pending = list(bounds)
        wires = [wire for bound in bounds for wire in bound.wires]
        guards = [max(relations.wires_of(row), default=ONE_WIRE) for bound in bounds for row in bound.branches]
        self._touching: Mapping[int, list[int]] = relations.touching({*wires, *guards})
        self._reasons: list[str] = []

    def advance(self, propagation: Propagation) -> bool:
        """Verify what can be verified now; whether anything new is known. ``propagation`` then has to run."""
        verify = {
            "upper": self._upper,
            "choice": self._choice,
            "one_hot": self._one_hot,
            "inverse": self._inverse,
        }
        advanced, pending, reasons = False, [], []
        for bound in self._pending:
            verdicts = verify[bound.kind](bound, propagation)
            if isinstance(verdicts, str):
                pending.append(bound)
                reasons.append(verdicts)
                continue
            for wire, verdict in verdicts.items():
                if not propagation.known[wire]:
                    propagation.give(wire, verdict)
                    advanced = True
        self._pending, self._reasons = pending, reasons
        return advanced

    @property
    def problems(self) -> dict[str, str]:
        """Per path of a bound that could not be verified: what is missing."""
        return {bound.path: reason for bound, reason in zip(self._pending, self._reasons, strict=True)}

    def _upper(self, bound: OneSidedBound, propagation: Propagation) -> dict[int, Verdict] | str:
        """``v - branch`` is a sum of booleans with positive weights, for every branch; branches are known
        before.
        """
        relations, modulus = self._relations, self._relations.modulus
        if not bound.branches or bound.count != 1:
            return "an upper bound has one wire, and branches"
        branches = [relations.terms(row) for row in bound.branches]
        for index, branch in enumerate(branches):
            if not propagation.all_known(branch):
                return f"branch {index} is not known before the bound"
        wire, slacks = bound.first_wire, []
        for constraint in self._touching[wire]:
            terms = relations.linear(constraint)
            if terms is not None and wire in terms:
                scale = -pow(terms[wire], -1, modulus)  # v = sum of the others
                slacks.append({other: value * scale % modulus for other, value in terms.items() if other != wire})
        known_parts = {
            frozenset((other, value) for other, value in slack.items() if propagation.known[other]): slack
            for slack in slacks
        }
        for index, branch in enumerate(branches):
            slack = known_parts.get(frozenset(branch.items()))
            candidates = [slack] if slack is not None else slacks if propagation.known[wire] else []
            if not any(self._is_slack(candidate, branch) for candidate in candidates):
                return f"no constraint says that the bound is at least branch {index}"
        return {wire: Verdict.BOUND}

    def _is_slack(self, value: Mapping[int, int], branch: Mapping[int, int]) -> bool:
        """Whether ``value - branch`` is a sum of booleans with positive weights that stays below p / 2."""
        modulus, total = self._relations.modulus, 0
        for wire in value.keys() | branch.keys():
            weight = (value.get(wire, 0) - branch.get(wire, 0)) % modulus
            if weight and not (wire != ONE_WIRE and self._relations.boolean[wire]):
                return False
            total += weight
        return total <= (modulus - 1) // 2

    def _choice(self, bound: OneSidedBound, _: Propagation) -> dict[int, Verdict] | str:
        if not all(self._relations.boolean[wire] for wire in bound.wires):
            return "a choice is not a bit"
        return self._unguarded(bound) or dict.fromkeys(bound.wires, Verdict.CHOICE)

    def _one_hot(self, bound: OneSidedBound, _: Propagation) -> dict[int, Verdict] | str:
        """Bits whose sum is 1, fewer of them than p."""
        relations, wires = self._relations, bound.wires
        if bound.count >= relations.modulus or not all(relations.boolean[wire] for wire in wires):
            return "a place is not a bit"
        for constraint in self._touching[bound.first_wire]:
            terms = relations.linear(constraint) or {}
            weight = terms.get(bound.first_wire, 0)
            if terms == {**dict.fromkeys(wires, weight), ONE_WIRE: relations.modulus - weight}:
                return self._unguarded(bound) or dict.fromkeys(wires, Verdict.CHOICE)
        return "no constraint says that the bits have the sum 1"

    def _unguarded(self, bound: OneSidedBound) -> str | None:
        """Which of the forms that a choice must leave non-negative is not shown to be so; None if all are."""
        for index, row in enumerate(bound.branches):
            wire = max(self._relations.wires_of(row), default=ONE_WIRE)
            if not any(self._shows_guard(constraint, row, wire) for constraint in self._touching[wire]):
                return f"no constraint says that guard {index} is not negative"
        return None

    def _shows_guard(self, constraint: int, row: int, wire: int) -> bool:
        """Whether a constraint says that a form is a sum of booleans with positive weights, or is itself boolean."""
        relations, modulus = self._relations, self._relations.modulus
        terms, guard = relations.linear(constraint), relations.terms(row)
        if terms is None:
            factors = (rows[constraint] for rows in (relations.a, relations.b, relations.c))
            return all(relations.content(factor) == relations.content(row) for factor in factors)
        if wire not in terms or wire not in guard:
            return False
        scale = guard[wire] * pow(terms[wire], -1, modulus)  # the equation says that this multiple of it is zero
        return self._is_slack(guard, {other: value * scale % modulus for other, value in terms.items()})

    def _inverse(self, bound: OneSidedBound, propagation: Propagation) -> dict[int, Verdict] | str:
        """``x y = z`` and ``x (k + m z) = 0`` fix z by a known x: where x = 0 the first says z = 0, elsewhere
        the second says z = -k/m. So y may be anything where x = 0, provided nothing else reads it.
        """
        relations, wire = self._relations, bound.first_wire
        readers = self._touching[wire]
        if bound.count != 1 or len(readers) != 1:
            return "the inverse is read elsewhere, or nowhere"
        a, b, c = (rows[readers[0]] for rows in (relations.a, relations.b, relations.c))
        factor = a if relations.unit[b] == wire else b
        flag = relations.unit[c]
        if wire not in (relations.unit[a], relations.unit[b]) or relations.single[factor] == CONSTANT or flag < 1:
            return "the inverse is not one factor of a product"
        if not propagation.all_known(relations.wires_of(factor)):
            return "what is inverted is not known before"
        if flag == wire or flag in relations.wires_of(factor):
            return "the product is one of its own factors"
        if not self._vanishes_or_fixes(relations.content(factor), flag):
            return "no constraint fixes the flag where the value is not zero"
        return {flag: Verdict.ZERO_TEST, wire: Verdict.DEAD}

    def _vanishes_or_fixes(self, factor: object, flag: int) -> bool:
        """Whether a constraint says ``x (k + m flag) = 0`` with m other than zero."""
        relations = self._relations
        for constraint in relations.touching([flag])[flag]:
            a, b, c = (rows[constraint] for rows in (relations.a, relations.b, relations.c))
            if relations.wires_of(c):
                continue
            for x, other in ((a, b), (b, a)):
                if relations.single[other] == flag and relations.content(x) == factor:
                    return True
        return False
