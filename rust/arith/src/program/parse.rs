//! Reading a witness program. Every index is checked here, once, so that running needs no further checks to be safe.
//!
//! Format, version 1, all integers u32 little-endian unless said otherwise:
//! `"zkwp"`, version, `n_wires`, `n_labels`, labels (u16 length, UTF-8), `n_constants`, constants (32 bytes each),
//! `n_lcs`, `n_lcs + 1` offsets into the terms, terms (wire, constant index), length of the code in bytes, code:
//! per instruction an opcode (u8), the index of its label, its operands.

use super::{Dot, Instruction, Program, ProgramError, Term, MINUS_ONE, PLUS_ONE};
use crate::fr::Fr;

const MAGIC: &[u8; 4] = b"zkwp";
const VERSION: u32 = 1;
/// Every wire is an input or written by an instruction, and used by some linear combination, at eight bytes or more per
/// use: a program of `n` bytes has no honest need of more than `n` wires. Very small programs get some room.
const SPARE_WIRES: usize = 1 << 16;
/// Groth16 over BN254 ends at domains of this size, so no circuit has more wires.
const MAX_WIRES: usize = 1 << 28;
/// `r` has 254 bits.
const MAX_BITS: u32 = 254;
/// A program has one matrix per table of a market; the number bounds an allocation of the caller only.
const MAX_MATRICES: u32 = 1 << 16;

/// A cursor over untrusted bytes.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], ProgramError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(ProgramError::Malformed("ends early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProgramError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    fn u8(&mut self) -> Result<u8, ProgramError> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16, ProgramError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, ProgramError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A count of items of at least `item_bytes` each, which must still lie ahead: bounds what a reader allocates.
    fn count(&mut self, item_bytes: usize) -> Result<usize, ProgramError> {
        let count = self.u32()? as usize;
        if count > self.rest.len() / item_bytes {
            return Err(ProgramError::Malformed("ends early"));
        }
        Ok(count)
    }
}

impl Program {
    /// Reads a program.
    ///
    /// # Errors
    /// `ProgramError::Malformed` if the bytes are not a program in the format above, down to the last byte.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProgramError> {
        let mut reader = Reader { rest: bytes };
        if reader.bytes(4)? != MAGIC {
            return Err(ProgramError::Malformed("wrong magic bytes"));
        }
        if reader.u32()? != VERSION {
            return Err(ProgramError::Malformed("unsupported version"));
        }
        let n_wires = reader.u32()? as usize;
        if n_wires == 0 || n_wires > MAX_WIRES.min(bytes.len() + SPARE_WIRES) {
            return Err(ProgramError::Malformed("number of wires out of bounds"));
        }
        let labels = parse_labels(&mut reader)?;
        let (constants, coefficients) = parse_constants(&mut reader)?;
        let (lc_offsets, terms) = parse_linear_combinations(&mut reader, n_wires, &coefficients)?;
        let code_bytes = reader.count(1)?;
        if code_bytes != reader.rest.len() {
            return Err(ProgramError::Malformed("bytes follow the code"));
        }
        let program = Self {
            n_wires,
            n_matrices: 0,
            labels,
            constants,
            lc_offsets,
            terms,
            code: Vec::new(),
            code_labels: Vec::new(),
            inversions: Vec::new(),
            first_part: 0,
        };
        CodeParser { written_by: vec![0; n_wires], program }.parse(&mut reader)
    }
}

fn parse_labels(reader: &mut Reader<'_>) -> Result<Vec<String>, ProgramError> {
    let count = reader.count(2)?;
    let mut labels = Vec::with_capacity(count);
    for _ in 0..count {
        let length = usize::from(reader.u16()?);
        let text = std::str::from_utf8(reader.bytes(length)?)
            .map_err(|_| ProgramError::Malformed("a label is not UTF-8"))?;
        labels.push(text.to_owned());
    }
    Ok(labels)
}

/// The constants, and for each the value of `Term::coefficient` that stands for it.
fn parse_constants(reader: &mut Reader<'_>) -> Result<(Vec<Fr>, Vec<u32>), ProgramError> {
    let count = reader.count(32)?;
    let mut constants = Vec::with_capacity(count);
    let mut coefficients = Vec::with_capacity(count);
    for index in 0..count as u32 {
        let constant = Fr::from_bytes_le(&reader.array()?)
            .ok_or(ProgramError::Malformed("a constant is not a canonical field element"))?;
        coefficients.push(if constant == Fr::ONE {
            PLUS_ONE
        } else if constant == -Fr::ONE {
            MINUS_ONE
        } else {
            index
        });
        constants.push(constant);
    }
    Ok((constants, coefficients))
}

