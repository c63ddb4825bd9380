"""Groth16 verification by a named engine, with one set of errors whoever computes.

Engines: ``rust`` (the core), ``python`` (py_ecc, which shares no arithmetic with the core), ``reference``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from zkmargin.backend import Arithmetic
from zkmargin.backend import engine as arithmetic_engine
from zkmargin.errors import BytesLength, FieldRange, ProofInvalid, ProofPoint, ZkMarginError
from zkmargin.field import ELEMENT_BYTES, FQ_MODULUS, FR_MODULUS
from zkmargin.formats import count_public, split_verifying_key

ENGINES = ("rust", "python", "reference")

_G1_BYTES = 64
_PROOF_BYTES = 256
_WEIGHT_BYTES = 16


def _require_canonical(encoded: bytes, modulus: int, where: str) -> None:
    for at in range(0, len(encoded), ELEMENT_BYTES):
        if int.from_bytes(encoded[at : at + ELEMENT_BYTES], "little") >= modulus:
            raise FieldRange("value is not below the field's prime", where=f"{where}, element {at // ELEMENT_BYTES}")


def _require_encodings(vk: bytes, publics: bytes, proof: bytes) -> None:
    n_public = count_public(vk)
    if len(proof) != _PROOF_BYTES:
        raise BytesLength("a proof is 256 bytes", where="proof", got=len(proof))
    if len(publics) != n_public * ELEMENT_BYTES:
        raise BytesLength(
            "the verifying key has another number of public inputs",
            where="public inputs",
            expected=n_public * ELEMENT_BYTES,
            got=len(publics),
        )
    _require_canonical(vk, FQ_MODULUS, "verifying key")
    _require_canonical(publics, FR_MODULUS, "public inputs")
    _require_canonical(proof, FQ_MODULUS, "proof")


def _require_points(engine: Arithmetic, vk: bytes, proof: bytes) -> None:
    """Find the point that an engine refused, to name it."""
    alpha, beta, gamma, delta, ic = split_verifying_key(vk)
    if not all(any(point) for point in (alpha, beta, gamma, delta)):
        raise ProofPoint("point is at infinity", where="verifying key")
    valid = all(engine.g1_is_valid(point) for point in (alpha, *ic))
    if not valid or not all(engine.g2_is_valid(point) for point in (beta, gamma, delta)):
        raise ProofPoint("point is off its curve or outside its subgroup", where="verifying key")
    a, b, c = proof[:_G1_BYTES], proof[_G1_BYTES:-_G1_BYTES], proof[-_G1_BYTES:]
    if not (engine.g1_is_valid(a) and engine.g1_is_valid(c) and engine.g2_is_valid(b)):
        raise ProofPoint("point is off its curve or outside its subgroup", where="proof")


def verify_groth16(vk: bytes, publics: bytes, proof: bytes, *, engine: str | None = None) -> None:
    """Return if the proof holds for these public inputs under this key; raise otherwise.

    Encodings are those of ``zkmargin.backend``. ``engine`` is one of ENGINES, or None for the fastest one
    here. Raises: BytesLength; FieldRange (a value is not canonical); ProofPoint (a point is off its curve or
    outside its subgroup); ProofInvalid (the equation does not hold); EngineUnavailable.
    """
    if engine == "python":
        from zkmargin.verifier import groth16_python  # late: py_ecc loads as long as the core verifies

        groth16_python.verify_groth16(vk, publics, proof)
        return
    arithmetic = arithmetic_engine(engine)
    _require_encodings(vk, publics, proof)
    try:
        holds = arithmetic.groth16_verify(vk, publics, proof)
    except ValueError as error:
        _require_points(arithmetic, vk, proof)
        raise ProofInvalid("the engine refused the proof", where=str(error)) from error
    if holds is not True:
        raise ProofInvalid("the pairing equation does not hold")


def verify_groth16_all(
    vk: bytes, cases: Sequence[tuple[bytes, bytes]], *, engine: str | None = None
) -> list[ZkMarginError | None]:
    """For each ``(publics, proof)`` of one key: None where ``verify_groth16`` returns, or what it raises.

    Several are checked in one product of pairings under weights that are drawn now; where that does not hold, each is
    checked alone. A false proof has passed with a probability of ``2^-128`` at most.
    """
    if len(cases) > 1 and engine != "python" and _hold_together(arithmetic_engine(engine), vk, cases):
        return [None] * len(cases)
    return [_refusal(vk, publics, proof, engine) for publics, proof in cases]


def _hold_together(arithmetic: Arithmetic, vk: bytes, cases: Sequence[tuple[bytes, bytes]]) -> bool:
    try:
        for publics, proof in cases:
            _require_encodings(vk, publics, proof)
        publics, proofs = (b"".join(parts) for parts in zip(*cases, strict=True))
        weights = secrets.token_bytes(_WEIGHT_BYTES * len(cases))
        return arithmetic.groth16_verify_all(vk, publics, proofs, weights) is True
    except (ZkMarginError, ValueError):  # one of them is malformed; which, each alone will tell
        return False


def _refusal(vk: bytes, publics: bytes, proof: bytes, engine: str | None) -> ZkMarginError | None:
    try:
        verify_groth16(vk, publics, proof, engine=engine)
    except ZkMarginError as error:
        return error
    return None
