"""The number-theoretic transform against its definition. Both engines."""

from __future__ import annotations

import random

import pytest
from points import SILENT, integers, le

from zkmargin.backend import Arithmetic
from zkmargin.field import FR_MODULUS as R


def root(log_size: int) -> int:
    """snarkjs's root: ``(5^((r-1)/2^28))^(2^(28-k))``."""
    return pow(pow(5, (R - 1) // 2**28, R), 2 ** (28 - log_size), R)


def test_the_root_is_primitive() -> None:
    for log_size in range(1, 29):
        assert pow(root(log_size), 2 ** (log_size - 1), R) == R - 1


@pytest.mark.parametrize("log_size", range(7))
def test_agrees_with_the_definition(engine: Arithmetic, log_size: int) -> None:
    size, w = 1 << log_size, root(log_size) if log_size else 1
    values = [random.Random(log_size).randrange(R) for _ in range(size - 1)] + [R - 1]
    expected = [sum(v * pow(w, j * k, R) for j, v in enumerate(values)) % R for k in range(size)]
    assert integers(engine.ntt(le(*values), False)) == expected
    assert integers(engine.ntt(le(*expected), True)) == values


@pytest.mark.parametrize("log_size", [8, 11, 13])
def test_round_trip(engine: Arithmetic, log_size: int) -> None:
    values = le(*(random.Random(5).randrange(R) for _ in range(1 << log_size)))
    assert engine.ntt(engine.ntt(values, False), True) == values
    assert engine.ntt(engine.ntt(values, True), False) == values


def test_multiplies_polynomials(engine: Arithmetic) -> None:
    a, b = [3, 1, 4, 1, 5], [9, 2, 6, 5]
    product = [0] * 8
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] += x * y
    left = engine.ntt(le(*a, *[0] * 3), False)
    right = engine.ntt(le(*b, *[0] * 4), False)
    assert integers(engine.ntt(engine.fr_op("mul", left, right), True)) == product


def test_other_sizes_are_refused(engine: Arithmetic) -> None:
    for values in (b"", le(1, 2, 3), le(*[0] * 6), le(1)[:-1], le(1, R)):
        with pytest.raises(ValueError, match=SILENT):
            engine.ntt(values, False)
