"""Commands in forked processes: output, working folder, TMPDIR and HOME of their own, for a fraction of a start."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zkmargin.cli.main import run


@dataclass(frozen=True)
class Ran:
    """What a process did. ``folder``: of what it was told to write."""

    code: int
    out: bytes
    err: bytes
    folder: Path

    def __str__(self) -> str:
        return f"{self.code} {self.out!r} {self.err!r}"


def files(folder: Path) -> list[Path]:
    """All files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def run_caged(
    arguments: Sequence[str],
    scratch: Path,
    environment: Mapping[str, str],
    before: Callable[[], None] = lambda: None,
) -> Ran:
    """Run a command that may write in ``scratch/out``. It must leave nothing in its working folder and TMPDIR.

    ``environment``: besides those two, all that it sees. ``before`` is called in the process, before the command.
    """
    places = {place: scratch / place for place in ("out", "cwd", "tmp")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    process = os.fork()
    if not process:
        code = 99
        try:
            _move_in(scratch, dict(environment) | {"TMPDIR": str(places["tmp"])})
            before()
            code = run(list(arguments))
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:  # noqa: BLE001  printed, and the code says so
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    out, err = ((scratch / name).read_bytes() for name in ("stdout", "stderr"))
    ran = Ran(os.waitstatus_to_exitcode(status), out, err, places["out"])
    assert ran.code in (0, 1, 2, 130), ran
    assert [*files(places["cwd"]), *files(places["tmp"])] == [], ran
    return ran


def _move_in(scratch: Path, environment: Mapping[str, str]) -> None:
    os.chdir(scratch / "cwd")
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(scratch / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode, closefd=False) for n, mode in enumerate("rww"))
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]
