//! Witness programs: straight-line code that computes every wire of a circuit from its inputs.
//!
//! A program is compiled once per circuit and read from bytes ([`Program::parse`]), which are not trusted: whatever
//! they are, parsing and running end with a result or an error, and memory stays within a constant plus a multiple of
//! the program's and the inputs' size. The register file is the vector of wires; wire 0 is one. Every instruction
//! carries a label, and a failure names that label alone, never a value.
//!
//! | opcode | operands | effect |
//! | --- | --- | --- |
//! | 1 `LIN` | out, lc | `w[out] = lc` |
//! | 2 `MUL` | out, a, b | `w[out] = a * b` |
//! | 3 `BITS` | out, n, lc | `w[out..out+n]` = the `n` low bits of `lc`; fails if `lc >= 2^n` |
//! | 4 `INV` | out, lc | `w[out] = 1/lc`, zero for zero |
//! | 5 `MAX` | out, count, first | the signed maximum of `count` linear combinations |
//! | 6 `GE0` | out, lc | one if `lc` is non-negative, else zero |
//! | 7 `DOT` | out, count, base, rows, matrix | `w[out+k] += sum_j w[base+j] * T[j][k]` |
//! | 8 `BREAK` | | the first part ends: the caller may read wires and set others |
//! | 9 `DIVMOD` | quotient, remainder, x, y | floor division of `x >= 0` by `y > 0`; fails otherwise |
//! | 10 `ISQRT` | out, lc | the floor of the square root of `lc >= 0`; fails otherwise |
//! | 11 `ONEHOT` | out, count, first | one at the first place where the signed maximum stands, zero elsewhere |
//! | 12 `CHECK` | a, b, c | fails unless `a * b = c` |
//! | 13 `RANK` | out, count, first, rank | the `rank`-th largest, signed, counted with repetition |
//! | 14 `TOP` | out, count, first, rank | one at the places of the `rank` largest, of equal ones the first; else zero |
//! | 15 `FIRST` | out, count, first | one at the first non-negative place, the last if there is none; else zero |
//! | 16 `ROOT` | out, x, d | the floor of the square root of `max(x, 0) / d`; fails unless `d > 0` |
//! | 17 `SPREAD` | out, upwards, count, left, ratio | spreads formed: see below |
//!
//! `SPREAD` reads `count` amounts from `left` on and as many ratios: if every amount whose ratio is not zero has its sign, or
//! every one the opposite sign, `out` is the least `floor(|amount| / |ratio|)` over them, else zero; `upwards` is one if
//! every such amount has its ratio's sign.
//!
//! *Signed* means: an element above `(r-1)/2` stands for itself minus `r`.
//!
//! The running time depends on the values (a row of zeros costs nothing in `DOT`, division has a short form): a witness
//! is computed by its owner, on the owner's machine.

use std::fmt;

use crate::fr::Fr;
use crate::product_sum::ProductSum;

mod integer;
mod parse;
mod run;

pub use run::Run;

/// Why a program could not be read or run. The text never contains a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramError {
    /// The bytes are not a program.
    Malformed(&'static str),
    /// The caller's inputs, matrices or order of calls do not fit the program.
    Usage(&'static str),
    /// No witness exists: the instruction with this label failed.
    Witness(String),
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => write!(f, "witness program: {reason}"),
            Self::Usage(reason) => write!(f, "witness: {reason}"),
            Self::Witness(label) => write!(f, "witness: {label}"),
        }
    }
}

impl std::error::Error for ProgramError {}

/// One instruction, its operands checked against the sizes of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instruction {
    Linear {
        out: u32,
        lc: u32,
    },
    Multiply {
        out: u32,
        a: u32,
        b: u32,
    },
    Bits {
        out: u32,
        count: u32,
        lc: u32,
    },
    /// A range of `Program::inversions`: neighbours none of which reads another's result, so one inversion serves all.
    Invert {
        first: u32,
        count: u32,
    },
    Maximum {
        out: u32,
        count: u32,
        first_lc: u32,
    },
    NonNegative {
        out: u32,
        lc: u32,
    },
    Dot(Dot),
    DivMod {
        quotient: u32,
        remainder: u32,
        x: u32,
        y: u32,
    },
    SquareRoot {
        out: u32,
        lc: u32,
    },
    OneHot {
        out: u32,
        count: u32,
        first_lc: u32,
    },
    Check {
        a: u32,
        b: u32,
        c: u32,
    },
    Rank {
        out: u32,
        count: u32,
        first_lc: u32,
        rank: u32,
    },
    Top {
        out: u32,
        count: u32,
        first_lc: u32,
        rank: u32,
    },
    First {
        out: u32,
        count: u32,
        first_lc: u32,
    },
    Root {
        out: u32,
        x: u32,
        divisor: u32,
    },
    Spread {
        out: u32,
        upwards: u32,
        count: u32,
        first_left: u32,
        first_ratio: u32,
    },
}

/// `w[out + k] += sum_j w[base + j] * T[j][k]`, `T` being `rows x count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dot {
    out: u32,
    count: u32,
    base: u32,
    rows: u32,
    matrix: u32,
}

/// One addend of a linear combination: `w[wire]` times a coefficient.
#[derive(Clone, Copy, Debug)]
struct Term {
    wire: u32,
    coefficient: u32,
}

/// Marks the coefficients 1 and -1, the most frequent ones, which need no multiplication.
const PLUS_ONE: u32 = u32::MAX;
const MINUS_ONE: u32 = u32::MAX - 1;

/// A parsed witness program.
pub struct Program {
    n_wires: usize,
    n_matrices: usize,
    labels: Vec<String>,
    constants: Vec<Fr>,
    /// Linear combination `i` is `terms[lc_offsets[i]..lc_offsets[i + 1]]`.
    lc_offsets: Vec<u32>,
    terms: Vec<Term>,
    code: Vec<Instruction>,
    /// The label of each instruction of `code`.
    code_labels: Vec<u32>,
    /// `(out, lc)` of the inversions.
    inversions: Vec<(u32, u32)>,
    /// The length of the first part (all of `code` if there is no `BREAK`).
    first_part: usize,
}

impl Program {
    /// The number of wires, wire 0 (one) included.
    #[must_use]
    pub fn n_wires(&self) -> usize {
        self.n_wires
    }

    /// The number of matrices that the program's `DOT` instructions use: one more than the largest index.
    #[must_use]
    pub fn n_matrices(&self) -> usize {
        self.n_matrices
    }

    /// The value of a linear combination.
    #[inline]
    fn evaluate(&self, lc: u32, wires: &[Fr]) -> Fr {
        let range = self.lc_offsets[lc as usize] as usize..self.lc_offsets[lc as usize + 1] as usize;
        let mut sum = Fr::ZERO;
        let mut products = ProductSum::new();
        for term in &self.terms[range] {
            let wire = &wires[term.wire as usize];
            match term.coefficient {
                PLUS_ONE => sum += *wire,
                MINUS_ONE => sum -= *wire,
                _ if term.wire == 0 => sum += self.constants[term.coefficient as usize],
                index => products.add(wire, &self.constants[index as usize]),
            }
        }
        sum + products.finish()
    }
}

#[cfg(test)]
mod tests;
