//! Poseidon over `Fr` with circomlib's parameters for BN254, widths 2 to 17.
//!
//! Round constants and the Cauchy matrix come from the Grain generator of the Poseidon paper's reference
//! (ePrint 2019/458, appendix E): field 1, S-box 0 (`x^5`), 254 bits, width, full and partial rounds.

use std::sync::OnceLock;

use crate::field::less_than;
use crate::fr::Fr;
use crate::parallel;

/// The largest number of inputs.
pub const MAX_INPUTS: usize = 16;
const FULL_ROUNDS: usize = 8;
/// Partial rounds for width 2, 3, ..
const PARTIAL_ROUNDS: [usize; MAX_INPUTS] = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68];

/// The constants of one width.
struct Parameters {
    width: usize,
    /// `width` constants for every round.
    round_constants: Vec<Fr>,
    /// Row-major.
    matrix: Vec<Fr>,
}

/// The self-shrinking 80-bit generator.
struct Grain {
    /// Bit `i` is the `i`-th oldest.
    state: u128,
}

impl Grain {
    fn new(width: usize, partial_rounds: usize) -> Self {
        let fields: [(u128, u32); 7] = [
            (1, 2),                       // prime field
            (0, 4),                       // x^alpha
            (254, 12),                    // bits of the field
            (width as u128, 12),          //
            (FULL_ROUNDS as u128, 10),    //
            (partial_rounds as u128, 10), //
            ((1 << 30) - 1, 30),          //
        ];
        let mut state = 0u128;
        let mut position = 0;
        for (value, bits) in fields {
            for bit in (0..bits).rev() {
                state |= (value >> bit & 1) << position;
                position += 1;
            }
        }
        let mut grain = Self { state };
        for _ in 0..160 {
            grain.step();
        }
        grain
    }

    fn step(&mut self) -> u64 {
        let s = self.state;
        let bit = (s >> 62 ^ s >> 51 ^ s >> 38 ^ s >> 23 ^ s >> 13 ^ s) & 1;
        self.state = s >> 1 | bit << 79;
        bit as u64
    }

    /// Bits come in pairs: the second counts if the first is one.
    fn bit(&mut self) -> u64 {
        loop {
            let keep = self.step();
            let bit = self.step();
            if keep == 1 {
                return bit;
            }
        }
    }

    /// 254 bits, most significant first.
    fn integer(&mut self) -> [u64; 4] {
        let mut limbs = [0u64; 4];
        for position in (0..254).rev() {
            limbs[position / 64] |= self.bit() << (position % 64);
        }
        limbs
    }

    /// A uniform element, by rejection.
    fn element(&mut self) -> Fr {
        loop {
            let limbs = self.integer();
            if less_than(&limbs, &Fr::MODULUS) {
                return Fr::from_limbs_reduced(limbs);
            }
        }
    }
}

impl Parameters {
    fn generate(width: usize) -> Self {
        let partial_rounds = PARTIAL_ROUNDS[width - 2];
        let mut grain = Grain::new(width, partial_rounds);
        let round_constants = (0..(FULL_ROUNDS + partial_rounds) * width).map(|_| grain.element()).collect();
        // The Cauchy matrix 1 / (x_i + y_j); its numbers are reduced, not rejected.
        let numbers: Vec<Fr> = (0..2 * width).map(|_| Fr::from_limbs_reduced(grain.integer())).collect();
        let (x, y) = numbers.split_at(width);
        let mut matrix: Vec<Fr> = x.iter().flat_map(|x| y.iter().map(move |y| *x + *y)).collect();
        Fr::batch_inverse(&mut matrix);
        Self { width, round_constants, matrix }
    }

    fn of_width(width: usize) -> &'static Self {
        static TABLE: [OnceLock<Parameters>; MAX_INPUTS] = [const { OnceLock::new() }; MAX_INPUTS];
        TABLE[width - 2].get_or_init(|| Self::generate(width))
    }

    fn permute(&self, state: &mut [Fr]) {
        let partial_rounds = PARTIAL_ROUNDS[self.width - 2];
        let first_partial = FULL_ROUNDS / 2;
        for (round, constants) in self.round_constants.chunks_exact(self.width).enumerate() {
            for (word, constant) in state.iter_mut().zip(constants) {
                *word += *constant;
            }
            if (first_partial..first_partial + partial_rounds).contains(&round) {
                state[0] = power_5(&state[0]);
            } else {
                for word in state.iter_mut() {
                    *word = power_5(word);
                }
            }
            self.mix(state);
        }
    }

    fn mix(&self, state: &mut [Fr]) {
        let mut mixed = [Fr::ZERO; MAX_INPUTS + 1];
        for (out, row) in mixed.iter_mut().zip(self.matrix.chunks_exact(self.width)) {
            *out = row.iter().zip(state.iter()).map(|(m, word)| *m * *word).sum();
        }
        state.copy_from_slice(&mixed[..self.width]);
    }
}

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
