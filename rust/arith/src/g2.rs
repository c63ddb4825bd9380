//! `G2`: the subgroup of order `r` of the sextic twist `y^2 = x^3 + 3 / (9 + u)` over `Fq2`.

use std::sync::OnceLock;

use crate::curve::{Affine, Curve, Point};
use crate::field::Field;
use crate::fq::Fq;
use crate::fq12::frobenius_factors;
use crate::fq2::Fq2;
use crate::lanes::Batch;
use crate::msm::few::Multiples;

/// The second group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct G2;

/// An affine point of `G2`.
pub type G2Affine = Affine<G2>;
/// A point of `G2` in XYZZ coordinates.
pub type G2Point = Point<G2>;

/// The parameter `x` of the Barreto-Naehrig family.
pub(crate) const BN_X: u64 = 4965661367192848881;

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

    /// `(x + 1) P + psi(x P) + psi^2(x P) = 2 psi^3(x P)` (Dai, Lin, Zhao and Zhou, ePrint 2022/348): a polynomial in
    /// `psi` that vanishes for `psi = q mod r`, as on the group of order `r`. Its resultant with `psi^2 - t psi + q`, which
    /// vanishes on the whole twist, has no factor but `r` in common with the order of the twist (a test computes it).
    fn in_subgroup(point: &G2Affine) -> bool {
        let multiple = Multiples::new(&[*point], 2).sum(&[[BN_X, 0, 0, 0]]).to_affine();
        let first = psi(&multiple);
        let second = psi(&first);
        let third = psi(&second);
        let mut left = G2Point::from(multiple);
        left.add_affine(point);
        left.add_affine(&first);
        left.add_affine(&second);
        left == G2Point::from(third).double()
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
