//! `.zkey` (snarkjs, version 1, groth16): the proving key, resident in internal form.
//!
//! Points are affine with coordinates in Montgomery form, as in memory here; coefficients are stored times `R^2`.

use std::collections::HashMap;

use crate::binfile::{Reader, Sections};
use crate::bytes::{g1_to_bytes, g2_to_bytes};
use crate::curve::Affine;
use crate::error::Error;
use crate::field::bytes_of_limbs;
use crate::fq::Fq;
use crate::fq2::Fq2;
use crate::fr::Fr;
use crate::g1::G1Affine;
use crate::g2::G2Affine;
use crate::memory::large_vec;
use crate::ntt::{root_of_unity, Domain, MAX_LOG_SIZE};
use crate::parallel;

pub(super) const FORMAT: &str = "zkey";
/// Bytes of a coefficient: matrix, constraint, wire, value.
pub(super) const COEFFICIENT_BYTES: usize = 44;

/// One of the matrices `A`, `B`, compressed: rows of (wire, index of a value).
#[derive(Default)]
pub(super) struct Rows {
    pub(super) offsets: Vec<u32>,
    pub(super) terms: Vec<(u32, u32)>,
}

/// A proving key in memory.
pub struct ProvingKey {
    /// Public inputs, without the constant wire.
    pub n_public: usize,
    /// Wires, the constant one included.
    pub n_wires: usize,
    pub(super) alpha1: G1Affine,
    pub(super) beta1: G1Affine,
    pub(super) beta2: G2Affine,
    pub(super) gamma2: G2Affine,
    pub(super) delta1: G1Affine,
    pub(super) delta2: G2Affine,
    pub(super) ic: Vec<G1Affine>,
    pub(super) a: Vec<G1Affine>,
    pub(super) b1: Vec<G1Affine>,
    pub(super) b2: Vec<G2Affine>,
    /// For wires after the public ones.
    pub(super) c: Vec<G1Affine>,
    pub(super) h: Vec<G1Affine>,
    pub(super) matrix_a: Rows,
    pub(super) matrix_b: Rows,
    /// The distinct coefficients; the first is one, the second minus one.
    pub(super) values: Vec<Fr>,
    pub(super) domain: Domain,
    /// From the domain to its coset by the root of twice the order.
    pub(super) shift_factors: Vec<Fr>,
}

impl ProvingKey {
    /// Reads a file. Coordinates must be reduced; whether points are on their curves is not checked: a key is
    /// trusted, or checked by other means, before it is used.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let sections = Sections::parse(bytes, FORMAT, 1, 10)?;
        if sections.get(1)? != 1u32.to_le_bytes() {
            return Err(Error::Version(FORMAT));
        }
        // Of no use to a prover, but every key has them: the circuit's hash and the number of contributions.
        if sections.get(10)?.len() < 64 + 4 {
            return Err(Error::Section(FORMAT, 10));
        }
        let mut header = Reader::new(sections.get(2)?, "zkey header");
        for modulus in [&Fq::MODULUS, &Fr::MODULUS] {
            if header.u32()? != 32 || header.array::<32>()? != &bytes_of_limbs(modulus) {
                return Err(Error::Curve(FORMAT));
            }
        }
        let n_wires = header.u32()? as usize;
        let n_public = header.u32()? as usize;
        let size = header.u32()? as usize;
        if n_public >= n_wires || !size.is_power_of_two() || size.trailing_zeros() >= MAX_LOG_SIZE {
            return Err(Error::Inconsistent("zkey header"));
        }
        let alpha1 = g1(header.array()?)?;
        let beta1 = g1(header.array()?)?;
        let beta2 = g2(header.array()?)?;
        let gamma2 = g2(header.array()?)?;
        let delta1 = g1(header.array()?)?;
        let delta2 = g2(header.array()?)?;
        if header.remaining() != 0 {
            return Err(Error::Section(FORMAT, 2));
        }
        // The lengths of the point sections tie the header's counts to the file's size.
        let h = points(sections.sized(9, 64 * size)?, g1)?;
        let a = points(sections.sized(5, 64 * n_wires)?, g1)?;
        let b1 = points(sections.sized(6, 64 * n_wires)?, g1)?;
        let b2 = points(sections.sized(7, 128 * n_wires)?, g2)?;
        let c = points(sections.sized(8, 64 * (n_wires - n_public - 1))?, g1)?;
        let ic = points(sections.sized(3, 64 * (n_public + 1))?, g1)?;
        let (matrix_a, matrix_b, values) = coefficients(sections.get(4)?, n_wires, size)?;
        let domain = Domain::new(size.trailing_zeros()).ok_or(Error::TooLarge)?;
        Ok(Self {
            n_public,
            n_wires,
            alpha1,
            beta1,
            beta2,
            gamma2,
            delta1,
            delta2,
            ic,
            a,
            b1,
            b2,
            c,
            h,
            matrix_a,
            matrix_b,
            values,
            shift_factors: domain.shift_factors(root_of_unity(size.trailing_zeros() + 1)),
            domain,
        })
    }

    /// The size of the evaluation domain.
    pub fn domain_size(&self) -> usize {
        self.domain.size()
    }

    /// `alpha1 || beta2 || gamma2 || delta2 || IC`, canonical.
    pub fn verifying_key(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 * (self.ic.len() + 1) + 3 * 128);
        out.extend_from_slice(&g1_to_bytes(&self.alpha1));
        for point in [&self.beta2, &self.gamma2, &self.delta2] {
            out.extend_from_slice(&g2_to_bytes(point));
        }
        for point in &self.ic {
            out.extend_from_slice(&g1_to_bytes(point));
        }
        out
    }
}

