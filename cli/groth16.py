"""``zkmargin groth16``: setup, prove, verify, powers, export on the files of snarkjs, arguments in its order."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from zkmargin.backend import engine, engine_name
from zkmargin.cli.files import make_folder, refuse_existing
from zkmargin.cli.options import FILE, FOLDER, force_option, json_option
from zkmargin.cli.output import Clock, format_seconds, print_json, print_pairs
from zkmargin.encoding import hex_bytes, read_file, write_atomic
from zkmargin.errors import FileSection, ProofInvalid
from zkmargin.field import ELEMENT_BYTES
from zkmargin.formats import (
    count_public,
    dump_json,
    parse_json,
    proof_from_json,
    proof_to_json,
    public_from_json,
    public_to_json,
    read_ptau,
    read_r1cs,
    read_wtns,
    read_zkey_header,
    verifying_key_from_json,
    verifying_key_to_json,
    vk_hash,
)
from zkmargin.formats.layouts import LAYOUTS, layout
from zkmargin.prover.powers_of_tau import check_powers
from zkmargin.prover.proving_key import open_proving_key
from zkmargin.verifier.groth16 import ENGINES, verify_groth16

SETUP_ENTROPY_BYTES = 4 * 64
PROOF_ENTROPY_BYTES = 2 * 64


@click.group()
def groth16() -> None:
    """Groth16 over BN254 on .r1cs, .wtns, .zkey and JSON files in snarkjs's formats."""


command = groth16


def _make_key(r1cs: Path) -> bytes:
    content = read_file(r1cs)
    try:
        return engine().groth16_setup(content, secrets.token_bytes(SETUP_ENTROPY_BYTES))
    except ValueError as error:
        read_r1cs(content)  # engines say only that a file is malformed; this says with which code
        raise FileSection("file cannot be used", where=str(r1cs), got=error) from error


@groth16.command()
@click.argument("r1cs", type=FILE)
@click.argument("zkey", type=FILE)
@click.option("--vkey", type=FILE, help="Also write verification_key.json here.")
@json_option
def setup(r1cs: Path, zkey: Path, vkey: Path | None, as_json: bool) -> None:
    """Make a proving key ZKEY for the constraint system R1CS, alone.

    For development only: whoever runs it could keep the secrets and forge proofs.
    """
    clock = Clock()
    with clock.step("setup", "making the proving key"):
        key = _make_key(r1cs)
    header, verifying_key = read_zkey_header(key)
    write_atomic(zkey, key)
    if vkey is not None:
        write_atomic(vkey, dump_json(verifying_key_to_json(verifying_key, engine())))
    digest = hex_bytes(vk_hash(verifying_key))
    if as_json:
        print_json(
            {
                "zkey": str(zkey),
                "vkHash": digest,
                "wires": header.n_wires,
                "publicInputs": header.n_public,
                "domain": header.domain_size,
                "insecure": True,
                "engine": engine_name(),
                "seconds": clock.as_json(),
            }
        )
        return
    print_pairs(
        [
            ("proving key", f"{zkey} (insecure: one person's setup, for development)"),
            ("verifying key hash", digest),
            ("wires", f"{header.n_wires:,}, {header.n_public:,} public"),
            ("domain", f"{header.domain_size:,} rows"),
            ("setup", format_seconds(clock.seconds["setup"])),
        ]
    )


@groth16.command()
@click.argument("zkey", type=FILE)
@click.argument("wtns", type=FILE)
@click.argument("proof", type=FILE)
@click.argument("public", type=FILE)
@json_option
def prove(zkey: Path, wtns: Path, proof: Path, public: Path, as_json: bool) -> None:
    """Prove with the key ZKEY and the witness WTNS; write PROOF and PUBLIC.

    The proof is verified before it is written: where the witness does not satisfy the constraints, nothing is
    written and the exit code is 1.
    """
    clock = Clock()
    with clock.step("load"):
        key = open_proving_key(zkey, engine())
        witness = read_wtns(read_file(wtns))
    if len(witness) != key.n_wires * ELEMENT_BYTES:
        raise FileSection(
            "the witness belongs to another circuit",
            where=str(wtns),
            expected=f"{key.n_wires} wires",
            got=len(witness) // ELEMENT_BYTES,
        )
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
    write_atomic(proof, dump_json(proof_to_json(made)))
    write_atomic(public, dump_json(public_to_json(publics)))
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
            ("public inputs", f"{public}, {key.n_public:,} of them"),
            ("proving", format_seconds(clock.seconds["prove"])),
        ]
    )


