"""Key files: the secrets of an owner and of a signer, sealed under a passphrase.     specs/documents.md#keys

What is public of a key stands in its file in the clear, so that a name or an address is read without the passphrase.
The files are readable by their owner alone; the repr of a document names its class.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from zkmargin.attestations.context import party_id
from zkmargin.attestations.owner import OwnerKeys, new_seed
from zkmargin.attestations.schema import Address, FieldElement, PrivateDocument
from zkmargin.attestations.sealed import Sealed
from zkmargin.attestations.signatures import SigningKey
from zkmargin.errors import KeyLocked


class OwnerKeyFile(PrivateDocument):
    """``*.owner-key.json``: the seed of a trader's two owner keys (owner.py). Whoever opens it can pledge."""

    TYPE: ClassVar[str] = "zkmargin/owner-key"
    type: Literal["zkmargin/owner-key"] = "zkmargin/owner-key"
    version: Literal["1"] = "1"
    owner: FieldElement
    sealed: Sealed

    @classmethod
    def generate(cls, passphrase: str) -> Self:
        """A fresh seed from the operating system's randomness."""
        return cls.of_seed(new_seed(), passphrase)

    @classmethod
    def of_seed(cls, seed: bytes, passphrase: str) -> Self:
        """A given seed of 32 bytes. Raises BytesLength, PassphraseWeak."""
        owner = OwnerKeys.of_seed(seed).owner
        return cls(owner=owner, sealed=Sealed.seal(seed, passphrase, f"owner {owner}"))

    def unlock(self, passphrase: str) -> OwnerKeys:
        """The keys that the seed gives. Raises KeyLocked."""
        return OwnerKeys.of_seed(self.seed(passphrase))

    def seed(self, passphrase: str) -> bytes:
        """The 32 secret bytes, for a backup. Raises KeyLocked."""
        seed = self.sealed.open(passphrase, f"owner {self.owner}")
        if OwnerKeys.of_seed(seed).owner != self.owner:
            raise KeyLocked("the key file holds the seed of another owner")
        return seed

    def sealed_anew(self, passphrase: str, new: str) -> Self:
        """The same key under another passphrase. Raises KeyLocked, PassphraseWeak."""
        return self.of_seed(self.seed(passphrase), new)


class SigningKeyFile(PrivateDocument):
    """``*.signing-key.json``: the secp256k1 key of a venue, a risk publisher or a verifier."""

    TYPE: ClassVar[str] = "zkmargin/signing-key"
    type: Literal["zkmargin/signing-key"] = "zkmargin/signing-key"
    version: Literal["1"] = "1"
    address: Address
    sealed: Sealed

    @classmethod
    def generate(cls, passphrase: str) -> Self:
        """A fresh key from the operating system's randomness."""
        return cls.of_key(SigningKey.generate(), passphrase)

    @classmethod
    def of_key(cls, key: SigningKey, passphrase: str) -> Self:
        """A given key. Raises PassphraseWeak."""
        return cls(address=key.address, sealed=Sealed.seal(key.secret(), passphrase, f"signer 0x{key.address.hex()}"))

    def unlock(self, passphrase: str) -> SigningKey:
        """The key. Raises KeyLocked."""
        key = SigningKey(self.sealed.open(passphrase, f"signer 0x{self.address.hex()}"))
        if key.address != self.address:
            raise KeyLocked("the key file holds the key of another signer")
        return key

    def sealed_anew(self, passphrase: str, new: str) -> Self:
        """The same key under another passphrase. Raises KeyLocked, PassphraseWeak."""
        return self.of_key(self.unlock(passphrase), new)


def account_of(address: bytes) -> str:
    """The CAIP-10 account of a signer's address on Ethereum's main chain, whose id names parties off chain too."""
    return "eip155:1:0x" + address.hex()


def party_of(address: bytes) -> bytes:
    """The 32-byte id of the venue or verifier that signs as ``address``."""
    return party_id(account_of(address))
