"""Historical simulation: daily prices to returns, and to the profit of one contract on each past day.

The rule sets ``historical_es``, ``historical_var`` and ``hkex_es`` say what the columns mean; figures round once.
                                                                                        specs/market.md#tables
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zkmargin.errors import MarketSource
from zkmargin.margin.delimited import parse_number, read_lines
from zkmargin.margin.figures import Figures
from zkmargin.margin.pricing import FloatArray

__all__ = ["Closes", "daily_returns", "ewma_volatility", "historical_figures", "read_closes", "volatility_scaled"]


@dataclass(frozen=True, eq=False)
class Closes:
    """Closing prices: ``prices[day, asset]``, oldest day first, all above zero."""

    days: tuple[str, ...]
    names: tuple[str, ...]
    prices: FloatArray

    def last(self, days: int) -> Closes:
        """The last ``days`` days. Raises MarketSource where there are fewer."""
        if days > len(self.days):
            raise MarketSource("the price history is too short", expected=f"{days} days", got=len(self.days))
        return Closes(self.days[-days:], self.names, self.prices[-days:])


def read_closes(text: str, name: str, assets: Sequence[str] | None = None) -> Closes:
    """Comma-separated closes under a header ``date,<asset>,...``, of all assets or of some, from the first day on which
    each of them has a price.

    Days ascend and have no gap for an asset once it has begun. Raises MarketSource, with file and line.
    """
    lines = read_lines(text, name)
    header, where = next(lines, ([], f"{name}:1"))
    if len(header) < 2 or header[0] != "date" or len(set(header)) != len(header):
        raise MarketSource("the header is `date` and the names of assets", where=where)
    wanted = tuple(header[1:] if assets is None else assets)
    if missing := [asset for asset in wanted if asset not in header]:
        raise MarketSource(f"the header has no column `{missing[0][:40]}`", where=where)
    places = [header.index(asset) for asset in wanted]
    days: list[str] = []
    rows: list[list[float]] = []
    for cells, where in lines:
        if len(cells) != len(header):
            raise MarketSource("wrong number of cells", where=where, expected=len(header), got=len(cells))
        given = [cells[place] for place in places]
        if not days and not all(given):
            continue
        prices = [float(parse_number(cell, asset, where)) for asset, cell in zip(wanted, given, strict=True)]
        if min(prices) <= 0 or (days and cells[0] <= days[-1]):
            raise MarketSource("a price is not above zero, or days do not ascend", where=where)
        days.append(cells[0])
        rows.append(prices)
    return Closes(tuple(days), wanted, np.array(rows, dtype=np.float64).reshape(len(days), len(wanted)))


def daily_returns(closes: Closes) -> FloatArray:
    """``p_t / p_(t-1) - 1``, one row fewer than prices."""
    return np.asarray(closes.prices[1:] / closes.prices[:-1] - 1.0)


def ewma_volatility(returns: FloatArray, decay: float, seed: int = 30) -> FloatArray:
    """The volatility forecast for each day and for the one after the last: shape (days + 1, assets).

    ``variance_(t+1) = decay * variance_t + (1 - decay) * return_t^2``, beginning with the mean square of the first
    ``seed`` returns. J.P. Morgan/Reuters, RiskMetrics Technical Document (1996), section 5.2.
    """
    if not 0 < decay < 1 or not 0 < seed <= len(returns):
        raise MarketSource("a decay lies between 0 and 1, and the history has the first days", got=decay)
    variance = np.mean(returns[:seed] ** 2, axis=0)
    forecasts = [variance]
    for row in returns:
        variance = decay * variance + (1.0 - decay) * row**2
        forecasts.append(variance)
    return np.asarray(np.sqrt(np.array(forecasts)))


def volatility_scaled(returns: FloatArray, decay: float) -> FloatArray:
    """Returns as they would be at the volatility of today: ``return_t * today / forecast_t``.

    J. Hull, A. White, "Incorporating volatility updating into the historical simulation method for value-at-risk",
    Journal of Risk 1 (1998). Where the forecast is zero, so is the return.
    """
    forecasts = ewma_volatility(returns, decay)
    scale = np.divide(forecasts[-1], forecasts[:-1], out=np.zeros_like(returns), where=forecasts[:-1] > 0)
    return np.asarray(returns * scale)


def historical_figures(
    closes: Closes,
    days: int,
    decay: float | None = None,
    horizon: float | None = None,
    scaled: FloatArray | None = None,
) -> Figures:
    """For ``historical_es`` and ``historical_var``: marks, and a contract's profit on each of the last ``days``.

    With ``decay`` returns are scaled by volatility, or they are ``scaled`` already, of shape (days, assets), by another
    model of ``volatility``; ``horizon`` is the square root of the days of a close-out. Raises MarketSource where the
    history is too short.
    """
    if scaled is None:
        returns = daily_returns(closes)
        scaled = returns if decay is None else volatility_scaled(returns, decay)
    if len(scaled) < days:
        raise MarketSource("the price history is too short", expected=f"{days + 1} days", got=len(closes.days))
    marks = closes.prices[-1]
    return Figures(
        names={"instrument": closes.names, "scenario": closes.days[-days:]},
        columns={"mark": marks, "pnl": (scaled[-days:] * marks).T},
        labels={},
        parameters={} if horizon is None else {"horizon": horizon},
    )
