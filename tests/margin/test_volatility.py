"""Models of volatility on real closes, forecasts, filtered returns, and price moves by volatility."""

from __future__ import annotations

import sys
from decimal import Decimal
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from real_chains import MOMENTS, path_of, real_chain

from zkmargin.circuits.rules import check_tables, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import MarketSource, PackageMissing, ParameterCondition
from zkmargin.margin.historical import daily_returns, read_closes, volatility_scaled
from zkmargin.margin.histories import close_time, dynamic_grid, history_market
from zkmargin.margin.scenarios import deribit_grid
from zkmargin.margin.sources import build_from_files
from zkmargin.margin.volatility import Garch, Regime, Scan, fit_garch, price_range

PRICES = Path(__file__).parents[1] / "data" / "prices"
TEN = PRICES / "daily_close_usd.csv"
LATE = PRICES / "daily_close_usdt_2025.csv"
RETURNS = daily_returns(read_closes(TEN.read_text(), TEN.name, ["BTC", "ETH"]))
NSE = Scan(6, 2, 0.093)
RULES = load_rules("historical_es")
SCHEMA = table_schema(RULES)


def test_garch_is_what_it_says() -> None:
    """Variances follow the recursion from the fitted parameters, and tomorrow's is one more step of it."""
    fit = fit_garch(RETURNS[:, 0])
    for day, value in enumerate(RETURNS[:, 0]):
        following = fit.omega + fit.alpha * value**2 + fit.beta * fit.variances[day]
        assert fit.variances[day + 1] == pytest.approx(following, rel=1e-6)
    assert 0 < fit.alpha + fit.beta < 1.0001
    assert 0.02 < sqrt(fit.variances.mean()) < 0.06


def test_no_other_parameters_are_more_likely() -> None:
    """The likelihood, computed here, falls in every direction."""
    fit, squared = fit_garch(RETURNS[:, 0]), RETURNS[:, 0] ** 2

    def likelihood(omega: float, alpha: float, beta: float) -> float:
        variance, total = float(fit.variances[0]), 0.0
        for value in squared:
            total -= np.log(variance) + value / variance
            variance = omega + alpha * float(value) + beta * variance
        return total

    best = likelihood(fit.omega, fit.alpha, fit.beta)
    for change in ((1.15, 1, 1), (0.85, 1, 1), (1, 1.15, 1), (1, 0.85, 1), (1, 1, 1.01), (1, 1, 0.99)):
        found = (fit.omega * change[0], fit.alpha * change[1], fit.beta * change[2])
        assert likelihood(*found) < best


def test_forecasts_return_to_the_mean() -> None:
    calm, wild = Garch(0.0001, 0.1, 0.8, np.array([0.0005])), Garch(0.0001, 0.1, 0.8, np.array([0.004]))
    assert calm.mean_variance(1) == 0.0005
    assert calm.mean_variance(2) == pytest.approx((0.0005 + 0.00055) / 2)
    assert calm.mean_variance(1) < calm.mean_variance(10) < 0.001 < wild.mean_variance(10) < wild.mean_variance(1)
    assert wild.mean_variance(250) == pytest.approx(0.001, rel=0.2)


def test_filters_move_returns_to_the_regimes_volatility() -> None:
    assert Regime().scaled(RETURNS) is RETURNS
    assert Regime("ewma", 0.94).scaled(RETURNS) == pytest.approx(volatility_scaled(RETURNS, 0.94))
    assert Regime("ewma", 0.94, ahead=10).scaled(RETURNS) == pytest.approx(volatility_scaled(RETURNS, 0.94))
    tomorrow, later = Regime("garch"), Regime("garch", ahead=10)
    then, today = tomorrow.forecasts(RETURNS)
    assert tomorrow.scaled(RETURNS) == pytest.approx(RETURNS * today / then)
    ahead = later.forecasts(RETURNS)[1]
    assert later.scaled(RETURNS) == pytest.approx(RETURNS * ahead / then)
    assert np.all(ahead > today)  # the end of 2023 was calm
    assert np.abs(tomorrow.scaled(RETURNS)[:, 0]).max() < np.abs(RETURNS[:, 0]).max()  # March 2020 was not


def test_all_ten_assets_fit() -> None:
    closes = read_closes(TEN.read_text(), TEN.name)
    then, today = Regime("garch", ahead=2).forecasts(daily_returns(closes))
    assert then.shape == (len(closes.days) - 1, 10)
    assert np.all((today > 0.005) & (today < 0.15))


def test_what_cannot_be_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MarketSource, match="too short to fit GARCH"):
        fit_garch(RETURNS[:249, 0])
    with pytest.raises(MarketSource, match="GARCH does not fit still"):
        fit_garch(np.zeros(300), "still")
    with pytest.raises(MarketSource, match="unknown model"):
        Regime("harch")
    with pytest.raises(MarketSource, match="1 to 250 days ahead"):
        Regime("garch", ahead=0)
    monkeypatch.setitem(sys.modules, "arch.univariate", None)
    with pytest.raises(PackageMissing, match="needs the package arch"):
        fit_garch(RETURNS[:, 0])


