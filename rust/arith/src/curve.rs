//! Short Weierstrass curves `y^2 = x^3 + b`: affine points, and XYZZ coordinates for sums.
//!
//! Formulas are those of the Explicit-Formulas Database (shortw/xyzz): `x = X / ZZ`, `y = Y / ZZZ`, `ZZ^3 = ZZZ^2`.

use std::fmt;
use std::ops::{Add, AddAssign, Neg};

use crate::field::{batch_inverse, Field};
use crate::fr::Fr;
use crate::lanes::Batch;

/// One of the two groups of the pairing.
pub trait Curve: Copy + Eq + Send + Sync + fmt::Debug + 'static {
    /// The field of the coordinates.
    type Base: Field;
    /// The constant of the curve equation.
    fn b() -> Self::Base;
    /// The standard generator.
    fn generator() -> Affine<Self>;
    /// Whether a point on the curve lies in the group of order `r`.
    fn in_subgroup(point: &Affine<Self>) -> bool;
    /// Memory of the vector backend.
    type Scratch: Default + Send;
    /// Additions in vector lanes ([`crate::lanes`]): `false`, and nothing written, if the backend is missing or
    /// declines the batch. Coordinates of the results may lack a final reduction.
    fn add_batch(batch: &Batch<Self>, to: &mut [Affine<Self>], scratch: &mut Self::Scratch) -> bool;
    /// Brings the coordinates of such results below the modulus.
    fn reduce(point: &Affine<Self>) -> Affine<Self>;
}

/// An affine point. Infinity is `(0, 0)`, which is on neither curve. Aligned to cache lines, as sums read points
/// from anywhere in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(64))]
pub struct Affine<C: Curve> {
    /// The abscissa.
    pub x: C::Base,
    /// The ordinate.
    pub y: C::Base,
}

/// A point in XYZZ coordinates; infinity has `zz = 0`.
#[derive(Clone, Copy, Debug)]
pub struct Point<C: Curve> {
    x: C::Base,
    y: C::Base,
    zz: C::Base,
    zzz: C::Base,
}

impl<C: Curve> Affine<C> {
    /// The point at infinity.
    pub const INFINITY: Self = Self { x: C::Base::ZERO, y: C::Base::ZERO };

    /// Whether this is the point at infinity.
    #[inline(always)]
    pub fn is_infinity(&self) -> bool {
        self.x.is_zero() && self.y.is_zero()
    }

    /// Whether this is infinity or satisfies the curve equation.
    pub fn is_on_curve(&self) -> bool {
        self.is_infinity() || self.y.square() == self.x.square() * self.x + C::b()
    }

    /// Whether this is on the curve and in the group of order `r`.
    pub fn is_valid(&self) -> bool {
        self.is_on_curve() && C::in_subgroup(self)
    }

    /// `scalar * self`, by double and add over the canonical bits.
    pub fn mul(&self, scalar: &Fr) -> Point<C> {
        self.mul_limbs(&scalar.to_limbs())
    }

    /// `k * self` for a little-endian integer `k`, which need not be below `r`.
    pub fn mul_limbs(&self, limbs: &[u64]) -> Point<C> {
        let mut result = Point::INFINITY;
        for limb in limbs.iter().rev() {
            for bit in (0..64).rev() {
                result = result.double();
                if limb >> bit & 1 == 1 {
                    result.add_affine(self);
                }
            }
        }
        result
    }
}

impl<C: Curve> Neg for Affine<C> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { x: self.x, y: -self.y }
    }
}

impl<C: Curve> Point<C> {
    /// The point at infinity.
    pub const INFINITY: Self =
        Self { x: C::Base::ZERO, y: C::Base::ZERO, zz: C::Base::ZERO, zzz: C::Base::ZERO };

    /// Whether this is the point at infinity.
    #[inline(always)]
    pub fn is_infinity(&self) -> bool {
        self.zz.is_zero()
    }

