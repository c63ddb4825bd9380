"""What the tests of markets and accounts share: the demo's chains and a table schema without a rule file."""

from __future__ import annotations

from pathlib import Path

import pytest

from zkmargin.margin.chain import Chain
from zkmargin.margin.compact import read_source
from zkmargin.margin.schema import AxisSchema, ColumnSchema, LabelSchema, TableSchema

ROOT = Path(__file__).parents[2]
VECTORS = Path(__file__).parent / "vectors"
DEMO = ROOT / "demo"
LARGE = 10**15


@pytest.fixture(scope="session")
def morning() -> Chain:
    return read_source(DEMO / "chain_btc_20260205T093647Z.csv")


@pytest.fixture(scope="session")
def evening() -> Chain:
    return read_source(DEMO / "chain_btc_20260205T212937Z.csv")


@pytest.fixture(scope="session")
def schema() -> TableSchema:
    row, cell = ("instrument",), ("instrument", "scenario")
    return TableSchema(
        axes=(
            AxisSchema("instrument", capacity=1024),
            AxisSchema("scenario", size=35),
            AxisSchema("underlying", capacity=4),
            AxisSchema("series", capacity=512),
            AxisSchema("expiry", capacity=32),
        ),
        columns=(
            ColumnSchema("mark", row, 8, 0, LARGE),
            ColumnSchema("pnl", cell, 8, -LARGE, LARGE),
            ColumnSchema("is_option", row, 0, 0, 1),
            ColumnSchema("is_call", row, 0, 0, 1),
            ColumnSchema("unit_delta", row, 8, 0, 10**9),
            ColumnSchema("delta", row, 8, -(10**8), 10**8),
            ColumnSchema("strike", row, 2, 0, 10**9),
            ColumnSchema("forward", row, 2, 0, 10**9),
            ColumnSchema("expiry_time", row, 0, 0, 1 << 40),
        ),
        labels=(
            LabelSchema("underlying", "instrument", "underlying"),
            LabelSchema("series", "instrument", "series"),
            LabelSchema("expiry", "instrument", "expiry"),
        ),
        parameters=(
            ColumnSchema("short_rate", (), 2, 0, 10**8),
            ColumnSchema("offset_rate", (), 2, 0, 10**8),
            ColumnSchema("im_factor", (), 4, 10**4, 10**5),
        ),
        lot_decimals=4,
        cash_unit="usd",
        cash_decimals=6,
    )
