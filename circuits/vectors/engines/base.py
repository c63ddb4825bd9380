"""What an adapter is: a case's numbers in, results by the names that the case expects out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Adapter", "Case", "Cases", "Unsupported"]

Case = Mapping[str, Any]
Cases = Mapping[str, Case]
Adapter = Callable[[Case, Cases], dict[str, Any]]


class Unsupported(Exception):
    """No rule set covers the case."""
