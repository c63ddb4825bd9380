"""Binding `committed` from the publisher's signature to the verdict, and what refuses every mixture of bindings, rule
sets and markets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import pytest
from parties import CHALLENGE, DOMAIN, KEYS, NOW, PUBLISHER
from rule_parties import Parties, commitment_of
from rule_world import RuleWorld, all_worlds
from test_rule_sets import begin, witness_of

from zkmargin.attestations.context import compute_context_input
from zkmargin.attestations.market import MarketSnapshotDocument
from zkmargin.circuits.compile import CompiledCircuit, compile_rules
from zkmargin.circuits.plan import compute_table_commitment
from zkmargin.circuits.rules import RuleSet, parse_rules
from zkmargin.circuits.rules.variants import variant
from zkmargin.errors import CircuitError, VerificationError, ZkMarginError
from zkmargin.field import encode_elements
from zkmargin.margin.tables import Tables
from zkmargin.prover.prove import Prover, Request
from zkmargin.prover.setup import read_verifying_key, setup_dev
from zkmargin.verifier.checks import require_table_commitment
from zkmargin.verifier.envelope import Envelope, SignedSnapshot
from zkmargin.verifier.groth16 import verify_groth16
from zkmargin.verifier.policy import AcceptedRuleSet, Policy
from zkmargin.verifier.verdict import Verdict
from zkmargin.verifier.verify import verify

WORLDS = all_worlds()
COMMITTED = [name for name, world in WORLDS.items() if world.rule_set.binding == "committed"]
NAME = "cross_bracket_committed"


def in_public(rules: RuleSet) -> RuleSet:
    """The same text and capacities in binding `public`."""
    return parse_rules(variant(rules.text, rules.file, name=f"{rules.name}_public", binding="public"))


# --- the shipped ones in both bindings ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMITTED)
def test_both_bindings_accept_and_refuse_the_same_accounts(name: str) -> None:
    world, random = WORLDS[name], Random(f"{name} both")
    public = in_public(world.rule_set)
    assert public.digest != world.rule_set.digest
    circuits = [compile_rules(rules) for rules in (world.rule_set, public)]
    assert circuits[0].r1cs_digest != circuits[1].r1cs_digest
    tables = world.market(random)
    tried = 0
    while tried < (3 if circuits[0].stats.constraints < 60_000 else 1):
        account = world.account(random, tables)
        kind = random.choice(list(world.rule_set.requirements))
        least = world.boundary(tables, account, kind, 5, 4)
        if least is None:
            continue
        tried += 1
        for short in (0, 1):
            for circuit in circuits:
                tried_account = world.with_lever(account, least - short)
                found = witness_of(circuit, tried_account, (kind, 5, 4), circuit.plan.bind(tables))
                assert (found is not None) == (short == 0)


@pytest.mark.parametrize("name", ["gmx", "mango_v4", "drift_v2", "vertex", "isolated_bracket"])
def test_other_rule_sets_say_the_same_when_committed(name: str) -> None:
    """No committed variant of these is shipped; that anybody can make one is said in specs/rules.md#variants."""
    world, random = WORLDS[name], Random(f"{name} as committed")
    rules = parse_rules(
        variant(world.rule_set.text, world.rule_set.file, name=f"{name}_committed", binding="committed")
    )
    circuit = compile_rules(rules)
    tables = world.market(random)
    for kind in world.rule_set.requirements:
        boundaries = ((account, world.boundary(tables, account, kind, 5, 4)) for account in _accounts(world, tables))
        account, least = next((account, least) for account, least in boundaries if least is not None)
        for short in (0, 1):
            shown = world.with_lever(account, least - short)
            found = witness_of(circuit, shown, (kind, 5, 4), circuit.plan.bind(tables))
            assert (found is not None) == (short == 0)


def _accounts(world: RuleWorld, tables: Tables) -> Iterator[dict[str, object]]:
    random = Random(world.rules)
    while True:
        yield world.account(random, tables)


