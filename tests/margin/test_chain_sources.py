"""Price files: what is read, and every refusal with its file and line."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import median

import pytest

from zkmargin.errors import FileUnreadable, MarketSource
from zkmargin.margin.chain import Chain, future_name, option_name, parse_future_name, parse_option_name
from zkmargin.margin.compact import format_chain, parse_chain, read_source
from zkmargin.margin.deribit import FUTURES_FILE, PERPETUALS_FILE, files_beside, read_chain

VECTORS = Path(__file__).parent / "vectors"
CHAIN = VECTORS / "deribit_chain_slice.csv"
FUTURES = VECTORS / "deribit_futures_slice.csv"
PERPETUALS = VECTORS / "deribit_perpetuals_slice.csv"

Edit = Callable[[list[list[str]]], None]


@pytest.fixture(scope="module")
def chain() -> Chain:
    return read_chain(CHAIN, "BTC", FUTURES, PERPETUALS)


def rewritten(tmp_path: Path, source: Path, edit: Edit) -> Path:
    """A copy of a price file with its cells edited."""
    cells = [line.split(",") for line in source.read_text().splitlines()]
    edit(cells)
    path = tmp_path / source.name
    path.write_text("\n".join(",".join(row) for row in cells) + "\n")
    return path


def test_a_real_slice(chain: Chain) -> None:
    assert chain.underlying == "BTC"
    assert chain.time == 1770284207
    assert len(chain.options) == 48
    assert [quote.id for quote in chain.futures] == [
        "BTC-6FEB26",
        "BTC-13FEB26",
        "BTC-27FEB26",
        "BTC-27MAR26",
        "BTC-26JUN26",
        "BTC-25SEP26",
        "BTC-25DEC26",
        "BTC-PERPETUAL",
    ]
    assert chain.futures[0].price == Decimal("71433.23")  # not the candle's 71420
    assert chain.futures[-1].price == Decimal("71447.5")
    rows = [line.split(",") for line in CHAIN.read_text().splitlines()[1:]]
    nine = [float(row[7]) for row in rows if row[1].startswith("BTC-9FEB26")]
    assert chain.forwards[1770624000] == median(nine) == 71441.74428571429
    assert chain.index == median(float(row[8]) for row in rows if row[2] == "BTC")
    assert [source.name for source in chain.sources] == [CHAIN.name, FUTURES.name, PERPETUALS.name]


def test_the_slice_is_part_of_the_demo(chain: Chain, morning: Chain) -> None:
    """The compact file holds the numbers of the original file: same quotes, forwards, futures."""
    listed = {quote.id: quote for quote in morning.options}
    assert all(listed[quote.id] == quote for quote in chain.options)
    assert all(morning.forwards[expiry] == forward for expiry, forward in chain.forwards.items())
    assert morning.futures == chain.futures
    assert morning.time == chain.time


def test_compact_form_round_trips(chain: Chain, morning: Chain) -> None:
    assert parse_chain(format_chain(chain), "x") == chain
    assert parse_chain(format_chain(morning), "x") == morning


def test_one_sided_strikes_and_own_volatilities_survive(tmp_path: Path) -> None:
    def edit(cells: list[list[str]]) -> None:
        del cells[2]  # the put of the first strike
        del cells[3 - 1 + 1]  # the put of the second strike's row pair
        cells[4][10] = "0.9999"

    path = rewritten(tmp_path, CHAIN, edit)
    chain = read_chain(path, "BTC")
    assert parse_chain(format_chain(chain), "x") == chain
    assert sum(quote.volatility == Decimal("0.9999") for quote in chain.options) == 1


def test_volatilities_are_read_to_six_decimals(tmp_path: Path) -> None:
    def edit(cells: list[list[str]]) -> None:
        cells[1][10] = "1.6177000000000001"

    chain = read_chain(rewritten(tmp_path, CHAIN, edit), "BTC")
    assert chain.options[0].volatility == Decimal("1.6177")


def test_row_order_does_not_matter(tmp_path: Path, chain: Chain) -> None:
    def edit(cells: list[list[str]]) -> None:
        cells[1:] = cells[:0:-1]

    again = read_chain(rewritten(tmp_path, CHAIN, edit), "BTC", FUTURES, PERPETUALS)
    assert (again.options, again.forwards, again.index) == (chain.options, chain.forwards, chain.index)


def test_futures_that_the_chain_names(tmp_path: Path) -> None:
    """Without a futures file, dated underlyings are listed at their forwards; synthetic ones are not."""

    def edit(cells: list[list[str]]) -> None:
        for row in cells[1:]:
            row[6] = row[6].replace("SYN.BTC-8FEB26", "BTC-8FEB26")

    chain = read_chain(rewritten(tmp_path, CHAIN, edit), "BTC")
    assert [(quote.id, float(quote.price)) for quote in chain.futures] == [("BTC-8FEB26", chain.forwards[1770537600])]


def test_prices_of_another_time_are_not_taken(tmp_path: Path) -> None:
    def edit(cells: list[list[str]]) -> None:
        for row in cells[1:]:
            row[0] = "2026-02-05T09:36:48.412509+00:00"

    chain = read_chain(rewritten(tmp_path, CHAIN, edit), "BTC", FUTURES, PERPETUALS)
    assert chain.futures == ()
    assert len(chain.sources) == 1


def set_cell(line: int, column: int, value: str) -> Edit:
    def edit(cells: list[list[str]]) -> None:
        cells[line - 1][column] = value

    return edit


def double_row(cells: list[list[str]]) -> None:
    cells.append(cells[1])


def drop_cell(cells: list[list[str]]) -> None:
    cells[4].pop()


def drop_column(cells: list[list[str]]) -> None:
    for row in cells:
        del row[9]


def double_column(cells: list[list[str]]) -> None:
    for row in cells:
        row.append(row[9])


@pytest.mark.parametrize(
    ("edit", "line", "message"),
    [
        (double_row, 54, "`BTC-8FEB26-66000-C` is listed twice"),
        (drop_cell, 5, "wrong number of cells"),
        (drop_column, 1, "no column `mark_price`"),
        (double_column, 1, "named twice"),
        (set_cell(1, 16, "notes"), 1, "unknown column `notes`"),
        (set_cell(3, 9, ""), 3, "`mark_price` is missing"),
        (set_cell(3, 10, ""), 3, "`mark_iv` is missing"),
        (set_cell(3, 9, "abc"), 3, "`mark_price` is not a number"),
        (set_cell(3, 9, "nan"), 3, "`mark_price` is not a number"),
        (set_cell(3, 9, "inf"), 3, "`mark_price` is not a number"),
        (set_cell(3, 9, "1_000"), 3, "`mark_price` is not a number"),
        (set_cell(3, 9, "0x10"), 3, "`mark_price` is not a number"),
        (set_cell(3, 9, "1e999"), 3, "`mark_price` is not a number"),
        (set_cell(3, 9, "-0.1"), 3, "`mark_price` is negative"),
        (set_cell(3, 10, "0"), 3, "`mark_iv` is outside"),
        (set_cell(3, 10, "45.6"), 3, "`mark_iv` is outside"),
        (set_cell(3, 7, "0"), 3, "`underlying_price` must be above zero"),
        (set_cell(3, 8, "-1"), 3, "`index_price` must be above zero"),
        (set_cell(3, 1, "BTC-8FEB26-66000"), 3, "not the name of an option"),
        (set_cell(3, 1, "BTC-31FEB26-66000-P"), 3, "not a date"),
        (set_cell(3, 1, "BTC-8FEV26-66000-P"), 3, "not a date"),
        (set_cell(3, 1, "BTC-8FEB26-67000-P"), 3, "contradicts"),
        (set_cell(3, 3, "call"), 3, "contradicts"),
        (set_cell(3, 4, "66001.0"), 3, "contradicts"),
        (set_cell(3, 5, "2026-02-08T09:00:00+00:00"), 3, "contradicts"),
        (set_cell(3, 5, "2026-02-08T08:00:00"), 3, "`expiry` is not a time"),
        (set_cell(3, 0, "yesterday"), 3, "`timestamp` is not a time"),
        (set_cell(3, 0, "2026-02-05T09:36:48+00:00"), 3, "one timestamp"),
        (set_cell(3, 1, '"BTC'), 3, "malformed line"),
    ],
)
def test_what_a_chain_refuses(tmp_path: Path, edit: Edit, line: int, message: str) -> None:
    with pytest.raises(MarketSource, match=message) as caught:
        read_chain(rewritten(tmp_path, CHAIN, edit), "BTC")
    assert caught.value.where.startswith(f"{CHAIN.name}:")
    if "malformed" not in message:
        assert caught.value.where == f"{CHAIN.name}:{line}"


def test_expired_rows(tmp_path: Path) -> None:
    def edit(cells: list[list[str]]) -> None:
        for row in cells[1:]:
            row[0] = "2026-02-08T08:00:00+00:00"

    with pytest.raises(MarketSource, match="`BTC-8FEB26-66000-C` has expired"):
        read_chain(rewritten(tmp_path, CHAIN, edit), "BTC")


def test_choosing_a_currency(tmp_path: Path) -> None:
    with pytest.raises(MarketSource, match="currencies in it: BTC, ETH"):
        read_chain(CHAIN)
    with pytest.raises(MarketSource, match="no rows of currency SOL"):
        read_chain(CHAIN, "SOL")
    assert read_chain(CHAIN, "ETH", FUTURES, PERPETUALS).futures[-1].id == "ETH-PERPETUAL"

    def edit(cells: list[list[str]]) -> None:
        cells[:] = [row for row in cells if row[2] != "ETH"]

    assert read_chain(rewritten(tmp_path, CHAIN, edit)).underlying == "BTC"


def test_what_price_files_refuse(tmp_path: Path) -> None:
    def line_of(path: Path, name: str, time: str) -> int:
        lines = path.read_text().splitlines()
        return next(i for i, line in enumerate(lines, 1) if name in line and line.startswith(time))

    at = line_of(FUTURES, "BTC-13FEB26", "2026-02-05T09")
    cases: list[tuple[Path, Edit, str]] = [
        (FUTURES, set_cell(at, 3, ""), "`option_underlying_price` is missing"),
        (FUTURES, set_cell(at, 3, "-5"), "must be above zero"),
        (FUTURES, set_cell(at, 2, "BTC-1FEB26"), "has expired"),
        (FUTURES, set_cell(at, 2, "ETH-13FEB26"), "contradicts its currency"),
        (FUTURES, set_cell(at, 2, "BTC-27FEB26"), "listed twice at one time"),
        (FUTURES, set_cell(at, 2, "BTC-FEB"), "not the name of a future"),
    ]
    for source, edit, message in cases:
        with pytest.raises(MarketSource, match=message) as caught:
            read_chain(CHAIN, "BTC", rewritten(tmp_path, source, edit), PERPETUALS)
        assert caught.value.where.startswith(f"{source.name}:")
    at = line_of(PERPETUALS, "BTC-PERPETUAL", "2026-02-05T09")
    bad = rewritten(tmp_path, PERPETUALS, set_cell(at, 2, "BTC-PERP"))
    with pytest.raises(MarketSource, match="not the currency's perpetual"):
        read_chain(CHAIN, "BTC", FUTURES, bad)


def test_synthetic_futures_are_skipped(tmp_path: Path) -> None:
    def edit(cells: list[list[str]]) -> None:
        cells.append(["2026-02-05T09:36:47Z", "BTC", "SYN.BTC-20FEB26", "71500", "", "", ""])

    chain = read_chain(CHAIN, "BTC", rewritten(tmp_path, FUTURES, edit))
    assert len(chain.futures) == 7


def test_read_source_finds_its_form_and_neighbours(tmp_path: Path) -> None:
    for source, name in ((CHAIN, "chain.csv"), (FUTURES, FUTURES_FILE), (PERPETUALS, PERPETUALS_FILE)):
        (tmp_path / name).write_bytes(source.read_bytes())
    assert files_beside(tmp_path / "chain.csv") == (tmp_path / FUTURES_FILE, tmp_path / PERPETUALS_FILE)
    full = read_source(tmp_path / "chain.csv", "BTC")
    assert len(full.futures) == 8
    compact = tmp_path / "compact.csv"
    compact.write_text(format_chain(full))
    again = read_source(compact)
    assert again.options == full.options
    assert [source.name for source in again.sources] == ["compact.csv", *(s.name for s in full.sources)]
    with pytest.raises(MarketSource, match="another currency"):
        read_source(compact, "ETH")
    (tmp_path / PERPETUALS_FILE).unlink()
    assert len(read_source(tmp_path / "chain.csv", "BTC").futures) == 7


def test_files_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable):
        read_chain(tmp_path / "missing.csv", "BTC")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"timestamp\n\xff\xfe")
    with pytest.raises(MarketSource, match="not UTF-8") as caught:
        read_source(binary)
    assert caught.value.where == "binary.csv:2"
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(MarketSource, match="no column"):
        read_source(empty)


COMPACT = """chain,1
underlying,BTC
time,2026-02-05T09:36:47Z
index,71470.62
source,a.csv,0x0000000000000000000000000000000000000000000000000000000000000000
future,BTC-27FEB26,71582.66
perpetual,BTC-PERPETUAL,71447.5
expiry,2026-02-06T08:00:00Z,71433.23
strike,60000,0.16044175,1.6177,0.00044306,
expiry,2026-02-27T08:00:00Z,71582.66
strike,70000,0.05,0.5,0.03,0.51
strike,80000,,,0.13,0.5
"""


def test_the_compact_form() -> None:
    chain = parse_chain(COMPACT, "x")
    assert [quote.id for quote in chain.options] == [
        "BTC-6FEB26-60000-C",
        "BTC-6FEB26-60000-P",
        "BTC-27FEB26-70000-C",
        "BTC-27FEB26-70000-P",
        "BTC-27FEB26-80000-P",
    ]
    assert chain.options[1].volatility == Decimal("1.6177")
    assert format_chain(chain) == COMPACT


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("chain,1", "chain,2", 1, "unsupported version"),
        ("underlying,BTC", "underlying,btc", 2, "not a currency"),
        ("underlying,BTC\n", "", 2, "`underlying` is missing"),
        ("index,71470.62\n", "", 4, "`index` is missing"),
        ("time,2026-02-05T09:36:47Z", "time,2026-02-05T09:36:47", 3, "not a time"),
        ("index,71470.62", "index,71470.62\nindex,1", 5, "`index` is there twice"),
        (",0x00", ",0x", 5, "not a SHA-256"),
        ("future,BTC-27FEB26", "future,ETH-27FEB26", 6, "another currency"),
        ("future,BTC-27FEB26", "future,BTC-27FEB25", 6, "has expired"),
        ("perpetual,BTC-PERPETUAL,71447.5", "perpetual,BTC-PERP,71447.5", 7, "perpetual"),
        ("perpetual,BTC-PERPETUAL,71447.5", "future,BTC-27FEB26,1", 7, "there twice"),
        ("71447.5", "0", 7, "must be above zero"),
        ("expiry,2026-02-06", "expiry,2026-02-04", 8, "has expired"),
        ("expiry,2026-02-27T08:00:00Z", "expiry,2026-02-06T08:00:00Z", 10, "there twice"),
        ("expiry,2026-02-06T08:00:00Z,71433.23\n", "", 8, "`expiry` is missing"),
        ("strike,80000", "strike,70000", 12, "there twice"),
        ("strike,80000,,,0.13", "strike,80000,,0.5,0.13", 12, "without a mark"),
        ("strike,80000,,,0.13,0.5", "strike,80000,0.1,0.5,,0.5", 12, "without a mark"),
        ("0.13,0.5", "0.13,", 12, "`volatility` is not a number"),
        ("0.13,0.5", "-0.13,0.5", 12, "negative"),
        ("0.13,0.5", "0.13,50", 12, "outside its range"),
        ("0.13,0.5", "0.13,0.5,", 12, "wrong number of cells"),
        ("strike,80000,,,0.13,0.5\n", "index,1\n", 12, "out of order"),
        ("strike,80000", "stroke,80000", 12, "unknown record"),
        ("strike,80000,,,0.13,0.5\n", "\n", 12, "unknown record"),
    ],
)
def test_what_the_compact_form_refuses(old: str, new: str, line: int, message: str) -> None:
    assert old in COMPACT
    with pytest.raises(MarketSource, match=message) as caught:
        parse_chain(COMPACT.replace(old, new, 1), "demo.csv")
    assert caught.value.where == f"demo.csv:{line}"


def test_a_compact_file_that_ends_early() -> None:
    with pytest.raises(MarketSource, match="ends early"):
        parse_chain("chain,1\nunderlying,BTC\n", "x")
    with pytest.raises(MarketSource, match="no options"):
        parse_chain("\n".join(COMPACT.splitlines()[:7]), "x")


def test_names() -> None:
    expiry = 1770364800
    assert option_name("BTC", expiry, Decimal("60000"), True) == "BTC-6FEB26-60000-C"
    assert option_name("XRP", expiry, Decimal("1.65"), False) == "XRP-6FEB26-1d65-P"
    assert parse_option_name("XRP-6FEB26-1d65-P", "") == ("XRP", expiry, Decimal("1.65"), False)
    assert future_name("ETH", 1774598400) == "ETH-27MAR26"
    assert parse_future_name("ETH-27MAR26", "") == ("ETH", 1774598400)
    for bad in (
        "BTC-06FEB26-60000-C",
        "BTC-6FEB26-060000-C",
        "BTC-6FEB26-60000-X",
        "BTC-6FEB26-60000-C ",
        "",
    ):
        with pytest.raises(MarketSource):
            parse_option_name(bad, "")
