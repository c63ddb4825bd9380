"""A story told by commands: each is shown, run in this process, timed, and must end as expected."""

from __future__ import annotations

import contextlib
import io
import itertools
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

WIDTH = 96


class StoryBroken(ZkMarginError):
    """A command of the story did not end as it should."""

    code = "E_DEMO"
    advice = "this is a defect, or the machine lacks something: report what the step printed"


@dataclass(frozen=True)
class Step:
    """One command that was run."""

    name: str
    command: str
    exit_code: int
    seconds: float


@dataclass
class Stage:
    """Runs commands on files in ``folder``, with figures from ``data``; ``silent``: tells nothing.

    Paths in ``folder`` are shown without it, those in ``data`` as ``demo/...``.
    """

    folder: Path
    data: Path
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

    def run(self, name: str, *arguments: object, expect: int = 0, show: bool = False, notes: bool = True) -> str:
        """Run ``zkmargin ARGUMENTS``, whose exit code must be ``expect``; return what it printed.

        ``show`` prints that too, its notes only with ``notes``. Raises StoryBroken where it ends otherwise.
        """
        from zkmargin.cli.main import run

        words = [str(argument) for argument in arguments]
        typed = ["zkmargin", *(self._short(shlex.quote(word)) for word in words)]
        shown = " ".join(typed)
        self.tell(click.style("\n".join(_wrapped(["$", *typed])), fg="cyan"))
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
            lines = [line for line in self._short(text).splitlines() if notes or not line.startswith("note:")]
            self.tell("\n".join("  " + line for line in lines))
        self.tell(click.style(f"  [{name}: {format_seconds(seconds)}]", dim=True))
        sys.stdout.flush()
        return text

    def _short(self, text: str) -> str:
        return text.replace(f"{self.folder}/", "").replace(f"{self.data}/", "demo/")

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


def _wrapped(words: Sequence[str]) -> list[str]:
    """A long command as a shell takes it on several lines, broken before options."""
    lines = [""]
    for index, word in enumerate(words):
        group = [word, *itertools.takewhile(lambda next_: not next_.startswith("--"), words[index + 1 :])]
        if word.startswith("--") and len(f"{lines[-1]} {' '.join(group)}") > WIDTH:
            lines.append("   ")
        lines[-1] += f" {word}" if lines[-1] else word
    return [*(line + " \\" for line in lines[:-1]), lines[-1]]
