"""Witness programs in plain Python: straight-line code that computes every wire of a circuit from its inputs.

The same format, results and refusals as the Rust core. A program is read from bytes that are not trusted:
every index is checked when it is parsed. A failure names the instruction's label alone, never a value.
                                                                                        specs/formats.md#witness-programs
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from math import isqrt

from zkmargin.field import ELEMENT_BYTES, FR_MODULUS, signed
from zkmargin.reference.field import decode, encode
from zkmargin.reference.matrix import SparseMatrix

MAGIC = b"zkwp"
VERSION = 1
SPARE_WIRES = 1 << 16
"""A program of n bytes may have n wires and these: bounds what a small file can make a reader allocate."""
MAX_WIRES = 1 << 28
MAX_BITS = 254
MAX_MATRICES = 1 << 16


class Op(IntEnum):
    """Opcodes; each is followed by the index of a label and by its operands, all u32."""

    LIN = 1
    MUL = 2
    BITS = 3
    INV = 4
    MAX = 5
    GE0 = 6
    DOT = 7
    BREAK = 8
    DIVMOD = 9
    ISQRT = 10
    ONEHOT = 11
    CHECK = 12
    RANK = 13
    TOP = 14
    FIRST = 15
    ROOT = 16
    SPREAD = 17


OPERANDS = {
    Op.LIN: ("out", "lc"),
    Op.MUL: ("out", "lc", "lc"),
    Op.BITS: ("first_out", "count", "lc"),
    Op.INV: ("out", "lc"),
    Op.MAX: ("out", "count", "first_lc"),
    Op.GE0: ("out", "lc"),
    Op.DOT: ("first_out", "count", "base", "rows", "matrix"),
    Op.BREAK: (),
    Op.DIVMOD: ("out", "out", "lc", "lc"),
    Op.ISQRT: ("out", "lc"),
    Op.ONEHOT: ("first_out", "count", "first_lc"),
    Op.CHECK: ("lc", "lc", "lc"),
    Op.RANK: ("out", "count", "first_lc", "rank"),
    Op.TOP: ("first_out", "count", "first_lc", "rank"),
    Op.FIRST: ("first_out", "count", "first_lc"),
    Op.ROOT: ("out", "lc", "lc"),
    Op.SPREAD: ("out", "out", "count", "first_lc", "first_lc"),
}


class WitnessError(ValueError):
    """No witness exists for these inputs: the instruction with this label failed."""

    def __init__(self, label: str) -> None:
        super().__init__(f"witness: {label}")
        self.label = label


@dataclass(frozen=True)
class Instruction:
    """One instruction, its operands checked against the sizes of the program."""

    op: Op
    label: str
    operands: tuple[int, ...]


class _Reader:
    """A cursor over untrusted bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def remaining(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.remaining:
            raise ValueError("witness program: ends early")
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def integer(self, size: int = 4) -> int:
        return int.from_bytes(self.take(size), "little")

    def count(self, item_bytes: int) -> int:
        """A count of items of at least that size, which must still lie ahead."""
        count = self.integer()
        if count > self.remaining // item_bytes:
            raise ValueError("witness program: ends early")
        return count


class WitnessProgram:
    """A parsed witness program. Raises ValueError if the bytes are not one, down to the last byte."""

    def __init__(self, data: bytes) -> None:
        reader = _Reader(data)
        if reader.take(4) != MAGIC:
            raise ValueError("witness program: wrong magic bytes")
        if reader.integer() != VERSION:
            raise ValueError("witness program: unsupported version")
        self.n_wires = reader.integer()
        if not 0 < self.n_wires <= min(MAX_WIRES, len(data) + SPARE_WIRES):
            raise ValueError("witness program: number of wires out of bounds")
        labels = _parse_labels(reader)
        self.lcs = _parse_linear_combinations(reader, self.n_wires)
        code_bytes = reader.count(1)
        if code_bytes != reader.remaining:
            raise ValueError("witness program: bytes follow the code")
        self.code: list[Instruction] = []
        self.n_matrices = 0
        self.first_part: int | None = None
        while reader.remaining:
            self._parse_instruction(reader, labels)
        if self.first_part is None:
            self.first_part = len(self.code)

    def start(self, inputs: Sequence[tuple[int, bytes]], matrices: Sequence[SparseMatrix]) -> WitnessRun:
        """Write the inputs, each a first wire and values from there on, and run the first part.

        Raises ValueError if inputs or matrices do not fit the program, WitnessError if an instruction fails.
        """
        return WitnessRun(self, inputs, matrices)

    def _parse_instruction(self, reader: _Reader, labels: Sequence[str]) -> None:
        opcode, label = reader.integer(1), reader.integer()
        if label >= len(labels):
            raise ValueError("witness program: an instruction names no label")
        try:
            op = Op(opcode)
        except ValueError:
            raise ValueError("witness program: unknown opcode") from None
        if op is Op.BREAK:
            if self.first_part is not None:
                raise ValueError("witness program: more than one BREAK")
            self.first_part = len(self.code)
            return
        kinds = OPERANDS[op]
        operands = tuple(reader.integer() for _ in kinds)
        count = operands[kinds.index("count")] if "count" in kinds else 1
        for kind, operand in zip(kinds, operands, strict=True):
            if kind in ("out", "first_out"):
                if operand == 0:
                    raise ValueError("witness program: an instruction writes wire 0")
                self._require_range(operand, count if kind == "first_out" else 1, self.n_wires, "wire")
            elif kind in ("lc", "first_lc"):
                spread = count if kind == "first_lc" else 1
                self._require_range(operand, spread, len(self.lcs), "linear combination")
        if op is Op.BITS and count > MAX_BITS:
            raise ValueError("witness program: more bits than the field has")
        if "rank" in kinds and not 1 <= operands[kinds.index("rank")] <= count:
            raise ValueError("witness program: a rank is not among the values")
        if op in (Op.DIVMOD, Op.SPREAD) and operands[0] == operands[1]:
            raise ValueError("witness program: two results share a wire")
        if op is Op.DOT:
            self._check_dot(*operands)
        self.code.append(Instruction(op, labels[label], operands))

    def _check_dot(self, out: int, count: int, base: int, rows: int, matrix: int) -> None:
        self._require_range(base, rows, self.n_wires, "wire")
        if base < out + count and out < base + rows:
            raise ValueError("witness program: a DOT reads the wires that it writes")
        if matrix >= MAX_MATRICES:
            raise ValueError("witness program: matrix index out of bounds")
        self.n_matrices = max(self.n_matrices, matrix + 1)

    @staticmethod
    def _require_range(first: int, count: int, size: int, what: str) -> None:
        if count == 0 or first + count > size:
            raise ValueError(f"witness program: an instruction names no {what}")


def _parse_labels(reader: _Reader) -> list[str]:
    labels = []
    for _ in range(reader.count(2)):
        encoded = reader.take(reader.integer(2))
        try:
            labels.append(encoded.decode("utf-8"))
        except UnicodeDecodeError:
            raise ValueError("witness program: a label is not UTF-8") from None
    return labels


def _parse_linear_combinations(reader: _Reader, n_wires: int) -> list[list[tuple[int, int]]]:
    """Constants, offsets and terms, as lists of ``(wire, coefficient)``."""
    count = reader.count(ELEMENT_BYTES)
    try:
        constants = decode(reader.take(count * ELEMENT_BYTES), FR_MODULUS)
    except ValueError:
        raise ValueError("witness program: a constant is not a canonical field element") from None
    n_lcs = reader.count(4)
    offsets = [reader.integer() for _ in range(n_lcs + 1)]
    if offsets[0] != 0 or any(low > high for low, high in pairwise(offsets)):
        raise ValueError("witness program: offsets of the linear combinations do not ascend from zero")
    if offsets[-1] > reader.remaining // 8:
        raise ValueError("witness program: ends early")
    terms = []
    for _ in range(offsets[-1]):
        wire, constant = reader.integer(), reader.integer()
        if wire >= n_wires:
            raise ValueError("witness program: a term names no wire")
        if constant >= len(constants):
            raise ValueError("witness program: a term names no constant")
        terms.append((wire, constants[constant]))
    return [terms[low:high] for low, high in pairwise(offsets)]


class Witness:
    """The values of all wires. Its representation shows none of them."""

    def __init__(self, values: bytes) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values) // ELEMENT_BYTES

    def to_bytes(self) -> bytes:
        """32 little-endian bytes a wire."""
        return self._values

    def __bytes__(self) -> bytes:
        return self._values

    def __repr__(self) -> str:
        return f"<Witness of {len(self)} wires>"


