//! Multi-scalar multiplication against sums of single multiplications, in all exceptional cases.

mod support;

use support::Rng;
use zkmargin_arith::curve::{Affine, Curve, Point};
use zkmargin_arith::fr::Fr;
use zkmargin_arith::g1::G1;
use zkmargin_arith::g2::G2;
use zkmargin_arith::msm::fixed::FixedBase;
use zkmargin_arith::msm::{msm, sum_points};

fn naive<C: Curve>(points: &[Affine<C>], scalars: &[Fr]) -> Point<C> {
    points.iter().zip(scalars).fold(Point::INFINITY, |sum, (point, scalar)| sum + point.mul(scalar))
}

fn random_points<C: Curve>(rng: &mut Rng, count: usize) -> Vec<Affine<C>> {
    FixedBase::new(&C::generator(), count).mul_all(&rng.frs(count))
}

/// Scalars of every size and sign.
fn mixed_scalar(rng: &mut Rng) -> Fr {
    let small = Fr::from_u64(rng.next() >> (rng.next() % 64));
    match rng.next() % 8 {
        0 => Fr::ZERO,
        1 => Fr::ONE,
        2 => -Fr::ONE,
        3 => small,
        4 => -small,
        5 => Fr::from_u64(2).pow(&[rng.next() % 254]),
        6 => -Fr::from_u64(2).pow(&[rng.next() % 254]) + small,
        _ => rng.fr(),
    }
}

fn agrees<C: Curve>() {
    let mut rng = Rng(11);
    for count in [0, 1, 2, 3, 31, 200, 700] {
        let points = random_points::<C>(&mut rng, count);
        let random = rng.frs(count);
        assert_eq!(msm(&points, &random), naive(&points, &random));
        let mixed: Vec<Fr> = (0..count).map(|_| mixed_scalar(&mut rng)).collect();
        assert_eq!(msm(&points, &mixed), naive(&points, &mixed));
        let bits: Vec<Fr> = (0..count).map(|_| Fr::from_u64(rng.next() & 1)).collect();
        assert_eq!(msm(&points, &bits), naive(&points, &bits));
        assert!(msm(&points, &vec![Fr::ZERO; count]).is_infinity());
        assert_eq!(sum_points(&points), naive(&points, &vec![Fr::ONE; count]));
    }
}

fn exceptional_cases<C: Curve>() {
    let mut rng = Rng(12);
    let points = random_points::<C>(&mut rng, 4);
    let (p, q) = (points[0], points[1]);
    let infinity = Affine::INFINITY;
    // Few different points, many times, with their negatives and infinity: every case of an addition occurs in
    // every round.
    let choices = [
        p,
        -p,
        q,
        -q,
        infinity,
        p,
        (Point::from(p) + q.into()).to_affine(),
        p.mul(&Fr::from_u64(2)).to_affine(),
    ];
    for round in 0..30 {
        let count = 1 + round * 7;
        let points: Vec<_> = (0..count).map(|_| choices[rng.next() as usize % choices.len()]).collect();
        let scalars: Vec<Fr> = match round % 3 {
            0 => vec![Fr::ONE; count],
            1 => (0..count).map(|_| mixed_scalar(&mut rng)).collect(),
            _ => vec![rng.fr(); count],
        };
        assert_eq!(msm(&points, &scalars), naive(&points, &scalars), "round {round}");
        assert_eq!(sum_points(&points), naive(&points, &vec![Fr::ONE; count]));
    }
    for count in [2, 3, 4, 5, 64, 65] {
        let same = vec![p; count];
        assert_eq!(sum_points(&same), p.mul(&Fr::from_u64(count as u64)));
        let alternating: Vec<_> = (0..count).map(|i| if i % 2 == 0 { p } else { -p }).collect();
        assert_eq!(sum_points(&alternating), if count % 2 == 0 { Point::INFINITY } else { p.into() });
    }
    assert!(msm(&[infinity; 9], &rng.frs(9)).is_infinity());
    // Edges of the scalar field and of windows.
    let half = Fr::from_u64(2).inverse().unwrap();
    let edges = [Fr::ZERO, Fr::ONE, -Fr::ONE, half, -half, half - Fr::ONE, -half - Fr::ONE];
    for scalar in edges.into_iter().chain((0..254).map(|bit| Fr::from_u64(2).pow(&[bit]) - Fr::ONE)) {
        assert_eq!(msm(&[p], &[scalar]), p.mul(&scalar));
        assert_eq!(msm(&[p, q], &[scalar, -scalar]), naive(&[p, q], &[scalar, -scalar]));
    }
    let table = FixedBase::new(&p, 1);
    let products = table.mul_all(&edges);
    for (scalar, product) in edges.iter().zip(products) {
        assert_eq!(Point::from(product), p.mul(scalar));
    }
}

#[test]
fn agrees_with_single_multiplications() {
    agrees::<G1>();
    agrees::<G2>();
}

#[test]
fn exceptional_cases_are_right() {
    exceptional_cases::<G1>();
    exceptional_cases::<G2>();
}

/// Enough entries for every window width and for several parts of a window.
#[test]
fn large_sums_agree_with_their_halves() {
    let mut rng = Rng(13);
    let count = 30_000;
    let points = random_points::<G1>(&mut rng, count);
    let scalars: Vec<Fr> =
        (0..count).map(|i| if i % 3 == 0 { rng.fr() } else { mixed_scalar(&mut rng) }).collect();
    let whole = msm(&points, &scalars);
    for part in [1, 100, 1000, 29_000] {
        let (p, q) = points.split_at(part);
        let (s, t) = scalars.split_at(part);
        assert_eq!(whole, msm(p, s) + msm(q, t));
    }
    assert_eq!(msm(&points[..2000], &scalars), naive(&points[..2000], &scalars[..2000]));
}
