"""One target under mutation, in this process: counts, findings, and inputs worth keeping.

The input under way is always in ``state``, so that whoever started this process has it if the process dies.
"""

from __future__ import annotations

import hashlib
import re
import resource
import signal
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

from .seeds import Seeds
from .targets import TARGETS, Target

SECONDS_PER_INPUT = 20
MEMORY_STEP_KIB = 48 << 10
MEMORY_PER_BYTE = 256
MEMORY_PER_MADE_BYTE = 2
"""No input may take more than 48 MiB, 256 bytes for each of its own, and 2 for each of a circuit that it describes:
a kilobyte of rules is a circuit of a hundred megabytes, and who compiles it asked for that.
"""
ADDRESS_SPACE = 2 << 30
MAX_FINDINGS = 10
FOUND = 10
"""Exit code of a worker with findings; any other than 0 means that it did not end in order."""


_VALUES = re.compile(r"`[^`]*`|[0-9]+|got .*", re.DOTALL)


class TooSlow(BaseException):
    """An input took more than SECONDS_PER_INPUT of processor time (whoever sleeps is killed from outside)."""


class TooLarge(BaseException):
    """An input took memory out of all proportion to its size."""


def _alarm(_: int, __: FrameType | None) -> None:
    raise TooSlow(f"more than {SECONDS_PER_INPUT} s of processor time")


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def limit_memory(headroom: int = ADDRESS_SPACE) -> None:
    """Let this process map only ``headroom`` bytes more than it has now (Linux; elsewhere nothing happens)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return
    limit = pages * resource.getpagesize() + headroom
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def _signature(error: BaseException | None) -> str:
    """What tells outcomes apart: the kind of error and where it was raised."""
    if error is None:
        return "accepted"
    last = traceback.extract_tb(error.__traceback__)[-1]
    message = _VALUES.sub("", getattr(error, "message", None) or str(error))[:60]
    return f"{type(error).__name__} {Path(last.filename).name}:{last.name} {last.line} {message}"


def run_once(target: Target, content: bytes, seeds: Seeds) -> BaseException | None:
    """None where the input is accepted, the refusal where it is refused. Anything else is raised."""
    before = _peak_kib()
    signal.setitimer(signal.ITIMER_PROF, SECONDS_PER_INPUT)
    refusal: BaseException | None = None
    made = 0
    try:
        made = target.run(content, seeds) or 0
    except target.refusals as error:
        refusal = error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    grown = _peak_kib() - before
    if grown > MEMORY_STEP_KIB + (MEMORY_PER_BYTE * len(content) + MEMORY_PER_MADE_BYTE * made) // 1024:
        raise TooLarge(f"{len(content)} bytes of input took {grown} KiB to make {made} bytes")
    return refusal


@dataclass
class Work:
    """Mutates and runs until the time is over."""

    target: Target
    seeds: Seeds
    random: Random
    state: Path | None = None
    findings: Path | None = None
    keep: Path | None = None
    runs: int = 0
    found: dict[str, str] = field(default_factory=dict)
    smallest: dict[str, int] = field(default_factory=dict)

    def start(self, corpus: Sequence[bytes]) -> list[bytes]:
        """Seeds and corpus, each run once; the inputs that mutation begins with."""
        signal.signal(signal.SIGPROF, _alarm)
        pool = list(self.target.seeds(self.seeds))
        for content in (*pool, *corpus):
            self.run(content)
        return pool + list(corpus)

    def run(self, content: bytes) -> bool:
        """Run one input; True where its outcome is a new one."""
        if self.state is not None:
            self.state.write_bytes(content)
        self.runs += 1
        try:
            outcome = _signature(run_once(self.target, content, self.seeds))
        except BaseException as error:  # a panic of the Rust core is no Exception
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            self._record(content, error)
            return False
        known = self.smallest.get(outcome)
        if known is None or len(content) < known:
            self.smallest[outcome] = len(content)
            if self.keep is not None:
                name = hashlib.sha256(outcome.encode()).hexdigest()[:12]
                (self.keep / name).write_bytes(content)
        return known is None

    def _record(self, content: bytes, error: BaseException) -> None:
        signature = _signature(error)
        if signature in self.found:
            return
        self.found[signature] = "".join(traceback.format_exception(error))
        name = hashlib.sha256(content).hexdigest()[:12]
        where = ""
        if self.findings is not None:
            path = self.findings / f"{self.target.name}-{name}"
            path.write_bytes(content)
            path.with_suffix(".txt").write_text(self.found[signature], encoding="utf-8")
            where = f" in {path}"
        print(f"FINDING {self.target.name}: {signature}{where}\n{self.found[signature]}", flush=True)

    def mutate_until(self, pool: list[bytes], deadline: float, max_runs: int = 1 << 62) -> None:
        """Mutate seeds, and mutants with new outcomes, until the deadline."""
        first = len(pool)
        while time.monotonic() < deadline and self.runs < max_runs and len(self.found) < MAX_FINDINGS:
            parent = self.random.choice(pool[:first] if self.random.random() < 0.6 else pool)
            mutant = self.target.mutate(parent, self.random, pool)
            if self.run(mutant) and len(pool) < 500:
                pool.append(mutant)


def main(name: str, seconds: float, seed: int, state: Path, findings: Path, keep: Path | None) -> int:
    """Work for the given time. 0 where nothing was found, else FOUND."""
    with tempfile.TemporaryDirectory(prefix="zkmargin-fuzz-") as folder:
        target = TARGETS[name]
        work = Work(target, Seeds(Path(folder)), Random(seed), state, findings, keep)
        corpus = [path.read_bytes() for path in sorted((Path(__file__).parent / "corpus" / name).glob("*"))]
        pool = work.start(corpus)
        limit_memory()
        work.mutate_until(pool, time.monotonic() + seconds)
    print(f"{name}: {work.runs:,} inputs, {len(work.smallest)} outcomes, {len(work.found)} findings", flush=True)
    return FOUND if work.found else 0
