//! Scalars as signed digits, ordered by size.

use crate::curve::{Affine, Curve};
use crate::field::less_than;
use crate::fr::Fr;

/// The bit of a reference that says that the point is taken negatively.
pub(super) const NEGATIVE: u32 = 1 << 31;

/// `(r - 1) / 2`.
const HALF: [u64; 4] = {
    let r = Fr::MODULUS;
    [r[0] >> 1 | r[1] << 63, r[1] >> 1 | r[2] << 63, r[2] >> 1 | r[3] << 63, r[3] >> 1]
};

/// A non-zero scalar with the index of its point.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// `|s|`, with the bias that makes digits independent of each other added.
    biased: [u64; 4],
    /// Index of the point, [`NEGATIVE`] set if `s` is.
    pub(super) reference: u32,
    /// The bits of `|s|`.
    length: u32,
}

/// The non-zero scalars of one sum.
pub(super) struct Recoded {
    /// Largest first.
    pub(super) entries: Vec<Entry>,
    /// The number of entries whose digits reach a window.
    pub(super) reach: Vec<usize>,
    /// Bits of a digit.
    pub(super) bits: u32,
    /// The number of windows.
    pub(super) windows: usize,
}

impl Recoded {
    /// Takes `count` scalars below `r`; those of points at infinity are left out.
    pub(super) fn new<C: Curve>(
        points: &[Affine<C>],
        scalar: impl Fn(usize) -> [u64; 4],
        count: usize,
    ) -> Self {
        let count = count.min(NEGATIVE as usize - 1);
        let mut lengths = [0usize; 256];
        let mut entries: Vec<Entry> = Vec::with_capacity(count);
        for (index, point) in points.iter().enumerate().take(count) {
            let limbs = scalar(index);
            if limbs == [0; 4] || point.is_infinity() {
                continue;
            }
            let (limbs, negative) = negate_if_high(&limbs);
            let length = bit_length(&limbs);
            lengths[length as usize] += 1;
            let reference = index as u32 | if negative { NEGATIVE } else { 0 };
            entries.push(Entry { biased: limbs, reference, length });
        }
        let (bits, windows) = choose_window(&lengths);
        let order = Self { entries: Vec::new(), reach: Vec::new(), bits, windows };
        let ordered = order.with_entries(&entries);
        wipe_entries(&mut entries);
        ordered
    }

    /// Orders the entries by the number of windows that they reach, and adds the bias.
    fn with_entries(mut self, entries: &[Entry]) -> Self {
        self.reach = vec![0; self.windows];
        for entry in entries {
            let last = last_window(entry.length, self.bits).min(self.windows - 1);
            self.reach[last] += 1;
        }
        // Suffix sums: `reach[w]` entries have a digit in window `w`.
        for window in (1..self.windows).rev() {
            self.reach[window - 1] += self.reach[window];
        }
        let mut next: Vec<usize> = self.reach.iter().skip(1).copied().chain([0]).collect();
        let bias = self.bias();
        self.entries = vec![Entry { biased: [0; 4], reference: 0, length: 0 }; entries.len()];
        for entry in entries {
            let last = last_window(entry.length, self.bits).min(self.windows - 1);
            let biased = add(&entry.biased, &bias);
            self.entries[next[last]] = Entry { biased, ..*entry };
            next[last] += 1;
        }
        self
    }

    /// `2^(bits - 1)` in every window but the topmost: with it added, a digit is the window's bits minus
    /// `2^(bits - 1)`, whatever stands in the windows below.
    fn bias(&self) -> [u64; 4] {
        let mut bias = [0u64; 4];
        for window in 0..self.windows.saturating_sub(1) {
            let bit = window * self.bits as usize + self.bits as usize - 1;
            bias[bit / 64] |= 1 << (bit % 64);
        }
        bias
    }

    /// The signed digit of an entry, in `-2^(bits-1) ..= 2^(bits-1)`.
    #[inline(always)]
    pub(super) fn digit(&self, entry: &Entry, window: usize) -> i32 {
        let start = window * self.bits as usize;
        let (limb, shift) = (start / 64, start % 64);
        let mut value = entry.biased[limb] >> shift;
        if shift + self.bits as usize > 64 && limb < 3 {
            value |= entry.biased[limb + 1] << (64 - shift);
        }
        let value = (value & ((1 << self.bits) - 1)) as i32;
        if window + 1 == self.windows {
            value
        } else {
            value - (1 << (self.bits - 1))
        }
    }
}

impl Drop for Recoded {
    /// The scalars may be a witness.
    fn drop(&mut self) {
        wipe_entries(&mut self.entries);
    }
}

fn wipe_entries(entries: &mut [Entry]) {
    for entry in entries.iter_mut() {
        // SAFETY: the pointer comes from a unique reference to initialised, aligned integers.
        unsafe { std::ptr::write_volatile(&raw mut entry.biased, [0; 4]) };
    }
}

/// The last window in which a number of `length` bits can have a digit, carries included.
fn last_window(length: u32, bits: u32) -> usize {
    ((length + 1) / bits) as usize
}

/// The digit width with the fewest multiplications, and the number of windows, given how many scalars have how
/// many bits: an entry costs 6 multiplications per window, a bucket 12, a window about 3,000 at its end.
fn choose_window(lengths: &[usize; 256]) -> (u32, usize) {
    let Some(longest) = lengths.iter().rposition(|&count| count > 0) else {
        return (2, 1);
    };
    let cost = |bits: u32| {
        let windows = (longest + 1).div_ceil(bits as usize);
        let entries: usize = (0..=longest)
            .map(|length| lengths[length] * (last_window(length as u32, bits).min(windows - 1) + 1))
            .sum();
        entries * 6 + windows * ((12 << (bits - 1)) + 3_000)
    };
    let bits = (3..=16).min_by_key(|&bits| cost(bits)).unwrap_or(3);
    (bits, (longest + 1).div_ceil(bits as usize))
}

fn bit_length(limbs: &[u64; 4]) -> u32 {
    (0..4).rev().find(|&i| limbs[i] != 0).map_or(0, |i| 64 * (i as u32 + 1) - limbs[i].leading_zeros())
}

/// `|s|` and whether `s` counts as negative, which it does above `r/2`.
pub(super) fn negate_if_high(limbs: &[u64; 4]) -> ([u64; 4], bool) {
    if less_than(&HALF, limbs) {
        (negate(limbs), true)
    } else {
        (*limbs, false)
    }
}

/// `r - limbs`, for `limbs < r`.
fn negate(limbs: &[u64; 4]) -> [u64; 4] {
    let mut out = [0; 4];
    let mut borrow = false;
    for i in 0..4 {
        let (difference, first) = Fr::MODULUS[i].overflowing_sub(limbs[i]);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        out[i] = difference;
        borrow = first || second;
    }
    out
}

/// The sum of two 256-bit integers, which the caller knows to fit.
fn add(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let mut out = [0; 4];
    let mut carry = 0u128;
    for i in 0..4 {
        let sum = u128::from(a[i]) + u128::from(b[i]) + carry;
        out[i] = sum as u64;
        carry = sum >> 64;
    }
    out
}
