"""The benchmarks measure what they say: they run, and their report has ours and the peers as ratios."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zkmargin.backend import engine, engines
from zkmargin.formats import read_r1cs, read_wtns

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "tests" / "peers" / "node_modules" / "snarkjs"

needs_core = pytest.mark.skipif("rust" not in engines(), reason="times of the reference mean nothing")


def measure(work: Path, *options: str) -> dict[str, Any]:
    """``benchmarks/prove.py --json`` on a small synthetic circuit."""
    command = [sys.executable, str(ROOT / "benchmarks" / "prove.py"), "--json", "--synthetic", "2000"]
    command += ["--repeat", "1", "--work", str(work), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_the_synthetic_circuit_is_satisfied(tmp_path: Path) -> None:
    script = "import sys, pathlib, synthetic; synthetic.write_synthetic(pathlib.Path(sys.argv[1]), 1500)"
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, cwd=ROOT / "benchmarks")
    r1cs = (tmp_path / "synthetic.r1cs").read_bytes()
    witness = read_wtns((tmp_path / "synthetic.wtns").read_bytes())
    system = read_r1cs(r1cs)
    assert len(system.constraints) == 1500
    assert engine().r1cs_check(r1cs, witness) == []
    assert len(engine().r1cs_check(r1cs, witness[:-32] + bytes(32))) == 1


@pytest.mark.prove
@needs_core
def test_the_report_without_peers(tmp_path: Path) -> None:
    report = measure(tmp_path, "--peers")
    (case,) = report["cases"]
    assert case["constraints"] == 2000
    for key in ("wall", "cpu", "witness", "prove"):
        assert case["zkmargin"][key]["min"] <= case["zkmargin"][key]["median"]
    assert case["zkmargin"]["peak_bytes"] > 0
    assert case["ratios"] == {}
    assert report["machine"]["cores"] >= 1


@pytest.mark.prove
@pytest.mark.node
@needs_core
@pytest.mark.skipif(shutil.which("node") is None or not PEERS.is_dir(), reason="needs Node.js and npm's peers")
def test_a_peer_comes_with_ratios(tmp_path: Path) -> None:
    (case,) = measure(tmp_path, "--peers", "snarkjs", "rapidsnark")["cases"]
    ours, theirs, ratio = case["zkmargin"], case["peers"]["snarkjs"], case["ratios"]["snarkjs"]
    assert ratio["wall"]["min"] == pytest.approx(ours["wall"]["min"] / theirs["wall"]["min"])
    assert {"wall", "cpu", "peak_bytes"} <= ratio.keys()
    if shutil.which("rapidsnark") is None:
        assert case["absent"]["rapidsnark"] == "not on PATH"


@pytest.mark.prove
@needs_core
def test_rule_sets_in_one_table() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "rule_sets.py"), "--json", "--repeat", "1"]
    done = subprocess.run([*command, "--rules", "isolated_fee"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (figures,) = json.loads(done.stdout)["rules"]
    golden = (ROOT / "tests" / "golden" / "constraints.csv").read_text()
    assert f"isolated_fee,{figures['constraints']},{figures['public_inputs']}," in golden
    for key in ("compile", "setup", "prove", "verify", "key_bytes"):
        assert figures[key] > 0


def test_sizes_have_budgets() -> None:
    """The budgets of constraints hold for the rule sets that are there (`make bench-check` judges the times too)."""
    script = "import check; print(*((f.what, f.measured, f.holds) for f in check.judge_sizes()), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT / "benchmarks", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("True") >= 2
    assert "False" not in done.stdout
