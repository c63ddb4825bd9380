//! The optimal ate pairing `G1 x G2 -> Fq12`, in products.
//!
//! Line functions in homogeneous coordinates on the divisive twist: Costello, Lange and Naehrig (ePrint 2009/615)
//! with the `b'` of the twist. The exponent of the final exponentiation is exactly `(q^12 - 1) / r`.

use crate::curve::{Affine, Curve};
use crate::field::Field;
use crate::fq::Fq;
use crate::fq12::Fq12;
use crate::fq2::Fq2;
use crate::g1::G1Affine;
use crate::g2::{psi, G2Affine, BN_X, G2};
use crate::msm::few::naf;

/// `6 x + 2`, the length of the Miller loop.
const LOOP: u128 = 6 * (BN_X as u128) + 2;

/// `1/2` in `Fq`: `(q + 1) / 2`.
const HALF: Fq = {
    let q = Fq::MODULUS;
    Fq::from_limbs_reduced([
        (q[0] >> 1 | q[1] << 63) + 1, // no carry: the low limb of (q - 1) / 2 is far from 2^64
        q[1] >> 1 | q[2] << 63,
        q[2] >> 1 | q[3] << 63,
        q[3] >> 1,
    ])
};

/// The running point of a Miller loop, in homogeneous coordinates.
struct Walker {
    x: Fq2,
    y: Fq2,
    z: Fq2,
}

/// A line `a y_P + b x_P w + c w^3`.
type Line = (Fq2, Fq2, Fq2);

impl Walker {
    fn start(at: &G2Affine) -> Self {
        Self { x: at.x, y: at.y, z: Fq2::ONE }
    }

    /// Doubles the point; returns the tangent.
    fn double(&mut self) -> Line {
        let a = (self.x * self.y).scale(HALF);
        let b = self.y.square();
        let c = self.z.square();
        let e = G2::b() * (c.double() + c);
        let f = e.double() + e;
        let g = (b + f).scale(HALF);
        let h = (self.y + self.z).square() - (b + c);
        let j = self.x.square();
        let ee = e.square();
        self.x = a * (b - f);
        self.y = g.square() - (ee.double() + ee);
        self.z = b * h;
        (-h, j.double() + j, e - b)
    }

    /// Adds `q`; returns the chord.
    fn add(&mut self, q: &G2Affine) -> Line {
        let theta = self.y - q.y * self.z;
        let lambda = self.x - q.x * self.z;
        let c = theta.square();
        let d = lambda.square();
        let e = lambda * d;
        let f = self.z * c;
        let g = self.x * d;
        let h = e + f - g.double();
        self.x = lambda * h;
        self.y = theta * (g - h) - e * self.y;
        self.z *= e;
        (lambda, -theta, theta * q.x - lambda * q.y)
    }
}

fn apply(f: &Fq12, (a, b, c): Line, p: &G1Affine) -> Fq12 {
    f.mul_by_line(a.scale(p.y), b.scale(p.x), c)
}

/// The product of Miller loops over the pairs; a pair with a point at infinity counts as one.
///
/// Requires: points on their curves, the second ones in the subgroup.
pub fn miller_loop(pairs: &[(G1Affine, G2Affine)]) -> Fq12 {
    let pairs: Vec<_> = pairs.iter().filter(|(p, q)| !p.is_infinity() && !q.is_infinity()).collect();
    let mut walkers: Vec<_> = pairs.iter().map(|(_, q)| Walker::start(q)).collect();
    let mut f = Fq12::ONE;
    let digits = naf([LOOP as u64, (LOOP >> 64) as u64, 0, 0], 2);
    for digit in digits.iter().rev().skip(1) {
        f = f.square();
        for (walker, (p, q)) in walkers.iter_mut().zip(&pairs) {
            f = apply(&f, walker.double(), p);
            match digit {
                0 => {}
                1.. => f = apply(&f, walker.add(q), p),
                _ => f = apply(&f, walker.add(&-*q), p),
            }
        }
    }
    for (walker, (p, q)) in walkers.iter_mut().zip(&pairs) {
        let q1 = psi(q);
        let q2: G2Affine = -psi(&q1);
        f = apply(&f, walker.add(&q1), p);
        f = apply(&f, walker.add(&q2), p);
    }
    f
}

/// `f^((q^12 - 1) / r)`, or `None` for zero. The hard part follows Scott, Benger, Charlemagne, Dominguez Perez
/// and Kachisa (ePrint 2008/490).
pub fn final_exponentiation(f: &Fq12) -> Option<Fq12> {
    // f^((q^6 - 1)(q^2 + 1))
    let f = f.conjugate() * f.inverse()?;
    let f = f.frobenius().frobenius() * f;
    // f^((q^4 - q^2 + 1) / r)
    let x = naf([BN_X, 0, 0, 0], 4);
    let fx = f.cyclotomic_pow(&x);
    let fx2 = fx.cyclotomic_pow(&x);
    let fx3 = fx2.cyclotomic_pow(&x);
    let fq = f.frobenius();
    let fq2 = fq.frobenius();
    let y0 = fq * fq2 * fq2.frobenius();
    let y1 = f.conjugate();
    let y2 = fx2.frobenius().frobenius();
    let y3 = fx.frobenius().conjugate();
    let y4 = (fx * fx2.frobenius()).conjugate();
    let y5 = fx2.conjugate();
    let y6 = (fx3 * fx3.frobenius()).conjugate();
    let t0 = y6.cyclotomic_square() * y4 * y5;
    let t1 = y3 * y5 * t0;
    let t0 = t0 * y2;
    let t1 = (t1.cyclotomic_square() * t0).cyclotomic_square();
    let t0 = (t1 * y1).cyclotomic_square();
    Some(t0 * (t1 * y0))
}

/// The product of the pairings of all pairs.
///
/// Requires: points on their curves, the second ones in the subgroup.
pub fn multi_pairing(pairs: &[(G1Affine, G2Affine)]) -> Fq12 {
    // The Miller loop of valid points is never zero.
    final_exponentiation(&miller_loop(pairs)).unwrap_or(Fq12::ONE)
}

/// The pairing `e(p, q)`.
pub fn pairing(p: &Affine<crate::g1::G1>, q: &G2Affine) -> Fq12 {
    multi_pairing(&[(*p, *q)])
}

/// Whether the product of the pairings is one.
pub fn pairing_check(pairs: &[(G1Affine, G2Affine)]) -> bool {
    final_exponentiation(&miller_loop(pairs)) == Some(Fq12::ONE)
}
