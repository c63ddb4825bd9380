"""Mutation testing: does some test fail for every slip in the verifier?  ``python -m tests.mutation --help``

Sources on disk are never touched. A mutant of a function lives in a forked copy of a pytest process whose tests have
passed and whose fixtures are made: there the function's code is exchanged, and the tests that run through the changed
statement run again to the first that fails, those that killed most first, then the shortest. A mutant outside
functions is imported by a fresh copy.
"""

from __future__ import annotations

import argparse
import gc
import importlib.machinery
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
TESTS = ("tests/verifier", "tests/prover", "tests/attestations/test_context.py", "tests/attestations/test_positions.py")
FIRST = ("tests/verifier/test_schemas.py", "tests/verifier/test_policy.py")
NOT_MUTATED = {"__init__.py", "schemas.py"}  # nothing, and a generator whose product is compared
SLOW = (
    "tests/verifier/test_large.py",
    "tests/verifier/test_verify.py::test_optimised_python_changes_no_verdict",
    *(
        f"tests/verifier/test_tampering.py::{name}"
        for name in (
            "test_every_changed_public_input_is_rejected",
            "test_every_changed_leaf_is_rejected",
            "test_random_bytes_are_no_envelopes",
        )
    ),
)
"""Left out: they repeat, at length and on many values, what others ask once."""
LIMIT = 240  # seconds of a mutant, which may have lost the end of a loop
PYTEST = ("-q", "-x", "--no-header", "-p", "no:cacheprovider", *(f"--deselect={name}" for name in SLOW))
KILLED, SURVIVED, LATE = "killed", "survived", "killed (time)"


class Board:
    """Who was killed; at most ``jobs`` processes at a time, none begun after ``deadline``."""

    def __init__(self, jobs: int, deadline: float) -> None:
        self.jobs, self.deadline = jobs, deadline
        self.results: dict[Mutant, str] = {}
        self.running: dict[int, Mutant] = {}

    def judge(self, mutant: Mutant, survives: Callable[[], bool]) -> None:
        """Ask a forked process whether the tests pass with this mutant."""
        while len(self.running) >= self.jobs:
            self._collect()
        if time.time() > self.deadline:
            return
        process = os.fork()
        if process:
            self.running[process] = mutant
            return
        code = 1
        with suppress(BaseException):
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LIMIT)
            _silence()
            code = 0 if survives() else 1
        os._exit(code)

    def drain(self) -> None:
        """Wait for all."""
        while self.running:
            self._collect()

    def _collect(self) -> None:
        process, status = os.wait()
        mutant = self.running.pop(process, None)
        if mutant is None:
            return
        result = SURVIVED if status == 0 else LATE if os.WIFSIGNALED(status) else KILLED
        self.results[mutant] = result
        if len(self.results) % 50 == 0:
            print(f"{len(self.results)} judged", file=sys.__stderr__, flush=True)
        if result != KILLED:
            print(f"{result}: {mutant}", file=sys.__stderr__, flush=True)


def _silence() -> None:
    """A forked test run prints nothing."""
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)


def judge_imported(board: Board, found: Iterable[Mutant]) -> None:
    """Mutants outside functions: a fresh process imports them."""

    def survives(mutant: Mutant) -> bool:
        path = os.path.realpath(ROOT / mutant.file)
        original = importlib.machinery.SourceFileLoader.get_code

        def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> CodeType | None:
            if os.path.realpath(self.path) == path:
                return compile(mutant.tree, self.path, "exec")
            return original(self, name)

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
        return pytest.main([*PYTEST, *FIRST]) == 0 and pytest.main([*PYTEST, *_rest()]) == 0

    for mutant in found:
        board.judge(mutant, lambda mutant=mutant: survives(mutant))  # type: ignore[misc]


def _rest() -> list[str]:
    return [*TESTS, *(f"--deselect={name}" for name in FIRST)]


