"""Binance's brackets, Hyperliquid's margin tables: real files to tables, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from venue_files import (
    BRACKETS,
    HYPERLIQUID,
    OLD_BRACKETS,
    as_bytes,
    brackets,
    brackets_json,
    hyperliquid_marks,
    meta,
    premium_index,
)

from zkmargin.circuits.rules import check_tables, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import Capacity, MarketSource
from zkmargin.margin.assemble import assemble_market
from zkmargin.margin.binance import contracts, format_brackets, parse_brackets, parse_compact, parse_marks
from zkmargin.margin.brackets import Tier, bracket_columns, check_tiers, deductions, of_leverage
from zkmargin.margin.hyperliquid import hyperliquid_figures
from zkmargin.margin.perpetuals import contract_figures

TIME = 1774483200
MARKS = {"BTCUSDT": "66344.1", "ETHUSDT": "1923.55", "ETHBTC": "0.02899", "BTCUSDT_260626": "67000"}


def marks_of(prices: dict[str, str]) -> bytes:
    return as_bytes(premium_index(prices, TIME))


# --- Binance --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [BRACKETS, OLD_BRACKETS], ids=["2026", "2024"])
def test_compact_and_venue_forms_are_the_same(path: Any) -> None:
    held = brackets(path)
    read = parse_brackets(as_bytes(brackets_json(held)), "venue.json")
    assert read.schedules == held.schedules
    again = parse_compact(format_brackets(read).encode(), "again.csv")
    assert again.schedules == held.schedules
    assert [source.name for source in again.sources] == ["again.csv", "venue.json"]


def test_one_symbol_comes_as_an_object() -> None:
    (entry, *_) = brackets_json(brackets(OLD_BRACKETS))
    read = parse_brackets(as_bytes(entry | {"notionalCoef": "1.00"}), "one.json")
    assert read.schedules == {entry["symbol"]: brackets(OLD_BRACKETS).schedules[entry["symbol"]]}


def test_all_contracts_of_the_venue_fit_one_rule_set() -> None:
    """Every tier of every symbol: rate and deduction are the ratio and `cum` that the venue published."""
    rules = load_rules("binance_usdm")
    held, random = brackets(), Random(1)
    prices = {symbol: f"{random.uniform(1e-5, 1e5):.8f}" for symbol in held.schedules}
    listed = contracts(held, parse_marks(marks_of(prices | MARKS), "marks.json"))
    market = assemble_market(contract_figures("contracts", listed, held.sources), table_schema(rules))
    check_tables(rules, market.tables)
    assert market.tables.sizes == {"instrument": 698, "tier": 12}
    assert market.price_time == TIME
    assert len({instrument.expiry for instrument in market.listing.instruments}) == 3
    rate, deduction = (market.tables.columns[name] for name in ("rate", "deduction"))
    for row, (symbol, schedule) in enumerate(held.schedules.items()):
        if symbol == "ETHBTC":
            continue
        for tier, bracket in enumerate(schedule):
            assert Decimal(rate.values[row, tier]).scaleb(-rate.decimals) == bracket.rate
            assert Decimal(deduction.values[row, tier]).scaleb(-deduction.decimals) == bracket.cum


def test_another_quote_asset_counts_at_its_mark() -> None:
    listed = contracts(brackets(), parse_marks(marks_of(MARKS), "marks.json"), ("ETHBTC", "BTCUSDT_260626"))
    cross, dated = listed
    assert cross.mark == Fraction("0.02899") * Fraction("66344.1")
    assert cross.tiers[0].bound == 5 * Fraction("66344.1")
    assert (cross.base, cross.quote, cross.expiry) == ("ETH", "BTC", None)
    assert (dated.instrument.kind, dated.expiry) == ("future", 1782460800)
    schema = table_schema(load_rules("cross_bracket"))
    built = assemble_market(contract_figures("contracts", listed, ()), schema)
    check_tables(load_rules("cross_bracket"), built.tables)
    rate, cut, bound = (built.tables.columns[name].values[0].tolist() for name in ("rate", "deduction", "bound"))
    assert bound[0] == 33172050
    assert built.tables.columns["mark"].values[0] == 192331545900
    published = _published("ETHBTC")
    for notional in (10**5, 10**8, 10**10):  # the charge in USD is at least that in BTC at the mark
        tier = next((k for k, most in enumerate(bound[:-1]) if notional <= most), len(bound) - 1)
        charge = Fraction(rate[tier], 10**8) * Fraction(notional, 100) - Fraction(cut[tier], 10**10)
        coins = Fraction(notional, 100) / Fraction("66344.1")
        exact = max(coins * t.rate - d for t, d in zip(published, deductions(published), strict=True))
        assert 0 <= charge - exact * Fraction("66344.1") < Fraction(1, 100)


def _published(symbol: str) -> list[Tier]:
    return [
        Tier(Fraction(bracket.cap), Fraction(bracket.rate), Fraction(1, bracket.leverage))
        for bracket in brackets().schedules[symbol]
    ]


def test_marks_as_csv_tell_no_time() -> None:
    marks = parse_marks(b"symbol,price\nBTCUSDT,66344.1\n", "marks.csv")
    figures = contract_figures("contracts", contracts(brackets(), marks, ("BTCUSDT",)), ())
    schema = table_schema(load_rules("cross_bracket"))
    with pytest.raises(MarketSource, match=r"do not tell the time of their prices.*--price-time"):
        assemble_market(figures, schema)
    assert assemble_market(figures, schema, price_time=5).price_time == 5
    timed = parse_marks(marks_of(MARKS), "marks.json")
    told = contract_figures("contracts", contracts(brackets(), timed, ("BTCUSDT",)), ())
    with pytest.raises(MarketSource, match="tell the time of their prices"):
        assemble_market(told, schema, price_time=5)


def first(change: Callable[[dict[str, Any]], object]) -> Callable[[list[dict[str, Any]]], object]:
    return lambda entries: change(entries[0])


def tier(number: int, **fields: Any) -> Callable[[list[dict[str, Any]]], object]:
    return lambda entries: entries[0]["brackets"][number].update(fields)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda entries: entries.clear(), "must be an array that is not empty"),
        (lambda entries: entries.append(entries[0]), "a symbol comes twice"),
        (first(lambda entry: entry.pop("symbol")), "has no field `symbol`"),
        (first(lambda entry: entry.update(coef=1)), "the field `coef` is not known"),
        (first(lambda entry: entry.update(notionalCoef=1.5)), "multiplied for one account"),
        (first(lambda entry: entry["brackets"].clear()), "must be an array that is not empty"),
        (first(lambda entry: entry["brackets"][0].pop("cum")), "has no field `cum`"),
        (tier(0, extra=1), "the field `extra` is not known"),
        (tier(1, bracket=3), "numbered from 1"),
        (tier(1, notionalFloor=1), "begin where the one before ends"),
        (tier(0, notionalFloor=1), "begin where the one before ends"),
        (tier(0, notionalCap="much"), "`notionalCap` is not a number"),
        (tier(0, notionalCap=0), "must be above zero"),
        (tier(0, notionalCap=True), "must be a number; got true or false"),
        (tier(1, maintMarginRatio=0.001), "bounds and rates of tiers rise"),
        (tier(0, maintMarginRatio=1.1), "a rate above 0, at most 1"),
        (tier(0, maintMarginRatio=0), "a rate above 0, at most 1"),
        (tier(1, cum=99), "`cum` does not follow"),
        (tier(0, cum=0.001), "`cum` does not follow"),
        (tier(1, initialLeverage=75), "leverage falls"),
        (tier(1, initialLeverage=1.5), "must be a whole number"),
    ],
)
def test_brackets_that_are_refused(change: Callable[[list[dict[str, Any]]], object], words: str) -> None:
    entries = brackets_json(brackets(OLD_BRACKETS))
    entries[0]["brackets"][0]["initialLeverage"] = 75
    change(entries)
    with pytest.raises(MarketSource) as caught:
        parse_brackets(as_bytes(entries), "brackets.json")
    assert words in str(caught.value)
    assert "brackets.json" in caught.value.where


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not JSON text"),
        (b"[" * 100_000, "not JSON text"),
        (b"\xff", "not JSON text"),
        (b'[{"symbol": "A", "symbol": "A"}]', "the field `symbol` comes twice"),
        (b'[{"symbol": NaN}]', "not a number"),
        (b'[{"symbol": 1e9999}]', "not a number"),
        (b'[{"symbol": ' + b"9" * 5000 + b"}]", "not a number"),
        (b"7", "must be an array"),
        (b"[7]", "must be an object"),
        (b'[{"symbol": "", "brackets": []}]', "must be text"),
    ],
)
def test_text_that_is_no_document(content: bytes, words: str) -> None:
    with pytest.raises(MarketSource, match=words):
        parse_brackets(content, "brackets.json")


COMPACT = "brackets,1\nsource,a,0x" + "00" * 32 + "\ntier,10,0.01,0,20\ntier,20,0.02,0.1,10\nsymbols,AUSDT,BUSDT\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (COMPACT.replace("brackets,1", "brackets,2"), "unsupported version"),
        (COMPACT.replace("brackets,1\n", ""), "begins with `brackets,1`"),
        (COMPACT + "brackets,1\n", "begins with `brackets,1`"),
        (COMPACT + "source,b,0x" + "00" * 32 + "\n", "begins with `brackets,1`"),
        (COMPACT.replace("0x" + "00" * 32, "0x00"), "a name and a SHA-256 digest"),
        (COMPACT.replace("symbols,AUSDT,BUSDT", "symbols,AUSDT,AUSDT"), "a symbol comes twice"),
        (COMPACT.replace("symbols,AUSDT,BUSDT", "symbols,"), "must be text"),
        (COMPACT.replace("0.1,10", "0.1"), "a tier has cap, ratio, cum"),
        (COMPACT.replace("0.1,10", "0.2,10"), "`cum` does not follow"),
        (COMPACT.replace("0.1,10", "x,10"), "`tier` is not a number"),
        (COMPACT.rpartition("symbols")[0], "ends early"),
        (COMPACT + "tier,10,0.01,0,20\n", "ends early"),
        (COMPACT + "\n", "unknown record"),
        ("brackets,1\nsymbols,AUSDT\n", "unknown record, or out of order"),
    ],
)
def test_compact_files_that_are_refused(text: str, words: str) -> None:
    assert list(parse_compact(COMPACT.encode(), "good.csv").schedules) == ["AUSDT", "BUSDT"]
    with pytest.raises(MarketSource, match=words):
        parse_compact(text.encode(), "bad.csv")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'[{"symbol": "BTCUSDT", "markPrice": "1"}]', "has no field `time`"),
        (as_bytes(premium_index(MARKS, TIME) + premium_index(MARKS, TIME)), "a symbol comes twice"),
        (b"symbol,price\nBTCUSDT,0\n", "must be above zero"),
        (b"symbol,price\nBTCUSDT,1\nBTCUSDT,1\n", "a symbol comes twice"),
        (b"symbol,last\nBTCUSDT,1\n", "no column `price`"),
        (b"symbol,price\n\xff,1\n", "not UTF-8"),
        (as_bytes(premium_index({"BTCUSDT": "0"}, TIME)), "`BTCUSDT` has no mark"),
        (b"symbol,price\nETHBTC,1\n", "`BTCUSDT` has no mark"),
    ],
)
def test_marks_that_are_refused(content: bytes, words: str) -> None:
    with pytest.raises(MarketSource, match=words):
        contracts(brackets(), parse_marks(content, "marks"), ("BTCUSDT", "ETHBTC"))


def test_contracts_that_are_not_there() -> None:
    marks = parse_marks(marks_of(MARKS), "marks.json")
    with pytest.raises(MarketSource, match="`NOPE` has no brackets"):
        contracts(brackets(), marks, ("NOPE",))
    odd = parse_compact(COMPACT.replace("AUSDT", "AEUR").replace("BUSDT", "BUSDT_260631").encode(), "odd.csv")
    with pytest.raises(MarketSource, match="the quote asset of `AEUR` is not known"):
        contracts(odd, marks, ("AEUR",))
    with pytest.raises(MarketSource, match="not a date"):
        contracts(odd, marks, ("BUSDT_260631",))
    twice = contracts(brackets(), marks, ("BTCUSDT", "BTCUSDT"))
    with pytest.raises(MarketSource, match="listed twice"):
        contract_figures("contracts", twice, ())


# --- Hyperliquid ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "count"), [("20250822", 171), ("20260206", 189)])
def test_all_perpetuals_of_hyperliquid_fit_its_rule_set(day: str, count: int) -> None:
    """Markets that are delisted or isolated stay out. The first tier's rate is half of 1 / maxLeverage, rounded up."""
    rules = load_rules("hyperliquid")
    figures = hyperliquid_figures(HYPERLIQUID[day].read_bytes(), "meta.json")
    market = assemble_market(figures, table_schema(rules), price_time=TIME)
    check_tables(rules, market.tables)
    assert market.tables.sizes == {"instrument": count, "tier": 2}
    universe = {entry["name"]: entry for entry in meta(day)[0]["universe"]}
    for row, instrument in enumerate(market.listing.instruments):
        entry, rate = universe[instrument.id], int(market.tables.columns["rate"].values[row, 0])
        assert not entry.get("isDelisted")
        assert not entry.get("onlyIsolated")
        assert 0 <= rate - Fraction(10**8, 2 * int(entry["maxLeverage"])) < 1
        mark = Decimal(int(market.tables.columns["mark"].values[row])).scaleb(-8)
        assert mark == Decimal(hyperliquid_marks(day)[instrument.id])
    btc = market.listing.row("BTC")
    assert market.tables.columns["bound"].values[btc, 0] == 150_000_000_00
    assert market.tables.columns["deduction"].values[btc].tolist() == [0, 1_875_000 * 10**10]


