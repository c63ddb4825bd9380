"""Membership in a Merkle tree of Poseidon hashes.
specs/gadgets.md#merkle
"""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.constraints import ConstraintSystem
from zkmargin.circuits.gadgets.poseidon import poseidon
from zkmargin.circuits.integers import Bit
from zkmargin.circuits.linear import LinearCombination
from zkmargin.errors import CircuitError

ARITY = 8


def _mux(
    cs: ConstraintSystem, bits: Sequence[Bit], values: Sequence[LinearCombination], label: str
) -> LinearCombination:
    """``values[index]`` for the index with these digits, lowest first: ``len(values) - 1`` constraints."""
    level = list(values)
    for bit in bits:
        cs.rely_on_bit(bit, label)
        level = [low + cs.product(high - low, bit.lc, label) for low, high in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def merkle_root(
    cs: ConstraintSystem,
    leaf: LinearCombination,
    index_bits: Sequence[Sequence[Bit]],
    nodes: Sequence[Sequence[LinearCombination]],
    label: str = "merkle",
) -> LinearCombination:
    """The root of the tree in which ``leaf`` stands at an index.                   specs/gadgets.md#merkle

    ``nodes[level]`` are all children of the node on the path at that level, the running hash among them;
    ``index_bits[level]`` the digits of its place, lowest first. Leaves are at level 0.
    Requires: the digits are bits (their type says so); a leaf's hash has another number of inputs than a
    node's.
    Ensures: at each level the child at the stated place equals the hash so far; the result is the hash at the
    top.
    Cost: per level, for arity ``a``: a Poseidon of ``a`` inputs, ``a - 1`` to choose and 1: 410 for arity 8.
    """
    if len(index_bits) != len(nodes) or not nodes:
        raise CircuitError("a path has one group of digits per level", where=cs.path(label))
    current = leaf
    with cs.scope(label):
        for level, (bits, children) in enumerate(zip(index_bits, nodes, strict=True)):
            if len(children) != 1 << len(bits):
                raise CircuitError("number of children is not two to the number of digits", where=cs.path(label))
            with cs.scope(f"level[{level}]"):
                cs.enforce_equal(_mux(cs, bits, children, "place"), current, "child")
                current = poseidon(cs, children, "node")
    return current
