"""The provers that are measured side by side: processes that answer `prove` and `verify` requests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SNARKJS = HERE.parent / "tests" / "peers" / "node_modules" / "snarkjs"


class PeerError(RuntimeError):
    """A prover could not be started, or died."""


@dataclass(frozen=True)
class Case:
    """One circuit with one witness: the files that every prover gets.

    ``account`` is the folder of a prepared account (see prepare.py), None where only files are proven.
    """

    name: str
    r1cs: Path
    wtns: Path
    zkey: Path
    account: Path | None = None


class Peer:
    """A resident prover process."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self._answer()

    def request(self, what: str) -> dict[str, Any]:
        """Send ``prove`` or ``verify``; the measurements come back."""
        if self.process.stdin is None:
            raise PeerError(f"{self.name}: closed")
        try:
            self.process.stdin.write(what + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise PeerError(f"{self.name} ended with exit code {self.process.wait()}") from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise PeerError(f"{self.name} ended with exit code {self.process.wait()}")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise PeerError(f"{self.name}: unexpected answer")
        return answer

    def close(self) -> None:
        """End the process."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Rapidsnark(Peer):
    """rapidsnark has no resident mode on its command line: each proof is a process that maps the key anew."""

    def __init__(self, program: str, case: Case, work: Path) -> None:
        self.name = "rapidsnark"
        self.out = work / "rapidsnark"
        self.out.mkdir(exist_ok=True)
        self.command = [program, str(case.zkey), str(case.wtns)]
        self.command += [str(self.out / "proof.json"), str(self.out / "public.json")]
        self.ready = {"ready": True, "process": True}

    def request(self, what: str) -> dict[str, Any]:
        """Run one process; its own usage is what ``wait4`` says."""
        if what == "verify":
            return {"wall": 0.0, "ok": (self.out / "proof.json").exists()}
        start = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise PeerError(f"rapidsnark ended with exit code {process.returncode}")
        cpu = usage.ru_utime + usage.ru_stime
        return {"wall": wall, "cpu": cpu, "peak_bytes": usage.ru_maxrss << 10}

    def close(self) -> None:
        """Nothing stays open."""


def start_ours(case: Case) -> Peer:
    """zkmargin's prover. With an account, its witness is computed within each proof."""
    what = ["account", str(case.account), case.name] if case.account else ["files", str(case.wtns), str(case.zkey)]
    return Peer("zkmargin", [sys.executable, str(HERE / "ours.py"), *what])


def start_peers(case: Case, work: Path, wanted: list[str]) -> tuple[list[Peer], dict[str, str]]:
    """Start each wanted peer that this machine has; the others come back with the reason why not."""
    peers: list[Peer] = []
    absent: dict[str, str] = {}
    starters = {"gnark": _start_gnark, "snarkjs": _start_snarkjs, "rapidsnark": _start_rapidsnark}
    for name in wanted:
        found = starters[name](case, work)
        if isinstance(found, str):
            absent[name] = found
        else:
            peers.append(found)
    return peers, absent


def _start_gnark(case: Case, work: Path) -> Peer | str:
    if shutil.which("go") is None:
        return "no Go toolchain on PATH"
    program = work / "gnark-peer"
    built = subprocess.run(["go", "build", "-o", str(program), "."], cwd=HERE / "gnark", capture_output=True, text=True)
    if built.returncode:
        return f"go build failed: {built.stderr.strip()[-300:]}"
    key = case.zkey.with_suffix(".gnark-key")
    if not key.exists() or key.stat().st_mtime < case.r1cs.stat().st_mtime:
        unfinished = key.with_suffix(".part")
        subprocess.run([str(program), "setup", str(case.r1cs), str(unfinished)], check=True, capture_output=True)
        unfinished.replace(key)
    return Peer("gnark", [str(program), "serve", str(case.r1cs), str(case.wtns), str(key)])


def _start_snarkjs(case: Case, work: Path) -> Peer | str:
    del work
    node = shutil.which("node")
    if node is None:
        return "no Node.js on PATH"
    if not SNARKJS.is_dir():
        return "snarkjs is not installed (npm ci in tests/peers)"
    if not case.zkey.exists():
        return "no .zkey"
    return Peer("snarkjs", [node, str(HERE / "snarkjs_worker.mjs"), str(SNARKJS), str(case.wtns), str(case.zkey)])


def _start_rapidsnark(case: Case, work: Path) -> Peer | str:
    program = shutil.which("rapidsnark") or shutil.which("prover-rapidsnark")
    if program is None:
        return "not on PATH"
    return Rapidsnark(program, case, work)
