"""What registries, venues and log operators sign, and the files that carry it.              specs/registry.md#documents

A pledge's venue is the verifier that its proof was made for: ``venueId`` is the ``verifierId`` of the context.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.documents import AnyDomain, Signatures, SignedStructure, Signers
from zkmargin.attestations.eip712 import Structure
from zkmargin.attestations.schema import (
    U32,
    U64,
    Address,
    Bytes32,
    Document,
    FieldElement,
    Model,
    Sequence,
    Text,
    strictly_ascending,
)
from zkmargin.encoding import canonical_json
from zkmargin.errors import SchemaType

MAX_PATH = 64
PAGE_ENTRIES = 1000

Path = Annotated[tuple[Bytes32, ...], Field(max_length=2 * MAX_PATH), Sequence]

# --- signed structures --------------------------------------------------------------------------------------------


class Registration(SignedStructure):
    """A venue's word that it verified a proof and takes the pledge; times in unix seconds.

    ``proof_hash``: SHA-256 of the RFC 8785 bytes of the proof's file, so that an auditor can ask for the proof. It
    tells no two pledges apart: a proof's bytes can be changed without changing what it proves.
    """

    STRUCTURE: ClassVar[Structure] = Structure(
        "Registration(uint256 nullifier,bytes32 venueId,uint64 epoch,uint64 issuedAt,uint64 expiresAt,uint256 context,"
        "bytes32 vkHash,bytes32 policyId,bytes32 proofHash)"
    )
    nullifier: FieldElement
    venue_id: Bytes32
    epoch: U64
    issued_at: U64
    expires_at: U64
    context: FieldElement
    vk_hash: Bytes32
    policy_id: Bytes32
    proof_hash: Bytes32


class Release(SignedStructure):
    """The venue that holds a pledge lets it go, at a time in unix seconds."""

    STRUCTURE: ClassVar[Structure] = Structure("Release(uint256 nullifier,uint64 epoch,uint64 at)")
    nullifier: FieldElement
    epoch: U64
    at: U64


class PledgeReceipt(SignedStructure):
    """The registry's word that a pledge is recorded. ``log_head`` is the digest of the first head that covers it."""

    STRUCTURE: ClassVar[Structure] = Structure(
        "PledgeReceipt(uint256 nullifier,bytes32 venueId,uint64 epoch,uint64 expiresAt,uint256 context,uint64 logIndex,"
        "bytes32 logHead,uint64 recordedAt)"
    )
    nullifier: FieldElement
    venue_id: Bytes32
    epoch: U64
    expires_at: U64
    context: FieldElement
    log_index: U64
    log_head: Bytes32
    recorded_at: U64


class LogHead(SignedStructure):
    """The log's operator on its state: how many entries, their Merkle root, when."""

    STRUCTURE: ClassVar[Structure] = Structure("LogHead(bytes32 pledgeDomain,uint64 size,bytes32 root,uint64 time)")
    pledge_domain: Bytes32
    size: U64
    root: Bytes32
    time: U64


# --- entries of the log -------------------------------------------------------------------------------------------


class LogEntry(Model):
    """One change of the registry. What is hashed as a leaf is its RFC 8785 form.

    ``registration`` writes an empty record, ``refresh`` replaces a venue's own. Without signatures the registry itself
    verified the proof. A release has the signatures of the venue ``venue_id`` that held the pledge.
    """

    kind: Literal["registration", "refresh", "release"]
    venue_id: Bytes32
    registration: Registration | None
    release: Release | None
    signatures: Signatures
    recorded_at: U64

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.release is not None) != (self.kind == "release") or (self.registration is None) != (
            self.kind == "release"
        ):
            raise PydanticCustomError(SchemaType.code, "an entry holds what its kind says, and nothing else")
        if self.registration is not None and self.registration.venue_id != self.venue_id:
            raise PydanticCustomError(SchemaType.code, "venueId must be that of the registration")
        return self

    @property
    def nullifier(self) -> int:
        """What the entry is about."""
        return self._what.nullifier

    @property
    def epoch(self) -> int:
        """The epoch of the nullifier."""
        return self._what.epoch

    @property
    def _what(self) -> Registration | Release:
        found = self.registration or self.release
        if found is None:  # excluded by the validator
            raise SchemaType("an empty entry")
        return found

    def canonical(self) -> bytes:
        """The bytes that the log hashes."""
        return canonical_json(self.to_json())


# --- files ----------------------------------------------------------------------------------------------------------


class RegisteredVenue(Model):
    """A venue of a registry. ``signers`` sign its releases; where ``attests``, also its registrations, which the
    registry then takes without seeing the proof.
    """

    venue_id: Bytes32
    name: Text
    signers: Signers
    attests: bool


class RegistryTerms(Document):
    """``*.registry.json``: what a registry's operator publishes. One registry for each pledge domain; seconds."""

    TYPE: ClassVar[str] = "zkmargin/registry-terms"
    type: Literal["zkmargin/registry-terms"] = "zkmargin/registry-terms"
    version: Literal["1"] = "1"
    domain: AnyDomain
    operator: Address
    epoch_length: U64
    epoch_lead: U32
    clock_skew: U32
    venues: Annotated[
        tuple[RegisteredVenue, ...],
        Field(min_length=1),
        Sequence,
        strictly_ascending(lambda venue: venue.venue_id, "venues, by venueId,"),
    ]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known: set[bytes] = set()
        for venue in self.venues:
            venue.signers.signer_set()
            if known & set(venue.signers.members):
                words = "a signer is listed for two venues: one could release what the other holds"
                raise PydanticCustomError(SchemaType.code, words)
            known.update(venue.signers.members)
        if self.epoch_length < 1:
            raise PydanticCustomError(SchemaType.code, "epochLength must be at least one second")
        return self

    def operator_set(self) -> Signers:
        """Who signs heads and receipts."""
        return Signers.of(self.operator)


