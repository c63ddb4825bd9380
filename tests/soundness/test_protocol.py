"""Attacks between the documents and the circuit, with real proofs: what the verifier, and not a constraint, stops."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from parties import CASH, KEYS, RULES, SIZES, World, small_market

from zkmargin.attestations.layout import PositionLayout
from zkmargin.backend import Arithmetic
from zkmargin.backend import engine as arithmetic_engine
from zkmargin.circuits.plan import BoundPlan
from zkmargin.circuits.rules import parse_rules
from zkmargin.circuits.testing import Lie, LyingEngine
from zkmargin.errors import (
    FieldRange,
    KeyNotListed,
    MarginShort,
    OpeningMismatch,
    ProofInvalid,
    ProofPoint,
    StatementTwice,
    ZkMarginError,
)
from zkmargin.field import FQ_MODULUS, FR_MODULUS, decode_elements, encode_elements
from zkmargin.formats import split_verifying_key, vk_hash
from zkmargin.margin.market import Market
from zkmargin.prover import prove as prove_module
from zkmargin.prover import witness as witness_module
from zkmargin.prover.witness import GivenInputs, PrivateInputs, WitnessMaker
from zkmargin.verifier.envelope import Envelope, Proof
from zkmargin.verifier.groth16 import verify_groth16
from zkmargin.verifier.verify import compute_public_inputs

pytestmark = pytest.mark.prove
G2_ORDER = FR_MODULUS


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="module")
def envelope(world: World) -> Envelope:
    return world.prove()


@pytest.fixture
def core() -> Arithmetic:
    return arithmetic_engine()


def _publics(world: World, envelope: Envelope, core: Arithmetic) -> Sequence[int]:
    return compute_public_inputs(envelope, world.rules, small_market(), core)


class Cheat:
    """A prover with the honest key and documents, and its own witness: lies, another market, another gamma."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self._patch = monkeypatch
        self.publics: Sequence[int] = ()

    def prove(
        self,
        lies: Mapping[int, Lie] | None = None,
        market: Market | None = None,
        gamma: int | None = None,
        account: Any = None,
    ) -> Envelope:
        """An envelope around a proof of the cheat's own public inputs, which ``publics`` keeps."""
        cheat = self

        class Maker(WitnessMaker):
            def make(self, given: GivenInputs, private: PrivateInputs, bound: BoundPlan, *digests: bytes) -> Any:
                if lies is not None:
                    self._program = LyingEngine(lies).WitnessProgram(self._compiled.program)  # type: ignore[assignment]
                    self._arithmetic = LyingEngine(lies)  # type: ignore[assignment]
                if market is not None:
                    bound = self._compiled.plan.bind(market.tables)
                witness, publics = super().make(given, private, bound, *digests)
                cheat.publics = publics.values
                return witness.to_bytes(), publics

        prover = self.world.prover
        with self._patch.context() as patch:
            patch.setattr(prover, "_witnesses", Maker(prover.compiled, prover._arithmetic))
            patch.setattr(prover, "_require_valid", lambda *_: None)
            patch.setattr(prove_module, "require_margin", lambda *_: None)
            if gamma is not None:
                patch.setattr(witness_module, "compute_gamma", lambda *_: gamma)
            return self.world.prove(account=account)


@pytest.fixture
def cheat(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cheat]:
    _ = world.accepted
    return Cheat(world, monkeypatch)


def _holds(world: World, publics: Sequence[int], envelope: Envelope) -> bool:
    """The bare equation, for whatever public inputs the prover names."""
    try:
        verify_groth16(world.verifying_key, encode_elements(publics), envelope.proof.to_bytes())
    except ProofInvalid:
        return False
    return True


def _wire(world: World, name: str) -> int:
    return world.prover.compiled.names.inputs[name].first


def _functionals(world: World) -> int:
    (hint,) = (h for h in world.prover.compiled.names.hints if h.name == "functionals")
    return hint.first_wire


def test_the_account_of_these_attacks_misses_its_claim(world: World) -> None:
    with pytest.raises(MarginShort):
        world.prove(account=world.statement(cash=-CASH))


# --- the challenge ------------------------------------------------------------------------------------------------


def test_a_challenge_of_the_provers_choice(world: World, cheat: Cheat) -> None:
    """A false claim with a proof that satisfies the equation, for a gamma that the prover chose: refused."""
    first, gamma = _functionals(world), 1 << 12
    lies: Mapping[int, Lie] = {
        first: lambda wires: wires[first] + gamma * (1 << 44),
        first + 1: lambda wires: wires[first + 1] - (1 << 44),
    }
    forged = cheat.prove(lies, gamma=gamma, account=world.statement(cash=-CASH))
    assert _holds(world, cheat.publics, forged), "the circuit alone does not stop it"
    with pytest.raises(ProofInvalid):
        world.verify(forged)


