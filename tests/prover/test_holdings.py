"""Trades that are only thought of: sizes, money and entries, in whatever columns a rule set has."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from zkmargin.circuits.rules import evaluate, load_rules, parse_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import AccountInvalid, AmountDecimals, AmountRange, InstrumentUnknown, ZkMarginError
from zkmargin.margin.market import Market, Source
from zkmargin.margin.tables import Column, Instrument, Listing, Tables
from zkmargin.margin.trade import Trade
from zkmargin.prover.holdings import Holdings, apply_trades

TEXT = """
rules: 1
name: example
axes:
  account: {size: 2}
  instrument: {capacity: 4}
public:
  mark: {axes: [instrument], unit: usd/contract, decimals: 2, min: 0, max: 1e6}
private:
  size: {axes: %s, unit: contract, decimals: 1, min: -1000, max: 1000, from: venue}
  %s
equity: %s
requirements:
  maintenance: %s
"""
NET = TEXT % (
    "[instrument]",
    "cash: {unit: usd, decimals: 2, min: -1e6, max: 1e6, from: venue}",
    "cash + sum(size * mark, over=instrument)",
    "sum(abs(size) * mark, over=instrument) * 0.1",
)
ENTRIES = TEXT % (
    "[instrument]",
    "entry: {axes: [instrument], unit: usd, decimals: 2, min: -1e6, max: 1e6, from: venue}\n"
    "  cash: {unit: usd, decimals: 2, min: -1e6, max: 1e6, from: venue}",
    "cash + sum(size * mark - entry, over=instrument)",
    "sum(abs(size) * mark, over=instrument) * 0.1",
)
ACCOUNTS = TEXT % (
    "[account, instrument]",
    "balance: {axes: [account], unit: usd, decimals: 2, min: -1e6, max: 1e6, from: venue}",
    "balance + sum(size * mark, over=instrument)",
    "sum(abs(size) * mark, over=instrument) * 0.1",
)
SCALED = NET.replace("equity: cash +", "equity: cash * 3 +")
IDS = ("A", "B=C", "D/E")


def _holdings(text: str, **private: Any) -> Holdings:
    text = "\n".join(line for line in text.splitlines() if "account:" not in line or "[account" in text)
    rules = parse_rules(text.encode())
    schema = table_schema(rules)
    listing = Listing(tuple(Instrument(n, "perpetual", "X", "USD", "1") for n in IDS), schema.lot_decimals, "usd", 2)
    sizes = {"instrument": 3, **({"account": 2} if "account" in rules.axes else {})}
    names = {"instrument": IDS, **({"account": ("hedge", "main")} if "account" in rules.axes else {})}
    mark = Column.of("mark", ["instrument"], 2, [10_000, 20_000, 333])
    market = Market(listing, Tables(sizes, names, {"mark": mark}), 1, (Source.of("x", b""),))
    return Holdings.of(rules, market, private)


def _equity(holdings: Holdings) -> Any:
    return evaluate(holdings.rules, holdings.market.tables, holdings.private).equity.tolist()


@pytest.mark.parametrize(
    ("text", "name", "size", "price"),
    [
        ("A=2", "A", 2, None),
        ("A=-0.5@71000.25", "A", Fraction(-1, 2), Fraction("71000.25")),
        ("B=C=1@0", "B=C", 1, 0),
        ("hedge/A=1", "hedge/A", 1, None),
    ],
)
def test_trades_are_read(text: str, name: str, size: Fraction, price: Fraction | None) -> None:
    assert Trade.parse(text) == Trade(name, Fraction(size), price)
    assert "71000" not in repr(Trade.parse("A=1@71000"))


@pytest.mark.parametrize("text", ["", "A", "=1", "A=", "A=1@", "A=@1", "A=0", "A=1@-2", "A=1e3", "A=1@x", "A=+1"])
def test_what_is_no_trade_is_refused(text: str) -> None:
    with pytest.raises((AccountInvalid, AmountDecimals)):
        Trade.parse(text)


def test_a_price_is_paid_from_cash_and_at_the_mark_equity_stays() -> None:
    before = _holdings(NET, size=[10, 0, -5], cash=100_000)
    after = apply_trades(before, [Trade.parse("A=-1.5"), Trade.parse("B=C=2@199.99")])
    assert after.private["size"].tolist() == [-5, 20, -5]
    assert int(after.private["cash"]) == 100_000 + 15_000 - 39_998
    assert _equity(apply_trades(before, [Trade.parse("A=-1.5")])) == _equity(before)
    third = apply_trades(before, [Trade.parse("D/E=0.1")])  # 0.333 USD: rounded against the account
    assert int(third.private["cash"]) == 100_000 - 34


@pytest.mark.parametrize(
    ("trade", "entry", "cash"),
    [
        ("A=1@120", 22_000, 0),  # added: 200 + 120 - 100 of cash as it was
        ("A=-1@120", 5_000, 7_000),  # half is closed: 50 of its entry go, 70 are gained
        ("A=-2@120", 0, 14_000),  # all
        ("A=-3@120", -12_000, 14_000),  # and turned round
    ],
)
def test_entries_are_of_average_cost(trade: str, entry: int, cash: int) -> None:
    before = _holdings(ENTRIES, size=[20, 0, 0], entry=[10_000, 0, 0], cash=0)
    after = apply_trades(before, [Trade.parse(trade)])
    assert after.private["entry"].tolist()[0] == entry
    assert int(after.private["cash"]) == cash
    moved = [Trade.parse(trade.split("@")[0])]
    assert _equity(apply_trades(before, moved)) == _equity(before)


def test_sub_accounts_pay_from_their_own_balance() -> None:
    before = _holdings(ACCOUNTS, size=[[0, 0, 0], [10, 0, 0]], balance=[100, 200])
    after = apply_trades(before, [Trade.parse("main/A=1@1"), Trade.parse("hedge/D/E=1@2")])
    assert after.private["balance"].tolist() == [-100, 100]
    assert after.private["size"].tolist() == [[0, 0, 10], [20, 0, 0]]
    assert [position.name for position in after.positions] == ["hedge/D/E", "main/A"]


@pytest.mark.parametrize(
    ("text", "trade", "error"),
    [
        (NET, "Z=1", InstrumentUnknown),
        (NET, "A=0.05", AmountDecimals),
        (NET, "A=1000000", AmountRange),
        (NET, "A=100@99999999", AmountRange),
        (SCALED, "A=1", AccountInvalid),  # equity does not count cash once
    ],
)
def test_refusals(text: str, trade: str, error: type[ZkMarginError]) -> None:
    with pytest.raises(error) as caught:
        apply_trades(_holdings(text, size=[10, 0, 0], cash=0), [Trade.parse(trade)])
    assert "1000000" not in str(caught.value)


@pytest.mark.parametrize("name", ["A=1", "other/A=1"])
def test_sub_accounts_are_named(name: str) -> None:
    holdings = _holdings(ACCOUNTS, size=[[0] * 3] * 2, balance=[0, 0])
    with pytest.raises(AccountInvalid):
        apply_trades(holdings, [Trade.parse(name)])


def test_what_has_no_sizes_is_not_traded() -> None:
    rules = load_rules("drift_v2")
    holdings = Holdings(rules, _holdings(NET, size=[0] * 3, cash=0).market, {})
    with pytest.raises(AccountInvalid, match="no column `size`"):
        apply_trades(holdings, [Trade.parse("A=1")])
