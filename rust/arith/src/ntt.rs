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
    /// Layer by layer: the `half` powers of the root of order `2 half` start at `half - 1`.
    twiddles: Vec<Fr>,
    /// The same of the inverse roots.
    inverse_twiddles: Vec<Fr>,
    /// `1 / size`.
    size_inverse: Fr,
}

/// The direction of butterflies.
#[derive(Clone, Copy)]
enum Order {
    /// `(a + b, (a - b) w)`, from large distances to small: natural order in, bit-reversed out.
    Frequency,
    /// `(a + b w, a - b w)`, from small distances to large: bit-reversed order in, natural out.
    Time,
}

impl Domain {
    /// The domain of `2^log_size` points; `None` above `2^28`.
    pub fn new(log_size: u32) -> Option<Self> {
        if log_size > MAX_LOG_SIZE {
            return None;
        }
        let root = root_of_unity(log_size);
        let mut inverses = [root, Fr::from_u64(1 << log_size)];
        batch_inverse(&mut inverses);
        let [root_inverse, size_inverse] = inverses;
        Some(Self {
            log_size,
            twiddles: layers(root, log_size),
            inverse_twiddles: layers(root_inverse, log_size),
            size_inverse,
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

    /// Coefficients to evaluations at `w^0, w^1, ..`, natural order. `values.len()` must be the size.
    pub fn forward(&self, values: &mut [Fr]) {
        butterflies(values, &self.twiddles, Order::Frequency);
        bit_reverse(values, self.log_size);
    }

    /// Evaluations to coefficients, natural order. `values.len()` must be the size.
    pub fn inverse(&self, values: &mut [Fr]) {
        butterflies(values, &self.inverse_twiddles, Order::Frequency);
        bit_reverse(values, self.log_size);
        let factor = self.size_inverse;
        parallel::for_pieces(values, 1 << 10, |_, piece| piece.iter_mut().for_each(|value| *value *= factor));
    }

    /// Evaluations at `w^i` to evaluations at `g w^i`, where `factors` are [`shift_factors`](Self::shift_factors)
    /// of `g`: both transforms work in place without reordering.
    pub fn shift(&self, values: &mut [Fr], factors: &[Fr]) {
        butterflies(values, &self.inverse_twiddles, Order::Frequency);
        parallel::for_pieces(values, 1 << 10, |offset, piece| {
            for (value, factor) in piece.iter_mut().zip(&factors[offset..]) {
                *value *= *factor;
            }
        });
        butterflies(values, &self.twiddles, Order::Time);
    }

    /// `g^i / size`, in bit-reversed order.
    pub fn shift_factors(&self, g: Fr) -> Vec<Fr> {
        let mut factors = powers(self.size_inverse, g, self.size());
        bit_reverse(&mut factors, self.log_size);
        factors
    }
}

/// The powers of `root`, which has order `2^log_size`, that every layer needs.
fn layers(root: Fr, log_size: u32) -> Vec<Fr> {
    let half = (1usize << log_size) / 2;
    let largest = powers(Fr::ONE, root, half);
    let mut out = Vec::with_capacity(2 * half);
    for layer in 0..log_size {
        out.extend(largest.iter().step_by(half >> layer));
    }
    out
}

/// All layers of a transform.
fn butterflies(values: &mut [Fr], twiddles: &[Fr], order: Order) {
    let size = values.len();
    if size < 2 {
        return;
    }
    // Threads share the work within the outer layers, until there is a block for each.
    let mut outer = Vec::new();
    let mut block = size;
    while size >= 1 << 10 && size / block < parallel::threads() && block > 2 {
        outer.push(block);
        block /= 2;
    }
    if matches!(order, Order::Frequency) {
        for &block in &outer {
            values.chunks_mut(block).for_each(|chunk| shared_layer(chunk, twiddles, order));
        }
    }
    if block == size {
        inner_layers(values, twiddles, order);
    } else {
        std::thread::scope(|scope| {
            for chunk in values.chunks_mut(block) {
                scope.spawn(move || inner_layers(chunk, twiddles, order));
            }
        });
    }
    if matches!(order, Order::Time) {
        for &block in outer.iter().rev() {
            values.chunks_mut(block).for_each(|chunk| shared_layer(chunk, twiddles, order));
        }
    }
}

/// All layers within a block, depth first so that small blocks stay in cache.
fn inner_layers(block: &mut [Fr], twiddles: &[Fr], order: Order) {
    let half = block.len() / 2;
    let (low, high) = block.split_at_mut(half);
    match order {
        Order::Frequency => {
            layer(low, high, &twiddles[half - 1..], order);
            if half > 1 {
                inner_layers(low, twiddles, order);
                inner_layers(high, twiddles, order);
            }
        }
        Order::Time => {
            if half > 1 {
                inner_layers(low, twiddles, order);
                inner_layers(high, twiddles, order);
            }
            layer(low, high, &twiddles[half - 1..], order);
        }
    }
}

/// One layer over one block, shared by all threads.
fn shared_layer(block: &mut [Fr], twiddles: &[Fr], order: Order) {
    let half = block.len() / 2;
    let (low, high) = block.split_at_mut(half);
    let piece = half.div_ceil(parallel::threads());
    std::thread::scope(|scope| {
        for (index, (low, high)) in low.chunks_mut(piece).zip(high.chunks_mut(piece)).enumerate() {
            scope.spawn(move || layer(low, high, &twiddles[half - 1 + index * piece..], order));
        }
    });
}

/// The butterflies between two slices of one length.
fn layer(low: &mut [Fr], high: &mut [Fr], twiddles: &[Fr], order: Order) {
    let pairs = low.iter_mut().zip(high).zip(twiddles);
    match order {
        Order::Frequency => {
            for ((a, b), w) in pairs {
                let difference = *a - *b;
                *a += *b;
                *b = difference * *w;
            }
        }
        Order::Time => {
            for ((a, b), w) in pairs {
                let product = *b * *w;
                *b = *a - product;
                *a += product;
            }
        }
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
