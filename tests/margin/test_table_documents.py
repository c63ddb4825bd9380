"""Tables and listings: strict shapes, strict JSON, digests that do not move."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.errors import (
    AmountDecimals,
    InstrumentUnknown,
    IntFormat,
    ListingMismatch,
    SchemaType,
    SchemaUnknownField,
    ZkMarginError,
)
from zkmargin.margin.market import Market, Source
from zkmargin.margin.tables import Column, Instrument, Label, Listing, Tables


def small_tables() -> Tables:
    return Tables(
        sizes={"instrument": 3, "scenario": 2, "series": 2},
        names={
            "instrument": ("A", "B", "C"),
            "scenario": ("-16% vol up", "0% vol same"),
            "series": ("x", "y"),
        },
        columns={
            "mark": Column.of("mark", ("instrument",), 8, [100000000, 0, 250]),
            "pnl": Column.of("pnl", ("instrument", "scenario"), 8, [[-5, 0], [7, 10**20], [1, 2]]),
        },
        labels={"series": Label("series", "instrument", "series", (0, 1, -1))},
        parameters={"short_rate": Column.of("short_rate", (), 2, 71471)},
    )


def small_listing() -> Listing:
    return Listing(
        (
            Instrument("A", "option", "BTC", "BTC", "1", 1770364800, "60000", "call"),
            Instrument("B", "option", "BTC", "BTC", "1", 1770364800, "60000.5", "put"),
            Instrument("C", "perpetual", "BTC", "USD", "1"),
        ),
        lot_decimals=4,
        cash_unit="usd",
        cash_decimals=6,
    )


def test_golden_digests() -> None:
    assert small_tables().digest.hex() == "2273885a246a7b73ef21e71126fccf542eeac990a7842128b2068d5e9b561654"
    for thing in (small_tables(), small_listing()):
        assert hashlib.sha256(rfc8785.dumps(thing.to_json())).digest() == thing.digest
    assert small_listing().digest.hex() == "8466246ab6c36080bd2ee3a15963d917d6f3b21451cad217bbc3f31a457affa0"


def test_the_digest_covers_every_part() -> None:
    document = small_tables().to_json()
    digests = {Tables.of_json(document).digest}
    changes: list[tuple[list[Any], Any]] = [
        (["names", "instrument", 0], "Z"),
        (["columns", "mark", "decimals"], "7"),
        (["columns", "mark", "values", 1], "1"),
        (["columns", "pnl", "values", 0, 1], "-1"),
        (["labels", "series", "indices", 2], "0"),
        (["parameters", "short_rate", "value"], "71472"),
        (["parameters", "short_rate", "decimals"], "3"),
    ]
    for path, value in changes:
        changed = copy.deepcopy(document)
        node = changed
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
        digests.add(Tables.of_json(changed).digest)
    assert len(digests) == len(changes) + 1


def test_round_trips() -> None:
    tables, listing = small_tables(), replace(small_listing(), axes={"asset": ("USDC", "ETH")})
    assert Tables.of_json(json.loads(json.dumps(tables.to_json()))) == tables
    assert Listing.of_json(json.loads(json.dumps(listing.to_json()))) == listing
    market = Market(listing, tables, 1770284207, (Source("a.csv", bytes(32)),))
    again = Market.of_json(json.loads(json.dumps(market.to_json())))
    assert again == market
    assert again.sources_hash == market.sources_hash
    assert again.to_json() == market.to_json()


@given(
    st.lists(st.lists(st.integers(-(10**75), 10**75), min_size=2, max_size=2), min_size=1, max_size=5),
    st.integers(0, 38),
)
def test_any_integers_round_trip(values: list[list[int]], decimals: int) -> None:
    names = {"row": tuple(f"r{i}" for i in range(len(values))), "col": ("a", "b")}
    tables = Tables(
        sizes={"row": len(values), "col": 2},
        names=names,
        columns={"c": Column.of("c", ("row", "col"), decimals, values)},
    )
    again = Tables.of_json(json.loads(json.dumps(tables.to_json())))
    assert again == tables
    assert again.columns["c"] == tables.columns["c"]
    assert hash(again.columns["c"]) == hash(tables.columns["c"])
    assert again.columns["c"].values.tolist() == values


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        (["extra"], {}, SchemaUnknownField),
        (["columns", "mark", "unit"], "usd", SchemaUnknownField),
        (["labels", "series", "fixed"], True, SchemaUnknownField),
        (["sizes", "instrument"], "03", IntFormat),
        (["sizes", "instrument"], 3, IntFormat),
        (["sizes", "instrument"], "4", SchemaType),
        (["sizes", "instrument"], "0", SchemaType),
        (["sizes", "other"], "1", SchemaType),
        (["sizes"], [], SchemaType),
        (["names", "instrument"], ["A", "A", "C"], SchemaType),
        (["names", "instrument"], ["A", " B", "C"], SchemaType),
        (["names", "instrument"], ["A", "B\n", "C"], SchemaType),
        (["names", "instrument"], ["A", "", "C"], SchemaType),
        (["names", "instrument"], "ABC", SchemaType),
        (["columns", "mark", "decimals"], "39", SchemaType),
        (["columns", "mark", "decimals"], "-1", IntFormat),
        (["columns", "mark", "axes"], ["nowhere"], SchemaType),
        (["columns", "mark", "axes"], ["instrument", "instrument"], SchemaType),
        (["columns", "mark", "values"], ["1", "2"], SchemaType),
        (["columns", "mark", "values"], ["1", "2", ["3"]], IntFormat),
        (["columns", "mark", "values", 0], 1, IntFormat),
        (["columns", "mark", "values", 0], "+1", IntFormat),
        (["columns", "mark", "values", 0], "-0", IntFormat),
        (["columns", "mark", "values", 0], "01", IntFormat),
        (["columns", "mark", "values", 0], "1.0", IntFormat),
        (["columns", "mark", "values", 0], "1e3", IntFormat),
        (["columns", "mark", "values", 0], " 1", IntFormat),
        (["columns", "mark", "values", 0], "1\n", IntFormat),
        (["columns", "mark", "values", 0], "١", IntFormat),
        (["columns", "mark", "values", 0], "1" * 77, IntFormat),
        (["columns", "mark", "values", 0], None, IntFormat),
        (["columns", "pnl", "values", 1], ["1"], SchemaType),
        (["columns", "1st"], {"axes": [], "decimals": "0", "values": "1"}, SchemaType),
        (["columns", "short_rate"], {"axes": [], "decimals": "0", "values": "1"}, SchemaType),
        (["labels", "series", "indices"], ["0", "1"], SchemaType),
        (["labels", "series", "indices", 0], "2", SchemaType),
        (["labels", "series", "indices", 0], "-2", SchemaType),
        (["labels", "series", "target"], "nowhere", SchemaType),
        (["parameters", "short_rate", "value"], ["1"], IntFormat),
    ],
)
def test_what_tables_refuse(path: list[Any], value: Any, error: type[ZkMarginError]) -> None:
    document = small_tables().to_json()
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    with pytest.raises(error) as caught:
        Tables.of_json(document)
    assert caught.value.where.startswith(("tables", "column", "label"))


@pytest.mark.parametrize("key", ["sizes", "names", "columns", "labels", "parameters"])
def test_a_missing_key(key: str) -> None:
    document = small_tables().to_json()
    del document[key]
    with pytest.raises(SchemaType, match=f"`{key}` is missing"):
        Tables.of_json(document)


def test_columns_hold_integers_only() -> None:
    for bad in ([1.0], [True], ["1"], [None]):
        with pytest.raises(SchemaType, match="integers only"):
            Column.of("c", ("a",), 0, bad)
    assert Column("c", ("a",), 0, np.array([1, 2], dtype=np.int64)).values.tolist() == [1, 2]
    with pytest.raises(SchemaType, match="one dimension per axis"):
        Column.of("c", ("a",), 0, 5)
    with pytest.raises(IntFormat, match="76 digits"):
        Column.of("c", (), 0, 10**76)


def test_values_cannot_be_changed() -> None:
    tables = small_tables()
    with pytest.raises(ValueError, match="read-only"):
        tables.columns["mark"].values[0] = 1
    with pytest.raises(TypeError):
        tables.columns["other"] = tables.columns["mark"]  # type: ignore[index]
    source = np.array([1, 2], dtype=object)
    column = Column("c", ("a",), 0, source)
    source[0] = 9
    assert column.values.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": "swap"}, SchemaType),
        ({"strike": None}, SchemaType),
        ({"optionType": None}, SchemaType),
        ({"optionType": "straddle"}, SchemaType),
        ({"expiry": None}, SchemaType),
        ({"expiry": "0"}, SchemaType),
        ({"expiry": 1770364800}, IntFormat),
        ({"strike": "0"}, SchemaType),
        ({"strike": "60000.0"}, AmountDecimals),
        ({"strike": "6e4"}, AmountDecimals),
        ({"multiplier": "-1"}, AmountDecimals),
        ({"multiplier": "0"}, SchemaType),
        ({"kind": "future"}, SchemaType),
        ({"note": "x"}, SchemaUnknownField),
        ({"id": ""}, SchemaType),
    ],
)
def test_what_instruments_refuse(changes: dict[str, Any], error: type[ZkMarginError]) -> None:
    document = small_listing().to_json()
    document["instruments"][0] |= changes
    with pytest.raises(error):
        Listing.of_json(document)


def test_listing_rows_and_suggestions() -> None:
    listing = Listing((Instrument("BTC-27MAR26", "future", "BTC", "USD", "1", 1774598400),), 4, "usd", 6)
    assert listing.row("BTC-27MAR26") == 0
    with pytest.raises(InstrumentUnknown, match="did you mean `BTC-27MAR26`"):
        listing.row("BTC-27MAR25", "account.csv:4")
    with pytest.raises(SchemaType, match="named twice"):
        Listing((*listing.instruments, *listing.instruments), 4, "usd", 6)
    with pytest.raises(SchemaType, match="named twice"):
        Listing((), 4, "usd", 6, {"asset": ("ETH", "ETH")})
    with pytest.raises(SchemaType, match="the rows of instruments are the instruments"):
        Listing((), 4, "usd", 6, {"instrument": ("ETH",)})


def test_market_ties_rows_to_the_listing() -> None:
    tables, listing = small_tables(), small_listing()
    swapped = Listing((listing.instruments[1], listing.instruments[0], listing.instruments[2]), 4, "usd", 6)
    with pytest.raises(ListingMismatch):
        Market(swapped, tables, 1, ())
    for names in ((), ("up", "down"), ("down", "up", "same")):
        with pytest.raises(ListingMismatch, match="along `scenario`"):
            Market(replace(listing, axes={"scenario": names}), tables, 1, ())
    named = replace(listing, axes={"scenario": tables.names["scenario"], "asset": ("USDC",)})
    assert Market(named, tables, 1, ()).listing.digest != listing.digest
    with pytest.raises(SchemaType, match="priceTime"):
        Market(listing, tables, 0, ())
    with pytest.raises(SchemaType, match="32 bytes"):
        Source("a", b"")


def test_a_full_table_is_read_fast() -> None:
    rows, scenarios = 900, 35
    values = [[(i * 7919 + j * 104729) * 10**6 - 10**12 for j in range(scenarios)] for i in range(rows)]
    tables = Tables(
        sizes={"instrument": rows, "scenario": scenarios},
        names={"instrument": tuple(map(str, range(rows))), "scenario": tuple(map(str, range(scenarios)))},
        columns={"pnl": Column.of("pnl", ("instrument", "scenario"), 8, values)},
    )
    document = tables.to_json()
    fastest = 1.0
    for _ in range(5):
        start = time.perf_counter()
        Tables.of_json(document)
        fastest = min(fastest, time.perf_counter() - start)
    # 15 ms when alone; the bound only catches a change of order.
    assert fastest < 0.5
