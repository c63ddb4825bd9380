"""The structures that are signed, and their files.                                      specs/documents.md"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.eip712 import DOMAIN_NAME, DOMAIN_VERSION, SigningDomain, Structure, Value
from zkmargin.attestations.faults import Report, stop
from zkmargin.attestations.schema import (
    U8,
    U64,
    U256,
    Address,
    Bytes,
    Bytes32,
    Document,
    FieldElement,
    Model,
    Sequence,
    Text,
)
from zkmargin.attestations.signatures import SignerSet, SigningKey, require_quorum
from zkmargin.encoding import sha256
from zkmargin.errors import DomainMismatch, SchemaType

SCHEME_POSEIDON = 1

# --- domains ----------------------------------------------------------------------------------------------


class OfflineDomain(Model):
    """The EIP-712 domain of a pledge domain without a chain: ``salt`` is the SHA-256 of the domain file."""

    name: Literal["ZKMargin"] = DOMAIN_NAME
    version: Literal["1"] = DOMAIN_VERSION
    salt: Bytes32

    def signing(self) -> SigningDomain:
        """The domain to hash with."""
        return _signing(salt=self.salt)


class HomeDomain(Model):
    """The EIP-712 domain of a pledge domain with a registry contract on its home chain."""

    name: Literal["ZKMargin"] = DOMAIN_NAME
    version: Literal["1"] = DOMAIN_VERSION
    chain_id: U256
    verifying_contract: Address

    def signing(self) -> SigningDomain:
        """The domain to hash with."""
        return _signing(chain_id=self.chain_id, verifying_contract=self.verifying_contract)


@lru_cache(maxsize=64)
def _signing(
    salt: bytes | None = None, chain_id: int | None = None, verifying_contract: bytes | None = None
) -> SigningDomain:
    """One of each: its separator is hashed once, not for every signature."""
    return SigningDomain(salt, chain_id, verifying_contract)


def _which_domain(value: Any) -> str:
    if isinstance(value, dict):
        return "home" if "chainId" in value or "verifyingContract" in value else "offline"
    return "home" if isinstance(value, HomeDomain) else "offline"


AnyDomain = Annotated[
    Annotated[OfflineDomain, Tag("offline")] | Annotated[HomeDomain, Tag("home")],
    Discriminator(_which_domain),
]


class DomainFile(Document):
    """What the parties of an offline pledge domain agree on; its digest salts every signature.

    All policies of a domain share its epoch length: two lengths would give two nullifiers for the same coins.
    """

    TYPE: ClassVar[str] = "zkmargin/domain"
    type: Literal["zkmargin/domain"] = "zkmargin/domain"
    version: Literal["1"] = "1"
    name: Text
    epoch_length: U64

    @model_validator(mode="after")
    def _epochs_pass(self) -> Self:
        if self.epoch_length < 1:
            raise PydanticCustomError(SchemaType.code, "epochLength must be at least one second")
        return self

    def domain(self) -> OfflineDomain:
        """The signing domain: salt = SHA-256 of the file's RFC 8785 bytes."""
        return OfflineDomain(salt=sha256(self.to_bytes()))


class RegistryDomainFile(Document):
    """What the parties of a pledge domain on a chain agree on: its registry, which fixes the length of an epoch."""

    TYPE: ClassVar[str] = "zkmargin/registry-domain"
    type: Literal["zkmargin/registry-domain"] = "zkmargin/registry-domain"
    version: Literal["1"] = "1"
    chain_id: U256
    verifying_contract: Address
    epoch_length: U64

    def domain(self) -> HomeDomain:
        """The signing domain."""
        return HomeDomain(chain_id=self.chain_id, verifying_contract=self.verifying_contract)


# --- signed structures ------------------------------------------------------------------------------------


class SignedStructure(Model):
    """Fields of an EIP-712 structure; their wire names are the structure's members."""

    STRUCTURE: ClassVar[Structure]

    def values(self) -> dict[str, Value]:
        """Member values by wire name."""
        aliases = {name: field.alias or name for name, field in type(self).model_fields.items()}
        return {alias: getattr(self, name) for name, alias in aliases.items()}

    def digest(self, domain: SigningDomain) -> bytes:
        """The 32 bytes that are signed."""
        return domain.digest(self.STRUCTURE, self.values())


