"""Secrets at rest: 32 bytes sealed under a passphrase by Argon2id and AES-256-GCM.        specs/documents.md#keys

The public name of a key and the parameters are authenticated with the secret: a file whose name, cost or ciphertext
was changed does not open.                                                   RFC 9106 (Argon2), NIST SP 800-38D (GCM)
"""

from __future__ import annotations

import secrets
from typing import Any, Final, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from zkmargin.attestations.schema import U8, U32, Bytes, Bytes32, Model
from zkmargin.errors import KeyLocked, PassphraseWeak, SchemaType

MINIMUM_PASSPHRASE: Final = 8
_MEMORY: Final = 46 << 10
_PASSES: Final = 1
_LANES: Final = 1
"""The cost of a new file, memory in KiB: the first of OWASP's equivalents."""
_LEAST_MEMORY: Final = 19 << 10
_MOST_MEMORY: Final = 256 << 10
_LEAST_WORK: Final = 38 << 10
_MOST_PASSES: Final = 16
_MOST_LANES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SECRET_BYTES: Final = 32


class Sealed(Model):
    """An encrypted secret of 32 bytes and what is needed to open it, but for the passphrase."""

    kdf: Literal["argon2id"] = "argon2id"
    memory: U32
    passes: U8
    lanes: U8
    salt: Bytes32
    cipher: Literal["aes-256-gcm"] = "aes-256-gcm"
    nonce: Bytes
    ciphertext: Bytes

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        """A file must neither be cheap to guess nor take the reader's memory and time."""
        if not _LEAST_MEMORY <= self.memory <= _MOST_MEMORY or self.memory * self.passes < _LEAST_WORK:
            raise PydanticCustomError(
                SchemaType.code, "argon2id's memory must be 19 to 256 MiB, in KiB, and 38 MiB over all passes"
            )
        if self.passes > _MOST_PASSES or not 1 <= self.lanes <= _MOST_LANES:
            raise PydanticCustomError(SchemaType.code, "argon2id's passes must be at most 16 and its lanes 1 to 4")
        if len(self.nonce) != _NONCE_BYTES or len(self.ciphertext) != _SECRET_BYTES + _TAG_BYTES:
            raise PydanticCustomError(SchemaType.code, "nonce and ciphertext must have 12 and 48 bytes")
        return self

    @classmethod
    def seal(cls, secret: bytes, passphrase: str, name: str) -> Self:
        """Encrypt 32 bytes. ``name`` is public and must be given again to open."""
        if len(passphrase) < MINIMUM_PASSPHRASE:
            raise PassphraseWeak("the passphrase is too short", expected=f"at least {MINIMUM_PASSPHRASE} characters")
        draft: dict[str, Any] = {
            "memory": _MEMORY,
            "passes": _PASSES,
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
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        kdf = Argon2id(salt=self.salt, length=32, iterations=self.passes, lanes=self.lanes, memory_cost=self.memory)
        return kdf.derive(passphrase.encode("utf-8"))

    def _associated(self, name: str) -> bytes:
        parameters = (self.kdf, self.memory, self.passes, self.lanes, self.salt.hex(), self.cipher)
        return "|".join(["zkmargin/sealed", "1", name, *map(str, parameters)]).encode("utf-8")
