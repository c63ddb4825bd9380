//! Fields, curves, pairing and transforms against their laws, their edges and py_ecc.

mod support;

use support::Rng;
use zkmargin_arith::curve::{Affine, Curve, Point};
use zkmargin_arith::field::{batch_inverse, Field, FieldParams, Fp};
use zkmargin_arith::fq::{Fq, FqParams};
use zkmargin_arith::fq12::Fq12;
use zkmargin_arith::fq2::Fq2;
use zkmargin_arith::fr::{Fr, FrParams};
use zkmargin_arith::g1::G1;
use zkmargin_arith::g2::{G2Affine, G2};
use zkmargin_arith::ntt::{root_of_unity, Domain};
use zkmargin_arith::pairing::{final_exponentiation, miller_loop, multi_pairing, pairing, pairing_check};

fn minus(limbs: [u64; 4], by: u64) -> [u64; 4] {
    [limbs[0] - by, limbs[1], limbs[2], limbs[3]]
}

fn prime_field_laws<P: FieldParams>() {
    let p = Fp::<P>::MODULUS;
    let minus_one = Fp::<P>::from_limbs(minus(p, 1)).unwrap();
    assert_eq!(minus_one, -Fp::ONE);
    assert_eq!(minus_one + Fp::ONE, Fp::ZERO);
    assert_eq!(minus_one.square(), Fp::ONE);
    assert_eq!(minus_one.inverse(), Some(minus_one));
    assert_eq!(Fp::<P>::ZERO.inverse(), None);
    assert_eq!(-Fp::<P>::ZERO, Fp::ZERO);
    assert_eq!(minus_one.to_limbs(), minus(p, 1));
    for refused in [p, [p[0] + 1, p[1], p[2], p[3]], [u64::MAX; 4]] {
        assert_eq!(Fp::<P>::from_limbs(refused), None);
    }
    // 2^512 - 1 and p, reduced.
    let two = Fp::<P>::from_u64(2);
    assert_eq!(Fp::<P>::from_bytes_wide(&[255; 64]), two.pow(&[512]) - Fp::ONE);
    assert_eq!(Fp::<P>::from_limbs_reduced(p), Fp::ZERO);
    assert_eq!(Fp::<P>::from_limbs_reduced([u64::MAX; 4]), two.pow(&[256]) - Fp::ONE);
    let mut rng = Rng(5);
    let edges =
        [Fp::ZERO, Fp::ONE, two, minus_one, minus_one - Fp::ONE, Fp::from_limbs_reduced([u64::MAX; 4])];
    let random = (0..20).map(|_| Fp::<P>::from_bytes_wide(&rng.bytes()));
    let values: Vec<_> = edges.into_iter().chain(random).collect();
    for &a in &values {
        assert_eq!(Fp::from_bytes_le(&a.to_bytes_le()), Some(a));
        assert_eq!(Fp::from_montgomery_bytes(&a.to_montgomery_bytes()), Some(a));
        assert_eq!(a.pow(&p), a);
        assert_eq!(a.square(), a * a);
        assert_eq!(a.double(), a + a);
        assert_eq!(a.inverse().map_or(Fp::ZERO, |i| i * a), if a.is_zero() { Fp::ZERO } else { Fp::ONE });
        for &b in &values {
            assert_eq!(a + b - b, a);
            assert_eq!((a + b) * (a - b), a.square() - b.square());
            for &c in &values[..8] {
                assert_eq!((a + b) * c, a * c + b * c);
            }
        }
    }
    let mut inverses = values.clone();
    batch_inverse(&mut inverses);
    for (value, inverse) in values.iter().zip(inverses) {
        assert_eq!(value.inverse().unwrap_or(Fp::ZERO), inverse);
    }
}

/// Many values of all lengths, as approximations in the inversion depend on lengths.
fn inverses_of_all_lengths<P: FieldParams>() {
    let mut rng = Rng(8);
    for round in 0..20_000u64 {
        let mut limbs: [u64; 4] = std::array::from_fn(|_| rng.next());
        let length = round as usize % 254 + 1;
        for (i, limb) in limbs.iter_mut().enumerate() {
            let kept = length.saturating_sub(64 * i).min(64);
            *limb = if kept == 0 { 0 } else { *limb >> (64 - kept) };
        }
        // As an integer, as a Montgomery form, and as the negative of either.
        let bytes: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        let stored = Fp::<P>::from_montgomery_bytes(bytes.as_slice().try_into().unwrap());
        for value in [Some(Fp::<P>::from_limbs_reduced(limbs)), stored].into_iter().flatten() {
            for value in [value, -value] {
                assert_eq!(value.inverse().map_or(Fp::ONE, |inverse| inverse * value), Fp::ONE);
            }
        }
    }
}

