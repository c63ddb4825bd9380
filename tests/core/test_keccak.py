"""Keccak-256 of both engines against pycryptodome's."""

from __future__ import annotations

from random import Random

import pytest
from eth_hash.auto import keccak

from zkmargin.backend import Arithmetic
from zkmargin.encoding import keccak256


def test_all_lengths_around_blocks(engine: Arithmetic) -> None:
    """136 bytes fill a block; the padding has one byte at least and two marks, which may be one byte."""
    random = Random(1)
    for length in [*range(420), 1 << 16, (1 << 16) + 1, 200_000]:
        message = random.randbytes(length)
        assert engine.keccak256(message) == keccak(message) == keccak256(message)


@pytest.mark.parametrize("message", ["", None, 3, [1]], ids=repr)
def test_bytes_only(engine: Arithmetic, message: object) -> None:
    with pytest.raises(TypeError):
        engine.keccak256(message)  # type: ignore[arg-type]
