"""The entrance: help, version, exit codes, and what an error looks like to people and to programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from zkmargin.cli import main as entrance
from zkmargin.errors import AccountInvalid, ProofInvalid, ZkMarginError


def shell(*arguments: str, optimised: bool = False) -> subprocess.CompletedProcess[str]:
    flags = ["-O"] if optimised else []
    command = [sys.executable, *flags, "-m", "zkmargin.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_help_lists_every_command() -> None:
    done = shell("--help")
    assert done.returncode == 0
    for name in entrance.COMMANDS:
        assert f"\n  {name} " in done.stdout
    assert "0 holds, 1 does not hold, 2 bad usage or input" in done.stdout


def test_version_names_the_engine() -> None:
    done = shell("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("zkmargin ")
    assert "engine: rust" in done.stdout or "engine: reference" in done.stdout


def test_version_follows_the_chosen_engine() -> None:
    command = [sys.executable, "-m", "zkmargin.cli.main", "--version"]
    environment = {**os.environ, "ZKMARGIN_ENGINE": "reference"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert "engine: reference" in done.stdout


@pytest.mark.parametrize("name", list(entrance.COMMANDS))
def test_every_command_has_help(name: str) -> None:
    command = entrance.cli.get_command(click.Context(entrance.cli), name)
    assert command is not None
    _check_help(command)


def _check_help(command: click.Command) -> None:
    assert command.help, command.name
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name != "help":
            assert parameter.help, f"{command.name} {parameter.opts}"
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _check_help(inner)
    else:
        assert any("--json" in parameter.opts for parameter in command.params), f"{command.name} has no --json"


def test_a_misspelt_command_is_usage_with_a_suggestion() -> None:
    done = shell("verfy")
    assert done.returncode == 2
    assert "Did you mean `verify`?" in done.stderr


def test_usage_errors_are_json_where_asked() -> None:
    done = shell("verfy", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "E_USAGE"


class _Raises(click.Command):
    def __init__(self, error: BaseException) -> None:
        super().__init__("fails", params=[click.Option(["--json"], is_flag=True)])
        self.error = error

    def invoke(self, ctx: click.Context) -> None:  # noqa: ARG002
        raise self.error


def _run_raising(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *flags: str
) -> tuple[int, str, str]:
    monkeypatch.setattr(entrance, "cli", _Raises(error))
    code = entrance.run(list(flags))
    out, err = capfd.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ProofInvalid("the pairing equation does not hold"), 1),
        (AccountInvalid("bad row", where="a.csv:3"), 2),
    ],
)
def test_an_error_class_names_its_exit_code(
    error: ZkMarginError, code: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    got, out, err = _run_raising(error, monkeypatch, capfd)
    assert (got, out) == (code, "")
    assert err.strip() == str(error)
    got, out, err = _run_raising(error, monkeypatch, capfd, "--json")
    assert (got, err) == (code, "")
    assert json.loads(out)["error"] == error.as_json()


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_an_unexpected_error_shows_its_place_and_no_value(
    flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ZKMARGIN_DEBUG", raising=False)
    error = ValueError("size of BTC-PERPETUAL is 123456789")
    code, out, err = _run_raising(error, monkeypatch, capfd, *flags)
    assert code == 2
    assert "123456789" not in out + err
    assert "Traceback" not in out + err
    assert "E_INTERNAL" in out + err
    assert "test_cli_entrance.py:" in out + err


def test_interruption_is_neither_verdict(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = _run_raising(KeyboardInterrupt(), monkeypatch, capfd)
    assert code == 130
    assert "interrupted" in err


def test_console_script_is_installed() -> None:
    script = Path(sys.executable).parent / "zkmargin"
    if not script.exists():
        pytest.skip("the package is not installed with its scripts")
    done = subprocess.run([str(script), "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
