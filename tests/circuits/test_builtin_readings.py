"""Built-ins that round, rank and choose: the plaintext reading and the circuit agree, on random accounts of which half
are within one unit of the boundary, and one unit below it nothing can be proven.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from builtin_worlds import RULES, compiled, rules_of
from worlds import Claimed, holds, is_provable, random_positions, random_tables, violated_by

from zkmargin.circuits.compile import CompiledCircuit
from zkmargin.circuits.plan import BoundPlan
from zkmargin.circuits.rules import RuleSet, evaluate
from zkmargin.margin.tables import Tables

MARKETS, ACCOUNTS = 6, 8
CLAIMS = (Claimed(), Claimed(numerator=5, denominator=4))


def _account(rules: RuleSet, positions: Mapping[str, object], cash: int) -> dict[str, Any]:
    return {**positions, "cash": cash if rules.venues == 1 else [cash // 3, cash - cash // 3]}


def _boundary(rules: RuleSet, tables: Tables, positions: Mapping[str, object], claim: Claimed) -> int:
    """The least cash that meets the claim: equity is linear in it."""
    slacks = []
    for cash in (0, 1):
        found = evaluate(rules, tables, _account(rules, positions, cash))
        slacks.append(found.slack(claim.kind, claim.numerator, claim.denominator)[0].ravel().tolist())
    return max(-(zero // (one - zero)) for zero, one in zip(*slacks, strict=True))


def _draw(name: str, random: Random) -> tuple[RuleSet, Tables, BoundPlan]:
    rules = rules_of(name)
    tables = random_tables(rules, random)
    return rules, tables, compiled(name).plan.bind(tables)


def _is_provable(circuit: CompiledCircuit, account: dict[str, Any], claim: Claimed, market: BoundPlan) -> bool:
    salts = {"salt": [15, 16]} if circuit.rules.venues == 2 else {}
    return is_provable(circuit, {**account, **salts}, claim, market)


@pytest.mark.parametrize("name", RULES)
def test_readings_agree(name: str) -> None:
    random = Random(name)
    for _ in range(MARKETS):
        rules, tables, market = _draw(name, random)
        for index in range(ACCOUNTS):
            claim = random.choice(CLAIMS)
            positions = random_positions(rules, tables, random)
            boundary = _boundary(rules, tables, positions, claim)
            below = index % 2 if index < ACCOUNTS - 2 else random.randint(-(10**9), 10**9)
            account = _account(rules, positions, boundary - below)
            assert holds(rules, tables, account, claim) == (below <= 0)
            assert _is_provable(compiled(name), account, claim, market) == (below <= 0)


@pytest.mark.parametrize("name", RULES)
def test_a_stubborn_prover_is_refused(name: str) -> None:
    random = Random(f"stubborn {name}")
    for _ in range(3):
        rules, tables, market = _draw(name, random)
        claim = random.choice(CLAIMS)
        positions = random_positions(rules, tables, random)
        account = _account(rules, positions, _boundary(rules, tables, positions, claim) - 1)
        salts = {"salt": [15, 16]} if rules.venues == 2 else {}
        violated = violated_by(compiled(name), {**account, **salts}, claim, market)
        assert violated
        assert all(path.startswith("margin[") and path.endswith("/slack/recompose") for path in violated)
