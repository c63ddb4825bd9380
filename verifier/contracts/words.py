"""Documents, policies and records in the registry contract's words.                    specs/contracts.md#structures"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final, Self

from zkmargin.attestations.collateral.documents import Checkpoint, CollateralRoot, RevokeRoot
from zkmargin.attestations.context import ZERO32, ClaimKind, party_id
from zkmargin.attestations.documents import HomeDomain, MarketSnapshot, PositionStatement, Signature, Signers
from zkmargin.attestations.eip712 import SigningDomain, encode_uint
from zkmargin.encoding import hex_bytes, keccak256
from zkmargin.errors import (
    DomainMismatch,
    KeyNotListed,
    ListingMismatch,
    MarketMismatch,
    SchemaType,
    StatementMismatch,
    TargetMismatch,
    VenueMismatch,
)
from zkmargin.verifier.contracts.artifacts import artifact
from zkmargin.verifier.contracts.encoding import proof_words
from zkmargin.verifier.envelope import Envelope
from zkmargin.verifier.policy import Policy
from zkmargin.verifier.registry.documents import Release

Words = dict[str, Any]
RECORDS_SLOT: Final = 6
"""Where the registry's storage keeps ``records``."""
NO_SIGNERS: Final[Words] = {"nonce": 0, "members": [], "threshold": 0}


def home_of(domain: object) -> SigningDomain:
    """The signing domain of a registry on a chain. Raises DomainMismatch for an offline one."""
    if not isinstance(domain, HomeDomain):
        raise DomainMismatch(
            "contracts take documents of a home chain", where="domain", expected="chainId and contract"
        )
    return domain.signing()


def signers_words(signers: Signers, nonce: int = 0) -> Words:
    """A signer set."""
    return {"nonce": nonce, "members": list(signers.members), "threshold": signers.threshold}


def signed_words(signers: Words, signatures: Sequence[Signature]) -> Words:
    """Signatures with the set that they are of."""
    return {"signers": signers, "signatures": [entry.signature for entry in signatures]}


def statement_words(statement: PositionStatement) -> Words:
    """Without scheme and size commitment, which the contract fixes. Raises StatementMismatch for another scheme."""
    values = dict(statement.values())
    if values.pop("scheme") != 1 or values.pop("sizeCommitment"):
        raise StatementMismatch("unknown commitment scheme", where="statement.scheme")
    return values


def snapshot_words(snapshot: MarketSnapshot) -> Words:
    """Of a snapshot's header."""
    return dict(snapshot.values())


def root_words(root: CollateralRoot) -> Words:
    """Of a collateral root."""
    return dict(root.values())


def checkpoint_words(checkpoint: Checkpoint) -> Words:
    """Of a checkpoint."""
    return dict(checkpoint.values())


def revocation_words(revocation: RevokeRoot) -> Words:
    """Of a revocation."""
    values = dict(revocation.values())
    return {**values, "moment": values.pop("at")}


# --- policies -------------------------------------------------------------------------------------------------------


def chain_words(policy: Policy) -> list[Words]:
    """What the policy asks of each chain."""
    if policy.collateral is None:
        return []
    return [
        {"chain": c.chain, "maximumAge": c.maximum_age, "finality": c.finality, "observed": c.observed}
        for c in policy.collateral.chains
    ]


def attestor_words(policy: Policy) -> Words:
    """The policy's attestor set; empty without collateral."""
    if policy.collateral is None:
        return dict(NO_SIGNERS)
    attestors = policy.collateral.attestors
    return signers_words(attestors.signers, attestors.set_nonce)


def policy_words(policy: Policy, verifier: str, verifiers: Mapping[bytes, bytes]) -> Words:
    """A policy for the contract that its domain names.

    ``verifier``: the CAIP-10 text behind the policy's ``verifierId``, an EVM account, whose key releases pledges.
    ``verifiers``: the address of the verifier contract of each listed key, by vkHash.
    Raises DomainMismatch, TargetMismatch, VenueMismatch, KeyNotListed.
    """
    domain = home_of(policy.domain)
    if policy.target != domain.pledge_domain:
        raise TargetMismatch(
            "the policy is for another contract than its domain's", where="policy.target",
            expected=hex_bytes(domain.pledge_domain), got=hex_bytes(policy.target),
        )  # fmt: skip
    if not verifier.startswith("eip155:") or party_id(verifier) != policy.verifier_id:
        raise VenueMismatch("not the account behind the policy's verifierId", where="policy.verifierId", got=verifier)
    for entry in policy.rule_sets:
        if entry.vk_hash not in verifiers:
            raise KeyNotListed("no contract verifies under this key", where="policy.ruleSets", got=entry.name)
    ages, claim, collateral = policy.maximum_age, policy.claim, policy.collateral
    return {
        "policyId": policy.policy_id,
        "verifier": verifier,
        "terms": {
            "priceAge": ages.price, "statementAge": ages.statement, "proofAge": ages.proof, "skew": policy.clock_skew,
            "lead": policy.epoch_lead, "kind": int(ClaimKind[claim.kind.upper()]), "num": claim.num, "den": claim.den,
            "venues": len(policy.venues), "challenge": policy.challenge_required, "collateral": collateral is not None,
            "exclusive": collateral is not None and collateral.exclusive, "retired": False,
        },
        "publishers": signers_words(policy.publishers),
        "venues": [{"venueId": venue.venue_id, "signers": signers_words(venue.signers)} for venue in policy.venues],
        "ruleSets": [
            {
                "ruleDigest": entry.rule_digest, "r1csDigest": entry.r1cs_digest, "vkHash": entry.vk_hash,
                "transcriptDigest": entry.transcript_digest, "insecure": entry.insecure,
                "verifier": verifiers[entry.vk_hash],
            }
            for entry in policy.rule_sets
        ],
        "attestors": attestor_words(policy),
        "chains": chain_words(policy),
    }  # fmt: skip


