"""Accounts and storage slots under a state root: what ``eth_getProof`` returns, checked.       EIP-1186

An account's leaf is RLP of nonce, balance, storage root and code hash (Yellow Paper, 4.1); a slot's leaf is RLP of its
value without leading zeros, so it is decoded twice.                                     specs/evidence.md#accounts
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zkmargin.attestations.evidence.errors import AccountMismatch, NodeRlp, SlotKeys, StorageValue
from zkmargin.attestations.evidence.rlp_items import decode, decode_strings
from zkmargin.attestations.evidence.trie import EMPTY_ROOT, read_path
from zkmargin.encoding import hex_bytes, keccak256

EMPTY_CODE: Final = keccak256(b"")
SLOT_BYTES: Final = 32
ADDRESS_BYTES: Final = 20


@dataclass(frozen=True)
class StorageProof:
    """A slot (32 bytes), its value, the nodes from the storage root to its leaf."""

    key: bytes
    value: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class AccountProof:
    """An account as a node states it, with the nodes from the state root to its leaf, and proofs of its slots."""

    address: bytes
    nonce: int
    balance: int
    storage_hash: bytes
    code_hash: bytes
    proof: tuple[bytes, ...]
    storage: tuple[StorageProof, ...] = ()

    def verify(self, state_root: bytes, where: str = "evidence") -> None:
        """Raise unless every stated field is what the trie of ``state_root`` holds. An absent account is empty.

        Raises AccountMismatch, StorageValue, SlotKeys, and what ``read_path`` raises.
        """
        if len(self.address) != ADDRESS_BYTES:
            raise AccountMismatch("an address has 20 bytes", where=f"{where}.address", got=len(self.address))
        leaf = read_path(state_root, self.address, self.proof, f"{where}.accountProof")
        proven = (0, 0, EMPTY_ROOT, EMPTY_CODE) if leaf is None else _account(leaf, f"{where}.accountProof")
        stated: tuple[int | bytes, ...] = (self.nonce, self.balance, self.storage_hash, self.code_hash)
        found: tuple[int | bytes, ...] = proven
        for name, says, is_ in zip(("nonce", "balance", "storageHash", "codeHash"), stated, found, strict=True):
            if says != is_:
                raise AccountMismatch(f"`{name}` is not what the proof says", where=f"{where}.{name}",
                                      expected=_text(is_), got=_text(says))  # fmt: skip
        keys = [slot.key for slot in self.storage]
        if len(set(keys)) != len(keys) or any(len(key) != SLOT_BYTES for key in keys):
            raise SlotKeys("slots have 32 bytes and come once", where=f"{where}.storage")
        for index, slot in enumerate(self.storage):
            here = f"{where}.storage[{index}]"
            value = _slot(read_path(self.storage_hash, slot.key, slot.proof, f"{here}.proof"), here)
            if value != slot.value:
                raise StorageValue("not what the proof says", where=f"{here}.value", expected=value, got=slot.value)

    def require_slots(self, keys: Sequence[bytes], where: str = "evidence") -> tuple[int, ...]:
        """The values of exactly these slots, in this order. Raises SlotKeys."""
        if [slot.key for slot in self.storage] != list(keys):
            raise SlotKeys("other slots than the layout's", where=f"{where}.storage",
                           expected=", ".join(map(hex_bytes, keys)) or "none")  # fmt: skip
        return tuple(slot.value for slot in self.storage)


def _account(leaf: bytes, where: str) -> tuple[int, int, bytes, bytes]:
    fields = decode_strings(leaf)
    if fields is None or len(fields) != 4:
        raise NodeRlp("not canonical RLP of an account's four fields", where=where)
    nonce, balance, storage_hash, code_hash = fields
    if len(storage_hash) != 32 or len(code_hash) != 32:
        raise NodeRlp("storage root and code hash have 32 bytes", where=where)
    return _number(nonce, 8, where), _number(balance, 32, where), storage_hash, code_hash


def _slot(leaf: bytes | None, where: str) -> int:
    if leaf is None:
        return 0
    value = decode(leaf)
    if not isinstance(value, bytes) or not value:
        raise NodeRlp("not canonical RLP of a number that is not zero", where=where)
    return _number(value, 32, where)


def _number(field: bytes, most: int, where: str) -> int:
    if len(field) > most or field[:1] == b"\0":
        raise NodeRlp("not a canonical number", where=where)
    return int.from_bytes(field, "big")


def _text(value: int | bytes) -> str:
    return hex_bytes(value) if isinstance(value, bytes) else str(value)
