"""`zkmargin serve` as a process: it listens, answers, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from parties import World
from passphrase import PASSPHRASE
from registry_world import OPERATOR, sqlite_at
from served import write_settings

from zkmargin.attestations.keyfiles import SigningKeyFile

pytestmark = pytest.mark.prove


def test_it_serves_until_it_is_told_to_stop(world: World, tmp_path: Path) -> None:
    settings = write_settings(tmp_path, world)
    key = tmp_path / "operator.key"
    key.write_text(SigningKeyFile.of_key(OPERATOR, PASSPHRASE).to_text())
    command = [sys.executable, "-m", "zkmargin.cli.main", "serve", str(settings), "--key", str(key), "--port", "0"]
    environment = {**os.environ, "ZKMARGIN_PASSPHRASE": PASSPHRASE, "ZKMARGIN_DATABASE": sqlite_at(tmp_path)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
            address = lines[1].split()[-1]
            assert httpx.get(f"{address}/healthz", timeout=30).json() == {"status": "ok"}
            assert httpx.get(f"{address}/readyz", timeout=30).json() == {"status": "ok", "logEntries": "0"}
            missing = httpx.get(f"{address}/v1/log/head", timeout=30)
            assert missing.json()["code"] == "E_PLEDGE_MISSING"
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode in (0, -signal.SIGTERM), errors  # uvicorn ends by the signal that it was given
    assert "Traceback" not in errors
    assert PASSPHRASE not in errors
