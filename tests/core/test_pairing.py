"""The pairing against py_ecc, and its laws. Both engines."""

from __future__ import annotations

import pytest
from points import G1_INFINITY, G2_INFINITY, SILENT, bn254, g1, g2, integers, le, negate

from zkmargin.backend import Arithmetic
from zkmargin.field import FR_MODULUS as R

ONE = le(1, *[0] * 11)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 3), (R - 1, 1), (987654321, R - 123456789)])
def test_agrees_with_py_ecc(engine: Arithmetic, a: int, b: int) -> None:
    expected = bn254.pairing(bn254.multiply(bn254.G2, b), bn254.multiply(bn254.G1, a))
    assert integers(engine.pairing(g1(a), g2(b))) == [int(c) for c in expected.coeffs]


def test_bilinear_and_not_degenerate(engine: Arithmetic) -> None:
    assert engine.pairing(g1(6), g2(35)) == engine.pairing(g1(210), g2(1)) == engine.pairing(g1(1), g2(210))
    assert engine.pairing(g1(1), g2(1)) != ONE
    assert engine.pairing(negate(g1(4)), g2(1)) == engine.pairing(g1(4), negate(g2(1)))


def test_infinity_pairs_to_one(engine: Arithmetic) -> None:
    assert engine.pairing(G1_INFINITY, g2(3)) == ONE
    assert engine.pairing(g1(3), G2_INFINITY) == ONE
    assert engine.pairing(G1_INFINITY, G2_INFINITY) == ONE


def test_products(engine: Arithmetic) -> None:
    assert engine.pairing_check(b"", b"")
    assert engine.pairing_check(g1(6) + negate(g1(2)), g2(5) + g2(15))
    assert not engine.pairing_check(g1(6) + negate(g1(2)), g2(5) + g2(16))
    assert not engine.pairing_check(g1(1), g2(1))
    assert engine.pairing_check(g1(1) + G1_INFINITY + g1(R - 1), g2(7) + g2(5) + g2(7))
    assert engine.pairing_check(g1(3) + g1(4) + negate(g1(1)), g2(2) + g2(5) + g2(26))


def test_malformed_calls_are_refused(engine: Arithmetic) -> None:
    for call in (
        lambda: engine.pairing(g1(1) * 2, g2(1)),
        lambda: engine.pairing(b"", b""),
        lambda: engine.pairing_check(g1(1) * 2, g2(1)),
        lambda: engine.pairing_check(g1(1)[1:], g2(1)),
        lambda: engine.pairing(le(1, 1), g2(1)),
        lambda: engine.pairing(g1(1), le(1, 1, 1, 1)),
    ):
        with pytest.raises(ValueError, match=SILENT):
            call()
