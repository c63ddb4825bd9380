"""Fr, Fq and Fq2 against Python's integers, on both engines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from points import SILENT, integers, le

from zkmargin.backend import Arithmetic
from zkmargin.field import FQ_MODULUS as Q
from zkmargin.field import FR_MODULUS as R

PRIMES = [pytest.param("fr_op", R, id="Fr"), pytest.param("fq_op", Q, id="Fq")]


def edges(p: int) -> list[int]:
    """Values at which limbs, carries and Montgomery residues turn over."""
    residues = [pow(2, 256, p), pow(2, 512, p), pow(2, -256, p)]
    limbs = [2**k + d for k in (32, 63, 64, 127, 128, 192, 253) for d in (-1, 0, 1)]
    return sorted({0, 1, 2, p // 2, p // 2 + 1, p - 2, p - 1, *residues, *(v % p for v in limbs)})


@pytest.mark.parametrize(("name", "p"), PRIMES)
def test_operations_at_the_edges(engine: Arithmetic, name: str, p: int) -> None:
    op = getattr(engine, name)
    pairs = [(a, b) for a in edges(p) for b in edges(p)]
    left, right = le(*(a for a, _ in pairs)), le(*(b for _, b in pairs))
    assert integers(op("add", left, right)) == [(a + b) % p for a, b in pairs]
    assert integers(op("sub", left, right)) == [(a - b) % p for a, b in pairs]
    assert integers(op("mul", left, right)) == [a * b % p for a, b in pairs]


@pytest.mark.parametrize(("name", "p"), PRIMES)
def test_inverses(engine: Arithmetic, name: str, p: int) -> None:
    op = getattr(engine, name)
    values = edges(p)
    assert integers(op("inv", le(*values), b"")) == [pow(v, -1, p) if v else 0 for v in values]
    assert integers(op("inv", le(0), b"ignored")) == [0]
    assert op("inv", b"", b"") == b""


@pytest.mark.parametrize(("name", "p"), PRIMES)
@settings(deadline=None, max_examples=50)
@given(seed=st.data())
def test_operations_on_any_values(engine: Arithmetic, name: str, p: int, seed: st.DataObject) -> None:
    elements = st.lists(st.tuples(st.integers(0, p - 1), st.integers(0, p - 1)), max_size=5)
    pairs = seed.draw(elements)
    op = getattr(engine, name)
    left, right = le(*(a for a, _ in pairs)), le(*(b for _, b in pairs))
    assert integers(op("mul", left, right)) == [a * b % p for a, b in pairs]
    assert integers(op("sub", left, right)) == [(a - b) % p for a, b in pairs]


@pytest.mark.parametrize(("name", "p"), PRIMES)
@pytest.mark.parametrize("excess", [0, 1, 2**250], ids=["p", "p+1", "p+2^250"])
def test_values_that_are_not_canonical_are_refused(engine: Arithmetic, name: str, p: int, excess: int) -> None:
    op = getattr(engine, name)
    for operation in ("add", "sub", "mul"):
        with pytest.raises(ValueError, match=SILENT):
            op(operation, le(p + excess), le(1))
        with pytest.raises(ValueError, match=SILENT):
            op(operation, le(1), le(p + excess))
    with pytest.raises(ValueError, match=SILENT):
        op("inv", le(1, p + excess), b"")
    with pytest.raises(ValueError, match=SILENT):
        op("inv", b"\xff" * 32, b"")


@pytest.mark.parametrize("name", ["fr_op", "fq_op", "fq2_op"])
def test_malformed_calls_are_refused(engine: Arithmetic, name: str) -> None:
    op = getattr(engine, name)
    one = le(1, 0)
    for arguments in [
        ("add", one, one + one),
        ("mul", one[:-1], one[:-1]),
        ("pow", one, one),
        ("add", one, b""),
    ]:
        with pytest.raises(ValueError, match=SILENT):
            op(*arguments)


def fq2_mul(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return (a[0] * b[0] - a[1] * b[1]) % Q, (a[0] * b[1] + a[1] * b[0]) % Q


def test_fq2(engine: Arithmetic) -> None:
    values = [0, 1, 2, Q - 1, Q - 2, pow(2, 256, Q), Q // 2]
    elements = [(a, b) for a in values for b in values]
    pairs = [(a, b) for a in elements for b in elements]
    left = le(*(c for a, _ in pairs for c in a))
    right = le(*(c for _, b in pairs for c in b))

    def flat(items: list[tuple[int, int]]) -> list[int]:
        return [c for item in items for c in item]

    assert integers(engine.fq2_op("mul", left, right)) == flat([fq2_mul(a, b) for a, b in pairs])
    sums = [((a[0] + b[0]) % Q, (a[1] + b[1]) % Q) for a, b in pairs]
    assert integers(engine.fq2_op("add", left, right)) == flat(sums)
    differences = [((a[0] - b[0]) % Q, (a[1] - b[1]) % Q) for a, b in pairs]
    assert integers(engine.fq2_op("sub", left, right)) == flat(differences)

    inverses = integers(engine.fq2_op("inv", le(*flat(elements)), b""))
    for a, inverse in zip(elements, zip(inverses[::2], inverses[1::2], strict=True), strict=True):
        assert fq2_mul(a, inverse) == ((1, 0) if any(a) else (0, 0))
    with pytest.raises(ValueError, match=SILENT):
        engine.fq2_op("add", le(0, Q), le(0, 0))
    with pytest.raises(ValueError, match=SILENT):
        engine.fq2_op("inv", le(1), b"")
