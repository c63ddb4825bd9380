//! `.wtns` (snarkjs, version 2): the values of all wires.

use crate::binfile::{Reader, Sections, Writer};
use crate::error::Error;
use crate::field::bytes_of_limbs;
use crate::fr::Fr;

const FORMAT: &str = "wtns";

/// Reads the values of all wires.
pub fn parse(bytes: &[u8]) -> Result<Vec<Fr>, Error> {
    let sections = Sections::parse(bytes, FORMAT, 2, 2)?;
    let mut header = Reader::new(sections.get(1)?, "wtns header");
    if header.u32()? != 32 || header.array::<32>()? != &bytes_of_limbs(&Fr::MODULUS) {
        return Err(Error::Curve(FORMAT));
    }
    let count = header.u32()? as usize;
    if header.remaining() != 0 {
        return Err(Error::Inconsistent("wtns header"));
    }
    let values = sections.sized(2, count.checked_mul(32).ok_or(Error::Inconsistent("wtns header"))?)?;
    crate::bytes::fr_from_bytes(values, "wtns value")
}

/// The file of a witness.
pub fn write(values: &[Fr]) -> Vec<u8> {
    let mut writer = Writer::new(b"wtns", 2, 2, 76 + 32 * values.len());
    writer.section(1, |out| {
        out.extend_from_slice(&32u32.to_le_bytes());
        out.extend_from_slice(&bytes_of_limbs(&Fr::MODULUS));
        out.extend_from_slice(&(values.len() as u32).to_le_bytes());
    });
    writer.section(2, |out| values.iter().for_each(|value| out.extend_from_slice(&value.to_bytes_le())));
    writer.finish()
}
