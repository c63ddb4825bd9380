"""The log's Merkle tree: RFC 6962 hashing, append-only, with inclusion and consistency proofs.

Leaf ``SHA-256(0x00 || entry)``, node ``SHA-256(0x01 || left || right)``; the left subtree of n leaves has the largest
power of two below n. Complete subtrees never change, so that a stored node stays true for ever.
                                                                RFC 6962 §2.1; RFC 9162 §2.1.3 (inclusion), §2.1.4
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from zkmargin.encoding import sha256

EMPTY_ROOT: Final = sha256(b"")
MAX_SIZE: Final = 1 << 62

Nodes = Callable[[int, int], bytes]
"""``nodes(level, position)``: the hash of the complete subtree over leaves ``position << level`` and on, ``1 << level``
of them.
"""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry as a leaf."""
    return sha256(b"\x00" + entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return sha256(b"\x01" + left + right)


def _split(count: int) -> int:
    """The largest power of two below ``count`` (at least 2)."""
    return 1 << (count - 1).bit_length() - 1


class Frontier:
    """The complete subtrees of a growing tree, from the largest to the smallest: one for each bit of its size."""

    def __init__(self, size: int = 0, nodes: Nodes | None = None) -> None:
        self.size = size
        self._peaks: list[bytes] = []
        begin = 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                if nodes is None:
                    raise ValueError("the nodes of a tree that has leaves are needed")
                self._peaks.append(nodes(level, begin >> level))
                begin += 1 << level

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf's hash; return the subtrees that it completes, itself first: level, position, hash."""
        completed = [(0, self.size, leaf)]
        level, current = 0, leaf
        while self.size >> level & 1:
            current = node_hash(self._peaks.pop(), current)
            level += 1
            completed.append((level, self.size >> level, current))
        self._peaks.append(current)
        self.size += 1
        return completed

    @property
    def root(self) -> bytes:
        """The tree's root."""
        if not self._peaks:
            return EMPTY_ROOT
        *rest, current = self._peaks
        for peak in reversed(rest):
            current = node_hash(peak, current)
        return current

    def copy(self) -> Frontier:
        """An independent one."""
        other = Frontier()
        other.size, other._peaks = self.size, list(self._peaks)
        return other


class Tree:
    """A whole tree in memory, for whoever replays a log."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = []
        self._frontier = Frontier()
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._frontier.size

    def append(self, leaf: bytes) -> None:
        """Add a leaf's hash."""
        for level, _, node in self._frontier.append(leaf):
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(node)

    def node(self, level: int, position: int) -> bytes:
        """The hash of a complete subtree."""
        return self._levels[level][position]

    def root(self, size: int | None = None) -> bytes:
        """The root over the first ``size`` leaves, or over all."""
        return root(self.size if size is None else size, self.node)


# --- making -------------------------------------------------------------------------------------------------------


def root(size: int, nodes: Nodes) -> bytes:
    """The root over the first ``size`` leaves."""
    return _range_root(0, size, nodes) if size else EMPTY_ROOT


def _range_root(begin: int, end: int, nodes: Nodes) -> bytes:
    count = end - begin
    if count & (count - 1) == 0:
        return nodes(count.bit_length() - 1, begin // count)
    middle = begin + _split(count)
    return node_hash(_range_root(begin, middle, nodes), _range_root(middle, end, nodes))


def inclusion_path(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """The hashes that lead from leaf ``index`` to the root of ``size`` leaves, lowest first."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    path = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_range_root(middle, end, nodes))
            end = middle
        else:
            path.append(_range_root(begin, middle, nodes))
            begin = middle
    return path[::-1]


def consistency_path(first: int, second: int, nodes: Nodes) -> list[bytes]:
    """The hashes that show that a tree of ``first`` leaves is the beginning of one of ``second``."""
    if not 0 < first <= second:
        raise ValueError("a proof leads from a tree that is not empty to one that is not smaller")
    path = []
    begin, end, whole = 0, second, True
    while first < end:
        middle = begin + _split(end - begin)
        if first <= middle:
            path.append(_range_root(middle, end, nodes))
            end = middle
        else:
            path.append(_range_root(begin, middle, nodes))
            begin, whole = middle, False
    if not whole:
        path.append(_range_root(begin, end, nodes))
    return path[::-1]


# --- judging ------------------------------------------------------------------------------------------------------


def root_of_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that the path leads to, or None where no path of such a tree has this length.   RFC 9162 §2.1.3.2"""
    if not 0 <= index < size <= MAX_SIZE:
        return None
    place, last, current = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            current = node_hash(sibling, current)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        place, last = place >> 1, last >> 1
    return current if last == 0 else None


def is_consistent(first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path shows that the second tree begins with the first.                       RFC 9162 §2.1.4.2"""
    if not 0 <= first <= second <= MAX_SIZE:
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path and first_root == EMPTY_ROOT
    hashes = list(path) if first & (first - 1) else [first_root, *path]
    if not hashes:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root
