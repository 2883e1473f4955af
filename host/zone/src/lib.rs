//! The landing zone: a body is staged, then committed under a name that nothing else has.
//!
//! It owns what the write protocol of `FORMAT.md` does to files. It must not know where a body comes from, nor what the
//! state says of it; `run` brings the two together.

#[expect(clippy::disallowed_methods, reason = "this is the file system's room")]
mod disk;
mod gzip;
#[cfg(any(test, fuzzing))]
pub mod invariants;

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use disk::{DATABASE, DiskError, Entry, Found, Lock, is_leftover};
pub use gzip::{IntakeError, Limits};

use disk::{Directory, Root, Scratch, Unnamed};
use gzip::{Content, Intake, Packing};
use rules::domain::{Digest, Fault, FetchError, LandError};
use rules::name::{EntityTag, Place};

/// Bodies up to this many bytes are held in memory while it is decided whether they are new.
const HELD: usize = 256 * 1024;

/// Why a body could not be staged or committed.
#[derive(Debug, thiserror::Error)]
pub enum LandingError {
    /// The body is not what it should be.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The zone could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// As [`LandingError::Disk`], while content was moved.
    #[error("cannot {0}: {1}")]
    Io(&'static str, #[source] io::Error),
    /// Every name for this content is taken by something else.
    #[error("every name for this content is taken in {0}; move away what does not belong there")]
    Crowded(String),
}

impl From<LandingError> for LandError {
    fn from(error: LandingError) -> Self {
        match error {
            LandingError::Intake(IntakeError::TooLarge(limit)) => FetchError::TooLarge(limit).into(),
            LandingError::Intake(error) => FetchError::Protocol(error.to_string()).into(),
            error => Fault::new(error).into(),
        }
    }
}

/// A body on its way. Memory stays constant: a larger body's bytes go to a nameless file, since compressing what
/// turns out unchanged would cost more than writing it.
pub struct Staging {
    intake: Intake,
    bytes: Held,
}

impl Staging {
    /// A body of which nothing came yet.
    pub fn new(limits: Limits) -> Self {
        Self { intake: Intake::new(limits), bytes: Held::Memory(Vec::new()) }
    }

    /// Take the next chunk.
    pub fn push(&mut self, zone: &Zone, chunk: &[u8]) -> Result<(), LandingError> {
        let write = |error| LandingError::Io("write a temporary file in the landing directory", error);
        self.intake.push(chunk)?;
        match &mut self.bytes {
            Held::Memory(held) if held.len() + chunk.len() <= HELD => held.extend_from_slice(chunk),
            Held::Memory(held) => {
                let mut file = zone.root.scratch()?;
                file.write_all(held).and_then(|()| file.write_all(chunk)).map_err(write)?;
                self.bytes = Held::Scratch(file);
            }
            Held::Scratch(file) => file.write_all(chunk).map_err(write)?,
        }
        Ok(())
    }

    /// The body is over.
    pub fn finish(self) -> Result<Staged, IntakeError> {
        Ok(Staged { content: self.intake.finish()?, bytes: self.bytes })
    }
}

/// A whole body, looked at, not yet in the zone.
pub struct Staged {
    content: Content,
    bytes: Held,
}

enum Held {
    Memory(Vec<u8>),
    Scratch(Scratch),
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
    fn pack(&mut self, directory: &Directory) -> Result<Packed, LandingError> {
        let write = |error| LandingError::Io("write a new file", error);
        let file = directory.unnamed()?;
        let input: Box<dyn Read + '_> = match &mut self.bytes {
            Held::Memory(held) => Box::new(Cursor::new(held)),
            Held::Scratch(scratch) => Box::new(scratch.reader()),
        };
        let mut output = io::BufWriter::with_capacity(128 * 1024, file.writer());
        match self.content.packing {
            Packing::Compress => gzip::compress(input, &mut output),
            Packing::Repack => gzip::repack(input, &mut output),
            Packing::AsItCame => gzip::copy(input, &mut output),
        }
        .and_then(|()| output.flush())
        .map_err(write)?;
        drop(output);
        file.sync()?;
        let stored_size = file.size().map_err(write)?;
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
    /// Directories that got a file, each opened once: what somebody puts in its place meanwhile is not written to.
    directories: Mutex<HashMap<String, Arc<Directory>>>,
    unsynced: Mutex<Unsynced>,
}

#[derive(Default)]
struct Unsynced {
    /// Directories whose entries count for this run and were not synced since.
    directories: BTreeSet<String>,
    /// Whether a sync failed. What it should have made durable is lost to a second one.
    failed: bool,
}

impl Zone {
    /// Open a landing directory, making it where it is missing.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        Ok(Self { root: Root::open(path)?, directories: Mutex::default(), unsynced: Mutex::default() })
    }

