//! The private Python module `zkmargin._core`: a thin shell over `zkmargin_arith`. Its contract is the protocol
//! `Arithmetic` of `zkmargin.backend`. No other file of the workspace names PyO3.
//!
//! Work is done with the interpreter released; every refusal becomes a `ValueError` without values in it.

mod encoding;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use encoding::{
    decode, decode_one, decode_point, decode_points, decode_u32, encode, encode_fq12, field_operation,
    Refusal, Secrets,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zkmargin_arith::curve::{Affine, Curve, Point};
use zkmargin_arith::fq::Fq;
use zkmargin_arith::fq2::Fq2;
use zkmargin_arith::fr::Fr;
use zkmargin_arith::g1::G1;
use zkmargin_arith::g2::G2;
use zkmargin_arith::program::{Program, Run};
use zkmargin_arith::r1cs::R1cs;
use zkmargin_arith::{
    groth16, keccak, msm, ntt as transform, pairing as pair, poseidon as hash, secret, sparse,
};

/// The most violated constraints that `r1cs_check` lists.
const MAX_VIOLATIONS: usize = 32;

/// Bytes from which a hash is worth releasing the interpreter for.
const LONG_MESSAGE: usize = 1 << 16;

/// Does `task` with the interpreter released.
fn released<T: Send>(py: Python<'_>, task: impl Send + FnOnce() -> Result<T, Refusal>) -> PyResult<T> {
    py.detach(task).map_err(PyValueError::new_err)
}

/// The same, for bytes.
fn released_bytes(
    py: Python<'_>,
    task: impl Send + FnOnce() -> Result<Vec<u8>, Refusal>,
) -> PyResult<Py<PyBytes>> {
    released(py, task).map(|bytes| PyBytes::new(py, &bytes).unbind())
}

fn text(error: impl std::fmt::Display) -> Refusal {
    error.to_string()
}

fn one_point<C: Curve>(point: Point<C>) -> Vec<u8>
where
    Affine<C>: encoding::Encoding,
{
    encode(&[point.to_affine()])
}

#[pyfunction]
#[pyo3(signature = (op, a, b, /))]
fn fr_op(py: Python<'_>, op: &str, a: &[u8], b: &[u8]) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || field_operation::<Fr>(op, a, b))
}

#[pyfunction]
#[pyo3(signature = (op, a, b, /))]
fn fq_op(py: Python<'_>, op: &str, a: &[u8], b: &[u8]) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || field_operation::<Fq>(op, a, b))
}

#[pyfunction]
#[pyo3(signature = (op, a, b, /))]
fn fq2_op(py: Python<'_>, op: &str, a: &[u8], b: &[u8]) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || field_operation::<Fq2>(op, a, b))
}

fn add<C: Curve>(a: &[u8], b: &[u8]) -> Result<Vec<u8>, Refusal>
where
    C::Base: encoding::Encoding,
{
    let mut sum = Point::<C>::from(decode_point::<C>(a)?);
    sum.add_affine(&decode_point::<C>(b)?);
    Ok(one_point(sum))
}

fn mul<C: Curve>(point: &[u8], scalar: &[u8]) -> Result<Vec<u8>, Refusal>
where
    C::Base: encoding::Encoding,
{
    Ok(one_point(decode_point::<C>(point)?.mul(&decode_one(scalar)?)))
}

fn multi<C: Curve>(points: &[u8], scalars: &[u8]) -> Result<Vec<u8>, Refusal>
where
    C::Base: encoding::Encoding,
{
    let points = decode_points::<C>(points)?;
    let scalars = Secrets(decode(scalars)?);
    if points.len() != scalars.0.len() {
        return Err("as many scalars as points are needed".to_owned());
    }
    Ok(one_point(msm::msm(&points, &scalars.0)))
}

#[pyfunction]
#[pyo3(signature = (a, b, /))]
fn g1_add(py: Python<'_>, a: &[u8], b: &[u8]) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || add::<G1>(a, b))
}

#[pyfunction]
#[pyo3(signature = (point, scalar, /))]
fn g1_mul(py: Python<'_>, point: &[u8], scalar: &[u8]) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || mul::<G1>(point, scalar))
}

#[pyfunction]
#[pyo3(signature = (points, scalars, /))]
fn g1_msm(py: Python<'_>, points: &[u8], scalars: &[u8]) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || multi::<G1>(points, scalars))
}

#[pyfunction]
#[pyo3(signature = (point, /))]
fn g1_is_valid(point: &[u8]) -> bool {
    decode_point::<G1>(point).is_ok()
}

#[pyfunction]
#[pyo3(signature = (a, b, /))]
fn g2_add(py: Python<'_>, a: &[u8], b: &[u8]) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || add::<G2>(a, b))
}

#[pyfunction]
#[pyo3(signature = (point, scalar, /))]
fn g2_mul(py: Python<'_>, point: &[u8], scalar: &[u8]) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || mul::<G2>(point, scalar))
}

#[pyfunction]
#[pyo3(signature = (points, scalars, /))]
fn g2_msm(py: Python<'_>, points: &[u8], scalars: &[u8]) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || multi::<G2>(points, scalars))
}

#[pyfunction]
#[pyo3(signature = (point, /))]
fn g2_is_valid(point: &[u8]) -> bool {
    decode_point::<G2>(point).is_ok()
}

#[pyfunction]
#[pyo3(signature = (g1, g2, /))]
fn pairing(py: Python<'_>, g1: &[u8], g2: &[u8]) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || Ok(encode_fq12(&pair::pairing(&decode_point(g1)?, &decode_point(g2)?))))
}

#[pyfunction]
#[pyo3(signature = (g1s, g2s, /))]
fn pairing_check(py: Python<'_>, g1s: &[u8], g2s: &[u8]) -> PyResult<bool> {
    released(py, || {
        let (g1s, g2s) = (decode_points(g1s)?, decode_points(g2s)?);
        if g1s.len() != g2s.len() {
            return Err("as many points of G1 as of G2 are needed".to_owned());
        }
        Ok(pair::pairing_check(&g1s.into_iter().zip(g2s).collect::<Vec<_>>()))
    })
}

#[pyfunction]
#[pyo3(signature = (values, inverse, /))]
fn ntt(py: Python<'_>, values: &[u8], inverse: bool) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || {
        let mut values = Secrets(decode(values)?);
        if !values.0.len().is_power_of_two() {
            return Err("the size of a transform is a power of two".to_owned());
        }
        let domain = transform::Domain::new(values.0.len().trailing_zeros())
            .ok_or_else(|| "no root of unity of this order".to_owned())?;
        if inverse {
            domain.inverse(&mut values.0);
        } else {
            domain.forward(&mut values.0);
        }
        Ok(encode(&values.0))
    })
}

