"""The README's Python runs as written, on the files that the demo leaves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from zkmargin.cli.main import cli

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.mark.prove
def test_the_ten_lines_of_the_readme_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = CliRunner().invoke(cli, ["demo", "--out", str(tmp_path / "story")])
    assert told.exit_code == 0, told.output
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    exec(compile(code, str(README), "exec"), {})
    assert "maintenance" in capsys.readouterr().out
