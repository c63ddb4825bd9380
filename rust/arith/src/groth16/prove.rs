//! The prover.

use super::zkey::{ProvingKey, Rows};
use super::Proof;
use crate::curve::{Affine, Curve, Point};
use crate::error::Error;
use crate::fr::Fr;
use crate::msm::msm_limbs;
use crate::parallel;
use crate::secret::wipe;

impl ProvingKey {
    /// A proof for the values of all wires, randomised by 64 bytes of `entropy` each for `r` and `s`.
    ///
    /// The key holds no `C` matrix, so a witness that violates the circuit is not noticed here: its proof fails to
    /// verify.
    pub fn prove(&self, witness: &[Fr], entropy: &[u8; 128]) -> Result<Proof, Error> {
        if witness.len() != self.n_wires {
            return Err(Error::Length("witness"));
        }
        if witness[0] != Fr::ONE {
            return Err(Error::ConstantWire);
        }
        let (halves, _) = entropy.as_chunks::<64>();
        let (r, s) = (Fr::from_bytes_wide(&halves[0]), Fr::from_bytes_wide(&halves[1]));

        let mut scalars = canonical(witness);
        let a = sum(&self.a, &scalars) + self.alpha1.into() + self.delta1.mul(&r);
        let b1 = sum(&self.b1, &scalars) + self.beta1.into() + self.delta1.mul(&s);
        let b2 = sum(&self.b2, &scalars) + self.beta2.into() + self.delta2.mul(&s);
        let mut c = sum(&self.c, &scalars[self.n_public + 1..]);
        wipe_limbs(&mut scalars);

        let mut quotient = self.quotient(witness);
        let mut scalars = canonical(&quotient);
        c += sum(&self.h, &scalars);
        wipe(&mut quotient);
        wipe_limbs(&mut scalars);

        // C + s A + r B - r s delta
        let a = a.to_affine();
        c += a.mul(&s) + b1.to_affine().mul(&r) + (-self.delta1).mul(&(r * s));
        Ok(Proof { a, b: b2.to_affine(), c: c.to_affine() })
    }

    /// `A B - C` at the odd powers of the root of order `2n`, where `C` interpolates the products of the rows.
    fn quotient(&self, witness: &[Fr]) -> Vec<Fr> {
        let size = self.domain.size();
        let mut a = self.rows(&self.matrix_a, witness);
        let mut b = self.rows(&self.matrix_b, witness);
        let mut c = vec![Fr::ZERO; size];
        parallel::for_pieces(&mut c, 1 << 10, |offset, piece| {
            for (i, value) in (offset..).zip(piece) {
                *value = a[i] * b[i];
            }
        });
        for values in [&mut a, &mut b, &mut c] {
            self.domain.shift(values, &self.shift_factors);
        }
        parallel::for_pieces(&mut a, 1 << 10, |offset, piece| {
            for (i, value) in (offset..).zip(piece) {
                *value = *value * b[i] - c[i];
            }
        });
        wipe(&mut b);
        wipe(&mut c);
        a
    }

    /// The value of every row of a matrix.
    fn rows(&self, matrix: &Rows, witness: &[Fr]) -> Vec<Fr> {
        let mut out = vec![Fr::ZERO; self.domain.size()];
        parallel::for_pieces(&mut out, 1 << 10, |offset, piece| {
            for (slot, bounds) in piece.iter_mut().zip(matrix.offsets[offset..].windows(2)) {
                let mut sum = Fr::ZERO;
                for &(wire, value) in &matrix.terms[bounds[0] as usize..bounds[1] as usize] {
                    let wire = witness[wire as usize];
                    match value {
                        0 => sum += wire,
                        1 => sum -= wire,
                        _ => sum += self.values[value as usize] * wire,
                    }
                }
                *slot = sum;
            }
        });
        out
    }
}

fn sum<C: Curve>(points: &[Affine<C>], scalars: &[[u64; 4]]) -> Point<C> {
    msm_limbs(points, scalars)
}

/// Canonical integers of field elements.
fn canonical(values: &[Fr]) -> Vec<[u64; 4]> {
    let mut out = vec![[0; 4]; values.len()];
    parallel::for_pieces(&mut out, 1 << 10, |offset, piece| {
        for (limbs, value) in piece.iter_mut().zip(&values[offset..]) {
            *limbs = value.to_limbs();
        }
    });
    out
}

/// Overwrites integers that came from secrets.
fn wipe_limbs(values: &mut [[u64; 4]]) {
    for value in values.iter_mut() {
        // SAFETY: the pointer comes from a unique reference to initialised, aligned integers.
        unsafe { std::ptr::write_volatile(value, [0; 4]) };
    }
}
