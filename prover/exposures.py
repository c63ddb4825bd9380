"""Greeks of an account by underlying, in USD: of the tables, of the chains behind them, or of linear instruments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from zkmargin.margin.build import Board
from zkmargin.margin.greeks import greek_figures
from zkmargin.margin.scenarios import deribit_grid
from zkmargin.margin.tables import INSTRUMENT_AXIS
from zkmargin.prover.distances import ChainBook, options_refusal
from zkmargin.prover.holdings import Holdings

__all__ = ["GREEKS", "Greeks", "exposures"]

GREEKS = ("cash_delta", "cash_gamma", "vega", "theta")
"""As ``margin.greeks`` defines them: per 100% of the index, per square of it, per 100% of the volatility, per day."""
COLUMNS = {
    "cash_delta": ("cash_delta", "exposure"),
    "cash_gamma": ("cash_gamma",),
    "vega": ("vega",),
    "theta": ("theta",),
}
ROUNDED_TO = 10**8


@dataclass(frozen=True)
class Greeks:
    """Sums over the positions of one underlying; a greek that the source does not tell is not there."""

    underlying: str
    values: dict[str, Fraction] = field(repr=False)


def exposures(holdings: Holdings, book: ChainBook | None) -> tuple[tuple[Greeks, ...], str]:
    """By underlying; and why there are none.

    Columns of the tables go first, exactly; then the chains (floats, rounded to 8 decimals); then linear instruments,
    whose delta is their value and which have no other.
    """
    size = holdings.size
    if size is None or holdings.row_axis != INSTRUMENT_AXIS:
        return (), "the rule set has no column `size` along instruments"
    tables = holdings.market.tables.columns
    tabled = {
        greek: tables[name]
        for greek, names in COLUMNS.items()
        for name in names
        if name in tables and tables[name].axes == (INSTRUMENT_AXIS,)
    }
    if "cash_delta" in tabled:
        units = {greek: [Fraction(int(v), 10**c.decimals) for v in c.values] for greek, c in tabled.items()}
        return _sums(holdings, {greek: values.__getitem__ for greek, values in units.items()}), ""
    if book is not None:
        figures = greek_figures(Board(book.chains, deribit_grid()))
        arrays = {greek: figures[greek][1]() for greek in GREEKS}

        def of(greek: str) -> Callable[[int], Fraction]:
            return lambda row: Fraction(round(float(arrays[greek][row]) * ROUNDED_TO), ROUNDED_TO)

        return _sums(holdings, {greek: of(greek) for greek in GREEKS}), ""
    if refusal := options_refusal(holdings):
        return (), refusal
    deltas = {"cash_delta": lambda row: holdings.price_of(row) or Fraction(0)}
    return _sums(holdings, deltas), ""


def _sums(holdings: Holdings, units: dict[str, Callable[[int], Fraction]]) -> tuple[Greeks, ...]:
    instruments = holdings.market.listing.instruments
    scale = 10 ** (holdings.size.decimals if holdings.size is not None else 0)
    found: dict[str, dict[str, Fraction]] = {}
    for position in holdings.positions:
        sums = found.setdefault(instruments[position.row].underlying, dict.fromkeys(units, Fraction(0)))
        for greek, unit in units.items():
            sums[greek] += Fraction(position.lots, scale) * unit(position.row)
    return tuple(Greeks(underlying, values) for underlying, values in found.items())
