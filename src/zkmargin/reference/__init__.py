"""The arithmetic engine in plain Python: readable first, the oracle for the Rust core, and its stand-in.

The same functions and classes as ``zkmargin._core``, over the same bytes (``zkmargin.backend`` has the
protocol). Not constant-time: a prover on a machine that others share uses the Rust core.
"""

from zkmargin.reference.ate_pairing import pairing, pairing_check
from zkmargin.reference.curve import g1_add, g1_is_valid, g1_mul, g2_add, g2_is_valid, g2_mul
from zkmargin.reference.field import fq2_op, fq_op, fr_op
from zkmargin.reference.fourier import ntt
from zkmargin.reference.groth16 import ProvingKey, groth16_setup, groth16_verify, r1cs_check
from zkmargin.reference.matrix import SparseMatrix
from zkmargin.reference.msm import g1_msm, g2_msm
from zkmargin.reference.poseidon_permutation import poseidon
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
    "ntt",
    "pairing",
    "pairing_check",
    "poseidon",
    "r1cs_check",
]
