"""A prover who controls every wire: the statement's witness program with lies in it, and what notices them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from tiny import SECRETS, VK_HASH, Case, Relation

from zkmargin.backend import engine
from zkmargin.circuits.constraints import ConstraintSystem, InputWires
from zkmargin.circuits.margin import build_statement
from zkmargin.circuits.testing import Lie, LyingEngine
from zkmargin.field import decode_elements, encode_elements
from zkmargin.reference.matrix import SparseMatrix
from zkmargin.reference.program import Instruction, Op, WitnessError, WitnessProgram, WitnessRun
from zkmargin.verifier.public_inputs import compute_gamma

Lies = Mapping[int, Lie]


@dataclass(frozen=True)
class Forged:
    """All wires of an attempt, the constraints that object, and the sentences of the statement that are false."""

    wires: Sequence[int]
    violated: Sequence[int]
    broken: Sequence[str]


class Forger:
    """Makes witnesses of one tiny statement. Everything that a verifier recomputes is computed as it does."""

    def __init__(self, tiny: Relation) -> None:
        self.tiny = tiny
        self.program = WitnessProgram(tiny.circuit.program)
        self.names = tiny.circuit.names
        self.inputs: Mapping[str, InputWires] = self.names.inputs
        self.publics = [name for name, _ in tiny.circuit.plan.public_inputs]

    @cached_property
    def system(self) -> ConstraintSystem:
        """The constraints as combinations of wires."""
        return build_statement(self.tiny.circuit.plan)

    @cached_property
    def writers(self) -> Mapping[int, Instruction]:
        """The instruction that writes a wire, by the first wire that it writes."""
        return {code.operands[0]: code for code in self.program.code if code.op not in (Op.BREAK, Op.CHECK)}

    def wire(self, name: str, index: int = 0) -> int:
        """A wire of an input."""
        return self.inputs[name].first + index

    def combination(self, row: int, wires: Sequence[int]) -> int:
        """The value of a linear combination of the program."""
        return sum(coefficient * wires[wire] for wire, coefficient in self.program.lcs[row])

    def forge(self, case: Case, lies: Lies | None = None, gamma: int | None = None) -> Forged:
        """Run the program with lies; gamma is the verifier's unless a test says otherwise."""
        return self.judge(self.run(case, lies or {}, gamma))

    def judge(self, wires: Sequence[int]) -> Forged:
        """What the circuit, and what the statement, have to say about an assignment."""
        violated = engine().r1cs_check(self.tiny.circuit.r1cs, encode_elements(wires))
        named = {name: [wires[w] for w in place.wires] for name, place in self.inputs.items()}
        public = {name: named[name] for name in self.publics}
        private = {name: values for name, values in named.items() if name not in public}
        return Forged(wires, violated, self.tiny.broken(public, private))

    def run(self, case: Case, lies: Lies, gamma: int | None = None) -> list[int]:
        """All wires."""
        given = {
            **{name: [value] for name, value in SECRETS.items()}, **case.account,
            "context": [1], "claim": [case.claim], "collateral_root": [0], "scope": [2],
            "direct": self.tiny.market.direct, **self.tiny.market.committed,
        }  # fmt: skip
        inputs = [(self.wire(name), encode_elements(given[name])) for name in given if name in self.inputs]
        lying = LyingEngine(lies)
        run = lying.WitnessProgram(self.program).start(inputs, self.tiny.market.matrices(engine("reference")))
        self.challenge(run, gamma)
        run.finish()
        return decode_elements(run.witness().to_bytes())

    def challenge(self, run: WitnessRun, gamma: int | None = None) -> None:
        """Between the parts: gamma and t, as a verifier derives them from the public inputs so far."""
        if "gamma" not in self.inputs:
            return
        place = self.wire("gamma")
        leading = decode_elements(run.get(1, place - 1))
        if gamma is None:
            gamma = compute_gamma(VK_HASH, self.tiny.circuit.r1cs_digest, self.tiny.tables.digest, leading)
        run.set(place, encode_elements([gamma]))
        run.set(self.wire("t"), encode_elements(self.tiny.market.challenge_inputs(gamma)))

    def paths(self, violated: Sequence[int]) -> list[str]:
        """Names of constraints."""
        return [self.names.path_of(index) for index in violated]


class _Resumed(WitnessRun):
    """A run of the program that goes on from a copy of an honest run's wires, after one of them was changed."""

    def __init__(self, program: WitnessProgram, matrices: Sequence[SparseMatrix], wires: Sequence[int]) -> None:
        self._program = program
        self._matrices = list(matrices)
        self._finished = self._complete = False
        self._wires = list(wires)

    def go(self, first: int, last: int) -> None:
        """Run instructions ``first`` to ``last``, over failures of advice."""
        for code in self._program.code[first:last]:
            if code.op is Op.DOT and code.operands[4] == 0:
                self._wires[code.operands[0] : sum(code.operands[:2])] = [0] * code.operands[1]
            with suppress(WitnessError):
                self._execute([code])

    def values(self) -> list[int]:
        """All wires."""
        return self._wires


class Resumer:
    """Forgeries that change the wire of one product, quickly: only what comes after it is computed again."""

    def __init__(self, forger: Forger, case: Case) -> None:
        self._forger = forger
        self._honest = forger.run(case, {})
        self._matrices = forger.tiny.market.matrices(engine("reference"))
        self._places = {code.operands[0]: at for at, code in enumerate(forger.program.code) if code.op is Op.MUL}

    def forge(self, wire: int, value: int) -> Forged:
        """The forgery with ``value`` on the wire."""
        forger, start = self._forger, self._places[wire] + 1
        run = _Resumed(forger.program, self._matrices, self._honest)
        run.set(wire, encode_elements([value]))
        split = forger.program.first_part
        if start <= split:
            run.go(start, split)
            forger.challenge(run)
        run.go(max(start, split), len(forger.program.code))
        return forger.judge(run.values())