#[pyfunction]
#[pyo3(signature = (inputs, /))]
fn poseidon(py: Python<'_>, inputs: &[u8]) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || {
        let inputs = Secrets(decode(inputs)?);
        let digest = hash::poseidon(&inputs.0).ok_or_else(|| "Poseidon takes 1 to 16 inputs".to_owned())?;
        Ok(encode(&[digest]))
    })
}

#[pyfunction]
#[pyo3(signature = (inputs, arity, /))]
fn poseidon_many(py: Python<'_>, inputs: &[u8], arity: usize) -> PyResult<Py<PyBytes>> {
    released_bytes(py, || {
        let inputs = Secrets(decode(inputs)?);
        let digests = hash::poseidon_many(&inputs.0, arity)
            .ok_or_else(|| "Poseidon takes groups of 1 to 16 inputs that come out even".to_owned())?;
        Ok(encode(&digests))
    })
}

// Quicker than giving up the interpreter and taking it again, but for long messages.
#[pyfunction]
#[pyo3(signature = (message, /))]
fn keccak256(py: Python<'_>, message: &[u8]) -> Py<PyBytes> {
    let digest = if message.len() < LONG_MESSAGE {
        keccak::keccak256(message)
    } else {
        py.detach(|| keccak::keccak256(message))
    };
    PyBytes::new(py, &digest).unbind()
}

/// A sparse matrix over Fr.
#[pyclass(frozen, module = "zkmargin._core")]
struct SparseMatrix(Arc<sparse::SparseMatrix>);

