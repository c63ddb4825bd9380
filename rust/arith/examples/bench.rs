//! Times of the kernels and of a proof: `cargo run --release --example bench [-- CONSTRAINTS..]`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use support::{Circuit, Rng};
use zkmargin_arith::bytes::fr_to_bytes;
use zkmargin_arith::curve::{Affine, Curve};
use zkmargin_arith::field::{FieldParams, Fp};
use zkmargin_arith::fq::FqParams;
use zkmargin_arith::fr::{Fr, FrParams};
use zkmargin_arith::g1::G1;
use zkmargin_arith::g2::G2;
use zkmargin_arith::groth16::{setup, verify, ProvingKey};
use zkmargin_arith::msm::fixed::FixedBase;
use zkmargin_arith::msm::msm;
use zkmargin_arith::ntt::Domain;
use zkmargin_arith::poseidon::poseidon;

/// The best time of several runs.
fn best<T>(runs: usize, mut task: impl FnMut() -> T) -> Duration {
    let times = (0..runs).map(|_| {
        let start = Instant::now();
        black_box(task());
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

fn multiplication<P: FieldParams>(name: &str) {
    const COUNT: u32 = 1 << 20;
    let mut rng = Rng(1);
    let mut values: [Fp<P>; 64] = std::array::from_fn(|_| Fp::from_bytes_wide(&rng.bytes()));
    let factor = values[0];
    let throughput = best(5, || {
        for _ in 0..COUNT / 64 {
            values.iter_mut().for_each(|value| *value *= factor);
        }
    });
    let latency = best(5, || (0..COUNT).fold(values[0], |product, _| product * factor));
    let inverse = best(5, || (0..100).fold(values[0], |x, _| x.inverse().unwrap_or(factor) + factor));
    println!(
        "{name} mul: throughput {:?} latency {:?} inverse {:?}",
        throughput / COUNT,
        latency / COUNT,
        inverse / 100
    );
}

fn sums<C: Curve>(name: &str, sizes: &[u32]) {
    for &log_size in sizes {
        let mut rng = Rng(2);
        let count = 1 << log_size;
        let scalars = rng.frs(count);
        let points: Vec<Affine<C>> = FixedBase::new(&C::generator(), count).mul_all(&scalars);
        let bits: Vec<Fr> = (0..count).map(|_| Fr::from_u64(rng.next() & 1)).collect();
        let words: Vec<Fr> = (0..count).map(|_| Fr::from_u64(rng.next())).collect();
        println!(
            "{name} msm 2^{log_size}: random {:?}, 64-bit {:?}, bits {:?}",
            best(3, || msm(&points, &scalars)),
            best(3, || msm(&points, &words)),
            best(3, || msm(&points, &bits))
        );
    }
}

fn proofs(n_constraints: usize, n_public: usize) -> Result<(), Box<dyn std::error::Error>> {
    let circuit = Circuit::synthetic(n_constraints, n_public, 7);
    let r1cs = circuit.to_r1cs();
    let start = Instant::now();
    let zkey = setup(&r1cs, &Rng(1).bytes())?;
    let setup_time = start.elapsed();
    let start = Instant::now();
    let key = ProvingKey::parse(&zkey)?;
    let load_time = start.elapsed();
    let proof = key.prove(&circuit.witness, &Rng(2).bytes())?.to_bytes();
    let prove_time = best(5, || key.prove(&circuit.witness, &Rng(2).bytes()));
    let verifying_key = key.verifying_key();
    let inputs = fr_to_bytes(circuit.public_inputs());
    let holds = verify(&verifying_key, &inputs, &proof)?;
    let verify_time = best(5, || verify(&verifying_key, &inputs, &proof));
    println!(
        "{n_constraints} constraints, {n_public} public: setup {setup_time:?}, load {load_time:?}, \
         prove {prove_time:?}, verify {verify_time:?} ({holds})"
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sizes: Vec<usize> = std::env::args().skip(1).map(|size| size.parse()).collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        multiplication::<FqParams>("Fq");
        multiplication::<FrParams>("Fr");
        for log_size in [14, 16, 17] {
            let domain = Domain::new(log_size).ok_or("size")?;
            let mut values = Rng(3).frs(domain.size());
            println!("ntt 2^{log_size}: {:?}", best(5, || domain.forward(&mut values)));
        }
        for count in [2, 4, 8, 9, 16] {
            let inputs = Rng(4).frs(count);
            println!("poseidon of {count}: {:?}", best(50, || poseidon(&inputs)));
        }
        sums::<G1>("G1", &[11, 15, 16, 17]);
        sums::<G2>("G2", &[15, 16]);
    }
    for size in if sizes.is_empty() { vec![64_000, 127_000] } else { sizes } {
        proofs(size, 1_000)?;
    }
    Ok(())
}
