"""Perpetuals and dated futures with maintenance tiers, of whatever venue, as figures for tables.

=============  ==================  ====================================================================
column         axes                value
=============  ==================  ====================================================================
mark           instrument          USD per contract, to the nearest (ties to even)
rate           instrument, tier    maintenance rate, rounded up
bound          instrument, tier    the largest notional of the tier in USD, rounded down
deduction      instrument, tier    USD, what follows from the rounded bounds and rates (``brackets``)
initial_rate       instrument, tier    1 / the tier's largest leverage, rounded up
=============  ==================  ====================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from zkmargin.errors import MarketSource
from zkmargin.margin.assemble import Figures, Maker, per_instrument
from zkmargin.margin.brackets import COLUMNS, Tier, bracket_columns
from zkmargin.margin.market import Source
from zkmargin.margin.schema import TableSchema
from zkmargin.margin.tables import Column, Instrument


@dataclass(frozen=True)
class Contract:
    """A listed contract in US dollars: ``mark`` per unit of ``base``, ``time`` of the mark in unix seconds if told."""

    id: str
    base: str
    quote: str
    expiry: int | None
    mark: Decimal | Fraction
    tiers: tuple[Tier, ...]
    time: int | None = None

    @property
    def instrument(self) -> Instrument:
        """As it is listed; a contract is one unit of the base asset."""
        kind = "perpetual" if self.expiry is None else "future"
        return Instrument(self.id, kind, self.base, self.quote, "1", self.expiry)


def contract_figures(what: str, contracts: Sequence[Contract], sources: Sequence[Source]) -> Figures:
    """The figures of contracts. The time of their prices is that of the oldest mark, if all tell theirs."""
    if not contracts:
        raise MarketSource(f"{what} list no contract")
    names = [contract.id for contract in contracts]
    if doubled := [name for position, name in enumerate(names) if name in names[:position]]:
        raise MarketSource(f"`{doubled[0]}` is listed twice")
    times = [contract.time for contract in contracts]
    known = [time for time in times if time is not None]
    tiers = [contract.tiers for contract in contracts]

    def column(name: str) -> Maker:
        def make(schema: TableSchema) -> Column:
            return bracket_columns(tiers, schema)[name]

        return make

    marks = [Fraction(contract.mark) for contract in contracts]
    return Figures(
        what=what,
        instruments=tuple(contract.instrument for contract in contracts),
        columns={"mark": per_instrument("mark", marks, "nearest"), **{name: column(name) for name in COLUMNS}},
        sources=tuple(sources),
        time=min(known) if len(known) == len(times) else None,
        names={"tier": tuple(str(number) for number in range(1, 1 + max(map(len, tiers))))},
    )
