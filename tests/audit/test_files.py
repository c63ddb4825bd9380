"""A1: what lies in the folder. Nothing in it counts that no step judges, and nothing outside it counts at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from audit_world import BASE, Stage, failed, lying, only, verdicts

from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.schema import Document
from zkmargin.errors import SchemaType, ZkMarginError
from zkmargin.verifier.audit import root_steps
from zkmargin.verifier.audit.audit import STEPS, Step, judge
from zkmargin.verifier.audit.report import AuditReport
from zkmargin.verifier.audit.work import Inputs, Sheet, Work

pytestmark = pytest.mark.chain


@pytest.fixture
def folder(stage: Stage, tmp_path: Path) -> Path:
    """An honest bundle, written."""
    stage.first.write(tmp_path / "bundle")
    return tmp_path / "bundle"


def _edit(path: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))


def _report(stage: Stage, folder: Path, **given: Any) -> AuditReport:
    report = stage.audit_folder(folder, **given).report
    assert not report.holds
    return report


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("root.json", "root"), ("openings.json", "leaves"), ("layouts.json", "layouts"),
        ("bindings/000000.json", "binding"),
    ],
)  # fmt: skip
def test_a_field_that_nobody_knows(name: str, part: str, stage: Stage, folder: Path) -> None:
    def add(document: Any) -> None:
        inner = document[part][0] if isinstance(document[part], list) else document[part]
        inner["note2"] = "0"

    _edit(folder / name, add)
    report = _report(stage, folder)
    assert failed(report)["A1"] == {"E_SCHEMA_UNKNOWN_FIELD"}
    (found,) = (entry for entry in report.findings if entry.step == "A1" and "FIELD" in entry.code)
    index = "[0]" if part in ("leaves", "layouts") else ""
    assert found.path == f"{name}: {part}{index}.note2"
    if name == "root.json":
        assert {step for step, verdict in verdicts(report).items() if verdict == "notJudged"} >= {
            "A2",
            "A3",
            "A4",
            "A5",
            "A6",
        }


def test_evidence_that_cannot_be_read(stage: Stage, folder: Path) -> None:
    """One line's file is broken: A1 says so, what rests on it is not judged, all the rest is."""
    line = stage.line(BASE, "token")
    _edit(folder / line.evidence, lambda document: document.update(note="x"))
    report = _report(stage, folder)
    assert failed(report) == {"A1": {"E_SCHEMA_UNKNOWN_FIELD"}}
    assert verdicts(report)["A5"] == "pass"
    assert {verdicts(report)[f"A{n}"] for n in (7, 8, 10, 11, 12, 14)} == {"notJudged"}
    assert next(step.why for step in report.steps if step.step == "A8").startswith("1 balances whose evidence")
    assert (report.coverage.proven_lines, report.coverage.unshown_lines) == (7, 1)


def _symlink_evidence(stage: Stage, folder: Path) -> None:
    path = folder / stage.line(BASE, "token").evidence
    path.rename(folder.parent / "elsewhere.json")
    path.symlink_to(folder.parent / "elsewhere.json")


def _symlink_folder(_: Stage, folder: Path) -> None:
    (folder / "ev").rename(folder.parent / "ev")
    (folder / "ev").symlink_to(folder.parent / "ev")


def _symlink_root(_: Stage, folder: Path) -> None:
    (folder / "root.json").rename(folder.parent / "root.json")
    (folder / "root.json").symlink_to(folder.parent / "root.json")


@pytest.mark.parametrize("act", [_symlink_evidence, _symlink_folder, _symlink_root])
def test_links_are_no_files_of_a_bundle(act: Callable[[Stage, Path], None], stage: Stage, folder: Path) -> None:
    """What was judged would not be what is kept."""
    act(stage, folder)
    assert "E_FILE" in failed(_report(stage, folder))["A1"]
    with pytest.raises(ZkMarginError):  # nor for an attestor
        Bundle.read(folder)


@pytest.mark.parametrize(
    "name",
    ["audit-passed.txt", "ev/000099.txt", "ev/deeper/1.json", "policy.json", ".hidden", "bindings/x", "extra/1.json",
     "\x1b[2Jroot.json"],
)  # fmt: skip
def test_what_is_no_part_of_a_bundle(name: str, stage: Stage, folder: Path) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(stage.first.document.to_bytes())
    report = _report(stage, folder)
    assert failed(report) == {"A1": {"E_SCHEMA_TYPE"}}
    for entry in report.findings:
        assert entry.path.isprintable()
        assert entry.path.split("/")[0] in name.replace("\x1b", "\\x1b")


