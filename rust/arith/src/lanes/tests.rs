//! Vector lanes against the scalar field, at the limits of limbs and values.

use super::avx2::{Fq4, LIMBS};
use crate::fq::Fq;

/// Limbs at and near their limits, and pseudo-random ones, of `bits` bits (the top one of `top`), with signs.
fn limb_patterns(bits: u32, top: u32, signed: bool) -> Vec<[i64; LIMBS]> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 20) as i64
    };
    let limit = |j: usize| 1i64 << if j == LIMBS - 1 { top } else { bits };
    let mut out = vec![[0; LIMBS], std::array::from_fn(|j| limit(j) - 1)];
    for _ in 0..60 {
        out.push(std::array::from_fn(|j| next() % limit(j)));
        out.push(std::array::from_fn(|j| if next() % 2 == 0 { limit(j) - 1 } else { 0 }));
    }
    if signed {
        out.push(std::array::from_fn(|j| 1 - limit(j)));
        for _ in 0..60 {
            out.push(std::array::from_fn(|j| if next() % 2 == 0 { limit(j) - 1 } else { 1 - limit(j) }));
            out.push(std::array::from_fn(|j| (next() % limit(j)) * (1 - 2 * (next() % 2))));
        }
    }
    out
}

fn power_of_two(exponent: u64) -> Fq {
    Fq::from_u64(2).pow(&[exponent])
}

/// The value of limbs modulo `p`.
fn value(limbs: &[i64; LIMBS]) -> Fq {
    let shift = Fq::from_u64(1 << 29);
    limbs.iter().rev().fold(Fq::ZERO, |sum, &limb| {
        let magnitude = Fq::from_u64(limb.unsigned_abs());
        sum * shift + if limb < 0 { -magnitude } else { magnitude }
    })
}

/// A value with sign, rounded, in units of `p`.
fn size(limbs: &[i64; LIMBS]) -> f64 {
    let p = 0x30644e72_u32 as f64 * 2f64.powi(224);
    (0..).zip(limbs).map(|(j, &limb)| limb as f64 * 2f64.powi(29 * j)).sum::<f64>() / p
}

/// The carried form: all limbs of 29 bits, but the top one.
fn is_carried(limbs: &[i64; LIMBS]) -> bool {
    limbs[..LIMBS - 1].iter().all(|limb| (0..1 << 29).contains(limb))
}

#[test]
fn products_agree_with_the_scalar_field() {
    if !super::available() {
        return;
    }
    // SAFETY: AVX2 is there.
    unsafe { products() }
}

#[target_feature(enable = "avx2")]
fn products() {
    let over_261 = power_of_two(261).inverse().unwrap();
    let over_266 = power_of_two(266).inverse().unwrap();
    // A sum of two carried numbers times a difference; all other products have smaller factors.
    for a in limb_patterns(30, 25, false) {
        for b in limb_patterns(29, 24, true) {
            let product = Fq4::of_limbs(&a).mul(&Fq4::of_limbs(&b)).limbs();
            assert_eq!(value(&product), value(&a) * value(&b) * over_261);
            assert!(is_carried(&product));
            let bound = size(&a) * size(&b) / 128.0;
            assert!(size(&product) < bound.max(0.0) + 1.2 && size(&product) > bound.min(0.0) - 0.01);
            let product = Fq4::of_limbs(&a).mul_over_32(&Fq4::of_limbs(&b)).limbs();
            assert_eq!(value(&product), value(&a) * value(&b) * over_266);
            assert!(is_carried(&product));
        }
    }
    let patterns = limb_patterns(29, 24, true);
    for (a, b) in patterns.iter().zip(&patterns) {
        for (c, d) in patterns.iter().zip(patterns.iter().rev()) {
            let [w, x, y, z] = [a, b, c, d].map(|limbs| Fq4::of_limbs(limbs));
            let sum = Fq4::sum_of_products(&w, &x, &y, &z).limbs();
            assert_eq!(value(&sum), (value(a) * value(b) + value(c) * value(d)) * over_261);
            assert!(is_carried(&sum));
            let sum = Fq4::sum_of_products(&w, &x, &y.neg(), &z).limbs();
            assert_eq!(value(&sum), (value(a) * value(b) - value(c) * value(d)) * over_261);
        }
    }
}

#[test]
fn reduction_ends_in_its_range() {
    if !super::available() {
        return;
    }
    // SAFETY: AVX2 is there.
    unsafe { reduction() }
}

#[target_feature(enable = "avx2")]
fn reduction() {
    for mut limbs in limb_patterns(31, 24, true) {
        limbs[LIMBS - 1] %= 9 << 20; // within 3 p
        let reduced = Fq4::of_limbs(&limbs).reduce();
        assert_eq!(value(&reduced.limbs()), value(&limbs));
        assert!(is_carried(&reduced.limbs()) && reduced.limbs()[LIMBS - 1] >= 0);
        assert!(size(&reduced.limbs()) < 1.0001);
        // Through memory, the Montgomery form is the number itself.
        let stored = Fq::raw(reduced.store()[0]).reduced();
        assert_eq!(stored * power_of_two(256), value(&limbs));
        let loaded = Fq4::load([&stored; 4]);
        assert_eq!(value(&loaded.limbs()), value(&limbs));
    }
    // The lanes keep apart.
    let elements: [Fq; 4] = std::array::from_fn(|k| -Fq::from_u64(k as u64 + 1));
    let stored = Fq4::load(elements.each_ref()).store().map(Fq::raw);
    assert_eq!(stored, elements);
}
