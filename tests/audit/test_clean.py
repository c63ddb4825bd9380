"""Audits of honest bundles: every step passes, and coverage says what is proven."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from attesting import ATTESTOR_KEYS, DOMAIN, NOW
from audit_world import (
    BASE,
    LAMPORTS,
    MAINNET,
    SOL,
    SOL_ACCOUNT,
    Stage,
    audited_rules,
    lying,
    observed_bundle,
    policy,
    priced,
    rooted,
    sol_line,
    successor,
    verdicts,
)

from zkmargin.attestations.collateral.documents import LeafOpeningsDocument
from zkmargin.attestations.documents import sign
from zkmargin.errors import FileUnreadable, UsageWrong
from zkmargin.verifier.audit.audit import STEPS, audit
from zkmargin.verifier.audit.report import AuditReport

pytestmark = pytest.mark.chain


def test_a_clean_bundle_passes(stage: Stage, tmp_path: Path) -> None:
    report = stage.audit(stage.first, tmp_path).report
    assert report.holds, report.findings
    expected = {step.name: "pass" for step in STEPS} | {"A15": "notDone", "A16": "notDone"}
    assert verdicts(report) == expected
    assert list(verdicts(report)) == [f"A{n}" for n in range(1, 17)]
    assert (report.coverage.lines, report.coverage.proven_lines, report.coverage.value) == (8, 8, None)
    assert report.root is not None
    assert report.root.root_digest == stage.first.document.digest
    assert (report.at, report.at_source, report.layouts) == (NOW, "issued", "own")
    assert any("not independently confirmed" in text for text in report.steps[5].remarks)
    assert AuditReport.parse(report.to_bytes()) == report


def test_the_root_after_it_passes(stage: Stage, tmp_path: Path) -> None:
    report = stage.audit(stage.second, tmp_path, previous=stage.first, seen=[stage.first.document]).report
    assert report.holds, report.findings
    moved_on = stage.audit_folder(tmp_path / "bundle", previous=stage.first, at=NOW + 1000).report
    assert (moved_on.holds, moved_on.at_source) == (True, "given")


def test_own_nodes_confirm_the_blocks(stage: Stage, tmp_path: Path) -> None:
    nodes = stage.world.readers()
    report = stage.audit(stage.first, tmp_path, nodes=nodes).report
    assert report.holds, report.findings
    assert [text for text in report.steps[5].remarks if "confirmed on the auditor's own node" in text] == list(
        report.steps[5].remarks
    )
    assert len(report.steps[5].remarks) == 2


def test_no_lines_are_fine(stage: Stage, tmp_path: Path) -> None:
    empty = lying(replace(stage.first, evidence={}, allocations=()), lambda _: None)
    assert empty.openings == LeafOpeningsDocument(leaves=())
    report = stage.audit(empty, tmp_path, market=priced({SOL: 1})).report
    assert report.holds, report.findings
    assert report.coverage.lines == 0
    assert report.coverage.value is not None
    assert report.coverage.value.proven_share == 0


def test_what_is_observed_is_listed_and_its_share_is_right(stage: Stage, tmp_path: Path) -> None:
    """900 tokens on each chain at 1.5 dollars, lamports at a tenth; the coins and the proxy have no price."""
    bundle = observed_bundle(stage.first)
    token = {chain: stage.line(chain, "token").asset for chain in (MAINNET, BASE)}
    market = priced({token[MAINNET]: 1_500_000, token[BASE]: 1_500_000, SOL: 100_000})
    report = stage.audit(bundle, tmp_path, market=market, rules=audited_rules()).report
    assert report.holds, report.findings
    coverage = report.coverage
    assert (coverage.lines, coverage.proven_lines, coverage.observed_lines, coverage.unshown_lines) == (9, 8, 1, 0)
    assert coverage.value is not None
    assert (coverage.value.proven, coverage.value.observed) == (1800 * 1_500_000, LAMPORTS * 100_000)
    assert coverage.value.proven_share == 10_000 * 2700 // 3200
    assert coverage.value.observed_share == 10_000 * 500 // 3200
    (line,) = coverage.observed
    assert (line.account, line.amount, line.value) == (SOL_ACCOUNT, LAMPORTS, LAMPORTS * 100_000)
    unpriced = {stage.line(chain, kind).asset for chain in (MAINNET, BASE) for kind in ("native", "proxy")}
    assert set(coverage.unpriced) == unpriced
    assert any("attested, not proven" in text for text in report.steps[8].remarks)
    bare = stage.audit_folder(tmp_path / "bundle").report.coverage
    assert bare.value is None
    assert set(bare.unpriced) == {entry.asset for entry in bare.assets}
    assert {entry.asset: entry.observed for entry in bare.assets if entry.observed} == {SOL: LAMPORTS}


def test_a_line_of_nothing_is_a_line(stage: Stage, tmp_path: Path) -> None:
    """It adds nothing, needs its evidence as any other, and does not grow within the epoch."""
    bundle = observed_bundle(stage.first, line=sol_line(0))
    assert stage.audit(bundle, tmp_path).report.holds
    (tmp_path / "later").mkdir()
    grown = lying(
        successor(bundle), lambda line: {"amount": LAMPORTS} if line.asset == SOL else {},
        checkpoints=bundle.document.checkpoints,
    )  # fmt: skip
    report = stage.audit(grown, tmp_path / "later", previous=bundle).report
    assert {(entry.step, entry.code) for entry in report.findings} == {("A12", "E_ALLOC_RAISED")}


def test_the_time_of_judgement(stage: Stage, tmp_path: Path) -> None:
    report = stage.audit(stage.first, tmp_path, clock=NOW - 3600).report
    assert {entry.code for entry in report.findings} == {"E_ROOT_NOT_YET_VALID"}
    late = stage.audit_folder(tmp_path / "bundle", at=NOW + 4000).report
    assert {entry.code for entry in late.findings} == {"E_ROOT_EXPIRED", "E_STALE_BLOCK"}
    assert {entry.path for entry in late.findings if entry.step == "A6"} == {
        f"checkpoints.{chain}" for chain in (MAINNET, BASE)
    }


def test_roots_that_were_not_published_are_remarked(stage: Stage, tmp_path: Path) -> None:
    report = stage.audit(rooted(stage.first, seq=4), tmp_path).report
    assert report.holds
    assert any("never published" in text for text in report.steps[2].remarks)
    once = rooted(stage.first, seq=2)
    one = sign(once.document.root, DOMAIN.signing(), ATTESTOR_KEYS[:1])
    seen = once.document.model_copy(update={"signatures": one})
    noted = stage.audit_folder(tmp_path / "bundle", seen=[seen]).report
    assert noted.holds
    assert any("1 valid signatures" in text for text in noted.steps[2].remarks)


def test_what_an_auditor_gives_must_be_usable(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable):
        audit(tmp_path / "nowhere", policy=policy(), clock=NOW)
    with pytest.raises(UsageWrong):
        audit(tmp_path, policy=policy(collateral=None), clock=NOW)
    with pytest.raises(UsageWrong):
        audit(tmp_path, policy=policy(), clock=NOW, rules=audited_rules())
