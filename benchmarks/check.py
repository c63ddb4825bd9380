"""Judge times and sizes against their budgets (benchmarks/README.md): ``make bench-check``.

    python benchmarks/check.py [--json] [--rules NAME ...] [--repeat N]

Exit code 0 if every budget holds, 1 if one is missed, 2 if something could not be measured. Without gnark its
ratio is not judged, except where ZKMARGIN_CI=1 insists.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from peers import HERE, Case, Peer, PeerError, start_ours
from prepare import passphrase, prove_arguments, rules_case
from prove import RULES, WORK, machine, measure_case

CONSTRAINTS = {"portfolio_scan": 58_000, "deribit_pm": 105_000}
SIZES = {"cross_bracket": 30_000, "binance_usdm": 200_000, "historical_es": 275_000}
"""Constraints of rule sets that are compiled only: Binance cross of 64 markets and of all, expected shortfall of 1,000
instruments in 1,000 scenarios."""
CHAINS_SECONDS, HISTORY_SECONDS = 2.0, 10.0
REPORT_SECONDS = 5.0
LINES = {4: 20_000, 8: 40_000}
"""Constraints that lines of collateral add."""
TREE_LEAVES, TREE_SECONDS = 100_000, 20.0
PROOFS, PROOF_ACCOUNTS, PROOFS_SECONDS = 10_000, 100_000, 10.0
REGISTRATIONS, REGISTRY_SECONDS = 5000, 1.0
SUBMISSIONS, SUBMISSION_RATE, LATENCY_MILLISECONDS = 1500, 300.0, 100.0
GNARK_RATIO = 2.0
SETUP_SECONDS = 30.0
COMPILE_SECONDS, CACHED_SECONDS = 20.0, 1.0
VERIFY_MILLISECONDS = 15.0
PROCESS_SECONDS = 0.7
PEAK_MEBIBYTES = 1000 * 1000 * 1000 / 2**20

VERIFY_RUNS = 20


@dataclass(frozen=True)
class Finding:
    """One budget. ``holds`` is None where it could not be judged."""

    what: str
    measured: float | None
    budget: float
    unit: str
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the budget holds."""
        return None if self.measured is None else self.measured <= self.budget


def main() -> int:
    """Parse options, measure, judge, print."""
    parser = argparse.ArgumentParser(description="Judge times and sizes against their budgets.")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--rules", nargs="+", default=RULES, choices=RULES, metavar="NAME")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="measured runs of each")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for keys and circuits")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        findings = [
            *judge_sizes(),
            *judge_tables(),
            *judge_report(),
            *judge_collateral(),
            judge_registry(),
            *judge_service(),
        ]
        findings += [
            finding
            for name in options.rules
            for finding in judge(rules_case(options.work, name), options.work, max(1, options.repeat))
        ]
    except (PeerError, subprocess.CalledProcessError) as error:
        print(f"budgets cannot be judged: {error}", file=sys.stderr)
        return 2
    if options.json:
        listed = [asdict(finding) | {"holds": finding.holds} for finding in findings]
        print(json.dumps({"machine": machine(), "findings": listed}, indent=2))
    else:
        show(findings)
    insist = os.environ.get("ZKMARGIN_CI") == "1"
    return 1 if any(not (finding.holds or (finding.holds is None and not insist)) for finding in findings) else 0


def judge_sizes() -> Iterator[Finding]:
    """Constraints of ``SIZES``; a rule set that is not shipped is not judged."""
    from zkmargin.circuits.compile import compile_rules
    from zkmargin.circuits.rules import list_rules, load_rules

    for name, budget in SIZES.items():
        shipped = name in list_rules()
        measured = compile_rules(load_rules(name)).stats.constraints if shipped else None
        yield Finding(f"{name}: constraints", measured, budget, "", "" if shipped else "no such rule set")


