//! Every parser on altered files, with overflow checks on: a refusal or a value, never a panic.

mod support;

use std::sync::Arc;

use support::{Circuit, Rng};
use zkmargin_arith::fr::Fr;
use zkmargin_arith::groth16::{setup, verify, ProvingKey};
use zkmargin_arith::program::{Program, Run};
use zkmargin_arith::r1cs::R1cs;
use zkmargin_arith::wtns;

const COUNTS: [u32; 12] = [0, 1, 2, 5, 255, 256, 1 << 16, 1 << 24, 1 << 28, (1 << 31) - 1, 1 << 31, u32::MAX];

/// One to three edits: bits, bytes, words, lengths, cuts, doubled pieces.
fn altered(original: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..1 + rng.next() % 3 {
        let at = (rng.next() as usize) % (bytes.len() + 1);
        let rest = bytes.len() - at;
        match rng.next() % 8 {
            0 if rest > 0 => bytes[at] ^= 1 << (rng.next() % 8),
            1 if rest > 0 => bytes[at] = rng.next() as u8,
            2 | 3 if rest >= 4 => {
                let value = COUNTS[(rng.next() as usize) % COUNTS.len()];
                bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            4 if rest >= 8 => {
                let value = u64::MAX >> (rng.next() % 64);
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            5 => bytes.truncate(at),
            6 => {
                let piece = bytes[at..bytes.len().min(at + 40)].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                bytes.drain(at..at + rest.min(1 + (rng.next() as usize) % 40));
            }
        }
    }
    bytes
}

/// Mutants of `original`, and how many of them `read` accepted: some, or it was no test.
fn each(original: &[u8], count: usize, seed: u64, mut read: impl FnMut(&[u8]) -> bool) {
    assert!(read(original), "the original is refused");
    let mut rng = Rng(seed);
    let accepted = (0..count).filter(|_| read(&altered(original, &mut rng))).count();
    assert!(accepted < count, "nothing was refused");
    for end in 0..original.len().min(2000) {
        assert!(!read(&original[..end]), "a cut file was accepted");
    }
}

#[test]
fn constraint_systems() {
    let circuit = Circuit::synthetic(12, 2, 7);
    each(&circuit.to_r1cs(), 20_000, 1, |bytes| {
        let parsed = R1cs::parse(bytes);
        if let Ok(r1cs) = &parsed {
            let _ = r1cs.violations(&vec![Fr::ONE; r1cs.n_wires], 32);
        }
        parsed.is_ok()
    });
}

#[test]
fn setups_of_altered_systems() {
    let circuit = Circuit::synthetic(3, 1, 7);
    let mut rng = Rng(5);
    let original = circuit.to_r1cs();
    for _ in 0..60 {
        let _ = setup(&altered(&original, &mut rng), &Rng(1).bytes());
    }
}

#[test]
fn witnesses() {
    each(&wtns::write(&[Fr::ONE, Fr::from_u64(7), Fr::from_u64(9)]), 20_000, 2, |bytes| {
        wtns::parse(bytes).is_ok()
    });
}

#[test]
fn proving_keys() {
    let circuit = Circuit::synthetic(3, 1, 7);
    let zkey = setup(&circuit.to_r1cs(), &Rng(1).bytes()).unwrap();
    let mut proofs = 0;
    each(&zkey, 4_000, 3, |bytes| {
        let parsed = ProvingKey::parse(bytes);
        if let Ok(key) = &parsed {
            let _ = key.verifying_key();
            if proofs < 200 && key.n_wires < 1000 {
                proofs += 1;
                let _ = key.prove(&vec![Fr::ONE; key.n_wires], &Rng(2).bytes());
            }
        }
        parsed.is_ok()
    });
}

#[test]
fn proofs() {
    let circuit = Circuit::synthetic(3, 1, 7);
    let key = ProvingKey::parse(&setup(&circuit.to_r1cs(), &Rng(1).bytes()).unwrap()).unwrap();
    let proof = key.prove(&circuit.witness, &Rng(2).bytes()).unwrap().to_bytes();
    let vk = key.verifying_key();
    let inputs = circuit.witness[1].to_bytes_le();
    let original = [&vk[..], &inputs, &proof];
    let mut rng = Rng(4);
    for _ in 0..2_000 {
        let (a, b, c) = (altered(&vk, &mut rng), altered(&inputs, &mut rng), altered(&proof, &mut rng));
        for (vk, inputs, proof) in [(&a[..], &inputs[..], &proof[..]), (&vk, &b, &proof), (&vk, &inputs, &c)]
        {
            let holds = verify(vk, inputs, proof) == Ok(true);
            assert_eq!(holds, [vk, inputs, proof] == original, "an altered proof holds");
        }
    }
}

/// A program over 12 wires whose linear combination number k is wire k.
fn program(code: &[(u8, &[u32])]) -> Vec<u8> {
    let words = |values: &[u32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let mut body = Vec::new();
    for (opcode, operands) in code {
        body.push(*opcode);
        body.extend(words(&[0]));
        body.extend(words(operands));
    }
    let mut out = b"zkwp".to_vec();
    out.extend(words(&[1, 12, 1]));
    out.extend([1, 0, b'a']);
    out.extend(words(&[1]));
    out.extend(Fr::ONE.to_bytes_le());
    out.extend(words(&[12]));
    out.extend(words(&(0..=12).collect::<Vec<u32>>()));
    out.extend((0..12).flat_map(|wire| words(&[wire, 0])));
    out.extend(words(&[body.len() as u32]));
    out.extend(body);
    out
}

#[test]
fn witness_programs() {
    let values = [Fr::from_u64(3), Fr::from_u64(9), -Fr::ONE];
    let programs = [
        program(&[
            (1, &[5, 1]),
            (2, &[6, 1, 2]),
            (4, &[7, 1]),
            (4, &[8, 7]),
            (12, &[0, 5, 5]),
            (8, &[]),
            (6, &[9, 2]),
        ]),
        program(&[(3, &[5, 4, 1]), (5, &[9, 3, 1]), (11, &[6, 3, 1]), (9, &[10, 11, 2, 2]), (10, &[5, 2])]),
        program(&[(13, &[5, 3, 1, 1]), (14, &[6, 3, 1, 2]), (16, &[9, 2, 2])]),
        program(&[(15, &[5, 2, 1]), (8, &[]), (17, &[7, 8, 2, 1, 1])]),
    ];
    for (index, original) in programs.iter().enumerate() {
        each(original, 20_000, 6 + index as u64, |bytes| {
            let Ok(program) = Program::parse(bytes) else { return false };
            if let Ok(mut run) = Run::start(Arc::new(program), &[(1, &values)], Vec::new()) {
                let _ = run.finish();
                let _ = run.witness();
            }
            true
        });
    }
}