@pytest.mark.parametrize("name", COMMITTED)
def test_everything_of_the_market_is_seen_to_be_committed_to(name: str) -> None:
    circuit = compile_rules(WORLDS[name].rule_set)
    inputs = dict(circuit.plan.committed_inputs)
    assert circuit.determinism.counts["committed"] == sum(inputs.values())
    assert ("assets" in inputs) == bool(circuit.rules.lines)
    assert circuit.stats.public_inputs == 6 + circuit.rules.venues <= 8


# --- a proof, and what stands in the way of others ------------------------------------------------------------------


class Committed(Parties):
    """The parties of the bracket rules, an account that meets its claim, and its proof."""

    world: RuleWorld = WORLDS[NAME]

    @cached_property
    def tables(self) -> Tables:
        return self.world.market(Random("committed verdicts"))

    @cached_property
    def account(self) -> dict[str, object]:
        random = Random("committed account")
        while True:
            account = self.world.account(random, self.tables)
            least = self.world.boundary(self.tables, account, self.kind, 1, 1)
            if least is not None:
                return self.world.with_lever(account, least)

    @cached_property
    def envelope(self) -> Envelope:
        return self.prove(self.tables, self.account)

    def signed(self, **changes: Any) -> MarketSnapshotDocument:
        """The snapshot with other words, signed by the publisher all the same."""
        document = self.snapshot(self.tables)
        snapshot = document.snapshot.model_copy(update=changes)
        return document.model_copy(update={"snapshot": snapshot, "signatures": ()}).with_signatures([PUBLISHER])

    def prove_on(self, snapshot: MarketSnapshotDocument) -> Envelope:
        statement, opening = self.attest(0, self.account, snapshot)
        request = Request(self.policy, snapshot, (statement,), NOW, None, CHALLENGE)
        return self.prover.prove(request, opening, KEYS)

    def judge(self, envelope: Envelope, market: MarketSnapshotDocument | None = None, **more: Any) -> Verdict:
        given = {"policy": self.policy, "rules": self.rules, "verifying_key": read_verifying_key(self.folder), **more}
        market = market or self.snapshot(self.tables)
        return verify(envelope, market=market, at=NOW, challenge=CHALLENGE, **given)

    def rebound(self, envelope: Envelope, market: SignedSnapshot | None = None, **context: Any) -> Envelope:
        """With another snapshot and other fields of the context, and the public input that fits them."""
        changed = envelope.context.model_copy(update=context)
        stated = {"context": compute_context_input(changed, DOMAIN.domain().signing())}
        publics = envelope.public_inputs.model_copy(update=stated)
        update: dict[str, object] = {"context": changed, "public_inputs": publics}
        return envelope.model_copy(update=update | ({"market": market} if market else {}))


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Committed:
    rules = WORLDS[NAME].rule_set
    found = Committed(rules, compile_rules(rules), "maintenance", tmp_path_factory.mktemp("committed"))
    _ = found.prover
    return found


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(ZkMarginError) as caught:
        action()
    return caught.value.code


def _header(document: MarketSnapshotDocument) -> SignedSnapshot:
    return SignedSnapshot(snapshot=document.snapshot, signatures=document.signatures)


def _publics(envelope: Envelope) -> list[int]:
    return [*envelope.public_inputs.leading(), envelope.market.snapshot.table_commitment]


@pytest.mark.parametrize("engine", ["rust", "reference", "python"])
def test_the_proof_holds_by_every_engine(parties: Committed, engine: str) -> None:
    assert parties.envelope.public_inputs.C is None
    assert parties.envelope.market.snapshot.table_commitment == compute_table_commitment(parties.rules, parties.tables)
    assert parties.judge(parties.envelope, engine=engine).rule_digest == parties.rules.digest


