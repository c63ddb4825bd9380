"""``zkmargin check``: the requirement in the open, for the trader alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkmargin.cli.options import (
    accounts_option,
    claim_options,
    json_option,
    market_option,
    openings_options,
    own_option,
    rules_option,
)

if TYPE_CHECKING:
    from zkmargin.circuits.rules import RuleSet
    from zkmargin.margin.market import Market


@click.command()
@rules_option
@market_option
@accounts_option
@openings_options(required=False)
@own_option
@claim_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    rules: str,
    market: Path,
    accounts: tuple[Path, ...],
    positions: tuple[Path, ...],
    openings: tuple[Path, ...],
    own: Path | None,
    claim: str,
    buffer: tuple[int, int],
    as_json: bool,
) -> None:
    """Compute equity and requirement of an account, its worst scenarios and its headroom.

    The account is given by account files, or by position statements with their openings. Nothing is proven and
    nothing leaves the machine. Exit code 1 if the account falls short.
    """
    from zkmargin.attestations.context import Claim, ClaimKind
    from zkmargin.circuits.rules import load_rules
    from zkmargin.cli import explanation
    from zkmargin.cli.inputs import load_market, read_own
    from zkmargin.cli.output import print_json, progress

    if bool(accounts) == bool(positions or openings):
        raise click.UsageError("an account is given by --account, or by --positions and --opening")
    with progress("computing the requirement"):
        rule_set = load_rules(rules)
        content = load_market(market, rule_set)
        chosen = read_own(own, rule_set, content)
        if accounts:
            private = _of_accounts(accounts, chosen, rule_set, content)
        else:
            private = _of_openings(positions, openings, chosen, rule_set)
        found = explanation.explain(rule_set, content, private, Claim(ClaimKind[claim.upper()], *buffer))
    if as_json:
        print_json(explanation.as_json(found))
    else:
        explanation.show(found)
    context.exit(0 if found.holds else 1)


def _of_accounts(accounts: tuple[Path, ...], chosen: dict[str, Any], rules: RuleSet, market: Market) -> dict[str, Any]:
    from zkmargin.cli.inputs import read_slice
    from zkmargin.prover.account import stack_columns

    return stack_columns(rules, [read_slice(path, rules, market) for path in accounts], chosen)


def _of_openings(
    positions: tuple[Path, ...], openings: tuple[Path, ...], chosen: dict[str, Any], rules: RuleSet
) -> dict[str, Any]:
    from zkmargin.attestations.positions import PositionLayout, PositionOpening, PositionStatementDocument
    from zkmargin.cli.files import read_document
    from zkmargin.prover.account import in_venue_order, private_columns

    statements, opened = in_venue_order(
        rules,
        [read_document(path, PositionStatementDocument) for path in positions],
        [read_document(path, PositionOpening) for path in openings],
    )
    for document, opening in zip(statements, opened, strict=True):
        opening.require_opens(document.statement, PositionLayout.of(rules))
    return private_columns(rules, opened, chosen)
