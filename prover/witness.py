"""From documents to the circuit's wires: private inputs in, challenge between, every wire out.

The witness program runs in the arithmetic engine; nothing here touches a wire one by one. Errors carry the
program's labels, never a value.                                                 specs/statement.md#public-inputs
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zkmargin.attestations.owner import OwnerKeys
from zkmargin.attestations.positions import PositionOpening
from zkmargin.backend import Arithmetic, WitnessHandle
from zkmargin.circuits.collateral import OpenedLine, line_inputs
from zkmargin.circuits.committed import TABLE_COMMITMENT
from zkmargin.circuits.compile import CompiledCircuit
from zkmargin.circuits.constraints import InputWires
from zkmargin.circuits.plan import BoundPlan
from zkmargin.circuits.run import StatementRun
from zkmargin.encoding import u248
from zkmargin.errors import AmountRange, WitnessFailed
from zkmargin.field import FR_MODULUS
from zkmargin.verifier.public_inputs import compute_gamma


@dataclass(frozen=True, repr=False)
class PrivateInputs:
    """Everything that the verifier does not see. ``openings``: per venue, in ascending venue id. ``columns``: the
    private columns of them all, and those that the prover chooses (``prover.account.private_columns``).
    """

    openings: Sequence[PositionOpening]
    columns: Mapping[str, object]
    keys: OwnerKeys
    lines: Sequence[OpenedLine] = ()
    blind: int = field(default_factory=lambda: secrets.randbelow(FR_MODULUS))

    def __repr__(self) -> str:
        return "<PrivateInputs (private)>"


@dataclass(frozen=True)
class GivenInputs:
    """Public inputs that are fixed before the circuit runs."""

    context: int
    claim: int
    scope: int
    collateral_root: int = 0


@dataclass(frozen=True)
class PublicValues:
    """All public inputs, in circuit order, and those of them that the circuit computed."""

    values: Sequence[int]
    positions: Sequence[int]
    nullifier: int
    functionals: int | None
    table_commitment: int
    """Zero in binding ``public``."""


class WitnessMaker:
    """Makes the witnesses of one circuit."""

    def __init__(self, compiled: CompiledCircuit, arithmetic: Arithmetic) -> None:
        self._compiled = compiled
        self._arithmetic = arithmetic

    def make(
        self,
        given: GivenInputs,
        private: PrivateInputs,
        market: BoundPlan,
        vk_hash: bytes,
        table_digest: bytes,
    ) -> tuple[WitnessHandle, PublicValues]:
        """The wires, and the public inputs among them. gamma is derived from all that is public before it.

        Raises AmountRange where the account is beyond what the circuit can show.
        """
        stated = {"context": given.context, "claim": given.claim, "scope": given.scope}
        try:
            run = StatementRun(
                self._compiled,
                self._secrets(private),
                stated,
                market,
                self._arithmetic,
                collateral_root=given.collateral_root,
            )
            gamma = None
            if "gamma" in self._compiled.names.inputs:
                gamma = compute_gamma(vk_hash, self._compiled.r1cs_digest, table_digest, run.leading)
            witness = run.finish(gamma)
        except WitnessFailed as error:
            raise _cannot_show(error) from None
        values = run.public_inputs
        named = {name: values[wires.first - 1 : wires.first - 1 + wires.count] for name, wires in self._publics()}
        (nullifier,) = named["nullifier"]
        functionals = named["C"][0] if "C" in named else None
        (commitment,) = named.get(TABLE_COMMITMENT, [0])
        return witness, PublicValues(values, named["positions"], nullifier, functionals, commitment)

    def _publics(self) -> Iterator[tuple[str, InputWires]]:
        for name, _ in self._compiled.plan.public_inputs:
            yield name, self._compiled.names.inputs[name]

    def _secrets(self, private: PrivateInputs) -> dict[str, object]:
        """The circuit's private inputs by name. Owner, pocket, subject and listing are those of the first opening: the
        circuit has one wire for each, so other openings that differ open nothing.
        """
        first = private.openings[0]
        salts = [opening.salt for opening in private.openings]
        stated: dict[str, object] = {
            **private.columns,
            "ask": private.keys.ask,
            "nk": private.keys.nk,
            "pocket": first.pocket,
            "subject": first.subject,
            "listing": u248(first.listing_digest),
            "salt": salts if len(salts) > 1 else salts[0],
        }
        rules, plan = self._compiled.rules, self._compiled.plan
        if rules.lines:
            stated |= line_inputs(private.lines, rules.lines, plan.n_assets, private.keys.owner, first.pocket)
        if "blind" in self._compiled.names.inputs:
            stated["blind"] = private.blind
        return stated


def _cannot_show(error: WitnessFailed) -> AmountRange:
    """A witness program that stops says where, never at what value."""
    return AmountRange(
        "the account is beyond what this circuit can show",
        where=error.where,
        hint="amounts above the rule set's `value_bits` or bounds cannot be proven",
    )
