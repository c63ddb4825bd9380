"""Mutation testing: does some test fail for every slip in the verifier?  ``python -m tests.mutation --help``

Sources on disk are never touched: a mutant lives in a forked process. What was found is kept in ``out/mutation.json``
as long as the mutated function (or statement) and the tests stay the same; a run takes it from there.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import CodeType

import pytest

from tests.mutation.board import LATE, SURVIVED, WAIT_LIMIT, Board, Book, digest_of
from tests.mutation.judge import ROOT, Judge
from tests.mutation.mutants import Mutant, mutants

TOP_LEVEL = (
    "tests/verifier",
    "tests/prover",
    "tests/clearing",
    "tests/rulesets/test_collateral_verdicts.py",
    "tests/rulesets/test_committed_verdicts.py",
    "tests/attestations/test_context.py",
    "tests/attestations/test_positions.py",
    "tests/attestations/test_price_evidence.py",
    "tests/cli/test_cli_prices.py",
    "tests/soundness/test_protocol.py",
    "tests/soundness/test_two_venues.py",
)
EQUATION = ("tests/core/test_groth16_python.py", "tests/core/test_verifiers.py")
TESTS = {
    "verifier/groth16": EQUATION,  # pairings of plain Python are slow, and judge the equation alone
    "verifier/audit/": ("tests/audit",),
    "verifier/clock/": ("tests/clock", "tests/service/test_clocks.py"),
    "verifier/registry/": ("tests/registry",),
    "": TOP_LEVEL,
}
"""By what a source's name begins with, the first that fits: the tests that judge its mutants."""
SUPPORT = ("tests/conftest.py", "tests/parties.py", "tests/core/points.py", "tests/rulesets/rule_parties.py")
JUDGED = (
    *("verifier/*.py", "verifier/audit/*.py", "verifier/clock/*.py"),
    *(f"verifier/registry/{name}.py" for name in ("conditions", "documents", "log", "merkle", "pledging")),
    *(f"verifier/registry/{name}.py" for name in ("registry", "replay", "transaction")),
)
NOT_MUTATED = {
    *("__init__.py", "schemas.py"),  # nothing, and a generator whose product is compared
    *("report.py", "words.py", "style.py"),  # how findings look
}
LEFT_OUT = (
    # at length and on many values, what others ask once
    "tests/verifier/test_large.py",
    "tests/verifier/test_tampering.py::test_every_changed_public_input_is_rejected",
    "tests/verifier/test_tampering.py::test_every_changed_leaf_is_rejected",
    "tests/verifier/test_tampering.py::test_random_bytes_are_no_envelopes",
    "tests/registry/test_concurrency.py",
    "tests/registry/test_killed.py",
    # of documentation alone
    "tests/audit/test_audit_spec.py::test_the_codes_exist",
    "tests/registry/test_registry_spec.py::test_codes_and_documents_exist",
    "tests/verifier/test_documents_spec.py::test_codes_and_documents_exist",
    # of two engines, one of them slow, what others ask of one
    "tests/verifier/test_tampering.py::test_the_untouched_envelope_holds",
    "tests/verifier/test_tampering.py::test_valid_points_in_the_wrong_place",
    *(
        f"tests/verifier/test_tampering.py::test_a_context_that_is_changed_consistently_is_rejected[{name}]"
        for name in ("challenge", "issued_at", "expires_at")
    ),
    *(
        f"tests/core/test_verifiers.py::{name}[python]"
        for name in (
            "test_points_of_their_groups_but_not_of_a_proof",
            "test_another_key",
            "test_each_changed_public_input",
            "test_the_sum_of_a_thousand_public_inputs",
            "test_digits_at_the_edges_of_their_windows",
        )
    ),
    # in processes of their own, which do not see the mutants
    "tests/verifier/test_verify.py::test_optimised_python_changes_no_verdict",
    "tests/verifier/test_checks.py::test_the_python_engine_needs_nothing_of_the_core",
    "tests/verifier/test_checks.py::test_py_ecc_does_not_raise_the_recursion_limit",
    "tests/core/test_verifiers.py::test_the_python_verifier_leaves_the_recursion_limit",
    "tests/core/test_verifiers.py::test_the_python_verifier_imports_no_arithmetic_of_ours",
)
PYTEST = (
    *("-q", "-x", "--no-header", "-p", "no:cacheprovider"),
    *("-k", "not postgresql"),  # SQLite asks the same
    *(f"--deselect={name}" for name in LEFT_OUT),
)


class Cheapest:
    """A pytest plugin: cheap files first, by the seconds that their tests took before."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        for name, taken in seconds.items():
            self.seconds[name.partition("::")[0]] += taken

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort; those that are not known come first."""
        items.sort(key=lambda item: self.seconds[item.nodeid.partition("::")[0]])


