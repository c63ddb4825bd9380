"""docs/trust.md has every error code in its place, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from zkmargin.cli.error_table import error_classes
from zkmargin.verifier.audit.audit import STEPS

PAGE = Path(__file__).parents[1] / "docs" / "trust.md"
DEFINITION = re.compile(r"^\[(E_[A-Z_0-9]+)\]: \.\./specs/errors\.md$", re.MULTILINE)


def test_every_code_is_said_and_linked() -> None:
    """A new error belongs to one of the page's tables, and to its links at the end, in alphabetical order."""
    text = PAGE.read_text()
    known = {cls.code for cls in error_classes()}
    linked = DEFINITION.findall(text)
    assert linked == sorted(known)
    assert set(re.findall(r"\[(E_[A-Z_0-9]+)\](?!:)", text)) == known
    assert not re.findall(r"(?<![\[A-Z_])E_[A-Z]", text)  # none without its link


def test_every_step_of_an_audit_has_its_row() -> None:
    rows = re.findall(r"^\| (A[0-9]+) \|", PAGE.read_text(), re.MULTILINE)
    assert rows == [f"A{number}" for number in range(1, 17)]
    assert {step.name for step in STEPS} <= set(rows)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((\.\./[^)#]+)", PAGE.read_text()):
        assert (PAGE.parent / target).is_file(), target
