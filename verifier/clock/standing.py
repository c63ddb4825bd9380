"""Where accounts and the breaker stand, and what changed. Values only: storage and display are others' work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """From good to bad, and in this order one after the other."""

    HEALTHY = "healthy"
    GRACE = "grace"
    CALLED = "margin-call"
    QUEUED = "liquidation-queue"


@dataclass(frozen=True)
class Standing:
    """An account on the clock. Times are unix seconds.

    ``since``: when it came into this state. ``due``: when the next worse one follows, unless it proves; None at the end
    of the line. ``band``: index into the policy's bands of its last proof; None: no proof yet, or below all bands.
    ``issued_at``, ``price_time``: of the last proof, 0 where there is none.
    """

    account: str
    state: State
    since: int
    due: int | None
    band: int | None = None
    issued_at: int = 0
    price_time: int = 0


@dataclass(frozen=True)
class Pause:
    """Calls have paused since ``since``. ``moved_at``: when an index first moved too far during it; ``calm_at``: when
    that is over; both None where prices are late and nothing else.
    """

    since: int
    reason: str
    moved_at: int | None = None
    calm_at: int | None = None


@dataclass(frozen=True)
class Prices:
    """The last snapshot: when its prices were taken, and the index of each underlying (any one unit, whole numbers)."""

    time: int
    index: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Change:
    """An entry of the log. ``account`` is None where the breaker changed."""

    at: int
    account: str | None
    before: str
    after: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """As data; times as decimal strings."""
        return {
            "at": str(self.at),
            "account": self.account,
            "before": self.before,
            "after": self.after,
            "reason": self.reason,
        }
