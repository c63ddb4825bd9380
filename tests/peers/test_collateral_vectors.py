"""The vectors of owners, ids, scopes, leaves and roots by circomlibjs and ethers: the second route to each of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.node
VECTORS = Path(__file__).parents[2] / "specs" / "vectors" / "collateral.json"


@pytest.fixture(scope="module")
def derived(node: Any) -> Any:
    """Every derived value, from the given ones alone, with none of this project's code."""
    return json.loads(node("collateral.cjs", stdin=VECTORS.read_text()).stdout)


@pytest.mark.parametrize("part", ["owner", "asset", "cid", "pledge", "tree"])
def test_the_other_route_leads_to_the_same(part: str, derived: Any) -> None:
    stated = json.loads(VECTORS.read_text())[part]
    lines = stated.pop("lines", [])
    found = derived[part]
    assert [line | there for line, there in zip(lines, found.pop("lines", []), strict=True)] == lines
    assert found
    assert stated | found == stated
