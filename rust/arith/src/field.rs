//! Prime fields of four 64-bit limbs in Montgomery form, and the [`Field`] trait over which curves are generic.
//!
//! `Fp<P>` holds `x * 2^256 mod p`, always reduced (below `p`), so that equality of limbs is equality of elements.
//! Multiplication is CIOS without the extra carry word (possible as the top bits of both moduli are free).

use std::fmt;
use std::hash::Hash;
use std::iter::{Product, Sum};
use std::marker::PhantomData;
use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::inverse::invert;

/// The operations that curves, transforms and towers need of a field.
pub trait Field:
    Copy
    + Eq
    + Send
    + Sync
    + fmt::Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + 'static
{
    /// The neutral element of addition.
    const ZERO: Self;
    /// The neutral element of multiplication.
    const ONE: Self;
    /// `self * self`.
    #[must_use]
    fn square(&self) -> Self;
    /// `self + self`.
    #[must_use]
    fn double(&self) -> Self;
    /// `1 / self`, or `None` for zero.
    fn inverse(&self) -> Option<Self>;
    /// Whether this is zero.
    fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

/// Inverts every element in place, zeros stay zero; three multiplications each and one inversion.
pub fn batch_inverse<F: Field>(values: &mut [F]) {
    let mut products = Vec::with_capacity(values.len());
    let mut product = F::ONE;
    for value in values.iter() {
        products.push(product);
        if !value.is_zero() {
            product *= *value;
        }
    }
    // A product of non-zero elements is not zero.
    let mut inverse = product.inverse().unwrap_or(F::ZERO);
    for (value, before) in values.iter_mut().zip(products).rev() {
        if !value.is_zero() {
            let next = inverse * *value;
            *value = inverse * before;
            inverse = next;
        }
    }
}

/// The constants of one prime field.
pub trait FieldParams: Copy + Eq + Hash + Send + Sync + 'static {
    /// The prime `p`, little-endian limbs; `p < 2^254`.
    const MODULUS: [u64; 4];
    /// `2^256 mod p`.
    const R: [u64; 4];
    /// `2^512 mod p`.
    const R2: [u64; 4];
    /// `2^768 mod p`.
    const R3: [u64; 4];
    /// `-1/p mod 2^64`.
    const INV: u64;
}

/// An element of the prime field `P`, in Montgomery form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Fp<P: FieldParams>(pub(crate) [u64; 4], PhantomData<P>);

/// `a + b * c + carry`, low word and carry.
#[inline(always)]
const fn mac(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let t = a as u128 + (b as u128) * (c as u128) + carry as u128;
    (t as u64, (t >> 64) as u64)
}

/// `a - b - borrow`, and the next borrow (0 or 1).
#[inline(always)]
const fn sbb(a: u64, b: u64, borrow: u64) -> (u64, u64) {
    let (d, o1) = a.overflowing_sub(b);
    let (d, o2) = d.overflowing_sub(borrow);
    (d, (o1 | o2) as u64)
}

/// `a + b + carry`, and the next carry (0 or 1).
#[inline(always)]
const fn adc(a: u64, b: u64, carry: u64) -> (u64, u64) {
    let t = a as u128 + b as u128 + carry as u128;
    (t as u64, (t >> 64) as u64)
}

/// `a - p` if `a >= p`, else `a`, for `a < 2p`; without a branch on the value.
#[inline(always)]
pub(crate) const fn reduce_once(a: [u64; 4], p: &[u64; 4]) -> [u64; 4] {
    let (d0, b) = sbb(a[0], p[0], 0);
    let (d1, b) = sbb(a[1], p[1], b);
    let (d2, b) = sbb(a[2], p[2], b);
    let (d3, b) = sbb(a[3], p[3], b);
    let mask = 0u64.wrapping_sub(b);
    [
        d0 ^ (mask & (d0 ^ a[0])),
        d1 ^ (mask & (d1 ^ a[1])),
        d2 ^ (mask & (d2 ^ a[2])),
        d3 ^ (mask & (d3 ^ a[3])),
    ]
}

