"""The whole statement on an eight-row rule set: an honest witness fits, a lying prover meets a named constraint."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import pytest
from worlds import (
    SECRETS,
    Claimed,
    challenge,
    compiled,
    holds,
    random_positions,
    random_tables,
    rules_of,
    smallest_cash,
    start,
    violated_by,
)

from zkmargin.attestations.layout import PositionLayout
from zkmargin.backend import Arithmetic, engine
from zkmargin.circuits.compile import CompiledCircuit
from zkmargin.circuits.gadgets.pack import pack_integers
from zkmargin.circuits.names import without_indices
from zkmargin.circuits.plan import BoundPlan
from zkmargin.circuits.rules import RuleSet, evaluate
from zkmargin.circuits.run import StatementRun
from zkmargin.circuits.testing import LyingEngine
from zkmargin.errors import CircuitError, WitnessFailed
from zkmargin.field import FR_MODULUS as R
from zkmargin.field import decode_elements, encode_elements
from zkmargin.margin.tables import Tables
from zkmargin.poseidon import sponge, tagged

CLAIM = Claimed("initial", 5, 4)


class World(NamedTuple):
    rules: RuleSet
    circuit: CompiledCircuit
    tables: Tables
    market: BoundPlan
    account: dict[str, object]


@pytest.fixture(scope="module")
def world() -> World:
    """An account that just meets its claim, short in some series, with padded rows in its market."""
    random, rules = Random(20), rules_of("portfolio")
    while True:
        tables = random_tables(rules, random)
        positions = random_positions(rules, tables, random)
        cash = smallest_cash(rules, tables, positions, CLAIM)
        if tables.sizes["i"] in (5, 6) and tables.sizes["k"] == 3 and cash is not None:
            circuit = compiled("portfolio")
            account = {**positions, "cash": cash}
            if not evaluate(rules, tables, account).values["naked"].any():
                continue  # a charge times nothing would hold no public input
            assert holds(rules, tables, account, CLAIM)
            return World(rules, circuit, tables, circuit.plan.bind(tables), account)


@pytest.fixture(scope="module")
def honest(world: World) -> list[int]:
    run = start(world.circuit, world.account, CLAIM, world.market)
    return decode_elements(run.finish(challenge(run)).to_bytes())


def _violated(world: World, wires: list[int]) -> list[str]:
    found = engine().r1cs_check(world.circuit.r1cs, encode_elements(wires))
    return [world.circuit.names.path_of(index) for index in found]


def _wire(world: World, name: str, index: int = 0) -> int:
    return world.circuit.names.inputs[name].first + index


def _lie(world: World, lies: dict[int, int]) -> set[str]:
    return set(violated_by(world.circuit, world.account, CLAIM, world.market, lies))


# --- completeness: what an honest prover computes -------------------------------------------------------------


def test_an_honest_witness_fits_on_both_engines(world: World, engine: Arithmetic, honest: list[int]) -> None:
    run = start(world.circuit, world.account, CLAIM, world.market, engine)
    witness = run.finish(challenge(run)).to_bytes()
    assert engine.r1cs_check(world.circuit.r1cs, witness) == []
    assert decode_elements(witness) == honest


def test_the_commitments_are_those_of_the_specification(world: World) -> None:
    rules, account = world.rules, world.account
    run = start(world.circuit, account, CLAIM, world.market)
    names = [name for name, count in world.circuit.plan.public_inputs for _ in range(count)]
    stated = dict(zip(names, run.leading, strict=False))
    owner = tagged("owner", tagged("ak", SECRETS["ask"]), SECRETS["nk"])
    packed = [PositionLayout.of(rules).identity]
    for column in rules.private[:-1]:
        values = [*account[column.name], *[0] * 8][:8]  # type: ignore[misc]
        packed += pack_integers([value - column.lo for value in values], [column.bits] * 8)
    opening = (owner, SECRETS["pocket"], SECRETS["subject"], sponge("size", packed), int(str(account["cash"])) % R)
    assert stated["positions"] == tagged("positions", *opening, SECRETS["listing"], SECRETS["salt"])
    assert stated["nullifier"] == tagged("nf", SECRETS["nk"], 2, SECRETS["pocket"])
    assert (stated["context"], stated["claim"], stated["collateral_root"], stated["scope"]) == (1, CLAIM.packed, 0, 2)


def test_functionals_and_their_commitment(world: World, honest: list[int]) -> None:
    found = evaluate(world.rules, world.tables, world.account)
    plan, rules = world.circuit.plan, world.rules
    (hint,) = (h for h in world.circuit.names.hints if h.name == "functionals")
    values = honest[hint.first_wire : hint.first_wire + hint.count]
    for node, functional in plan.functionals.items():
        padded = [0] * functional.count
        flat = found.nodes[node]
        strides = rules.shape(node.type.axes)
        for place, value in zip(_indices(flat.shape), flat.ravel().tolist(), strict=True):
            padded[sum(p * _product(strides[axis + 1 :]) for axis, p in enumerate(place))] = value
        assert values[functional.first : functional.first + functional.count] == [v % R for v in padded]
    series = next(f for node, f in plan.functionals.items() if node.type.axes == ("k",))
    offset, width = 1 << 17, 18  # 8 rows of +-2^14: sizes of 15 bits
    slots = [(value + offset) % R for value in values[series.first : series.first + series.count]]
    raw = values[: series.first] + values[series.first + series.count :]
    commitment = sponge("functionals", [len(values), 16, *pack_integers(slots, [width] * len(slots)), *raw])
    assert honest[_wire(world, "C")] == commitment


def _indices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    places: list[tuple[int, ...]] = [()]
    for size in shape:
        places = [(*place, index) for place in places for index in range(size)]
    return places


def _product(sizes: tuple[int, ...]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result


def test_public_inputs_are_what_a_verifier_computes(world: World) -> None:
    plan = world.circuit.plan
    run = start(world.circuit, world.account, CLAIM, world.market)
    gamma = challenge(run)
    leading = run.leading
    run.finish(gamma)
    assert run.public_inputs == [*leading, gamma, *plan.market_inputs(world.tables, gamma)]
    assert len(run.public_inputs) == plan.n_public == world.circuit.stats.public_inputs


# --- soundness: every lie meets a named constraint ----------------------------------------------------------------


def test_each_kind_of_wire_is_held_by_a_constraint(world: World, honest: list[int]) -> None:
    names, random = world.circuit.names, Random(1)
    free = {wire for bound in names.bounds for wire in range(bound.first_wire, bound.first_wire + bound.count)}
    first = _wire(world, "blind") + 1
    for wire in random.sample(range(first, len(honest)), 300):
        for value in ((honest[wire] + 1) % R, (1 - honest[wire]) % R):
            if value != honest[wire] and wire not in free:
                assert _violated(world, [*honest[:wire], value, *honest[wire + 1 :]]), wire


def test_each_kind_of_hint_is_held_by_a_constraint(world: World, honest: list[int]) -> None:
    """A lie at one wire of every place where advice is taken, everything after it computed from the lie."""
    seen: set[tuple[str, str]] = set()
    bounds = {without_indices(bound.path) for bound in world.circuit.names.bounds}
    for hint in world.circuit.names.hints:
        kind = (hint.name, without_indices(hint.path))
        if kind in seen or kind[1] in bounds:
            continue
        seen.add(kind)
        wire = hint.first_wire + hint.count // 2
        violated = _lie(world, {wire: honest[wire] + 1})
        assert violated, kind
        if hint.name == "bits":
            assert f"{hint.path.removesuffix('/digits')}/bit" in violated or any(
                path.startswith(hint.path.removesuffix("/digits")) for path in violated
            )
        if hint.name == "functionals":
            assert "binding/identity" in violated
    assert {name for name, _ in seen} == {"bits", "functionals", "inverse"}


def test_a_wrong_functional_with_a_right_digest(world: World, honest: list[int]) -> None:
    (hint,) = (h for h in world.circuit.names.hints if h.name == "functionals")
    for index in range(hint.count):
        assert "binding/identity" in _lie(world, {hint.first_wire + index: honest[hint.first_wire + index] + 1})


def test_functionals_chosen_after_the_challenge(world: World, honest: list[int]) -> None:
    """With gamma known, two functionals can be changed so that the identity holds: the commitment then does not."""
    (hint,) = (h for h in world.circuit.names.hints if h.name == "functionals")
    gamma = honest[_wire(world, "gamma")]
    lies = {hint.first_wire: honest[hint.first_wire] + gamma, hint.first_wire + 1: honest[hint.first_wire + 1] - 1}
    lies |= {_wire(world, "C"): honest[_wire(world, "C")]}
    run = start(world.circuit, world.account, CLAIM, world.market, _lying(lies))
    witness = decode_elements(run.finish(gamma).to_bytes())
    violated = _violated(world, witness)
    assert "C/equal" in violated
    assert "binding/identity" not in violated


def _lying(lies: dict[int, int]) -> Arithmetic:
    return LyingEngine(lies)  # type: ignore[return-value]


def test_a_padded_row_with_a_size_cannot_be_proven(world: World) -> None:
    for name in ("size", "other", "own"):
        for row in range(world.tables.sizes["i"], 8):
            values = [*world.account[name], *[0] * 8][:8]  # type: ignore[misc]
            values[row] = 1
            account = {**world.account, name: values}
            run = start(world.circuit, account, CLAIM, world.market)
            witness = decode_elements(run.finish(challenge(run)).to_bytes())
            assert _violated(world, witness) == ["binding/identity"]


@pytest.mark.parametrize("value", [1 << 14, -(1 << 14) - 1, R - 1 - (1 << 14), 1 << 200])
def test_a_size_beyond_its_range(world: World, value: int) -> None:
    """2^14 tenths are more than the 1,000 lots that 15 bits hold; so are their aliases modulo r."""
    assert "account/size[0]/recompose" in _lie(world, {_wire(world, "size"): value})


def test_cash_beyond_its_range(world: World) -> None:
    for value in (1 << 47, -(1 << 47) - 1, R // 2):
        assert "account/cash/recompose" in _lie(world, {_wire(world, "cash"): value})


def test_another_pocket_than_eight_bits(world: World) -> None:
    assert "owner/pocket/recompose" in _lie(world, {_wire(world, "pocket"): 256})


@pytest.mark.parametrize(
    ("claim", "path"),
    [
        (0 | 1 << 8 | 2 << 24, "claim/numerator>=denominator/recompose"),
        (0 | 1 << 8 | 0 << 24, "claim/denominator>=1/product"),
        (0 | 0 << 8 | 0 << 24, "claim/denominator>=1/product"),
        (2 | 1 << 8 | 1 << 24, "claim/kind"),
        (128 | 1 << 8 | 1 << 24, "claim/kind"),
        (0 | 1 << 8 | 1 << 24 | 1 << 104, "claim/digits/recompose"),
    ],
)
def test_malformed_claims(world: World, claim: int, path: str) -> None:
    assert path in _lie(world, {_wire(world, "claim"): claim})


def test_no_initial_claim_without_an_initial_requirement() -> None:
    random, rules, circuit = Random(2), rules_of("bracket"), compiled("bracket")
    tables = random_tables(rules, random)
    account = {**random_positions(rules, tables, random), "cash": 10**13}
    market = circuit.plan.bind(tables)
    assert violated_by(circuit, account, Claimed("maintenance"), market) == []
    assert violated_by(circuit, account, Claimed("initial"), market) == ["claim/kind"]


def test_the_lock_time_is_free_and_bound(world: World) -> None:
    lies = {_wire(world, "claim"): CLAIM.packed | (1 << 64) - 1 << 40}
    assert _lie(world, lies) == set()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("positions", "positions/equal"),
        ("nullifier", "nullifier/equal"),
        ("collateral_root", "collateral_root"),
        ("scope", "nullifier/sbox"),
        ("C", "C/equal"),
        ("claim", "claim/digits/recompose"),
        ("gamma", "binding/"),
        ("t", "binding/row[0]"),
        ("direct", "rules/product"),
    ],
)
def test_swapped_public_inputs(world: World, honest: list[int], name: str, path: str) -> None:
    wire = _wire(world, name)
    changed = [*honest[:wire], (honest[wire] + 1) % R, *honest[wire + 1 :]]
    assert any(found.startswith(path) for found in _violated(world, changed))


@pytest.mark.parametrize("secret", ["ask", "nk", "subject", "listing", "salt"])
def test_another_owners_statement(world: World, honest: list[int], secret: str) -> None:
    """Whoever lacks a secret of the statement opens another commitment."""
    lies = {_wire(world, secret): 99, _wire(world, "positions"): honest[_wire(world, "positions")]}
    assert "positions/equal" in _lie(world, lies)


def test_one_unit_short(world: World) -> None:
    cash = int(str(world.account["cash"])) - 1
    assert violated_by(world.circuit, {**world.account, "cash": cash}, CLAIM, world.market) == [
        "margin[0]/slack/recompose"
    ]
    run = start(world.circuit, {**world.account, "cash": cash}, CLAIM, world.market)
    with pytest.raises(WitnessFailed) as refused:
        run.finish(challenge(run))
    assert refused.value.where == "margin/slack/digits#bits"


# --- the interface of a run -----------------------------------------------------------------------------------


def test_inputs_are_checked(world: World) -> None:
    given = {**world.account, **SECRETS, "blind": 16}
    public = {"context": 1, "claim": CLAIM.packed, "scope": 2}

    def attempt(private: dict[str, object], stated: dict[str, int] | None = None) -> None:
        StatementRun(world.circuit, private, public if stated is None else stated, world.market)

    with pytest.raises(CircuitError, match="missing or unknown; blind"):
        attempt({name: value for name, value in given.items() if name != "blind"})
    with pytest.raises(CircuitError, match="missing or unknown; extra"):
        attempt({**given, "extra": 1})
    with pytest.raises(CircuitError, match="missing or unknown; positions"):
        attempt(given, {**public, "positions": 1})
    with pytest.raises(CircuitError, match="wrong shape; expected"):
        attempt({**given, "size": [0] * 9})
    with pytest.raises(CircuitError, match="wrong shape; expected"):
        attempt({**given, "cash": [1]})
    with pytest.raises(CircuitError, match="outside its interval; size"):
        attempt({**given, "size": [1 << 14]})
    run = start(world.circuit, world.account, CLAIM, world.market)
    with pytest.raises(CircuitError, match="challenge"):
        run.finish(None)
    assert repr(run) == "<StatementRun>"
