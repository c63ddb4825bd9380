//! `.r1cs` (iden3's format, version 1): rank-1 constraint systems, and the check of a witness.

use crate::binfile::{Reader, Sections};
use crate::error::Error;
use crate::field::bytes_of_limbs;
use crate::fr::Fr;
use crate::parallel;

const FORMAT: &str = "r1cs";

/// A sparse matrix, row by row: the terms of row `i` are `offsets[i]..offsets[i + 1]`.
#[derive(Default, Debug)]
pub struct Matrix {
    /// Where rows begin; one more than there are rows.
    pub offsets: Vec<usize>,
    /// The wire of every term.
    pub wires: Vec<u32>,
    /// The coefficient of every term.
    pub coefficients: Vec<Fr>,
}

impl Matrix {
    /// The terms of a row.
    pub fn row(&self, index: usize) -> impl Iterator<Item = (usize, Fr)> + '_ {
        let range = self.offsets[index]..self.offsets[index + 1];
        self.wires[range.clone()]
            .iter()
            .map(|&wire| wire as usize)
            .zip(self.coefficients[range].iter().copied())
    }

    /// The value of a row. `values` must cover all wires.
    fn evaluate(&self, index: usize, values: &[Fr]) -> Fr {
        self.row(index).map(|(wire, coefficient)| values[wire] * coefficient).sum()
    }
}

/// `A w * B w = C w`. Wires: one, outputs, public inputs, private inputs, the rest.
#[derive(Debug)]
pub struct R1cs {
    /// The number of wires, the constant one included.
    pub n_wires: usize,
    /// Public outputs and inputs, without the constant one.
    pub n_public: usize,
    /// The number of constraints.
    pub n_constraints: usize,
    /// The left factors.
    pub a: Matrix,
    /// The right factors.
    pub b: Matrix,
    /// The products.
    pub c: Matrix,
}

impl R1cs {
    /// Reads a file. Every claim is checked against the file's length before memory is taken for it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let sections = Sections::parse(bytes, FORMAT, 1, 5)?;
        // A reader that skipped custom gates would drop what they constrain.
        if !(sections.is_empty(4) && sections.is_empty(5)) {
            return Err(Error::Section(FORMAT, 4));
        }
        let mut header = Reader::new(sections.get(1)?, "r1cs header");
        if header.u32()? != 32 || header.array::<32>()? != &bytes_of_limbs(&Fr::MODULUS) {
            return Err(Error::Curve(FORMAT));
        }
        let n_wires = header.u32()? as usize;
        let n_public = header.u32()? as usize + header.u32()? as usize;
        let n_private = header.u32()? as usize;
        let _labels = header.u64()?;
        let n_constraints = header.u32()? as usize;
        let body = sections.get(2)?;
        // A wire takes eight bytes of the label map or a term, a constraint twelve of three counts.
        if header.remaining() != 0
            || n_public + n_private >= n_wires
            || n_wires > bytes.len() / 8
            || n_constraints > body.len() / 12
        {
            return Err(Error::Inconsistent("r1cs header"));
        }
        if sections.get(3).is_ok_and(|labels| labels.len() != 8 * n_wires) {
            return Err(Error::Section(FORMAT, 3));
        }
        let mut matrices: [Matrix; 3] = Default::default();
        let mut reader = Reader::new(body, "r1cs constraints");
        for matrix in &mut matrices {
            matrix.offsets.reserve_exact(n_constraints + 1);
            matrix.offsets.push(0);
        }
        for _ in 0..n_constraints {
            for matrix in &mut matrices {
                let terms = reader.u32()?;
                for _ in 0..terms {
                    let wire = reader.u32()?;
                    if wire as usize >= n_wires {
                        return Err(Error::Inconsistent("r1cs wire"));
                    }
                    let coefficient = Fr::from_bytes_le(reader.array()?);
                    matrix.wires.push(wire);
                    matrix.coefficients.push(coefficient.ok_or(Error::NotCanonical("r1cs coefficient"))?);
                }
                matrix.offsets.push(matrix.wires.len());
            }
        }
        if reader.remaining() != 0 {
            return Err(Error::Inconsistent("r1cs constraints"));
        }
        let [a, b, c] = matrices;
        Ok(Self { n_wires, n_public, n_constraints, a, b, c })
    }

    /// The indices of the first violated constraints, at most `limit`.
    pub fn violations(&self, witness: &[Fr], limit: usize) -> Result<Vec<usize>, Error> {
        if witness.len() != self.n_wires {
            return Err(Error::Length("witness"));
        }
        if witness[0] != Fr::ONE {
            return Err(Error::ConstantWire);
        }
        const PIECE: usize = 1 << 12;
        let pieces = parallel::map(self.n_constraints.div_ceil(PIECE), |piece| {
            (piece * PIECE..self.n_constraints.min((piece + 1) * PIECE))
                .filter(|&i| {
                    self.a.evaluate(i, witness) * self.b.evaluate(i, witness) != self.c.evaluate(i, witness)
                })
                .take(limit)
                .collect::<Vec<_>>()
        });
        Ok(pieces.into_iter().flatten().take(limit).collect())
    }
}
