//! `Fq12 = Fq6[w] / (w^2 - v)`, the target of the pairing.

use std::ops::Mul;
use std::sync::OnceLock;

use crate::field::Field;
use crate::fq::Fq;
use crate::fq2::Fq2;
use crate::fq6::Fq6;

/// `c0 + c1 * w`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fq12 {
    /// The part in `Fq6`.
    pub c0: Fq6,
    /// The coefficient of `w`.
    pub c1: Fq6,
}

/// `xi^(k (q - 1) / 6)` for `k` in `0..6`: the factors of the Frobenius map on `w^k`.
pub(crate) fn frobenius_factors() -> &'static [Fq2; 6] {
    static FACTORS: OnceLock<[Fq2; 6]> = OnceLock::new();
    FACTORS.get_or_init(|| {
        let base = Fq2::XI.pow(&exponent_q_minus_1_over_6());
        let mut factors = [Fq2::ONE; 6];
        for k in 1..6 {
            factors[k] = factors[k - 1] * base;
        }
        factors
    })
}

/// `(q - 1) / 6`, by long division from the top limb.
fn exponent_q_minus_1_over_6() -> [u64; 4] {
    let mut limbs = Fq::MODULUS;
    limbs[0] -= 1;
    let mut remainder = 0u128;
    for limb in limbs.iter_mut().rev() {
        let value = remainder << 64 | u128::from(*limb);
        *limb = (value / 6) as u64;
        remainder = value % 6;
    }
    limbs
}

impl Fq12 {
    /// One.
    pub const ONE: Self = Self { c0: Fq6::ONE, c1: Fq6::ZERO };

    /// The coefficients over `Fq2` of `w^0 .. w^5`.
    fn coefficients(&self) -> [Fq2; 6] {
        [self.c0.c0, self.c1.c0, self.c0.c1, self.c1.c1, self.c0.c2, self.c1.c2]
    }

    fn of_coefficients([a0, a1, a2, a3, a4, a5]: [Fq2; 6]) -> Self {
        Self { c0: Fq6 { c0: a0, c1: a2, c2: a4 }, c1: Fq6 { c0: a1, c1: a3, c2: a5 } }
    }

    /// The coefficients over `Fq` of `w^0 .. w^11` in `Fq[w] / (w^12 - 18 w^6 + 82)`, where `u = w^6 - 9`.
    pub fn to_fq_basis(&self) -> [Fq; 12] {
        let mut out = [Fq::ZERO; 12];
        for (k, a) in self.coefficients().into_iter().enumerate() {
            out[k] = a.c0 - a.c1 * Fq::from_u64(9);
            out[k + 6] = a.c1;
        }
        out
    }

    /// `self^(q^6)`: the inverse of an element of the cyclotomic subgroup.
    #[must_use]
    pub fn conjugate(&self) -> Self {
        Self { c0: self.c0, c1: -self.c1 }
    }

    /// `self^q`.
    #[must_use]
    pub fn frobenius(&self) -> Self {
        let mut coefficients = self.coefficients();
        for (a, factor) in coefficients.iter_mut().zip(frobenius_factors()) {
            *a = a.conjugate() * *factor;
        }
        Self::of_coefficients(coefficients)
    }

    /// `self * self`.
    #[must_use]
    pub fn square(&self) -> Self {
        let product = self.c0 * self.c1;
        Self {
            c0: (self.c0 + self.c1) * (self.c0 + self.c1.mul_by_v()) - product - product.mul_by_v(),
            c1: product + product,
        }
    }

    /// `self * self` in the cyclotomic subgroup (Granger and Scott, 2010, section 3.2).
    #[must_use]
    pub fn cyclotomic_square(&self) -> Self {
        // Three squarings in Fq4 = Fq2[s] / (s^2 - xi), of (a + b s).
        let fq4_square = |a: Fq2, b: Fq2| {
            let (aa, bb) = (a.square(), b.square());
            (bb.mul_by_xi() + aa, (a + b).square() - aa - bb)
        };
        let [x0, x1, x2, x3, x4, x5] = self.coefficients();
        let (t0, t1) = fq4_square(x0, x3);
        let (t2, t3) = fq4_square(x1, x4);
        let (t4, t5) = fq4_square(x2, x5);
        let minus = |t: Fq2, x: Fq2| (t - x).double() + t; // 3t - 2x
        let plus = |t: Fq2, x: Fq2| (t + x).double() + t; // 3t + 2x
        Self::of_coefficients([
            minus(t0, x0),
            plus(t5.mul_by_xi(), x1),
            minus(t2, x2),
            plus(t1, x3),
            minus(t4, x4),
            plus(t3, x5),
        ])
    }

    /// `self` to the power of a number in non-adjacent form ([`crate::msm::few::naf`], any width), in the cyclotomic subgroup, where
    /// the conjugate is the inverse.
    #[must_use]
    pub fn cyclotomic_pow(&self, digits: &[i8]) -> Self {
        let largest = digits.iter().map(|digit| digit.unsigned_abs()).max().unwrap_or(0);
        let square = self.cyclotomic_square();
        let mut odd = vec![*self];
        for power in 1..usize::from(largest).div_ceil(2) {
            odd.push(odd[power - 1] * square);
        }
        let mut result = Self::ONE;
        for digit in digits.iter().rev() {
            result = result.cyclotomic_square();
            match digit {
                0 => {}
                1.. => result = result * odd[*digit as usize / 2],
                _ => result = result * odd[digit.unsigned_abs() as usize / 2].conjugate(),
            }
        }
        result
    }

    /// `1 / self`, or `None` for zero.
    pub fn inverse(&self) -> Option<Self> {
        let norm = self.c0 * self.c0 - (self.c1 * self.c1).mul_by_v();
        let inverse = norm.inverse()?;
        Some(Self { c0: self.c0 * inverse, c1: -(self.c1 * inverse) })
    }

    /// Multiplication by the sparse `a + b * w + c * w^3`, the shape of a line function.
    #[must_use]
    pub fn mul_by_line(&self, a: Fq2, b: Fq2, c: Fq2) -> Self {
        let t0 = self.c0.scale(a);
        let t1 = self.c1.mul_by_01(b, c);
        Self { c0: t0 + t1.mul_by_v(), c1: (self.c0 + self.c1).mul_by_01(a + b, c) - t0 - t1 }
    }

    /// `self` to the power of a little-endian integer.
    #[must_use]
    pub fn pow(&self, exponent: &[u64]) -> Self {
        let mut result = Self::ONE;
        for limb in exponent.iter().rev() {
            for bit in (0..64).rev() {
                result = result.square();
                if limb >> bit & 1 == 1 {
                    result = result * *self;
                }
            }
        }
        result
    }
}

impl Mul for Fq12 {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let t0 = self.c0 * other.c0;
        let t1 = self.c1 * other.c1;
        Self { c0: t0 + t1.mul_by_v(), c1: (self.c0 + self.c1) * (other.c0 + other.c1) - t0 - t1 }
    }
}
