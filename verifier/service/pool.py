"""Verification in other processes, and whose turn it is.

Clients take turns, so that whoever sends ten thousand bad proofs waits behind his own. A process that dies takes the
proofs that it was given with it (E_BUSY), and another is started.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from pathlib import Path

from zkmargin.errors import ZkMarginError
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.service.desk import Desk
from zkmargin.verifier.service.errors import Overloaded, RateLimited
from zkmargin.verifier.service.settings import ServiceSettings
from zkmargin.verifier.verdict import Verdict

_desk: Desk | None = None


def _open(path: str) -> None:
    """In a new process: read everything once."""
    global _desk
    _desk = Desk(ServiceSettings.read(path), Path(path).parent)


def _judge(content: bytes, challenge: bytes | None, at: int) -> Verdict | ZkMarginError:
    """The verdict, or the error, which keeps its class on the way back."""
    if _desk is None:
        raise RuntimeError("the process has no desk")
    try:
        return _desk.judge(Envelope.parse(content), challenge, at)
    except ZkMarginError as error:
        return error


class JudgePool:
    """``workers`` processes with everything of the settings at ``path``."""

    def __init__(self, path: Path, workers: int) -> None:
        self._path, self._workers = path, workers
        self._pool = self._start()

    def _start(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")  # threads and database connections are not inherited
        return ProcessPoolExecutor(self._workers, context, _open, (str(self._path),))

    async def judge(self, content: bytes, challenge: bytes | None, at: int) -> Verdict:
        """What ``Desk.judge`` returns or raises. Raises Overloaded where its process died."""
        loop = asyncio.get_running_loop()
        pool = self._pool
        try:
            found = await loop.run_in_executor(pool, _judge, content, challenge, at)
        except BrokenProcessPool:
            if pool is self._pool:
                self._pool = self._start()
                pool.shutdown(wait=False)
            raise Overloaded("the verification was lost with its process") from None
        if isinstance(found, ZkMarginError):
            raise found
        return found

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
