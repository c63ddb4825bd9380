//! The base field of BN254: coordinates of curve points.

use crate::field::{FieldParams, Fp};

/// Constants of the base field.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FqParams;

impl FieldParams for FqParams {
    // 21888242871839275222246405745257275088696311157297823662689037894645226208583
    const MODULUS: [u64; 4] =
        [0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d, 0x30644e72e131a029];
    const R: [u64; 4] = [0xd35d438dc58f0d9d, 0x0a78eb28f5c70b3d, 0x666ea36f7879462c, 0x0e0a77c19a07df2f];
    const R2: [u64; 4] = [0xf32cfc5b538afa89, 0xb5e71911d44501fb, 0x47ab1eff0a417ff6, 0x06d89f71cab8351f];
    const R3: [u64; 4] = [0xb1cd6dafda1530df, 0x62f210e6a7283db6, 0xef7f0b0c0ada0afb, 0x20fd6e902d592544];
    const INV: u64 = 0x87d20782e4866389;
}

/// An integer modulo the characteristic of the BN254 curve.
pub type Fq = Fp<FqParams>;
