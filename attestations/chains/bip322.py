"""BIP-322 signatures in the simple form, of P2WPKH addresses: a witness over a transaction that spends nothing.

https://github.com/bitcoin/bips/blob/master/bip-0322.mediawiki; the digest is that of BIP-143.
"""

from __future__ import annotations

from coincurve import PublicKey
from Crypto.Hash import RIPEMD160

from zkmargin.attestations.chains.addresses import segwit_program
from zkmargin.attestations.chains.bitcoin import hash256
from zkmargin.encoding import sha256

_SIGHASH_ALL = 1
_TAG = sha256(b"BIP0322-signed-message")


def message_hash(message: bytes) -> bytes:
    """The tagged hash of a message."""
    return sha256(_TAG + _TAG + message)


def is_signed_message(
    address: str, message: bytes, signature: bytes, where: str = "signature", prefix: str = "bc"
) -> bool:
    """Whether ``signature`` (the witness, serialised) is the address's over the message.

    Raises IdCanonical for an address that is no segwit address; other than P2WPKH ones never hold.
    """
    version, program = segwit_program(address, where, prefix)
    witness = _witness(signature)
    if version != 0 or len(program) != 20 or witness is None:
        return False
    signed, key = witness
    if not signed or signed[-1] != _SIGHASH_ALL or _hash160(key) != program or len(key) != 33:
        return False
    try:
        return PublicKey(key).verify(signed[:-1], message_digest(program, message), hasher=None)
    except ValueError:
        return False


def _hash160(raw: bytes) -> bytes:
    return bytes(RIPEMD160.new(sha256(raw)).digest())


def _witness(raw: bytes) -> tuple[bytes, bytes] | None:
    """The two items of a P2WPKH witness."""
    items, at = [], 1
    while at < len(raw) and raw[at] < 0xFD:
        items.append(raw[at + 1 : at + 1 + raw[at]])
        at += 1 + raw[at]
    if raw[:1] != b"\x02" or len(items) != 2 or at != len(raw):
        return None
    return items[0], items[1]


def message_digest(program: bytes, message: bytes) -> bytes:
    """BIP-143's digest of ``to_sign``, which spends the only output of ``to_spend``."""
    script = b"\0\x14" + program
    unlocking = b"\0\x20" + message_hash(message)
    to_spend = b"".join([
        bytes(4), b"\x01", bytes(32), b"\xff" * 4, bytes([len(unlocking)]), unlocking, bytes(4),
        b"\x01", bytes(8), bytes([len(script)]), script, bytes(4),
    ])  # fmt: skip
    outpoint = hash256(to_spend) + bytes(4)
    nothing = bytes(8) + b"\x01\x6a"  # the output of to_sign: no value, OP_RETURN
    return hash256(b"".join([
        bytes(4), hash256(outpoint), hash256(bytes(4)), outpoint,
        b"\x19\x76\xa9\x14" + program + b"\x88\xac", bytes(8), bytes(4),
        hash256(nothing), bytes(4), _SIGHASH_ALL.to_bytes(4, "little"),
    ]))  # fmt: skip
