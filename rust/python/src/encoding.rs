//! The byte encodings of the interface to Python: little-endian, canonical, never in Montgomery form.

use zkmargin_arith::curve::{Affine, Curve};
use zkmargin_arith::field::{Field, FieldParams, Fp};
use zkmargin_arith::fq12::Fq12;
use zkmargin_arith::fq2::Fq2;
use zkmargin_arith::fr::Fr;
use zkmargin_arith::secret::wipe;

/// Why an argument was refused; becomes a `ValueError`. Never holds a value.
pub type Refusal = String;

/// A type with an encoding of fixed length.
pub trait Encoding: Sized {
    /// The length.
    const BYTES: usize;
    /// What a refusal calls the type.
    const NAME: &'static str;
    /// Reads exactly `BYTES` bytes; `None` if they are not canonical.
    fn read(bytes: &[u8]) -> Option<Self>;
    /// Appends the encoding.
    fn write(&self, out: &mut Vec<u8>);
}

impl<P: FieldParams> Encoding for Fp<P> {
    const BYTES: usize = 32;
    const NAME: &'static str = "field element";

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes_le(bytes.try_into().ok()?)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.to_bytes_le());
    }
}

impl Encoding for Fq2 {
    const BYTES: usize = 64;
    const NAME: &'static str = "element of Fq2";

    fn read(bytes: &[u8]) -> Option<Self> {
        let (c0, c1) = bytes.split_at_checked(32)?;
        Some(Self::new(Encoding::read(c0)?, Encoding::read(c1)?))
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.c0.write(out);
        self.c1.write(out);
    }
}

/// The encoding of infinity, zeros, is that of `(0, 0)`, which is how the core holds infinity.
impl<C: Curve> Encoding for Affine<C>
where
    C::Base: Encoding,
{
    const BYTES: usize = 2 * C::Base::BYTES;
    const NAME: &'static str = "point";

    fn read(bytes: &[u8]) -> Option<Self> {
        let (x, y) = bytes.split_at_checked(C::Base::BYTES)?;
        Some(Self { x: Encoding::read(x)?, y: Encoding::read(y)? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.x.write(out);
        self.y.write(out);
    }
}

/// Reads an array.
pub fn decode<T: Encoding>(bytes: &[u8]) -> Result<Vec<T>, Refusal> {
    if !bytes.len().is_multiple_of(T::BYTES) {
        return Err(format!("expected {} bytes for each {}", T::BYTES, T::NAME));
    }
    bytes
        .chunks_exact(T::BYTES)
        .map(|chunk| T::read(chunk).ok_or_else(|| format!("{} is not canonical", T::NAME)))
        .collect()
}

/// Reads one.
pub fn decode_one<T: Encoding>(bytes: &[u8]) -> Result<T, Refusal> {
    if bytes.len() != T::BYTES {
        return Err(format!("expected one {} of {} bytes", T::NAME, T::BYTES));
    }
    T::read(bytes).ok_or_else(|| format!("{} is not canonical", T::NAME))
}

/// Reads points, each on the curve and in the group of order `r`.
pub fn decode_points<C: Curve>(bytes: &[u8]) -> Result<Vec<Affine<C>>, Refusal>
where
    C::Base: Encoding,
{
    let points: Vec<Affine<C>> = decode(bytes)?;
    if points.iter().all(Affine::is_valid) {
        Ok(points)
    } else {
        Err("point is not on the curve or not in its subgroup".to_owned())
    }
}

/// Reads one point, on the curve and in the group of order `r`.
pub fn decode_point<C: Curve>(bytes: &[u8]) -> Result<Affine<C>, Refusal>
where
    C::Base: Encoding,
{
    let point: Affine<C> = decode_one(bytes)?;
    if point.is_valid() {
        Ok(point)
    } else {
        Err("point is not on the curve or not in its subgroup".to_owned())
    }
}

/// Writes an array.
pub fn encode<T: Encoding>(values: &[T]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() * T::BYTES);
    for value in values {
        value.write(&mut out);
    }
    out
}

/// Writes the twelve coefficients over `Fq`.
pub fn encode_fq12(value: &Fq12) -> Vec<u8> {
    encode(&value.to_fq_basis())
}

/// Reads u32 integers.
pub fn decode_u32(bytes: &[u8]) -> Result<Vec<u32>, Refusal> {
    if !bytes.len().is_multiple_of(4) {
        return Err("expected 4 bytes for each index".to_owned());
    }
    Ok(bytes.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect())
}

/// An elementwise operation on two arrays; "inv" ignores the second.
pub fn field_operation<F: Field + Encoding>(operation: &str, a: &[u8], b: &[u8]) -> Result<Vec<u8>, Refusal> {
    let apply: fn(F, F) -> F = match operation {
        "add" => |a, b| a + b,
        "sub" => |a, b| a - b,
        "mul" => |a, b| a * b,
        "inv" => |a, _| a.inverse().unwrap_or(F::ZERO),
        _ => return Err("operation must be add, sub, mul or inv".to_owned()),
    };
    let a: Vec<F> = decode(a)?;
    if operation == "inv" {
        return Ok(encode(&a.iter().map(|a| apply(*a, F::ZERO)).collect::<Vec<_>>()));
    }
    let b: Vec<F> = decode(b)?;
    if a.len() != b.len() {
        return Err("operands have different lengths".to_owned());
    }
    Ok(encode(&a.iter().zip(&b).map(|(a, b)| apply(*a, *b)).collect::<Vec<_>>()))
}

/// Secret elements, wiped when dropped.
pub struct Secrets(pub Vec<Fr>);

impl Drop for Secrets {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}