# --- pledges --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """What a nullifier's slot holds the keccak256 of: IMarginRegistry.Record by members. Times in unix seconds."""

    policy_id: bytes
    venue_id: bytes
    vk_hash: bytes
    root_digest: bytes
    account: bytes
    epoch: int
    issued_at: int
    effective_from: int
    expires_at: int
    recorded_at: int
    released_at: int
    root_seq: int
    statement_seqs: tuple[int, ...]
    claim: int
    context: int

    @cached_property
    def words(self) -> Words:
        """By the contract's names."""
        values = (getattr(self, field.name) for field in fields(self))
        return dict(zip(_record_members(), values, strict=True))

    @classmethod
    def of_words(cls, words: Mapping[str, Any]) -> Self:
        """From a decoded event."""
        values = [words[name] for name in _record_members()]
        account = values[4]
        values[4] = bytes.fromhex(account[2:]) if isinstance(account, str) else account
        values[12] = tuple(values[12])
        return cls(*values)

    @property
    def digest(self) -> bytes:
        """keccak256 of its ABI encoding: a dynamic structure, so its place comes first."""
        head, words = [], [len(self.statement_seqs), *self.statement_seqs]
        for name, value in self.words.items():
            if name == "statementSeqs":
                head.append(encode_uint(32 * len(self.words)))
            elif isinstance(value, bytes):
                head.append(value.rjust(32, b"\0"))
            else:
                head.append(encode_uint(value))
        return keccak256(b"".join([encode_uint(32), *head, *map(encode_uint, words)]))

    def release(self, nullifier: int, moment: int) -> Release:
        """What the venue signs to let the pledge go at ``moment``."""
        return Release(nullifier=nullifier, epoch=self.epoch, at=moment)


def _record_members() -> list[str]:
    """Names of IMarginRegistry.Record, in order, from the committed interface."""
    for entry in artifact("MarginRegistry").abi:
        if entry["type"] == "event" and entry["name"] == "Pledged":
            return [member["name"] for member in entry["inputs"][-1]["components"]]
    raise SchemaType("the interface has no event of pledges", where="MarginRegistry")


def record_slot(nullifier: int) -> bytes:
    """The storage slot of a nullifier's record, for a state proof (EIP-1186)."""
    return keccak256(encode_uint(nullifier) + encode_uint(RECORDS_SLOT))


def submission_words(envelope: Envelope, held: Record | None = None) -> Words:
    """A proof's file as ``submit`` takes it. ``held``: the record that its nullifier has.

    What the contract computes itself is not carried, so it must be what the context says: raises DomainMismatch,
    MarketMismatch, ListingMismatch.
    """
    home_of(envelope.domain)
    context, publics, snapshot = envelope.context, envelope.public_inputs, envelope.market.snapshot
    if (snapshot.rule_digest, snapshot.market_digest) != (context.rule_digest, context.market_digest):
        raise MarketMismatch("the proof is over another market snapshot", where="context.marketDigest")
    if snapshot.listing_digest != context.listing_digest:
        raise ListingMismatch("the proof is over another listing", where="context.listingDigest")
    if publics.C is not None or snapshot.table_commitment == 0:
        raise MarketMismatch(
            "contracts take rule sets of binding `committed`", where="market.snapshot.tableCommitment",
            hint="use a rule set with `binding: committed`, and a snapshot of it",
        )  # fmt: skip
    return {
        "policyId": context.policy_id,
        "verifierId": context.verifier_id,
        "target": context.target,
        "challenge": context.challenge,
        "r1csDigest": context.r1cs_digest,
        "vkHash": context.vk_hash,
        "rootDigest": context.root_digest if envelope.collateral is not None else ZERO32,
        "epoch": context.epoch,
        "issuedAt": context.issued_at,
        "expiresAt": context.expires_at,
        "context": publics.context,
        "claim": publics.claim,
        "nullifier": publics.nullifier,
        "snapshot": snapshot_words(snapshot),
        "statements": [statement_words(signed.statement) for signed in envelope.statements],
        "proof": proof_words(envelope.proof.to_bytes()),
        "held": [] if held is None else [held.words],
    }
