"""``zkmargin setup``: proving keys."""

from __future__ import annotations

from pathlib import Path

import click

from zkmargin.cli.files import make_folder, refuse_existing
from zkmargin.cli.options import FOLDER, force_option, json_option
from zkmargin.cli.output import Clock, format_seconds, print_json, print_pairs


@click.group()
def command() -> None:
    """Proving keys of rule sets."""


@command.command()
@click.argument("rules", metavar="RULES")
@click.option("--out", type=FOLDER, required=True, help="Write proving and verifying key here.")
@force_option
@json_option
def dev(rules: str, out: Path, force: bool, as_json: bool) -> None:
    """Make keys for a rule set (by name or file), alone, for development.

    Whoever runs this could keep its secrets and forge proofs: policies must list such a key as insecure.
    """
    from zkmargin.circuits.compile import compile_rules
    from zkmargin.circuits.rules import load_rules
    from zkmargin.encoding import hex_bytes
    from zkmargin.prover.setup import DESCRIPTION_FILE, PROVING_KEY_FILE, setup_dev

    for name in (PROVING_KEY_FILE, DESCRIPTION_FILE):
        refuse_existing(out / name, force)
    clock = Clock()
    rule_set = load_rules(rules)
    with clock.step("compile", "compiling the rule set"):
        compiled = compile_rules(rule_set)
    make_folder(out)
    with clock.step("setup", "making the keys"):
        made = setup_dev(compiled, out)
    if as_json:
        print_json({"folder": str(out), **made.to_json(), "seconds": clock.as_json()})
        return
    print_pairs(
        [
            ("rule set", f"{made.name}, {compiled.stats.constraints:,} constraints"),
            ("verifying key", hex_bytes(made.vk_hash)),
            ("files in", str(out)),
            ("took", format_seconds(sum(clock.seconds.values()))),
        ]
    )
    click.echo(click.style("note", fg="yellow") + ": insecure, for development: its maker can forge proofs")