def test_a_false_functional_at_the_verifiers_challenge(world: World, cheat: Cheat) -> None:
    first = _functionals(world)
    forged = cheat.prove({first: lambda wires: wires[first] + (1 << 44)}, account=world.statement(cash=-CASH))
    assert not _holds(world, cheat.publics, forged)
    with pytest.raises(ProofInvalid):
        world.verify(forged)


def test_another_market_in_the_witness(world: World, cheat: Cheat) -> None:
    """The signed snapshot with the envelope, better marks in the witness: true of those, refused for these."""
    forged = cheat.prove(market=small_market(shift=4_000_000), account=world.statement(cash=-CASH))
    assert _holds(world, cheat.publics, forged)
    with pytest.raises(ProofInvalid):
        world.verify(forged)


def test_everything_before_gamma_moves_gamma(world: World, envelope: Envelope, core: Arithmetic) -> None:
    names = [name for name, count in world.prover.compiled.plan.public_inputs for _ in range(count)]
    place = names.index("gamma")
    honest = _publics(world, envelope, core)[place]
    stated = envelope.public_inputs
    for name in names[:place]:
        value = getattr(stated, name)
        other = (value[0] ^ 1,) if isinstance(value, tuple) else value ^ 1
        moved = envelope.model_copy(update={"public_inputs": stated.model_copy(update={name: other})})
        assert _publics(world, moved, core)[place] != honest, name
    for name in ("vk_hash", "r1cs_digest"):
        context = envelope.context.model_copy(update={name: bytes(32)})
        assert _publics(world, envelope.model_copy(update={"context": context}), core)[place] != honest
    other_market = compute_public_inputs(envelope, world.rules, small_market(shift=1), core)
    assert other_market[place] != honest


# --- padding ------------------------------------------------------------------------------------------------------


def test_a_padded_row_with_a_size_is_signed_and_still_not_proven(world: World, cheat: Cheat) -> None:
    """Even where a venue signs a size in a row that the market does not list."""
    sizes = [*SIZES, 7, 0]
    honest_but_padded = world.statement(sizes)
    forged = cheat.prove(account=honest_but_padded)
    assert not _holds(world, cheat.publics, forged)
    with pytest.raises(ProofInvalid):
        world.verify(forged)


# --- context, key, points -----------------------------------------------------------------------------------------


def test_every_public_input_has_its_own_point_in_the_key(world: World) -> None:
    """``context`` stands in no constraint: the row that the setup adds for it is what binds it."""
    *_, points = split_verifying_key(world.verifying_key)
    assert all(any(point) for point in points)
    assert len(set(points)) == len(points)


def test_another_context_does_not_verify(world: World, envelope: Envelope, core: Arithmetic) -> None:
    publics = list(_publics(world, envelope, core))
    assert _holds(world, publics, envelope)
    for index in range(len(publics)):
        moved = [*publics]
        moved[index] = (moved[index] + 1) % FR_MODULUS
        assert not _holds(world, moved, envelope), index


def test_a_key_that_leaves_context_unbound_is_refused(tmp_path: Path, world: World) -> None:
    """A listed key whose point for ``context`` is at infinity would let one proof answer every challenge."""
    *_, points = split_verifying_key(world.verifying_key)
    head = len(world.verifying_key) - 64 * len(points)
    loose = world.verifying_key[: head + 64] + bytes(64) + world.verifying_key[head + 128 :]
    listed = world.accepted.model_copy(update={"vk_hash": vk_hash(loose)})
    careless = World(tmp_path)
    careless.__dict__.update(accepted=listed, verifying_key=loose, prover=_renamed(world, loose))
    forged = careless.prove()
    with pytest.raises(ProofPoint, match="binds no value"):
        careless.verify(forged)


def _renamed(world: World, key: bytes) -> Any:
    """The world's prover, which makes proofs that name another verifying key."""
    prover = copy.copy(world.prover)
    prover.verifying_key, prover.vk_hash = key, vk_hash(key)
    prover._require_valid = lambda *_: None  # type: ignore[method-assign]
    return prover


def test_a_rerandomised_proof_is_the_same_statement(world: World, envelope: Envelope, core: Arithmetic) -> None:
    """Groth16 proofs are malleable: replay is judged by context and nullifier, never by the proof's bytes."""
    encoded, k = envelope.proof.to_bytes(), 7
    a, b, c = encoded[:64], encoded[64:192], encoded[192:]
    inverse = pow(k, -1, G2_ORDER).to_bytes(32, "little")
    moved = core.g1_mul(a, inverse) + core.g2_mul(b, k.to_bytes(32, "little")) + c
    *_, delta, _ = split_verifying_key(world.verifying_key)
    with_delta = core.g2_add(b, delta)  # (A, B + delta, C + A)
    shifted = a + with_delta + core.g1_add(c, a)
    verdict = world.verify(envelope)
    for other in (moved, shifted):
        assert other != encoded
        again = world.verify(envelope.model_copy(update={"proof": Proof.of_bytes(other)}))
        assert (again.nullifier, again.scope, again.epoch) == (verdict.nullifier, verdict.scope, verdict.epoch)
    negated = (FQ_MODULUS - int.from_bytes(a[32:], "little")).to_bytes(32, "little")
    with pytest.raises(ProofInvalid):
        world.verify(envelope.model_copy(update={"proof": Proof.of_bytes(a[:32] + negated + b + c)}))


