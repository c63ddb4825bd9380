"""For tests of gadgets: build one on its own, run it on both engines, compare it with plain integers, lie to it.

    gadget = Gadget(lambda cs, x: [positive(cs, x[0])], [(-8, 7)])
    check_gadget(gadget, lambda x: [max(x, 0)], cases=[(3,), (-8,), (9,)])
    gadget.cost                                            # constraints
    wires = gadget.with_lie((-3,), {wire: 1}).wires        # a prover who writes 1 there; all else follows
    gadget.violated(wires)                                 # the paths of the constraints that notice

A case outside the inputs' intervals, or for which the integers say None, must have no witness: neither from the
honest program nor from one that goes on after its advice has failed.

Over a tiny field every assignment of the wires is tried:

    tiny = Gadget(lambda cs, x: [positive(cs, x[0])], [(-4, 3)], modulus=37)
    exhaust(tiny, lambda x: [(max(x, 0),)])
    drop_each_constraint(tiny, lambda x: [(max(x, 0),)])

A relation gives all outputs that are true of some inputs: one for an exact gadget, several where the prover may
choose (a one-sided bound), none where nothing may be provable. What is provable is exactly that; and with any one
constraint dropped it is more, or the constraint does nothing.                         specs/gadgets.md#tests
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from zkmargin.backend import Arithmetic, engine, engines
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.integers import Num, num_unchecked
from zkmargin.circuits.linear import LinearCombination
from zkmargin.circuits.names import CircuitMap
from zkmargin.circuits.r1cs import to_r1cs
from zkmargin.field import ELEMENT_BYTES, FR_MODULUS, decode_elements, encode_elements, signed
from zkmargin.reference.matrix import SparseMatrix
from zkmargin.reference.program import OPERANDS, Instruction, WitnessError, WitnessProgram, WitnessRun

Build = Callable[[ConstraintSystem, list[Num]], Sequence[Num | LinearCombination]]
Lie = int | Callable[[Sequence[int]], int]
"""What a prover writes on a wire: a value, or what makes one of all wires as they are at that moment."""


class GadgetMismatchError(Exception):
    """A gadget and the integers that it stands for disagree. Raised in tests only."""


class _LyingRun(WitnessRun):
    """Goes on after an instruction has failed, and writes lies over what the program computes."""

    def __init__(
        self,
        program: WitnessProgram,
        inputs: Sequence[tuple[int, bytes]],
        matrices: Sequence[SparseMatrix],
        lies: Mapping[int, Lie],
    ) -> None:
        self._lies = lies
        super().__init__(program, inputs, matrices)

    def set(self, wire: int, values: bytes) -> None:
        super().set(wire, values)
        self._lie(wire, len(values) // ELEMENT_BYTES)

    def _lie(self, first: int, count: int) -> None:
        for wire in range(first, first + count):
            if wire in self._lies:
                lie = self._lies[wire]
                self._wires[wire] = (lie if isinstance(lie, int) else lie(self._wires)) % FR_MODULUS

    def _execute(self, code: Sequence[Instruction]) -> None:
        for instruction in code:
            with suppress(WitnessError):
                super()._execute([instruction])
            kinds = OPERANDS[instruction.op]
            count = instruction.operands[kinds.index("count")] if "first_out" in kinds else 1
            for kind, operand in zip(kinds, instruction.operands, strict=True):
                if kind in ("out", "first_out"):
                    self._lie(operand, count if kind == "first_out" else 1)


class _LyingProgram:
    """A witness program of a prover who lies."""

    def __init__(self, program: WitnessProgram, lies: Mapping[int, Lie]) -> None:
        self._program = program
        self._lies = lies
        self.n_wires = program.n_wires

    def start(self, inputs: Sequence[tuple[int, bytes]], matrices: Sequence[SparseMatrix]) -> _LyingRun:
        return _LyingRun(self._program, inputs, matrices, self._lies)


class LyingEngine:
    """The reference engine for a prover who puts ``lies`` (by wire) in place of what the program says.

    Everything that is computed from a lie follows from it, and failed advice is passed over. So what
    ``r1cs_check`` then finds are the constraints that notice, not the program's good manners.
    """

    def __init__(self, lies: Mapping[int, Lie] | None = None) -> None:
        self._lies = lies or {}

    def WitnessProgram(self, program: bytes | WitnessProgram) -> _LyingProgram:
        """A program from its bytes, or one that is parsed already."""
        parsed = WitnessProgram(program) if isinstance(program, bytes) else program
        return _LyingProgram(parsed, self._lies)

    def __getattr__(self, name: str) -> Any:
        return getattr(engine("reference"), name)


@dataclass(frozen=True)
class Witnessed:
    """A witness of a gadget, and what it put out, read as signed integers."""

    wires: tuple[int, ...]
    outputs: tuple[int, ...]


class Gadget:
    """A gadget as a circuit of its own: inputs private, outputs public.

    ``intervals``: per input the ``[lo, hi]`` that its type claims. Cases keep to it, or the gadget must check
    it. ``modulus``: another prime than the field's, for ``exhaust``; such a gadget cannot be run.
    """

    def __init__(
        self,
        build: Build,
        intervals: Sequence[tuple[int, int]],
        n_outputs: int = 1,
        modulus: int = FR_MODULUS,
    ) -> None:
        self.cs = cs = ConstraintSystem(modulus)
        self.intervals = list(intervals)
        outputs = [cs.public(f"output[{index}]").first for index in range(n_outputs)]
        self.inputs = cs.private("inputs", len(intervals))
        numbers = [
            num_unchecked(LinearCombination.of_wire(wire), lo, hi)  # the test's cases keep to it
            for wire, (lo, hi) in zip(self.inputs.wires, intervals, strict=True)
        ]
        results = list(build(cs, numbers))
        self.cost = cs.n_constraints
        if len(results) != n_outputs:
            raise GadgetMismatchError(f"gadget has {len(results)} outputs, the test names {n_outputs}")
        self.results = results
        for index, result in enumerate(results):
            lc = result.lc if isinstance(result, Num) else result
            cs.assign_public(f"output[{index}]", lc, f"output[{index}]")
        self._outputs = outputs

    @property
    def outputs(self) -> list[int]:
        """The wires of the outputs, which are public inputs."""
        return self._outputs

    @cached_property
    def r1cs(self) -> bytes:
        return to_r1cs(self.cs)

    @cached_property
    def program(self) -> bytes:
        return self.cs.program.to_bytes(self.cs.n_wires)

    @cached_property
    def names(self) -> CircuitMap:
        return CircuitMap.of(self.cs)

    def run(self, values: Sequence[int], arithmetic: Arithmetic | None = None) -> Witnessed:
        """An honest witness. Raises ValueError where the program fails."""
        run = (arithmetic or engine()).WitnessProgram(self.program).start(self._given(values), [])
        run.finish()
        return self._read(run.witness().to_bytes())

    def with_lie(self, values: Sequence[int], lies: Mapping[int, Lie]) -> Witnessed:
        """The witness of a prover who writes ``lies`` (by wire), everything after them computed from them."""
        return self.run_stubbornly(values, lies)

    def run_stubbornly(self, values: Sequence[int], lies: Mapping[int, Lie] | None = None) -> Witnessed:
        """A witness of a prover who goes on where advice fails (too few bits for a value, say), or lies."""
        run = LyingEngine(lies).WitnessProgram(self.program).start(self._given(values), [])
        run.finish()
        return self._read(run.witness().to_bytes())

    def _given(self, values: Sequence[int]) -> list[tuple[int, bytes]]:
        return [(self.inputs.first, encode_elements(values))]

    def _read(self, encoded: bytes) -> Witnessed:
        wires = decode_elements(encoded)
        return Witnessed(tuple(wires), tuple(signed(wires[output]) for output in self._outputs))

    def violated(self, wires: Sequence[int]) -> list[str]:
        """Paths of the first constraints that an assignment breaks."""
        return [self.names.path_of(c) for c in engine().r1cs_check(self.r1cs, encode_elements(wires))]

    def tampered(self, wires: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
        """Every wire after the inputs, changed alone, the outputs following: the wire and what then breaks."""
        first = self.inputs.first + self.inputs.count
        for wire in range(first, self.cs.n_wires):
            for value in {(wires[wire] + 1) % FR_MODULUS, (1 - wires[wire]) % FR_MODULUS} - {wires[wire]}:
                changed = [*wires[:wire], value, *wires[wire + 1 :]]
                for output, result in zip(self._outputs, self.results, strict=True):
                    terms = (result.lc if isinstance(result, Num) else result).terms
                    changed[output] = sum(c * changed[w] for w, c in terms.items()) % FR_MODULUS
                yield wire, self.violated(changed)

    @property
    def chosen(self) -> set[int]:
        """Wires that the prover may choose: the one-sided bounds."""
        return {w for bound in self.cs.bounds for w in range(bound.first_wire, bound.first_wire + bound.count)}


def check_gadget(
    gadget: Gadget,
    expected: Callable[..., Sequence[int] | None],
    cases: Sequence[Sequence[int]],
) -> None:
    """The gadget agrees with integers on every case, valid or not, on every engine. Raises
    GadgetMismatchError.

    ``expected(*values)``: the outputs, or None where no witness may exist.
    """
    for values in cases:
        wanted = expected(*values)
        for name in engines():
            try:
                found = gadget.run(values, engine(name))
            except ValueError:
                if wanted is not None:
                    raise GadgetMismatchError(f"no witness for {values} on {name}") from None
                continue
            if wanted is None:
                raise GadgetMismatchError(f"{values} has a witness on {name}")
            if found.outputs != tuple(wanted):
                raise GadgetMismatchError(f"{values} gives {found.outputs} on {name}, not {tuple(wanted)}")
            if gadget.violated(found.wires):
                raise GadgetMismatchError(f"{values} breaks {gadget.violated(found.wires)} on {name}")
            for output, result in zip(found.outputs, gadget.results, strict=True):
                if isinstance(result, Num) and not result.lo <= output <= result.hi:
                    raise GadgetMismatchError(f"{values} gives {output} outside [{result.lo}, {result.hi}]")
        if wanted is None and not gadget.violated(gadget.run_stubbornly(values).wires):
            raise GadgetMismatchError(f"{values} satisfies every constraint")


def check_tampering(gadget: Gadget, values: Sequence[int]) -> None:
    """No wire can be changed alone, but those of declared one-sided bounds. Raises GadgetMismatchError."""
    wires = gadget.run(values).wires
    for wire, broken in gadget.tampered(wires):
        if not broken and wire not in gadget.chosen:
            raise GadgetMismatchError(f"wire {wire} can be changed for {values}")


# --- every witness over a tiny field -------------------------------------------------------------------------

Relation = Callable[..., Iterable[tuple[int, ...]]]
Point = tuple[tuple[int, ...], tuple[int, ...]]
_Row = list[tuple[int, int]]
MAX_MODULUS = 1 << 10


class _Search:
    """Assignments of all wires, inputs first, pruned at the first constraint broken.

    Wires are taken in an order that leaves little to guess: next comes a wire of the constraint with the fewest wires
    left, one that is 0 or 1 before others. The last wire of a constraint that is linear in it is solved for.
    """

    def __init__(self, gadget: Gadget, dropped: int | Collection[int] | None) -> None:
        cs = gadget.cs
        without = {dropped} if isinstance(dropped, int) else set(dropped or ())
        self.modulus = cs.modulus
        self._inputs = {w: i for i, w in enumerate(gadget.inputs.wires)}
        self._intervals = gadget.intervals
        constraints = [
            tuple(list(cs.table.combination(rows[index]).terms.items()) for rows in (cs.a, cs.b, cs.c))
            for index in range(cs.n_constraints)
            if index not in without
        ]
        self._order = self._ordered([{w for row in rows for w, _ in row if w} for rows in constraints], cs.n_wires)
        place = {0: -1} | {wire: at for at, wire in enumerate(self._order)}
        self._checks: list[list[tuple[_Row, _Row, _Row]]] = [[] for _ in self._order]
        for a, b, c in constraints:
            last = max((place[wire] for wire, _ in (*a, *b, *c)), default=-1)
            if last >= 0:
                self._checks[last].append((a, b, c))
        self._wires = [0] * cs.n_wires
        self._wires[0] = 1
        self._values = [self._alone(at) for at in range(len(self._order))]

    def _alone(self, at: int) -> list[int]:
        """The values of a wire that satisfy what is said of it alone; those checks are done."""
        wire, values = self._order[at], list(range(self.modulus))
        if wire in self._inputs:
            lo, hi = self._intervals[self._inputs[wire]]
            values = [value % self.modulus for value in range(lo, min(hi, lo + self.modulus - 1) + 1)]
        for check in [c for c in self._checks[at] if all(w in (0, wire) for row in c for w, _ in row)]:
            self._checks[at].remove(check)
            values = [value for value in values if self._holds(check, wire, value)]
        return values

    def _holds(self, check: tuple[_Row, _Row, _Row], wire: int, value: int) -> bool:
        self._wires[wire] = value
        return not self._residue(check)

    def _ordered(self, constraints: Sequence[set[int]], n_wires: int) -> list[int]:
        alone = {wire for wires in constraints if len(wires) == 1 for wire in wires}  # mostly bits
        order = list(self._inputs)
        left = [wires - set(order) for wires in constraints if len(wires) > 1]
        while len(order) < n_wires - 1:
            left = [wires for wires in left if wires]
            open_wires = min(left, key=len) if left else set(range(1, n_wires)) - set(order)
            wire = min(open_wires, key=lambda w: (w not in alone, w))
            order.append(wire)
            for wires in left:
                wires.discard(wire)
        return order

    def _value(self, row: _Row) -> int:
        return sum(coefficient * self._wires[wire] for wire, coefficient in row)

    def _residue(self, constraint: tuple[_Row, _Row, _Row]) -> int:
        a, b, c = constraint
        return (self._value(a) * self._value(b) - self._value(c)) % self.modulus

    def _candidates(self, at: int) -> Iterable[int]:
        wire, values = self._order[at], self._values[at]
        for constraint in self._checks[at]:
            a, b, _ = constraint
            if any(w == wire for w, _ in a) and any(w == wire for w, _ in b):
                continue
            residues = []
            for value in (0, 1):
                self._wires[wire] = value
                residues.append(self._residue(constraint))
            slope = (residues[1] - residues[0]) % self.modulus
            if slope:
                root = -residues[0] * pow(slope, -1, self.modulus) % self.modulus
                return [root] if root in values else []
            if residues[0]:
                return []
        return values

    def assignments(self, at: int = 0) -> Iterator[Sequence[int]]:
        if at == len(self._order):
            yield self._wires
            return
        for value in self._candidates(at):
            self._wires[self._order[at]] = value
            if not any(map(self._residue, self._checks[at])):
                yield from self.assignments(at + 1)


def assignments(gadget: Gadget, dropped: int | Collection[int] | None = None) -> Iterator[tuple[int, ...]]:
    """Every assignment of the wires, inputs within their intervals, that satisfies all constraints but the dropped."""
    if gadget.cs.modulus > MAX_MODULUS:
        raise GadgetMismatchError("every witness can be tried over a tiny field only")
    yield from map(tuple, _Search(gadget, dropped).assignments())


def provable(gadget: Gadget, dropped: int | Collection[int] | None = None) -> Iterator[Point]:
    """Inputs and outputs for which some assignment of the wires satisfies all constraints (but the dropped one).

    Points come as often as they have assignments; values are in ``[0, modulus)``.
    """
    for wires in assignments(gadget, dropped):
        yield tuple(wires[w] for w in gadget.inputs.wires), tuple(wires[w] for w in gadget.outputs)


def true_points(gadget: Gadget, relation: Relation) -> set[Point]:
    """All that is true, for inputs within their intervals."""
    modulus = gadget.cs.modulus
    points: set[Point] = set()

    def extend(chosen: tuple[int, ...]) -> None:
        if len(chosen) < len(gadget.intervals):
            lo, hi = gadget.intervals[len(chosen)]
            for value in range(lo, min(hi, lo + modulus - 1) + 1):
                extend((*chosen, value))
            return
        inputs = tuple(value % modulus for value in chosen)
        points.update((inputs, tuple(value % modulus for value in outputs)) for outputs in relation(*chosen))

    extend(())
    return points


def exhaust(gadget: Gadget, relation: Relation) -> None:
    """What any witness proves is what is true, no more and no less. Raises GadgetMismatchError.

    ``relation(*inputs)``: all true outputs, as tuples of integers; inputs run through their intervals.
    """
    true = true_points(gadget, relation)
    found = set(provable(gadget))
    if found - true:
        raise GadgetMismatchError(f"provable and false: {sorted(found - true)[:3]}")
    if true - found:
        raise GadgetMismatchError(f"true and not provable: {sorted(true - found)[:3]}")


def drop_each_constraint(gadget: Gadget, relation: Relation) -> None:
    """Without any one of its constraints a gadget proves something false. Raises GadgetMismatchError.

    The message names the constraints that nothing misses.
    """
    true = true_points(gadget, relation)
    idle = [
        gadget.cs.path_of(constraint)
        for constraint in range(gadget.cs.n_constraints)
        if all(point in true for point in provable(gadget, constraint))
    ]
    if idle:
        raise GadgetMismatchError(f"nothing misses {sorted(set(idle))}")
