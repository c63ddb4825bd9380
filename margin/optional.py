"""Packages that only some tables need: QuantLib (exotic options), arch (GARCH). The extra ``markets`` has them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from zkmargin.errors import PackageMissing


def optional_package(name: str, purpose: str) -> Any:
    """The module ``name``. Raises PackageMissing."""
    try:
        return import_module(name)
    except ImportError:
        raise PackageMissing(f"{purpose} needs the package {name.partition('.')[0]}") from None