def test_isolated_markets_are_listed_by_name() -> None:
    content = HYPERLIQUID["xyz_20260206"].read_bytes()
    with pytest.raises(MarketSource, match=r"no market can be margined with others.*--only"):
        hyperliquid_figures(content, "xyz.json")
    figures = hyperliquid_figures(content, "xyz.json", ("xyz:XYZ100",))
    rules = load_rules("isolated_bracket")
    market = assemble_market(figures, table_schema(rules), price_time=TIME)
    check_tables(rules, market.tables)
    assert market.tables.columns["rate"].values.tolist() == [[2_000_000]]
    assert [instrument.id for instrument in market.listing.instruments] == ["xyz:XYZ100"]
    for coin in ("MATIC", "NOPE"):
        with pytest.raises(MarketSource, match=f"`{coin}` is not listed"):
            hyperliquid_figures(HYPERLIQUID["20260206"].read_bytes(), "meta.json", ("BTC", coin))


def at(path: str, value: Any) -> Callable[[list[Any]], None]:
    """Set what the path leads to, or (``...``) delete it."""

    def change(document: Any) -> None:
        *steps, last = [int(step) if step.lstrip("-").isdigit() else step for step in path.split("/")]
        for step in steps:
            document = document[step]
        if value is ...:
            del document[last]
        else:
            document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda document: document.append({}), "an array of meta and contexts"),
        (at("0/collateralToken", 235), "the collateral of these markets is not USDC"),
        (at("0/news", 1), "the field `news` is not known"),
        (at("0/universe/3", ...), "markets and contexts differ in number"),
        (at("0/universe/1/name", "BTC"), "a market comes twice"),
        (at("0/universe/0/newMode", 1), "the field `newMode` is not known"),
        (at("0/universe/0/marginMode", "half"), "the margin mode is not known"),
        (at("0/universe/0/isDelisted", "no"), "must be true or false"),
        (at("0/universe/0/maxLeverage", 41), "`maxLeverage` is not that of the margin table"),
        (at("0/universe/0/maxLeverage", 0), "leverage is between 1 and 1,000"),
        (at("0/universe/0/marginTableId", 57), "there is no margin table 57"),
        (at("0/universe/0/marginTableId", 0), "there is no margin table 0"),
        (at("0/marginTables/0/0", 49), "takes the number of a simple one"),
        (at("0/marginTables/0/0", 51), "a table comes twice"),
        (at("0/marginTables/0", [51]), "must be a number and a table"),
        (at("0/marginTables/1/1/marginTiers/0/lowerBound", "1"), "the first tier begins at 0"),
        (at("0/marginTables/1/1/marginTiers/1/maxLeverage", 20), "bounds and rates of tiers rise"),
        (at("0/marginTables/1/1/marginTiers/1/lowerBound", "-5"), "a tier needs a bound above 0"),
        (at("0/marginTables/1/1/marginTiers/1/rate", 1), "the field `rate` is not known"),
        (at("1/0/markPx", ...), "has no field `markPx`"),
        (at("1/0/markPx", "0.0"), "must be above zero"),
        (at("1/0/markPx", None), "must be a number; got null"),
        (at("1/0/newPx", "1"), "the field `newPx` is not known"),
    ],
)
def test_answers_that_are_refused(change: Callable[[list[Any]], object], words: str) -> None:
    document = meta()
    change(document)
    with pytest.raises(MarketSource) as caught:
        hyperliquid_figures(as_bytes(document), "meta.json")
    assert words in str(caught.value)


