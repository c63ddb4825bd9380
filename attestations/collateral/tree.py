"""The tree over all lines: arity 8, depth 7, leaves by strictly ascending cid, then zeros.          ATTESTATION §1.2

    leaf = H_9(T_LEAF, owner, pocket, asset, amount, cid, lockUntil, salt, 0)        node = H_8(children)

A leaf has nine inputs and a node eight, so no node passes for a leaf. An empty leaf is 0; an empty node is the hash of
eight empty children.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from zkmargin.encoding import tag
from zkmargin.errors import AmountRange, Capacity
from zkmargin.field import require_canonical
from zkmargin.poseidon import poseidon, poseidon_many

ARITY: Final = 8
DEPTH: Final = 7
CAPACITY: Final = ARITY**DEPTH
EMPTY_LEAF: Final = 0
_TAG: Final = tag("leaf")
LEAF_BITS: Final[Mapping[str, int]] = {
    "pocket": 8, "asset": 248, "amount": 128, "cid": 248, "lock_until": 64, "salt": 248,
}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Leaf:
    """One line as the tree holds it. ``amount`` in atomic units, ``lock_until`` in unix seconds (0: not locked)."""

    owner: int
    pocket: int
    asset: int
    amount: int
    cid: int
    lock_until: int
    salt: int

    def __post_init__(self) -> None:
        for name, bits in LEAF_BITS.items():
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value < 1 << bits:
                raise AmountRange("a field does not fit the leaf", where=f"leaf.{name}", expected=f"{bits} bits")

    @property
    def digest(self) -> int:
        """The leaf's hash."""
        return poseidon(self.inputs)

    @property
    def inputs(self) -> list[int]:
        """What is hashed."""
        fields = (self.owner, self.pocket, self.asset, self.amount, self.cid, self.lock_until, self.salt)
        return [_TAG, *fields, 0]

    def __repr__(self) -> str:
        return "<Leaf (private)>"


def hash_leaves(leaves: Sequence[Leaf]) -> list[int]:
    """The hashes of many leaves."""
    return poseidon_many([leaf.inputs for leaf in leaves])


class Tree:
    """Hashes of all levels; ``levels[0]`` are the leaves. Only what is not empty is kept."""

    def __init__(self, leaves: Sequence[int]) -> None:
        """Raises Capacity where there are more than ``CAPACITY`` leaves, FieldRange."""
        self._levels: list[list[int]] = [[] for _ in range(DEPTH + 1)]
        self.replace(leaves)

    @property
    def root(self) -> int:
        """The hash at the top."""
        return self._levels[DEPTH][0] if self._levels[DEPTH] else _empty()[DEPTH]

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def leaves(self) -> tuple[int, ...]:
        """All leaves, in order."""
        return tuple(self._levels[0])

    def path(self, index: int) -> tuple[tuple[int, ...], ...]:
        """All eight children at each level on the way up from a leaf, the lowest level first."""
        if not 0 <= index < len(self):
            raise Capacity("no such leaf", where="tree", expected=f"below {len(self)}", got=index)
        found = []
        for level in range(DEPTH):
            index //= ARITY
            found.append(tuple(self._children(level, index)))
        return tuple(found)

    def update(self, changes: Mapping[int, int]) -> None:
        """Exchange leaves in place; only the nodes above them are hashed again, seven for each leaf at most.

        Raises Capacity, FieldRange.
        """
        for index in changes:
            if not 0 <= index < len(self):
                raise Capacity("no such leaf", where="tree", expected=f"below {len(self)}", got=index)
        _require_elements(changes.values())
        for index, leaf in changes.items():
            self._levels[0][index] = leaf
        self._hash_above(changes)

    def replace(self, leaves: Sequence[int]) -> None:
        """Take other leaves, more or fewer; only nodes above places that changed are hashed again.

        An inserted leaf shifts all behind it: up to an eighth of their number, and an eighth of that, and so on.
        Raises Capacity, FieldRange.
        """
        if len(leaves) > CAPACITY:
            raise Capacity("more lines than the tree has room for", where="tree", expected=CAPACITY, got=len(leaves))
        _require_elements(leaves)
        before, now = self._levels[0], list(leaves)
        changed = [at for at, (old, new) in enumerate(zip(before, now, strict=False)) if old != new]
        changed += range(min(len(before), len(now)), max(len(before), len(now)))
        self._levels[0] = now
        self._hash_above(changed)

    def _hash_above(self, touched: Iterable[int]) -> None:
        """Nodes above leaves that changed, came or went; ``touched``: their places."""
        for level, (below, nodes) in enumerate(pairwise(self._levels)):
            count = -(-len(below) // ARITY)
            touched = sorted({index // ARITY for index in touched})
            kept = [at for at in touched if at < count]
            del nodes[count:]
            nodes += [EMPTY_LEAF] * (count - len(nodes))
            for at, node in zip(kept, poseidon_many([self._children(level, at) for at in kept]), strict=True):
                nodes[at] = node

    def _children(self, level: int, at: int) -> list[int]:
        found = self._levels[level][ARITY * at : ARITY * (at + 1)]
        return found + [_empty()[level]] * (ARITY - len(found))


def _require_elements(leaves: Collection[int]) -> None:
    """Before anything is written: a tree that cannot be hashed stays as it was."""
    for leaf in (min(leaves, default=0), max(leaves, default=0)):
        require_canonical(leaf, "leaf")


def root_of_path(leaf: int, index: int, path: Sequence[Sequence[int]]) -> int:
    """The root that a leaf at an index and its path lead to. Raises Capacity where they do not fit together."""
    if len(path) != DEPTH or not 0 <= index < CAPACITY:
        raise Capacity("a path has seven levels", where="path", expected=DEPTH, got=len(path))
    current = leaf
    for children in path:
        if len(children) != ARITY or children[index % ARITY] != current:
            raise Capacity("the path does not hold the leaf at its place", where="path")
        current, index = _hash_node(tuple(children)), index // ARITY
    return current


@lru_cache(maxsize=1 << 15)
def _hash_node(children: tuple[int, ...]) -> int:
    """Paths of one tree share their upper nodes; the children are the key, so nobody can plant a hash."""
    return poseidon(children)


@lru_cache(maxsize=1)
def _empty() -> tuple[int, ...]:
    """The hash of an empty subtree by level; computed when first needed, so that an import hashes nothing."""
    found = [EMPTY_LEAF]
    for _ in range(DEPTH):
        found.append(poseidon([found[-1]] * ARITY))
    return tuple(found)
