"""Secrets at rest: 32 bytes sealed under a passphrase by scrypt and AES-256-GCM.        specs/documents.md#keys

The public name of a key and the parameters are authenticated with the secret: a file whose name, cost or ciphertext
was changed does not open.                                                   RFC 7914 (scrypt), NIST SP 800-38D (GCM)
"""

from __future__ import annotations

import secrets
from typing import Any, Final, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.schema import U8, U32, Bytes, Bytes32, Model
from zkmargin.errors import KeyLocked, PassphraseWeak, SchemaType

MINIMUM_PASSPHRASE: Final = 8
_COST: Final = 1 << 15
_BLOCK: Final = 8
_LANES: Final = 3
"""The cost of a new file: one of OWASP's equivalents (32 MiB, a fifth of a second)."""
_LOWEST_COST: Final = 1 << 14
_HIGHEST_COST: Final = 1 << 18
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SECRET_BYTES: Final = 32


class Sealed(Model):
    """An encrypted secret of 32 bytes and what is needed to open it, but for the passphrase."""

    kdf: Literal["scrypt"] = "scrypt"
    cost: U32
    block: U8
    lanes: U8
    salt: Bytes32
    cipher: Literal["aes-256-gcm"] = "aes-256-gcm"
    nonce: Bytes
    ciphertext: Bytes

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        """A file must neither be cheap to guess nor take the reader's memory and time."""
        power_of_two = self.cost & (self.cost - 1) == 0
        if not (power_of_two and _LOWEST_COST <= self.cost <= _HIGHEST_COST):
            raise PydanticCustomError(SchemaType.code, "scrypt's cost must be a power of two from 2^14 to 2^18")
        if self.block != _BLOCK or not 1 <= self.lanes <= 16:
            raise PydanticCustomError(SchemaType.code, "scrypt's block must be 8 and its lanes from 1 to 16")
        if len(self.nonce) != _NONCE_BYTES or len(self.ciphertext) != _SECRET_BYTES + _TAG_BYTES:
            raise PydanticCustomError(SchemaType.code, "nonce and ciphertext must have 12 and 48 bytes")
        return self

    @classmethod
    def seal(cls, secret: bytes, passphrase: str, name: str) -> Self:
        """Encrypt 32 bytes. ``name`` is public and must be given again to open."""
        if len(passphrase) < MINIMUM_PASSPHRASE:
            raise PassphraseWeak("the passphrase is too short", expected=f"at least {MINIMUM_PASSPHRASE} characters")
        draft: dict[str, Any] = {
            "cost": _COST,
            "block": _BLOCK,
            "lanes": _LANES,
            "salt": secrets.token_bytes(32),
            "nonce": secrets.token_bytes(_NONCE_BYTES),
        }
        unsealed = cls(ciphertext=bytes(_SECRET_BYTES + _TAG_BYTES), **draft)
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        cipher = AESGCM(unsealed._key(passphrase))
        return cls(ciphertext=cipher.encrypt(unsealed.nonce, secret, unsealed._associated(name)), **draft)

    def open(self, passphrase: str, name: str) -> bytes:
        """The secret. Raises KeyLocked for a wrong passphrase and for a file that was changed: they look alike."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._key(passphrase)).decrypt(self.nonce, self.ciphertext, self._associated(name))
        except InvalidTag:
            raise KeyLocked("the key does not open with this passphrase, or its file was changed") from None

    def _key(self, passphrase: str) -> bytes:
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        kdf = Scrypt(salt=self.salt, length=32, n=self.cost, r=self.block, p=self.lanes)
        return kdf.derive(passphrase.encode("utf-8"))

    def _associated(self, name: str) -> bytes:
        parameters = (self.kdf, self.cost, self.block, self.lanes, self.salt.hex(), self.cipher)
        return "|".join(["zkmargin/sealed", "1", name, *map(str, parameters)]).encode("utf-8")
