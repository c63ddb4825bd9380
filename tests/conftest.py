"""What all tests share: both arithmetic engines, a small circuit, and the rule for what CI insists on."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from passphrase import PASSPHRASE

from zkmargin import backend
from zkmargin.backend import Arithmetic
from zkmargin.field import FR_MODULUS, encode_elements
from zkmargin.formats import R1cs, write_r1cs, write_wtns

# py_ecc raises the recursion limit when it is first imported, here or in the middle of some test: here, and undone.
_recursion_limit = sys.getrecursionlimit()
importlib.import_module("py_ecc")
sys.setrecursionlimit(_recursion_limit)

os.environ["ZKMARGIN_PASSPHRASE"] = PASSPHRASE  # for commands, also those run as processes


def skip_unless_ci(reason: str) -> None:
    """Skip where a tool is missing on somebody's machine; fail where CI has promised it."""
    if os.environ.get("ZKMARGIN_CI") == "1":
        pytest.fail(f"{reason} (ZKMARGIN_CI=1 insists)")
    pytest.skip(reason)


@pytest.fixture(scope="session", params=["reference", "rust"])
def engine(request: pytest.FixtureRequest) -> Arithmetic:
    """Each arithmetic engine in turn."""
    if request.param not in backend.engines():
        skip_unless_ci("the Rust core is not built")
    return backend.engine(request.param)


@dataclass(frozen=True)
class SmallCircuit:
    """``y = x^3 + a x + b + 5`` and a bit d. Wires 1, y, a, b, x, x^2, x^3, a x, d; public are y, a, b."""

    a: int
    b: int
    x: int
    d: int = 1

    @property
    def r1cs(self) -> R1cs:
        one, y, a, b, x, x2, x3, ax, d = range(9)
        constraints = [
            ([(x, 1)], [(x, 1)], [(x2, 1)]),
            ([(x2, 1)], [(x, 1)], [(x3, 1)]),
            ([(a, 1)], [(x, 1)], [(ax, 1)]),
            ([(one, 5), (b, 1), (x3, 1), (ax, 1)], [(one, 1)], [(y, 1)]),
            ([(d, 1)], [(one, FR_MODULUS - 1), (d, 1)], []),
        ]
        return R1cs(9, n_outputs=1, n_public_inputs=2, n_private_inputs=2, constraints=constraints)

    @property
    def wires(self) -> list[int]:
        a, b, x = self.a, self.b, self.x
        return [1, x**3 + a * x + b + 5, a, b, x, x**2, x**3, a * x, self.d]

    @cached_property
    def r1cs_bytes(self) -> bytes:
        return write_r1cs(self.r1cs)

    @cached_property
    def witness(self) -> bytes:
        return encode_elements(self.wires)

    @property
    def publics(self) -> bytes:
        return encode_elements(self.wires[1:4])

    def write(self, folder: Path) -> tuple[Path, Path]:
        """``circuit.r1cs`` and ``circuit.wtns``."""
        r1cs, wtns = folder / "circuit.r1cs", folder / "circuit.wtns"
        r1cs.write_bytes(self.r1cs_bytes)
        wtns.write_bytes(write_wtns(self.witness))
        return r1cs, wtns


@pytest.fixture(scope="session")
def small_circuit() -> SmallCircuit:
    return SmallCircuit(a=-3, b=10**30, x=12345678901234567890)


@pytest.fixture(scope="session")
def make_circuit() -> Callable[..., SmallCircuit]:
    """The same relation for other values."""
    return SmallCircuit


def setup_entropy(tau: int, alpha: int = 3, beta: int = 5, delta: int = 7) -> bytes:
    return b"".join(secret.to_bytes(64, "little") for secret in (tau, alpha, beta, delta))


@pytest.fixture(scope="session")
def entropy() -> Callable[..., bytes]:
    """Entropy of a setup whose secrets the test knows."""
    return setup_entropy


@dataclass(frozen=True)
class SmallProof:
    """A key made by the reference, and a valid proof of the small circuit."""

    zkey: Path
    verifying_key: bytes
    publics: bytes
    proof: bytes


@pytest.fixture(scope="session")
def small_proof(small_circuit: SmallCircuit, tmp_path_factory: pytest.TempPathFactory) -> SmallProof:
    reference = backend.engine("reference")
    path = tmp_path_factory.mktemp("groth16") / "small.zkey"
    path.write_bytes(reference.groth16_setup(small_circuit.r1cs_bytes, setup_entropy(tau=2**200 + 1)))
    key = reference.ProvingKey(str(path))
    proof = key.prove(small_circuit.witness, bytes(range(128)))
    return SmallProof(path, key.verifying_key(), small_circuit.publics, proof)
