"""A15: the pledge log. Its operator rewrites, drops, forks and doubles; the audit says so, with evidence in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from audit_world import NOW, Stage, failed, policy, verdicts
from calling import call

from zkmargin.attestations.documents import OfflineDomain, Signers, sign
from zkmargin.attestations.keyfiles import party_of
from zkmargin.attestations.schema import Document
from zkmargin.attestations.signatures import SigningKey
from zkmargin.verifier.audit.work import PledgeLog
from zkmargin.verifier.registry.bundle import export_log, read_head, read_pages
from zkmargin.verifier.registry.documents import (
    LogEntry,
    LogEvidence,
    LogHead,
    LogHeadDocument,
    LogPage,
    PledgeReceiptDocument,
    RegisteredVenue,
    Registration,
    RegistrationDocument,
    RegistryTerms,
    SignedHead,
)
from zkmargin.verifier.registry.log import require_evidence
from zkmargin.verifier.registry.merkle import Tree, leaf_hash
from zkmargin.verifier.registry.registry import Registry

pytestmark = pytest.mark.chain
OPERATOR, *VENUES = (SigningKey(bytes([number]) * 32) for number in (81, 82, 83))
LENGTH = policy().epoch_length
TERMS = RegistryTerms(
    domain=policy().domain,
    operator=OPERATOR.address,
    epoch_length=LENGTH,
    epoch_lead=3600,
    clock_skew=60,
    venues=tuple(
        sorted(
            (
                RegisteredVenue(
                    venue_id=party_of(key.address), name=f"venue {n}", signers=Signers.of(key.address), attests=True
                )
                for n, key in enumerate(VENUES)
            ),
            key=lambda venue: venue.venue_id,
        )
    ),
)
SIGNING = TERMS.domain.signing()


def pledge(number: int, key: SigningKey, **changes: Any) -> RegistrationDocument:
    fields: dict[str, Any] = {
        "nullifier": number, "venue_id": party_of(key.address), "epoch": NOW // LENGTH, "issued_at": NOW,
        "expires_at": NOW + 60, "context": number, "vk_hash": bytes(32), "policy_id": bytes(32),
        "proof_hash": bytes(32),
    }  # fmt: skip
    pledged = Registration(**fields | changes)
    return RegistrationDocument(domain=TERMS.domain, registration=pledged, signatures=sign(pledged, SIGNING, [key]))


@dataclass(frozen=True)
class Kept:
    """An honest export, and what others kept while it grew."""

    folder: Path
    head: SignedHead
    receipt: PledgeReceiptDocument

    @property
    def entries(self) -> list[LogEntry]:
        return [entry for page in read_pages(self.folder) for entry in page.entries]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    url = f"sqlite:///{tmp_path / 'pledges.db'}"
    Registry.create(url, TERMS)
    with Registry(url, TERMS, OPERATOR, clock=lambda: NOW) as registry:
        receipts = [registry.register(pledge(number, VENUES[number % 2])) for number in range(1, 7)]
        head = registry.fresh_head()
        registry.register(pledge(9, VENUES[0]))
        export_log(registry, tmp_path / "log")
    return Kept(tmp_path / "log", SignedHead(head=head.head, signatures=head.signatures), receipts[2])


def rewrite(kept: Kept, entries: Sequence[LogEntry], at: int = NOW + 5) -> None:
    """The operator puts another log in the place of the honest one, and signs it."""
    head = LogHead(
        pledge_domain=SIGNING.pledge_domain,
        size=len(entries),
        root=Tree(leaf_hash(entry.canonical()) for entry in entries).root(),
        time=at,
    )
    signatures = sign(head, SIGNING, [OPERATOR])
    signed = SignedHead(head=head, signatures=signatures)
    page = LogPage(domain=TERMS.domain, first=0, entries=tuple(entries), heads=(signed,))
    (kept.folder / "entries-000000000.json").write_bytes(page.to_bytes())
    document = LogHeadDocument(domain=TERMS.domain, head=head, signatures=signatures)
    (kept.folder / "head.json").write_bytes(document.to_bytes())


def given(kept: Kept, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"folder": kept.folder, "terms": TERMS, "heads": (kept.head,), "receipts": (kept.receipt,)}
    return {"log": PledgeLog(**fields | changes)}


def test_an_honest_log_passes(stage: Stage, tmp_path: Path, kept: Kept) -> None:
    report = stage.audit(stage.first, tmp_path, **given(kept)).report
    assert report.holds, report.findings
    assert verdicts(report)["A15"] == "pass"
    (step,) = (step for step in report.steps if step.step == "A15")
    assert step.remarks[0] == "7 entries, 7 nullifiers, none at two venues at once"
    assert any("7 pledges on their venue's word" in text for text in step.remarks)
    alone = stage.audit_folder(tmp_path / "bundle", **given(kept, heads=(), receipts=())).report
    (step,) = (step for step in alone.steps if step.step == "A15")
    assert any("another log may have been shown" in text for text in step.remarks)
    assert not any("the registry's word" in text for text in step.remarks)
    for less in ({"heads": ()}, {"receipts": ()}):
        some = stage.audit_folder(tmp_path / "bundle", **given(kept, **less)).report
        assert not any("another log" in text for step in some.steps for text in step.remarks)


def _rewritten(entries: list[LogEntry]) -> list[LogEntry]:
    other = pledge(3, VENUES[1], expires_at=NOW + 61)
    changed = entries[2].model_copy(update={"registration": other.registration, "signatures": other.signatures})
    return [*entries[:2], changed, *entries[3:]]


def _doubled(entries: list[LogEntry]) -> list[LogEntry]:
    other = pledge(3, VENUES[0], context=77)
    assert entries[2].venue_id != other.registration.venue_id
    again = entries[2].model_copy(
        update={
            "venue_id": other.registration.venue_id,
            "registration": other.registration,
            "signatures": other.signatures,
        }
    )
    return [*entries, again]


LIES = {
    "rewrites": (_rewritten, "E_LOG_FORK", "fork"),
    "drops from the middle": (lambda entries: [*entries[:4], *entries[5:]], "E_LOG_FORK", "fork"),
    "drops the end": (lambda entries: entries[:4], "E_LOG_FORK", "shrunk"),
    "pledges to two venues": (_doubled, "E_DOUBLE_PLEDGE", "double"),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_operator_who_lies_is_convicted_by_a_file(lie: str, stage: Stage, tmp_path: Path, kept: Kept) -> None:
    change, code, kind = LIES[lie]
    rewrite(kept, change(kept.entries))
    outcome = stage.audit(stage.first, tmp_path, **given(kept))
    assert failed(outcome.report) == {"A15": {code}}
    (evidence,) = outcome.log
    assert evidence.kind == kind
    require_evidence(LogEvidence.parse(evidence.to_bytes()), TERMS)


def test_terms_of_another_domain_and_of_other_epochs(stage: Stage, tmp_path: Path, kept: Kept) -> None:
    stage.first.write(tmp_path / "bundle")
    for changes, code in (
        ({"domain": OfflineDomain(salt=b"\x01" * 32)}, "E_DOMAIN"),
        ({"epoch_length": LENGTH + 1}, "E_EPOCH"),
        ({"operator": VENUES[0].address}, "E_RECEIPT"),
    ):
        terms = TERMS.model_copy(update=changes)
        report = stage.audit_folder(tmp_path / "bundle", **given(kept, terms=terms)).report
        assert failed(report) == {"A15": {code}}


def test_a_log_of_another_domain_by_its_own_terms(stage: Stage, tmp_path: Path) -> None:
    """Whole and honest, and about other pledges than the root's."""
    terms = TERMS.model_copy(update={"domain": OfflineDomain(salt=b"\x01" * 32)})
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    Registry.create(url, terms)
    with Registry(url, terms, OPERATOR, clock=lambda: NOW) as registry:
        export_log(registry, tmp_path / "log")
    report = stage.audit(stage.first, tmp_path, log=PledgeLog(tmp_path / "log", terms)).report
    assert failed(report) == {"A15": {"E_DOMAIN"}}


