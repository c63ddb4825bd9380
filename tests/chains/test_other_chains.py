"""Chains without state proofs: addresses, holders' signatures, inclusion in Bitcoin's chain, readers."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from coincurve import PrivateKey
from collateral_world import DOMAIN, EPOCH
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from stub_node import answering

from zkmargin.attestations.chains.addresses import decode_base58, segwit_program
from zkmargin.attestations.chains.bip322 import is_signed_message, message_digest, message_hash
from zkmargin.attestations.chains.bitcoin import (
    GENESIS,
    MAINNET,
    REGTEST,
    WEAKEST,
    hash256,
    merkle_branch,
    read_outputs,
    require_branch,
    require_headers,
    without_witnesses,
)
from zkmargin.attestations.chains.bitcoin_core import BitcoinReader
from zkmargin.attestations.chains.documents import OutputEvidence, UtxoEvidence
from zkmargin.attestations.chains.errors import CheckpointChain, EvidenceAddress, Reorganised, RpcChainId, SpvInvalid
from zkmargin.attestations.chains.layouts import Layout
from zkmargin.attestations.chains.reader import Holding
from zkmargin.attestations.chains.readers import open_chain
from zkmargin.attestations.chains.solana import SolanaReader
from zkmargin.attestations.collateral.bindings import require_binding
from zkmargin.attestations.collateral.documents import OBSERVED, AccountSignature, OwnerBinding, OwnerBindingDocument
from zkmargin.attestations.collateral.errors import BindingSignature
from zkmargin.attestations.collateral.holders import is_ed25519
from zkmargin.encoding import hex_bytes
from zkmargin.errors import IdCanonical, UsageWrong

SOLANA = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

# --- addresses ------------------------------------------------------------------------------------------------------


def test_addresses_of_bip173_and_bip350() -> None:
    generator = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    assert segwit_program("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4") == (
        0, bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6"),
    )  # fmt: skip
    taproot = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
    assert segwit_program(taproot) == (1, bytes.fromhex(generator))


@pytest.mark.parametrize(
    "address",
    [
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",  # checksum
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",  # upper case
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",  # another network
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",  # Bech32 where Bech32m is due (BIP-350)
        "bc1qr508d6qejxtdg4y5r3zarvaryv98gj9p",  # 16 bytes (BIP-173)
        "bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du",  # version 2 (BIP-173)
        "bc1", "", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    ],
)  # fmt: skip
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(IdCanonical):
        segwit_program(address)


def test_base58() -> None:
    assert decode_base58("1" * 32, 32) == bytes(32)
    assert decode_base58("So11111111111111111111111111111111111111112", 32)[:2].hex() == "069b"
    for wrong in ("1" * 31, "1" * 33, "0" * 32, "", "l" * 44):
        with pytest.raises(IdCanonical):
            decode_base58(wrong, 32)


def _base58(raw: bytes) -> str:
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


# --- signatures -----------------------------------------------------------------------------------------------------

BIP322 = (
    # https://github.com/bitcoin/bips/blob/master/bip-0322.mediawiki, Test vectors: message, its hash, signature
    (b"", "c90c269c4f8fcbe6880f72a721ddfbf1914268a794cbb21cfafee13770ae19f1",
     "AkcwRAIgM2gBAQqvZX15ZiysmKmQpDrG83avLIT492QBzLnQIxYCIBaTpOaD20qRlEylyxFSeEA2ba9YOixpX8z46TSDtS40ASECx/EgAxlkQpQ9hYjgGu6E"
     "BCPMVPwVIVJqO4XCsMvViHI="),
    (b"Hello World", "f0eb03b1a75ac6d9847f55c624a99169b5dccba2a31f5b23bea77ba270de0a7a",
     "AkcwRAIgZRfIY3p7/DoVTty6YZbWS71bc5Vct9p9Fia83eRmw2QCICK/ENGfwLtptFluMGs2KsqoNSk89pO7F29zJLUx9a/sASECx/EgAxlkQpQ9hYjgGu6E"
     "BCPMVPwVIVJqO4XCsMvViHI="),
)  # fmt: skip
BIP322_ADDRESS = "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l"


@pytest.mark.parametrize(("message", "digest", "signature"), BIP322)
def test_bip322(message: bytes, digest: str, signature: str) -> None:
    raw = base64.b64decode(signature)
    assert message_hash(message).hex() == digest
    assert is_signed_message(BIP322_ADDRESS, message, raw)
    assert not is_signed_message(BIP322_ADDRESS, message + b".", raw)
    assert not is_signed_message("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", message, raw)
    taproot = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
    assert not is_signed_message(taproot, message, raw)
    for at in range(len(raw)):
        assert not is_signed_message(BIP322_ADDRESS, message, raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    for wrong in (b"", raw[:-1], raw + b"\0", b"\x01" + raw[1:]):
        assert not is_signed_message(BIP322_ADDRESS, message, wrong)


ED25519 = (
    # RFC 8032, section 7.1: public key, message, signature
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a"
     "100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb"
     "0c00"),
)  # fmt: skip


@pytest.mark.parametrize(("key", "message", "signature"), ED25519)
def test_ed25519(key: str, message: str, signature: str) -> None:
    parts = [bytes.fromhex(text) for text in (key, message, signature)]
    assert is_ed25519(*parts)
    assert not is_ed25519(parts[0], parts[1] + b"x", parts[2])
    assert not is_ed25519(parts[0], parts[1], parts[2][:-1])


ORDER_8 = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
SMALL = [number.to_bytes(32, "little") for number in (0, 1, 2**255 - 20)] + [bytes.fromhex(text) for text in ORDER_8]


@pytest.mark.parametrize("key", SMALL)
def test_keys_as_which_anybody_signs(key: bytes) -> None:
    """R = 0 and s = 0 sign each message whose challenge is a multiple of the key's order: one in eight or more."""
    nothing = bytes([1]) + bytes(63)
    messages = [bytes([counter]) for counter in range(100)]
    assert any(_bare(key, message, nothing) for message in messages)
    for sign in (0, 0x80):
        signed = key[:-1] + bytes([key[-1] | sign])
        assert not any(is_ed25519(signed, message, nothing) for message in messages)


