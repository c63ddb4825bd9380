"""A report as one HTML page that loads nothing: style, data and plotly are inside it, and a policy forbids all else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from zkmargin.cli.output import format_time
from zkmargin.cli.report import sections
from zkmargin.cli.report.figures import Report
from zkmargin.cli.report.plots import Plot
from zkmargin.errors import PackageMissing
from zkmargin.verifier.style import stylesheet

PRIVATE = (
    "This page is private: it shows positions and amounts. It was written readable by its owner alone, and it loads "
    "nothing and sends nothing. Whoever has the file has the account."
)


def render(report: Report) -> str:
    """The page. Raises PackageMissing where plotly is not installed."""
    plotly, script, style = plotly_script(), _part("page.js"), stylesheet()
    plots: dict[str, Plot] = {}
    body = "\n".join(sections.all_of(report, plots))
    data = json.dumps(plots, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    verdict = (
        ("holds", "Holds: the account meets the claim")
        if report.headroom.holds
        else ("short", f"Falls short: {sections.amount(-report.headroom.slack)} {report.unit} missing")
    )
    about = f"Prices of {format_time(report.time)} · rule set {report.rules} · claim: {report.claim}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(_policy([plotly, script]))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>Margin report, {escape(format_time(report.time))}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>Margin report</h1>
<p class="sub">{escape(about)}</p>
<p class="verdict {verdict[0]}">{escape(verdict[1])}</p>
<p class="private">{escape(PRIVATE)}</p>
<noscript><p class="note">Plots need JavaScript; every figure is also in the tables.</p></noscript>
</header>
<main>
{body}
</main>
<footer>
<h2>What this rests on</h2>
{_sources(report.sources)}
</footer>
<script type="application/json" id="plots">{data}</script>
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""


def plotly_script() -> str:
    """plotly.js as its package has it. Raises PackageMissing."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise PackageMissing("a report needs the package plotly", hint="pip install 'zkmargin[reports]'") from None
    found: str = get_plotlyjs()
    return found


def _policy(scripts: Sequence[str]) -> str:
    """Nothing is loaded from anywhere; just these scripts run. plotly sets styles of its own."""
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _part(name: str) -> str:
    return (files("zkmargin.cli.report") / name).read_text("utf-8")


def _sources(sources: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<p>{escape(name)}<br><code>{escape(digest)}</code></p>" for name, digest in sources)
