"""Solana: the arrays of the crate groth16-solana, for the alt_bn128 system calls.  specs/formats.md#other-chains

Source: Lightprotocol/groth16-solana, src/groth16.rs (``Groth16Verifyingkey``, ``Groth16Verifier::new``), Apache-2.0.

    key.bin     alpha(64) beta(128) gamma(128) delta(128) IC(64 each)      big-endian, EIP-196 and EIP-197
    proof.bin   -A(64) B(128) C(64)                                        the program multiplies four pairings to one
    public.bin  32 bytes each, big-endian
"""

from __future__ import annotations

from zkmargin.backend import Arithmetic
from zkmargin.errors import BytesLength
from zkmargin.field import ELEMENT_BYTES
from zkmargin.formats.documents import PROOF_BYTES
from zkmargin.formats.layouts import Files, Layout, key_points, proof_points
from zkmargin.formats.points import negate_g1, require_point, require_scalars, swap


def _write_key(verifying_key: bytes, engine: Arithmetic) -> dict[str, bytes]:
    points = key_points(verifying_key)
    return {"key.bin": b"".join(swap(require_point(point, engine, f"key, {name}")) for name, point in points)}


def _read_key(files: Files, engine: Arithmetic) -> bytes:
    points = key_points(files["key.bin"])
    return b"".join(require_point(swap(point), engine, f"key.bin, {name}") for name, point in points)


def _write_proof(publics: bytes, proof: bytes, engine: Arithmetic) -> dict[str, bytes]:
    a, b, c = (require_point(point, engine, f"proof, {name}") for name, point in proof_points(proof))
    return {"proof.bin": swap(negate_g1(a)) + swap(b) + swap(c), "public.bin": _turn(publics)}


def _read_proof(files: Files, engine: Arithmetic) -> tuple[bytes, bytes]:
    encoded = files["proof.bin"]
    if len(encoded) != PROOF_BYTES:
        raise BytesLength("a proof is 256 bytes", where="proof.bin", got=len(encoded))
    a, b, c = (require_point(swap(point), engine, f"proof.bin, {name}") for name, point in proof_points(encoded))
    return require_scalars(_turn(files["public.bin"]), "public.bin"), negate_g1(a) + b + c


def _turn(elements: bytes) -> bytes:
    """Every element the other way round."""
    return b"".join(elements[at : at + ELEMENT_BYTES][::-1] for at in range(0, len(elements), ELEMENT_BYTES))


LAYOUT = Layout("solana", None, _write_key, _read_key, _write_proof, _read_proof)
