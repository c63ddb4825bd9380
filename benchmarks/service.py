"""Submissions a second, end to end: proofs over HTTP, verified, recorded on disk, receipts signed.

    python benchmarks/service.py [--count N] [--rate R --seconds S] [--url URL]

``zkmargin serve`` runs as a process with two verifiers; traders (simulated.py) ask it for challenges, prove, and then
submit over kept connections: first as fast as it answers, then at half the wanted rate. Besides wall time, CPU seconds
of the service and of this client are told: whatever else a machine does changes the first more than the second.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from load import Answer, percentile, post, send
from simulated import OPERATOR, Traders

from zkmargin.attestations.keyfiles import SigningKeyFile
from zkmargin.encoding import hex_bytes

HERE = Path(__file__).resolve().parent
PASSPHRASE = "of keys that only benchmarks use"
CONNECTIONS = 32
"""Of traders who send as fast as they are answered: two verifiers take eight proofs each, and as many wait."""


@dataclass(frozen=True)
class Load:
    """What a load cost. Seconds; ``latencies`` in order of the answers."""

    count: int
    wall: float
    service_cpu: float
    client_cpu: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Submissions a second."""
        return self.count / self.wall

    def to_text(self) -> str:
        """One line."""
        each = self.service_cpu / self.count * 1e3
        p50, p99 = (percentile(self.latencies, share) * 1e3 for share in (0.5, 0.99))
        return (
            f"{self.rate:,.0f} submissions/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms; CPU a submission: {each:.2f} ms in "
            f"the service, {self.client_cpu / self.count * 1e3:.2f} ms in the client"
        )


class Bench:
    """A running service and traders for it."""

    def __init__(self, traders: Traders, process: subprocess.Popen[str], address: str) -> None:
        self.traders, self._process, self.address = traders, process, address
        host, port = address.removeprefix("http://").split(":")
        self._at = host, int(port)

    def submissions(self, count: int) -> list[bytes]:
        """Requests, each with the answer to a fresh challenge."""
        body = b'{"venueId":"%s","seconds":"3600"}' % hex_bytes(self.traders.venue_id).encode()
        given = asyncio.run(send(self._at, [post("/v1/challenges", body)] * count, CONNECTIONS))
        challenges = (bytes.fromhex(answer.json()["challenge"][2:]) for answer in given)
        return [post("/v1/submissions", self.traders.submission(made).to_bytes()) for made in challenges]

    def run(self, requests: list[bytes], rate: float | None = None) -> Load:
        """Raises RuntimeError unless all are accepted."""
        began, service, client = time.perf_counter(), self.cpu(), time.process_time()
        connections = CONNECTIONS if rate is None else 64
        gc.collect()
        gc.freeze()  # the requests are many objects: to look through them would be latency of the service
        answers: list[Answer] = asyncio.run(send(self._at, requests, connections, rate=rate))
        wall = time.perf_counter() - began
        refused = [answer for answer in answers if answer.status != 201]
        if refused:
            raise RuntimeError(f"{len(refused)} refused, the first: {refused[0].body[:300]!r}")
        return Load(
            len(answers), wall, self.cpu() - service, time.process_time() - client, [a.seconds for a in answers]
        )

    def cpu(self) -> float:
        """CPU seconds of the service and its verifiers until now."""
        ticks = 0
        for pid in self._pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Resident bytes of the service and its verifiers."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._pids())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _pids(self) -> Iterator[int]:
        waiting = [self._process.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())


@contextmanager
def running(url: str | None = None) -> Iterator[Bench]:
    """``zkmargin serve``, with the market of the traders, warm. The database is on a disk, no memory file system."""
    traders = Traders()
    with tempfile.TemporaryDirectory(prefix=".service-", dir=HERE) as temporary:
        folder = Path(temporary)
        settings, key = traders.write(folder), folder / "operator.key"
        key.write_text(SigningKeyFile.of_key(OPERATOR, PASSPHRASE).to_text())
        environment = {**os.environ, "ZKMARGIN_PASSPHRASE": PASSPHRASE}
        environment["ZKMARGIN_DATABASE"] = url or f"sqlite:///{folder}/registry.db"
        command = [sys.executable, "-m", "zkmargin.cli.main", "serve", str(settings), "--key", str(key), "--port", "0"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                address = _address(process)
                kept: Any = httpx.post(f"{address}/v1/markets", content=traders.market.to_bytes(), timeout=60)
                kept.raise_for_status()
                bench = Bench(traders, process, address)
                bench.run(bench.submissions(100))
                yield bench
            finally:
                process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise RuntimeError("the service's output is not read")
    for line in process.stdout:
        if "listening at" in line:
            return line.split()[-1]
    raise RuntimeError("the service did not start")


def main() -> None:
    """Measure once and print."""
    parser = argparse.ArgumentParser(description="Submissions a second, end to end.")
    parser.add_argument("--count", type=int, default=3000, help="submissions as fast as they are answered")
    parser.add_argument("--rate", type=float, default=150, help="submissions a second afterwards")
    parser.add_argument("--seconds", type=int, default=20, help="for so long; 600 is the soak")
    parser.add_argument("--url", help="an empty database, e.g. postgresql://..")
    options = parser.parse_args()
    with running(options.url) as bench:
        print(bench.run(bench.submissions(options.count)).to_text(), flush=True)
        left, latencies = options.seconds, []
        while left > 0:
            part = min(left, 30)
            load = bench.run(bench.submissions(int(options.rate * part)), options.rate)
            latencies += load.latencies
            print(f"{load.to_text()}; {bench.memory() / 2**20:,.0f} MiB", flush=True)
            left -= part
        if latencies:
            print(f"p99 of all at {options.rate:g}/s: {percentile(latencies, 0.99) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
