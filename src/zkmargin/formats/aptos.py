"""Aptos: the elements that a Move program deserialises one by one, as 0x hex.       specs/formats.md#other-chains

Source: aptos-labs/aptos-core, aptos-move/move-examples/groth16_example/sources/groth16.move
(``test_verify_circom_proof``): formats ``FormatG1Uncompr``, ``FormatG2Uncompr`` and ``FormatFrLsb`` of
``aptos_std::bn254_algebra``. Arkworks writes the sign of y into uncompressed points too, and readers ignore it; here it
is never written and never read, so that each point has one encoding.

    key.json    alpha_g1 beta_g2 gamma_g2 delta_g2 gamma_abc_g1[]
    proof.json  a b c public_inputs[]

Of G1 64 bytes ``x y``, of G2 128 bytes ``x.c0 x.c1 y.c0 y.c1``, of an input 32 bytes, all little-endian.
"""

from __future__ import annotations

import json
from typing import Any

from zkmargin.backend import Arithmetic
from zkmargin.encoding import hex_bytes, parse_bytes
from zkmargin.errors import SchemaType, SchemaUnknownField
from zkmargin.field import ELEMENT_BYTES
from zkmargin.formats.documents import parse_json
from zkmargin.formats.layouts import Files, Layout, key_points, proof_points
from zkmargin.formats.points import G1_BYTES, G2_BYTES, require_point, require_scalars

_KEY = ("alpha_g1", "beta_g2", "gamma_g2", "delta_g2")


def _write(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()


def _hex(point: bytes, engine: Arithmetic, where: str) -> str:
    return hex_bytes(require_point(point, engine, where))


def _point(value: object, length: int, engine: Arithmetic, where: str) -> bytes:
    return require_point(parse_bytes(value, where, length), engine, where)


def _object(content: bytes, where: str, names: tuple[str, ...], listed: str) -> tuple[list[Any], list[Any]]:
    """The values of ``names``, and the list ``listed``; no other field is taken."""
    document = parse_json(content, where)
    if not isinstance(document, dict):
        raise SchemaType("an object is needed", where=where)
    for name in sorted(document.keys() - {*names, listed}):
        raise SchemaUnknownField("field is not known", where=where, got=name)
    for name in (*names, listed):
        if name not in document:
            raise SchemaType("field is missing", where=where, expected=name)
    if not isinstance(document[listed], list):
        raise SchemaType("a list is needed", where=f"{where}, {listed}")
    return [document[name] for name in names], document[listed]


def _write_key(verifying_key: bytes, engine: Arithmetic) -> dict[str, bytes]:
    points = [_hex(point, engine, f"key, {name}") for name, point in key_points(verifying_key)]
    return {"key.json": _write({**dict(zip(_KEY, points[:4], strict=True)), "gamma_abc_g1": points[4:]})}


def _read_key(files: Files, engine: Arithmetic) -> bytes:
    fixed, ic = _object(files["key.json"], "key.json", _KEY, "gamma_abc_g1")
    lengths = (G1_BYTES, G2_BYTES, G2_BYTES, G2_BYTES)
    points = [
        _point(value, length, engine, f"key.json, {name}")
        for name, value, length in zip(_KEY, fixed, lengths, strict=True)
    ]
    points += [_point(value, G1_BYTES, engine, f"key.json, gamma_abc_g1 {index}") for index, value in enumerate(ic)]
    return b"".join(points)


def _write_proof(publics: bytes, proof: bytes, engine: Arithmetic) -> dict[str, bytes]:
    fields: dict[str, Any] = {
        name.lower(): _hex(point, engine, f"proof, {name}") for name, point in proof_points(proof)
    }
    scalars = [publics[at : at + ELEMENT_BYTES] for at in range(0, len(publics), ELEMENT_BYTES)]
    fields["public_inputs"] = [hex_bytes(scalar) for scalar in scalars]
    return {"proof.json": _write(fields)}


def _read_proof(files: Files, engine: Arithmetic) -> tuple[bytes, bytes]:
    (a, b, c), publics = _object(files["proof.json"], "proof.json", ("a", "b", "c"), "public_inputs")
    proof = b"".join(
        _point(value, length, engine, f"proof.json, {name}")
        for name, value, length in (("a", a, G1_BYTES), ("b", b, G2_BYTES), ("c", c, G1_BYTES))
    )
    scalars = [parse_bytes(value, f"proof.json, public input {index}", 32) for index, value in enumerate(publics)]
    return require_scalars(b"".join(scalars), "proof.json, public inputs"), proof


LAYOUT = Layout("aptos", None, _write_key, _read_key, _write_proof, _read_proof)
