"""The constraints of a circuit as relations between wires: all that the determinism analysis may look at.

Rows are canonical here: each wire once, no coefficient that is zero modulo the prime. What the builder meant
does not count; only the three matrices that become the ``.r1cs`` do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.linear import ONE_WIRE
from zkmargin.errors import CircuitError

_BASES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)

CONSTANT, SEVERAL = -1, -2
"""What ``Relations.single`` says of a row without wires, and of one with several."""


@lru_cache
def is_prime(modulus: int) -> bool:
    """Miller-Rabin with twelve bases: exact below 3.3e24, and no honest modulus above it is a pseudoprime.

    Over a composite modulus ``x x = x`` has more solutions than 0 and 1, and no rule of the analysis holds.
    """
    if modulus < 2 or any(modulus % base == 0 and modulus != base for base in _BASES):
        return False
    twos = ((modulus - 1) & (1 - modulus)).bit_length() - 1
    for base in _BASES:
        power = pow(base, (modulus - 1) >> twos, modulus)
        if base % modulus == 0 or power in (1, modulus - 1):
            continue
        if not any((power := power * power % modulus) == modulus - 1 for _ in range(twos - 1)):
            return False
    return True


class Relations:
    """Three sparse matrices over the wires of a circuit, less the constraints ``without`` (for tests)."""

    def __init__(self, cs: ConstraintSystem, without: Collection[int] = ()) -> None:
        if not is_prime(cs.modulus):
            raise CircuitError("the modulus is not a prime", got=cs.modulus)
        self.modulus = cs.modulus
        self.n_wires = cs.n_wires
        self.constants = list(cs.table.constants)
        self.offsets: list[int] = cs.table.offsets.tolist()
        self.wires: list[int] = cs.table.wires.tolist()
        self.coefficients: list[int] = cs.table.coefficients.tolist()
        dropped = frozenset(without)
        self.numbers = [number for number in range(cs.n_constraints) if number not in dropped]
        """The number of each constraint in the circuit."""
        self.a, self.b, self.c = ([rows[number] for number in self.numbers] for rows in (cs.a, cs.b, cs.c))
        if self.wires and max(self.wires) >= self.n_wires:
            raise CircuitError("a constraint names a wire that does not exist", got=max(self.wires))
        if not self._is_canonical():
            self._make_canonical()
        self._linear: dict[int, dict[int, int] | None] = {}
        self._constraints_of: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    # --- rows ---------------------------------------------------------------------------------------------

    def _is_canonical(self) -> bool:
        rises = np.diff(np.array(self.wires, dtype=np.int64)) > 0
        starts = np.array(self.offsets[1:-1], dtype=np.int64)
        inner_starts = starts[(starts > 0) & (starts < len(self.wires))]
        rises[inner_starts - 1] = True
        return bool(rises.all()) and 0 not in self.constants

    def _make_canonical(self) -> None:
        offsets, wires, coefficients = [0], [], []
        index = {value: place for place, value in enumerate(self.constants)}
        for row in range(len(self.offsets) - 1):
            terms: dict[int, int] = {}
            for at in range(self.offsets[row], self.offsets[row + 1]):
                terms[self.wires[at]] = terms.get(self.wires[at], 0) + self.constants[self.coefficients[at]]
            for wire, value in sorted(terms.items()):
                if value % self.modulus:
                    wires.append(wire)
                    coefficients.append(index.setdefault(value % self.modulus, len(index)))
            offsets.append(len(wires))
        self.offsets, self.wires, self.coefficients, self.constants = offsets, wires, coefficients, list(index)

    def wires_of(self, row: int) -> list[int]:
        """The wires of a row, ascending, the constant one among them."""
        return self.wires[self.offsets[row] : self.offsets[row + 1]]

    def terms(self, row: int) -> dict[int, int]:
        """Coefficient in ``[1, p)`` by wire."""
        places = range(self.offsets[row], self.offsets[row + 1])
        return {self.wires[at]: self.constants[self.coefficients[at]] for at in places}

    def content(self, row: int) -> tuple[list[int], list[int]]:
        """Something that is equal for equal rows."""
        span = slice(self.offsets[row], self.offsets[row + 1])
        return self.wires[span], self.coefficients[span]

    @cached_property
    def single(self) -> list[int]:
        """Per row: its only wire beside the constant one, or CONSTANT, or SEVERAL."""
        singles = []
        for start, end in zip(self.offsets, self.offsets[1:], strict=False):
            others = end - start - (end > start and self.wires[start] == ONE_WIRE)
            singles.append(self.wires[end - 1] if others == 1 else SEVERAL if others else CONSTANT)
        return singles

    @cached_property
    def unit(self) -> list[int]:
        """Per row: its wire (the constant one included), if it is one wire with coefficient 1; else -1."""
        one = self.constants.index(1) if 1 in self.constants else -1
        return [
            self.wires[start] if end - start == 1 and self.coefficients[start] == one else -1
            for start, end in zip(self.offsets, self.offsets[1:], strict=False)
        ]

    # --- constraints --------------------------------------------------------------------------------------

    def linear(self, constraint: int) -> dict[int, int] | None:
        """``sum coefficient * wire = 0`` where a factor is constant, else None."""
        if constraint not in self._linear:
            self._linear[constraint] = self._compute_linear(constraint)
        return self._linear[constraint]

    def _compute_linear(self, constraint: int) -> dict[int, int] | None:
        a, b = self.a[constraint], self.b[constraint]
        if self.single[b] != CONSTANT:
            a, b = b, a
        if self.single[b] != CONSTANT:
            return None
        factor = self.terms(b).get(ONE_WIRE, 0)
        sums = {wire: factor * value for wire, value in self.terms(a).items()}
        for wire, value in self.terms(self.c[constraint]).items():
            sums[wire] = sums.get(wire, 0) - value
        reduced = ((wire, value % self.modulus) for wire, value in sums.items())
        return {wire: value for wire, value in reduced if value}

    def boolean_wire(self, constraint: int) -> int | None:
        """The wire that a constraint of degree two allows 0 and 1, and nothing else; None otherwise."""
        rows = self.a[constraint], self.b[constraint], self.c[constraint]
        wire, other, right = (self.single[row] for row in rows)
        if wire < 0 or other != wire or right not in (wire, CONSTANT):
            return None

        def difference(value: int) -> int:
            a, b, c = (
                sum(factor * (value if other else 1) for other, factor in self.terms(row).items()) for row in rows
            )
            return (a * b - c) % self.modulus

        # Both factors hold the wire, so the difference is a polynomial of degree two: at most two roots.
        return None if difference(0) or difference(1) else wire

    @cached_property
    def boolean(self) -> bytearray:
        """Per wire: 1 where a constraint makes it 0 or 1."""
        found = bytearray(self.n_wires)
        for wire in self.boolean_constraints.values():
            found[wire] = 1
        return found

    @cached_property
    def boolean_constraints(self) -> Mapping[int, int]:
        """The constraints that say no more than that a wire is 0 or 1, and the wire."""
        found: dict[int, int] = {}
        single, unit = self.single, self.unit
        for constraint, (a, b, c) in enumerate(zip(self.a, self.b, self.c, strict=True)):
            if single[a] != single[b]:
                continue
            wire = unit[a] if a == b == c and unit[a] > 0 else self.boolean_wire(constraint)
            if wire is not None:
                found[constraint] = wire
        return found

    @cached_property
    def definitions(self) -> dict[int, int]:
        """Per wire that is alone on the right of a product, with coefficient 1: the first such constraint."""
        found: dict[int, int] = {}
        for constraint, row in enumerate(self.c):
            if self.unit[row] > 0 and self.single[self.a[constraint]] != CONSTANT != self.single[self.b[constraint]]:
                found.setdefault(self.unit[row], constraint)
        return found

    def touching(self, wires: Iterable[int]) -> Mapping[int, list[int]]:
        """Per wire the constraints that it occurs in."""
        wanted = np.zeros(self.n_wires, dtype=bool)
        chosen = list(wires)
        wanted[chosen] = True
        hits = np.flatnonzero(wanted[self._wire_array])
        rows: dict[int, list[int]] = {}
        for at, row in zip(hits.tolist(), self._row_of_term[hits].tolist(), strict=True):
            rows.setdefault(row, []).append(self.wires[at])
        is_hit = np.zeros(len(self.offsets) - 1, dtype=bool)
        is_hit[list(rows)] = True
        matrices = [np.array(matrix, dtype=np.int64) for matrix in (self.a, self.b, self.c)]
        found: dict[int, list[int]] = {wire: [] for wire in chosen}
        for constraint in np.flatnonzero(np.any([is_hit[m] for m in matrices], axis=0)).tolist():
            used = {self.a[constraint], self.b[constraint], self.c[constraint]}
            for wire in {wire for row in used for wire in rows.get(row, ())}:
                found[wire].append(constraint)
        return found

    def constraints_of(self, wire: int) -> Sequence[int]:
        """The constraints that a wire occurs in, by an index that the first call makes."""
        if wire not in self._constraints_of:
            order, starts = self._rows_by_wire
            rows = self._row_of_term[order[starts[wire] : starts[wire + 1]]].tolist()
            places, row_starts = self._uses_by_row
            uses = (places[row_starts[row] : row_starts[row + 1]].tolist() for row in rows)
            self._constraints_of[wire] = sorted({use % len(self) for found in uses for use in found})
        return self._constraints_of[wire]

    @cached_property
    def _rows_by_wire(self) -> tuple[Any, Any]:
        return _inverted(self._wire_array, self.n_wires)

    @cached_property
    def _uses_by_row(self) -> tuple[Any, Any]:
        uses = np.concatenate([np.array(matrix, dtype=np.int64) for matrix in (self.a, self.b, self.c)])
        return _inverted(uses, len(self.offsets) - 1)

    def occurring(self) -> Sequence[bool]:
        """Per wire whether any constraint reads it."""
        used = np.zeros(len(self.offsets) - 1, dtype=bool)
        for rows in (self.a, self.b, self.c):
            used[rows] = True
        found = np.zeros(self.n_wires, dtype=bool)
        found[self._wire_array[used[self._row_of_term]]] = True
        answer: list[bool] = found.tolist()
        return answer

    @cached_property
    def _wire_array(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array(self.wires, dtype=np.int64)

    @cached_property
    def _row_of_term(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        offsets = np.array(self.offsets, dtype=np.int64)
        return np.repeat(np.arange(len(offsets) - 1), offsets[1:] - offsets[:-1])


def _inverted(values: np.ndarray[Any, np.dtype[np.int64]], size: int) -> tuple[Any, Any]:
    """The places of each value in ``[0, size)``: all places by value, and where each value's begin."""
    counts = np.bincount(values, minlength=size)
    return np.argsort(values, kind="stable"), np.concatenate([[0], np.cumsum(counts)])
