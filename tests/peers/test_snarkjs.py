"""snarkjs and zkmargin read each other's files and accept each other's proofs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from zkmargin import backend
from zkmargin.backend import Arithmetic
from zkmargin.errors import FileSection, ProofInvalid
from zkmargin.field import FR_MODULUS as R
from zkmargin.field import encode_elements
from zkmargin.formats import (
    R1cs,
    dump_json,
    parse_json,
    proof_from_json,
    proof_to_json,
    public_from_json,
    public_to_json,
    read_ptau,
    read_r1cs,
    read_wtns,
    read_zkey,
    verifying_key_from_json,
    verifying_key_to_json,
    write_ptau,
    write_r1cs,
    write_wtns,
    write_zkey,
)
from zkmargin.prover.powers_of_tau import check_powers
from zkmargin.verifier.groth16 import ENGINES, verify_groth16

pytestmark = pytest.mark.node
Snarkjs = Callable[..., Any]
VERIFIERS = [name for name in ENGINES if name == "python" or name in backend.engines()]


@dataclass(frozen=True)
class Chain:
    """``x_(k+1) = x_k (x_k + p_k) + k`` for 200 steps. Public: the last x, 20 parameters in turn, and a
    wire that no constraint uses."""

    steps: int = 200
    n_parameters: int = 20

    @property
    def r1cs(self) -> R1cs:
        first = 3 + self.n_parameters  # after the constant, the output, the parameters and the idle wire
        constraints = []
        for k in range(self.steps):
            x, parameter = first + k, 2 + k % self.n_parameters
            target = 1 if k == self.steps - 1 else x + 1
            constraints.append(([(x, 1)], [(parameter, 1), (x, 1)], [(0, -k % R), (target, 1)]))
        return R1cs(first + self.steps, 1, self.n_parameters + 1, 1, constraints)

    @cached_property
    def wires(self) -> list[int]:
        parameters = [(-k) % R for k in range(self.n_parameters)]
        xs = [R - 2]
        for k in range(self.steps):
            xs.append((xs[-1] * (xs[-1] + parameters[k % self.n_parameters]) + k) % R)
        return [1, xs[-1], *parameters, 99, *xs[:-1]]


@dataclass(frozen=True)
class Case:
    """A circuit's files, ours, in a folder where snarkjs works too."""

    folder: Path
    n_public: int
    r1cs: Path
    wtns: Path
    snarkjs_zkey: Path


