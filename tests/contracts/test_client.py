"""The client and nodes that lie, fail or are somebody else's."""

from __future__ import annotations

import pytest
from contract_refusals import ANSWERS, KEY
from stub_node import answering, serving

from zkmargin.attestations.documents import HomeDomain
from zkmargin.encoding import keccak256
from zkmargin.errors import ZkMarginError
from zkmargin.verifier.contracts.client import ChainNode, Contract
from zkmargin.verifier.contracts.encoding import DEPLOYER
from zkmargin.verifier.contracts.errors import refusal
from zkmargin.verifier.contracts.registry import Registry

CONTRACT = b"\x11" * 20


def test_a_node_of_another_chain() -> None:
    with answering(ANSWERS) as url:
        assert ChainNode(url, 1).chain_id == 1
        with pytest.raises(ZkMarginError, match="E_RPC_CHAIN_ID"):
            ChainNode(url, 10)
        with pytest.raises(ZkMarginError, match="E_DOMAIN"):
            Registry(ChainNode(url), HomeDomain(chain_id=10, verifying_contract=CONTRACT))
        with pytest.raises(ZkMarginError, match="E_CONTRACT_CODE"):
            Registry(ChainNode(url), HomeDomain(chain_id=1, verifying_contract=CONTRACT))


def test_what_stands_at_the_address_is_another_contract() -> None:
    """It answers as a registry of an administrator would; the address is not that of the code."""
    administrator, length = bytes(12) + KEY.address, (86400).to_bytes(32, "big")
    answers = {keccak256(b"administrator()")[:4].hex(): administrator, keccak256(b"epochLength()")[:4].hex(): length}

    def call(asked: dict[str, str], *_: object) -> str:
        return "0x" + answers[asked["data"][2:10]].hex()

    with (
        answering({**ANSWERS, "eth_getCode": lambda *_: "0x60", "eth_call": call}) as url,
        pytest.raises(ZkMarginError, match=r"E_CONTRACT_CODE.*not created from this project's code"),
    ):
        Registry(ChainNode(url), HomeDomain(chain_id=1, verifying_contract=CONTRACT))


@pytest.mark.parametrize("answer", ["0x", "0x01", "0x" + "ff" * 31])
def test_answers_that_are_none(answer: str) -> None:
    with answering({**ANSWERS, "eth_call": answer, "eth_getCode": lambda *_: "0x60"}) as url:
        contract = Contract(ChainNode(url), "MarginRegistry", CONTRACT)
        with pytest.raises(ZkMarginError, match="E_RPC_ANSWER"):
            contract.call("epochLength")


def test_a_failing_node_is_named_by_its_host_alone() -> None:
    with serving(lambda _: b"no JSON", 500) as url, pytest.raises(ZkMarginError) as caught:
        ChainNode(url)
    assert caught.value.code in ("E_RPC", "E_RPC_ANSWER")
    assert "stays-secret" not in str(caught.value)
    with pytest.raises(ZkMarginError, match="E_RPC:") as caught:
        ChainNode(url)  # nobody listens any more
    assert "stays-secret" not in str(caught.value)


def test_a_receipt_without_the_event() -> None:
    receipt = {**ANSWERS["eth_getTransactionReceipt"], "status": "0x1"}
    with answering({**ANSWERS, "eth_getTransactionReceipt": receipt}) as url:
        contract = Contract(ChainNode(url), "MarginRegistry", DEPLOYER)
        with pytest.raises(ZkMarginError, match=r"E_RPC_ANSWER.*no event Pledged"):
            contract.event(contract.send(KEY, "retirePolicy", bytes(32)), "Pledged")


def test_reverts_without_a_name_we_know() -> None:
    for answer in (b"", b"\x01", b"\x12\x34\x56\x78" + bytes(64)):
        assert refusal(answer, "contract", lambda *_: ()).code == "E_CONTRACT"
