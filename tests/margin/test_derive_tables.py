"""Tables of Derive's managers: each figure against a second calculation, and what cannot be built."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from test_pricing import scalar_black_76

from zkmargin.errors import MarketSource
from zkmargin.margin.chain import Chain
from zkmargin.margin.derive import ConfidenceCharge, Doubts, ExpiryFeed, OptionTerms, PegCharge, Underlying
from zkmargin.margin.derive_pmrm import Pmrm1Parameters, pmrm1_figures
from zkmargin.margin.derive_pmrm2 import (
    Collateral,
    Pmrm2Parameters,
    SkewMove,
    SkewScenario,
    SkewShock,
    pmrm2_figures,
)
from zkmargin.margin.derive_srm import SrmParameters, srm_figures
from zkmargin.margin.scenarios import Scenario, VolatilityMove

DAY = 86_400
NEAR, FAR = ExpiryFeed("NEAR", 10 * DAY, 1990.0, 12.0, 0.05, 0.9), ExpiryFeed("FAR", 80 * DAY, 2010.0, rate=-0.3)
OPTIONS = (
    OptionTerms(0, 2000.0, True, 0.5),
    OptionTerms(0, 2000.0, False, 0.5),
    OptionTerms(0, 2300.0, True, 0.55),
    OptionTerms(1, 1500.0, False, 0.6),
)
ETH = Underlying("ETH", 2000.0, (NEAR, FAR), OPTIONS, perp=2001.0)
USDT = Collateral("USDT", 0.999, 0.05, 0.02)


def value(row: int, move: float = 1.0, factor: float = 1.0, least: float = 0.0) -> float:
    """One option of ETH, on the standard library alone."""
    option = OPTIONS[row]
    feed = ETH.expiries[option.expiry]
    volatility = max(least, option.volatility * factor)
    return scalar_black_76(
        feed.variable * move + feed.fixed, option.strike, volatility, feed.seconds / (365 * DAY), option.is_call
    )


def test_names_and_labels() -> None:
    names = pmrm1_figures(ETH).names
    assert names["instrument"] == ("ETH-NEAR-2000-C", "ETH-NEAR-2000-P", "ETH-NEAR-2300-C", "ETH-FAR-1500-P")
    assert names["series"] == ("NEAR-2000", "NEAR-2300", "FAR-1500")
    assert pmrm1_figures(ETH).labels == {"expiry": (0, 0, 0, 1), "series": (0, 0, 1, 2)}
    assert len(names["scenario"]) == 21
    assert names["scenario"][0] == "+15% vol up"


def test_options_of_a_chain(morning: Chain) -> None:
    listed = [quote.id for quote in morning.options[100:110]]
    market = Underlying.of_chain(morning, listed, stable=0.99)
    assert sorted(market.option_names) == sorted(listed)
    assert market.perp == float(morning.futures[-1].price)
    assert (market.spot, market.stable) == (morning.index, 0.99)
    for option, quote in zip(market.options, morning.options[100:110], strict=True):
        feed = market.expiries[option.expiry]
        assert (feed.variable, feed.seconds) == (morning.forwards[quote.expiry], quote.expiry - morning.time)


@pytest.mark.parametrize("row", range(4))
def test_version_1_revalues_options(row: int) -> None:
    figures = pmrm1_figures(ETH)
    days = ETH.expiries[OPTIONS[row].expiry].seconds / DAY
    power = 0.3 if days <= 30 else 0.13
    columns = figures.columns
    assert columns["value"][row] == pytest.approx(value(row), abs=1e-9)
    assert columns["up"][row] == pytest.approx(value(row, 1.05) - value(row), abs=1e-9)
    assert columns["down"][row] == pytest.approx(value(row, 0.95) - value(row), abs=1e-9)
    rising, falling = 1 + 0.45 * (30 / days) ** power, 1 - 0.3 * (30 / days) ** power
    assert columns["shocked"][row, 0] == pytest.approx(value(row, 1.15, rising), abs=1e-9)
    assert columns["shocked"][row, 20] == pytest.approx(value(row, 0.85, falling), abs=1e-9)
    assert columns["shocked"][row, 10] == pytest.approx(columns["value"][row])


def test_version_1_discounts_and_moves() -> None:
    figures = pmrm1_figures(replace(ETH, stable=0.9))
    near, far = 10 / 365, 80 / 365  # the far rate is negative: taken as 0
    assert figures.columns["discount"] == pytest.approx(
        [0.95 * math.exp(-near * (0.05 * 4 + 0.05)), 0.95 * math.exp(-far * 0.05)]
    )
    assert figures.columns["basis_f"] == pytest.approx([0.25 + 0.01 * near, 0.25 + 0.01 * far])
    assert figures.columns["perp_move"][[0, 10, 20]] == pytest.approx([300.15, 0, -300.15])
    assert figures.columns["base_move"][20] == pytest.approx(-0.15 * 2000 / 0.9)
    assert figures.parameters["base_value"] == pytest.approx(2000 / 0.9)
    assert figures.parameters["im_factor"] == pytest.approx(1.3 + 2 * 0.08)


def test_confidence_below_the_threshold_is_charged() -> None:
    charge = ConfidenceCharge(threshold=0.6, margin=0.5)
    assert [charge.rate(0.6), charge.rate(0.9, 0.5), charge.rate(0.0)] == pytest.approx([0, 0.25, 0.5])
    shaky = replace(ETH, perp_confidence=0.2, expiries=(replace(NEAR, confidence=0.4), FAR))
    doubts = Doubts.of(shaky, charge)
    assert doubts.options == pytest.approx([600, 600, 600, 0])
    assert doubts.more == pytest.approx([200, 200, 200, 800])  # up to (1 - 0.2) / 2 of 2000 for who holds a perpetual
    assert [doubts.base, doubts.base_more, doubts.perp] == pytest.approx([0, 800, 800])
    assert PegCharge(0.98, 2.0).of(1.0) == 0


def test_version_2_discounts_by_sign_and_dampens() -> None:
    figures = pmrm2_figures(ETH, (USDT,))
    columns, near = figures.columns, 10 / 365
    tail = figures.names["scenario"].index("+100% vol up")
    assert columns["damping"][tail] == pytest.approx(0.036)
    assert columns["gain_d"][0] == pytest.approx([0.95 * math.exp(-near * 0.13), 0.95 * math.exp(-80 / 365 * 0.08)])
    assert columns["loss_d"][0] == pytest.approx([math.exp(near * 0.05), 1.0])  # at most one over the discount
    assert columns["gain_d"][tail] == pytest.approx(columns["gain_d"][0] * 0.036)
    assert columns["loss_d"][tail] == pytest.approx(columns["loss_d"][0] * 0.036)
    assert columns["perp_move"][tail] == pytest.approx(2001 * 0.036)
    discount = math.exp(-near * 0.05)
    assert columns["value"][0] == pytest.approx(discount * value(0), abs=1e-9)
    down = figures.names["scenario"].index("-13.5% vol down")
    falling = 1 - 0.275 * 3**0.3
    assert columns["shocked"][0, down] == pytest.approx(discount * value(0, 0.865, falling), abs=1e-9)
    rising = 1 + 0.5 * 3**0.3
    assert columns["shocked"][0, 0] == pytest.approx(discount * value(0, 1.18, rising), abs=1e-9)


def test_version_2_bounds_volatility_from_below_when_it_rises() -> None:
    p = Pmrm2Parameters(
        scenarios=(Scenario(Decimal(0), VolatilityMove.UP), Scenario(Decimal(0), VolatilityMove.DOWN)),
        least_volatility=3.0,
    )
    shocked = pmrm2_figures(ETH, (USDT,), p).columns["shocked"][3]
    assert shocked[0] == pytest.approx(value(3, least=3.0), abs=1e-9)
    assert shocked[1] < value(3)


def test_version_2_bends_the_smile() -> None:
    shock, years = SkewShock(), 10 / 365
    root = math.sqrt(years)
    cap, star = 0.15 - 0.05 * root, max(0.01, root * 4 * (0.6 - 0.1 * root))
    k = math.log(1500 / 2010)
    factor = shock.factor(ETH, SkewMove.LINEAR)
    assert factor[:2] == pytest.approx(1 + math.log(2000 / 2002) * cap / star)
    assert factor[2] == pytest.approx(1 + math.log(2300 / 2002) * cap / star)
    root = math.sqrt(80 / 365)
    cap, star = 0.15 - 0.05 * root, root * 4 * (0.6 - 0.1 * root)
    assert factor[3] == pytest.approx(1 + max(-cap, k * cap / star))
    assert shock.factor(ETH, SkewMove.ABSOLUTE)[3] == pytest.approx(1 + min(cap, -k * cap / star))
    narrow = SkewShock(width=0.0, linear_cap=2.0)
    assert narrow.factor(ETH, SkewMove.LINEAR)[3] == 0.0  # volatilities are not negative
    with pytest.raises(MarketSource, match="no width"):
        SkewShock(width=0.0, least_k_star=0.0).factor(ETH, SkewMove.LINEAR)


def test_version_2_collateral() -> None:
    weth = Collateral("WETH", 1998.0, 0.02, 0.01, cancels_risk=True, confidence=0.5)
    columns = pmrm2_figures(replace(ETH, stable=0.999), (USDT, weth)).columns
    assert columns["a_value"] == pytest.approx([1, 2000])
    assert columns["mm_cut"] == pytest.approx([0.05, 40])
    assert columns["im_cut"] == pytest.approx([0.02, 20 + 0.5 * 2000])  # confidence is below 0.55
    assert columns["a_move"][0] == pytest.approx([0, 0.18 * 2000])
    assert columns["skew_a_move"] == pytest.approx(np.zeros((2, 2)))
    with pytest.raises(MarketSource, match="no collateral"):
        pmrm2_figures(ETH, ())


def test_version_2_without_scenarios_loses_nothing() -> None:
    columns = pmrm2_figures(ETH, (USDT,), Pmrm2Parameters(scenarios=(), skews=())).columns
    for name in ("damping", "gain_d", "loss_d", "perp_move", "a_move"):
        assert not columns[name].any()
        assert not columns[f"skew_{name}"].any()


def test_a_skew_scenario_moves_perpetuals_and_not_options() -> None:
    still, moved = SkewScenario(SkewMove.LINEAR), SkewScenario(SkewMove.LINEAR, Decimal("0.18"), Decimal(5))
    columns = pmrm2_figures(ETH, (USDT,), Pmrm2Parameters(skews=(still, moved))).columns
    assert columns["skewed"][:, 0] == pytest.approx(columns["skewed"][:, 1])
    assert columns["skew_perp_move"] == pytest.approx([0, 0.18 * 2001 * 5])


def test_standard_margin_of_one_short() -> None:
    columns = srm_figures([ETH]).columns
    mark = [value(row) for row in range(4)]
    assert columns["short_mm"] == pytest.approx(
        [mark[0] + 150, mark[1] + 150, mark[2] + 150, mark[3] + max(150, 0.075 * mark[3])]
    )
    assert columns["short_im"] == pytest.approx(
        [
            mark[0] + 0.15 * 2000,
            max(mark[1] + 0.15 * 2000, 1.05 * (mark[1] + 150)),
            mark[2] + 0.1 * 2000,  # 15% out of the money
            mark[3] + 0.1 * 2000,
        ]
    )
    deep = replace(ETH, options=(OptionTerms(0, 9000.0, False, 0.5),))
    (mm,), (im,) = (srm_figures([deep]).columns[name] for name in ("short_mm", "short_im"))
    put = 9000 - 2002
    assert mm == pytest.approx(put * 1.075, rel=1e-6)
    assert im == pytest.approx(1.05 * put * 1.075, rel=1e-6)


def test_standard_margin_settles_at_zero_and_every_strike() -> None:
    figures = srm_figures([ETH, replace(ETH, name="BTC", options=OPTIONS[:1], expiries=(NEAR,))])
    assert figures.columns["payoff"].tolist() == [
        [0, 0, 300],  # at 0, 2000, 2300
        [2000, 0, 0],
        [0, 0, 0],
        [1500, 0, 0],  # at 0, 1500, and that again
        [0, 0, 0],
    ]
    assert figures.names["group"] == ("ETH-NEAR", "ETH-FAR", "BTC-NEAR")
    assert figures.labels == {"market": (0, 0, 0, 0, 1), "group": (0, 0, 0, 1, 2)}
    assert figures.columns["loose_mm"] == pytest.approx([2002 * 1.1, 2010 * 1.1, 2002 * 1.1])


def test_standard_margin_charges() -> None:
    shaky = replace(ETH, stable=0.9, spot_confidence=0.3, perp_confidence=0.1, expiries=(NEAR, replace(FAR)))
    columns = srm_figures([shaky], SrmParameters(base_im_scale=0.9)).columns
    assert columns["doubt"] == pytest.approx([0.7 * 0.4 * 2000] * 4)
    assert columns["perp_doubt"] == pytest.approx([0.9 * 0.4 * 2000])
    assert columns["base_credit"] == pytest.approx([1600])
    assert columns["base_extra"] == pytest.approx([160 + 0.7 * 0.4 * 2000])
    assert columns["depeg_charge"] == pytest.approx([0.08 * 1.2 * 2000])
    none = srm_figures([shaky], SrmParameters(base_im_scale=0.0)).columns
    assert none["base_extra"] == pytest.approx([1600])  # no credit, no charge on it
    with pytest.raises(MarketSource, match="its parameters"):
        srm_figures([ETH], [SrmParameters(), SrmParameters()])


@pytest.mark.parametrize(
    "change",
    [
        {"options": ()},
        {"expiries": ()},
        {"expiries": (NEAR,)},
        {"spot": 0.0},
        {"stable": math.nan},
        {"options": (OptionTerms(0, 0.0, True, 0.5),)},
        {"expiries": (NEAR, ExpiryFeed("FAR", DAY, 0.0))},
    ],
)
def test_an_underlying_that_is_none(change: dict[str, object]) -> None:
    with pytest.raises(MarketSource):
        replace(ETH, **change)  # type: ignore[arg-type]


def test_defaults_are_those_of_the_venues_tests() -> None:
    p = Pmrm1Parameters()
    assert (p.confidence, p.peg) == (ConfidenceCharge(0.6, 0.5), PegCharge(0.98, 2.0))
    assert len(Pmrm2Parameters().scenarios) == 29
