//! The container of `.r1cs`, `.wtns` and `.zkey`: magic, version, and sections of id, length and content.

use crate::error::Error;

/// A reader that never runs past the end.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (head, tail) = self.bytes.split_at_checked(count).ok_or(Error::Truncated(self.what))?;
        self.bytes = tail;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Error> {
        let (head, tail) = self.bytes.split_first_chunk().ok_or(Error::Truncated(self.what))?;
        self.bytes = tail;
        Ok(head)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(|bytes| u32::from_le_bytes(*bytes))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(|bytes| u64::from_le_bytes(*bytes))
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len()
    }
}

/// The section table of a file.
pub(crate) struct Sections<'a> {
    format: &'static str,
    sections: Vec<(u32, &'a [u8])>,
}

impl<'a> Sections<'a> {
    /// Reads the table of a file with this magic (which is also its extension), this version, sections `1..=last`
    /// in any order, none twice, and nothing after them. What is not understood is refused: it could change the
    /// meaning.
    pub(crate) fn parse(
        bytes: &'a [u8],
        format: &'static str,
        version: u32,
        last: u32,
    ) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, format);
        if reader.array::<4>().ok().map(<[u8; 4]>::as_slice) != Some(format.as_bytes()) {
            return Err(Error::Magic(format));
        }
        if reader.u32()? != version {
            return Err(Error::Version(format));
        }
        let count = reader.u32()?;
        let mut sections: Vec<(u32, &[u8])> = Vec::new();
        for _ in 0..count {
            let id = reader.u32()?;
            if !(1..=last).contains(&id) || sections.iter().any(|section| section.0 == id) {
                return Err(Error::Section(format, id));
            }
            let length = usize::try_from(reader.u64()?).map_err(|_| Error::Truncated(format))?;
            sections.push((id, reader.take(length)?));
        }
        if reader.remaining() != 0 {
            return Err(Error::Trailing(format));
        }
        Ok(Self { format, sections })
    }

    /// The content of a section that must be there.
    pub(crate) fn get(&self, id: u32) -> Result<&'a [u8], Error> {
        let found = self.sections.iter().find(|section| section.0 == id);
        found.map(|section| section.1).ok_or(Error::Section(self.format, id))
    }

    /// Whether a section is absent or holds only zeros: an empty list.
    pub(crate) fn is_empty(&self, id: u32) -> bool {
        self.sections.iter().all(|section| section.0 != id || section.1.iter().all(|byte| *byte == 0))
    }

    /// The content of a section that must be there, with a given length.
    pub(crate) fn sized(&self, id: u32, length: usize) -> Result<&'a [u8], Error> {
        self.get(id).ok().filter(|content| content.len() == length).ok_or(Error::Section(self.format, id))
    }
}

/// Writes a file section by section.
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(magic: &[u8; 4], version: u32, sections: u32, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(magic);
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&sections.to_le_bytes());
        Self { bytes }
    }

    /// Appends a section with what `content` writes.
    pub(crate) fn section(&mut self, id: u32, content: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.extend_from_slice(&id.to_le_bytes());
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 8]);
        content(&mut self.bytes);
        let length = (self.bytes.len() - at - 8) as u64;
        self.bytes[at..at + 8].copy_from_slice(&length.to_le_bytes());
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}
