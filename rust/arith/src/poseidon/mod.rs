//! Poseidon over `Fr` with circomlib's parameters for BN254, widths 2 to 17.
//!
//! Round constants and the Cauchy matrix come from the Grain generator of the Poseidon paper's reference
//! (ePrint 2019/458, appendix E): field 1, S-box 0 (`x^5`), 254 bits, width, full and partial rounds.
//! Partial rounds multiply by sparse matrices of the same product (appendix B): `2 width - 1` products instead of
//! `width^2`.

mod dense;
mod grain;

use std::sync::OnceLock;

use crate::fr::Fr;
use crate::parallel;
use dense::{dot, inverse, times_matrix, times_vector, transposed, Dense};

/// The largest number of inputs.
pub const MAX_INPUTS: usize = 16;
const FULL_ROUNDS: usize = 8;
/// Partial rounds for width 2, 3, ..
const PARTIAL_ROUNDS: [usize; MAX_INPUTS] = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68];

/// What a partial round adds and multiplies by, where only the first word meets constants and the S-box.
struct PartialRound {
    constant: Fr,
    /// The first row of the sparse matrix.
    row: Vec<Fr>,
    /// Its first column below that; the rest is the identity.
    column: Vec<Fr>,
}

/// The constants of one width.
struct Parameters {
    width: usize,
    /// `width` constants for each full round before the partial ones, and for each behind them.
    before: Vec<Fr>,
    after: Vec<Fr>,
    partial: Vec<PartialRound>,
    /// Row-major.
    matrix: Vec<Fr>,
    /// The matrix of the last full round before the partial ones.
    entry: Vec<Fr>,
}

impl Parameters {
    /// A partial round adds `c`, raises the first word, multiplies by `M = [[m, v], [w, N]]`.
    ///
    /// *Constants.* What is added behind the first word passes the S-box: it is multiplied by `M` and added to the
    /// constants of the round after. One constant remains in each partial round.
    ///
    /// *Matrices.* `[[m, v], [w, N]] = [[m, v/N], [w, 1]] [[1, 0], [0, N]]`. The right factor, which acts first, leaves
    /// the first word alone: it may as well act before the round's constant and S-box, behind the matrix of the
    /// round before, which becomes `[[m, v], [N w, N N]]`; and so on. The `k`-th round from the last gets
    /// `[[m, v N^-k], [N^(k-1) w, 1]]`, and the full round before `k` of them `[[1, 0], [0, N^k]] M`.
    fn generate(width: usize) -> Self {
        let Dense { round_constants, matrix } = Dense::generate(width);
        let (before, rest) = round_constants.split_at(FULL_ROUNDS / 2 * width);
        let (middle, behind) = rest.split_at(PARTIAL_ROUNDS[width - 2] * width);
        let mut pending = vec![Fr::ZERO; width];
        let mut constants = Vec::new();
        for round in middle.chunks_exact(width) {
            add(&mut pending, round);
            constants.push(std::mem::take(&mut pending[0]));
            pending = times_vector(&matrix, &pending);
        }
        let mut after = behind.to_vec();
        add(&mut after, &pending);

        let size = width - 1;
        let inner: Vec<Fr> = matrix[width..].chunks_exact(width).flat_map(|row| row[1..].to_vec()).collect();
        // No minor of a Cauchy matrix is zero.
        let row_step = transposed(&inverse(&inner, size), size);
        let mut column: Vec<Fr> = matrix[width..].chunks_exact(width).map(|row| row[0]).collect();
        let mut row = matrix[1..width].to_vec();
        let mut entry = matrix.clone();
        let mut partial = Vec::new();
        for constant in constants.into_iter().rev() {
            row = times_vector(&row_step, &row);
            partial.push(PartialRound {
                constant,
                row: [&matrix[..1], &row].concat(),
                column: column.clone(),
            });
            column = times_vector(&inner, &column);
            let lower = times_matrix(&inner, &entry[width..], width);
            entry.truncate(width);
            entry.extend(lower);
        }
        partial.reverse();
        Self { width, before: before.to_vec(), after, partial, matrix, entry }
    }

    fn of_width(width: usize) -> &'static Self {
        static TABLE: [OnceLock<Parameters>; MAX_INPUTS] = [const { OnceLock::new() }; MAX_INPUTS];
        TABLE[width - 2].get_or_init(|| Self::generate(width))
    }

    fn permute(&self, state: &mut [Fr]) {
        for (round, constants) in self.before.chunks_exact(self.width).enumerate() {
            let last = round + 1 == FULL_ROUNDS / 2;
            full_round(state, constants, if last { &self.entry } else { &self.matrix });
        }
        for PartialRound { constant, row, column } in &self.partial {
            let first = power_5(&(state[0] + *constant));
            state[0] = first;
            let mixed = dot(row, state);
            for (word, factor) in state[1..].iter_mut().zip(column) {
                *word += *factor * first;
            }
            state[0] = mixed;
        }
        for constants in self.after.chunks_exact(self.width) {
            full_round(state, constants, &self.matrix);
        }
    }
}

fn add(sums: &mut [Fr], values: &[Fr]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += *value);
}

fn full_round(state: &mut [Fr], constants: &[Fr], matrix: &[Fr]) {
    let mut raised = [Fr::ZERO; MAX_INPUTS + 1];
    for ((raised, word), constant) in raised.iter_mut().zip(state.iter()).zip(constants) {
        *raised = power_5(&(*word + *constant));
    }
    for (word, row) in state.iter_mut().zip(matrix.chunks_exact(constants.len())) {
        *word = dot(row, &raised);
    }
}

