//! Running a witness program.

use std::sync::Arc;

use super::{integer, Dot, Instruction, Program, ProgramError};
use crate::field::batch_inverse;
use crate::fr::Fr;
use crate::secret::{wipe, Witness};
use crate::sparse::SparseMatrix;

/// `(r - 1) / 2`, the largest element that stands for a non-negative integer.
pub(super) const HALF: [u64; 4] = {
    let [a, b, c, d] = Fr::MODULUS; // odd: the lost bit is the one to subtract
    [a >> 1 | b << 63, b >> 1 | c << 63, c >> 1 | d << 63, d >> 1]
};

/// A program under way: after [`Run::start`] the first part is done, after [`Run::finish`] every wire is computed.
/// The wires are wiped from memory when the run, and each witness made of it, is dropped.
pub struct Run {
    program: Arc<Program>,
    matrices: Vec<Arc<SparseMatrix>>,
    wires: Witness,
    finished: bool,
}

impl Run {
    /// Writes the inputs, each a first wire and the values from there on, and runs the first part.
    ///
    /// # Errors
    /// `Usage` if inputs or matrices do not fit the program, `Witness` if an instruction fails.
    pub fn start(
        program: Arc<Program>,
        inputs: &[(u32, &[Fr])],
        matrices: Vec<Arc<SparseMatrix>>,
    ) -> Result<Self, ProgramError> {
        program.check_matrices(&matrices)?;
        let mut values = vec![Fr::ZERO; program.n_wires];
        values[0] = Fr::ONE;
        let mut run = Self { program, matrices, wires: Witness::new(values), finished: false };
        for (wire, values) in inputs {
            run.set(*wire, values)?;
        }
        run.program.execute(0..run.program.first_part, run.wires.wires_mut(), &run.matrices)?;
        Ok(run)
    }

    /// The values of `count` wires from `wire` on; zero where nothing was written yet.
    ///
    /// # Errors
    /// `Usage` if there are no such wires.
    pub fn get(&self, wire: u32, count: u32) -> Result<&[Fr], ProgramError> {
        let first = wire as usize;
        first
            .checked_add(count as usize)
            .and_then(|end| self.wires.wires().get(first..end))
            .ok_or(ProgramError::Usage("no such wires"))
    }

    /// Writes wires that the second part reads.
    ///
    /// # Errors
    /// `Usage` if there are no such wires, if wire 0 is among them, or after [`Run::finish`].
    pub fn set(&mut self, wire: u32, values: &[Fr]) -> Result<(), ProgramError> {
        if self.finished {
            return Err(ProgramError::Usage("the program has run to its end"));
        }
        if wire == 0 {
            return Err(ProgramError::Usage("wire 0 is the constant one"));
        }
        let first = wire as usize;
        let wires = first
            .checked_add(values.len())
            .and_then(|end| self.wires.wires_mut().get_mut(first..end))
            .ok_or(ProgramError::Usage("no such wires"))?;
        wires.copy_from_slice(values);
        Ok(())
    }

    /// Runs the second part.
    ///
    /// # Errors
    /// `Witness` if an instruction fails, `Usage` if the run is finished already.
    pub fn finish(&mut self) -> Result<(), ProgramError> {
        if self.finished {
            return Err(ProgramError::Usage("the program has run to its end"));
        }
        // Even a failed run is over: what it wrote must not pass for a witness, and DOT does not start again.
        self.finished = true;
        let program = Arc::clone(&self.program);
        let result =
            program.execute(program.first_part..program.code.len(), self.wires.wires_mut(), &self.matrices);
        if result.is_err() {
            wipe(self.wires.wires_mut());
        }
        result
    }

    /// A copy of all wires.
    ///
    /// # Errors
    /// `Usage` before [`Run::finish`] succeeded.
    pub fn witness(&self) -> Result<Witness, ProgramError> {
        // A failed run was wiped, wire 0 included.
        if !self.finished || self.wires.wires()[0] != Fr::ONE {
            return Err(ProgramError::Usage("the program has not run to its end"));
        }
        Ok(Witness::new(self.wires.wires().to_vec()))
    }
}

/// Limbs of a non-negative element, `None` for an element that stands for a negative integer.
fn non_negative(value: Fr) -> Option<[u64; 4]> {
    let limbs = value.to_limbs();
    (!greater_than(&limbs, &HALF)).then_some(limbs)
}

/// Limbs of the absolute value.
fn magnitude(value: Fr) -> [u64; 4] {
    non_negative(value).unwrap_or_else(|| (-value).to_limbs())
}

fn greater_than(a: &[u64; 4], b: &[u64; 4]) -> bool {
    a.iter().rev().gt(b.iter().rev())
}

fn bit(is_set: bool) -> Fr {
    if is_set {
        Fr::ONE
    } else {
        Fr::ZERO
    }
}

