"""Accounts: what the CSV form takes and refuses, and that nothing private shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.errors import AccountInvalid, AmountDecimals, AmountRange, InstrumentUnknown, ZkMarginError
from zkmargin.margin.account import Account
from zkmargin.margin.tables import Instrument, Listing

LISTING = Listing(
    (
        Instrument("BTC-6FEB26-60000-C", "option", "BTC", "BTC", "1", 1770364800, "60000", "call"),
        Instrument("BTC-6FEB26-60000-P", "option", "BTC", "BTC", "1", 1770364800, "60000", "put"),
        Instrument("BTC-27MAR26", "future", "BTC", "USD", "1", 1774598400),
        Instrument("BTC-PERPETUAL", "perpetual", "BTC", "USD", "1"),
    ),
    lot_decimals=4,
    cash_unit="usd",
    cash_decimals=6,
)
TEXT = """instrument,size
BTC-27MAR26,-12.5
BTC-6FEB26-60000-C,0.0001
BTC-PERPETUAL,0
cash,-250000.25
"""


def test_a_csv() -> None:
    account = Account.of_csv(TEXT, LISTING)
    assert dict(account.sizes) == {"BTC-27MAR26": -125000, "BTC-6FEB26-60000-C": 1, "BTC-PERPETUAL": 0}
    assert account.cash == -250000250000
    assert account.vector(LISTING) == [1, 0, -125000, 0]
    assert account.vector(LISTING, 6) == [1, 0, -125000, 0, 0, 0]
    assert Account.of_csv(TEXT.replace("\n", "\r\n"), LISTING) == account
    assert Account.of_csv(TEXT.rstrip("\n"), LISTING) == account
    assert Account.of_csv("instrument,size\ncash,0\n", LISTING) == Account({}, 0)
    assert account.with_cash(7) == Account(account.sizes, 7)


def test_export() -> None:
    account = Account.of_csv(TEXT, LISTING)
    assert account.to_csv(LISTING) == (
        "instrument,size\nBTC-6FEB26-60000-C,0.0001\nBTC-27MAR26,-12.5\nBTC-PERPETUAL,0\ncash,-250000.25\n"
    )
    with pytest.raises(InstrumentUnknown):
        Account({"ETH-27MAR26": 1}, 0).to_csv(LISTING)


@given(
    st.dictionaries(st.sampled_from([i.id for i in LISTING.instruments]), st.integers(-(10**20), 10**20)),
    st.integers(-(10**20), 10**20),
)
def test_export_and_import_round_trip(sizes: dict[str, int], cash: int) -> None:
    account = Account(sizes, cash)
    assert Account.of_csv(account.to_csv(LISTING), LISTING) == account


@pytest.mark.parametrize(
    ("old", "new", "error", "line", "message"),
    [
        ("instrument,size", "instrument,amount", AccountInvalid, 1, "wrong header"),
        ("instrument,size\n", "", AccountInvalid, 1, "wrong header"),
        ("instrument,size", "\ufeffinstrument,size", AccountInvalid, 1, "wrong header"),
        ("BTC-27MAR26,-12.5", "BTC-27MAR26,-12.5,x", AccountInvalid, 2, "malformed row"),
        ("BTC-27MAR26,-12.5", "BTC-27MAR26", AccountInvalid, 2, "malformed row"),
        ("BTC-27MAR26,-12.5", "BTC-27MAR26,", AccountInvalid, 2, "malformed row"),
        ("BTC-27MAR26,-12.5", "BTC-27MAR26, -12.5", AccountInvalid, 2, "malformed row"),
        ("BTC-27MAR26,-12.5", "# a comment", AccountInvalid, 2, "malformed row"),
        ("BTC-27MAR26,-12.5", "", AccountInvalid, 2, "malformed row"),
        ("BTC-PERPETUAL", "BTC-27MAR26", AccountInvalid, 4, "there twice.*account:2"),
        ("BTC-PERPETUAL,0", "cash,0", AccountInvalid, 5, "`cash` is there twice"),
        ("BTC-27MAR26", "BTC-27MAR25", InstrumentUnknown, 2, "did you mean `BTC-27MAR26`"),
        ("BTC-27MAR26", "TSLA", InstrumentUnknown, 2, "names what is listed"),
        ("-12.5", "-12.50001", AmountDecimals, 2, "at most 4, got 5"),
        ("-250000.25", "-250000.0000001", AmountDecimals, 5, "at most 6, got 7"),
        ("-12.5", "1e3", AmountDecimals, 2, "not a plain decimal"),
        ("-12.5", "+1", AmountDecimals, 2, "not a plain decimal"),
        ("-12.5", "1_000", AmountDecimals, 2, "not a plain decimal"),
        ("-12.5", "nan", AmountDecimals, 2, "not a plain decimal"),
        ("-12.5", "012", AmountDecimals, 2, "not a plain decimal"),
        ("-12.5", "1" * 61, AmountDecimals, 2, "at most 60"),
        ("-12.5", "-100.0001", AmountRange, 2, "-100 to 100"),
        ("-12.5", "100.0001", AmountRange, 2, "-100 to 100"),
        ("-250000.25", "1000000.000001", AmountRange, 5, "-1000000 to 1000000"),
    ],
)
def test_what_a_csv_refuses(old: str, new: str, error: type[ZkMarginError], line: int, message: str) -> None:
    assert old in TEXT
    with pytest.raises(error, match=message) as caught:
        Account.of_csv(
            TEXT.replace(old, new, 1),
            LISTING,
            size_bounds=(-100 * 10**4, 100 * 10**4),
            cash_bounds=(-(10**12), 10**12),
        )
    assert caught.value.where == f"account:{line}"
    for secret in ("12.5", "0.0001;", "250000", new.split(",")[-1] if new[-1:].isdigit() else "12.5"):
        if error is not InstrumentUnknown and "twice" not in message:
            assert secret not in str(caught.value) or secret in ("100", "1")


def test_cash_is_required() -> None:
    with pytest.raises(AccountInvalid, match="no cash row"):
        Account.of_csv("instrument,size\nBTC-27MAR26,1\n", LISTING)


def test_bounds_are_inclusive() -> None:
    text = "instrument,size\nBTC-27MAR26,100\nBTC-PERPETUAL,-100\ncash,5\n"
    Account.of_csv(text, LISTING, size_bounds=(-(10**6), 10**6), cash_bounds=(5 * 10**6, 5 * 10**6))


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "account.csv"
    path.write_text(TEXT)
    assert Account.read(path, LISTING) == Account.of_csv(TEXT, LISTING)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(AccountInvalid, match="not UTF-8"):
        Account.read(path, LISTING)
    path.write_text(TEXT.replace("-12.5", "x"))
    with pytest.raises(AmountDecimals, match=r"account\.csv:2"):
        Account.read(path, LISTING)


def test_positions_in_what_is_no_longer_listed() -> None:
    later = Listing(LISTING.instruments[1:], 4, "usd", 6)
    assert Account({"BTC-6FEB26-60000-C": 0, "BTC-27MAR26": 5}, 0).vector(later) == [0, 5, 0]
    with pytest.raises(InstrumentUnknown, match="BTC-6FEB26-60000-C"):
        Account({"BTC-6FEB26-60000-C": 1}, 0).vector(later)


def test_nothing_private_shows() -> None:
    account = Account({"BTC-27MAR26": -125000}, 250000250000)
    for shown in (repr(account), str(account), f"{account}", repr([account])):
        assert "125" not in shown
        assert "250" not in shown
        assert "BTC" not in shown
    with pytest.raises(AccountInvalid, match="whole numbers") as caught:
        Account({"BTC-27MAR26": -12.5}, 0)  # type: ignore[dict-item]
    assert "12.5" not in str(caught.value)
    with pytest.raises(TypeError):
        account.sizes["BTC-27MAR26"] = 1  # type: ignore[index]
