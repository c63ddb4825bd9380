"""``zkmargin verify``: judge a proof against a policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli.options import (
    FILE,
    FOLDER,
    at_option,
    challenge_option,
    json_option,
    market_option,
    policy_option,
    prices_option,
    revocations_option,
    rules_option,
)

if TYPE_CHECKING:
    from zkmargin.attestations.price_evidence import PriceFinding
    from zkmargin.verifier.verdict import Verdict


@click.command()
@click.argument("proof", type=FILE, required=False)
@click.option("--book", type=FOLDER, help="Judge all members in a folder with a `book.json`, not one PROOF.")
@policy_option
@rules_option
@market_option
@click.option("--key", type=FILE, required=True, help="Verifying key (verification_key.json).")
@challenge_option
@revocations_option
@prices_option
@click.option(
    "--least-sequence",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Sequence of the last Pyth update seen: evidence with an earlier one is a replay.",
)
@at_option("Judge ages and expiries at this time, which the verdict then names")
@click.option(
    "--engine",
    type=click.Choice(["rust", "python", "reference"]),
    help="Arithmetic: the Rust core, or Python that shares nothing with it (default: the fastest here).",
)
@json_option
def command(
    proof: Path | None,
    book: Path | None,
    policy: Path,
    rules: str,
    market: Path,
    key: Path,
    challenge: bytes | None,
    revocations: tuple[Path, ...],
    prices: Path | None,
    least_sequence: int,
    at: int | None,
    engine: str | None,
    as_json: bool,
) -> None:
    """Judge a PROOF (*.margin-proof.json) against a policy.

    Policy, rule set, market, evidence of prices and verifying key are your own copies; nothing is taken on trust from
    the proof's file. Exit code 0 if the proof holds, 1 if it does not, 2 if an input cannot be used. With --book, 0 if
    every member's proof holds and no two show one nullifier.
    """
    if book is not None:
        show_book(book, at, engine, as_json)
        return
    proof = _one_proof(proof)
    from zkmargin.attestations.collateral.documents import RevokeRootDocument
    from zkmargin.attestations.market import MarketSnapshotDocument
    from zkmargin.attestations.price_evidence import PriceEvidence
    from zkmargin.circuits.rules import load_rules
    from zkmargin.cli.files import read_document, read_envelope
    from zkmargin.cli.output import print_json, progress
    from zkmargin.verifier.keys import read_verifying_key
    from zkmargin.verifier.policy import Policy
    from zkmargin.verifier.verify import verify

    with progress("verifying"):
        verdict = verify(
            read_envelope(proof),
            policy=read_document(policy, Policy),
            market=read_document(market, MarketSnapshotDocument),
            rules=load_rules(rules),
            verifying_key=read_verifying_key(key),
            at=at,
            challenge=challenge,
            engine=engine,
            revocations=[read_document(path, RevokeRootDocument) for path in revocations],
            prices=None if prices is None else read_document(prices, PriceEvidence),
            least_sequence=least_sequence,
        )
    if as_json:
        print_json(verdict.to_json())
    else:
        show_verdict(verdict)


_ONE_PROOF = ("policy", "rules", "market", "key")
for _option in command.params:
    if _option.name in _ONE_PROOF:  # needed for one proof; a book names them for each member
        _option.required = False


def _one_proof(proof: Path | None) -> Path:
    """The proof; a usage error where it or what it is judged by is not given."""
    context = click.get_current_context()
    for parameter in command.params:
        if parameter.name in ("proof", *_ONE_PROOF) and context.params[parameter.name] is None:
            raise click.MissingParameter(ctx=context, param=parameter)
    if proof is None:
        raise click.UsageError("a PROOF or --book is needed")
    return proof


def show_book(folder: Path, at: int | None, engine: str | None, as_json: bool) -> None:
    """One row for each member; exit code 1 where one of them fails."""
    from zkmargin.cli.output import format_time, print_json, print_table, progress
    from zkmargin.verifier.clearing import check_book, count_failed

    context = click.get_current_context()
    given = [name for name in ("proof", *_ONE_PROOF, "challenge", "prices") if context.params[name] is not None]
    if given or context.params["revocations"]:
        raise click.UsageError("--book names proofs and what they are judged by: give it alone")
    with progress("verifying"):
        findings = check_book(folder, at=at, engine=engine)
    failed = count_failed(findings)
    if as_json:
        members = [
            {
                "name": found.name,
                "verdict": None if found.verdict is None else found.verdict.to_json(),
                "error": None if found.error is None else found.error.as_json(),
            }
            for found in findings
        ]
        print_json({"book": str(folder), "members": members, "failed": failed})
    else:
        rows = []
        for found in findings:
            verdict = found.verdict
            if verdict is None:
                rows.append([found.name, "fails", "", "", "", str(found.error)])
                continue
            chains = "" if verdict.collateral is None else ", ".join(verdict.collateral.chains)
            venues = ", ".join(venue.name for venue in verdict.venues)
            rows.append([found.name, "holds", venues, chains, format_time(verdict.valid_until), str(verdict.claim)])
        print_table(("member", "", "venues", "collateral on", "valid until", "claim, or what fails"), rows)
        click.echo(f"{len(findings) - failed} of {len(findings)} members hold")
    if failed:
        context.exit(1)


def show_verdict(verdict: Verdict) -> None:
    """For people: what holds, as of when, and what it does not say."""
    from zkmargin.cli.output import format_time, print_pairs

    click.echo(click.style("holds", fg="green", bold=True) + f": {verdict.claim}")
    source = "this machine's clock" if verdict.clock_source == "system" else "given by --at"
    pairs = [
        ("rule set", verdict.rule_set),
        ("policy", verdict.policy),
        ("judged at", f"{format_time(verdict.clock)} ({source})"),
        ("prices of", f"{format_time(verdict.price_time)}, {verdict.price_age} s old"),
    ]
    if verdict.prices is not None:
        pairs += [("evidence of prices", line) for line in price_lines(verdict.prices)]
    for venue in verdict.venues:
        pairs.append((f"positions at {venue.name}", f"{format_time(venue.as_of)}, {venue.age} s old"))
    if verdict.collateral is not None:
        pairs.append(("collateral on", ", ".join(verdict.collateral.chains)))
    pairs += [
        ("valid until", format_time(verdict.valid_until)),
        ("nullifier", str(verdict.nullifier)),
        ("engine", verdict.engine),
    ]
    print_pairs(pairs)
    for warning in verdict.warnings:
        click.echo(click.style("note", fg="yellow") + f": {warning}")


def price_lines(finding: PriceFinding) -> list[str]:
    """For people: by column and oracles, the rows whose prices have evidence; then Pyth's sequence."""
    from zkmargin.cli.output import format_time

    rows: dict[str, list[str]] = {}
    for found in finding.prices:
        rows.setdefault(f"{found.cell.column} ({', '.join(found.quotes)})", []).append(found.cell.row)
    lines = [f"{what} of {', '.join(names)}" for what, names in rows.items()]
    sequence = "" if finding.sequence is None else f", Pyth's sequence {finding.sequence}"
    return [*lines, f"oldest of {format_time(finding.oldest)}{sequence}"]
