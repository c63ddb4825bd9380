"""State proofs: real ones hold, tampered ones fail each with its own code, random tries agree with another library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import rlp
from chain_figures import BLOCKS, TAMPERS, accounts, deposit_contract, figures, raw, renode, state_root, with_root
from trie import HexaryTrie

from zkmargin.attestations.evidence.eip1186 import AccountProof
from zkmargin.attestations.evidence.header import read_header
from zkmargin.attestations.evidence.trie import EMPTY_NODE, EMPTY_ROOT, read_path
from zkmargin.encoding import keccak256
from zkmargin.errors import ZkMarginError


@pytest.mark.parametrize("block", BLOCKS)
def test_real_headers_and_accounts_hold(block: str) -> None:
    found = figures(block)
    header = read_header(raw(found["headerRlp"]), raw(found["blockHash"]))
    assert header.number == int(block.removeprefix("mainnet_"))
    assert header.state_root == state_root(block)
    for account in accounts(block):
        account.verify(header.state_root)
    if block == BLOCKS[0]:
        (value,) = deposit_contract().require_slots([bytes(31) + b"\x01"])
        assert value == 0x2394E3BC4086A9625AE88307145A40FF4A4BF2C9A6755435BFF86B22D6175D5F
        assert header.time == 1740508595


def test_an_account_of_another_block_does_not_hold() -> None:
    for account in accounts(BLOCKS[0]):
        with pytest.raises(ZkMarginError) as caught:
            account.verify(state_root(BLOCKS[1]))
        assert caught.value.code == "E_NODE_HASH"


@pytest.mark.parametrize("name", TAMPERS)
def test_fourteen_tampers_fail_by_name(name: str) -> None:
    code, tamper = TAMPERS[name]
    with pytest.raises(ZkMarginError) as caught:
        tamper(deposit_contract()).verify(state_root(BLOCKS[0]))
    assert caught.value.code == code
    assert caught.value.exit_code == 1


def test_there_are_fourteen() -> None:
    assert len(TAMPERS) == 14
    assert len({code for code, _ in TAMPERS.values()}) == 9


def _with_a_bit_flipped(content: bytes) -> Iterator[bytes]:
    """A bit of each byte in turn."""
    for place in range(len(content)):
        yield content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_byte_of_a_proof_counts(block: str) -> None:
    root = state_root(block)
    for proof in accounts(block):
        for at, node in enumerate(proof.proof):
            for changed in _with_a_bit_flipped(node):
                with pytest.raises(ZkMarginError):
                    replace(proof, proof=(*proof.proof[:at], changed, *proof.proof[at + 1 :])).verify(root)
        for slot in proof.storage:
            for at, node in enumerate(slot.proof):
                for changed in _with_a_bit_flipped(node):
                    bad = replace(slot, proof=(*slot.proof[:at], changed, *slot.proof[at + 1 :]))
                    with pytest.raises(ZkMarginError):
                        replace(proof, storage=(bad,)).verify(root)


def _branch(node: list[Any], **changes: Any) -> list[Any]:
    for name, value in changes.items():
        node[int(name[1:])] = value
    return node


@pytest.mark.parametrize(
    ("at", "change", "code"),
    [
        (-1, lambda n: [bytes([n[0][0] | 0x40]) + n[0][1:], n[1]], "E_NODE_FLAG"),
        (-1, lambda n: [b"\x25" + n[0][1:] if n[0][0] >> 4 == 2 else b"\x05" + n[0], n[1]], "E_NODE_FLAG"),
        (-1, lambda n: [b"", n[1]], "E_NODE_FLAG"),
        (-1, lambda n: [n[0], b""], "E_NODE_SHAPE"),
        (-1, lambda n: [n[0], [b"a", b"b"]], "E_NODE_SHAPE"),
        (-1, lambda n: [n[0][:-1], n[1]], "E_NODE_SHAPE"),
        (-1, lambda n: [*n, b""], "E_NODE_SHAPE"),
        (-1, lambda n: [n[0], n[1][:-1]], "E_NODE_RLP"),
        (-1, lambda n: [n[0], rlp.encode([b"", b"", b"", b"", b""])], "E_NODE_RLP"),
        (-1, lambda n: [n[0], rlp.encode([b"\x00\x01", *rlp.decode(n[1])[1:]])], "E_NODE_RLP"),
        (0, lambda n: _branch(n, i16=b"value"), "E_NODE_SHAPE"),
        (0, lambda n: [b"\x00", n[0]], "E_NODE_SHAPE"),
        (0, lambda n: [b"\x00" + bytes(32), n[0]], "E_NODE_SHAPE"),
    ],
)  # fmt: skip
def test_a_forger_of_whole_tries_is_held_to_their_shape(at: int, change: Any, code: str) -> None:
    """Nodes that a trie of hashed keys cannot have, under a root made to fit: no second reading of a signed root."""
    forged, root = with_root(renode(deposit_contract(), at % len(deposit_contract().proof), change))
    with pytest.raises(ZkMarginError) as caught:
        forged.verify(root)
    assert caught.value.code == code


def test_a_child_is_a_hash_or_stands_where_it_is() -> None:
    proof = deposit_contract()
    key = keccak256(proof.address)[0] >> 4
    for child, code in ((b"short", "E_NODE_SHAPE"), ([b"\x20" + bytes(31), bytes(40)], "E_NODE_SHAPE")):

        def change(node: list[Any], child: Any = child) -> list[Any]:
            return _branch(node, **{f"i{key}": child})

        forged, root = with_root(renode(proof, 0, change))
        with pytest.raises(ZkMarginError) as caught:
            forged.verify(root)
        assert caught.value.code == code
    alone = [b""] * 17
    alone[key] = keccak256(proof.proof[1])
    with pytest.raises(ZkMarginError, match="at least two children"):
        read_path(keccak256(rlp.encode(alone)), proof.address, [rlp.encode(alone), *proof.proof[1:]])


def test_absent_accounts_and_slots() -> None:
    absent = AccountProof(bytes(20), 0, 0, EMPTY_ROOT, keccak256(b""), ())
    absent.verify(EMPTY_ROOT)
    replace(absent, proof=(EMPTY_NODE,)).verify(EMPTY_ROOT)
    with pytest.raises(ZkMarginError, match="E_ACCOUNT_MISMATCH"):
        replace(absent, balance=1).verify(EMPTY_ROOT)
    with pytest.raises(ZkMarginError, match="E_PROOF_EMPTY"):
        absent.verify(state_root(BLOCKS[0]))
    with pytest.raises(ZkMarginError, match="E_ACCOUNT_MISMATCH"):
        replace(absent, address=bytes(19)).verify(EMPTY_ROOT)
    with pytest.raises(ZkMarginError, match="E_SLOT_KEYS"):
        deposit_contract().require_slots([])


def test_random_tries_agree_with_another_library() -> None:
    """Small values make nodes that stand in their parents; both inclusion and absence."""
    random = Random(7)
    for size in (1, 2, 3, 5, 17, 60, 300):
        trie, held = HexaryTrie({}), {}
        for _ in range(size):
            key = random.randbytes(random.choice((1, 2, 32)))
            held[key] = rlp.encode(random.randbytes(random.choice((1, 2, 32))))
            trie[keccak256(key)] = held[key]
        for key in [*list(held)[:40], *(random.randbytes(3) for _ in range(20))]:
            proof = [rlp.encode(node) for node in trie.get_proof(keccak256(key))]
            needed = [node for at, node in enumerate(proof) if at == 0 or len(node) >= 32]
            assert read_path(trie.root_hash, key, needed) == held.get(key)
            for bad in (needed[:-1], [*needed, needed[0]], needed[::-1] if len(needed) > 1 else [b"\xc0"]):
                with pytest.raises(ZkMarginError):
                    read_path(trie.root_hash, key, bad)


def test_headers_are_raw_bytes() -> None:
    found = figures(BLOCKS[0])
    header, block_hash = raw(found["headerRlp"]), raw(found["blockHash"])
    fields = rlp.decode(header)

    def code(changed: bytes, expected: bytes | None = None) -> str:
        with pytest.raises(ZkMarginError) as caught:
            read_header(changed, keccak256(changed) if expected is None else expected)
        return caught.value.code

    for changed in _with_a_bit_flipped(header):
        assert code(changed, block_hash) == "E_HEADER_HASH"
    assert read_header(rlp.encode([*fields, b"fork"]), keccak256(rlp.encode([*fields, b"fork"]))).number == 21925176
    assert code(header + b"\x00") == "E_HEADER_RLP"
    assert code(rlp.encode(fields[:14])) == "E_HEADER_RLP"
    assert code(rlp.encode([fields[0][:31], *fields[1:]])) == "E_HEADER_RLP"
    assert code(rlp.encode([*fields[:8], b"\x00" + fields[8], *fields[9:]])) == "E_HEADER_RLP"
    assert code(rlp.encode([*fields[:11], [b"x"], *fields[12:]])) == "E_HEADER_RLP"
    assert code(rlp.encode(b"no list")) == "E_HEADER_RLP"
    assert code(b"\xb8\x01" + b"a") == "E_HEADER_RLP"
    assert code(bytes(5000)) == "E_HEADER_RLP"
