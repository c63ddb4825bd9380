"""Calling commands in this process, as tests do."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkmargin.cli.main import run

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "demo"
MORNING, EVENING = "2026-02-05T09:36:47Z", "2026-02-05T21:29:37Z"


@dataclass(frozen=True)
class Called:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output, which must be one JSON document."""
        return json.loads(self.out)


def call(*arguments: object) -> Called:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return Called(code, out.getvalue(), err.getvalue())


def ok(*arguments: object) -> Called:
    """Run a command that must succeed."""
    called = call(*arguments)
    assert called.code == 0, called.out + called.err
    return called


@dataclass(frozen=True)
class World:
    """Parties of a domain, and the demo's two snapshots for the rule set portfolio_scan."""

    folder: Path
    owner: str

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def address(self, name: str) -> str:
        """The address of a party's signing key."""
        return str(ok("keys", "show", self[f"{name}.key"], "--json").json["address"])
