"""A changed tree is the tree that is built anew; what breaks the order of lines is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zkmargin.attestations.collateral import tree as tree_module
from zkmargin.attestations.collateral.line_tree import LineTree
from zkmargin.attestations.collateral.tree import DEPTH, Leaf, Tree, hash_leaves, root_of_path
from zkmargin.errors import ZkMarginError
from zkmargin.field import FR_MODULUS

CIDS = st.integers(0, 60)
LINES = st.dictionaries(CIDS, st.integers(1, 3), max_size=40)


def line(cid: int, amount: int = 1) -> Leaf:
    return Leaf(owner=5, pocket=0, asset=7, amount=amount, cid=cid, lock_until=0, salt=cid + 1)


def lines_of(amounts: Mapping[int, int]) -> list[Leaf]:
    return [line(cid, amounts[cid]) for cid in sorted(amounts)]


def hashes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many groups each call hashes."""
    counts: list[int] = []
    whole = tree_module.poseidon_many

    def count(groups: list[list[int]]) -> list[int]:
        counts.append(len(groups))
        return whole(groups)

    monkeypatch.setattr(tree_module, "poseidon_many", count)
    return counts


@settings(deadline=None, max_examples=40)
@given(start=LINES, batches=st.lists(st.tuples(LINES, st.sets(CIDS, max_size=20)), max_size=4))
def test_changes_are_a_rebuild(start: dict[int, int], batches: list[tuple[dict[int, int], set[int]]]) -> None:
    found, wanted = LineTree(lines_of(start)), dict(start)
    for put, taken in batches:
        out = (taken & wanted.keys()) - put.keys()
        found.change(lines_of(put), out)
        wanted = {cid: amount for cid, amount in (wanted | put).items() if cid not in out}
        leaves = hash_leaves(lines_of(wanted))
        assert found.tree.root == Tree(leaves).root
        assert found.tree.leaves == tuple(leaves)
        assert found.cids == tuple(sorted(wanted))
        for cid in wanted:
            at = found.place(cid)
            assert root_of_path(leaves[at], at, found.tree.path(at)) == found.tree.root


@settings(deadline=None, max_examples=40)
@given(steps=st.lists(st.lists(st.integers(0, 3), max_size=80), min_size=2, max_size=4))
def test_any_leaves_after_any_others(steps: list[list[int]]) -> None:
    """Equal leaves and zeros too: what did not change in one place may have changed in the next."""
    tree = Tree(steps[0])
    for leaves in steps[1:]:
        tree.replace(leaves)
        assert (tree.root, tree.leaves) == (Tree(leaves).root, tuple(leaves))


def test_a_change_in_place_costs_its_way_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = LineTree([line(2 * cid) for cid in range(600)])
    counts = hashes(monkeypatch)
    tree.change([line(6, 9), line(8, 9), line(900, 9)])
    assert counts == [3, 2, 2, *[1] * 5]  # leaves 3 and 4 are siblings, 450 meets them three levels up
    counts.clear()
    tree.change([line(1199)])  # behind all others: nothing shifts
    assert counts == [1] * (1 + DEPTH)
    counts.clear()
    tree.change([line(1001)])  # 99 lines behind it move
    assert counts[:2] == [1, 14]
    assert len(tree) == 602


def order_broken(tree: LineTree) -> None:
    tree.change([line(20), line(10)])


def line_twice(tree: LineTree) -> None:
    tree.change([line(10, 1), line(10, 2)])


def in_and_out(tree: LineTree) -> None:
    tree.change([line(10)], removed=[10])


def unknown_line_removed(tree: LineTree) -> None:
    tree.change([line(10, 8)], removed=[11])


def no_element(tree: LineTree) -> None:
    tree.change([replace(line(10), owner=FR_MODULUS)])


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (order_broken, "E_LEAF_ORDER"),
        (line_twice, "E_CID_DUPLICATE"),
        (in_and_out, "E_CID_DUPLICATE"),
        (unknown_line_removed, "E_CAPACITY"),
        (no_element, "E_FIELD_RANGE"),
    ],
)
def test_what_is_refused_changes_nothing(act: Callable[[LineTree], None], code: str) -> None:
    tree = LineTree([line(10), line(20), line(30)])
    before = (tree.tree.root, tree.cids, tree.tree.leaves)
    with pytest.raises(ZkMarginError) as caught:
        act(tree)
    assert caught.value.code == code
    assert (tree.tree.root, tree.cids, tree.tree.leaves) == before


def test_lines_out_of_order_make_no_tree() -> None:
    for cids, code in (((2, 1), "E_LEAF_ORDER"), ((1, 1), "E_CID_DUPLICATE")):
        with pytest.raises(ZkMarginError) as caught:
            LineTree([line(cid) for cid in cids])
        assert caught.value.code == code


def test_a_leaf_that_is_no_element_leaves_the_tree_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(1)
    tree = Tree([random.getrandbits(250) for _ in range(20)])
    before = (tree.root, tree.leaves)
    for bad in (FR_MODULUS, -1):
        for act in (lambda bad=bad: tree.update({0: 1, 3: bad}), lambda bad=bad: tree.replace([1, bad])):
            with pytest.raises(ZkMarginError) as caught:
                act()
            assert caught.value.code == "E_FIELD_RANGE"
    monkeypatch.setattr(tree_module, "CAPACITY", 4)
    with pytest.raises(ZkMarginError) as caught:
        tree.replace([1] * 5)
    assert caught.value.code == "E_CAPACITY"
    assert (tree.root, tree.leaves) == before
