//! Keccak-256 as Ethereum uses it: Keccak[512] with the padding of the submission (FIPS 202 has another).
//!
//! Bertoni, Daemen, Peeters, Van Assche, "The Keccak reference", version 3.0, sections 1.1 and 1.2.

/// Bytes that a block absorbs: 1600 - 512 bits.
const RATE: usize = 136;
const ROUNDS: usize = 24;

/// The rotation of each lane, and where it goes, along the one orbit of pi; lane `(x, y)` is at `x + 5 y`.
const ORBIT: [(usize, u32); 24] = orbit();
const ROUND_CONSTANTS: [u64; ROUNDS] = round_constants();

/// From lane (1, 0) on, `(x, y)` goes to `(y, 2x + 3y)`; the `t`-th lane turns by `(t + 1)(t + 2) / 2`.
const fn orbit() -> [(usize, u32); 24] {
    let mut found = [(0, 0); 24];
    let (mut x, mut y, mut step) = (1, 0, 0);
    while step < 24 {
        (x, y) = (y, (2 * x + 3 * y) % 5);
        found[step] = (x + 5 * y, ((step + 1) * (step + 2) / 2 % 64) as u32);
        step += 1;
    }
    found
}

/// Bit `2^j - 1` of the `i`-th constant is the bit `7i + j` of the register `x^8 + x^6 + x^5 + x^4 + 1`.
const fn round_constants() -> [u64; ROUNDS] {
    let mut found = [0; ROUNDS];
    let mut register = 1u16;
    let mut round = 0;
    while round < ROUNDS {
        let mut j = 0;
        while j < 7 {
            found[round] |= ((register & 1) as u64) << ((1 << j) - 1);
            register <<= 1;
            if register >> 8 == 1 {
                register ^= 0x171;
            }
            j += 1;
        }
        round += 1;
    }
    found
}

fn permute(state: &mut [u64; 25]) {
    for constant in ROUND_CONSTANTS {
        let column: [u64; 5] =
            std::array::from_fn(|x| state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]);
        for x in 0..5 {
            let parity = column[(x + 4) % 5] ^ column[(x + 1) % 5].rotate_left(1);
            for y in 0..5 {
                state[x + 5 * y] ^= parity;
            }
        }
        let mut lane = state[1];
        for (to, turn) in ORBIT {
            lane = std::mem::replace(&mut state[to], lane.rotate_left(turn));
        }
        for row in state.chunks_exact_mut(5) {
            let old: [u64; 5] = std::array::from_fn(|x| row[x]);
            for x in 0..5 {
                row[x] ^= !old[(x + 1) % 5] & old[(x + 2) % 5];
            }
        }
        state[0] ^= constant;
    }
}

fn absorb(state: &mut [u64; 25], block: &[u8]) {
    for (lane, bytes) in state.iter_mut().zip(block.chunks_exact(8)) {
        let mut word = [0; 8];
        word.copy_from_slice(bytes);
        *lane ^= u64::from_le_bytes(word);
    }
    permute(state);
}

/// The digest of a message.
pub fn keccak256(message: &[u8]) -> [u8; 32] {
    let mut state = [0; 25];
    let mut blocks = message.chunks_exact(RATE);
    for block in blocks.by_ref() {
        absorb(&mut state, block);
    }
    let rest = blocks.remainder();
    let mut last = [0; RATE];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] ^= 1;
    last[RATE - 1] ^= 0x80;
    absorb(&mut state, &last);
    let mut digest = [0; 32];
    for (bytes, lane) in digest.chunks_exact_mut(8).zip(state) {
        bytes.copy_from_slice(&lane.to_le_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(message: &[u8]) -> String {
        keccak256(message).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn constants_are_the_published_ones() {
        assert_eq!(ROUND_CONSTANTS[..3], [1, 0x8082, 0x8000_0000_0000_808a]);
        assert_eq!(ROUND_CONSTANTS[23], 0x8000_0000_8000_8008);
        assert_eq!(ORBIT[..3], [(10, 1), (7, 3), (11, 6)]);
    }

    #[test]
    fn agrees_with_published_digests() {
        assert_eq!(hex(b""), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"); // EIP-161's empty code
        assert_eq!(hex(b"\x80"), "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"); // the empty trie
        assert_eq!(hex(b"abc"), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    }
}
