"""Documents, policies and records in the registry contract's words.                    specs/contracts.md#structures"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from zkmargin.attestations.collateral.documents import Checkpoint, CollateralRoot, RevokeRoot
from zkmargin.attestations.context import ZERO32, ClaimKind
from zkmargin.attestations.documents import HomeDomain, MarketSnapshot, PositionStatement, Signature, Signers
from zkmargin.attestations.eip712 import SigningDomain, encode_uint
from zkmargin.attestations.keyfiles import account_of, party_of
from zkmargin.attestations.schema import U64, Address, Bytes32, Document, FieldElement, Model
from zkmargin.attestations.schema import Sequence as Listed
from zkmargin.encoding import hex_bytes, keccak256
from zkmargin.errors import (
    DomainMismatch,
    KeyNotListed,
    ListingMismatch,
    MarketMismatch,
    PolicyMismatch,
    StatementMismatch,
    TargetMismatch,
    VenueMismatch,
)
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


def policy_words(policy: Policy, verifier: bytes, verifiers: Mapping[bytes, bytes]) -> Words:
    """A policy for the contract that its domain names.

    ``verifier``: the address of the key behind the policy's ``verifierId``, which releases pledges.
    ``verifiers``: the address of the verifier contract of each listed key, by vkHash.
    Raises DomainMismatch, TargetMismatch, VenueMismatch, KeyNotListed; PolicyMismatch where it pins prices to evidence.
    """
    domain = home_of(policy.domain)
    if policy.prices is not None:
        raise PolicyMismatch("a contract cannot check evidence of prices", where="policy.prices")
    if policy.target != domain.pledge_domain:
        raise TargetMismatch(
            "the policy is for another contract than its domain's", where="policy.target",
            expected=hex_bytes(domain.pledge_domain), got=hex_bytes(policy.target),
        )  # fmt: skip
    if party_of(verifier) != policy.verifier_id:
        raise VenueMismatch(
            "not the key behind the policy's verifierId", where="policy.verifierId", got=hex_bytes(verifier)
        )
    for entry in policy.rule_sets:
        if entry.vk_hash not in verifiers:
            raise KeyNotListed("no contract verifies under this key", where="policy.ruleSets", got=entry.name)
    ages, claim, collateral = policy.maximum_age, policy.claim, policy.collateral
    return {
        "policyId": policy.policy_id,
        "verifier": account_of(verifier),
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


class Record(Model):
    """What a nullifier's slot holds the keccak256 of: IMarginRegistry.Record by members. Times in unix seconds.

    ``account`` asked for the challenge, zero where none was asked; ``released_at`` is zero for a pledge that stands.
    """

    policy_id: Bytes32
    venue_id: Bytes32
    vk_hash: Bytes32
    root_digest: Bytes32
    account: Address
    epoch: U64
    issued_at: U64
    effective_from: U64
    expires_at: U64
    recorded_at: U64
    released_at: U64
    root_seq: U64
    statement_seqs: Annotated[tuple[U64, ...], Listed]
    claim: FieldElement
    context: FieldElement

    @property
    def words(self) -> Words:
        """By the contract's names."""
        return {field.alias or name: getattr(self, name) for name, field in type(self).model_fields.items()}

    @classmethod
    def of_words(cls, words: Mapping[str, Any]) -> Self:
        """From a decoded event."""
        values = {name: words[field.alias or name] for name, field in cls.model_fields.items()}
        account = values["account"]
        values["account"] = bytes.fromhex(account[2:]) if isinstance(account, str) else account
        values["statement_seqs"] = tuple(values["statement_seqs"])
        return cls(**values)

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


class RecordDocument(Document):
    """``*.record.json``: the record of a nullifier at the registry that is the domain's contract."""

    TYPE: ClassVar[str] = "zkmargin/pledge-record"
    type: Literal["zkmargin/pledge-record"] = "zkmargin/pledge-record"
    version: Literal["1"] = "1"
    domain: HomeDomain
    nullifier: FieldElement
    record: Record


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
