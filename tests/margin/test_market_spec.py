"""The examples of specs/market.md run, and say what it says."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_examples(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    known = {"scratch": tmp_path}
    result = doctest.testfile(str(ROOT / "specs" / "market.md"), module_relative=False, extraglobs=known)
    assert result.attempted >= 15
    assert result.failed == 0
