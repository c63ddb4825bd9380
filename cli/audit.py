"""``zkmargin audit``: what a bundle of attested collateral shows, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli.files import read_document, refuse_existing, write_document
from zkmargin.cli.options import (
    FILE,
    FOLDER,
    force_option,
    json_option,
    now,
    policy_option,
    prices_option,
    revocations_option,
    time_option,
)
from zkmargin.cli.output import format_time, print_json, print_pairs, print_table

if TYPE_CHECKING:
    from zkmargin.attestations.chains.reader import ChainReader
    from zkmargin.attestations.schema import Document
    from zkmargin.circuits.rules import RuleSet
    from zkmargin.verifier.audit.audit import Outcome
    from zkmargin.verifier.audit.report import AuditReport
    from zkmargin.verifier.audit.work import PledgeLog
    from zkmargin.verifier.policy import Policy


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@policy_option
@click.option("--layouts", type=FILE, help="Your own reviewed registry; without it the bundle's, which is a finding.")
@click.option("--previous", type=FOLDER, help="Bundle of the root before this one.")
@click.option("--seen", type=FILE, multiple=True, help="Another root of these attestors that you came by; repeatable.")
@revocations_option
@click.option("--market", type=FILE, help="Market snapshot: step A16, and coverage by value.")
@prices_option
@click.option("--rules", metavar="NAME|FILE", help="Rule set of the snapshot: its tables are held against it.")
@click.option("--log", type=FOLDER, help="Exported pledge log (`registry export`): step A15; with --log-terms.")
@click.option("--log-terms", type=FILE, help="The terms that the registry's operator published.")
@click.option("--log-head", "log_heads", type=FILE, multiple=True, help="A head of the log that was kept; repeatable.")
@click.option("--pledge-receipt", "pledges", type=FILE, multiple=True, help="A pledge receipt; repeatable.")
@click.option("--node", "nodes", multiple=True, metavar="CHAIN=URL",
              help="Your own node, such as eip155:1=https://...: confirms the chain's block; repeatable.")  # fmt: skip
@click.option("--report", type=FILE, help="Write one HTML page, private, that loads nothing.")
@click.option("--evidence-out", type=FILE,
              help="Where evidence is written (default: beside the report).")  # fmt: skip
@time_option("--at", "Judge ages and expiries at this time (default: when the root says that it was issued)")
@force_option
@json_option
@click.pass_context
def command(
    context: click.Context, bundle: Path, policy: Path, layouts: Path | None, previous: Path | None,
    seen: tuple[Path, ...], revocations: tuple[Path, ...], market: Path | None, prices: Path | None, rules: str | None,
    log: Path | None, log_terms: Path | None, log_heads: tuple[Path, ...], pledges: tuple[Path, ...],
    nodes: tuple[str, ...], report: Path | None, evidence_out: Path | None, at: int | None, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Audit BUNDLE, a folder of `attest collateral`: every step, every finding, what is proven and what observed.

    Judged as of the root's own time of issue, unless --at says otherwise. Nothing is asked of anyone but your own
    nodes. Exit code 0: all steps pass (steps for which you gave nothing are said); 1: any finding; 2: what you
    gave cannot be used. BUNDLE may also be a file of evidence of equivocation: 0 if it shows it.
    """
    from zkmargin.verifier.policy import Policy

    judge = read_document(policy, Policy)
    if bundle.is_file():
        _show_evidence(bundle, judge, as_json)
        return
    for path in (report, evidence_out):
        if path is not None:
            refuse_existing(path, force and path is report)
    from zkmargin.circuits.rules import load_rules

    outcome = _audit(
        bundle, judge, layouts, previous, seen, revocations, market, prices,
        None if rules is None else load_rules(rules), nodes, at, _log(log, log_terms, log_heads, pledges),
    )  # fmt: skip
    written = _write_evidence(outcome, evidence_out, report)
    if report is not None:
        from zkmargin.cli.report.audit_page import render
        from zkmargin.encoding import write_atomic

        write_atomic(report, render(outcome.report), private=True)
    if as_json:
        print_json({"report": outcome.report.to_json(), "evidence": [str(path) for path in written]})
    else:
        _show(outcome.report, written)
    context.exit(0 if outcome.report.holds else 1)


def _audit(
    bundle: Path, policy: Policy, layouts: Path | None, previous: Path | None, seen: tuple[Path, ...],
    revocations: tuple[Path, ...], market: Path | None, prices: Path | None, rules: RuleSet | None,
    nodes: tuple[str, ...], at: int | None, log: PledgeLog | None,
) -> Outcome:  # fmt: skip
    from zkmargin.attestations.chains.layouts import LayoutRegistry
    from zkmargin.attestations.collateral.bundle import Bundle
    from zkmargin.attestations.collateral.documents import CollateralRootDocument, RevokeRootDocument
    from zkmargin.attestations.market import MarketSnapshotDocument
    from zkmargin.attestations.price_evidence import PriceEvidence
    from zkmargin.cli.output import progress
    from zkmargin.verifier.audit.audit import audit

    with progress("auditing"):
        return audit(
            bundle,
            policy=policy,
            clock=now(None),
            at=at,
            previous=None if previous is None else Bundle.read(previous),
            seen=[read_document(path, CollateralRootDocument) for path in seen],
            revocations=[read_document(path, RevokeRootDocument) for path in revocations],
            registry=None if layouts is None else read_document(layouts, LayoutRegistry),
            nodes=_nodes(nodes),
            market=None if market is None else read_document(market, MarketSnapshotDocument),
            prices=None if prices is None else read_document(prices, PriceEvidence),
            rules=rules,
            log=log,
        )


