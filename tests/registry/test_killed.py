"""SIGKILL in the middle of a thousand submissions, twenty times: what was acknowledged is there, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

from registry_world import OPERATOR, TERMS, A, B, Clock, open_registry

from zkmargin.verifier.registry.registry import Registry
from zkmargin.verifier.registry.replay import require_log

ROUNDS = 20
HERE = Path(__file__).parent


def test_killed_twenty_times(url: str) -> None:
    open_registry(url).close()
    random = Random(5)
    acknowledged: dict[int, int] = {}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])}
    server = subprocess.Popen(
        [sys.executable, str(HERE / "killed.py"), url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    interrupted = 0
    for number in range(ROUNDS):
        server.stdin.write(f"{number}\n".encode())
        server.stdin.flush()
        child, after, before = 0, random.randrange(20, 250), len(acknowledged)
        for line in server.stdout:
            words = line.decode().split()
            if words[0] == "child":
                child = int(words[1])
            elif words[0] == "gone":
                break
            elif words[0] != "finished":
                acknowledged[int(words[0])] = int(words[1])
            if child and len(acknowledged) - before >= after:
                os.kill(child, signal.SIGKILL)
                child, interrupted = 0, interrupted + 1
    server.stdin.close()
    server.stdout.close()
    assert server.wait(30) == 0
    assert interrupted == ROUNDS
    with Registry(url, TERMS, OPERATOR, clock=Clock()) as registry:
        registry.require_whole()
        pages = [registry.page(first) for first in range(0, registry.size(), 1000)]
    entries = [entry for page in pages for entry in page.entries]
    found = require_log(pages, TERMS)
    assert found.size == found.nullifiers == len(entries) >= len(acknowledged) > 20 * ROUNDS
    for nullifier, index in acknowledged.items():
        assert entries[index].nullifier == nullifier
        assert entries[index].venue_id == (A, B)[(nullifier - 1) % 2]
