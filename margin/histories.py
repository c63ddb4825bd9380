"""Price histories as markets: tables of historical simulation, and scenario grids by volatility.

A history is a CSV file of daily closes, ``date,<asset>,...`` with ISO dates (``historical.read_closes``); its prices
are those of the end of the last day, UTC. Assets are listed as perpetuals of themselves in US dollars, one unit each.
                                                                                        specs/market.md#histories
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from zkmargin.errors import MarketSource
from zkmargin.margin.assemble import build_parameters
from zkmargin.margin.chain import Chain, format_time
from zkmargin.margin.delimited import decode
from zkmargin.margin.historical import Closes, daily_returns, historical_figures, read_closes
from zkmargin.margin.market import Market, Source
from zkmargin.margin.pricing import SECONDS_PER_DAY
from zkmargin.margin.scenarios import Grid, deribit_grid
from zkmargin.margin.schema import TableSchema
from zkmargin.margin.tables import Instrument, Listing, Tables
from zkmargin.margin.volatility import Regime, Scan, price_range

STALE_DAYS = 3
"""Days that a history may end before the chain whose price moves it scales."""


def history_market(
    content: bytes,
    name: str,
    schema: TableSchema,
    parameters: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
    regime: Regime | None = None,
) -> Market:
    """Historical simulation over as many days as the rule set has scenarios, of all assets or of ``only`` these.

    Volatility is estimated from the whole history. Raises MarketSource where the file or the history does not suffice
    or the rule set asks for something else; Capacity, ParameterCondition and PackageMissing as their places say.
    """
    closes = read_closes(decode(content, name), name, only or None)
    days = next((axis.size for axis in schema.axes if axis.name == "scenario"), None)
    if days is None:
        raise MarketSource("the rule set has no fixed number of scenarios", where=name, hint="historical_es has 1,000")
    if len(closes.days) < 2:
        raise MarketSource("the price history is too short", where=name, expected=f"{days + 1} days")
    scaled = (regime or Regime()).scaled(daily_returns(closes))
    tables = historical_figures(closes, days, scaled=scaled).tables(schema)
    if given := parameters or {}:
        built = build_parameters(schema, given)
        tables = Tables(tables.sizes, tables.names, tables.columns, tables.labels, built)
    instruments = tuple(Instrument(asset, "perpetual", asset, "USD", "1") for asset in closes.names)
    return Market(
        Listing(instruments, schema.lot_decimals, schema.cash_unit, schema.cash_decimals),
        tables,
        close_time(closes, name),
        (Source.of(name, content),),
    )


def dynamic_grid(content: bytes, name: str, chain: Chain, regime: Regime, scan: Scan) -> Grid:
    """Deribit's grid with the core price moves that ``scan`` makes of the coin's volatility.

    Closes after the chain's time do not count. Raises MarketSource where the history has no column of the coin, begins
    after the chain, or ends more than three days before it.
    """
    whole = read_closes(decode(content, name), name, [chain.underlying])
    held = [at for at in range(len(whole.days)) if close_time(whole, name, at) <= chain.time]
    if not held or chain.time - close_time(whole, name, held[-1]) > STALE_DAYS * SECONDS_PER_DAY:
        last = format_time(close_time(whole, name, held[-1])) if held else "nothing"
        raise MarketSource(
            "the price history does not reach the chain", where=name, expected=format_time(chain.time), got=last
        )
    known = Closes(whole.days[: len(held)], whole.names, whole.prices[: len(held)])
    if len(known.days) < 2:
        raise MarketSource("the price history is too short", where=name)
    _, today = regime.forecasts(daily_returns(known))
    return deribit_grid(price_range(float(today[0]), scan))


def close_time(closes: Closes, name: str, at: int = -1) -> int:
    """Unix seconds of the end of a day, UTC. Raises MarketSource where it is no ISO date."""
    if not closes.days:
        raise MarketSource("the price history is empty", where=name)
    try:
        day = date.fromisoformat(closes.days[at])
    except ValueError:
        raise MarketSource(
            "not a date", where=name, expected="ISO dates such as 2023-12-31", got=closes.days[at][:40]
        ) from None
    return int((datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)).timestamp())