class Judge:
    """A pytest plugin in the place of the loop over tests."""

    def __init__(self, board: Board, found: Sequence[Mutant]) -> None:
        self.board, self.found = board, found
        self.files = {os.path.realpath(ROOT / mutant.file): mutant.file for mutant in found}
        self.reached: dict[tuple[str, int], set[int]] = {}
        self.seconds: list[float] = []
        self.passed = True

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all tests once, noting the lines that they reach; then judge."""
        items = session.items
        self.kills = mmap.mmap(-1, len(items))  # shared with all forks; a lost count does no harm
        names: dict[str, str | None] = {}
        for index, item in enumerate(items):

            def trace(frame: FrameType, event: str, _: Any, index: int = index) -> Any:
                path = frame.f_code.co_filename
                if path not in names:
                    names[path] = self.files.get(os.path.realpath(path))
                file = names[path]
                if file is None:
                    return None
                if event == "line":
                    self.reached.setdefault((file, frame.f_lineno), set()).add(index)
                return trace

            start = time.perf_counter()
            sys.settrace(trace)
            reports = runtestprotocol(item, log=False, nextitem=items[(index + 1) % len(items)])
            sys.settrace(None)
            self.seconds.append(time.perf_counter() - start)
            if any(report.failed for report in reports):
                print(f"fails without a mutant: {item.nodeid}", file=sys.__stderr__)
                self.passed = False
                return True
        gc.collect()
        print(f"{len(items)} tests, {sum(self.seconds):.0f} s; now the mutants", file=sys.__stderr__, flush=True)
        for mutant in self.found:
            self.board.judge(mutant, lambda mutant=mutant: self._survives(mutant, items))  # type: ignore[misc]
        self.board.drain()
        return True

    def _survives(self, mutant: Mutant, items: Sequence[pytest.Item]) -> bool:
        _exchange(mutant)
        chosen = set().union(*(self.reached.get((mutant.file, line), set()) for line in mutant.lines))
        order = sorted(chosen, key=lambda index: (-self.kills[index], self.seconds[index]))
        for index, following in zip(order, [*order[1:], 0], strict=True):
            if any(r.failed for r in runtestprotocol(items[index], log=False, nextitem=items[following])):
                self.kills[index] = min(255, self.kills[index] + 1)
                return False
        return True


def _exchange(mutant: Mutant) -> None:
    """Give every living function of this name and file the mutant's code."""
    path = os.path.realpath(ROOT / mutant.file)
    living = [
        function
        for function in gc.get_objects()
        if isinstance(function, FunctionType)
        and function.__code__.co_qualname == mutant.function
        and os.path.realpath(function.__code__.co_filename) == path
    ]
    codes = {(code.co_qualname, code.co_firstlineno): code for code in _codes(compile(mutant.tree, path, "exec"))}
    for function in living:
        function.__code__ = codes[function.__code__.co_qualname, function.__code__.co_firstlineno]
    if not living:
        raise LookupError(mutant.function)


def _codes(code: CodeType) -> Iterable[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def main() -> int:
    """Judge all mutants; the exit code is 0 where at least 95% of them were killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mutation tests of the verifier.")
    parser.add_argument("files", nargs="*", help="sources, from the root of the checkout (default: verifier/*.py)")
    parser.add_argument("--seconds", type=float, default=3600, help="begin no mutant after this time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--part", choices=("functions", "outside"), help="only mutants there")
    parser.add_argument("--line", type=int, help="only mutants of this line")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    named = arguments.files or [str(p) for p in sorted(Path("verifier").glob("*.py")) if p.name not in NOT_MUTATED]
    found = [mutant for name in named for mutant in mutants(name, Path(name).read_text())]
    found = [mutant for mutant in found if arguments.line in (None, mutant.line)]
    found = [mutant for mutant in found if arguments.part in (None, "functions" if mutant.function else "outside")]
    board = Board(arguments.jobs, time.time() + arguments.seconds)
    judge = Judge(board, [mutant for mutant in found if mutant.function])
    outside = [mutant for mutant in found if not mutant.function]
    print(f"{len(found)} mutants, {len(outside)} of them outside functions", file=sys.stderr, flush=True)
    import numpy  # noqa: F401  what forked processes need not import again
    import pydantic  # noqa: F401
    import rich.console  # noqa: F401

    judge_imported(board, outside)
    board.drain()
    if judge.found:
        pytest.main([*PYTEST, *TESTS], plugins=[judge])
    killed = sum(result != SURVIVED for result in board.results.values())
    survived = len(board.results) - killed
    print(f"{len(found)} mutants: {killed} killed, {survived} survived, {len(found) - len(board.results)} not run")
    return 0 if judge.passed and board.results and killed >= 0.95 * len(board.results) else 1


if __name__ == "__main__":
    sys.exit(main())
