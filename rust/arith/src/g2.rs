//! `G2`: the subgroup of order `r` of the sextic twist `y^2 = x^3 + 3 / (9 + u)` over `Fq2`.

use std::sync::OnceLock;

use crate::curve::{Affine, Curve, Point};
use crate::field::Field;
use crate::fq::Fq;
use crate::fq12::frobenius_factors;
use crate::fq2::Fq2;
use crate::lanes::Batch;

/// The second group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct G2;

/// An affine point of `G2`.
pub type G2Affine = Affine<G2>;
/// A point of `G2` in XYZZ coordinates.
pub type G2Point = Point<G2>;

/// The parameter `x` of the Barreto-Naehrig family.
pub(crate) const BN_X: u64 = 4965661367192848881;

/// `6 x^2`, little-endian.
const SIX_X_SQUARED: [u64; 2] = {
    let value = 6 * (BN_X as u128) * (BN_X as u128);
    [value as u64, (value >> 64) as u64]
};

/// The untwist-Frobenius-twist endomorphism; on the group of order `r` it is multiplication by `q mod r`.
pub(crate) fn psi(point: &G2Affine) -> G2Affine {
    let factors = frobenius_factors();
    Affine { x: point.x.conjugate() * factors[2], y: point.y.conjugate() * factors[3] }
}

impl Curve for G2 {
    type Base = Fq2;

    fn b() -> Fq2 {
        static B: OnceLock<Fq2> = OnceLock::new();
        *B.get_or_init(|| {
            // The non-residue is not zero, so it has an inverse.
            Fq2::XI.inverse().unwrap_or(Fq2::ZERO).scale(Fq::from_u64(3))
        })
    }

    fn generator() -> G2Affine {
        static GENERATOR: OnceLock<G2Affine> = OnceLock::new();
        *GENERATOR.get_or_init(|| {
            let fq = |limbs| Fq::from_limbs_reduced(limbs);
            Affine {
                x: Fq2::new(
                    fq([0x46debd5cd992f6ed, 0x674322d4f75edadd, 0x426a00665e5c4479, 0x1800deef121f1e76]),
                    fq([0x97e485b7aef312c2, 0xf1aa493335a9e712, 0x7260bfb731fb5d25, 0x198e9393920d483a]),
                ),
                y: Fq2::new(
                    fq([0x4ce6cc0166fa7daa, 0xe3d1e7690c43d37b, 0x4aab71808dcb408f, 0x12c85ea5db8c6deb]),
                    fq([0x55acdadcd122975b, 0xbc4b313370b38ef3, 0xec9e99ad690c3395, 0x090689d0585ff075]),
                ),
            }
        })
    }

    /// `psi(P) = (t - 1) P` with the trace `t = 6 x^2 + 1`. As `psi^2 - t psi + q = 0` on the twist, that gives
    /// `((t-1)^2 - t(t-1) + q) P = (q + 1 - t) P = r P = 0`; on the group of order `r` it always holds.
    fn in_subgroup(point: &G2Affine) -> bool {
        point.mul_limbs(&SIX_X_SQUARED) == psi(point).into()
    }

    #[cfg(target_arch = "x86_64")]
    type Scratch = crate::lanes::Scratch<crate::lanes::Fq2x4>;
    #[cfg(not(target_arch = "x86_64"))]
    type Scratch = ();

    fn add_batch(batch: &Batch<Self>, to: &mut [G2Affine], scratch: &mut Self::Scratch) -> bool {
        #[cfg(target_arch = "x86_64")]
        if crate::lanes::available() {
            // SAFETY: the processor has what the backend needs.
            return unsafe { crate::lanes::add_batch(batch, to, scratch) };
        }
        let _ = (batch, to, scratch);
        false
    }

    fn reduce(point: &G2Affine) -> G2Affine {
        let reduced = |value: Fq2| Fq2::new(value.c0.reduced(), value.c1.reduced());
        Affine { x: reduced(point.x), y: reduced(point.y) }
    }
}
