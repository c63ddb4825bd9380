"""``zkmargin account``: show and import accounts. What they print is the trader's alone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zkmargin.cli.files import refuse_existing
from zkmargin.cli.options import FILE, force_option, json_option, market_option, out_option, rules_option
from zkmargin.cli.output import print_json, print_pairs, print_table

if TYPE_CHECKING:
    from zkmargin.margin.account import Account
    from zkmargin.margin.market import Market


@click.group()
def command() -> None:
    """Accounts: positions and cash, as CSV files with the header instrument,size and a row for cash."""


@command.command()
@click.argument("account", type=FILE)
@rules_option
@market_option
@json_option
def show(account: Path, rules: str, market: Path, as_json: bool) -> None:
    """Show an account's positions, valued at the marks of a snapshot."""
    from zkmargin.circuits.rules import load_rules
    from zkmargin.cli.inputs import load_market, read_account

    rule_set = load_rules(rules)
    content = load_market(market, rule_set)
    _show(read_account(account, rule_set, content), content, as_json)


@command.command("import")
@click.argument("source", type=FILE)
@rules_option
@market_option
@click.option("--instrument-column", default="instrument", show_default=True, help="Column with the names.")
@click.option("--size-column", default="size", show_default=True, help="Column with the sizes, in contracts.")
@click.option("--cash", help="Cash, in the listing's unit; needed where the source has no `cash` row.")
@out_option("the account")
@force_option
@json_option
def import_(
    source: Path,
    rules: str,
    market: Path,
    instrument_column: str,
    size_column: str,
    cash: str | None,
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Make an account file from a venue's CSV export, checked against listing and rule set.

    Only two columns of the export are read. The account is written readable by you alone.
    """
    from zkmargin.circuits.rules import load_rules
    from zkmargin.cli.inputs import account_bounds, load_market
    from zkmargin.encoding import write_atomic
    from zkmargin.margin.account import import_csv

    refuse_existing(out, force)
    rule_set = load_rules(rules)
    content = load_market(market, rule_set)
    account = import_csv(
        source,
        content.listing,
        instrument_column=instrument_column,
        size_column=size_column,
        cash=cash,
        **account_bounds(rule_set),
    )
    write_atomic(out, account.to_csv(content.listing), private=True)
    _show(account, content, as_json)


def _show(account: Account, market: Market, as_json: bool) -> None:
    from zkmargin.cli.figures import exact, money
    from zkmargin.margin.explain import position_values

    listing = market.listing
    lots = 10**listing.lot_decimals
    cash = Fraction(account.cash, 10**listing.cash_decimals)
    mark = market.tables.columns.get("mark")
    values = {} if mark is None else position_values(account.sizes, listing, mark)
    held = [name for name in sorted(account.sizes, key=listing.rows.__getitem__) if account.sizes[name]]
    equity = cash + sum((values[name] for name in held), Fraction(0)) if mark is not None else None
    if as_json:
        positions = [
            {
                "instrument": name,
                "size": exact(Fraction(account.sizes[name], lots)),
                "value": exact(values[name]) if name in values else None,
            }
            for name in held
        ]
        print_json(
            {
                "unit": listing.cash_unit.upper(),
                "positions": positions,
                "cash": exact(cash),
                "equity": None if equity is None else exact(equity),
            }
        )
        return
    unit = listing.cash_unit.upper()
    rows = [
        [name, exact(Fraction(account.sizes[name], lots)), money(values[name]) if name in values else ""]
        for name in held
    ]
    print_table(("instrument", "size", f"value ({unit})"), rows, right=(1, 2))
    pairs = [("positions", str(len(held))), ("cash", money(cash, unit))]
    if equity is not None:
        pairs.append(("equity", money(equity, unit)))
    print_pairs(pairs)
