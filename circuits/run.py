"""Computing a witness of the statement, in two parts around the challenge.
                                                                                  specs/statement.md#challenge

The first part computes everything that does not depend on gamma: the commitment to the positions, the
nullifier, the functionals and the commitment C to them. The caller derives gamma from the public inputs so
far; the second part does the rest.

    run = StatementRun(compiled, private, {"context": ..., "claim": ..., "scope": ...}, plan.bind(tables))
    gamma = compute_gamma(..., run.leading)       # None where the rules have no functionals
    witness = run.finish(gamma)
    run.public_inputs                             # all of them, in order
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zkmargin.backend import Arithmetic, WitnessHandle, engine
from zkmargin.circuits.compile import CompiledCircuit
from zkmargin.circuits.constraints import InputWires
from zkmargin.circuits.plan import BoundPlan
from zkmargin.errors import CircuitError, WitnessFailed
from zkmargin.field import decode_elements, encode_elements, require_canonical

GIVEN = ("context", "claim", "scope")
"""Public inputs that the caller sets, and ``collateral_root`` where it is not zero; the program computes the others."""
COMPUTED = ("positions", "nullifier", "tableCommitment", "C")


class StatementRun:
    """One statement of one account, under way. Its representation shows nothing."""

    def __init__(
        self,
        compiled: CompiledCircuit,
        private: Mapping[str, object],
        public: Mapping[str, int],
        market: BoundPlan,
        arithmetic: Arithmetic | None = None,
        *,
        collateral_root: int = 0,
    ) -> None:
        """Run the first part.

        ``private``: every private input by name (``compiled.names.inputs``): an int, or ints in row-major
        order of the active sizes or of the capacities; columns are signed. ``public``: the inputs in
        ``GIVEN``.
        Raises CircuitError for missing or unknown names and wrong shapes, WitnessFailed where no witness
        exists.
        """
        arithmetic = arithmetic or engine()
        self._market = market
        self._arithmetic = arithmetic
        self._inputs = compiled.names.inputs
        self._plan = compiled.plan
        of_market = {name for name, _ in (*self._plan.public_inputs, *self._plan.committed_inputs)}
        wanted = self._inputs.keys() - of_market
        if set(private) != wanted or set(public) != set(GIVEN):
            names = sorted((set(private) ^ wanted) | (set(public) ^ set(GIVEN)))
            raise CircuitError("inputs are missing or unknown", where=", ".join(names))
        values = {name: self._complete(name, private[name]) for name in wanted}
        values |= {name: [require_canonical(public[name], name)] for name in GIVEN}
        values["collateral_root"] = [require_canonical(collateral_root, "collateral_root")]
        if self._plan.committed:
            values |= market.committed
        else:
            values |= {"direct": market.direct} if "direct" in self._inputs else {}
            values |= {"assets": market.assets} if "assets" in self._inputs else {}
        inputs = [(self._inputs[name].first, encode_elements(given)) for name, given in values.items()]
        try:
            self._run = arithmetic.WitnessProgram(compiled.program).start(inputs, market.matrices(arithmetic))
        except ValueError as error:
            raise _failure(error) from None

    def _complete(self, name: str, given: object) -> Sequence[int]:
        """The values of a private input over its capacities, zeros beyond the active rows."""
        column = self._plan.rules.columns.get(name)
        count = self._inputs[name].count
        shape: tuple[int, ...] = (count,) if count > 1 else ()
        if column is not None:
            shape = self._plan.rules.shape(column.axes)
        values = np.asarray(given, dtype=object)
        fits = len(values.shape) == len(shape)
        if not fits or any(n > size for n, size in zip(values.shape, shape, strict=True)):
            raise CircuitError("private input has the wrong shape", where=name, expected=shape)
        full = np.zeros(shape, dtype=object)
        full[tuple(slice(n) for n in values.shape)] = values
        flat = [int(value) for value in full.reshape(-1)]
        if any(value < column.lo or value > column.hi for value in flat if column is not None):
            raise CircuitError("private input is outside its interval", where=name)
        return flat

    def _get(self, wires: InputWires) -> list[int]:
        return decode_elements(self._run.get(wires.first, wires.count))

    @property
    def leading(self) -> list[int]:
        """The public inputs that precede gamma, in order; all but the direct ones if there is no gamma."""
        values: list[int] = []
        for name, _ in self._plan.public_inputs:
            if name in ("gamma", "t", "direct", "assets"):
                break
            values += self._get(self._inputs[name])
        return values

    def finish(self, gamma: int | None) -> WitnessHandle:
        """Run the second part and return all wires. Raises WitnessFailed where the claim does not hold.

        ``gamma``: the challenge that follows from ``leading``; None where the rules have no functionals.
        """
        if (gamma is not None) != ("gamma" in self._inputs):
            raise CircuitError("challenge given without functionals, or missing")
        if gamma is not None:
            self._run.set(self._inputs["gamma"].first, encode_elements([require_canonical(gamma, "gamma")]))
            challenge = self._market.challenge_inputs(gamma, self._arithmetic)
            self._run.set(self._inputs["t"].first, encode_elements(challenge))
        try:
            self._run.finish()
        except ValueError as error:
            raise _failure(error) from None
        return self._run.witness()

    @property
    def public_inputs(self) -> list[int]:
        """All public inputs in order, after ``finish``."""
        return self._get(InputWires(1, self._plan.n_public))

    def __repr__(self) -> str:
        return "<StatementRun>"


def _failure(error: ValueError) -> Exception:
    """The program's own words, which name a place and no value."""
    label = str(error).removeprefix("witness: ")
    return WitnessFailed("no witness exists for these inputs", where=label)
