"""Nodes that misbehave: each fault has its code, and no message tells the node's address."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from stub_node import answering, serving

from zkmargin.attestations.chains.errors import RpcAnswer, RpcProofWindow, RpcUnavailable
from zkmargin.attestations.chains.evm import EvmReader
from zkmargin.attestations.chains.rpc import JsonRpc, read_bytes, read_list, read_object, read_quantity
from zkmargin.errors import UsageWrong, ZkMarginError


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"{", b'{"id": 2, "result": 1}', b'{"id": 1}', b'{"id": 1, "error": 5}', b"\xff\xfe",
        b'{"id": 1, "error": {"message": 7}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_answers_that_are_none(body: bytes) -> None:
    with serving(lambda _: body) as url, pytest.raises(RpcAnswer) as caught:
        JsonRpc(url).call("eth_chainId")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 401, 429, 500])
def test_statuses(status: int) -> None:
    with serving(lambda _: b"{}", status) as url, pytest.raises(RpcUnavailable) as caught:
        JsonRpc(url).call("eth_chainId")
    assert "secret" not in str(caught.value)


def test_a_node_that_takes_its_time() -> None:
    def slow(_: Any) -> bytes:
        time.sleep(0.6)
        return b"{}"

    with serving(slow) as url, pytest.raises(RpcUnavailable):
        JsonRpc(url, timeout=0.2).call("eth_chainId")


@pytest.mark.parametrize(
    "words",
    [
        "missing trie node 1f2e (path ) state 0xab is not available",  # geth
        "historical state 1f is not available",  # geth, path scheme
        "distance to target block exceeds maximum proof window",  # reth
        "requested block is too old, block must be within 1000 blocks of the head block number",  # Erigon
        "No state available for block 0xabc",  # Nethermind
    ],
)
def test_a_node_that_dropped_the_state(words: str) -> None:
    with answering({}, words) as url, pytest.raises(RpcProofWindow) as caught:
        JsonRpc(url).call("eth_getProof")
    assert "secret" not in str(caught.value)
    assert "archive" in str(caught.value)


def test_addresses_of_nodes() -> None:
    for url in ("ftp://node", "node:8545", "http://", "file:///etc/passwd", "http://[", "http://node:99999999"):
        with pytest.raises(UsageWrong):
            JsonRpc(url)
    seen: list[str] = []
    with serving(lambda asked: json.dumps({"id": asked["id"], "result": 5}).encode()) as url:
        node = JsonRpc(url.replace("http://", "http://name:pass%20word@"))
        seen.append(repr(node))
        assert node.call("getblockcount") == 5
    with pytest.raises(ZkMarginError) as caught:
        node.call("getblockcount")
    for text in (*seen, str(caught.value)):
        assert "secret" not in text
        assert "word" not in text


def test_values_that_are_none() -> None:
    for value in ("0x", "0x00", "0x01", "1", 1, None, "0xg", "0x1" + "0" * 64, "0X1"):
        with pytest.raises(RpcAnswer):
            read_quantity(value, "here")
    with pytest.raises(RpcAnswer):
        read_quantity("0x100", "here", 8)
    for value in ("0x1", "12", None, "0xzz"):
        with pytest.raises(RpcAnswer):
            read_bytes(value, "here")
    for read, value in ((read_object, []), (read_list, {})):
        with pytest.raises(RpcAnswer):
            read(value, "here")
    assert (read_quantity("0x0", "here"), read_bytes("0xAb", "here", 1)) == (0, b"\xab")


def test_a_header_that_fields_do_not_make() -> None:
    block = {"hash": "0x" + "22" * 32, "number": "0x1"}
    answers = {"eth_chainId": "0x1", "eth_getBlockByNumber": block, "eth_getBlockByHash": block}
    with answering(answers) as url, pytest.raises(RpcAnswer):
        EvmReader("eip155:1", url).tip()
