"""``zkmargin audit`` as it is typed: exit codes, what is printed, the page, evidence of equivocation, bad input."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from attesting import ATTESTOR_KEYS, ATTESTORS, NOW
from audit_world import (
    BASE,
    MAINNET,
    RULES_TEXT,
    SOL,
    Stage,
    lying,
    observed_bundle,
    only,
    policy,
    priced,
    registry_of,
    rooted,
    signed,
    sol_layout,
)
from calling import Called, call
from stub_node import answering

from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.attestations.collateral.equivocation import EquivocationDocument, require_equivocation
from zkmargin.encoding import hex_bytes
from zkmargin.verifier.audit.report import AuditReport

pytestmark = pytest.mark.chain


class Auditor:
    """A folder with what an auditor has, and the command."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.folder = folder
        (folder / "policy.json").write_bytes(policy().to_bytes())
        own = registry_of(*stage.registry.layouts, sol_layout())
        (folder / "layouts.json").write_bytes(own.to_bytes())
        (folder / "market.json").write_bytes(priced({SOL: 7}).to_bytes())
        (folder / "audited.yaml").write_bytes(RULES_TEXT)

    def write(self, bundle: Bundle, name: str = "bundle") -> Path:
        bundle.write(self.folder / name)
        return self.folder / name

    def audit(self, bundle: Path, *more: object, **given: Any) -> Called:
        layouts = ["--layouts", self.folder / "layouts.json"] if given.get("layouts", True) else []
        return call("audit", bundle, "--policy", self.folder / "policy.json", "--at", NOW, *layouts, *more)


@pytest.fixture
def auditor(stage: Stage, tmp_path: Path) -> Auditor:
    return Auditor(stage, tmp_path)


def test_a_clean_bundle_ends_with_0(stage: Stage, auditor: Auditor) -> None:
    bundle = auditor.write(stage.first)
    called = auditor.audit(bundle)
    assert called.code == 0, called.out + called.err
    assert called.out.startswith("holds: number 1 of epoch ")
    for word in ("A1 ", "A14", "A16", "not done", "not independently confirmed", "8 proven, 0 observed"):
        assert word in called.out
    told = auditor.audit(bundle, "--json")
    assert told.code == 0
    report = AuditReport.parse(json.dumps(told.json["report"]).encode())
    assert report.holds
    assert told.json["evidence"] == []


def test_a_finding_ends_with_1(stage: Stage, auditor: Auditor) -> None:
    token = stage.line(BASE, "token")
    bundle = auditor.write(lying(stage.first, only(token.cid, amount=501)))
    called = auditor.audit(bundle)
    assert called.code == 1
    assert called.out.startswith("fails")
    place = next(at for at, line in enumerate(stage.first.openings.leaves) if line.cid == token.cid)
    assert f"E_BALANCE_SHORT (A10) leaves[{place}]" in called.out
    assert "expected 500" in called.out
    told = auditor.audit(bundle, "--json")
    assert (told.code, told.json["report"]["holds"]) == (1, False)
    assert {entry["code"] for entry in told.json["report"]["findings"]} == {"E_BALANCE_SHORT", "E_ALLOC_RAISED"}


def test_without_layouts_of_ones_own_it_ends_with_1(stage: Stage, auditor: Auditor) -> None:
    bundle = auditor.write(stage.first)
    called = auditor.audit(bundle, "--json", layouts=False)
    assert (called.code, called.json["report"]["layouts"]) == (1, "bundle")
    assert [(entry["code"], entry["path"]) for entry in called.json["report"]["findings"]] == [
        ("E_LAYOUT_UNKNOWN", "layouts.json")
    ]
    assert {step["verdict"] for step in called.json["report"]["steps"] if step["step"] not in ("A8", "A15", "A16")} == {
        "pass"
    }
    reviewed = auditor.audit(bundle, "--layouts", bundle / "layouts.json", layouts=False)
    assert reviewed.code == 0


def test_a_market_values_what_is_covered(stage: Stage, auditor: Auditor) -> None:
    bundle = auditor.write(observed_bundle(stage.first))
    market = ("--market", auditor.folder / "market.json", "--rules", auditor.folder / "audited.yaml")
    called = auditor.audit(bundle, *market)
    assert called.code == 0, called.out
    assert "observed    0.03 usd, 100.00%" in called.out  # 5,000 lamports at 7 millionths
    assert "attested, not proven: leaves[" in called.out
    assert called.out.count("not priced") == 6
    stale = auditor.audit(bundle, *market, "--at", NOW + 100, "--json")
    assert {entry["code"] for entry in stale.json["report"]["findings"]} == {"E_PRICE_STALE"}


