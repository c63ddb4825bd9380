"""A verifier's policy: whom it trusts, which rule sets and keys it accepts, how old things may be.

The policy is published with a challenge; a proof names it by ``policyId``, the SHA-256 of its canonical
bytes. A verifying key or a rule set is accepted only by being listed here.       specs/documents.md#policy
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.collateral.documents import Attestors
from zkmargin.attestations.collateral.identifiers import require_chain
from zkmargin.attestations.collateral.roots import ChainRule
from zkmargin.attestations.context import ZERO32, Claim, ClaimKind
from zkmargin.attestations.documents import AnyDomain, Signers
from zkmargin.attestations.price_rules import PriceRules
from zkmargin.attestations.schema import (
    U8,
    U16,
    U32,
    U64,
    Bytes32,
    Document,
    Model,
    Sequence,
    Text,
    strictly_ascending,
)
from zkmargin.encoding import hex_bytes, sha256
from zkmargin.errors import KeyNotListed, SchemaType
from zkmargin.verifier.clock.policy import ClockPolicy


class VenuePolicy(Model):
    """A venue whose position statement every proof must carry."""

    venue_id: Bytes32
    name: Text
    signers: Signers


class AcceptedRuleSet(Model):
    """A rule set, its circuit and its key, all by digest.

    ``transcript_digest`` names the ceremony that made the key; zero if there was none, and then the key must
    be listed as ``insecure``: whoever ran its setup could forge proofs.
    """

    name: Text
    rule_digest: Bytes32
    r1cs_digest: Bytes32
    vk_hash: Bytes32
    transcript_digest: Bytes32
    insecure: bool

    @model_validator(mode="after")
    def _no_transcript_is_insecure(self) -> Self:
        if self.transcript_digest == ZERO32 and not self.insecure:
            raise PydanticCustomError(
                SchemaType.code, "a key without a ceremony transcript must be listed with `insecure: true`"
            )
        return self


class MaximumAge(Model):
    """Seconds: of the prices, of the positions (their ``asOf``), of the proof (its ``issuedAt``)."""

    price: U32
    statement: U32
    proof: U32


class ChainPolicy(Model):
    """What is asked of a chain: the oldest block in seconds, the least finality (0 dev, 1 safe, 2 final, 3 settled),
    whether lines that are only observed count.
    """

    chain: Text
    maximum_age: U32
    finality: U8
    observed: bool


class CollateralPolicy(Model):
    """Whose collateral roots count, over which chains. ``exclusive``: every line is locked until the proof expires."""

    attestors: Attestors
    chains: Annotated[
        tuple[ChainPolicy, ...],
        Field(min_length=1),
        Sequence,
        strictly_ascending(lambda entry: entry.chain.encode(), "chains"),
    ]
    exclusive: bool

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self.attestors.signers.signer_set()
        for entry in self.chains:
            require_chain(entry.chain)
        return self

    def rules(self) -> dict[str, ChainRule]:
        """By chain."""
        return {entry.chain: ChainRule(entry.maximum_age, entry.finality, entry.observed) for entry in self.chains}


class LeastClaim(Model):
    """The weakest claim that is accepted: ``den * equity >= num * requirement``."""

    kind: Literal["maintenance", "initial"]
    num: U16
    den: U16

    def claim(self) -> Claim:
        """As a claim. Raises ClaimMismatch unless ``num >= den >= 1``."""
        return Claim(ClaimKind[self.kind.upper()], self.num, self.den)


class Policy(Document):
    """``*.policy.json``. Times are seconds; lists are strictly ascending, so that one policy has one id."""

    TYPE: ClassVar[str] = "zkmargin/policy"
    type: Literal["zkmargin/policy"] = "zkmargin/policy"
    version: Literal["1"] = "1"
    name: Text
    domain: AnyDomain
    verifier_id: Bytes32
    target: Bytes32
    publishers: Signers
    venues: Annotated[
        tuple[VenuePolicy, ...],
        Field(min_length=1),
        Sequence,
        strictly_ascending(lambda venue: venue.venue_id, "venues, by venueId,"),
    ]
    rule_sets: Annotated[
        tuple[AcceptedRuleSet, ...],
        Field(min_length=1),
        Sequence,
        strictly_ascending(lambda entry: entry.vk_hash, "rule sets, by vkHash,"),
    ]
    maximum_age: MaximumAge
    clock_skew: U32
    epoch_length: U64
    epoch_lead: U32
    claim: LeastClaim
    challenge_required: bool
    collateral: CollateralPolicy | None = None
    prices: PriceRules | None = None
    clock: ClockPolicy | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self.publishers.signer_set()
        known: set[bytes] = set()
        for venue in self.venues:
            venue.signers.signer_set()
            if known & set(venue.signers.members):
                words = "a signer is listed for two venues: one party would vouch for both sides of an offset"
                raise PydanticCustomError(SchemaType.code, words)
            known.update(venue.signers.members)
        self.claim.claim()
        if self.epoch_length < 1:
            raise PydanticCustomError(SchemaType.code, "epochLength must be at least one second")
        if self.verifier_id == ZERO32:
            raise PydanticCustomError(SchemaType.code, "verifierId must not be zero")
        return self

    @cached_property
    def policy_id(self) -> bytes:
        """SHA-256 of the RFC 8785 bytes."""
        return sha256(self.to_bytes())

    def accepted(self, rule_digest: bytes, r1cs_digest: bytes, vk_hash: bytes) -> AcceptedRuleSet:
        """The entry with exactly these digests. Raises KeyNotListed."""
        for entry in self.rule_sets:
            if (entry.rule_digest, entry.r1cs_digest, entry.vk_hash) == (rule_digest, r1cs_digest, vk_hash):
                return entry
        raise KeyNotListed(
            "the policy does not list this rule set, circuit and verifying key together",
            where="context",
            got=f"ruleDigest {hex_bytes(rule_digest)}, vkHash {hex_bytes(vk_hash)}",
            hint="a key is accepted only by being on the verifier's policy",
        )
