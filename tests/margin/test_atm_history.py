"""The real history at the money: its form, its agreement with the full chains of the same seconds, what is refused."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from real_chains import MOMENTS, real_chain

from zkmargin.errors import MarketSource
from zkmargin.margin.atm_history import (
    AtmHistory,
    Curve,
    format_history,
    parse_history,
    read_history,
    read_table,
    volatilities_at_the_money,
)
from zkmargin.margin.chain import format_time

FILE = Path(__file__).parents[1] / "data" / "history" / "deribit_atm_20251230_20260822.csv"
HEAD = "history,1\nat,2026-02-05T09:36:47Z\n"


@cache
def history() -> AtmHistory:
    return read_history(FILE)


def curve_at(coin: str, moment: str) -> Curve:
    time = real_chain(coin, moment).time
    return next(curve for curve in history().curves if (curve.underlying, curve.time) == (coin, time))


def test_every_snapshot_of_both_coins_is_there() -> None:
    curves = history().curves
    assert len({curve.time for curve in curves}) == 931
    assert {curve.underlying for curve in curves} == {"BTC", "ETH"}
    assert sum(len(curve.terms) for curve in curves) == 22_102
    assert (format_time(curves[0].time), format_time(curves[-1].time)) == (
        "2025-12-30T17:31:15Z",
        "2026-08-22T15:33:51Z",
    )
    assert FILE.stat().st_size < 400_000
    assert [source.name for source in history().sources][1:] == ["deribit_atm_history_20251230_20260822.csv"]


def test_the_compact_form_is_written_as_it_is_read() -> None:
    held = history()
    assert format_history(AtmHistory(held.curves, held.sources[1:])) == FILE.read_text()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_it_agrees_with_the_chain_of_the_same_second(coin: str, moment: str) -> None:
    chain, curve = real_chain(coin, moment), curve_at(coin, moment)
    assert curve.terms.keys() == chain.forwards.keys()
    assert float(curve.index) == pytest.approx(chain.index, rel=0.005)
    money = volatilities_at_the_money(chain)
    for expiry, term in curve.terms.items():
        assert float(term.forward) == pytest.approx(chain.forwards[expiry], rel=1e-3)
        assert abs(term.volatility - money[expiry]) < Decimal("0.02")


@pytest.mark.parametrize("moment", MOMENTS)
def test_options_priced_from_it_are_near_their_marks(moment: str) -> None:
    chain, curve = real_chain("BTC", moment), curve_at("BTC", moment)
    priced = {quote.id: quote for quote in curve.chain_at(chain, [quote.id for quote in chain.options]).options}
    off = sorted(abs(float(priced[quote.id].mark - quote.mark)) for quote in chain.options)
    assert off[len(off) // 2] < 1e-4
    assert off[-1] < 5e-3


def test_volatility_moves_with_that_at_the_money() -> None:
    """In the evening of the fall: an option's volatility in the morning and what the one at the money rose by."""
    morning = real_chain("BTC", MOMENTS[1])
    curve = curve_at("BTC", MOMENTS[2])
    option = next(quote for quote in morning.options if quote.id == "BTC-27MAR26-60000-P")
    moved = curve.chain_at(morning, [option.id]).options
    rise = curve.terms[option.expiry].volatility - volatilities_at_the_money(morning)[option.expiry]
    assert [quote.id for quote in moved] == [option.id]
    assert rise > Decimal("0.05")
    assert moved[0].volatility == option.volatility + rise


def test_what_has_expired_is_not_priced() -> None:
    morning, later = real_chain("BTC", MOMENTS[1]), curve_at("BTC", MOMENTS[3])
    names = [quote.id for quote in morning.options if "6FEB26" in quote.id] + ["BTC-PERPETUAL"]
    chain = later.chain_at(morning, names)
    assert not {quote.id for quote in chain.options} & {name for name in names if name.startswith("BTC-6FEB26-")}
    assert [(future.id, future.price) for future in chain.futures] == [("BTC-PERPETUAL", later.index)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "version that is supported"),
        ("history,2\n", "version that is supported"),
        ("history,1\n", "at least one moment"),
        ("history,1\nsource,a.csv,0x00\n", "not a SHA-256 digest"),
        ("history,1\nBTC,71000,1/0/5000\n", "out of its order"),
        (HEAD + "source,a.csv,0x" + "00" * 32, "out of its order"),
        (HEAD + "BTC,71000,1/0/5000\nBTC,71000,1/0/5000\n", "out of its order"),
        (HEAD + "BTC,71000,1/0/5000\nat,2026-02-05T09:36:47Z\n", "must ascend"),
        (HEAD + "BTC,-71000,1/0/5000\n", "must be above zero"),
        (HEAD + "BTC,71000,1/-71000/5000\n", "must be above zero"),
        (HEAD + "BTC,71000,1/0\n", "not an expiry"),
        (HEAD + "BTC,71000,1/0/0\n", "not an expiry"),
        (HEAD + "BTC,71000,1/0/0.5\n", "not an expiry"),
        (HEAD + "BTC,71000,0/0/5000\n", "lie ahead"),
        (HEAD + "BTC,71000,2/0/5000,1/0/5000\n", "must ascend"),
        (HEAD + "BTC,71000,1/0/200001\n", "outside its range"),
    ],
)
def test_what_is_no_history_is_refused(text: str, words: str) -> None:
    with pytest.raises(MarketSource, match=words):
        parse_history(text, "history.csv")


def test_a_table_names_each_expiry_once_and_none_that_has_passed(tmp_path: Path) -> None:
    header = "timestamp,currency,expiry,strike,underlying_price,index_price,mark_price,mark_iv\n"
    row = "2026-02-05T09:36:47Z,BTC,{},71000,71433.2,71481,0.01,0.8763\n"
    table = tmp_path / "table.csv"
    table.write_text(header + row.format("2026-02-06"))
    (curve,) = read_table(table).curves
    assert {expiry: (str(t.forward), str(t.volatility)) for expiry, t in curve.terms.items()} == {
        1770364800: ("71433.20", "0.8763")
    }
    for rows in (2 * row.format("2026-02-06"), row.format("2026-02-05")):
        table.write_text(header + rows)
        with pytest.raises(MarketSource, match="comes twice, or has passed"):
            read_table(table)
