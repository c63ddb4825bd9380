"""Work that needs no interpreter, begun while Python still loads its modules and reads its documents.

Opening a proving key takes the core a tenth of a second, stretching a passphrase three: time that a one-shot
command has anyway, because both leave the interpreter's lock alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from zkmargin.backend import ProvingKeyHandle

T = TypeVar("T")


class Early(Generic[T]):
    """The result of ``work``, under way in a thread of its own."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._done: list[T] = []
        self._error: BaseException | None = None
        # Not a daemon: the interpreter would end such a thread inside the core, which aborts the process.
        self._thread = threading.Thread(target=self._run, args=(work,))
        self._thread.start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self._done.append(work())
        except BaseException as error:  # noqa: BLE001  # raised again by whoever asks for the result
            self._error = error

    def result(self) -> T:
        """What ``work`` returned, when it is done. Raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._done[0]


def open_early(path: Path) -> Early[ProvingKeyHandle | None]:
    """The Rust core's ``ProvingKey`` of a file; None where that cannot be had.

    Whatever goes wrong is left to the prover, which then opens the key itself and says what is wrong.
    """

    def work() -> ProvingKeyHandle | None:
        from zkmargin.backend import engine, engine_name
        from zkmargin.errors import ZkMarginError

        try:
            return engine("rust").ProvingKey(str(path)) if engine_name() == "rust" else None
        except (OSError, ValueError, ZkMarginError):
            return None

    return Early(work)
