"""Merkle-Patricia proofs, strictly: exactly the nodes from the root to the end of the path, nothing else.

Ethereum Yellow Paper, appendices C (hex-prefix) and D (the trie). State and storage tries are keyed by keccak256, so
every path has 64 nibbles and no branch holds a value. A node shorter than 32 bytes is not hashed: it stands in its
parent.                                                                                     specs/evidence.md#trie
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from zkmargin.attestations.evidence.errors import (
    NodeFlag,
    NodeHash,
    NodeRlp,
    NodeShape,
    ProofEmpty,
    ProofExtra,
    ProofTruncated,
)
from zkmargin.attestations.evidence.rlp_items import Item, decode, encoded_length
from zkmargin.encoding import keccak256

HASH_BYTES: Final = 32
EMPTY_NODE: Final = b"\x80"
EMPTY_ROOT: Final = keccak256(EMPTY_NODE)
MAX_NODES: Final = 64
_DIGITS: Final = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
MAX_NODE_BYTES: Final = 600
"""A branch of sixteen hashes has 532 bytes; a leaf of an account about 110."""


def read_path(root: bytes, key: bytes, proof: Sequence[bytes], where: str = "proof") -> bytes | None:
    """The value under ``keccak256(key)`` in the trie of ``root``, None where the proof shows that there is none.

    ``proof``: raw nodes from the root on. The proof of an absent key in an empty trie is no node, or the empty one.
    Raises ProofEmpty, ProofTruncated, ProofExtra, NodeHash, NodeRlp, NodeShape, NodeFlag, naming the node.
    """
    if root == EMPTY_ROOT and list(proof) in ([], [EMPTY_NODE]):
        return None
    if not proof:
        raise ProofEmpty("there are no nodes", where=where)
    if len(proof) > MAX_NODES:
        raise ProofExtra("more nodes than a path has", where=where, expected=f"at most {MAX_NODES}", got=len(proof))
    nibbles = _nibbles(keccak256(key))
    reference: Item = root
    at = used = 0
    while True:
        if isinstance(reference, bytes):
            here = f"{where}[{used}]"
            if used == len(proof):
                raise ProofTruncated("the nodes end before the path does", where=where, got=f"{used} nodes")
            digest, node = _node(proof[used], here)
            if digest != reference:
                raise NodeHash("not the node that its parent names", where=here)
            if used and len(proof[used]) < HASH_BYTES:
                raise NodeShape("a node this short stands in its parent", where=here)
            used += 1
        else:
            here, node = f"{where}[{used - 1}]", reference
        found, reference, at = _step(node, nibbles, at, here)
        if found is not None or not reference:
            break
    if used != len(proof):
        raise ProofExtra("nodes behind the end of the path", where=where, expected=used, got=len(proof))
    return found


def _step(node: list[Item], nibbles: bytes, at: int, where: str) -> tuple[bytes | None, Item, int]:
    """One node: the value if the path ends here, the reference to go on with (empty: none), the place in the path."""
    if len(node) == 17:
        if node[16] != b"":
            raise NodeShape("a branch holds no value where all keys have one length", where=where)
        if at == len(nibbles):
            raise NodeShape("a branch behind the end of the path", where=where)
        if node[:16].count(b"") > 14:
            raise NodeShape("a branch has at least two children", where=where)
        return None, _reference(node[nibbles[at]], where), at + 1
    if len(node) != 2:
        raise NodeShape("neither a branch nor a path", where=where, expected="17 or 2 items", got=len(node))
    path, is_leaf = _path(node[0], where)
    fits = nibbles[at : at + len(path)] == path
    if is_leaf:
        if at + len(path) != len(nibbles):
            raise NodeShape("a leaf of another length than the keys", where=where)
        if not isinstance(node[1], bytes) or not node[1]:
            raise NodeShape("a leaf has a value", where=where)
        return (node[1] if fits else None), b"", at + len(path)
    if not path or at + len(path) >= len(nibbles):
        raise NodeShape("an extension has a path, and something behind it", where=where)
    child = _reference(node[1], where)
    if not child:
        raise NodeShape("an extension leads somewhere", where=where)
    if isinstance(child, list) and len(child) != 17:
        raise NodeShape("an extension leads to a branch", where=where)
    return None, child if fits else b"", at + len(path)


def _reference(item: Item, where: str) -> Item:
    """A hash, a node that stands here, or nothing."""
    if isinstance(item, list):
        if encoded_length(item) >= HASH_BYTES:
            raise NodeShape("a node this long is named by its hash", where=where)
        return item
    if len(item) not in (0, HASH_BYTES):
        raise NodeShape("a reference has 32 bytes", where=where, got=len(item))
    return item


def _path(item: Item, where: str) -> tuple[bytes, bool]:
    """Hex-prefix encoding: the nibbles, and whether it is a leaf's."""
    if not isinstance(item, bytes) or not item:
        raise NodeFlag("there is no path", where=where)
    nibbles = _nibbles(item)
    flag = nibbles[0]
    if flag > 3 or (not flag & 1 and nibbles[1]):
        raise NodeFlag("no such flag", where=where, expected="0 to 3, an even path after a zero", got=f"{item[0]:#04x}")
    return nibbles[1 if flag & 1 else 2 :], bool(flag & 2)


def _nibbles(data: bytes) -> bytes:
    return data.hex().encode().translate(_DIGITS)


def _node(raw: bytes, where: str) -> tuple[bytes, list[Item]]:
    if len(raw) > MAX_NODE_BYTES:
        raise NodeShape("no node is this long", where=where, expected=f"at most {MAX_NODE_BYTES}", got=len(raw))
    decoded = _decode(bytes(raw))
    if decoded is None:
        raise NodeRlp("not canonical RLP of a list", where=where)
    return decoded


@lru_cache(maxsize=1 << 14)
def _decode(raw: bytes) -> tuple[bytes, list[Item]] | None:
    """Hash and items of a node; proofs of one block share their upper nodes. Nobody writes to the lists."""
    items = decode(raw)
    return (keccak256(raw), items) if isinstance(items, list) else None
