"""The examples of specs/collateral.md run as they stand, and its codes exist."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from zkmargin.cli.error_table import error_classes

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "specs" / "collateral.md"


def test_the_examples_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    results = doctest.testfile(str(SPEC), module_relative=False)
    assert results.failed == 0
    assert results.attempted >= 11


def test_the_codes_exist() -> None:
    known = {cls.code for cls in error_classes()}
    for code, star in re.findall(r"`(E_[A-Z0-9_]+)(\*?)`", SPEC.read_text()):
        assert code in known or (star and any(name.startswith(code) for name in known)), code
