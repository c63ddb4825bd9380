"""The two prime fields of BN254 and their byte encodings.

``r`` is the order of the groups and the field of circuits (Fr); ``q`` is the field of coordinates (Fq).
Arrays of elements are little-endian, 32 bytes each, and always canonical.                  EIP-196; specs/formats.md
"""

from __future__ import annotations

from collections.abc import Iterable

from zkmargin.errors import FieldRange

FR_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617
FQ_MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583
ELEMENT_BYTES = 32


def encode_elements(values: Iterable[int]) -> bytes:
    """Encode integers mod r as 32 little-endian bytes each; negative integers stand for ``r - |x|``."""
    return b"".join((value % FR_MODULUS).to_bytes(ELEMENT_BYTES, "little") for value in values)


def decode_elements(encoded: bytes, modulus: int = FR_MODULUS) -> list[int]:
    """Decode little-endian elements. Raises FieldRange where one is not canonical."""
    if len(encoded) % ELEMENT_BYTES:
        raise FieldRange("field elements are 32 bytes each", expected="a multiple of 32 bytes", got=len(encoded))
    values = [
        int.from_bytes(encoded[at : at + ELEMENT_BYTES], "little") for at in range(0, len(encoded), ELEMENT_BYTES)
    ]
    for index, value in enumerate(values):
        if value >= modulus:
            raise FieldRange("value is not below the field's prime", where=f"element {index}")
    return values


def require_canonical(value: int, where: str) -> int:
    """Return ``value`` if ``0 <= value < r``; raise FieldRange otherwise."""
    if not 0 <= value < FR_MODULUS:
        raise FieldRange("value is not a canonical field element", where=where, expected="0 <= value < r")
    return value


def signed(value: int) -> int:
    """The integer in ``(-r/2, r/2]`` that a field element stands for."""
    return value - FR_MODULUS if value > FR_MODULUS // 2 else value
