"""The contracts' sources, and their code as committed beside them.                       specs/contracts.md#code"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent
ARTIFACTS: Final = FOLDER / "artifacts.json"
COMPILER: Final = "0.8.37"
"""The version of solc that made the committed code."""
SETTINGS: Final[Mapping[str, Any]] = {
    "evmVersion": "paris",  # no opcode that some EVM chain lacks
    "optimizer": {"enabled": True, "runs": 800},
    "viaIR": True,
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
}
_OUTPUTS: Final = ("abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.methodIdentifiers")
DEPLOYED: Final = ("Groth16Key", "Groth16Verifier", "MarginRegistry", "Signatures")
"""What the committed file holds; interfaces and libraries are part of these."""


@dataclass(frozen=True)
class Artifact:
    """A contract's ABI, the code that creates it and the code that then runs."""

    abi: list[dict[str, Any]]
    creation: bytes
    runtime: bytes


def sources() -> dict[str, str]:
    """Every source by its file name, in order."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.sol"))}


def standard_input() -> dict[str, Any]:
    """What ``solc --standard-json`` takes to make the committed code."""
    return {
        "language": "Solidity",
        "sources": {name: {"content": content} for name, content in sources().items()},
        "settings": {
            **SETTINGS,
            "outputSelection": {
                "*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.methodIdentifiers"]}
            },
        },
    }


def render(output: Mapping[str, Any]) -> str:
    """The committed file, from what solc answers. Raises KeyError where a contract is missing."""
    found = {}
    for name in DEPLOYED:
        made = output["contracts"][f"{name}.sol"][name]
        found[name] = {
            "abi": made["abi"],
            "selectors": {
                signature.partition("(")[0]: f"0x{selector}"
                for signature, selector in sorted(made["evm"]["methodIdentifiers"].items())
            },
            "creation": "0x" + made["evm"]["bytecode"]["object"],
            "runtime": "0x" + made["evm"]["deployedBytecode"]["object"],
        }
    return json.dumps({"compiler": COMPILER, "settings": SETTINGS, "contracts": found}, indent=1) + "\n"


@cache
def artifact(name: str) -> Artifact:
    """A contract of ``DEPLOYED``."""
    found = json.loads(ARTIFACTS.read_text(encoding="utf-8"))["contracts"][name]
    return Artifact(found["abi"], bytes.fromhex(found["creation"][2:]), bytes.fromhex(found["runtime"][2:]))
