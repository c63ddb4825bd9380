//! Programs assembled by hand, run, cut short and altered.

use std::sync::Arc;

use super::{Program, ProgramError, Run};
use crate::fr::Fr;
use crate::sparse::SparseMatrix;

/// Assembles the byte format, one linear combination and instruction at a time.
#[derive(Default, Clone)]
struct Assembler {
    n_wires: u32,
    constants: Vec<Fr>,
    offsets: Vec<u32>,
    terms: Vec<(u32, u32)>,
    code: Vec<u8>,
}

impl Assembler {
    fn new(n_wires: u32) -> Self {
        Self { n_wires, constants: vec![Fr::ZERO, Fr::ONE, -Fr::ONE], offsets: vec![0], ..Self::default() }
    }

    fn lc(&mut self, terms: &[(u32, Fr)]) -> u32 {
        for (wire, coefficient) in terms {
            let index = self.constants.iter().position(|c| c == coefficient).unwrap_or_else(|| {
                self.constants.push(*coefficient);
                self.constants.len() - 1
            });
            self.terms.push((*wire, index as u32));
        }
        self.offsets.push(self.terms.len() as u32);
        self.offsets.len() as u32 - 2
    }

    fn wire(&mut self, wire: u32) -> u32 {
        self.lc(&[(wire, Fr::ONE)])
    }

