"""Which arithmetic does the work: the Rust core, or the plain-Python reference that is its oracle.

Both are modules with the same functions over the same byte encodings; this protocol is their contract.

- Field elements: 32 bytes little-endian each, canonical (below the modulus); arrays are concatenations.
- G1 points: 64 bytes ``x || y``; G2 points: 128 bytes ``x.c0 || x.c1 || y.c0 || y.c1``; infinity: all zeros.
- Elements of Fq12: 384 bytes, the coefficients of ``w^0 .. w^11`` over ``Fq[w] / (w^12 - 18 w^6 + 82)``.
- A Groth16 proof: 256 bytes ``A || B || C``. A verifying key:
  ``alpha1 || beta2 || gamma2 || delta2 || IC...``.

Malformed input raises ValueError, whose text never holds a value.                         specs/formats.md
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Literal, Protocol, cast

from zkmargin.errors import EngineUnavailable

FieldOperation = Literal["add", "sub", "mul", "inv"]


class WitnessHandle(Protocol):
    """The values of all wires of a circuit, out of sight: the repr shows nothing, dropping it wipes them."""

    def to_bytes(self) -> bytes:
        """All wires as field elements, wire 0 (one) first."""

    def __len__(self) -> int:
        """The number of wires."""


class SparseMatrixHandle(Protocol):
    """An ``n_rows x n_cols`` matrix over Fr."""

    @property
    def n_rows(self) -> int: ...
    @property
    def n_cols(self) -> int: ...

    def fold(self, gamma: bytes, /) -> bytes:
        """``t_j = sum_k gamma^k * T[j][k]``: ``n_rows`` elements."""


class WitnessRunHandle(Protocol):
    """A witness program under way, between its first and its second part."""

    def get(self, wire: int, count: int, /) -> bytes:
        """The values of ``count`` wires from ``wire`` on (zero where nothing was written yet)."""

    def set(self, wire: int, values: bytes, /) -> None:
        """Write wires that the second part reads."""

    def finish(self) -> None:
        """Run the second part. ValueError("witness: <label>") if no witness exists."""

    def witness(self) -> WitnessHandle:
        """A copy of all wires, after ``finish``."""


class WitnessProgramHandle(Protocol):
    """A parsed witness program."""

    @property
    def n_wires(self) -> int: ...

    def start(self, inputs: Sequence[tuple[int, bytes]], matrices: Sequence[SparseMatrixHandle], /) -> WitnessRunHandle:
        """Write the inputs (first wire, values) and run the first part.

        ValueError("witness: <label>") if an instruction fails.
        """


class ProvingKeyHandle(Protocol):
    """A proving key read from a ``.zkey`` file."""

    @property
    def n_public(self) -> int: ...
    @property
    def n_wires(self) -> int: ...
    @property
    def domain_size(self) -> int: ...

    def verifying_key(self) -> bytes:
        """The verifying key that the file holds."""

    def prove(self, witness: bytes | WitnessHandle, entropy: bytes, /) -> bytes:
        """A proof, 256 bytes. ``entropy``: 128 secret uniform bytes, used once, 64 per blinding factor."""


class Arithmetic(Protocol):
    """An arithmetic engine."""

    # Fields: elementwise over arrays of equal length; "inv" ignores b and maps 0 to 0; Fq2: 64 bytes each.
    def fr_op(self, op: FieldOperation, a: bytes, b: bytes, /) -> bytes: ...
    def fq_op(self, op: FieldOperation, a: bytes, b: bytes, /) -> bytes: ...
    def fq2_op(self, op: FieldOperation, a: bytes, b: bytes, /) -> bytes: ...

    # Groups: points are checked to be canonical, on the curve and, in G2, in the subgroup of order r.
    def g1_add(self, a: bytes, b: bytes, /) -> bytes: ...
    def g1_mul(self, point: bytes, scalar: bytes, /) -> bytes: ...
    def g1_msm(self, points: bytes, scalars: bytes, /) -> bytes: ...
    def g1_is_valid(self, point: bytes, /) -> bool: ...
    def g2_add(self, a: bytes, b: bytes, /) -> bytes: ...
    def g2_mul(self, point: bytes, scalar: bytes, /) -> bytes: ...
    def g2_msm(self, points: bytes, scalars: bytes, /) -> bytes: ...
    def g2_is_valid(self, point: bytes, /) -> bool: ...

    def pairing(self, g1: bytes, g2: bytes, /) -> bytes:
        """The optimal ate pairing of two points, 384 bytes."""

    def pairing_check(self, g1s: bytes, g2s: bytes, /) -> bool:
        """Whether the product of the pairings of equally many points is one."""

    def ntt(self, values: bytes, inverse: bool, /) -> bytes:
        """The number-theoretic transform of ``2^k`` elements, natural order in and out.

        The root of unity is snarkjs's: ``(5^((r-1)/2^28))^(2^(28-k))``.
        """

    def poseidon(self, inputs: bytes, /) -> bytes:
        """circomlib's Poseidon of 1 to 16 elements."""

    def poseidon_many(self, inputs: bytes, arity: int, /) -> bytes:
        """The hashes of consecutive groups of ``arity`` elements, one for each group."""

    def keccak256(self, message: bytes, /) -> bytes:
        """Keccak-256 as Ethereum uses it; whoever hashes takes ``zkmargin.encoding``."""

    def groth16_setup(self, r1cs: bytes, entropy: bytes, /) -> bytes:
        """A development setup by one party who knows the secrets: the bytes of a ``.zkey`` file.

        ``entropy`` is 4 x 64 secret uniform bytes (tau, alpha, beta, delta; gamma is one, as in snarkjs).
        """

    def groth16_verify(self, vk: bytes, public_inputs: bytes, proof: bytes, /) -> bool:
        """Whether the proof holds: not to be ignored. Malformed points raise ValueError."""

    def groth16_verify_all(self, vk: bytes, public_inputs: bytes, proofs: bytes, entropy: bytes, /) -> bool:
        """Whether all proofs of a key hold, one after the other in the bytes, with one final exponentiation.

        ``entropy``: 16 uniform bytes for each that nobody could know when the proofs were made: then a batch with a
        false proof holds with a probability of ``2^-128`` at most (small exponents test; Bellare, Garay and Rabin,
        1998). Which one is false is not told.
        """

    def r1cs_check(self, r1cs: bytes, witness: bytes, /) -> list[int]:
        """The first violated constraints of an ``.r1cs`` file, at most 32; empty if the witness fits."""

    # Constructors, named like the classes that they are in both engines.
    def ProvingKey(self, path: str, /) -> ProvingKeyHandle: ...
    def WitnessProgram(self, program: bytes, /) -> WitnessProgramHandle: ...
    def SparseMatrix(self, rows: bytes, cols: bytes, values: bytes, n_rows: int, n_cols: int, /) -> SparseMatrixHandle:
        """A matrix from its entries: rows and columns as u32 little-endian, values as field elements."""


