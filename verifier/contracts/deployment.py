"""Registry and verifiers at one address on every chain.                               specs/contracts.md#deployment"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zkmargin.attestations.eip712 import encode_address, encode_uint
from zkmargin.attestations.signatures import SigningKey
from zkmargin.verifier.contracts.artifacts import artifact
from zkmargin.verifier.contracts.client import ChainNode, Contract
from zkmargin.verifier.contracts.encoding import create2_address, verifier_creation, verifier_runtime


def registry_creation(administrator: bytes, epoch_length: int) -> bytes:
    """The code that creates a registry. ``administrator``: 20 bytes; ``epoch_length``: seconds, of all its policies."""
    return artifact("MarginRegistry").creation + encode_address(administrator) + encode_uint(epoch_length, 64)


def registry_address(administrator: bytes, epoch_length: int) -> bytes:
    """Where that registry stands, on any chain. The address commits to code, administrator and epoch length."""
    return create2_address(registry_creation(administrator, epoch_length))


def verifier_address(verifying_key: bytes) -> bytes:
    """Where the verifier of a key stands, on any chain."""
    return create2_address(verifier_creation(verifying_key))


def deploy_registry(
    node: ChainNode, key: SigningKey, administrator: bytes, epoch_length: int
) -> tuple[Contract, Mapping[str, Any] | None]:
    """A registry; the receipt, None if it stood there already."""
    address, receipt = node.create(key, registry_creation(administrator, epoch_length), "MarginRegistry")
    return Contract(node, "MarginRegistry", address), receipt


def deploy_verifier(
    node: ChainNode, key: SigningKey, verifying_key: bytes
) -> tuple[Contract, Mapping[str, Any] | None]:
    """The verifier of a key; the receipt, None if it stood there already. Raises ContractCode, ProofPoint."""
    address, receipt = node.create(key, verifier_creation(verifying_key), "Groth16Verifier")
    contract = Contract(node, "Groth16Verifier", address)
    contract.require_code(verifier_runtime(verifying_key))
    return contract, receipt
