//! Writes a synthetic circuit with witness, key, proof and verifying key, for checks with other tools:
//! `cargo run --release --example write_case -- FOLDER CONSTRAINTS PUBLIC`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::PathBuf;

use support::{Circuit, Rng};
use zkmargin_arith::groth16::{setup, ProvingKey};
use zkmargin_arith::{bytes, wtns};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: write_case FOLDER CONSTRAINTS PUBLIC");
    let folder = PathBuf::from(next()?);
    let circuit = Circuit::synthetic(next()?.parse()?, next()?.parse()?, 7);
    let r1cs = circuit.to_r1cs();
    let zkey = setup(&r1cs, &Rng(1).bytes())?;
    let key = ProvingKey::parse(&zkey)?;
    let proof = key.prove(&circuit.witness, &Rng(2).bytes())?;
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("case.r1cs"), r1cs)?;
    std::fs::write(folder.join("case.wtns"), wtns::write(&circuit.witness))?;
    std::fs::write(folder.join("case.zkey"), zkey)?;
    std::fs::write(folder.join("proof.bin"), proof.to_bytes())?;
    std::fs::write(folder.join("public.bin"), bytes::fr_to_bytes(circuit.public_inputs()))?;
    std::fs::write(folder.join("key.bin"), key.verifying_key())?;
    Ok(())
}
