"""Bitcoin: that a transaction is in the chain of a block, by headers, proof of work and a Merkle branch (SPV).

It shows that an output was made, not that it is unspent: such lines are observed.
Formats: Bitcoin's protocol documentation; the Merkle tree is of double SHA-256.      specs/collateral.md#bitcoin
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zkmargin.attestations.chains.addresses import segwit_program
from zkmargin.attestations.chains.errors import SpvInvalid
from zkmargin.attestations.collateral.identifiers import split_account
from zkmargin.encoding import sha256

MAINNET: Final = "bip122:000000000019d6689c085ae165831e93"
REGTEST: Final = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
"""CAIP-2: the first 32 hex digits of the genesis block's hash."""
GENESIS: Final = {
    MAINNET: bytes.fromhex("6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000"),
    REGTEST: bytes.fromhex("06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f"),
}
"""Genesis blocks' hashes, as headers hold them."""
PREFIXES: Final = {MAINNET: "bc", REGTEST: "bcrt"}
"""What segwit addresses begin with."""
HEADER_BYTES: Final = 80
MAX_BRANCH: Final = 32
WEAKEST: Final = {MAINNET: 1 << 216, REGTEST: 1 << 255}
"""Targets above which a header is no proof of work: difficulty 2^8 on the main chain, far below today's; any on the
regression test chain, which proves nothing and is for development."""
OutputProof = tuple[bytes, int, int, Sequence[bytes], bytes]


def hash256(message: bytes) -> bytes:
    """SHA-256 twice."""
    return sha256(sha256(message))


@dataclass(frozen=True)
class Output:
    """An output: satoshi and script."""

    value: int
    script: bytes


class _Reader:
    def __init__(self, raw: bytes, where: str) -> None:
        self.raw, self.at, self.where = raw, 0, where

    def take(self, count: int) -> bytes:
        found = self.raw[self.at : self.at + count]
        if len(found) != count:
            raise SpvInvalid("the transaction is cut short", where=self.where)
        self.at += count
        return found

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "little")

    def compact(self) -> int:
        first = self.number(1)
        if first < 0xFD:
            return first
        width = {0xFD: 2, 0xFE: 4, 0xFF: 8}[first]
        value = self.number(width)
        if value < {2: 0xFD, 4: 1 << 16, 8: 1 << 32}[width]:
            raise SpvInvalid("a length has a shorter form", where=self.where)
        return value


def read_outputs(raw: bytes, where: str = "transaction") -> list[Output]:
    """Outputs of a transaction in the form that its id hashes, without witnesses. Raises SpvInvalid."""
    if len(raw) == 64:  # two hashes side by side have 64 bytes: an inner node of the Merkle tree would read as this
        raise SpvInvalid("no transaction of 64 bytes is taken", where=where)
    reader = _Reader(raw, where)
    reader.take(4)
    inputs = reader.compact()
    if not inputs:
        raise SpvInvalid("no inputs, or with witnesses", where=where)
    for _ in range(min(inputs, len(raw))):
        reader.take(36)
        reader.take(reader.compact())
        reader.take(4)
    outputs = []
    for _ in range(min(reader.compact(), len(raw))):
        value = reader.number(8)
        outputs.append(Output(value, reader.take(reader.compact())))
    reader.take(4)
    if reader.at != len(raw):
        raise SpvInvalid("bytes behind the end", where=where)
    return outputs


def without_witnesses(raw: bytes, where: str = "transaction") -> bytes:
    """The form of a transaction that its id hashes (BIP-144). Raises SpvInvalid."""
    if raw[4:6] != b"\0\x01":
        return raw
    reader = _Reader(raw, where)
    reader.take(6)
    inputs = reader.compact()
    for _ in range(min(inputs, len(raw))):
        reader.take(36)
        reader.take(reader.compact())
        reader.take(4)
    for _ in range(min(reader.compact(), len(raw))):
        reader.take(8)
        reader.take(reader.compact())
    body = raw[6 : reader.at]
    for _ in range(min(inputs, len(raw))):
        for _ in range(min(reader.compact(), len(raw))):
            reader.take(reader.compact())
    return raw[:4] + body + reader.take(4)


