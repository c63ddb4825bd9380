"""The benchmarks measure what they say: they run, and their report has ours and the peers as ratios."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import rlp
from trie import HexaryTrie

from zkmargin.backend import engine, engines
from zkmargin.errors import ZkMarginError
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


def test_the_bench_s_trie_is_the_library_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what bench-check times are proofs as nodes give them, extensions among them."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    collateral = importlib.import_module("collateral")
    random = Random(1)
    for count in (1, 2, 200):
        items = {random.randbytes(32): random.randbytes(40) for _ in range(count)}
        items[next(iter(items))[:-1] + b"x"] = bytes(40)  # a long common prefix
        theirs, ours = HexaryTrie({}), collateral.Trie.of(items)
        for key, value in items.items():
            theirs[key] = value
        assert ours.digest == theirs.root_hash
        for key in items:
            assert ours.proof(key) == tuple(map(rlp.encode, theirs.get_proof(key)))
    root, proofs = collateral.many_proofs(300, 20)
    assert len({proof.address for proof in proofs}) == 20
    for proof in proofs:
        proof.verify(root)
        assert len(proof.proof) >= 2
        assert len(proof.storage) == 1
        with pytest.raises(ZkMarginError):
            replace(proof, balance=proof.balance + 1).verify(root)
    with pytest.raises(ValueError, match="short"):
        _ = collateral.Trie.of({bytes(31) + b"1": b"1", bytes(31) + b"2": b"1"}).digest


def test_lines_have_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    check, collateral = map(importlib.import_module, ("check", "collateral"))
    added = {lines: collateral.constraints_of_lines(lines) for lines in check.LINES}
    assert all(0 < added[lines] <= budget for lines, budget in check.LINES.items())
    assert added[4] < added[8]
    assert [leaf.cid for leaf in collateral.many_leaves(50)] == sorted(leaf.cid for leaf in collateral.many_leaves(50))
