"""Signatures have one spelling, quorums count distinct trusted signers in one order."""

from __future__ import annotations

import copy
import pickle

import pytest
from eth_account import Account
from eth_keys import keys as eth_keys

from zkmargin.attestations.signatures import CURVE_ORDER, SignerSet, SigningKey, recover, require_quorum
from zkmargin.errors import (
    BytesLength,
    Quorum,
    SignatureDuplicate,
    SignatureFormat,
    SignatureHighS,
    SignatureNotAttestor,
    SignatureOrder,
)

DIGEST = bytes(range(32))
KEYS = sorted((SigningKey(bytes([n]) * 32) for n in (1, 2, 3, 4)), key=lambda key: key.address)


def _signed(*keys: SigningKey, digest: bytes = DIGEST) -> list[tuple[bytes, bytes]]:
    return [(key.address, key.sign(digest)) for key in keys]


def test_agrees_with_eth_account() -> None:
    for seed in range(1, 20):
        secret = bytes([seed]) * 32
        key = SigningKey(secret)
        assert "0x" + key.address.hex() == Account.from_key(secret).address.lower()
        peer = Account.unsafe_sign_hash(DIGEST, secret)
        assert key.sign(DIGEST) == bytes(peer.signature)
        assert recover(DIGEST, bytes(peer.signature)) == key.address
        peer_key = eth_keys.Signature(key.sign(DIGEST)[:64] + bytes([key.sign(DIGEST)[64] - 27]))
        assert peer_key.recover_public_key_from_msg_hash(DIGEST).to_canonical_address() == key.address


def test_the_malleable_twin_is_refused() -> None:
    signature = KEYS[0].sign(DIGEST)
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    with pytest.raises(SignatureHighS):
        recover(DIGEST, twin)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 31, 255])
def test_other_recovery_ids_are_refused(v: int) -> None:
    with pytest.raises(SignatureFormat):
        recover(DIGEST, KEYS[0].sign(DIGEST)[:64] + bytes([v]))


@pytest.mark.parametrize("length", [0, 64, 66])
def test_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(SignatureFormat):
        recover(DIGEST, (KEYS[0].sign(DIGEST) + b"\0")[:length])


@pytest.mark.parametrize("part", ["r", "s"])
@pytest.mark.parametrize("value", [0, CURVE_ORDER, 2**256 - 1])
def test_numbers_out_of_range_are_refused(part: str, value: int) -> None:
    signature = KEYS[0].sign(DIGEST)
    word = value.to_bytes(32, "big")
    forged = word + signature[32:] if part == "r" else signature[:32] + word + signature[64:]
    with pytest.raises(SignatureFormat):
        recover(DIGEST, forged)


def test_every_flipped_byte_names_another_signer_or_none() -> None:
    signature = KEYS[0].sign(DIGEST)
    for position in range(64):
        forged = bytearray(signature)
        forged[position] ^= 1
        try:
            assert recover(DIGEST, bytes(forged)) != KEYS[0].address
        except (SignatureNotAttestor, SignatureHighS):
            continue


def test_quorum() -> None:
    signers = SignerSet(tuple(key.address for key in KEYS[:3]), 2)
    assert require_quorum(DIGEST, _signed(*KEYS[:2]), signers, "doc") == tuple(k.address for k in KEYS[:2])
    assert len(require_quorum(DIGEST, _signed(*KEYS[:3]), signers, "doc")) == 3
    with pytest.raises(Quorum):
        require_quorum(DIGEST, _signed(KEYS[0]), signers, "doc")
    with pytest.raises(Quorum):
        require_quorum(DIGEST, [], signers, "doc")
    with pytest.raises(SignatureDuplicate):
        require_quorum(DIGEST, _signed(KEYS[0], KEYS[0]), signers, "doc")
    with pytest.raises(SignatureOrder):
        require_quorum(DIGEST, _signed(KEYS[1], KEYS[0]), signers, "doc")
    with pytest.raises(SignatureNotAttestor, match="does not trust"):
        require_quorum(DIGEST, _signed(KEYS[0], KEYS[1], KEYS[3]), signers, "doc")
    with pytest.raises(SignatureNotAttestor, match="altered"):
        require_quorum(DIGEST, _signed(*KEYS[:2], digest=bytes(32)), signers, "doc")
    swapped = [(KEYS[0].address, KEYS[1].sign(DIGEST)), (KEYS[1].address, KEYS[0].sign(DIGEST))]
    with pytest.raises(SignatureNotAttestor):
        require_quorum(DIGEST, swapped, signers, "doc")


def test_signer_sets_are_well_formed() -> None:
    a, b = KEYS[0].address, KEYS[1].address
    for threshold in (0, 3):
        with pytest.raises(Quorum):
            SignerSet((a, b), threshold)
    with pytest.raises(Quorum):
        SignerSet((), 0)
    for members in ((b, a), (a, a)):
        with pytest.raises(SignatureOrder):
            SignerSet(members, 1)
    with pytest.raises(BytesLength):
        SignerSet((a[:19],), 1)


def test_keys_do_not_show() -> None:
    key = SigningKey(bytes([7]) * 32)
    assert "07" * 4 not in repr(key) + str(key) + f"{key}"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(key)
    for secret in (bytes(32), CURVE_ORDER.to_bytes(32, "big"), bytes(31)):
        with pytest.raises(BytesLength):
            SigningKey(secret)
    assert SigningKey.generate().address != SigningKey.generate().address
    with pytest.raises(BytesLength):
        key.sign(bytes(31))
    with pytest.raises(BytesLength):
        recover(bytes(31), key.sign(DIGEST))
