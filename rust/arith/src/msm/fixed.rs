//! Many multiples of one point: a table of its multiples per window, and sums of table entries in batches.

use super::recode::{negate_if_high, NEGATIVE};
use super::segments::Summer;
use crate::curve::{Affine, Curve, Point};
use crate::fr::Fr;
use crate::parallel;

/// Scalars per task.
const PIECE: usize = 1 << 10;

/// The multiples `d * 2^(bits * w) * P` for `d` in `1..=2^(bits - 1)` and every window `w`.
pub struct FixedBase<C: Curve> {
    bits: usize,
    table: Vec<Affine<C>>,
}

impl<C: Curve> FixedBase<C> {
    /// The table of a point, of a size that pays for about `count` scalars.
    pub fn new(point: &Affine<C>, count: usize) -> Self {
        // Additions: windows * 2^(bits - 1) for the table, windows per scalar; beyond 12 bits caches suffer.
        let cost = |bits: &usize| 255usize.div_ceil(*bits) * (count + (1 << (bits - 1)));
        let bits = (2..=12).min_by_key(cost).unwrap_or(2);
        let windows = 255usize.div_ceil(bits);
        let mut bases = vec![Point::from(*point)];
        for window in 1..windows {
            let mut base = bases[window - 1];
            for _ in 0..bits {
                base = base.double();
            }
            bases.push(base);
        }
        let bases = Point::batch_to_affine(&bases);
        let half = 1usize << (bits - 1);
        let table = parallel::map(windows, |window| multiples(&bases[window], half)).concat();
        Self { bits, table }
    }

    /// `scalars[i] * P`, affine.
    pub fn mul_all(&self, scalars: &[Fr]) -> Vec<Affine<C>> {
        let pieces =
            parallel::map_with(scalars.len().div_ceil(PIECE), Summer::<C>::default, |summer, piece| {
                self.mul_piece(summer, &scalars[piece * PIECE..scalars.len().min((piece + 1) * PIECE)])
            });
        pieces.concat()
    }

    fn mul_piece(&self, summer: &mut Summer<C>, scalars: &[Fr]) -> Vec<Affine<C>> {
        let half = 1i64 << (self.bits - 1);
        let (mut references, mut lengths, mut occupied) = (Vec::new(), Vec::new(), Vec::new());
        for (index, scalar) in scalars.iter().enumerate() {
            let before = references.len();
            let (limbs, negative) = negate_if_high(&scalar.to_limbs());
            let mut carry = 0i64;
            for (window, start) in (0..255).step_by(self.bits).enumerate() {
                let mut digit = window_bits(&limbs, start, self.bits) as i64 + carry;
                carry = i64::from(digit > half);
                digit -= carry << self.bits;
                if digit != 0 {
                    let entry = window as u32 * half as u32 + digit.unsigned_abs() as u32 - 1;
                    references.push(if (digit < 0) == negative { entry } else { entry | NEGATIVE });
                }
            }
            if references.len() > before {
                lengths.push((references.len() - before) as u32);
                occupied.push(index);
            }
        }
        let sums = summer.sum(&self.table, &references, &mut lengths);
        let mut out = vec![Affine::INFINITY; scalars.len()];
        for (index, sum) in occupied.into_iter().zip(sums) {
            out[index] = *sum;
        }
        out
    }
}

/// `point, 2 point, .., count point`, for a power of two.
fn multiples<C: Curve>(point: &Affine<C>, count: usize) -> Vec<Affine<C>> {
    let mut out = vec![*point];
    let mut summer = Summer::default();
    while out.len() < count {
        let known = out.len() as u32;
        let references: Vec<u32> = (0..known).flat_map(|i| [known - 1, i]).collect();
        let mut lengths = vec![2u32; out.len()];
        let sums = summer.sum(&out, &references, &mut lengths).to_vec();
        out.extend(sums);
    }
    out
}

/// `bits` bits from `start` on.
fn window_bits(limbs: &[u64; 4], start: usize, bits: usize) -> u64 {
    let (limb, shift) = (start / 64, start % 64);
    let mut value = limbs[limb] >> shift;
    if shift + bits > 64 && limb < 3 {
        value |= limbs[limb + 1] << (64 - shift);
    }
    value & ((1 << bits) - 1)
}
