"""Collateral at size, for ``check.py``: a tree of lines, state proofs, what lines add to a circuit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import rlp

from zkmargin.encoding import keccak256

if TYPE_CHECKING:
    from zkmargin.attestations.collateral.tree import Leaf
    from zkmargin.attestations.evidence.eip1186 import AccountProof

RULES = """\
rules: 1
name: lines
lines: {lines}
axes:
  asset: {{capacity: 16}}
public:
  price: {{axes: [asset], unit: usd/atom, decimals: 6, min: 0, max: 1000}}
private:
  held: {{axes: [asset], unit: atom, decimals: 0, min: 0, max: 1e12, from: {source}}}
  debt: {{unit: usd, decimals: 0, min: 0, max: 1e12, from: venue}}
equity: sum(held * price, over=asset)
requirements:
  maintenance: debt
"""


def constraints_of_lines(lines: int) -> int:
    """What so many lines add to a rule set whose venue would otherwise state the amounts."""
    from zkmargin.circuits.compile import compile_rules
    from zkmargin.circuits.rules import parse_rules

    with_lines = RULES.format(lines=lines, source="chain")
    without = RULES.format(lines=0, source="venue").replace("lines: 0\n", "")
    sizes = [
        compile_rules(parse_rules(text.encode(), "lines.yaml"), cache=False).stats.constraints
        for text in (with_lines, without)
    ]
    return sizes[0] - sizes[1]


def many_leaves(count: int) -> list[Leaf]:
    """Lines with random owners, amounts, salts, by ascending cid."""
    from zkmargin.attestations.collateral.tree import Leaf

    random = Random(count)
    cids = sorted({random.getrandbits(248) for _ in range(count)})
    return [
        Leaf(random.getrandbits(250), 0, 7, random.getrandbits(90), cid, 0, random.getrandbits(248)) for cid in cids
    ]


def many_proofs(accounts: int, proofs: int) -> tuple[bytes, list[AccountProof]]:
    """A state root, and proofs of that many of its accounts with one slot each, of a storage with as many slots."""
    from zkmargin.attestations.evidence.eip1186 import EMPTY_CODE, AccountProof, StorageProof

    random = Random(accounts)
    slots = {random.randbytes(32): random.getrandbits(80) + 1 for _ in range(accounts)}
    storage = Trie.of({keccak256(key): rlp.encode(value) for key, value in slots.items()})
    addresses = [random.randbytes(20) for _ in range(accounts)]
    leaves = {
        keccak256(address): rlp.encode([nonce, 10**18, storage.digest, EMPTY_CODE])
        for nonce, address in enumerate(addresses)
    }
    state = Trie.of(leaves)
    made = []
    for nonce, (address, (key, value)) in enumerate(zip(addresses[:proofs], slots.items(), strict=False)):
        slot = StorageProof(key, value, storage.proof(keccak256(key)))
        path = state.proof(keccak256(address))
        made.append(AccountProof(address, nonce, 10**18, storage.digest, EMPTY_CODE, path, (slot,)))
    return state.digest, made


@dataclass(frozen=True)
class Trie:
    """A Merkle-Patricia trie of 32-byte keys, built at once (Yellow Paper, appendix D); all its nodes are hashed."""

    nodes: tuple[bytes, ...]
    """A branch, with the extension before it where there is one, or a leaf."""
    skipped: int
    """Nibbles of the extension."""
    children: Mapping[int, Trie]

    @classmethod
    def of(cls, values: Mapping[bytes, bytes]) -> Trie:
        """Raises ValueError for a value so short that its leaf would stand in its parent."""
        return cls._build(sorted((key.hex(), value) for key, value in values.items()), 0)

    @classmethod
    def _build(cls, entries: Sequence[tuple[str, bytes]], at: int) -> Trie:
        first, last = entries[0][0], entries[-1][0]
        if len(entries) == 1:
            return cls((rlp.encode([_hex_prefix(first[at:], 2), entries[0][1]]),), 0, {})
        fork = next(end for end in range(at, 64) if first[end] != last[end])
        groups: dict[int, list[tuple[str, bytes]]] = {}
        for entry in entries:
            groups.setdefault(int(entry[0][fork], 16), []).append(entry)
        children = {nibble: cls._build(group, fork + 1) for nibble, group in groups.items()}
        nodes = [rlp.encode([children[nibble].digest if nibble in children else b"" for nibble in range(16)] + [b""])]
        if fork > at:
            nodes.insert(0, rlp.encode([_hex_prefix(first[at:fork], 0), keccak256(nodes[0])]))
        return cls(tuple(nodes), fork - at, children)

    @property
    def digest(self) -> bytes:
        """The hash of the first node."""
        if len(self.nodes[0]) < 32:
            raise ValueError("a node this short stands in its parent")
        return keccak256(self.nodes[0])

    def proof(self, key: bytes) -> tuple[bytes, ...]:
        """Nodes from here to the leaf of a key that is there."""
        found, at, trie = [*self.nodes], 0, self
        while trie.children:
            at += trie.skipped
            trie, at = trie.children[int(key.hex()[at], 16)], at + 1
            found += trie.nodes
        return tuple(found)


def _hex_prefix(nibbles: str, flag: int) -> bytes:
    """Appendix C; ``flag``: 2 for a leaf."""
    return bytes.fromhex(f"{flag + 1:x}{nibbles}" if len(nibbles) % 2 else f"{flag:x}0{nibbles}")
