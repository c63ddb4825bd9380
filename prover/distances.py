"""How far the price of an underlying can move, all its instruments together, before maintenance fails.

Moves are in basis points of today's price; the claim holds at the distance and fails one basis point beyond. Where an
instrument is linear its price moves in proportion. Options, and tables that hold P&L under scenarios, have to be valued
again: from the chains that the tables were built from (``margin.revalue``), or not at all. Nothing is interpolated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from zkmargin.circuits.liquidation import Repriced, first_loss
from zkmargin.circuits.rules import check_tables, evaluate
from zkmargin.circuits.rules.document import VENUE
from zkmargin.circuits.rules.operations import IntArray
from zkmargin.circuits.tables import table_schema
from zkmargin.encoding import format_decimal
from zkmargin.errors import MarketSource, ParameterCondition
from zkmargin.margin.assemble import build_parameters
from zkmargin.margin.build import build_market, default_parameters
from zkmargin.margin.chain import Chain
from zkmargin.margin.market import Market
from zkmargin.margin.revalue import cut_chain, moved_chain
from zkmargin.margin.tables import INSTRUMENT_AXIS
from zkmargin.prover.holdings import Holdings

__all__ = ["ChainBook", "Distance", "chain_distances", "linear_distances", "linear_refusal", "options_refusal"]

BASIS = 10_000
FURTHEST_DOWN, FURTHEST_UP = -9_999, 50_000


@dataclass(frozen=True)
class Distance:
    """Basis points of an underlying's price; None where the claim holds as far as is looked, or fails already."""

    underlying: str
    down: int | None = field(repr=False)
    up: int | None = field(repr=False)


def options_refusal(holdings: Holdings) -> str:
    """Why an account's value does not move in proportion to prices; nothing where it does."""
    if holdings.size is None:
        return "the rule set has no column `size`"
    if holdings.price is None:
        return "the rule set has no column of marks along the sizes"
    if holdings.price.axes != (INSTRUMENT_AXIS,):
        return "the listing does not say what the underlyings are"
    instruments = holdings.market.listing.instruments
    if any(instruments[position.row].kind == "option" for position in holdings.positions):
        return "options have to be valued again: give the option chains of the snapshot with --chain"
    return ""


def linear_refusal(holdings: Holdings) -> str:
    """Why the claim at other prices cannot be told from the tables; nothing where it can."""
    if refusal := options_refusal(holdings):
        return refusal
    for column in (*holdings.rules.public, *holdings.rules.parameters):
        powers = [power for _, power in column.unit.powers]
        if column is holdings.price or column.default is not None or not powers:
            continue
        if max(powers) > 0 > min(powers):
            words = f"`{column.name}` would move with prices"
            return f"{words}: only option chains that the snapshot was built from (--chain) can tell"
    return ""


def linear_distances(holdings: Holdings) -> tuple[Distance, ...]:
    """Of every underlying held, where ``linear_refusal`` says nothing. Prices are rounded to the nearest unit."""
    small, _ = holdings.held_rows()
    if small.price is None:
        return ()
    listed = [instrument.underlying for instrument in small.market.listing.instruments]
    whole = Repriced(holdings.rules, holdings.market.tables, holdings.private, small.price.name)
    part = Repriced(small.rules, small.market.tables, small.private, small.price.name)
    every = [instrument.underlying for instrument in holdings.market.listing.instruments]

    def claim(reading: Repriced, names: Sequence[str], underlying: str) -> Callable[[int], bool]:
        def holds(move: int) -> bool:
            prices: IntArray = np.array(reading.prices, dtype=object)
            for row, name in enumerate(names):
                if name == underlying:
                    prices[row] = round(Fraction(int(prices[row]) * (BASIS + move), BASIS))
            return reading.holds(prices)

        return holds

    held = dict.fromkeys(listed[position.row] for position in small.positions)
    return tuple(_distance(name, claim(part, listed, name), claim(whole, every, name)) for name in held)


