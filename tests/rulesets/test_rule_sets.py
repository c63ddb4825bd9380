"""Every shipped rule set, on markets and accounts like real ones: plaintext against circuit at the boundary, what the
certificate claims, concavity, tables that must be refused, and a real proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from math import lcm
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from attested_lines import collateral_of, opened_lines
from rule_parties import Parties
from rule_world import Account, RuleWorld, all_worlds

from zkmargin.backend import engine
from zkmargin.circuits.collateral import line_inputs
from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.plan import BoundPlan
from zkmargin.circuits.rules import check_tables, evaluate
from zkmargin.circuits.run import StatementRun
from zkmargin.circuits.testing import LyingEngine
from zkmargin.errors import ParameterCondition, VerificationError, WitnessFailed
from zkmargin.field import decode_elements, signed
from zkmargin.formats import read_r1cs
from zkmargin.margin.tables import Tables
from zkmargin.poseidon import tagged

WORLDS = all_worlds()
MARKETS, ACCOUNTS = 2, 3
LARGE = 120_000
"""Constraints from which one market and one account of each claim must do."""


def circuit_of(world: RuleWorld) -> CompiledCircuit:
    return compile_rules(world.rule_set)


def begin(
    circuit: CompiledCircuit, account: Mapping[str, object], claim: tuple[str, int, int], market: BoundPlan, lying: bool
) -> StatementRun:
    """The first part of a witness, for claim ``(kind, numerator, denominator)``."""
    kind, numerator, denominator = claim
    secrets = {"ask": 11, "nk": 12, "pocket": 3, "subject": 13, "listing": 14}
    salts = [15 + venue for venue in range(circuit.rules.venues)]
    secrets["salt"] = salts if len(salts) > 1 else salts[0]  # type: ignore[assignment]
    private = {**secrets, **account, **({"blind": 16} if circuit.plan.bases else {})}
    root, rules = 0, circuit.rules
    if rules.lines:
        owner = tagged("owner", tagged("ak", 11), 12)
        collateral = collateral_of(rules, market.tables, account, owner, 3)
        opened, root = opened_lines(rules, market.tables, collateral)
        private |= line_inputs(opened, rules.lines, circuit.plan.n_assets, owner, 3)
    public = {"context": 1, "claim": (kind == "initial") | numerator << 8 | denominator << 24, "scope": 2}
    arithmetic: Any = LyingEngine() if lying else None
    return StatementRun(circuit, private, public, market, arithmetic, collateral_root=root)


def witness_of(
    circuit: CompiledCircuit,
    account: Mapping[str, object],
    claim: tuple[str, int, int],
    market: BoundPlan,
    lying: bool = False,
) -> bytes | None:
    """All wires, or None where the program finds none; ``lying``: by a prover who goes on regardless."""
    try:
        run = begin(circuit, account, claim, market, lying)
        # Any function of what comes before will do for the challenge of an honest prover.
        return run.finish(pow(7, 1 + sum(run.leading) % (1 << 64), 2**251) if circuit.plan.bases else None).to_bytes()
    except WitnessFailed:
        return None


def violated(circuit: CompiledCircuit, witness: bytes) -> list[str]:
    return [circuit.names.path_of(index) for index in engine().r1cs_check(circuit.r1cs, witness)]


def claims_of(world: RuleWorld, random: Random) -> list[tuple[str, int, int]]:
    """Every requirement, bare and with a buffer."""
    return [(kind, *random.choice(((1, 1), (5, 4), (3, 2)))) for kind in world.rule_set.requirements]


def at_boundary(world: RuleWorld, random: Random, tables: Tables, claim: tuple[str, int, int]) -> tuple[Account, int]:
    """A random account, and the least value of its lever with which the claim holds."""
    for _ in range(50):
        account = world.account(random, tables)
        found = world.boundary(tables, account, *claim)
        if found is not None:
            return account, found
    raise AssertionError("no account of this world is at a boundary")


@pytest.mark.parametrize("name", WORLDS)
def test_the_circuit_proves_what_the_plaintext_accepts_and_no_unit_more(name: str) -> None:
    world, random = WORLDS[name], Random(name)
    circuit = circuit_of(world)
    markets, accounts = (1, 1) if circuit.stats.constraints > LARGE else (MARKETS, ACCOUNTS)
    for _ in range(markets):
        tables = world.market(random)
        check_tables(world.rule_set, tables)
        market = circuit.plan.bind(tables)
        for claim in claims_of(world, random):
            for _ in range(accounts):
                account, least = at_boundary(world, random, tables, claim)
                if world.tight:
                    witness = witness_of(circuit, world.with_lever(account, least), claim, market)
                    assert witness is not None
                    assert violated(circuit, witness) == []
                assert witness_of(circuit, world.with_lever(account, least - 1), claim, market) is None


@pytest.mark.parametrize("name", WORLDS)
def test_one_unit_short_is_refused_by_the_margin_constraint(name: str) -> None:
    world, random = WORLDS[name], Random(f"{name} stubborn")
    circuit = circuit_of(world)
    tables = world.market(random)
    claim = (*claims_of(world, random),)[-1]
    account, least = at_boundary(world, random, tables, claim)
    forced = witness_of(circuit, world.with_lever(account, least - 1), claim, circuit.plan.bind(tables), lying=True)
    assert forced is not None
    paths = violated(circuit, forced)
    assert paths
    assert all(path.startswith("margin[") and path.endswith("/slack/recompose") for path in paths)


@pytest.mark.parametrize("name", WORLDS)
def test_the_certificate_never_claims_more_than_the_exact_value(name: str) -> None:
    """Equity and requirement as the satisfied circuit has them, against exact integers."""
    world, random = WORLDS[name], Random(f"{name} certificate")
    rules, circuit = world.rule_set, circuit_of(world)
    r1cs = read_r1cs(circuit.r1cs)
    first = min(i for i in range(circuit.stats.constraints) if circuit.names.path_of(i).startswith("margin["))
    places = {circuit.names.path_of(i): i for i in range(first, circuit.stats.constraints)}
    for kind in rules.requirements:
        tables = world.market(random)
        account, least = at_boundary(world, random, tables, (kind, 1, 1))
        column = rules.columns[world.lever[0]]
        enough = world.with_lever(account, min(column.hi, least + abs(least) // 3 + 10**6))
        witness = witness_of(circuit, enough, (kind, 1, 1), circuit.plan.bind(tables))
        assert witness is not None
        wires = decode_elements(witness)
        exact = evaluate(rules, tables, enough)
        common = lcm(*(exact.denominators[name] for name in ("equity", *rules.requirements)))
        kept = [axis for axis in rules.axes if any(axis in exact.axes[n] for n in ("equity", *rules.requirements))]
        shape, active = rules.shape(tuple(kept)), [rules.sizes(tables.sizes)[axis] for axis in kept]
        for index in np.ndindex(*active):
            margin = f"margin[{int(np.ravel_multi_index(index, shape)) if shape else 0}]"
            stated = {}
            for part in ("equity", "demand"):
                terms = r1cs.constraints[places[f"{margin}/{part}"]][2]
                stated[part] = signed(sum(wires[wire] * factor for wire, factor in terms))
            own = {n: tuple(index[kept.index(axis)] for axis in exact.axes[n]) for n in ("equity", kind)}
            true = {n: int(exact.values[n][own[n]]) * (common // exact.denominators[n]) for n in own}
            assert stated["equity"] <= true["equity"]
            assert stated["demand"] >= true[kind] >= 0
            if world.tight:
                assert stated["equity"] - stated["demand"] == true["equity"] - true[kind]


def _least_slack(world: RuleWorld, tables: Tables, account: Mapping[str, object], kind: str) -> list[Fraction]:
    values, common = evaluate(world.rule_set, tables, account).slack(kind)
    return [Fraction(int(value), common) for value in values.ravel().tolist()]


def _bends(world: RuleWorld, tables: Tables, one: Account, other: Account, kind: str) -> bool:
    """Whether slack at the midpoint is below the mean of both ends by more than the rules round."""
    middle, far = {}, {}
    for column in world.rule_set.private:
        a, b = (np.array(account[column.name], dtype=object) for account in (one, other))
        odd = (a + b) % 2
        far[column.name] = np.where(b < column.hi, b + odd, b - odd)  # so that the midpoint is whole
        middle[column.name] = (a + far[column.name]) // 2
    ends = (_least_slack(world, tables, account, kind) for account in (one, far))
    mean = [(x + y) / 2 for x, y in zip(*ends, strict=True)]
    at_middle = _least_slack(world, tables, middle, kind)
    return any(m < e - Fraction(world.grain) for m, e in zip(at_middle, mean, strict=True))


@pytest.mark.parametrize("name", WORLDS)
def test_equity_less_requirement_is_as_concave_as_stated(name: str) -> None:
    """Where it is, one-sided bounds lose nothing; where it is not, honest accounts need choices or exact forms."""
    world, random = WORLDS[name], Random(f"{name} concave")
    if world.bent is not None:
        tables, one, other = world.bent(random)
        assert any(_bends(world, tables, one, other, kind) for kind in world.rule_set.requirements)
        assert not world.concave
        return
    bends = []
    for _ in range(6 if world.concave else 30):
        tables = world.market(random)
        accounts = [world.account(random, tables) for _ in range(5)]
        bends += [
            _bends(world, tables, one, other, kind)
            for one, other in pairwise(accounts)
            for kind in world.rule_set.requirements
        ]
        if any(bends):
            break
    assert any(bends) is not world.concave


@pytest.mark.parametrize(("name", "words"), [(name, words) for name in WORLDS for words in WORLDS[name].bad_tables])
def test_tables_that_the_rules_forbid_are_refused_by_name(name: str, words: str) -> None:
    world = WORLDS[name]
    tables = world.market(Random(name))
    bad = world.bad_tables[words](tables)
    with pytest.raises(ParameterCondition) as caught:
        check_tables(world.rule_set, bad)
    assert words in str(caught.value)


@pytest.mark.prove
@pytest.mark.parametrize("name", WORLDS)
def test_a_realistic_account_is_proven_and_verified(name: str, tmp_path: Path) -> None:
    """Set-up, proof and verdict; then tables that the rules forbid, at the prover and at the verifier."""
    world, random = WORLDS[name], Random(f"{name} prove")
    tables = world.market(random)
    kind = "initial" if "initial" in world.rule_set.requirements else "maintenance"
    account, least = at_boundary(world, random, tables, (kind, 1, 1))
    parties = Parties(world.rule_set, circuit_of(world), kind, tmp_path)
    enough = world.with_lever(account, least + abs(least) // 7 if world.tight else least + abs(least) // 2)
    envelope = parties.prove(tables, enough)
    assert parties.verify(envelope, tables).claim.kind.name.lower() == kind
    for words, change in world.bad_tables.items():
        bad = change(tables)
        with pytest.raises(VerificationError) as caught:
            parties.prove(bad, enough)
        assert caught.value.code == "E_CONDITION"
        assert words in str(caught.value)
        with pytest.raises(VerificationError) as caught:
            parties.verify(parties.claiming(envelope, bad), bad)
        assert caught.value.code == "E_CONDITION"
        assert words in str(caught.value)
