//! Setup, proof and verification on a synthetic circuit, and what must be refused.

mod support;

use support::{Circuit, Rng};
use zkmargin_arith::bytes::fr_to_bytes;
use zkmargin_arith::curve::Curve;
use zkmargin_arith::error::Error;
use zkmargin_arith::fr::Fr;
use zkmargin_arith::g1::{G1Point, G1};
use zkmargin_arith::groth16::{setup, verify, verify_all, Proof, ProvingKey};
use zkmargin_arith::r1cs::R1cs;
use zkmargin_arith::wtns;

struct Case {
    circuit: Circuit,
    key: ProvingKey,
    verifying_key: Vec<u8>,
}

fn case(n_constraints: usize, n_public: usize) -> Case {
    let circuit = Circuit::synthetic(n_constraints, n_public, 7);
    let zkey = setup(&circuit.to_r1cs(), &Rng(1).bytes()).unwrap();
    let key = ProvingKey::parse(&zkey).unwrap();
    let verifying_key = key.verifying_key();
    Case { circuit, key, verifying_key }
}

#[test]
fn proofs_of_satisfied_circuits_verify() {
    for (n_constraints, n_public) in [(1, 1), (3, 2), (92, 1), (500, 11), (3000, 300)] {
        let Case { circuit, key, verifying_key } = case(n_constraints, n_public);
        let r1cs = R1cs::parse(&circuit.to_r1cs()).unwrap();
        assert_eq!(r1cs.violations(&circuit.witness, 32), Ok(vec![]));
        let proof = key.prove(&circuit.witness, &Rng(2).bytes()).unwrap().to_bytes();
        let inputs = fr_to_bytes(circuit.public_inputs());
        assert_eq!(verify(&verifying_key, &inputs, &proof), Ok(true), "{n_constraints} {n_public}");
        let other = key.prove(&circuit.witness, &Rng(3).bytes()).unwrap().to_bytes();
        assert_ne!(proof, other);
    }
}

#[test]
fn every_change_is_refused() {
    let Case { circuit, key, verifying_key } = case(200, 3);
    let proof = key.prove(&circuit.witness, &Rng(2).bytes()).unwrap().to_bytes();
    let inputs = fr_to_bytes(circuit.public_inputs());
    for byte in (0..256).step_by(5) {
        let mut altered = proof;
        altered[byte] ^= 1;
        assert_ne!(verify(&verifying_key, &inputs, &altered), Ok(true));
    }
    for input in 0..3 {
        let mut altered = circuit.public_inputs().to_vec();
        altered[input] += Fr::ONE;
        assert_eq!(verify(&verifying_key, &fr_to_bytes(&altered), &proof), Ok(false));
    }
    // A valid proof with A and C negated fails, with A and B negated it is the same statement.
    let mut altered = key.prove(&circuit.witness, &Rng(2).bytes()).unwrap();
    altered.a = -altered.a;
    assert_eq!(verify(&verifying_key, &inputs, &altered.to_bytes()), Ok(false));
    altered.b = -altered.b;
    assert_eq!(verify(&verifying_key, &inputs, &altered.to_bytes()), Ok(true));
}

/// Proofs of one key, each of its own statement: inputs and proofs.
fn batch(n_public: usize, count: usize) -> (Vec<u8>, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let circuit = Circuit::synthetic(200, n_public, 7);
    let zkey = setup(&circuit.to_r1cs(), &Rng(1).bytes()).unwrap();
    let key = ProvingKey::parse(&zkey).unwrap();
    let made = (0..count as u64).map(|seed| {
        let other = Circuit::of_values(200, n_public, 7, seed);
        let proof = key.prove(&other.witness, &Rng(seed + 9).bytes()).unwrap().to_bytes().to_vec();
        (fr_to_bytes(other.public_inputs()), proof)
    });
    let (inputs, proofs) = made.unzip();
    (key.verifying_key(), inputs, proofs)
}

fn entropy(count: usize) -> Vec<u8> {
    let mut rng = Rng(77);
    (0..count).flat_map(|_| rng.bytes::<16>()).collect()
}

