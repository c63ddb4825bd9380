"""``zkmargin vectors``: published numeric cases of margin methodologies, against the rule sets that ship."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from zkmargin.cli.options import json_option
from zkmargin.cli.output import print_json


@click.group()
def command() -> None:
    """Published numbers of venues, held against the rule sets."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--engine", help="Only the cases of this engine.")
@json_option
@click.pass_context
def run(context: click.Context, file: Path, engine: str | None, as_json: bool) -> None:
    """Run each case of FILE: pass, fail (expected, got) or unsupported (why). Exit code 1 if one fails."""
    from zkmargin.circuits.vectors import read_cases, run_cases
    from zkmargin.encoding import read_file
    from zkmargin.errors import UsageWrong

    cases = read_cases(read_file(file, 1 << 24))
    if engine is not None and engine not in (engines := {case["engine"] for case in cases}):
        raise UsageWrong("no case is of this engine", expected=", ".join(sorted(engines)), got=engine)
    outcomes = list(run_cases(cases, engine))
    counts = Counter(outcome.status for outcome in outcomes)
    if as_json:
        print_json(
            {
                **{status: counts[status] for status in ("pass", "fail", "unsupported")},
                "cases": [asdict(outcome) for outcome in outcomes],
            }
        )
    else:
        for outcome in outcomes:
            more = f"  {outcome.why}" if outcome.why else ""
            for name, value in (outcome.expected or {}).items():
                more += f"  {name}: expected {value}, got {(outcome.got or {}).get(name)}"
            click.echo(f"{outcome.status:<11}  {outcome.engine}  {outcome.id}{more}")
        click.echo(f"{counts['pass']} pass, {counts['fail']} fail, {counts['unsupported']} unsupported")
    context.exit(1 if counts["fail"] else 0)