def test_own_nodes(stage: Stage, auditor: Auditor) -> None:
    bundle = auditor.write(stage.first)
    urls = {name: chain.url for name, chain in stage.world.chains.items()}
    nodes = [word for name, url in urls.items() for word in ("--node", f"{name}={url}")]
    called = auditor.audit(bundle, *nodes)
    assert (called.code, called.out.count("confirmed on the auditor's")) == (0, 2)
    crossed = auditor.audit(bundle, "--node", f"{BASE}={urls[MAINNET]}", "--json")
    assert (crossed.code, crossed.json["error"]["code"]) == (2, "E_RPC_CHAIN_ID")
    forked = {"eth_chainId": "0x2105", "eth_getBlockByNumber": {"hash": "0x" + "11" * 32}}
    with answering(forked) as url:
        called = auditor.audit(bundle, "--node", f"{BASE}={url}", "--json")
        assert called.code == 1
        assert [(entry["step"], entry["code"]) for entry in called.json["report"]["findings"]] == [("A6", "E_REORG")]
    silent = auditor.audit(bundle, "--node", f"{BASE}={url}", "--json")
    assert (silent.code, silent.json["error"]["code"]) == (2, "E_RPC")
    assert "secret" not in called.out + silent.out
    unasked = auditor.audit(bundle, "--node", f"eip155:10={url}")
    assert (unasked.code, "node was not asked" in unasked.out) == (0, True)


@pytest.mark.parametrize(
    ("node", "code"),
    [
        ("eip155:1", "E_USAGE"), ("=http://x", "E_ID_CANONICAL"), ("eip155:01=http://x", "E_ID_CANONICAL"),
        ("eip155:1=ftp://x/secret", "E_USAGE"), ("cosmos:hub-1=http://x/secret", "E_USAGE"), ("eip155:1=", "E_USAGE"),
    ],
)  # fmt: skip
def test_nodes_that_are_none(node: str, code: str, stage: Stage, auditor: Auditor) -> None:
    called = auditor.audit(auditor.write(stage.first), "--node", node, "--json")
    assert (called.code, called.json["error"]["code"]) == (2, code)
    assert "secret" not in called.out + called.err


