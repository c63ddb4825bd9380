"""The plan of a rule set with the tables of one market: what enters a circuit of them.
specs/statement.md#market
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from zkmargin.attestations.collateral.identifiers import asset_id
from zkmargin.backend import Arithmetic, SparseMatrixHandle, engine
from zkmargin.circuits.committed import commit_values
from zkmargin.circuits.forms import Base, ColumnBase
from zkmargin.circuits.matrices import Indices, Integers, LinearReader, TableReader
from zkmargin.errors import CircuitError
from zkmargin.field import FR_MODULUS, decode_elements, encode_elements, require_canonical
from zkmargin.margin.tables import Tables

if TYPE_CHECKING:
    from zkmargin.circuits.plan import Plan


class BoundPlan:
    """The plan's public values for one market."""

    def __init__(self, plan: Plan, tables: Tables) -> None:
        self.plan = plan
        self.tables = tables
        self._reader = TableReader(plan.rules, tables)
        # By the arithmetic that computed it: an engine vouches for nothing of another's.
        self._commitments: dict[Arithmetic, int] = {}
        self._matrices: dict[Arithmetic, list[SparseMatrixHandle]] = {}

    @property
    def direct(self) -> list[int]:
        """The direct inputs, row-major over capacities, evaluated from padded columns; negatives as ``r - |x|``."""
        return [value % FR_MODULUS for value in self._direct]

    @cached_property
    def _direct(self) -> list[int]:
        values: list[int] = []
        for direct in self.plan.directs:
            filled = np.zeros(direct.shape, dtype=object)
            if direct.node is not None:
                filled = self._reader.padded(direct.node)
            elif direct.label is not None:
                groups = self._reader.label(direct.label)
                rows = np.flatnonzero(groups >= 0)
                one_hot = filled if direct.axes[0] == self.plan.rules.labels[direct.label].axis else filled.T
                one_hot[rows, groups[rows]] = 1
            values += [int(value) for value in filled.reshape(-1)]
        return values

    @cached_property
    def active(self) -> list[int]:
        """Per padded axis of the account a bit for each row: 1 where the market has it."""
        active = self._reader.active
        return [int(row < active[axis.name]) for axis in self.plan.listed_axes for row in range(axis.capacity)]

    def commitment(self, arithmetic: Arithmetic | None = None) -> int:
        """The Poseidon commitment to what the rules read of these tables; zero in binding ``public``.

        Raises ParameterCondition where tables were not checked and are outside their bounds.
        """
        if not self.plan.committed:
            return 0
        arithmetic = arithmetic or engine()
        if arithmetic not in self._commitments:
            given = {"active": self.active, "direct": self._direct, "assets": self.assets}
            self._commitments[arithmetic] = commit_values(self.plan, given, arithmetic)
        return self._commitments[arithmetic]

    @property
    def committed(self) -> dict[str, list[int]]:
        """The private inputs that the commitment opens to."""
        values = {"active": self.active, "direct": self.direct, "assets": self.assets}
        return {name: values[name] for name, _ in self.plan.committed_inputs}

    @cached_property
    def assets(self) -> list[int]:
        """The ids of the assets that lines may be of, in the order of the tables; 0 where there are none.

        Raises IdCanonical where a row of the asset axis is not named by its CAIP-19 identifier.
        """
        axis = self.plan.asset_axis
        if axis is None:
            return []
        ids = [asset_id(name) for name in self.tables.names[axis]]
        return ids + [0] * (self.plan.n_assets - len(ids))

    def matrices(self, arithmetic: Arithmetic | None = None) -> list[SparseMatrixHandle]:
        """Per base the matrix of its elements by functionals; none where the rules have no functional."""
        if not self.plan.n_functionals:
            return []
        arithmetic = arithmetic or engine()
        if arithmetic not in self._matrices:
            self._matrices[arithmetic] = [arithmetic.SparseMatrix(*entries) for entries in self.entries]
        return self._matrices[arithmetic]

    @cached_property
    def entries(self) -> list[tuple[bytes, bytes, bytes, int, int]]:
        """Arguments of ``SparseMatrix`` per base: rows, columns, values, their numbers."""
        plan, linear = self.plan, LinearReader(self.plan.forms, self._reader)
        places: dict[Base, list[tuple[Indices, Indices, Integers]]] = {rows.base: [] for rows in plan.bases}
        for node, functional in plan.functionals.items():
            for base, found in linear.entries(node).items():
                column = np.zeros(len(found), dtype=np.int64)
                for axis, size in zip(node.type.axes, functional.shape, strict=True):
                    column = column * size + found.places[axis]
                places[base].append((found.element, column + functional.first, found.coefficient))
        matrices = []
        for rows in plan.bases:
            parts = places[rows.base]
            empty = np.zeros(0, dtype=np.int64)
            elements = np.concatenate([empty, *(part[0] for part in parts)]).astype("<u4").tobytes()
            columns = np.concatenate([empty, *(part[1] for part in parts)]).astype("<u4").tobytes()
            values = encode_elements(int(value) for part in parts for value in part[2])
            matrices.append((elements, columns, values, rows.count, plan.n_functionals))
        return matrices

    def challenge_inputs(self, gamma: int, arithmetic: Arithmetic | None = None) -> list[int]:
        """``t``: per base element j the value ``sum_k gamma^k T[j][k]``.

        A padded element j of a column gets ``gamma^(K + j)`` instead, j counted over all bases: then the
        identity at the challenge also says that the account holds nothing there.
        specs/statement.md#padding
        """
        plan = self.plan
        require_canonical(gamma, "gamma")
        encoded = gamma.to_bytes(32, "little")
        matrices = self.matrices(arithmetic)
        values: list[int] = []
        for index, rows in enumerate(plan.bases):
            folded = [0] * rows.count
            if plan.n_functionals:
                folded = decode_elements(matrices[index].fold(encoded))
            for element in self._padded_elements(rows.base):
                folded[element] = pow(gamma, plan.n_functionals + rows.first + element, FR_MODULUS)
            values += folded
        return values

    def market_inputs(self, gamma: int | None, arithmetic: Arithmetic | None = None) -> list[int]:
        """The public inputs that the tables determine (``Plan.market_inputs``)."""
        challenge = [] if gamma is None else self.challenge_inputs(gamma, arithmetic)
        if (gamma is None) == bool(self.plan.bases):
            raise CircuitError("challenge given without functionals, or missing", where=self.plan.rules.name)
        if self.plan.committed:
            return [self.commitment(arithmetic)]
        return challenge + self.direct + self.assets

    def _padded_elements(self, base: Base) -> list[int]:
        """Elements of a column beyond the active rows. Other bases vanish there with the columns."""
        if not isinstance(base, ColumnBase):
            return []
        rules = self.plan.rules
        active = np.zeros(rules.shape(base.axes), dtype=bool)
        active[tuple(slice(self._reader.active[axis]) for axis in base.axes)] = True
        return [int(element) for element in np.flatnonzero(~active.reshape(-1))]
