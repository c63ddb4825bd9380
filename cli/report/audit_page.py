"""An audit's report as one HTML page: no scripts, nothing loaded, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from zkmargin.cli.output import format_time
from zkmargin.encoding import hex_bytes
from zkmargin.verifier.audit.report import AuditReport, Coverage, Finding, StepResult
from zkmargin.verifier.audit.words import coverage_pairs, money_words
from zkmargin.verifier.style import stylesheet

PRIVATE = (
    "This page is private: it tells accounts and amounts. It was written readable by its owner alone, and it loads "
    "nothing and sends nothing."
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
VERDICTS = {"pass": "pass", "fail": "fail", "notJudged": "not judged", "notDone": "not done"}


def render(report: AuditReport) -> str:
    """The page."""
    style = stylesheet()
    root = report.root
    about = "no root" if root is None else f"Root number {root.seq} of epoch {root.epoch}"
    source = "given" if report.at_source == "given" else "the root's own time of issue"
    about += f" · policy {report.policy} · judged at {format_time(report.at)} ({source})"
    verdict = (
        ("holds", "Holds: no step found a fault")
        if report.holds
        else ("short", f"Fails: {len(report.findings)} findings")
    )
    digests = [("Policy", report.policy_id)] + ([("Root", root.root_digest)] if root is not None else [])
    rests = "".join(f"<p>{name}<br><code>{hex_bytes(digest)}</code></p>" for name, digest in digests)
    return f"""<!doctype html>
<html lang="en" data-drawn>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>Audit of attested collateral</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>Audit of attested collateral</h1>
<p class="sub">{escape(about)}</p>
<p class="verdict {verdict[0]}">{escape(verdict[1])}</p>
<p class="private">{escape(PRIVATE)}</p>
</header>
<main>
{_steps(report.steps)}
{_coverage(report.coverage)}
{_findings(report.findings)}
</main>
<footer>
<h2>What was judged, and by what</h2>
{rests}
<p>Layouts: {"the auditor's own registry" if report.layouts == "own" else "the bundle's own registry"}.</p>
</footer>
</body>
</html>
"""


def _steps(steps: Sequence[StepResult]) -> str:
    rows = []
    for step in steps:
        notes = "".join(f"<br>{escape(text)}" for text in filter(None, (step.why, *step.remarks)))
        failed = ' class="text negative"' if step.verdict in ("fail", "notJudged") else ' class="text"'
        rows.append(
            f'<tr><th scope="row">{escape(step.step)}</th>'
            f'<td class="text">{escape(step.title)}<span class="sub">{notes}</span></td>'
            f"<td{failed}>{VERDICTS[step.verdict]}</td></tr>"
        )
    head = '<th scope="col">Step</th><th scope="col" class="text">what</th><th scope="col" class="text">verdict</th>'
    return (
        f"<section><h2>Steps</h2><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></section>"
    )


def _coverage(coverage: Coverage) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="text">{escape(text)}</td></tr>'
        for name, text in coverage_pairs(coverage)
    )
    listed = ""
    if coverage.observed:
        decimals = coverage.value.decimals if coverage.value is not None else 0
        lines = "".join(
            f'<tr><th scope="row">leaves[{line.line}]</th><td class="text">{escape(line.account)}<br>'
            f"{escape(line.asset)}, {escape(line.custody)}</td><td>{line.amount}</td>"
            f"<td>{'not priced' if line.value is None else escape(money_words(line.value, decimals))}</td></tr>"
            for line in coverage.observed
        )
        head = '<th scope="col">Line</th><th scope="col" class="text">of</th><th scope="col">amount</th>'
        listed = (
            "<h3>Attested, not proven</h3>"
            f'<table><thead><tr>{head}<th scope="col">value</th></tr></thead><tbody>{lines}</tbody></table>'
        )
    return f"<section><h2>Coverage</h2><table><tbody>{rows}</tbody></table>{listed}</section>"


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return "<section><h2>Findings</h2><p>None.</p></section>"
    shown = "".join(
        f"<h3>{escape(entry.code)} · {escape(entry.step)}</h3><p><code>{escape(entry.path)}</code><br>"
        f"{escape(entry.message)}</p>{_detail(entry)}"
        for entry in findings
    )
    return f"<section><h2>Findings</h2>{shown}</section>"


def _detail(entry: Finding) -> str:
    pairs = (("expected", entry.expected), ("got", entry.got), ("what to do", entry.hint))
    lines = [f"{name}: {escape(text)}" for name, text in pairs if text is not None]
    return f'<p class="sub">{"<br>".join(lines)}</p>'