#[test]
fn batches_hold_where_each_proof_does() {
    for n_public in [1, 7, 40] {
        let (key, inputs, proofs) = batch(n_public, 9);
        for count in [0, 1, 2, 3, 9] {
            let all = (inputs[..count].concat(), proofs[..count].concat());
            assert_eq!(verify_all(&key, &all.0, &all.1, &entropy(count)), Ok(true), "{n_public} {count}");
        }
        for index in 0..3 {
            let mut altered = proofs[..3].to_vec();
            altered[index] = proofs[5].clone(); // a proof of another statement
            assert_eq!(verify_all(&key, &inputs[..3].concat(), &altered.concat(), &entropy(3)), Ok(false));
            let mut altered = inputs[..3].to_vec();
            altered[index] = inputs[5].clone();
            assert_eq!(verify_all(&key, &altered.concat(), &proofs[..3].concat(), &entropy(3)), Ok(false));
        }
        let mut swapped = inputs[..3].to_vec();
        swapped.swap(0, 2);
        assert_eq!(verify_all(&key, &swapped.concat(), &proofs[..3].concat(), &entropy(3)), Ok(false));
    }
}

/// False proofs whose errors cancel: they pass together where weights can be foreseen, and with fresh ones never.
#[test]
fn errors_that_cancel_need_weights_that_are_known() {
    let (key, inputs, proofs) = batch(3, 2);
    let error = G1::generator();
    let plus: Vec<_> = [error, -error]
        .iter()
        .zip(&proofs)
        .map(|(error, proof)| {
            let mut altered = Proof::from_bytes(proof).unwrap();
            let mut c = G1Point::from(altered.c);
            c.add_affine(error);
            altered.c = c.to_affine();
            altered.to_bytes().to_vec()
        })
        .collect();
    for (inputs, proof) in inputs.iter().zip(&plus) {
        assert_eq!(verify(&key, inputs, proof), Ok(false));
    }
    let equal = [entropy(1), entropy(1)].concat();
    assert_eq!(verify_all(&key, &inputs.concat(), &plus.concat(), &equal), Ok(true));
    assert_eq!(verify_all(&key, &inputs.concat(), &plus.concat(), &entropy(2)), Ok(false));
    // A weight of zero lets its proof pass, so that weights are never to be constants.
    let none = [vec![0; 16], entropy(1)].concat();
    let one_false = [plus[0].clone(), proofs[1].clone()].concat();
    assert_eq!(verify_all(&key, &inputs.concat(), &one_false, &none), Ok(true));
    assert_eq!(verify_all(&key, &inputs.concat(), &one_false, &entropy(2)), Ok(false));
}

#[test]
fn malformed_batches_are_named() {
    let (key, inputs, proofs) = batch(2, 2);
    let (inputs, proofs) = (inputs.concat(), proofs.concat());
    let check = |inputs: &[u8], proofs: &[u8], entropy: &[u8]| verify_all(&key, inputs, proofs, entropy);
    assert_eq!(check(&inputs, &proofs, &entropy(2)), Ok(true));
    assert_eq!(check(&inputs, &proofs[1..], &entropy(2)), Err(Error::Length("proofs")));
    assert_eq!(check(&inputs, &proofs[256..], &entropy(2)), Err(Error::Length("entropy")));
    assert_eq!(check(&inputs, &proofs, &entropy(2)[1..]), Err(Error::Length("entropy")));
    assert_eq!(check(&inputs, &proofs, &entropy(1)), Err(Error::Length("entropy")));
    assert_eq!(check(&inputs[32..], &proofs, &entropy(2)), Err(Error::Length("public inputs")));
    let mut altered = inputs.clone();
    altered[..32].fill(255);
    assert_eq!(check(&altered, &proofs, &entropy(2)), Err(Error::NotCanonical("public input")));
    for at in [0, 256 + 64, 511] {
        let mut altered = proofs.clone();
        altered[at] ^= 1;
        assert!(check(&inputs, &altered, &entropy(2)).is_err());
    }
}

