"""``zkmargin rules``: list, show, check and compile margin rule sets, and verify their keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkmargin.cli.files import refuse_existing
from zkmargin.cli.options import FOLDER, force_option, json_option, out_option
from zkmargin.cli.output import Clock, format_seconds, print_json, print_pairs, print_table

if TYPE_CHECKING:
    from zkmargin.circuits.rules import RuleSet

CIRCUIT_PHASES = ("plan", "lower", "determinism", "r1cs")
PHASES = ("parse", "resolve", "type", "bound", "side", *CIRCUIT_PHASES)


@click.group()
def command() -> None:
    """Margin rule sets: what a requirement is, written once, computed in the open and proven in secret."""


@command.command("list")
@json_option
def list_all(as_json: bool) -> None:
    """List the rule sets that come with zkmargin."""
    from zkmargin.circuits.rules import list_rules, load_rules

    found = [(name, load_rules(name)) for name in list_rules()]
    if as_json:
        print_json({"rules": [_summary(rules, name) for name, rules in found]})
        return
    rows = [
        [
            name,
            rules.binding,
            ", ".join(_axis_text(rules, axis) for axis in rules.axes),
            ", ".join(rules.requirements),
        ]
        for name, rules in found
    ]
    print_table(("rule set", "binding", "axes", "requirements"), rows)


@command.command()
@click.argument("rules")
@json_option
def show(rules: str, as_json: bool) -> None:
    """Show a rule set (a shipped one by name, or a file): its text and its digest."""
    from zkmargin.circuits.rules import load_rules

    found = load_rules(rules)
    if as_json:
        print_json({**_summary(found, rules), "text": found.text.decode("utf-8")})
        return
    click.echo(found.text.decode("utf-8").rstrip("\n"))
    click.echo(f"\n# digest 0x{found.digest.hex()}")


@command.command()
@click.argument("rules", nargs=-1, required=True)
@json_option
@click.pass_context
def check(context: click.Context, rules: tuple[str, ...], as_json: bool) -> None:
    """Check rule files: their text, that their circuits leave the prover no choice but declared bounds, and how large
    the amounts are that can be proven.

    Every mistake is shown with its place. Exit code 2 if there is one.
    """
    from zkmargin.circuits.compile import compile_rules
    from zkmargin.circuits.rules import RuleProblems, load_rules
    from zkmargin.errors import CircuitError

    results: list[dict[str, Any]] = []
    for name in rules:
        try:
            found = load_rules(name)
            compiled = compile_rules(found)
            determinism, reach = compiled.determinism, compiled.reach
            report = {"determinism": determinism.as_json(), "reach": reach.as_json()}
            results.append({**_summary(found, name), **report, "problems": []})
        except CircuitError as error:
            problem = {"kind": error.code, "message": error.message, "help": error.hint or error.advice}
            results.append({"rules": name, "problems": [{**problem, "line": None, "column": None}]})
            if not as_json:
                click.echo(f"{name}: {error}", err=True)
        except RuleProblems as error:
            problems = [
                {
                    "kind": problem.kind,
                    "message": problem.message,
                    "help": problem.help or None,
                    "line": problem.span.line,
                    "column": problem.span.column,
                }
                for problem in error.problems
            ]
            results.append({"rules": name, "problems": problems})
            if not as_json:
                click.echo(str(error), err=True)
        else:
            if not as_json:
                click.echo(f"{name}: a valid rule set, digest {results[-1]['digest']}")
                click.echo(f"  {determinism.summary()}")
                for line in determinism.lines():
                    click.echo(line)
                click.echo(f"  {reach.summary()}")
                for line in reach.warnings():
                    click.echo(f"  warning: {line}")
    if as_json:
        print_json({"rules": results})
    context.exit(2 if any(result["problems"] for result in results) else 0)


@command.command()
@click.argument("rules")
@click.option("--show", "phase", type=click.Choice(PHASES), help="Print the product of one compiler phase.")
@click.option("--out", type=FOLDER, help="Write circuit.r1cs and circuit.zkwp (the witness program) here.")
@json_option
def compile(rules: str, phase: str | None, out: Path | None, as_json: bool) -> None:
    """Compile a rule set to a circuit. The result is kept in a cache, by digest."""
    from zkmargin.circuits.rules import load_rules, show_phase
    from zkmargin.circuits.rules.load import read_rules
    from zkmargin.cli.files import make_folder
    from zkmargin.encoding import write_atomic

    if phase is not None and phase not in CIRCUIT_PHASES:
        _print_phase(rules, phase, show_phase(*read_rules(rules), phase), as_json)
        return
    from zkmargin.circuits.compile import compile_rules, show_determinism, show_lower, show_plan, show_r1cs

    rule_set = load_rules(rules)
    clock = Clock()
    with clock.step("compile", "compiling the rule set"):
        compiled = compile_rules(rule_set)
    if phase is not None:
        shows = {"plan": show_plan, "lower": show_lower, "determinism": show_determinism, "r1cs": show_r1cs}
        text = shows[phase](compiled)
        _print_phase(rules, phase, text.rstrip("\n") + "\n", as_json)
        return
    if out is not None:
        make_folder(out)
        write_atomic(out / "circuit.r1cs", compiled.r1cs)
        write_atomic(out / "circuit.zkwp", compiled.program)
    stats = compiled.stats
    if as_json:
        print_json(
            {
                **_summary(rule_set, rules),
                "r1csDigest": "0x" + compiled.r1cs_digest.hex(),
                "constraints": stats.constraints,
                "publicInputs": stats.public_inputs,
                "wires": stats.wires,
                "seconds": clock.as_json(),
            }
        )
        return
    print_pairs(
        [
            ("rule set", f"{rule_set.name}, digest 0x{rule_set.digest.hex()}"),
            ("circuit", f"{stats.constraints:,} constraints, {stats.wires:,} wires"),
            ("public inputs", f"{stats.public_inputs:,}"),
            ("r1cs digest", "0x" + compiled.r1cs_digest.hex()),
            ("took", format_seconds(clock.seconds["compile"])),
            *([] if out is None else [("files", f"{out / 'circuit.r1cs'}, {out / 'circuit.zkwp'}")]),
        ]
    )


@command.command()
@click.argument("rules")
@click.option("--name", required=True, help="The name of the new rule set.")
@click.option(
    "--binding",
    type=click.Choice(("public", "committed")),
    default="committed",
    show_default=True,
    help="How the tables enter a proof: as public inputs, or under one commitment, for contracts.",
)
@click.option("--capacity", "capacities", multiple=True, metavar="AXIS=ROWS", help="Another capacity. Repeat.")
@click.option("--lines", type=click.IntRange(1, 8), help="Another number of lines of collateral.")
@out_option("the new rule file")
@force_option
@json_option
def variant(
    rules: str,
    name: str,
    binding: str,
    capacities: tuple[str, ...],
    lines: int | None,
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Make another rule set from the text of RULES: another table binding, other capacities.

    Proofs under binding `committed` have 7 public inputs (8 with two venues), whatever the market's size; every table
    value costs about 40 constraints more. Use it for up to about 64 instruments.
    """
    from zkmargin.circuits.plan import Plan
    from zkmargin.circuits.rules import parse_rules
    from zkmargin.circuits.rules.load import read_rules
    from zkmargin.circuits.rules.variants import variant as make_variant
    from zkmargin.encoding import write_atomic

    refuse_existing(out, force)
    sizes = _sizes(capacities)
    text = make_variant(*read_rules(rules), name=name, binding=binding, capacities=sizes, lines=lines)
    made = parse_rules(text, out.name)
    inputs = Plan(made).n_public
    write_atomic(out, text)
    if as_json:
        print_json({**_summary(made, str(out)), "publicInputs": inputs, "file": str(out)})
        return
    rows = [("rule set", f"{made.name}, digest 0x{made.digest.hex()}"), ("public inputs", f"{inputs:,}")]
    print_pairs([*rows, ("file", str(out))])