    fn emit(&mut self, opcode: u8, operands: &[u32]) {
        self.code.push(opcode);
        self.code.extend(u32::from(opcode).to_le_bytes()); // label "op <opcode>"
        for operand in operands {
            self.code.extend(operand.to_le_bytes());
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = b"zkwp".to_vec();
        let word = |out: &mut Vec<u8>, value: usize| out.extend((value as u32).to_le_bytes());
        word(&mut out, 1);
        word(&mut out, self.n_wires as usize);
        word(&mut out, 13);
        for opcode in 0..13 {
            let label = format!("op {opcode}");
            out.extend((label.len() as u16).to_le_bytes());
            out.extend(label.as_bytes());
        }
        word(&mut out, self.constants.len());
        for constant in &self.constants {
            out.extend(constant.to_bytes_le());
        }
        word(&mut out, self.offsets.len() - 1);
        for offset in &self.offsets {
            word(&mut out, *offset as usize);
        }
        for (wire, constant) in &self.terms {
            word(&mut out, *wire as usize);
            word(&mut out, *constant as usize);
        }
        word(&mut out, self.code.len());
        out.extend(&self.code);
        out
    }

    fn run(&self, inputs: &[(u32, Vec<Fr>)]) -> Result<Vec<Fr>, ProgramError> {
        let program = Arc::new(Program::parse(&self.bytes())?);
        let inputs: Vec<_> = inputs.iter().map(|(wire, values)| (*wire, values.as_slice())).collect();
        let mut run = Run::start(program, &inputs, Vec::new())?;
        run.finish()?;
        Ok(run.witness()?.wires().to_vec())
    }
}

fn f(value: i64) -> Fr {
    let magnitude = Fr::from_u64(value.unsigned_abs());
    if value < 0 {
        -magnitude
    } else {
        magnitude
    }
}

fn failed(opcode: u8) -> ProgramError {
    ProgramError::Witness(format!("op {opcode}"))
}

#[test]
fn arithmetic() {
    let mut a = Assembler::new(6);
    let sum = a.lc(&[(1, f(1)), (2, f(-1)), (0, f(7)), (1, f(3)), (2, f(0))]);
    let difference = a.lc(&[(1, f(1)), (2, f(-1))]);
    a.emit(1, &[3, sum]);
    a.emit(2, &[4, sum, difference]);
    a.emit(1, &[5, difference]);
    let wires = a.run(&[(1, vec![f(10), f(4)])]);
    assert_eq!(wires, Ok(vec![f(1), f(10), f(4), f(43), f(43 * 6), f(6)]));
}

#[test]
fn bits_up_to_their_bound() {
    for count in [1u32, 5, 63, 64, 65, 128, 200, 253, 254] {
        let mut a = Assembler::new(2 + count);
        let lc = a.wire(1);
        a.emit(3, &[2, count, lc]);
        let limit = Fr::from_u64(2).pow(&[u64::from(count)]);
        let wires = a.run(&[(1, vec![limit - f(1)])]);
        if count < 254 {
            assert_eq!(wires.map(|w| w[2..].to_vec()), Ok(vec![f(1); count as usize]), "{count}");
            assert_eq!(a.run(&[(1, vec![limit])]), Err(failed(3)), "{count}");
            assert_eq!(a.run(&[(1, vec![f(-1)])]), Err(failed(3)), "{count}");
        } else {
            let minus_one = a
                .run(&[(1, vec![f(-1)])])
                .map(|w| w[2..].iter().rev().fold(Fr::ZERO, |sum, bit| sum.double() + *bit));
            assert_eq!(minus_one, Ok(f(-1)));
        }
    }
}

#[test]
fn inversions_in_batches_equal_inversions_alone() {
    let mut a = Assembler::new(9);
    let (one, two, three, four) = (a.wire(1), a.wire(2), a.wire(3), a.wire(4));
    a.emit(4, &[4, one]);
    a.emit(4, &[5, two]); // zero
    a.emit(4, &[6, three]);
    a.emit(4, &[7, four]); // reads the first result: another batch
    a.emit(8, &[]);
    a.emit(4, &[8, one]); // not joined over the break
    let program = Program::parse(&a.bytes());
    assert_eq!(program.map(|p| (p.code.len(), p.first_part)), Ok((3, 2)));
    let wires = a.run(&[(1, vec![f(3), f(0), f(-5)])]);
    let inverse = |x| f(x).inverse().unwrap_or(Fr::ZERO);
    assert_eq!(wires.map(|w| w[4..].to_vec()), Ok(vec![inverse(3), f(0), inverse(-5), f(3), inverse(3)]));
}

#[test]
fn signed_comparisons() {
    let half = Fr::from_limbs_reduced(super::run::HALF);
    let mut a = Assembler::new(10);
    let first = a.wire(1);
    a.wire(2);
    a.wire(3);
    a.emit(5, &[4, 3, first]);
    a.emit(11, &[5, 3, first]);
    a.emit(6, &[8, first]);
    for (inputs, maximum, place, positive) in [
        ([f(-3), f(-2), f(-9)], f(-2), 1, false),
        ([f(0), f(-2), f(0)], f(0), 0, true),
        ([half, f(5), half], half, 0, true),
        ([half + f(1), f(-5), f(-4)], f(-4), 2, false),
    ] {
        let mut expected = vec![maximum, f(0), f(0), f(0), f(i64::from(positive)), f(0)];
        expected[1 + place] = f(1);
        assert_eq!(a.run(&[(1, inputs.to_vec())]).map(|w| w[4..].to_vec()), Ok(expected));
    }
}

#[test]
fn division_and_root() {
    let mut a = Assembler::new(6);
    let (x, y) = (a.wire(1), a.wire(2));
    a.emit(9, &[3, 4, x, y]);
    a.emit(10, &[5, x]);
    let run = |x, y| a.run(&[(1, vec![x, y])]).map(|w| w[3..].to_vec());
    assert_eq!(run(f(17), f(5)), Ok(vec![f(3), f(2), f(4)]));
    assert_eq!(run(f(0), f(1)), Ok(vec![f(0), f(0), f(0)]));
    let big = Fr::from_u64(3).pow(&[150]); // 238 bits
    assert_eq!(run(big, Fr::from_u64(3).pow(&[100])).map(|w| w[2]), Ok(Fr::from_u64(3).pow(&[75])));
    assert_eq!(run(big + f(1), Fr::from_u64(3).pow(&[100])).map(|w| w[1]), Ok(f(1)));
    for (x, y) in [(f(-1), f(5)), (f(5), f(0)), (f(5), f(-1))] {
        assert_eq!(run(x, y), Err(failed(9)));
    }
    let mut root = Assembler::new(3);
    let x = root.wire(1);
    root.emit(10, &[2, x]);
    assert_eq!(root.run(&[(1, vec![f(-4)])]), Err(failed(10)));
}

#[test]
fn checks() {
    let mut a = Assembler::new(4);
    let (x, y, z) = (a.wire(1), a.wire(2), a.wire(3));
    a.emit(12, &[x, y, z]);
    assert!(a.run(&[(1, vec![f(-3), f(4), f(-12)])]).is_ok());
    assert_eq!(a.run(&[(1, vec![f(-3), f(4), f(12)])]), Err(failed(12)));
}

/// `w[4..6] += (w1, w2) T0`, a break, then the same with `T1`, then the sum of both.
fn dots() -> Assembler {
    let mut a = Assembler::new(7);
    a.emit(7, &[4, 2, 1, 3, 0]);
    a.emit(8, &[]);
    a.emit(7, &[4, 2, 1, 3, 1]);
    let sum = a.lc(&[(4, f(1)), (5, f(1))]);
    a.emit(1, &[6, sum]);
    a
}

fn matrix(values: [i64; 3]) -> Arc<SparseMatrix> {
    let values: Vec<_> = values.into_iter().map(f).collect();
    let matrix = SparseMatrix::new(&[0, 2, 1], &[0, 1, 1], &values, 3, 2);
    Arc::new(matrix.unwrap_or_else(|e| panic!("{e}")))
}

#[test]
fn two_parts_and_matrices() -> Result<(), ProgramError> {
    let program = Arc::new(Program::parse(&dots().bytes())?);
    let input: &[Fr] = &[f(2), f(3), f(-5)];
    let matrices = vec![matrix([10, 100, 0]), matrix([-1, 0, 7])];
    let mut run = Run::start(Arc::clone(&program), &[(1, input)], matrices.clone())?;
    assert_eq!(run.get(4, 2)?, [f(20), f(-500)]);
    assert_eq!(run.get(6, 1)?, [f(0)]);
    assert!(run.witness().is_err());
    assert!(run.get(6, 2).is_err() && run.get(u32::MAX, 2).is_err());
    run.set(1, &[f(4)])?;
    assert!(run.set(0, &[f(1)]).is_err() && run.set(6, &[f(1), f(1)]).is_err());
    run.finish()?;
    assert_eq!(run.witness()?.wires(), [f(1), f(4), f(3), f(-5), f(16), f(-479), f(-463)]);
    assert!(run.finish().is_err() && run.set(1, &[f(4)]).is_err());

    assert!(Run::start(Arc::clone(&program), &[], matrices[..1].to_vec()).is_err());
    let wrong = Arc::new(SparseMatrix::new(&[], &[], &[], 3, 3).unwrap_or_else(|e| panic!("{e}")));
    assert!(Run::start(Arc::clone(&program), &[], vec![matrix([0; 3]), wrong]).is_err());
    let too_long = vec![f(1); 7];
    assert!(Run::start(program, &[(1, &too_long)], matrices).is_err());
    Ok(())
}

#[test]
fn a_failed_run_gives_no_witness() -> Result<(), ProgramError> {
    let mut a = Assembler::new(2);
    let (x, one) = (a.wire(1), a.wire(0));
    a.emit(8, &[]);
    a.emit(12, &[x, one, one]);
    let mut run = Run::start(Arc::new(Program::parse(&a.bytes())?), &[(1, &[f(5)])], Vec::new())?;
    assert_eq!(run.finish(), Err(failed(12)));
    assert!(run.witness().is_err());
    assert!(run.finish().is_err());
    Ok(())
}

/// Everything in one program.
fn everything() -> Assembler {
    let mut a = dots();
    a.n_wires = 60;
    let (x, y, five) = (a.wire(2), a.wire(3), a.lc(&[(0, f(5)), (1, f(9))]));
    a.emit(2, &[7, x, y]);
    a.emit(3, &[8, 8, five]);
    a.emit(4, &[16, x]);
    a.emit(4, &[17, y]);
    a.emit(5, &[18, 3, x]);
    a.emit(6, &[19, y]);
    a.emit(9, &[20, 21, x, five]);
    a.emit(10, &[22, x]);
    a.emit(11, &[23, 3, x]);
    a.emit(12, &[x, y, five]);
    a
}

#[test]
fn every_prefix_is_refused() {
    let bytes = everything().bytes();
    assert!(Program::parse(&bytes).is_ok());
    for end in 0..bytes.len() {
        assert!(matches!(Program::parse(&bytes[..end]), Err(ProgramError::Malformed(_))), "{end}");
    }
    assert!(Program::parse(&[bytes.as_slice(), &[8, 0, 0, 0, 0]].concat()).is_err());
}

#[test]
fn altered_programs_do_not_panic() {
    let bytes = everything().bytes();
    let matrices = vec![matrix([10, 100, 0]), matrix([-1, 0, 7])];
    let input: &[Fr] = &[f(1), f(200), f(7)];
    for position in 0..bytes.len() {
        for change in [1u8, 2, 7, 0x80, 0xff] {
            let mut altered = bytes.clone();
            altered[position] ^= change;
            let Ok(program) = Program::parse(&altered) else { continue };
            if let Ok(mut run) = Run::start(Arc::new(program), &[(1, input)], matrices.clone()) {
                let _ = run.finish();
            }
        }
    }
}

#[test]
fn operands_out_of_bounds_are_refused() {
    let refused = |opcode: u8, operands: &[u32]| {
        let mut a = Assembler::new(9);
        a.wire(1);
        a.wire(2);
        a.emit(opcode, operands);
        matches!(Program::parse(&a.bytes()), Err(ProgramError::Malformed(_)))
    };
    assert!(!refused(1, &[8, 1]));
    assert!(refused(1, &[9, 1]) && refused(1, &[8, 2]) && refused(1, &[0, 1]));
    assert!(!refused(3, &[1, 8, 0]));
    assert!(refused(3, &[1, 9, 0]) && refused(3, &[1, 0, 0]) && refused(3, &[u32::MAX, u32::MAX, 0]));
    assert!(!refused(5, &[3, 2, 0]));
    assert!(refused(5, &[3, 2, 1]) && refused(5, &[3, 0, 0]) && refused(5, &[3, u32::MAX, u32::MAX]));
    assert!(!refused(11, &[3, 2, 0]) && refused(11, &[8, 2, 0]));
    assert!(!refused(7, &[3, 6, 1, 2, 0]));
    assert!(
        refused(7, &[3, 6, 1, 3, 0]) && refused(7, &[3, 7, 1, 2, 0]) && refused(7, &[3, 6, 1, 2, 1 << 16])
    );
    assert!(refused(9, &[3, 3, 0, 1]) && !refused(9, &[3, 4, 0, 1]));
    assert!(refused(0, &[]) && refused(13, &[]) && !refused(8, &[]));
    let mut a = Assembler::new(2);
    a.emit(8, &[]);
    a.emit(8, &[]);
    assert!(Program::parse(&a.bytes()).is_err());
    assert!(Program::parse(&Assembler::new(0).bytes()).is_err());
    assert!(Program::parse(&Assembler::new(1 << 17).bytes()).is_err());
}
