"""Poseidon agrees with circomlibjs at every width."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from zkmargin.backend import Arithmetic
from zkmargin.field import FR_MODULUS, decode_elements, encode_elements

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def cases(node: Any) -> list[tuple[list[int], int]]:
    rng = random.Random(16)
    inputs = [list(range(1, count + 1)) for count in range(1, 17)]
    inputs += [[rng.randrange(FR_MODULUS) for _ in range(count)] for count in range(1, 17) for _ in range(3)]
    inputs += [[0] * count for count in range(1, 17)]
    inputs += [[FR_MODULUS - 1] * count for count in range(1, 17)]
    done = node("poseidon.cjs", stdin=json.dumps([[str(value) for value in case] for case in inputs]))
    return list(zip(inputs, map(int, json.loads(done.stdout)), strict=True))


def test_poseidon(engine: Arithmetic, cases: list[tuple[list[int], int]]) -> None:
    for inputs, expected in cases:
        assert decode_elements(engine.poseidon(encode_elements(inputs))) == [expected]
