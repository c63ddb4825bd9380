"""What a liar can do to an EIP-1186 proof in a bundle: to its nodes, to what it states, to a whole trie under a block
of the liar's own making.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import rlp
from attesting import forged

from zkmargin.attestations.chains.documents import Eip1186Evidence
from zkmargin.attestations.collateral.bundle import Bundle
from zkmargin.encoding import keccak256

Nodes = Sequence[bytes]


@dataclass(frozen=True)
class Tamper:
    """``change`` gives the fields that are different. ``own_block``: header and checkpoint are made to fit them."""

    code: str
    change: Callable[[Eip1186Evidence], dict[str, Any]]
    own_block: bool = False

    def __call__(self, bundle: Bundle) -> Bundle:
        """The bundle of one line, its evidence tampered with, everything that the attestors sign made to fit."""
        (name,) = bundle.evidence
        (mark,) = bundle.document.checkpoints
        honest = bundle.evidence[name]
        assert isinstance(honest, Eip1186Evidence)
        evidence = honest.model_copy(update=self.change(honest))
        assert evidence != honest
        if self.own_block:
            fields = rlp.decode(evidence.header_rlp)
            fields[3] = keccak256(evidence.account_proof[0])
            header = rlp.encode(fields)
            evidence = evidence.model_copy(update={"header_rlp": header})
            mark = mark.model_copy(update={"block_hash": keccak256(header), "state_root": fields[3]})
        return replace(forged(bundle, lambda _: {}, (mark,)), evidence={name: evidence})


def _nodes(change: Callable[[Nodes], Nodes]) -> Callable[[Eip1186Evidence], dict[str, Any]]:
    return lambda evidence: {"account_proof": tuple(change(evidence.account_proof))}


def _refitted(nodes: Nodes, upper: Nodes, node: bytes) -> Nodes:
    """``upper`` and behind it ``node``, with every hash above it made to fit; the node was another one in ``nodes``."""
    made = [*upper, node]
    for above in range(len(upper) - 1, -1, -1):
        made[above] = made[above].replace(keccak256(nodes[above + 1]), keccak256(made[above + 1]))
    return made


def _renode(at: int, change: Callable[[list[Any]], Any]) -> Callable[[Eip1186Evidence], dict[str, Any]]:
    """One node rewritten, and every hash above it made to fit."""

    def renode(nodes: Nodes) -> Nodes:
        place = at % len(nodes)
        node = rlp.encode(change(rlp.decode(nodes[place])))
        return [*_refitted(nodes, nodes[:place], node), *nodes[place + 1 :]]

    return _nodes(renode)


def _richer(leaf: list[bytes]) -> list[bytes]:
    nonce, _, storage, code = rlp.decode(leaf[1])
    return [leaf[0], rlp.encode([nonce, b"\xff" * 12, storage, code])]


def _flipped(nodes: Nodes) -> Nodes:
    """A byte of a hash in the first node, so that it is a node still."""
    return [nodes[0][:-5] + bytes([nodes[0][-5] ^ 1]) + nodes[0][-4:], *nodes[1:]]


def _inlined(nodes: Nodes) -> Nodes:
    """The leaf in its parent's place for a hash, though it is too long to stand there."""
    *upper, parent, leaf = nodes
    items = [rlp.decode(leaf) if item == keccak256(leaf) else item for item in rlp.decode(parent)]
    return _refitted(nodes, upper, rlp.encode(items))


def _stub(nodes: Nodes) -> Nodes:
    """A node of a few bytes that stands alone and not in its parent."""
    return _refitted(nodes, nodes[:-1], rlp.encode([b"\x20", b"x"]))


def _slot(at: int, **changes: Any) -> Callable[[Eip1186Evidence], dict[str, Any]]:
    def change(evidence: Eip1186Evidence) -> dict[str, Any]:
        slots = list(evidence.storage)
        slots[at] = slots[at].model_copy(update=changes)
        return {"storage": tuple(slots)}

    return change


PROOF_TAMPERS: Mapping[str, Tamper] = {
    "no nodes": Tamper("E_PROOF_EMPTY", _nodes(lambda _: ())),
    "the leaf is left out": Tamper("E_PROOF_TRUNCATED", _nodes(lambda nodes: nodes[:-1])),
    "a node more": Tamper("E_PROOF_EXTRA", _nodes(lambda nodes: [*nodes, nodes[-1]])),
    "nodes in another order": Tamper("E_NODE_HASH", _nodes(lambda nodes: nodes[::-1])),
    "a byte of a node": Tamper("E_NODE_HASH", _nodes(_flipped)),
    "a richer account, nodes made to fit": Tamper("E_NODE_HASH", _renode(-1, _richer)),
    "a byte behind a node": Tamper("E_NODE_RLP", _nodes(lambda nodes: [nodes[0] + b"\0", *nodes[1:]])),
    "a branch with a value": Tamper("E_NODE_SHAPE", _renode(0, lambda node: [*node[:16], b"value"]), own_block=True),
    "a long node in its parent": Tamper("E_NODE_SHAPE", _nodes(_inlined), own_block=True),
    "a short node by itself": Tamper("E_NODE_SHAPE", _nodes(_stub), own_block=True),
    "a flag that does not exist": Tamper(
        "E_NODE_FLAG", _renode(-1, lambda leaf: [bytes([leaf[0][0] | 0x40]) + leaf[0][1:], leaf[1]]), own_block=True
    ),
    "another nonce": Tamper("E_ACCOUNT_MISMATCH", lambda evidence: {"nonce": evidence.nonce + 1}),
    "another balance": Tamper("E_ACCOUNT_MISMATCH", lambda evidence: {"balance": evidence.balance + 1}),
    "another storage root": Tamper("E_ACCOUNT_MISMATCH", lambda _: {"storage_hash": bytes(32)}),
    "another code": Tamper("E_CODE_HASH", lambda _: {"code_hash": bytes(32)}),
    "another address": Tamper("E_ADDRESS", lambda _: {"address": bytes(20)}),
    "another slot": Tamper("E_SLOT_KEYS", _slot(0, key=bytes(32))),
    "slots in another order": Tamper("E_SLOT_KEYS", lambda evidence: {"storage": evidence.storage[::-1]}),
    "another value of a slot": Tamper("E_STORAGE_VALUE", _slot(0, value=10**6)),
}
