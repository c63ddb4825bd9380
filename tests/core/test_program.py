"""Witness programs: what each instruction does, on both engines, and that the engines agree on anything.

Programs are assembled here by hand, from the format's description alone.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zkmargin.backend import Arithmetic, engine, engines
from zkmargin.field import FR_MODULUS as R
from zkmargin.field import decode_elements, encode_elements

LIN, MUL, BITS, INV, MAX, GE0, DOT, BREAK, DIVMOD, ISQRT, ONEHOT, CHECK, RANK, TOP, FIRST, ROOT, SPREAD = range(1, 18)
RANKED = (RANK, TOP, FIRST, ROOT, SPREAD)
HALF = (R - 1) // 2
BOTH = pytest.mark.skipif(len(engines()) < 2, reason="compares two engines; the Rust core is not built")

Terms = Sequence[tuple[int, int]]


@dataclass
class Assembler:
    """Collects linear combinations and instructions; instruction number k is labelled ``op k``."""

    n_wires: int
    lcs: list[Terms] = field(default_factory=list)
    code: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    def lc(self, *terms: tuple[int, int]) -> int:
        self.lcs.append(terms)
        return len(self.lcs) - 1

    def wire(self, wire: int) -> int:
        return self.lc((wire, 1))

    def emit(self, opcode: int, *operands: int) -> None:
        self.code.append((opcode, operands))

    def encode(self) -> bytes:
        labels = [f"op {index}".encode() for index in range(len(self.code))]
        constants = sorted({coefficient % R for terms in self.lcs for _, coefficient in terms})
        offsets = [sum(len(terms) for terms in self.lcs[:index]) for index in range(len(self.lcs) + 1)]
        code = b"".join(
            struct.pack(f"<BI{len(operands)}I", opcode, index, *operands)
            for index, (opcode, operands) in enumerate(self.code)
        )
        return b"".join(
            [
                struct.pack("<4sIII", b"zkwp", 1, self.n_wires, len(labels)),
                *(struct.pack("<H", len(label)) + label for label in labels),
                struct.pack("<I", len(constants)),
                encode_elements(constants),
                struct.pack(f"<I{len(offsets)}I", len(self.lcs), *offsets),
                *(
                    struct.pack("<II", wire, constants.index(coefficient % R))
                    for terms in self.lcs
                    for wire, coefficient in terms
                ),
                struct.pack("<I", len(code)),
                code,
            ]
        )


def run(arithmetic: Arithmetic, program: bytes, *inputs: int) -> list[int]:
    """All wires, the inputs standing from wire 1 on."""
    under_way = arithmetic.WitnessProgram(program).start([(1, encode_elements(inputs))], [])
    under_way.finish()
    return decode_elements(under_way.witness().to_bytes())


@pytest.fixture(params=engines())
def arithmetic(request: pytest.FixtureRequest) -> Arithmetic:
    return engine(request.param)


def test_linear_and_product(arithmetic: Arithmetic) -> None:
    a = Assembler(6)
    total = a.lc((1, 1), (2, -1), (0, 7), (1, 3), (2, 0))
    difference = a.lc((1, 1), (2, -1))
    a.emit(LIN, 3, total)
    a.emit(MUL, 4, total, difference)
    a.emit(LIN, 5, a.lc())
    assert run(arithmetic, a.encode(), 10, 4) == [1, 10, 4, 43, 258, 0]


@pytest.mark.parametrize("count", [1, 63, 64, 65, 253])
def test_bits_end_at_their_bound(arithmetic: Arithmetic, count: int) -> None:
    a = Assembler(count + 2)
    a.emit(BITS, 2, count, a.wire(1))
    for value in (0, 1, 2**count - 1, 2**count // 3):
        expected = [value >> place & 1 for place in range(count)]
        assert run(arithmetic, a.encode(), value)[2:] == expected
    for value in (2**count, R - 1):
        with pytest.raises(ValueError, match=r"^witness: op 0$"):
            run(arithmetic, a.encode(), value)


def test_bits_of_the_largest_element(arithmetic: Arithmetic) -> None:
    a = Assembler(256)
    a.emit(BITS, 2, 254, a.wire(1))
    assert run(arithmetic, a.encode(), R - 1)[2:] == [(R - 1) >> place & 1 for place in range(254)]


def test_inverses_of_a_row_that_reads_itself(arithmetic: Arithmetic) -> None:
    a = Assembler(7)
    for out, wire in ((3, 1), (4, 2), (5, 3), (6, 5)):
        a.emit(INV, out, a.wire(wire))
    third = pow(3, -1, R)
    assert run(arithmetic, a.encode(), 3, 0)[3:] == [third, 0, 3, third]


@pytest.mark.parametrize(
    ("values", "maximum", "place"),
    [
        ((-3, -2, -9), -2, 1),
        ((0, -2, 0), 0, 0),
        ((HALF, 5, HALF), HALF, 0),
        ((HALF + 1, -5, -4), -4, 2),
    ],
)
def test_signed_maximum(arithmetic: Arithmetic, values: tuple[int, ...], maximum: int, place: int) -> None:
    a = Assembler(9)
    first = a.wire(1)
    a.wire(2)
    a.wire(3)
    a.emit(MAX, 4, 3, first)
    a.emit(ONEHOT, 5, 3, first)
    a.emit(GE0, 8, first)
    one_hot = [int(index == place) for index in range(3)]
    assert run(arithmetic, a.encode(), *values)[4:] == [maximum % R, *one_hot, int(0 <= values[0] <= HALF)]


def test_division_and_root(arithmetic: Arithmetic) -> None:
    a = Assembler(6)
    x, y = a.wire(1), a.wire(2)
    a.emit(DIVMOD, 3, 4, x, y)
    a.emit(ISQRT, 5, x)
    for dividend, divisor in ((17, 5), (0, 1), (HALF, 3), (HALF, HALF), (2**250 - 1, 2**125 + 1), (7, HALF)):
        wires = run(arithmetic, a.encode(), dividend, divisor)
        assert wires[3:] == [*divmod(dividend, divisor), math.isqrt(dividend)]
    for dividend, divisor in ((-1, 5), (5, 0), (5, -1), (HALF + 1, 1), (1, HALF + 1)):
        with pytest.raises(ValueError, match=r"^witness: op 0$"):
            run(arithmetic, a.encode(), dividend, divisor)
    root = Assembler(3)
    root.emit(ISQRT, 2, root.wire(1))
    with pytest.raises(ValueError, match=r"^witness: op 0$"):
        run(arithmetic, root.encode(), -4)


@pytest.mark.parametrize("values", [(1, 2, 3), (3, 3, -4), (-1, -1, -1), (0, HALF, HALF + 1), (-5, -7, -6)])
def test_ranks(arithmetic: Arithmetic, values: tuple[int, ...]) -> None:
    a = Assembler(13)
    first = a.wire(1)
    a.wire(2)
    a.wire(3)
    for rank in (1, 2, 3):
        a.emit(RANK, 3 + rank, 3, first, rank)
    a.emit(TOP, 7, 3, first, 2)
    a.emit(FIRST, 10, 3, first)
    numbers = [value - R if value > HALF else value for value in values]
    places = sorted(range(3), key=lambda place: (-numbers[place], place))
    wires = run(arithmetic, a.encode(), *values)
    assert wires[4:7] == [numbers[place] % R for place in places]
    assert wires[7:10] == [int(place in places[:2]) for place in range(3)]
    chosen = next((place for place in range(3) if numbers[place] >= 0), 2)
    assert wires[10:] == [int(place == chosen) for place in range(3)]


def test_a_rank_is_one_of_the_values(arithmetic: Arithmetic) -> None:
    for opcode in (RANK, TOP):
        for rank in (0, 2):
            a = Assembler(3)
            a.emit(opcode, 2, 1, a.wire(1), rank)
            with pytest.raises(ValueError, match="a rank is not among the values"):
                arithmetic.WitnessProgram(a.encode())


def test_root_of_a_quotient(arithmetic: Arithmetic) -> None:
    a = Assembler(4)
    a.emit(ROOT, 3, a.wire(1), a.wire(2))
    for x, divisor in ((17, 1), (17, 4), (-9, 3), (HALF, 7), (2**250, 2**13), (0, HALF)):
        assert run(arithmetic, a.encode(), x, divisor)[3] == math.isqrt(max(x, 0) // divisor)
    for divisor in (0, -1):
        with pytest.raises(ValueError, match=r"^witness: op 0$"):
            run(arithmetic, a.encode(), 5, divisor)


@pytest.mark.parametrize(
    ("left", "ratio", "formed", "upwards"),
    [
        ((7, -9), (2, -3), 3, 1),
        ((-7, 9), (2, -3), 3, 0),
        ((7, 9), (2, -3), 0, 0),
        ((7, 5), (2, 0), 3, 1),
        ((7, 5), (0, 0), 0, 1),
        ((0, 5), (1, 1), 0, 0),
        ((1, 5), (2, 1), 0, 1),
    ],
)
def test_spread(
    arithmetic: Arithmetic, left: tuple[int, int], ratio: tuple[int, int], formed: int, upwards: int
) -> None:
    a = Assembler(7)
    first = a.wire(1)
    for wire in (2, 3, 4):
        a.wire(wire)
    a.emit(SPREAD, 5, 6, 2, first, first + 2)
    assert run(arithmetic, a.encode(), *left, *ratio)[5:] == [formed, upwards]


def test_check(arithmetic: Arithmetic) -> None:
    a = Assembler(4)
    a.emit(CHECK, a.wire(1), a.wire(2), a.wire(3))
    run(arithmetic, a.encode(), -3, 4, -12)
    with pytest.raises(ValueError, match=r"^witness: op 0$") as caught:
        run(arithmetic, a.encode(), 123456789, 4, 12)
    assert "123456789" not in str(caught.value)


def two_parts() -> Assembler:
    """``w[4:6] += w[1:4] T0``; a break; ``w[4:6] += w[1:4] T1``; ``w[6] = w[4] + w[5]``."""
    a = Assembler(7)
    a.emit(DOT, 4, 2, 1, 3, 0)
    a.emit(BREAK)
    a.emit(DOT, 4, 2, 1, 3, 1)
    a.emit(LIN, 6, a.lc((4, 1), (5, 1)))
    return a


MATRIX_ROWS = struct.pack("<3I", 0, 2, 1)
MATRIX_COLUMNS = struct.pack("<3I", 0, 1, 1)


def test_two_parts_and_matrices(arithmetic: Arithmetic) -> None:
    def matrix(*values: int) -> object:
        return arithmetic.SparseMatrix(MATRIX_ROWS, MATRIX_COLUMNS, encode_elements(values), 3, 2)

    program = arithmetic.WitnessProgram(two_parts().encode())
    assert program.n_wires == 7
    matrices = [matrix(10, 100, 0), matrix(-1, 0, 7)]
    under_way = program.start([(1, encode_elements([2, 3])), (3, encode_elements([-5]))], matrices)  # type: ignore[arg-type]
    assert decode_elements(under_way.get(4, 3)) == [20, R - 500, 0]
    with pytest.raises(ValueError, match="not run to its end"):
        under_way.witness()
    under_way.set(1, encode_elements([4]))
    for wire, count in ((6, 2), (7, 1), (2**32 - 1, 2**32 - 1)):
        with pytest.raises(ValueError, match="no such wires"):
            under_way.get(wire, count)
    with pytest.raises(ValueError, match="wire 0"):
        under_way.set(0, encode_elements([1]))
    with pytest.raises(ValueError, match="canonical"):
        under_way.set(1, R.to_bytes(32, "little"))
    under_way.finish()
    witness = under_way.witness()
    assert len(witness) == 7
    assert decode_elements(witness.to_bytes()) == [x % R for x in (1, 4, 3, -5, 16, -479, -463)]
    for again in (under_way.finish, lambda: under_way.set(1, encode_elements([4]))):
        with pytest.raises(ValueError, match="run to its end"):
            again()


def test_matrices_and_inputs_must_fit(arithmetic: Arithmetic) -> None:
    program = arithmetic.WitnessProgram(two_parts().encode())
    good = arithmetic.SparseMatrix(MATRIX_ROWS, MATRIX_COLUMNS, encode_elements([1, 2, 3]), 3, 2)
    wrong = arithmetic.SparseMatrix(b"", b"", b"", 3, 3)
    with pytest.raises(ValueError, match="number of matrices"):
        program.start([], [good])
    with pytest.raises(ValueError, match="wrong shape"):
        program.start([], [good, wrong])
    for wire, count in ((1, 7), (7, 1)):
        with pytest.raises(ValueError, match="no such wires"):
            program.start([(wire, encode_elements([1] * count))], [good, good])


def test_fold(arithmetic: Arithmetic) -> None:
    rows, columns = struct.pack("<4I", 2, 0, 2, 2), struct.pack("<4I", 1, 0, 2, 1)
    matrix = arithmetic.SparseMatrix(rows, columns, encode_elements([5, 7, -1, 6]), 3, 3)
    assert (matrix.n_rows, matrix.n_cols) == (3, 3)
    gamma = 2**200 + 1
    folded = decode_elements(matrix.fold(encode_elements([gamma])))
    assert folded == [7, 0, (11 * gamma - gamma**2) % R]
    for bad_rows, bad_columns in (
        (struct.pack("<I", 3), bytes(4)),
        (bytes(4), struct.pack("<I", 3)),
        (b"", bytes(4)),
    ):
        with pytest.raises(ValueError, match="sparse matrix"):
            arithmetic.SparseMatrix(bad_rows, bad_columns, encode_elements([1]), 3, 3)


def test_nothing_secret_shows(arithmetic: Arithmetic) -> None:
    a = Assembler(3)
    a.emit(LIN, 2, a.wire(1))
    under_way = arithmetic.WitnessProgram(a.encode()).start([(1, encode_elements([987654321]))], [])
    under_way.finish()
    witness = under_way.witness()
    assert "987654321" not in repr(under_way) + repr(witness) + str(witness)


# --- both engines on anything ----------------------------------------------------------------------------

N_INPUTS, N_WIRES = 4, 24
small = st.one_of(st.integers(-9, 9), st.sampled_from([HALF, HALF + 1, 2**64, -(2**64), 2**128 - 1, 2**253]))
wires = st.integers(0, N_WIRES - 1)
outs = st.integers(1, N_WIRES - 4)


@st.composite
def programs(draw: st.DrawFn) -> bytes:
    """Well-formed programs without matrices, that may fail when run."""
    a = Assembler(N_WIRES)
    for terms in draw(st.lists(st.lists(st.tuples(wires, small), max_size=3), min_size=3, max_size=8)):
        a.lc(*terms)
    lcs = st.integers(0, len(a.lcs) - 3)
    for opcode in draw(
        st.lists(st.sampled_from([LIN, MUL, INV, INV, MAX, GE0, ISQRT, ONEHOT, BITS, DIVMOD, *RANKED]), max_size=12)
    ):
        out, lc = draw(outs), draw(lcs)
        operands = {
            MUL: (out, lc, draw(lcs)),
            BITS: (out, 4, lc),
            MAX: (out, draw(st.integers(1, 3)), lc),
            ONEHOT: (out, 3, lc),
            DIVMOD: (out, out + 1, lc, draw(lcs)),
            RANK: (out, 3, lc, draw(st.integers(1, 3))),
            TOP: (out, 3, lc, draw(st.integers(1, 3))),
            FIRST: (out, 3, lc),
            ROOT: (out, lc, draw(lcs)),
            SPREAD: (out, out + 1, 3, lc, draw(lcs)),
        }
        a.emit(opcode, *operands.get(opcode, (out, lc)))
    return a.encode()


def outcome(arithmetic: Arithmetic, program: bytes, inputs: Sequence[int]) -> list[int] | str:
    try:
        return run(arithmetic, program, *inputs)
    except ValueError as error:
        return str(error)


@BOTH
@settings(max_examples=300, deadline=None)
@given(program=programs(), inputs=st.lists(small, min_size=N_INPUTS, max_size=N_INPUTS))
def test_engines_agree_on_programs(program: bytes, inputs: list[int]) -> None:
    assert outcome(engine("rust"), program, inputs) == outcome(engine("reference"), program, inputs)


@BOTH
@settings(max_examples=300, deadline=None)
@given(data=st.data(), program=programs())
def test_engines_agree_on_altered_bytes(data: st.DataObject, program: bytes) -> None:
    altered = bytearray(program)
    for _ in range(data.draw(st.integers(1, 3))):
        altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(altered)), st.integers(0, len(altered))))
    results = [outcome(engine(name), bytes(altered[:cut]), [1, -2, 3, 0]) for name in ("rust", "reference")]
    accepted = [not isinstance(result, str) or not result.startswith("witness program:") for result in results]
    assert accepted[0] == accepted[1]
    if accepted[0]:
        assert results[0] == results[1]


@BOTH
def test_every_prefix_is_refused_by_both() -> None:
    program = two_parts().encode()
    for name in ("rust", "reference"):
        for end in range(len(program)):
            with pytest.raises(ValueError, match="witness program"):
                engine(name).WitnessProgram(program[:end])
        with pytest.raises(ValueError, match="bytes follow"):
            engine(name).WitnessProgram(program + b"\x08" + bytes(4))


def test_the_example_of_the_specification(arithmetic: Arithmetic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zkmargin.backend.engine", lambda: arithmetic)
    text = (Path(__file__).resolve().parents[2] / "specs" / "formats.md").read_text()
    text = text.partition("\n## Witness programs\n")[2]
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(example, "specs/formats.md", "exec"), {})
