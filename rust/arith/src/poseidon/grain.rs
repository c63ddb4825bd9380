//! The Grain generator of the Poseidon paper's reference (ePrint 2019/458, appendix E).

use super::FULL_ROUNDS;
use crate::field::less_than;
use crate::fr::Fr;

/// The self-shrinking 80-bit generator.
pub(super) struct Grain {
    /// Bit `i` is the `i`-th oldest.
    state: u128,
}

impl Grain {
    pub(super) fn new(width: usize, partial_rounds: usize) -> Self {
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
    pub(super) fn integer(&mut self) -> [u64; 4] {
        let mut limbs = [0u64; 4];
        for position in (0..254).rev() {
            limbs[position / 64] |= self.bit() << (position % 64);
        }
        limbs
    }

    /// A uniform element, by rejection.
    pub(super) fn element(&mut self) -> Fr {
        loop {
            let limbs = self.integer();
            if less_than(&limbs, &Fr::MODULUS) {
                return Fr::from_limbs_reduced(limbs);
            }
        }
    }
}
