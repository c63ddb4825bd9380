"""What an audit could not judge, and what it passes over: said where it is, and never a pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from attesting import ATTESTOR_KEYS, DOMAIN
from audit_world import (
    BASE,
    MAINNET,
    RULES_TEXT,
    SOL,
    Stage,
    audited_rules,
    failed,
    priced,
    registry_of,
    rooted,
)

from zkmargin.attestations.collateral.documents import CollateralRootDocument
from zkmargin.attestations.documents import OfflineDomain, sign
from zkmargin.circuits.rules import parse_rules
from zkmargin.verifier.audit.coverage import prices_of
from zkmargin.verifier.audit.report import AuditReport
from zkmargin.verifier.audit.root_steps import NO_OPENINGS, NO_ROOT

pytestmark = pytest.mark.chain
ELSEWHERE = OfflineDomain(salt=b"\x01" * 32)
NO_LAYOUTS = "there is no registry of layouts"


def whys(report: AuditReport) -> dict[str, str | None]:
    """Of the steps that were not judged."""
    return {step.step: step.why for step in report.steps if step.verdict == "notJudged"}


def remarks(report: AuditReport, step: str) -> str:
    return "; ".join(next(entry.remarks for entry in report.steps if entry.step == step))


@pytest.mark.parametrize(
    ("name", "why", "steps"),
    [
        ("root.json", NO_ROOT, ("A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A11", "A12")),
        ("openings.json", NO_OPENINGS, ("A4", "A5", "A7", "A8", "A9", "A10", "A11", "A12", "A13", "A14")),
        ("layouts.json", NO_LAYOUTS, ("A8", "A13")),
    ],
)
def test_steps_say_what_they_lacked(name: str, why: str, steps: tuple[str, ...], stage: Stage, tmp_path: Path) -> None:
    stage.first.write(tmp_path / "bundle")
    (tmp_path / "bundle" / name).unlink()
    report = stage.audit_folder(tmp_path / "bundle", registry=None).report
    found = whys(report)
    assert {step: found.get(step) for step in steps} == dict.fromkeys(steps, why)
    assert not report.holds


def test_balances_without_a_layout_are_not_judged(stage: Stage, tmp_path: Path) -> None:
    missing = stage.registry.named(f"{BASE} token")
    own = registry_of(*(entry for entry in stage.registry.layouts if entry != missing))
    report = stage.audit(stage.first, tmp_path, registry=own).report
    assert failed(report) == {"A8": {"E_LAYOUT_UNKNOWN"}}
    assert whys(report)["A13"] == "1 balances without a layout (A8)"


def test_a_layout_of_which_the_attestors_say_otherwise(stage: Stage, tmp_path: Path) -> None:
    theirs = stage.registry.named(f"{BASE} token")
    other = theirs.model_copy(update={"code_hash": bytes(32)})
    own = registry_of(*(other if entry == theirs else entry for entry in stage.registry.layouts))
    report = stage.audit(stage.first, tmp_path, registry=own).report
    assert f"says otherwise of {theirs.name}" in remarks(report, "A8")
    assert not report.holds


def test_roots_of_elsewhere_are_not_passed_over(stage: Stage, tmp_path: Path) -> None:
    """A quorum signed them, of another domain: nobody left them out of this one."""
    rooted(stage.first, seq=4).write(tmp_path / "bundle")
    between = rooted(stage.first, seq=2).document.root
    moved = between.model_copy(update={"pledge_domain": ELSEWHERE.signing().pledge_domain})
    for domain, root, passed_over in (
        (DOMAIN, between, True),
        (ELSEWHERE, between, False),
        (ELSEWHERE, moved, False),
        (DOMAIN, moved, False),
    ):
        signatures = sign(root, domain.signing(), ATTESTOR_KEYS[:2])
        update = {"domain": domain, "root": root, "signatures": signatures}
        seen: CollateralRootDocument = stage.first.document.model_copy(update=update)
        report = stage.audit_folder(tmp_path / "bundle", seen=[seen]).report
        assert failed(report) == ({"A3": {"E_ROOT_CHAIN"}} if passed_over else {})
        assert ("no quorum of this domain" in remarks(report, "A3")) != passed_over


def test_the_root_before_names_its_own_set(stage: Stage, tmp_path: Path) -> None:
    document = stage.first.document
    others = document.attestors.model_copy(update={"set_nonce": 9})
    before = stage.first.__class__(
        **vars(stage.first) | {"document": document.model_copy(update={"attestors": others})}
    )
    report = stage.audit(stage.second, tmp_path, previous=before).report
    assert ("E_ATTESTOR_SET", "previous: attestors") in {(entry.code, entry.path) for entry in report.findings}


# --- the market -----------------------------------------------------------------------------------------------------


def test_a_market_that_names_another_domain(stage: Stage, tmp_path: Path) -> None:
    market = priced({SOL: 5}).model_copy(update={"domain": ELSEWHERE})
    assert failed(stage.audit(stage.first, tmp_path, market=market).report) == {"A16": {"E_DOMAIN"}}


def test_a_rule_set_that_is_not_the_snapshots(stage: Stage, tmp_path: Path) -> None:
    """Its bounds would say nothing of these tables."""
    other = parse_rules(RULES_TEXT.replace(b"name: audited", b"name: another"), "another.yaml")
    report = stage.audit(stage.first, tmp_path, market=priced({SOL: 5}), rules=other).report
    assert failed(report) == {"A16": {"E_VK"}}


def test_tables_that_break_their_rules(stage: Stage, tmp_path: Path) -> None:
    """Signed all the same: a unit value above the bound of the rule set."""
    dear = priced({SOL: 9_000_001})
    assert failed(stage.audit(stage.first, tmp_path, market=dear, rules=audited_rules()).report) == {
        "A16": {"E_CONDITION"}
    }
    unjudged = stage.audit_folder(tmp_path / "bundle", market=dear).report
    assert unjudged.holds
    assert "bounds and conditions were not held against" in remarks(unjudged, "A16")
    assert "the publishers' word" in remarks(unjudged, "A16")


def test_a_price_of_zero_is_a_price(stage: Stage) -> None:
    token = stage.line(MAINNET, "token").asset
    found = prices_of(priced({SOL: 0, token: -1}).market)
    assert found is not None
    assert found.values == {SOL: 0}