def test_the_page(stage: Stage, auditor: Auditor) -> None:
    """Every finding, every step, escaped; it loads nothing, runs nothing and is private."""
    token = stage.line(BASE, "token")
    bundle = auditor.write(lying(observed_bundle(stage.first), only(token.cid, amount=501), checkpoints=(
        observed_bundle(stage.first).document.checkpoints)))  # fmt: skip
    (bundle / "<script>alert(1)</script>").mkdir(parents=True)
    (bundle / "<img src=x onerror=alert(2)>").write_text("")
    out = auditor.folder / "out.html"
    called = auditor.audit(bundle, "--report", out, "--market", auditor.folder / "market.json")
    assert called.code == 1
    assert out.stat().st_mode & 0o777 == 0o600
    text = out.read_text()
    assert "default-src 'none'" in unescape(text)
    for loud in ("<script", "<img", "onerror=alert(2)>", "http://", "https://", "@import", "url("):
        assert loud not in text
    shown = unescape(" ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL).split()))
    for word in ("E_BALANCE_SHORT · A10", "expected: 500", "Attested, not proven", "Fails: 5 findings", "A14"):
        assert word in shown
    assert "<img src=x onerror=alert(2)>" in shown
    again = auditor.audit(bundle, "--report", out, "--json")
    assert (again.code, again.json["error"]["code"]) == (2, "E_FILE")
    assert out.read_text() == text
    assert auditor.audit(bundle, "--report", out, "--force").code == 1
    clean = auditor.audit(auditor.write(stage.first, "clean"), "--report", out, "--force")
    assert clean.code == 0
    assert "Holds: no step found a fault" in out.read_text()


def test_equivocation_is_written_as_evidence(stage: Stage, auditor: Auditor) -> None:
    bundle = auditor.write(stage.first)
    other = signed(rooted(stage.first, issued_at=NOW - 1), ATTESTOR_KEYS[1:])
    seen = auditor.folder / "seen.json"
    seen.write_bytes(other.document.to_bytes())
    out = auditor.folder / "pages"
    out.mkdir()
    called = auditor.audit(bundle, "--seen", seen, "--report", out / "page.html", "--json")
    assert called.code == 1
    (finding,) = called.json["report"]["findings"]
    assert (finding["step"], finding["code"], finding["path"]) == ("A3", "E_EQUIVOCATION", "root.seq")
    (path,) = called.json["evidence"]
    assert Path(path).parent == out
    evidence = EquivocationDocument.read(path)
    common = require_equivocation(evidence, domain=policy().domain, attestors=ATTESTORS)
    assert common == (ATTESTOR_KEYS[1].address,)
    shown = call("audit", path, "--policy", auditor.folder / "policy.json")
    assert shown.code == 0
    assert hex_bytes(common[0]) in shown.out
    told = call("audit", path, "--policy", auditor.folder / "policy.json", "--json")
    assert told.json["signers"] == [hex_bytes(common[0])]
    before = Path(path).read_bytes()
    again = auditor.audit(bundle, "--seen", seen, "--report", out / "second.html", "--json")
    assert (again.code, again.json["error"]["code"]) == (2, "E_FILE")  # nothing is replaced, nothing half done
    assert Path(path).read_bytes() == before
    assert not (out / "second.html").exists()
    chosen = auditor.folder / "chosen.json"
    assert auditor.audit(bundle, "--seen", seen, "--evidence-out", chosen).code == 1
    assert EquivocationDocument.read(chosen) == evidence
    assert auditor.audit(bundle, "--seen", seen, "--evidence-out", chosen).code == 2


def test_the_root_before_under_the_same_number(stage: Stage, auditor: Auditor) -> None:
    """The bundle that is called the one before is the other story."""
    bundle, before = auditor.write(stage.first), auditor.write(rooted(stage.first, issued_at=NOW - 1), "before")
    called = auditor.audit(bundle, "--previous", before, "--evidence-out", auditor.folder / "evidence.json", "--json")
    assert {(entry["step"], entry["code"]) for entry in called.json["report"]["findings"]} == {
        ("A3", "E_EQUIVOCATION"), ("A3", "E_ROOT_CHAIN"),
    }  # fmt: skip
    assert (auditor.folder / "evidence.json").exists()
    bare = replace(stage.first, document=stage.first.document.model_copy(update={"signatures": ()}))
    unsigned = auditor.write(replace(bare, document=rooted(stage.first, issued_at=5).document.model_copy(
        update={"signatures": ()})), "unsigned")  # fmt: skip
    called = auditor.audit(bundle, "--previous", unsigned, "--json")
    assert ("A3", "E_EQUIVOCATION") in {(entry["step"], entry["code"]) for entry in called.json["report"]["findings"]}
    assert called.json["evidence"] == []


def test_false_evidence_ends_with_1(stage: Stage, auditor: Auditor) -> None:
    from zkmargin.attestations.collateral.equivocation import find_equivocation

    other = rooted(stage.first, issued_at=NOW - 1)
    (evidence,) = find_equivocation([stage.first.document, other.document], policy().domain, ATTESTORS)
    roots = tuple(entry.model_copy(update={"signatures": entry.signatures[::-1]}) for entry in evidence.roots)
    path = auditor.folder / "false.json"
    path.write_bytes(evidence.model_copy(update={"roots": roots}).to_bytes())
    called = call("audit", path, "--policy", auditor.folder / "policy.json", "--json")
    assert (called.code, called.json["error"]["code"]) == (1, "E_SIG_ORDER")


@pytest.mark.parametrize(
    "option", ["--policy", "--layouts", "--previous", "--seen", "--revocation", "--market", "--prices", "--rules"]
)
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff", b'{"type":"zkmargin/policy","version":"1"}'])
def test_input_that_cannot_be_used_ends_with_2(
    option: str, content: bytes | None, stage: Stage, auditor: Auditor
) -> None:
    bundle, bad = auditor.write(stage.first), auditor.folder / "bad"
    if content is not None:
        bad.write_bytes(content)
    market = ["--market", auditor.folder / "market.json"] if option in ("--prices", "--rules") else []
    called = auditor.audit(bundle, *market, option, bad, "--json")
    assert called.code == 2, called.out
    assert called.json["error"]["code"] not in ("E_INTERNAL", "")
    assert json.loads(called.out)


def test_bundles_that_are_none(auditor: Auditor) -> None:
    missing = auditor.audit(auditor.folder / "nowhere", "--json")
    assert (missing.code, missing.json["error"]["code"]) == (2, "E_FILE")
    empty = auditor.folder / "empty"
    empty.mkdir()
    assert auditor.audit(empty).code == 1
    other = auditor.audit(auditor.folder / "market.json", "--json")
    assert (other.code, other.json["error"]["code"]) == (2, "E_VERSION")
    (auditor.folder / "policy.json").write_bytes(policy(collateral=None).to_bytes())
    assert auditor.audit(empty, "--json").json["error"]["code"] == "E_USAGE"
