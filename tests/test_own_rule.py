"""docs/write-your-own-rule.md runs as written, from an empty folder, in at most 60 lines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from passphrase import PASSPHRASE

PAGE = Path(__file__).resolve().parents[1] / "docs" / "write-your-own-rule.md"
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def test_it_is_at_most_sixty_lines() -> None:
    assert {language for language, _, _ in BLOCKS} == {"yaml", "csv", "sh", "python"}
    assert len("".join(text for _, _, text in BLOCKS).splitlines()) <= 60


@pytest.mark.prove
@pytest.mark.skipif(shutil.which("bash") is None, reason="the page's commands are for a shell")
def test_the_page_runs(tmp_path: Path) -> None:
    tools, work = tmp_path / "tools", tmp_path / "work"
    for folder in (tools, work):
        folder.mkdir()
    entrance = tools / "zkmargin"
    entrance.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m zkmargin.cli.main "$@"\n')
    entrance.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    del environment["ZKMARGIN_PASSPHRASE"]  # the page makes a passphrase of its own
    script = ["set -euo pipefail"]
    for language, file, text in BLOCKS:
        if file:
            (work / file).write_text(text)
        elif language == "sh":
            script.append(text)
        else:
            script.append(f'"{sys.executable}" - <<"END"\n{text}END\n')
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=work, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for told in ("holds: the account meets the claim", "63,153.48", "large 163440.0", "maintenance 79497.475"):
        assert told in done.stdout
    assert PASSPHRASE not in done.stdout + done.stderr
    assert (work / "desk.margin-proof.json").stat().st_size < 10_000
