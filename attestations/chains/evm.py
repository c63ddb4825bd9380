"""EVM chains by JSON-RPC: raw headers and ``eth_getProof``.                                    EIP-1474, EIP-1186

The node is not trusted: its chain id is compared, headers count by their hash, proofs by the header's state root.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import rlp

from zkmargin.attestations.chains.documents import Eip1186Evidence, Evidence, SlotEvidence
from zkmargin.attestations.chains.errors import Reorganised, RpcAnswer, RpcChainId
from zkmargin.attestations.chains.reader import Holding
from zkmargin.attestations.chains.rpc import JsonRpc, read_bytes, read_list, read_object, read_quantity
from zkmargin.attestations.collateral.documents import DEV, EIP1186, FINALIZED, SAFE, Checkpoint
from zkmargin.attestations.collateral.identifiers import chain_number
from zkmargin.attestations.evidence.eip1186 import AccountProof, StorageProof
from zkmargin.attestations.evidence.header import Header, read_header
from zkmargin.encoding import hex_bytes, keccak256

SLOTS_AT_ONCE: Final = 200
_HEADER_BYTES: Final = {
    "parentHash": 32, "sha3Uncles": 32, "miner": 20, "stateRoot": 32, "transactionsRoot": 32, "receiptsRoot": 32,
    "logsBloom": 256,
}  # fmt: skip
_HEADER_NUMBERS: Final = ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")
_HEADER_LATER: Final = (
    ("baseFeePerGas", None), ("withdrawalsRoot", 32), ("blobGasUsed", None), ("excessBlobGas", None),
    ("parentBeaconBlockRoot", 32), ("requestsHash", 32),
)  # fmt: skip
"""Fields of London, Shanghai, Cancun and Prague, in the order of the header; None: a number."""


class EvmReader:
    """One EVM chain through one node."""

    def __init__(self, chain: str, url: str) -> None:
        self.chain = chain
        self._number = chain_number(chain)
        self._rpc = JsonRpc(url)
        self._headers: dict[bytes, bytes] = {}

    def tip(self) -> Checkpoint:
        """The newest block."""
        self._require_chain()
        block_hash = read_bytes(self._block("latest").get("hash"), self._at("latest"), 32)
        return self._checkpoint(self._header(block_hash))

    def confirm(self, checkpoint: Checkpoint) -> Checkpoint:
        """The same block, if it is still the chain's, with finality as it is now. Raises Reorganised."""
        self._require_chain()
        if checkpoint.chain != self.chain:
            raise RpcChainId("a checkpoint of another chain", where=self._at("confirm"), expected=self.chain,
                             got=checkpoint.chain)  # fmt: skip
        found = self._rpc.call("eth_getBlockByNumber", hex(checkpoint.block_number), False)
        block_hash = found.get("hash") if isinstance(found, dict) else None
        if block_hash != hex_bytes(checkpoint.block_hash):
            raise Reorganised("the chain has another block of this number", where=f"{self.chain} on {self._rpc.host}",
                              expected=hex_bytes(checkpoint.block_hash),
                              got=str(block_hash)[:80])  # fmt: skip
        now = self._checkpoint(self._header(checkpoint.block_hash))
        if checkpoint.model_copy(update={"finality": now.finality}) != now:
            raise Reorganised("the block says something else than the checkpoint", where=self.chain)
        return now

    def read(self, holdings: Sequence[Holding], checkpoint: Checkpoint) -> list[Evidence]:
        """Evidence of each holding, each verified. Slots of one contract are asked for together."""
        self._require_chain()
        header = hex_bytes(self._raw_header(checkpoint.block_hash))
        places: dict[bytes, list[int]] = {}
        for index, holding in enumerate(holdings):
            places.setdefault(holding.layout.address(holding.account), []).append(index)
        found: dict[int, Evidence] = {}
        for address, indices in places.items():
            for group in _groups(indices, holdings):
                keys = [key for index in group for key in holdings[index].layout.keys(holdings[index].account)]
                answer = self._proof(address, keys, checkpoint.block_number)
                at = 0
                for index in group:
                    layout = holdings[index].layout
                    slots = answer["storage"][at : at + len(layout.slots)]
                    at += len(layout.slots)
                    storage = tuple(
                        SlotEvidence(**slot, meaning=rule.meaning)
                        for slot, rule in zip(slots, layout.slots, strict=True)
                    )
                    fields: dict[str, Any] = answer | {"storage": storage}
                    evidence = Eip1186Evidence(
                        chain=self.chain, header_rlp=bytes.fromhex(header[2:]), address=address, layout=layout.name,
                        **fields,
                    )  # fmt: skip
                    found[index] = evidence
        return [found[index] for index in range(len(holdings))]

    def account(self, address: bytes, slots: Sequence[bytes], checkpoint: Checkpoint) -> AccountProof:
        """An account with slots at a block, as the node states them: ``AccountProof.verify`` judges."""
        answer = self._proof(address, slots, checkpoint.block_number)
        storage = tuple(StorageProof(**slot) for slot in answer.pop("storage"))
        return AccountProof(address=address, proof=answer.pop("account_proof"), storage=storage, **answer)

    def _require_chain(self) -> None:
        number = read_quantity(self._rpc.call("eth_chainId"), self._at("eth_chainId"))
        if number != self._number:
            raise RpcChainId("the node is of another chain", where=self._rpc.host, expected=self._number, got=number)

    def _at(self, what: str) -> str:
        return f"{self._rpc.host}: {what}"

    def _block(self, tag: str) -> dict[str, Any]:
        return read_object(self._rpc.call("eth_getBlockByNumber", tag, False), self._at(tag))

    def _header(self, block_hash: bytes) -> Header:
        return read_header(self._raw_header(block_hash), block_hash, self._at("header"))

    def _raw_header(self, block_hash: bytes) -> bytes:
        """The bytes that hash to the block hash, raw from the node or put together from its fields."""
        if block_hash not in self._headers:
            raw = self._served_header(block_hash)
            if keccak256(raw) != block_hash:
                raw = self._built_header(block_hash)
            self._headers[block_hash] = raw
        return self._headers[block_hash]

    def _served_header(self, block_hash: bytes) -> bytes:
        try:
            return read_bytes(self._rpc.call("debug_getRawHeader", hex_bytes(block_hash)), self._at("raw header"))
        except RpcAnswer:  # not served, or not in this form
            return b""

    def _built_header(self, block_hash: bytes) -> bytes:
        where = self._at("header")
        block = read_object(self._rpc.call("eth_getBlockByHash", hex_bytes(block_hash), False), where)
        fields: list[bytes | int] = [
            read_bytes(block.get(name), f"{where}.{name}", size) for name, size in _HEADER_BYTES.items()
        ]
        fields += [read_quantity(block.get(name), f"{where}.{name}") for name in _HEADER_NUMBERS]
        fields += [
            read_bytes(block.get("extraData"), f"{where}.extraData"),
            read_bytes(block.get("mixHash"), f"{where}.mixHash", 32),
            read_bytes(block.get("nonce"), f"{where}.nonce", 8),
        ]
        for name, size in _HEADER_LATER:
            if block.get(name) is not None:
                here = f"{where}.{name}"
                fields.append(read_bytes(block[name], here, size) if size else read_quantity(block[name], here))
        raw = bytes(rlp.encode(fields))
        if keccak256(raw) != block_hash:
            raise RpcAnswer("the block's fields do not make up its hash", where=where,
                            hint="use a node that serves `debug_getRawHeader`")  # fmt: skip
        return raw

    def _checkpoint(self, header: Header) -> Checkpoint:
        return Checkpoint(
            chain=self.chain, block_number=header.number, block_hash=header.block_hash, state_root=header.state_root,
            block_time=header.time, finality=self._finality(header.number), proof_kind=EIP1186,
        )  # fmt: skip

    def _finality(self, number: int) -> int:
        for tag, finality in (("finalized", FINALIZED), ("safe", SAFE)):
            try:
                reached = read_quantity(self._block(tag).get("number"), self._at(tag), 64)
            except RpcAnswer:  # a chain without this tag, or with no such block yet
                continue
            if reached >= number:
                return finality
        return DEV

    def _proof(self, address: bytes, keys: Sequence[bytes], number: int) -> dict[str, Any]:
        where = self._at("eth_getProof")
        asked = [hex_bytes(key) for key in keys]
        answer = read_object(self._rpc.call("eth_getProof", hex_bytes(address), asked, hex(number)), where)
        slots = read_list(answer.get("storageProof"), f"{where}.storageProof")
        if len(slots) != len(keys):
            raise RpcAnswer("another number of slots than asked for", where=where, expected=len(keys), got=len(slots))
        return {
            "account_proof": _nodes(answer.get("accountProof"), f"{where}.accountProof"),
            "nonce": read_quantity(answer.get("nonce"), f"{where}.nonce", 64),
            "balance": read_quantity(answer.get("balance"), f"{where}.balance"),
            "storage_hash": read_bytes(answer.get("storageHash"), f"{where}.storageHash", 32),
            "code_hash": read_bytes(answer.get("codeHash"), f"{where}.codeHash", 32),
            "storage": [
                {
                    "key": key,  # nodes spell it in several ways; a proof of another key does not verify
                    "value": read_quantity(read_object(slot, where).get("value"), f"{where}.value"),
                    "proof": _nodes(slot.get("proof"), f"{where}.proof"),
                }
                for key, slot in zip(keys, slots, strict=True)
            ],
        }


def _nodes(value: Any, where: str) -> tuple[bytes, ...]:
    return tuple(read_bytes(node, where) for node in read_list(value, where))


def _groups(indices: Sequence[int], holdings: Sequence[Holding]) -> Iterator[list[int]]:
    """Holdings of one address in portions of at most ``SLOTS_AT_ONCE`` slots."""
    group: list[int] = []
    count = 0
    for index in indices:
        slots = len(holdings[index].layout.slots)
        if group and count + slots > SLOTS_AT_ONCE:
            yield group
            group, count = [], 0
        group.append(index)
        count += slots
    if group:
        yield group
