"""schemathesis on the OpenAPI: requests that fit it, that do not, and that name methods which there are not.

The service must answer each as the document says, never by 5xx, and refuse by problem documents.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from registry_world import A
from served import TOKENS, Served

pytestmark = pytest.mark.prove

# What fits a schema may be refused all the same: a schema does not say whom a policy trusts, which nullifier is
# pledged, that an integer is below 2^32 or a text printable. Which code is which error's, the other tests tell.
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "404", "409", "422"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "404", "405", "408", "409", "413", "422", "429"]
"""


def run(served: Served, folder: Path, *options: str) -> tuple[int, int]:
    """To how many operations of all schemathesis sent requests; it found nothing."""
    (folder / "schemathesis.toml").write_text(CONFIGURATION)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml"), "run"]
    command += [f"{served.address}/openapi.json", "--seed", "1", "--generation-database", "none", "--no-color"]
    command += ["--continue-on-failure", "--max-examples", "3", "--header", f"Authorization: Bearer {TOKENS[A]}"]
    done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    found = re.search(r"(\d+) selected / (\d+) total", done.stdout)
    assert found is not None, done.stdout[-8000:]
    return int(found[1]), int(found[2])


def test_requests_of_all_kinds_to_every_address(served: Served, tmp_path: Path) -> None:
    selected, total = run(served, tmp_path, "--phases", "fuzzing")
    assert selected == total >= 26


def test_edges_of_parameters_and_bodies(served: Served, tmp_path: Path) -> None:
    """Without the four largest documents, whose thousand edges are those of their readers' fuzzers."""
    large = "submissions|markets|revocations|registrations"
    selected, total = run(served, tmp_path, "--phases", "coverage", "--exclude-path-regex", large)
    assert selected == total - 5
