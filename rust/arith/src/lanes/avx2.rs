//! Four elements of `Fq` in AVX2 lanes, as nine signed limbs of 29 bits.
//!
//! Products of 29-bit limbs leave room in 64 bits for whole columns, so carries wait until the end, and differences
//! need none at all. Montgomery's factor is `2^261` here and `2^256` in memory: a product of two elements in memory
//! form comes out divided by 32, which the formulas in [`super::add`] account for.
//!
//! The first eight reduction steps add multiples of `N = k p` with `N = -1 mod 2^29`: their quotient digit is the low
//! limb itself, which shortens the chain of dependent operations from 14 cycles per limb to 6. The last step uses `p`,
//! so that the result is below `2.2 p`.
//!
//! Every function is compiled for AVX2, so only code that is, too, can call it without `unsafe`.
use std::arch::x86_64::*;

use crate::field::FieldParams;
use crate::fq::{Fq, FqParams};

/// Bits of a limb.
const BITS: i32 = 29;
pub(super) const LIMBS: usize = 9;
const MASK: i64 = (1 << BITS) - 1;

/// `-1/p mod 2^29` and `mod 2^5`.
const INVERSE: i64 = FqParams::INV as i64 & MASK;
const INVERSE_5: i64 = FqParams::INV as i64 & 31;

type Limbs = [i64; LIMBS];

/// A 256-bit integer as limbs.
const fn limbs(words: [u64; 4]) -> Limbs {
    let mut out = [0; LIMBS];
    let mut i = 0;
    while i < LIMBS {
        let (word, shift) = (29 * i / 64, 29 * i % 64);
        let mut value = words[word] >> shift;
        if shift > 35 && word < 3 {
            value |= words[word + 1] << (64 - shift);
        }
        out[i] = value as i64 & MASK;
        i += 1;
    }
    out
}

const P: Limbs = limbs(FqParams::MODULUS);

/// `(k p + 1) / 2^29` with `k = -1/p mod 2^29`; 251 bits.
const U: Limbs = {
    let mut product = [0i64; LIMBS + 1];
    let mut carry = 1; // the added one
    let mut i = 0;
    while i < LIMBS {
        let t = P[i] * INVERSE + carry;
        product[i] = t & MASK;
        carry = t >> BITS;
        i += 1;
    }
    product[LIMBS] = carry;
    let mut out = [0; LIMBS];
    let mut i = 0;
    while i < LIMBS {
        out[i] = product[i + 1];
        i += 1;
    }
    out
};

/// Columns start at this bias, so that a signed sum can be shifted as an unsigned one.
const BIAS: i64 = i64::MIN; // 2^63 as an unsigned number
/// What the carry out of a biased column brings along.
const CARRIED: i64 = 1 << (63 - BITS);
/// The bias of a column that will receive a carry.
const NEXT_BIAS: i64 = BIAS.wrapping_sub(CARRIED);
/// The bias of sums of few limbs.
const SMALL_BIAS: i64 = 1 << 40;
const SMALL_CARRIED: i64 = SMALL_BIAS >> BITS;

/// `2^44 / (p / 2^232)`, rounded down, for estimates of `x / p`.
const RECIPROCAL: i64 = (1 << 44) / (P[LIMBS - 1] + 1);

/// Four elements: lane `k` of the limbs belongs to element `k`.
#[derive(Clone, Copy)]
pub struct Fq4([__m256i; LIMBS]);

