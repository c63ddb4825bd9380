"""From documents to the circuit's wires: private inputs in, challenge between, every wire out.

The witness program runs in the arithmetic engine; nothing here touches a wire one by one. Errors carry the
program's labels, never a value.                                                 specs/statement.md#public-inputs
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.positions import CASH, PositionLayout, PositionOpening
from zkmargin.backend import Arithmetic, WitnessHandle, WitnessProgramHandle, WitnessRunHandle
from zkmargin.circuits.compile import CompiledCircuit
from zkmargin.circuits.constraints import InputWires
from zkmargin.circuits.plan import BoundPlan
from zkmargin.encoding import u248
from zkmargin.errors import AmountRange
from zkmargin.field import FR_MODULUS, decode_elements, encode_elements
from zkmargin.verifier.public_inputs import compute_gamma

LEADING: Final = ("context", "claim", "positions", "collateral_root", "nullifier", "scope")


@dataclass(frozen=True, repr=False)
class PrivateInputs:
    """Everything that the verifier does not see."""

    opening: PositionOpening
    keys: OwnerKeys
    blind: int = field(default_factory=lambda: secrets.randbelow(FR_MODULUS))

    def __repr__(self) -> str:
        return "<PrivateInputs (private)>"


@dataclass(frozen=True)
class GivenInputs:
    """Public inputs that are fixed before the circuit runs."""

    context: int
    claim: int
    scope: int


@dataclass(frozen=True)
class PublicValues:
    """All public inputs, in circuit order, and those of them that the circuit computed."""

    values: Sequence[int]
    positions: Sequence[int]
    nullifier: int
    functionals: int | None


class WitnessMaker:
    """Makes the witnesses of one circuit. The program is parsed once."""

    def __init__(self, compiled: CompiledCircuit, arithmetic: Arithmetic) -> None:
        self._compiled = compiled
        self._arithmetic = arithmetic
        self._inputs: Mapping[str, InputWires] = compiled.names.inputs
        self._program: WitnessProgramHandle = arithmetic.WitnessProgram(compiled.program)
        self._layout = PositionLayout.of(compiled.rules)

    def make(
        self,
        given: GivenInputs,
        private: PrivateInputs,
        market: BoundPlan,
        vk_hash: bytes,
        table_digest: bytes,
    ) -> tuple[WitnessHandle, PublicValues]:
        """The wires, and the public inputs among them.

        The first part of the program ends with the commitment C to the functionals; gamma is derived from it
        and from all public inputs before; the second part uses gamma and what follows from it.
        Raises AmountRange where the account is beyond what the circuit can show.
        """
        run = self._start(given, private, market)
        leading = [value for name in LEADING for value in self._get(run, name)]
        functionals = None
        if "gamma" in self._inputs:
            (functionals,) = self._get(run, "C")
            gamma = compute_gamma(vk_hash, self._compiled.r1cs_digest, table_digest, [*leading, functionals])
            self._set(run, "gamma", [gamma])
            self._set(run, "t", market.challenge_inputs(gamma, self._arithmetic))
        try:
            run.finish()
        except ValueError as error:
            raise _cannot_show(error) from None
        values = [value for name, _ in self._compiled.plan.public_inputs for value in self._get(run, name)]
        (nullifier,) = self._get(run, "nullifier")
        publics = PublicValues(values, self._get(run, "positions"), nullifier, functionals)
        return run.witness(), publics

    def _start(self, given: GivenInputs, private: PrivateInputs, market: BoundPlan) -> WitnessRunHandle:
        opening = private.opening
        stated: dict[str, Sequence[int]] = {
            "context": [given.context],
            "claim": [given.claim],
            "collateral_root": [0],
            "scope": [given.scope],
            "ask": [private.keys.ask],
            "nk": [private.keys.nk],
            "pocket": [opening.pocket],
            "subject": [opening.subject],
            "listing": [u248(opening.listing_digest)],
            "salt": [opening.salt],
        }
        columns = opening.values()
        for column in self._layout.columns:
            stated[column.name] = column.complete(columns[column.name])
        if self._layout.cash is not None:
            stated[CASH] = [opening.cash]
        if "blind" in self._inputs:
            stated["blind"] = [private.blind]
        if "direct" in self._inputs:
            stated["direct"] = market.direct
        wires = [(self._inputs[name].first, encode_elements(values)) for name, values in stated.items()]
        try:
            return self._program.start(wires, market.matrices(self._arithmetic))
        except ValueError as error:
            raise _cannot_show(error) from None

    def _get(self, run: WitnessRunHandle, name: str) -> list[int]:
        place = self._inputs[name]
        return decode_elements(run.get(place.first, place.count))

    def _set(self, run: WitnessRunHandle, name: str, values: Sequence[int]) -> None:
        run.set(self._inputs[name].first, encode_elements(values))


def _cannot_show(error: ValueError) -> AmountRange:
    """A witness program that stops says where, never at what value."""
    return AmountRange(
        "the account is beyond what this circuit can show",
        where=str(error),
        hint="amounts above the rule set's `value_bits` or bounds cannot be proven",
    )
