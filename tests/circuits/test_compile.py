"""Compiling: the golden sizes, the same bytes everywhere, the cache, and the limits of the issue.

Where a change of cost is meant, write the golden file anew and read the difference before committing it:

    ZKMARGIN_WRITE_GOLDEN=1 python -m pytest tests/circuits/test_compile.py -k golden
"""

from __future__ import annotations

import ast
import csv
import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pytest
from worlds import RULES, compiled, rules_of

from zkmargin import formats
from zkmargin.backend import engines
from zkmargin.circuits import cache
from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.rules import list_rules, load_rules, parse_rules
from zkmargin.errors import FileUnreadable

GOLDEN = Path(__file__).parents[1] / "golden" / "constraints.csv"
COLUMNS = ("rules", "constraints", "public_inputs", "private_inputs", "wires", "terms", "r1cs_sha256")
LIMITS = {
    "portfolio_scan": 58_000,
    "portfolio_scan_committed": 110_000,
    "deribit_pm": 105_000,
    "historical_es": 275_000,
}


@pytest.fixture(scope="module")
def bundled() -> dict[str, CompiledCircuit]:
    return {name: compile_rules(load_rules(name), cache=False) for name in list_rules()}


def _rows(circuits: dict[str, CompiledCircuit]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, circuit in circuits.items():
        s = circuit.stats
        sizes = (s.constraints, s.public_inputs, s.private_inputs, s.wires, s.terms)
        writer.writerow((name, *sizes, circuit.r1cs_digest.hex()))
    return written.getvalue()


def test_sizes_and_digests_are_golden(bundled: dict[str, CompiledCircuit]) -> None:
    """A cost, or a byte, changes only where somebody meant it to."""
    rows = _rows({**bundled, **{f"tests/{name}": compiled(name) for name in RULES}})
    if os.environ.get("ZKMARGIN_WRITE_GOLDEN"):
        GOLDEN.write_text(rows)
    assert GOLDEN.read_text() == rows


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str, bundled: dict[str, CompiledCircuit]) -> None:
    assert bundled[name].stats.constraints <= LIMITS[name]


@pytest.mark.parametrize("text", [rules_of("groups").text, load_rules("cross_bracket_committed").text])
def test_another_process_gives_the_same_bytes(text: bytes) -> None:
    script = (
        "import sys\nfrom zkmargin.circuits.compile import compile_rules\n"
        "from zkmargin.circuits.rules import parse_rules\n"
        "circuit = compile_rules(parse_rules(sys.stdin.buffer.read()), cache=False)\n"
        "print(circuit.r1cs_digest.hex(), __import__('hashlib').sha256(circuit.program).hexdigest())"
    )
    found = set()
    for seed, engine in (("0", engines()[0]), ("4711", "reference")):
        result = subprocess.run(
            [sys.executable, "-c", script],
            input=text,
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "ZKMARGIN_ENGINE": engine},
        )
        found.add(result.stdout)
    assert len(found) == 1
    assert compile_rules(parse_rules(text), cache=False).r1cs_digest.hex().encode() in found.pop()


def test_the_file_reads_back(bundled: dict[str, CompiledCircuit]) -> None:
    circuit = compiled("portfolio")
    parsed = formats.read_r1cs(circuit.r1cs)
    stats = circuit.stats
    assert parsed.n_wires == stats.wires
    assert (parsed.n_outputs, parsed.n_public_inputs) == (0, stats.public_inputs)
    assert parsed.n_private_inputs == stats.private_inputs
    assert len(parsed.constraints) == stats.constraints
    assert sum(len(part) for row in parsed.constraints for part in row) == stats.terms
    for row in parsed.constraints:
        for part in row:
            wires = [wire for wire, _ in part]
            assert wires == sorted(set(wires))
            assert all(coefficient for _, coefficient in part)
    assert bundled["portfolio_scan"].r1cs[:4] == b"r1cs"


def test_b_is_the_sparse_side() -> None:
    """The prover pays for B in G2: a dense factor stands in A unless both are dense."""
    for row in formats.read_r1cs(compiled("portfolio").r1cs).constraints:
        assert len(row[1]) <= len(row[0])