/// Montgomery product `a * b / 2^256 mod p`; `a` may be any 256-bit number, `b < p`.
#[inline(always)]
pub(crate) const fn mont_mul<P: FieldParams>(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let p = &P::MODULUS;
    let mut t = [0u64; 4];
    let mut i = 0;
    while i < 4 {
        let ai = a[i];
        let (r0, hi) = mac(t[0], ai, b[0], 0);
        let m = r0.wrapping_mul(P::INV);
        let (_, c) = mac(r0, m, p[0], 0);
        let (r1, hi) = mac(t[1], ai, b[1], hi);
        let (t0, c) = mac(r1, m, p[1], c);
        let (r2, hi) = mac(t[2], ai, b[2], hi);
        let (t1, c) = mac(r2, m, p[2], c);
        let (r3, hi) = mac(t[3], ai, b[3], hi);
        let (t2, c) = mac(r3, m, p[3], c);
        t = [t0, t1, t2, c + hi];
        i += 1;
    }
    reduce_once(t, p)
}

/// `(a * b + c * d) / 2^256 mod p`, with one reduction; all below `p`.
///
/// As `p < 2^254`, what is carried from word to word stays below `4p`, so it has no fifth limb, and the end is below
/// `(2 p^2 + 2^256 p) / 2^256 < 2p`.
#[inline(always)]
const fn mont_mul_add<P: FieldParams>(a: &[u64; 4], b: &[u64; 4], c: &[u64; 4], d: &[u64; 4]) -> [u64; 4] {
    let p = &P::MODULUS;
    let mut t = [0u64; 4];
    let mut i = 0;
    while i < 4 {
        let (r0, hi) = mac(t[0], a[i], b[0], 0);
        let (r1, hi) = mac(t[1], a[i], b[1], hi);
        let (r2, hi) = mac(t[2], a[i], b[2], hi);
        let (r3, r4) = mac(t[3], a[i], b[3], hi);
        let (r0, hi) = mac(r0, c[i], d[0], 0);
        let (r1, hi) = mac(r1, c[i], d[1], hi);
        let (r2, hi) = mac(r2, c[i], d[2], hi);
        let (r3, hi) = mac(r3, c[i], d[3], hi);
        let r4 = r4 + hi;
        let m = r0.wrapping_mul(P::INV);
        let (_, carry) = mac(r0, m, p[0], 0);
        let (t0, carry) = mac(r1, m, p[1], carry);
        let (t1, carry) = mac(r2, m, p[2], carry);
        let (t2, carry) = mac(r3, m, p[3], carry);
        t = [t0, t1, t2, r4 + carry];
        i += 1;
    }
    reduce_once(t, p)
}

/// Whether `a < b` as 256-bit integers.
#[inline]
pub(crate) const fn less_than(a: &[u64; 4], b: &[u64; 4]) -> bool {
    let (_, borrow) = sbb(a[0], b[0], 0);
    let (_, borrow) = sbb(a[1], b[1], borrow);
    let (_, borrow) = sbb(a[2], b[2], borrow);
    let (_, borrow) = sbb(a[3], b[3], borrow);
    borrow == 1
}

/// Reads four little-endian limbs.
#[inline]
pub(crate) fn limbs_of_bytes(bytes: &[u8; 32]) -> [u64; 4] {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        let mut word = [0u8; 8];
        word.copy_from_slice(chunk);
        *limb = u64::from_le_bytes(word);
    }
    limbs
}

/// Writes four little-endian limbs.
#[inline]
pub(crate) fn bytes_of_limbs(limbs: &[u64; 4]) -> [u8; 32] {
    let mut bytes = [0u8; 32];
    for (chunk, limb) in bytes.chunks_exact_mut(8).zip(limbs) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
    bytes
}

impl<P: FieldParams> Fp<P> {
    /// Zero.
    pub const ZERO: Self = Self::raw([0; 4]);
    /// One.
    pub const ONE: Self = Self::raw(P::R);
    /// The prime, as limbs.
    pub const MODULUS: [u64; 4] = P::MODULUS;

