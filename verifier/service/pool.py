"""Verification in other processes, and whose turn it is.

Clients take turns, so that whoever sends ten thousand bad proofs waits behind his own. Proofs that wait while all
processes are busy are verified together. A process that dies takes the proofs that it was given with it (E_BUSY), and
another is started.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from zkmargin.errors import ZkMarginError
from zkmargin.verifier.service.desk import Asked, Desk
from zkmargin.verifier.service.errors import Overloaded, RateLimited
from zkmargin.verifier.service.settings import ServiceSettings
from zkmargin.verifier.verdict import Verdict

TOGETHER: Final = 8
"""Proofs that a process verifies at once: each costs half of what it costs alone, and a false one the others' again."""

_desk: Desk | None = None


def _open(path: str) -> None:
    """In a new process: read everything once."""
    global _desk
    _desk = Desk(ServiceSettings.read(path), Path(path).parent)
    gc.collect()
    gc.freeze()  # what is loaded stays: to look through it stopped every process for 50 ms, again and again


def _judge(asked: Sequence[Asked]) -> list[Verdict | ZkMarginError]:
    """Verdicts and errors, which keep their classes on the way back."""
    if _desk is None:
        raise RuntimeError("the process has no desk")
    return _desk.judge(asked)


class JudgePool:
    """``workers`` processes with everything of the settings at ``path``. Used from one event loop."""

    def __init__(self, path: Path, workers: int) -> None:
        self._path, self._workers = path, workers
        self._idle = workers
        self._waiting: deque[tuple[Asked, asyncio.Future[Verdict]]] = deque()
        self._rounds: set[asyncio.Task[None]] = set()
        self._pool = self._start()

    def _start(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")  # threads and database connections are not inherited
        return ProcessPoolExecutor(self._workers, context, _open, (str(self._path),))

    async def judge(self, content: bytes, challenge: bytes | None, at: int) -> Verdict:
        """The verdict; raises what ``Desk.judge`` found instead, and Overloaded where its process died."""
        own: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append(((content, challenge, at), own))
        self._begin()
        return await own

    def _begin(self) -> None:
        """Give idle processes what waits."""
        while self._idle and self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
            batch = [(asked, own) for asked, own in taken if not own.done()]  # whoever has left is not served
            if batch:
                self._idle -= 1
                task = asyncio.create_task(self._round(batch))
                self._rounds.add(task)
                task.add_done_callback(self._rounds.discard)

    async def _round(self, batch: list[tuple[Asked, asyncio.Future[Verdict]]]) -> None:
        found = await self._outcomes([asked for asked, _ in batch])
        self._idle += 1
        self._begin()
        for (_, own), outcome in zip(batch, found, strict=True):
            if own.done():
                continue
            if isinstance(outcome, Verdict):
                own.set_result(outcome)
            else:
                own.set_exception(outcome)

    async def _outcomes(self, asked: Sequence[Asked]) -> Sequence[Verdict | Exception]:
        try:
            return await self._run(asked)
        except Exception as error:  # noqa: BLE001  whatever it is, its callers must hear of it
            if len(asked) == 1 or isinstance(error, Overloaded):
                return [error] * len(asked)
        return [outcome for each in asked for outcome in await self._outcomes([each])]  # whose fault it is

    async def _run(self, asked: Sequence[Asked]) -> list[Verdict | ZkMarginError]:
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, _judge, asked)
        except BrokenProcessPool:
            if pool is self._pool:
                self._pool = self._start()
                pool.shutdown(wait=False)
            raise Overloaded("the verification was lost with its process") from None

    def close(self) -> None:
        """Finish what was begun."""
        self._pool.shutdown()


class Turns:
    """``slots`` at a time; the others wait, each client in its own line, and the lines take turns."""

    def __init__(self, slots: int, waiting_each: int, waiting: int) -> None:
        self._slots = self._free = slots
        self._each, self._all = waiting_each, waiting
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self.waiting = 0

    @property
    def busy(self) -> int:
        """How many have a slot."""
        return self._slots - self._free

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """A slot for the time of the block. Raises RateLimited, Overloaded where a line is too long."""
        await self._wait(client)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, client: str) -> None:
        if self._free:
            self._free -= 1
            return
        line = self._lines.get(client)
        if line is not None and len(line) >= self._each:
            raise RateLimited("too many of your proofs are waiting", expected=f"at most {self._each}")
        if self.waiting >= self._all:
            raise Overloaded("too many proofs are waiting", expected=f"at most {self._all}")
        own: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(client, deque()).append(own)
        self.waiting += 1
        try:
            await own
        except asyncio.CancelledError:
            if own.done() and not own.cancelled():
                self._pass_on()  # the slot came as the client left
            else:
                self._leave(client, own)
            raise

    def _leave(self, client: str, own: asyncio.Future[None]) -> None:
        """Who is cancelled leaves the line, unless a slot that came free has passed it over already."""
        line = self._lines.get(client)
        if line is None or own not in line:
            return
        line.remove(own)
        self.waiting -= 1
        if not line:
            del self._lines[client]

    def _pass_on(self) -> None:
        """The slot goes to the line whose turn it is."""
        while self._lines:
            client, line = self._lines.popitem(last=False)
            own = line.popleft()
            if line:
                self._lines[client] = line  # to the end of the round
            self.waiting -= 1
            if not own.done():  # a cancelled one is still in line until its task runs
                own.set_result(None)
                return
        self._free += 1
