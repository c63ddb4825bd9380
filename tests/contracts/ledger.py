"""The contracts on local chains: what tests deploy, sign and submit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest
from chain_world import COIN, GENESIS, Chain, running
from tiny_proofs import TinyKey

from zkmargin.attestations.collateral.documents import (
    Attestors,
    Checkpoint,
    CollateralRoot,
    RevokeRoot,
    hash_checkpoints,
)
from zkmargin.attestations.context import (
    ZERO32,
    Claim,
    compute_context_input,
    compute_scope,
    compute_statements_hash,
)
from zkmargin.attestations.documents import (
    HomeDomain,
    MarketSnapshot,
    PositionStatement,
    SignedStructure,
    Signers,
    StatementContext,
    sign,
)
from zkmargin.attestations.keyfiles import party_of
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import hex_bytes, keccak256
from zkmargin.errors import ZkMarginError
from zkmargin.formats import vk_hash
from zkmargin.verifier.contracts import words
from zkmargin.verifier.contracts.client import ChainNode, Contract
from zkmargin.verifier.contracts.deployment import deploy_registry, deploy_verifier
from zkmargin.verifier.contracts.words import Record
from zkmargin.verifier.envelope import Envelope, Proof, PublicInputs, SignedRoot, SignedSnapshot, SignedStatement
from zkmargin.verifier.policy import (
    AcceptedRuleSet,
    ChainPolicy,
    CollateralPolicy,
    LeastClaim,
    MaximumAge,
    Policy,
    VenuePolicy,
)

DAY = 86400
NOW = GENESIS + 1000
EPOCH = NOW // DAY
END = (EPOCH + 1) * DAY
ADMIN, PUBLISHER, VENUE, SECOND_VENUE, LENDER, OTHER_LENDER, TRADER, STRANGER = (
    SigningKey(bytes([n]) * 32) for n in range(81, 89)
)
ATTESTOR_KEYS = sorted((SigningKey(bytes([n]) * 32) for n in (91, 92, 93)), key=lambda key: key.address)
ATTESTORS = Attestors(set_nonce=1, signers=Signers.of(*(key.address for key in ATTESTOR_KEYS), threshold=2))
VENUE_ID, SECOND_ID = sorted([keccak256(b"venue one"), keccak256(b"venue two")])
RULES, R1CS, MARKET, LISTING = (keccak256(word) for word in (b"rules", b"r1cs", b"market", b"listing"))
TABLES = 12345678901234567890
NULLIFIER = 424242
TREE = 777


LENDER_ID = party_of(LENDER.address)


def refused(name: str, code: str, action: Callable[[], Any]) -> ZkMarginError:
    """``action`` is refused by the contract's error of this name, told under this code."""
    with pytest.raises(ZkMarginError) as caught:
        action()
    assert caught.value.where.endswith(f": {name}"), str(caught.value)
    assert caught.value.code == code
    return caught.value


@contextmanager
def ledger_chain(number: int) -> Iterator[tuple[Chain, ChainNode]]:
    """A chain that mines each transaction at once, a second after the block before."""
    with running(number) as chain:
        for key in (ADMIN, LENDER, TRADER, STRANGER):
            chain.rpc.call("anvil_setBalance", hex_bytes(key.address), hex(100 * COIN))
        chain.rpc.call("evm_setAutomine", True)
        chain.rpc.call("anvil_setBlockTimestampInterval", 1)
        yield chain, ChainNode(chain.url, number)


