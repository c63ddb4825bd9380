//! Points and field elements as the bytes of the Python interface: 32 little-endian bytes per number, canonical.
//!
//! A `G1` point is `x || y`, a `G2` point `x.c0 || x.c1 || y.c0 || y.c1`; infinity is all zeros.

use crate::curve::Affine;
use crate::error::Error;
use crate::fq::Fq;
use crate::fq2::Fq2;
use crate::fr::Fr;
use crate::g1::G1Affine;
use crate::g2::G2Affine;

/// Bytes of a `G1` point.
pub const G1_BYTES: usize = 64;
/// Bytes of a `G2` point.
pub const G2_BYTES: usize = 128;

/// Cuts bytes into arrays; the length must be a multiple of `N`.
fn arrays<'a, const N: usize>(
    bytes: &'a [u8],
    what: &'static str,
) -> Result<impl ExactSizeIterator<Item = &'a [u8; N]>, Error> {
    let (chunks, rest) = bytes.as_chunks::<N>();
    if rest.is_empty() {
        Ok(chunks.iter())
    } else {
        Err(Error::Length(what))
    }
}

/// Elements of `Fr`.
pub fn fr_from_bytes(bytes: &[u8], what: &'static str) -> Result<Vec<Fr>, Error> {
    arrays::<32>(bytes, what)?.map(|b| Fr::from_bytes_le(b).ok_or(Error::NotCanonical(what))).collect()
}

/// Elements of `Fq`.
pub fn fq_from_bytes(bytes: &[u8], what: &'static str) -> Result<Vec<Fq>, Error> {
    arrays::<32>(bytes, what)?.map(|b| Fq::from_bytes_le(b).ok_or(Error::NotCanonical(what))).collect()
}

/// Elements of `Fr` as bytes.
pub fn fr_to_bytes(values: &[Fr]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_bytes_le()).collect()
}

/// Elements of `Fq` as bytes.
pub fn fq_to_bytes(values: &[Fq]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_bytes_le()).collect()
}

/// `G1` points with canonical coordinates; whether they are on the curve is not checked.
pub fn g1_from_bytes_unchecked(bytes: &[u8], what: &'static str) -> Result<Vec<G1Affine>, Error> {
    if !bytes.len().is_multiple_of(G1_BYTES) {
        return Err(Error::Length(what));
    }
    let numbers = fq_from_bytes(bytes, what)?;
    Ok(numbers.chunks_exact(2).map(|c| Affine { x: c[0], y: c[1] }).collect())
}

/// `G2` points with canonical coordinates; whether they are in the group is not checked.
pub fn g2_from_bytes_unchecked(bytes: &[u8], what: &'static str) -> Result<Vec<G2Affine>, Error> {
    if !bytes.len().is_multiple_of(G2_BYTES) {
        return Err(Error::Length(what));
    }
    let numbers = fq_from_bytes(bytes, what)?;
    Ok(numbers.chunks_exact(4).map(|c| Affine { x: Fq2::new(c[0], c[1]), y: Fq2::new(c[2], c[3]) }).collect())
}

/// `G1` points, canonical and on the curve (infinity included).
pub fn g1_from_bytes(bytes: &[u8], what: &'static str) -> Result<Vec<G1Affine>, Error> {
    let points = g1_from_bytes_unchecked(bytes, what)?;
    if points.iter().all(Affine::is_valid) {
        Ok(points)
    } else {
        Err(Error::InvalidPoint(what))
    }
}

/// `G2` points, canonical, on the curve and in the group of order `r` (infinity included).
pub fn g2_from_bytes(bytes: &[u8], what: &'static str) -> Result<Vec<G2Affine>, Error> {
    let points = g2_from_bytes_unchecked(bytes, what)?;
    if points.iter().all(Affine::is_valid) {
        Ok(points)
    } else {
        Err(Error::InvalidPoint(what))
    }
}

/// A `G1` point as bytes.
pub fn g1_to_bytes(point: &G1Affine) -> [u8; G1_BYTES] {
    let mut out = [0; G1_BYTES];
    out[..32].copy_from_slice(&point.x.to_bytes_le());
    out[32..].copy_from_slice(&point.y.to_bytes_le());
    out
}

/// A `G2` point as bytes.
pub fn g2_to_bytes(point: &G2Affine) -> [u8; G2_BYTES] {
    let mut out = [0; G2_BYTES];
    for (chunk, number) in out.chunks_exact_mut(32).zip([point.x.c0, point.x.c1, point.y.c0, point.y.c1]) {
        chunk.copy_from_slice(&number.to_bytes_le());
    }
    out
}
