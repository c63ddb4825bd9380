"""Addresses of chains that are not EVM's: Bech32 of Bitcoin (BIP-173, BIP-350), base58 of Solana."""

from __future__ import annotations

from typing import Final

from zkmargin.errors import IdCanonical

_CHARSET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKS: Final = {0: 1, 1: 0x2BC830A3}
"""What the checksum of a witness version comes to: Bech32 for 0, Bech32m for 1."""
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def segwit_program(address: str, where: str = "account", expected: str = "bc") -> tuple[int, bytes]:
    """Witness version (0 or 1) and program of a lower-case address with this prefix. Raises IdCanonical."""
    refusal = IdCanonical(
        "not a segwit address", where=where, expected=f"{expected}1... in lower case", got=address[:100]
    )
    prefix, separator, text = address.rpartition("1")
    if prefix != expected or not separator or not 8 <= len(text) <= 84 or any(c not in _CHARSET for c in text):
        raise refusal
    words = [_CHARSET.index(c) for c in text]
    version = words[0]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    if version not in _CHECKS or _checksum([*expanded, *words]) != _CHECKS[version]:
        raise refusal
    number, bits = 0, 5 * len(words[1:-6])
    for word in words[1:-6]:
        number = number << 5 | word
    padding = bits % 8
    if padding > 4 or number & ((1 << padding) - 1):
        raise refusal
    program = (number >> padding).to_bytes(bits // 8, "big")
    if len(program) not in ((20, 32) if version == 0 else (32,)):
        raise refusal
    return version, program


def _checksum(words: list[int]) -> int:
    value = 1
    for word in words:
        top = value >> 25
        value = (value & 0x1FFFFFF) << 5 ^ word
        for bit, generator in enumerate(_GENERATORS):
            if top >> bit & 1:
                value ^= generator
    return value


def decode_base58(text: str, length: int, where: str = "account") -> bytes:
    """Exactly ``length`` bytes. Raises IdCanonical."""
    refusal = IdCanonical("not base58 of the right length", where=where, expected=f"{length} bytes", got=text[:100])
    if len(text) > 2 * length or any(c not in _BASE58 for c in text):
        raise refusal
    zeros = len(text) - len(text.lstrip(_BASE58[0]))
    number = 0
    for c in text:
        number = 58 * number + _BASE58.index(c)
    found = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(found) != length:
        raise refusal
    return found
