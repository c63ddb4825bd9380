"""Derive's portfolio margins are concave but for what specs/rules says of perpetuals and skew: bounds lose nothing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from rule_world import Account
from worlds_derive import COLLATERAL, bitcoin, pmrm1_account, pmrm2_account, tables_of

from zkmargin.circuits.rules import evaluate, load_rules
from zkmargin.margin.derive_pmrm import pmrm1_figures
from zkmargin.margin.derive_pmrm2 import Pmrm2Parameters, pmrm2_figures
from zkmargin.margin.tables import Tables

PERP = 10**8


def slack(rules: str, tables: Tables, account: Account, kind: str) -> int:
    """In units of one denominator."""
    values, _ = evaluate(load_rules(rules), tables, account).slack(kind)
    return int(values)


def pmrm1_tables(random: Random) -> Tables:
    return tables_of("derive_pmrm1", pmrm1_figures(bitcoin(random, stable=0.97)))


def pmrm2_tables(random: Random) -> Tables:
    return tables_of("derive_pmrm2", pmrm2_figures(bitcoin(random), COLLATERAL, Pmrm2Parameters(skews=())))


@pytest.mark.parametrize(
    ("rules", "market", "draw"),
    [("derive_pmrm1", pmrm1_tables, pmrm1_account), ("derive_pmrm2", pmrm2_tables, pmrm2_account)],
)
def test_midpoints_are_never_worse(
    rules: str, market: Callable[[Random], Tables], draw: Callable[[Random, Tables], Account]
) -> None:
    random = Random(rules)
    tables = market(random)
    for _ in range(12):
        one, other = draw(random, tables), draw(random, tables)
        both = {name: np.array(one[name], dtype=object) + other[name] for name in one}
        for kind in ("maintenance", "initial"):
            ends = [
                slack(rules, tables, {name: 2 * np.array(end[name], dtype=object) for name in end}, kind)
                for end in (one, other)
            ]
            assert 2 * slack(rules, tables, both, kind) >= sum(ends)


def test_an_unsure_perpetual_charges_whoever_holds_one() -> None:
    """The smallest amount of it counts as much as any for options and coins; none counts for nothing."""
    random = Random("unsure")
    market = bitcoin(random, perp_confidence=0.2)
    tables = tables_of("derive_pmrm1", pmrm1_figures(market))
    account = {"size": [PERP, -PERP] + [0] * (len(market.options) - 2), "base": PERP, "perp_pnl": 0, "cash": 0}
    charge = {}
    for perp in (0, 1, -1, PERP):
        found = evaluate(load_rules("derive_pmrm1"), tables, {**account, "perp": perp})
        charge[perp] = int(found.values["unsure_perp"]) / found.denominators["unsure_perp"]
    assert charge[0] == 0
    assert charge[1] == charge[-1] == charge[PERP] == pytest.approx(0.8 * 0.5 * 3 * market.spot)