class WitnessRun:
    """A program under way: the first part is done once it exists, every wire is computed after ``finish``."""

    def __init__(
        self, program: WitnessProgram, inputs: Sequence[tuple[int, bytes]], matrices: Sequence[SparseMatrix]
    ) -> None:
        if len(matrices) != program.n_matrices:
            raise ValueError("witness: the program needs another number of matrices")
        for instruction in program.code:
            if instruction.op is Op.DOT:
                _, count, _, rows, index = instruction.operands
                if (matrices[index].n_rows, matrices[index].n_cols) != (rows, count):
                    raise ValueError("witness: a matrix has the wrong shape")
        self._program = program
        self._matrices = list(matrices)
        self._finished = self._complete = False
        self._wires = [0] * program.n_wires
        self._wires[0] = 1
        for wire, values in inputs:
            self.set(wire, values)
        self._execute(program.code[: program.first_part])

    def get(self, wire: int, count: int) -> bytes:
        """The values of ``count`` wires from ``wire`` on; zero where nothing was written yet."""
        if wire < 0 or count < 0 or wire + count > len(self._wires):
            raise ValueError("witness: no such wires")
        return encode(self._wires[wire : wire + count])

    def set(self, wire: int, values: bytes) -> None:
        """Write wires that the second part reads. Raises ValueError on wire 0 and after ``finish``."""
        if self._finished:
            raise ValueError("witness: the program has run to its end")
        if wire == 0:
            raise ValueError("witness: wire 0 is the constant one")
        elements = decode(values, FR_MODULUS)
        if wire < 0 or wire + len(elements) > len(self._wires):
            raise ValueError("witness: no such wires")
        self._wires[wire : wire + len(elements)] = elements

    def finish(self) -> None:
        """Run the second part. Raises WitnessError if an instruction fails; the run is then over."""
        if self._finished:
            raise ValueError("witness: the program has run to its end")
        self._finished = True
        self._execute(self._program.code[self._program.first_part :])
        self._complete = True

    def witness(self) -> Witness:
        """All wires. Raises ValueError before ``finish`` succeeded."""
        if not self._complete:
            raise ValueError("witness: the program has not run to its end")
        return Witness(encode(self._wires))

    def __repr__(self) -> str:
        return f"<WitnessRun of {len(self._wires)} wires>"

    # --- the instructions, one function each: whether it holds

    def _execute(self, code: Sequence[Instruction]) -> None:
        for instruction in code:
            if not _STEPS[instruction.op](self, *instruction.operands):
                raise WitnessError(instruction.label)

    def _evaluate(self, lc: int) -> int:
        wires = self._wires
        return sum(coefficient * wires[wire] for wire, coefficient in self._program.lcs[lc]) % FR_MODULUS

    def _lin(self, out: int, lc: int) -> bool:
        self._wires[out] = self._evaluate(lc)
        return True

    def _mul(self, out: int, a: int, b: int) -> bool:
        self._wires[out] = self._evaluate(a) * self._evaluate(b) % FR_MODULUS
        return True

    def _bits(self, out: int, count: int, lc: int) -> bool:
        value = self._evaluate(lc)
        self._wires[out : out + count] = [value >> place & 1 for place in range(count)]
        return value >> count == 0

    def _inv(self, out: int, lc: int) -> bool:
        value = self._evaluate(lc)
        self._wires[out] = pow(value, -1, FR_MODULUS) if value else 0
        return True

    def _signed_maximum(self, count: int, first_lc: int) -> tuple[int, int]:
        values = [signed(self._evaluate(first_lc + place)) for place in range(count)]
        best = max(values)
        return values.index(best), best

    def _max(self, out: int, count: int, first_lc: int) -> bool:
        self._wires[out] = self._signed_maximum(count, first_lc)[1] % FR_MODULUS
        return True

    def _one_hot(self, out: int, count: int, first_lc: int) -> bool:
        place, _ = self._signed_maximum(count, first_lc)
        self._wires[out : out + count] = [int(index == place) for index in range(count)]
        return True

    def _ge0(self, out: int, lc: int) -> bool:
        self._wires[out] = int(signed(self._evaluate(lc)) >= 0)
        return True

    def _dot(self, out: int, count: int, base: int, rows: int, matrix: int) -> bool:
        sums = self._wires[out : out + count]
        for row in range(rows):
            factor = self._wires[base + row]
            if factor:
                for column, value in self._matrices[matrix].row(row):
                    sums[column] += factor * value
        self._wires[out : out + count] = [value % FR_MODULUS for value in sums]
        return True

    def _divmod(self, quotient: int, remainder: int, x: int, y: int) -> bool:
        dividend, divisor = signed(self._evaluate(x)), signed(self._evaluate(y))
        if dividend < 0 or divisor <= 0:
            return False
        self._wires[quotient], self._wires[remainder] = divmod(dividend, divisor)
        return True

    def _isqrt(self, out: int, lc: int) -> bool:
        value = signed(self._evaluate(lc))
        if value < 0:
            return False
        self._wires[out] = isqrt(value)
        return True

    def _descending(self, count: int, first_lc: int) -> list[tuple[int, int]]:
        """Values and places, largest value first; of equal values the one before."""
        values = [signed(self._evaluate(first_lc + place)) for place in range(count)]
        return sorted(((value, place) for place, value in enumerate(values)), key=lambda found: (-found[0], found[1]))

    def _rank(self, out: int, count: int, first_lc: int, rank: int) -> bool:
        self._wires[out] = self._descending(count, first_lc)[rank - 1][0] % FR_MODULUS
        return True

    def _top(self, out: int, count: int, first_lc: int, rank: int) -> bool:
        chosen = {place for _, place in self._descending(count, first_lc)[:rank]}
        self._wires[out : out + count] = [int(place in chosen) for place in range(count)]
        return True

    def _first(self, out: int, count: int, first_lc: int) -> bool:
        values = (signed(self._evaluate(first_lc + place)) for place in range(count))
        place = next((place for place, value in enumerate(values) if value >= 0), count - 1)
        self._wires[out : out + count] = [int(index == place) for index in range(count)]
        return True

    def _root(self, out: int, x: int, divisor: int) -> bool:
        value, below = signed(self._evaluate(x)), signed(self._evaluate(divisor))
        if below <= 0:
            return False
        self._wires[out] = isqrt(max(value, 0) // below)
        return True

    def _spread(self, out: int, upwards: int, count: int, first_left: int, first_ratio: int) -> bool:
        left = [signed(self._evaluate(first_left + leg)) for leg in range(count)]
        ratio = [signed(self._evaluate(first_ratio + leg)) for leg in range(count)]
        legs = [(x if a > 0 else -x, abs(a)) for x, a in zip(left, ratio, strict=True) if a]
        rises = all(x > 0 for x, _ in legs)
        fits = bool(legs) and (rises or all(x < 0 for x, _ in legs))
        self._wires[out] = min(abs(x) // a for x, a in legs) if fits else 0
        self._wires[upwards] = int(rises)
        return True

    def _check(self, a: int, b: int, c: int) -> bool:
        return self._evaluate(a) * self._evaluate(b) % FR_MODULUS == self._evaluate(c)


_STEPS: dict[Op, Callable[..., bool]] = {
    Op.LIN: WitnessRun._lin,
    Op.MUL: WitnessRun._mul,
    Op.BITS: WitnessRun._bits,
    Op.INV: WitnessRun._inv,
    Op.MAX: WitnessRun._max,
    Op.GE0: WitnessRun._ge0,
    Op.DOT: WitnessRun._dot,
    Op.DIVMOD: WitnessRun._divmod,
    Op.ISQRT: WitnessRun._isqrt,
    Op.ONEHOT: WitnessRun._one_hot,
    Op.CHECK: WitnessRun._check,
    Op.RANK: WitnessRun._rank,
    Op.TOP: WitnessRun._top,
    Op.FIRST: WitnessRun._first,
    Op.ROOT: WitnessRun._root,
    Op.SPREAD: WitnessRun._spread,
}