fn fq(bytes: &[u8; 32]) -> Result<Fq, Error> {
    Fq::from_montgomery_bytes(bytes).ok_or(Error::NotCanonical("zkey coordinate"))
}

fn g1(bytes: &[u8; 64]) -> Result<G1Affine, Error> {
    let mut reader = Reader::new(bytes, FORMAT);
    Ok(Affine { x: fq(reader.array()?)?, y: fq(reader.array()?)? })
}

fn g2(bytes: &[u8; 128]) -> Result<G2Affine, Error> {
    let mut reader = Reader::new(bytes, FORMAT);
    let mut fq2 = || Ok(Fq2::new(fq(reader.array()?)?, fq(reader.array()?)?));
    Ok(Affine { x: fq2()?, y: fq2()? })
}

/// Reads a section of points on all threads.
fn points<const N: usize, T: Send + Copy>(
    bytes: &[u8],
    read: impl Fn(&[u8; N]) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let (chunks, _) = bytes.as_chunks::<N>();
    let size = chunks.len().div_ceil(parallel::threads()).max(1 << 10);
    let pieces = parallel::map(chunks.len().div_ceil(size), |piece| {
        let chunk = &chunks[piece * size..chunks.len().min((piece + 1) * size)];
        chunk.iter().map(&read).collect::<Result<Vec<T>, Error>>()
    });
    let mut out = large_vec(chunks.len());
    for piece in pieces {
        out.append(&mut piece?);
    }
    Ok(out)
}

/// Reads the coefficients of `A` and `B` into rows, and the table of distinct values.
fn coefficients(bytes: &[u8], n_wires: usize, size: usize) -> Result<(Rows, Rows, Vec<Fr>), Error> {
    let mut reader = Reader::new(bytes, "zkey coefficients");
    let count = reader.u32()? as usize;
    let (records, rest) = reader.take(reader.remaining())?.as_chunks::<COEFFICIENT_BYTES>();
    if records.len() != count || !rest.is_empty() {
        return Err(Error::Section(FORMAT, 4));
    }
    let mut values = vec![Fr::ONE, -Fr::ONE];
    let mut known: HashMap<[u8; 32], u32> = HashMap::new();
    for (index, value) in values.iter().enumerate() {
        known.insert(to_stored(*value), index as u32);
    }
    let mut matrices: [Rows; 2] = Default::default();
    for matrix in &mut matrices {
        matrix.offsets = vec![0; size + 1];
    }
    let mut parsed = Vec::with_capacity(count);
    let mut last = (to_stored(Fr::ONE), 0);
    for record in records {
        let mut reader = Reader::new(record, FORMAT);
        let (matrix, row, wire) = (reader.u32()? as usize, reader.u32()? as usize, reader.u32()?);
        if matrix > 1 || row >= size || wire as usize >= n_wires {
            return Err(Error::Inconsistent("zkey coefficient"));
        }
        let stored = reader.array::<32>()?;
        if *stored != last.0 {
            let index = match known.get(stored) {
                Some(&index) => index,
                None => {
                    let value = Fr::from_montgomery_bytes(stored);
                    let value = value.ok_or(Error::NotCanonical("zkey coefficient"))?;
                    values.push(Fr::raw(value.to_limbs()));
                    known.insert(*stored, values.len() as u32 - 1);
                    values.len() as u32 - 1
                }
            };
            last = (*stored, index);
        }
        matrices[matrix].offsets[row + 1] += 1;
        parsed.push((matrix, row, (wire, last.1)));
    }
    let mut next: [Vec<u32>; 2] = Default::default();
    for (matrix, next) in matrices.iter_mut().zip(&mut next) {
        for row in 0..size {
            matrix.offsets[row + 1] += matrix.offsets[row];
        }
        matrix.terms = vec![(0, 0); matrix.offsets[size] as usize];
        next.extend_from_slice(&matrix.offsets);
    }
    for (matrix, row, term) in parsed {
        let slot = &mut next[matrix][row];
        matrices[matrix].terms[*slot as usize] = term;
        *slot += 1;
    }
    let [a, b] = matrices;
    Ok((a, b, values))
}

/// A coefficient as the file stores it: `value * R^2`, which is the Montgomery form of the Montgomery form.
pub(super) fn to_stored(value: Fr) -> [u8; 32] {
    Fr::from_limbs_reduced(value.0).to_montgomery_bytes()
}
