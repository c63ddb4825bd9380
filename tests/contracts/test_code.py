"""The committed code is what the committed sources compile to; the sources hash what the library hashes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import pytest
from chain_world import PEERS, require_peers

from zkmargin.attestations import context
from zkmargin.attestations.collateral.documents import Checkpoint, CollateralRoot, RevokeRoot
from zkmargin.attestations.documents import MarketSnapshot, PositionStatement, StatementContext
from zkmargin.verifier.contracts.artifacts import ARTIFACTS, COMPILER, FOLDER, artifact, render, standard_input
from zkmargin.verifier.contracts.errors import REFUSALS
from zkmargin.verifier.contracts.words import RECORDS_SLOT
from zkmargin.verifier.registry.documents import Release

CODE_LIMIT = 24_576  # EIP-170


@pytest.fixture(scope="module")
def output() -> dict[str, Any]:
    """What npm's solc makes of the sources."""
    require_peers()
    asked = standard_input()
    asked["settings"]["outputSelection"]["*"]["*"].append("storageLayout")
    done = subprocess.run(
        ["node", "solc-standard.cjs", "--standard-json"], input=json.dumps(asked), cwd=PEERS, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.node
def test_the_committed_code_is_that_of_the_sources(output: dict[str, Any]) -> None:
    assert [entry["formattedMessage"] for entry in output.get("errors", [])] == []
    made = render(output)
    if os.environ.get("ZKMARGIN_WRITE_GOLDEN") == "1":
        ARTIFACTS.write_text(made, encoding="utf-8")
    assert ARTIFACTS.read_text(encoding="utf-8") == made
    version = subprocess.run(
        ["node", "solc-standard.cjs", "--version"], cwd=PEERS, capture_output=True, text=True, timeout=60, check=True
    )
    assert f"Version: {COMPILER}+" in version.stdout


@pytest.mark.node
def test_where_records_lie(output: dict[str, Any]) -> None:
    layout = output["contracts"]["MarginRegistry.sol"]["MarginRegistry"]["storageLayout"]["storage"]
    assert {entry["label"]: int(entry["slot"]) for entry in layout}["records"] == RECORDS_SLOT


def test_code_fits_a_chain() -> None:
    for name in ("MarginRegistry", "Groth16Verifier"):
        assert 0 < len(artifact(name).runtime) <= CODE_LIMIT


def test_types_of_signed_structures() -> None:
    text = (FOLDER / "Documents.sol").read_text(encoding="utf-8")
    strings = (re.findall(r'"([^"]*)"', arguments) for arguments in re.findall(r"keccak256\(([^;]*?)\);", text))
    stated = {"".join(parts) for parts in strings if parts and "(" in parts[0]}
    structures = {
        each.STRUCTURE.signature
        for each in (
            PositionStatement,
            MarketSnapshot,
            StatementContext,
            CollateralRoot,
            Checkpoint,
            RevokeRoot,
            Release,
        )
    }
    scope = context._SCOPE.signature
    domain = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    assert stated == structures | {scope, domain}


def test_every_error_of_the_contracts_has_a_code() -> None:
    names = {
        entry["name"]
        for name in ("MarginRegistry", "Groth16Verifier", "Signatures")
        for entry in artifact(name).abi
        if entry["type"] == "error"
    }
    assert names == set(REFUSALS)
