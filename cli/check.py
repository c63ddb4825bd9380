"""``zkmargin check``: the requirement in the open, for the trader alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zkmargin.cli.files import refuse_existing
from zkmargin.cli.options import (
    FILE,
    accounts_option,
    claim_options,
    collateral_option,
    force_option,
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
@collateral_option
@claim_options
@click.option(
    "--with",
    "trades",
    multiple=True,
    metavar="TRADE",
    help="What if: NAME=SIZE@PRICE, bought (sold, where negative) before anything is computed; repeatable. Without "
    "@PRICE at the mark.",
)
@click.option(
    "--chain",
    "chains",
    type=FILE,
    multiple=True,
    help="Chain that the snapshot was built from, to value options at other prices; repeatable.",
)
@click.option("--report", type=FILE, help="Write a page of plots here: HTML, private, loads nothing.")
@click.option(
    "--sweep",
    type=FILE,
    multiple=True,
    help="Chain, or history at the money, to reprice the account at; repeatable. --report plots the headroom.",
)
@force_option
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
    collateral: Path | None,
    claim: str,
    buffer: tuple[int, int],
    trades: tuple[str, ...],
    chains: tuple[Path, ...],
    report: Path | None,
    sweep: tuple[Path, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Compute what an account's margin is, where it ends, and what would restore it.

    Both requirements with headroom, worst scenarios, what each position adds, greeks, liquidation prices (one mark
    moves) and distances (an underlying moves; options need --chain), the smallest deposit and the smallest closes.

    \b
    zkmargin check --rules deribit_pm --market now.json --account account.csv \\
        --with BTC-PERPETUAL=-2@71000 --chain chain.csv --report account.html

    The account is given by account files, or by position statements with their openings. Nothing is proven and
    nothing leaves the machine. Exit code 1 if the account falls short.
    """
    from zkmargin.attestations.context import Claim, ClaimKind
    from zkmargin.circuits.rules import load_rules
    from zkmargin.cli import explanation
    from zkmargin.cli.inputs import load_market, read_chains, read_own
    from zkmargin.cli.output import print_json, print_pairs, progress
    from zkmargin.cli.report import sweep as sweeps
    from zkmargin.cli.report.study import Study
    from zkmargin.margin.trade import Trade
    from zkmargin.prover.holdings import Holdings, apply_trades
    from zkmargin.prover.risk import measure_risk

    if report is not None:
        refuse_existing(report, force)
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
        private |= _of_receipt(collateral, rule_set, content)
        asked = Claim(ClaimKind[claim.upper()], *buffer)
        thought = [Trade.parse(text, "--with") for text in trades]
        before = explanation.explain(rule_set, content, private, asked) if thought else None
        if thought:
            private = dict(apply_trades(Holdings.of(rule_set, content, private), thought).private)
        prices = sweeps.read_prices(sweep, content)
        given = read_chains(chains, content) or prices.of_snapshot(content)
        risk = measure_risk(rule_set, content, private, asked, given)
        found = explanation.explain(rule_set, content, private, asked, risk)
        holdings = Holdings.of(rule_set, content, private)
        study = Study.of(holdings, asked, given if report or sweep else (), prices)
        if report is not None:
            study.write(report, holdings, claim, found, risk)
    if as_json:
        print_json(explanation.as_json(found, before) | ({"sweep": sweeps.as_json(study.moments)} if sweep else {}))
    else:
        explanation.show(found, before=before)
        if sweep:
            sweeps.show(study.moments, found.unit)
        if report is not None:
            print_pairs([("page", f"{report}, readable by you alone")])
    context.exit(0 if found.holds else 1)


def _of_accounts(accounts: tuple[Path, ...], chosen: dict[str, Any], rules: RuleSet, market: Market) -> dict[str, Any]:
    from zkmargin.cli.inputs import read_slice
    from zkmargin.prover.account import stack_columns

    return stack_columns(rules, [read_slice(path, rules, market) for path in accounts], chosen)


def _of_receipt(path: Path | None, rules: RuleSet, market: Market) -> dict[str, Any]:
    """The column of attested collateral: the lines of a receipt, or none."""
    from zkmargin.attestations.collateral.receipts import CollateralReceipt
    from zkmargin.cli.files import read_document
    from zkmargin.prover.collateral import Collateral, CollateralLine, collateral_columns

    if path is None:
        return dict(collateral_columns(rules, market, None))
    receipt = read_document(path, CollateralReceipt)
    receipt.require_consistent()
    lines = tuple(CollateralLine(line.opening, line.path) for line in receipt.lines)
    return dict(collateral_columns(rules, market, Collateral(receipt.root, lines)))


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