@groth16.command()
@click.argument("vkey", type=FILE)
@click.argument("public", type=FILE)
@click.argument("proof", type=FILE)
@click.option("--engine", "engine_choice", type=click.Choice(ENGINES), help="Default: the fastest one here.")
@json_option
def verify(vkey: Path, public: Path, proof: Path, engine_choice: str | None, as_json: bool) -> None:
    """Verify PROOF for the inputs PUBLIC under the key VKEY. Exit code 0: it holds; 1: it does not."""
    clock = Clock()
    key = verifying_key_from_json(parse_json(read_file(vkey), str(vkey)))
    publics = public_from_json(parse_json(read_file(public), str(public)))
    encoded = proof_from_json(parse_json(read_file(proof), str(proof)))
    with clock.step("verify", "verifying"):
        verify_groth16(key, publics, encoded, engine=engine_choice)
    used = engine_choice or engine_name()
    if as_json:
        print_json(
            {
                "valid": True,
                "vkHash": hex_bytes(vk_hash(key)),
                "engine": used,
                "seconds": clock.as_json(),
            }
        )
        return
    click.echo(f"The proof holds ({format_seconds(clock.seconds['verify'])}, engine: {used}).")


@groth16.command()
@click.argument("ptau", type=FILE)
@json_option
def powers(ptau: Path, as_json: bool) -> None:
    """Check every point of PTAU: they are the powers of one tau, times one alpha and one beta, in both groups.

    Who contributed is not checked: that takes the transcript of the ceremony, which `snarkjs powersoftau verify` reads.
    """
    clock = Clock()
    found = read_ptau(read_file(ptau))
    with clock.step("check", "checking the powers"):
        check_powers(found, engine())
    if as_json:
        print_json(
            {
                "power": found.power,
                "isPrepared": found.is_prepared,
                "contributions": len(found.contributions),
                "engine": engine_name(),
                "seconds": clock.as_json(),
            }
        )
        return
    kind = "prepared for phase 2" if found.is_prepared else "not prepared for phase 2"
    click.echo(f"Powers of one tau up to 2^{found.power}, {kind} ({format_seconds(clock.seconds['check'])}).")


@groth16.command()
@click.argument("vkey", type=FILE)
@click.argument("public", type=FILE, required=False)
@click.argument("proof", type=FILE, required=False)
@click.option("--layout", "chain", type=click.Choice(LAYOUTS), required=True, help="Whose verifier is to read it.")
@click.option("--out", type=FOLDER, required=True, help="Write the files here.")
@force_option
@json_option
def export(
    vkey: Path, public: Path | None, proof: Path | None, chain: str, out: Path, force: bool, as_json: bool
) -> None:
    """Write the key VKEY, and PROOF with its inputs PUBLIC, as verifiers of other chains take them.

    A proof is verified before it is written: exit code 1 where it does not hold. Sui takes at most 8 public inputs.
    """
    if public is not None and proof is None:
        raise click.UsageError("PUBLIC goes with a PROOF")
    key = verifying_key_from_json(parse_json(read_file(vkey), str(vkey)))
    found = layout(chain)
    files = found.key_files(key, engine())
    if public is not None and proof is not None:
        publics = public_from_json(parse_json(read_file(public), str(public)))
        encoded = proof_from_json(parse_json(read_file(proof), str(proof)))
        verify_groth16(key, publics, encoded)
        files |= found.proof_files(publics, encoded, engine())
    for name in files:
        refuse_existing(out / name, force)
    make_folder(out)
    for name, content in files.items():
        write_atomic(out / name, content)
    sizes = {name: len(content) for name, content in files.items()}
    if as_json:
        print_json(
            {
                "layout": chain,
                "folder": str(out),
                "vkHash": hex_bytes(vk_hash(key)),
                "publicInputs": count_public(key),
                "files": sizes,
            }
        )
        return
    rows = [(name, f"{size:,} bytes") for name, size in sizes.items()]
    print_pairs([("layout", chain), ("verifying key hash", hex_bytes(vk_hash(key))), *rows, ("files in", str(out))])
