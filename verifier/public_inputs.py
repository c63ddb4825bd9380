"""Public inputs that no proof file supplies: the challenge gamma and all that follows from the tables.

Order: context, claim, positions (one per venue), collateral_root, nullifier, scope; then, where the rule
set has linear functionals, C, gamma and t; then directly used public expressions.
specs/statement.md#public-inputs
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from zkmargin.errors import BytesLength
from zkmargin.field import FR_MODULUS, require_canonical

GAMMA_TAG: Final = b"zkmargin.v1.gamma".ljust(32, b"\0")


def compute_gamma(vk_hash: bytes, r1cs_digest: bytes, table_digest: bytes, preceding: Sequence[int]) -> int:
    """The Fiat-Shamir challenge over everything that the prover fixed before it, as a field element.

    SHA-256 of ``tag(32) || vkHash || r1csDigest || tableDigest || u32 count || inputs, 32 bytes big-endian
    each``, mod r. ``preceding``: every public input before gamma, ``C`` the last.
    """
    for name, digest in (("vkHash", vk_hash), ("r1csDigest", r1cs_digest), ("tableDigest", table_digest)):
        if len(digest) != 32:
            raise BytesLength("a digest has 32 bytes", where=name, got=len(digest))
    message = hashlib.sha256(GAMMA_TAG + vk_hash + r1cs_digest + table_digest)
    message.update(len(preceding).to_bytes(4, "big"))
    for index, value in enumerate(preceding):
        message.update(require_canonical(value, f"public input {index}").to_bytes(32, "big"))
    return int.from_bytes(message.digest(), "big") % FR_MODULUS