# --- columns --------------------------------------------------------------------------------------------------------


def test_rounding_never_lowers_the_charge() -> None:
    """Tables against exact tiers, at notionals around every bound."""
    schema, random = table_schema(load_rules("cross_bracket")), Random(3)
    for _ in range(30):
        lower = sorted({0, *(Fraction(random.randint(1, 10**9), 7) for _ in range(3))})
        leverage = sorted(random.sample(range(1, 60), len(lower)), reverse=True)
        tiers = of_leverage(lower, leverage, 10**10)
        check_tiers(tiers, "random")
        columns = bracket_columns([tiers], schema)
        parts = {name: [Fraction(x, 10**c.decimals) for x in c.values[0].tolist()] for name, c in columns.items()}
        for bound in lower:
            for notional in (bound, bound + 1, bound * 3 / 2):
                exact = max(notional * t.rate - cut for t, cut in zip(tiers, deductions(tiers), strict=True))
                lines = zip(parts["rate"], parts["deduction"], strict=True)
                assert 0 <= max(notional * rate - cut for rate, cut in lines) - exact <= notional / 10**8 + 1
        for tier, initial in zip(tiers, parts["initial_rate"], strict=True):
            assert 0 <= initial - tier.initial < Fraction(1, 10**6)
            assert tier.initial == 2 * tier.rate