#[test]
fn prime_fields() {
    inverses_of_all_lengths::<FrParams>();
    inverses_of_all_lengths::<FqParams>();
    prime_field_laws::<FrParams>();
    prime_field_laws::<FqParams>();
    assert_eq!(Fr::from_decimal("12345678901234567890123"), Some(Fr::from_u128(12345678901234567890123)));
    for refused in
        ["", "-1", "1e3", "21888242871839275222246405745257275088548364400416034343698204186575808495617"]
    {
        assert_eq!(Fr::from_decimal(refused), None);
    }
}

fn group_laws<C: Curve>(other: Affine<C>) {
    let g = C::generator();
    assert!(g.is_valid());
    assert!(Affine::<C>::INFINITY.is_valid());
    let r_minus_1 = minus(Fr::MODULUS, 1);
    assert_eq!(g.mul_limbs(&r_minus_1).to_affine(), -g);
    assert!(g.mul_limbs(&Fr::MODULUS).is_infinity());
    let (p, q) = (Point::from(g), Point::from(other));
    assert_eq!(p + p, p.double());
    assert!((p + -p).is_infinity());
    assert_eq!(p + Point::INFINITY, p);
    assert_eq!(Point::INFINITY + p, p);
    assert_eq!(p + q, q + p);
    assert_eq!((p + q).double(), p.double() + q.double());
    for (left, right) in [(p, other), (p, g), (p, -g), (Point::INFINITY, g), (p, Affine::INFINITY)] {
        let mut sum = left;
        sum.add_affine(&right);
        assert_eq!(sum, left + right.into());
        assert!(sum.to_affine().is_on_curve());
    }
    let many = [p, p + q, Point::INFINITY, q.double()];
    for (point, affine) in many.iter().zip(Point::batch_to_affine(&many)) {
        assert_eq!(point.to_affine(), affine);
        assert_eq!(*point, affine.into());
    }
}

#[test]
fn groups() {
    let scalar = Rng(3).fr();
    group_laws(G1::generator().mul(&scalar).to_affine());
    group_laws(G2::generator().mul(&scalar).to_affine());
}

/// A point of the twist, outside of the subgroup with overwhelming probability.
fn random_twist_point(rng: &mut Rng) -> G2Affine {
    loop {
        let fq = |rng: &mut Rng| Fq::from_bytes_wide(&rng.bytes());
        let x = Fq2::new(fq(rng), fq(rng));
        if let Some(y) = square_root(x.square() * x + G2::b()) {
            return Affine { x, y };
        }
    }
}

/// Complex method: for `a + bu`, `sqrt((a + |a + bu|) / 2)` is the first part.
fn square_root(value: Fq2) -> Option<Fq2> {
    let mut quarter = Fq::MODULUS; // (q + 1) / 4
    quarter[0] += 1;
    let quarter: [u64; 4] =
        std::array::from_fn(|i| quarter[i] >> 2 | quarter.get(i + 1).map_or(0, |high| high << 62));
    let root = |x: Fq| Some(x.pow(&quarter)).filter(|root| root.square() == x);
    let norm = root(value.c0.square() + value.c1.square())?;
    let half = Fq::from_u64(2).inverse()?;
    let c0 = root((value.c0 + norm) * half).or_else(|| root((value.c0 - norm) * half))?;
    let found = Fq2::new(c0, value.c1 * half * c0.inverse()?);
    (found.square() == value).then_some(found)
}

fn divided(limbs: &[u64; 4], by: u64) -> [u64; 4] {
    let mut quotient = [0; 4];
    let mut rest = 0u128;
    for i in (0..4).rev() {
        let value = rest << 64 | u128::from(limbs[i]);
        quotient[i] = (value / u128::from(by)) as u64;
        rest = value % u128::from(by);
    }
    assert_eq!(rest, 0);
    quotient
}

#[test]
fn subgroup_check_equals_multiplication_by_r() {
    let mut rng = Rng(9);
    for _ in 0..10 {
        let point = random_twist_point(&mut rng);
        assert!(point.is_on_curve());
        assert!(!point.mul_limbs(&Fr::MODULUS).is_infinity());
        assert!(!point.is_valid());
        // r times it lies in the cofactor's group: also outside.
        assert!(!point.mul_limbs(&Fr::MODULUS).to_affine().is_valid());
        // Cofactor 2q - r clears it.
        let mut cofactor = [0u64; 4];
        let mut borrow = 0i128;
        for (i, limb) in cofactor.iter_mut().enumerate() {
            let value = 2 * i128::from(Fq::MODULUS[i]) - i128::from(Fr::MODULUS[i]) + borrow;
            *limb = value as u64;
            borrow = value >> 64;
        }
        let cleared = point.mul_limbs(&cofactor).to_affine();
        assert!(!cleared.is_infinity() && cleared.mul_limbs(&Fr::MODULUS).is_infinity());
        assert!(cleared.is_valid());
        // Of the smallest orders that there are: `r (2q - r) / order` times a point.
        for (order, others) in [(10069u64, 5864401u64), (5864401, 10069)] {
            let rest = divided(&divided(&cofactor, order), others);
            let small = point.mul_limbs(&Fr::MODULUS).to_affine().mul_limbs(&rest).to_affine();
            let small = small.mul_limbs(&[others]).to_affine();
            assert!(small.mul_limbs(&[order]).is_infinity());
            assert!(small.is_infinity() || !small.is_valid());
            let mut shifted = cleared.into();
            zkmargin_arith::curve::Point::add_affine(&mut shifted, &small);
            assert!(small.is_infinity() || !shifted.to_affine().is_valid());
        }
    }
    let generator = G2::generator();
    assert!(!Affine::<G2> { x: generator.x, y: generator.x }.is_valid());
}

