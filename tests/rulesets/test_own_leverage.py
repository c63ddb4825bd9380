"""Initial margin at the account's own leverage, which the tier of the whole position caps."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from random import Random

import pytest
from rule_world import all_worlds

from zkmargin.circuits.rules import evaluate

WORLDS = all_worlds()
LEVERAGED = ("cross_bracket", "binance_usdm", "hyperliquid", "isolated_bracket", "isolated_entry")


def rate_of(leverage: int) -> int:
    """1 / leverage as a venue signs it, rounded up at six decimals."""
    return ceil(Fraction(10**6, leverage))


@pytest.mark.parametrize("name", LEVERAGED)
def test_the_tier_caps_the_leverage(name: str) -> None:
    """One position of 1,000 USD to a billion, at every leverage: against the schedule, in rational numbers."""
    world, random = WORLDS[name], Random(f"{name} leverage")
    tables = world.market(random)
    columns = tables.columns
    known = columns.get("initial_rate", columns["rate"])
    row = max(range(tables.sizes["instrument"]), key=lambda row: len(set(known.values[row].tolist())))
    mark = Fraction(int(columns["mark"].values[row]), 10 ** columns["mark"].decimals)
    lots = 10 ** world.rule_set.columns["size"].decimals
    caps = set()
    for notional in (10**3, 10**5, 10**6, 10**7, 10**9):
        size, own = ([0] * tables.sizes["instrument"] for _ in range(2))
        size[row] = -min(int(notional / mark * lots), 10**11 * lots)
        base = Fraction(-size[row], lots) * mark
        account: dict[str, object] = {"size": size, "own_rate": own, "cash": 0}
        if "entry" in world.rule_set.columns:
            account["entry"] = [int(-base * 10**12)]
        if name == "isolated_entry":
            base = Fraction(int(base * 10**12), 10**12)
        bounds = [Fraction(int(value), 10 ** columns["bound"].decimals) for value in columns["bound"].values[row]]
        tier = next((k for k, bound in enumerate(bounds[:-1]) if base <= bound), len(bounds) - 1)
        cap = Fraction(int(known.values[row, tier]), 10**known.decimals) * (1 if "initial_rate" in columns else 2)
        caps.add(cap)
        for leverage in (1, 2, 3, 5, 10, 25, 125, 1000):
            own[row] = rate_of(leverage)
            read = evaluate(world.rule_set, tables, account)
            initial, least = (
                Fraction(int(read.values[kind]), read.denominators[kind]) for kind in ("initial", "maintenance")
            )
            assert initial == base * max(cap, Fraction(own[row], 10**6))
            assert initial >= least > 0
        own[row] = 0
        read = evaluate(world.rule_set, tables, account)
        assert Fraction(int(read.values["initial"]), read.denominators["initial"]) == base * cap
    assert len(caps) > 1
