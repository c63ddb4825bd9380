//! The verifier.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Proof, PROOF_BYTES};
use crate::bytes::{fr_from_bytes, g1_from_bytes, g2_from_bytes};
use crate::error::Error;
use crate::fq12::Fq12;
use crate::fr::Fr;
use crate::g1::{G1Affine, G1Point, G1};
use crate::g2::G2Affine;
use crate::msm::few::{naf, Multiples};
use crate::msm::msm;
use crate::pairing::{final_exponentiation, miller_loop, pairing};

/// Inputs that a key may have for tables of its points to be kept; of more, sums are quicker without.
const FEW_INPUTS: usize = 32;
/// Bits of digits over the points of a key, whose multiples are kept, and over those of proofs.
const KEY_DIGITS: u32 = 6;
const PROOF_DIGITS: u32 = 4;

/// A verifying key whose points are known to be valid, ready for many proofs.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    /// `e(alpha, beta)`, which no proof changes.
    alpha_beta: Fq12,
    gamma2: G2Affine,
    delta2: G2Affine,
    ic: Vec<G1Affine>,
    /// Of `ic`, where it is short.
    multiples: Option<Multiples<G1>>,
}

/// A proof with its public inputs, and its weight in a batch.
#[derive(Clone, Debug)]
pub struct Weighted {
    /// For a key of as many.
    pub public_inputs: Vec<Fr>,
    /// The proof.
    pub proof: Proof,
    /// Unknown to whoever made the proofs.
    pub weight: u128,
}

impl VerifyingKey {
    /// Reads `alpha1 || beta2 || gamma2 || delta2 || IC` (at least one point): canonical, in their groups, and
    /// none of the first four infinity.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let (head, ic) = bytes.split_at_checked(64 + 3 * 128).ok_or(Error::Length("verifying key"))?;
        let ic = g1_from_bytes(ic, "verifying key IC")?;
        let alpha1 = g1_from_bytes(&head[..64], "verifying key alpha")?[0];
        let g2 = g2_from_bytes(&head[64..], "verifying key G2")?;
        if ic.is_empty() {
            return Err(Error::Length("verifying key"));
        }
        if alpha1.is_infinity() || g2.iter().any(G2Affine::is_infinity) {
            return Err(Error::InvalidPoint("verifying key"));
        }
        let multiples = (ic.len() <= FEW_INPUTS + 1).then(|| Multiples::new(&ic, KEY_DIGITS));
        Ok(Self { alpha_beta: pairing(&alpha1, &g2[0]), gamma2: g2[1], delta2: g2[2], ic, multiples })
    }

    /// The number of public inputs.
    pub fn n_public(&self) -> usize {
        self.ic.len() - 1
    }

    /// Whether `e(A, B) = e(alpha, beta) e(IC_0 + sum x_i IC_i, gamma) e(C, delta)`.
    pub fn verify(&self, public_inputs: &[Fr], proof: &Proof) -> Result<bool, Error> {
        self.verify_all(&[Weighted { public_inputs: public_inputs.to_vec(), proof: *proof, weight: 1 }])
    }

    /// Whether the product of the equations of all proofs, each to the power of its weight, holds.
    ///
    /// Both sides of an equation lie in a group of prime order, so that weights drawn uniformly below `2^128` after the
    /// proofs were made let a batch with a false proof pass with a probability of `2^-128` at most (small exponents
    /// test; Bellare, Garay and Rabin, 1998).
    pub fn verify_all(&self, proofs: &[Weighted]) -> Result<bool, Error> {
        let mut scalars = vec![Fr::ZERO; self.ic.len()];
        for Weighted { public_inputs, weight, .. } in proofs {
            if public_inputs.len() != self.n_public() {
                return Err(Error::Length("public inputs"));
            }
            let weight = Fr::from_u128(*weight);
            scalars[0] += weight;
            for (scalar, input) in scalars[1..].iter_mut().zip(public_inputs) {
                *scalar += weight * *input;
            }
        }
        let limbs = |weight: u128| [weight as u64, (weight >> 64) as u64, 0, 0];
        let weights: Vec<_> = proofs.iter().map(|each| limbs(each.weight)).collect();
        let total = scalars[0].to_limbs();
        let inputs = match &self.multiples {
            Some(multiples) => {
                multiples.sum(&scalars.iter().map(|scalar| scalar.to_limbs()).collect::<Vec<_>>())
            }
            None => msm(&self.ic, &scalars),
        };
        let cs: Vec<_> = proofs.iter().map(|each| each.proof.c).collect();
        let mut sums = vec![inputs, Multiples::new(&cs, PROOF_DIGITS).sum(&weights)];
        for (each, weight) in proofs.iter().zip(&weights) {
            sums.push(Multiples::new(&[-each.proof.a], PROOF_DIGITS).sum(&[*weight]));
        }
        let sums = G1Point::batch_to_affine(&sums);
        let twos = [self.gamma2, self.delta2].into_iter().chain(proofs.iter().map(|each| each.proof.b));
        let pairs: Vec<_> = sums.into_iter().zip(twos).collect();
        let product = final_exponentiation(&miller_loop(&pairs));
        let alpha_beta = self.alpha_beta.cyclotomic_pow(&naf(total, PROOF_DIGITS));
        Ok(product.map(|product| product * alpha_beta) == Some(Fq12::ONE))
    }
}