def test_tiers_whose_leverage_is_not_told_have_none() -> None:
    """A row of a table of one's own: the initial rate is 1, and a rule set without one does not ask."""
    tiers = [Tier(Fraction(10), Fraction(1, 100))]
    columns = bracket_columns([tiers], table_schema(load_rules("cross_bracket")))
    assert columns["initial_rate"].values.tolist() == [[10**6]]
    assert "initial_rate" not in bracket_columns([tiers], table_schema(load_rules("hyperliquid")))


def test_tables_that_have_no_room() -> None:
    figures = hyperliquid_figures(HYPERLIQUID["20260206"].read_bytes(), "meta.json")
    with pytest.raises(Capacity, match=r"`instrument` is full.*--only"):
        assemble_market(figures, table_schema(load_rules("cross_bracket")), price_time=TIME)
    few = hyperliquid_figures(HYPERLIQUID["20260206"].read_bytes(), "meta.json", ("ETH", "BTC"))
    assert [instrument.id for instrument in few.instruments] == ["ETH", "BTC"]
    with pytest.raises(MarketSource, match="nothing for the column `imf`"):
        assemble_market(few, table_schema(load_rules("paradex_cross")), price_time=TIME)
    with pytest.raises(MarketSource, match="nothing for the axis `scenario`"):
        assemble_market(figures, table_schema(load_rules("portfolio_scan")), price_time=TIME)


