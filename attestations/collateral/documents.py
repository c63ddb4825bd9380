"""What is signed about collateral, and the files that carry it.                   ATTESTATION §1.3-1.5, §4

Attestors sign checkpoints and roots; the holder of an account signs whose it is (OwnerBinding) and how it is shared
between pockets (Allocation). Digests are EIP-712, as of every signed document here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Final, Literal

from zkmargin.attestations.documents import AnyDomain, Signatures, SignedStructure, Signers
from zkmargin.attestations.eip712 import Structure, encode_address, encode_uint
from zkmargin.attestations.schema import (
    U8,
    U16,
    U32,
    U64,
    U128,
    U248,
    Bytes,
    Bytes32,
    Document,
    FieldElement,
    Model,
    Sequence,
    Text,
    strictly_ascending,
)
from zkmargin.encoding import keccak256, sha256

DEV, SAFE, FINALIZED, SETTLED = range(4)
"""Finality of a block: a development chain, safe, finalized, settled on layer 1."""
EIP1186, OP_OUTPUT, OBSERVED, UTXO_OBSERVED, ICS23 = range(1, 6)
"""How a chain's lines are known."""
PROVEN_KINDS: Final = frozenset({EIP1186, OP_OUTPUT, ICS23})


class Checkpoint(SignedStructure):
    """A chain's block that the attestors vouch for; ``block_time`` in unix seconds."""

    STRUCTURE: ClassVar[Structure] = Structure(
        "Checkpoint(string chain,uint64 blockNumber,bytes32 blockHash,bytes32 stateRoot,uint64 blockTime,"
        "uint8 finality,uint8 proofKind)"
    )
    chain: Text
    block_number: U64
    block_hash: Bytes32
    state_root: Bytes32
    block_time: U64
    finality: U8
    proof_kind: U8


def hash_checkpoints(checkpoints: Iterable[Checkpoint]) -> bytes:
    """keccak256 of the concatenated struct hashes, in the order given."""
    return keccak256(b"".join(entry.STRUCTURE.hash(entry.values()) for entry in checkpoints))


class CollateralRoot(SignedStructure):
    """The root over all lines on all chains, number ``seq`` of its epoch; times in unix seconds."""

    STRUCTURE: ClassVar[Structure] = Structure(
        "CollateralRoot(uint256 root,uint64 epoch,uint64 seq,uint32 leafCount,uint8 depth,bytes32 checkpointsHash,"
        "bytes32 leavesHash,bytes32 prevDigest,bytes32 pledgeDomain,bytes32 attestorSetId,uint64 issuedAt,"
        "uint64 expiresAt)"
    )
    root: FieldElement
    epoch: U64
    seq: U64
    leaf_count: U32
    depth: U8
    checkpoints_hash: Bytes32
    leaves_hash: Bytes32
    prev_digest: Bytes32
    pledge_domain: Bytes32
    attestor_set_id: Bytes32
    issued_at: U64
    expires_at: U64


class RevokeRoot(SignedStructure):
    """The attestors take a root back: a reorganisation, a wrong balance, a lost key."""

    STRUCTURE: ClassVar[Structure] = Structure("RevokeRoot(bytes32 rootDigest,uint16 reason,uint64 at)")
    root_digest: Bytes32
    reason: U16
    at: U64


class OwnerBinding(SignedStructure):
    """The holder of an account names its owner key for the epochs ``from_epoch`` to ``to_epoch``, both included."""

    STRUCTURE: ClassVar[Structure] = Structure(
        "OwnerBinding(string account,uint256 owner,bytes32 pledgeDomain,uint64 nonce,uint64 fromEpoch,uint64 toEpoch)"
    )
    account: Text
    owner: FieldElement
    pledge_domain: Bytes32
    nonce: U64
    from_epoch: U64
    to_epoch: U64


class Note(SignedStructure):
    """A part of a balance for one pocket, in atomic units."""

    STRUCTURE: ClassVar[Structure] = Structure("Note(uint32 note,uint8 pocket,uint128 amount)")
    note: U32
    pocket: U8
    amount: U128


def hash_notes(notes: Iterable[Note]) -> bytes:
    """keccak256 of the concatenated struct hashes."""
    return keccak256(b"".join(note.STRUCTURE.hash(note.values()) for note in notes))


class Allocation(SignedStructure):
    """The holder of an account shares one balance between pockets, for one epoch."""

    STRUCTURE: ClassVar[Structure] = Structure(
        "Allocation(string account,string asset,string custody,bytes32 pledgeDomain,uint64 epoch,bytes32 notesHash)"
    )
    account: Text
    asset: Text
    custody: Text
    pledge_domain: Bytes32
    epoch: U64
    notes_hash: Bytes32


