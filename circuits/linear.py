"""Linear combinations of wires, and the table in which a circuit keeps the ones that it uses.

Coefficients are plain integers; they are reduced modulo the field's prime only when a combination enters the
table.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from zkmargin.errors import CircuitError

ONE_WIRE: Final = 0
"""Wire 0 always carries 1; a constant is a coefficient of it."""


class LinearCombination:
    """``sum coefficient * wire``, immutable. ``+ - *`` by integers make new ones; nothing here adds
    constraints.
    """

    __slots__ = ("_terms",)

    def __init__(self, terms: Mapping[int, int]) -> None:
        self._terms = {wire: coefficient for wire, coefficient in terms.items() if coefficient}

    @staticmethod
    def of_wire(wire: int, coefficient: int = 1) -> LinearCombination:
        return LinearCombination({wire: coefficient})

    @staticmethod
    def of_constant(value: int) -> LinearCombination:
        return LinearCombination({ONE_WIRE: value})

    @staticmethod
    def total(combinations: Iterable[LinearCombination]) -> LinearCombination:
        """The sum of any number of combinations, in one pass."""
        sums: dict[int, int] = {}
        for combination in combinations:
            for wire, coefficient in combination._terms.items():
                sums[wire] = sums.get(wire, 0) + coefficient
        return LinearCombination(sums)

    @property
    def terms(self) -> Mapping[int, int]:
        """Coefficient by wire; no coefficient is zero."""
        return self._terms

    @property
    def constant(self) -> int | None:
        """The value, if no wire but the constant one occurs; None otherwise."""
        if not self._terms:
            return 0
        if len(self._terms) == 1 and ONE_WIRE in self._terms:
            return self._terms[ONE_WIRE]
        return None

    @property
    def single_wire(self) -> int | None:
        """The wire, if this is one wire with coefficient 1; None otherwise."""
        if len(self._terms) == 1:
            wire, coefficient = next(iter(self._terms.items()))
            if coefficient == 1:
                return wire
        return None

    def __len__(self) -> int:
        return len(self._terms)

    def __add__(self, other: LinearCombination) -> LinearCombination:
        return LinearCombination.total((self, other))

    def __sub__(self, other: LinearCombination) -> LinearCombination:
        return LinearCombination.total((self, other * -1))

    def __neg__(self) -> LinearCombination:
        return self * -1

    def __mul__(self, factor: int) -> LinearCombination:
        return LinearCombination({wire: coefficient * factor for wire, coefficient in self._terms.items()})

    __rmul__ = __mul__

    def plus_constant(self, value: int) -> LinearCombination:
        return LinearCombination({**self._terms, ONE_WIRE: self._terms.get(ONE_WIRE, 0) + value})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LinearCombination) and self._terms == other._terms

    def __hash__(self) -> int:
        return hash(frozenset(self._terms.items()))

    def __repr__(self) -> str:
        parts = [
            str(c) if w == ONE_WIRE else f"{'' if c == 1 else f'{c}*'}w{w}" for w, c in sorted(self._terms.items())
        ]
        return " + ".join(parts) or "0"


ZERO: Final = LinearCombination({})
ONE: Final = LinearCombination.of_constant(1)


class LinearTable:
    """The combinations of one circuit, as rows of a sparse matrix over wires; coefficients are interned.

    ``offsets[i]..offsets[i + 1]`` are the places of row ``i`` in ``wires`` and ``coefficients`` (indices into
    ``constants``). Rows are sorted by wire, so that the same circuit always gives the same bytes.
    """

    def __init__(self, modulus: int) -> None:
        self.modulus = modulus
        self.wires = array("I")
        self.coefficients = array("I")
        self.offsets = array("Q", [0])
        self.constants: list[int] = []
        self._constant_index: dict[int, int] = {}
        self._rows_of_wires: dict[int, int] = {}
        self.one = self.constant_index(1)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def constant_index(self, value: int) -> int:
        """The index of a coefficient, reduced modulo the prime."""
        value %= self.modulus
        index = self._constant_index.get(value)
        if index is None:
            index = self._constant_index[value] = len(self.constants)
            self.constants.append(value)
        return index

    def of_wire(self, wire: int) -> int:
        """The row that is one wire."""
        row = self._rows_of_wires.get(wire)
        if row is None:
            row = self._rows_of_wires[wire] = self.append((wire,), (self.one,))
        return row

    def append(self, wires: Sequence[int], coefficients: Sequence[int]) -> int:
        """A new row from ascending wires and the indices of their coefficients. Nothing is checked."""
        self.wires.extend(wires)
        self.coefficients.extend(coefficients)
        self.offsets.append(len(self.wires))
        return len(self.offsets) - 2

    def append_combination(self, combination: LinearCombination) -> int:
        """A new row, also where an equal one exists: neighbours stay neighbours."""
        wires = sorted(combination.terms)
        indices = [self.constant_index(combination.terms[wire]) for wire in wires]
        return self.append(wires, indices)

    def row(self, combination: LinearCombination) -> int:
        """The row of a combination; single wires are shared."""
        wire = combination.single_wire
        return self.append_combination(combination) if wire is None else self.of_wire(wire)

    def combination(self, row: int) -> LinearCombination:
        """A row as a combination with coefficients in ``[0, p)``."""
        if not 0 <= row < len(self):
            raise CircuitError("no such linear combination", got=row)
        places = range(self.offsets[row], self.offsets[row + 1])
        return LinearCombination({self.wires[at]: self.constants[self.coefficients[at]] for at in places})
