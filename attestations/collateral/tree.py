"""The tree over all lines: arity 8, depth 7, leaves by strictly ascending cid, then zeros.          ATTESTATION §1.2

    leaf = H_9(T_LEAF, owner, pocket, asset, amount, cid, lockUntil, salt, 0)        node = H_8(children)

A leaf has nine inputs and a node eight, so no node passes for a leaf. An empty leaf is 0; an empty node is the hash of
eight empty children.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from zkmargin.encoding import tag
from zkmargin.errors import AmountRange, Capacity
from zkmargin.poseidon import poseidon, poseidon_many

ARITY: Final = 8
DEPTH: Final = 7
CAPACITY: Final = ARITY**DEPTH
EMPTY_LEAF: Final = 0
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
        return [tag("leaf"), *fields, 0]

    def __repr__(self) -> str:
        return "<Leaf (private)>"


def hash_leaves(leaves: Sequence[Leaf]) -> list[int]:
    """The hashes of many leaves."""
    return poseidon_many([leaf.inputs for leaf in leaves])


class Tree:
    """Hashes of all levels; ``levels[0]`` are the leaves. Only what is not empty is kept."""

    def __init__(self, leaves: Sequence[int]) -> None:
        """Raises Capacity where there are more than ``CAPACITY`` leaves."""
        if len(leaves) > CAPACITY:
            raise Capacity("more lines than the tree has room for", where="tree", expected=CAPACITY, got=len(leaves))
        self._levels: list[list[int]] = [list(leaves)]
        for level in range(DEPTH):
            nodes = range(-(-len(self._levels[level]) // ARITY))
            self._levels.append(poseidon_many([self._children(level, at) for at in nodes]))

    @property
    def root(self) -> int:
        """The hash at the top."""
        return self._levels[DEPTH][0] if self._levels[DEPTH] else _empty()[DEPTH]

    def __len__(self) -> int:
        return len(self._levels[0])

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
        """Exchange leaves in place; only the nodes above them are hashed again."""
        for index in changes:
            if not 0 <= index < len(self):
                raise Capacity("no such leaf", where="tree", expected=f"below {len(self)}", got=index)
        for index, leaf in changes.items():
            self._levels[0][index] = leaf
        touched: Iterable[int] = changes
        for level in range(DEPTH):
            touched = sorted({index // ARITY for index in touched})
            for at, node in zip(touched, poseidon_many([self._children(level, at) for at in touched]), strict=True):
                self._levels[level + 1][at] = node

    def _children(self, level: int, at: int) -> list[int]:
        found = self._levels[level][ARITY * at : ARITY * (at + 1)]
        return found + [_empty()[level]] * (ARITY - len(found))


def root_of_path(leaf: int, index: int, path: Sequence[Sequence[int]]) -> int:
    """The root that a leaf at an index and its path lead to. Raises Capacity where they do not fit together."""
    if len(path) != DEPTH or not 0 <= index < CAPACITY:
        raise Capacity("a path has seven levels", where="path", expected=DEPTH, got=len(path))
    current = leaf
    for children in path:
        if len(children) != ARITY or children[index % ARITY] != current:
            raise Capacity("the path does not hold the leaf at its place", where="path")
        current, index = poseidon(list(children)), index // ARITY
    return current


@lru_cache(maxsize=1)
def _empty() -> tuple[int, ...]:
    """The hash of an empty subtree by level; computed when first needed, so that an import hashes nothing."""
    found = [EMPTY_LEAF]
    for _ in range(DEPTH):
        found.append(poseidon([found[-1]] * ARITY))
    return tuple(found)
