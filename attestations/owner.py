"""Owner keys: one seed, a spending half and a viewing half.                            ATTESTATION §1.1, §1.6

``ask, nk`` = 31-byte outputs of HKDF-SHA256(seed, info ``zkmargin/v1/ask`` | ``zkmargin/v1/nk``), big-endian;
``ak = H(T_AK, ask)``, ``owner = H(T_OWNER, ak, nk)``. ``nk`` alone recomputes every nullifier (an auditor's
viewing key) but does not pledge.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final, Self

from zkmargin.errors import BytesLength, IntFormat
from zkmargin.poseidon import tagged

SEED_BYTES: Final = 32
KEY_BITS: Final = 248
POCKET_BITS: Final = 8


def hkdf_sha256(key: bytes, info: bytes, length: int, salt: bytes = b"") -> bytes:
    """HKDF with SHA-256 (RFC 5869): extract with ``salt`` (empty: 32 zero bytes), expand to ``length``
    bytes.
    """
    if not 0 < length <= 255 * 32:
        raise BytesLength("HKDF-SHA256 gives 1 to 8160 bytes", got=length)
    pseudorandom = hmac.digest(salt or bytes(32), key, hashlib.sha256)
    block, output = b"", b""
    while len(output) < length:
        block = hmac.digest(pseudorandom, block + info + bytes([len(output) // 32 + 1]), hashlib.sha256)
        output += block
    return output[:length]


def new_seed() -> bytes:
    """32 bytes from the operating system's randomness."""
    return secrets.token_bytes(SEED_BYTES)


@dataclass(frozen=True)
class OwnerKeys:
    """The two secret keys of an owner, each in ``[1, 2**248)``. Its repr names the public owner alone."""

    ask: int = field(repr=False)
    nk: int = field(repr=False)

    def __post_init__(self) -> None:
        for name in ("ask", "nk"):
            value = getattr(self, name)
            if type(value) is not int or not 0 < value < 1 << KEY_BITS:
                raise IntFormat(f"`{name}` must be from 1 to 2**{KEY_BITS} - 1", where="owner keys")

    @classmethod
    def of_seed(cls, seed: bytes) -> Self:
        """Both keys of a 32-byte seed."""
        if len(seed) != SEED_BYTES:
            raise BytesLength("a seed has 32 bytes", where="owner keys", expected=SEED_BYTES, got=len(seed))
        ask, nk = (
            int.from_bytes(hkdf_sha256(seed, f"zkmargin/v1/{name}".encode("ascii"), KEY_BITS // 8), "big")
            for name in ("ask", "nk")
        )
        return cls(ask, nk)

    @property
    def ak(self) -> int:
        """``H(T_AK, ask)``."""
        return tagged("ak", self.ask)

    @property
    def owner(self) -> int:
        """The public name of the owner: ``H(T_OWNER, ak, nk)``."""
        return tagged("owner", self.ak, self.nk)

    def nullifier(self, scope: int, pocket: int) -> int:
        """``H(T_NF, nk, scope, pocket)``: one value per owner, pocket and epoch, whichever venue it is
        for.
        """
        return nullifier(self.nk, scope, pocket)

    def __repr__(self) -> str:
        return "<OwnerKeys (secret)>"


def nullifier(nk: int, scope: int, pocket: int) -> int:
    """``H(T_NF, nk, scope, pocket)``. Raises IntFormat where pocket does not fit 8 bits."""
    if type(pocket) is not int or not 0 <= pocket < 1 << POCKET_BITS:
        raise IntFormat("pocket must be from 0 to 255", where="nullifier")
    return tagged("nf", nk, scope, pocket)
