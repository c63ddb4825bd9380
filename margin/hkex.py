"""Tables of HKSCC's margin for Hong Kong's cash market: returns of stocks, flat-rate groups, thresholds.

Rates: HKEX, "Margining Methodology - Hong Kong Market" (12% from 13 June 2022, 30% from 16 December 2022, 55% from 27
October 2025). Columns and units are those of the rule set ``hkex_es``. Prices and returns are rounded to the nearest
unit of their column's last decimal, ties to even.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from zkmargin.errors import MarketSource
from zkmargin.margin.figures import Figures
from zkmargin.margin.pricing import FloatArray

__all__ = ["FLAT_RATES", "Stock", "hkex_figures"]

FLAT_RATES = (Fraction("0.12"), Fraction("0.3"), Fraction("0.55"))
"""Of margin groups 1, 2 and 3."""
DAYS, STRESSED = 1000, 1018


@dataclass(frozen=True, eq=False)
class Stock:
    """A listed stock: price in HKD, daily returns of both periods (scaled already where the publisher scales them).

    ``group`` is 0, 1 or 2 for a stock on a flat rate, which needs no returns; None for one of the portfolio margin.
    ``threshold`` in HKD and ``rate``: liquidation risk beyond that value; ``beta`` to the index.
    """

    code: str
    price: float
    returns: FloatArray | None = None
    stressed: FloatArray | None = None
    group: int | None = None
    beta: float = 1.0
    threshold: int = 500_000_000
    rate: Fraction = Fraction("0.02")


def hkex_figures(
    stocks: Sequence[Stock],
    parameters: Mapping[str, float] | None = None,
    flat_rates: Sequence[Fraction] = FLAT_RATES,
) -> Figures:
    """The figures of ``hkex_es``; parameters that are not given have the rule set's defaults.

    Raises MarketSource where a stock's returns are missing.
    """
    return Figures(
        names={
            "stock": tuple(stock.code for stock in stocks),
            "day": tuple(f"day {day + 1}" for day in range(DAYS)),
            "stressed": tuple(f"stressed day {day + 1}" for day in range(STRESSED)),
            "group": tuple(f"group {group + 1}" for group in range(len(flat_rates))),
        },
        columns={
            "price": np.array([stock.price for stock in stocks]),
            "ret": np.array([_returns(stock, stock.returns, DAYS) for stock in stocks]),
            "stress_ret": np.array([_returns(stock, stock.stressed, STRESSED) for stock in stocks]),
            "scanned": np.array([float(stock.group is None) for stock in stocks]),
            "beta": np.array([stock.beta for stock in stocks]),
            "big": np.array([float(stock.threshold) for stock in stocks]),
            "big_rate": np.array([float(stock.rate) for stock in stocks]),
            "flat_rate": np.array([float(rate) for rate in flat_rates]),
        },
        labels={"group": tuple(-1 if stock.group is None else stock.group for stock in stocks)},
        parameters=parameters or {},
    )


def _returns(stock: Stock, given: FloatArray | None, count: int) -> FloatArray:
    if stock.group is not None:
        return np.zeros(count)
    if given is None or given.shape != (count,):
        got = "none" if given is None else str(given.shape)
        raise MarketSource(
            "a stock of the portfolio margin needs all returns", where=stock.code, expected=count, got=got
        )
    return given