impl Program {
    /// Every `DOT` finds a matrix of its own shape.
    fn check_matrices(&self, matrices: &[Arc<SparseMatrix>]) -> Result<(), ProgramError> {
        if matrices.len() != self.n_matrices {
            return Err(ProgramError::Usage("the program needs another number of matrices"));
        }
        for instruction in &self.code {
            if let Instruction::Dot(dot) = instruction {
                let matrix = &matrices[dot.matrix as usize];
                if matrix.n_rows() != dot.rows as usize || matrix.n_cols() != dot.count as usize {
                    return Err(ProgramError::Usage("a matrix has the wrong shape"));
                }
            }
        }
        Ok(())
    }

    fn execute(
        &self,
        part: std::ops::Range<usize>,
        wires: &mut [Fr],
        matrices: &[Arc<SparseMatrix>],
    ) -> Result<(), ProgramError> {
        let mut scratch = Vec::new();
        for (instruction, label) in self.code[part.clone()].iter().zip(&self.code_labels[part]) {
            let holds = match *instruction {
                Instruction::Linear { out, lc } => {
                    wires[out as usize] = self.evaluate(lc, wires);
                    true
                }
                Instruction::Multiply { out, a, b } => {
                    wires[out as usize] = self.evaluate(a, wires) * self.evaluate(b, wires);
                    true
                }
                Instruction::Bits { out, count, lc } => self.bits(out, count, lc, wires),
                Instruction::Invert { first, count } => {
                    self.invert(first, count, wires, &mut scratch);
                    true
                }
                Instruction::Maximum { out, count, first_lc } => {
                    wires[out as usize] = self.maximum(first_lc, count, wires).1;
                    true
                }
                Instruction::NonNegative { out, lc } => {
                    wires[out as usize] = bit(non_negative(self.evaluate(lc, wires)).is_some());
                    true
                }
                Instruction::Dot(dot) => {
                    dot_product(&dot, &matrices[dot.matrix as usize], wires);
                    true
                }
                Instruction::DivMod { quotient, remainder, x, y } => {
                    self.divide(quotient, remainder, x, y, wires).is_some()
                }
                Instruction::SquareRoot { out, lc } => self.square_root(out, lc, wires).is_some(),
                Instruction::OneHot { out, count, first_lc } => {
                    let (place, _) = self.maximum(first_lc, count, wires);
                    for (index, wire) in wires[out as usize..][..count as usize].iter_mut().enumerate() {
                        *wire = bit(index == place);
                    }
                    true
                }
                Instruction::Check { a, b, c } => {
                    self.evaluate(a, wires) * self.evaluate(b, wires) == self.evaluate(c, wires)
                }
                Instruction::Rank { out, count, first_lc, rank } => {
                    let place = self.descending(first_lc, count, wires)[rank as usize - 1];
                    wires[out as usize] = self.evaluate(first_lc + place, wires);
                    true
                }
                Instruction::Top { out, count, first_lc, rank } => {
                    let places = self.descending(first_lc, count, wires);
                    wires[out as usize..][..count as usize].fill(Fr::ZERO);
                    for place in &places[..rank as usize] {
                        wires[(out + place) as usize] = Fr::ONE;
                    }
                    true
                }
                Instruction::First { out, count, first_lc } => {
                    let found = (0..count)
                        .find(|place| non_negative(self.evaluate(first_lc + place, wires)).is_some())
                        .unwrap_or(count - 1);
                    wires[out as usize..][..count as usize].fill(Fr::ZERO);
                    wires[(out + found) as usize] = Fr::ONE;
                    true
                }
                Instruction::Spread { out, upwards, count, first_left, first_ratio } => {
                    let legs = (first_left..first_left + count).zip(first_ratio..first_ratio + count);
                    let (formed, rises) = self.spread(legs, wires);
                    wires[out as usize] = Fr::from_limbs_reduced(formed);
                    wires[upwards as usize] = bit(rises);
                    true
                }
                Instruction::Root { out, x, divisor } => self.quotient_root(out, x, divisor, wires).is_some(),
            };
            if !holds {
                wipe(&mut scratch);
                return Err(ProgramError::Witness(self.labels[*label as usize].clone()));
            }
        }
        wipe(&mut scratch);
        Ok(())
    }

    fn bits(&self, out: u32, count: u32, lc: u32, wires: &mut [Fr]) -> bool {
        let limbs = self.evaluate(lc, wires).to_limbs();
        let count = count as usize;
        for (index, wire) in wires[out as usize..][..count].iter_mut().enumerate() {
            *wire = bit(limbs[index / 64] >> (index % 64) & 1 == 1);
        }
        limbs.iter().enumerate().all(|(index, limb)| match count.saturating_sub(64 * index) {
            0 => *limb == 0,
            free @ 1..64 => *limb >> free == 0,
            _ => true,
        })
    }

