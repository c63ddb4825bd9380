"""An audit: all steps in order, then coverage.                                      ATTESTATION §2.1, specs/audit.md

What a fault is, the checks of attestors and verifiers say; here each is noted and the next one tried. Nothing but
errors of this project is noted: any other one ends the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zkmargin.attestations.chains.layouts import LayoutRegistry
from zkmargin.attestations.chains.reader import ChainReader
from zkmargin.attestations.collateral.bundle import Bundle, read_parts, require_only_parts
from zkmargin.attestations.collateral.documents import CollateralRootDocument, RevokeRootDocument
from zkmargin.attestations.collateral.equivocation import EquivocationDocument
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.attestations.price_evidence import PriceEvidence
from zkmargin.circuits.rules import RuleSet
from zkmargin.errors import FileUnreadable, UsageWrong, ZkMarginError
from zkmargin.verifier.audit import line_steps, log_steps, market_steps, root_steps
from zkmargin.verifier.audit.coverage import cover
from zkmargin.verifier.audit.report import Audited, AuditReport
from zkmargin.verifier.audit.work import Inputs, PledgeLog, Sheet, Work
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.registry.documents import LogEvidence


@dataclass(frozen=True)
class Step:
    """A step of the audit; ``judge`` notes what it finds on its sheet, and in the work what later steps need."""

    name: str
    title: str
    judge: Callable[[Work, Sheet], None]


STEPS: Final = (
    Step("A1", "files and names", root_steps.judge_files),
    Step("A2", "attestors and signatures", root_steps.judge_signatures),
    Step("A3", "succession, no equivocation", root_steps.judge_succession),
    Step("A4", "openings are the signed ones", root_steps.judge_openings),
    Step("A5", "lines make the tree", root_steps.judge_tree),
    Step("A6", "checkpoints, finality, age", line_steps.judge_checkpoints),
    Step("A7", "evidence of those blocks", line_steps.judge_blocks),
    Step("A8", "state proofs and layouts", line_steps.judge_evidence),
    Step("A9", "observed lines", line_steps.judge_kinds),
    Step("A10", "balances cover their notes", line_steps.judge_balances),
    Step("A11", "one owner for each account", line_steps.judge_owners),
    Step("A12", "notes keep pocket and amount", line_steps.judge_notes),
    Step("A13", "no coins twice", line_steps.judge_custodies),
    Step("A14", "locks are the vaults'", line_steps.judge_locks),
    Step("A15", "pledge log", log_steps.judge_pledges),
    Step("A16", "market snapshot", market_steps.judge_market),
)
"""In the order in which they are judged: a step may use what those before it found out."""


@dataclass(frozen=True)
class Outcome:
    """The report, evidence of each number that attestors signed twice, and evidence against the log's operator."""

    report: AuditReport
    equivocation: tuple[EquivocationDocument, ...]
    log: tuple[LogEvidence, ...] = ()


def audit(
    folder: Path,
    *,
    policy: Policy,
    clock: int,
    at: int | None = None,
    previous: Bundle | None = None,
    seen: Iterable[CollateralRootDocument] = (),
    revocations: Iterable[RevokeRootDocument] = (),
    registry: LayoutRegistry | None = None,
    nodes: Mapping[str, ChainReader] | None = None,
    market: MarketSnapshotDocument | None = None,
    prices: PriceEvidence | None = None,
    rules: RuleSet | None = None,
    log: PledgeLog | None = None,
) -> Outcome:
    """What a bundle shows and where it fails; it holds where no step failed and none was left unjudged.

    ``clock``: the time now; ``at``: judge at this time instead of the root's own time of issue, unix seconds.
    ``nodes``: the auditor's own, by chain. Raises FileUnreadable where there is no folder, UsageWrong where the
    policy says nothing of collateral, and what is wrong with nodes (RpcUnavailable, RpcAnswer, RpcChainId).
    """
    if policy.collateral is None:
        raise UsageWrong("the policy says nothing of collateral", where="policy.collateral",
                         hint="`policy new --attestor --chain`")  # fmt: skip
    if market is None and (prices is not None or rules is not None):
        raise UsageWrong("evidence of prices and a rule set are judged with the market snapshot that they are for")
    if not folder.is_dir():
        raise FileUnreadable("no such folder", where=str(folder))
    faults: list[ZkMarginError] = []
    parts = read_parts(folder, faults.append)
    require_only_parts(folder, faults.append)
    for fault in faults:
        fault.where = fault.where.removeprefix(f"{folder}/")
    return judge(
        Inputs(
            parts=parts, faults=tuple(faults), policy=policy, collateral=policy.collateral, previous=previous,
            seen=tuple(seen), revocations=tuple(revocations), registry=registry, nodes=dict(nodes or {}),
            market=market, prices=prices, rules=rules, log=log, at=at, clock=clock,
        )
    )  # fmt: skip


def judge(given: Inputs, steps: Iterable[Step] = STEPS) -> Outcome:
    """The steps, one after the other. Raises what is wrong with nodes."""
    work, findings, results = Work(given), [], []
    for step in steps:
        sheet = Sheet(step.name)
        step.judge(work, sheet)
        findings += sheet.findings
        results.append(sheet.result(step.title))
    document = work.document
    report = AuditReport(
        holds=all(result.verdict in ("pass", "notDone") for result in results),
        root=None
        if document is None
        else Audited(
            root_digest=document.digest,
            epoch=document.root.epoch,
            seq=document.root.seq,
            issued_at=document.root.issued_at,
        ),
        policy=given.policy.name,
        policy_id=given.policy.policy_id,
        at=work.at,
        at_source="issued" if given.at is None else "given",
        layouts="bundle" if given.registry is None else "own",
        steps=tuple(results),
        findings=tuple(findings),
        coverage=cover(work, findings),
    )
    return Outcome(report, tuple(work.equivocation), tuple(work.log_evidence))