@pytest.mark.parametrize(
    ("tiers", "words"),
    [
        ([], "no tiers"),
        ([(0, "0.1")], "a bound above 0"),
        ([(1, "0.1"), (1, "0.2")], "rise"),
        ([(1, "0.1"), (2, "0.1")], "rise"),
    ],
)
def test_tiers_that_are_none(tiers: list[tuple[int, str]], words: str) -> None:
    with pytest.raises(MarketSource, match=words):
        check_tiers([Tier(Fraction(bound), Fraction(rate)) for bound, rate in tiers], "here")


@pytest.mark.parametrize(
    ("initial", "words"),
    [
        (
            ("0.05", "0.2"),
            "the largest leverage of a tier is at least 1, at most 1 / its maintenance rate; here, tier 1",
        ),
        (("0.2", "1.1"), "at most 1 / its maintenance rate; here, tier 2"),
        (("0.5", "0.4"), "bounds and rates of tiers rise; here, tier 2"),
    ],
)
def test_leverage_that_is_none(initial: tuple[str, str], words: str) -> None:
    tiers = [Tier(Fraction(at), Fraction(at, 10), Fraction(rate)) for at, rate in enumerate(initial, 1)]
    with pytest.raises(MarketSource, match=re.escape(words)):
        check_tiers(tiers, "here")