    fn invert(&self, first: u32, count: u32, wires: &mut [Fr], scratch: &mut Vec<Fr>) {
        let batch = &self.inversions[first as usize..][..count as usize];
        wipe(scratch);
        scratch.clear();
        scratch.extend(batch.iter().map(|(_, lc)| self.evaluate(*lc, wires)));
        batch_inverse(scratch);
        for ((out, _), inverse) in batch.iter().zip(scratch.iter()) {
            wires[*out as usize] = *inverse;
        }
    }

    /// The signed maximum of linear combinations: its first place, and its value.
    fn maximum(&self, first_lc: u32, count: u32, wires: &[Fr]) -> (usize, Fr) {
        // Adding (r-1)/2 maps the signed order to the order of canonical integers.
        let shift = Fr::from_limbs_reduced(HALF);
        let mut best = (0, self.evaluate(first_lc, wires));
        let mut best_key = (best.1 + shift).to_limbs();
        for place in 1..count {
            let value = self.evaluate(first_lc + place, wires);
            let key = (value + shift).to_limbs();
            if greater_than(&key, &best_key) {
                (best, best_key) = ((place as usize, value), key);
            }
        }
        best
    }

    fn divide(&self, quotient: u32, remainder: u32, x: u32, y: u32, wires: &mut [Fr]) -> Option<()> {
        let x = non_negative(self.evaluate(x, wires))?;
        let y = non_negative(self.evaluate(y, wires))?;
        let (q, r) = integer::div_rem(&x, &y)?;
        wires[quotient as usize] = Fr::from_limbs_reduced(q);
        wires[remainder as usize] = Fr::from_limbs_reduced(r);
        Some(())
    }

    /// The places of the values from the largest one down, signed; of equal values the first place first.
    fn descending(&self, first_lc: u32, count: u32, wires: &[Fr]) -> Vec<u32> {
        // As in `maximum`: adding (r - 1) / 2 turns the signed order into that of canonical integers.
        let shift = Fr::from_limbs_reduced(HALF);
        let mut keys: Vec<Fr> =
            (0..count).map(|place| self.evaluate(first_lc + place, wires) + shift).collect();
        let key = |place: u32| {
            let mut limbs = keys[place as usize].to_limbs();
            limbs.reverse();
            limbs
        };
        let mut places: Vec<u32> = (0..count).collect();
        places.sort_by_key(|place| std::cmp::Reverse(key(*place))); // stable
        wipe(&mut keys);
        places
    }

    /// The floor of the square root of `max(x, 0) / divisor`, which is that of the quotient's floor.
    fn quotient_root(&self, out: u32, x: u32, divisor: u32, wires: &mut [Fr]) -> Option<()> {
        let x = non_negative(self.evaluate(x, wires)).unwrap_or([0; 4]);
        let divisor = non_negative(self.evaluate(divisor, wires))?;
        let (quotient, _) = integer::div_rem(&x, &divisor)?;
        wires[out as usize] = Fr::from_limbs_reduced(integer::square_root(&quotient));
        Some(())
    }

    /// The spreads that the legs `(amount, ratio)` form, and whether every amount has its ratio's sign.
    fn spread(&self, legs: impl Iterator<Item = (u32, u32)>, wires: &[Fr]) -> ([u64; 4], bool) {
        let (mut rises, mut falls, mut fewest) = (true, true, None);
        for (left, ratio) in legs {
            let (left, ratio) = (self.evaluate(left, wires), self.evaluate(ratio, wires));
            if ratio.is_zero() {
                continue;
            }
            let along = if non_negative(ratio).is_some() { left } else { -left };
            let is_positive = non_negative(along).is_some() && !along.is_zero();
            rises &= is_positive;
            falls &= !is_positive && !along.is_zero();
            let count =
                integer::div_rem(&magnitude(left), &magnitude(ratio)).map_or([0; 4], |(count, _)| count);
            if fewest.is_none_or(|fewest| greater_than(&fewest, &count)) {
                fewest = Some(count);
            }
        }
        (if rises || falls { fewest.unwrap_or([0; 4]) } else { [0; 4] }, rises)
    }

    fn square_root(&self, out: u32, lc: u32, wires: &mut [Fr]) -> Option<()> {
        let x = non_negative(self.evaluate(lc, wires))?;
        wires[out as usize] = Fr::from_limbs_reduced(integer::square_root(&x));
        Some(())
    }
}

fn dot_product(dot: &Dot, matrix: &SparseMatrix, wires: &mut [Fr]) {
    // The parser refuses a DOT that reads what it writes, so reading and adding may alternate.
    for row in 0..dot.rows as usize {
        let factor = wires[dot.base as usize + row];
        if factor.is_zero() {
            continue;
        }
        let out = &mut wires[dot.out as usize..][..dot.count as usize];
        for (col, value) in matrix.row(row) {
            out[*col as usize] += factor * *value;
        }
    }
}
