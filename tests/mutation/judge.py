"""A pytest plugin that judges the mutants of functions in forks of a process whose tests have passed.

There the function's code is exchanged, and the tests that run through the changed statement run again to the first
that fails. Order: tests that few others share their lines of the statement's body with, those that killed mutants of
the same function, and cheap ones.
"""

from __future__ import annotations

import ast
import builtins
import gc
import importlib
import mmap
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import _lru_cache_wrapper
from itertools import pairwise, starmap
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.board import Board
from tests.mutation.mutants import Mutant

ROOT = Path(__file__).resolve().parents[2]


class Judge:
    """In the place of the loop over tests."""

    def __init__(self, board: Board, found: Sequence[Mutant]) -> None:
        self.board, self.found = board, found
        self.files = {os.path.realpath(ROOT / mutant.file): mutant.file for mutant in found}
        self.reached: dict[tuple[str, int], set[int]] = {}
        self.seconds: list[float] = []
        self.passed = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all tests once, noting the lines that they reach; then judge."""
        for name in self.files.values():
            importlib.import_module("zkmargin." + name.removesuffix(".py").replace("/", "."))
        self._look_around()
        self.items = session.items
        self.board.names = [item.nodeid for item in self.items]
        self.passed = self._warm() and self._control()
        if not self.passed:
            return True
        names = sorted({mutant.function for mutant in self.found})
        self.rows = {name: index * len(self.items) for index, name in enumerate(names)}
        self.kills = mmap.mmap(-1, len(names) * len(self.items))  # shared with all forks; a lost count does no harm
        print(f"{len(self.items)} tests, {sum(self.seconds):.0f} s; now the mutants", file=sys.__stderr__, flush=True)
        for mutant in self.found:
            self.board.judge(mutant, lambda mutant=mutant: self._survives(mutant))  # type: ignore[misc]
        self.board.drain()
        return True

    def _look_around(self) -> None:
        """All living functions of the files, by file and name, and the caches around them."""
        paths: dict[str, str | None] = {}

        def file(function: FunctionType) -> str | None:
            path = function.__code__.co_filename
            if path not in paths:
                paths[path] = self.files.get(os.path.realpath(path))
            return paths[path]

        self.living: dict[tuple[str, str], list[FunctionType]] = {}
        self.caches: list[Any] = []
        for thing in gc.get_objects():
            if isinstance(thing, FunctionType) and (name := file(thing)):
                self.living.setdefault((name, thing.__code__.co_qualname), []).append(thing)
            elif isinstance(thing, _lru_cache_wrapper) and file(thing.__wrapped__):
                self.caches.append(thing)

    def _run(self, index: int, following: int) -> bool:
        """Whether a test passes, caches of the files being empty."""
        for cache in self.caches:
            cache.cache_clear()
        return not any(r.failed for r in runtestprotocol(self.items[index], log=False, nextitem=self.items[following]))

    def _warm(self) -> bool:
        """Run all tests on functions that tell which of their statements are reached."""
        missing = sorted({m.function for m in self.found if (m.file, m.function) not in self.living})
        if missing:
            print(f"not to be found: {', '.join(missing)}", file=sys.__stderr__)
            return False
        current = 0

        def tell(file: str, line: int) -> None:
            self.reached.setdefault((file, line), set()).add(current)

        setattr(builtins, Probes.NAME, tell)
        self._exchange_all(lambda file, tree: ast.fix_missing_locations(Probes(file).visit(tree)))
        for index, item in enumerate(self.items):
            start, current = time.process_time(), index
            passed = self._run(index, (index + 1) % len(self.items))
            self.seconds.append(time.process_time() - start)
            if not passed:
                print(f"fails without a mutant: {item.nodeid}", file=sys.__stderr__)
                return False
        self.board.book.seconds |= {i.nodeid: round(s, 3) for i, s in zip(self.items, self.seconds, strict=True)}
        return True

    def _exchange_all(self, change: Callable[[str, ast.Module], ast.Module]) -> None:
        for file in set(self.files.values()):
            tree = change(file, ast.parse((ROOT / file).read_text()))
            exchange(tree, [f for (name, _), living in self.living.items() if name == file for f in living])

    def _control(self) -> bool:
        """Unchanged copies of all functions pass in a fork: whoever kills a mutant kills the change."""
        self._exchange_all(lambda _, tree: tree)
        gc.collect()
        gc.freeze()
        quick = [index for index, seconds in enumerate(self.seconds) if seconds < 2]
        if self.board.ask(lambda: all(starmap(self._run, pairwise([*quick, quick[0]])))):
            return True
        print("unchanged copies of the functions do not pass", file=sys.__stderr__)
        return False

    def _order(self, mutant: Mutant) -> list[int]:
        """The tests that run through the statement, the likeliest and cheapest first."""
        worth: defaultdict[int, float] = defaultdict(float)
        for line in mutant.extent:
            passing = self.reached.get((mutant.file, line), set())
            for index in passing:
                worth[index] += 1 / len(passing)
        row = self.rows[mutant.function]
        chosen = set().union(*(self.reached.get((mutant.file, line), set()) for line in mutant.lines))
        return sorted(
            chosen, key=lambda index: -(worth[index] + self.kills[row + index]) / (self.seconds[index] + 0.02)
        )

    def _survives(self, mutant: Mutant) -> bool:
        exchange(mutant.tree(), self.living[mutant.file, mutant.function])
        order = self._order(mutant)
        for index, following in pairwise([*order, 0]):
            self.board.limit_test(self.seconds[index])
            try:
                passed = self._run(index, following)
            except KeyboardInterrupt:  # someone ends the run: no word on the mutant
                raise
            except BaseException:  # noqa: BLE001  what left through pytest itself: unchanged functions raise none
                passed = False
            if not passed:
                place = self.rows[mutant.function] + index
                self.kills[place] = min(255, self.kills[place] + 1)
                self.board.blame(index)
                return False
        return True


class Probes(ast.NodeTransformer):
    """Puts a call before every statement of a function."""

    NAME = "zkmargin_mutation_probe"

    def __init__(self, file: str) -> None:
        self.file = file

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Statements in functions, and in the blocks of their statements."""
        super().generic_visit(node)
        if not isinstance(node, ast.Module | ast.ClassDef):
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list):
                    setattr(node, name, [part for statement in block for part in (self._probe(statement), statement)])
        return node

    def _probe(self, statement: ast.stmt) -> ast.stmt:
        place = [ast.Constant(self.file), ast.Constant(statement.lineno)]
        return ast.copy_location(ast.Expr(ast.Call(ast.Name(self.NAME, ast.Load()), place, [])), statement)


def exchange(tree: ast.Module, living: Iterable[FunctionType]) -> None:
    """Give functions the code of their namesakes in a changed source."""
    living = list(living)
    _keep_cells(tree, {f.__code__.co_firstlineno for f in living if "__class__" in f.__code__.co_freevars})
    codes = {(code.co_qualname, code.co_firstlineno): code for code in _codes(compile(tree, "mutant", "exec"))}
    for function in living:
        function.__code__ = codes[function.__code__.co_qualname, function.__code__.co_firstlineno]


def _keep_cells(tree: ast.Module, lines: set[int]) -> None:
    """A method that loses its ``super()`` keeps the cell of its class, without which it cannot be exchanged."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and min(d.lineno for d in [*node.decorator_list, node]) in lines:
            node.body.append(ast.Expr(ast.Name("__class__", ast.Load())))
    ast.fix_missing_locations(tree)


def _codes(code: CodeType) -> Iterable[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
