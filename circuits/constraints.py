"""The constraint system: wires, rank-1 constraints, the path of each, and the program that computes the
wires.

``A * B = C`` with linear combinations A, B, C. Every constraint carries a path such as
``size[17]/range/recompose``; a path is what tests, error messages and the determinism analysis name. Wires
come in the order of an ``.r1cs`` file: the constant one, public inputs, private inputs, internal wires.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from zkmargin.circuits.integers import Bit, Num
from zkmargin.circuits.linear import ONE, ZERO, LinearCombination, LinearTable
from zkmargin.circuits.program import ProgramBuilder
from zkmargin.errors import CircuitError
from zkmargin.field import FR_MODULUS
from zkmargin.reference.program import Op

_INDEX = re.compile(r"\[[^]]*\]")

BoundKind = Literal["upper", "choice", "one_hot", "inverse"]
"""What makes advice safe that no constraint fixes: it is at least every branch; it is a bit; it is one of several
bits of which one is 1; or nothing reads it where it is free. The determinism analysis looks for the
constraints that say so.
"""


@dataclass(frozen=True, slots=True)
class InputWires:
    """A named input: its first wire and how many there are."""

    first: int
    count: int

    @property
    def wires(self) -> range:
        return range(self.first, self.first + self.count)


@dataclass(frozen=True, slots=True)
class OneSidedBound:
    """A value that the prover may choose on one side of the true one, and the inequality that says so."""

    path: str
    first_wire: int
    count: int
    inequality: str
    kind: BoundKind
    branches: tuple[int, ...] = field(default=(), compare=False)
    """Rows of the linear table: what an upper bound is at least; what a choice must leave non-negative."""

    @property
    def wires(self) -> range:
        return range(self.first_wire, self.first_wire + self.count)


BracketKind = Literal["quotient", "root", "tier", "first largest", "rank", "tail", "spread"]
"""Which pair of inequalities leaves advice one value."""


@dataclass(frozen=True, slots=True)
class Bracket:
    """Advice, or a value made of it, that inequalities fix from both sides."""

    path: str
    kind: BracketKind
    wires: tuple[int, ...]
    """What is fixed; none where it is a value made of several wires that stay the prover's choice."""
    inequality: str
    rows: Mapping[str, tuple[int, ...]]
    """Rows of the linear table by their role in the inequalities."""
    factors: tuple[int, ...] = ()
    """The constants of the inequalities."""
    assumption: str = ""
    """What they take from outside the circuit: a condition that every verifier checks."""

    @property
    def all_rows(self) -> list[int]:
        return [row for rows in self.rows.values() for row in rows]


@dataclass(frozen=True, slots=True)
class ChallengedAdvice:
    """Advice that is fixed by a commitment, a public input, and by one identity at a later public input."""

    path: str
    first_wire: int
    count: int
    commitment: str
    challenge: str

    @property
    def wires(self) -> range:
        return range(self.first_wire, self.first_wire + self.count)