def _log(
    folder: Path | None, terms: Path | None, heads: tuple[Path, ...], receipts: tuple[Path, ...]
) -> PledgeLog | None:
    """The exported log, and what the auditor holds against it."""
    from zkmargin.errors import UsageWrong
    from zkmargin.verifier.audit.work import PledgeLog
    from zkmargin.verifier.registry.bundle import read_head, read_receipt
    from zkmargin.verifier.registry.documents import RegistryTerms

    if folder is None and terms is None and not heads and not receipts:
        return None
    if folder is None or terms is None:
        raise UsageWrong("a pledge log is judged by the terms that its operator published: --log and --log-terms")
    kept = tuple(map(read_head, heads)), tuple(map(read_receipt, receipts))
    return PledgeLog(folder, read_document(terms, RegistryTerms), *kept)


def _nodes(texts: tuple[str, ...]) -> dict[str, ChainReader]:
    """Readers by chain. An address may hold a key, so no message repeats it."""
    from zkmargin.attestations.chains.readers import open_chain
    from zkmargin.attestations.collateral.identifiers import require_chain

    found: dict[str, ChainReader] = {}
    for text in texts:
        chain, separator, url = text.partition("=")
        if not separator or not url:
            raise click.BadParameter("a node is given as CHAIN=URL", param_hint="--node")
        require_chain(chain, "--node")
        if chain in found:
            raise click.BadParameter(f"{chain} has two nodes", param_hint="--node")
        found[chain] = open_chain(chain, url)
    return found


def _write_evidence(outcome: Outcome, out: Path | None, report: Path | None) -> list[Path]:
    """One file for each number that was signed twice, and for what convicts the log's operator; nothing that exists is
    replaced.
    """
    folder = report.parent if report is not None else Path()
    files: dict[Path, Document] = {}
    for document in outcome.equivocation:
        words = document.roots[0].root
        files[folder / f"epoch-{words.epoch}-number-{words.seq}.equivocation.json"] = document
    for shown in outcome.log:
        files[folder / f"log-{shown.kind}-{shown.second.head.size}.evidence.json"] = shown
    if out is not None:
        names = [out if at == 0 else out.with_name(f"{out.stem}-{at + 1}{out.suffix}") for at in range(len(files))]
        files = dict(zip(names, files.values(), strict=True))
    for path in files:
        refuse_existing(path, force=False)
    for path, found in files.items():
        write_document(path, found)
    return list(files)


def _show_evidence(path: Path, policy: Policy, as_json: bool) -> None:
    """Judge evidence of equivocation by the policy's domain and attestors. Raises where it shows none."""
    from zkmargin.attestations.collateral.equivocation import EquivocationDocument, require_equivocation
    from zkmargin.errors import UsageWrong

    document = read_document(path, EquivocationDocument)
    if policy.collateral is None:
        raise UsageWrong("the policy says nothing of collateral", where="policy.collateral",
                         hint="`policy new --attestor --chain`")  # fmt: skip
    common = require_equivocation(document, domain=policy.domain, attestors=policy.collateral.attestors)
    words = document.roots[0].root
    digests, signers = (["0x" + raw.hex() for raw in raws] for raws in (document.digests, common))
    if as_json:
        print_json({"equivocation": True, "epoch": str(words.epoch), "seq": str(words.seq), "roots": digests,
                    "signers": signers})  # fmt: skip
        return
    print_pairs(
        [
            ("equivocation", f"{len(digests)} roots with number {words.seq} of epoch {words.epoch} were signed"),
            *[("root", digest) for digest in digests],
            *[("signed several", signer) for signer in signers],
        ],
    )


VERDICTS = {"pass": "pass", "fail": "FAIL", "notJudged": "not judged", "notDone": "not done"}


def _show(report: AuditReport, written: list[Path]) -> None:
    """Steps, coverage, findings."""
    from zkmargin.verifier.audit.words import coverage_pairs

    verdict = click.style("holds", fg="green", bold=True) if report.holds else click.style("fails", fg="red", bold=True)
    root = "no root" if report.root is None else f"number {report.root.seq} of epoch {report.root.epoch}"
    source = "given by --at" if report.at_source == "given" else "when the root was issued"
    click.echo(f"{verdict}: {root}, policy {report.policy}, judged at {format_time(report.at)} ({source})")
    found = {step.step: sum(entry.step == step.step for entry in report.findings) for step in report.steps}
    rows = [
        [step.step, step.title, VERDICTS[step.verdict] + (f" ({found[step.step]})" if found[step.step] else ""),
         "; ".join(filter(None, (step.why, *step.remarks)))]
        for step in report.steps
    ]  # fmt: skip
    print_table(("step", "what", "verdict", "remarks"), rows)
    print_pairs(coverage_pairs(report.coverage), title="coverage")
    for line in report.coverage.observed:
        click.echo(f"  attested, not proven: leaves[{line.line}] {line.amount} of {line.asset}, {line.account}")
    for entry in report.findings:
        click.echo(f"{click.style(entry.code, fg='red', bold=True)} ({entry.step}) {entry.path}: {entry.message}")
        for name, text in (("expected", entry.expected), ("got", entry.got), ("do", entry.hint)):
            if text is not None:
                click.echo(f"    {name} {text}")
    for path in written:
        click.echo(f"evidence of equivocation: {path}")
