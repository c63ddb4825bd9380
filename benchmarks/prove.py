"""Proving time, ours and that of every peer on this machine: same R1CS, same witness, as ratios.

    python benchmarks/prove.py [--json] [--rules portfolio_scan deribit_pm] [--repeat N] [--synthetic N]

Runs are interleaved (ours, gnark, snarkjs, ours, ...): a busy machine is busy for all. How to read the
figures, and what the floor is: benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from statistics import median
from typing import Any

from peers import HERE, Case, Peer, PeerError, start_ours, start_peers

WORK = HERE.parent / "out" / "benchmarks"
RULES = ["portfolio_scan", "deribit_pm"]
PEERS = ["gnark", "snarkjs", "rapidsnark"]
SPLIT = ("witness", "prove")  # what ours tells besides the wall time of the whole


def main() -> int:
    """Parse options, measure, print."""
    parser = argparse.ArgumentParser(description="Proving time, ours and the peers'.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--rules", nargs="+", default=RULES, metavar="NAME", help="rule sets to prove")
    parser.add_argument("--synthetic", type=int, metavar="N", help="a synthetic circuit of N constraints instead")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="measured runs of each prover")
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS, metavar="NAME")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for keys and circuits, kept between runs")
    options = parser.parse_args()
    if options.repeat < 1:
        parser.error("--repeat needs at least one run")
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        report = measure(prepare(options.rules, options.synthetic, options.work), options)
    except PeerError as error:
        print(f"benchmark failed: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show(report)
    return 0


def prepare(rules: list[str], synthetic: int | None, work: Path) -> list[Case]:
    """The circuits, witnesses and keys to measure; made once and kept in ``work``."""
    import prepare as prepared

    if synthetic is not None:
        return [prepared.synthetic_case(work, synthetic)]
    return [prepared.rules_case(work, name) for name in rules]


def measure(cases: list[Case], options: argparse.Namespace) -> dict[str, Any]:
    """Measure each case; the report that ``--json`` prints."""
    measured = [measure_case(case, options.work, options.peers, options.repeat) for case in cases]
    return {"machine": machine(), "repeat": options.repeat, "cases": measured}


def measure_case(case: Case, work: Path, wanted: list[str], repeat: int) -> dict[str, Any]:
    """Interleaved runs of all provers on one case. The first run of each warms up and does not count."""
    ours = start_ours(case)
    peers, absent = start_peers(case, work, wanted)
    provers = [ours, *peers]
    runs: dict[str, list[dict[str, Any]]] = {prover.name: [] for prover in provers}
    try:
        for turn in range(repeat + 1):
            for prover in provers:
                run = prover.request("prove")
                if turn:
                    runs[prover.name].append(run)
        verified = {prover.name: _verified(prover) for prover in provers}
    finally:
        for prover in provers:
            prover.close()
    figures = {name: summary(found) | {"verify": verified[name]} for name, found in runs.items()}
    mine = figures.pop(ours.name)
    return {
        "name": case.name,
        **_size(case),
        "zkmargin": mine,
        "peers": figures,
        "ratios": {name: ratio(mine, theirs) for name, theirs in figures.items()},
        "absent": absent,
    }


def _verified(prover: Peer) -> float:
    answer = prover.request("verify")
    if not answer["ok"]:
        raise PeerError(f"{prover.name}: its own proof does not verify")
    return float(answer["wall"])


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Minimum and median of the runs, seconds; the highest peak memory, bytes."""
    keys = [key for key in ("wall", "cpu", *SPLIT) if key in runs[0]]
    result: dict[str, Any] = {
        key: {"min": min(run[key] for run in runs), "median": median(run[key] for run in runs)} for key in keys
    }
    result["peak_bytes"] = max(run["peak_bytes"] for run in runs)
    return result


def ratio(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Ours over theirs: below 1 we are faster."""
    compared: dict[str, Any] = {
        key: {which: mine[key][which] / theirs[key][which] for which in ("min", "median")} for key in ("wall", "cpu")
    }
    compared["peak_bytes"] = mine["peak_bytes"] / theirs["peak_bytes"]
    return compared


def _size(case: Case) -> dict[str, int]:
    """Wires, public inputs and constraints, from the header of the .r1cs (always its first section here)."""
    raw = case.r1cs.read_bytes()
    header = raw[24 : 24 + 64]
    number = {at: int.from_bytes(header[at : at + 4], "little") for at in (36, 40, 44, 60)}
    return {"constraints": number[60], "wires": number[36], "public_inputs": number[40] + number[44]}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load": round(load, 2),
        "python": platform.python_version(),
    }


def show(report: dict[str, Any]) -> None:
    """The report as tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    host = report["machine"]
    console.print(f"{host['cpu']}, {host['cores']} cores, load {host['load']}; {report['repeat']} interleaved runs")
    for case in report["cases"]:
        title = f"{case['name']}: {case['constraints']:,} constraints, {case['public_inputs']:,} public inputs"
        table = Table(title=title, title_justify="left")
        table.add_column("prover")
        for heading in ("wall min", "median", "CPU min", "peak MiB", "ours / it", "verify ms"):
            table.add_column(heading, justify="right")
        for name, figures in [("zkmargin", case["zkmargin"]), *case["peers"].items()]:
            against = case["ratios"].get(name)
            cells = [f"{figures['wall']['min']:.3f}", f"{figures['wall']['median']:.3f}"]
            cells += [f"{figures['cpu']['min']:.3f}", f"{figures['peak_bytes'] / 2**20:.0f}"]
            cells += [f"{against['wall']['min']:.2f}" if against else "", f"{figures['verify'] * 1e3:.1f}"]
            table.add_row(name, *cells)
        console.print(table)
        mine = case["zkmargin"]
        if mine["witness"]["min"]:
            console.print(f"  of ours: witness {mine['witness']['min']:.3f} s, proof {mine['prove']['min']:.3f} s")
        for name, reason in case["absent"].items():
            console.print(f"  {name}: not measured, {reason}")


if __name__ == "__main__":
    sys.exit(main())
