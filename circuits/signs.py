"""Sign decompositions of a whole circuit, each made once.
specs/circuits.md#signs
"""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import Digits
from zkmargin.circuits.gadgets.sign import positive_of_digits, sign_digits, sign_width
from zkmargin.circuits.integers import Num, num_unchecked
from zkmargin.circuits.linear import LinearCombination


class Signs:
    """Remembers for which combinations the sign digit, and the positive part, exist already."""

    def __init__(self, cs: ConstraintSystem) -> None:
        self._cs = cs
        self._digits: dict[LinearCombination, Digits] = {}
        self._positive: dict[LinearCombination, Num] = {}

    def register(self, digits: Digits) -> None:
        """Digits made elsewhere whose top one is the sign (a range check of a signed column)."""
        self._digits[digits.number.lc] = digits

    def find(self, x: Num) -> Digits | None:
        """The sign digits of x or of -x, if there are any."""
        return self._digits.get(x.lc) or self._digits.get(-x.lc)

    def cost(self, x: Num, fresh: int) -> int:
        """Constraints that ``positive(x)`` would add, given what it costs afresh."""
        if x.lo >= 0 or x.hi <= 0 or x.lc in self._positive or (-x).lc in self._positive:
            return 0
        return 1 if self.find(x) else fresh

    def positive(self, x: Num, label: str) -> Num:
        """Exactly ``max(x, 0)``, as ``gadgets.sign.positive``; ``max(-x, 0) = max(x, 0) - x`` is free
        afterwards.
        """
        if x.lo >= 0:
            return x
        if x.hi <= 0:
            return Num.constant(0)
        known = self._positive.get(x.lc)
        if known is not None:
            return known
        if -x.lc in self._positive or (x.lc not in self._digits and self._mirror_is_cheaper(x)):
            mirrored = self.positive(-x, label)
            return num_unchecked(mirrored.lc + x.lc, 0, x.hi)  # max(x, 0) = max(-x, 0) + x
        with self._cs.scope(label):
            if x.lc not in self._digits:
                self._digits[x.lc] = sign_digits(self._cs, x)
            self._positive[x.lc] = positive_of_digits(self._cs, self._digits[x.lc], "select")
        return self._positive[x.lc]

    def _mirror_is_cheaper(self, x: Num) -> bool:
        """Whether ``-x`` has digits already, or takes one fewer (only its lower end is a power of two)."""
        return -x.lc in self._digits or sign_width(-x) < sign_width(x)

    def positives(self, numbers: Sequence[Num], label: str) -> tuple[int, list[Num]]:
        """Exactly ``max(x, 0)`` of each, on wires in a row, of which the first is returned: a base.

        Cost: as ``positive``, and one constraint for a number whose sign the type shows.
        """
        with self._cs.scope(label):
            pairs = []
            for index, x in enumerate(numbers):
                with self._cs.scope(f"[{index}]"):
                    pairs.append((x.lc, self._sign_bit(x)))
            products = self._cs.products(pairs, "select")
        results = [
            num_unchecked(lc, max(x.lo, 0), max(x.hi, 0)) for lc, x in zip(products, numbers, strict=True)
        ]  # x where the sign digit is 1, else 0
        self._positive.update({x.lc: part for x, part in zip(numbers, results, strict=True)})
        (first, *_) = products[0].terms
        return first, results

    def _sign_bit(self, x: Num) -> LinearCombination:
        """1 where x > 0, 0 where x < 0, either where x = 0."""
        if x.lo >= 0 or x.hi <= 0:
            return LinearCombination.of_constant(int(x.lo >= 0))
        if -x.lc in self._digits:
            mirrored = self._digits[-x.lc]
            return mirrored.bit(mirrored.width - 1).negated().lc
        if x.lc not in self._digits:
            self._digits[x.lc] = sign_digits(self._cs, x)
        digits = self._digits[x.lc]
        return digits.bit(digits.width - 1).lc
