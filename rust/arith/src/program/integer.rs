//! Division and square root of 256-bit integers, little-endian limbs.

type Limbs = [u64; 4];

fn as_u128(a: &Limbs) -> Option<u128> {
    (a[2] | a[3] == 0).then(|| u128::from(a[1]) << 64 | u128::from(a[0]))
}

fn of_u128(a: u128) -> Limbs {
    [a as u64, (a >> 64) as u64, 0, 0]
}

/// `a - b` if that is not negative.
fn checked_sub(a: &Limbs, b: &Limbs) -> Option<Limbs> {
    let mut difference = [0; 4];
    let mut borrow = false;
    for (d, (x, y)) in difference.iter_mut().zip(a.iter().zip(b)) {
        let (low, first) = x.overflowing_sub(*y);
        let (low, second) = low.overflowing_sub(u64::from(borrow));
        *d = low;
        borrow = first | second;
    }
    (!borrow).then_some(difference)
}

/// `2 * a + bit`; the caller knows that the top bit of `a` is free.
fn push_bit(a: &mut Limbs, bit: u64) {
    let mut carry = bit;
    for limb in a.iter_mut() {
        let next = *limb >> 63;
        *limb = *limb << 1 | carry;
        carry = next;
    }
}

/// Floor division: quotient and remainder. `None` for division by zero. `y` is below `2^255`.
pub(super) fn div_rem(x: &Limbs, y: &Limbs) -> Option<(Limbs, Limbs)> {
    if let (Some(x), Some(y)) = (as_u128(x), as_u128(y)) {
        return Some((of_u128(x.checked_div(y)?), of_u128(x.checked_rem(y)?)));
    }
    if *y == [0; 4] {
        return None;
    }
    let (mut quotient, mut remainder) = ([0; 4], [0; 4]);
    for bit in (0..256).rev() {
        push_bit(&mut remainder, x[bit / 64] >> (bit % 64) & 1);
        let reduced = checked_sub(&remainder, y);
        push_bit(&mut quotient, u64::from(reduced.is_some()));
        remainder = reduced.unwrap_or(remainder);
    }
    Some((quotient, remainder))
}

/// The floor of the square root, by the digit-by-digit method in base two.
pub(super) fn square_root(x: &Limbs) -> Limbs {
    let mut root: Limbs = [0; 4];
    let mut remainder: Limbs = [0; 4];
    for pair in (0..128).rev() {
        let two_bits = x[pair / 32] >> (pair % 32 * 2) & 3;
        push_bit(&mut remainder, two_bits >> 1);
        push_bit(&mut remainder, two_bits & 1);
        // The next bit of the root is one if (2 root + 1)^2 still fits, that is if 4 root + 1 fits into the remainder.
        let mut trial = root;
        push_bit(&mut trial, 0);
        push_bit(&mut trial, 1);
        let reduced = checked_sub(&remainder, &trial);
        push_bit(&mut root, u64::from(reduced.is_some()));
        remainder = reduced.unwrap_or(remainder);
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn multiply_u128(a: u128, b: u128) -> Limbs {
        let mut product = [0u64; 4];
        for (i, x) in of_u128(a)[..2].iter().enumerate() {
            let mut carry = 0u128;
            for (j, y) in of_u128(b)[..2].iter().enumerate() {
                let t = u128::from(product[i + j]) + u128::from(*x) * u128::from(*y) + carry;
                product[i + j] = t as u64;
                carry = t >> 64;
            }
            product[i + 2] = carry as u64;
        }
        product
    }

    fn add_small(a: &Limbs, mut carry: u128) -> Limbs {
        let mut sum = *a;
        for limb in &mut sum {
            let t = u128::from(*limb) + (carry & u128::from(u64::MAX));
            *limb = t as u64;
            carry = (carry >> 64) + (t >> 64);
        }
        sum
    }

    #[test]
    fn divides_what_was_multiplied() {
        for y in [1u128, 2, 3, u128::from(u64::MAX), 1 << 127, u128::MAX, 0x1234_5678_9abc_def0_1234] {
            for q in [0u128, 1, 7, u128::MAX, 1 << 126] {
                for r in [0, 1, y / 2, y - 1] {
                    if r < y {
                        let x = add_small(&multiply_u128(q, y), r);
                        assert_eq!(div_rem(&x, &of_u128(y)), Some((of_u128(q), of_u128(r))));
                    }
                }
            }
        }
        assert_eq!(div_rem(&[5, 0, 0, 9], &[0; 4]), None);
        assert_eq!(div_rem(&[5, 0, 0, 0], &[0; 4]), None);
        assert_eq!(div_rem(&[5, 0, 0, 9], &[5, 0, 0, 9]), Some(([1, 0, 0, 0], [0; 4])));
        assert_eq!(div_rem(&[4, 0, 0, 9], &[5, 0, 0, 9]), Some(([0; 4], [4, 0, 0, 9])));
    }

    #[test]
    fn roots_around_squares() {
        for root in [0u128, 1, 2, 3, 255, u128::from(u64::MAX), 1 << 100, (1 << 126) + 12345, u128::MAX] {
            let square = multiply_u128(root, root);
            assert_eq!(square_root(&square), of_u128(root));
            if root > 0 {
                assert_eq!(square_root(&add_small(&square, 2 * (root / 2))), of_u128(root));
                let below = checked_sub(&square, &[1, 0, 0, 0]);
                assert_eq!(below.map(|b| square_root(&b)), Some(of_u128(root - 1)));
            }
        }
    }
}
