//! The constants of the permutation as the paper defines it: every round adds a vector and multiplies by one matrix.

use super::grain::Grain;
use super::{FULL_ROUNDS, PARTIAL_ROUNDS};
use crate::fr::Fr;
use crate::product_sum::ProductSum;

/// The constants of one width.
pub(super) struct Dense {
    /// `width` constants for every round.
    pub(super) round_constants: Vec<Fr>,
    /// Row-major.
    pub(super) matrix: Vec<Fr>,
}

impl Dense {
    pub(super) fn generate(width: usize) -> Self {
        let partial_rounds = PARTIAL_ROUNDS[width - 2];
        let mut grain = Grain::new(width, partial_rounds);
        let round_constants = (0..(FULL_ROUNDS + partial_rounds) * width).map(|_| grain.element()).collect();
        // The Cauchy matrix 1 / (x_i + y_j); its numbers are reduced, not rejected.
        let numbers: Vec<Fr> = (0..2 * width).map(|_| Fr::from_limbs_reduced(grain.integer())).collect();
        let (x, y) = numbers.split_at(width);
        let mut matrix: Vec<Fr> = x.iter().flat_map(|x| y.iter().map(move |y| *x + *y)).collect();
        Fr::batch_inverse(&mut matrix);
        Self { round_constants, matrix }
    }
}

/// `sum a_i * b_i` over the shorter of the two.
#[inline(always)]
pub(super) fn dot(a: &[Fr], b: &[Fr]) -> Fr {
    let mut sum = ProductSum::new();
    for (a, b) in a.iter().zip(b) {
        sum.add(a, b);
    }
    sum.finish()
}

/// A square matrix, row-major, times a vector.
pub(super) fn times_vector(matrix: &[Fr], vector: &[Fr]) -> Vec<Fr> {
    matrix.chunks_exact(vector.len()).map(|row| dot(row, vector)).collect()
}

/// A square matrix times one of as many rows and of `columns` columns, row-major.
pub(super) fn times_matrix(a: &[Fr], b: &[Fr], columns: usize) -> Vec<Fr> {
    let size = b.len() / columns;
    let column = |k: usize| b.iter().skip(k).step_by(columns).copied().collect::<Vec<_>>();
    let products: Vec<Vec<Fr>> = (0..columns).map(|k| times_vector(a, &column(k))).collect();
    (0..size).flat_map(|row| products.iter().map(move |product| product[row])).collect()
}

/// Rows as columns.
pub(super) fn transposed(matrix: &[Fr], size: usize) -> Vec<Fr> {
    (0..size * size).map(|at| matrix[at % size * size + at / size]).collect()
}

/// The inverse of a square matrix whose leading minors are not zero: elimination without a search for pivots.
pub(super) fn inverse(matrix: &[Fr], size: usize) -> Vec<Fr> {
    // Each row with that of the identity behind it.
    let mut rows: Vec<Vec<Fr>> = matrix
        .chunks_exact(size)
        .enumerate()
        .map(|(at, row)| {
            row.iter().copied().chain((0..size).map(|k| Fr::from_u64(u64::from(k == at)))).collect()
        })
        .collect();
    for at in 0..size {
        let mut pivot = std::mem::take(&mut rows[at]);
        let mut factor = [pivot[at]];
        Fr::batch_inverse(&mut factor);
        pivot.iter_mut().for_each(|entry| *entry *= factor[0]);
        for row in rows.iter_mut().filter(|row| !row.is_empty()) {
            let factor = row[at];
            row.iter_mut().zip(&pivot).for_each(|(entry, pivot)| *entry -= factor * *pivot);
        }
        rows[at] = pivot;
    }
    rows.iter().flat_map(|row| row[size..].to_vec()).collect()
}
