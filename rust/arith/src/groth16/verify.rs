//! The verifier.

use std::sync::{Arc, Mutex, PoisonError};

use super::Proof;
use crate::bytes::{fr_from_bytes, g1_from_bytes, g2_from_bytes};
use crate::error::Error;
use crate::fq12::Fq12;
use crate::fr::Fr;
use crate::g1::{G1Affine, G1Point};
use crate::g2::G2Affine;
use crate::msm::msm;
use crate::pairing::{final_exponentiation, miller_loop};

/// A verifying key whose points are known to be valid, ready for many proofs.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    /// The Miller loop of alpha and beta, which no proof changes.
    alpha_beta: Fq12,
    gamma2: G2Affine,
    delta2: G2Affine,
    ic: Vec<G1Affine>,
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
        let alpha_beta = miller_loop(&[(alpha1, g2[0])]);
        Ok(Self { alpha_beta, gamma2: g2[1], delta2: g2[2], ic })
    }

    /// The number of public inputs.
    pub fn n_public(&self) -> usize {
        self.ic.len() - 1
    }

    /// Whether `e(A, B) = e(alpha, beta) e(IC_0 + sum x_i IC_i, gamma) e(C, delta)`.
    pub fn verify(&self, public_inputs: &[Fr], proof: &Proof) -> Result<bool, Error> {
        if public_inputs.len() != self.n_public() {
            return Err(Error::Length("public inputs"));
        }
        let inputs = msm(&self.ic[1..], public_inputs) + G1Point::from(self.ic[0]);
        let loops =
            miller_loop(&[(-proof.a, proof.b), (inputs.to_affine(), self.gamma2), (proof.c, self.delta2)]);
        Ok(final_exponentiation(&(loops * self.alpha_beta)) == Some(Fq12::ONE))
    }
}

/// Checks a proof from bytes: key, public inputs (32 bytes each, canonical) and `A || B || C`.
pub fn verify(key: &[u8], public_inputs: &[u8], proof: &[u8]) -> Result<bool, Error> {
    let proof = Proof::from_bytes(proof)?;
    let public_inputs = fr_from_bytes(public_inputs, "public input")?;
    kept(key)?.verify(&public_inputs, &proof)
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
