//! Affine additions in vector lanes: the backend of [`crate::msm`] where the processor has one.
//!
//! A backend does many additions of different, finite points at once, sharing one inversion; it declines a batch in
//! which a denominator vanishes (equal or opposite points), and the scalar code takes that batch. The results of a
//! backend are numbers below `2p`, not always reduced: [`Field`](crate::field::Field) elements again after
//! [`Curve::reduce`](crate::curve::Curve::reduce).

#[cfg(target_arch = "x86_64")]
mod add;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_quadratic;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

use crate::curve::{Affine, Curve};

/// The additions of one batch: `left[i] + right[i]` belongs to position `targets[i]`.
pub struct Batch<C: Curve> {
    pub(crate) left: Vec<Affine<C>>,
    pub(crate) right: Vec<Affine<C>>,
    pub(crate) targets: Vec<u32>,
}

#[cfg(target_arch = "x86_64")]
pub(crate) use add::{add_batch, Scratch};
#[cfg(target_arch = "x86_64")]
pub(crate) use {avx2::Fq4, avx2_quadratic::Fq2x4};

/// Whether this processor has the vector backend.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn available() -> bool {
    std::is_x86_feature_detected!("avx2")
}

/// Asks the processor to fetch `values[index]`, if there is such, of types aligned to cache lines, up to two of them.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = values.get(index) {
        let start = std::ptr::from_ref(value).cast::<i8>();
        // SAFETY: a prefetch reads nothing that the program could see, whatever the address; SSE is always there.
        unsafe {
            use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
            _mm_prefetch::<_MM_HINT_T0>(start);
            if size_of::<T>() > 64 {
                _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(64));
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, index);
}
