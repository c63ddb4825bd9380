"""Numbers of a circuit: linear combinations whose integer interval is part of the type.

A ``Num`` says: the wires' values, read as integers around zero, give a value in ``[lo, hi]`` whatever the
prover does. Arithmetic carries intervals along; only range checks (``gadgets.bits``) make narrower ones. What
is known from outside the constraints, such as a public input that the verifier recomputes, enters through
functions named ``_unchecked``, each with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zkmargin.circuits.linear import LinearCombination
from zkmargin.errors import CircuitError


@dataclass(frozen=True, slots=True)
class Num:
    """An integer in ``[lo, hi]``. Made by ``constant``, by arithmetic and by gadgets, not by hand."""

    lc: LinearCombination
    lo: int
    hi: int

    def __post_init__(self) -> None:
        if self.lo > self.hi:
            raise CircuitError("empty interval", got=f"[{self.lo}, {self.hi}]")

    @staticmethod
    def constant(value: int) -> Num:
        return Num(LinearCombination.of_constant(value), value, value)

    @staticmethod
    def total(numbers: Iterable[Num]) -> Num:
        """The sum, in one pass; zero for none."""
        summands = list(numbers)
        return Num(
            LinearCombination.total(n.lc for n in summands),
            sum(n.lo for n in summands),
            sum(n.hi for n in summands),
        )

    @staticmethod
    def weighted(numbers: Sequence[tuple[int, Num]], constant: int = 0) -> Num:
        """``constant + sum factor * number``, in one pass."""
        sums: dict[int, int] = {0: constant}
        lo = hi = constant
        for factor, number in numbers:
            for wire, coefficient in number.lc.terms.items():
                sums[wire] = sums.get(wire, 0) + factor * coefficient
            ends = (factor * number.lo, factor * number.hi)
            lo += min(ends)
            hi += max(ends)
        return Num(LinearCombination(sums), lo, hi)

    @property
    def magnitude(self) -> int:
        """The largest absolute value."""
        return max(abs(self.lo), abs(self.hi))

    @property
    def is_constant(self) -> bool:
        return self.lo == self.hi and self.lc.constant is not None

    def __add__(self, other: Num) -> Num:
        return Num(self.lc + other.lc, self.lo + other.lo, self.hi + other.hi)

    def __sub__(self, other: Num) -> Num:
        return Num(self.lc - other.lc, self.lo - other.hi, self.hi - other.lo)

    def __neg__(self) -> Num:
        return Num(-self.lc, -self.hi, -self.lo)

    def __mul__(self, factor: int) -> Num:
        ends = (self.lo * factor, self.hi * factor)
        return Num(self.lc * factor, min(ends), max(ends))

    __rmul__ = __mul__

    def plus(self, value: int) -> Num:
        """This and a constant."""
        return Num(self.lc.plus_constant(value), self.lo + value, self.hi + value)


@dataclass(frozen=True, slots=True)
class UInt(Num):
    """An integer in ``[0, 2**bits)``. Comes out of range checks."""

    bits: int

    def __post_init__(self) -> None:
        if self.bits < 0 or self.lo < 0 or self.hi >> self.bits:
            raise CircuitError("interval does not fit the width", expected=f"{self.bits} bits")


@dataclass(frozen=True, slots=True)
class Bit(Num):
    """Zero or one. Comes out of boolean constraints."""

    def __post_init__(self) -> None:
        if (self.lo, self.hi) != (0, 1):
            raise CircuitError("a bit lies in [0, 1]", got=f"[{self.lo}, {self.hi}]")

    def negated(self) -> Bit:
        """One minus this bit."""
        return Bit((-self.lc).plus_constant(1), 0, 1)


def num_unchecked(lc: LinearCombination, lo: int, hi: int) -> Num:
    """A number whose interval no constraint of the caller's proves: the caller says why it holds all the
    same.
    """
    return Num(lc, lo, hi)


def bit_unchecked(lc: LinearCombination) -> Bit:
    """A bit that the caller constrains, or that is one for a reason the caller gives."""
    return Bit(lc, 0, 1)
