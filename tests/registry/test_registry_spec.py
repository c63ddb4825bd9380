"""The page specs/registry.md: its examples run, its structures and codes are the code's."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from zkmargin.cli.error_table import error_classes
from zkmargin.verifier.registry.documents import LogHead, PledgeReceipt, Registration, Release
from zkmargin.verifier.schemas import DOCUMENTS

PAGE = Path(__file__).parents[2] / "specs" / "registry.md"


def test_examples() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.FAIL_FAST)
    assert found.failed == 0
    assert found.attempted >= 6


def test_structures_are_written_as_they_are_signed() -> None:
    text = PAGE.read_text()
    for model in (Registration, Release, PledgeReceipt, LogHead):
        members = ", ".join(f"{kind} {name}" for name, kind in model.STRUCTURE.members)
        assert f"| `{model.STRUCTURE.name}` | `{members}` |" in text


def test_codes_and_documents_exist() -> None:
    text = PAGE.read_text()
    known = {cls.code for cls in error_classes()}
    assert set(re.findall(r"`(E_[A-Z0-9_]+)`", text)) <= known
    assert set(re.findall(r"`(zkmargin/[a-z-]+)`", text)) <= {document.TYPE for document in DOCUMENTS}
