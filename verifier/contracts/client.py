"""A chain's node, and the contracts on it, through web3 (extra ``contracts``).            specs/contracts.md#client"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Final

from zkmargin.attestations.chains.errors import RpcAnswer, RpcChainId, RpcUnavailable
from zkmargin.attestations.collateral.documents import Checkpoint
from zkmargin.attestations.evidence.eip1186 import AccountProof
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import hex_bytes, keccak256
from zkmargin.errors import PackageMissing
from zkmargin.verifier.contracts.artifacts import artifact
from zkmargin.verifier.contracts.encoding import DEPLOYER, SALT, create2_address
from zkmargin.verifier.contracts.errors import ContractCode, TransactionFailed, refusal

RECEIPT_TIMEOUT: Final = 180
GAS_MARGIN: Final = 1.15
"""What is asked for above the node's estimate: state may change before the transaction is taken."""


def _web3() -> Any:
    try:
        with warnings.catch_warnings():  # web3 imports a deprecated part of websockets that nothing here uses
            warnings.simplefilter("ignore", DeprecationWarning)
            return import_module("web3")
    except ImportError:
        raise PackageMissing(
            "contracts need the package web3", hint="install it: pip install 'zkmargin[contracts]'"
        ) from None


class ChainNode:
    """An EVM chain through one node, which is trusted to send transactions and to answer calls.

    ``chain_id``: what the node must be of. Raises PackageMissing, RpcUnavailable, RpcChainId.
    """

    def __init__(self, url: str, chain_id: int | None = None) -> None:
        from zkmargin.attestations.chains.rpc import JsonRpc

        self._module = _web3()
        self._host = JsonRpc(url).host  # also refuses an address that is none
        self._web3 = self._module.Web3(self._module.HTTPProvider(url, request_kwargs={"timeout": 30}))
        self.chain_id: int = self._ask(lambda: self._web3.eth.chain_id)
        if chain_id is not None and self.chain_id != chain_id:
            raise RpcChainId("the node is of another chain", where=self._host, expected=chain_id, got=self.chain_id)

    def __repr__(self) -> str:
        return f"<ChainNode {self._host} eip155:{self.chain_id}>"

    def _ask(self, question: Any) -> Any:
        """An answer, or an error without the node's address, which may hold a key."""
        requests = import_module("requests")
        try:
            return question()
        except (requests.RequestException, OSError) as error:
            raise RpcUnavailable("the node does not answer", where=self._host, got=type(error).__name__) from None
        except self._module.exceptions.Web3RPCError as error:
            said = str(error.rpc_response.get("error", {}).get("message", "")) if error.rpc_response else str(error)
            words = "".join(letter for letter in said if letter.isprintable())[:160]
            raise RpcAnswer("the node refuses", where=self._host, got=words) from None

    def decode(self, types: list[str], encoded: bytes) -> Any:
        """ABI values. Raises RpcAnswer where they are none."""
        malformed = import_module("eth_abi.exceptions").DecodingError
        try:
            return self._web3.codec.decode(types, encoded)
        except (malformed, ValueError, OverflowError):
            raise RpcAnswer("not what the contract answers with", where=self._host) from None

    def checksum(self, address: bytes) -> str:
        """As web3 takes addresses."""
        return str(self._web3.to_checksum_address(hex_bytes(address)))

    def code(self, address: bytes) -> bytes:
        """The code at an address."""
        return bytes(self._ask(lambda: self._web3.eth.get_code(self.checksum(address))))

    def time(self) -> int:
        """The latest block's time."""
        return int(self._ask(lambda: self._web3.eth.get_block("latest"))["timestamp"])

    def call(self, to: bytes, data: bytes, *, sender: bytes | None = None, what: str = "contract") -> bytes:
        """What a call gives back. Raises the contract's refusal."""
        transaction = {"to": self.checksum(to), "data": hex_bytes(data)}
        if sender is not None:
            transaction["from"] = self.checksum(sender)
        return bytes(self._judged(lambda: self._web3.eth.call(transaction), what))

    def _judged(self, question: Any, what: str) -> Any:
        logic = self._module.exceptions.ContractLogicError
        try:
            return self._ask(question)
        except logic as error:
            given = error.data if isinstance(error.data, str) else ""
            answer = bytes.fromhex(given.removeprefix("0x")) if given.startswith("0x") else b""
            raise refusal(answer, what, self.decode) from None

    def send(self, key: SigningKey, to: bytes, data: bytes, *, what: str = "contract") -> Mapping[str, Any]:
        """One transaction, estimated, signed, sent, and its receipt. A call that would revert is refused before.

        Raises the contract's refusal, TransactionFailed, RpcAnswer, RpcUnavailable.
        """
        eth = self._web3.eth
        sender = self.checksum(key.address)
        asked = {"from": sender, "to": self.checksum(to), "data": hex_bytes(data), "value": 0}
        gas = int(self._judged(lambda: eth.estimate_gas(asked), what) * GAS_MARGIN)
        fees = self._fees()
        nonce = self._ask(lambda: eth.get_transaction_count(sender))
        transaction = {**asked, **fees, "gas": gas, "nonce": nonce, "chainId": self.chain_id}
        signed = eth.account.sign_transaction(transaction, key.secret())
        identity = self._ask(lambda: eth.send_raw_transaction(signed.raw_transaction))
        try:
            receipt = self._ask(lambda: eth.wait_for_transaction_receipt(identity, RECEIPT_TIMEOUT, 0.05))
        except self._module.exceptions.TimeExhausted:
            raise TransactionFailed(
                "not in a block yet", where=self._host, got=hex_bytes(bytes(identity)), hint="look for it again later"
            ) from None
        if receipt["status"] != 1:
            raise TransactionFailed("the transaction failed", where=what, got=hex_bytes(bytes(identity)))
        return dict(receipt)

    def _fees(self) -> dict[str, int]:
        """EIP-1559 fees where the chain has them: twice the base fee and what the node suggests on top."""
        eth = self._web3.eth
        base = self._ask(lambda: eth.get_block("latest")).get("baseFeePerGas")
        if base is None:
            return {"gasPrice": self._ask(lambda: eth.gas_price)}
        tip = self._ask(lambda: eth.max_priority_fee)
        return {"maxFeePerGas": 2 * base + tip, "maxPriorityFeePerGas": tip}

    def create(self, key: SigningKey, creation: bytes, what: str) -> tuple[bytes, Mapping[str, Any] | None]:
        """A contract by CREATE2 through the deployment proxy: its address; the receipt, None if it stood there already.

        Raises ContractCode where the chain lacks the proxy or nothing stands at the address afterwards.
        """
        address = create2_address(creation)
        if self.code(address):
            return address, None
        if not self.code(DEPLOYER):
            raise ContractCode(
                "the chain has no deployment proxy", where=hex_bytes(DEPLOYER),
                hint="deploy github.com/Arachnid/deterministic-deployment-proxy first",
            )  # fmt: skip
        receipt = self.send(key, DEPLOYER, SALT + creation, what=what)
        if not self.code(address):
            raise ContractCode("nothing stands at the address", where=what, expected=hex_bytes(address))
        return address, receipt

    def storage_proof(self, address: bytes, slots: Sequence[bytes]) -> tuple[Checkpoint, AccountProof]:
        """The latest block, as its raw header has it, and an account with slots as the node states them.

        Raises RpcAnswer; the header's own errors.
        """
        from zkmargin.attestations.chains.evm import EvmReader

        reader = EvmReader(f"eip155:{self.chain_id}", str(self._web3.provider.endpoint_uri))
        checkpoint = reader.tip()
        return checkpoint, reader.account(address, slots, checkpoint)


