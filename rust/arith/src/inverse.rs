//! Inversion in prime fields by the binary extended Euclidean algorithm on approximations (Pornin, ePrint 2020/972).
//!
//! Every outer round does 31 steps on 64-bit approximations of `a` and `b` (their 31 lowest and 33 highest bits), then
//! applies the accumulated 2x2 matrix to the full numbers. The number of rounds does not depend on the value.

use crate::field::{less_than, mont_mul, reduce_once, FieldParams};

/// Steps per round.
const STEPS: u32 = 31;
/// `2 * 254 - 1` steps suffice for a 254-bit modulus.
const ROUNDS: usize = 17;

/// `2^768 * 2^(33 * ROUNDS)`: a round divides the cofactors by `2^64` where `2^31` is due, and the input and the
/// result are in Montgomery form.
const fn correction<P: FieldParams>() -> [u64; 4] {
    let mut value = P::R3;
    let mut i = 0;
    while i < (64 - STEPS as usize) * ROUNDS {
        let doubled = [
            value[0] << 1,
            value[1] << 1 | value[0] >> 63,
            value[2] << 1 | value[1] >> 63,
            value[3] << 1 | value[2] >> 63,
        ];
        value = reduce_once(doubled, &P::MODULUS);
        i += 1;
    }
    value
}

/// The matrix `[[f0, g0], [f1, g1]]` of a round; absolute values of a row sum to at most `2^31`.
struct Matrix {
    f0: i64,
    g0: i64,
    f1: i64,
    g1: i64,
}

/// The Montgomery form of the inverse, for a non-zero element in Montgomery form.
pub(crate) fn invert<P: FieldParams>(element: &[u64; 4]) -> [u64; 4] {
    let (mut a, mut b) = (*element, P::MODULUS);
    let (mut u, mut v) = ([1, 0, 0, 0], [0; 4]);
    for _ in 0..ROUNDS {
        let mut matrix = steps(&a, &b);
        let (next_a, a_negative) = combine_exact(&a, &b, matrix.f0, matrix.g0);
        let (next_b, b_negative) = combine_exact(&a, &b, matrix.f1, matrix.g1);
        (a, b) = (next_a, next_b);
        if a_negative {
            (matrix.f0, matrix.g0) = (-matrix.f0, -matrix.g0);
        }
        if b_negative {
            (matrix.f1, matrix.g1) = (-matrix.f1, -matrix.g1);
        }
        let next_u = combine_modular::<P>(&u, &v, matrix.f0, matrix.g0);
        v = combine_modular::<P>(&u, &v, matrix.f1, matrix.g1);
        u = next_u;
    }
    // Now a = 0 and b = gcd = 1, so v is the inverse up to the powers of two.
    mont_mul::<P>(&v, &const { correction::<P>() })
}

/// 31 steps of the binary algorithm on approximations.
fn steps(a: &[u64; 4], b: &[u64; 4]) -> Matrix {
    let (mut x, mut y) = approximate(a, b);
    let (mut f0, mut g0, mut f1, mut g1) = (1i64, 0i64, 0i64, 1i64);
    for _ in 0..STEPS {
        let odd = 0u64.wrapping_sub(x & 1);
        let swap = odd & 0u64.wrapping_sub(u64::from(x < y));
        let exchange = swap & (x ^ y);
        (x, y) = (x ^ exchange, y ^ exchange);
        let exchange = swap as i64 & (f0 ^ f1);
        (f0, f1) = (f0 ^ exchange, f1 ^ exchange);
        let exchange = swap as i64 & (g0 ^ g1);
        (g0, g1) = (g0 ^ exchange, g1 ^ exchange);
        x = x.wrapping_sub(y & odd) >> 1;
        f0 -= f1 & odd as i64;
        g0 -= g1 & odd as i64;
        f1 <<= 1;
        g1 <<= 1;
    }
    Matrix { f0, g0, f1, g1 }
}

/// The 31 lowest and 33 highest bits of both numbers, aligned to the longer one; the numbers themselves if they
/// have at most 64 bits.
fn approximate(a: &[u64; 4], b: &[u64; 4]) -> (u64, u64) {
    let Some(top) = (1..4).rev().find(|&i| a[i] | b[i] != 0) else {
        return (a[0], b[0]);
    };
    let shift = (a[top] | b[top]).leading_zeros();
    let low = (1u64 << STEPS) - 1;
    let window = |x: &[u64; 4]| {
        let high = x[top] << shift | (x[top - 1] >> 1) >> (63 - shift);
        x[0] & low | high & !low
    };
    (window(a), window(b))
}

/// `(f a + g b) / 2^31`, which is exact, as an absolute value and whether it was negative.
fn combine_exact(a: &[u64; 4], b: &[u64; 4], f: i64, g: i64) -> ([u64; 4], bool) {
    let sum = combine(a, b, f, g);
    let mut out = [0; 4];
    for i in 0..4 {
        out[i] = sum[i] >> STEPS | sum[i + 1] << (64 - STEPS);
    }
    let negative = sum[4] >> 63 == 1;
    if negative {
        let mut carry = true;
        for word in &mut out {
            (*word, carry) = (!*word).overflowing_add(u64::from(carry));
        }
    }
    (out, negative)
}

/// `(f u + g v) / 2^64` modulo the prime, reduced.
fn combine_modular<P: FieldParams>(u: &[u64; 4], v: &[u64; 4], f: i64, g: i64) -> [u64; 4] {
    let mut sum = combine(u, v, f, g);
    let m = sum[0].wrapping_mul(P::INV);
    let mut carry = 0u128;
    for (word, modulus) in sum.iter_mut().zip(P::MODULUS) {
        carry += u128::from(*word) + u128::from(m) * u128::from(modulus);
        *word = carry as u64;
        carry >>= 64;
    }
    let top = sum[4].wrapping_add(carry as u64);
    let mut out = [sum[1], sum[2], sum[3], top];
    // The value is above -2^223 and below p + 2^223.
    if top >> 63 == 1 {
        let mut carry = 0u128;
        for (word, modulus) in out.iter_mut().zip(P::MODULUS) {
            carry += u128::from(*word) + u128::from(modulus);
            *word = carry as u64;
            carry >>= 64;
        }
    } else if !less_than(&out, &P::MODULUS) {
        out = reduce_once(out, &P::MODULUS);
    }
    out
}

/// `f a + g b` in two's complement.
fn combine(a: &[u64; 4], b: &[u64; 4], f: i64, g: i64) -> [u64; 5] {
    let mut out = [0; 5];
    let mut carry = 0i128;
    for i in 0..4 {
        // |f| + |g| <= 2^31, so this stays far inside of 127 bits.
        carry += i128::from(f) * i128::from(a[i]) + i128::from(g) * i128::from(b[i]);
        out[i] = carry as u64;
        carry >>= 64;
    }
    out[4] = carry as u64;
    out
}
