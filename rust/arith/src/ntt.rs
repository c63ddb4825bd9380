//! Number-theoretic transforms over `Fr`, natural order in and out, multithreaded.
//!
//! The root of size `2^k` is snarkjs's: `(5^((r-1)/2^28))^(2^(28-k))`.

use std::sync::OnceLock;

use crate::field::batch_inverse;
use crate::fr::Fr;
use crate::parallel;

/// The 2-adicity of `r - 1`.
pub const MAX_LOG_SIZE: u32 = 28;

/// The primitive root of unity of order `2^log_size`, for `log_size <= 28`.
pub fn root_of_unity(log_size: u32) -> Fr {
    static ROOT: OnceLock<Fr> = OnceLock::new();
    let mut root = *ROOT.get_or_init(|| {
        // (r - 1) / 2^28
        let mut limbs = Fr::MODULUS;
        limbs[0] -= 1;
        let shifted: [u64; 4] = std::array::from_fn(|i| {
            limbs[i] >> MAX_LOG_SIZE | limbs.get(i + 1).map_or(0, |high| high << (64 - MAX_LOG_SIZE))
        });
        Fr::from_u64(5).pow(&shifted)
    });
    for _ in log_size..MAX_LOG_SIZE {
        root = root.square();
    }
    root
}

/// `first * ratio^i` for `i < count`.
pub fn powers(first: Fr, ratio: Fr, count: usize) -> Vec<Fr> {
    let mut out = vec![Fr::ZERO; count];
    parallel::for_pieces(&mut out, 1 << 10, |offset, piece| {
        let mut value = first * ratio.pow(&[offset as u64]);
        for slot in piece {
            *slot = value;
            value *= ratio;
        }
    });
    out
}

/// The tables of one transform size.
pub struct Domain {
    log_size: u32,
    /// `w^i` for `i < size / 2`.
    twiddles: Vec<Fr>,
    /// `1 / size`.
    size_inverse: Fr,
}

impl Domain {
    /// The domain of `2^log_size` points; `None` above `2^28`.
    pub fn new(log_size: u32) -> Option<Self> {
        if log_size > MAX_LOG_SIZE {
            return None;
        }
        let size = 1usize << log_size;
        let mut size_inverse = [Fr::from_u64(size as u64)];
        batch_inverse(&mut size_inverse);
        Some(Self {
            log_size,
            twiddles: powers(Fr::ONE, root_of_unity(log_size), size / 2),
            size_inverse: size_inverse[0],
        })
    }

    /// The number of points.
    pub fn size(&self) -> usize {
        1 << self.log_size
    }

    /// The primitive root of unity of this size.
    pub fn root(&self) -> Fr {
        root_of_unity(self.log_size)
    }

    /// `1 / size`.
    pub fn size_inverse(&self) -> Fr {
        self.size_inverse
    }

    /// Coefficients to evaluations at `w^0, w^1, ..`, natural order. `values.len()` must be the size.
    pub fn forward(&self, values: &mut [Fr]) {
        self.decimate_in_frequency(values);
        bit_reverse(values, self.log_size);
    }

    /// Evaluations to coefficients, natural order. `values.len()` must be the size.
    pub fn inverse(&self, values: &mut [Fr]) {
        self.forward(values);
        if let Some((_, tail)) = values.split_first_mut() {
            tail.reverse();
        }
        let factor = self.size_inverse;
        parallel::for_pieces(values, 1 << 10, |_, piece| {
            for value in piece {
                *value *= factor;
            }
        });
    }

    /// Evaluations to coefficients in bit-reversed order, times the size, over the inverse root.
    fn decimate_in_frequency(&self, values: &mut [Fr]) {
        let size = values.len();
        let threads = parallel::threads().next_power_of_two().min(size / 2);
        // The outer layers share the work within one block, the inner ones between blocks.
        let mut half = size / 2;
        let mut block = size;
        while half >= 1 && size / block < threads && size >= 1 << 10 {
            for chunk in values.chunks_mut(block) {
                self.butterfly_layer(chunk, half);
            }
            block = half;
            half /= 2;
        }
        if half == 0 {
            return;
        }
        let tasks = size / block;
        if tasks > 1 {
            std::thread::scope(|scope| {
                for chunk in values.chunks_mut(block) {
                    scope.spawn(move || self.layers_from(chunk, half));
                }
            });
        } else {
            self.layers_from(values, half);
        }
    }

    /// All layers from distance `half` down, depth first so that small blocks stay in cache.
    fn layers_from(&self, values: &mut [Fr], half: usize) {
        let stride = self.twiddles.len() / half;
        let (low, high) = values.split_at_mut(half);
        for (i, (a, b)) in low.iter_mut().zip(high.iter_mut()).enumerate() {
            let difference = *a - *b;
            *a += *b;
            *b = difference * self.twiddles[i * stride];
        }
        if half > 1 {
            self.layers_from(low, half / 2);
            self.layers_from(high, half / 2);
        }
    }

    /// One layer over one block, shared by all threads.
    fn butterfly_layer(&self, block: &mut [Fr], half: usize) {
        let stride = self.twiddles.len() / half;
        let (low, high) = block.split_at_mut(half);
        let piece = half.div_ceil(parallel::threads());
        std::thread::scope(|scope| {
            for (index, (low, high)) in low.chunks_mut(piece).zip(high.chunks_mut(piece)).enumerate() {
                scope.spawn(move || {
                    for (i, (a, b)) in low.iter_mut().zip(high.iter_mut()).enumerate() {
                        let difference = *a - *b;
                        *a += *b;
                        *b = difference * self.twiddles[(index * piece + i) * stride];
                    }
                });
            }
        });
    }
}

/// Exchanges every index with its mirror of `log_size` bits.
fn bit_reverse(values: &mut [Fr], log_size: u32) {
    if log_size == 0 {
        return;
    }
    for i in 0..values.len() {
        let j = i.reverse_bits() >> (usize::BITS - log_size);
        if i < j {
            values.swap(i, j);
        }
    }
}