#[pymethods]
impl SparseMatrix {
    #[new]
    #[pyo3(signature = (rows, cols, values, n_rows, n_cols, /))]
    fn new(
        py: Python<'_>,
        rows: &[u8],
        cols: &[u8],
        values: &[u8],
        n_rows: usize,
        n_cols: usize,
    ) -> PyResult<Self> {
        released(py, || {
            let (rows, cols, values) = (decode_u32(rows)?, decode_u32(cols)?, decode(values)?);
            let matrix = sparse::SparseMatrix::new(&rows, &cols, &values, n_rows, n_cols).map_err(text)?;
            Ok(Self(Arc::new(matrix)))
        })
    }

    #[getter]
    fn n_rows(&self) -> usize {
        self.0.n_rows()
    }

    #[getter]
    fn n_cols(&self) -> usize {
        self.0.n_cols()
    }

    #[pyo3(signature = (gamma, /))]
    fn fold(&self, py: Python<'_>, gamma: &[u8]) -> PyResult<Py<PyBytes>> {
        released_bytes(py, || Ok(encode(&self.0.fold(decode_one(gamma)?))))
    }
}

/// A parsed witness program.
#[pyclass(frozen, module = "zkmargin._core")]
struct WitnessProgram(Arc<Program>);

#[pymethods]
impl WitnessProgram {
    #[new]
    #[pyo3(signature = (program, /))]
    fn new(py: Python<'_>, program: &[u8]) -> PyResult<Self> {
        released(py, || Ok(Self(Arc::new(Program::parse(program).map_err(text)?))))
    }

    #[getter]
    fn n_wires(&self) -> usize {
        self.0.n_wires()
    }

    #[pyo3(signature = (inputs, matrices, /))]
    fn start(
        &self,
        py: Python<'_>,
        inputs: Vec<(u32, Bound<'_, PyBytes>)>,
        matrices: Vec<PyRef<'_, SparseMatrix>>,
    ) -> PyResult<WitnessRun> {
        let inputs: Vec<(u32, &[u8])> =
            inputs.iter().map(|(wire, values)| (*wire, values.as_bytes())).collect();
        let matrices = matrices.iter().map(|matrix| Arc::clone(&matrix.0)).collect();
        released(py, || {
            let decoded = inputs
                .iter()
                .map(|(wire, values)| Ok((*wire, Secrets(decode(values)?))))
                .collect::<Result<Vec<_>, Refusal>>()?;
            let inputs: Vec<_> = decoded.iter().map(|(wire, values)| (*wire, values.0.as_slice())).collect();
            let run = Run::start(Arc::clone(&self.0), &inputs, matrices).map_err(text)?;
            Ok(WitnessRun(Mutex::new(run)))
        })
    }
}

/// A witness program under way.
#[pyclass(frozen, module = "zkmargin._core")]
struct WitnessRun(Mutex<Run>);

impl WitnessRun {
    /// A panic inside the core leaves a run that is merely unfinished.
    fn lock(&self) -> std::sync::MutexGuard<'_, Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl WitnessRun {
    #[pyo3(signature = (wire, count, /))]
    fn get(&self, py: Python<'_>, wire: u32, count: u32) -> PyResult<Py<PyBytes>> {
        released_bytes(py, || Ok(encode(self.lock().get(wire, count).map_err(text)?)))
    }

    #[pyo3(signature = (wire, values, /))]
    fn set(&self, py: Python<'_>, wire: u32, values: &[u8]) -> PyResult<()> {
        released(py, || self.lock().set(wire, &Secrets(decode(values)?).0).map_err(text))
    }

    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        released(py, || self.lock().finish().map_err(text))
    }

    fn witness(&self, py: Python<'_>) -> PyResult<Witness> {
        released(py, || Ok(Witness(self.lock().witness().map_err(text)?)))
    }
}

/// The values of all wires; nothing of them shows.
#[pyclass(frozen, module = "zkmargin._core")]
struct Witness(secret::Witness);

#[pymethods]
impl Witness {
    fn to_bytes(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        released_bytes(py, || Ok(encode(self.0.wires())))
    }

