"""The log's tree against published values, a plain reading of the definition, and altered proofs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.encoding import sha256
from zkmargin.verifier.registry.merkle import (
    EMPTY_ROOT,
    MAX_SIZE,
    Frontier,
    Tree,
    consistency_path,
    inclusion_path,
    is_consistent,
    leaf_hash,
    node_hash,
    root_of_inclusion,
)

LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The test tree of Certificate Transparency, its root after each leaf.
Source: google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc (Apache-2.0), as in
google/certificate-transparency-go and transparency-dev/merkle."""
PATHS = {
    (0, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
    (5, 8): ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
}  # fmt: skip
CONSISTENCY = {
    (1, 1): [],
    (1, 8): PATHS[0, 8],
    (6, 8): ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    (2, 5): ["5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"],
}  # fmt: skip


def _leaves(count: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


def _definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1, word for word, over hashed leaves."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = max(2**n for n in range(64) if 2**n < len(leaves))
    return node_hash(_definition(leaves[:k]), _definition(leaves[k:]))


TREE = Tree(leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES)


def test_published_roots() -> None:
    assert [TREE.root(size).hex() for size in range(9)] == ROOTS
    frontier = Frontier()
    for size, leaf in enumerate(LEAVES):
        assert frontier.root.hex() == ROOTS[size]
        frontier.append(leaf_hash(bytes.fromhex(leaf)))
    assert frontier.root.hex() == ROOTS[8]


@pytest.mark.parametrize("place", PATHS)
def test_published_paths(place: tuple[int, int]) -> None:
    assert [node.hex() for node in inclusion_path(*place, TREE.node)] == PATHS[place]


@pytest.mark.parametrize("sizes", CONSISTENCY)
def test_published_consistency(sizes: tuple[int, int]) -> None:
    assert [node.hex() for node in consistency_path(*sizes, TREE.node)] == CONSISTENCY[sizes]


def test_every_small_tree_is_the_definition_and_every_proof_of_it_holds() -> None:
    leaves = _leaves(40)
    tree = Tree(leaves)
    for size in range(1, 41):
        root = tree.root(size)
        assert root == _definition(leaves[:size])
        assert Frontier(size, tree.node).root == root
        for index in range(size):
            path = inclusion_path(index, size, tree.node)
            assert root_of_inclusion(leaves[index], index, size, path) == root
        for first in range(1, size + 1):
            path = consistency_path(first, size, tree.node)
            assert is_consistent(first, tree.root(first), size, root, path)


@given(st.integers(1, 300), st.data())
def test_an_altered_proof_does_not_hold(size: int, data: st.DataObject) -> None:
    tree = Tree(_leaves(size))
    index = data.draw(st.integers(0, size - 1))
    leaf, root = tree.node(0, index), tree.root()
    path = inclusion_path(index, size, tree.node)
    altered = [path[:-1], [*path, root]] if path else [[root]]
    altered += [[*path[:n], sha256(node), *path[n + 1 :]] for n, node in enumerate(path)]
    for other in altered:
        assert root_of_inclusion(leaf, index, size, other) != root
    assert root_of_inclusion(sha256(leaf), index, size, path) != root
    wrong = data.draw(st.integers(0, size + 2).filter(lambda n: n != index))
    assert root_of_inclusion(leaf, wrong, size, path) != root
    first = data.draw(st.integers(1, size))
    joined = consistency_path(first, size, tree.node)
    other = Tree(_leaves(first)[::-1]).root() if first > 1 else sha256(b"other")
    assert not is_consistent(first, other, size, root, joined)
    assert not is_consistent(first, tree.root(first), size, sha256(root), joined)
    for n in range(len(joined)):
        assert not is_consistent(
            first, tree.root(first), size, root, [*joined[:n], sha256(joined[n]), *joined[n + 1 :]]
        )
    assert not is_consistent(first, tree.root(first), size, root, [*joined, root])
    if joined:
        assert not is_consistent(first, tree.root(first), size, root, joined[:-1])


def _follow(leaf: bytes, turns: Iterable[bool], path: Sequence[bytes]) -> bytes:
    """The root that an operator signs whose path this must be; ``turns``: whether a sibling is on the left."""
    for left, sibling in zip(turns, path, strict=True):
        leaf = node_hash(sibling, leaf) if left else node_hash(leaf, sibling)
    return leaf


def test_a_path_of_another_length_leads_to_no_root_that_an_operator_could_sign() -> None:
    """Else a head over one size would show entries of any number of others."""
    tree = Tree(_leaves(20))
    for size in range(1, 21):
        for index in range(size):
            path = inclusion_path(index, size, tree.node)
            for other in ([*path, EMPTY_ROOT], [*path, EMPTY_ROOT, EMPTY_ROOT], path[:-1]):
                if other != path:
                    assert root_of_inclusion(tree.node(0, index), index, size, other) is None


def test_roots_that_are_made_for_a_path_of_another_length_are_not_consistent() -> None:
    a, b, c, d, e = _leaves(5)
    small, great = node_hash(node_hash(a, b), c), node_hash(node_hash(a, b), node_hash(c, d))
    path = [c, d, node_hash(a, b)]
    assert is_consistent(3, small, 4, great, path)
    for turns in ((), (True,)):
        more = [e] * len(turns)
        assert is_consistent(3, _follow(small, turns, more), 4, _follow(great, turns, more), [*path, *more]) is (
            not more
        )
    assert is_consistent(3, c, 4, node_hash(c, d), path[:-1]) is False
    assert is_consistent(3, c, 4, c, path[:1]) is False
    assert is_consistent(1, a, 2, node_hash(a, b), [b])
    assert is_consistent(1, a, 3, node_hash(a, b), [b]) is False
    assert is_consistent(1, a, 2, node_hash(node_hash(a, b), c), [b, c]) is False
    assert is_consistent(3, c, 4, c, []) is False


def test_the_ends_of_sizes() -> None:
    leaf, path = leaf_hash(b"a"), [EMPTY_ROOT] * 62
    root = _follow(leaf, [False] * 62, path)
    assert root_of_inclusion(leaf, 0, MAX_SIZE, path) == root
    assert root_of_inclusion(leaf, 0, MAX_SIZE + 1, [*path, EMPTY_ROOT]) is None
    assert is_consistent(1, leaf, MAX_SIZE, root, path)
    longer = node_hash(root, EMPTY_ROOT)
    assert is_consistent(1, leaf, MAX_SIZE + 1, longer, [*path, EMPTY_ROOT]) is False
    assert root_of_inclusion(leaf, -1, 1, []) is None
    assert root_of_inclusion(leaf, -1, 0, []) is None
    assert root_of_inclusion(leaf, 1, 1, []) is None
    assert is_consistent(-1, EMPTY_ROOT, 0, EMPTY_ROOT, []) is False
    assert is_consistent(-1, leaf, -1, leaf, []) is False


def test_the_ends_of_consistency() -> None:
    root = TREE.root()
    assert is_consistent(0, EMPTY_ROOT, 8, root, [])
    assert not is_consistent(0, root, 8, root, [])
    assert not is_consistent(0, EMPTY_ROOT, 8, root, [root])
    assert not is_consistent(8, TREE.root(7), 8, root, [])
    assert not is_consistent(8, root, 7, TREE.root(7), [])
    assert not is_consistent(-1, root, 8, root, [])
    assert not is_consistent(3, TREE.root(3), 8, root, [])
    for first, second in ((0, 8), (9, 8)):
        with pytest.raises(ValueError, match="proof leads"):
            consistency_path(first, second, TREE.node)
    for index in (8, -1):
        with pytest.raises(ValueError, match="no such leaf"):
            inclusion_path(index, 8, TREE.node)
    with pytest.raises(ValueError, match="nodes"):
        Frontier(3)


def test_a_frontier_goes_on_from_anywhere_and_names_the_subtrees_that_it_completes() -> None:
    leaves = _leaves(100)
    tree = Tree(leaves)
    start = random.Random(1).randrange(1, 90)
    frontier = Frontier(start, tree.node)
    copy = frontier.copy()
    for leaf in leaves[start:]:
        for level, position, node in frontier.append(leaf):
            assert tree.node(level, position) == node
    assert frontier.root == tree.root()
    assert copy.root == tree.root(start)