    /// Wraps limbs that already are a reduced Montgomery form.
    pub(crate) const fn raw(limbs: [u64; 4]) -> Self {
        Self(limbs, PhantomData)
    }

    /// A number below `2p` brought below `p`, as equality of elements needs it.
    #[inline(always)]
    pub(crate) const fn reduced(self) -> Self {
        Self::raw(reduce_once(self.0, &P::MODULUS))
    }

    /// The Montgomery limbs, as the `.zkey` format stores them; `None` if they are not reduced.
    pub fn from_montgomery_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let limbs = limbs_of_bytes(bytes);
        less_than(&limbs, &P::MODULUS).then_some(Self::raw(limbs))
    }

    /// The Montgomery form, little-endian, as the `.zkey` format stores it.
    pub fn to_montgomery_bytes(self) -> [u8; 32] {
        bytes_of_limbs(&self.0)
    }

    /// A small integer.
    pub const fn from_u64(value: u64) -> Self {
        Self::raw(mont_mul::<P>(&[value, 0, 0, 0], &P::R2))
    }

    /// An unsigned 128-bit integer.
    pub const fn from_u128(value: u128) -> Self {
        Self::raw(mont_mul::<P>(&[value as u64, (value >> 64) as u64, 0, 0], &P::R2))
    }

    /// An integer below the modulus, or `None`.
    pub fn from_limbs(limbs: [u64; 4]) -> Option<Self> {
        less_than(&limbs, &P::MODULUS).then(|| Self::raw(mont_mul::<P>(&limbs, &P::R2)))
    }

    /// Any 256-bit integer, reduced.
    pub const fn from_limbs_reduced(limbs: [u64; 4]) -> Self {
        Self::raw(mont_mul::<P>(&limbs, &P::R2))
    }

    /// The canonical integer, little-endian limbs.
    #[inline]
    pub const fn to_limbs(self) -> [u64; 4] {
        mont_mul::<P>(&self.0, &[1, 0, 0, 0])
    }

    /// 32 little-endian bytes of an integer below the modulus, or `None`.
    pub fn from_bytes_le(bytes: &[u8; 32]) -> Option<Self> {
        Self::from_limbs(limbs_of_bytes(bytes))
    }

    /// The canonical integer, 32 little-endian bytes.
    pub fn to_bytes_le(self) -> [u8; 32] {
        bytes_of_limbs(&self.to_limbs())
    }

    /// 64 little-endian bytes, reduced: uniform input gives a bias below `2^-256`.
    pub fn from_bytes_wide(bytes: &[u8; 64]) -> Self {
        let (mut low, mut high) = ([0u8; 32], [0u8; 32]);
        low.copy_from_slice(&bytes[..32]);
        high.copy_from_slice(&bytes[32..]);
        let low = Self::raw(mont_mul::<P>(&limbs_of_bytes(&low), &P::R2));
        let high = Self::raw(mont_mul::<P>(&limbs_of_bytes(&high), &P::R3));
        low + high
    }

    /// A decimal integer below the modulus, or `None`.
    pub fn from_decimal(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > 78 {
            return None;
        }
        let mut limbs = [0u64; 4];
        for byte in text.bytes() {
            let mut carry = u64::from(byte.checked_sub(b'0').filter(|d| *d < 10)?);
            for limb in &mut limbs {
                (*limb, carry) = mac(carry, *limb, 10, 0);
            }
            if carry != 0 {
                return None;
            }
        }
        Self::from_limbs(limbs)
    }

    /// Whether this is zero.
    #[inline]
    pub fn is_zero(&self) -> bool {
        self.0[0] | self.0[1] | self.0[2] | self.0[3] == 0
    }

    /// `self * self`.
    #[inline(always)]
    #[must_use]
    pub fn square(&self) -> Self {
        Self::raw(mont_mul::<P>(&self.0, &self.0))
    }

    /// `self + self`.
    #[inline(always)]
    #[must_use]
    pub fn double(&self) -> Self {
        *self + *self
    }

    /// `a * b + c * d`, reduced once.
    #[inline(always)]
    pub(crate) const fn sum_of_products(a: Self, b: Self, c: Self, d: Self) -> Self {
        Self::raw(mont_mul_add::<P>(&a.0, &b.0, &c.0, &d.0))
    }

    /// `self` to the power of a little-endian integer; time depends on the exponent only.
    #[must_use]
    pub fn pow(&self, exponent: &[u64]) -> Self {
        let mut result = Self::ONE;
        for limb in exponent.iter().rev() {
            for bit in (0..64).rev() {
                result = result.square();
                if limb >> bit & 1 == 1 {
                    result *= *self;
                }
            }
        }
        result
    }

    /// `1 / self`, or `None` for zero.
    pub fn inverse(&self) -> Option<Self> {
        (!self.is_zero()).then(|| Self::raw(invert::<P>(&self.0)))
    }

    /// [`batch_inverse`].
    pub fn batch_inverse(values: &mut [Self]) {
        batch_inverse(values);
    }
}

