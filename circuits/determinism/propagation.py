"""Which wires follow from others: sound rules over constraints, run to their fixed point.
specs/determinism.md#rules
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zkmargin.circuits.determinism.relations import CONSTANT, Relations
from zkmargin.circuits.determinism.verdicts import Verdict


def is_unique(coefficients: Sequence[int], spreads: Sequence[int], modulus: int) -> bool:
    """Whether ``sum coefficient * x`` tells every x, each in an interval of ``spread + 1`` integers.

    Two solutions differ by d with ``|d| <= spread`` and ``sum coefficient * d = 0 mod p``. Coefficients are
    read as signed residues; where ``sum |coefficient| * spread < p`` the sum is zero over the integers, and
    where each coefficient exceeds what all smaller ones can reach, the largest d that is not zero would decide
    its sign. So every d is zero.
    """
    reach = 0
    sizes = (min(coefficient, modulus - coefficient) for coefficient in coefficients)
    for size, spread in sorted(zip(sizes, spreads, strict=True)):
        if size <= reach:
            return False
        reach += size * spread
    return reach < modulus


class Propagation:
    """Wires known to be functions of the given ones, and the rule that showed it.

    ``spreads``: wires that are confined to an interval, by its width less one; booleans are without saying.
    ``forms``: linear forms whose values are given, in addition to the constraints.
    """

    def __init__(
        self,
        relations: Relations,
        given: Mapping[int, Verdict],
        spreads: Mapping[int, int] | None = None,
        forms: Sequence[Mapping[int, int]] = (),
    ) -> None:
        self._relations = relations
        self._spreads = spreads or {}
        self._forms = forms
        self.known = bytearray(relations.n_wires)
        """The verdict on each wire so far."""
        self._whole = bytearray(len(relations.offsets))  # rows all of whose wires are known
        self._waiting: dict[int, list[int]] = {}
        self._ready: list[int] = []
        for wire, verdict in given.items():
            self.known[wire] = verdict
        for constraint in range(len(relations) + len(forms)):
            if constraint not in relations.boolean_constraints:
                self._examine(constraint)
        self.run()

    def give(self, wire: int, verdict: Verdict) -> None:
        """Take a wire as known. ``run`` draws the conclusions."""
        self.known[wire] = verdict
        self._ready += self._waiting.pop(wire, ())

    def run(self) -> None:
        """Draw every conclusion."""
        while self._ready:
            self._examine(self._ready.pop())

    def all_known(self, wires: Iterable[int]) -> bool:
        return all(map(self.known.__getitem__, wires))

    # A constraint that cannot be used yet waits for wires without which no rule applies to it.

    def _wait(self, constraint: int, wires: Iterable[int]) -> None:
        for wire in wires:
            self._waiting.setdefault(wire, []).append(constraint)

    def _unknown_of(self, row: int) -> list[int]:
        if self._whole[row]:
            return []
        known = self.known
        unknown = [wire for wire in self._relations.wires_of(row) if not known[wire]]
        self._whole[row] = not unknown
        return unknown

    def _examine(self, constraint: int) -> None:
        relations = self._relations
        if constraint >= len(relations):
            self._solve(constraint, self._forms[constraint - len(relations)], Verdict.LINEAR)
            return
        linear = relations.linear(constraint)
        if linear is not None:
            self._solve(constraint, linear, Verdict.LINEAR)
            return
        a, b, c = relations.a[constraint], relations.b[constraint], relations.c[constraint]
        if relations.single[c] == CONSTANT and relations.wires_of(c):
            self._examine_quotient(constraint, a, b)
            return
        for row in (a, b):
            unknown = self._unknown_of(row)
            if unknown:
                self._wait(constraint, unknown[:1])
                return
        if self._unknown_of(c):
            self._solve(constraint, relations.terms(c), Verdict.PRODUCT)

    def _examine_quotient(self, constraint: int, a: int, b: int) -> None:
        """``A B = c`` with a constant c other than zero: neither factor is zero, so one gives the other."""
        unknown = [*self._unknown_of(a), *self._unknown_of(b)]
        if len(unknown) == 1:
            self.give(unknown[0], Verdict.QUOTIENT)
        else:
            self._wait(constraint, set(unknown))

    def _solve(self, constraint: int, terms: Mapping[int, int], verdict: Verdict) -> None:
        """A linear form whose value is known: one unknown wire follows, and so do digits."""
        known = self.known
        unknown = [wire for wire in terms if not known[wire]]
        if not unknown:
            return
        if len(unknown) == 1:
            self.give(unknown[0], verdict)
            return
        boolean, spreads = self._relations.boolean, self._spreads
        unconfined = [wire for wire in unknown if not boolean[wire] and wire not in spreads]
        if unconfined:
            # Two that must both be known or, but for one, all be: while both are unknown no rule applies.
            confined = (wire for wire in unknown if wire not in unconfined[:1])
            self._wait(constraint, unconfined[:2] if len(unconfined) > 1 else [*unconfined, next(confined)])
            return
        widths = [1 if boolean[wire] else spreads[wire] for wire in unknown]
        if is_unique([terms[wire] for wire in unknown], widths, self._relations.modulus):
            for wire in unknown:
                self.give(wire, Verdict.DIGITS)
        else:
            self._wait(constraint, unknown)


def spreads_of(relations: Relations) -> dict[int, int]:
    """Wires that a linear constraint confines to an interval: they are a sum of booleans and a constant."""
    found: dict[int, int] = {}
    modulus, boolean = relations.modulus, relations.boolean
    for constraint in range(len(relations)):
        terms = relations.linear(constraint)
        if terms is None:
            continue
        others = [wire for wire in terms if wire and not boolean[wire]]
        if len(others) != 1 or terms[others[0]] not in (1, modulus - 1):
            continue
        digits = (value for wire, value in terms.items() if wire and wire != others[0])
        spread = sum(min(value, modulus - value) for value in digits)
        if spread < modulus and spread < found.get(others[0], modulus):
            found[others[0]] = spread
    return found
