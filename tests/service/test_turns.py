"""Whose turn it is: clients alternate, and whoever leaves takes no slot along."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from zkmargin.verifier.service.errors import Overloaded, RateLimited
from zkmargin.verifier.service.pool import Turns


async def _work(turns: Turns, client: str, done: list[str], seconds: float = 0.001) -> None:
    async with turns.turn(client):
        await asyncio.sleep(seconds)
        done.append(client)


def test_a_flood_waits_behind_itself() -> None:
    async def run() -> list[str]:
        turns, done = Turns(2, 1000, 2000), []  # type: ignore[var-annotated]
        flood = [asyncio.create_task(_work(turns, "flood", done)) for _ in range(500)]
        await asyncio.sleep(0)
        await asyncio.gather(*(_work(turns, "good", done) for _ in range(3)))
        early = list(done)
        await asyncio.gather(*flood)
        assert turns.waiting == 0
        return early

    early = asyncio.run(run())
    assert early.count("good") == 3
    assert len(early) <= 12


def test_lines_are_bounded() -> None:
    async def run() -> None:
        turns, done = Turns(1, 2, 3), []  # type: ignore[var-annotated]
        tasks = [asyncio.create_task(_work(turns, "a", done, 0.05)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(RateLimited):
            await _work(turns, "a", done)
        tasks.append(asyncio.create_task(_work(turns, "b", done)))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await _work(turns, "c", done)
        await asyncio.gather(*tasks)
        assert done.count("a") == 3

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(20))
def test_no_slot_is_lost_whoever_leaves(seed: int) -> None:
    async def run() -> None:
        random, turns, done = Random(seed), Turns(3, 1000, 1000), []  # type: ignore[var-annotated]
        tasks = [asyncio.create_task(_work(turns, random.choice("abc"), done)) for _ in range(100)]
        for _ in range(60):
            await asyncio.sleep(random.choice((0, 0, 0.001)))
            random.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert turns.waiting == 0
        for _ in range(3):  # all three slots are free again
            await asyncio.wait_for(turns._wait("x"), 1)

    asyncio.run(run())
