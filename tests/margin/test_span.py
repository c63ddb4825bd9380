"""SPAN's arrays: order, signs, pairs, ranges; McMillan's arrays (Options as a Strategic Investment) as the measure."""

from __future__ import annotations

from fractions import Fraction
from math import log, sqrt
from statistics import NormalDist

import pytest

from zkmargin.errors import MarketSource
from zkmargin.margin.span import (
    PAIRS,
    SCENARIOS,
    CalendarSpread,
    Contract,
    InterSpread,
    ScanRange,
    SpanMarket,
    Tier,
    future_losses,
    losses_of_gains,
    option_losses,
    paired_losses,
    price_scan_range,
)

FUTURE = [0, 0, 3330, 3330, -3330, -3330, 6670, 6670, -6670, -6670, 10000, 10000, -10000, -10000, 7000, -7000]
CALL = [460, -610, 2640, 1730, -1270, -2340, 5210, 4540, -2540, -3430, 8060, 7640, -3380, -3990, 3130, -1500]
SCAN = ScanRange(Fraction(20), Fraction(4, 100))  # of an index: 500 USD a point make 10,000


def test_a_future_has_the_published_array() -> None:
    array = future_losses(SCAN, Fraction(500))
    assert len(array) == len(SCENARIOS) == 16
    published = losses_of_gains(FUTURE)
    assert all(abs(loss - printed) <= 10 for loss, printed in zip(array, published, strict=True))  # rounded to 10
    assert array[10] == published[10] == -10_000
    assert array[14] == -7_000


def test_an_option_has_the_signs_of_the_published_array() -> None:
    """McMillan does not print price, volatility and time; the signs, the order within a pair and of steps hold."""
    array = option_losses(410, 410, 0.15, 60, True, SCAN, 500)
    published = losses_of_gains(CALL)
    assert [loss > 0 for loss in array] == [loss > 0 for loss in published]
    assert all(array[k] < array[k + 1] for k in range(0, 14, 2))  # volatility up loses less
    for side in (min, max):
        assert side(range(16), key=lambda k: array[k]) == side(range(16), key=lambda k: published[k])


@pytest.mark.parametrize("is_call", [True, False])
def test_an_option_is_revalued(is_call: bool) -> None:
    """Against Black's formula on the standard library alone."""

    def black(price: float, volatility: float, days: float) -> float:
        total, sign = volatility * sqrt(days / 365), 1 if is_call else -1
        d1 = log(price / 400) / total + total / 2
        cdf = NormalDist().cdf
        return sign * (price * cdf(sign * d1) - 400 * cdf(sign * (d1 - total)))

    array = option_losses(410, 400, 0.2, 45, is_call, SCAN, 500)
    for at, (step, turn) in enumerate(SCENARIOS):
        move = float(step) * 20 if step is not None else (40 if at == 14 else -40)
        weight = 0.35 if step is None else 1
        expected = (black(410, 0.2, 45) - black(410 + move, 0.2 + turn * 0.04, 44)) * weight * 500
        assert array[at] == pytest.approx(expected, abs=0.0051)


def test_a_scenario_may_not_take_the_price_to_zero() -> None:
    with pytest.raises(MarketSource, match="to zero"):
        option_losses(30, 30, 0.2, 45, True, SCAN)


def test_pairs_have_one_price_and_two_volatilities() -> None:
    for at, pair in enumerate(PAIRS):
        assert PAIRS[pair] == at
        assert SCENARIOS[at][0] == SCENARIOS[pair][0]
        assert SCENARIOS[at][1] == -SCENARIOS[pair][1]


def test_price_risk() -> None:
    """A future has no time risk: its price risk is its loss. An option loses the mean of the pair beyond time risk."""
    future = future_losses(SCAN)
    assert paired_losses(future) == future
    call = losses_of_gains(CALL)
    paired = paired_losses(call)
    assert paired[0] == paired[1] == 0  # time risk alone
    assert paired[13] == Fraction(3990 + 3380, 2) - Fraction(610 - 460, 2) == 3610
    assert paired[15] == 1500 - 75


def test_ranges_by_volatility() -> None:
    assert price_scan_range(20_000, 0.01, 6, 2, 0.093) == pytest.approx(20_000 * 0.093)  # NSE's floor for an index
    assert price_scan_range(20_000, 0.02, 6, 2, 0.093) == pytest.approx(20_000 * 0.12 * sqrt(2))


def test_figures_and_labels() -> None:
    tiers = [Tier("corn MAY", "corn", 5, 3), Tier("corn JUL", "corn"), Tier("wheat JUL", "wheat")]
    contracts = [Contract(tier.commodity, tier.name, future_losses(SCAN)) for tier in reversed(tiers)]
    calendar = [CalendarSpread("corn", 40, {"corn MAY": 1, "corn JUL": -1})]
    inter = [InterSpread({"wheat": (1, "0.4"), "corn": (-2, "0.5")})]
    market = SpanMarket(contracts, ["corn", "wheat"], tiers, calendar, inter)
    figures = market.figures
    assert figures["calendar_ratio"] == [[1], [-1], [0]]
    assert figures["inter_ratio"] == [[-2], [1]]
    assert figures["inter_rate"] == [["0.5"], ["0.4"]]
    assert figures["spot_outright"] == [5, 0, 0]
    assert market.labels == {"commodity": [1, 0, 0], "tier": [2, 1, 0], "home": [0, 0, 1], "spread_home": [0]}
    without = SpanMarket(contracts, ["corn", "wheat"], tiers)
    assert without.figures["calendar_ratio"] == [[0], [0], [0]]
    assert without.labels["spread_home"] == [-1]


def test_what_does_not_go_together_is_refused() -> None:
    tiers = [Tier("corn MAY", "corn")]
    with pytest.raises(MarketSource, match="one value per scenario"):
        losses_of_gains([0] * 15)
    with pytest.raises(MarketSource, match="tier of another commodity"):
        SpanMarket([Contract("wheat", "corn MAY", [])], ["corn", "wheat"], tiers)
    with pytest.raises(MarketSource, match="tier of another commodity"):
        SpanMarket([], ["corn"], tiers, [CalendarSpread("corn", 1, {"corn JUL": 1})])
    with pytest.raises(MarketSource, match="not listed"):
        SpanMarket([], ["wheat"], tiers)
    with pytest.raises(MarketSource, match="not listed"):
        SpanMarket([], ["corn"], tiers, [], [InterSpread({"wheat": (1, 1)})])
    with pytest.raises(MarketSource, match="one name"):
        SpanMarket([], ["corn"], tiers * 2)
