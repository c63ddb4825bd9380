"""``zkmargin groth16``: setup, prove and verify on files that snarkjs reads and writes, arguments in its order."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

import click

from zkmargin.backend import engine, engine_name
from zkmargin.cli.output import Clock, format_seconds, print_json, print_pairs
from zkmargin.errors import FileUnreadable, ProofInvalid
from zkmargin.field import ELEMENT_BYTES
from zkmargin.formats import (
    dump_json,
    parse_json,
    proof_from_json,
    proof_to_json,
    public_from_json,
    public_to_json,
    read_r1cs,
    read_wtns,
    read_zkey_header,
    verifying_key_from_json,
    verifying_key_to_json,
    vk_hash,
)
from zkmargin.verifier.groth16 import ENGINES, verify_groth16

FILE = click.Path(dir_okay=False, path_type=Path)
SETUP_ENTROPY_BYTES = 4 * 64
PROOF_ENTROPY_BYTES = 2 * 64

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def groth16() -> None:
    """Groth16 over BN254 on .r1cs, .wtns, .zkey and JSON files in snarkjs's formats."""


command = groth16


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileUnreadable("file cannot be read", where=str(path), got=error.strerror) from error


def _write(path: Path, content: bytes) -> None:
    """Write a whole file or none: under another name first, then renamed."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise FileUnreadable("file cannot be written", where=str(path), got=error.strerror) from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _verifying_key_json(verifying_key: bytes) -> bytes:
    return dump_json(verifying_key_to_json(verifying_key, engine())).encode()


@groth16.command()
@click.argument("r1cs", type=FILE)
@click.argument("zkey", type=FILE)
@click.option("--vkey", type=FILE, help="Also write verification_key.json here.")
@as_json_option
def setup(r1cs: Path, zkey: Path, vkey: Path | None, as_json: bool) -> None:
    """Make a proving key ZKEY for the constraint system R1CS, alone.

    For development only: whoever runs it could keep the secrets and forge proofs.
    """
    clock = Clock()
    content = _read(r1cs)
    system = read_r1cs(content)
    with clock.step("setup", "making the proving key"):
        key = engine().groth16_setup(content, secrets.token_bytes(SETUP_ENTROPY_BYTES))
    header, verifying_key = read_zkey_header(key)
    _write(zkey, key)
    if vkey is not None:
        _write(vkey, _verifying_key_json(verifying_key))
    report = {
        "zkey": str(zkey),
        "vkHash": "0x" + vk_hash(verifying_key).hex(),
        "constraints": len(system.constraints),
        "wires": header.n_wires,
        "publicInputs": header.n_public,
        "domain": header.domain_size,
        "insecure": True,
        "engine": engine_name(),
        "seconds": clock.as_json(),
    }
    if as_json:
        print_json(report)
        return
    print_pairs(
        [
            ("proving key", f"{zkey} (one person's setup: insecure, for development)"),
            ("verifying key hash", str(report["vkHash"])),
            ("constraints", f"{len(system.constraints):,}"),
            ("wires", f"{header.n_wires:,} ({header.n_public} public)"),
            ("setup", format_seconds(clock.seconds["setup"])),
        ]
    )


@groth16.command()
@click.argument("zkey", type=FILE)
@click.argument("wtns", type=FILE)
@click.argument("proof", type=FILE)
@click.argument("public", type=FILE)
@as_json_option
def prove(zkey: Path, wtns: Path, proof: Path, public: Path, as_json: bool) -> None:
    """Prove with the key ZKEY and the witness WTNS; write PROOF and PUBLIC.

    The proof is verified before it is written: a witness that does not satisfy the system gives exit code 1.
    """
    clock = Clock()
    with clock.step("load"):
        read_zkey_header(_read(zkey))  # a file that is no key is refused with its own code
        key = engine().ProvingKey(str(zkey))
        witness = read_wtns(_read(wtns))
    with clock.step("prove", "proving"):
        made = key.prove(witness, secrets.token_bytes(PROOF_ENTROPY_BYTES))
    publics = witness[ELEMENT_BYTES : (key.n_public + 1) * ELEMENT_BYTES]
    with clock.step("verify"):
        try:
            verify_groth16(key.verifying_key(), publics, made)
        except ProofInvalid as error:
            raise ProofInvalid(
                "the proof does not verify and was not written",
                hint="the witness does not satisfy the constraints, or belongs to another key",
            ) from error
    _write(proof, dump_json(proof_to_json(made)).encode())
    _write(public, dump_json(public_to_json(publics)).encode())
    if as_json:
        print_json(
            {
                "proof": str(proof),
                "public": str(public),
                "publicInputs": key.n_public,
                "engine": engine_name(),
                "seconds": clock.as_json(),
            }
        )
        return
    print_pairs(
        [
            ("proof", str(proof)),
            ("public inputs", f"{public} ({key.n_public})"),
            ("proving", format_seconds(clock.seconds["prove"])),
        ]
    )


@groth16.command()
@click.argument("vkey", type=FILE)
@click.argument("public", type=FILE)
@click.argument("proof", type=FILE)
@click.option("--engine", "engine_choice", type=click.Choice(ENGINES), help="Default: the fastest one here.")
@as_json_option
def verify(vkey: Path, public: Path, proof: Path, engine_choice: str | None, as_json: bool) -> None:
    """Verify PROOF for the inputs PUBLIC under the key VKEY. Exit code 0: it holds; 1: it does not."""
    clock = Clock()
    key = verifying_key_from_json(parse_json(_read(vkey), str(vkey)))
    publics = public_from_json(parse_json(_read(public), str(public)))
    encoded = proof_from_json(parse_json(_read(proof), str(proof)))
    with clock.step("verify", "verifying"):
        verify_groth16(key, publics, encoded, engine=engine_choice)
    used = engine_choice or engine_name()
    if as_json:
        print_json(
            {
                "valid": True,
                "vkHash": "0x" + vk_hash(key).hex(),
                "engine": used,
                "seconds": clock.as_json(),
            }
        )
        return
    click.echo(f"The proof holds ({format_seconds(clock.seconds['verify'])}, engine: {used}).")
