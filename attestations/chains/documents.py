"""Evidence as files: what shows a balance under a checkpoint, and what is only somebody's observation.

specs/collateral.md#evidence
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, TypeAlias

from zkmargin.attestations.chains.bitcoin import require_outputs
from zkmargin.attestations.chains.errors import (
    CheckpointChain,
    CodeHash,
    EvidenceAddress,
    LayoutUnknown,
    LockMismatch,
)
from zkmargin.attestations.chains.layouts import BALANCE, IMPLEMENTATION, LOCK, OWNER, Layout, Meaning
from zkmargin.attestations.collateral.documents import EIP1186, OBSERVED, UTXO_OBSERVED, Checkpoint
from zkmargin.attestations.evidence.eip1186 import AccountProof, StorageProof
from zkmargin.attestations.evidence.errors import HeaderRlp
from zkmargin.attestations.evidence.header import Header, read_header
from zkmargin.attestations.schema import (
    U32,
    U64,
    U128,
    U256,
    Address,
    Bytes,
    Bytes32,
    Document,
    LongBytes,
    Model,
    Sequence,
    Text,
)
from zkmargin.encoding import hex_bytes
from zkmargin.errors import FieldRange
from zkmargin.field import FR_MODULUS


@dataclass(frozen=True)
class Reading:
    """What evidence shows: a balance in atomic units, the owner key that a vault names (None: none), a lock."""

    balance: int
    owner: int | None = None
    lock_until: int = 0


class SlotEvidence(Model):
    """A slot, its value, the nodes from the storage root to it, and what it means."""

    key: Bytes32
    value: U256
    proof: Annotated[tuple[Bytes, ...], Sequence]
    meaning: Meaning


class Eip1186Evidence(Document):
    """``ev/*.json``: the raw header of the checkpointed block, an account under its state root, slots of a layout."""

    TYPE: ClassVar[str] = "zkmargin/evidence-eip1186"
    KIND: ClassVar[int] = EIP1186
    type: Literal["zkmargin/evidence-eip1186"] = "zkmargin/evidence-eip1186"
    version: Literal["1"] = "1"
    chain: Text
    header_rlp: Bytes
    address: Address
    account_proof: Annotated[tuple[Bytes, ...], Sequence]
    nonce: U64
    balance: U256
    storage_hash: Bytes32
    code_hash: Bytes32
    storage: Annotated[tuple[SlotEvidence, ...], Sequence]
    layout: Text

    def reading(self, checkpoint: Checkpoint, layout: Layout, account: str, where: str = "evidence") -> Reading:
        """What is proven of the account. ``layout``: the line's, from the verifier's own registry.

        Raises CheckpointChain, LayoutUnknown, HeaderHash, HeaderRlp, EvidenceAddress, CodeHash, SlotKeys, FieldRange,
        LockMismatch, and what ``AccountProof.verify`` raises.
        """
        header = self.require_block(checkpoint, where)
        _require_layout(self.layout, layout, checkpoint, where)
        if self.address != (wanted := layout.address(account)):
            raise EvidenceAddress("another address than the layout's", where=f"{where}.address",
                                  expected=hex_bytes(wanted), got=hex_bytes(self.address))  # fmt: skip
        if layout.code_hash and self.code_hash != layout.code_hash:
            raise CodeHash("not the reviewed code", where=f"{where}.codeHash", expected=hex_bytes(layout.code_hash),
                           got=hex_bytes(self.code_hash))  # fmt: skip
        proof = AccountProof(
            self.address, self.nonce, self.balance, self.storage_hash, self.code_hash, self.account_proof,
            tuple(StorageProof(slot.key, slot.value, slot.proof) for slot in self.storage),
        )  # fmt: skip
        values = proof.require_slots(layout.keys(account), where)
        if [slot.meaning for slot in self.storage] != [slot.meaning for slot in layout.slots]:
            raise LayoutUnknown("slots mean something else than in the layout", where=f"{where}.storage")
        proof.verify(header.state_root, where)
        return self._values(layout, values, where)

    def require_block(self, checkpoint: Checkpoint, where: str = "evidence") -> Header:
        """The header, which is that of the checkpointed block. Raises CheckpointChain, HeaderHash, HeaderRlp."""
        _require_chain(self.chain, checkpoint, where)
        header = _read_header(self.header_rlp, checkpoint.block_hash, f"{where}.headerRlp")
        stated = (checkpoint.state_root, checkpoint.block_number, checkpoint.block_time)
        if (header.state_root, header.number, header.time) != stated:
            raise HeaderRlp("state root, number or time are not the checkpoint's", where=f"{where}.headerRlp")
        return header

    def _values(self, layout: Layout, values: tuple[int, ...], where: str) -> Reading:
        found = {slot.meaning: value for slot, value in zip(layout.slots, values, strict=True)}
        for slot in layout.slots:
            if slot.meaning == IMPLEMENTATION and found[IMPLEMENTATION] != slot.value:
                raise CodeHash("the proxy has another implementation", where=f"{where}.storage",
                               expected=hex(slot.value), got=hex(found[IMPLEMENTATION]))  # fmt: skip
        owner, lock = found.get(OWNER, 0), found.get(LOCK, 0)
        if owner >= FR_MODULUS:
            raise FieldRange("the vault's owner is no field element", where=f"{where}.storage")
        if lock >> 64:
            raise LockMismatch("the vault's lock does not fit 64 bits", where=f"{where}.storage")
        return Reading(found.get(BALANCE, self.balance), owner or None, lock)


class ObservedEvidence(Document):
    """``ev/*.json`` of a chain without state proofs: what a node said of an account at the checkpointed block."""

    TYPE: ClassVar[str] = "zkmargin/evidence-observed"
    KIND: ClassVar[int] = OBSERVED
    type: Literal["zkmargin/evidence-observed"] = "zkmargin/evidence-observed"
    version: Literal["1"] = "1"
    chain: Text
    block_hash: Bytes32
    account: Text
    balance: U128
    layout: Text

    def reading(self, checkpoint: Checkpoint, layout: Layout, account: str, where: str = "evidence") -> Reading:
        """What is stated of the account. Raises CheckpointChain, LayoutUnknown, EvidenceAddress."""
        self.require_block(checkpoint, where)
        _require_layout(self.layout, layout, checkpoint, where)
        if self.account != account:
            raise EvidenceAddress("of another account", where=f"{where}.account", expected=account, got=self.account)
        return Reading(self.balance)

    def require_block(self, checkpoint: Checkpoint, where: str = "evidence") -> None:
        """It names the checkpointed block. Raises CheckpointChain."""
        _require_chain(self.chain, checkpoint, where)
        if self.block_hash != checkpoint.block_hash:
            wanted, named = hex_bytes(checkpoint.block_hash), hex_bytes(self.block_hash)
            raise CheckpointChain("not of the checkpointed block", where=f"{where}.blockHash", expected=wanted,
                                  got=named)  # fmt: skip


class OutputEvidence(Model):
    """A transaction without witnesses, which output of it is meant, and its branch to the Merkle root of a block.

    ``headers``: 80 bytes each, from the block of the transaction to the checkpointed one. ``position``: in the block.
    """

    transaction: LongBytes
    output: U32
    position: U32
    branch: Annotated[tuple[Bytes32, ...], Sequence]
    headers: LongBytes


class UtxoEvidence(Document):
    """``ev/*.json`` of Bitcoin: outputs that pay the account are in the chain. That they are unspent is observed."""

    TYPE: ClassVar[str] = "zkmargin/evidence-utxo"
    KIND: ClassVar[int] = UTXO_OBSERVED
    LIMIT: ClassVar[int] = 1 << 24
    type: Literal["zkmargin/evidence-utxo"] = "zkmargin/evidence-utxo"
    version: Literal["1"] = "1"
    chain: Text
    account: Text
    outputs: Annotated[tuple[OutputEvidence, ...], Sequence]
    layout: Text

    def reading(self, checkpoint: Checkpoint, layout: Layout, account: str, where: str = "evidence") -> Reading:
        """The sum of the outputs. Raises CheckpointChain, LayoutUnknown, EvidenceAddress, SpvInvalid."""
        self.require_block(checkpoint, where)
        _require_layout(self.layout, layout, checkpoint, where)
        if self.account != account:
            raise EvidenceAddress("of another account", where=f"{where}.account", expected=account, got=self.account)
        proofs = [(o.transaction, o.output, o.position, o.branch, o.headers) for o in self.outputs]
        return Reading(require_outputs(proofs, account, checkpoint.block_hash, where))

    def require_block(self, checkpoint: Checkpoint, where: str = "evidence") -> None:
        """It is of the checkpoint's chain; each output leads to the block by itself. Raises CheckpointChain."""
        _require_chain(self.chain, checkpoint, where)


Evidence: TypeAlias = Eip1186Evidence | ObservedEvidence | UtxoEvidence
_read_header = lru_cache(maxsize=64)(read_header)  # all evidence of a chain has one header
EVIDENCE: tuple[type[Evidence], ...] = (Eip1186Evidence, ObservedEvidence, UtxoEvidence)


def _require_chain(chain: str, checkpoint: Checkpoint, where: str) -> None:
    """Evidence is of the checkpoint's chain, which its block hash does not tell."""
    if chain != checkpoint.chain:
        raise CheckpointChain("evidence of another chain", where=f"{where}.chain", expected=checkpoint.chain,
                              got=chain)  # fmt: skip


def _require_layout(named: str, layout: Layout, checkpoint: Checkpoint, where: str) -> None:
    """The line is on the checkpointed chain, and the evidence names its layout."""
    if checkpoint.chain != layout.chain:
        raise CheckpointChain("a checkpoint of another chain than the line's", where=f"{where}.chain",
                              expected=layout.chain, got=checkpoint.chain)  # fmt: skip
    if named != layout.name:
        raise LayoutUnknown("names another layout than the line's", where=f"{where}.layout", expected=layout.name,
                            got=named)  # fmt: skip
