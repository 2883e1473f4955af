//! The files of a zip that is in memory.

use std::io::Read as _;

use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive};

/// Most files in one.
const MAX_FILES: usize = 10_000;

/// The contents of all files, in their order; `most` is how many bytes they may have together.
pub(super) fn files(body: &[u8], most: u64) -> Result<Vec<Vec<u8>>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("its body is no zip: {error}");
    let archive = ZipArchive::from_slice(body).map_err(|error| failed(&error))?;
    let (mut files, mut left) = (Vec::new(), most);
    for entry in archive.entries() {
        let entry = entry.map_err(|error| failed(&error))?;
        if entry.is_dir() {
            continue;
        }
        if files.len() >= MAX_FILES {
            return Err(format!("its body is a zip of more than {MAX_FILES} files"));
        }
        let method = entry.compression_method();
        let found = archive.get_entry(entry.wayfinder()).map_err(|error| failed(&error))?;
        let mut bytes = Vec::new();
        let mut verified = match method {
            CompressionMethod::Store => Packed::Stored(found.verifying_reader(found.data())),
            CompressionMethod::Deflate => Packed::Deflated(found.verifying_reader(DeflateDecoder::new(found.data()))),
            other => return Err(format!("its body is a zip with a file packed by {other:?}")),
        };
        let read = match &mut verified {
            Packed::Stored(reader) => reader.take(left + 1).read_to_end(&mut bytes),
            Packed::Deflated(reader) => reader.take(left + 1).read_to_end(&mut bytes),
        };
        read.map_err(|error| failed(&error))?;
        left = left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| format!("its body unpacks to more than {} MiB", most >> 20))?;
        files.push(bytes);
    }
    Ok(files)
}

enum Packed<Stored, Deflated> {
    Stored(Stored),
    Deflated(Deflated),
}