def judge_tables() -> Iterator[Finding]:
    """Building tables: both coins of Deribit, some 2,000 rows in 35 scenarios, from their files; and the profit of an
    account of 1,000 contracts on 1,000 real days, from returns to the requirement.
    """
    import numpy as np

    from zkmargin.circuits.rules import evaluate, load_rules
    from zkmargin.circuits.tables import table_schema
    from zkmargin.margin.build import build_market
    from zkmargin.margin.compact import read_source
    from zkmargin.margin.historical import Closes, historical_figures, read_closes

    folder = HERE.parent / "tests" / "data" / "chains"
    paths = [folder / f"chain_{coin}_20260822T153351Z.csv" for coin in ("btc", "eth")]
    schema = table_schema(load_rules("deribit_pm_2"))

    def build() -> int:
        return build_market([read_source(path) for path in paths], schema).tables.sizes["instrument"]

    closes = read_closes((HERE.parent / "tests" / "data" / "prices" / "daily_close_usd.csv").read_text(), "closes")
    factors = np.random.default_rng(1).uniform(0.5, 2.0, (1, 1000))  # a hundred contracts of each of ten assets
    many = Closes(closes.days, tuple(map(str, range(1000))), np.tile(closes.prices, (1, 100)) * factors)
    rules = load_rules("historical_es")

    def simulate() -> object:
        tables = historical_figures(many, 1000).tables(table_schema(rules))
        return evaluate(rules, tables, {"size": [(-1) ** row * row * 10**3 for row in range(1000)], "cash": 0})

    yield Finding("P&L of 1,000 contracts on 1,000 days", _fastest(simulate), HISTORY_SECONDS, "s")
    yield Finding(f"tables of {build():,} rows in 35 scenarios", _fastest(build), CHAINS_SECONDS, "s")


def judge_report() -> Iterator[Finding]:
    """``zkmargin check --report`` as a process: the demo's account, every figure, the price axis revalued."""
    demo = HERE.parent / "demo"
    chain, account = demo / "chain_btc_20260205T093647Z.csv", demo / "account.csv"
    with tempfile.TemporaryDirectory(prefix="zkmargin-bench-") as temporary:
        folder = Path(temporary)
        domain, market, page = folder / "domain.json", folder / "market.json", folder / "page.html"
        _run(["policy", "domain", "--name", "bench", "--out", str(domain), "--json"], dict(os.environ))
        built = ["--rules", "deribit_pm", "--domain", str(domain), "--at", "2026-02-05T10:00:00Z", "--out", str(market)]
        _run(["market", "build", str(chain), *built, "--json"], dict(os.environ))
        given = ["--market", str(market), "--account", str(account), "--chain", str(chain), "--report", str(page)]
        checked = ["check", "--rules", "deribit_pm", *given, "--force", "--json"]
        seconds = _fastest(lambda: _run(checked, dict(os.environ)))
    yield Finding("report of 27 positions", seconds, REPORT_SECONDS, "s")


def judge_collateral() -> Iterator[Finding]:
    """Constraints of lines; lines to a root; state proofs of accounts, one slot each."""
    from collateral import constraints_of_lines, many_leaves, many_proofs

    from zkmargin.attestations.collateral.line_tree import LineTree
    from zkmargin.attestations.evidence import trie

    for lines, budget in LINES.items():
        yield Finding(f"constraints of {lines} lines", constraints_of_lines(lines), budget, "")
    leaves = many_leaves(TREE_LEAVES)
    yield Finding(f"tree of {TREE_LEAVES:,} lines", _fastest(lambda: LineTree(leaves)), TREE_SECONDS, "s")
    root, proofs = many_proofs(PROOF_ACCOUNTS, PROOFS)

    def verify() -> None:
        trie._decode.cache_clear()
        for proof in proofs:
            proof.verify(root)

    yield Finding(f"{PROOFS:,} state proofs, a slot each", _fastest(verify), PROOFS_SECONDS, "s")


def judge_registry() -> Finding:
    """1,000 pledges by 50 writers: signatures verified, recorded on disk, receipts signed. The best of three."""
    from registry import seconds

    fastest = min(seconds(REGISTRATIONS, 50) for _ in range(3)) * 1000 / REGISTRATIONS
    return Finding("1,000 registrations, SQLite, flushed", fastest, REGISTRY_SECONDS, "s")


def judge_service() -> Iterator[Finding]:
    """Proofs submitted by HTTP, verified and recorded on disk: as many as go, then half of what must go."""
    from load import percentile
    from service import running

    with running() as bench:
        fastest = max((bench.run(bench.submissions(SUBMISSIONS)) for _ in range(3)), key=lambda load: load.rate)
        half = bench.run(bench.submissions(SUBMISSIONS), SUBMISSION_RATE / 2)
    each = f"{fastest.service_cpu / fastest.count * 1e3:.1f} ms of CPU each"
    seconds = SUBMISSION_RATE / fastest.rate
    yield Finding(f"{SUBMISSION_RATE:.0f} submissions by HTTP, 7 public inputs", seconds, 1.0, "s", each)
    latency = percentile(half.latencies, 0.99) * 1e3
    yield Finding(f"p99 of a submission at {SUBMISSION_RATE / 2:.0f}/s", latency, LATENCY_MILLISECONDS, "ms")