@pytest.fixture(scope="session")
def powers_of_tau(snarkjs: Snarkjs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """snarkjs's own phase 1 of 2^8, prepared."""
    folder = tmp_path_factory.mktemp("ptau")
    snarkjs("powersoftau", "new", "bn128", 8, folder / "0.ptau")
    snarkjs("powersoftau", "contribute", folder / "0.ptau", folder / "1.ptau", "--name=test", "-e=entropy")
    snarkjs("powersoftau", "prepare", "phase2", folder / "1.ptau", folder / "final.ptau")
    return folder / "final.ptau"


def test_powers_of_tau(powers_of_tau: Path, snarkjs: Snarkjs) -> None:
    """Phase 1 of snarkjs, at every stage, reads back to the byte and is found to be powers of one tau; cut down too."""
    arithmetic = backend.engine()
    folder = powers_of_tau.parent
    snarkjs("powersoftau", "beacon", folder / "1.ptau", folder / "2.ptau", "0102030405060708", 10, "-n=beacon")
    snarkjs("powersoftau", "truncate", powers_of_tau)
    (smaller,) = folder.glob("*03.ptau")
    for path, power, contributions, prepared in (
        (folder / "1.ptau", 8, 1, False),
        (folder / "2.ptau", 8, 2, False),
        (smaller, 3, 1, True),
        (powers_of_tau, 8, 1, True),
    ):
        content = path.read_bytes()
        powers = read_ptau(content)
        found = powers.power, len(powers.contributions), powers.is_prepared
        assert (*found, powers.ceremony_power) == (power, contributions, prepared, 8)
        points = {number: section.read() for number, section in (powers.powers | powers.lagrange).items()}
        assert write_ptau(power, 8, points, powers.contributions) == content
        check_powers(powers, arithmetic)
    with pytest.raises(FileSection, match="nobody's secret"):
        check_powers(read_ptau((folder / "0.ptau").read_bytes()), arithmetic)


@pytest.fixture(scope="module", params=["small", "chain"])
def case(
    request: pytest.FixtureRequest,
    snarkjs: Snarkjs,
    powers_of_tau: Path,
    small_circuit: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Case:
    circuit = small_circuit if request.param == "small" else Chain()
    folder = tmp_path_factory.mktemp(request.param)
    r1cs, wtns = folder / "circuit.r1cs", folder / "circuit.wtns"
    r1cs.write_bytes(write_r1cs(circuit.r1cs))
    wtns.write_bytes(write_wtns(encode_elements(circuit.wires)))
    snarkjs("groth16", "setup", r1cs, powers_of_tau, folder / "snarkjs0.zkey")
    snarkjs("zkey", "contribute", folder / "snarkjs0.zkey", folder / "snarkjs.zkey", "--name=test", "-e=more")
    return Case(folder, circuit.r1cs.n_public, r1cs, wtns, folder / "snarkjs.zkey")


@pytest.fixture(scope="module")
def our_zkey(case: Case, engine: Arithmetic) -> Path:
    path = case.folder / f"{engine.__name__}.zkey"
    path.write_bytes(engine.groth16_setup(case.r1cs.read_bytes(), os.urandom(256)))
    return path


def load(path: Path) -> Any:
    return parse_json(path.read_bytes(), path.name)


def write_all(engine: Arithmetic, case: Case, zkey: Path, folder: Path) -> tuple[Path, Path, Path]:
    """Our verification_key.json, public.json and proof.json for a key file."""
    key = engine.ProvingKey(str(zkey))
    witness = read_wtns(case.wtns.read_bytes())
    proof = key.prove(witness, os.urandom(128))
    publics = witness[32 : 32 * (key.n_public + 1)]
    files = folder / "verification_key.json", folder / "public.json", folder / "proof.json"
    files[0].write_text(dump_json(verifying_key_to_json(key.verifying_key(), engine)))
    files[1].write_text(dump_json(public_to_json(publics)))
    files[2].write_text(dump_json(proof_to_json(proof)))
    return files


def accepted_by_ours(vkey: Path, public: Path, proof: Path) -> None:
    """By every verifier here; and with a changed input by none."""
    key, publics = verifying_key_from_json(load(vkey)), public_from_json(load(public))
    encoded = proof_from_json(load(proof))
    changed = encode_elements([5]) + publics[32:]
    for name in VERIFIERS:
        verify_groth16(key, publics, encoded, engine=name)
        with pytest.raises(ProofInvalid):
            verify_groth16(key, changed, encoded, engine=name)


def test_snarkjs_reads_our_constraint_system(case: Case, snarkjs: Snarkjs) -> None:
    system = read_r1cs(case.r1cs.read_bytes())
    shown = snarkjs("r1cs", "info", case.r1cs).stdout
    for name, count in [
        ("Wires", system.n_wires),
        ("Constraints", len(system.constraints)),
        ("Private Inputs", system.n_private_inputs),
        ("Public Inputs", system.n_public_inputs),
        ("Outputs", system.n_outputs),
    ]:
        assert f"# of {name}: {count}\n" in shown


def test_snarkjs_checks_our_witness(case: Case, snarkjs: Snarkjs, tmp_path: Path) -> None:
    assert "WITNESS IS CORRECT" in snarkjs("wtns", "check", case.r1cs, case.wtns).stdout
    values = read_wtns(case.wtns.read_bytes())
    bad = tmp_path / "bad.wtns"
    bad.write_bytes(write_wtns(values[:-32] + encode_elements([3])))
    assert "WITNESS IS CORRECT" not in snarkjs("wtns", "check", case.r1cs, bad, code=None).stdout


def test_snarkjs_proves_with_our_key(
    case: Case, engine: Arithmetic, our_zkey: Path, snarkjs: Snarkjs, tmp_path: Path
) -> None:
    proof, public, vkey = tmp_path / "proof.json", tmp_path / "public.json", tmp_path / "vk.json"
    snarkjs("groth16", "prove", our_zkey, case.wtns, proof, public)
    snarkjs("zkey", "export", "verificationkey", our_zkey, vkey)
    assert "OK!" in snarkjs("groth16", "verify", vkey, public, proof).stdout
    accepted_by_ours(vkey, public, proof)
    verifying_key = engine.ProvingKey(str(our_zkey)).verifying_key()
    assert vkey.read_text() == dump_json(verifying_key_to_json(verifying_key, engine))


@pytest.mark.parametrize("whose", ["ours", "snarkjs"])
def test_snarkjs_accepts_our_proof(
    case: Case, engine: Arithmetic, our_zkey: Path, whose: str, snarkjs: Snarkjs, tmp_path: Path
) -> None:
    zkey = our_zkey if whose == "ours" else case.snarkjs_zkey
    vkey, public, proof = write_all(engine, case, zkey, tmp_path)
    assert "OK!" in snarkjs("groth16", "verify", vkey, public, proof).stdout
    accepted_by_ours(vkey, public, proof)
    values = load(public)
    values[0] = "5"
    public.write_text(json.dumps(values))
    assert "OK!" not in snarkjs("groth16", "verify", vkey, public, proof, code=1).stdout


def test_we_accept_snarkjs_proof(case: Case, snarkjs: Snarkjs, tmp_path: Path) -> None:
    proof, public, vkey = tmp_path / "proof.json", tmp_path / "public.json", tmp_path / "vk.json"
    snarkjs("groth16", "prove", case.snarkjs_zkey, case.wtns, proof, public)
    snarkjs("zkey", "export", "verificationkey", case.snarkjs_zkey, vkey)
    accepted_by_ours(vkey, public, proof)
    # Our writers give the same bytes.
    assert dump_json(proof_to_json(proof_from_json(load(proof)))) == proof.read_text()
    assert dump_json(public_to_json(public_from_json(load(public)))) == public.read_text()
    key = verifying_key_from_json(load(vkey))
    assert dump_json(verifying_key_to_json(key, backend.engine())) == vkey.read_text()
    assert key == read_zkey(case.snarkjs_zkey.read_bytes()).verifying_key()


def test_snarkjs_keys_round_trip_and_hold_the_same_matrices(case: Case, our_zkey: Path) -> None:
    theirs = read_zkey(case.snarkjs_zkey.read_bytes())
    ours = read_zkey(our_zkey.read_bytes())
    assert write_zkey(theirs) == case.snarkjs_zkey.read_bytes()
    assert list(theirs.coefficients) == list(ours.coefficients)
    assert theirs.header.domain_size == ours.header.domain_size
    assert theirs.header.gamma2 == ours.header.gamma2
    assert theirs.header.n_public == ours.header.n_public == case.n_public


def test_snarkjs_contributes_to_our_key(
    case: Case, engine: Arithmetic, our_zkey: Path, snarkjs: Snarkjs, tmp_path: Path
) -> None:
    """The key is one that a ceremony could go on from: the H and C queries scale with delta."""
    more = tmp_path / "more.zkey"
    snarkjs("zkey", "contribute", our_zkey, more, "--name=test", "-e=again")
    files = write_all(engine, case, more, tmp_path)
    assert "OK!" in snarkjs("groth16", "verify", *files).stdout