#[inline]
#[target_feature(enable = "avx2")]
fn set(value: i64) -> __m256i {
    _mm256_set1_epi64x(value)
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi64(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn sub(a: __m256i, b: __m256i) -> __m256i {
    _mm256_sub_epi64(a, b)
}

/// The signed product of the low 32 bits of every lane.
#[inline]
#[target_feature(enable = "avx2")]
fn mul(a: __m256i, b: __m256i) -> __m256i {
    _mm256_mul_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn low(a: __m256i) -> __m256i {
    _mm256_and_si256(a, set(MASK))
}

#[inline]
#[target_feature(enable = "avx2")]
fn or3(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_or_si256(a, b), c)
}

#[inline]
#[target_feature(enable = "avx2")]
fn carry(a: __m256i) -> __m256i {
    _mm256_srli_epi64::<BITS>(a)
}

/// The four words of an element.
#[inline]
#[target_feature(enable = "avx2")]
fn row(element: &Fq) -> __m256i {
    // SAFETY: the four words are 32 bytes to read; the load needs no alignment.
    unsafe { _mm256_loadu_si256(element.0.as_ptr().cast()) }
}

/// The rows of an operand-scanning product: `t` holds the columns `i .. i + 9` at row `i`.
struct Columns([__m256i; LIMBS]);

impl Columns {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new() -> Self {
        let mut columns = [set(NEXT_BIAS); LIMBS];
        columns[0] = set(BIAS);
        Self(columns)
    }

    /// Adds `a_i * b` to row `i`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn add_row(&mut self, a_i: __m256i, b: &Fq4) {
        for (t, b_j) in self.0.iter_mut().zip(&b.0) {
            *t = add(*t, mul(a_i, *b_j));
        }
    }

    /// Clears the low column by a multiple of `N`, and moves on to the next row.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn step(&mut self) {
        let t = &mut self.0;
        let m = low(t[0]);
        let c = carry(t[0]);
        for j in 0..LIMBS - 1 {
            t[j] = add(t[j + 1], mul(m, set(U[j])));
        }
        t[LIMBS - 1] = add(set(NEXT_BIAS), mul(m, set(U[LIMBS - 1])));
        t[0] = add(t[0], c);
    }

    /// The last step, by a multiple of `p`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn last_step(&mut self) {
        let t = &mut self.0;
        let m = low(mul(low(t[0]), set(INVERSE)));
        let c = carry(add(t[0], mul(m, set(P[0]))));
        for j in 0..LIMBS - 1 {
            t[j] = add(t[j + 1], mul(m, set(P[j + 1])));
        }
        t[LIMBS - 1] = set(NEXT_BIAS);
        t[0] = add(t[0], c);
    }

    /// Carries; all limbs but the top one are in `0..2^29` then.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn finish(self) -> Fq4 {
        let mut t = self.0;
        for j in 0..LIMBS - 1 {
            t[j + 1] = add(t[j + 1], carry(t[j]));
            t[j] = low(t[j]);
        }
        t[LIMBS - 1] = sub(t[LIMBS - 1], set(BIAS));
        Fq4(t)
    }

    /// [`finish`](Self::finish), divided by 32 modulo `p`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn finish_over_32(self) -> Fq4 {
        let mut t = self.0;
        let m = _mm256_and_si256(mul(t[0], set(INVERSE_5)), set(31));
        for j in 0..LIMBS {
            t[j] = add(t[j], mul(m, set(P[j])));
        }
        for j in 0..LIMBS - 1 {
            t[j + 1] = add(t[j + 1], carry(t[j]));
        }
        for j in 0..LIMBS - 1 {
            let own = _mm256_srli_epi64::<5>(low(t[j]));
            let next = low(_mm256_slli_epi64::<{ BITS - 5 }>(t[j + 1]));
            t[j] = _mm256_or_si256(own, next);
        }
        let top = _mm256_srli_epi64::<5>(t[LIMBS - 1]);
        t[LIMBS - 1] = sub(top, set(1 << 58));
        Fq4(t)
    }
}

