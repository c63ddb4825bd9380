//! BN254 arithmetic and Groth16, std only: fields, curve, pairing, transforms, multi-scalar
//! multiplication, Poseidon, and the file formats of the field's tools.
//!
//! The crate knows nothing of margin, and nothing of Python.

pub mod field;
pub mod fq;
pub mod fr;

