//! `Fq2 = Fq[u] / (u^2 + 1)`.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::field::Field;
use crate::fq::Fq;

/// `c0 + c1 * u`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(C)]
pub struct Fq2 {
    /// The part in `Fq`.
    pub c0: Fq,
    /// The coefficient of `u`.
    pub c1: Fq,
}

impl Fq2 {
    /// Zero.
    pub const ZERO: Self = Self { c0: Fq::ZERO, c1: Fq::ZERO };
    /// One.
    pub const ONE: Self = Self { c0: Fq::ONE, c1: Fq::ZERO };
    /// `9 + u`, the non-residue of the sextic extension and of the twist.
    pub const XI: Self = Self { c0: Fq::from_u64(9), c1: Fq::ONE };

    /// `c0 + c1 * u`.
    pub const fn new(c0: Fq, c1: Fq) -> Self {
        Self { c0, c1 }
    }

    /// The `q`-power Frobenius map.
    #[must_use]
    pub fn conjugate(&self) -> Self {
        Self { c0: self.c0, c1: -self.c1 }
    }

    /// Multiplication by an element of `Fq`.
    #[must_use]
    #[inline(always)]
    pub fn scale(&self, by: Fq) -> Self {
        Self { c0: self.c0 * by, c1: self.c1 * by }
    }

    /// `self * (9 + u)`.
    #[must_use]
    #[inline(always)]
    pub fn mul_by_xi(&self) -> Self {
        let times_9 = |x: Fq| x.double().double().double() + x;
        Self { c0: times_9(self.c0) - self.c1, c1: times_9(self.c1) + self.c0 }
    }

    /// `self` to the power of a little-endian integer.
    #[must_use]
    pub fn pow(&self, exponent: &[u64]) -> Self {
        let mut result = Self::ONE;
        for limb in exponent.iter().rev() {
            for bit in (0..64).rev() {
                result = Field::square(&result);
                if limb >> bit & 1 == 1 {
                    result *= *self;
                }
            }
        }
        result
    }
}

impl fmt::Debug for Fq2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} + {:?}*u", self.c0, self.c1)
    }
}

impl Add for Fq2 {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { c0: self.c0 + other.c0, c1: self.c1 + other.c1 }
    }
}

impl Sub for Fq2 {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self { c0: self.c0 - other.c0, c1: self.c1 - other.c1 }
    }
}

impl Neg for Fq2 {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { c0: -self.c0, c1: -self.c1 }
    }
}

impl Mul for Fq2 {
    type Output = Self;
    #[inline]
    fn mul(self, other: Self) -> Self {
        // Four products of which two are reduced: fewer steps than Karatsuba's three, reduced each, and his sums.
        Self {
            c0: Fq::sum_of_products(self.c0, other.c0, self.c1, -other.c1),
            c1: Fq::sum_of_products(self.c0, other.c1, self.c1, other.c0),
        }
    }
}

impl AddAssign for Fq2 {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Fq2 {
    #[inline(always)]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl MulAssign for Fq2 {
    #[inline(always)]
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}

impl Field for Fq2 {
    const ZERO: Self = Self::ZERO;
    const ONE: Self = Self::ONE;
    #[inline]
    fn square(&self) -> Self {
        let product = self.c0 * self.c1;
        Self { c0: (self.c0 + self.c1) * (self.c0 - self.c1), c1: product.double() }
    }
    #[inline(always)]
    fn double(&self) -> Self {
        Self { c0: self.c0.double(), c1: self.c1.double() }
    }
    fn inverse(&self) -> Option<Self> {
        // 1 / (a + bu) = (a - bu) / (a^2 + b^2)
        let norm = (self.c0.square() + self.c1.square()).inverse()?;
        Some(Self { c0: self.c0 * norm, c1: -(self.c1 * norm) })
    }
    #[inline(always)]
    fn is_zero(&self) -> bool {
        self.c0.is_zero() && self.c1.is_zero()
    }
}
