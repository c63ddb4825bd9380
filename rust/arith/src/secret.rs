//! Memory that holds secrets is overwritten before it is given back.

use std::sync::atomic::{compiler_fence, Ordering};

use crate::fr::Fr;

/// Overwrites `values` with zeros, in a way that the compiler does not remove as useless.
pub fn wipe(values: &mut [Fr]) {
    for value in values.iter_mut() {
        // SAFETY: the pointer comes from a unique reference to an initialised, aligned `Fr`, a plain `Copy` type.
        unsafe { std::ptr::write_volatile(value, Fr::ZERO) };
    }
    compiler_fence(Ordering::SeqCst);
}

/// The same for bytes.
pub fn wipe_bytes(bytes: &mut [u8]) {
    for byte in bytes.iter_mut() {
        // SAFETY: as above, for `u8`.
        unsafe { std::ptr::write_volatile(byte, 0) };
    }
    compiler_fence(Ordering::SeqCst);
}

/// The values of all wires of a circuit. Shows nothing of them, and overwrites them when dropped.
pub struct Witness {
    wires: Vec<Fr>,
}

impl Witness {
    /// Takes over the values; wire 0 is one by convention, which the proof system checks.
    #[must_use]
    pub fn new(wires: Vec<Fr>) -> Self {
        Self { wires }
    }

    /// The values, wire 0 first.
    #[must_use]
    pub fn wires(&self) -> &[Fr] {
        &self.wires
    }

    pub(crate) fn wires_mut(&mut self) -> &mut [Fr] {
        &mut self.wires
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        wipe(&mut self.wires);
    }
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Witness(..)")
    }
}
