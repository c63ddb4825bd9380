"""What commands print: tables on standard output, JSON where asked, progress and errors on standard error."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from zkmargin.times import format_time as format_time  # commands take it from here, with the rest of what they print

if TYPE_CHECKING:
    from zkmargin.attestations.documents import Signers

PROGRESS_AFTER = 1.0  # seconds without a sign of life that a person accepts


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def fail_json(error: Mapping[str, Any]) -> None:
    """An error as the one JSON document of a command that was asked for JSON."""
    print_json({"error": dict(error)})


def print_error(text: str) -> None:
    """An error for people: its code stands out on a terminal."""
    code, separator, rest = text.partition(": ")
    click.echo(click.style(code, fg="red", bold=True) + separator + rest, err=True)


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", right: Sequence[int] = ()
) -> None:
    """A table; ``right``: the columns (from 0) that hold numbers."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", title_style="bold")
    for column, heading in enumerate(headings):
        table.add_column(heading, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: a cell is never read as markup
    _console().print(table)


def print_pairs(pairs: Sequence[tuple[str, str]], *, title: str = "") -> None:
    """Names and values, one per line."""
    if title:
        click.echo(click.style(title, bold=True))
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        click.echo(f"  {name.ljust(width)}  {value}")


def _console() -> Any:
    from rich.console import Console

    # Wide where nobody looks: a piped table must not be folded to 80 columns.
    width = None if sys.stdout.isatty() else 160
    return Console(file=sys.stdout, width=width, highlight=False)


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Show, on a terminal, that ``what`` is under way, if it takes more than a second."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    spinner = threading.Thread(target=_spin, args=(what, done), daemon=True)
    spinner.start()
    try:
        yield
    finally:
        done.set()
        spinner.join()


def _spin(what: str, done: threading.Event) -> None:
    if done.wait(PROGRESS_AFTER):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        shown.add_task(what, total=None)
        done.wait()


class Clock:
    """Times of the steps of a command, for its report."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, what: str = "") -> Iterator[None]:
        """Time a step; with ``what``, show progress meanwhile."""
        start = time.perf_counter()
        try:
            if what:
                with progress(what):
                    yield
            else:
                yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def as_json(self) -> dict[str, float]:
        """Milliseconds are enough."""
        return {name: round(value, 3) for name, value in self.seconds.items()}


def format_seconds(seconds: float) -> str:
    """``12 ms``, ``0.83 s``, ``41 s``."""
    if seconds < 0.1:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


def signers_text(signers: Signers) -> str:
    """``2 of 0x.., 0x..``."""
    members = ", ".join("0x" + member.hex() for member in signers.members)
    return f"{signers.threshold} of {members}"
