//! Multi-scalar multiplication: Pippenger with signed digits and batch-affine buckets, generic over the group.
//!
//! A scalar `s > r/2` is replaced by `r - s` and the point by its negative, so that small negative numbers are
//! as cheap as small positive ones. Scalars are ordered by size and every window looks at those only that reach
//! it: a witness of mostly bits costs one addition per non-zero bit.

pub mod few;
pub mod fixed;
mod recode;
mod segments;

use crate::curve::{Affine, Curve, Point};
use crate::fr::Fr;
use crate::parallel;
use recode::Recoded;
use segments::Summer;

/// `sum scalars[i] * points[i]`; of slices of different lengths the common part.
pub fn msm<C: Curve>(points: &[Affine<C>], scalars: &[Fr]) -> Point<C> {
    let recoded = Recoded::new(points, |i| scalars[i].to_limbs(), points.len().min(scalars.len()));
    sum(points, &recoded)
}

/// The same for canonical integers below `r`.
pub fn msm_limbs<C: Curve>(points: &[Affine<C>], scalars: &[[u64; 4]]) -> Point<C> {
    let recoded = Recoded::new(points, |i| scalars[i], points.len().min(scalars.len()));
    sum(points, &recoded)
}

/// A part of the entries of one window.
struct Task {
    window: usize,
    from: usize,
    to: usize,
}

fn sum<C: Curve>(points: &[Affine<C>], scalars: &Recoded) -> Point<C> {
    let tasks = plan(scalars);
    let partial = parallel::map_with(tasks.len(), Bucketing::<C>::default, |bucketing, index| {
        bucketing.window_sum(points, scalars, &tasks[index])
    });
    let mut windows = vec![Point::INFINITY; scalars.windows];
    for (task, value) in tasks.iter().zip(partial) {
        windows[task.window] += value;
    }
    let mut total = Point::INFINITY;
    for value in windows.into_iter().rev() {
        for _ in 0..scalars.bits {
            total = total.double();
        }
        total += value;
    }
    total
}

/// Cuts the windows into tasks of similar weight: whole windows, unless there are more threads to feed.
fn plan(scalars: &Recoded) -> Vec<Task> {
    let total: usize = scalars.reach.iter().sum();
    // Every task reduces its own buckets, so it must have several entries for each.
    let least = 8usize << scalars.bits;
    let weight = (total / (2 * parallel::threads())).max(least).max(1);
    let mut tasks = Vec::new();
    for (window, &reach) in scalars.reach.iter().enumerate() {
        let parts = reach.div_ceil(weight);
        for part in 0..parts {
            tasks.push(Task { window, from: reach * part / parts, to: reach * (part + 1) / parts });
        }
    }
    tasks.sort_by_key(|task| std::cmp::Reverse(task.to - task.from));
    tasks
}

/// The reusable memory of one worker.
struct Bucketing<C: Curve> {
    summer: Summer<C>,
    digits: Vec<i32>,
    offsets: Vec<u32>,
    references: Vec<u32>,
    lengths: Vec<u32>,
    occupied: Vec<u32>,
}

impl<C: Curve> Default for Bucketing<C> {
    fn default() -> Self {
        Self {
            summer: Summer::default(),
            digits: Vec::new(),
            offsets: Vec::new(),
            references: Vec::new(),
            lengths: Vec::new(),
            occupied: Vec::new(),
        }
    }
}

impl<C: Curve> Bucketing<C> {
    /// `sum digit * point` over the entries of a task.
    fn window_sum(&mut self, points: &[Affine<C>], scalars: &Recoded, task: &Task) -> Point<C> {
        self.sort_into_buckets(scalars, task);
        // One affine sum per occupied bucket, in bucket order.
        let buckets = self.summer.sum(points, &self.references, &mut self.lengths);
        weighted_sum(&mut Summer::default(), buckets, &self.occupied)
    }

