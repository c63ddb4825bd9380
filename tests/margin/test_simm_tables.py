"""Tables and account columns of ISDA SIMM: figures, symmetry, netting."""

from __future__ import annotations

from fractions import Fraction
from math import erf, sqrt

import numpy as np
import pytest

from zkmargin.circuits.rules import check_tables, load_rules
from zkmargin.errors import Capacity, MarketSource
from zkmargin.margin.crif import Sensitivity, equity_columns, fx_columns
from zkmargin.margin.simm import (
    BUCKETS,
    TENORS,
    curvature_scale,
    equity_tables,
    fx_tables,
    pair_of,
    tail_factor,
    volatility_factor,
)


def _cdf(x: float) -> float:
    return (1 + erf(x / sqrt(2))) / 2


def test_factors_are_those_of_the_normal_distribution_and_the_rules_defaults() -> None:
    assert _cdf(sqrt(365 / 14) / float(volatility_factor())) == pytest.approx(0.99, abs=1e-12)
    assert _cdf(sqrt(float(tail_factor()) + 1)) == pytest.approx(0.995, abs=1e-12)
    for name in ("simm_equity", "simm_fx"):
        defaults = {parameter.name: parameter.default for parameter in load_rules(name).parameters}
        assert defaults["vol"] == round(volatility_factor() * 10**12)
        assert defaults["tail"] == round(tail_factor() * 10**12)


def test_curvature_scales() -> None:
    assert curvature_scale("2w") == Fraction(1, 2)
    assert curvature_scale("1m") == Fraction(14 * 12, 365) / 2
    assert curvature_scale("30y") == Fraction(14, 30 * 365) / 2
    scales = [curvature_scale(tenor) for tenor in TENORS]
    assert scales == sorted(scales, reverse=True)
    with pytest.raises(MarketSource):
        curvature_scale("4m")


def test_equity_tables_are_symmetric_and_fit() -> None:
    tables = equity_tables()
    check_tables(load_rules("simm_equity"), tables)
    gamma = tables.columns["gamma"].values
    assert (gamma == gamma.T).all()
    assert not gamma.diagonal().any()
    assert not gamma[12].any()
    assert gamma[10, 11] == 4500
    assert gamma[7, 5] == 3300
    assert np.linalg.eigvalsh(gamma[:12, :12].astype(float) / 10**4 + np.eye(12)).min() > 0
    assert tables.columns["rho"].values[12] == 0  # nothing offsets in the residual bucket
    assert not tables.columns["curvature_weight"].values[11].any()  # nor bend volatility indexes
    assert tables.columns["delta_load"].values[0] == 10**17  # 1 / 10 millions at 24 decimals
    assert tables.columns["vega_weight"].values[0] == round(Fraction("0.58") * 26 * Fraction("0.45") * 10**5)


def test_fx_tables_depend_on_volatile_currencies() -> None:
    tables = fx_tables(["EUR", "BRL", "USD", "TRY"], ["EURUSD", "USDBRL", "BRLTRY", "QARUSD"])
    check_tables(load_rules("simm_fx"), tables)
    assert tables.columns["delta_weight"].values[:5].tolist() == [74_000, 136_000, 0, 136_000, 0]
    places = {pair: row for row, pair in enumerate(tables.names["two"])}
    rho = tables.columns["delta_rho"].values
    assert [rho[places[pair]] for pair in ("1 2", "1 3", "2 4", "1 5")] == [2_700, 5_000, 4_200, 0]
    high = fx_tables(["EUR", "BRL", "USD", "TRY"], [], calculation="BRL")
    rho = high.columns["delta_rho"].values
    assert [rho[places[pair]] for pair in ("1 2", "1 3", "2 4")] == [5_400, 8_500, 5_000]
    assert high.columns["delta_weight"].values[:4].tolist() == [136_000, 0, 136_000, 146_000]
    loads = tables.columns["delta_load"].values
    assert loads[0] == round(Fraction(10**24, 5_100_000_000))
    assert loads[1] == round(Fraction(10**24, 1_200_000_000))
    assert tables.names["fx"][:4] == ("EURUSD", "BRLUSD", "BRLTRY", "QARUSD")
    for bad in (["EUR", "EUR"], [f"A{row:02}" for row in range(17)]):
        with pytest.raises(MarketSource):
            fx_tables(bad, [])


def test_pairs_have_no_direction() -> None:
    assert pair_of("USDGBP") == pair_of("gbpusd") == "GBPUSD"
    for bad in ("USD", "USDGBPX", "USD/GB"):
        with pytest.raises(MarketSource):
            pair_of(bad)


def _line(risk: str, qualifier: str, amount: int, bucket: str = "", tenor: str = "") -> Sensitivity:
    return Sensitivity("Equity", risk, qualifier, bucket, tenor, Fraction(amount))


def test_equity_lines_net_by_issuer_and_tenor() -> None:
    columns = equity_columns(
        [
            _line("Risk_Equity", "A", 5, "1"),
            _line("Risk_Equity", "B", 7, "1"),
            _line("Risk_Equity", "A", -2, "1"),
            _line("Risk_EquityVol", "B", 11, "1", "1Y"),
            _line("Risk_EquityVol", "B", 1, "1", "1y"),
            _line("Risk_Equity", "A", 3, "residual"),
        ]
    )
    assert columns["delta"][0, :2].tolist() == [3, 7]
    assert columns["delta"][12, 0] == 3
    assert columns["vega"][0, 1, TENORS.index("1y")] == 12
    assert columns["vega"].sum() == 12
    assert columns["delta"].shape == (len(BUCKETS), 6)


def test_fx_lines_net_by_currency_and_pair() -> None:
    columns, currencies, pairs = fx_columns(
        [
            _line("Risk_FX", "EUR", 5),
            _line("Risk_FX", "GBP", 2),
            _line("Risk_FX", "EUR", -9),
            _line("Risk_FXVol", "USDGBP", 4, tenor="3m"),
            _line("Risk_FXVol", "GBPUSD", 5, tenor="3m"),
        ]
    )
    assert (currencies, pairs) == (["EUR", "GBP"], ["GBPUSD"])
    assert columns["delta"][:2].tolist() == [-4, 2]
    assert columns["vega"][0, TENORS.index("3m")] == 9


@pytest.mark.parametrize(
    "line",
    [
        _line("Risk_Equity", "A", 1, "13"),
        _line("Risk_EquityVol", "A", 1, "1", "4m"),
        _line("Risk_FX", "EUR", 1, "1"),
    ],
)
def test_lines_that_are_no_equity_risk(line: Sensitivity) -> None:
    with pytest.raises(MarketSource):
        equity_columns([line])


def test_more_issuers_than_rows() -> None:
    with pytest.raises(Capacity):
        equity_columns([_line("Risk_Equity", f"A{row}", 1, "1") for row in range(7)])
    with pytest.raises(Capacity):
        fx_columns([_line("Risk_FX", f"A{row}", 1) for row in range(17)])
    with pytest.raises(MarketSource):
        fx_columns([_line("Risk_Equity", "A", 1, "1")])
