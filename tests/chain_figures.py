"""Real headers, state proofs and oracle messages (figures/, each with its source), and tampered copies of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import rlp

from zkmargin.attestations.evidence.eip1186 import AccountProof, StorageProof
from zkmargin.attestations.evidence.pyth import Guardians
from zkmargin.encoding import keccak256

FIGURES = Path(__file__).parent / "evidence" / "figures"
BLOCKS = ("mainnet_21925176", "mainnet_17463226")


def raw(text: str) -> bytes:
    """The bytes of 0x hex."""
    return bytes.fromhex(text.removeprefix("0x"))


@cache
def figures(name: str) -> Any:
    """A file of figures."""
    return json.loads((FIGURES / f"{name}.json").read_text())


def accounts(block: str) -> list[AccountProof]:
    """The accounts that a block's file proves."""
    return [
        AccountProof(
            address=raw(entry["address"]),
            nonce=int(entry["nonce"]),
            balance=int(entry["balance"]),
            storage_hash=raw(entry["storageHash"]),
            code_hash=raw(entry["codeHash"]),
            proof=tuple(map(raw, entry["accountProof"])),
            storage=tuple(
                StorageProof(raw(slot["key"]), int(slot["value"]), tuple(map(raw, slot["proof"])))
                for slot in entry["storage"]
            ),
        )
        for entry in figures(block)["accounts"]
    ]


def state_root(block: str) -> bytes:
    """The fourth field of the header."""
    fields: list[bytes] = rlp.decode(raw(figures(block)["headerRlp"]))
    return fields[3]


def deposit_contract() -> AccountProof:
    """The beacon deposit contract, with one slot proven."""
    return accounts("mainnet_21925176")[0]


def guardians() -> Guardians:
    """Guardian set 4."""
    entry = figures("pyth")["guardianSet"]
    return Guardians(entry["index"], tuple(map(raw, entry["guardians"])))


def renode(proof: AccountProof, at: int, change: Callable[[list[Any]], Any]) -> AccountProof:
    """The same account with one node of its proof rewritten and every hash above it made to fit, up to the root."""
    nodes = list(proof.proof)
    changed = rlp.decode(nodes[at])
    nodes[at] = rlp.encode(change(changed))
    for above in range(at - 1, -1, -1):
        old, new = keccak256(proof.proof[above + 1]), keccak256(nodes[above + 1])
        nodes[above] = nodes[above].replace(old, new)
    return replace(proof, proof=tuple(nodes))


Tamper = Callable[[AccountProof], AccountProof]


def _leaf(fields: Mapping[int, bytes]) -> Callable[[list[Any]], Any]:
    def change(node: list[Any]) -> Any:
        account = rlp.decode(node[1])
        return [node[0], rlp.encode([fields.get(at, field) for at, field in enumerate(account)])]

    return change


def with_root(proof: AccountProof) -> tuple[AccountProof, bytes]:
    """A proof and the root that its first node hashes to: as a forger of nodes would have it."""
    return proof, keccak256(proof.proof[0])


# Fourteen ways to tamper with an EIP-1186 proof under the honest state root, each with the code it must fail with.
TAMPERS: Mapping[str, tuple[str, Tamper]] = {
    "no nodes": ("E_PROOF_EMPTY", lambda p: replace(p, proof=())),
    "the leaf is left out": ("E_PROOF_TRUNCATED", lambda p: replace(p, proof=p.proof[:-1])),
    "a node more": ("E_PROOF_EXTRA", lambda p: replace(p, proof=(*p.proof, p.proof[-1]))),
    "two nodes swapped": (
        "E_NODE_HASH",
        lambda p: replace(p, proof=(p.proof[0], p.proof[2], p.proof[1], *p.proof[3:])),
    ),
    "a byte of a node": (
        "E_NODE_HASH",
        lambda p: replace(p, proof=(p.proof[0], p.proof[1][:-2] + b"\x00" + p.proof[1][-1:], *p.proof[2:])),
    ),
    "a richer account, its leaf made to fit": (
        "E_NODE_HASH",
        lambda p: renode(p, len(p.proof) - 1, _leaf({1: b"\xff" * 12})),
    ),
    "a node that is no RLP": ("E_NODE_RLP", lambda p: replace(p, proof=(p.proof[0][:-1], *p.proof[1:]))),
    "a node that is too long": ("E_NODE_SHAPE", lambda p: replace(p, proof=(p.proof[0] + bytes(600), *p.proof[1:]))),
    "another balance": ("E_ACCOUNT_MISMATCH", lambda p: replace(p, balance=p.balance + 1)),
    "another nonce": ("E_ACCOUNT_MISMATCH", lambda p: replace(p, nonce=p.nonce + 1)),
    "another code": ("E_ACCOUNT_MISMATCH", lambda p: replace(p, code_hash=bytes(32))),
    "another storage root": ("E_ACCOUNT_MISMATCH", lambda p: replace(p, storage_hash=bytes(32))),
    "another value of a slot": (
        "E_STORAGE_VALUE",
        lambda p: replace(p, storage=(replace(p.storage[0], value=p.storage[0].value + 1),)),
    ),
    "a slot twice": ("E_SLOT_KEYS", lambda p: replace(p, storage=p.storage * 2)),
}
