//! Affine additions, four at a time, with one inversion per batch.

use super::avx2::Fq4;
use super::avx2_quadratic::Fq2x4;
use super::Batch;
use crate::curve::{Affine, Curve};
use crate::field::{batch_inverse, Field};
use crate::fq::Fq;
use crate::fq2::Fq2;

/// Additions per vector.
const WIDTH: usize = 4;

/// Four elements of the coordinates' field in vector lanes. All functions need AVX2.
///
/// Products come divided by 32 in terms of the elements, see [`super::avx2`].
pub(crate) trait Lanes: Copy {
    type Element: Field;
    unsafe fn load(elements: [&Self::Element; 4]) -> Self;
    /// The value must be reduced.
    unsafe fn store(&self) -> [Self::Element; 4];
    unsafe fn sub(&self, other: &Self) -> Self;
    unsafe fn mul(&self, other: &Self) -> Self;
    unsafe fn square_over_32(&self) -> Self;
    unsafe fn reduce(&self) -> Self;
    /// Fully reduces an element that [`store`](Self::store) gave.
    fn canonical(element: Self::Element) -> Self::Element;
    /// `1024 * element`.
    fn times_1024(element: Self::Element) -> Self::Element;
}

macro_rules! forward {
    () => {
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn load(elements: [&Self::Element; 4]) -> Self {
            Self::load(elements)
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn sub(&self, other: &Self) -> Self {
            self.sub(other)
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn mul(&self, other: &Self) -> Self {
            self.mul(other)
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn square_over_32(&self) -> Self {
            self.square_over_32()
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn reduce(&self) -> Self {
            self.reduce()
        }
    };
}

impl Lanes for Fq4 {
    type Element = Fq;
    forward!();
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn store(&self) -> [Fq; 4] {
        let [a, b, c, d] = self.store();
        [Fq::raw(a), Fq::raw(b), Fq::raw(c), Fq::raw(d)]
    }
    fn canonical(element: Fq) -> Fq {
        element.reduced()
    }
    fn times_1024(element: Fq) -> Fq {
        element * Fq::from_u64(1024)
    }
}

impl Lanes for Fq2x4 {
    type Element = Fq2;
    forward!();
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn store(&self) -> [Fq2; 4] {
        let [a, b, c, d] = self.store();
        [element(a), element(b), element(c), element(d)]
    }
    fn canonical(element: Fq2) -> Fq2 {
        Fq2::new(element.c0.reduced(), element.c1.reduced())
    }
    fn times_1024(element: Fq2) -> Fq2 {
        element.scale(Fq::from_u64(1024))
    }
}

#[inline(always)]
fn element([c0, c1]: [[u64; 4]; 2]) -> Fq2 {
    Fq2::new(Fq::raw(c0), Fq::raw(c1))
}

/// The denominators and their running products.
pub struct Scratch<L> {
    steps: Vec<(L, L)>,
}

impl<L> Default for Scratch<L> {
    fn default() -> Self {
        Self { steps: Vec::new() }
    }
}

#[inline(always)]
fn abscissas<C: Curve>([a, b, c, d]: &[Affine<C>; WIDTH]) -> [&C::Base; WIDTH] {
    [&a.x, &b.x, &c.x, &d.x]
}

#[inline(always)]
fn ordinates<C: Curve>([a, b, c, d]: &[Affine<C>; WIDTH]) -> [&C::Base; WIDTH] {
    [&a.y, &b.y, &c.y, &d.y]
}

/// Does the additions of a batch whose size is a multiple of four, of finite points; writes nothing and returns
/// `false` if two of its points have the same abscissa.
///
/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn add_batch<C: Curve, L: Lanes<Element = C::Base>>(
    batch: &Batch<C>,
    to: &mut [Affine<C>],
    scratch: &mut Scratch<L>,
) -> bool {
    let (left, right) = (batch.left.as_chunks::<WIDTH>().0, batch.right.as_chunks::<WIDTH>().0);
    let steps = &mut scratch.steps;
    steps.clear();
    // SAFETY: the functions of `Lanes` ask for AVX2, which the caller vouches for.
    unsafe {
        // With products divided by 32, the running product of d_0 .. d_k is P_k = d_0 ... d_k / 32^k.
        let mut product: Option<L> = None;
        for (left, right) in left.iter().zip(right) {
            let denominator = L::load(abscissas(right)).sub(&L::load(abscissas(left)));
            let next = match &product {
                Some(product) => product.mul(&denominator),
                None => denominator,
            };
            steps.push((denominator, next));
            product = Some(next);
        }
        let Some(product) = product else {
            return true;
        };
        // I_k = 1024 / P_k. Then I_k P_(k-1) / 32 = 1024 / d_k, and I_k d_k / 32 = I_(k-1).
        let mut inverses = product.reduce().store().map(L::canonical);
        if inverses.iter().any(Field::is_zero) {
            return false;
        }
        batch_inverse(&mut inverses);
        let inverses = inverses.map(L::times_1024);
        let mut inverse = L::load(inverses.each_ref());
        let targets = batch.targets.as_chunks::<WIDTH>().0;
        for step in (0..steps.len()).rev() {
            let mut reciprocal = inverse;
            if step > 0 {
                reciprocal = inverse.mul(&steps[step - 1].1);
                inverse = inverse.mul(&steps[step].0);
            }
            let (left, right) = (&left[step], &right[step]);
            let y1 = L::load(ordinates(left));
            // 32 times the slope; its square over 1024 is that of the slope, its other product over 32 is exact.
            let slope = L::load(ordinates(right)).sub(&y1).mul(&reciprocal);
            let x1 = L::load(abscissas(left));
            let x = slope.square_over_32().sub(&x1).sub(&L::load(abscissas(right))).reduce();
            let y = x1.sub(&x).mul(&slope).sub(&y1).reduce();
            let (x, y) = (x.store(), y.store());
            for (k, &target) in targets[step].iter().enumerate() {
                to[target as usize] = Affine { x: x[k], y: y[k] };
            }
        }
    }
    true
}