#[test]
fn malformed_arguments_are_named() {
    let Case { circuit, key, verifying_key } = case(10, 2);
    let proof = key.prove(&circuit.witness, &Rng(2).bytes()).unwrap().to_bytes();
    let inputs = fr_to_bytes(circuit.public_inputs());
    let check = |inputs: &[u8], proof: &[u8]| verify(&verifying_key, inputs, proof);
    assert_eq!(check(&inputs[32..], &proof), Err(Error::Length("public inputs")));
    assert_eq!(check(&inputs[1..], &proof), Err(Error::Length("public input")));
    assert_eq!(check(&inputs, &proof[1..]), Err(Error::Length("proof")));
    let mut altered = inputs.clone();
    altered[..32].fill(255);
    assert_eq!(check(&altered, &proof), Err(Error::NotCanonical("public input")));
    // The same input plus r is not accepted modulo r.
    let mut carry = 0u64;
    for (i, limb) in Fr::MODULUS.iter().flat_map(|limb| limb.to_le_bytes()).enumerate() {
        let sum = u64::from(inputs[i]) + u64::from(limb) + carry;
        altered[i] = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(check(&altered, &proof), Err(Error::NotCanonical("public input")));
    let mut altered = proof;
    altered[..64].copy_from_slice(&[1; 64]);
    assert_eq!(check(&inputs, &altered), Err(Error::InvalidPoint("proof A")));
    altered[..32].fill(255);
    assert_eq!(check(&inputs, &altered), Err(Error::NotCanonical("proof A")));
    assert_eq!(key.prove(&circuit.witness[1..], &[0; 128]).err(), Some(Error::Length("witness")));
    let mut witness = circuit.witness.clone();
    witness[0] = Fr::ZERO;
    assert_eq!(key.prove(&witness, &[0; 128]).err(), Some(Error::ConstantWire));
}

#[test]
fn violated_circuits_do_not_prove() {
    let Case { circuit, key, verifying_key } = case(500, 3);
    let r1cs = R1cs::parse(&circuit.to_r1cs()).unwrap();
    for wire in [4, 50, 70, 400] {
        let mut witness = circuit.witness.clone();
        witness[wire] += Fr::from_u64(2);
        assert!(!r1cs.violations(&witness, 32).unwrap().is_empty());
        assert_eq!(r1cs.violations(&witness, 1).unwrap().len(), 1);
        let proof = key.prove(&witness, &Rng(2).bytes()).unwrap().to_bytes();
        assert_eq!(verify(&verifying_key, &fr_to_bytes(circuit.public_inputs()), &proof), Ok(false));
    }
}

#[test]
fn forbidden_entropy_is_refused() {
    let r1cs = Circuit::synthetic(5, 1, 3).to_r1cs();
    assert_eq!(setup(&r1cs, &[0; 256]), Err(Error::Entropy));
    let mut entropy: [u8; 256] = Rng(1).bytes();
    entropy[..64].fill(0);
    entropy[0] = 1; // tau = 1 lies in the domain
    assert_eq!(setup(&r1cs, &entropy), Err(Error::Entropy));
}

#[test]
fn truncated_and_altered_files_are_refused_without_panic() {
    let circuit = Circuit::synthetic(5, 1, 3);
    let r1cs = circuit.to_r1cs();
    let zkey = setup(&r1cs, &Rng(1).bytes()).unwrap();
    let witness = wtns::write(&circuit.witness);
    assert_eq!(wtns::parse(&witness), Ok(circuit.witness.clone()));
    for length in 0..r1cs.len() {
        assert!(R1cs::parse(&r1cs[..length]).is_err());
    }
    for length in 0..witness.len() {
        assert!(wtns::parse(&witness[..length]).is_err());
    }
    for length in (0..1000).chain((1000..zkey.len()).step_by(61)) {
        assert!(ProvingKey::parse(&zkey[..length]).is_err());
    }
    // Headers and coefficients densely, points (where a changed bit changes values only) sparsely.
    for byte in (0..1000).chain((1000..zkey.len()).step_by(397)) {
        for bit in [0, 7] {
            let mut altered = zkey.clone();
            altered[byte] ^= 1 << bit;
            let _ = ProvingKey::parse(&altered).map(|key| key.prove(&circuit.witness, &[1; 128]).is_ok());
        }
    }
    for byte in 0..r1cs.len() {
        for bit in [0, 7] {
            let mut altered = r1cs.clone();
            altered[byte] ^= 1 << bit;
            if let Ok(parsed) = R1cs::parse(&altered) {
                let _ = parsed.violations(&circuit.witness, 32);
            }
        }
    }
}
