"""Group commit: one thread writes; what arrives while it waits for the disk shares the next transaction.

Each caller gets its own result, and none before the transaction is on disk. A job that refuses writes nothing; a job
that breaks the transaction is tried again alone, so that it takes nobody with it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from zkmargin.errors import ZkMarginError
from zkmargin.verifier.registry.errors import StoreFailed
from zkmargin.verifier.registry.transaction import Transaction

T = TypeVar("T")

MAX_BATCH: Final = 256
MAX_WAITING: Final = 20_000


@dataclass(frozen=True)
class _Job(Generic[T]):
    """``apply`` returns a result, or raises a ZkMarginError and then has written nothing."""

    apply: Callable[[Transaction], T]
    future: Future[T]


class Writer:
    """``begin`` opens a transaction that is committed, with its head, when the block ends."""

    def __init__(self, begin: Callable[[], AbstractContextManager[Transaction]]) -> None:
        self._begin = begin
        self._jobs: queue.Queue[_Job[Any] | None] = queue.Queue(MAX_WAITING)
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="zkmargin-registry", daemon=True)
        self._thread.start()

    def put(self, apply: Callable[[Transaction], T]) -> Future[T]:
        """What the job returns, once it is on disk. Raises StoreFailed where too many wait, or the writer is closed."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # what is queued may be written: it is not cancelled
        with self._closing:
            if self._closed:
                raise StoreFailed("the registry is closed")
            try:
                self._jobs.put_nowait(_Job(apply, future))
            except queue.Full:
                raise StoreFailed("the registry cannot keep up", hint="try again later") from None
        return future

    def close(self) -> None:
        """Finish what was accepted, and stop."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, last = [job], False
            while len(batch) < MAX_BATCH:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    last = True
                    break
                batch.append(following)
            self._write(batch)
            if last:
                return

    def _write(self, batch: Sequence[_Job[Any]]) -> None:
        outcomes: list[tuple[_Job[Any], Any, ZkMarginError | None]] = []
        try:
            with self._begin() as transaction:
                for job in batch:
                    try:
                        outcomes.append((job, job.apply(transaction), None))
                    except StoreFailed:
                        raise
                    except ZkMarginError as refusal:
                        outcomes.append((job, None, refusal))
        except Exception as error:  # noqa: BLE001  whatever it is, its callers must hear of it
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for job in batch:
                self._write([job])
            return
        for job, result, refused in outcomes:
            if refused is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(refused)