@dataclass
class Contract:
    """A contract of this project on a chain. ``name`` as in the artifacts."""

    node: ChainNode
    name: str
    address: bytes

    @cached_property
    def _codec(self) -> Any:
        return self.node._web3.eth.contract(address=self.node.checksum(self.address), abi=artifact(self.name).abi)

    def encode(self, function: str, *arguments: Any) -> bytes:
        """Calldata."""
        return bytes.fromhex(self._codec.encode_abi(function, args=[self._plain(each) for each in arguments])[2:])

    def _plain(self, value: Any) -> Any:
        """As web3 takes values: addresses as text."""
        if isinstance(value, bytes) and len(value) == 20:
            return self.node.checksum(value)
        if isinstance(value, Mapping):
            return {name: self._plain(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain(each) for each in value]
        return value

    def policy_hash(self, policy: Mapping[str, Any]) -> bytes:
        """keccak256(abi.encode(policy)), which a registry keeps: the arguments of ``addPolicy`` are that encoding."""
        return keccak256(self.encode("addPolicy", policy)[4:])

    def call(self, function: str, *arguments: Any, sender: bytes | None = None) -> Any:
        """The answer of a function that changes nothing, or would. Raises its refusal."""
        answer = self.node.call(self.address, self.encode(function, *arguments), sender=sender, what=self.name)
        outputs = next(
            entry["outputs"]
            for entry in artifact(self.name).abi
            if entry["type"] == "function" and entry["name"] == function
        )
        found = self.node.decode([output["type"] for output in outputs], answer)
        return found[0] if len(found) == 1 else found

    def send(self, key: SigningKey, function: str, *arguments: Any) -> Mapping[str, Any]:
        """A transaction; its receipt. Raises its refusal."""
        return self.node.send(key, self.address, self.encode(function, *arguments), what=self.name)

    def event(self, receipt: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """The arguments of the one event of a name. Raises RpcAnswer where there is none."""
        found = self.events(receipt, name)
        if len(found) != 1:
            raise RpcAnswer(f"the receipt has no event {name}", where=self.name)
        return found[0]

    def events(self, receipt: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        """The arguments of this contract's events of a name, from a receipt."""
        event = getattr(self._codec.events, name)()
        own = [log for log in receipt["logs"] if bytes.fromhex(log["address"][2:]) == self.address]
        topic = bytes.fromhex(event.topic.removeprefix("0x"))
        return [event.process_log(log)["args"] for log in own if bytes(log["topics"][0]) == topic]

    def require_code(self, expected: bytes) -> None:
        """Raise ContractCode unless exactly this code stands at the address."""
        found = self.node.code(self.address)
        if found != expected:
            raise ContractCode(
                "another code than expected stands at the address", where=f"{self.name} at {hex_bytes(self.address)}",
                expected=hex_bytes(keccak256(expected)), got=hex_bytes(keccak256(found)),
            )  # fmt: skip
