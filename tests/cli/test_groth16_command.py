"""``zkmargin groth16`` as a process: files, exit codes, JSON, and the same verdicts under ``python -O``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zkmargin import backend
from zkmargin.field import encode_elements
from zkmargin.formats import vk_hash, write_wtns
from zkmargin.formats.layouts import LAYOUTS, layout
from zkmargin.verifier.groth16 import verify_groth16

ENGINES = [*backend.engines(), "python"]


def run(*arguments: object, optimised: bool = False, **environment: str) -> subprocess.CompletedProcess[str]:
    flags = ["-O"] if optimised else []
    command = [sys.executable, *flags, "-m", "zkmargin.cli.main", "groth16", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_circuit: Any) -> Path:
    """A whole run: circuit.r1cs, circuit.wtns, key.zkey, vk.json, proof.json, public.json."""
    folder = tmp_path_factory.mktemp("files")
    r1cs, wtns = small_circuit.write(folder)
    done = run("setup", r1cs, folder / "key.zkey", "--vkey", folder / "vk.json")
    assert done.returncode == 0, done.stderr
    assert "insecure" in done.stdout
    done = run("prove", folder / "key.zkey", wtns, folder / "proof.json", folder / "public.json")
    assert done.returncode == 0, done.stderr
    return folder


def verify(folder: Path, *more: object, **changed: Path) -> subprocess.CompletedProcess[str]:
    files = [changed.get(name, folder / f"{name}.json") for name in ("vk", "public", "proof")]
    optimised = "-O" in more
    return run("verify", *files, *(option for option in more if option != "-O"), optimised=optimised)


def tampered_public(folder: Path, to: Path) -> Path:
    values = json.loads((folder / "public.json").read_text())
    values[1] = str(int(values[1]) + 1)
    to.write_text(json.dumps(values))
    return to


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimised", [False, True], ids=["python", "python -O"])
def test_verdicts(folder: Path, tmp_path: Path, engine: str, optimised: bool) -> None:
    flags = ["--engine", engine, *(["-O"] if optimised else [])]
    assert verify(folder, *flags).returncode == 0
    done = verify(folder, *flags, public=tampered_public(folder, tmp_path / "public.json"))
    assert done.returncode == 1
    assert "E_PROOF_INVALID" in done.stderr
    assert done.stdout == ""


def test_json(folder: Path, tmp_path: Path, small_circuit: Any) -> None:
    done = verify(folder, "--json")
    document = json.loads(done.stdout)
    assert document["valid"] is True
    assert document["vkHash"].startswith("0x")
    done = verify(folder, "--json", public=tampered_public(folder, tmp_path / "public.json"))
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "E_PROOF_INVALID"
    r1cs, wtns = small_circuit.write(tmp_path)
    key = tmp_path / "key.zkey"
    document = json.loads(run("setup", r1cs, key, "--json").stdout)
    assert (document["wires"], document["publicInputs"], document["domain"]) == (9, 3, 16)
    assert document["insecure"] is True
    done = run("prove", key, wtns, tmp_path / "p.json", tmp_path / "i.json", "--json")
    assert json.loads(done.stdout)["publicInputs"] == 3


def test_a_violating_witness_writes_nothing_and_exits_1(folder: Path, tmp_path: Path, small_circuit: Any) -> None:
    wires = list(small_circuit.wires)
    wires[4] += 1
    wtns = tmp_path / "bad.wtns"
    wtns.write_bytes(write_wtns(encode_elements(wires)))
    done = run("prove", folder / "key.zkey", wtns, tmp_path / "proof.json", tmp_path / "public.json")
    assert done.returncode == 1
    assert "E_PROOF_INVALID" in done.stderr
    assert str(small_circuit.x) not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.wtns"]


def test_bad_input_exits_2_with_its_code(folder: Path, tmp_path: Path, small_circuit: Any) -> None:
    zkey, wtns, r1cs = folder / "key.zkey", folder / "circuit.wtns", folder / "circuit.r1cs"
    out = tmp_path / "proof.json", tmp_path / "public.json"
    short = tmp_path / "short.zkey"
    short.write_bytes(zkey.read_bytes()[:-100])
    other = tmp_path / "other.wtns"
    other.write_bytes(write_wtns(small_circuit.witness[:-32]))
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    unknown = tmp_path / "unknown.json"
    unknown.write_text(json.dumps({**json.loads((folder / "proof.json").read_text()), "pi_d": []}))
    cases = [
        (("setup", wtns, tmp_path / "k.zkey"), "E_FILE_MAGIC"),
        (("setup", tmp_path / "none.r1cs", tmp_path / "k.zkey"), "E_FILE"),
        (("setup", r1cs, tmp_path / "no" / "folder" / "k.zkey"), "E_FILE"),
        (("prove", r1cs, wtns, *out), "E_FILE_MAGIC"),
        (("prove", short, wtns, *out), "E_FILE_TRUNCATED"),
        (("prove", tmp_path / "none.zkey", wtns, *out), "E_FILE"),
        (("prove", zkey, r1cs, *out), "E_FILE_MAGIC"),
        (("prove", zkey, other, *out), "E_FILE_SECTION"),
        (("verify", folder / "vk.json", folder / "public.json", broken), "E_SCHEMA_TYPE"),
        (("verify", folder / "vk.json", folder / "public.json", unknown), "E_SCHEMA_UNKNOWN_FIELD"),
        (("verify", folder / "public.json", folder / "public.json", folder / "proof.json"), "E_SCHEMA_TYPE"),
        (("verify", folder / "vk.json"), "Usage"),
    ]
    for arguments, code in cases:
        done = run(*arguments)
        assert done.returncode == 2, arguments
        assert code in done.stderr, (arguments, done.stderr)
    assert not any(path.exists() for path in out)


def test_the_reference_engine_does_the_same(tmp_path: Path, small_circuit: Any) -> None:
    r1cs, wtns = small_circuit.write(tmp_path)
    key, vk = tmp_path / "key.zkey", tmp_path / "vk.json"
    proof, public = tmp_path / "proof.json", tmp_path / "public.json"
    for arguments in (
        ("setup", r1cs, key, "--vkey", vk),
        ("prove", key, wtns, proof, public),
        ("verify", vk, public, proof, "--engine", "python"),
    ):
        done = run(*arguments, ZKMARGIN_ENGINE="reference")
        assert done.returncode == 0, done.stderr


# --- export -------------------------------------------------------------------------------------------------


def exported(
    folder: Path, chain: str, out: Path, *more: object, proof: bool = True
) -> subprocess.CompletedProcess[str]:
    files = ("vk", "public", "proof") if proof else ("vk",)
    return run("export", *(folder / f"{name}.json" for name in files), "--layout", chain, "--out", out, *more)


@pytest.mark.parametrize("chain", LAYOUTS)
def test_export_writes_what_reads_back_and_holds(folder: Path, tmp_path: Path, chain: str) -> None:
    out = tmp_path / "out"
    done = exported(folder, chain, out, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    assert {name: len(content) for name, content in files.items()} == document["files"]
    found, engine = layout(chain), backend.engine()
    vk = found.key_of(files, engine)
    verify_groth16(vk, *found.proof_of(files, engine))
    assert document["vkHash"] == "0x" + vk_hash(vk).hex()
    assert document["publicInputs"] == 3
    assert exported(folder, chain, out).returncode == 2
    done = exported(folder, chain, out, "--force")
    assert (done.returncode, chain in done.stdout) == (0, True)


def test_export_refuses(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    wrong = tampered_public(folder, tmp_path / "public.json")
    done = run("export", folder / "vk.json", wrong, folder / "proof.json", "--layout", "sui", "--out", out)
    assert (done.returncode, "E_PROOF_INVALID" in done.stderr) == (1, True)
    assert run("export", folder / "vk.json", wrong, "--layout", "sui", "--out", out).returncode == 2
    key = json.loads((folder / "vk.json").read_text())
    key["IC"] = [*key["IC"], *key["IC"], *key["IC"]]
    key["nPublic"] = len(key["IC"]) - 1
    (tmp_path / "vk.json").write_text(json.dumps(key))
    done = exported(tmp_path, "sui", out, proof=False)
    assert (done.returncode, "E_LAYOUT" in done.stderr) == (2, True)
    assert "at most 8, got 11" in done.stderr
    assert not out.exists()
    assert exported(tmp_path, "solana", out, proof=False).returncode == 0
    assert [path.name for path in out.iterdir()] == ["key.bin"]
