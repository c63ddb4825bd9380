//! `Fq6 = Fq2[v] / (v^3 - (9 + u))`.

use std::ops::{Add, Mul, Neg, Sub};

use crate::field::Field;
use crate::fq2::Fq2;

/// `c0 + c1 * v + c2 * v^2`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fq6 {
    /// The part in `Fq2`.
    pub c0: Fq2,
    /// The coefficient of `v`.
    pub c1: Fq2,
    /// The coefficient of `v^2`.
    pub c2: Fq2,
}

impl Fq6 {
    /// Zero.
    pub const ZERO: Self = Self { c0: Fq2::ZERO, c1: Fq2::ZERO, c2: Fq2::ZERO };
    /// One.
    pub const ONE: Self = Self { c0: Fq2::ONE, c1: Fq2::ZERO, c2: Fq2::ZERO };

    /// `self * v`.
    #[must_use]
    pub fn mul_by_v(&self) -> Self {
        Self { c0: self.c2.mul_by_xi(), c1: self.c0, c2: self.c1 }
    }

    /// Multiplication by an element of `Fq2`.
    #[must_use]
    pub fn scale(&self, by: Fq2) -> Self {
        Self { c0: self.c0 * by, c1: self.c1 * by, c2: self.c2 * by }
    }

    /// Multiplication by `b0 + b1 * v`.
    #[must_use]
    pub fn mul_by_01(&self, b0: Fq2, b1: Fq2) -> Self {
        let t0 = self.c0 * b0;
        let t1 = self.c1 * b1;
        Self {
            c0: ((self.c1 + self.c2) * b1 - t1).mul_by_xi() + t0,
            c1: (self.c0 + self.c1) * (b0 + b1) - t0 - t1,
            c2: (self.c0 + self.c2) * b0 - t0 + t1,
        }
    }

    /// `1 / self`, or `None` for zero.
    pub fn inverse(&self) -> Option<Self> {
        let t0 = self.c0.square() - (self.c1 * self.c2).mul_by_xi();
        let t1 = self.c2.square().mul_by_xi() - self.c0 * self.c1;
        let t2 = self.c1.square() - self.c0 * self.c2;
        let norm = self.c0 * t0 + (self.c2 * t1 + self.c1 * t2).mul_by_xi();
        norm.inverse().map(|inverse| Self { c0: t0, c1: t1, c2: t2 }.scale(inverse))
    }
}

impl Add for Fq6 {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { c0: self.c0 + other.c0, c1: self.c1 + other.c1, c2: self.c2 + other.c2 }
    }
}

impl Sub for Fq6 {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { c0: self.c0 - other.c0, c1: self.c1 - other.c1, c2: self.c2 - other.c2 }
    }
}

impl Neg for Fq6 {
    type Output = Self;
    fn neg(self) -> Self {
        Self { c0: -self.c0, c1: -self.c1, c2: -self.c2 }
    }
}

impl Mul for Fq6 {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        let t0 = self.c0 * b.c0;
        let t1 = self.c1 * b.c1;
        let t2 = self.c2 * b.c2;
        Self {
            c0: ((self.c1 + self.c2) * (b.c1 + b.c2) - t1 - t2).mul_by_xi() + t0,
            c1: (self.c0 + self.c1) * (b.c0 + b.c1) - t0 - t1 + t2.mul_by_xi(),
            c2: (self.c0 + self.c2) * (b.c0 + b.c2) - t0 - t2 + t1,
        }
    }
}
