"""Peers from npm, pinned by package-lock.json: installed by ``make peers``, run as programs, never linked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def node() -> Run:
    """Run Node.js on a script, from ``tests/peers``; fails on an exit code other than ``code``."""
    program = shutil.which("node")
    missing = ""
    if program is None:
        missing = "Node.js is not installed"
    elif not all((HERE / "node_modules" / name).is_dir() for name in ("snarkjs", "playwright-core")):
        missing = "peers are not installed (make peers)"
    if missing:
        if os.environ.get("ZKMARGIN_CI") == "1":
            pytest.fail(f"{missing} (ZKMARGIN_CI=1 insists)")
        pytest.skip(missing)

    def run(*arguments: object, code: int | None = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(program), *map(str, arguments)],
            input=stdin,
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=300,
        )
        done.stdout = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        assert code is None or done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def snarkjs(node: Run) -> Run:
    """Run snarkjs's command line."""

    def run(*arguments: object, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        return node(HERE / "node_modules" / "snarkjs" / "build" / "cli.cjs", *arguments, code=code)

    return run


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program, which playwright-core of the peers drives."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if program := shutil.which(name):
            return program
    if os.environ.get("ZKMARGIN_CI") == "1":
        pytest.fail("Chromium is not installed (ZKMARGIN_CI=1 insists)")
    pytest.skip("Chromium is not installed")
