"""Unix seconds for people, on terminals and on pages."""

from __future__ import annotations


def format_time(time: int) -> str:
    """Unix seconds as ``2026-02-05 09:36:47 UTC``; as they are where no calendar reaches."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):
        return f"{time} s"
