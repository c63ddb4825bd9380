"""The entrance: ``zkmargin``. Commands load when called; errors become messages, JSON and exit codes here.

Exit codes: 0 the statement holds (or the command did its work), 1 it does not hold, 2 bad usage or input.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

import click

from zkmargin.cli.lazy import LazyGroup
from zkmargin.cli.output import fail_json, print_error
from zkmargin.errors import UsageWrong, ZkMarginError

# Looking for plugins of pydantic takes time, and what they would see are secrets.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

COMMANDS = {
    "demo": ("zkmargin.cli.demo", "The whole story on real market data."),
    "rules": ("zkmargin.cli.rules", "Margin rule sets: list, show, check, compile."),
    "vectors": ("zkmargin.cli.vectors", "Published numeric cases, against the rule sets."),
    "market": ("zkmargin.cli.market", "Market snapshots: build, show, sign."),
    "account": ("zkmargin.cli.account", "Accounts: show, import."),
    "check": ("zkmargin.cli.check", "Compute a margin requirement in the open, for the trader alone."),
    "setup": ("zkmargin.cli.setup", "Proving keys."),
    "keys": ("zkmargin.cli.keys", "Owner keys and signing keys: new, backup, rotate."),
    "collateral": ("zkmargin.cli.collateral", "Your accounts on chains: bind, allocate, list, select."),
    "attest": ("zkmargin.cli.attest", "Sign positions at a venue, collateral on chains."),
    "policy": ("zkmargin.cli.policy", "What a verifier accepts: new, show."),
    "prove": ("zkmargin.cli.prove", "Prove that a private account meets its requirement."),
    "verify": ("zkmargin.cli.verify", "Judge a proof against a policy."),
    "audit": ("zkmargin.cli.audit", "Audit a bundle of attested collateral, step by step."),
    "challenge": ("zkmargin.cli.challenge", "Ask a service for a challenge."),
    "submit": ("zkmargin.cli.submit", "Submit proofs to a service."),
    "serve": ("zkmargin.cli.serve", "The pledge registry and margin clocks, as a service."),
    "registry": ("zkmargin.cli.registry", "The pledge registry: terms, database, its log for auditors."),
    "contracts": ("zkmargin.cli.contracts", "Verification on an EVM chain: deploy, submit, status."),
    "inspect": ("zkmargin.cli.inspect", "Show what a file of zkmargin says."),
    "groth16": ("zkmargin.cli.groth16", "Groth16 on any .r1cs and .wtns, in snarkjs's formats."),
}


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from importlib.metadata import version

    from zkmargin.backend import engine_name

    click.echo(f"zkmargin {version('zkmargin')} (engine: {engine_name()})")
    context.exit()


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and the arithmetic engine (rust or reference).",
)
def cli() -> None:
    """Prove in zero knowledge that a private derivatives account meets its margin requirement.

    Exit codes: 0 holds, 1 does not hold, 2 bad usage or input.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit. The console script calls it."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command; return its exit code. Nothing that a command raises leaves here as a traceback."""
    as_json = "--json" in arguments
    try:
        code = cli.main(args=arguments, prog_name="zkmargin", standalone_mode=False)
        sys.stdout.flush()
    except ZkMarginError as error:
        return _report(error.as_json(), str(error), error.exit_code, as_json)
    except click.ClickException as error:
        return _usage(error, as_json)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our output is gone; without this Python complains once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except MemoryError:
        return _report(_internal("out of memory", ""), "E_INTERNAL: out of memory", 2, as_json)
    except Exception as error:  # noqa: BLE001  the last line of defence: values must not reach the terminal
        where = _innermost(error.__traceback__)
        message = f"unexpected {type(error).__name__}"
        text = f"E_INTERNAL: {message}; {where}; this is a defect; ZKMARGIN_DEBUG=1 shows the calls that led there"
        if os.environ.get("ZKMARGIN_DEBUG"):
            click.echo(_calls(error), err=True)
        return _report(_internal(message, where), text, 2, as_json)
    return code if isinstance(code, int) else 0


def _report(document: dict[str, str | None], text: str, exit_code: int, as_json: bool) -> int:
    if as_json:
        fail_json(document)
    else:
        print_error(text)
    return exit_code


def _usage(error: click.ClickException, as_json: bool) -> int:
    if as_json:
        fail_json(UsageWrong(error.format_message()).as_json())
    else:
        error.show()
    return 2


def _internal(message: str, where: str) -> dict[str, str | None]:
    return ZkMarginError(message, where=where).as_json()


def _innermost(entry: TracebackType | None) -> str:
    """File and line of the innermost frame: enough for a report, and never a value."""
    where = "unknown place"
    while entry is not None:
        where = f"{os.path.basename(entry.tb_frame.f_code.co_filename)}:{entry.tb_lineno}"
        entry = entry.tb_next
    return where


def _calls(error: BaseException | None) -> str:
    """The stack of an exception and of those behind it: types and lines of code. What they say may be secret."""
    shown = ""
    while error is not None:
        shown = f"{''.join(traceback.format_tb(error.__traceback__))}{type(error).__name__}\n{shown}"
        error = error.__cause__ or error.__context__
    return shown.rstrip()


if __name__ == "__main__":
    main()