@dataclass
class Ledger:
    """A registry and verifiers on one chain, and all who sign for it. Clock: the chain's."""

    chain: Chain
    node: ChainNode
    key: TinyKey
    other_key: TinyKey
    pair_key: TinyKey
    registry: Contract = field(init=False)
    verifiers: dict[bytes, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.registry, _ = deploy_registry(self.node, ADMIN, ADMIN.address, DAY)
        for key in (self.key, self.other_key, self.pair_key):
            contract, _ = deploy_verifier(self.node, ADMIN, key.verifying_key)
            self.verifiers[vk_hash(key.verifying_key)] = contract.address

    def at(self, moment: int) -> None:
        """The next block is of this time."""
        self.chain.rpc.call("evm_setNextBlockTimestamp", moment)

    def go_to(self, moment: int) -> None:
        """A block of this time, so that calls see it too."""
        self.at(moment)
        self.chain.rpc.call("evm_mine")

    @cached_property
    def domain(self) -> HomeDomain:
        return HomeDomain(chain_id=self.node.chain_id, verifying_contract=self.registry.address)

    @property
    def target(self) -> bytes:
        return self.domain.signing().pledge_domain

    # --- policies ----------------------------------------------------------------------------------------------------

    def accepted(self, key: TinyKey) -> AcceptedRuleSet:
        return AcceptedRuleSet(
            name="tiny", rule_digest=RULES, r1cs_digest=R1CS, vk_hash=vk_hash(key.verifying_key),
            transcript_digest=ZERO32, insecure=True,
        )  # fmt: skip

    def policy(self, *keys: TinyKey, lender: SigningKey = LENDER, venues: int = 1, **changes: Any) -> Policy:
        listed = (
            VenuePolicy(venue_id=VENUE_ID, name="one", signers=Signers.of(VENUE.address)),
            VenuePolicy(venue_id=SECOND_ID, name="two", signers=Signers.of(SECOND_VENUE.address)),
        )
        accepted = [self.accepted(key) for key in keys or (self.key,)]
        fields: dict[str, Any] = {
            "name": "tests",
            "domain": self.domain,
            "verifier_id": party_of(lender.address),
            "target": self.target,
            "publishers": Signers.of(PUBLISHER.address),
            "venues": listed[:venues],
            "rule_sets": tuple(sorted(accepted, key=lambda entry: entry.vk_hash)),
            "maximum_age": MaximumAge(price=300, statement=3600, proof=600),
            "clock_skew": 60,
            "epoch_length": DAY,
            "epoch_lead": 3600,
            "claim": LeastClaim(kind="maintenance", num=5, den=4),
            "challenge_required": False,
        }
        return Policy(**fields | changes)

    def collateral_policy(self, **changes: Any) -> Policy:
        chains = (ChainPolicy(chain="eip155:1", maximum_age=1800, finality=2, observed=False),
                  ChainPolicy(chain="solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", maximum_age=900, finality=1,
                              observed=True))  # fmt: skip
        collateral = CollateralPolicy(attestors=ATTESTORS, chains=chains, exclusive=True)
        return self.policy(**{"name": "collateral", "collateral": collateral} | changes)

    def add(self, policy: Policy, lender: SigningKey = LENDER, sender: SigningKey = ADMIN) -> Policy:
        """Add it, if it is not there yet."""
        if self.registry.call("policyState", policy.policy_id)[0] == ZERO32:
            self.registry.send(sender, "addPolicy", words.policy_words(policy, lender.address, self.verifiers))
        return policy

    # --- documents ---------------------------------------------------------------------------------------------------

    def statement(self, venue: bytes = VENUE_ID, **changes: Any) -> PositionStatement:
        fields: dict[str, Any] = {
            "commitment": 1000 + (venue == SECOND_ID), "scheme": 1, "size_commitment": b"", "listing_digest": LISTING,
            "as_of": NOW - 30, "issued_at": NOW - 20, "expires_at": NOW + 3600, "venue_id": venue,
            "audience": LENDER_ID, "epoch": EPOCH, "seq": 7,
        }  # fmt: skip
        return PositionStatement(**fields | changes)

    def snapshot(self, **changes: Any) -> MarketSnapshot:
        fields: dict[str, Any] = {
            "market_digest": MARKET, "rule_digest": RULES, "table_commitment": TABLES, "listing_digest": LISTING,
            "price_time": NOW - 10, "issued_at": NOW - 5, "expires_at": NOW + 900,
            "sources_hash": keccak256(b"sources"),
        }  # fmt: skip
        return MarketSnapshot(**fields | changes)

    def checkpoints(self, **changes: Any) -> tuple[Checkpoint, ...]:
        fields: dict[str, Any] = {
            "chain": "eip155:1", "block_number": 5, "block_hash": keccak256(b"block"),
            "state_root": keccak256(b"state"), "block_time": NOW - 100, "finality": 2, "proof_kind": 1,
        }  # fmt: skip
        second = {"chain": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "finality": 1, "proof_kind": 3}
        return Checkpoint(**fields | changes), Checkpoint(**fields | second)

    def root(self, checkpoints: Sequence[Checkpoint] | None = None, **changes: Any) -> CollateralRoot:
        fields: dict[str, Any] = {
            "root": TREE, "epoch": EPOCH, "seq": 4, "leaf_count": 12, "depth": 7,
            "checkpoints_hash": hash_checkpoints(self.checkpoints() if checkpoints is None else checkpoints),
            "leaves_hash": keccak256(b"leaves"), "prev_digest": keccak256(b"before"), "pledge_domain": self.target,
            "attestor_set_id": ATTESTORS.identity, "issued_at": NOW - 60, "expires_at": NOW + 3600,
        }  # fmt: skip
        return CollateralRoot(**fields | changes)

    def signed(self, structure: SignedStructure, keys: Sequence[SigningKey], signers: words.Words) -> words.Words:
        return words.signed_words(signers, sign(structure, self.domain.signing(), list(keys)))

    def show_statement(
        self, policy: Policy, statement: PositionStatement, index: int = 0, keys: Sequence[SigningKey] = ()
    ) -> Mapping[str, Any]:
        signers = words.signers_words(policy.venues[index].signers)
        signed = self.signed(statement, keys or (VENUE if index == 0 else SECOND_VENUE,), signers)
        return self.registry.send(
            STRANGER, "registerStatement", policy.policy_id, index, words.statement_words(statement), signed
        )

    def show_snapshot(
        self, policy: Policy, snapshot: MarketSnapshot, keys: Sequence[SigningKey] = (PUBLISHER,)
    ) -> Mapping[str, Any]:
        signed = self.signed(snapshot, keys, words.signers_words(policy.publishers))
        return self.registry.send(
            STRANGER, "registerSnapshot", policy.policy_id, words.snapshot_words(snapshot), signed
        )

    def show_root(
        self,
        policy: Policy,
        root: CollateralRoot,
        checkpoints: Sequence[Checkpoint] | None = None,
        keys: Sequence[SigningKey] = ATTESTOR_KEYS[:2],
    ) -> Mapping[str, Any]:
        marks = self.checkpoints() if checkpoints is None else checkpoints
        return self.registry.send(
            STRANGER, "registerRoot", policy.policy_id, words.root_words(root),
            [words.checkpoint_words(mark) for mark in marks], words.chain_words(policy),
            self.signed(root, keys, words.attestor_words(policy)),
        )  # fmt: skip

    def revoke(self, digest: bytes, keys: Sequence[SigningKey] = ATTESTOR_KEYS[1:]) -> Mapping[str, Any]:
        word = RevokeRoot(root_digest=digest, reason=2, at=NOW)
        signed = self.signed(word, keys, words.signers_words(ATTESTORS.signers, ATTESTORS.set_nonce))
        return self.registry.send(STRANGER, "revokeRoot", words.revocation_words(word), signed)

    # --- proofs ------------------------------------------------------------------------------------------------------

    def envelope(
        self,
        policy: Policy,
        *,
        key: TinyKey | None = None,
        statements: Sequence[PositionStatement] | None = None,
        snapshot: MarketSnapshot | None = None,
        root: CollateralRoot | None = None,
        claim: Claim | None = None,
        nullifier: int = NULLIFIER,
        randomness: bytes | None = None,
        **changes: Any,
    ) -> Envelope:
        """A proof's file over signed documents. ``changes``: of the context."""
        key = key or (self.key if len(policy.venues) == 1 else self.pair_key)
        domain = self.domain.signing()
        statements = [self.statement(venue.venue_id) for venue in policy.venues] if statements is None else statements
        snapshot = snapshot or self.snapshot()
        fields: dict[str, Any] = {
            "verifier_id": policy.verifier_id, "challenge": ZERO32, "target": self.target, "rule_digest": RULES,
            "r1cs_digest": R1CS, "vk_hash": vk_hash(key.verifying_key), "market_digest": snapshot.market_digest,
            "listing_digest": snapshot.listing_digest,
            "statements_hash": compute_statements_hash(statements, domain),
            "root_digest": ZERO32 if root is None else root.digest(domain), "epoch": EPOCH, "issued_at": NOW,
            "expires_at": NOW + 7200, "policy_id": policy.policy_id,
        }  # fmt: skip
        context = StatementContext(**fields | changes)
        if claim is None:
            claim = Claim(num=5, den=4, min_lock=0 if root is None else context.expires_at)
        publics = PublicInputs(
            context=compute_context_input(context, domain), claim=claim.pack(),
            positions=tuple(statement.commitment for statement in statements),
            collateral_root=0 if root is None else root.root, nullifier=nullifier,
            scope=compute_scope(domain.pledge_domain, context.epoch), C=None,
        )  # fmt: skip
        proof = key.prove([*publics.leading(), snapshot.table_commitment], randomness)
        return Envelope(
            domain=self.domain,
            context=context,
            public_inputs=publics,
            statements=tuple(SignedStatement(statement=each, signatures=()) for each in statements),
            market=SignedSnapshot(snapshot=snapshot, signatures=()),
            collateral=None if root is None else SignedRoot(root=root, checkpoints=self.checkpoints(), signatures=()),
            proof=Proof.of_bytes(proof),
        )

    def submit(self, envelope: Envelope, held: Record | None = None, sender: SigningKey = TRADER) -> Record:
        """Submit; the record that is kept. Raises the refusal."""
        receipt = self.registry.send(sender, "submit", words.submission_words(envelope, held))
        (event,) = self.registry.events(receipt, "Pledged")
        assert event["nullifier"] == envelope.public_inputs.nullifier
        return Record.of_words(event["record"])

    def try_words(self, submission: words.Words) -> None:
        """What ``submit`` would do with these words, changed at will. Raises the refusal."""
        self.registry.call("submit", submission, sender=TRADER.address)

    def ready(self, policy: Policy | None = None) -> Policy:
        """A policy with its documents registered at NOW."""
        policy = self.add(policy or self.policy())
        self.go_to(NOW)
        for index, venue in enumerate(policy.venues):
            self.show_statement(policy, self.statement(venue.venue_id), index)
        self.show_snapshot(policy, self.snapshot())
        if policy.collateral is not None:
            self.show_root(policy, self.root())
        return policy

    def slot(self, nullifier: int = NULLIFIER) -> bytes:
        found: bytes = self.registry.call("records", nullifier)
        return found
