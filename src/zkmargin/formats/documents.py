"""snarkjs's JSON files, converted exactly to and from the bytes that engines take.    specs/formats.md#json

    verifying key  alpha1(64) beta2(128) gamma2(128) delta2(128) IC(64 each, nPublic + 1)
    proof          A(64) B(128) C(64)
    public inputs  32 bytes each

All little-endian, canonical. ``verification_key.json``, ``proof.json`` and ``public.json`` write decimal
strings, points in projective coordinates with a last coordinate of 1 (0 for infinity).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from zkmargin.backend import Arithmetic
from zkmargin.encoding import loads_json
from zkmargin.errors import (
    BytesLength,
    FieldRange,
    IntFormat,
    ProofPoint,
    SchemaType,
    SchemaUnknownField,
)
from zkmargin.field import ELEMENT_BYTES, FQ_MODULUS, FR_MODULUS

G1_BYTES = 2 * ELEMENT_BYTES
G2_BYTES = 4 * ELEMENT_BYTES
PROOF_BYTES = 2 * G1_BYTES + G2_BYTES
VERIFYING_KEY_FIXED_BYTES = G1_BYTES + 3 * G2_BYTES
VERIFYING_KEY_HASH_TAG = b"zkmargin.v1.vk"

_BN_PARAMETER = 4965661367192848881
SNARKJS_PAIRING_FACTOR = 2 * _BN_PARAMETER * (6 * _BN_PARAMETER**2 + 3 * _BN_PARAMETER + 1) % FR_MODULUS
"""snarkjs's final exponentiation is this power of the plain one (as in Fuentes-Castaneda et al. 2011)."""

MAX_JSON_DEPTH = 32
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_PROOF_FIELDS = {"pi_a", "pi_b", "pi_c", "protocol", "curve"}
_KEY_FIELDS = {
    "protocol",
    "curve",
    "nPublic",
    "vk_alpha_1",
    "vk_beta_2",
    "vk_gamma_2",
    "vk_delta_2",
    "vk_alphabeta_12",
    "IC",
}
_OPTIONAL_KEY_FIELDS = {"vk_alphabeta_12"}


# --- JSON text ----------------------------------------------------------------------------------------------


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise SchemaType("a field comes twice in one object")
    return fields


