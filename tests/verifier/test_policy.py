"""Policies: what is not listed is not accepted, and a careless list is refused when it is read."""

from __future__ import annotations

from typing import Any

import pytest
from priced_world import rules

from zkmargin.attestations.collateral.documents import Attestors
from zkmargin.attestations.documents import OfflineDomain, Signers
from zkmargin.encoding import sha256
from zkmargin.errors import (
    ClaimMismatch,
    IdCanonical,
    KeyNotListed,
    Quorum,
    SchemaType,
    SchemaUnknownField,
    SignatureOrder,
    ZkMarginError,
)
from zkmargin.verifier.clock.policy import Band, Breaker, ClockPolicy
from zkmargin.verifier.policy import (
    AcceptedRuleSet,
    ChainPolicy,
    CollateralPolicy,
    LeastClaim,
    MaximumAge,
    Policy,
    VenuePolicy,
)

A, B = b"\x0a" * 20, b"\x0b" * 20


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def rule_set(number: int = 1, **changes: Any) -> AcceptedRuleSet:
    fields: dict[str, Any] = {
        "name": f"rules {number}",
        "rule_digest": word(number),
        "r1cs_digest": word(number + 100),
        "vk_hash": word(number + 200),
        "transcript_digest": bytes(32),
        "insecure": True,
    }
    return AcceptedRuleSet(**fields | changes)


def venue(number: int = 1, signers: Signers | None = None) -> VenuePolicy:
    own = Signers.of(word(number)[12:])
    return VenuePolicy(venue_id=word(number), name=f"venue {number}", signers=signers or own)


def policy(**changes: Any) -> Policy:
    fields: dict[str, Any] = {
        "name": "test",
        "domain": OfflineDomain(salt=word(7)),
        "verifier_id": word(8),
        "target": bytes(32),
        "publishers": Signers.of(A, B, threshold=2),
        "venues": (venue(),),
        "rule_sets": (rule_set(),),
        "maximum_age": MaximumAge(price=60, statement=3600, proof=300),
        "clock_skew": 60,
        "epoch_length": 86400,
        "epoch_lead": 3600,
        "claim": LeastClaim(kind="maintenance", num=1, den=1),
        "challenge_required": True,
    }
    return Policy(**fields | changes)


def test_round_trip_and_id() -> None:
    made = policy()
    assert Policy.parse(made.to_bytes()) == Policy.parse(made.to_text().encode()) == made
    assert made.policy_id == sha256(made.to_bytes())
    assert made.model_copy(update={"name": "other"}).policy_id != made.policy_id


def test_only_exact_triples_are_accepted() -> None:
    made = policy(rule_sets=(rule_set(1), rule_set(2)))
    assert made.accepted(word(2), word(102), word(202)) == rule_set(2)
    mixed = [(1, 101, 202), (1, 102, 201), (2, 101, 201), (3, 103, 203), (0, 0, 0)]
    for triple in mixed:
        with pytest.raises(KeyNotListed):
            made.accepted(*map(word, triple))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"venues": ()}, SchemaType),
        ({"rule_sets": ()}, SchemaType),
        ({"venues": (venue(2), venue(1))}, SchemaType),
        ({"venues": (venue(1), venue(1))}, SchemaType),
        ({"rule_sets": (rule_set(2), rule_set(1))}, SchemaType),
        ({"rule_sets": (rule_set(1), rule_set(1))}, SchemaType),
        ({"epoch_length": 0}, SchemaType),
        ({"verifier_id": bytes(32)}, SchemaType),
        ({"challenge_required": 1}, SchemaType),
        ({"publishers": Signers(members=(B, A), threshold=1)}, SignatureOrder),
        ({"publishers": Signers(members=(A, A), threshold=1)}, SignatureOrder),
        ({"publishers": Signers(members=(A,), threshold=0)}, Quorum),
        ({"publishers": Signers(members=(A,), threshold=2)}, Quorum),
        ({"publishers": Signers(members=(), threshold=0)}, Quorum),
        ({"venues": (venue(signers=Signers(members=(B, A), threshold=1)),)}, SignatureOrder),
        ({"venues": (venue(), venue(2, signers=Signers(members=(A,), threshold=2)))}, Quorum),
        ({"claim": LeastClaim(kind="maintenance", num=1, den=2)}, ClaimMismatch),
        ({"claim": LeastClaim(kind="maintenance", num=0, den=0)}, ClaimMismatch),
        ({"trust_everyone": True}, SchemaUnknownField),
    ],
)
def test_careless_policies_are_refused(changes: dict[str, Any], error: type[ZkMarginError]) -> None:
    with pytest.raises(error):
        policy(**changes)


