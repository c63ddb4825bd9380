"""Account files that say every column: strict, and silent about amounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkmargin.errors import AccountInvalid, ZkMarginError
from zkmargin.margin.columns import PrivateColumn, is_columns, parse_columns, read_columns

ROWS = ("BTC-PERP", "ETH-PERP")
SIZE = PrivateColumn("size", (("account", ("1", "2")), ("instrument", ROWS)), 1, -100, 100)
RATE = PrivateColumn("rate", (("instrument", ROWS),), 2, 0, 100)
CASH = PrivateColumn("cash", (), 2, -10_000, 10_000)
COLUMNS = (SIZE, RATE, CASH)
HEADER = "column,account,instrument,value\n"
GOOD = HEADER + "size,2,ETH-PERP,-3.5\nrate,,BTC-PERP,0.07\ncash,,,-12.34\n"


def test_values_stand_at_their_rows_and_are_zero_elsewhere(tmp_path: Path) -> None:
    found = parse_columns(GOOD, COLUMNS)
    assert {name: values.tolist() for name, values in found.items()} == {
        "size": [[0, 0], [0, -35]], "rate": [7, 0], "cash": -1234,
    }  # fmt: skip
    other = "column,instrument,account,value\r\ncash,,,-12.34\r\nrate,BTC-PERP,,0.07\r\nsize,ETH-PERP,2,-3.5"
    path = tmp_path / "account.csv"
    path.write_bytes(other.encode())
    again = read_columns(path, COLUMNS)
    assert all((again[name] == found[name]).all() for name in found)
    assert parse_columns("column,value\ncash,1\n", (CASH,))["cash"].tolist() == 100
    assert is_columns(GOOD)
    assert not is_columns("instrument,size\n")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "E_ACCOUNT", "account:1"),
        ("column,account,instrument\n", "E_ACCOUNT", "expected column,account,instrument,value"),
        ("column,instrument,instrument,value\n", "E_ACCOUNT", "wrong header"),
        ("column,expiry,value\n", "E_ACCOUNT", "wrong header"),
        ("name,instrument,value\n", "E_ACCOUNT", "wrong header"),
        (GOOD + "price,,BTC-PERP,1\n", "E_ACCOUNT", "`price` is not a column that this file fills"),
        (GOOD + "size,2,ETH-PERP,1\n", "E_ACCOUNT", "there twice; got first at account:2; account:5"),
        (GOOD + "size,3,ETH-PERP,1\n", "E_ACCOUNT", "`3` is no row of `account`"),
        (GOOD + "size,,ETH-PERP,1\n", "E_ACCOUNT", "`size` needs a row of `account`"),
        (GOOD + "rate,1,ETH-PERP,1\n", "E_ACCOUNT", "`rate` does not run over `account`"),
        (GOOD + "size,1,ETH-PERQ,1\n", "E_INSTRUMENT", "did you mean `ETH-PERP`?"),
        (GOOD + "size,1,ETH-PERP,9.87\n", "E_DECIMALS", "account:5"),
        (GOOD + "size,1,ETH-PERP,1e3\n", "E_DECIMALS", "account:5"),
        (GOOD + "size,1,ETH-PERP," + "9" * 61 + "\n", "E_DECIMALS", "at most 60 characters"),
        (GOOD + "size,1,ETH-PERP,10.1\n", "E_BOUND", "-10.0 to 10.0"),
        (GOOD + "rate,,ETH-PERP,-0.01\n", "E_BOUND", "0.00 to 1.00"),
        (GOOD + "size,1,ETH-PERP\n", "E_ACCOUNT", "4 cells, no blanks"),
        (GOOD + "size,1,ETH-PERP, 1\n", "E_ACCOUNT", "no blanks"),
        (GOOD + "size,1,ETH-PERP,\n", "E_ACCOUNT", "no blanks"),
        (GOOD + "\n", "E_ACCOUNT", "account:5"),
        (HEADER, "E_ACCOUNT", "there is no row for `cash`"),
    ],
)
def test_what_is_not_of_the_form_is_refused_with_its_line(text: str, code: str, words: str) -> None:
    with pytest.raises(ZkMarginError) as caught:
        parse_columns(text, COLUMNS)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_errors_say_no_amount() -> None:
    for text in (GOOD + "size,1,ETH-PERP,77.3\n", GOOD + "size,1,ETH-PERP,77.35\n", GOOD + "size,2,ETH-PERP,7.3\n"):
        with pytest.raises(ZkMarginError) as caught:
            parse_columns(text, COLUMNS)
        assert "7.3" not in str(caught.value)


def test_other_bytes_than_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(b"column,value\ncash,\xff\n")
    with pytest.raises(AccountInvalid, match=r"not UTF-8 text; own\.csv"):
        read_columns(path, (CASH,))