def test_seven_public_inputs_that_a_contract_can_supply(parties: Committed) -> None:
    """All from the envelope and the signed header: no table is needed. Any of them changed, the equation fails."""
    publics, proof = _publics(parties.envelope), parties.envelope.proof.to_bytes()
    key = read_verifying_key(parties.folder)
    assert len(publics) == 7
    verify_groth16(key, encode_elements(publics), proof, engine="rust")
    for index in range(7):
        changed = [*publics[:index], (publics[index] + 1) % (1 << 253), *publics[index + 1 :]]
        assert code_of(lambda changed=changed: verify_groth16(key, encode_elements(changed), proof, engine="rust")) == (
            "E_PROOF_INVALID"
        )


@pytest.mark.parametrize("commitment", [0, 1, "other market", "other rules"])
def test_a_commitment_that_is_not_that_of_the_tables(parties: Committed, commitment: int | str) -> None:
    """Signed by the publishers, refused by whoever has the tables: before proving, and at the verifier."""
    if commitment == "other market":
        commitment = compute_table_commitment(parties.rules, parties.world.market(Random("another")))
    elif commitment == "other rules":
        text = parties.rules.text.replace(b"\n", b" \n", 1)
        commitment = compute_table_commitment(parse_rules(text), parties.tables)
    assert isinstance(commitment, int)
    document = parties.signed(table_commitment=commitment)
    assert code_of(lambda: require_table_commitment(parties.rules, parties.tables, document.snapshot)) == "E_MARKET"
    assert code_of(lambda: parties.prove_on(document)) == "E_MARKET"
    forged = parties.rebound(parties.envelope, _header(document))
    assert code_of(lambda: parties.judge(forged, document)) == "E_MARKET"


def test_a_snapshot_without_a_commitment_is_for_the_other_binding(parties: Committed) -> None:
    document = parties.signed(table_commitment=0)
    with pytest.raises(VerificationError, match="belongs exactly to rule sets of the binding `committed`"):
        parties.judge(parties.rebound(parties.envelope, _header(document)), document)


def test_a_snapshot_for_another_rule_set(parties: Committed) -> None:
    """Of the same tables, with the commitment that fits this rule set: the pair of both is what publishers sign."""
    other = in_public(parties.rules)
    document = parties.signed(rule_digest=other.digest)
    assert code_of(lambda: parties.prove_on(document)) == "E_MARKET"
    assert code_of(lambda: parties.judge(parties.rebound(parties.envelope, _header(document)), document)) == "E_MARKET"


def test_a_proof_of_another_market(parties: Committed) -> None:
    """Honest snapshots of two markets: the proof over the one says nothing of the other."""
    other = parties.world.market(Random("other"))
    assert commitment_of(parties.rules, other) != commitment_of(parties.rules, parties.tables)
    assert code_of(lambda: parties.verify(parties.claiming(parties.envelope, other), other)) in (
        "E_PROOF_INVALID",
        "E_LISTING",  # other instruments
    )
    moved = {"mark": parties.tables.columns["mark"].values + 1}
    market = parties.tables.with_values(moved)
    assert code_of(lambda: parties.verify(parties.claiming(parties.envelope, market), market)) == "E_PROOF_INVALID"


def test_functionals_are_of_the_other_binding(parties: Committed) -> None:
    publics = parties.envelope.public_inputs.model_copy(update={"C": 5})
    forged = parties.envelope.model_copy(update={"public_inputs": publics})
    assert code_of(lambda: parties.judge(forged)) == "E_SCHEMA_TYPE"


# --- keys of the two bindings ---------------------------------------------------------------------------------------


class Both:
    """The public twin of the rules: its circuit and its key, and a policy that lists what a test says."""

    def __init__(self, parties: Committed, folder: Path) -> None:
        self.parties = parties
        self.rules = in_public(parties.rules)
        self.circuit: CompiledCircuit = compile_rules(self.rules, cache=False)
        self.description = setup_dev(self.circuit, folder)
        self.key = read_verifying_key(folder)
        self.folder = folder

    def policy(self, *entries: AcceptedRuleSet) -> Policy:
        own = self.parties.policy
        ordered = sorted(entries, key=lambda entry: entry.vk_hash)
        return own.model_copy(update={"rule_sets": tuple(ordered)})


