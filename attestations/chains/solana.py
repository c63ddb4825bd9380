"""Solana by JSON-RPC: balances as a node states them. Nothing here is proven: such lines are observed.

Native balances are ``slip44:501``; a token account of the SPL token program is its own account, its mint the asset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zkmargin.attestations.chains.addresses import decode_base58
from zkmargin.attestations.chains.documents import Evidence, ObservedEvidence
from zkmargin.attestations.chains.errors import LayoutUnknown, Reorganised, RpcAnswer, RpcChainId
from zkmargin.attestations.chains.reader import Holding
from zkmargin.attestations.chains.rpc import JsonRpc, read_object
from zkmargin.attestations.collateral.documents import FINALIZED, OBSERVED, Checkpoint
from zkmargin.attestations.collateral.identifiers import require_chain, split_account, split_asset

NATIVE = "501"
"""Solana's number of SLIP-44."""


class SolanaReader:
    """One Solana cluster through one node, at finalized slots only."""

    def __init__(self, chain: str, url: str) -> None:
        self.chain = require_chain(chain)
        self._rpc = JsonRpc(url)

    def tip(self) -> Checkpoint:
        """The newest finalized slot that has a block."""
        self._require_chain()
        return self._block(_number(self._rpc.call("getSlot", {"commitment": "finalized"}), "getSlot"))

    def confirm(self, checkpoint: Checkpoint) -> Checkpoint:
        """The same block. Raises Reorganised."""
        self._require_chain()
        if (now := self._block(checkpoint.block_number)) != checkpoint:
            raise Reorganised("the chain has another block in this slot", where=self.chain)
        return now

    def read(self, holdings: Sequence[Holding], checkpoint: Checkpoint) -> list[Evidence]:
        """What the node states now: it has no balances of the past, so the slot is at least the checkpoint's."""
        self._require_chain()
        return [self._observe(holding, checkpoint) for holding in holdings]

    def _require_chain(self) -> None:
        genesis = self._rpc.call("getGenesisHash")
        expected = self.chain.partition(":")[2]
        if not isinstance(genesis, str) or genesis[:32] != expected:
            raise RpcChainId("the node is of another chain", where=self._rpc.host, expected=expected,
                             got=str(genesis)[:32])  # fmt: skip

    def _block(self, slot: int) -> Checkpoint:
        options = {"transactionDetails": "none", "rewards": False, "commitment": "finalized",
                   "maxSupportedTransactionVersion": 0}  # fmt: skip
        block = read_object(self._rpc.call("getBlock", slot, options), "getBlock")
        return Checkpoint(
            chain=self.chain, block_number=slot, block_hash=_hash(block.get("blockhash"), "getBlock.blockhash"),
            state_root=bytes(32), block_time=_number(block.get("blockTime"), "getBlock.blockTime"),
            finality=FINALIZED, proof_kind=OBSERVED,
        )  # fmt: skip

    def _observe(self, holding: Holding, checkpoint: Checkpoint) -> ObservedEvidence:
        address = split_account(holding.account)[1]
        decode_base58(address, 32, "account")
        _, namespace, reference = split_asset(holding.layout.asset)
        options = {"commitment": "finalized", "minContextSlot": checkpoint.block_number, "encoding": "jsonParsed"}
        answer = read_object(self._rpc.call("getAccountInfo", address, options), "getAccountInfo")
        value = answer.get("value")
        if (namespace, reference) == ("slip44", NATIVE):
            balance = 0 if value is None else _number(read_object(value, "getAccountInfo").get("lamports"), "lamports")
        elif namespace == "token":
            balance = 0 if value is None else _tokens(value, reference)
        else:
            raise LayoutUnknown("no such asset is read on Solana", where="layout", got=holding.layout.asset)
        return ObservedEvidence(
            chain=self.chain, block_hash=checkpoint.block_hash, account=holding.account, balance=balance,
            layout=holding.layout.name,
        )  # fmt: skip


def _tokens(value: Any, mint: str) -> int:
    parsed = value
    for name in ("data", "parsed", "info"):
        parsed = read_object(read_object(parsed, "getAccountInfo").get(name), f"getAccountInfo.{name}")
    if parsed.get("mint") != mint:
        raise LayoutUnknown("the token account is of another mint", where="getAccountInfo", expected=mint)
    amount = read_object(parsed.get("tokenAmount"), "tokenAmount").get("amount")
    if not isinstance(amount, str) or not amount.isascii() or not amount.isdigit() or len(amount) > 20:
        raise RpcAnswer("not an amount", where="getAccountInfo")
    return int(amount)


def _number(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise RpcAnswer("not a number of 64 bits", where=where)
    return value


def _hash(value: Any, where: str) -> bytes:
    if not isinstance(value, str):
        raise RpcAnswer("not a hash", where=where)
    return decode_base58(value, 32, where)