def test_nobody_signs_for_two_venues() -> None:
    """One party would vouch for both sides of an offset; a quorum that shares one member is no better."""
    both, other = Signers.of(A, B, threshold=2), Signers.of(B)
    for second in (both, other, Signers.of(A)):
        with pytest.raises(SchemaType, match="a signer is listed for two venues"):
            policy(venues=(venue(1, both), venue(2), venue(3, second)))
    assert len(policy(venues=(venue(1, Signers.of(A)), venue(2, other), venue(3))).venues) == 3


def test_a_key_without_a_ceremony_is_listed_as_insecure_or_not_at_all() -> None:
    with pytest.raises(SchemaType, match="insecure"):
        rule_set(insecure=False)
    assert not rule_set(insecure=False, transcript_digest=word(1)).insecure
    with pytest.raises(SchemaType, match="kind"):
        LeastClaim(kind="none", num=1, den=1)  # type: ignore[arg-type]


def test_the_shortest_epoch_is_a_second() -> None:
    assert policy(epoch_length=1).epoch_length == 1


def collateral(**changes: Any) -> CollateralPolicy:
    fields: dict[str, Any] = {
        "attestors": Attestors(set_nonce=1, signers=Signers.of(A)),
        "chains": (ChainPolicy(chain="eip155:1", maximum_age=1800, finality=2, observed=False),),
        "exclusive": True,
    }
    return CollateralPolicy(**fields | changes)


def test_every_field_of_collateral_moves_the_id() -> None:
    chain = collateral().chains[0]
    changes: list[CollateralPolicy] = [
        collateral(attestors=Attestors(set_nonce=2, signers=Signers.of(A))),
        collateral(attestors=Attestors(set_nonce=1, signers=Signers.of(B))),
        collateral(exclusive=False),
        *(
            collateral(chains=(chain.model_copy(update=change),))
            for change in ({"chain": "eip155:10"}, {"maximum_age": 1801}, {"finality": 1}, {"observed": True})
        ),
    ]
    ids = {policy(collateral=made).policy_id for made in (None, collateral(), *changes)}
    assert len(ids) == len(changes) + 2


def test_chains_of_a_policy_are_canonical_and_in_order() -> None:
    chain = collateral().chains[0]
    with pytest.raises(IdCanonical):
        collateral(chains=(chain.model_copy(update={"chain": "eip155:01"}),))
    for chains in ((), (chain, chain), (chain, chain.model_copy(update={"chain": "bip122:0"}))):
        with pytest.raises(SchemaType):
            collateral(chains=chains)
    with pytest.raises(Quorum):
        collateral(attestors=Attestors(set_nonce=1, signers=Signers(members=(A,), threshold=2)))


def clock() -> ClockPolicy:
    limits = Breaker(price_age=600, move=500, cool_down=60, longest_pause=600)
    return ClockPolicy(prove_every=600, grace=60, call=60, bands=(Band(num=1, den=1),), breaker=limits)


def test_every_field_moves_the_id() -> None:
    made = policy()
    changes: dict[str, Any] = {
        "name": "x",
        "domain": OfflineDomain(salt=word(9)),
        "verifier_id": word(9),
        "target": word(9),
        "publishers": Signers.of(A),
        "venues": (venue(), venue(2)),
        "rule_sets": (rule_set(), rule_set(2)),
        "maximum_age": MaximumAge(price=61, statement=3600, proof=300),
        "clock_skew": 61,
        "epoch_length": 86401,
        "epoch_lead": 3601,
        "claim": LeastClaim(kind="initial", num=1, den=1),
        "challenge_required": False,
        "collateral": collateral(),
        "prices": rules(),
        "clock": clock(),
    }
    assert set(changes) == set(Policy.model_fields) - {"type", "version"}
    ids = {made.model_copy(update={name: value}).policy_id for name, value in changes.items()}
    assert len(ids | {made.policy_id}) == len(changes) + 1