def _bare(key: bytes, message: bytes, signature: bytes) -> bool:
    """As the library verifies."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _binding(account: str, scheme: Any, sign: Callable[[bytes], bytes]) -> OwnerBindingDocument:
    words = OwnerBinding(account=account, owner=7, pledge_domain=DOMAIN.signing().pledge_domain, nonce=1,
                         from_epoch=EPOCH, to_epoch=EPOCH)  # fmt: skip
    signature = sign(words.digest(DOMAIN.signing()))
    return OwnerBindingDocument(
        domain=DOMAIN, binding=words, signed=AccountSignature(scheme=scheme, signature=signature)
    )


def test_bindings_of_other_chains() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)
    account = f"{SOLANA}:{_base58(key.public_key().public_bytes_raw())}"
    require_binding(_binding(account, "ed25519", key.sign), DOMAIN)
    with pytest.raises(BindingSignature):
        require_binding(_binding(account, "ed25519", lambda digest: key.sign(digest + b".")), DOMAIN)
    with pytest.raises(BindingSignature):
        require_binding(_binding(account, "bip322", key.sign), DOMAIN)
    with pytest.raises(BindingSignature):
        require_binding(_binding(account, "vault-slot", lambda _: b""), DOMAIN)
    coin = PrivateKey(bytes([6]) * 32)
    public = coin.public_key.format(compressed=True)
    address = _p2wpkh(public)
    program = segwit_program(address)[1]

    def sign(digest: bytes, end: bytes = b"") -> bytes:
        signature = coin.sign(message_digest(program, hex_bytes(digest).encode() + end), hasher=None) + b"\x01"
        return b"\x02" + bytes([len(signature)]) + signature + bytes([len(public)]) + public

    require_binding(_binding(f"{MAINNET}:{address}", "bip322", sign), DOMAIN)
    with pytest.raises(BindingSignature):
        require_binding(_binding(f"{MAINNET}:{address}", "bip322", lambda digest: sign(digest, b".")), DOMAIN)


def _p2wpkh(public: bytes, prefix: str = "bc") -> str:
    from Crypto.Hash import RIPEMD160

    from zkmargin.encoding import sha256

    return _segwit(RIPEMD160.new(sha256(public)).digest(), prefix)


def _segwit(program: bytes, prefix: str) -> str:
    """Bech32 of version 0."""
    charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    number = int.from_bytes(program, "big")
    words = [0, *[number >> shift & 31 for shift in range(8 * len(program) - 5, -1, -5)]]
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + words + [0] * 6
    check = 1
    for value in values:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    check ^= 1
    return prefix + "1" + "".join(charset[word] for word in [*words, *[check >> 5 * (5 - at) & 31 for at in range(6)]])


# --- Bitcoin --------------------------------------------------------------------------------------------------------

BLOCK_100000 = bytes.fromhex(
    "0100000050120119172a610421a6c3011dd330d9df07b63616c2cc1f1cd00200000000006657a9252aacd5c0b2940996ecff952228c3067cc38d4885ef"
    "b5a4ac4247e9f337221b4d4c86041b0f2b5710"
)
"""Bitcoin's block of that height, and the ids of its transactions as explorers show them."""
TRANSACTIONS = (
    "8c14f0db3df150123e6f3dbbf30f8b955a8249b62ac1d1ff16284aefa3d06d87",
    "fff2525b8931402dd09222c50775608f75787bd2b87e56995a7bdd30f79702c4",
    "6359f0868171b1d194cbee1af2f16ea598ae8fad666d9b012c8ed2b79a236ec4",
    "e9a66845e05d5abc0ad04ec80f774a7e585c6e8db975962d069a522137b80c1d",
)