    /// Counting sort: `references` by bucket, `lengths` of the occupied buckets, which `occupied` names.
    fn sort_into_buckets(&mut self, scalars: &Recoded, task: &Task) {
        let buckets = 1usize << (scalars.bits - 1);
        self.offsets.clear();
        self.offsets.resize(buckets + 1, 0);
        self.digits.clear();
        for entry in &scalars.entries[task.from..task.to] {
            let digit = scalars.digit(entry, task.window);
            self.digits.push(digit);
            self.offsets[digit.unsigned_abs() as usize] += 1;
        }
        self.offsets[0] = 0; // zero digits have no bucket
        self.occupied.clear();
        self.lengths.clear();
        let mut start = 0;
        for (bucket, slot) in self.offsets.iter_mut().enumerate() {
            let count = *slot;
            *slot = start;
            start += count;
            if count > 0 {
                self.occupied.push(bucket as u32);
                self.lengths.push(count);
            }
        }
        self.references.clear();
        self.references.resize(start as usize, 0);
        for (entry, &digit) in scalars.entries[task.from..task.to].iter().zip(&self.digits) {
            if digit != 0 {
                let slot = &mut self.offsets[digit.unsigned_abs() as usize];
                let sign = if digit < 0 { recode::NEGATIVE } else { 0 };
                self.references[*slot as usize] = entry.reference ^ sign;
                *slot += 1;
            }
        }
    }
}

/// `sum weights[i] * points[i]` for ascending positive weights, as row and column sums of the grid
/// `weight = row * 2^k + column`: two cheap additions per point instead of two full ones.
fn weighted_sum<C: Curve>(summer: &mut Summer<C>, points: &[Affine<C>], weights: &[u32]) -> Point<C> {
    let Some(&largest) = weights.last() else {
        return Point::INFINITY;
    };
    let column_bits = (u32::BITS - largest.leading_zeros()).div_ceil(2);
    let columns = 1usize << column_bits;
    let rows = (largest >> column_bits) as usize + 1;
    let mut lengths = vec![0u32; rows + columns];
    for weight in weights {
        lengths[(weight >> column_bits) as usize] += 1;
        lengths[rows + (*weight as usize & (columns - 1))] += 1;
    }
    let mut next = 0;
    let mut starts: Vec<u32> = lengths
        .iter()
        .map(|length| {
            next += length;
            next - length
        })
        .collect();
    let mut references = vec![0u32; 2 * points.len()];
    for (index, weight) in weights.iter().enumerate() {
        for cell in [(weight >> column_bits) as usize, rows + (*weight as usize & (columns - 1))] {
            references[starts[cell] as usize] = index as u32;
            starts[cell] += 1;
        }
    }
    let occupied: Vec<usize> = (0..lengths.len()).filter(|&cell| lengths[cell] > 0).collect();
    lengths.retain(|&length| length > 0);
    let sums = summer.sum(points, &references, &mut lengths);
    let mut cells = vec![Affine::INFINITY; rows + columns];
    for (cell, sum) in occupied.into_iter().zip(sums) {
        cells[cell] = *sum;
    }
    let (row_sums, column_sums) = cells.split_at(rows);
    let mut total = running_sum(row_sums);
    for _ in 0..column_bits {
        total = total.double();
    }
    total + running_sum(column_sums)
}

/// `sum i * points[i]`, by running sums from the top.
fn running_sum<C: Curve>(points: &[Affine<C>]) -> Point<C> {
    let (mut running, mut total) = (Point::INFINITY, Point::INFINITY);
    for point in points.iter().skip(1).rev() {
        running.add_affine(point);
        total += running;
    }
    total
}

/// The sum of points, for callers without scalars.
pub fn sum_points<C: Curve>(points: &[Affine<C>]) -> Point<C> {
    let references: Vec<u32> = (0..points.len() as u32).collect();
    let mut summer = Summer::default();
    let sums = summer.sum(points, &references, &mut [points.len() as u32]);
    sums.first().map_or(Point::INFINITY, |sum| (*sum).into())
}