def test_evidence_that_no_line_names(stage: Stage, folder: Path) -> None:
    (folder / "ev" / "000099.json").write_bytes(stage.first.evidence[stage.line(BASE, "token").evidence].to_bytes())
    report = _report(stage, folder)
    assert failed(report) == {"A1": {"E_SCHEMA_TYPE"}}
    assert [entry.path for entry in report.findings] == ["ev/000099.json"]


@pytest.mark.parametrize(
    "name", ["../elsewhere.json", "ev/../../elsewhere.json", "/etc/passwd", "ev/1.json/..", "root.json"]
)
def test_evidence_from_elsewhere(name: str, stage: Stage, tmp_path: Path) -> None:
    """A line names a file outside: it is never opened, and the line is not shown."""
    line = stage.line(BASE, "token")
    (tmp_path / "elsewhere.json").write_bytes(stage.first.evidence[line.evidence].to_bytes())
    kept = {key: entry for key, entry in stage.first.evidence.items() if key != line.evidence}
    bundle = lying(replace(stage.first, evidence=kept), only(line.cid, evidence=name))
    report = stage.audit(bundle, tmp_path).report
    assert failed(report) == {"A1": {"E_SCHEMA_TYPE"}}
    assert (report.findings[0].path, report.findings[0].got) == ("openings.json: leaves", name)
    assert report.coverage.unshown_lines == 1
    assert not report.holds


@pytest.mark.parametrize("name", ["account", "asset", "chain", "custody"])
def test_names_have_one_spelling(name: str, stage: Stage, tmp_path: Path) -> None:
    """Two spellings of one account would be two lines of the same coins."""
    line = stage.line(BASE, "token")
    bad = {name: getattr(line, name).upper()}
    leaves = tuple(entry.model_copy(update=bad) if entry.cid == line.cid else entry
                   for entry in stage.first.openings.leaves)  # fmt: skip
    openings = stage.first.openings.model_copy(update={"leaves": leaves})
    report = stage.audit(replace(stage.first, openings=openings), tmp_path).report
    place = next(at for at, entry in enumerate(leaves) if entry.cid == line.cid)
    assert failed(report) == {"A1": {"E_ID_CANONICAL"}, "A4": {"E_LEAVES_HASH"}}
    found = [entry.path for entry in report.findings if entry.step == "A1"]
    assert found == [f"leaves[{place}].{name}"]
    for step in (5, 7, 8, 10, 11, 12, 13, 14):
        assert verdicts(report)[f"A{step}"] == "notJudged"


def test_an_empty_folder(stage: Stage, tmp_path: Path) -> None:
    report = _report(stage, tmp_path)
    assert failed(report) == {"A1": {"E_FILE"}}
    assert [entry.path for entry in report.findings] == ["openings.json", "root.json", "layouts.json"]
    assert {verdict for step, verdict in verdicts(report).items() if step not in ("A1", "A15", "A16")} == {"notJudged"}
    assert report.root is None


def test_a_file_that_cannot_be_read(stage: Stage, folder: Path) -> None:
    path = folder / "bindings" / "000000.json"
    path.unlink()
    path.mkdir()
    report = _report(stage, folder)
    assert failed(report)["A1"] >= {"E_FILE"}
    os.rmdir(path)


def test_defects_are_not_swallowed(stage: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only errors of this project are findings: anything else ends the audit, in a parser as in a step."""

    def broken(*_: object) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr(root_steps, "require_leaves", broken)
    with pytest.raises(KeyError):
        stage.audit_folder(folder)
    monkeypatch.undo()
    monkeypatch.setattr(Document, "parse", classmethod(broken))
    with pytest.raises(KeyError):
        stage.audit_folder(folder)


def test_a_step_more_is_one_entry_more(stage: Stage, folder: Path) -> None:
    """Whatever it notes is in the report."""

    def look(work: Work, sheet: Sheet) -> None:
        sheet.report(SchemaType(f"{len(work.lines)} lines", where="log"))

    bundle = Bundle.read(folder)
    parts = stage_parts(bundle)
    given = stage_inputs(stage, parts)
    report = judge(given, (*STEPS, Step("A17", "another", look))).report
    assert failed(report) == {"A17": {"E_SCHEMA_TYPE"}}


def stage_parts(bundle: Bundle) -> Any:
    from zkmargin.attestations.collateral.bundle import Parts

    return Parts(
        bundle.document, bundle.openings, bundle.registry, bundle.evidence, bundle.bindings, bundle.allocations
    )


def stage_inputs(stage: Stage, parts: Any) -> Inputs:
    from audit_world import policy

    mine = policy()
    assert mine.collateral is not None
    return Inputs(parts, (), mine, mine.collateral, registry=stage.registry, clock=2**40)