def test_the_same_account_always_has_the_same_nullifier(world: World, envelope: Envelope) -> None:
    """Another statement, cash, challenge or claim: one nullifier per owner, pocket and epoch."""
    challenge = b"\x44" * 32
    other = world.prove(account=world.statement(cash=CASH + 5), challenge=challenge)
    assert other.public_inputs.nullifier == envelope.public_inputs.nullifier
    assert other.public_inputs.context != envelope.public_inputs.context
    pocket = world.prove(account=world.statement(pocket=1))
    assert pocket.public_inputs.nullifier != envelope.public_inputs.nullifier


# --- encodings ----------------------------------------------------------------------------------------------------


def test_aliases_modulo_the_prime_are_not_read(world: World, envelope: Envelope, core: Arithmetic) -> None:
    encoded = envelope.proof.to_bytes()
    for place in range(8):
        value = int.from_bytes(encoded[32 * place : 32 * place + 32], "little") + FQ_MODULUS
        alias = encoded[: 32 * place] + value.to_bytes(32, "little") + encoded[32 * place + 32 :]
        with pytest.raises(FieldRange):
            Proof.of_bytes(alias)
        with pytest.raises(FieldRange):
            verify_groth16(world.verifying_key, encode_elements(_publics(world, envelope, core)), alias)
    publics = encode_elements(_publics(world, envelope, core))
    for index, value in enumerate(decode_elements(publics)):
        alias = publics[: 32 * index] + (value + FR_MODULUS).to_bytes(32, "little") + publics[32 * index + 32 :]
        with pytest.raises(FieldRange):
            verify_groth16(world.verifying_key, alias, encoded)
    tree = json.loads(envelope.to_bytes())
    tree["publicInputs"]["nullifier"] = str(int(tree["publicInputs"]["nullifier"]) + FR_MODULUS)
    with pytest.raises(FieldRange):
        world.verify(json.dumps(tree).encode())


# --- statements and rules -----------------------------------------------------------------------------------------


def test_a_statement_twice(world: World, envelope: Envelope) -> None:
    publics = envelope.public_inputs.model_copy(update={"positions": envelope.public_inputs.positions * 2})
    doubled = envelope.model_copy(update={"statements": envelope.statements * 2, "public_inputs": publics})
    with pytest.raises(StatementTwice):
        world.verify(doubled)


UNSIGNED = RULES.replace(b"min: -1e4, max: 1e4, from", b"min: 0, max: 2e4, from").replace(b"small_scan", b"long_only")


def test_the_words_of_one_rule_set_are_not_read_by_another(world: World, tmp_path: Path) -> None:
    """Offsets from -2^20 are other positions where they count from 0: shorts would vanish, and longs grow.

    The layout is in the commitment, so the same words are another commitment.
    """
    signed, natural = PositionLayout.of(world.rules), PositionLayout.of(parse_rules(UNSIGNED, "unsigned.yaml"))
    (of_signed,), (of_natural,) = signed.columns, natural.columns
    assert (of_signed.bits, of_signed.count) == (of_natural.bits, of_natural.count)
    shifted = [size - of_signed.low for size in [*SIZES, 0, 0]]
    assert of_signed.pack(SIZES) == of_natural.pack(shifted)
    assert signed.size_commitment({"size": SIZES}) != natural.size_commitment({"size": shifted})

    other = World(tmp_path, UNSIGNED)
    document, opening = world.statement()
    columns = tuple(column.model_copy(update={"values": tuple(shifted)}) for column in opening.columns)
    with pytest.raises(OpeningMismatch):
        other.prove(account=(document, opening.model_copy(update={"columns": columns})))


def test_a_policy_that_lists_two_rule_sets_keeps_them_apart(world: World, envelope: Envelope) -> None:
    """Digests count in triples, as listed: never rules of one entry with the key of another."""
    for change in ("rule_digest", "r1cs_digest", "vk_hash"):
        near = world.accepted.model_copy(update={change: b"\x09" * 32})
        policy = world.policy(rule_sets=(near,))
        context = envelope.context.model_copy(update={"policy_id": policy.policy_id})
        with pytest.raises(KeyNotListed):
            world.verify(envelope.model_copy(update={"context": context}), policy=policy)


def test_the_proof_answers_one_challenge(world: World, envelope: Envelope) -> None:
    world.verify(envelope)
    with pytest.raises(ZkMarginError) as refused:
        world.verify(envelope, challenge=b"\x01" * 32)
    assert refused.value.code == "E_CHALLENGE"


def test_another_owner_cannot_use_the_statement(world: World) -> None:
    thief = replace(KEYS, nk=KEYS.nk + 1)
    with pytest.raises(OpeningMismatch):
        world.prove(keys=thief)
