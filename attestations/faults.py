"""What to do with a fault: stop at it, as who signs or relies on something does, or note it and go on, as an auditor.

One check serves both. It is given a ``Report`` and hands every fault to it; ``stop`` raises the first.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TypeAlias

from zkmargin.errors import ZkMarginError

Report: TypeAlias = Callable[[ZkMarginError], None]


def stop(error: ZkMarginError) -> None:
    """Raise the fault: nothing after it is looked at."""
    raise error


class reporting:  # noqa: N801  reads as a statement
    """``with reporting(report)``: what the body raises is a fault. Errors of this project alone are; others pass."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __enter__(self) -> None:
        """Nothing is needed."""

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, ZkMarginError):
            return False
        self._report(error)
        return True
