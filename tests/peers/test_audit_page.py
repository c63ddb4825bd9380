"""The page of an audit in headless Chromium: legible in both schemes, narrow enough, silent, and shut by its policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zkmargin.cli.report.audit_page import render
from zkmargin.verifier.audit.report import (
    AssetCoverage,
    Audited,
    AuditReport,
    Coverage,
    Finding,
    ObservedLine,
    StepResult,
    ValueCoverage,
)

pytestmark = [pytest.mark.node, pytest.mark.browser]
ACCOUNT = "eip155:8453:0x" + "a1" * 20
ASSET = "eip155:8453/erc20:0x" + "b2" * 20


def _report() -> AuditReport:
    """With words as long as they come."""
    steps = [
        StepResult(step=f"A{n}", title="state proofs and layouts", verdict=verdict, why="w" * 300, remarks=("r" * 500,))
        for n, verdict in enumerate(("pass", "fail", "notJudged", "notDone"), 1)
    ]  # type: ignore[var-annotated]
    finding = Finding(step="A8", code="E_LAYOUT_UNKNOWN", path="leaves[0]: " + "p" * 300, message="m" * 300,
                      expected="0x" + "e" * 1900, got="<b>g</b>" * 200, hint="do")  # fmt: skip
    asset = AssetCoverage(asset=ASSET, lines=2, proven=2**128, observed=2**128, unshown=0, unit_value=None)
    line = ObservedLine(
        line=3, account=ACCOUNT, asset=ASSET, custody=f"vault:{ACCOUNT}", amount=2**128 - 1, value=10**40
    )
    value = ValueCoverage(unit="USD", decimals=30, proven=10**45, observed=10**44, unshown=0, proven_share=9090,
                          observed_share=909, unshown_share=0)  # fmt: skip
    coverage = Coverage(lines=2, proven_lines=1, observed_lines=1, unshown_lines=0, value=value, assets=(asset,) * 3,
                        unpriced=(ASSET,), observed=(line,) * 3)  # fmt: skip
    root = Audited(root_digest=bytes(32), epoch=20833, seq=3, issued_at=1_800_000_000)
    return AuditReport(holds=False, root=root, policy="p" * 200, policy_id=bytes(32), at=1_800_000_000,
                       at_source="issued", layouts="own", steps=tuple(steps), findings=(finding,) * 3,
                       coverage=coverage)  # fmt: skip


@pytest.fixture(scope="module")
def seen(node: Any, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("audit-page")
    (folder / "page.html").write_text(render(_report()))
    return json.loads(node("page.cjs", folder / "page.html", chromium, folder).stdout)


def test_the_page_fits_and_loads_nothing(seen: Any) -> None:
    assert {look["width"] for look in seen["looks"]} == {375, 1280}
    for look in seen["looks"]:
        assert look["scrollWidth"] == look["width"]
        assert look["wide"] == []
        assert look["outside"] == []
        assert look["problems"] == []
        assert look["tables"] == 3
        assert min(entry["ratio"] for entry in look["dimmest"]) >= 4.5
    assert seen["shut"] is True
