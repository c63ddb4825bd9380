"""Key files: the secrets of an owner and of a signer, each a private document.     specs/documents.md#keys

They are written readable by their owner alone, and never shown: the repr of a document that holds a secret
names its class.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from zkmargin.attestations.context import party_id
from zkmargin.attestations.owner import OwnerKeys, new_seed
from zkmargin.attestations.schema import Bytes32, PrivateDocument
from zkmargin.attestations.signatures import SigningKey


class OwnerKeyFile(PrivateDocument):
    """``*.owner-key.json``: the seed of a trader's two owner keys (owner.py). Whoever has it can pledge."""

    TYPE: ClassVar[str] = "zkmargin/owner-key"
    type: Literal["zkmargin/owner-key"] = "zkmargin/owner-key"
    version: Literal["1"] = "1"
    seed: Bytes32

    @classmethod
    def generate(cls) -> Self:
        """A fresh seed from the operating system's randomness."""
        return cls(seed=new_seed())

    def keys(self) -> OwnerKeys:
        """The keys that the seed gives."""
        return OwnerKeys.of_seed(self.seed)


class SigningKeyFile(PrivateDocument):
    """``*.signing-key.json``: the secp256k1 key of a venue, a risk publisher or a verifier."""

    TYPE: ClassVar[str] = "zkmargin/signing-key"
    type: Literal["zkmargin/signing-key"] = "zkmargin/signing-key"
    version: Literal["1"] = "1"
    secret: Bytes32

    @classmethod
    def generate(cls) -> Self:
        """A fresh key from the operating system's randomness."""
        return cls(secret=SigningKey.generate().secret())

    def key(self) -> SigningKey:
        """The key. Raises BytesLength where the number is not one of secp256k1's."""
        return SigningKey(self.secret)


def account_of(address: bytes) -> str:
    """The CAIP-10 account of a signer's address on Ethereum's main chain, whose id names parties off chain too."""
    return "eip155:1:0x" + address.hex()


def party_of(address: bytes) -> bytes:
    """The 32-byte id of the venue or verifier that signs as ``address``."""
    return party_id(account_of(address))