fn parse_linear_combinations(
    reader: &mut Reader<'_>,
    n_wires: usize,
    coefficients: &[u32],
) -> Result<(Vec<u32>, Vec<Term>), ProgramError> {
    let n_lcs = reader.count(4)?;
    let mut offsets = Vec::with_capacity(n_lcs + 1);
    let mut previous = 0;
    for index in 0..=n_lcs {
        let offset = reader.u32()?;
        if offset < previous || (index == 0 && offset != 0) {
            return Err(ProgramError::Malformed(
                "offsets of the linear combinations do not ascend from zero",
            ));
        }
        offsets.push(offset);
        previous = offset;
    }
    let n_terms = previous as usize;
    if n_terms > reader.rest.len() / 8 {
        return Err(ProgramError::Malformed("ends early"));
    }
    let mut terms = Vec::with_capacity(n_terms);
    for _ in 0..n_terms {
        let wire = reader.u32()?;
        if wire as usize >= n_wires {
            return Err(ProgramError::Malformed("a term names no wire"));
        }
        let coefficient = *coefficients
            .get(reader.u32()? as usize)
            .ok_or(ProgramError::Malformed("a term names no constant"))?;
        terms.push(Term { wire, coefficient });
    }
    Ok((offsets, terms))
}

/// Reads instructions and appends them to the program.
struct CodeParser {
    program: Program,
    /// For each wire the batch of inversions (numbered from one) that wrote it last.
    written_by: Vec<u32>,
}

impl CodeParser {
    fn parse(mut self, reader: &mut Reader<'_>) -> Result<Program, ProgramError> {
        let mut first_part = None;
        let mut batch = 0;
        while !reader.rest.is_empty() {
            let opcode = reader.u8()?;
            let label = reader.u32()?;
            if label as usize >= self.program.labels.len() {
                return Err(ProgramError::Malformed("an instruction names no label"));
            }
            let instruction = match opcode {
                1 => Instruction::Linear { out: self.out(reader)?, lc: self.lc(reader)? },
                2 => {
                    Instruction::Multiply { out: self.out(reader)?, a: self.lc(reader)?, b: self.lc(reader)? }
                }
                3 => self.bits(reader)?,
                4 => {
                    let first_after_break = first_part == Some(self.program.code.len());
                    match self.inversion(reader, &mut batch, first_after_break)? {
                        Some(instruction) => instruction,
                        None => continue,
                    }
                }
                5 => {
                    let (out, count, first_lc) = (self.out(reader)?, reader.u32()?, reader.u32()?);
                    self.lcs(first_lc, count)?;
                    Instruction::Maximum { out, count, first_lc }
                }
                6 => Instruction::NonNegative { out: self.out(reader)?, lc: self.lc(reader)? },
                7 => Instruction::Dot(self.dot(reader)?),
                8 => {
                    if first_part.replace(self.program.code.len()).is_some() {
                        return Err(ProgramError::Malformed("more than one BREAK"));
                    }
                    continue;
                }
                9 => {
                    let (quotient, remainder) = (self.out(reader)?, self.out(reader)?);
                    if quotient == remainder {
                        return Err(ProgramError::Malformed("two results share a wire"));
                    }
                    Instruction::DivMod { quotient, remainder, x: self.lc(reader)?, y: self.lc(reader)? }
                }
                10 => Instruction::SquareRoot { out: self.out(reader)?, lc: self.lc(reader)? },
                11 => {
                    let (out, count, first_lc) = (reader.u32()?, reader.u32()?, reader.u32()?);
                    self.outs(out, count)?;
                    self.lcs(first_lc, count)?;
                    Instruction::OneHot { out, count, first_lc }
                }
                12 => Instruction::Check { a: self.lc(reader)?, b: self.lc(reader)?, c: self.lc(reader)? },
                13 => {
                    let (out, count, first_lc, rank) =
                        (self.out(reader)?, reader.u32()?, reader.u32()?, reader.u32()?);
                    self.ranked(first_lc, count, rank)?;
                    Instruction::Rank { out, count, first_lc, rank }
                }
                14 => {
                    let (out, count, first_lc, rank) =
                        (reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?);
                    self.outs(out, count)?;
                    self.ranked(first_lc, count, rank)?;
                    Instruction::Top { out, count, first_lc, rank }
                }
                15 => {
                    let (out, count, first_lc) = (reader.u32()?, reader.u32()?, reader.u32()?);
                    self.outs(out, count)?;
                    self.lcs(first_lc, count)?;
                    Instruction::First { out, count, first_lc }
                }
                16 => Instruction::Root {
                    out: self.out(reader)?,
                    x: self.lc(reader)?,
                    divisor: self.lc(reader)?,
                },
                17 => {
                    let (out, upwards) = (self.out(reader)?, self.out(reader)?);
                    if out == upwards {
                        return Err(ProgramError::Malformed("two results share a wire"));
                    }
                    let (count, first_left, first_ratio) = (reader.u32()?, reader.u32()?, reader.u32()?);
                    self.lcs(first_left, count)?;
                    self.lcs(first_ratio, count)?;
                    Instruction::Spread { out, upwards, count, first_left, first_ratio }
                }
                _ => return Err(ProgramError::Malformed("unknown opcode")),
            };
            self.program.code.push(instruction);
            self.program.code_labels.push(label);
        }
        self.program.first_part = first_part.unwrap_or(self.program.code.len());
        Ok(self.program)
    }