impl<P: FieldParams> Default for Fp<P> {
    fn default() -> Self {
        Self::ZERO
    }
}

/// Elements may be secret, so their value shows in tests only.
impl<P: FieldParams> fmt::Debug for Fp<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(test) {
            let [a, b, c, d] = self.to_limbs();
            write!(f, "0x{d:016x}{c:016x}{b:016x}{a:016x}")
        } else {
            f.write_str("Fp(..)")
        }
    }
}

impl<P: FieldParams> Add for Fp<P> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let (a, b) = (&self.0, &other.0);
        let (s0, c) = adc(a[0], b[0], 0);
        let (s1, c) = adc(a[1], b[1], c);
        let (s2, c) = adc(a[2], b[2], c);
        let (s3, _) = adc(a[3], b[3], c);
        Self::raw(reduce_once([s0, s1, s2, s3], &P::MODULUS))
    }
}

impl<P: FieldParams> Sub for Fp<P> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let (a, b, p) = (&self.0, &other.0, &P::MODULUS);
        let (d0, o) = sbb(a[0], b[0], 0);
        let (d1, o) = sbb(a[1], b[1], o);
        let (d2, o) = sbb(a[2], b[2], o);
        let (d3, o) = sbb(a[3], b[3], o);
        let mask = 0u64.wrapping_sub(o);
        let (s0, c) = adc(d0, p[0] & mask, 0);
        let (s1, c) = adc(d1, p[1] & mask, c);
        let (s2, c) = adc(d2, p[2] & mask, c);
        let (s3, _) = adc(d3, p[3] & mask, c);
        Self::raw([s0, s1, s2, s3])
    }
}

impl<P: FieldParams> Mul for Fp<P> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::raw(mont_mul::<P>(&self.0, &other.0))
    }
}

impl<P: FieldParams> Neg for Fp<P> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl<P: FieldParams> AddAssign for Fp<P> {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl<P: FieldParams> SubAssign for Fp<P> {
    #[inline(always)]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl<P: FieldParams> MulAssign for Fp<P> {
    #[inline(always)]
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}

impl<P: FieldParams> Sum for Fp<P> {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::ZERO, Add::add)
    }
}

impl<P: FieldParams> Product for Fp<P> {
    fn product<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::ONE, Mul::mul)
    }
}

impl<P: FieldParams> Field for Fp<P> {
    const ZERO: Self = Self::ZERO;
    const ONE: Self = Self::ONE;
    #[inline(always)]
    fn square(&self) -> Self {
        Self::square(self)
    }
    #[inline(always)]
    fn double(&self) -> Self {
        Self::double(self)
    }
    fn inverse(&self) -> Option<Self> {
        Self::inverse(self)
    }
    #[inline(always)]
    fn is_zero(&self) -> bool {
        Self::is_zero(self)
    }
}