@dataclass(frozen=True, eq=False)
class ChainBook:
    """A snapshot's tables made again from its chains, with an underlying at another price."""

    holdings: Holdings
    chains: tuple[Chain, ...]

    @classmethod
    def of(cls, holdings: Holdings, chains: Sequence[Chain]) -> ChainBook:
        """Raises MarketSource where the tables of these chains are not those of the snapshot."""
        book = cls(holdings, tuple(chains))
        made, given = book.market({}, None), holdings.market
        if made.listing != given.listing or made.tables != given.tables:
            raise MarketSource(
                "the snapshot's tables were not made from these chains",
                expected=", ".join(source.name for source in given.sources),
                got=", ".join(source.name for source in made.sources),
                hint="give the files that `market build` was given, all of them",
            )
        return book

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Those of the snapshot that do not follow from prices."""
        schema, derived = table_schema(self.holdings.rules), default_parameters(self.chains)
        stated = {
            name: format_decimal(int(column.values), column.decimals)
            for name, column in self.holdings.market.tables.parameters.items()
        }
        fixed = {name: text for name, text in stated.items() if name not in derived}
        built = build_parameters(schema, fixed, derived)
        parameters = self.holdings.market.tables.parameters
        return {name: text for name, text in stated.items() if name in fixed or built[name] != parameters[name]}

    def market(self, factors: dict[str, Fraction], kept: frozenset[str] | None) -> Market:
        """With underlyings at so many times their price; ``kept``: only these options, None for all."""
        chains = [chain if kept is None else cut_chain(chain, kept) for chain in self.chains]
        chains = [moved_chain(chain, factors.get(chain.underlying, Fraction(1))) for chain in chains]
        return build_market(chains, table_schema(self.holdings.rules), self.parameters)

    def holds(self, underlying: str, move: int, kept: frozenset[str] | None) -> bool:
        """Whether maintenance holds after a move. Raises ParameterCondition where tables would not fit."""
        moved = self.at(underlying, Fraction(BASIS + move, BASIS), kept)
        check_tables(moved.rules, moved.market.tables)
        return evaluate(moved.rules, moved.market.tables, moved.private).holds("maintenance")

    def at(self, underlying: str, factor: Fraction, kept: frozenset[str] | None = None) -> Holdings:
        """The account with an underlying at ``factor`` times its price."""
        market = self.market({underlying: factor}, kept)
        here = self.holdings
        rows = [here.market.listing.rows[instrument.id] for instrument in market.listing.instruments]
        private = {}
        for column in here.rules.private:
            values = here.private[column.name]
            if INSTRUMENT_AXIS in column.axes:
                values = np.take(values, rows, axis=column.axes.index(INSTRUMENT_AXIS))
            private[column.name] = values
        return Holdings(here.rules, market, private)

    @cached_property
    def kept(self) -> frozenset[str] | None:
        """The options that the account has amounts in, where the others may be left out; None for all."""
        tabled = self.holdings.rules.table_axes - {INSTRUMENT_AXIS, VENUE}
        if any(tabled & set(column.axes) for column in self.holdings.rules.private):
            return None
        held: set[int] = set()
        for column in self.holdings.rules.private:
            if INSTRUMENT_AXIS in column.axes:
                places = np.argwhere(self.holdings.private[column.name] != 0)
                held |= set(places[:, column.axes.index(INSTRUMENT_AXIS)].tolist())
        return frozenset(self.holdings.market.listing.instruments[row].id for row in held)


def chain_distances(book: ChainBook) -> tuple[Distance, ...]:
    """Of every underlying held, each option revalued in full at each move."""
    instruments = book.holdings.market.listing.instruments
    held = dict.fromkeys(instruments[position.row].underlying for position in book.holdings.positions)
    return tuple(
        _distance(
            name,
            lambda move, name=name: book.holds(name, move, book.kept),  # type: ignore[misc]
            lambda move, name=name: book.holds(name, move, None),  # type: ignore[misc]
        )
        for name in held
    )


def _distance(underlying: str, part: Callable[[int], bool], whole: Callable[[int], bool]) -> Distance:
    """``part`` reads a smaller market and ``whole`` all of it, which confirms or does the search again."""

    def search(end: int) -> int | None:
        found = first_loss(part, 0, _moves(end))
        step = 1 if end > 0 else -1
        if found is not None and not (whole(found) and not whole(found + step)):
            return first_loss(whole, 0, _moves(end))
        return found

    if not whole(0):
        return Distance(underlying, None, None)
    try:
        return Distance(underlying, search(FURTHEST_DOWN), search(FURTHEST_UP))
    except ParameterCondition:
        return Distance(underlying, None, None)


def _moves(end: int) -> Iterable[int]:
    """64, 128, ... basis points, and the end."""
    step, distance = (1 if end > 0 else -1), 64
    while distance < abs(end):
        yield step * distance
        distance *= 2
    yield end
