"""specs/clock.md does what it shows."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_the_page() -> None:
    page = Path(__file__).parents[2] / "specs" / "clock.md"
    found = doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted >= 12
    assert found.failed == 0