@pytest.fixture(scope="module")
def both(parties: Committed, tmp_path_factory: pytest.TempPathFactory) -> Both:
    return Both(parties, tmp_path_factory.mktemp("public"))


def _mixtures(parties: Committed, both: Both) -> dict[str, dict[str, Any]]:
    """What the proof names, and what the verifier has: every mixture of text, circuit and key of the bindings."""
    committed, public = parties.policy.rule_sets[0], both.description.accepted()
    names = {"rule_digest": (committed, public), "r1cs_digest": (committed, public), "vk_hash": (committed, public)}
    found = {}
    for number in range(1, 8):
        chosen = {field: getattr(pair[number >> place & 1], field) for place, (field, pair) in enumerate(names.items())}
        found[f"{number:03b}"] = chosen
    return found


def test_every_mixture_of_the_bindings_is_refused(parties: Committed, both: Both) -> None:
    """A policy that lists both rule sets lists no mixture of them; the pure public one does not verify this proof."""
    policy = both.policy(parties.policy.rule_sets[0], both.description.accepted())
    refused = {}
    for name, chosen in _mixtures(parties, both).items():
        document = parties.signed(rule_digest=chosen["rule_digest"])
        forged = parties.rebound(parties.envelope, _header(document), policy_id=policy.policy_id, **chosen)
        rules = both.rules if chosen["rule_digest"] == both.rules.digest else parties.rules
        key = both.key if chosen["vk_hash"] == both.description.vk_hash else read_verifying_key(parties.folder)
        refused[name] = code_of(
            lambda forged=forged, document=document, rules=rules, key=key: parties.judge(
                forged, document, policy=policy, rules=rules, verifying_key=key
            )
        )
    assert (
        refused.pop("111") == "E_MARKET"
    )  # a consistent claim of the public binding: its snapshots have no commitment
    assert set(refused.values()) == {"E_VK"}


def test_a_policy_that_lists_a_mixture_opens_nothing(parties: Committed, both: Both) -> None:
    """The committed key under the public text, listed by mistake: the number of public inputs gives it away."""
    committed, public = parties.policy.rule_sets[0], both.description.accepted()
    for text, key, rules, commitment in (
        (public, committed, both.rules, 0),
        (committed, public, parties.rules, commitment_of(parties.rules, parties.tables)),
    ):
        entry = text.model_copy(update={"vk_hash": key.vk_hash})
        policy = both.policy(entry)
        document = parties.signed(rule_digest=rules.digest, table_commitment=commitment)
        forged = parties.rebound(
            parties.envelope,
            _header(document),
            policy_id=policy.policy_id,
            rule_digest=rules.digest,
            r1cs_digest=text.r1cs_digest,
            vk_hash=key.vk_hash,
        )
        publics = forged.public_inputs.model_copy(update={"C": 5 if rules is both.rules else None})
        forged = forged.model_copy(update={"public_inputs": publics})
        used = both.key if key is public else read_verifying_key(parties.folder)
        code = code_of(
            lambda forged=forged, document=document, policy=policy, rules=rules, used=used: parties.judge(
                forged, document, policy=policy, rules=rules, verifying_key=used
            )
        )
        assert code == "E_VK"


def test_a_prover_takes_no_key_of_the_other_binding(parties: Committed, both: Both) -> None:
    assert code_of(lambda: Prover(parties.rules, both.folder)) == "E_KEY_CIRCUIT"
    assert code_of(lambda: Prover(both.rules, parties.folder)) == "E_KEY_CIRCUIT"


def test_the_circuit_computes_what_the_tables_give(parties: Committed) -> None:
    """The witness's own commitment, computed wire by wire, is the one that publishers sign."""
    market = parties.circuit.plan.bind(parties.tables)
    run = begin(parties.circuit, parties.account, ("maintenance", 1, 1), market, False)
    run.finish(None)
    assert run.public_inputs[-1] == market.commitment() == compute_table_commitment(parties.rules, parties.tables)
    with pytest.raises(CircuitError):
        run.finish(5)
