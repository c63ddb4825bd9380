//! Proves from files: `cargo run --release --example prove_files -- KEY.zkey WITNESS.wtns FOLDER`, with times.

use std::path::PathBuf;
use std::time::Instant;

use zkmargin_arith::groth16::{verify, ProvingKey};
use zkmargin_arith::{bytes, wtns};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: prove_files KEY WITNESS FOLDER");
    let zkey = std::fs::read(next()?)?;
    let witness = wtns::parse(&std::fs::read(next()?)?)?;
    let folder = PathBuf::from(next()?);
    let start = Instant::now();
    let key = ProvingKey::parse(&zkey)?;
    println!("key {:?}", start.elapsed());
    let mut proof = None;
    for _ in 0..5 {
        let start = Instant::now();
        proof = Some(key.prove(&witness, &[7; 128])?);
        println!("proof {:?}", start.elapsed());
    }
    let proof = proof.ok_or("no proof")?.to_bytes();
    let public = bytes::fr_to_bytes(&witness[1..=key.n_public]);
    let start = Instant::now();
    println!("verify {} {:?}", verify(&key.verifying_key(), &public, &proof)?, start.elapsed());
    std::fs::write(folder.join("proof.bin"), proof)?;
    std::fs::write(folder.join("public.bin"), public)?;
    std::fs::write(folder.join("key.bin"), key.verifying_key())?;
    Ok(())
}
