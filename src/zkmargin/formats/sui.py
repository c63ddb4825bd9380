"""Sui: arkworks' compressed serialisation, as the module sui::groth16 takes it.     specs/formats.md#other-chains

Source: MystenLabs/fastcrypto, fastcrypto-zkp/src/groth16/api.rs (``from_arkworks_format``), and MystenLabs/sui,
sui-framework, sources/crypto/groth16.move (eight public inputs at most), Apache-2.0.

    key.bin     alpha(32) beta(64) gamma(64) delta(64) u64 number of points of IC, IC(32 each)
    proof.bin   A(32) B(64) C(32)
    public.bin  32 bytes each, little-endian
"""

from __future__ import annotations

from zkmargin.backend import Arithmetic
from zkmargin.errors import BytesLength
from zkmargin.field import ELEMENT_BYTES
from zkmargin.formats.layouts import Files, Layout, key_points, proof_points
from zkmargin.formats.points import compress, decompress, require_scalars

MAX_PUBLIC = 8
_G1 = ELEMENT_BYTES
_G2 = 2 * ELEMENT_BYTES
_COUNT = 8
_FIXED = _G1 + 3 * _G2


def _write_key(verifying_key: bytes, engine: Arithmetic) -> dict[str, bytes]:
    points = [compress(point, engine, f"key, {name}") for name, point in key_points(verifying_key)]
    count = (len(points) - 4).to_bytes(_COUNT, "little")
    return {"key.bin": b"".join([*points[:4], count, *points[4:]])}


def _read_key(files: Files, engine: Arithmetic) -> bytes:
    encoded = files["key.bin"]
    count = int.from_bytes(encoded[_FIXED : _FIXED + _COUNT], "little")
    if count < 1 or len(encoded) != _FIXED + _COUNT + count * _G1:
        raise BytesLength("not a verifying key's length", where="key.bin", got=len(encoded))
    sizes = [_G1, _G2, _G2, _G2] + [_G1] * count
    return _points(encoded[:_FIXED] + encoded[_FIXED + _COUNT :], sizes, engine, "key.bin")


def _points(encoded: bytes, sizes: list[int], engine: Arithmetic, where: str) -> bytes:
    points, at = [], 0
    for index, size in enumerate(sizes):
        points.append(decompress(encoded[at : at + size], engine, f"{where}, point {index}"))
        at += size
    return b"".join(points)


def _write_proof(publics: bytes, proof: bytes, engine: Arithmetic) -> dict[str, bytes]:
    points = [compress(point, engine, f"proof, {name}") for name, point in proof_points(proof)]
    return {"proof.bin": b"".join(points), "public.bin": publics}


def _read_proof(files: Files, engine: Arithmetic) -> tuple[bytes, bytes]:
    encoded = files["proof.bin"]
    if len(encoded) != 2 * _G1 + _G2:
        raise BytesLength("a compressed proof is 128 bytes", where="proof.bin", got=len(encoded))
    proof = _points(encoded, [_G1, _G2, _G1], engine, "proof.bin")
    return require_scalars(files["public.bin"], "public.bin"), proof


LAYOUT = Layout("sui", MAX_PUBLIC, _write_key, _read_key, _write_proof, _read_proof)