def test_a_folder_that_is_no_log_is_a_finding(stage: Stage, tmp_path: Path, kept: Kept) -> None:
    (kept.folder / "head.json").unlink()
    report = stage.audit(stage.first, tmp_path, **given(kept)).report
    assert failed(report) == {"A15": {"E_FILE"}}


def test_the_command_writes_the_evidence(stage: Stage, tmp_path: Path, kept: Kept) -> None:
    stage.first.write(tmp_path / "bundle")
    files: dict[str, Document] = {
        "policy.json": policy(),
        "layouts.json": stage.registry,
        "terms.json": TERMS,
        "receipt.json": kept.receipt,
        "kept.json": LogHeadDocument(domain=TERMS.domain, head=kept.head.head, signatures=kept.head.signatures),
    }
    for name, document in files.items():
        (tmp_path / name).write_bytes(document.to_bytes())
    command = ["audit", tmp_path / "bundle", "--policy", tmp_path / "policy.json", "--at", NOW, "--json"]
    command += ["--layouts", tmp_path / "layouts.json", "--evidence-out", tmp_path / "evidence.json"]
    log = ["--log", kept.folder, "--log-terms", tmp_path / "terms.json"]
    held = ["--log-head", tmp_path / "kept.json", "--pledge-receipt", tmp_path / "receipt.json"]
    assert call(*command, "--log", kept.folder).code == 2
    assert call(*command, *held).code == 2
    assert call(*command, *log, *held).code == 0
    assert read_head(kept.folder / "head.json").head.size == 7
    rewrite(kept, _rewritten(kept.entries))
    told = call(*command, *log, *held)
    assert told.code == 1
    evidence = tmp_path / "evidence.json"
    judged = call("registry", "check", evidence, "--terms", tmp_path / "terms.json", "--json")
    assert (judged.code, judged.json["convicts"], judged.json["kind"]) == (0, True, "fork")
