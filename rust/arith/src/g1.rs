//! `G1`: `y^2 = x^3 + 3` over `Fq`, of prime order.

use crate::curve::{Affine, Curve, Point};
use crate::fq::Fq;
use crate::lanes::Batch;

/// The first group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct G1;

/// An affine point of `G1`.
pub type G1Affine = Affine<G1>;
/// A point of `G1` in XYZZ coordinates.
pub type G1Point = Point<G1>;

impl Curve for G1 {
    type Base = Fq;

    fn b() -> Fq {
        Fq::from_u64(3)
    }

    fn generator() -> G1Affine {
        Affine { x: Fq::ONE, y: Fq::from_u64(2) }
    }

    /// The curve has prime order: every point is in the group.
    fn in_subgroup(_point: &G1Affine) -> bool {
        true
    }

    #[cfg(target_arch = "x86_64")]
    type Scratch = crate::lanes::Scratch<crate::lanes::Fq4>;
    #[cfg(not(target_arch = "x86_64"))]
    type Scratch = ();

    fn add_batch(batch: &Batch<Self>, to: &mut [G1Affine], scratch: &mut Self::Scratch) -> bool {
        #[cfg(target_arch = "x86_64")]
        if crate::lanes::available() {
            // SAFETY: the processor has what the backend needs.
            return unsafe { crate::lanes::add_batch(batch, to, scratch) };
        }
        let _ = (batch, to, scratch);
        false
    }

    fn reduce(point: &G1Affine) -> G1Affine {
        Affine { x: point.x.reduced(), y: point.y.reduced() }
    }
}
