//! Sparse matrices over Fr: the tables of a market, one row per instrument, one column per figure.

use crate::fr::Fr;
use crate::product_sum::ProductSum;

/// Bounds what a matrix without entries may cost: far more rows and columns than any circuit has room for.
const MAX_SIDE: usize = 1 << 22;

/// Why a matrix could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixError(&'static str);

impl std::fmt::Display for MatrixError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sparse matrix: {}", self.0)
    }
}

impl std::error::Error for MatrixError {}

/// An `n_rows x n_cols` matrix, rows compressed.
#[derive(Debug)]
pub struct SparseMatrix {
    n_cols: usize,
    offsets: Vec<usize>,
    /// Column and value, ordered by row, within a row as given.
    entries: Vec<(u32, Fr)>,
}

impl SparseMatrix {
    /// Builds a matrix from its entries, in any order; several entries at one place add up.
    ///
    /// # Errors
    /// `MatrixError` if the three lists differ in length, an index is out of bounds, or a side has more than 2^22.
    pub fn new(
        rows: &[u32],
        cols: &[u32],
        values: &[Fr],
        n_rows: usize,
        n_cols: usize,
    ) -> Result<Self, MatrixError> {
        if n_rows > MAX_SIDE || n_cols > MAX_SIDE {
            return Err(MatrixError("too many rows or columns"));
        }
        if rows.len() != cols.len() || rows.len() != values.len() {
            return Err(MatrixError("rows, columns and values differ in number"));
        }
        if rows.iter().any(|row| *row as usize >= n_rows) || cols.iter().any(|col| *col as usize >= n_cols) {
            return Err(MatrixError("an entry lies outside the matrix"));
        }
        let mut offsets = vec![0usize; n_rows + 1];
        for row in rows {
            offsets[*row as usize + 1] += 1;
        }
        for row in 0..n_rows {
            offsets[row + 1] += offsets[row];
        }
        let mut next = offsets.clone();
        let mut entries = vec![(0, Fr::ZERO); rows.len()];
        for ((row, col), value) in rows.iter().zip(cols).zip(values) {
            let place = &mut next[*row as usize];
            entries[*place] = (*col, *value);
            *place += 1;
        }
        Ok(Self { n_cols, offsets, entries })
    }

    /// The number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of columns.
    #[must_use]
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// The entries of one row: column and value.
    #[must_use]
    pub fn row(&self, row: usize) -> &[(u32, Fr)] {
        &self.entries[self.offsets[row]..self.offsets[row + 1]]
    }

    /// Folds the columns into one by the powers of a challenge: element `j` is `sum_k gamma^k * T[j][k]`.
    #[must_use]
    pub fn fold(&self, gamma: Fr) -> Vec<Fr> {
        let mut powers = Vec::with_capacity(self.n_cols);
        let mut power = Fr::ONE;
        for _ in 0..self.n_cols {
            powers.push(power);
            power *= gamma;
        }
        let fold_row = |row| {
            let mut sum = ProductSum::new();
            for (col, value) in self.row(row) {
                sum.add(&powers[*col as usize], value);
            }
            sum.finish()
        };
        (0..self.n_rows()).map(fold_row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_and_adds_doubled_entries() {
        let f = Fr::from_u64;
        let matrix = SparseMatrix::new(&[2, 0, 2, 2], &[1, 0, 2, 1], &[f(5), f(7), -f(1), f(6)], 3, 3);
        let folded = matrix.map(|m| (m.n_rows(), m.fold(f(10))));
        assert_eq!(folded, Ok((3, vec![f(7), f(0), f(110) - f(100)])));
    }

    #[test]
    fn refuses_entries_outside() {
        let one = [Fr::ONE];
        assert!(SparseMatrix::new(&[1], &[0], &one, 1, 1).is_err());
        assert!(SparseMatrix::new(&[0], &[1], &one, 1, 1).is_err());
        assert!(SparseMatrix::new(&[0, 0], &[0], &one, 1, 1).is_err());
        assert!(SparseMatrix::new(&[], &[], &[], MAX_SIDE + 1, 1).is_err());
        assert!(SparseMatrix::new(&[], &[], &[], 0, 0).is_ok_and(|m| m.fold(Fr::ONE).is_empty()));
    }
}
