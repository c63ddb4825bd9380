"""Fuzz every parser: ``python -m tests.fuzz --seconds 1800``.

Each target runs in a process of its own, watched from here: one that dies or hangs is a finding too. The
time is shared out by the targets' weights, several at once. Exit code 1 where anything was found; the input
and what it did are then in the findings folder.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .targets import TARGETS
from .worker import FOUND
from .worker import main as work

GRACE = 90
"""Seconds without a new input after which a worker hangs."""
START = 600
"""Seconds until the first input: a busy machine takes long to load and to make seeds."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800, help="Time of all targets together.")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="Only this one; repeatable.")
    parser.add_argument("--seed", type=int, help="Repeats a run.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="Targets at once.")
    parser.add_argument("--findings", type=Path, default=Path("out/fuzz"), help="Where findings go.")
    parser.add_argument("--keep", type=Path, help="Save the smallest input of every outcome here.")
    parser.add_argument("--worker", choices=list(TARGETS), help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _watch(name: str, seconds: float, seed: int, findings: Path, keep: Path | None) -> bool:
    """Run one worker to its end; whether it found nothing."""
    with tempfile.TemporaryDirectory(prefix="zkmargin-fuzz-") as folder:
        state = Path(folder) / "state"
        state.write_bytes(b"")
        command = [sys.executable, "-m", "tests.fuzz", "--worker", name, "--seconds", str(seconds)]
        command += ["--seed", str(seed), "--state", str(state), "--findings", str(findings)]
        if keep is not None:
            (keep / name).mkdir(parents=True, exist_ok=True)
            command += ["--keep", str(keep / name)]
        process = subprocess.Popen(command)
        written, since = state.stat().st_mtime, time.monotonic()
        while process.poll() is None:
            time.sleep(0.2)
            found = state.stat()
            if found.st_mtime != written:  # a machine that was suspended is not an input that hangs
                written, since = found.st_mtime, time.monotonic()
            if time.monotonic() - since > (GRACE if found.st_size else START):
                process.kill()
                process.wait()
        if process.returncode in (0, FOUND):
            return process.returncode == 0
        path = findings / f"{name}-killed-{seed}"
        path.write_bytes(state.read_bytes())
        print(f"FINDING {name}: the process ended with {process.returncode} at the input in {path}", flush=True)
        return False


def main() -> int:
    """The driver, or with ``--worker`` one of its workers."""
    given = _arguments()
    seed = secrets.randbelow(1 << 32) if given.seed is None else given.seed
    given.findings.mkdir(parents=True, exist_ok=True)
    if given.worker:
        return work(given.worker, given.seconds, seed, given.state, given.findings, given.keep)
    names = given.target or list(TARGETS)
    total = sum(TARGETS[name].weight for name in names)
    print(f"{len(names)} targets, {given.seconds:g} s in all, --seed {seed}", flush=True)
    with ThreadPoolExecutor(given.jobs) as pool:
        shares = [given.seconds * TARGETS[name].weight / total for name in names]
        clean = pool.map(lambda n, s: _watch(n, s, seed, given.findings, given.keep), names, shares)
        return 0 if all(list(clean)) else 1


if __name__ == "__main__":
    sys.exit(main())
