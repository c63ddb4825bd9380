"""Identifiers have one spelling; leaves and roots are those of the vectors, by this project's arithmetic."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from zkmargin.attestations.collateral.identifiers import (
    asset_id,
    chain_number,
    compute_cid,
    require_chain,
    require_custody,
    split_account,
    split_asset,
)
from zkmargin.attestations.collateral.tree import ARITY, CAPACITY, DEPTH, Leaf, Tree, hash_leaves, root_of_path
from zkmargin.attestations.context import compute_scope
from zkmargin.attestations.eip712 import SigningDomain
from zkmargin.attestations.owner import OwnerKeys
from zkmargin.errors import ZkMarginError
from zkmargin.poseidon import poseidon, tagged

VECTORS = json.loads((Path(__file__).parents[2] / "specs" / "vectors" / "collateral.json").read_text())
LINES = VECTORS["tree"]["lines"]
A = "0x" + "ab" * 20


def leaf_of(line: Any) -> Leaf:
    numbers = [int(line[name]) for name in ("amount", "cid", "lockUntil", "salt")]
    return Leaf(int(line["owner"]), int(line["pocket"]), asset_id(line["asset"]), *numbers)


def code_of(act: Any) -> str:
    with pytest.raises(ZkMarginError) as caught:
        act()
    return caught.value.code


def test_the_specification_s_vectors() -> None:
    own = VECTORS["owner"]
    keys = OwnerKeys(int(own["ask"]), int(own["nk"]))
    assert (tagged("ak", keys.ask), keys.owner) == (int(own["ak"]), int(own["owner"]))
    assert asset_id(VECTORS["asset"]["asset"]) == int(VECTORS["asset"]["id"])
    line = VECTORS["cid"]
    parts = (line["chain"], line["account"], line["asset"], line["custody"], int(line["note"]))
    assert compute_cid(*parts) == int(line["cid"])
    pledge = VECTORS["pledge"]
    registry = bytes.fromhex(pledge["registry"][2:])
    domain = SigningDomain(chain_id=int(pledge["chainId"]), verifying_contract=registry)
    assert domain.pledge_domain.hex() == pledge["pledgeDomain"][2:]
    scope = compute_scope(domain.pledge_domain, int(pledge["epoch"]))
    assert scope == int(pledge["scope"])
    assert keys.nullifier(scope, int(pledge["pocket"])) == int(pledge["nullifier"])


def test_leaves_and_root() -> None:
    for line in LINES:
        assert compute_cid(line["chain"], line["account"], line["asset"], line["custody"], int(line["note"])) == int(
            line["cid"]
        )
        assert leaf_of(line).digest == int(line["leaf"])
    assert hash_leaves([leaf_of(line) for line in LINES]) == [int(line["leaf"]) for line in LINES]
    cids = [int(line["cid"]) for line in LINES]
    assert cids == sorted(set(cids))
    tree = Tree([int(line["leaf"]) for line in LINES])
    assert tree.root == int(VECTORS["tree"]["root"])
    assert Tree([]).root == int(VECTORS["tree"]["emptyRoot"])


def test_every_field_is_in_the_leaf() -> None:
    leaf = leaf_of(LINES[0])
    digests = {leaf.digest}
    for field in fields(leaf):
        digests.add(replace(leaf, **{field.name: getattr(leaf, field.name) ^ 1}).digest)
    assert len(digests) == 8
    for name, bits in (("pocket", 8), ("amount", 128), ("cid", 248), ("lock_until", 64), ("asset", 248), ("salt", 248)):
        for bad in (1 << bits, -1):
            assert code_of(lambda name=name, bad=bad: replace(leaf, **{name: bad})) == "E_BOUND"
    assert code_of(lambda: replace(leaf, owner=1 << 255).digest) == "E_FIELD_RANGE"
    assert str(leaf.amount) not in repr(leaf)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 64, 65, 130])
def test_paths_lead_to_the_root(count: int) -> None:
    random = Random(count)
    leaves = [random.getrandbits(250) for _ in range(count)]
    tree = Tree(leaves)
    for index, leaf in enumerate(leaves):
        path = tree.path(index)
        assert [len(children) for children in path] == [ARITY] * DEPTH
        assert root_of_path(leaf, index, path) == tree.root
        if index % 7 == 0:
            for bad in (
                lambda leaf=leaf, index=index, path=path: root_of_path(leaf + 1, index, path),
                lambda leaf=leaf, index=index, path=path: root_of_path(leaf, index ^ 1, path),
                lambda leaf=leaf, index=index, path=path: root_of_path(leaf, index, path[:-1]),
                lambda leaf=leaf, index=index, path=path: root_of_path(leaf, index + CAPACITY, path),
            ):
                assert code_of(bad) == "E_CAPACITY"
    for outside in (-1, count):
        assert code_of(lambda outside=outside: tree.path(outside)) == "E_CAPACITY"


def test_updates_hash_only_what_is_above_them() -> None:
    leaves = list(range(1, 200))
    tree = Tree(leaves)
    changes = {0: 7, 63: 8, 64: 9, 198: 10}
    tree.update(changes)
    for index, leaf in changes.items():
        leaves[index] = leaf
    assert tree.root == Tree(leaves).root
    before = tree.root
    assert code_of(lambda: tree.update({3: 1, 199: 1})) == "E_CAPACITY"
    assert tree.root == before
    assert tree.path(3)[0][3] == 4


def test_a_node_is_no_leaf() -> None:
    """Eight inputs against nine: whoever opens a node as a leaf would need a collision."""
    leaf = leaf_of(LINES[0])
    children = [leaf.digest] * 8
    assert poseidon(children) != poseidon([*children, 0])


def test_too_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zkmargin.attestations.collateral.tree.CAPACITY", 4)
    assert code_of(lambda: Tree([1, 2, 3, 4, 5])) == "E_CAPACITY"


@pytest.mark.parametrize(
    "act",
    [
        lambda: require_chain("eip155:01"),
        lambda: require_chain("eip155:0"),
        lambda: require_chain("eip155:"),
        lambda: require_chain("EIP155:1"),
        lambda: require_chain("eip155:1 "),
        lambda: require_chain("x:1"),
        lambda: require_chain("eip155:١"),
        lambda: split_account("eip155:1:" + A.upper()),
        lambda: split_account("eip155:1:" + A[:-1] + "G"),
        lambda: split_account("eip155:1:" + A + "0"),
        lambda: split_account(A),
        lambda: split_account("eip155:1:" + "0xAB" + A[4:]),
        lambda: split_account("solana:mainnet:a b"),
        lambda: split_asset("eip155:1"),
        lambda: split_asset("eip155:1/"),
        lambda: split_asset("eip155:1/erc20:" + A.upper()),
        lambda: split_asset("eip155:1/slip44:060"),
        lambda: split_asset("eip155:1/erc721:" + A + "/01"),
        lambda: split_asset("eip155:01/slip44:60"),
        lambda: split_asset("eip155:1/ERC20:" + A),
        lambda: require_custody("EOA"),
        lambda: require_custody("vault:" + A),
        lambda: require_custody("vault:eip155:1:" + A.upper()),
        lambda: require_custody("custodian:"),
        lambda: require_custody("custodian:Bank"),
        lambda: require_custody("custodian:bank-"),
        lambda: compute_cid("eip155:1", "eip155:2:" + A, "eip155:1/slip44:60", "eoa", 0),
        lambda: compute_cid("eip155:1", "eip155:1:" + A, "eip155:2/slip44:60", "eoa", 0),
        lambda: chain_number("solana:mainnet"),
    ],
)
def test_another_spelling_is_an_error(act: Any) -> None:
    assert code_of(act) == "E_ID_CANONICAL"


def test_names_of_other_chains() -> None:
    bitcoin = "bip122:000000000019d6689c085ae165831e93"
    assert split_account(f"{bitcoin}:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq")[0] == bitcoin
    assert split_asset(f"{bitcoin}/slip44:0") == (bitcoin, "slip44", "0")
    assert split_asset("eip155:1/erc721:" + A + "/17") == ("eip155:1", "erc721", A + "/17")
    assert require_custody("custodian:bank-1") == "custodian:bank-1"
    assert chain_number("eip155:8453") == 8453
    with pytest.raises(ZkMarginError, match="note"):
        compute_cid("eip155:1", "eip155:1:" + A, "eip155:1/slip44:60", "eoa", 1 << 32)


def test_each_part_of_a_line_is_in_its_id() -> None:
    asset, vault = "eip155:1/slip44:60", "vault:eip155:1:" + A
    base = ("eip155:1", "eip155:1:" + A, asset, "eoa", 0)
    others = [
        ("eip155:8453", "eip155:8453:" + A, "eip155:8453/slip44:60", "eoa", 0),
        (*base[:1], "eip155:1:0x" + "cd" * 20, *base[2:]),
        (*base[:2], "eip155:1/erc20:" + A, *base[3:]),
        (*base[:3], vault, 0),
        (*base[:4], 1),
    ]
    assert len({compute_cid(*line) for line in (base, *others)}) == 6
