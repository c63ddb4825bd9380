"""A prover who writes more spreads, a larger price risk or another worst scenario into SPAN is noticed there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import cache

from zkmargin.backend import engine
from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.plan import BoundPlan
from zkmargin.circuits.rules import evaluate, load_rules, parse_rules
from zkmargin.circuits.run import StatementRun
from zkmargin.circuits.testing import LyingEngine
from zkmargin.circuits.vectors.world import World
from zkmargin.field import decode_elements
from zkmargin.margin.span import CalendarSpread, Contract, InterSpread, ScanRange, SpanMarket, Tier, future_losses
from zkmargin.margin.tables import Tables

CAPACITIES = {"instrument": 8, "tier": 4, "commodity": 2, "calendar": 2, "inter": 2}
SIZES = [7, -3, -5, 2]
CLAIM = 1 << 8 | 1 << 24  # maintenance, once


@cache
def small() -> CompiledCircuit:
    """``span`` with room for this account only: the same text."""
    text = load_rules("span").text.decode()
    for axis, capacity in CAPACITIES.items():
        text = re.sub(rf"^  {axis}: {{capacity: \d+}}", f"  {axis}: {{capacity: {capacity}}}", text, flags=re.MULTILINE)
    rules = parse_rules(text.encode(), "span.yaml")
    assert {axis: rules.axes[axis].capacity for axis in CAPACITIES} == CAPACITIES
    return compile_rules(rules, cache=False)


@cache
def market() -> Tables:
    """Corn and soybeans in two months each; a calendar spread of either, and one between them."""
    tiers = [Tier(f"{name} {month}", name) for name in ("corn", "soybeans") for month in ("near", "far")]
    contracts = [
        Contract(tier.commodity, tier.name, future_losses(ScanRange(Fraction(margin))))
        for tier, margin in zip(tiers, (900, 900, 2100, 2100), strict=True)
    ]
    calendar = [CalendarSpread(name, 250, {f"{name} near": 1, f"{name} far": -1}) for name in ("corn", "soybeans")]
    inter = [InterSpread({"corn": (2, "0.55"), "soybeans": (-1, "0.55")})]
    span = SpanMarket(contracts, ["corn", "soybeans"], tiers, calendar, inter)
    return World.of("span", span.figures, {"size": SIZES, "cash": 0}, span.labels).tables


def witness_of(cash: int, lies: Mapping[int, int]) -> bytes:
    """What follows from a lie follows; the program does not give up."""
    circuit = small()
    bound: BoundPlan = circuit.plan.bind(market())
    secrets = {"ask": 11, "nk": 12, "pocket": 3, "subject": 13, "listing": 14, "salt": 15, "blind": 16}
    private = {**secrets, "size": SIZES, "cash": cash}
    public = {"context": 1, "claim": CLAIM, "scope": 2}
    run = StatementRun(circuit, private, public, bound, LyingEngine(lies))  # type: ignore[arg-type]
    return run.finish(pow(7, 1 + sum(run.leading) % (1 << 64), 2**251)).to_bytes()


def noticed(cash: int, lies: Mapping[int, int]) -> list[str]:
    """The paths of the constraints that fail."""
    circuit = small()
    return [circuit.names.path_of(index) for index in engine().r1cs_check(circuit.r1cs, witness_of(cash, lies))]


@cache
def honest() -> list[int]:
    """The wires of an honest prover."""
    return decode_elements(witness_of(requirement(), {}))


def advice(path: str) -> tuple[int, int]:
    """First wire and count of the one hint whose path matches."""
    found = [(hint.first_wire, hint.count) for hint in small().names.hints if re.fullmatch(path, hint.path)]
    assert len(found) == 1
    return found[0]


def requirement() -> int:
    reading = evaluate(load_rules("span"), market(), {"size": SIZES, "cash": 0})
    cents = Fraction(int(reading.values["maintenance"]), reading.denominators["maintenance"]) * 100
    assert cents.denominator == 1
    return int(cents)


def test_the_account_is_at_its_boundary() -> None:
    # Net corn 4, soybeans -3: two spreads between them take all of corn; three and two spreads of months.
    expected = 4 * 900 + 3 * 2100 - Fraction(55, 100) * 2 * (2 * 900 + 2100) + 5 * 250
    assert requirement() == expected * 100
    assert noticed(requirement(), {}) == []
    short = noticed(requirement() - 1, {})
    assert short
    assert all(path.startswith("margin[0]/slack") for path in short)


def test_a_spread_more_or_less_is_noticed() -> None:
    """A ten-thousandth of a spread more, between commodities or months; one less, which would spare its charge."""
    for name, row in (("pairs", 0), ("spreads", 0), ("spreads", 1)):
        wire, _ = advice(rf"rules/{name}/match/row\[{row}\]/formed")
        assert honest()[wire] > 0
        for step in (1, -1, 10_000, -10_000):
            paths = noticed(requirement() - 1, {wire: honest()[wire] + step})
            assert any(path.startswith(f"rules/{name}/match/row[{row}]") for path in paths)


def test_a_spread_that_nothing_is_left_for_is_noticed() -> None:
    wire, _ = advice(r"rules/pairs/match/row\[1\]/formed")
    paths = noticed(requirement() - 1, {wire: 10_000})
    assert any(path.startswith("rules/pairs/match/row[1]") for path in paths)


def test_a_larger_price_risk_per_delta_is_noticed() -> None:
    for commodity in range(2):
        wire, _ = advice(rf"rules/per_delta/div\[{commodity}\]/quotient")
        paths = noticed(requirement() - 1, {wire: honest()[wire] + 1})
        assert any(path.startswith(f"rules/per_delta/div[{commodity}]") for path in paths)


def test_another_scenario_is_noticed() -> None:
    """Price risk in whatever scenario but the worst, of either commodity."""
    for commodity in range(2):
        first, count = advice(rf"rules/pick:\d+/pick\[{commodity}\]/place/place")
        for scenario in (0, 3, 8, 15):
            assert not honest()[first + scenario]
            lies = {first + at: int(at == scenario) for at in range(count)}
            paths = noticed(requirement() - 1, lies)
            assert any(f"pick[{commodity}]" in path for path in paths)