class RegistrationDocument(Document):
    """``*.registration.json``: a venue registers a pledge whose proof it verified."""

    TYPE: ClassVar[str] = "zkmargin/registration"
    type: Literal["zkmargin/registration"] = "zkmargin/registration"
    version: Literal["1"] = "1"
    domain: AnyDomain
    registration: Registration
    signatures: Signatures


class ReleaseDocument(Document):
    """``*.release.json``."""

    TYPE: ClassVar[str] = "zkmargin/release"
    type: Literal["zkmargin/release"] = "zkmargin/release"
    version: Literal["1"] = "1"
    domain: AnyDomain
    release: Release
    signatures: Signatures


class SignedHead(Model):
    """A head and the operator's signature."""

    head: LogHead
    signatures: Signatures


class LogHeadDocument(Document):
    """``*.log-head.json``."""

    TYPE: ClassVar[str] = "zkmargin/log-head"
    type: Literal["zkmargin/log-head"] = "zkmargin/log-head"
    version: Literal["1"] = "1"
    domain: AnyDomain
    head: LogHead
    signatures: Signatures


class PledgeReceiptDocument(Document):
    """``*.receipt.json``: a receipt with the head that it names."""

    TYPE: ClassVar[str] = "zkmargin/pledge-receipt"
    type: Literal["zkmargin/pledge-receipt"] = "zkmargin/pledge-receipt"
    version: Literal["1"] = "1"
    domain: AnyDomain
    receipt: PledgeReceipt
    signatures: Signatures
    log: SignedHead


class LogProof(Document):
    """``*.log-proof.json``: ``entry`` is number ``index`` of the log that ``log`` is the head of."""

    TYPE: ClassVar[str] = "zkmargin/log-proof"
    type: Literal["zkmargin/log-proof"] = "zkmargin/log-proof"
    version: Literal["1"] = "1"
    domain: AnyDomain
    index: U64
    entry: LogEntry
    path: Path
    log: SignedHead


class LogConsistency(Document):
    """``*.log-consistency.json``: the log of ``second`` begins with that of ``first``."""

    TYPE: ClassVar[str] = "zkmargin/log-consistency"
    type: Literal["zkmargin/log-consistency"] = "zkmargin/log-consistency"
    version: Literal["1"] = "1"
    domain: AnyDomain
    first: SignedHead
    second: SignedHead
    path: Path


class LogPage(Document):
    """``entries-*.json``: up to 1,000 entries of an exported log, from number ``first`` on, and the heads over them.

    Heads stand by ascending size; those of a page are of sizes above ``first``, up to its last entry.
    """

    TYPE: ClassVar[str] = "zkmargin/log-page"
    LIMIT: ClassVar[int] = 1 << 23
    type: Literal["zkmargin/log-page"] = "zkmargin/log-page"
    version: Literal["1"] = "1"
    domain: AnyDomain
    first: U64
    entries: Annotated[tuple[LogEntry, ...], Field(max_length=PAGE_ENTRIES), Sequence]
    heads: Annotated[tuple[SignedHead, ...], Field(max_length=PAGE_ENTRIES), Sequence]


class Inclusion(Model):
    """An entry and its path."""

    index: U64
    entry: LogEntry
    path: Path


class LogEvidence(Document):
    """``*.evidence.json``: what shows a third party, who trusts the operator's signatures alone, that it cheated.

    ``fork``: ``first`` and ``second`` are signed, and the log of ``second`` begins, by ``path``, with another root than
    that of ``first``: ``prefix_root``. ``shrunk``: ``second`` is signed later than ``first``, over fewer entries.
    ``receipt``: the signed ``receipt`` is about another entry than the one of ``inclusions`` at its place.
    ``double``: the two ``inclusions`` give one nullifier to two venues.
    """

    TYPE: ClassVar[str] = "zkmargin/log-evidence"
    type: Literal["zkmargin/log-evidence"] = "zkmargin/log-evidence"
    version: Literal["1"] = "1"
    domain: AnyDomain
    kind: Literal["fork", "shrunk", "receipt", "double"]
    first: SignedHead | None
    second: SignedHead
    prefix_root: Bytes32 | None
    path: Path
    receipt: PledgeReceiptDocument | None
    inclusions: Annotated[tuple[Inclusion, ...], Field(max_length=2), Sequence]

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        heads, fork = self.kind in ("fork", "shrunk"), self.kind == "fork"
        counted = {"receipt": 1, "double": 2}.get(self.kind, 0)
        if (
            (self.first is not None) != heads
            or (self.prefix_root is not None) != fork
            or (self.receipt is not None) != (self.kind == "receipt")
            or len(self.inclusions) != counted
            or (self.path and not fork)
        ):
            raise PydanticCustomError(SchemaType.code, "evidence holds what its kind says, and nothing else")
        return self
