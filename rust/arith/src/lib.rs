//! BN254 arithmetic and Groth16, std only: fields, curve, pairing, transforms, multi-scalar
//! multiplication, Poseidon, Keccak, and the file formats of the field's tools.
//!
//! The crate knows nothing of margin, and nothing of Python.

mod binfile;
pub mod bytes;
pub mod curve;
pub mod error;
pub mod field;
pub mod fq;
pub mod fq12;
pub mod fq2;
pub mod fq6;
pub mod fr;
pub mod g1;
pub mod g2;
pub mod groth16;
mod inverse;
pub mod keccak;
mod lanes;
mod memory;
pub mod msm;
pub mod ntt;
pub mod pairing;
pub mod parallel;
pub mod poseidon;
mod product_sum;
pub mod program;
pub mod r1cs;
pub mod secret;
pub mod sparse;
pub mod wtns;
