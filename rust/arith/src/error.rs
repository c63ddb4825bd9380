//! Why the core refuses its input. Messages are short and never contain values.

use std::fmt;

/// A refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// The file does not begin with the magic of its format.
    Magic(&'static str),
    /// The file's version or protocol is not supported.
    Version(&'static str),
    /// The file ends early, or a section is shorter than its content.
    Truncated(&'static str),
    /// Bytes follow the last section.
    Trailing(&'static str),
    /// A section is missing, occurs twice, is not supported, or has the wrong length.
    Section(&'static str, u32),
    /// The file is over another field or curve.
    Curve(&'static str),
    /// A count or an index contradicts the rest of the file.
    Inconsistent(&'static str),
    /// A number is not below its modulus.
    NotCanonical(&'static str),
    /// A point is not on its curve or not in the group.
    InvalidPoint(&'static str),
    /// An argument has the wrong length.
    Length(&'static str),
    /// The entropy gives a value that must not be used.
    Entropy,
    /// The circuit is too large for the field's roots of unity.
    TooLarge,
    /// Wire 0 of a witness is not one.
    ConstantWire,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic(format) => write!(f, "not a .{format} file"),
            Self::Version(format) => write!(f, "unsupported .{format} version or protocol"),
            Self::Truncated(what) => write!(f, "{what}: ends early"),
            Self::Trailing(format) => write!(f, ".{format}: bytes left over"),
            Self::Section(format, id) => {
                write!(f, ".{format}: section {id} missing, repeated, unsupported or of wrong length")
            }
            Self::Curve(format) => write!(f, ".{format}: not over BN254"),
            Self::Inconsistent(what) => write!(f, "{what}: inconsistent"),
            Self::NotCanonical(what) => write!(f, "{what}: not below the modulus"),
            Self::InvalidPoint(what) => write!(f, "{what}: not a point of the group"),
            Self::Length(what) => write!(f, "{what}: wrong length"),
            Self::Entropy => f.write_str("entropy gives a forbidden value"),
            Self::TooLarge => f.write_str("circuit is too large"),
            Self::ConstantWire => f.write_str("witness: wire 0 is not one"),
        }
    }
}

impl std::error::Error for Error {}
