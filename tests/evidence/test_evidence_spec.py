"""The examples of specs/evidence.md run as they stand."""

from __future__ import annotations

import doctest
from pathlib import Path

SPEC = Path(__file__).parents[2] / "specs" / "evidence.md"


def test_the_examples_hold() -> None:
    results = doctest.testfile(str(SPEC), module_relative=False)
    assert results.failed == 0
    assert results.attempted >= 12