    fn bits(&self, reader: &mut Reader<'_>) -> Result<Instruction, ProgramError> {
        let (out, count, lc) = (reader.u32()?, reader.u32()?, self.lc(reader)?);
        self.outs(out, count)?;
        if count > MAX_BITS {
            return Err(ProgramError::Malformed("more bits than the field has"));
        }
        Ok(Instruction::Bits { out, count, lc })
    }

    fn dot(&mut self, reader: &mut Reader<'_>) -> Result<Dot, ProgramError> {
        let (out, count) = (reader.u32()?, reader.u32()?);
        self.outs(out, count)?;
        let (base, rows, matrix) = (reader.u32()?, reader.u32()?, reader.u32()?);
        self.wires(base, rows)?;
        if u64::from(base) < u64::from(out) + u64::from(count)
            && u64::from(out) < u64::from(base) + u64::from(rows)
        {
            return Err(ProgramError::Malformed("a DOT reads the wires that it writes"));
        }
        if matrix >= MAX_MATRICES {
            return Err(ProgramError::Malformed("matrix index out of bounds"));
        }
        self.program.n_matrices = self.program.n_matrices.max(matrix as usize + 1);
        Ok(Dot { out, count, base, rows, matrix })
    }

    /// Joins an inversion to the batch before it if that is the last instruction and independent of this one;
    /// otherwise begins a batch and returns its instruction.
    fn inversion(
        &mut self,
        reader: &mut Reader<'_>,
        batch: &mut u32,
        after_break: bool,
    ) -> Result<Option<Instruction>, ProgramError> {
        let (out, lc) = (self.out(reader)?, self.lc(reader)?);
        let joined = match self.program.code.last_mut() {
            Some(Instruction::Invert { count, .. }) if !after_break => {
                let lc = lc as usize;
                let terms = self.program.lc_offsets[lc] as usize..self.program.lc_offsets[lc + 1] as usize;
                let reads_batch = self.program.terms[terms]
                    .iter()
                    .any(|term| self.written_by[term.wire as usize] == *batch);
                if !reads_batch {
                    *count += 1;
                }
                !reads_batch
            }
            _ => false,
        };
        if !joined {
            *batch += 1;
        }
        self.written_by[out as usize] = *batch;
        let first = self.program.inversions.len() as u32;
        self.program.inversions.push((out, lc));
        Ok((!joined).then_some(Instruction::Invert { first, count: 1 }))
    }

    /// Reads a wire that an instruction writes: any but wire 0.
    fn out(&self, reader: &mut Reader<'_>) -> Result<u32, ProgramError> {
        let out = reader.u32()?;
        self.outs(out, 1)?;
        Ok(out)
    }

    fn outs(&self, out: u32, count: u32) -> Result<(), ProgramError> {
        if out == 0 {
            return Err(ProgramError::Malformed("an instruction writes wire 0"));
        }
        self.wires(out, count)
    }

    fn wires(&self, first: u32, count: u32) -> Result<(), ProgramError> {
        if count == 0 || u64::from(first) + u64::from(count) > self.program.n_wires as u64 {
            return Err(ProgramError::Malformed("an instruction names no wire"));
        }
        Ok(())
    }

    /// Reads the index of a linear combination.
    fn lc(&self, reader: &mut Reader<'_>) -> Result<u32, ProgramError> {
        let lc = reader.u32()?;
        self.lcs(lc, 1)?;
        Ok(lc)
    }

    fn ranked(&self, first: u32, count: u32, rank: u32) -> Result<(), ProgramError> {
        self.lcs(first, count)?;
        if rank == 0 || rank > count {
            return Err(ProgramError::Malformed("a rank is not among the values"));
        }
        Ok(())
    }

    fn lcs(&self, first: u32, count: u32) -> Result<(), ProgramError> {
        // One offset more than there are linear combinations.
        if count == 0 || u64::from(first) + u64::from(count) >= self.program.lc_offsets.len() as u64 {
            return Err(ProgramError::Malformed("an instruction names no linear combination"));
        }
        Ok(())
    }
}