    /// What kind of network file system it is on; `None` for a local one.
    pub fn network_file_system(&self) -> Result<Option<&'static str>, DiskError> {
        self.root.network_file_system()
    }

    /// Take an extractor's lock; `None` where another run holds it.
    pub fn lock(&self, extractor: &str) -> Result<Option<Lock>, DiskError> {
        self.root.lock(extractor, false)
    }

    /// Take the zone's own lock, shared by all runs, or alone for a repair; `None` where the other kind holds it.
    pub fn lock_zone(&self, alone: bool) -> Result<Option<Lock>, DiskError> {
        // No extractor's name begins with a dot.
        self.root.lock(".zone", !alone)
    }

    /// Everything in the landing directory but directories, the state database and the locks.
    pub fn walk(&self) -> Result<Vec<(String, Entry)>, DiskError> {
        self.root.walk()
    }

    /// Rename the database and its side files, so that another can take its place; the database's new path.
    pub fn set_database_aside(&self, suffix: &str) -> Result<PathBuf, DiskError> {
        let name = |side: &str| format!("{DATABASE}{side}");
        for side in ["-journal", "-wal", "-shm"] {
            self.root.rename(&name(side), &format!("{}.{suffix}{side}", name("")))?;
        }
        let aside = format!("{}.{suffix}", name(""));
        self.root.rename(&name(""), &aside)?;
        self.root.sync("")?;
        Ok(self.root.path().join(aside))
    }

    /// Remove what killed runs left in a directory; how many files that were.
    pub fn sweep(&self, directory: &str) -> Result<usize, DiskError> {
        self.root.sweep(directory)
    }

    /// Where the state database is.
    pub fn database(&self) -> PathBuf {
        self.root.path().join(DATABASE)
    }

    /// All files of a source.
    pub fn list(&self, source: &str) -> Result<Vec<Found>, DiskError> {
        self.root.list(source)
    }

    /// Whether a file of that path and size is there.
    pub fn holds(&self, path: &str, stored_size: u64) -> Result<bool, DiskError> {
        Ok(self.root.entry(path)? == Entry::File(stored_size))
    }

    /// The identity of a stored file's content; `None` where there is no such file, or it is not whole.
    pub fn identify(&self, path: &str) -> Result<Option<(Digest, u64)>, LandingError> {
        match self.root.file(path)? {
            Some(file) => gzip::identify(file).map_err(|error| LandingError::Io("read a landed file", error)),
            None => Ok(None),
        }
    }

    /// Give a staged content its name, durable but for its directory entry, which [`Zone::sync`] settles.
    /// A name that is taken is compared by whole digest: the same content is there, or the next name is tried.
    pub fn commit(&self, mut staged: Staged, place: &Place, tag: Option<&EntityTag>) -> Result<Landed, LandingError> {
        let below = place.directory(tag.is_some());
        let directory = self.directory(&below)?;
        let digest = staged.digest();
        let mut packed: Option<Packed> = None;
        let mut taken = Vec::new();
        for name in place.candidates(tag, &digest) {
            let path = format!("{below}/{name}");
            if self.root.entry(&path)? == Entry::Missing {
                let packed = match &mut packed {
                    Some(packed) => packed,
                    None => packed.insert(staged.pack(&directory)?),
                };
                if directory.link(&mut packed.file, &name)? {
                    self.count_on(&path);
                    return Ok(Landed { path, stored_size: packed.stored_size, written: true, taken });
                }
            }
            // What cannot be read is other content: it is left alone like any other.
            if let Entry::File(stored_size) = self.root.entry(&path)?
                && self.identify(&path).unwrap_or(None).is_some_and(|(found, _)| found == digest)
            {
                self.count_on(&path);
                return Ok(Landed { path, stored_size, written: false, taken });
            }
            taken.push(path);
        }
        Err(LandingError::Crowded(below))
    }

    fn directory(&self, path: &str) -> Result<Arc<Directory>, DiskError> {
        let mut directories = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = directories.get(path) {
            return Ok(Arc::clone(directory));
        }
        let directory = Arc::new(self.root.directory(path)?);
        directories.insert(path.to_owned(), Arc::clone(&directory));
        Ok(directory)
    }

    /// Have the next [`Zone::sync`] make a file's name durable, and the directories above it: whoever made them may
    /// have been killed before syncing.
    pub fn count_on(&self, path: &str) {
        let mut unsynced = self.unsynced();
        let mut above = path;
        while let Some((directory, _)) = above.rsplit_once('/') {
            unsynced.directories.insert(directory.to_owned());
            above = directory;
        }
        unsynced.directories.insert(String::new());
    }

    /// Make the names that were counted on durable. After an error every later call fails too.
    pub fn sync(&self) -> Result<(), LandingError> {
        let mut unsynced = self.unsynced();
        if unsynced.failed {
            return Err(LandingError::Io("sync", io::Error::other("an earlier sync failed")));
        }
        let opened = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        let synced = unsynced.directories.iter().try_for_each(|path| match opened.get(path) {
            Some(directory) => directory.sync(),
            None => self.root.sync(path),
        });
        unsynced.failed = synced.is_err();
        unsynced.directories.clear();
        Ok(synced?)
    }

    fn unsynced(&self) -> std::sync::MutexGuard<'_, Unsynced> {
        // It is whole after every statement, so a panic elsewhere does not spoil it.
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
