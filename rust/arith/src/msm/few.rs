//! Sums of few points: interleaved non-adjacent forms (Moeller, SAC 2001), without threads. Not for secrets.

use crate::curve::{Affine, Curve, Point};

/// The non-adjacent form of width `width` (2 to 7), the lowest digit first: digits are zero or odd, below
/// `2^(width - 1)` in size, of `width` neighbours one at most is not zero, and the last is positive.
pub fn naf(mut limbs: [u64; 4], width: u32) -> Vec<i8> {
    let mut digits = Vec::with_capacity(257);
    let mut carry = false; // the number is `limbs`, and 2^256 more
    while carry || limbs != [0; 4] {
        let mut digit = 0;
        if limbs[0] & 1 == 1 {
            let low = (limbs[0] & ((1 << width) - 1)) as i64;
            digit = if low >> (width - 1) == 1 { low - (1 << width) } else { low };
            if digit > 0 {
                limbs[0] -= digit as u64;
            } else {
                let mut over = digit.unsigned_abs();
                for limb in &mut limbs {
                    let (sum, carried) = limb.overflowing_add(over);
                    (*limb, over) = (sum, u64::from(carried));
                }
                carry = over == 1;
            }
        }
        digits.push(digit as i8);
        for i in 0..4 {
            let above = limbs.get(i + 1).map_or(u64::from(carry), |limb| limb & 1);
            limbs[i] = limbs[i] >> 1 | above << 63;
        }
        carry = false;
    }
    digits
}

/// Odd multiples of points.
#[derive(Clone, Debug)]
pub struct Multiples<C: Curve> {
    width: u32,
    /// Of each point `P`: `P`, `3 P`, .. `(2^(width - 1) - 1) P`.
    odd: Vec<Affine<C>>,
}

impl<C: Curve> Multiples<C> {
    /// For digits of `width` (2 to 7) bits: `2^(width - 2)` points are kept of each.
    pub fn new(points: &[Affine<C>], width: u32) -> Self {
        let each = 1 << (width - 2);
        let mut odd = Vec::with_capacity(points.len() * each);
        for point in points {
            let mut multiple = Point::from(*point);
            let twice = multiple.double();
            odd.push(multiple);
            for _ in 1..each {
                multiple += twice;
                odd.push(multiple);
            }
        }
        let odd = if each == 1 { points.to_vec() } else { Point::batch_to_affine(&odd) };
        Self { width, odd }
    }

    /// `sum scalars[i] * points[i]` for 256-bit integers, which need not be below `r`; of different lengths the
    /// common part.
    pub fn sum(&self, scalars: &[[u64; 4]]) -> Point<C> {
        let digits: Vec<_> = scalars.iter().map(|scalar| naf(*scalar, self.width)).collect();
        let mut total = Point::INFINITY;
        for at in (0..digits.iter().map(Vec::len).max().unwrap_or(0)).rev() {
            total = total.double();
            for (multiples, digits) in self.odd.chunks_exact(1 << (self.width - 2)).zip(&digits) {
                match digits.get(at).copied().unwrap_or(0) {
                    0 => {}
                    digit if digit > 0 => total.add_affine(&multiples[digit as usize / 2]),
                    digit => total.add_affine(&-multiples[digit.unsigned_abs() as usize / 2]),
                }
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fr::Fr;
    use crate::g1::G1;
    use crate::g2::G2;

    const LARGEST: [u64; 4] = [u64::MAX; 4];

    fn numbers() -> Vec<[u64; 4]> {
        let mut numbers = vec![[0; 4], [1, 0, 0, 0], [2, 0, 0, 0], LARGEST, Fr::MODULUS, [0, 0, 0, 1 << 63]];
        numbers.extend((3..70).map(|low| [low, 0, u64::MAX, 0]));
        let mut value = Fr::from_u64(5);
        for _ in 0..20 {
            value = value.square() + Fr::from_u64(7);
            numbers.push(value.to_limbs());
        }
        numbers
    }

    #[test]
    fn forms_are_of_their_numbers_and_sparse() {
        let two = Fr::from_u64(2);
        for width in 2..=7 {
            for number in numbers() {
                let digits = naf(number, width);
                let value = digits.iter().rev().fold(Fr::ZERO, |value, digit| {
                    let size = Fr::from_u64(u64::from(digit.unsigned_abs()));
                    value * two + if *digit < 0 { -size } else { size }
                });
                assert_eq!(value, Fr::from_limbs_reduced(number), "{number:?} {width}");
                assert!(digits.iter().all(|digit| *digit == 0 || digit & 1 == 1));
                assert!(digits.iter().all(|digit| u32::from(digit.unsigned_abs()) < 1 << (width - 1)));
                assert!(digits.windows(width as usize).all(|near| near
                    .iter()
                    .filter(|digit| **digit != 0)
                    .count()
                    <= 1));
                assert!(digits.last().is_none_or(|digit| *digit > 0));
            }
        }
    }

    fn sums<C: Curve>() {
        let numbers = numbers();
        let points: Vec<_> = numbers.iter().rev().map(|k| C::generator().mul_limbs(k).to_affine()).collect();
        for count in [0, 1, 2, 7, numbers.len()] {
            let expected = points[..count]
                .iter()
                .zip(&numbers)
                .fold(Point::INFINITY, |sum, (point, number)| sum + point.mul_limbs(number));
            for width in 2..=7 {
                assert!(Multiples::new(&points[..count], width).sum(&numbers[..count]) == expected);
            }
        }
        // Equal points, opposite points and infinity meet in the sum.
        let generator = C::generator();
        let points = [generator, generator, -generator, Affine::INFINITY];
        for width in 2..=7 {
            let sum = |scalars| Multiples::new(&points, width).sum(scalars);
            assert!(sum(&[[5, 0, 0, 0], [5, 0, 0, 0], [10, 0, 0, 0], LARGEST]).is_infinity());
            assert!(sum(&[[5, 0, 0, 0], [6, 0, 0, 0], [10, 0, 0, 0], LARGEST]) == generator.into());
        }
    }

    #[test]
    fn sums_agree_with_single_multiplications() {
        sums::<G1>();
        sums::<G2>();
    }
}
