"""What one process measures about itself: wall, processor time of all threads, peak resident memory."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def cpu_seconds() -> float:
    """User and system time of this process so far, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def reset_peak() -> None:
    """Forget the peak so far, so that loading and parsing do not count (Linux; elsewhere they do)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_bytes() -> int:
    """Peak resident memory since ``reset_peak``."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


class Stopwatch:
    """``with Stopwatch() as clock: ...`` then ``clock.wall`` and ``clock.cpu`` in seconds."""

    wall = 0.0
    cpu = 0.0

    def __enter__(self) -> Stopwatch:
        self._cpu, self._start = cpu_seconds(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self._start, cpu_seconds() - self._cpu


def serve(requests: dict[str, Callable[[], dict[str, Any]]], **ready: Any) -> None:
    """Answer each line of standard input that names a request with one line of JSON."""
    print(json.dumps({"ready": True, **ready}), flush=True)
    for line in sys.stdin:
        print(json.dumps(requests[line.strip()]()), flush=True)
