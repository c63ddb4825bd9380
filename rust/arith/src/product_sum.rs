//! Sums of products that are reduced once, not once per product.

use crate::field::{reduce_once, FieldParams, Fp};
use crate::fr::{Fr, FrParams};

const P: [u64; 4] = FrParams::MODULUS;
/// `p / 2^228 + 1`, for a quotient that is at most a little too small.
const TOP: u64 = (P[3] >> 36) + 1;
/// Products are below `p^2 < 2^508`; so many of them stay below `2^524`, and quotient estimates off by one at most.
const MOST: u32 = 1 << 16;

/// `sum a_i * b_i` in Montgomery form.
pub(crate) struct ProductSum {
    limbs: [u64; 9],
    count: u32,
    reduced: Fr,
}

impl ProductSum {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self { limbs: [0; 9], count: 0, reduced: Fp::ZERO }
    }

    /// Adds `a * b`.
    #[inline(always)]
    pub(crate) fn add(&mut self, a: &Fr, b: &Fr) {
        let (a, b) = (&a.0, &b.0);
        let mut t = [0u64; 8];
        for i in 0..4 {
            let mut carry = 0u64;
            for j in 0..4 {
                let v = u128::from(a[i]) * u128::from(b[j]) + u128::from(t[i + j]) + u128::from(carry);
                t[i + j] = v as u64;
                carry = (v >> 64) as u64;
            }
            t[i + 4] = carry;
        }
        let mut carry = false;
        for (limb, t) in self.limbs.iter_mut().zip(t) {
            let (s, c1) = limb.overflowing_add(t);
            let (s, c2) = s.overflowing_add(u64::from(carry));
            *limb = s;
            carry = c1 | c2;
        }
        self.limbs[8] += u64::from(carry);
        self.count += 1;
        if self.count == MOST {
            self.reduced += self.reduce();
            self.limbs = [0; 9];
            self.count = 0;
        }
    }

    /// The sum.
    #[inline(always)]
    pub(crate) fn finish(&self) -> Fr {
        if self.count == 0 {
            self.reduced
        } else {
            self.reduced + self.reduce()
        }
    }

    /// Montgomery reduction of the limbs, by multiples of `p` that clear the low four.
    #[inline(always)]
    fn reduce(&self) -> Fr {
        let mut t = self.limbs;
        let mut over = 0u64;
        for i in 0..4 {
            let m = t[i].wrapping_mul(FrParams::INV);
            let mut carry = 0u64;
            for j in 0..4 {
                let v = u128::from(m) * u128::from(P[j]) + u128::from(t[i + j]) + u128::from(carry);
                t[i + j] = v as u64;
                carry = (v >> 64) as u64;
            }
            let v = u128::from(t[i + 4]) + u128::from(carry) + u128::from(over);
            t[i + 4] = v as u64;
            over = (v >> 64) as u64;
        }
        t[8] += over;
        // Below (2^16 p^2 + 2^256 p) / 2^256 < 2^269: five limbs. Take off the estimated multiple of p.
        let quotient = (t[8] << 28 | t[7] >> 36) / TOP;
        let mut borrow = 0u64;
        let mut r = [0u64; 4];
        for j in 0..4 {
            let v = u128::from(quotient) * u128::from(P[j]) + u128::from(borrow);
            let (d, b) = t[4 + j].overflowing_sub(v as u64);
            r[j] = d;
            borrow = (v >> 64) as u64 + u64::from(b);
        }
        // What is left is below 2p, as the estimate is off by one at most; it has no fifth limb.
        Fr::raw(reduce_once(r, &P))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(Fr, Fr)]) {
        let mut sum = ProductSum::new();
        let mut expected = Fr::ZERO;
        for (a, b) in pairs {
            sum.add(a, b);
            expected += *a * *b;
        }
        assert_eq!(sum.finish(), expected);
    }

    #[test]
    fn equals_the_sum_of_reduced_products() {
        let largest_limbs = Fr::raw([P[0] - 1, P[1], P[2], P[3]]); // the largest Montgomery form
        check(&[]);
        for count in [1, 2, 5, 6, 7, 100, 65_535, 65_536, 65_537, 140_000] {
            check(&vec![(largest_limbs, largest_limbs); count]);
        }
        check(&[(Fr::ZERO, largest_limbs), (Fr::ONE, Fr::ONE)]);
        let mut value = Fr::from_u64(5);
        let random: Vec<_> = (0..3000)
            .map(|_| {
                let previous = value;
                value = value.square() + Fr::from_u64(7);
                (previous, value)
            })
            .collect();
        for count in 0..40 {
            check(&random[50 * count..50 * count + count]);
        }
        check(&random);
    }
}
