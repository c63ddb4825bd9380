"""Tables of HKSCC's margin."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from zkmargin.circuits.rules import check_tables, load_rules
from zkmargin.circuits.tables import table_schema
from zkmargin.errors import MarketSource, ParameterCondition
from zkmargin.margin.hkex import DAYS, STRESSED, Stock, hkex_figures

RULES = load_rules("hkex_es")
SCHEMA = table_schema(RULES)
SCANNED = Stock("700", 318.4, np.full(DAYS, -0.0123456), np.linspace(-0.1, 0.1, STRESSED), beta=1.25)
FLAT = Stock("8001", 0.85, group=2, threshold=10**7, rate=Fraction("0.1"))


def test_columns_and_labels() -> None:
    tables = hkex_figures([SCANNED, FLAT], {"holiday_f": 0.7320508075}).tables(SCHEMA)
    check_tables(RULES, tables)
    assert tables.columns["price"].values.tolist() == [318_400, 850]
    assert tables.columns["ret"].values[:, 0].tolist() == [-12_346, 0]
    assert tables.columns["stress_ret"].values[0, -1] == 100_000
    assert tables.columns["scanned"].values.tolist() == [1, 0]
    assert tables.columns["big"].values.tolist() == [5 * 10**8, 10**7]
    assert tables.columns["flat_rate"].values.tolist() == [1_200, 3_000, 5_500]
    assert tables.labels["group"].indices == (-1, 2)
    assert tables.parameters["holiday_f"].values == 7_320_508_075
    assert tables.parameters["lot"].values == 10_000


def test_what_is_refused() -> None:
    with pytest.raises(MarketSource, match="needs all returns"):
        hkex_figures([Stock("5", 60.0)])
    with pytest.raises(MarketSource, match="needs all returns"):
        hkex_figures([Stock("5", 60.0, np.zeros(DAYS), np.zeros(STRESSED - 1))])
    with pytest.raises(ParameterCondition, match="`ret`"):
        hkex_figures([Stock("5", 60.0, np.full(DAYS, 3.0), np.zeros(STRESSED))]).tables(SCHEMA)
    with pytest.raises(ParameterCondition, match="`flat_mult`"):
        hkex_figures([FLAT], {"flat_mult": 0.5}).tables(SCHEMA)