class PositionStatement(SignedStructure):
    """A venue's word on one customer's positions: a hiding commitment, its listing, times in unix seconds.

    ``commitment`` opens to owner, pocket, subject, sizes, cash, listing and salt. ``size_commitment`` is
    published only where ``scheme`` needs it; empty for scheme 1 (Poseidon).
    """

    STRUCTURE: ClassVar[Structure] = Structure(
        "PositionStatement(uint256 commitment,uint8 scheme,bytes sizeCommitment,"
        "bytes32 listingDigest,uint64 asOf,uint64 issuedAt,uint64 expiresAt,"
        "bytes32 venueId,bytes32 audience,uint64 epoch,uint64 seq)"
    )
    commitment: FieldElement
    scheme: U8
    size_commitment: Bytes
    listing_digest: Bytes32
    as_of: U64
    issued_at: U64
    expires_at: U64
    venue_id: Bytes32
    audience: Bytes32
    epoch: U64
    seq: U64


class MarketSnapshot(SignedStructure):
    """A risk publisher's word on tables: digests and times; the tables themselves travel beside it.

    ``rule_digest`` names the rule set whose bounds and conditions the tables meet; ``table_commitment`` is
    the Poseidon digest of the tables for binding ``committed``, zero for binding ``public``.
    """

    STRUCTURE: ClassVar[Structure] = Structure(
        "MarketSnapshot(bytes32 marketDigest,bytes32 ruleDigest,uint256 tableCommitment,"
        "bytes32 listingDigest,uint64 priceTime,uint64 issuedAt,uint64 expiresAt,bytes32 sourcesHash)"
    )
    market_digest: Bytes32
    rule_digest: Bytes32
    table_commitment: FieldElement
    listing_digest: Bytes32
    price_time: U64
    issued_at: U64
    expires_at: U64
    sources_hash: Bytes32


class StatementContext(SignedStructure):
    """Everything that a proof is bound to, by the public input ``context`` (ATTESTATION §1.9)."""

    STRUCTURE: ClassVar[Structure] = Structure(
        "StatementContext(bytes32 verifierId,bytes32 challenge,bytes32 target,bytes32 ruleDigest,"
        "bytes32 r1csDigest,bytes32 vkHash,bytes32 marketDigest,bytes32 listingDigest,bytes32 statementsHash,"
        "bytes32 rootDigest,uint64 epoch,uint64 issuedAt,uint64 expiresAt,bytes32 policyId)"
    )
    verifier_id: Bytes32
    challenge: Bytes32
    target: Bytes32
    rule_digest: Bytes32
    r1cs_digest: Bytes32
    vk_hash: Bytes32
    market_digest: Bytes32
    listing_digest: Bytes32
    statements_hash: Bytes32
    root_digest: Bytes32
    epoch: U64
    issued_at: U64
    expires_at: U64
    policy_id: Bytes32


# --- signatures -------------------------------------------------------------------------------------------


class Signature(Model):
    """One signer's 65 bytes ``r || s || v``."""

    signer: Address
    signature: Bytes


Signatures = Annotated[tuple[Signature, ...], Sequence]


def sign(structure: SignedStructure, domain: SigningDomain, keys: list[SigningKey]) -> tuple[Signature, ...]:
    """Signatures in ascending order of their signers."""
    digest = structure.digest(domain)
    ordered = sorted(keys, key=lambda key: key.address)
    return tuple(Signature(signer=key.address, signature=key.sign(digest)) for key in ordered)


def require_signed(
    structure: SignedStructure,
    domain: SigningDomain,
    signatures: tuple[Signature, ...],
    signers: SignerSet,
    where: str,
    report: Report = stop,
) -> tuple[bytes, ...]:
    """The signers, of whom a quorum signed ``structure`` under ``domain``. Raises what ``require_quorum`` does."""
    pairs = [(entry.signer, entry.signature) for entry in signatures]
    return require_quorum(structure.digest(domain), pairs, signers, where, report)


def require_domain(given: OfflineDomain | HomeDomain, expected: OfflineDomain | HomeDomain, where: str) -> None:
    """Raise DomainMismatch unless a document is for the expected domain."""
    if given != expected:
        raise DomainMismatch(
            "document is for another pledge domain",
            where=where,
            expected="0x" + expected.signing().pledge_domain.hex(),
            got="0x" + given.signing().pledge_domain.hex(),
        )


# --- signer sets ------------------------------------------------------------------------------------------


class Signers(Model):
    """Who may sign and how many must, as a policy lists them: strictly ascending addresses."""

    members: Annotated[tuple[Address, ...], Sequence]
    threshold: U8

    def signer_set(self) -> SignerSet:
        """Raises SignatureOrder, Quorum where the list is not ascending or the threshold cannot be met."""
        return SignerSet(self.members, self.threshold)

    @classmethod
    def of(cls, *addresses: bytes, threshold: int = 1) -> Self:
        """From addresses in any order."""
        return cls(members=tuple(sorted(addresses)), threshold=threshold)