    fn __len__(&self) -> usize {
        self.0.wires().len()
    }

    fn __repr__(&self) -> &'static str {
        "Witness(..)"
    }
}

/// The argument `witness` of the prover.
#[derive(FromPyObject)]
enum WitnessArgument<'py> {
    Handle(PyRef<'py, Witness>),
    Bytes(Bound<'py, PyBytes>),
}

/// A proving key in memory.
#[pyclass(frozen, module = "zkmargin._core")]
struct ProvingKey(groth16::ProvingKey);

#[pymethods]
impl ProvingKey {
    #[new]
    #[pyo3(signature = (path, /))]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let file = py.detach(|| std::fs::read(path))?;
        released(py, || Ok(Self(groth16::ProvingKey::parse(&file).map_err(text)?)))
    }

    #[getter]
    fn n_public(&self) -> usize {
        self.0.n_public
    }

    #[getter]
    fn n_wires(&self) -> usize {
        self.0.n_wires
    }

    #[getter]
    fn domain_size(&self) -> usize {
        self.0.domain_size()
    }

    fn verifying_key(&self, py: Python<'_>) -> Py<PyBytes> {
        PyBytes::new(py, &self.0.verifying_key()).unbind()
    }

    #[pyo3(signature = (witness, entropy, /))]
    fn prove(&self, py: Python<'_>, witness: WitnessArgument<'_>, entropy: &[u8]) -> PyResult<Py<PyBytes>> {
        let entropy = entropy.try_into().map_err(|_| PyValueError::new_err("entropy must have 128 bytes"))?;
        match &witness {
            WitnessArgument::Handle(witness) => {
                let wires = witness.0.wires();
                released_bytes(py, || Ok(self.0.prove(wires, entropy).map_err(text)?.to_bytes().to_vec()))
            }
            WitnessArgument::Bytes(witness) => {
                let witness = witness.as_bytes();
                released_bytes(py, || {
                    let wires = Secrets(decode(witness)?);
                    Ok(self.0.prove(&wires.0, entropy).map_err(text)?.to_bytes().to_vec())
                })
            }
        }
    }
}

#[pyfunction]
#[pyo3(signature = (r1cs, entropy, /))]
fn groth16_setup(py: Python<'_>, r1cs: &[u8], entropy: &[u8]) -> PyResult<Py<PyBytes>> {
    let entropy = entropy.try_into().map_err(|_| PyValueError::new_err("entropy must have 256 bytes"))?;
    released_bytes(py, || groth16::setup(r1cs, entropy).map_err(text))
}

#[pyfunction]
#[pyo3(signature = (vk, public_inputs, proof, /))]
fn groth16_verify(py: Python<'_>, vk: &[u8], public_inputs: &[u8], proof: &[u8]) -> PyResult<bool> {
    released(py, || groth16::verify(vk, public_inputs, proof).map_err(text))
}

#[pyfunction]
#[pyo3(signature = (vk, public_inputs, proofs, entropy, /))]
fn groth16_verify_all(
    py: Python<'_>,
    vk: &[u8],
    public_inputs: &[u8],
    proofs: &[u8],
    entropy: &[u8],
) -> PyResult<bool> {
    released(py, || groth16::verify_all(vk, public_inputs, proofs, entropy).map_err(text))
}

#[pyfunction]
#[pyo3(signature = (r1cs, witness, /))]
fn r1cs_check(py: Python<'_>, r1cs: &[u8], witness: &[u8]) -> PyResult<Vec<usize>> {
    released(py, || {
        let witness = Secrets(decode(witness)?);
        R1cs::parse(r1cs).and_then(|r1cs| r1cs.violations(&witness.0, MAX_VIOLATIONS)).map_err(text)
    })
}

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::{
        fq2_op, fq_op, fr_op, g1_add, g1_is_valid, g1_msm, g1_mul, g2_add, g2_is_valid, g2_msm, g2_mul,
        groth16_setup, groth16_verify, groth16_verify_all, keccak256, ntt, pairing, pairing_check, poseidon,
        poseidon_many, r1cs_check, ProvingKey, SparseMatrix, Witness, WitnessProgram, WitnessRun,
    };

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