def test_a_real_block() -> None:
    block_hash = bytes.fromhex("000000000003ba27aa200b1cecaad478d2b00432346c3f1f3986da1afd33e506")
    root = require_headers(BLOCK_100000, block_hash, WEAKEST[MAINNET])
    leaves = [bytes.fromhex(text)[::-1] for text in TRANSACTIONS]
    for position, leaf in enumerate(leaves):
        require_branch(leaf, position, merkle_branch(leaves, position), root)
        with pytest.raises(SpvInvalid):
            require_branch(leaf, position ^ 1, merkle_branch(leaves, position), root)
        with pytest.raises(SpvInvalid):
            require_branch(leaf, position + 4, merkle_branch(leaves, position), root)
    for at in range(80):
        with pytest.raises(SpvInvalid):
            require_headers(
                BLOCK_100000[:at] + bytes([BLOCK_100000[at] ^ 1]) + BLOCK_100000[at + 1 :], block_hash, WEAKEST[MAINNET]
            )
    with pytest.raises(SpvInvalid):  # the same block under a stricter rule
        require_headers(BLOCK_100000, block_hash, 1 << 200)


def _transaction(*outputs: tuple[int, bytes], salt: int = 0, witness: bool = False) -> bytes:
    inputs = b"\x01" + bytes([salt]) * 32 + bytes(4) + b"\0" + b"\xff" * 4
    outs = bytes([len(outputs)]) + b"".join(struct.pack("<qB", v, len(s)) + s for v, s in outputs)
    head, tail = struct.pack("<i", 2), bytes(4)
    if not witness:
        return head + inputs + outs + tail
    return head + b"\0\x01" + inputs + outs + b"\x02\x02ab\x01c" + tail


def test_transactions() -> None:
    pays = (5000, b"\0\x14" + bytes(20))
    plain = _transaction(pays, (1, b""))
    assert without_witnesses(_transaction(pays, (1, b""), witness=True)) == plain == without_witnesses(plain)
    assert [(out.value, out.script) for out in read_outputs(plain)] == [pays, (1, b"")]
    for cut in range(len(plain)):
        with pytest.raises(SpvInvalid):
            read_outputs(plain[:cut])
    for wrong in (plain + b"\0", _transaction(pays, witness=True), bytes(64), plain[:4] + b"\xfd\x01\0" + plain[5:]):
        with pytest.raises(SpvInvalid):
            read_outputs(wrong)


