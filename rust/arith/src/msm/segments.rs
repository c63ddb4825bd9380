//! Sums of many lists of points at once: rounds of pairwise affine additions that share their inversions.
//!
//! An addition costs six multiplications: three for its share of the inversion, three of its own. All cases are
//! right: equal points (doubled), opposite points (infinity), points at infinity. Batches without such cases go to
//! the vector backend.

use super::recode::NEGATIVE;
use crate::curve::{Affine, Curve};
use crate::field::{batch_inverse, Field};
use crate::lanes::{prefetch, Batch};

/// Additions per inversion.
const BATCH: usize = 1024;
/// Fewer additions are not worth the backend's preparations.
const LEAST_FOR_LANES: usize = 32;
/// A multiple of the additions that the backend does at once.
const GRAIN: usize = 4;

/// How many references ahead points are fetched.
const PREFETCH: usize = 24;

/// Reusable memory for sums of lists.
pub(super) struct Summer<C: Curve> {
    from: Vec<Affine<C>>,
    to: Vec<Affine<C>>,
    adder: Adder<C>,
}

/// The batch under construction.
struct Adder<C: Curve> {
    batch: Batch<C>,
    /// Whether one of the points is infinity.
    infinite: bool,
    denominators: Vec<C::Base>,
    scratch: C::Scratch,
}

/// What one addition turns out to be.
#[derive(Clone, Copy)]
enum Case<C: Curve> {
    /// Different abscissas.
    Chord,
    /// Equal points.
    Tangent,
    /// The sum is known without an inversion.
    Known(Affine<C>),
}

impl<C: Curve> Default for Summer<C> {
    fn default() -> Self {
        let batch = Batch { left: Vec::new(), right: Vec::new(), targets: Vec::new() };
        let adder =
            Adder { batch, infinite: false, denominators: Vec::new(), scratch: C::Scratch::default() };
        Self { from: Vec::new(), to: Vec::new(), adder }
    }
}

impl<C: Curve> Summer<C> {
    /// The sums of consecutive lists: `lengths` (each at least one, overwritten) partition `references`, indices of
    /// `points`, which are taken negatively where [`NEGATIVE`] is set.
    pub(super) fn sum(
        &mut self,
        points: &[Affine<C>],
        references: &[u32],
        lengths: &mut [u32],
    ) -> &[Affine<C>] {
        self.adder.round(lengths, &mut self.to, |i| {
            // The points of a bucket lie anywhere in memory: without this, most time goes by in waiting for them.
            if let Some(later) = references.get(i + PREFETCH) {
                prefetch(points, (later & !NEGATIVE) as usize);
            }
            let point = points[(references[i] & !NEGATIVE) as usize];
            // Signs are random: a table costs less than a branch.
            [point, -point][usize::from(references[i] & NEGATIVE != 0)]
        });
        while lengths.iter().any(|&length| length > 1) {
            std::mem::swap(&mut self.from, &mut self.to);
            let from = &self.from;
            self.adder.round(lengths, &mut self.to, |i| from[i]);
        }
        self.to.iter_mut().for_each(|point| *point = C::reduce(point));
        &self.to
    }
}

impl<C: Curve> Adder<C> {
    /// Adds the points of every list in pairs, and halves the lengths.
    fn round(&mut self, lengths: &mut [u32], to: &mut Vec<Affine<C>>, load: impl Fn(usize) -> Affine<C>) {
        let results: u32 = lengths.iter().map(|length| length.div_ceil(2)).sum();
        to.clear();
        to.resize(results as usize, Affine::INFINITY);
        let (mut source, mut target) = (0, 0);
        for length in lengths {
            for _ in 0..*length / 2 {
                self.push(load(source), load(source + 1), target);
                source += 2;
                target += 1;
                if self.batch.targets.len() == BATCH {
                    self.flush(to);
                }
            }
            if *length % 2 == 1 {
                to[target as usize] = load(source);
                source += 1;
                target += 1;
            }
            *length = length.div_ceil(2);
        }
        self.flush(to);
    }

    #[inline(always)]
    fn push(&mut self, left: Affine<C>, right: Affine<C>, target: u32) {
        self.infinite |= left.is_infinity() || right.is_infinity();
        self.batch.left.push(left);
        self.batch.right.push(right);
        self.batch.targets.push(target);
    }

    /// Does the additions of the batch, and empties it.
    fn flush(&mut self, to: &mut [Affine<C>]) {
        let count = self.batch.targets.len();
        let mut rest = 0..count;
        if !self.infinite && count >= LEAST_FOR_LANES {
            rest.start = count - count % GRAIN;
            self.add_one_by_one(rest.clone(), to);
            self.batch.left.truncate(rest.start);
            self.batch.right.truncate(rest.start);
            rest = if C::add_batch(&self.batch, to, &mut self.scratch) { 0..0 } else { 0..rest.start };
        }
        self.add_one_by_one(rest, to);
        self.batch.left.clear();
        self.batch.right.clear();
        self.batch.targets.clear();
        self.infinite = false;
    }

    /// Additions of any points, with one inversion.
    fn add_one_by_one(&mut self, range: std::ops::Range<usize>, to: &mut [Affine<C>]) {
        let pairs = range.map(|i| {
            (C::reduce(&self.batch.left[i]), C::reduce(&self.batch.right[i]), self.batch.targets[i])
        });
        self.denominators.clear();
        self.denominators.extend(pairs.clone().map(|(left, right, _)| classify(&left, &right).1));
        batch_inverse(&mut self.denominators);
        for ((left, right, target), inverse) in pairs.zip(&self.denominators) {
            let slope = match classify(&left, &right).0 {
                Case::Chord => (right.y - left.y) * *inverse,
                Case::Tangent => {
                    let square = left.x.square();
                    (square.double() + square) * *inverse
                }
                Case::Known(sum) => {
                    to[target as usize] = sum;
                    continue;
                }
            };
            let x = slope.square() - left.x - right.x;
            to[target as usize] = Affine { x, y: slope * (left.x - x) - left.y };
        }
    }
}

/// The case of an addition, and the denominator of its slope (one where there is none).
#[inline(always)]
fn classify<C: Curve>(left: &Affine<C>, right: &Affine<C>) -> (Case<C>, C::Base) {
    if left.is_infinity() {
        return (Case::Known(*right), C::Base::ONE);
    }
    if right.is_infinity() {
        return (Case::Known(*left), C::Base::ONE);
    }
    let difference = right.x - left.x;
    if !difference.is_zero() {
        (Case::Chord, difference)
    } else if left.y == right.y {
        // Not zero: both groups have odd order, so no point has ordinate zero.
        (Case::Tangent, left.y.double())
    } else {
        (Case::Known(Affine::INFINITY), C::Base::ONE)
    }
}
