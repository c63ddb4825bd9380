"""Slither's findings are those that specs/contracts.md answers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from chain_world import PEERS, require_peers

from zkmargin.verifier.contracts.artifacts import FOLDER

pytestmark = [pytest.mark.chain, pytest.mark.node]
SPECIFICATION = Path(__file__).resolve().parents[2] / "specs" / "contracts.md"


def _answered() -> dict[str, set[str]]:
    """Functions by detector, from the table."""
    section = SPECIFICATION.read_text(encoding="utf-8").split("## Static analysis")[1]
    rows = re.findall(r"^\| `([a-z-]+)` \|(.*?)\| .+ \|$", section, re.MULTILINE)
    return {detector: set(re.findall(r"`(\w+)`", where)) for detector, where in rows}


def _found(folder: Path) -> dict[str, set[str]]:
    for source in FOLDER.glob("*.sol"):
        shutil.copy(source, folder / source.name)
    found: dict[str, set[str]] = {}
    for entry in ("Groth16Key.sol", "MarginRegistry.sol"):  # these import all others
        report = folder / f"{entry}.json"
        command = [str(Path(sys.executable).parent / "slither"), entry, "--solc", str(PEERS / "solc-standard.cjs")]
        done = subprocess.run(
            [*command, "--json", str(report)], cwd=folder, capture_output=True, text=True, timeout=300
        )
        assert report.exists(), done.stderr
        told = json.loads(report.read_text(encoding="utf-8"))
        assert told["success"], told["error"]
        for finding in told["results"]["detectors"]:
            places = found.setdefault(finding["check"], set())
            for element in finding["elements"]:
                if element["type"] == "function":
                    places.add(element["name"])
                elif element["type"] == "variable":
                    places.add(element["type_specific_fields"]["parent"]["name"])
    return found


def test_every_finding_is_answered(tmp_path: Path) -> None:
    require_peers()
    assert _found(tmp_path) == _answered()