@dataclass
class Regtest:
    """A regression test chain as Bitcoin Core would tell of it; every second hash is proof of work there."""

    blocks: list[tuple[bytes, list[bytes]]] = field(default_factory=list)
    unspent: list[tuple[int, int, int]] = field(default_factory=list)

    def mine(self, *transactions: bytes) -> None:
        whole = list(transactions) or [_transaction((1, b""), salt=len(self.blocks))]
        level = [hash256(without_witnesses(raw)) for raw in whole]
        while len(level) > 1:
            level += level[-1:] * (len(level) & 1)
            level = [hash256(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
        previous = self.hash(len(self.blocks))
        for nonce in range(10_000):
            header = struct.pack(
                "<i32s32sIII", 2, previous, level[0], 1_800_000_000 + len(self.blocks), 0x207FFFFF, nonce
            )
            if int.from_bytes(hash256(header), "little") <= 0x7FFFFF << 232:
                break
        self.blocks.append((header, whole))

    def hash(self, height: int) -> bytes:
        return hash256(self.blocks[height - 1][0]) if height else GENESIS[REGTEST]

    def answers(self) -> dict[str, Any]:
        by_hash = {self.hash(height)[::-1].hex(): self.blocks[height - 1] for height in range(1, len(self.blocks) + 1)}

        def ids(block: str) -> list[str]:
            return [hash256(without_witnesses(raw))[::-1].hex() for raw in by_hash[block][1]]

        return {
            "getblockcount": len(self.blocks),
            "getblockhash": lambda height: self.hash(height)[::-1].hex(),
            "getblockheader": lambda block, _: by_hash[block][0].hex(),
            "getblock": lambda block, _: {"tx": ids(block)},
            "getrawtransaction": lambda name, _, block: by_hash[block][1][ids(block).index(name)].hex(),
            "scantxoutset": lambda *_: {
                "unspents": [
                    {"txid": ids(self.hash(height)[::-1].hex())[at], "vout": vout, "height": height}
                    for height, at, vout in self.unspent
                ]
            },
        }


PROGRAM = bytes([9]) * 20
COIN = f"{REGTEST}:{_segwit(PROGRAM, 'bcrt')}"
COINS = Layout(name="coins", asset=f"{REGTEST}/slip44:0", custody="eoa", kind="observed", code_hash=b"", slots=(),
               receipt_of=())  # fmt: skip


def _regtest() -> Regtest:
    """Two outputs of 5000 and 70 pay the account six blocks down and deeper; one of 9 is too young to count."""
    chain, script = Regtest(), b"\0\x14" + PROGRAM
    chain.mine()
    chain.mine(
        _transaction((1, b"")), _transaction((3, b""), (5000, script), salt=1, witness=True), _transaction(salt=2)
    )
    chain.mine(_transaction((70, script), salt=3))
    for _ in range(5):
        chain.mine()
    chain.mine(_transaction((9, script), salt=4))
    chain.unspent = [(2, 1, 1), (3, 0, 0), (9, 0, 0)]
    return chain


def test_bitcoin_is_observed_with_its_inclusion_shown() -> None:
    chain = _regtest()
    with answering(chain.answers()) as url:
        reader = open_chain(REGTEST, url)
        checkpoint = reader.tip()
        assert checkpoint.block_number == 4
        assert reader.confirm(checkpoint) == checkpoint
        (evidence,) = reader.read([Holding(COINS, COIN)], checkpoint)
        assert isinstance(evidence, UtxoEvidence)
        assert evidence.reading(checkpoint, COINS, COIN).balance == 5070
        with pytest.raises(Reorganised):
            reader.confirm(checkpoint.model_copy(update={"block_hash": bytes(32)}))
        with pytest.raises(RpcChainId):
            BitcoinReader(MAINNET, url).tip()
    first, second = evidence.outputs

    def refused(*outputs: OutputEvidence, account: str = COIN, mark: Any = checkpoint) -> None:
        evidence.model_copy(update={"outputs": outputs, "account": account}).reading(mark, COINS, account)

    changes: list[dict[str, Any]] = [
        {"output": 0}, {"output": 7}, {"position": 0}, {"branch": ()}, {"branch": (*first.branch, bytes(32))},
        {"headers": first.headers[80:]}, {"headers": first.headers[:-80]}, {"headers": b""},
        {"headers": first.headers[:80] + first.headers[160:]}, {"headers": first.headers[:-1]},
        {"transaction": first.transaction[:-1] + b"\x01"},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(SpvInvalid):
            refused(first.model_copy(update=change), second)
    with pytest.raises(SpvInvalid):
        refused(first, second, first)
    with pytest.raises(SpvInvalid):
        refused(first, second, account=f"{REGTEST}:{_segwit(bytes(20), 'bcrt')}")
    with pytest.raises(SpvInvalid):
        refused(first, second, mark=checkpoint.model_copy(update={"block_hash": bytes(32)}))
    with pytest.raises(EvidenceAddress):
        evidence.reading(checkpoint, COINS, f"{REGTEST}:other")
    with pytest.raises(CheckpointChain):
        evidence.reading(checkpoint.model_copy(update={"chain": MAINNET}), COINS, COIN)


# --- Solana ---------------------------------------------------------------------------------------------------------


def test_solana_is_observed() -> None:
    account = f"{SOLANA}:{_base58(bytes([3]) * 32)}"
    layout = COINS.model_copy(update={"asset": f"{SOLANA}/slip44:501"})
    block = {"blockhash": _base58(bytes([4]) * 32), "blockTime": 1_800_000_000}
    answers: dict[str, Any] = {
        "getGenesisHash": SOLANA.partition(":")[2] + "KqZKvdp",
        "getSlot": 77,
        "getBlock": lambda *_: block,
        "getAccountInfo": lambda *_: {"value": {"lamports": 12345}},
    }
    with answering(answers) as url:
        reader = open_chain(SOLANA, url)
        checkpoint = reader.tip()
        assert (checkpoint.block_number, checkpoint.block_hash, checkpoint.proof_kind) == (
            77,
            bytes([4]) * 32,
            OBSERVED,
        )
        (evidence,) = reader.read([Holding(layout, account)], checkpoint)
        assert evidence.reading(checkpoint, layout, account).balance == 12345
        block["blockTime"] = 1_800_000_001
        with pytest.raises(Reorganised):
            reader.confirm(checkpoint)
        with pytest.raises(RpcChainId):
            SolanaReader("solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z", url).tip()
    with pytest.raises(CheckpointChain):
        evidence.reading(checkpoint.model_copy(update={"block_hash": bytes(32)}), layout, account)
    with pytest.raises(UsageWrong):
        open_chain("cosmos:cosmoshub-4", "http://node")
