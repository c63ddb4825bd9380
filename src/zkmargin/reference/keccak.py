"""Keccak-256, which is not arithmetic and no oracle of its own: pycryptodome's."""

from __future__ import annotations

from eth_hash.auto import keccak


def keccak256(message: bytes) -> bytes:
    """The digest, as Ethereum pads."""
    return keccak(message)
