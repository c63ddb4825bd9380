"""``zkmargin check``: the requirement in the open, for the trader alone."""

from __future__ import annotations

from pathlib import Path

import click

from zkmargin.cli.options import account_option, claim_options, json_option, market_option, rules_option


@click.command()
@rules_option
@market_option
@account_option
@claim_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    rules: str,
    market: Path,
    account: Path,
    claim: str,
    buffer: tuple[int, int],
    as_json: bool,
) -> None:
    """Compute equity and requirement of an account, its worst scenarios and its headroom.

    Nothing is proven and nothing leaves the machine. Exit code 1 if the account falls short.
    """
    from zkmargin.attestations.context import Claim, ClaimKind
    from zkmargin.circuits.rules import load_rules
    from zkmargin.cli import explanation
    from zkmargin.cli.inputs import load_market, private_columns, read_account
    from zkmargin.cli.output import print_json, progress

    with progress("computing the requirement"):
        rule_set = load_rules(rules)
        content = load_market(market, rule_set)
        private = private_columns(rule_set, content, read_account(account, rule_set, content))
        found = explanation.explain(rule_set, content, private, Claim(ClaimKind[claim.upper()], *buffer))
    if as_json:
        print_json(explanation.as_json(found))
    else:
        explanation.show(found)
    context.exit(0 if found.holds else 1)
