"""What a trader and a risk desk ask of one account in the open: exact figures, each with what it means.

Everything is computed by the rules, for any rule set; what a rule set or its tables cannot tell is left out, with the
reason (``Risk.missing``). All of it is secret: no repr shows an amount.                     specs/market.md#check
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from zkmargin.attestations.context import Claim
from zkmargin.circuits.liquidation import Repriced
from zkmargin.circuits.rules import Evaluation, RuleSet, evaluate
from zkmargin.circuits.rules.plaintext import spread
from zkmargin.errors import AccountInvalid, AmountRange
from zkmargin.margin.chain import Chain
from zkmargin.margin.explain import Claim as Ratio
from zkmargin.margin.explain import Headroom, compute_headroom
from zkmargin.margin.market import Market
from zkmargin.prover.distances import ChainBook, Distance, chain_distances, linear_distances, linear_refusal
from zkmargin.prover.exposures import Greeks, exposures
from zkmargin.prover.holdings import Holdings
from zkmargin.prover.remedies import Close, Deposit, closes_refusal, smallest_closes, smallest_deposit

__all__ = ["Liquidation", "Part", "Risk", "Side", "elements", "measure_risk"]


@dataclass(frozen=True)
class Side:
    """One requirement. ``tightest``: the element with the least headroom; ``required``: over all elements."""

    kind: str
    tightest: Headroom = field(repr=False)
    required: Fraction = field(repr=False)
    notional: Fraction | None = field(repr=False)

    @property
    def margin_ratio(self) -> Fraction | None:
        """Requirement over equity of the tightest element: 1 is the limit. None where equity is not above zero."""
        equity = self.tightest.equity
        return self.tightest.requirement / equity if equity > 0 else None

    @property
    def efficiency(self) -> Fraction | None:
        """Notional over all that is required: how much a unit of margin carries. None where nothing is."""
        return self.notional / self.required if self.notional is not None and self.required > 0 else None


@dataclass(frozen=True)
class Part:
    """One position: its size, its value, and what closing it would take off each requirement (all elements together).

    It is closed at the price of the tables, without fees; of a hedge the part is negative. Parts of requirements that
    offset positions do not sum to the requirement. None where the account could not hold what closing brings.
    """

    name: str
    size: Fraction = field(repr=False)
    value: Fraction | None = field(repr=False)
    requirement: Mapping[str, Fraction] | None = field(repr=False)


@dataclass(frozen=True)
class Liquidation:
    """Prices of one instrument at which maintenance still holds and one unit beyond which it does not.

    The price of that instrument alone moves and no other column does. None where there is no such price.
    """

    instrument: str
    price: Fraction = field(repr=False)
    below: Fraction | None = field(repr=False)
    above: Fraction | None = field(repr=False)


@dataclass(frozen=True)
class Risk:
    """All of it. ``missing`` says of each part that is left out why, by the part's name.

    ``notional``: sum of the absolute values of all positions. ``deposit`` and ``closes`` are what would restore the
    claim that was asked for, empty where it holds, None where nothing does.
    """

    sides: tuple[Side, ...]
    notional: Fraction | None = field(repr=False)
    parts: tuple[Part, ...] = field(repr=False)
    greeks: tuple[Greeks, ...] = field(repr=False)
    liquidations: tuple[Liquidation, ...] = field(repr=False)
    distances: tuple[Distance, ...] = field(repr=False)
    deposit: Deposit | None = field(repr=False)
    closes: tuple[Close, ...] | None = field(repr=False)
    missing: Mapping[str, str]


def measure_risk(
    rules: RuleSet, market: Market, private: Mapping[str, Any], claim: Claim, chains: Sequence[Chain] = ()
) -> Risk:
    """Measure an account against both requirements, and what would restore ``claim``.

    ``chains``: those that the snapshot's tables were built from, to revalue options. Raises MarketSource where they
    are not, AmountRange where a private column does not fit.
    """
    holdings = Holdings.of(rules, market, private)
    found = evaluate(rules, market.tables, holdings.private)
    missing: dict[str, str] = {}
    notional = _notional(holdings)
    if notional is None:
        missing["notional"] = _no_prices(holdings)
    sides = tuple(_side(found, kind, market, notional) for kind in rules.requirements)
    book = ChainBook.of(holdings, chains) if chains else None
    greeks, why = exposures(holdings, book)
    if why:
        missing["greeks"] = why
    liquidations: tuple[Liquidation, ...] = ()
    if notional is None:
        missing["liquidations"] = _no_prices(holdings)
    elif not found.holds("maintenance"):
        missing["liquidations"] = missing["distances"] = "maintenance fails at today's prices"
    else:
        liquidations = _liquidations(holdings)
    distances: tuple[Distance, ...] = ()
    if "distances" not in missing:
        refusal = "" if book is not None else linear_refusal(holdings)
        if refusal:
            missing["distances"] = refusal
        else:
            distances = chain_distances(book) if book is not None else linear_distances(holdings)
    parts = _parts(holdings) if holdings.size is not None else ()
    if holdings.size is None:
        missing["parts"] = "the rule set has no column `size`"
    deposit = smallest_deposit(holdings, claim)
    closes = smallest_closes(holdings, claim)
    if deposit is None:
        reason = "no deposit restores the claim" if holdings.deposits else "the rule set has no column of money"
        missing["deposit"] = reason
    if closes is None:
        missing["closes"] = closes_refusal(holdings) or "no set of closes at today's prices restores the claim"
    return Risk(sides, notional, parts, greeks, liquidations, distances, deposit, closes, missing)


def elements(found: Evaluation, kind: str, market: Market, ratio: Ratio | None = None) -> list[tuple[str, Headroom]]:
    """Headroom of every element of the axes that equity and requirement keep, by name (none where it is one)."""
    kept = found.axes["equity"] + found.axes[kind]
    axes = tuple(axis for axis in found.rules.axes if axis in kept)
    sides = [spread(found.values[name], found.axes[name], axes) for name in ("equity", kind)]
    equity, requirement = np.broadcast_arrays(*sides)
    names = {**market.tables.names, **market.listing.axes}

    def named(place: tuple[int, ...]) -> str:
        rows = ((axis, names[axis][at] if axis in names else at + 1) for axis, at in zip(axes, place, strict=True))
        return ", ".join(f"{axis} {row}" for axis, row in rows)

    return [
        (
            named(place),
            compute_headroom(
                Fraction(int(equity[place]), found.denominators["equity"]),
                Fraction(int(requirement[place]), found.denominators[kind]),
                ratio or Ratio(),
            ),
        )
        for place in np.ndindex(*equity.shape)
    ]


def _side(found: Evaluation, kind: str, market: Market, notional: Fraction | None) -> Side:
    tightest = min((headroom for _, headroom in elements(found, kind, market)), key=lambda element: element.slack)
    return Side(kind, tightest, _required(found, kind), notional)


def _required(found: Evaluation, kind: str) -> Fraction:
    return Fraction(sum(map(int, found.requirements[kind].ravel().tolist())), found.denominators[kind])


def _no_prices(holdings: Holdings) -> str:
    if holdings.size is None:
        return "the rule set has no column `size`"
    return "the rule set has no column of marks along the sizes"


def _notional(holdings: Holdings) -> Fraction | None:
    if holdings.size is None or holdings.price is None:
        return None
    scale = 10**holdings.size.decimals
    held = ((holdings.price_of(position.row), position.lots) for position in holdings.positions)
    return sum((Fraction(abs(lots), scale) * (price or 0) for price, lots in held), Fraction(0))


def _parts(holdings: Holdings) -> tuple[Part, ...]:
    if holdings.size is None:
        return ()
    small, _ = holdings.held_rows()
    now = evaluate(small.rules, small.market.tables, small.private)
    parts = []
    for position in small.positions:
        price = small.price_of(position.row)
        size = Fraction(position.lots, 10**holdings.size.decimals)
        left: dict[str, Fraction] | None
        try:
            after = small.traded(position.place, -position.lots, price or Fraction(0))
            then = evaluate(after.rules, after.market.tables, after.private)
            left = {kind: _required(now, kind) - _required(then, kind) for kind in holdings.rules.requirements}
        except (AmountRange, AccountInvalid):
            left = None
        parts.append(Part(position.name, size, None if price is None else size * price, left))
    return tuple(sorted(parts, key=lambda part: -(part.requirement or {}).get("maintenance", Fraction(0))))


def _liquidations(holdings: Holdings) -> tuple[Liquidation, ...]:
    if holdings.price is None:
        return ()
    small, rows = holdings.held_rows()
    scale = 10**holdings.price.decimals
    part = Repriced(small.rules, small.market.tables, small.private, holdings.price.name)
    whole = Repriced(holdings.rules, holdings.market.tables, holdings.private, holdings.price.name)
    names = holdings.market.tables.names[holdings.price.axes[0]]

    def last(at: int, up: bool) -> Fraction | None:
        row, step = rows[at], 1 if up else -1
        found = part.liquidation(at, up=up)
        if found is not None and not (whole.holds_at(row, found) and not whole.holds_at(row, found + step)):
            found = whole.liquidation(row, up=up)  # the smaller market is not the whole one at other prices
        return None if found is None else Fraction(found, scale)

    held = dict.fromkeys(position.row for position in small.positions)
    return tuple(
        Liquidation(names[rows[at]], Fraction(int(part.prices[at]), scale), last(at, False), last(at, True))
        for at in held
    )
