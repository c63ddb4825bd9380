"""Vertex publishes no numbers: its health, by the cases that the contracts distinguish, against the rule set's reading.

Clearinghouse.sol:77-155 and BaseEngine.sol:98-135 of vertex-protocol/vertex-contracts, commit e138181.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from random import Random

import pytest

from zkmargin.circuits.vectors.world import World

SPOTS, PERPS = 2, 3
HEDGE = [1, -1, 0]


def shares(random: Random, low: float, high: float, count: int) -> list[Fraction]:
    return [Fraction(round(random.uniform(low, high) * 100), 100) for _ in range(count)]


def amounts(random: Random, count: int) -> list[Fraction]:
    return [Fraction(random.choice((-1, 0, 1)) * random.randrange(10**6), 1000) for _ in range(count)]


def health(public: Mapping[str, list[Fraction]], account: Mapping[str, list[Fraction]], kind: str) -> Fraction:
    spot, size = account["spot"], account["size"]
    total = sum(account["quote"], Fraction(0))
    for amount, price, long, short in zip(
        spot, public["spot_price"], public[f"long_{kind}"], public[f"short_{kind}"], strict=True
    ):
        total += amount * price * (long if amount >= 0 else short)
    for amount, price, long, short in zip(
        size, public["price"], public[f"perp_long_{kind}"], public[f"perp_short_{kind}"], strict=True
    ):
        total += amount * price * (long if amount >= 0 else short)
    for perp, product in enumerate(HEDGE):
        if product < 0 or size[perp] == 0 or spot[product] == 0 or (spot[product] > 0) == (size[perp] > 0):
            continue
        long_spot, long_perp = public[f"long_{kind}"][product], public[f"perp_long_{kind}"][perp]
        spread = 1 - (1 - (long_perp if spot[product] > 0 else long_spot)) / 5
        both = public["spot_price"][product] + public["price"][perp]
        total += min(abs(spot[product]), abs(size[perp])) * both * (spread - (long_spot + long_perp) / 2)
    return total


@pytest.mark.parametrize("seed", range(12))
def test_health_is_that_of_the_contracts(seed: int) -> None:
    random = Random(seed)
    public = {
        "spot_price": shares(random, 1, 3_000, SPOTS),
        "long_initial": shares(random, 0.5, 0.9, SPOTS),
        "long_maintenance": shares(random, 0.9, 1, SPOTS),
        "short_maintenance": shares(random, 1, 1.1, SPOTS),
        "short_initial": shares(random, 1.1, 1.9, SPOTS),
        "price": shares(random, 1, 3_000, PERPS),
        "perp_long_initial": shares(random, 0.5, 0.9, PERPS),
        "perp_long_maintenance": shares(random, 0.9, 1, PERPS),
        "perp_short_maintenance": shares(random, 1, 1.1, PERPS),
        "perp_short_initial": shares(random, 1.1, 2, PERPS),
    }
    account = {"spot": amounts(random, SPOTS), "size": amounts(random, PERPS), "quote": amounts(random, PERPS)}
    world = World.of("vertex", public, {**account, "cash": 0}, {"hedge": HEDGE})
    for kind in ("initial", "maintenance"):
        assert world.value(f"{kind}_health") == health(public, account, kind)