class ConstraintSystem:
    """A circuit under construction.

    ``modulus`` is the field's prime; tests pass a tiny one to try every witness of a gadget.
    """

    def __init__(self, modulus: int = FR_MODULUS) -> None:
        self.modulus = modulus
        self.table = LinearTable(modulus)
        self.program = ProgramBuilder(self.table)
        self.a, self.b, self.c = array("I"), array("I"), array("I")
        self.publics: dict[str, InputWires] = {}
        self.privates: dict[str, InputWires] = {}
        self.bounds: list[OneSidedBound] = []
        self.brackets: list[Bracket] = []
        self.challenged: list[ChallengedAdvice] = []
        self.committed: dict[str, str] = {}
        """Private inputs that a public input commits to, by its name."""
        self.relied_bits: dict[int, str] = {}
        """Wires that a gadget takes for 0 or 1, and where."""
        self.outputs: set[str] = set()
        """Public inputs that the circuit computes: what it says of the others, not given with them."""
        self.unread: dict[str, str] = {}
        """Public inputs that no constraint needs to read, and why."""
        self.unread_wires: set[int] = set()
        self.n_wires = 1
        self.n_public = 0
        self.n_private = 0
        self.paths: list[tuple[str, int]] = []
        """Runs of constraints with the same path: the path and the number of constraints."""
        self.templates: dict[Any, Any] = {}
        """Precomputed pieces that a gadget keeps with the system (coefficient rows of Poseidon, for example).
        """
        self._scope = ""
        self._scope_without_indices = ""
        self._one_row = self.table.row(ONE)
        self._zero_row = self.table.row(ZERO)

    # --- wires --------------------------------------------------------------------------------------------

    def public(self, name: str, count: int = 1) -> InputWires:
        """Declare a public input. All public inputs come before all other wires."""
        if self.n_private or self.n_wires != 1 + self.n_public:
            raise CircuitError("public inputs are declared first", where=name)
        declared = self._declare(self.publics, name, count)
        self.n_public += count
        return declared

    def private(self, name: str, count: int = 1) -> InputWires:
        """Declare a private input, before any internal wire exists."""
        if self.n_wires != 1 + self.n_public + self.n_private:
            raise CircuitError("private inputs are declared before any constraint", where=name)
        declared = self._declare(self.privates, name, count)
        self.n_private += count
        return declared

    def _declare(self, inputs: dict[str, InputWires], name: str, count: int) -> InputWires:
        if name in self.publics or name in self.privates:
            raise CircuitError("input is declared twice", where=name)
        inputs[name] = InputWires(self.allocate(count), count)
        return inputs[name]

    def allocate(self, count: int = 1) -> int:
        """The first of ``count`` new wires in a row. The caller has the program write them and constrains
        them.
        """
        first = self.n_wires
        self.n_wires += count
        return first

    # --- paths --------------------------------------------------------------------------------------------

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Everything inside gets ``name/`` before its path. An index goes in brackets: ``size[17]``."""
        before = self._scope, self._scope_without_indices
        self._scope = f"{before[0]}{name}/"
        self._scope_without_indices = f"{before[1]}{_INDEX.sub('', name)}/"
        try:
            yield
        finally:
            self._scope, self._scope_without_indices = before

    def path(self, label: str) -> str:
        """The full path of something labelled here."""
        return self._scope + label

    def program_label(self, label: str) -> str:
        """The path without indices: what a failing program reports, so that it tells nothing about an
        account.
        """
        return self._scope_without_indices + label

    def path_of(self, constraint: int) -> str:
        """The path of a constraint by its index."""
        rest = constraint
        for path, count in self.paths:
            if rest < count:
                return path
            rest -= count
        raise CircuitError("no such constraint", got=constraint)

    # --- constraints --------------------------------------------------------------------------------------

    @property
    def n_constraints(self) -> int:
        return len(self.a)

    def enforce(self, a: LinearCombination, b: LinearCombination, c: LinearCombination, label: str) -> None:
        """Add ``a * b = c``.

        The denser factor becomes A: the prover pays for every distinct wire in B with a point of G2.
        """
        if len(b) > len(a):
            a, b = b, a
        self.enforce_rows(self.table.row(a), self.table.row(b), self.table.row(c), label)

    def enforce_rows(self, a: int, b: int, c: int, label: str) -> None:
        """Add ``a * b = c`` for rows of the table."""
        self.a.append(a)
        self.b.append(b)
        self.c.append(c)
        path = self._scope + label
        if self.paths and self.paths[-1][0] == path:
            self.paths[-1] = (path, self.paths[-1][1] + 1)
        else:
            self.paths.append((path, 1))

    def enforce_equal(self, a: LinearCombination, b: LinearCombination, label: str) -> None:
        """Add ``(a - b) * 1 = 0``. Raises CircuitError where the difference is a constant other than zero."""
        difference = a - b
        if difference.constant:
            raise CircuitError("constraint can never hold", where=self.path(label))
        self.enforce_rows(self.table.row(difference), self._one_row, self._zero_row, label)

    def enforce_bit(self, wire: int, label: str) -> None:
        """Add ``wire * wire = wire``."""
        row = self.table.of_wire(wire)
        self.enforce_rows(row, row, row, label)

    # --- wires with their constraint ----------------------------------------------------------------------

    def product(self, a: LinearCombination, b: LinearCombination, label: str) -> LinearCombination:
        """A new wire ``a * b``: one constraint, none if a factor is constant."""
        if a.constant is not None:
            return b * a.constant
        if b.constant is not None:
            return a * b.constant
        if len(b) > len(a):
            a, b = b, a
        row_a, row_b = self.table.row(a), self.table.row(b)
        out = self.allocate()
        self.program.emit(Op.MUL, self._scope_without_indices + label, out, row_a, row_b)
        self.enforce_rows(row_a, row_b, self.table.of_wire(out), label)
        return LinearCombination.of_wire(out)

    def products(
        self, pairs: Sequence[tuple[LinearCombination, LinearCombination]], label: str
    ) -> list[LinearCombination]:
        """Products on wires in a row, one constraint each, constant factors or not."""
        first = self.allocate(len(pairs))
        for out, (a, b) in enumerate(pairs, first):
            dense, sparse = (a, b) if len(a) >= len(b) else (b, a)
            row_a, row_b = self.table.row(dense), self.table.row(sparse)
            self.program.emit(Op.MUL, self._scope_without_indices + label, out, row_a, row_b)
            self.enforce_rows(row_a, row_b, self.table.of_wire(out), f"{label}[{out - first}]")
        return [LinearCombination.of_wire(wire) for wire in range(first, first + len(pairs))]

    def assign_public(self, name: str, value: LinearCombination, label: str, index: int = 0) -> None:
        """Constrain an element of a public input to a value, and have the program write it. A circuit that computes
        one element of an input computes all.
        """
        wire = self.publics[name].wires[index]
        self.outputs.add(name)
        self.program.emit(Op.LIN, self._scope_without_indices + label, wire, self.table.row(value))
        self.enforce_equal(value, LinearCombination.of_wire(wire), label)

    # --- advice -------------------------------------------------------------------------------------------

    def advise_bits(self, value: LinearCombination, count: int, label: str) -> int:
        """The first of ``count`` wires with the digits of ``value``, lowest first, unconstrained."""
        first = self.allocate(count)
        self._advise("bits", Op.BITS, label, (first, count), first, count, self.table.row(value))
        return first

    def advise_inverse(self, value: LinearCombination, label: str) -> int:
        """A wire with ``1 / value``, or 0 for 0, unconstrained."""
        out = self.allocate()
        self._advise("inverse", Op.INV, label, (out, 1), out, self.table.row(value))
        return out

    def advise_sign(self, value: LinearCombination, label: str) -> int:
        """A wire that is 1 where ``value >= 0`` read as a signed integer, else 0, unconstrained."""
        out = self.allocate()
        self._advise("sign", Op.GE0, label, (out, 1), out, self.table.row(value))
        return out

    def advise_maximum(self, values: Sequence[LinearCombination], label: str) -> int:
        """A wire with the largest of the values read as signed integers, unconstrained."""
        out = self.allocate()
        first_row, *_ = [self.table.append_combination(value) for value in values]
        self._advise("maximum", Op.MAX, label, (out, 1), out, len(values), first_row)
        return out

    def advise_one_hot(self, values: Sequence[LinearCombination], label: str) -> int:
        """As many wires as there are values: 1 at the first largest one, else 0, unconstrained."""
        first, count = self.allocate(len(values)), len(values)
        first_row, *_ = [self.table.append_combination(value) for value in values]
        self._advise("one_hot", Op.ONEHOT, label, (first, count), first, count, first_row)
        return first

    def advise_quotient(self, x: LinearCombination, y: LinearCombination, label: str) -> tuple[int, int]:
        """Wires with quotient and remainder of ``x >= 0`` by ``y > 0``, unconstrained. The program fails for others."""
        first = self.allocate(2)
        rows = self.table.row(x), self.table.row(y)
        self._advise("quotient", Op.DIVMOD, label, (first, 2), first, first + 1, *rows)
        return first, first + 1

    def advise_root(self, x: LinearCombination, divisor: int, label: str) -> int:
        """A wire with ``isqrt(max(x, 0) // divisor)``, unconstrained."""
        out = self.allocate()
        rows = self.table.row(x), self.table.row(LinearCombination.of_constant(divisor))
        self._advise("root", Op.ROOT, label, (out, 1), out, *rows)
        return out

    def advise_rank(self, values: Sequence[LinearCombination], rank: int, label: str) -> int:
        """A wire with the ``rank``-th largest of the values read as signed integers, unconstrained."""
        out = self.allocate()
        first_row, *_ = [self.table.append_combination(value) for value in values]
        self._advise("rank", Op.RANK, label, (out, 1), out, len(values), first_row, rank)
        return out

    def advise_top(self, values: Sequence[LinearCombination], rank: int, label: str) -> int:
        """As many wires as there are values: 1 at the ``rank`` largest ones, else 0, unconstrained."""
        first, count = self.allocate(len(values)), len(values)
        first_row, *_ = [self.table.append_combination(value) for value in values]
        self._advise("top", Op.TOP, label, (first, count), first, count, first_row, rank)
        return first

    def advise_first(self, values: Sequence[LinearCombination], label: str) -> int:
        """As many wires as there are values: 1 at the first that is not negative, at the last if all are; else 0."""
        first, count = self.allocate(len(values)), len(values)
        first_row, *_ = [self.table.append_combination(value) for value in values]
        self._advise("tier", Op.FIRST, label, (first, count), first, count, first_row)
        return first

    def advise_spread(
        self, left: Sequence[LinearCombination], ratio: Sequence[LinearCombination], label: str
    ) -> tuple[int, int]:
        """Wires with the spreads that a row forms, and whether in the direction of its ratios, unconstrained."""
        first = self.allocate(2)
        rows = [self.table.append_combination(value) for value in left]
        ratios = [self.table.append_combination(value) for value in ratio]
        operands = (first, first + 1, len(rows), rows[0], ratios[0])
        self._advise("spread", Op.SPREAD, label, (first, 2), *operands)
        return first, first + 1

    def advise_functionals(self, bases: Sequence[tuple[int, int]], count: int, label: str) -> int:
        """The first of ``count`` wires: per wire k the sum over bases b and rows j of ``base_b[j] *
        T_b[j][k]``.

        ``bases``: first wire and number of rows of each; the run takes one matrix per base. Unconstrained.
        """
        first = self.allocate(count)
        for matrix, (base, rows) in enumerate(bases):
            operands = (first, count, base, rows, matrix)
            if matrix:
                self.program.emit(Op.DOT, f"{self._scope_without_indices}{label}#functionals", *operands)
            else:
                self._advise("functionals", Op.DOT, label, (first, count), *operands)
        return first

    def _advise(self, name: str, op: Op, label: str, outputs: tuple[int, int], *operands: int) -> None:
        self.program.hint(name, op, self._scope_without_indices + label, self._scope + label, outputs, *operands)

    # --- declarations: claims that the determinism analysis holds against the constraints ---------------------

    def declare_bound(
        self,
        first_wire: int,
        count: int,
        label: str,
        inequality: str,
        *,
        kind: BoundKind,
        branches: Sequence[LinearCombination] = (),
    ) -> None:
        """Put advice on the list of one-sided bounds: values that no constraint fixes, and need not."""
        rows = tuple(self.table.append_combination(branch) for branch in branches)
        self.bounds.append(OneSidedBound(self.path(label), first_wire, count, inequality, kind, rows))

    def declare_bracket(
        self,
        kind: BracketKind,
        wires: Sequence[int],
        label: str,
        inequality: str,
        forms: Mapping[str, Sequence[LinearCombination]],
        *,
        factors: Sequence[int] = (),
        assumption: str = "",
    ) -> None:
        """Say that a pair of inequalities fixes advice, or a value made of it. ``forms`` by their role in them."""
        rows = {role: tuple(map(self.table.append_combination, found)) for role, found in forms.items()}
        path = self.path(label)
        self.brackets.append(Bracket(path, kind, tuple(wires), inequality, rows, tuple(factors), assumption))

    def declare_challenged(self, first_wire: int, count: int, label: str, commitment: str, challenge: str) -> None:
        """Say that advice is fixed by the public inputs ``commitment`` and, after it, ``challenge``."""
        self.challenged.append(ChallengedAdvice(self.path(label), first_wire, count, commitment, challenge))

    def declare_committed(self, name: str, commitment: str) -> None:
        """Say that a private input is what a public input, a hash, commits to: who signs the one vouches for the
        other.
        """
        self.committed[name] = commitment

    def input(self, name: str) -> InputWires:
        """An input by its name, public or private."""
        return self.publics[name] if name in self.publics else self.privates[name]

    def leave_unread(self, name: str, reason: str, index: int | None = None) -> None:
        """Say that no constraint needs to read a public input, or one element of it: the verifying key binds it."""
        if name not in self.publics:
            raise CircuitError("only public inputs may be left unread", where=name)
        wires = self.publics[name].wires
        self.unread[name if index is None else f"{name}[{index}]"] = reason
        self.unread_wires |= set(wires if index is None else wires[index : index + 1])

    # --- integers -----------------------------------------------------------------------------------------

    def rely_on_bit(self, bit: Bit, label: str) -> None:
        """Note that a gadget is sound only if this wire is 0 or 1: the determinism analysis looks for what makes it
        so. A bit that is made of other wires is left to the gadget that made it.
        """
        wire = bit.lc.single_wire
        if wire is not None:
            self.relied_bits.setdefault(wire, self.path(label))

    def require_integer(self, number: Num, spare_bits: int = 0) -> None:
        """Raise CircuitError unless the number, ``spare_bits`` wider, is the only integer that its wires can
        mean.
        """
        if number.magnitude << spare_bits > (self.modulus - 1) // 2:
            raise CircuitError(
                "value may leave the field",
                where=self.path(""),
                expected=f"below 2^{self.modulus.bit_length() - 2}",
                got=f"2^{number.magnitude.bit_length()}",
                hint="fewer decimals or tighter bounds in the rule set",
            )
