"""Bitcoin through a node of Bitcoin Core: outputs that pay an account, and their way to a block some way down.

The checkpoint is six blocks deep, so that it is final at once; outputs are unspent at the tip, and not younger than the
checkpoint.                                                                        specs/collateral.md#bitcoin
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from zkmargin.attestations.chains.bitcoin import GENESIS, HEADER_BYTES, hash256, merkle_branch, without_witnesses
from zkmargin.attestations.chains.documents import Evidence, OutputEvidence, UtxoEvidence
from zkmargin.attestations.chains.errors import Reorganised, RpcAnswer, RpcChainId
from zkmargin.attestations.chains.reader import Holding
from zkmargin.attestations.chains.rpc import JsonRpc, read_list, read_object
from zkmargin.attestations.collateral.documents import FINALIZED, UTXO_OBSERVED, Checkpoint
from zkmargin.attestations.collateral.identifiers import split_account
from zkmargin.errors import UsageWrong

CONFIRMATIONS: Final = 6


class BitcoinReader:
    """Bitcoin, or a regression test chain, through one node. Hashes are in the order that Bitcoin shows."""

    def __init__(self, chain: str, url: str) -> None:
        if chain not in GENESIS:
            raise UsageWrong("no such chain is known", where="chains", got=chain, expected=", ".join(GENESIS))
        self.chain = chain
        self._rpc = JsonRpc(url)

    def tip(self) -> Checkpoint:
        """The newest block with six confirmations."""
        self._require_chain()
        height = _number(self._rpc.call("getblockcount"), "getblockcount") - CONFIRMATIONS + 1
        if height < 0:
            raise RpcAnswer("the chain has too few blocks", where=self._rpc.host)
        return self._block(height)

    def confirm(self, checkpoint: Checkpoint) -> Checkpoint:
        """The same block. Raises Reorganised."""
        self._require_chain()
        if (now := self._block(checkpoint.block_number)) != checkpoint:
            raise Reorganised("the chain has another block of this number", where=self.chain)
        return now

    def read(self, holdings: Sequence[Holding], checkpoint: Checkpoint) -> list[Evidence]:
        """Evidence of each holding's outputs that are unspent now and in the chain of the checkpoint."""
        self._require_chain()
        return [self._outputs(holding, checkpoint) for holding in holdings]

    def _require_chain(self) -> None:
        genesis = self._hash(0)
        if genesis[::-1] != GENESIS[self.chain]:
            raise RpcChainId("the node is of another chain", where=self._rpc.host, expected=self.chain,
                             got=genesis.hex()[:32])  # fmt: skip

    def _hash(self, height: int) -> bytes:
        return _bytes(self._rpc.call("getblockhash", height), "getblockhash", 32)

    def _header(self, block_hash: bytes) -> bytes:
        return _bytes(self._rpc.call("getblockheader", block_hash.hex(), False), "getblockheader", HEADER_BYTES)

    def _block(self, height: int) -> Checkpoint:
        block_hash = self._hash(height)
        header = self._header(block_hash)
        if hash256(header)[::-1] != block_hash:
            raise RpcAnswer("the header is not the block's", where=self._rpc.host)
        return Checkpoint(
            chain=self.chain, block_number=height, block_hash=block_hash, state_root=bytes(32),
            block_time=int.from_bytes(header[68:72], "little"), finality=FINALIZED, proof_kind=UTXO_OBSERVED,
        )  # fmt: skip

    def _outputs(self, holding: Holding, checkpoint: Checkpoint) -> UtxoEvidence:
        address = split_account(holding.account)[1]
        scan = read_object(self._rpc.call("scantxoutset", "start", [f"addr({address})"]), "scantxoutset")
        found = []
        for entry in read_list(scan.get("unspents"), "unspents"):
            height = _number(read_object(entry, "unspents").get("height"), "unspents.height")
            if height <= checkpoint.block_number:
                found.append(self._output(entry, height, checkpoint))
        return UtxoEvidence(chain=self.chain, account=holding.account, outputs=tuple(found), layout=holding.layout.name)

    def _output(self, entry: dict[str, Any], height: int, checkpoint: Checkpoint) -> OutputEvidence:
        identity = _bytes(entry.get("txid"), "unspents.txid", 32)
        block_hash = self._hash(height)
        raw = _bytes(self._rpc.call("getrawtransaction", identity.hex(), False, block_hash.hex()), "getrawtransaction")
        block = read_object(self._rpc.call("getblock", block_hash.hex(), 1), "getblock")
        leaves = [_bytes(text, "getblock.tx", 32)[::-1] for text in read_list(block.get("tx"), "getblock.tx")]
        if identity[::-1] not in leaves:
            raise RpcAnswer("the transaction is not in its block", where=self._rpc.host)
        position = leaves.index(identity[::-1])
        headers = [self._header(self._hash(at)) for at in range(height, checkpoint.block_number + 1)]
        return OutputEvidence(
            transaction=without_witnesses(raw), output=_number(entry.get("vout"), "unspents.vout"), position=position,
            branch=merkle_branch(leaves, position), headers=b"".join(headers),
        )  # fmt: skip


def _number(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 32:
        raise RpcAnswer("not a number of 32 bits", where=where)
    return value


def _bytes(value: Any, where: str, length: int | None = None) -> bytes:
    try:
        found = bytes.fromhex(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or (length is not None and len(found) != length):
        raise RpcAnswer("not bytes in hex of the right length", where=where)
    return found
