"""An account at other prices and times: the same positions, rules and parameters over tables that are built anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

import numpy as np

from zkmargin.attestations.context import Claim
from zkmargin.circuits.rules import check_tables, evaluate
from zkmargin.circuits.tables import table_schema
from zkmargin.cli.report.figures import Missing, Moment, PriceCurve, PricePoint
from zkmargin.errors import MarketSource, ParameterCondition
from zkmargin.margin.atm_history import Curve
from zkmargin.margin.build import build_market
from zkmargin.margin.chain import Chain
from zkmargin.margin.explain import Claim as Ratio
from zkmargin.margin.explain import Headroom
from zkmargin.margin.revalue import cut_chain
from zkmargin.margin.tables import INSTRUMENT_AXIS, Instrument
from zkmargin.prover.distances import ChainBook
from zkmargin.prover.holdings import Holdings
from zkmargin.prover.risk import elements

CURVE_MOVES = tuple(Decimal(percent) / 100 for percent in range(-50, 51, 2))


@dataclass(frozen=True, repr=False)
class Repricer:
    """An account whose snapshot was built from the chains of ``book``, and the claim that is asked."""

    book: ChainBook
    claim: Claim

    @cached_property
    def held(self) -> tuple[Instrument, ...]:
        """What it has amounts in, in the order of the listing."""
        holdings = self.book.holdings
        rows: set[int] = set()
        for column in holdings.rules.private:
            if INSTRUMENT_AXIS in column.axes:
                at = column.axes.index(INSTRUMENT_AXIS)
                rows |= set(np.argwhere(holdings.private[column.name] != 0)[:, at].tolist())
            elif holdings.rules.table_axes & set(column.axes):
                raise MarketSource(
                    "an account with amounts along rows of the market, other than instruments, cannot be moved in time",
                    where=column.name,
                )
        return tuple(holdings.market.listing.instruments[row] for row in sorted(rows))

    @property
    def coins(self) -> tuple[str, ...]:
        """The underlyings that it holds; without positions the first of the listing."""
        held = tuple(dict.fromkeys(instrument.underlying for instrument in self.held))
        return held or (self.book.chains[0].underlying,)

    def curve(self, coin: str) -> PriceCurve:
        """Equity and what the claim asks for where the price of one coin moves alone: a full revaluation at each point.

        A move is left out where the tables would leave the bounds that the rule set declares.
        """
        points = []
        for move in CURVE_MOVES:
            try:
                moved = self.book.at(coin, Fraction(1 + move), self.book.kept)
                check_tables(moved.rules, moved.market.tables)
            except ParameterCondition:
                continue
            found = tightest(moved, self.claim)
            points.append(PricePoint(move, found.equity, found.equity - found.slack))
        price = next(chain.index for chain in self.book.chains if chain.underlying == coin)
        return PriceCurve(coin, price, points)

    def moment(self, time: int, chains: Sequence[Chain]) -> Moment:
        """The account in the chains of another time. A position that they do not list makes it a gap."""
        wanted = [chain for chain in chains if chain.underlying in self.coins]
        listed = {option.id for chain in wanted for option in chain.options}
        listed |= {future.id for chain in wanted for future in chain.futures}
        present = {chain.underlying for chain in wanted}
        missing = [
            Missing(entry.id, _reason(entry, time, entry.underlying in present))
            for entry in self.held
            if entry.id not in listed
        ]
        indices = {chain.underlying: chain.index for chain in wanted}
        if not wanted or missing:
            return Moment(time, "chain", indices, None, missing)
        return Moment(time, "chain", indices, tightest(self._in(wanted), self.claim), ())

    def moment_of_curves(self, time: int, curves: Sequence[Curve]) -> Moment:
        """The same in a history at the money."""
        names = [entry.id for entry in self.held]
        base = {chain.underlying: chain for chain in self.book.chains}
        chains = [
            curve.chain_at(base[curve.underlying], names)
            for curve in curves
            if curve.underlying in self.coins and curve.terms
        ]
        return replace(self.moment(time, chains), source="history")

    def _in(self, chains: Sequence[Chain]) -> Holdings:
        here, names = self.book.holdings, {entry.id for entry in self.held}
        kept = [cut_chain(chain, names) for chain in chains]
        market = build_market(kept, table_schema(here.rules), self.book.parameters)
        check_tables(here.rules, market.tables)
        rows = {name: (here.market.listing.row(name), market.listing.row(name)) for name in names}
        private = {}
        for column in here.rules.private:
            values = here.private[column.name]
            if INSTRUMENT_AXIS in column.axes:
                at = column.axes.index(INSTRUMENT_AXIS)
                shape = list(values.shape)
                shape[at] = len(market.listing)
                moved = np.zeros(shape, dtype=object)
                taken, given = np.moveaxis(values, at, 0), np.moveaxis(moved, at, 0)
                for before, after in rows.values():
                    given[after] = taken[before]
                values = moved
            private[column.name] = values
        return Holdings(here.rules, market, private)


def tightest(holdings: Holdings, claim: Claim) -> Headroom:
    """Headroom of a claim's tightest element."""
    found = evaluate(holdings.rules, holdings.market.tables, holdings.private)
    ratio = Ratio(claim.num, claim.den)
    listed = elements(found, claim.kind.name.lower(), holdings.market, ratio)
    return min((headroom for _, headroom in listed), key=lambda headroom: headroom.slack)


def _reason(instrument: Instrument, time: int, has_prices: bool) -> str:
    if instrument.expiry is not None and instrument.expiry <= time:
        return "expired"
    return "not listed" if has_prices else "no prices of its coin"
