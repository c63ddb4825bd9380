//! Four elements of `Fq2` in AVX2 lanes.

use super::avx2::Fq4;
use crate::fq2::Fq2;

/// `c0 + c1 u`, four times.
#[derive(Clone, Copy)]
pub struct Fq2x4 {
    c0: Fq4,
    c1: Fq4,
}

impl Fq2x4 {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn load(elements: [&Fq2; 4]) -> Self {
        let [a, b, c, d] = elements;
        Self { c0: Fq4::load([&a.c0, &b.c0, &c.c0, &d.c0]), c1: Fq4::load([&a.c1, &b.c1, &c.c1, &d.c1]) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn store(&self) -> [[[u64; 4]; 2]; 4] {
        let (c0, c1) = (self.c0.store(), self.c1.store());
        [[c0[0], c1[0]], [c0[1], c1[1]], [c0[2], c1[2]], [c0[3], c1[3]]]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn sub(&self, other: &Self) -> Self {
        Self { c0: self.c0.sub(&other.c0), c1: self.c1.sub(&other.c1) }
    }

    /// `self * other / 2^261`; two reductions for four products.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn mul(&self, other: &Self) -> Self {
        Self {
            c0: Fq4::sum_of_products(&self.c0, &other.c0, &self.c1.neg(), &other.c1),
            c1: Fq4::sum_of_products(&self.c0, &other.c1, &self.c1, &other.c0),
        }
    }

    /// `self^2 / 2^266`, of limbs in `0..2^29`.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn square_over_32(&self) -> Self {
        let sum = self.c0.add(&self.c1);
        let difference = self.c0.sub(&self.c1);
        let twice = self.c0.add(&self.c0);
        Self { c0: sum.mul_over_32(&difference), c1: twice.mul_over_32(&self.c1) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn reduce(&self) -> Self {
        Self { c0: self.c0.reduce(), c1: self.c1.reduce() }
    }
}