# --- cache ----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZKMARGIN_CACHE", str(tmp_path))
    return tmp_path


def test_a_circuit_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compile_rules(rules_of("lookup"))
    assert len(list((folder / "circuits").iterdir())) == 1

    def refuse(*_: object) -> None:
        raise RuntimeError("compiled again")

    monkeypatch.setattr("zkmargin.circuits.margin.build_statement", refuse)
    start = perf_counter()
    again = compile_rules(rules_of("lookup"))
    assert perf_counter() - start < 1
    assert (again.r1cs_digest, again.stats) == (first.r1cs_digest, first.stats)
    assert (again.r1cs, again.program, again.names) == (first.r1cs, first.program, first.names)
    with pytest.raises(RuntimeError, match="compiled again"):
        compile_rules(rules_of("lookup"), cache=False)
    monkeypatch.setattr(cache, "compiler_digest", lambda: b"another compiler")
    with pytest.raises(RuntimeError, match="compiled again"):
        compile_rules(rules_of("lookup"))


def test_an_altered_cache_is_noticed(folder: Path) -> None:
    compile_rules(rules_of("lookup"))
    (place,) = (folder / "circuits").iterdir()
    altered = bytearray((place / "r1cs").read_bytes())
    altered[100] ^= 1
    (place / "r1cs").write_bytes(altered)
    with pytest.raises(FileUnreadable, match="altered"):
        _ = compile_rules(rules_of("lookup")).r1cs


NOT_COMPILED = {
    "backend": "runs what was compiled",
    "errors": "words",
    "formats": "reads the index",
    "poseidon": "hashes values, not wires",
    "margin.tables": "values",
    "margin.schema": "values",
    "attestations.collateral.identifiers": "values",
    "reference.matrix": "values",
}


def test_whatever_goes_into_a_circuit_is_in_the_compilers_digest() -> None:
    """The layout of positions, say, is no file of the compiler's own, and a constant of its circuits."""
    package = Path(cache.__file__).resolve().parent
    sources = set(cache.compiler_sources())
    assert len(sources) > 50
    imported: set[str] = set()
    for path in (path for path in sources if path.is_relative_to(package)):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("zkmargin"):
                inside = (node.module or "").partition(".")[2]
                imported |= {inside} if inside else {alias.name for alias in node.names}
    outside = {name for name in imported if name.partition(".")[0] != "circuits"} - NOT_COMPILED.keys()
    assert {"attestations.layout", "attestations.collateral.tree", "encoding", "field"} <= outside
    for name in outside - {"attestations", "attestations.collateral", "reference"}:
        found = importlib.import_module(f"zkmargin.{name}").__file__
        assert Path(found or "") in sources, name
    assert all(path in sources for path in package.glob("*.py"))


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 2}',
        b"\xff",
        b"[" * 100_000,
        b'{"digests": {}, "stats": {"wires": 1e999}}',
    ],
    ids=["empty", "list", "object", "format", "not UTF-8", "deep", "infinite"],
)
def test_a_broken_index_is_as_good_as_none(folder: Path, index: bytes) -> None:
    compile_rules(rules_of("lookup"))
    (place,) = (folder / "circuits").iterdir()
    (place / "circuit.json").write_bytes(index)
    assert compile_rules(rules_of("lookup")).stats.constraints == compiled("lookup").stats.constraints


def test_an_index_without_sizes_is_as_good_as_none(folder: Path) -> None:
    compile_rules(rules_of("lookup"))
    (place,) = (folder / "circuits").iterdir()
    index = json.loads((place / "circuit.json").read_bytes())
    del index["stats"]["terms"]
    (place / "circuit.json").write_text(json.dumps(index))
    assert compile_rules(rules_of("lookup")).stats == compiled("lookup").stats


def test_a_cache_that_cannot_be_written_is_as_good_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    monkeypatch.setenv("ZKMARGIN_CACHE", str(blocked))
    assert compile_rules(rules_of("lookup")).r1cs_digest == compiled("lookup").r1cs_digest