def _fastest(run: Callable[[], object]) -> float:
    """Seconds of the fastest of three runs."""

    def wall() -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    return min(wall() for _ in range(3))


def judge(case: Case, work: Path, repeat: int) -> Iterator[Finding]:
    """All budgets of one rule set."""
    name = case.name
    report = measure_case(case, work, ["gnark"], repeat)
    yield Finding(f"{name}: constraints", report["constraints"], CONSTRAINTS[name], "")
    ratio = report["ratios"].get("gnark")
    measured = None if ratio is None else ratio["wall"]["min"]
    yield Finding(f"{name}: proving / gnark", measured, GNARK_RATIO, "x", report["absent"].get("gnark", ""))
    yield from compile_and_setup(name)
    ours = start_ours(case)
    try:
        if name == RULES[0]:
            yield verification(ours, report["public_inputs"])
        yield from process(case, ours, repeat)
    finally:
        ours.close()


def compile_and_setup(name: str) -> Iterator[Finding]:
    """From nothing: an empty cache, an empty folder."""
    with tempfile.TemporaryDirectory(prefix="zkmargin-bench-") as temporary:
        environment = {**os.environ, "ZKMARGIN_CACHE": temporary}
        seconds = [_run(["rules", "compile", name, "--json"], environment)["seconds"]["compile"] for _ in range(2)]
        yield Finding(f"{name}: compile", seconds[0], COMPILE_SECONDS, "s")
        yield Finding(f"{name}: compile, cached", seconds[1], CACHED_SECONDS, "s")
        made = _run(["setup", "dev", name, "--out", f"{temporary}/keys", "--json"], environment)
        yield Finding(f"{name}: development setup", made["seconds"]["setup"], SETUP_SECONDS, "s")


def verification(ours: Peer, public_inputs: int) -> Finding:
    """The core's verification of one proof, the fastest of several."""
    ours.request("prove")
    fastest = min(ours.request("verify")["wall"] for _ in range(VERIFY_RUNS))
    what = f"verification, {public_inputs:,} public inputs"
    return Finding(what, fastest * 1e3, VERIFY_MILLISECONDS, "ms")


def process(case: Case, ours: Peer, repeat: int) -> Iterator[Finding]:
    """``zkmargin prove`` as a process, interleaved with ``Prover.prove`` where everything is loaded."""
    inside, outside, peak = [], [], 0
    with tempfile.TemporaryDirectory(prefix="zkmargin-bench-") as temporary, passphrase():
        command = [sys.executable, "-m", "zkmargin.cli.main"]
        command += prove_arguments(case, Path(temporary) / "account.margin-proof.json")
        for _ in range(repeat + 1):
            inside.append(ours.request("whole")["wall"])
            wall, resident = _measure(command)
            outside.append(wall)
            peak = max(peak, resident)
    beyond = min(outside[1:]) - min(inside[1:])
    yield Finding(f"{case.name}: process beyond prove()", beyond, PROCESS_SECONDS, "s")
    yield Finding(f"{case.name}: peak memory", peak / 2**20, PEAK_MEBIBYTES, "MiB")


def _run(arguments: list[str], environment: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "zkmargin.cli.main", *arguments]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _measure(command: list[str]) -> tuple[float, int]:
    """Wall seconds and peak resident bytes of a process that must succeed."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise PeerError(f"zkmargin prove ended with exit code {child.returncode}")
    return wall, usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss << 10


def show(findings: list[Finding]) -> None:
    """The findings as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"budgets, on {machine()['cpu']}, {os.cpu_count()} cores", title_justify="left")
    for heading in ("what", "measured", "budget", ""):
        table.add_column(heading, justify="right" if heading in ("measured", "budget") else "left")
    verdicts = {True: "[green]holds[/]", False: "[red]missed[/]", None: "[yellow]not judged[/]"}
    for finding in findings:
        measured = "" if finding.measured is None else _figure(finding.measured, finding.unit)
        verdict = verdicts[finding.holds] + (f" ({finding.note})" if finding.note else "")
        table.add_row(finding.what, measured, _figure(finding.budget, finding.unit), verdict)
    console = Console(width=None if sys.stdout.isatty() else shutil.get_terminal_size((110, 40)).columns)
    console.print(table)
    load, cores = machine()["load"], os.cpu_count() or 1
    if load > cores + 1:
        console.print(f"The machine is busy (load {load} on {cores} cores): ratios hold, times do not. Judge again.")


def _figure(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if not unit or abs(value) >= 100 else f"{value:.3g}"
    return f"{number} {unit}".strip()


if __name__ == "__main__":
    sys.exit(main())
