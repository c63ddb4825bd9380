"""Black-76 against the marks of all five real chains and against QuantLib; both coins in one table."""

from __future__ import annotations

import time

import numpy as np
import pytest
import QuantLib as ql
from real_chains import COINS, MOMENTS, real_chain

from zkmargin.circuits.rules import check_tables, evaluate, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import Capacity, MarketSource
from zkmargin.margin.build import build_market
from zkmargin.margin.chain import Chain
from zkmargin.margin.pricing import SECONDS_PER_YEAR, FloatArray, black_76

NEWEST = MOMENTS[-1]


def terms(chain: Chain) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Forward, strike, volatility, years and whether it is a call, by option."""
    return (
        np.array([chain.forwards[quote.expiry] for quote in chain.options]),
        np.array([float(quote.strike) for quote in chain.options]),
        np.array([float(quote.volatility) for quote in chain.options]),
        np.array([(quote.expiry - chain.time) / SECONDS_PER_YEAR for quote in chain.options]),
        np.array([quote.is_call for quote in chain.options]),
    )


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_marks_of_all_five_chains(moment: str) -> None:
    errors: list[FloatArray] = []
    for coin in COINS:
        chain = real_chain(coin, moment)
        found = black_76(*terms(chain)) / terms(chain)[0]
        errors.append(np.abs(found - np.array([float(quote.mark) for quote in chain.options])))
        assert np.median(errors[-1]) <= 1e-4
    together = np.concatenate(errors)
    assert len(together) >= 1_300
    assert together.max() <= 3e-3


@pytest.mark.parametrize("moment", MOMENTS)
def test_quantlib_agrees_on_every_option(moment: str) -> None:
    """QuantLib's formula on all options, per coin and in dollars; its pricing engine on every 25th."""
    for coin in COINS:
        chain = real_chain(coin, moment)
        forward, strike, volatility, years, is_call = terms(chain)
        kinds = [ql.Option.Call if call else ql.Option.Put for call in is_call]
        theirs = np.array(
            [
                ql.blackFormula(kind, float(k), float(f), float(total))
                for kind, k, f, total in zip(kinds, strike, forward, volatility * np.sqrt(years), strict=True)
            ]
        )
        ours = black_76(forward, strike, volatility, years, is_call)
        assert np.abs(ours - theirs).max() <= 1e-8  # USD, of a coin of up to 90,000
        assert np.abs(ours - theirs).max() / forward.min() <= 1e-12


def test_quantlibs_engine_agrees_too() -> None:
    """A vanilla option on a process whose rate and yield are nil, at whole days to expiry."""
    today = ql.Date(22, 8, 2026)
    ql.Settings.instance().evaluationDate = today
    chain = real_chain("BTC", NEWEST)
    forward, strike, volatility, years, is_call = terms(chain)
    count = ql.Actual365Fixed()
    flat = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, count))
    for row in range(0, len(strike), 25):
        days = round(years[row] * 365) + 1
        held = ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), float(volatility[row]), count)
        )
        spot = ql.QuoteHandle(ql.SimpleQuote(float(forward[row])))
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if is_call[row] else ql.Option.Put, float(strike[row]))
        option = ql.VanillaOption(payoff, ql.EuropeanExercise(today + days))
        option.setPricingEngine(ql.AnalyticEuropeanEngine(ql.BlackScholesMertonProcess(spot, flat, flat, held)))
        ours = black_76(forward[row], strike[row], volatility[row], days / 365, is_call[row])
        assert option.NPV() == pytest.approx(float(ours), abs=1e-8)


def test_both_coins_in_one_table() -> None:
    rules = load_rules("deribit_pm_2")
    schema = table_schema(rules)
    chains = [real_chain(coin, NEWEST) for coin in COINS]
    fastest = 10.0
    for _ in range(2):
        start = time.perf_counter()
        tables = build_market(chains, schema).tables
        fastest = min(fastest, time.perf_counter() - start)
    assert fastest < 2.0  # 0.2 s when alone
    check_tables(rules, tables)
    assert tables.sizes["instrument"] == 1_970 + sum(len(chain.futures) for chain in chains)
    assert tables.names["underlying"] == COINS
    assert [int(value) for value in tables.columns["spot"].values] == [round(c.index * 10**4) for c in chains]
    of_series = [tables.names["series"][at][:3] for at in range(tables.sizes["series"])]
    assert [COINS[at] for at in tables.labels["home"].indices] == of_series


def test_each_coin_keeps_its_rows_and_its_margin() -> None:
    """An account in both coins needs what its halves need; a coin's own rows are those of its table alone."""
    both, pairs = load_rules("deribit_pm_2"), [real_chain(coin, MOMENTS[2]) for coin in COINS]
    tables = build_market(pairs, table_schema(both)).tables
    rows, start, needed, whole = tables.sizes["instrument"], 0, 0, [0] * tables.sizes["instrument"]
    rng = np.random.default_rng(7)
    for at, chain in enumerate(pairs):
        single = build_market([chain], table_schema(load_rules("deribit_pm"))).tables
        count = single.sizes["instrument"]
        mine = tables.columns["pnl"].values[start : start + count]
        assert mine.tolist() == single.columns["pnl"].values.tolist()
        size = [0] * count
        for row in rng.choice(count, 40, replace=False):
            size[int(row)] = int(rng.integers(-50_000, 50_000))
        alone = evaluate(load_rules("deribit_pm"), single, {"size": size, "cash": 0})
        needed += int(alone.values["maintenance"]) * (10**40 // alone.denominators["maintenance"])
        whole[start : start + count] = size
        start += count
        assert tables.names["underlying"][at] == chain.underlying
    assert start == rows
    together = evaluate(both, tables, {"size": whole, "cash": 0})
    assert int(together.values["maintenance"]) * (10**40 // together.denominators["maintenance"]) == needed


def test_one_coin_alone_has_no_room_in_deribit_pm() -> None:
    newest = real_chain("BTC", NEWEST)
    with pytest.raises(Capacity, match="instrument"):
        build_market([newest], table_schema(load_rules("deribit_pm")))
    assert build_market([newest], table_schema(load_rules("deribit_pm_2"))).tables.sizes["underlying"] == 1
    with pytest.raises(MarketSource, match="for one underlying"):
        build_market([newest, real_chain("ETH", NEWEST)], table_schema(load_rules("portfolio_scan")))
