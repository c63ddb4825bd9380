"""A file is written whole or not at all: full disks, killed processes, folders that cannot be written."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from zkmargin.cli.main import run
from zkmargin.encoding import read_file, write_atomic
from zkmargin.errors import FileUnreadable

OLD, NEW = b"old content", b"new content " * 10_000
NOBODY = 65534


@contextmanager
def full_disk(limit: int = 4096) -> Iterator[None]:
    """Writes beyond ``limit`` bytes of a file fail, as on a disk that is full (Python ignores SIGXFSZ)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def read_only_folder(*names: str) -> Iterator[Path]:
    """A folder with files of OLD that an ordinary user, who runs the block, may read and not write."""
    privileged = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for inner in names:
            (folder / inner).write_bytes(OLD)
        folder.chmod(0o555)
        if privileged:
            os.seteuid(NOBODY)  # root writes anywhere
        try:
            yield folder
        finally:
            if privileged:
                os.seteuid(0)
            folder.chmod(0o755)


@pytest.fixture(params=["new", "replaced"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A path in a folder of its own, with nothing or with OLD at it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    if request.param == "replaced":
        (folder / "file").write_bytes(OLD)
    return folder / "file"


def assert_untouched(target: Path, before: list[str]) -> None:
    """Nothing new in the folder, and what was there is as it was."""
    assert sorted(os.listdir(target.parent)) == before
    if before:
        assert target.read_bytes() == OLD


def test_a_full_disk(target: Path) -> None:
    before = os.listdir(target.parent)
    with full_disk(), pytest.raises(FileUnreadable, match="cannot be written") as caught:
        write_atomic(target, NEW)
    assert caught.value.got == os.strerror(errno.EFBIG)
    assert_untouched(target, before)


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_disk_that_fails_at_any_step(target: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = os.listdir(target.parent)
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(FileUnreadable, match="No space left"):
        write_atomic(target, NEW)
    assert_untouched(target, before)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_interrupt_leaves_nothing(target: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = os.listdir(target.parent)
    monkeypatch.setattr(os, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(target, NEW, private=True)
    assert_untouched(target, before)


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_killed_process(target: Path, step: str) -> None:
    """SIGKILL in the middle of the write, before the flush, before the rename."""
    before = target.read_bytes() if target.exists() else None
    program = f"""
import os, signal, sys
from zkmargin import encoding

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if {step!r} == "write":
    real = os.fdopen
    def fdopen(descriptor, mode):
        os.write(descriptor, b"half")
        die()
    os.fdopen = fdopen
else:
    setattr(os, {step!r}, die)
encoding.write_atomic(sys.argv[1], b"new content" * 10000, private=True)
"""
    done = subprocess.run([sys.executable, "-c", program, str(target)], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert (target.read_bytes() if target.exists() else None) == before
    for left in target.parent.iterdir():
        if left != target:  # the kernel runs no clean-up: what is left is hidden, and its owner's alone
            assert left.name.startswith(".file.")
            assert stat.S_IMODE(left.stat().st_mode) == 0o600
    write_atomic(target, NEW)
    assert target.read_bytes() == NEW


def test_a_read_only_folder() -> None:
    with read_only_folder("file") as folder:
        for name in ("file", "other"):
            with pytest.raises(FileUnreadable, match="cannot be written"):
                write_atomic(folder / name, NEW)
        assert os.listdir(folder) == ["file"]
        assert (folder / "file").read_bytes() == OLD


@pytest.mark.parametrize("name", ["missing/file", "plain/file", "folder"])
def test_places_that_are_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "plain").write_bytes(OLD)
    (tmp_path / "folder").mkdir()
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(FileUnreadable):
        write_atomic(tmp_path / name, NEW)
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "plain").read_bytes() == OLD


def test_modes_and_long_names(tmp_path: Path) -> None:
    for private, mode in ((True, 0o600), (False, 0o644)):
        path = tmp_path / ("n" * 255)
        write_atomic(path, NEW, private=private)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert path.read_bytes() == NEW


def test_pipes_can_be_read() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", "head -c 3000000 /dev/zero | \"$0\" -c \"$1\"", sys.executable,
         "from zkmargin.encoding import read_file; print(len(read_file('/dev/stdin')))"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "3000000\n"


def test_reading_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    assert read_file(path, 100) == bytes(100)
    with pytest.raises(FileUnreadable, match="too large"):
        read_file(path, 99)
    with pytest.raises(FileUnreadable, match="too large"):
        read_file("/dev/zero", 1000)
    with pytest.raises(FileUnreadable, match="cannot be read"):
        read_file(tmp_path)


COMMANDS = (
    ("keys", "new", "owner", "--out"),
    ("keys", "new", "signer", "--out"),
    ("policy", "domain", "--name", "tests", "--out"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("force", [False, True])
def test_commands_leave_nothing_half_written(
    command: tuple[str, ...], force: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forced = ["--force"] if force else []
    target = tmp_path / "out"
    if force:
        target.write_bytes(OLD)
    before = os.listdir(tmp_path)
    with full_disk(limit=16):
        assert run([*command, str(target), *forced]) == 2
    assert_untouched(target, before)
    with read_only_folder("out") as folder:
        assert run([*command, str(folder / ("out" if force else "new")), *forced]) == 2
        assert os.listdir(folder) == ["out"]
        assert (folder / "out").read_bytes() == OLD
    printed = capsys.readouterr()
    assert printed.err.count("E_FILE") == 2
    assert "Traceback" not in printed.err + printed.out
