"""secp256k1 signatures, 65 bytes r, s, v, one spelling only; quorums.   specs/documents.md#signatures"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

from coincurve import PrivateKey, PublicKey

from zkmargin.attestations.faults import Report, reporting, stop
from zkmargin.encoding import hex_bytes, keccak256
from zkmargin.errors import (
    BytesLength,
    Quorum,
    SignatureDuplicate,
    SignatureFormat,
    SignatureHighS,
    SignatureNotAttestor,
    SignatureOrder,
)

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SIGNATURE_BYTES = 65
ADDRESS_BYTES = 20


class SigningKey:
    """A secp256k1 private key. Its repr and str name the address alone."""

    __slots__ = ("_key", "address")

    address: bytes

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32:
            raise BytesLength("a signing key has 32 bytes", expected=32, got=len(secret))
        if not 0 < int.from_bytes(secret, "big") < CURVE_ORDER:
            raise BytesLength("a signing key is a number from 1 to the order of secp256k1")
        self._key = PrivateKey(secret)
        self.address = _address(self._key.public_key)

    @classmethod
    def generate(cls) -> Self:
        """A fresh key from the operating system's randomness."""
        while True:
            secret = secrets.token_bytes(32)
            if 0 < int.from_bytes(secret, "big") < CURVE_ORDER:
                return cls(secret)

    def secret(self) -> bytes:
        """The 32 secret bytes, for a key file."""
        return bytes(self._key.secret)

    def sign(self, digest: bytes) -> bytes:
        """65 bytes ``r || s || v`` over a 32-byte digest: deterministic (RFC 6979), low s, v in {27, 28}."""
        if len(digest) != 32:
            raise BytesLength("a digest has 32 bytes", expected=32, got=len(digest))
        compact = self._key.sign_recoverable(digest, hasher=None)
        if compact[64] > 1:  # r beyond the curve order: probability 2**-127
            raise SignatureFormat("the signature has no form that verifiers accept", expected="v 27 or 28")
        return bytes(compact[:64]) + bytes([27 + compact[64]])

    def __repr__(self) -> str:
        return f"<SigningKey of {hex_bytes(self.address)}>"

    def __reduce__(self) -> str:
        raise TypeError("a signing key is not pickled")


def _address(public_key: PublicKey) -> bytes:
    return keccak256(public_key.format(compressed=False)[1:])[-ADDRESS_BYTES:]


def recover(digest: bytes, signature: bytes, where: str = "signature") -> bytes:
    """The address (20 bytes) that signed ``digest``.

    Raises SignatureFormat, SignatureHighS; SignatureNotAttestor where no key can have made the signature.
    """
    if len(digest) != 32:
        raise BytesLength("a digest has 32 bytes", where=where, expected=32, got=len(digest))
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureFormat("wrong length", where=where, expected=SIGNATURE_BYTES, got=len(signature))
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    if signature[64] not in (27, 28):
        raise SignatureFormat("v must be 27 or 28", where=where, got=signature[64])
    if not 0 < r < CURVE_ORDER or not 0 < s < CURVE_ORDER:
        raise SignatureFormat("r and s must be from 1 to the order of secp256k1", where=where)
    if s > CURVE_ORDER // 2:
        raise SignatureHighS("s is in the upper half: the signature is malleable", where=where)
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except ValueError:
        raise SignatureNotAttestor("no key made this signature over this content", where=where) from None
    return _address(key)


@dataclass(frozen=True)
class SignerSet:
    """Who may sign, and how many must: ``members`` are 20-byte addresses in strictly ascending order."""

    members: tuple[bytes, ...]
    threshold: int

    def __post_init__(self) -> None:
        if any(len(member) != ADDRESS_BYTES for member in self.members):
            raise BytesLength("an address has 20 bytes", where="signer set")
        if list(self.members) != sorted(set(self.members)):
            raise SignatureOrder("members must be strictly ascending", where="signer set")
        if not 1 <= self.threshold <= len(self.members):
            raise Quorum("threshold must be from 1 to the number of members", where="signer set", got=self.threshold)


def require_quorum(
    digest: bytes, signatures: Sequence[tuple[bytes, bytes]], signers: SignerSet, where: str, report: Report = stop
) -> tuple[bytes, ...]:
    """Check ``(signer address, signature)`` pairs over ``digest``; return the signers whose signatures hold.

    Every signature given must hold: one that does not is an error even where enough others do.
    Raises SignatureDuplicate, SignatureOrder, SignatureFormat, SignatureHighS, SignatureNotAttestor, Quorum.
    """
    with reporting(report):
        require_ascending([signer for signer, _ in signatures], where)
    found: dict[bytes, None] = {}
    for position, (signer, signature) in enumerate(signatures):
        place = f"{where}.signatures[{position}]"
        with reporting(report):
            if recover(digest, signature, place) != signer:
                raise SignatureNotAttestor(
                    "the signature is not this signer's, or the signed content was altered",
                    where=place,
                    expected=hex_bytes(signer),
                )
            _require_member(signer, signers.members, place)
            found[signer] = None
    if len(found) < signers.threshold:
        report(Quorum("too few signatures", where=where, expected=signers.threshold, got=len(found)))
    return tuple(found)


def _require_member(signer: bytes, members: Collection[bytes], where: str) -> None:
    if signer not in members:
        raise SignatureNotAttestor("the policy does not trust this signer", where=where, got=hex_bytes(signer))


def require_ascending(signers: Sequence[bytes], where: str) -> None:
    """Strictly ascending addresses. Raises SignatureDuplicate, SignatureOrder."""
    for previous, current in itertools.pairwise(signers):
        if previous == current:
            raise SignatureDuplicate("one signer signed twice", where=where, got=hex_bytes(current))
        if previous > current:
            raise SignatureOrder("signers must be in ascending order", where=where)
