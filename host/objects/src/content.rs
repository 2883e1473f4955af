//! What is written: bytes of the memory, or those of a file, which take no memory of their own.

use std::fs::File;
use std::io;
use std::ops::Range;

use bytes::Bytes;

/// The bytes of an object to be.
#[derive(Debug, Clone)]
pub struct Content(pub(crate) Bytes);

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl Content {
    /// All of a file that has no name and that nobody writes to any more.
    pub fn of_file(file: &File) -> io::Result<Self> {
        Ok(Self(map(file, 0..file.metadata()?.len())?))
    }

    /// The bytes, to be read.
    pub fn reader(&self) -> impl io::Read {
        io::Cursor::new(self.0.clone())
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Bytes of a file that has no name, where nobody writes any more.
pub(crate) fn map(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    // A map of nothing is refused by the system.
    if range.is_empty() {
        return Ok(Bytes::new());
    }
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    // SAFETY: a map is undefined behaviour where the file changes under it. This one has no name, so that nobody else
    // can open it, and whoever made it is done with these bytes.
    #[expect(unsafe_code, reason = "the only way to send a file of any size in constant memory")]
    let map = unsafe { memmap2::MmapOptions::new().offset(range.start).len(length).map(file)? };
    Ok(Bytes::from_owner(map))
}
