"""Groth16 proofs over seven public inputs of the test's choice: a circuit of one constraint that uses none of them.

Each input binds the proof all the same, by its row in the key (specs/formats.md#zkey): what contracts check about
inputs and proofs is the same as for a margin circuit, and a proof takes milliseconds.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from zkmargin import backend
from zkmargin.backend import Arithmetic
from zkmargin.field import encode_elements
from zkmargin.formats import R1cs, write_r1cs

INPUTS = 7


class TinyKey:
    """A key over ``inputs`` public inputs, set up anew with secrets that the test knows."""

    def __init__(self, folder: Path, inputs: int = INPUTS, tau: int = 2**200 + 1) -> None:
        engines = backend.engines()
        self.engine: Arithmetic = backend.engine("rust" if "rust" in engines else "reference")
        self.inputs = inputs
        first = inputs + 1
        self.r1cs = R1cs(first + 2, 0, inputs, 1, [([(first, 1)], [(first, 1)], [(first + 1, 1)])])
        self.zkey = folder / f"tiny{inputs}-{tau % 1000}.zkey"
        entropy = b"".join(secret.to_bytes(64, "little") for secret in (tau, 3, 5, 7))
        self.zkey.write_bytes(self.engine.groth16_setup(write_r1cs(self.r1cs), entropy))
        self._key = self.engine.ProvingKey(str(self.zkey))
        self.verifying_key: bytes = self._key.verifying_key()

    def prove(self, publics: Sequence[int], randomness: bytes | None = None) -> bytes:
        """A proof for these inputs, 256 bytes; the same once more under the same 128 bytes of randomness."""
        return self._key.prove(encode_elements([1, *publics, 3, 9]), randomness or secrets.token_bytes(128))