def test_price_ranges() -> None:
    """NSE: six deviations over two days, at least 9.3%."""
    assert price_range(0.02, NSE) == Decimal("0.1698")  # 0.02 * 6 * sqrt(2) = 0.16970...
    assert price_range(0.005, NSE) == Decimal("0.0930")
    with pytest.raises(MarketSource, match="between 0 and 1"):
        price_range(0.13, NSE)
    for scan in ((0, 2, 0.1), (6, 0, 0.1), (6, 2, 1), (float("nan"), 2, 0.1)):
        with pytest.raises(MarketSource, match="no price range"):
            Scan(*scan)


@pytest.mark.parametrize("model", ["plain", "ewma", "garch"])
def test_a_chain_scanned_by_its_coins_volatility(model: str) -> None:
    """The fall of 5 February 2026 raises the range from one moment to the next day's."""
    regime, scan = Regime(model), Scan(3, 2, 0.05)
    grids = [dynamic_grid(LATE.read_bytes(), LATE.name, real_chain("BTC", MOMENTS[at]), regime, scan) for at in (1, 3)]
    before, after = (max(abs(s.price_shock) for s in grid.scenarios[:27]) for grid in grids)
    assert Decimal("0.05") < before < after < Decimal("0.6")
    assert len(grids[0].scenarios) == 35
    assert grids[0].scenarios[0].price_shock == -before
    assert grids[0].scenarios[27:] == deribit_grid().scenarios[27:]


def test_a_range_as_large_as_an_extended_move_keeps_names_apart() -> None:
    names = deribit_grid(Decimal("0.33")).names
    assert len(set(names)) == 35
    assert "-33% vol up extended" in names


def test_files_of_chain_and_history_make_a_market() -> None:
    rules = load_rules("portfolio_scan")
    schema = table_schema(rules)
    paths = [path_of("BTC", MOMENTS[1]), LATE]
    market = build_from_files(paths, schema, regime=Regime("ewma"), scan=Scan(3, 2, 0.05))
    check_tables(rules, market.tables)
    assert market.sources[-1].name == LATE.name
    assert market.tables.names["scenario"][0] != "-16% vol up"
    for given, words in (
        ({}, "chain, history and --scan together"),
        ({"scan": Scan(3, 2, 0.05), "currencies": ("ETH",)}, "another currency"),
    ):
        with pytest.raises(MarketSource, match=words):
            build_from_files(paths, schema, **given)  # type: ignore[arg-type]
    with pytest.raises(MarketSource, match="chain, history and --scan together"):
        build_from_files(paths[:1], schema, scan=Scan(3, 2, 0.05))
    with pytest.raises(MarketSource, match="of a price history"):
        build_from_files(paths[:1], schema, regime=Regime("ewma"))
    with pytest.raises(MarketSource, match="does not reach the chain"):
        build_from_files([path_of("BTC", MOMENTS[4]), LATE], table_schema(load_rules("deribit_pm_2")), scan=NSE)
    both = [path_of("BTC", MOMENTS[1]), path_of("ETH", MOMENTS[1]), LATE]
    with pytest.raises(MarketSource, match="one coin's history; got 2 chains"):
        build_from_files(both, table_schema(load_rules("deribit_pm_2")), scan=NSE)


def test_closes_after_the_chain_do_not_count() -> None:
    """The evening's grid is the same whether or not the file goes on."""
    lines = LATE.read_text().splitlines()
    cut = "\n".join(line for line in lines if line[:10] < "2026-02-05" or line.startswith("date"))
    chain = real_chain("BTC", MOMENTS[2])
    grids = [dynamic_grid(text.encode(), "x.csv", chain, Regime("ewma"), NSE) for text in (cut, LATE.read_text())]
    assert grids[0] == grids[1]


def test_a_market_of_a_history() -> None:
    market = history_market(TEN.read_bytes(), TEN.name, SCHEMA, {"horizon": "3"}, regime=Regime("ewma"))
    check_tables(RULES, market.tables)
    assert market.price_time == 1704067200  # the end of 2023
    assert len(market.listing) == market.tables.sizes["instrument"] == 10
    assert int(market.tables.parameters["horizon"].values) == 3_000_000
    assert [source.name for source in market.sources] == [TEN.name]
    some = history_market(TEN.read_bytes(), TEN.name, SCHEMA, only=["ETH", "AVAX"])
    assert some.tables.names["instrument"] == ("ETH", "AVAX")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("date,A\n", "too short"),
        ("date,A\n2024-01-01,1\n", "too short"),
        ("date,A\n2024-01-01,1\n2024-01-02,2\n", "too short"),
    ],
)
def test_histories_that_do_not_suffice(text: str, words: str) -> None:
    with pytest.raises(MarketSource, match=words):
        history_market(text.encode(), "x.csv", SCHEMA)


def test_days_are_dates() -> None:
    with pytest.raises(MarketSource, match="not a date"):
        close_time(read_closes("date,A\nMonday,1\n", "x.csv"), "x.csv")
    with pytest.raises(MarketSource, match="history is empty"):
        close_time(read_closes("date,A\n", "x.csv"), "x.csv")
    with pytest.raises(MarketSource, match="no fixed number of scenarios"):
        history_market(TEN.read_bytes(), TEN.name, table_schema(load_rules("cross_bracket")))
    with pytest.raises(ParameterCondition, match="horizon"):
        history_market(TEN.read_bytes(), TEN.name, SCHEMA, {"horizon": "11"})
