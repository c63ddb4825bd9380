//! Large pages for large tables: sums read points in random order, and with pages of 4 KiB a third of their time goes
//! into address translation.

/// An empty vector for `count` elements, on large pages where the system offers them.
pub(crate) fn large_vec<T>(count: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(count);
    advise(out.spare_capacity_mut());
    out
}

#[cfg(target_os = "linux")]
fn advise<T>(memory: &mut [T]) {
    use std::ffi::{c_int, c_void};

    /// From `bits/mman-linux.h`.
    const MADV_HUGEPAGE: c_int = 14;
    const LARGE_PAGE: usize = 2 << 20;

    unsafe extern "C" {
        /// Of the C library, which the standard library links.
        fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    }

    let start = memory.as_mut_ptr().addr();
    let end = start + size_of_val(memory);
    let (first, last) = (start.next_multiple_of(LARGE_PAGE), end / LARGE_PAGE * LARGE_PAGE);
    if first < last {
        // SAFETY: the range lies within memory that is ours, and this advice changes no contents. A refusal (an
        // old kernel, a policy) changes nothing either.
        unsafe {
            let address = memory.as_mut_ptr().cast::<u8>().add(first - start);
            madvise(address.cast(), last - first, MADV_HUGEPAGE);
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn advise<T>(_memory: &mut [T]) {}

#[cfg(test)]
mod tests {
    use super::large_vec;

    #[test]
    fn holds_what_is_put_in() {
        for count in [0usize, 1, 1000, 3 << 20] {
            let mut values: Vec<u64> = large_vec(count);
            assert!(values.is_empty() && values.capacity() >= count);
            values.extend(0..count as u64);
            assert!((0..).zip(&values).all(|(i, value)| i == *value));
        }
    }
}
