//! Groth16 (ePrint 2016/260) over BN254, with keys and quotients in the form of snarkjs.
//!
//! The quotient is handled by its values at the odd powers of the root of order `2n`: as `A B - C` vanishes at the
//! even ones, `(A B - C)(tau) / delta = sum_i (A B - C)(w^(2i+1)) * [L_(2i+1)(tau) / delta]`.

mod prove;
mod setup;
mod verify;
mod zkey;

pub use setup::setup;
pub use verify::{verify, verify_all, VerifyingKey, Weighted};
pub use zkey::ProvingKey;

use crate::bytes::{g1_from_bytes, g1_to_bytes, g2_from_bytes, g2_to_bytes};
use crate::error::Error;
use crate::g1::G1Affine;
use crate::g2::G2Affine;

/// Bytes of a proof.
pub const PROOF_BYTES: usize = 256;

/// A proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proof {
    /// `A`.
    pub a: G1Affine,
    /// `B`.
    pub b: G2Affine,
    /// `C`.
    pub c: G1Affine,
}

impl Proof {
    /// Reads `A || B || C`: canonical numbers, points of the groups.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() != PROOF_BYTES {
            return Err(Error::Length("proof"));
        }
        let a = g1_from_bytes(&bytes[..64], "proof A")?[0];
        let b = g2_from_bytes(&bytes[64..192], "proof B")?[0];
        let c = g1_from_bytes(&bytes[192..], "proof C")?[0];
        Ok(Self { a, b, c })
    }

    /// `A || B || C`.
    pub fn to_bytes(&self) -> [u8; PROOF_BYTES] {
        let mut out = [0; PROOF_BYTES];
        out[..64].copy_from_slice(&g1_to_bytes(&self.a));
        out[64..192].copy_from_slice(&g2_to_bytes(&self.b));
        out[192..].copy_from_slice(&g1_to_bytes(&self.c));
        out
    }
}
