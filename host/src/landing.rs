//! The landing zone: a body is staged, then committed under a name that nothing else has.
//!
//! It owns the write protocol of `FORMAT.md`, steps 3 to 8. It must not know where a body comes from, nor what the
//! state says of it; `run` brings the two together.

mod disk;
mod gzip;
mod name;

use std::collections::HashMap;
use std::io::{self, Cursor, Read, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

pub use disk::{DiskError, Found, Lock};
pub use gzip::{IntakeError, Limits};
pub use name::{EntityTag, Place, check_name};

use crate::domain::Digest;
use disk::{Directory, Root, Unnamed};
use gzip::{Content, Intake, Packing};

/// Bodies up to this many bytes are held in memory while it is decided whether they are new.
const HELD: usize = 1024 * 1024;

/// Why a body could not be staged or committed.
#[derive(Debug, thiserror::Error)]
pub enum LandingError<E> {
    /// The body broke off; the error is the source's own.
    #[error(transparent)]
    Source(E),
    /// The body is not what it should be.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The zone could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// As [`LandingError::Disk`], while content was moved.
    #[error("cannot {0}: {1}")]
    Io(&'static str, io::Error),
    /// Every name for this content is taken by something else.
    #[error("every name for this content is taken in {0}: run `sha256sum` over what is there")]
    Crowded(String),
}

/// A whole body, looked at, not yet in the zone.
pub struct Staged {
    content: Content,
    bytes: Held,
}

enum Held {
    Memory(Vec<u8>),
    Scratch(std::fs::File),
}

impl Staged {
    /// Over the content before compression.
    pub fn digest(&self) -> Digest {
        self.content.digest
    }

    /// Bytes before compression.
    pub fn size(&self) -> u64 {
        self.content.size
    }

    /// Write the file that will be linked into `directory`, and make its content durable.
    fn pack<E>(&mut self, directory: &Directory) -> Result<Packed, LandingError<E>> {
        let write = |error| LandingError::Io("write a new file", error);
        let mut file = directory.unnamed()?;
        let input: Box<dyn Read + '_> = match &mut self.bytes {
            Held::Memory(held) => Box::new(Cursor::new(held)),
            Held::Scratch(scratch) => {
                scratch.rewind().map_err(write)?;
                Box::new(scratch)
            }
        };
        let mut output = io::BufWriter::with_capacity(128 * 1024, file.file());
        match self.content.packing {
            Packing::Compress => gzip::compress(input, &mut output),
            Packing::Repack => gzip::repack(input, &mut output),
            Packing::AsItCame => gzip::copy(input, &mut output),
        }
        .and_then(|()| output.flush())
        .map_err(write)?;
        drop(output);
        file.sync()?;
        let stored_size = file.file().metadata().map_err(write)?.len();
        Ok(Packed { file, stored_size })
    }
}

/// A file that is whole and durable, and has no name yet.
struct Packed {
    file: Unnamed,
    stored_size: u64,
}

/// A content that is in the zone.
#[derive(Debug)]
pub struct Landed {
    /// Below the root.
    pub path: String,
    /// Bytes of the file.
    pub stored_size: u64,
    /// Whether this call wrote it; else it was there.
    pub written: bool,
    /// Names that hold other content, or something unreadable.
    pub taken: Vec<String>,
}

/// The landing zone of one directory.
pub struct Zone {
    root: Root,
    /// Directories that got a file and were not synced since.
    unsynced: Mutex<HashMap<String, Arc<Directory>>>,
}

impl Zone {
    /// Open a landing directory, making it where it is missing.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        Ok(Self { root: Root::open(path)?, unsynced: Mutex::default() })
    }

    /// Take an extractor's lock; `None` where another run holds it.
    pub fn lock(&self, extractor: &str) -> Result<Option<Lock>, DiskError> {
        self.root.lock(extractor)
    }

    /// Where the state database is.
    pub fn database(&self) -> PathBuf {
        self.root.path().join(".state.sqlite")
    }

    /// All files of a source.
    pub fn list(&self, source: &str) -> Result<Vec<Found>, DiskError> {
        self.root.list(source)
    }

    /// Whether a file of that path and size is there.
    pub fn holds(&self, path: &str, stored_size: Option<u64>) -> Result<bool, DiskError> {
        let found = self.root.size(path)?;
        Ok(found.is_some() && (stored_size.is_none() || found == stored_size))
    }

    /// The identity of a stored file's content; `None` where there is no such file, or it is not whole.
    pub fn identify<E>(&self, path: &str) -> Result<Option<(Digest, u64)>, LandingError<E>> {
        match self.root.file(path)? {
            Some(file) => gzip::identify(file).map_err(|error| LandingError::Io("read a landed file", error)),
            None => Ok(None),
        }
    }

    /// Take a body to its end and look at it: what it is, and its digest. Memory stays constant: beyond a megabyte
    /// the bytes go to a nameless file, since compressing what turns out unchanged would cost more than writing it.
    pub fn stage<E>(
        &self,
        body: impl Iterator<Item = Result<Bytes, E>>,
        limits: Limits,
    ) -> Result<Staged, LandingError<E>> {
        let write = |error| LandingError::Io("write a temporary file in the landing directory", error);
        let mut intake = Intake::new(limits);
        let mut bytes = Held::Memory(Vec::new());
        for chunk in body {
            let chunk = chunk.map_err(LandingError::Source)?;
            intake.push(&chunk)?;
            match &mut bytes {
                Held::Memory(held) if held.len() + chunk.len() <= HELD => held.extend_from_slice(&chunk),
                Held::Memory(held) => {
                    let mut file = self.root.scratch()?;
                    file.write_all(held).and_then(|()| file.write_all(&chunk)).map_err(write)?;
                    bytes = Held::Scratch(file);
                }
                Held::Scratch(file) => file.write_all(&chunk).map_err(write)?,
            }
        }
        Ok(Staged { content: intake.finish()?, bytes })
    }

    /// Give a staged content its name, durable but for its directory entry, which [`Zone::sync`] settles.
    /// A name that is taken is compared by whole digest: the same content is there, or the next name is tried.
    pub fn commit<E>(
        &self,
        mut staged: Staged,
        place: &Place,
        tag: Option<&EntityTag>,
    ) -> Result<Landed, LandingError<E>> {
        let below = place.directory(tag.is_some());
        let directory = Arc::new(self.root.directory(&below)?);
        let digest = staged.digest();
        let mut packed: Option<Packed> = None;
        let mut taken = Vec::new();
        for name in place.candidates(tag, &digest) {
            let path = format!("{below}/{name}");
            if self.root.size(&path)?.is_none() {
                let packed = match &mut packed {
                    Some(packed) => packed,
                    None => packed.insert(staged.pack(&directory)?),
                };
                if directory.link(&mut packed.file, &name)? {
                    self.lock_unsynced().insert(below, directory);
                    return Ok(Landed { path, stored_size: packed.stored_size, written: true, taken });
                }
            }
            // What cannot be read is other content: it is left alone like any other.
            if self.identify::<E>(&path).unwrap_or(None).is_some_and(|(found, _)| found == digest) {
                let stored_size = self.root.size(&path)?.unwrap_or_default();
                return Ok(Landed { path, stored_size, written: false, taken });
            }
            taken.push(path);
        }
        Err(LandingError::Crowded(below))
    }

    /// Make the names of all files committed so far durable.
    pub fn sync(&self) -> Result<(), DiskError> {
        let unsynced = std::mem::take(&mut *self.lock_unsynced());
        unsynced.values().try_for_each(|directory| directory.sync())
    }

    fn lock_unsynced(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Directory>>> {
        // The map is whole after every statement, so a panic elsewhere does not spoil it.
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
