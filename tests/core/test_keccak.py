"""Keccak-256 of the core against pycryptodome's, which takes its place where the core is not built."""

from __future__ import annotations

from random import Random

import pytest
from eth_hash.auto import keccak

from zkmargin.backend import engines
from zkmargin.encoding import keccak256

needs_core = pytest.mark.skipif("rust" not in engines(), reason="the core is not built")


@needs_core
def test_all_lengths_around_blocks() -> None:
    """136 bytes fill a block; the padding has one byte at least and two marks, which may be one byte."""
    from zkmargin import _core

    random = Random(1)
    for length in [*range(420), 1 << 16, (1 << 16) + 1, 200_000]:
        message = random.randbytes(length)
        assert _core.keccak256(message) == keccak(message) == keccak256(message)


@needs_core
@pytest.mark.parametrize("message", ["", None, 3, [1]], ids=repr)
def test_bytes_only(message: object) -> None:
    from zkmargin import _core

    with pytest.raises(TypeError):
        _core.keccak256(message)  # type: ignore[arg-type]
