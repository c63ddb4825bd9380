"""The arithmetic engine in plain Python: readable first, the oracle for the Rust core, and its stand-in.

The same functions and classes as ``zkmargin._core``, over the same bytes (``zkmargin.backend`` has the
protocol). Not constant-time: a prover on a machine that others share uses the Rust core.

Names are loaded when first used: circuits need the witness program's opcodes, not a pairing.
"""

from __future__ import annotations

import importlib
import typing

if typing.TYPE_CHECKING:
    from zkmargin.reference.ate_pairing import pairing, pairing_check
    from zkmargin.reference.curve import g1_add, g1_is_valid, g1_mul, g2_add, g2_is_valid, g2_mul
    from zkmargin.reference.field import fq2_op, fq_op, fr_op
    from zkmargin.reference.fourier import ntt
    from zkmargin.reference.groth16 import ProvingKey, groth16_setup, groth16_verify, groth16_verify_all, r1cs_check
    from zkmargin.reference.keccak import keccak256
    from zkmargin.reference.matrix import SparseMatrix
    from zkmargin.reference.msm import g1_msm, g2_msm
    from zkmargin.reference.poseidon_permutation import poseidon, poseidon_many
    from zkmargin.reference.program import Witness, WitnessProgram, WitnessRun

__all__ = [
    "ProvingKey",
    "SparseMatrix",
    "Witness",
    "WitnessProgram",
    "WitnessRun",
    "fq2_op",
    "fq_op",
    "fr_op",
    "g1_add",
    "g1_is_valid",
    "g1_msm",
    "g1_mul",
    "g2_add",
    "g2_is_valid",
    "g2_msm",
    "g2_mul",
    "groth16_setup",
    "groth16_verify",
    "groth16_verify_all",
    "keccak256",
    "ntt",
    "pairing",
    "pairing_check",
    "poseidon",
    "poseidon_many",
    "r1cs_check",
]

_MODULES = {
    "ate_pairing": (
        "pairing",
        "pairing_check",
    ),
    "curve": (
        "g1_add",
        "g1_is_valid",
        "g1_mul",
        "g2_add",
        "g2_is_valid",
        "g2_mul",
    ),
    "field": (
        "fq2_op",
        "fq_op",
        "fr_op",
    ),
    "fourier": ("ntt",),
    "groth16": (
        "ProvingKey",
        "groth16_setup",
        "groth16_verify",
        "groth16_verify_all",
        "r1cs_check",
    ),
    "keccak": ("keccak256",),
    "matrix": ("SparseMatrix",),
    "msm": (
        "g1_msm",
        "g2_msm",
    ),
    "poseidon_permutation": (
        "poseidon",
        "poseidon_many",
    ),
    "program": (
        "Witness",
        "WitnessProgram",
        "WitnessRun",
    ),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> typing.Any:
    """Load a name from its module (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