@command.command("verify-key")
@click.argument("rules")
@click.argument("key", type=click.Path(path_type=Path))
@json_option
def verify_key(rules: str, key: Path, as_json: bool) -> None:
    """Compile RULES again and show that KEY, a key folder or a .zkey, belongs to exactly that circuit.

    Every coefficient is compared and every point checked against the circuit's matrices. Exit code 0: it belongs;
    1: it does not. Nothing here shows that the secrets of the key are gone: a key without a verified transcript is
    insecure, whatever its files say.
    """
    from zkmargin.circuits.compile import compile_rules
    from zkmargin.circuits.rules import load_rules
    from zkmargin.prover.verify_key import verify_key as verify

    rule_set = load_rules(rules)
    clock = Clock()
    with clock.step("compile", "compiling the rule set"):
        compiled = compile_rules(rule_set, cache=False)
    with clock.step("check", "checking the key"):
        report = verify(compiled, key)
    transcript = report.description and report.description.transcript_digest
    named = transcript if transcript and any(transcript) else None
    if as_json:
        print_json(
            {
                **_summary(rule_set, rules),
                "valid": True,
                "key": str(key),
                "r1csDigest": "0x" + compiled.r1cs_digest.hex(),
                "vkHash": "0x" + report.vk_hash.hex(),
                "publicInputs": report.n_public,
                "wires": report.n_wires,
                "domain": report.domain_size,
                "contributions": report.contributions,
                "transcriptDigest": None if named is None else "0x" + named.hex(),
                "transcriptVerified": False,
                "insecure": report.insecure,
                "seconds": clock.as_json(),
            }
        )
        return
    print_pairs(
        [
            ("rule set", f"{rule_set.name}, digest 0x{rule_set.digest.hex()}"),
            ("circuit", f"{compiled.stats.constraints:,} constraints, digest 0x{compiled.r1cs_digest.hex()}"),
            ("verifying key", f"0x{report.vk_hash.hex()}, {report.n_public:,} public inputs ({rule_set.binding})"),
            ("key", f"{key}: belongs to this circuit, every point of it"),
            ("took", format_seconds(sum(clock.seconds.values()))),
        ]
    )
    reason = "no transcript" if not report.contributions else f"{report.contributions} contributions, not verified here"
    click.echo(click.style("note", fg="yellow") + f": insecure ({reason}): whoever kept its secrets can forge proofs")


def _sizes(assignments: tuple[str, ...]) -> dict[str, int]:
    sizes = {}
    for text in assignments:
        axis, _, rows = text.partition("=")
        if not axis or not (rows.isascii() and rows.isdigit()) or len(rows) > 9:
            raise click.BadParameter(f"{text!r} is not AXIS=ROWS", param_hint="--capacity")
        sizes[axis] = int(rows)
    return sizes


def _print_phase(rules: str, phase: str, text: str, as_json: bool) -> None:
    if as_json:
        print_json({"rules": rules, "phase": phase, "text": text})
    else:
        click.echo(text, nl=False)


def _summary(rules: RuleSet, name: str) -> dict[str, Any]:
    return {
        "rules": name,
        "name": rules.name,
        "digest": "0x" + rules.digest.hex(),
        "binding": rules.binding,
        "axes": {axis: rules.axes[axis].capacity for axis in rules.axes},
        "private": [column.name for column in rules.private],
        "requirements": list(rules.requirements),
    }


def _axis_text(rules: RuleSet, axis: str) -> str:
    return f"{axis} {rules.axes[axis].capacity:,}"
