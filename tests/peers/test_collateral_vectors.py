"""The vectors of owners, leaves and roots by circomlibjs: the second route to each of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zkmargin.encoding import identifier, tag

pytestmark = pytest.mark.node
VECTORS = json.loads((Path(__file__).parents[2] / "specs" / "vectors" / "collateral.json").read_text())
ARITY, DEPTH = 8, 7


@pytest.fixture(scope="module")
def hashed(node: Any) -> Any:
    """circomlibjs's Poseidon of many lists of inputs, in one run."""

    def run(cases: list[list[int]]) -> list[int]:
        done = node("poseidon.cjs", stdin=json.dumps([[str(value) for value in case] for case in cases]))
        return list(map(int, json.loads(done.stdout)))

    return run


def test_owner_and_nullifier(hashed: Any) -> None:
    own, pledge = VECTORS["owner"], VECTORS["pledge"]
    (ak,) = hashed([[tag("ak"), int(own["ask"])]])
    owner, nullifier = hashed(
        [
            [tag("owner"), ak, int(own["nk"])],
            [tag("nf"), int(own["nk"]), int(pledge["scope"]), int(pledge["pocket"])],
        ]
    )
    assert (ak, owner, nullifier) == (int(own["ak"]), int(own["owner"]), int(pledge["nullifier"]))


def test_leaves_and_root(hashed: Any) -> None:
    lines = VECTORS["tree"]["lines"]
    inputs = []
    for line in lines:
        numbers = [int(line[name]) for name in ("amount", "cid", "lockUntil", "salt")]
        inputs.append([tag("leaf"), int(line["owner"]), int(line["pocket"]), identifier(line["asset"]), *numbers, 0])
    level = hashed(inputs)
    assert level == [int(line["leaf"]) for line in lines]
    empty = 0
    for _ in range(DEPTH):
        padded = [*level, *[empty] * (-len(level) % ARITY)]
        *level, empty = hashed([padded[at : at + ARITY] for at in range(0, len(padded), ARITY)] + [[empty] * ARITY])
    assert level == [int(VECTORS["tree"]["root"])]
    assert empty == int(VECTORS["tree"]["emptyRoot"])