def merkle_branch(leaves: Sequence[bytes], position: int) -> tuple[bytes, ...]:
    """The siblings on the way from a leaf to the Merkle root of a block. Hashes as headers hold them."""
    level, branch = list(leaves), []
    while len(level) > 1:
        level += level[-1:] * (len(level) & 1)
        branch.append(level[position ^ 1])
        level = [hash256(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
        position >>= 1
    return tuple(branch)


def require_headers(headers: bytes, block_hash: bytes, weakest: int, where: str = "headers") -> bytes:
    """The Merkle root of the first of these linked headers, the last of which is ``block_hash``.

    Hashes in the order of bytes that Bitcoin shows, the most significant first. ``weakest``: the highest target that
    counts. Raises SpvInvalid.
    """
    if not headers or len(headers) % HEADER_BYTES:
        raise SpvInvalid("headers have 80 bytes each", where=where, got=len(headers))
    previous = b""
    for number, at in enumerate(range(0, len(headers), HEADER_BYTES)):
        header = headers[at : at + HEADER_BYTES]
        here = f"{where}[{number}]"
        if previous and header[4:36] != previous:
            raise SpvInvalid("does not follow the header before it", where=here)
        previous = hash256(header)
        target = _target(header[72:76])
        if not 0 < target <= weakest:
            raise SpvInvalid("the proof of work is too easy", where=here)
        if int.from_bytes(previous, "little") > target:
            raise SpvInvalid("no proof of work", where=here)
    if previous[::-1] != block_hash:
        raise SpvInvalid("the headers do not end with the checkpointed block", where=where)
    return headers[36:68]


def _target(bits: bytes) -> int:
    """The threshold of a header's compact form; 0 where that is negative."""
    number = int.from_bytes(bits, "little")
    size, word = number >> 24, number & 0x7FFFFF
    if number & 0x800000:
        return 0
    return word >> 8 * (3 - size) if size <= 3 else word << 8 * (size - 3)


def require_branch(leaf: bytes, position: int, branch: Sequence[bytes], root: bytes, where: str = "branch") -> None:
    """Raise unless the leaf at a position is in the Merkle tree of the root. Hashes as headers hold them."""
    if len(branch) > MAX_BRANCH or position >> len(branch):
        raise SpvInvalid("the position is outside the tree", where=where)
    current = leaf
    for sibling in branch:
        if position & 1 and sibling == current:  # a doubled last node stands on the right only (CVE-2012-2459)
            raise SpvInvalid("a doubled node on the left", where=where)
        current = hash256(sibling + current if position & 1 else current + sibling)
        position >>= 1
    if current != root:
        raise SpvInvalid("not in the block", where=where)


def require_outputs(proofs: Sequence[OutputProof], account: str, block_hash: bytes, where: str = "evidence") -> int:
    """Satoshi of outputs that pay the account, each once, each in the chain of ``block_hash``. Raises SpvInvalid."""
    chain, address = split_account(account)
    if chain not in WEAKEST:
        raise SpvInvalid("no such chain is known", where=f"{where}.chain", expected=", ".join(WEAKEST), got=chain)
    version, program = segwit_program(address, where, PREFIXES[chain])
    script = bytes([version + 0x50 if version else 0, len(program)]) + program
    total, seen = 0, set()
    for number, (raw, index, position, branch, headers) in enumerate(proofs):
        here = f"{where}.outputs[{number}]"
        outputs = read_outputs(raw, f"{here}.transaction")
        identity = hash256(raw)
        if (identity, index) in seen:
            raise SpvInvalid("an output twice", where=here)
        seen.add((identity, index))
        root = require_headers(headers, block_hash, WEAKEST[chain], f"{here}.headers")
        require_branch(identity, position, branch, root, f"{here}.branch")
        if index >= len(outputs) or outputs[index].script != script:
            raise SpvInvalid("the output does not pay the account", where=f"{here}.output")
        total += outputs[index].value
    return total
