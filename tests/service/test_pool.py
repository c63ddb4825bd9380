"""The pool: proofs that wait are verified together, and one that breaks takes nobody with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from zkmargin.errors import ProofInvalid, ZkMarginError
from zkmargin.verifier.service.desk import Asked
from zkmargin.verifier.service.errors import Overloaded
from zkmargin.verifier.service.pool import TOGETHER, JudgePool
from zkmargin.verifier.verdict import Verdict


def verdict(number: int) -> Verdict:
    """One that is told from others by its nullifier."""
    made = object.__new__(Verdict)
    object.__setattr__(made, "nullifier", number)
    return made


class Rounds(JudgePool):
    """What the processes are given, and ``answer`` in their place."""

    def __init__(self, workers: int, answer: Callable[[Asked], Verdict | ZkMarginError]) -> None:
        super().__init__(Path("no settings"), workers)
        self.answer, self.rounds = answer, []  # type: ignore[var-annotated]

    async def _run(self, asked: Sequence[Asked]) -> list[Verdict | ZkMarginError]:
        self.rounds.append([int(content) for content, _, _ in asked])
        await asyncio.sleep(0.01)
        return [self.answer(each) for each in asked]


def judged(pool: JudgePool, count: int) -> list[Any]:
    """Numbers of verdicts, and errors, of proofs that come at once."""

    async def run() -> list[Any]:
        asked = (pool.judge(b"%d" % number, None, 5) for number in range(count))
        return await asyncio.gather(*asked, return_exceptions=True)

    return [getattr(found, "nullifier", found) for found in asyncio.run(run())]


def test_what_waits_is_verified_together() -> None:
    pool = Rounds(2, lambda asked: verdict(int(asked[0])))
    assert judged(pool, 3 * TOGETHER) == list(range(3 * TOGETHER))
    assert [len(each) for each in pool.rounds] == [1, 1, TOGETHER, TOGETHER, TOGETHER - 2]
    assert judged(pool, 1) == [0]  # processes are free again
    pool.close()


def test_each_hears_of_its_own_proof() -> None:
    def answer(asked: Asked) -> Verdict | ZkMarginError:
        number = int(asked[0])
        return ProofInvalid(f"of {number}") if number % 3 == 0 else verdict(number)

    pool = Rounds(1, answer)
    found = judged(pool, 20)
    assert [number for number, one in enumerate(found) if isinstance(one, ProofInvalid)] == [0, 3, 6, 9, 12, 15, 18]
    assert all(found[number] == number for number in range(20) if number % 3)
    assert all(f"of {number}" in str(found[number]) for number in range(0, 20, 3))
    pool.close()


def test_a_proof_that_breaks_the_verifier_takes_nobody_with_it() -> None:
    def answer(asked: Asked) -> Verdict:
        if asked[0] == b"4":
            raise RuntimeError("a defect")
        return verdict(int(asked[0]))

    pool = Rounds(1, answer)
    found = judged(pool, 8)
    assert isinstance(found[4], RuntimeError)
    assert found[:4] + found[5:] == [0, 1, 2, 3, 5, 6, 7]
    assert pool.rounds == [[0], [1, 2, 3, 4, 5, 6, 7], [1], [2], [3], [4], [5], [6], [7]]
    pool.close()


def test_proofs_whose_process_died_are_not_tried_again() -> None:
    """One of them may have killed it."""

    class Dying(Rounds):
        async def _run(self, asked: Sequence[Asked]) -> list[Verdict | ZkMarginError]:
            await super()._run(asked)
            raise Overloaded("lost")

    pool = Dying(1, lambda asked: verdict(int(asked[0])))
    assert all(isinstance(found, Overloaded) for found in judged(pool, 5))
    assert pool.rounds == [[0], [1, 2, 3, 4]]
    pool.close()


def test_who_left_is_not_served() -> None:
    pool = Rounds(1, lambda asked: verdict(int(asked[0])))

    async def run() -> list[Any]:
        tasks = [asyncio.create_task(pool.judge(b"%d" % number, None, 5)) for number in range(6)]
        await asyncio.sleep(0.001)
        for number in (0, 2, 5):  # the first is being served
            tasks[number].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(run())
    assert [type(one) is asyncio.CancelledError for one in found] == [True, False, True, False, False, True]
    assert [found[number].nullifier for number in (1, 3, 4)] == [1, 3, 4]
    assert pool.rounds == [[0], [1, 3, 4]]
    pool.close()


@pytest.mark.parametrize("workers", [1, 3])
def test_all_who_left_leave_the_processes_free(workers: int) -> None:
    pool = Rounds(workers, lambda asked: verdict(int(asked[0])))

    async def run() -> None:
        tasks = [asyncio.create_task(pool.judge(b"%d" % number, None, 5)) for number in range(workers + 4)]
        await asyncio.sleep(0.001)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (await asyncio.wait_for(pool.judge(b"9", None, 5), 1)).nullifier == 9

    asyncio.run(run())
    assert pool.rounds[-1] == [9]
    pool.close()