class Attestors(Model):
    """An attestor set: ``keccak256(abi.encode(uint64 setNonce, address[] ascending, uint8 threshold))`` is its id."""

    set_nonce: U64
    signers: Signers

    @property
    def identity(self) -> bytes:
        """The 32-byte id that roots name."""
        members, threshold = self.signers.members, self.signers.threshold
        # abi.encode of a dynamic array: its place, the threshold, then its length and its elements
        head = encode_uint(self.set_nonce, 64) + encode_uint(3 * 32) + encode_uint(threshold, 8)
        return keccak256(head + encode_uint(len(members)) + b"".join(map(encode_address, members)))


# --- files ----------------------------------------------------------------------------------------------------------


Checkpoints = Annotated[
    tuple[Checkpoint, ...], Sequence, strictly_ascending(lambda entry: entry.chain.encode(), "checkpointed chains")
]
"""One per chain, in strictly ascending order of the chains' UTF-8 bytes."""


class CollateralRootDocument(Document):
    """``*.root.json``: a signed root with its checkpoints, chains in strictly ascending order of their UTF-8 bytes."""

    TYPE: ClassVar[str] = "zkmargin/collateral-root"
    type: Literal["zkmargin/collateral-root"] = "zkmargin/collateral-root"
    version: Literal["1"] = "1"
    domain: AnyDomain
    root: CollateralRoot
    checkpoints: Checkpoints
    attestors: Attestors
    signatures: Signatures

    @property
    def digest(self) -> bytes:
        """What was signed; the ``rootDigest`` of contexts and revocations."""
        return self.root.digest(self.domain.signing())


class RevokeRootDocument(Document):
    """``*.revocation.json``: a root taken back, by the same quorum."""

    TYPE: ClassVar[str] = "zkmargin/revoke-root"
    type: Literal["zkmargin/revoke-root"] = "zkmargin/revoke-root"
    version: Literal["1"] = "1"
    domain: AnyDomain
    revocation: RevokeRoot
    signatures: Signatures


class AccountSignature(Model):
    """How the holder of an account signed: ``eip712`` (65 bytes), ``vault-slot`` (nothing: the vault's storage says
    it), ``bip322`` or ``ed25519`` over the digest.
    """

    scheme: Literal["eip712", "vault-slot", "bip322", "ed25519"]
    signature: Bytes


class OwnerBindingDocument(Document):
    """``*.binding.json``."""

    TYPE: ClassVar[str] = "zkmargin/owner-binding"
    type: Literal["zkmargin/owner-binding"] = "zkmargin/owner-binding"
    version: Literal["1"] = "1"
    domain: AnyDomain
    binding: OwnerBinding
    signed: AccountSignature


class AllocationDocument(Document):
    """``*.allocation.json``: the signed allocation and the notes behind its hash."""

    TYPE: ClassVar[str] = "zkmargin/allocation"
    type: Literal["zkmargin/allocation"] = "zkmargin/allocation"
    version: Literal["1"] = "1"
    domain: AnyDomain
    allocation: Allocation
    notes: Annotated[tuple[Note, ...], Sequence, strictly_ascending(lambda entry: entry.note, "notes")]
    signed: AccountSignature


class LeafOpening(Model):
    """One line in the open. ``index`` is its place in the tree, ``evidence`` the name of the file that proves it."""

    index: U32
    chain: Text
    account: Text
    asset: Text
    custody: Text
    note: U32
    pocket: U8
    owner: FieldElement
    amount: U128
    lock_until: U64
    salt: U248
    cid: U248
    leaf: FieldElement
    evidence: Text


class LeafOpeningsDocument(Document):
    """``*.openings.json``: all lines of a root; SHA-256 of its RFC 8785 bytes is the root's ``leavesHash``.

    Salted leaves keep a reader of the root from guessing lines; who has this file sees them all.
    """

    TYPE: ClassVar[str] = "zkmargin/leaf-openings"
    LIMIT: ClassVar[int] = 1 << 28
    type: Literal["zkmargin/leaf-openings"] = "zkmargin/leaf-openings"
    version: Literal["1"] = "1"
    leaves: Annotated[tuple[LeafOpening, ...], Sequence]

    @property
    def digest(self) -> bytes:
        """SHA-256 of the file's canonical bytes."""
        return sha256(self.to_bytes())
