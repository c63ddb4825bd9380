"""Local chains for tests: anvil and solc from npm, a token and a vault on each of two chains with equal block hashes.

Transactions are signed without a chain id (before EIP-155), so the same bytes are valid on both chains; with the same
clock both make the same blocks, and only ``eth_chainId`` tells them apart.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from zkmargin.attestations.chains.errors import RpcUnavailable
from zkmargin.attestations.chains.rpc import JsonRpc
from zkmargin.attestations.eip712 import encode_address, encode_uint
from zkmargin.attestations.signatures import SigningKey
from zkmargin.encoding import hex_bytes, keccak256

PEERS = Path(__file__).parent / "peers"
SOURCE = Path(__file__).parent / "chains" / "contracts.sol"
GENESIS = 1_800_000_000
BLOCK_SECONDS = 2
DEPLOYER = SigningKey(bytes([61]) * 32)
HOLDER = SigningKey(bytes([62]) * 32)
SECOND = SigningKey(bytes([63]) * 32)
COIN = 10**18


def _missing(what: str) -> None:
    if os.environ.get("ZKMARGIN_CI") == "1":
        pytest.fail(f"{what} (ZKMARGIN_CI=1 insists)")
    pytest.skip(what)


def require_peers() -> str:
    """Node.js, where solc is installed too; skips where not, fails in CI."""
    node = shutil.which("node")
    if node is None or not (PEERS / "node_modules" / "solc").is_dir():
        _missing("Node.js or solc is not installed (make peers)")
    return str(node)


def compiled() -> Mapping[str, Any]:
    """Bytecode and slots of each contract, from solc."""
    node = require_peers()
    done = subprocess.run(
        [node, "solc.cjs"], input=SOURCE.read_text(encoding="utf-8"), cwd=PEERS, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def _anvil() -> str:
    machine = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "")
    binary = PEERS / "node_modules" / "@foundry-rs" / f"anvil-{platform.system().lower()}-{machine}" / "bin" / "anvil"
    if not binary.exists():
        _missing("anvil is not installed (make peers)")
    return str(binary)


@dataclass
class Chain:
    """A local chain. Blocks are mined when asked for, two seconds apart."""

    number: int
    url: str
    rpc: JsonRpc
    next_time: int = GENESIS + BLOCK_SECONDS

    @property
    def name(self) -> str:
        return f"eip155:{self.number}"

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.rpc.call("evm_setNextBlockTimestamp", self.next_time)
            self.rpc.call("evm_mine")
            self.next_time += BLOCK_SECONDS

    def send(
        self, key: SigningKey, to: bytes | None, data: bytes = b"", value: int = 0, gas: int = 3_000_000
    ) -> dict[str, Any]:
        """One transaction in one block; its receipt."""
        sender = hex_bytes(key.address)
        transaction = {
            "nonce": int(self.rpc.call("eth_getTransactionCount", sender, "latest"), 16), "gasPrice": 2 * 10**9,
            "gas": gas, "value": value, "data": data, **({} if to is None else {"to": to}),
        }  # fmt: skip
        signed = Account.sign_transaction(transaction, key.secret())
        assert signed.v in (27, 28)
        identity = self.rpc.call("eth_sendRawTransaction", hex_bytes(bytes(signed.raw_transaction)))
        self.mine()
        receipt: dict[str, Any] = self.rpc.call("eth_getTransactionReceipt", identity)
        assert receipt["status"] == "0x1", receipt
        return receipt

    def deploy(self, code: str, arguments: bytes = b"") -> bytes:
        return bytes.fromhex(self.send(DEPLOYER, None, bytes.fromhex(code[2:]) + arguments)["contractAddress"][2:])

    def call(self, key: SigningKey, contract: bytes, signature: str, *words: bytes) -> None:
        self.send(key, contract, keccak256(signature.encode())[:4] + b"".join(words))

    def code_hash(self, address: bytes) -> bytes:
        return keccak256(bytes.fromhex(self.rpc.call("eth_getCode", hex_bytes(address), "latest")[2:]))

    def tip(self) -> dict[str, Any]:
        block: dict[str, Any] = self.rpc.call("eth_getBlockByNumber", "latest", False)
        return block

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What happens inside is undone: the chain reorganises to where it was."""
        snapshot, clock = self.rpc.call("evm_snapshot"), self.next_time
        try:
            yield
        finally:
            assert self.rpc.call("evm_revert", snapshot)
            self.next_time = clock


@contextmanager
def running(number: int, start: int = GENESIS) -> Iterator[Chain]:
    """An anvil process of a chain id, whose blocks are two seconds apart, finalized two blocks later."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [_anvil(), "--chain-id", number, "--port", port, "--timestamp", start, "--slots-in-an-epoch", 1,
               "--no-mining", "--silent", "--accounts", 1, "--threads", 1]  # fmt: skip
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        rpc = JsonRpc(url)
        for _ in range(300):
            try:
                rpc.call("eth_chainId")
                break
            except RpcUnavailable:
                assert process.poll() is None, "anvil ended"
                time.sleep(0.1)
        for key in (DEPLOYER, HOLDER, SECOND):
            rpc.call("anvil_setBalance", hex_bytes(key.address), hex(100 * COIN))
        chain = Chain(number, url, rpc, start + BLOCK_SECONDS)
        chain.mine()
        yield chain
    finally:
        process.terminate()
        process.wait(20)


@dataclass(frozen=True)
class Deployed:
    """Contracts, at the same addresses on every chain."""

    token: bytes
    proxy: bytes
    vault: bytes


def furnish(chain: Chain, contracts: Mapping[str, Any], pledge_domain: bytes, owner: int) -> Deployed:
    """A token, a proxy of it, a vault; the holder has 500 tokens free, 400 in the vault, locked, registered."""
    token = chain.deploy(contracts["Token"]["bytecode"])
    proxy = chain.deploy(contracts["Proxy"]["bytecode"], encode_address(token))
    vault = chain.deploy(contracts["Vault"]["bytecode"], encode_address(token) + pledge_domain)
    word = encode_uint
    chain.call(DEPLOYER, token, "mint(address,uint256)", encode_address(HOLDER.address), word(900))
    chain.call(DEPLOYER, proxy, "mint(address,uint256)", encode_address(HOLDER.address), word(70))
    chain.call(HOLDER, token, "approve(address,uint256)", encode_address(vault), word(10**6))
    chain.call(HOLDER, vault, "deposit(uint256)", word(400))
    chain.call(HOLDER, vault, "register(uint256)", word(owner))
    chain.call(HOLDER, vault, "lock(uint64)", word(GENESIS + 90_000))
    return Deployed(token, proxy, vault)
