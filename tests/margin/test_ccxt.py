"""Accounts from JSON in ccxt's unified shapes: fifty positions there and back, and each malformed variant by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest

from zkmargin.errors import InputError, InstrumentUnknown
from zkmargin.margin.account import Account
from zkmargin.margin.ccxt import account_text, net_cash, read_balance, read_map, read_positions
from zkmargin.margin.columns import PrivateColumn, parse_columns
from zkmargin.margin.tables import Instrument, Listing

Entry = dict[str, Any]
EXPIRY = 1774598400  # 27 March 2026, 08:00 UTC
COINS = [f"C{number}" for number in range(60)]
LISTING = Listing(
    (
        *(Instrument(f"{coin}USDT", "perpetual", coin, "USDT", "1") for coin in COINS),
        Instrument("C0USDC", "perpetual", "C0", "USDC", "1"),
        Instrument("C0USDT_260327", "future", "C0", "USDT", "0.01", EXPIRY),
        Instrument("C0-27MAR26-80000-C", "option", "C0", "C0", "1", EXPIRY, "80000", "call"),
        Instrument("twin-1", "perpetual", "TWIN", "USDT", "1"),
        Instrument("twin-2", "perpetual", "TWIN", "USDT", "1"),
    ),
    lot_decimals=3,
    cash_unit="usd",
    cash_decimals=8,
)
IDS = tuple(instrument.id for instrument in LISTING.instruments)
SIZE = PrivateColumn("size", (("instrument", IDS),), 3, -(10**9), 10**9)
ENTRY = PrivateColumn("entry", (("instrument", IDS),), 6, -(10**15), 10**15)
CASH = PrivateColumn("cash", (), 8, -(10**20), 10**20)


def _position(symbol: str = "C0/USDT:USDT", **changed: Any) -> Entry:
    """As fetch_positions returns it."""
    full = {
        "info": {"symbol": "X", "positionAmt": "1", "anything": [1, None]},
        "id": None,
        "symbol": symbol,
        "timestamp": 1770284207000,
        "datetime": "2026-02-05T09:36:47.000Z",
        "hedged": False,
        "side": "long",
        "contracts": 1.5,
        "contractSize": 1.0,
        "entryPrice": 100.25,
        "markPrice": 101.0,
        "notional": 151.5,
        "leverage": 20.0,
        "collateral": 7.5,
        "initialMargin": 7.5,
        "initialMarginPercentage": 0.05,
        "maintenanceMargin": 0.6,
        "maintenanceMarginPercentage": 0.004,
        "unrealizedPnl": 1.125,
        "liquidationPrice": None,
        "marginMode": "cross",
        "marginRatio": 0.08,
        "percentage": 15.0,
        "stopLossPrice": None,
        "takeProfitPrice": None,
    }
    return {**full, **changed}


def _balance(**currencies: Entry) -> Entry:
    """As fetch_balance returns it."""
    amounts = currencies or {"USDT": {"free": 900.5, "used": 99.5, "total": 1000.0}, "BTC": {"total": 0.0}}
    maps = {key: {name: held.get(key) for name, held in amounts.items()} for key in ("free", "used", "total")}
    return {"info": {}, "timestamp": None, "datetime": None, **maps, **amounts}


def _write(folder: Path, document: object, name: str = "positions.json") -> Path:
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_fifty_positions_there_and_back(tmp_path: Path) -> None:
    random = Random(50)
    sizes = {f"{coin}USDT": random.choice((-1, 1)) * random.randint(1, 10**7) for coin in random.sample(COINS, 50)}
    prices = {name: round(random.uniform(1e-6, 9e4), random.randint(2, 8)) for name in sizes}
    exported = [
        _position(
            f"{name.removesuffix('USDT')}/USDT:USDT",
            side="long" if size > 0 else "short",
            contracts=abs(size) / 1000,
            entryPrice=prices[name],
        )
        for name, size in sizes.items()
    ]
    closed = _position("C59/USDT:USDT", side=None, contracts=0.0, entryPrice=None)
    export = read_positions(_write(tmp_path, [*exported, closed]), LISTING)
    assert export.sizes(3) == sizes
    assert repr(export) == "Export()"
    paid = sum(Fraction(size, 1000) * Fraction(repr(prices[name])) for name, size in sizes.items())
    balance = read_balance(_write(tmp_path, _balance(), "balance.json"))
    cash = net_cash(export, balance, "wallet", net=True, decimals=8)
    assert Fraction(cash, 10**8) <= 1000 - paid < Fraction(cash + 1, 10**8)
    text = account_text(export, LISTING, [SIZE, CASH], cash)
    assert Account.of_csv(text, LISTING) == Account(sizes, cash)
    by_column = parse_columns(account_text(export, LISTING, [SIZE, ENTRY, CASH], 5), [SIZE, ENTRY, CASH])
    assert {name: int(by_column["size"][LISTING.rows[name]]) for name in sizes} == sizes
    for name, size in sizes.items():
        entry, exact = int(by_column["entry"][LISTING.rows[name]]), size * Fraction(repr(prices[name])) * 1000
        assert entry - 1 < exact <= entry
    assert int(by_column["cash"]) == 5


def test_symbols_are_contracts_of_the_listing(tmp_path: Path) -> None:
    exported = [
        _position("C0/USDC:USDC", contracts=1e-3),
        _position("C0/USDT:USDT-260327", contracts="2", contractSize=1e-2, side="short"),
        _position("C0/USD:C0-260327-80000-C", contracts=1),
        _position("odd", contracts=4),
    ]
    symbols = read_map(_write(tmp_path, "symbol,instrument\nodd,twin-2\n", "map.csv"))
    export = read_positions(_write(tmp_path, exported), LISTING, symbols)
    assert export.sizes(3) == {"C0USDC": 1, "C0USDT_260327": -2000, "C0-27MAR26-80000-C": 1000, "twin-2": 4000}
    assert export.positions[1].entry == Fraction("-2.005")  # 2 contracts of 0.01 at 100.25
    with pytest.raises(InputError, match="settles in C0"):
        export.entries(6)


def test_a_balance_with_unrealized_gains_loses_them(tmp_path: Path) -> None:
    export = read_positions(_write(tmp_path, [_position(), _position("C1/USDT:USDT", unrealizedPnl=-2)]), LISTING)
    assert net_cash(export, Fraction(10), "wallet", net=False, decimals=2) == 1000
    assert net_cash(export, Fraction(10), "equity", net=False, decimals=2) == 1087  # 10.875, rounded down
    assert net_cash(export, Fraction(10), "equity", net=True, decimals=2) == -28988
    with pytest.raises(InputError, match="wallet or the equity"):
        net_cash(export, Fraction(10), "total", net=True, decimals=2)


def test_numbers_are_exact(tmp_path: Path) -> None:
    text = json.dumps([_position()]).replace("100.25", "0.1234567890123456789e3").replace("1.5,", "0.001,", 1)
    export = read_positions(_write(tmp_path, text), LISTING)
    assert export.positions[0].entry_price == Fraction("123.4567890123456789")


def test_leverage_is_a_rate(tmp_path: Path) -> None:
    rate = PrivateColumn("own_rate", (("instrument", IDS),), 6, 0, 10**6)
    export = read_positions(
        _write(tmp_path, [_position(leverage=15), _position("C1/USDT:USDT", leverage="20")]), LISTING
    )
    found = parse_columns(account_text(export, LISTING, [SIZE, rate, CASH], 5), [SIZE, rate, CASH])
    assert found["own_rate"].tolist()[:3] == [66_667, 50_000, 0]
    for leverage in (None, 0):
        export = read_positions(_write(tmp_path, [_position(leverage=leverage)]), LISTING)
        with pytest.raises(InputError, match="no `leverage`"):
            account_text(export, LISTING, [SIZE, rate, CASH], 5)


BAD: dict[str, Callable[[], object]] = {
    "not an array of positions": lambda: {"positions": []},
    "not JSON text": lambda: "[{]",
    "a field comes twice": lambda: '[{"symbol": "a", "symbol": "b"}]',
    "a position must be an object": lambda: [3],
    "the field `positionSide` is not one of": lambda: [_position(positionSide="BOTH")],
    "has no `symbol`": lambda: [_position(symbol="")],
    "not the symbol of a contract": lambda: [_position("BTCUSDT")],
    "is no listed contract": lambda: [_position("C99/USDT:USDT")],
    "is several listed contracts": lambda: [_position("TWIN/USDT:USDT")],
    "unknown `side`": lambda: [_position(side="buy")],
    "side`; expected long or short, got none": lambda: [_position(side=None)],
    "`contracts` is negative": lambda: [_position(contracts=-1)],
    "contracts.*is not there|is not there.*contracts": lambda: [_position(contracts=None)],
    "not a number": lambda: [_position(contracts=float("nan"))],
    "not a number; expected a finite": lambda: [_position(entryPrice="1,5")],
    "not a number; .*entryPrice": lambda: [_position(entryPrice=True)],
    "`contractSize` is not that": lambda: [_position(contractSize=10)],
    "contractSize.*is not there|is not there.*contractSize": lambda: [_position(contractSize=None)],
    "is held on both sides": lambda: [_position(hedged=True), _position(hedged=True, side="short")],
    "`C0USDT` is there twice": lambda: [_position(), _position()],
    "isolated": lambda: [_position(marginMode="isolated")],
    "its own .isolated": lambda: [_position(marginMode=None, isolated=True)],
    "unknown `marginMode`": lambda: [_position(marginMode="portfolio")],
    "`entryPrice` is negative": lambda: [_position(entryPrice=-1)],
    "has no `entryPrice`": lambda: [_position(entryPrice=None)],
    "has no `unrealizedPnl`": lambda: [_position(unrealizedPnl=None)],
    "too many decimals": lambda: [_position(contracts=0.0001)],
    "outside the bounds": lambda: [_position(contracts=987654321)],
}


def _import(path: Path) -> None:
    export = read_positions(path, LISTING)
    net_cash(export, Fraction(1), "equity", net=True, decimals=8)
    account_text(export, LISTING, [SIZE, CASH], 0)


@pytest.mark.parametrize("words", BAD)
def test_malformed_positions_are_refused_by_name(words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words) as caught:
        _import(_write(tmp_path, BAD[words]()))
    assert not any(amount in str(caught.value) for amount in ("100.25", "1.125", "987654321"))


BAD_BALANCES: dict[str, object] = {
    "not a balance": [],
    "no `total` by currency": {"USDT": {"total": 1}},
    "holds `BTC`, which is not cash": _balance(BTC={"total": 0.5}),
    "`USDT` is owed": _balance(USDT={"total": 5, "debt": 1}),
    "two totals of `USDT` differ": {**_balance(), "total": {"USDT": 999, "BTC": 0}},
    "currency `ETH` is not in both forms": {**_balance(), "ETH": {"total": 1}},
    "currency `USDC` is not in both": {"total": {"USDC": 1}},
    "currency `USDT` is not in both": _balance(USDT={"total": 1, "staked": 5}),
    "is not there": _balance(USDT={"total": None}),
}


@pytest.mark.parametrize("words", BAD_BALANCES)
def test_malformed_balances_are_refused_by_name(words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        read_balance(_write(tmp_path, BAD_BALANCES[words]))


def test_dollars_count_as_one_each(tmp_path: Path) -> None:
    document = _balance(USDT={"total": "1.25", "debt": 0}, USDC={"total": 2e-1}, USD={"total": -1})
    assert read_balance(_write(tmp_path, document)) == Fraction("0.45")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n", "wrong header"),
        ("symbol,instrument\nx\n", "malformed row"),
        ("symbol,instrument\nx,a\nx,b\n", "`x` is there twice"),
    ],
)
def test_malformed_maps(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        read_map(_write(tmp_path, text))


def test_a_map_to_what_is_not_listed(tmp_path: Path) -> None:
    with pytest.raises(InstrumentUnknown, match="`C0USDX` is not listed"):
        read_positions(_write(tmp_path, [_position("odd")]), LISTING, {"odd": "C0USDX"})


def test_columns_that_positions_do_not_tell(tmp_path: Path) -> None:
    export = read_positions(_write(tmp_path, [_position()]), LISTING)
    buys = PrivateColumn("buys", (("instrument", IDS),), 3, 0, 10**9)
    with pytest.raises(InputError, match="asks for `buys`"):
        account_text(export, LISTING, [SIZE, buys, CASH], 0)
    with pytest.raises(InputError, match="no sizes and cash"):
        account_text(export, LISTING, [SIZE], 0)


def test_one_isolated_position_is_an_account(tmp_path: Path) -> None:
    alone = Listing(LISTING.instruments[:1], 3, "usd", 8)
    export = read_positions(_write(tmp_path, [_position(marginMode="isolated", isolated=True)]), alone)
    assert export.sizes(3) == {"C0USDT": 1500}