/// Checks a proof from bytes: key, public inputs (32 bytes each, canonical) and `A || B || C`.
pub fn verify(key: &[u8], public_inputs: &[u8], proof: &[u8]) -> Result<bool, Error> {
    let proof = Proof::from_bytes(proof)?;
    let public_inputs = fr_from_bytes(public_inputs, "public input")?;
    kept(key)?.verify(&public_inputs, &proof)
}

/// Checks proofs of one key, one after the other in the bytes: `false` where one of them does not hold.
///
/// `entropy`: 16 bytes for each, which nobody knew when the proofs were made.
pub fn verify_all(key: &[u8], public_inputs: &[u8], proofs: &[u8], entropy: &[u8]) -> Result<bool, Error> {
    let key = kept(key)?;
    let (proofs, []) = proofs.as_chunks::<PROOF_BYTES>() else { return Err(Error::Length("proofs")) };
    let (weights, []) = entropy.as_chunks::<16>() else { return Err(Error::Length("entropy")) };
    let public_inputs = fr_from_bytes(public_inputs, "public input")?;
    if weights.len() != proofs.len() {
        return Err(Error::Length("entropy"));
    }
    if public_inputs.len() != proofs.len() * key.n_public() {
        return Err(Error::Length("public inputs"));
    }
    let mut weighted = Vec::with_capacity(proofs.len());
    for (index, (proof, weight)) in proofs.iter().zip(weights).enumerate() {
        weighted.push(Weighted {
            public_inputs: public_inputs[index * key.n_public()..][..key.n_public()].to_vec(),
            proof: Proof::from_bytes(proof)?,
            weight: u128::from_le_bytes(*weight),
        });
    }
    key.verify_all(&weighted)
}

/// How many keys are kept.
const KEPT: usize = 8;

/// Keys of late, by all their bytes: the points of a key are checked once, not for every proof. The latest is last.
static KEYS: Mutex<Vec<(Vec<u8>, Arc<VerifyingKey>)>> = Mutex::new(Vec::new());

/// The key with these bytes. What is refused is not kept.
fn kept(bytes: &[u8]) -> Result<Arc<VerifyingKey>, Error> {
    let find = |keys: &mut Vec<(Vec<u8>, Arc<VerifyingKey>)>| {
        let at = keys.iter().position(|(known, _)| known == bytes)?;
        let found = keys.remove(at);
        let key = Arc::clone(&found.1);
        keys.push(found);
        Some(key)
    };
    // A panic elsewhere leaves a list of whole entries.
    if let Some(key) = find(&mut KEYS.lock().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(key);
    }
    let key = Arc::new(VerifyingKey::from_bytes(bytes)?);
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    if find(&mut keys).is_none() {
        if keys.len() == KEPT {
            keys.remove(0);
        }
        keys.push((bytes.to_vec(), Arc::clone(&key)));
    }
    Ok(key)
}
