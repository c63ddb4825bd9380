"""The examples of specs/market.md run, and say what it says."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = doctest.testfile(str(ROOT / "specs" / "market.md"), module_relative=False)
    assert result.attempted >= 15
    assert result.failed == 0
