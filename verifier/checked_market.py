"""A market that was checked against a rule set: once, not for every proof about it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from zkmargin.attestations.positions import CASH, SIZE
from zkmargin.circuits.plan import BoundPlan, Plan
from zkmargin.circuits.rules import RuleSet, check_tables
from zkmargin.circuits.rules.document import VENUE
from zkmargin.errors import ListingMismatch
from zkmargin.margin.market import Market
from zkmargin.margin.tables import INSTRUMENT_AXIS

KEPT: Final = 4


class CheckedMarket:
    """The plan of a rule set with a market whose listing and tables fit it.

    Raises ListingMismatch, ParameterCondition where they do not. ``bound`` keeps what it computed from the tables.
    """

    def __init__(self, rules: RuleSet, market: Market) -> None:
        require_listing(rules, market)
        check_tables(rules, market.tables)
        self.bound: BoundPlan = Plan(rules).bind(market.tables)


class _Same:
    """A value that equals itself alone: the cache holds it, so that nothing else can come to its address."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def checked_market(rules: RuleSet, market: Market) -> CheckedMarket:
    """The checked market of these very objects, which nothing changes. What is refused is not kept."""
    return _checked(_Same(rules), _Same(market))


@lru_cache(KEPT)
def _checked(rules: _Same, market: _Same) -> CheckedMarket:
    if not isinstance(rules.value, RuleSet) or not isinstance(market.value, Market):
        raise TypeError("a rule set and a market are needed")
    return CheckedMarket(rules.value, market.value)


def require_listing(rules: RuleSet, market: Market) -> None:
    """Raise ListingMismatch unless private columns mean what the listing says: rows, lots, unit of cash.

    A venue signs whole lots over the listing's rows; under other rows or decimals they would be worth
    something else. Besides, a column may run over axes of which the tables say nothing (sub-accounts, say): their
    rows mean what the venue says.
    """
    listing = market.listing
    listed = {INSTRUMENT_AXIS, VENUE, *listing.axes}
    for column in rules.attested:
        for axis in {rules.axes[name].like or name for name in column.axes}:
            if axis in market.tables.names and axis not in listed:
                raise ListingMismatch(
                    f"the listing does not say what the rows of private column `{column.name}` are", expected=axis
                )
        decimals = {SIZE: listing.lot_decimals, CASH: listing.cash_decimals}.get(column.name, column.decimals)
        if column.decimals != decimals:
            raise ListingMismatch(
                f"`{column.name}` has other decimals than the listing", expected=column.decimals, got=decimals
            )
        if column.name == CASH and str(column.unit) != listing.cash_unit:
            raise ListingMismatch(
                "cash is in another unit than the listing's", expected=column.unit, got=listing.cash_unit
            )
