"""The examples of specs/audit.md run as they stand; its steps and codes are the program's."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from zkmargin.cli.error_table import error_classes
from zkmargin.verifier.audit.audit import STEPS

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "specs" / "audit.md"


def test_the_examples_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    results = doctest.testfile(str(SPEC), module_relative=False)
    assert results.failed == 0
    assert results.attempted >= 11


def test_the_steps_are_all_there() -> None:
    assert re.findall(r"^\| (A[0-9]+) \|", SPEC.read_text(), re.MULTILINE) == [step.name for step in STEPS]
    for step in STEPS:
        assert (step.judge.__doc__ or "").startswith(f"{step.name}: ")


def test_the_codes_exist() -> None:
    known = {cls.code for cls in error_classes()}
    assert set(re.findall(r"`(E_[A-Z0-9_]+)`", SPEC.read_text())) <= known
