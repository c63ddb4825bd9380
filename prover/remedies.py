"""What restores margin: the smallest deposit, the smallest set of closes. The rules confirm every answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from zkmargin.attestations.context import Claim
from zkmargin.circuits.liquidation import boundary
from zkmargin.circuits.rules import Evaluation, evaluate
from zkmargin.circuits.rules.again import Again
from zkmargin.errors import AmountRange
from zkmargin.prover.holdings import Holdings, Position, row_names

__all__ = ["Close", "Deposit", "closes_refusal", "smallest_closes", "smallest_deposit"]

CLOSES_TRIED = 64
"""At each step so many positions are tried, those of the largest value."""


@dataclass(frozen=True)
class Deposit:
    """What has to be paid in, at each place of the column of money that needs it (no name where it is one number).

    ``amounts`` are whole units of ``10**-decimals``.
    """

    amounts: tuple[tuple[str, int], ...] = field(repr=False)
    decimals: int

    @property
    def units(self) -> int:
        """All together, in whole units."""
        return sum(amount for _, amount in self.amounts)

    @property
    def total(self) -> Fraction:
        """All together, in the unit of equity."""
        return Fraction(self.units, 10**self.decimals)


@dataclass(frozen=True)
class Close:
    """A position to close by ``lots``, with the sign of the position; ``whole``: nothing of it is left."""

    position: Position = field(repr=False)
    lots: int = field(repr=False)
    whole: bool


def smallest_deposit(holdings: Holdings, claim: Claim) -> Deposit | None:
    """The least that has to be paid in for the claim to hold, found by asking the rules; nothing where it does.

    Where equity and requirement are each one number, at the place that needs least. Where the claim is about several
    elements (sub-accounts) with money of their own, at each what its own elements need. None where the rule set has no
    column of money, or where none within the column's bounds restores the claim. Right for every rule set whose claim
    never fails by more money.
    """
    column = holdings.deposits
    if column is None:
        return None
    again = Again(holdings.rules, holdings.market.tables, holdings.private, {column.name})
    if _holds(again.first, claim):
        return Deposit((), column.decimals)
    money = holdings.private[column.name]

    def needed(place: tuple[int, ...], enough: Callable[[Evaluation], bool]) -> int | None:
        def holds(deposit: int) -> bool:
            paid = np.array(money, dtype=object)
            paid[place] += deposit
            return enough(again.evaluate({column.name: paid}))

        room, low, high = column.hi - int(money[place]), 0, 1
        if holds(0):
            return 0
        while high < room and not holds(high):
            low, high = high, 2 * high
        high = min(high, room)
        return boundary(holds, high, low) if low < high and holds(high) else None

    def name(place: tuple[int, ...]) -> str:
        rows = zip(column.axes, place, strict=True)
        return "/".join(row_names(holdings.rules, holdings.market, axis)[row] for axis, row in rows)

    places = list(np.ndindex(*money.shape))
    alone = [
        (found, name(place)) for place in places if (found := needed(place, lambda e: _holds(e, claim))) is not None
    ]
    if alone:
        amount, where = min(alone, key=lambda entry: entry[0])
        return Deposit(((where, amount),), column.decimals)
    axes = again.first.axes["equity"] + again.first.axes[claim.kind.name.lower()]
    kept = tuple(axis for axis in holdings.rules.axes if axis in axes)
    if not column.axes or not set(column.axes) <= set(kept):
        return None
    amounts, paid = [], np.array(money, dtype=object)
    for place in places:
        index = tuple(place[column.axes.index(axis)] if axis in column.axes else slice(None) for axis in kept)
        found = needed(place, lambda e, index=index: bool(np.all(_slack(e, claim)[index] >= 0)))  # type: ignore[misc]
        if found is None:
            return None
        if found:
            paid[place] += found
            amounts.append((name(place), found))
    return Deposit(tuple(amounts), column.decimals) if _holds(again.evaluate({column.name: paid}), claim) else None


def smallest_closes(holdings: Holdings, claim: Claim) -> tuple[Close, ...] | None:
    """Positions to close, at the prices of the tables and without fees, for the claim to hold; none where it does.

    If closing one position is enough, it is one: that of the least value closed. Else the position whose close leaves
    the most headroom is closed whole, then the next: where closing everything restores the claim, an answer is found.
    Of the set, what can stay open does: no close can be left out, and
    the last one is partial, down to the lot with which the claim still holds. For more than one position a smaller set
    may exist. None where even closing everything does not help, or where the rule set has no sizes, prices or money.
    """
    if closes_refusal(holdings):
        return None
    if _account_holds(holdings, claim):
        return ()
    small, _ = holdings.held_rows()
    closed: list[Position] = []
    left = sorted(small.positions, key=lambda position: -_value(small, position))
    now = small
    while True:
        tried = []
        for position in left[:CLOSES_TRIED]:
            try:
                after = _closed(now, position, position.lots)
            except AmountRange:
                continue
            tried.append((_worst(after, claim), position, after))
        enough = [entry for entry in tried if entry[0] >= 0]
        if enough:
            _, last, _ = min(enough, key=lambda entry: (_value(now, entry[1]), entry[1].name))
            closed.append(last)
            break
        best = max(tried, key=lambda entry: entry[0], default=None)
        if best is None:
            return None
        closed.append(best[1])
        left.remove(best[1])
        now = best[2]
    closes = _fewest(small, claim, closed)
    by_name = {position.name: position for position in holdings.positions}
    found = tuple(Close(by_name[close.position.name], close.lots, close.whole) for close in closes)
    return found if _account_holds(_all_closed(holdings, found), claim) else None


def closes_refusal(holdings: Holdings) -> str:
    """What a rule set lacks for positions to be closed; nothing where it has it."""
    if holdings.size is None:
        return "the rule set has no column `size`"
    if holdings.price is None:
        return "the rule set has no column of marks along the sizes"
    if holdings.money is None and holdings.entry is None:
        return "the rule set has no column that the price of a trade is paid from"
    return ""


def _fewest(start: Holdings, claim: Claim, closed: list[Position]) -> list[Close]:
    """Of positions that restore the claim when closed whole: without those that need not be, the last one in part."""
    closes = [Close(position, position.lots, True) for position in closed]
    while True:
        spare = next((c for c in closes if _account_holds(_all_closed(start, closes, c), claim)), None)
        if spare is not None:
            closes = [close for close in closes if close is not spare]
            continue
        last, before = closes[-1], _all_closed(start, closes, closes[-1])
        step, most = (1 if last.lots > 0 else -1), abs(last.lots)
        least = boundary(_claim_after(before, last.position, step, claim), most, 0)
        if least == most:
            return closes
        closes[-1] = Close(last.position, step * least, False)


def _claim_after(before: Holdings, position: Position, step: int, claim: Claim) -> Callable[[int], bool]:
    return lambda lots: _account_holds(_closed(before, position, step * lots), claim)


def _all_closed(holdings: Holdings, closes: Sequence[Close], but: Close | None = None) -> Holdings:
    for close in closes:
        if close is not but:
            holdings = _closed(holdings, close.position, close.lots)
    return holdings


def _closed(holdings: Holdings, position: Position, lots: int) -> Holdings:
    price = holdings.price_of(position.row)
    return holdings if price is None else holdings.traded(position.place, -lots, price)


def _value(holdings: Holdings, position: Position) -> Fraction:
    return abs(position.lots) * (holdings.price_of(position.row) or Fraction(0))


def _worst(holdings: Holdings, claim: Claim) -> int:
    found = evaluate(holdings.rules, holdings.market.tables, holdings.private)
    return min(map(int, _slack(found, claim).ravel().tolist()))


def _account_holds(holdings: Holdings, claim: Claim) -> bool:
    return _worst(holdings, claim) >= 0


def _slack(found: Evaluation, claim: Claim) -> np.ndarray:
    return found.slack(claim.kind.name.lower(), claim.num, claim.den)[0]


def _holds(found: Evaluation, claim: Claim) -> bool:
    return found.holds(claim.kind.name.lower(), claim.num, claim.den)
