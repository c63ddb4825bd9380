"""SPAN's spreads against an independent reference, and the ways in which a spread could be credited too much."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from random import Random

import pytest
from worlds_span import CREDITS, GRAINS, span_tables

from zkmargin.circuits.rules import evaluate, load_rules
from zkmargin.circuits.vectors.world import World
from zkmargin.margin.span import (
    CalendarSpread,
    Contract,
    InterSpread,
    ScanRange,
    SpanMarket,
    Tier,
    future_losses,
)
from zkmargin.margin.tables import Tables

UNIT = Fraction(1, 10_000)


def take(amounts: list[Fraction], ratios: list[Fraction]) -> Fraction:
    """Form as many spreads as fit, in ten-thousandths, and take their deltas away: one loop, no formula."""
    legs = [leg for leg, ratio in enumerate(ratios) if ratio]
    for way in (1, -1):
        if legs and all(amounts[leg] * ratios[leg] * way > 0 for leg in legs):
            scarcest = min(abs(amounts[leg]) / abs(ratios[leg]) for leg in legs)
            spreads = floor(scarcest / UNIT) * UNIT
            for leg in legs:
                amounts[leg] -= way * spreads * ratios[leg]
            return spreads
    return Fraction(0)


def reference(tables: Tables, sizes: list[int]) -> dict[str, Fraction]:
    """The requirement, commodity by commodity, straight from the published description."""
    unit = {name: Fraction(1, 10**column.decimals) for name, column in tables.columns.items()}

    def cell(name: str, *place: int) -> Fraction:
        return int(tables.columns[name].values[place]) * unit[name]

    label = {name: held.indices for name, held in tables.labels.items()}
    rows, commodities = range(len(sizes)), range(tables.sizes["commodity"])
    tiers, legs = range(tables.sizes["tier"]), range(tables.sizes["inter"])
    months = [sum((sizes[r] * cell("delta", r) for r in rows if label["tier"][r] == t), Fraction(0)) for t in tiers]
    left, charge = list(months), [Fraction(0) for _ in commodities]
    for spread in range(tables.sizes["calendar"]):
        ratios = [cell("calendar_ratio", t, spread) for t in tiers]
        formed = take(left, ratios)
        if formed:
            charge[label["spread_home"][spread]] += formed * cell("calendar_rate", spread)
    for t in tiers:
        in_spreads = abs(months[t]) - abs(left[t])
        charge[label["home"][t]] += abs(left[t]) * cell("spot_outright", t) + in_spreads * cell("spot_spread", t)
    scan, weighted, net = [], [], []
    for c in commodities:
        mine = [r for r in rows if label["commodity"][r] == c]
        loss = [sum((sizes[r] * cell("loss", r, s) for r in mine), Fraction(0)) for s in range(16)]
        worst = loss.index(max(loss))
        pair = worst ^ 1 if worst < 14 else worst
        risk = (loss[worst] + loss[pair]) / 2 - (loss[0] + loss[1]) / 2
        scan.append(max(loss[worst], Fraction(0)))
        net.append(sum((sizes[r] * cell("delta", r) for r in mine), Fraction(0)))
        weighted.append(floor(max(risk, Fraction(0)) / max(abs(net[c]), UNIT) / UNIT) * UNIT)
    credit, free = [Fraction(0) for _ in commodities], list(net)
    for leg in legs:
        ratios = [cell("inter_ratio", c, leg) for c in commodities]
        formed = take(free, ratios)
        for c in commodities:
            credit[c] += formed * abs(ratios[c]) * cell("inter_rate", c, leg) * weighted[c]
    total = Fraction(0)
    for c in commodities:
        short = sum(
            (max(-sizes[r], 0) * cell("short_charge", r) for r in rows if label["commodity"][r] == c), Fraction(0)
        )
        total += max(short, scan[c] + charge[c] - credit[c])
    return {"maintenance": max(total, Fraction(0)), "credit": sum(credit), "charge": sum(charge)}


def found(tables: Tables, sizes: list[int]) -> dict[str, Fraction]:
    reading = evaluate(load_rules("span"), tables, {"size": sizes, "cash": 0})
    return {
        name: sum(map(int, reading.values[name].ravel().tolist())) * Fraction(1, reading.denominators[name])
        for name in ("maintenance", "credit")
    }


@pytest.mark.parametrize("seed", range(4))
def test_random_portfolios_have_the_requirement_of_the_description(seed: int) -> None:
    random = Random(seed)
    tables = span_tables(random)
    formed = charged = 0
    for _ in range(6):
        held = random.choice((3, 8, 40))
        sizes = [0] * tables.sizes["instrument"]
        for row in random.sample(range(len(sizes)), held):
            sizes[row] = random.randint(-60, 60)
        expected, got = reference(tables, sizes), found(tables, sizes)
        assert got["maintenance"] == expected["maintenance"]
        assert got["credit"] == expected["credit"]
        formed, charged = formed + (expected["credit"] > 0), charged + (expected["charge"] > 0)
    assert formed > 1
    assert charged > 1


def test_no_delta_is_credited_twice() -> None:
    """However many spreads are listed for it, a commodity's credit stays below its rate of its own price risk."""
    random = Random("twice")
    twice = (*CREDITS, *CREDITS, InterSpread({"corn": (1, "0.55"), "meal": (-1, "0.55")}))
    tables = span_tables(random, twice)
    for _ in range(8):
        sizes = [random.choice((0, 0, random.randint(-40, 40))) for _ in range(tables.sizes["instrument"])]
        reading = evaluate(load_rules("span"), tables, {"size": sizes, "cash": 0})
        credit, risk = (
            [int(x) * Fraction(1, reading.denominators[name]) for x in reading.values[name].ravel().tolist()]
            for name in ("credit", "price_risk")
        )
        assert all(c <= Fraction(7, 10) * r for c, r in zip(credit, risk, strict=True))
        assert reading.values["credit"].shape == (len(GRAINS),)