def _rust() -> Arithmetic | None:
    try:
        from zkmargin import _core
    except ImportError:
        return None
    return _core


def _reference() -> Arithmetic:
    # Late and by name: the reference stands above this module, and whoever uses the core need not load it.
    return cast(Arithmetic, import_module("zkmargin.reference"))


def engines() -> list[str]:
    """The names of the engines that can be used here, the fastest first."""
    return ["reference"] if _rust() is None else ["rust", "reference"]


def engine_name(name: str | None = None) -> str:
    """The name of the engine that ``engine(name)`` returns. Raises EngineUnavailable as that does."""
    wanted = name or os.environ.get("ZKMARGIN_ENGINE") or engines()[0]
    if wanted not in ("rust", "reference"):
        raise EngineUnavailable("unknown arithmetic engine", expected="rust or reference", got=wanted)
    if wanted not in engines():
        raise EngineUnavailable(
            "the Rust core is not built",
            hint="install a Rust toolchain and reinstall, or use the reference engine",
        )
    return wanted


def engine(name: str | None = None) -> Arithmetic:
    """The arithmetic engine called ``name``: "rust" or "reference".

    Without a name: ``ZKMARGIN_ENGINE`` if set, else the Rust core if it was built, else the reference.
    Raises EngineUnavailable for an unknown name, or for "rust" where the core was not built.
    """
    if engine_name(name) == "reference":
        return _reference()
    rust = _rust()
    if rust is None:  # engine_name saw it
        raise EngineUnavailable("the Rust core is not built")
    return rust
