"""Writing a witness program: the code that computes the wires of a circuit from its inputs.

Whatever the program writes is advice as far as the proof is concerned: a prover may write anything else.
Values that a constraint fixes at the place where they are computed (``product``, ``define``) need no name.
All other advice is a *hint* with a name from the registry below, so that a test can put a lie in its place
and see which constraint objects.
                                                                                      specs/formats.md#witness-programs
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from zkmargin.circuits.linear import LinearTable
from zkmargin.errors import CircuitError
from zkmargin.field import ELEMENT_BYTES
from zkmargin.reference.program import MAGIC, OPERANDS, VERSION, Op

HINTS: Final = MappingProxyType(
    {
        "bits": "the binary digits of a value; boolean constraints and one recomposition fix them",
        "inverse": "an inverse, or zero; a constraint on the product with the value shows what the value is",
        "sign": "whether a value is non-negative, where either answer gives a sound bound",
        "maximum": "an upper bound on branches; each branch constrains it from below",
        "one_hot": "the place of the largest value; booleans with sum one, any place gives a sound bound",
        "quotient": "a quotient and its remainder; range checks say on which side of the true one it is",
        "root": "a square root; its square is compared with the value",
        "rank": "a threshold among values; sound wherever it lies, or compared with the values",
        "top": "marks of the largest values; booleans with a given sum, any of them give a sound bound",
        "tier": "the tier of a value; booleans with sum one, the bounds of the tier are compared with the value",
        "spread": "how many spreads a row forms; products with its ratios show that it fits, and that no more would",
        "functionals": "the linear functionals of the account; the challenge fixes them all",
    }
)
"""Every kind of advice that a circuit takes from its prover, and why that is safe."""


@dataclass(frozen=True, slots=True)
class HintPlacement:
    """Where a hint stands: its name, the path of the gadget, the wires that it writes."""

    name: str
    path: str
    first_wire: int
    count: int


class ProgramBuilder:
    """Collects instructions over the rows of a circuit's linear table."""

    def __init__(self, table: LinearTable) -> None:
        self._table = table
        self._code: list[tuple[Op, int, tuple[int, ...]]] = []
        self._labels: dict[str, int] = {}
        self._has_break = False
        self.hints: list[HintPlacement] = []

    def emit(self, op: Op, label: str, *operands: int) -> None:
        """Append an instruction. ``label`` is what a failure reports: a path without indices, no value."""
        if len(operands) != len(OPERANDS[op]):
            raise CircuitError("wrong number of operands", where=op.name)
        index = self._labels.setdefault(label, len(self._labels))
        self._code.append((op, index, operands))

    def hint(self, name: str, op: Op, label: str, path: str, outputs: tuple[int, int], *operands: int) -> None:
        """Append an instruction that gives untrusted advice on the wires ``outputs = (first, count)``."""
        if name not in HINTS:
            raise CircuitError("hint is not in the registry", got=name)
        self.hints.append(HintPlacement(name, path, *outputs))
        self.emit(op, f"{label}#{name}", *operands)

    def split(self, label: str) -> None:
        """End the first part: what follows needs values that depend on the wires so far."""
        if self._has_break:
            raise CircuitError("a witness program has two parts at most")
        self._has_break = True
        self.emit(Op.BREAK, label)

    def to_bytes(self, n_wires: int) -> bytes:
        """The program, with the rows of the table that it uses and no others."""
        used = self._used_rows()
        renumbered = np.zeros(len(self._table), dtype=np.int64)
        renumbered[used] = np.arange(len(used))
        code = bytearray()
        for op, label, operands in self._code:
            fields = [
                int(renumbered[operand]) if kind in ("lc", "first_lc") else operand
                for kind, operand in zip(OPERANDS[op], operands, strict=True)
            ]
            code += struct.pack(f"<BI{len(fields)}I", op, label, *fields)
        labels = [label.encode("utf-8") for label in self._labels]
        return b"".join(
            [
                struct.pack("<4sIII", MAGIC, VERSION, n_wires, len(labels)),
                *(struct.pack("<H", len(label)) + label for label in labels),
                *self._tables(used),
                struct.pack("<I", len(code)),
                bytes(code),
            ]
        )

    def _used_rows(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        mask = np.zeros(len(self._table), dtype=bool)
        for op, _, operands in self._code:
            kinds = OPERANDS[op]
            for kind, operand in zip(kinds, operands, strict=True):
                if kind == "lc":
                    mask[operand] = True
                elif kind == "first_lc":
                    mask[operand : operand + operands[kinds.index("count")]] = True
        return np.flatnonzero(mask)

    def _tables(self, used: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Sequence[bytes]:
        """Constants, offsets and terms of the used rows."""
        rows = gather_rows(self._table, used)
        constants, indices = np.unique(rows.coefficients, return_inverse=True)
        terms = np.stack([rows.wires, indices.astype(np.uint32)], axis=1).astype("<u4")
        return [
            struct.pack("<I", len(constants)),
            *(self._table.constants[index].to_bytes(ELEMENT_BYTES, "little") for index in constants),
            struct.pack("<I", len(used)),
            rows.offsets.astype("<u4").tobytes(),
            terms.tobytes(),
        ]


@dataclass(frozen=True)
class Rows:
    """Some rows of a linear table, one after the other. ``offsets`` has one entry more than rows."""

    wires: np.ndarray[tuple[int], np.dtype[np.uint32]]
    coefficients: np.ndarray[tuple[int], np.dtype[np.uint32]]
    offsets: np.ndarray[tuple[int], np.dtype[np.int64]]


def gather_rows(table: LinearTable, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Rows:
    """Copies of the given rows in the given order (a row may come more than once)."""
    table_offsets = np.frombuffer(table.offsets, dtype=np.uint64)
    starts = table_offsets[rows].astype(np.int64)
    lengths = table_offsets[rows + 1].astype(np.int64) - starts
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    places = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - starts, lengths)
    wires = np.frombuffer(table.wires, dtype=np.uint32) if table.wires else np.zeros(0, np.uint32)
    coefficients = np.frombuffer(table.coefficients, dtype=np.uint32) if table.wires else np.zeros(0, np.uint32)
    return Rows(wires[places], coefficients[places], offsets)
