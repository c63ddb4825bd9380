"""The proving key, opened while Python still loads its modules and reads its documents.

Opening takes the core a tenth of a second without the interpreter's lock: time that a one-shot command has
anyway. Whatever goes wrong here is left to the prover, which opens the key again and says what is wrong.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zkmargin.backend import ProvingKeyHandle


class EarlyKey:
    """``ProvingKey`` of a file, under way in a thread of its own. Only the Rust core's: Python gains nothing."""

    def __init__(self, path: Path) -> None:
        self._key: ProvingKeyHandle | None = None
        # Not a daemon: the interpreter would end such a thread inside the core, which aborts the process.
        self._thread = threading.Thread(target=self._open, args=(str(path),))
        self._thread.start()

    def _open(self, path: str) -> None:
        from zkmargin.backend import engine, engine_name
        from zkmargin.errors import ZkMarginError

        try:
            if engine_name() == "rust":
                self._key = engine("rust").ProvingKey(path)
        except (OSError, ValueError, ZkMarginError):
            return

    def result(self) -> ProvingKeyHandle | None:
        """The key, when it is open; None where it could not be opened."""
        self._thread.join()
        return self._key
