//! Sums of many lists of points at once: rounds of pairwise affine additions that share their inversions.
//!
//! An addition costs six multiplications: three for its share of the inversion, three of its own. All cases are
//! right: equal points (doubled), opposite points (infinity), points at infinity.

use super::is_zero;
use crate::curve::{Affine, Curve};
use crate::field::Field;

/// Additions per inversion.
const BATCH: usize = 1024;

/// What one addition turns out to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    /// Different abscissas.
    Chord,
    /// Equal points.
    Tangent,
    /// The left point is infinity.
    Right,
    /// The right point is infinity.
    Left,
    /// Opposite points.
    Infinity,
}

/// One addition of a batch.
struct Pair<C: Curve> {
    left: Affine<C>,
    right: Affine<C>,
    target: usize,
    case: Case,
    /// The denominator of the slope.
    denominator: C::Base,
    /// The product of the denominators before this one.
    product: C::Base,
}

/// Reusable memory for sums of lists.
pub(super) struct Summer<C: Curve> {
    from: Vec<Affine<C>>,
    to: Vec<Affine<C>>,
    batch: Vec<Pair<C>>,
}

impl<C: Curve> Default for Summer<C> {
    fn default() -> Self {
        Self { from: Vec::new(), to: Vec::new(), batch: Vec::with_capacity(BATCH) }
    }
}

impl<C: Curve> Summer<C> {
    /// The sums of consecutive lists: `lengths` (each at least one, overwritten) partition `references`, which
    /// `load` turns into points.
    pub(super) fn sum(
        &mut self,
        references: &[u32],
        lengths: &mut [u32],
        load: impl Fn(u32) -> Affine<C>,
    ) -> &[Affine<C>] {
        Self::round(&mut self.batch, lengths, &mut self.to, |i| load(references[i]));
        while lengths.iter().any(|&length| length > 1) {
            std::mem::swap(&mut self.from, &mut self.to);
            let from = &self.from;
            Self::round(&mut self.batch, lengths, &mut self.to, |i| from[i]);
        }
        &self.to
    }

    /// Adds the points of every list in pairs, and halves the lengths.
    fn round(
        batch: &mut Vec<Pair<C>>,
        lengths: &mut [u32],
        to: &mut Vec<Affine<C>>,
        load: impl Fn(usize) -> Affine<C>,
    ) {
        let results: u32 = lengths.iter().map(|length| length.div_ceil(2)).sum();
        to.clear();
        to.resize(results as usize, Affine::INFINITY);
        let (mut source, mut target) = (0, 0);
        let mut product = C::Base::ONE;
        for length in lengths {
            for _ in 0..*length / 2 {
                let pair = Pair::new(load(source), load(source + 1), target, product);
                product *= pair.denominator;
                batch.push(pair);
                source += 2;
                target += 1;
                if batch.len() == BATCH {
                    Self::flush(batch, product, to);
                    product = C::Base::ONE;
                }
            }
            if *length % 2 == 1 {
                to[target] = load(source);
                source += 1;
                target += 1;
            }
            *length = length.div_ceil(2);
        }
        Self::flush(batch, product, to);
    }

    /// Inverts the product of all denominators and finishes the additions.
    fn flush(batch: &mut Vec<Pair<C>>, product: C::Base, to: &mut [Affine<C>]) {
        // No denominator is zero, so the product is not.
        let mut inverse = product.inverse().unwrap_or(C::Base::ZERO);
        for pair in batch.drain(..).rev() {
            to[pair.target] = pair.finish(inverse * pair.product);
            inverse *= pair.denominator;
        }
    }
}

impl<C: Curve> Pair<C> {
    #[inline(always)]
    fn new(left: Affine<C>, right: Affine<C>, target: usize, product: C::Base) -> Self {
        let difference = right.x - left.x;
        let (case, denominator) = if left.is_infinity() {
            (Case::Right, C::Base::ONE)
        } else if right.is_infinity() {
            (Case::Left, C::Base::ONE)
        } else if !is_zero(&difference) {
            (Case::Chord, difference)
        } else if left.y == right.y {
            // Not zero: both groups have odd order, so no point has ordinate zero.
            (Case::Tangent, left.y.double())
        } else {
            (Case::Infinity, C::Base::ONE)
        };
        Self { left, right, target, case, denominator, product }
    }

    /// The sum, given the inverse of the denominator.
    #[inline(always)]
    fn finish(&self, inverse: C::Base) -> Affine<C> {
        let (left, right) = (&self.left, &self.right);
        let slope = match self.case {
            Case::Chord => (right.y - left.y) * inverse,
            Case::Tangent => {
                let square = left.x.square();
                (square.double() + square) * inverse
            }
            Case::Right => return *right,
            Case::Left => return *left,
            Case::Infinity => return Affine::INFINITY,
        };
        let x = slope.square() - left.x - right.x;
        Affine { x, y: slope * (left.x - x) - left.y }
    }
}
