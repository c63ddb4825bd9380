"""A story told by commands: each is shown, run in this process, timed, and must end as expected."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from zkmargin.cli.output import format_seconds
from zkmargin.errors import ZkMarginError


class StoryBroken(ZkMarginError):
    """A command of the story did not end as it should."""

    code = "E_DEMO"


@dataclass(frozen=True)
class Step:
    """One command that was run."""

    name: str
    command: str
    exit_code: int
    seconds: float


@dataclass
class Stage:
    """Runs commands in ``folder``; paths inside it are shown without it. ``silent``: tells nothing."""

    folder: Path
    silent: bool = False
    steps: list[Step] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """A scene begins."""
        self.tell("")
        self.tell(click.style(text, bold=True))

    def tell(self, text: str) -> None:
        """A line of the story."""
        if not self.silent:
            click.echo(text)

    def run(self, name: str, *arguments: object, expect: int = 0, show: bool = False) -> str:
        """Run ``zkmargin ARGUMENTS``, whose exit code must be ``expect``; return what it printed.

        ``show`` prints that too. Raises StoryBroken where it ends otherwise.
        """
        from zkmargin.cli.main import run

        words = [str(argument) for argument in arguments]
        shown = self._shown(words)
        if not self.silent:
            click.echo(click.style(f"$ {shown}", fg="cyan"))
        printed = io.StringIO()
        start = time.perf_counter()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = run(words)
        seconds = time.perf_counter() - start
        text = printed.getvalue()
        self.steps.append(Step(name, shown, code, seconds))
        if code != expect:
            raise StoryBroken(
                f"step `{name}` ended with another exit code", expected=expect, got=code, where=text.strip()
            )
        if show:
            self.tell("\n".join("  " + line for line in text.rstrip("\n").splitlines()))
        self.tell(click.style(f"  [{name}: {format_seconds(seconds)}]", dim=True))
        sys.stdout.flush()
        return text

    def _shown(self, words: Sequence[str]) -> str:
        prefix = f"{self.folder}/"
        return "zkmargin " + " ".join(shlex.quote(word.removeprefix(prefix)) for word in words)

    def as_json(self) -> list[dict[str, Any]]:
        """The steps as data."""
        return [
            {
                "name": step.name,
                "command": step.command,
                "exitCode": step.exit_code,
                "seconds": round(step.seconds, 3),
            }
            for step in self.steps
        ]
