"""Processes that judge mutants, and the book of what they found."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tests.mutation.mutants import Mutant

KILLED, SURVIVED, LATE = "killed", "survived", "killed (time)"
RESULTS = {0: SURVIVED, 1: KILLED, -signal.SIGSEGV: KILLED, -signal.SIGXCPU: LATE, -signal.SIGALRM: LATE}
"""By exit code, or the signal that ended a process."""
CPU_LIMIT = 240  # seconds of a mutant
TEST_LIMIT = 20  # seconds beyond ten times what it takes, of a test that may have lost the end of a loop
WAIT_LIMIT = 60  # the same on the clock, of one that may wait for ever
STUCK = 1800  # seconds on the clock, of a mutant whose tests set no limit
PAUSE = 0.02  # between looks at the processes


@dataclass
class Book:
    """Results by key of the mutant, and seconds by test; kept in a file, so that a run can go on where one ended.

    ``tests``: by source, a digest of the tests that judge its mutants.
    """

    path: Path
    tests: Callable[[str], str]
    keep: bool = False
    entries: dict[str, dict[str, str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def load(self) -> None:
        """Read what earlier runs found. ``keep``: also what was killed by the tests of another day."""
        with suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads(self.path.read_text())
            self.seconds = found["seconds"]
            for key, entry in found["mutants"].items():
                if entry["tests"] == self.tests(entry["mutant"].partition(":")[0]) or (
                    self.keep and entry["result"] != SURVIVED
                ):
                    self.entries[key] = entry

    def save(self) -> None:
        """Write everything anew."""
        self.path.parent.mkdir(exist_ok=True)
        scratch = self.path.with_suffix(".new")
        scratch.write_text(json.dumps({"seconds": self.seconds, "mutants": self.entries}, indent=1))
        scratch.replace(self.path)

    def result(self, mutant: Mutant) -> str | None:
        """What is known of a mutant."""
        entry = self.entries.get(mutant.key)
        return entry["result"] if entry else None


def digest_of(paths: Iterable[Path]) -> str:
    """Of the files' names and contents."""
    return hashlib.sha256(b"".join(f"{path} ".encode() + path.read_bytes() for path in sorted(paths))).hexdigest()[:24]


class Board:
    """At most ``jobs`` processes at a time, none begun after ``deadline``."""

    def __init__(self, book: Book, jobs: int, deadline: float) -> None:
        self.book, self.jobs, self.deadline = book, jobs, deadline
        self.killers = mmap.mmap(-1, 2 * jobs)  # what a process says of itself: the number of the test that failed
        self.left = memoryview(mmap.mmap(-1, 8 * jobs)).cast("d")  # seconds that it may still take on the clock
        self.free = list(range(jobs))
        self.running: dict[int, tuple[Mutant, int, float]] = {}
        self.names: list[str] = []  # of the tests, by number
        self.judged = 0

    def judge(self, mutant: Mutant, survives: Callable[[], bool], patience: float = STUCK) -> None:
        """Ask a forked process whether the tests pass with this mutant, unless that is known."""
        if self.book.result(mutant) is not None:
            return
        while not self.free:
            self._collect()
        if time.time() > self.deadline:
            return
        self.slot = self.free.pop()
        self.left[self.slot] = min(patience, STUCK)
        process = os.fork()
        if process:
            self.running[process] = (mutant, self.slot, time.time())
            return
        _answer(survives)

    def ask(self, survives: Callable[[], bool]) -> bool:
        """The same in a process of its own, at once and off the book."""
        process = os.fork()
        if not process:
            _answer(survives)
        return os.waitpid(process, 0)[1] == 0

    def blame(self, test: int) -> None:
        """In the process: the test that failed."""
        self.killers[2 * self.slot : 2 * self.slot + 2] = test.to_bytes(2, "little")

    def limit_test(self, seconds: float) -> None:
        """In the process: the next test should take this long, and ends it where it takes many times as long."""
        limit_test(seconds)
        self.left[self.slot] = 10 * seconds + WAIT_LIMIT

    def drain(self) -> None:
        """Wait for all."""
        while self.running:
            self._collect()
        self.book.save()

    def _collect(self) -> None:
        process, status = self._wait()
        if process not in self.running:
            return
        mutant, slot, begun = self.running.pop(process)
        self.free.append(slot)
        code = os.waitstatus_to_exitcode(status)
        if code not in RESULTS:
            print(f"could not be judged ({code}): {mutant}", file=sys.__stderr__, flush=True)
            return
        result = RESULTS[code]
        killer = int.from_bytes(self.killers[2 * slot : 2 * slot + 2], "little")
        entry = {"result": result, "mutant": str(mutant), "tests": self.book.tests(mutant.file)}
        self.book.entries[mutant.key] = entry | ({"by": self.names[killer]} if self.names and result == KILLED else {})
        self.judged += 1
        if self.judged % 10 == 0:
            self.book.save()
            print(f"{self.judged} judged", file=sys.__stderr__, flush=True)
        if result != KILLED:
            print(f"{result}: {mutant} ({time.time() - begun:.0f} s)", file=sys.__stderr__, flush=True)

    def _wait(self) -> tuple[int, int]:
        """As ``os.wait``; who has no time left is ended. Time in which this process is stopped too does not count."""
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process:
                return process, status
            time.sleep(PAUSE)
            for waiting, (_, slot, _) in self.running.items():
                self.left[slot] -= PAUSE
                if self.left[slot] < 0:
                    os.kill(waiting, signal.SIGALRM)


def limit_test(seconds: float) -> None:
    """End this process where its next test takes many times the ``seconds`` of computation that it should."""
    end = int(time.process_time() + 10 * seconds + TEST_LIMIT)
    resource.setrlimit(resource.RLIMIT_CPU, (min(end, CPU_LIMIT), CPU_LIMIT + 5))


def _answer(survives: Callable[[], bool]) -> NoReturn:
    """End this process with what it found: 0, 1, or 2 where the engine itself failed. It prints nothing."""
    code = 2
    with suppress(BaseException):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(2 * STUCK)  # should nobody watch
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT + 5))
        null = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(null, descriptor)
        code = 0 if survives() else 1
    os._exit(code)
