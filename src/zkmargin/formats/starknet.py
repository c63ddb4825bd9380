"""Starknet: the JSON files that garaga makes a verifier contract and its calldata from.  specs/formats.md#other-chains

Source: keep-starknet-strange/garaga, hydra/garaga/starknet/groth16_contract_generator (parsing_utils.py and
examples/vk_bn254.json, examples/proof_bn254.json), MIT.

    vk.json     elliptic_curve_id "bn254", verifying_key {alpha_g1, beta_g2, gamma_g2, delta_g2, ic []}
    proof.json  elliptic_curve_id "bn254", proof {a, b, c}, public_inputs []

Points are ``{"x", "y"}``, in G2 of pairs ``[c0, c1]``; numbers are 0x hex without leading zeros. The calldata itself
holds garaga's hints beside these numbers, which its tool computes from the two files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from zkmargin.backend import Arithmetic
from zkmargin.errors import FieldRange, IntFormat, LayoutLimit, SchemaType, SchemaUnknownField
from zkmargin.field import ELEMENT_BYTES, FQ_MODULUS, FR_MODULUS
from zkmargin.formats.documents import parse_json
from zkmargin.formats.layouts import Files, Layout, key_points, proof_points
from zkmargin.formats.points import G1_BYTES, require_point

_KEY = ("alpha_g1", "beta_g2", "gamma_g2", "delta_g2")
_HEX = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]{0,63})", re.ASCII)
_CURVE = "bn254"


def _write(document: Mapping[str, Any]) -> bytes:
    """As garaga's examples are written: four spaces of indentation."""
    return (json.dumps({"elliptic_curve_id": _CURVE, **document}, indent=4) + "\n").encode()


def _numbers(encoded: bytes) -> list[str]:
    return [
        hex(int.from_bytes(encoded[at : at + ELEMENT_BYTES], "little")) for at in range(0, len(encoded), ELEMENT_BYTES)
    ]


def _json_of(point: bytes, engine: Arithmetic, where: str) -> dict[str, Any]:
    numbers = _numbers(require_point(point, engine, where))
    if len(point) == G1_BYTES:
        return {"x": numbers[0], "y": numbers[1]}
    return {"x": numbers[:2], "y": numbers[2:]}


def _fields(value: Any, names: Sequence[str], where: str) -> list[Any]:
    if not isinstance(value, dict):
        raise SchemaType("an object is needed", where=where)
    for name in sorted(value.keys() - set(names)):
        raise SchemaUnknownField("field is not known", where=where, got=name)
    for name in names:
        if name not in value:
            raise SchemaType("field is missing", where=where, expected=name)
    return [value[name] for name in names]


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise SchemaType("a list is needed", where=where)
    return value


def _number(value: Any, modulus: int, where: str) -> bytes:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise IntFormat("not 0x hex without leading zeros", where=where)
    if (number := int(value, 16)) >= modulus:
        raise FieldRange("value is not below the field's prime", where=where)
    return number.to_bytes(ELEMENT_BYTES, "little")


def _point(value: Any, parts: int, engine: Arithmetic, where: str) -> bytes:
    """A point of G1 (one part a coordinate) or of G2 (two)."""
    numbers: list[Any] = []
    for coordinate in _fields(value, ("x", "y"), where):
        given = [coordinate] if parts == 1 else _list(coordinate, where)
        if len(given) != parts:
            raise SchemaType("a coordinate of this group has other parts", where=where, expected=parts, got=len(given))
        numbers += given
    return require_point(b"".join(_number(number, FQ_MODULUS, where) for number in numbers), engine, where)


def _read(content: bytes, names: tuple[str, ...], where: str) -> list[Any]:
    curve, *values = _fields(parse_json(content, where), ("elliptic_curve_id", *names), where)
    if curve != _CURVE:
        raise SchemaType("curve is not supported", where=where, expected=_CURVE)
    return values


def _require_usable(ic: Sequence[object]) -> None:
    """garaga refuses keys without public inputs."""
    if len(ic) < 2:
        raise LayoutLimit("starknet takes no key without public inputs", expected="at least 1", got=len(ic) - 1)


def _write_key(verifying_key: bytes, engine: Arithmetic) -> dict[str, bytes]:
    points = [_json_of(point, engine, f"key, {name}") for name, point in key_points(verifying_key)]
    _require_usable(points[4:])
    key = {**dict(zip(_KEY, points[:4], strict=True)), "ic": points[4:]}
    return {"vk.json": _write({"verifying_key": key})}


def _read_key(files: Files, engine: Arithmetic) -> bytes:
    (key,) = _read(files["vk.json"], ("verifying_key",), "vk.json")
    *fixed, ic = _fields(key, (*_KEY, "ic"), "vk.json")
    _require_usable(_list(ic, "vk.json, ic"))
    points = [
        _point(value, 1 if name == "alpha_g1" else 2, engine, f"vk.json, {name}")
        for name, value in zip(_KEY, fixed, strict=True)
    ]
    points += [_point(value, 1, engine, f"vk.json, ic {index}") for index, value in enumerate(ic)]
    return b"".join(points)


def _write_proof(publics: bytes, proof: bytes, engine: Arithmetic) -> dict[str, bytes]:
    points = {name.lower(): _json_of(point, engine, f"proof, {name}") for name, point in proof_points(proof)}
    return {"proof.json": _write({"proof": points, "public_inputs": _numbers(publics)})}


def _read_proof(files: Files, engine: Arithmetic) -> tuple[bytes, bytes]:
    points, publics = _read(files["proof.json"], ("proof", "public_inputs"), "proof.json")
    a, b, c = _fields(points, ("a", "b", "c"), "proof.json")
    proof = b"".join(
        _point(value, parts, engine, f"proof.json, {name}")
        for name, value, parts in (("a", a, 1), ("b", b, 2), ("c", c, 1))
    )
    scalars = [
        _number(value, FR_MODULUS, f"proof.json, public input {index}")
        for index, value in enumerate(_list(publics, "proof.json, public_inputs"))
    ]
    return b"".join(scalars), proof


LAYOUT = Layout("starknet", None, _write_key, _read_key, _write_proof, _read_proof)
