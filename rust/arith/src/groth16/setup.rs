//! Single-party setup: insecure by construction (who runs it can forge), for development only.

use super::zkey::{to_stored, COEFFICIENT_BYTES};
use crate::binfile::Writer;
use crate::curve::{Affine, Curve};
use crate::error::Error;
use crate::field::{batch_inverse, bytes_of_limbs};
use crate::fq::Fq;
use crate::fr::Fr;
use crate::g1::{G1Affine, G1};
use crate::g2::{G2Affine, G2};
use crate::msm::fixed::FixedBase;
use crate::ntt::{powers, root_of_unity, MAX_LOG_SIZE};
use crate::parallel;
use crate::r1cs::{Matrix, R1cs};
use crate::secret::wipe;

/// The secrets of a setup; forgotten with it.
struct Trapdoor {
    tau: Fr,
    alpha: Fr,
    beta: Fr,
    delta: Fr,
}

impl Trapdoor {
    /// Four times 64 bytes, each reduced; zero is refused, and a `tau` of the doubled domain.
    fn from_entropy(entropy: &[u8; 256], size: usize) -> Result<Self, Error> {
        let (chunks, _) = entropy.as_chunks::<64>();
        let mut secrets = chunks.iter().map(Fr::from_bytes_wide);
        let mut next = || secrets.next().filter(|secret| !secret.is_zero()).ok_or(Error::Entropy);
        let trapdoor = Self { tau: next()?, alpha: next()?, beta: next()?, delta: next()? };
        if trapdoor.tau.pow(&[2 * size as u64]) == Fr::ONE {
            return Err(Error::Entropy);
        }
        Ok(trapdoor)
    }
}

impl Drop for Trapdoor {
    fn drop(&mut self) {
        for secret in [&mut self.tau, &mut self.alpha, &mut self.beta, &mut self.delta] {
            wipe(std::slice::from_mut(secret));
        }
    }
}

/// `L_first, L_(first + step), ..` at `tau` in the domain of order `2^log_size`: `size/step` values of
/// `w^i (tau^n - 1) / (n (tau - w^i))`. `tau` must be outside of the domain.
fn lagrange_at(tau: Fr, log_size: u32, first: usize, step: usize) -> Vec<Fr> {
    let size = 1usize << log_size;
    let root = root_of_unity(log_size);
    let mut scale = [Fr::from_u64(size as u64)];
    batch_inverse(&mut scale);
    let scale = scale[0] * (tau.pow(&[size as u64]) - Fr::ONE);
    let mut values = powers(root.pow(&[first as u64]), root.pow(&[step as u64]), size / step);
    parallel::for_pieces(&mut values, 1 << 10, |_, piece| {
        let mut inverses: Vec<Fr> = piece.iter().map(|x| tau - *x).collect();
        batch_inverse(&mut inverses);
        for (value, inverse) in piece.iter_mut().zip(inverses) {
            *value = *value * inverse * scale;
        }
    });
    values
}

/// `sum_i basis[i] * M[i][wire]` for every wire.
fn columns(matrix: &Matrix, basis: &[Fr], n_wires: usize) -> Vec<Fr> {
    let mut out = vec![Fr::ZERO; n_wires];
    for (row, value) in basis.iter().enumerate().take(matrix.offsets.len() - 1) {
        for (wire, coefficient) in matrix.row(row) {
            out[wire] += coefficient * *value;
        }
    }
    out
}

/// The `.zkey` file of a circuit (the bytes of an `.r1cs` file) for secrets drawn from `entropy`.
pub fn setup(r1cs: &[u8], entropy: &[u8; 256]) -> Result<Vec<u8>, Error> {
    let r1cs = R1cs::parse(r1cs)?;
    let rows = r1cs.n_constraints + r1cs.n_public + 1;
    let size = rows.next_power_of_two().max(2);
    let log_size = size.trailing_zeros();
    if log_size >= MAX_LOG_SIZE {
        return Err(Error::TooLarge);
    }
    let trapdoor = Trapdoor::from_entropy(entropy, size)?;
    let (alpha, beta, delta) = (trapdoor.alpha, trapdoor.beta, trapdoor.delta);
    let delta_inverse = delta.inverse().ok_or(Error::Entropy)?;

    let basis = lagrange_at(trapdoor.tau, log_size, 0, 1);
    let (mut a, (b, c)) = parallel::join(
        || columns(&r1cs.a, &basis, r1cs.n_wires),
        || (columns(&r1cs.b, &basis, r1cs.n_wires), columns(&r1cs.c, &basis, r1cs.n_wires)),
    );
    // One further row for the constant and each public wire makes their polynomials independent.
    for (wire, value) in a.iter_mut().enumerate().take(r1cs.n_public + 1) {
        *value += basis[r1cs.n_constraints + wire];
    }
    let mut k = vec![Fr::ZERO; r1cs.n_wires];
    parallel::for_pieces(&mut k, 1 << 10, |offset, piece| {
        for (i, value) in (offset..).zip(piece) {
            let sum = beta * a[i] + alpha * b[i] + c[i];
            *value = if i <= r1cs.n_public { sum } else { sum * delta_inverse };
        }
    });
    let mut h = lagrange_at(trapdoor.tau, log_size + 1, 1, 2);
    h.iter_mut().for_each(|value| *value *= delta_inverse);

    let g1 = FixedBase::new(&G1::generator(), 3 * r1cs.n_wires + size);
    let g2 = FixedBase::new(&G2::generator(), r1cs.n_wires);
    let key = Points {
        singles1: g1.mul_all(&[alpha, beta, delta]),
        singles2: g2.mul_all(&[beta, delta]),
        a: g1.mul_all(&a),
        b1: g1.mul_all(&b),
        b2: g2.mul_all(&b),
        k: g1.mul_all(&k),
        h: g1.mul_all(&h),
    };
    for values in [&mut a, &mut k, &mut h] {
        wipe(values);
    }
    Ok(write(&r1cs, size, &key))
}