impl Fq4 {
    /// Reads four elements.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn load(elements: [&Fq; 4]) -> Self {
        let (a, b, c, d) = (row(elements[0]), row(elements[1]), row(elements[2]), row(elements[3]));
        let (ab_even, ab_odd) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
        let (cd_even, cd_odd) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
        let w0 = _mm256_permute2x128_si256::<0x20>(ab_even, cd_even);
        let w1 = _mm256_permute2x128_si256::<0x20>(ab_odd, cd_odd);
        let w2 = _mm256_permute2x128_si256::<0x31>(ab_even, cd_even);
        let w3 = _mm256_permute2x128_si256::<0x31>(ab_odd, cd_odd);
        Self([
            low(w0),
            low(_mm256_srli_epi64::<29>(w0)),
            low(_mm256_or_si256(_mm256_srli_epi64::<58>(w0), _mm256_slli_epi64::<6>(w1))),
            low(_mm256_srli_epi64::<23>(w1)),
            low(_mm256_or_si256(_mm256_srli_epi64::<52>(w1), _mm256_slli_epi64::<12>(w2))),
            low(_mm256_srli_epi64::<17>(w2)),
            low(_mm256_or_si256(_mm256_srli_epi64::<46>(w2), _mm256_slli_epi64::<18>(w3))),
            low(_mm256_srli_epi64::<11>(w3)),
            _mm256_srli_epi64::<40>(w3),
        ])
    }

    /// The same limbs in all lanes.
    #[cfg(test)]
    #[target_feature(enable = "avx2")]
    pub(super) fn of_limbs(limbs: &[i64; LIMBS]) -> Self {
        let mut out = [_mm256_setzero_si256(); LIMBS];
        for (lane, limb) in out.iter_mut().zip(limbs) {
            *lane = set(*limb);
        }
        Self(out)
    }

    /// The limbs of the first lane.
    #[cfg(test)]
    #[target_feature(enable = "avx2")]
    pub(super) fn limbs(&self) -> [i64; LIMBS] {
        let mut out = [0; LIMBS];
        for (limb, lane) in out.iter_mut().zip(self.0) {
            *limb = _mm256_extract_epi64::<0>(lane);
        }
        out
    }

    /// The four elements as 256-bit integers. All limbs must be in `0..2^29`, the top one in `0..2^24`.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn store(&self) -> [[u64; 4]; 4] {
        let l = &self.0;
        let w0 = or3(l[0], _mm256_slli_epi64::<29>(l[1]), _mm256_slli_epi64::<58>(l[2]));
        let w1 =
            or3(_mm256_srli_epi64::<6>(l[2]), _mm256_slli_epi64::<23>(l[3]), _mm256_slli_epi64::<52>(l[4]));
        let w2 =
            or3(_mm256_srli_epi64::<12>(l[4]), _mm256_slli_epi64::<17>(l[5]), _mm256_slli_epi64::<46>(l[6]));
        let w3 =
            or3(_mm256_srli_epi64::<18>(l[6]), _mm256_slli_epi64::<11>(l[7]), _mm256_slli_epi64::<40>(l[8]));
        let (even_01, odd_01) = (_mm256_unpacklo_epi64(w0, w1), _mm256_unpackhi_epi64(w0, w1));
        let (even_23, odd_23) = (_mm256_unpacklo_epi64(w2, w3), _mm256_unpackhi_epi64(w2, w3));
        let rows = [
            _mm256_permute2x128_si256::<0x20>(even_01, even_23),
            _mm256_permute2x128_si256::<0x20>(odd_01, odd_23),
            _mm256_permute2x128_si256::<0x31>(even_01, even_23),
            _mm256_permute2x128_si256::<0x31>(odd_01, odd_23),
        ];
        let mut out = [[0u64; 4]; 4];
        for (words, row) in out.iter_mut().zip(rows) {
            // SAFETY: the four words are 32 bytes to write to; the store needs no alignment.
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), row) };
        }
        out
    }

    /// Limb by limb, without carries: differences of limbs in `0..2^29` may be multiplied, not added to further.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn sub(&self, other: &Self) -> Self {
        let mut out = *self;
        for (x, y) in out.0.iter_mut().zip(&other.0) {
            *x = sub(*x, *y);
        }
        out
    }

    /// Limb by limb, without carries.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn add(&self, other: &Self) -> Self {
        let mut out = *self;
        for (x, y) in out.0.iter_mut().zip(&other.0) {
            *x = add(*x, *y);
        }
        out
    }

    /// `self * other / 2^261`: limbs of at most 29 bits and sign; the value is in `(-p/8, 2.2 p)`.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn mul(&self, other: &Self) -> Self {
        let mut columns = Columns::new();
        for i in 0..LIMBS - 1 {
            columns.add_row(self.0[i], other);
            columns.step();
        }
        columns.add_row(self.0[LIMBS - 1], other);
        columns.last_step();
        columns.finish()
    }

    /// `self^2 / 2^266`. Using that half of the products are equal was measured to be no faster.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn square_over_32(&self) -> Self {
        self.mul_over_32(self)
    }

    /// `self * other / 2^266`.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn mul_over_32(&self, other: &Self) -> Self {
        let mut columns = Columns::new();
        for i in 0..LIMBS - 1 {
            columns.add_row(self.0[i], other);
            columns.step();
        }
        columns.add_row(self.0[LIMBS - 1], other);
        columns.last_step();
        columns.finish_over_32()
    }

    /// `first * second + third * fourth`, divided by `2^261`.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn sum_of_products(a: &Self, b: &Self, c: &Self, d: &Self) -> Self {
        let mut columns = Columns::new();
        for i in 0..LIMBS - 1 {
            columns.add_row(a.0[i], b);
            columns.add_row(c.0[i], d);
            columns.step();
        }
        columns.add_row(a.0[LIMBS - 1], b);
        columns.add_row(c.0[LIMBS - 1], d);
        columns.last_step();
        columns.finish()
    }

    /// `-self`, limb by limb.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn neg(&self) -> Self {
        Self([_mm256_setzero_si256(); LIMBS]).sub(self)
    }

    /// Brings a value in `(-5 p, 5 p)` with limbs up to 31 bits and sign into `0 .. p (1 + 2^-16)`, ready to
    /// store. The quotient is estimated from the top limb, a little below its true value.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn reduce(&self) -> Self {
        let top = sub(self.0[LIMBS - 1], set(8));
        let scaled = add(mul(top, set(RECIPROCAL)), set(16 << 44));
        let quotient = sub(_mm256_srli_epi64::<44>(scaled), set(16));
        let mut t = self.0;
        for (t_j, p_j) in t.iter_mut().zip(P) {
            *t_j = sub(*t_j, mul(quotient, set(p_j)));
        }
        t[0] = add(t[0], set(SMALL_BIAS));
        for j in 0..LIMBS - 1 {
            t[j + 1] = add(t[j + 1], add(carry(t[j]), set(SMALL_BIAS - SMALL_CARRIED)));
            t[j] = low(t[j]);
        }
        t[LIMBS - 1] = sub(t[LIMBS - 1], set(SMALL_BIAS));
        Self(t)
    }
}