def requirement(quantities: list[int], calendar: list[CalendarSpread]) -> Fraction:
    """Of futures in four months of one commodity, a scan of 100 each."""
    tiers = [Tier(f"m{k}", "x", *((7, 3) if k == 0 else (0, 0))) for k in range(4)]
    contracts = [Contract("x", tier.name, future_losses(ScanRange(Fraction(100)))) for tier in tiers]
    market = SpanMarket(contracts, ["x"], tiers, calendar)
    return World.of("span", market.figures, {"size": quantities, "cash": 0}, market.labels).value("maintenance")


@pytest.mark.parametrize(
    ("quantities", "expected"),
    [
        ([0, 5, -5, 0], 5 * 10),
        ([0, 5, -3, -2], 3 * 10 + 2 * 25),
        ([0, 5, -2, -1], 2 * 100 + 2 * 10 + 1 * 25),
        ([0, 5, 5, 0], 10 * 100),  # one side: no spread
        ([4, -4, 0, 0], 4 * 7),  # no row has these two alone: the delivery month is outright
        ([2, -4, 0, 2], 2 * 25 + 2 * 7),  # the second row takes all of m3: nothing is left for the third
        ([-2, 4, 0, -2], 2 * 25 + 2 * 7),
    ],
)
def test_rows_stand_by_priority(quantities: list[int], expected: int) -> None:
    """m1 against m2 at 10; then m1 against m3 at 25; then a butterfly of m0 and m3 against two m1 at 40."""
    calendar = [
        CalendarSpread("x", 10, {"m1": 1, "m2": -1}),
        CalendarSpread("x", 25, {"m1": 1, "m3": -1}),
        CalendarSpread("x", 40, {"m0": 1, "m1": -2, "m3": 1}),
    ]
    assert requirement(quantities, calendar) == expected


def test_a_butterfly_takes_two_of_its_body() -> None:
    butterfly = [CalendarSpread("x", 40, {"m0": 1, "m1": -2, "m3": 1})]
    assert requirement([2, -4, 0, 2], butterfly) == 2 * 40 + 2 * 3
    assert requirement([2, -3, 0, 2], butterfly) == Fraction(100) + Fraction(3, 2) * 40 + Fraction(3, 2) * 3 + Fraction(
        7, 2
    )