/// The group elements of a key.
struct Points {
    /// alpha, beta, delta.
    singles1: Vec<G1Affine>,
    /// beta, delta.
    singles2: Vec<G2Affine>,
    a: Vec<G1Affine>,
    b1: Vec<G1Affine>,
    b2: Vec<G2Affine>,
    /// IC, then C.
    k: Vec<G1Affine>,
    h: Vec<G1Affine>,
}

fn put_g1(out: &mut Vec<u8>, points: &[G1Affine]) {
    for point in points {
        out.extend_from_slice(&point.x.to_montgomery_bytes());
        out.extend_from_slice(&point.y.to_montgomery_bytes());
    }
}

fn put_g2(out: &mut Vec<u8>, points: &[Affine<G2>]) {
    for point in points {
        for number in [point.x.c0, point.x.c1, point.y.c0, point.y.c1] {
            out.extend_from_slice(&number.to_montgomery_bytes());
        }
    }
}

fn write(r1cs: &R1cs, size: usize, key: &Points) -> Vec<u8> {
    let terms = r1cs.a.wires.len() + r1cs.b.wires.len() + r1cs.n_public + 1;
    let capacity = 2048 + COEFFICIENT_BYTES * terms + 320 * r1cs.n_wires + 64 * (size + r1cs.n_public);
    let put_u32 = |out: &mut Vec<u8>, value: usize| out.extend_from_slice(&(value as u32).to_le_bytes());
    let mut writer = Writer::new(b"zkey", 1, 10, capacity);
    writer.section(1, |out| put_u32(out, 1));
    writer.section(2, |out| {
        for modulus in [&Fq::MODULUS, &Fr::MODULUS] {
            put_u32(out, 32);
            out.extend_from_slice(&bytes_of_limbs(modulus));
        }
        for count in [r1cs.n_wires, r1cs.n_public, size] {
            put_u32(out, count);
        }
        put_g1(out, &key.singles1[..2]);
        put_g2(out, &[key.singles2[0], G2::generator()]); // beta, gamma = 1
        put_g1(out, &key.singles1[2..]);
        put_g2(out, &key.singles2[1..]);
    });
    let (ic, c) = key.k.split_at(r1cs.n_public + 1);
    writer.section(3, |out| put_g1(out, ic));
    writer.section(4, |out| {
        put_u32(out, terms);
        let mut put = |matrix: usize, row: usize, wire: usize, value: Fr| {
            for number in [matrix, row, wire] {
                put_u32(out, number);
            }
            out.extend_from_slice(&to_stored(value));
        };
        for row in 0..r1cs.n_constraints {
            for (index, matrix) in [&r1cs.a, &r1cs.b].into_iter().enumerate() {
                matrix.row(row).for_each(|(wire, value)| put(index, row, wire, value));
            }
        }
        for wire in 0..=r1cs.n_public {
            put(0, r1cs.n_constraints + wire, wire, Fr::ONE);
        }
    });
    writer.section(5, |out| put_g1(out, &key.a));
    writer.section(6, |out| put_g1(out, &key.b1));
    writer.section(7, |out| put_g2(out, &key.b2));
    writer.section(8, |out| put_g1(out, c));
    writer.section(9, |out| put_g1(out, &key.h));
    writer.section(10, |out| {
        // No contributions. The hash of the first state belongs to a ceremony, which this key has none of.
        out.extend_from_slice(&[0; 64]);
        put_u32(out, 0);
    });
    writer.finish()
}
