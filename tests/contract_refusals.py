"""One way to meet each refusal that only contracts have, for the table of errors. Nodes answer as told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from stub_node import answering, serving

from zkmargin.attestations.signatures import SigningKey
from zkmargin.verifier.contracts.client import ChainNode, Contract
from zkmargin.verifier.contracts.encoding import DEPLOYER

KEY = SigningKey(bytes([9]) * 32)
HASH = "0x" + "11" * 32
BLOCK: Mapping[str, Any] = {"number": "0x1", "hash": HASH, "timestamp": "0x1", "baseFeePerGas": "0x1"}
ANSWERS: Mapping[str, Any] = {
    "eth_chainId": "0x1",
    "eth_getCode": lambda *_: "0x",
    "eth_estimateGas": "0x5208",
    "eth_getBlockByNumber": BLOCK,
    "eth_maxPriorityFeePerGas": "0x1",
    "eth_getTransactionCount": "0x0",
    "eth_sendRawTransaction": HASH,
    "eth_getTransactionReceipt": {"transactionHash": HASH, "blockNumber": "0x1", "blockHash": HASH, "status": "0x0",
                                  "gasUsed": "0x1", "logs": [], "contractAddress": None},
    "eth_call": "0x",
}  # fmt: skip


def with_node(use: Callable[[ChainNode], object], **answers: Any) -> Callable[[], None]:
    """Use a node that answers like this."""

    def refuse() -> None:
        with answering({**ANSWERS, **answers}) as url:
            use(ChainNode(url))

    return refuse


def _administrator(node: ChainNode) -> None:
    """A call that reverts without a name."""
    Contract(node, "MarginRegistry", DEPLOYER).send(KEY, "retirePolicy", bytes(32))


def _reverting() -> None:
    refused = (
        b'{"jsonrpc": "2.0", "id": 0, "error": {"code": 3, "message": "execution reverted", "data": "0x12345678"}}'
    )

    def respond(asked: dict[str, Any]) -> bytes:
        if asked["method"] == "eth_estimateGas":
            return refused.replace(b'"id": 0', b'"id": %d' % asked["id"])
        return json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": ANSWERS[asked["method"]]}).encode()

    with serving(respond) as url:
        _administrator(ChainNode(url))


CONTRACTS: Mapping[str, Callable[[], object]] = {
    "E_CONTRACT": _reverting,
    "E_CONTRACT_CODE": with_node(lambda node: node.create(KEY, b"code", "MarginRegistry")),
    "E_TRANSACTION": with_node(_administrator),
}