#[inline(always)]
fn power_5(x: &Fr) -> Fr {
    x.square().square() * *x
}

/// The hash of 1 to 16 elements: state `(0, inputs..)`, output the first word; `None` for other counts.
pub fn poseidon(inputs: &[Fr]) -> Option<Fr> {
    if inputs.is_empty() || inputs.len() > MAX_INPUTS {
        return None;
    }
    let mut state = [Fr::ZERO; MAX_INPUTS + 1];
    let width = inputs.len() + 1;
    state[1..width].copy_from_slice(inputs);
    Parameters::of_width(width).permute(&mut state[..width]);
    Some(state[0])
}

/// The hashes of consecutive groups of `arity` inputs, on all threads; `None` where the groups do not come out even.
pub fn poseidon_many(inputs: &[Fr], arity: usize) -> Option<Vec<Fr>> {
    if arity == 0 || arity > MAX_INPUTS || !inputs.len().is_multiple_of(arity) {
        return None;
    }
    let parameters = Parameters::of_width(arity + 1);
    let mut digests = vec![Fr::ZERO; inputs.len() / arity];
    parallel::for_pieces(&mut digests, 16, |offset, piece| {
        let mut state = [Fr::ZERO; MAX_INPUTS + 1];
        for (digest, group) in piece.iter_mut().zip(inputs[offset * arity..].chunks_exact(arity)) {
            state[0] = Fr::ZERO;
            state[1..=arity].copy_from_slice(group);
            parameters.permute(&mut state[..=arity]);
            *digest = state[0];
        }
    });
    Some(digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(inputs: std::ops::RangeInclusive<u64>) -> Option<Fr> {
        poseidon(&inputs.map(Fr::from_u64).collect::<Vec<_>>())
    }

    /// The permutation round by round, as the paper defines it.
    fn dense(dense: &Dense, state: &mut [Fr]) {
        let width = state.len();
        for (round, constants) in dense.round_constants.chunks_exact(width).enumerate() {
            add(state, constants);
            let partial = (4..4 + PARTIAL_ROUNDS[width - 2]).contains(&round);
            let raised = if partial { 1 } else { width };
            state[..raised].iter_mut().for_each(|word| *word = word.square().square() * *word);
            let mixed: Vec<Fr> = (0..width)
                .map(|row| (0..width).map(|at| dense.matrix[row * width + at] * state[at]).sum())
                .collect();
            state.copy_from_slice(&mixed);
        }
    }

    #[test]
    fn sparse_rounds_are_the_dense_ones_at_every_width() {
        let mut value = Fr::from_u64(3);
        for width in 2..=MAX_INPUTS + 1 {
            let (reference, parameters) = (Dense::generate(width), Parameters::of_width(width));
            assert_eq!(parameters.partial.len(), PARTIAL_ROUNDS[width - 2]);
            let mut random = || {
                value = value.square() + Fr::ONE;
                value
            };
            let mut states = vec![vec![Fr::ZERO; width], vec![-Fr::ONE; width], vec![Fr::ONE; width]];
            states.extend((0..20).map(|_| (0..width).map(|_| random()).collect()));
            // One word alone: no entry of a matrix hides behind the others.
            states
                .extend((0..width).map(|at| (0..width).map(|k| Fr::from_u64(u64::from(k == at))).collect()));
            for state in states {
                let (mut expected, mut found) = (state.clone(), state);
                dense(&reference, &mut expected);
                parameters.permute(&mut found);
                assert_eq!(found, expected, "width {width}");
            }
        }
    }

    #[test]
    fn an_inverse_is_one() {
        for width in [2, 3, 9, 17] {
            let matrix = Dense::generate(width).matrix;
            let product = times_matrix(&matrix, &inverse(&matrix, width), width);
            let identity = (0..width * width).map(|at| Fr::from_u64(u64::from(at % width == at / width)));
            assert!(product.into_iter().eq(identity));
        }
    }

    #[test]
    fn agrees_with_published_vectors() {
        for (inputs, digest) in [
            (1..=2, "7853200120776062878684798364095072458815029376092732009249414926327459813530"),
            (1..=4, "18821383157269793795438455681495246036402687001665670618754263018637548127333"),
        ] {
            assert_eq!(hash(inputs), Fr::from_decimal(digest));
        }
    }

    #[test]
    fn many_are_as_one_by_one() {
        let inputs: Vec<Fr> = (1..=900).map(Fr::from_u64).collect();
        for arity in [1, 8, 9] {
            let whole = &inputs[..inputs.len() - inputs.len() % arity];
            let expected: Option<Vec<Fr>> = whole.chunks_exact(arity).map(poseidon).collect();
            assert_eq!(poseidon_many(whole, arity), expected);
        }
        assert_eq!(poseidon_many(&inputs[..8], 3), None);
        assert_eq!(poseidon_many(&inputs, 0), None);
        assert_eq!(poseidon_many(&inputs[..17], 17), None);
        assert_eq!(poseidon_many(&[], 8), Some(Vec::new()));
    }

    #[test]
    fn refuses_counts_outside_1_to_16() {
        assert_eq!(poseidon(&[]), None);
        assert_eq!(hash(1..=17), None);
        assert!(hash(1..=16).is_some());
    }
}
