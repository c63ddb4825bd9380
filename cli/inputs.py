"""What the trader's and the venue's commands read: a market that fits the rules, accounts that fit the market."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Any, TypedDict

from zkmargin.cli.files import read_document

if TYPE_CHECKING:
    from zkmargin.attestations.market import MarketSnapshotDocument
    from zkmargin.circuits.rules import RuleSet
    from zkmargin.circuits.rules.tree import ColumnDecl
    from zkmargin.margin.account import Account, Bounds
    from zkmargin.margin.chain import Chain
    from zkmargin.margin.columns import PrivateColumn
    from zkmargin.margin.market import Market
    from zkmargin.prover.collateral import Collateral
    from zkmargin.verifier.policy import Policy


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
    """An account file ``instrument,size``, against the listing and the bounds that the rule set declares."""
    from zkmargin.margin.account import Account

    return Account.read(path, market.listing, **account_bounds(rules))


def read_slice(path: Path, rules: RuleSet, market: Market) -> dict[str, list[int]]:
    """One venue's columns of an account file of either form, each row-major over capacities.

    Raises AccountInvalid where the rule set asks for columns that the form does not have.
    """
    from zkmargin.errors import AccountInvalid
    from zkmargin.margin.columns import is_columns, parse_columns, read_text

    columns = venue_columns(rules, market)
    text = read_text(path)
    if is_columns(text):
        found: Mapping[str, Any] = parse_columns(text, columns, path.name)
    else:
        account = read_account(path, rules, market)
        found = {"size": account.vector(market.listing), "cash": account.cash}
        unknown = [c.name for c in columns if c.name not in found or (c.name == "size" and len(c.axes) != 1)]
        if unknown:
            heading = ",".join(["column", *_axes(columns), "value"])
            raise AccountInvalid(
                f"account files `instrument,size` cannot say `{unknown[0]}`, which the rule set asks for",
                where=path.name,
                hint=f"write the account with the header {heading}",
            )
    return {column.name: _over_capacity(rules, column, found[column.name]) for column in columns}


def venue_columns(rules: RuleSet, market: Market) -> list[PrivateColumn]:
    """The columns that one venue vouches for, as files fill them."""
    return [_column(rules, market, declared, by_venue=True) for declared in rules.attested]


def read_collateral(path: Path | None, revocations: Sequence[Path], policy: Policy) -> Collateral | None:
    """All lines of a receipt, claimed as locked where the policy relies on exclusivity; None without one."""
    if path is None:
        return None
    from zkmargin.attestations.collateral.documents import RevokeRootDocument
    from zkmargin.attestations.collateral.receipts import CollateralReceipt
    from zkmargin.prover.collateral import Collateral, CollateralLine

    receipt = read_document(path, CollateralReceipt)
    receipt.require_consistent()
    return Collateral(
        receipt.root,
        tuple(CollateralLine(line.opening, line.path) for line in receipt.lines),
        locked=policy.collateral is not None and policy.collateral.exclusive,
        revocations=tuple(read_document(each, RevokeRootDocument) for each in revocations),
    )


def read_own(path: Path | None, rules: RuleSet, market: Market) -> dict[str, Any]:
    """The columns that the prover chooses, from a file; none without one (the prover then says what is missing)."""
    if path is None:
        return {}
    from zkmargin.errors import AccountInvalid
    from zkmargin.margin.columns import read_columns

    if not rules.chosen:
        raise AccountInvalid("the rule set lets you choose no column", where=str(path), hint="leave out --own")
    return dict(read_columns(path, [_column(rules, market, declared) for declared in rules.chosen]))


def read_chains(paths: Sequence[Path], market: Market) -> list[Chain]:
    """The chains of a market's coins, in the order of its listing, of compact files and files of several coins."""
    coins = list(dict.fromkeys(instrument.underlying for instrument in market.listing.instruments))
    found = [chain for path in paths for chain in chains_of(path, coins)]
    order = {coin: place for place, coin in enumerate(coins)}
    return sorted(found, key=lambda chain: order.get(chain.underlying, len(coins)))


def chains_of(path: Path, coins: Sequence[str]) -> list[Chain]:
    """The chain of a compact file, whatever its coin; of a Deribit chain file that of each coin."""
    from zkmargin.margin.compact import read_source
    from zkmargin.margin.delimited import read_text

    text, _ = read_text(path)
    return [read_source(path)] if text.startswith("chain,") else [read_source(path, coin) for coin in coins]


def _column(rules: RuleSet, market: Market, declared: ColumnDecl, by_venue: bool = False) -> PrivateColumn:
    """A column and the names of its rows; ``by_venue``: without the axis of venues."""
    from zkmargin.circuits.rules.document import VENUE
    from zkmargin.margin.columns import PrivateColumn
    from zkmargin.prover.holdings import row_names

    axes = tuple((axis, row_names(rules, market, axis)) for axis in declared.axes if not (by_venue and axis == VENUE))
    return PrivateColumn(declared.name, axes, declared.decimals, declared.minimum, declared.maximum)


def _over_capacity(rules: RuleSet, column: PrivateColumn, values: Any) -> list[int]:
    import numpy as np

    full = np.zeros(rules.shape(tuple(axis for axis, _ in column.axes)), dtype=object)
    active = [slice(len(rows)) for _, rows in column.axes]
    place: tuple[slice | EllipsisType, ...] = (*active, ...)  # the dots: without axes a value is stored, not an array
    full[place] = values
    flat: list[int] = full.ravel().tolist()
    return flat


def _axes(columns: Iterable[PrivateColumn]) -> Sequence[str]:
    return list(dict.fromkeys(axis for column in columns for axis, _ in column.axes))