def _compute_depth(text: str) -> int:
    """The deepest nesting of brackets outside strings."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def parse_json(text: str | bytes, where: str) -> Any:
    """Parse JSON. SchemaType where a field comes twice, a number is not an integer, or nesting is deep."""

    def refuse(_: str) -> Any:
        raise SchemaType("only whole numbers are used here", where=where)

    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        if _compute_depth(text) > MAX_JSON_DEPTH:  # not left to the recursion limit, which libraries raise
            raise SchemaType("nested too deeply", where=where, expected=f"at most {MAX_JSON_DEPTH} levels")
        return loads_json(text, object_pairs_hook=_unique_fields, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # JSONDecodeError, UnicodeDecodeError and huge integers
        raise SchemaType("not valid JSON", where=where) from error


def dump_json(document: Any) -> str:
    """As snarkjs writes it: one space of indentation, no line end."""
    return json.dumps(document, indent=1)


# --- values -------------------------------------------------------------------------------------------------


def _integer(value: Any, modulus: int, where: str) -> int:
    if not isinstance(value, str):
        raise SchemaType("a decimal string is needed", where=where, got=type(value).__name__)
    if not _DECIMAL.fullmatch(value):
        raise IntFormat("not a canonical decimal string", where=where)
    number = int(value)
    if number >= modulus:
        raise FieldRange("value is not below the field's prime", where=where)
    return number


def _sequence(value: Any, length: int, where: str) -> list[Any]:
    if not isinstance(value, list) or len(value) != length:
        raise SchemaType("a list is needed", where=where, expected=f"{length} entries")
    return value


def _encode(numbers: Sequence[int]) -> bytes:
    return b"".join(number.to_bytes(ELEMENT_BYTES, "little") for number in numbers)


def _decode(encoded: bytes, modulus: int, where: str) -> list[int]:
    numbers = [
        int.from_bytes(encoded[at : at + ELEMENT_BYTES], "little") for at in range(0, len(encoded), ELEMENT_BYTES)
    ]
    for index, number in enumerate(numbers):
        if number >= modulus:
            raise FieldRange("value is not below the field's prime", where=f"{where}, element {index}")
    return numbers


def _point_bytes(coordinates: Sequence[Sequence[int]], where: str) -> bytes:
    """From ``[x, y, z]``, each a list of one (G1) or two (G2) integers; only normalised points are taken."""
    x, y, z = coordinates
    one, zero = [1] + [0] * (len(z) - 1), [0] * len(z)
    if list(z) == one:
        if not any(x) and not any(y):
            raise ProofPoint("point is not on the curve", where=where)  # its bytes would read as infinity
        return _encode([*x, *y])
    if list(z) == zero and list(x) == zero and list(y) == one:
        return bytes(2 * len(z) * ELEMENT_BYTES)
    raise ProofPoint("point is not normalised", where=where, expected="a last coordinate of 1, or [0, 1, 0]")


def _g1_bytes(value: Any, where: str) -> bytes:
    coordinates = [[_integer(part, FQ_MODULUS, where)] for part in _sequence(value, 3, where)]
    return _point_bytes(coordinates, where)


def _g2_bytes(value: Any, where: str) -> bytes:
    coordinates = [
        [_integer(part, FQ_MODULUS, where) for part in _sequence(pair, 2, where)] for pair in _sequence(value, 3, where)
    ]
    return _point_bytes(coordinates, where)


def _g1_json(encoded: bytes, where: str) -> list[str]:
    x, y = _decode(encoded, FQ_MODULUS, where)
    return [str(x), str(y), "1"] if x or y else ["0", "1", "0"]


def _g2_json(encoded: bytes, where: str) -> list[list[str]]:
    a, b, c, d = _decode(encoded, FQ_MODULUS, where)
    if not (a or b or c or d):
        return [["0", "0"], ["1", "0"], ["0", "0"]]
    return [[str(a), str(b)], [str(c), str(d)], ["1", "0"]]


def _require_object(value: Any, required: set[str], optional: set[str], where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SchemaType("an object is needed", where=where, got=type(value).__name__)
    for name in sorted(value.keys() - required - optional):
        raise SchemaUnknownField("field is not known", where=where, got=name)
    for name in sorted(required - value.keys()):
        raise SchemaType("field is missing", where=where, expected=name)
    if value["protocol"] != "groth16":
        raise SchemaType("proof system is not supported", where=where, expected="groth16")
    if value["curve"] != "bn128":
        raise SchemaType("curve is not supported", where=where, expected="bn128")
    return value


# --- proof.json, public.json --------------------------------------------------------------------------------


def proof_from_json(document: Any) -> bytes:
    """256 bytes. Raises SchemaType, SchemaUnknownField, IntFormat, FieldRange, ProofPoint."""
    fields = _require_object(document, _PROOF_FIELDS, set(), "proof")
    return (
        _g1_bytes(fields["pi_a"], "proof pi_a")
        + _g2_bytes(fields["pi_b"], "proof pi_b")
        + _g1_bytes(fields["pi_c"], "proof pi_c")
    )


def proof_to_json(proof: bytes) -> dict[str, Any]:
    """``proof.json`` as an object, fields in snarkjs's order."""
    if len(proof) != PROOF_BYTES:
        raise BytesLength("a proof is 256 bytes", where="proof", got=len(proof))
    return {
        "pi_a": _g1_json(proof[:G1_BYTES], "proof pi_a"),
        "pi_b": _g2_json(proof[G1_BYTES : G1_BYTES + G2_BYTES], "proof pi_b"),
        "pi_c": _g1_json(proof[G1_BYTES + G2_BYTES :], "proof pi_c"),
        "protocol": "groth16",
        "curve": "bn128",
    }


def public_from_json(document: Any) -> bytes:
    """32 bytes a public input. Raises SchemaType, IntFormat, FieldRange."""
    if not isinstance(document, list):
        raise SchemaType("a list is needed", where="public inputs")
    return _encode([_integer(v, FR_MODULUS, f"public input {i}") for i, v in enumerate(document)])


def public_to_json(publics: bytes) -> list[str]:
    """``public.json`` as a list of decimal strings."""
    if len(publics) % ELEMENT_BYTES:
        raise BytesLength("public inputs are 32 bytes each", where="public inputs", got=len(publics))
    return [str(number) for number in _decode(publics, FR_MODULUS, "public inputs")]


# --- verification_key.json ----------------------------------------------------------------------------------


