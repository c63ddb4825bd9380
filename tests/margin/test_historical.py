"""Price histories to returns and to the tables of historical simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zkmargin.circuits.rules import load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import Capacity, MarketSource, ParameterCondition
from zkmargin.margin.historical import (
    Closes,
    daily_returns,
    ewma_volatility,
    historical_figures,
    read_closes,
    volatility_scaled,
)

PRICES = Path(__file__).parents[1] / "data" / "prices" / "daily_close_usd.csv"
SMALL = "date,A,B\n2024-01-01,,10\n2024-01-02,100,11\n2024-01-03,110,11\n2024-01-04,99,5.5\n"
SCHEMA = table_schema(load_rules("historical_es"))


def test_closes_begin_where_every_asset_has_one() -> None:
    closes = read_closes(SMALL, "small.csv")
    assert closes.days == ("2024-01-02", "2024-01-03", "2024-01-04")
    assert read_closes(SMALL, "small.csv", ["B"]).days[0] == "2024-01-01"
    assert daily_returns(closes) == pytest.approx(np.array([[0.1, 0.0], [-0.1, -0.5]]))
    assert closes.last(2).prices.tolist() == [[110, 11], [99, 5.5]]
    with pytest.raises(MarketSource):
        closes.last(4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("day,A\n", "the header is `date`"),
        ("date,A,A\n", "the header is `date`"),
        ("date,A\n2024-01-01,1,2\n", "wrong number of cells"),
        ("date,A\n2024-01-01,0\n", "not above zero"),
        ("date,A\n2024-01-02,1\n2024-01-01,1\n", "days do not ascend"),
        ("date,A\n2024-01-01,1\n2024-01-02,\n", "is not a number"),
        ("date,A\n2024-01-01,x\n", "is not a number"),
    ],
)
def test_files_that_are_refused(text: str, words: str) -> None:
    with pytest.raises(MarketSource) as caught:
        read_closes(text, "bad.csv")
    assert words in str(caught.value)
    assert "bad.csv:" in str(caught.value)


def test_an_asset_that_is_not_there() -> None:
    with pytest.raises(MarketSource, match="no column `C`"):
        read_closes(SMALL, "small.csv", ["C"])


def test_volatility_by_hand() -> None:
    returns = np.array([[0.1], [-0.2], [0.3]])
    forecasts = ewma_volatility(returns, 0.5, seed=2)
    first = (0.1**2 + 0.2**2) / 2
    second = 0.5 * first + 0.5 * 0.1**2
    third = 0.5 * second + 0.5 * 0.2**2
    today = 0.5 * third + 0.5 * 0.3**2
    assert forecasts.ravel() == pytest.approx(np.sqrt([first, second, third, today]))
    with pytest.raises(MarketSource):
        ewma_volatility(returns, 1.0, seed=2)
    with pytest.raises(MarketSource):
        ewma_volatility(returns, 0.9)


def test_scaling_moves_returns_to_todays_volatility() -> None:
    """The real history: in the calm of late 2023 the crash of March 2020 is scaled down, and most days little."""
    returns = daily_returns(read_closes(PRICES.read_text(), PRICES.name, ["BTC", "ETH", "DOGE"]))
    scaled = volatility_scaled(returns, 0.97)
    assert np.sign(scaled).tolist() == np.sign(returns).tolist()
    assert returns[:, 0].min() < -0.35
    forecasts = ewma_volatility(returns, 0.97)
    assert (scaled * forecasts[:-1]) == pytest.approx(returns * forecasts[-1])


def test_a_series_that_stands_still_stays_still() -> None:
    assert volatility_scaled(np.zeros((40, 2)), 0.94).tolist() == np.zeros((40, 2)).tolist()


def test_tables_of_the_real_history() -> None:
    closes = read_closes(PRICES.read_text(), PRICES.name, ["BTC", "DOGE"])
    tables = historical_figures(closes, 1000).tables(SCHEMA)
    assert tables.names["instrument"] == ("BTC", "DOGE")
    assert tables.names["scenario"][-1] == "2023-12-31"
    assert tables.sizes == {"instrument": 2, "scenario": 1000}
    assert tables.columns["mark"].values.tolist() == [round(price * 10**8) for price in closes.prices[-1]]
    gain = closes.prices[-1, 1] * (closes.prices[-1, 1] / closes.prices[-2, 1] - 1)
    assert tables.columns["pnl"].values[1, 999] == round(gain * 10**8)
    assert tables.parameters["horizon"].values == 1_414_214
    assert historical_figures(closes, 1000, horizon=3.2).tables(SCHEMA).parameters["horizon"].values == 3_200_000
    scaled = historical_figures(closes, 1000, decay=0.97).tables(SCHEMA)
    assert scaled.columns["pnl"] != tables.columns["pnl"]


def test_tables_that_are_refused() -> None:
    closes = read_closes(PRICES.read_text(), PRICES.name, ["BTC"])
    with pytest.raises(MarketSource, match="too short"):
        historical_figures(closes.last(1000), 1000)
    with pytest.raises(Capacity):
        historical_figures(closes, 999).tables(SCHEMA)
    with pytest.raises(ParameterCondition, match="`horizon`"):
        historical_figures(closes, 1000, horizon=11).tables(SCHEMA)
    dear = Closes(closes.days, closes.names, closes.prices * 10**3)
    with pytest.raises(ParameterCondition, match="`mark`"):
        historical_figures(dear, 1000).tables(SCHEMA)
