"""Binding ``committed``: what the rules read of the tables, as private inputs under one Poseidon commitment.
                                                                                specs/statement.md#committed-tables

A contract pays for every public input, so here it gets one for the whole market: ``tableCommitment``, which the
publishers sign beside the digest of the rule set whose bounds and conditions they have checked. The circuit hashes
the same values to it. Hashing is taken to be injective, so a prover can open it to the publishers' values only, and
what holds of those (intervals, conditions, empty rows) holds in the circuit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from zkmargin.circuits.account import Account
from zkmargin.circuits.arrays import places
from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.bits import boolean, decompose
from zkmargin.circuits.gadgets.pack import PACKED_BITS, pack, pack_integers
from zkmargin.circuits.gadgets.poseidon import sponge
from zkmargin.circuits.integers import UInt, num_unchecked
from zkmargin.circuits.linear import ZERO, LinearCombination
from zkmargin.encoding import u248
from zkmargin.errors import ParameterCondition
from zkmargin.field import FR_MODULUS
from zkmargin.poseidon import sponge as sponge_of_integers

if TYPE_CHECKING:
    from zkmargin.backend import Arithmetic
    from zkmargin.circuits.plan import Plan

TAG: Final = "market"
TABLE_COMMITMENT: Final = "tableCommitment"
PACKED_CELL_BITS: Final = 33
"""A cell of b bits costs 609/15 constraints hashed alone, b + 1 for its digits and b/248 of that when packed: packing
is cheaper up to 33 bits."""


@dataclass(frozen=True)
class Cells:
    """Values of one kind: ``count`` elements from ``first`` of a private input, each in ``[lo, hi]``."""

    input: str
    first: int
    count: int
    lo: int
    hi: int

    @property
    def bits(self) -> int:
        """Width of the interval, at least 1."""
        return max(1, (self.hi - self.lo).bit_length())

    @property
    def packed(self) -> bool:
        """Whether the values share field elements; others have one each."""
        return self.bits <= PACKED_CELL_BITS

    @property
    def places(self) -> slice:
        return slice(self.first, self.first + self.count)


def cells_of(plan: Plan) -> tuple[Cells, ...]:
    """What is committed, in order: active rows, what the rules read (public expressions, one-hot labels), assets."""
    cells = [Cells("active", 0, plan.n_active, 0, 1)]
    for direct in plan.directs:
        lo, hi = (0, 1) if direct.node is None else (direct.node.type.lo, direct.node.type.hi)
        cells.append(Cells("direct", direct.first, direct.count, lo, hi))
    cells.append(Cells("assets", 0, plan.n_assets, 0, (1 << PACKED_BITS) - 1))
    return tuple(group for group in cells if group.count)


def commit_values(plan: Plan, given: Mapping[str, Sequence[int]], arithmetic: Arithmetic | None = None) -> int:
    """``Sponge(T_market; u248(ruleDigest), packed.., alone..)`` of signed integers by the name of their input.

    Raises ParameterCondition where a value is outside the interval that the declared bounds imply: the tables were not
    checked.
    """
    packed: list[int] = []
    widths: list[int] = []
    alone: list[int] = []
    for cells in cells_of(plan):
        values = given[cells.input][cells.places]
        if len(values) != cells.count or not all(cells.lo <= value <= cells.hi for value in values):
            raise ParameterCondition("what the rules make of the tables is outside its bounds", where=cells.input)
        if cells.packed:
            packed += [value - cells.lo for value in values]
            widths += [cells.bits] * cells.count
        else:
            alone += [value % FR_MODULUS for value in values]
    elements = [u248(plan.rules.digest), *pack_integers(packed, widths), *alone]
    return sponge_of_integers(TAG, elements, arithmetic)


def declare_tables(cs: ConstraintSystem, plan: Plan) -> None:
    """The private inputs of the market."""
    for name, count in plan.committed_inputs:
        cs.private(name, count)


def open_tables(cs: ConstraintSystem, plan: Plan) -> None:
    """Constrain the public input tableCommitment to the hash of everything that the circuit reads of the market.
                                                                            specs/statement.md#committed-tables

    Requires: nothing reads the market but these private inputs.
    Ensures: given that ``tableCommitment`` commits to values within their intervals, the inputs are those values.
    Packed cells are range-checked here, else packing would not be injective. Others are absorbed one by one, and
    their interval is the commitment's word alone.
    Cost: 609 constraints per 15 elements; ``bits + 1`` per packed cell, 1 per packed bit.
    """
    packed: list[UInt] = []
    alone: list[LinearCombination] = []
    with cs.scope("tables"):
        for cells in cells_of(plan):
            wires = cs.privates[cells.input].wires[cells.places]
            for index, wire in enumerate(wires, cells.first):
                value = num_unchecked(LinearCombination.of_wire(wire), cells.lo, cells.hi)  # the commitment's word
                if not cells.packed:
                    alone.append(value.lc)
                elif (cells.lo, cells.bits) == (0, 1):
                    bit = boolean(cs, wire, f"{cells.input}[{index}]/bit")
                    packed.append(UInt(bit.lc, 0, 1, 1))
                else:
                    label = f"{cells.input}[{index}]"
                    packed.append(decompose(cs, value, cells.lo, cells.bits, label).shifted)
        identity = LinearCombination.of_constant(u248(plan.rules.digest))
        digest = sponge(cs, TAG, [identity, *pack(cs, packed), *alone], "commitment")
        cs.assign_public(TABLE_COMMITMENT, digest, "equal")
    for name, _ in plan.committed_inputs:
        cs.declare_committed(name, TABLE_COMMITMENT)


def keep_unlisted_rows_empty(cs: ConstraintSystem, plan: Plan, account: Account) -> None:
    """A private column is zero on rows that the market does not have: ``value * (1 - active) = 0``.
                                                                                specs/statement.md#committed-tables

    Requires: ``open_tables``: an axis's bits are those of its active rows.
    Cost: 1 per element and padded axis.
    """
    with cs.scope("padding"):
        for column in plan.rules.private:
            shape = plan.rules.shape(column.axes)
            values = account.columns[column.name].reshape(-1)
            for position, axis in enumerate(column.axes):
                if axis not in plan.active_axes:
                    continue
                first = cs.privates["active"].first + plan.active_axes[axis]
                rows = np.indices(shape)[position].reshape(-1) if shape else ()
                for place, row, value in zip(places(shape), rows, values, strict=True):
                    unlisted = LinearCombination({0: 1, first + int(row): -1})
                    cs.enforce(value.lc, unlisted, ZERO, f"{column.name}{place}")