def count_public(verifying_key: bytes) -> int:
    """``nPublic`` of a verifying key's bytes. Raises BytesLength where they are not of a possible length."""
    points, rest = divmod(len(verifying_key) - VERIFYING_KEY_FIXED_BYTES, G1_BYTES)
    if rest or points < 1:
        raise BytesLength("not a verifying key's length", where="verifying key", got=len(verifying_key))
    return points - 1


def split_verifying_key(verifying_key: bytes) -> tuple[bytes, bytes, bytes, bytes, list[bytes]]:
    """``alpha1, beta2, gamma2, delta2, [IC_0, ...]``."""
    points = count_public(verifying_key) + 1
    at = G1_BYTES
    groups = [verifying_key[at + k * G2_BYTES : at + (k + 1) * G2_BYTES] for k in range(3)]
    ic = verifying_key[VERIFYING_KEY_FIXED_BYTES:]
    return (
        verifying_key[:at],
        groups[0],
        groups[1],
        groups[2],
        [ic[k * G1_BYTES : (k + 1) * G1_BYTES] for k in range(points)],
    )


def verifying_key_from_json(document: Any) -> bytes:
    """The verifying key's bytes. ``vk_alphabeta_12`` is derived and not read: who verifies computes it.

    Raises SchemaType, SchemaUnknownField, IntFormat, FieldRange, ProofPoint.
    """
    where = "verifying key"
    fields = _require_object(document, _KEY_FIELDS - _OPTIONAL_KEY_FIELDS, _OPTIONAL_KEY_FIELDS, where)
    n_public = fields["nPublic"]
    if not isinstance(n_public, int) or isinstance(n_public, bool) or n_public < 0:
        raise SchemaType("a whole number is needed", where=f"{where} nPublic")
    ic = _sequence(fields["IC"], n_public + 1, f"{where} IC")
    return b"".join(
        [
            _g1_bytes(fields["vk_alpha_1"], f"{where} vk_alpha_1"),
            _g2_bytes(fields["vk_beta_2"], f"{where} vk_beta_2"),
            _g2_bytes(fields["vk_gamma_2"], f"{where} vk_gamma_2"),
            _g2_bytes(fields["vk_delta_2"], f"{where} vk_delta_2"),
            *[_g1_bytes(point, f"{where} IC {index}") for index, point in enumerate(ic)],
        ]
    )


def verifying_key_to_json(verifying_key: bytes, engine: Arithmetic) -> dict[str, Any]:
    """``verification_key.json`` as an object, fields in snarkjs's order; byte for byte what snarkjs exports.

    The engine computes ``vk_alphabeta_12``. Raises ValueError where alpha or beta is not a point of its
    group.
    """
    alpha, beta, gamma, delta, ic = split_verifying_key(verifying_key)
    alpha_beta = engine.pairing(engine.g1_mul(alpha, _encode([SNARKJS_PAIRING_FACTOR])), beta)
    return {
        "protocol": "groth16",
        "curve": "bn128",
        "nPublic": len(ic) - 1,
        "vk_alpha_1": _g1_json(alpha, "alpha"),
        "vk_beta_2": _g2_json(beta, "beta"),
        "vk_gamma_2": _g2_json(gamma, "gamma"),
        "vk_delta_2": _g2_json(delta, "delta"),
        "vk_alphabeta_12": _tower_json(alpha_beta),
        "IC": [_g1_json(point, "IC") for point in ic],
    }


def _tower_json(element: bytes) -> list[list[list[str]]]:
    """Fq12 as two Fq6 over w, each three Fq2 over ``v = w^2``; from coefficients of w, ``w^6 = 9 + u``."""
    c = _decode(element, FQ_MODULUS, "e(alpha, beta)")
    pairs = [[str((c[k] + 9 * c[k + 6]) % FQ_MODULUS), str(c[k + 6])] for k in range(6)]
    return [pairs[0::2], pairs[1::2]]


def vk_hash(verifying_key: bytes) -> bytes:
    """The digest that policies list: SHA-256 of the tag, ``nPublic`` as u32 and all coordinates, big-endian.

    Order: alpha, beta (x.c0, x.c1, y.c0, y.c1), gamma, delta, IC.                    specs/formats.md#vk-hash
    """
    n_public = count_public(verifying_key)
    coordinates = _decode(verifying_key, FQ_MODULUS, "verifying key")
    digest = hashlib.sha256(VERIFYING_KEY_HASH_TAG + n_public.to_bytes(4, "big"))
    for coordinate in coordinates:
        digest.update(coordinate.to_bytes(ELEMENT_BYTES, "big"))
    return digest.digest()