#[test]
fn pairing_is_bilinear_and_agrees_with_py_ecc() {
    let (g1, g2) = (G1::generator(), G2::generator());
    let fr = Fr::from_u64;
    let p = |k| g1.mul(&fr(k)).to_affine();
    let q = |k| g2.mul(&fr(k)).to_affine();
    let base = pairing(&g1, &g2);
    assert_ne!(base, Fq12::ONE);
    assert_eq!(base.pow(&Fr::MODULUS), Fq12::ONE);
    assert_eq!(pairing(&p(5), &q(7)), base.pow(&[35]));
    assert_eq!(multi_pairing(&[(p(5), q(7)), (p(3), q(2))]), base.pow(&[41]));
    assert!(pairing_check(&[(p(6), q(2)), (-p(4), q(3))]));
    assert!(!pairing_check(&[(p(6), q(2)), (p(4), q(3))]));
    assert!(pairing_check(&[]));
    assert!(pairing_check(&[(Affine::INFINITY, g2), (g1, Affine::INFINITY)]));
    // py_ecc 8: optimized_bn128.pairing(multiply(G2, 7), multiply(G1, 5)).coeffs
    let expected = [
        "15169715596658996529662558087145050355172964163259577130495414857985498795606",
        "6129793116884961140982767985350618809527506479004164499095998264984958677534",
        "12829733234175281680183899877298792984169728612403641275921423247454881465192",
        "2807895827665571787352059345376355423479253207721729409260319257435147507704",
        "16332116872394356649477390490534791472792789939662710454570485481683013791860",
        "16858452155873337485911410305568808238006208053611935232055380576377202686818",
        "1690682977968584442794930936505353012743278744340634171932529659763668774774",
        "17855253946521506751730358788545003693392016200887520011576411245668039231336",
        "3938806437691778667565340173768109436248665415664749101639674176456549208827",
        "21155104157229093759444822401078603684101002458965776212413017393731554408764",
        "303577751837392448425212087273410783719044239281460338510082691766807404590",
        "5769569790842694805900364261010712777239648012665010753268506105626265578522",
    ];
    assert_eq!(pairing(&p(5), &q(7)).to_fq_basis().map(Some), expected.map(Fq::from_decimal));
}

#[test]
fn target_field() {
    let f = miller_loop(&[(G1::generator(), G2::generator())]);
    assert_eq!(f.square(), f * f);
    assert_eq!(f.frobenius(), f.pow(&Fq::MODULUS));
    assert_eq!(f.inverse().map(|i| i * f), Some(Fq12::ONE));
    let unit = final_exponentiation(&f).unwrap();
    assert_eq!(unit.cyclotomic_square(), unit * unit);
    assert_eq!(unit.conjugate() * unit, Fq12::ONE);
}

#[test]
fn transforms() {
    let mut rng = Rng(1);
    assert!(Domain::new(29).is_none());
    assert_eq!(root_of_unity(1), -Fr::ONE);
    for log_size in [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13] {
        let domain = Domain::new(log_size).unwrap();
        let coefficients = rng.frs(domain.size());
        let mut values = coefficients.clone();
        domain.forward(&mut values);
        for index in [0, 1, domain.size() / 2, domain.size() - 1] {
            let at = domain.root().pow(&[index as u64]);
            let expected = coefficients.iter().rev().fold(Fr::ZERO, |sum, c| sum * at + *c);
            assert_eq!(values[index % domain.size()], expected, "2^{log_size} at {index}");
        }
        domain.inverse(&mut values);
        assert_eq!(values, coefficients);
        // Evaluations over a coset: coefficient i times g^i.
        let g = rng.fr();
        let mut expected: Vec<Fr> = (0..).zip(&coefficients).map(|(i, c)| *c * g.pow(&[i])).collect();
        domain.forward(&mut expected);
        domain.forward(&mut values);
        domain.shift(&mut values, &domain.shift_factors(g));
        assert_eq!(values, expected);
    }
}
