"""The engine itself: what it changes, what it counts as killed, and what it does not."""

from __future__ import annotations

import ast
import builtins
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.mutation.board import KILLED, LATE, SURVIVED, TEST_LIMIT, Board, Book, digest_of, limit_test
from tests.mutation.judge import Probes, exchange
from tests.mutation.mutants import Mutant, mutants

SOURCE = '''
LIMIT = 3

def least(a: int, b: int = 0) -> int:
    """The lesser."""
    if a < b and not a == LIMIT:
        raise ValueError("a" + "b" + str(1 + 1))
    return a + b

def nothing() -> None:
    return None
'''


def least(a: int, b: int = 0) -> int:
    if a < b:
        return a
    return b


def test_every_slip_is_made_once() -> None:
    found = list(mutants("sample.py", SOURCE))
    assert sorted((m.function, m.change, m.code) for m in found) == sorted(
        [
            ("", "constant +1", "3"),
            ("", "constant -1", "3"),
            ("", "constant +1", "0"),
            ("", "constant -1", "0"),
            ("least", "condition negated", "if a < b and (not a == LIMIT):"),
            ("least", "nothing returned", "return a + b"),
            ("least", "and/or", "a < b and (not a == LIMIT)"),
            ("least", "operand dropped", "a < b and (not a == LIMIT)"),
            ("least", "operand dropped", "a < b and (not a == LIMIT)"),
            ("least", "raise removed", "raise ValueError('a' + 'b' + str(1 + 1))"),
            ("least", "Add to Sub", "a + b"),
            ("least", "Lt to LtE", "a < b"),
            ("least", "Lt to GtE", "a < b"),
            ("least", "not dropped", "not a == LIMIT"),
            ("least", "Eq to NotEq", "a == LIMIT"),
        ]
    )
    original = ast.unparse(ast.parse(SOURCE))
    texts = {ast.unparse(m.tree()) for m in found}
    assert len(texts) == len({m.key for m in found}) == len(found)
    assert original not in texts


def test_a_mutant_keeps_its_key_where_others_change() -> None:
    before = [m.key for m in mutants("sample.py", SOURCE) if m.function]
    moved = SOURCE.replace("LIMIT = 3", "LIMIT = 4\nMORE = 5")
    assert [m.key for m in mutants("sample.py", moved) if m.function] == before
    changed = SOURCE.replace("return a + b", "return b + a")
    assert not {m.key for m in mutants("sample.py", changed) if m.function} & set(before)


def test_probes_tell_the_statements_that_are_reached() -> None:
    reached: list[int] = []
    tree = ast.parse(Path(__file__).read_text())
    original = least.__code__
    line = original.co_firstlineno
    setattr(builtins, Probes.NAME, lambda _, at: reached.append(at - line))
    try:
        exchange(ast.fix_missing_locations(Probes("here").visit(tree)), [least])  # type: ignore[list-item]
        assert least(1, 2) == 1
        assert reached == [1, 2]
        assert least(2, 1) == 1
        assert reached == [1, 2, 1, 3]
    finally:
        least.__code__ = original
        delattr(builtins, Probes.NAME)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(Book(tmp_path / "out" / "book.json", lambda _: "tests of today"), 2, time.time() + 60)


@pytest.fixture
def some() -> list[Mutant]:
    return list(mutants("sample.py", SOURCE))


def _crash() -> bool:
    raise RuntimeError


def _end() -> bool:
    os.kill(os.getpid(), signal.SIGXCPU)
    return True


def _loops() -> bool:
    limit_test(-TEST_LIMIT / 10)
    while True:
        pass


def _terminated() -> bool:
    os.kill(os.getpid(), signal.SIGTERM)
    return True


def test_the_book_says_who_was_killed_and_is_read_again(board: Board, some: list[Mutant]) -> None:
    board.judge(some[0], lambda: True)
    board.judge(some[1], lambda: False)
    board.judge(some[2], _end)
    board.judge(some[3], _loops)
    board.drain()
    assert [board.book.result(mutant) for mutant in some[:5]] == [SURVIVED, KILLED, LATE, LATE, None]
    board.judge(some[1], _crash)  # known: not asked again
    board.drain()
    for tests, keep, known in (("tests of today", False, 4), ("other tests", False, 0), ("other tests", True, 3)):
        again = Book(board.book.path, lambda _, tests=tests: tests, keep)
        again.load()
        assert len(again.entries) == known


def test_what_the_engine_cannot_judge_is_no_kill_and_ends_no_run(
    board: Board, some: list[Mutant], capfd: pytest.CaptureFixture[str]
) -> None:
    board.judge(some[0], _crash)
    board.judge(some[1], _terminated)
    board.judge(some[2], lambda: False)
    board.drain()
    assert [board.book.result(mutant) for mutant in some[:3]] == [None, None, KILLED]
    assert capfd.readouterr().err.count("could not be judged") == 2
    assert not board.ask(_crash)
    assert board.ask(lambda: True)


def _waits() -> bool:
    threading.Event().wait()
    return True


def test_who_waits_for_ever_is_ended(board: Board, some: list[Mutant], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.mutation.board.WAIT_LIMIT", 0.1)

    def waits_in_a_test() -> bool:
        board.limit_test(0)
        return _waits()

    board.judge(some[0], waits_in_a_test)
    board.judge(some[1], _waits, 0.1)
    board.judge(some[2], lambda: True, 60)
    board.drain()
    assert [board.book.result(mutant) for mutant in some[:3]] == [LATE, LATE, SURVIVED]


class Base:
    def __init__(self) -> None:
        self.made = True


class Derived(Base):
    def __init__(self) -> None:
        super().__init__()
        self.frame = sys._getframe()


def test_a_constructor_may_lose_its_super() -> None:
    original = Derived.__init__.__code__
    source = Path(__file__).read_text()
    line = original.co_firstlineno + 1
    (mutant,) = [
        m for m in mutants("here.py", source) if m.function == "Derived.__init__" and m.change == "call removed"
    ]
    assert mutant.line == line
    assert Derived().made
    try:
        exchange(mutant.tree(), [Derived.__init__])  # type: ignore[list-item]
        bare = Derived()
        assert not hasattr(bare, "made")
        assert "self" in bare.frame.f_locals  # what tracebacks look at
    finally:
        Derived.__init__.__code__ = original


def test_nothing_begins_after_the_deadline(tmp_path: Path, some: list[Mutant]) -> None:
    board = Board(Book(tmp_path / "book.json", lambda _: ""), 1, time.time() - 1)
    board.judge(some[0], lambda: True)
    board.drain()
    assert board.book.result(some[0]) is None


def test_a_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("x")
    two.write_text("y")
    digests = {digest_of([one]), digest_of([two]), digest_of([one, two]), digest_of([])}
    two.write_text("x")
    assert len(digests | {digest_of([two])}) == 5