def judge_imported(board: Board, found: Sequence[Mutant]) -> bool:
    """Mutants outside functions: a fresh process imports them. Whether all tests passed without a mutant."""
    original = importlib.machinery.SourceFileLoader.get_code

    def passes(tests: Sequence[str]) -> bool:
        return pytest.main([*PYTEST, *tests], plugins=[Cheapest(board.book.seconds)]) == 0

    def survives(mutant: Mutant) -> bool:
        path, tree = os.path.realpath(ROOT / mutant.file), mutant.tree()

        def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> CodeType | None:
            if os.path.realpath(self.path) == path:
                return compile(tree, self.path, "exec")
            return original(self, name)

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
        return passes(tests_of(mutant.file))

    passed = True
    for tests in dict.fromkeys(TESTS.values()):
        group = [mutant for mutant in found if tests_of(mutant.file) == tests]
        if all(map(board.book.result, group)):
            continue
        if not board.ask(lambda tests=tests: passes(tests)):  # type: ignore[misc]
            print(f"do not pass in fresh processes: {', '.join(tests)}", file=sys.stderr)
            passed = False
            continue
        files = tuple(tests)
        patience = WAIT_LIMIT + 10 * sum(s for test, s in board.book.seconds.items() if test.startswith(files))
        for mutant in group:
            board.judge(mutant, lambda mutant=mutant: survives(mutant), patience)  # type: ignore[misc]
        board.drain()
    return passed


def judge_functions(book: Book, jobs: int, deadline: float, found: Sequence[Mutant]) -> bool:
    """Mutants in functions, a group of tests after the other. Whether all tests passed without a mutant."""
    passed = True
    for tests in dict.fromkeys(TESTS.values()):
        group = [mutant for mutant in found if tests_of(mutant.file) == tests]
        if all(map(book.result, group)):
            continue
        process = os.fork()
        if not process:
            judge = Judge(Board(book, jobs, deadline), group)
            pytest.main([*PYTEST, *tests], plugins=[judge])
            book.save()
            os._exit(not judge.passed)
        passed &= os.waitpid(process, 0)[1] == 0
        book.load()
    return passed


def tests_of(file: str) -> tuple[str, ...]:
    """The tests that judge the mutants of a source."""
    return next(tests for start, tests in TESTS.items() if file.startswith(start))


def digest(tests: Sequence[str]) -> str:
    """Of everything that judges where these tests do."""
    files = [path for name in tests for path in ([Path(name)] if name.endswith(".py") else Path(name).rglob("*.py"))]
    return digest_of([*files, *map(Path, SUPPORT)])


def main() -> int:
    """Judge all mutants; the exit code is 0 where at least 95% of them were killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mutation tests of the verifier.")
    parser.add_argument(
        "files", nargs="*", help="sources, from the root of the checkout (default: all that survivors.md counts)"
    )
    parser.add_argument("--seconds", type=float, default=3600, help="begin no mutant after this time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--part", choices=("functions", "outside"), help="only mutants there")
    parser.add_argument("--line", type=int, help="only mutants of this line")
    parser.add_argument("--book", type=Path, default=Path("out/mutation.json"), help="where results are kept")
    parser.add_argument("--fresh", action="store_true", help="take nothing from earlier runs")
    parser.add_argument("--keep", action="store_true", help="judge no killed mutant again, though tests have changed")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    judged = [path for pattern in JUDGED for path in sorted(Path().glob(pattern)) if path.name not in NOT_MUTATED]
    named = arguments.files or list(map(str, judged))
    found = [mutant for name in named for mutant in mutants(name, Path(name).read_text())]
    found = [mutant for mutant in found if arguments.line in (None, mutant.line)]
    found = [mutant for mutant in found if arguments.part in (None, "functions" if mutant.function else "outside")]
    digests = {tests: digest(tests) for tests in TESTS.values()}  # of now: sources may change while this runs
    book = Book(arguments.book, lambda file: digests[tests_of(file)], arguments.keep)
    if not arguments.fresh:
        book.load()
    board = Board(book, arguments.jobs, time.time() + arguments.seconds)
    print(f"{len(found)} mutants, {sum(map(bool, map(book.result, found)))} known", file=sys.stderr, flush=True)
    import numpy  # noqa: F401  what forked processes need not import again
    import py_ecc.optimized_bn128  # noqa: F401
    import pydantic  # noqa: F401
    import rich.console  # noqa: F401

    functions = [mutant for mutant in found if mutant.function]
    passed = judge_functions(book, arguments.jobs, board.deadline, functions)
    # by then it is known what is cheap
    passed &= judge_imported(board, [mutant for mutant in found if not mutant.function])
    results = [book.result(mutant) for mutant in found]
    survivors = [mutant for mutant, result in zip(found, results, strict=True) if result == SURVIVED]
    for mutant in survivors:
        print(f"survived: {mutant}")
    killed = len(found) - len(survivors) - results.count(None)
    late, unjudged = results.count(LATE), results.count(None)
    print(f"{len(found)} mutants: {killed} killed ({late} by time), {len(survivors)} survived, {unjudged} not run")
    return 0 if passed and killed >= 0.95 * len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
