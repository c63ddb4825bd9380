"""What the trader's commands read: a market that fits the rules, an account that fits the market."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from zkmargin.cli.files import read_document

if TYPE_CHECKING:
    from zkmargin.attestations.market import MarketSnapshotDocument
    from zkmargin.circuits.rules import RuleSet
    from zkmargin.margin.account import Account, Bounds
    from zkmargin.margin.market import Market


class AccountBounds(TypedDict):
    """Bounds of private columns, in lots and cash units; None where the rule set has no such column."""

    size_bounds: Bounds | None
    cash_bounds: Bounds | None


def load_market(path: Path, rules: RuleSet) -> Market:
    """The content of a snapshot, its digests checked, its tables checked against the rule set."""
    from zkmargin.attestations.market import MarketSnapshotDocument

    return checked_market(read_document(path, MarketSnapshotDocument), rules)


def checked_market(document: MarketSnapshotDocument, rules: RuleSet) -> Market:
    """As ``load_market``, of a document that was read."""
    from zkmargin.circuits.rules import check_tables

    check_tables(rules, document.market.tables)
    return document.market


def account_bounds(rules: RuleSet) -> AccountBounds:
    """The bounds that the rule set declares for sizes and cash, as the readers of accounts take them."""
    bounds = {column.name: (column.minimum, column.maximum) for column in rules.private}
    return {"size_bounds": bounds.get("size"), "cash_bounds": bounds.get("cash")}


def read_account(path: Path, rules: RuleSet, market: Market) -> Account:
    """An account file, against the listing and the bounds that the rule set declares."""
    from zkmargin.margin.account import Account

    return Account.read(path, market.listing, **account_bounds(rules))


def private_columns(rules: RuleSet, market: Market, account: Account) -> dict[str, Sequence[int] | int]:
    """The rule set's private columns of an account. Raises AccountInvalid where it asks for other ones."""
    from zkmargin.errors import AccountInvalid

    known: dict[str, Sequence[int] | int] = {"size": account.vector(market.listing), "cash": account.cash}
    wanted = [column.name for column in rules.private]
    if unknown := [name for name in wanted if name not in known]:
        raise AccountInvalid(f"account files have no `{unknown[0]}`, which the rule set asks for")
    return {name: known[name] for name in wanted}
