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
    from zkmargin.circuits.rules import RuleSet
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
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "ccxt"]),
    default="csv",
    show_default=True,
    help="What SOURCE is: CSV with two columns, or JSON as ccxt's fetch_positions returns it.",
)
@click.option("--instrument-column", help="Column with the names (csv; default: instrument).")
@click.option("--size-column", help="Column with the sizes, in contracts (csv; default: size).")
@click.option("--balance", type=FILE, help="JSON as ccxt's fetch_balance returns it (ccxt): where cash comes from.")
@click.option(
    "--balance-is",
    type=click.Choice(["wallet", "equity"]),
    help="Whether its total has unrealized gains: wallet, without, or equity, with them. Venues differ.",
)
@click.option("--map", "symbols", type=FILE, help="CSV symbol,instrument: what a symbol is in the listing (ccxt).")
@click.option("--cash", help="Cash, in the listing's unit, as account files state it; where SOURCE does not tell.")
@out_option("the account")
@force_option
@json_option
def import_(
    source: Path,
    rules: str,
    market: Path,
    form: str,
    instrument_column: str | None,
    size_column: str | None,
    balance: Path | None,
    balance_is: str | None,
    symbols: Path | None,
    cash: str | None,
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Make an account file from a venue's export, checked against listing and rule set.

    \b
    csv    two columns of a CSV export; others are not read
    ccxt   positions (and, with --balance, the balance) in ccxt's unified shapes

    Cash is net of what was paid for the positions, except in rule sets with a column `entry`; from a balance and
    entry prices it is computed so. What is unknown or contradicts the listing is refused, never guessed. The account
    is written readable by you alone.
    """
    from zkmargin.circuits.rules import load_rules
    from zkmargin.cli.inputs import account_bounds, load_market
    from zkmargin.encoding import write_atomic
    from zkmargin.margin.account import import_csv

    _check_form(form, {"--instrument-column": instrument_column, "--size-column": size_column}, "csv")
    _check_form(form, {"--balance": balance, "--balance-is": balance_is, "--map": symbols}, "ccxt")
    refuse_existing(out, force)
    rule_set = load_rules(rules)
    content = load_market(market, rule_set)
    if form == "ccxt":
        text, account, entries = _of_ccxt(source, symbols, balance, balance_is, cash, rule_set, content)
    else:
        account = import_csv(
            source,
            content.listing,
            instrument_column=instrument_column or "instrument",
            size_column=size_column or "size",
            cash=cash,
            **account_bounds(rule_set),
        )
        text, entries = account.to_csv(content.listing), None
    write_atomic(out, text, private=True)
    _show(account, content, as_json, entries)


def _check_form(form: str, given: dict[str, object], belongs: str) -> None:
    for option, value in given.items():
        if value is not None and form != belongs:
            raise click.UsageError(f"{option} is for --format {belongs}")


def _of_ccxt(
    source: Path,
    symbols: Path | None,
    balance: Path | None,
    balance_is: str | None,
    cash: str | None,
    rules: RuleSet,
    market: Market,
) -> tuple[str, Account, Fraction | None]:
    from zkmargin.cli.inputs import venue_columns
    from zkmargin.encoding import parse_decimal
    from zkmargin.margin import ccxt
    from zkmargin.margin.account import Account

    if (balance is None) == (cash is None):
        raise click.UsageError("cash comes from --balance or from --cash: give one of them")
    if (balance is None) != (balance_is is None):
        raise click.UsageError("--balance and --balance-is go together: say whether its total has unrealized gains")
    columns = {column.name: column for column in venue_columns(rules, market)}
    decimals = market.listing.cash_decimals
    export = ccxt.read_positions(source, market.listing, {} if symbols is None else ccxt.read_map(symbols))
    if balance is not None and balance_is is not None:
        found = ccxt.read_balance(balance)
        units = ccxt.net_cash(export, found, balance_is, net="entry" not in columns, decimals=decimals)
    else:
        units = parse_decimal(cash or "", decimals, "--cash")
    text = ccxt.account_text(export, market.listing, list(columns.values()), units)
    paid = None
    if "entry" in columns:
        scale = columns["entry"].decimals
        paid = Fraction(sum(export.entries(scale).values()), 10**scale)
    return text, Account(export.sizes(columns["size"].decimals), units), paid


def _show(account: Account, market: Market, as_json: bool, entries: Fraction | None = None) -> None:
    from zkmargin.cli.figures import exact, money
    from zkmargin.margin.explain import position_values

    listing = market.listing
    lots = 10**listing.lot_decimals
    cash = Fraction(account.cash, 10**listing.cash_decimals)
    mark = market.tables.columns.get("mark")
    values = {} if mark is None else position_values(account.sizes, listing, mark)
    held = [name for name in sorted(account.sizes, key=listing.rows.__getitem__) if account.sizes[name]]
    equity = cash + sum((values[name] for name in held), -(entries or Fraction(0))) if mark is not None else None
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