    /// `2 * self` (dbl-2008-s-1).
    #[must_use]
    pub fn double(&self) -> Self {
        let u = self.y.double();
        let v = u.square();
        let w = u * v;
        let s = self.x * v;
        let xx = self.x.square();
        let m = xx.double() + xx;
        let x = m.square() - s.double();
        Self { x, y: m * (s - x) - w * self.y, zz: v * self.zz, zzz: w * self.zzz }
    }

    /// `2 * point` (mdbl-2008-s-1).
    fn double_affine(point: &Affine<C>) -> Self {
        let u = point.y.double();
        let v = u.square();
        let w = u * v;
        let s = point.x * v;
        let xx = point.x.square();
        let m = xx.double() + xx;
        let x = m.square() - s.double();
        Self { x, y: m * (s - x) - w * point.y, zz: v, zzz: w }
    }

    /// `self += other`, all cases (madd-2008-s).
    pub fn add_affine(&mut self, other: &Affine<C>) {
        if other.is_infinity() {
            return;
        }
        if self.is_infinity() {
            *self = (*other).into();
            return;
        }
        let p = other.x * self.zz - self.x;
        let r = other.y * self.zzz - self.y;
        if p.is_zero() {
            *self = if r.is_zero() { Self::double_affine(other) } else { Self::INFINITY };
            return;
        }
        let pp = p.square();
        let ppp = p * pp;
        let q = self.x * pp;
        self.x = r.square() - ppp - q.double();
        self.y = r * (q - self.x) - self.y * ppp;
        self.zz *= pp;
        self.zzz *= ppp;
    }

    /// The affine form; one inversion.
    pub fn to_affine(&self) -> Affine<C> {
        // 1/ZZZ serves both: 1/ZZ = (ZZ/ZZZ)^2.
        match self.zzz.inverse() {
            None => Affine::INFINITY,
            Some(inverse) => {
                let z_inverse = self.zz * inverse;
                Affine { x: self.x * z_inverse.square(), y: self.y * inverse }
            }
        }
    }

    /// The affine forms of many points, with one inversion.
    pub fn batch_to_affine(points: &[Self]) -> Vec<Affine<C>> {
        let mut inverses: Vec<C::Base> = points.iter().map(|point| point.zzz).collect();
        batch_inverse(&mut inverses);
        points
            .iter()
            .zip(inverses)
            .map(|(point, inverse)| {
                let z_inverse = point.zz * inverse;
                Affine { x: point.x * z_inverse.square(), y: point.y * inverse }
            })
            .collect()
    }
}

impl<C: Curve> From<Affine<C>> for Point<C> {
    fn from(point: Affine<C>) -> Self {
        if point.is_infinity() {
            return Self::INFINITY;
        }
        Self { x: point.x, y: point.y, zz: C::Base::ONE, zzz: C::Base::ONE }
    }
}

impl<C: Curve> Add for Point<C> {
    type Output = Self;
    /// All cases (add-2008-s).
    fn add(self, other: Self) -> Self {
        if self.is_infinity() {
            return other;
        }
        if other.is_infinity() {
            return self;
        }
        let u1 = self.x * other.zz;
        let s1 = self.y * other.zzz;
        let p = other.x * self.zz - u1;
        let r = other.y * self.zzz - s1;
        if p.is_zero() {
            return if r.is_zero() { self.double() } else { Self::INFINITY };
        }
        let pp = p.square();
        let ppp = p * pp;
        let q = u1 * pp;
        let x = r.square() - ppp - q.double();
        Self { x, y: r * (q - x) - s1 * ppp, zz: self.zz * other.zz * pp, zzz: self.zzz * other.zzz * ppp }
    }
}

impl<C: Curve> AddAssign for Point<C> {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl<C: Curve> Neg for Point<C> {
    type Output = Self;
    fn neg(self) -> Self {
        Self { y: -self.y, ..self }
    }
}

impl<C: Curve> PartialEq for Point<C> {
    fn eq(&self, other: &Self) -> bool {
        match (self.is_infinity(), other.is_infinity()) {
            (false, false) => {
                self.x * other.zz == other.x * self.zz && self.y * other.zzz == other.y * self.zzz
            }
            (a, b) => a == b,
        }
    }
}

impl<C: Curve> Eq for Point<C> {}
