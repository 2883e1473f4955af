//! The landing zone: a body is staged, then committed under a name that nothing else has.
//!
//! It owns what the write protocol of `FORMAT.md` does to files.

mod content;
mod deflate;
mod directories;
#[expect(clippy::disallowed_methods, reason = "this is the file system's room")]
mod disk;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod packer;
mod sorter;
mod staging;

use std::io;
use std::sync::Arc;

pub use content::{Intake, IntakeError, Limits, unpack};
pub use disk::{DATABASE, DiskError, Entry, Found, Holder, Lock, Met, Removed, Root, Scratch, Seen, Walk, is_leftover};
pub use sorter::{Sorted, Sorter};
pub use staging::{Bytes, Staged, Staging};

use directories::Directories;
use disk::Directory;
use rules::domain::{Digest, Fault, FetchError, LandError};
use rules::name::Names;
use staging::Packed;

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

/// Give a content its place in the landing zone of one directory.
pub struct Zone {
    root: Arc<Root>,
    /// What lies under it, to be read only.
    base: Option<Arc<Root>>,
    directories: Directories,
}

impl Zone {
    /// The zone in that directory.
    pub fn new(root: Arc<Root>) -> Self {
        Self { root, base: None, directories: Directories::default() }
    }

    /// The zone in one directory, to be read, with what is written going to another one.
    pub fn over(root: Arc<Root>, base: Option<Arc<Root>>) -> Self {
        Self { base, ..Self::new(root) }
    }

    /// What a name stands for.
    fn entry(&self, path: &str) -> Result<Entry, DiskError> {
        match (self.root.entry(path)?, &self.base) {
            (Entry::Missing, Some(base)) => base.entry(path),
            (found, _) => Ok(found),
        }
    }

    /// A nameless file for whatever a run has to put somewhere meanwhile.
    pub fn scratch(&self) -> Result<Scratch, DiskError> {
        self.root.scratch()
    }

    /// All files of a source.
    pub fn list(&self, source: &str) -> Result<Vec<Found>, DiskError> {
        let mut files = self.root.list(source)?;
        if let Some(base) = &self.base {
            files.extend(base.list(source)?);
            files.sort_unstable();
            files.dedup_by(|one, other| one.path == other.path);
        }
        Ok(files)
    }

    /// Whether a file of that path and size is there.
    pub fn holds(&self, path: &str, stored_size: u64) -> Result<bool, DiskError> {
        Ok(self.entry(path)? == Entry::File(stored_size))
    }

    /// The identity of a stored file's content; `None` where there is no such file, or it is not whole.
    pub fn identify(&self, path: &str) -> Result<Option<(Digest, u64)>, LandingError> {
        match (self.root.entry(path)?, &self.base) {
            (Entry::Missing, Some(base)) => base.identify(path),
            _ => self.root.identify(path),
        }
    }

    /// Give a staged content its name, durable but for its directory entry, which [`Zone::sync`] settles.
    /// A name that is taken is compared by whole digest: the same content is there, or the next name is tried. `recorded`
    /// says what a file of that path and size is known to hold, so that it need not be read.
    pub fn commit(
        &self,
        staged: Staged,
        names: Names,
        recorded: impl Fn(&str, u64) -> Option<Digest>,
    ) -> Result<Landed, LandingError> {
        let Names { directory: below, candidates } = names;
        let directory = self.directories.open(&self.root, &below)?;
        let digest = staged.digest();
        let mut content = Unplaced::Staged(staged);
        let mut taken = Vec::new();
        for name in candidates {
            let path = format!("{below}/{name}");
            let (found, written) = match self.put(&mut content, &directory, &path, &name)? {
                Some(stored_size) => (Some(stored_size), true),
                None => (self.compare(&path, &digest, &recorded)?, false),
            };
            let Some(stored_size) = found else {
                taken.push(path);
                continue;
            };
            self.directories.count_on(&path);
            return Ok(Landed { path, stored_size, written, taken });
        }
        Err(LandingError::Crowded(below))
    }

    /// Give the content a name that nothing has; the size of its file, or `None` where the name is taken.
    fn put(
        &self,
        content: &mut Unplaced,
        directory: &Directory,
        path: &str,
        name: &str,
    ) -> Result<Option<u64>, LandingError> {
        if self.entry(path)? != Entry::Missing {
            return Ok(None);
        }
        let packed = content.pack(directory)?;
        Ok(directory.link(&mut packed.file, name)?.then_some(packed.stored_size))
    }

    /// Give a content in quarantine a name among these, which it then has in the place of its own: moved and never copied,
    /// so that there is one file at every moment. Where it was moved already, it is found. Its path, and the size of its
    /// file; `None` where nothing holds it. [`Zone::sync`] settles the name.
    pub fn release(
        &self,
        quarantined: &str,
        names: Names,
        digest: &Digest,
    ) -> Result<Option<(String, u64)>, LandingError> {
        let Names { directory: below, candidates } = names;
        let directory = self.directories.open(&self.root, &below)?;
        let there = self.root.identify(quarantined)?.is_some_and(|(found, _)| found == *digest);
        for name in candidates {
            let path = format!("{below}/{name}");
            let moved =
                there && self.entry(&path)? == Entry::Missing && self.root.give(quarantined, &directory, &name)?;
            let held = match self.entry(&path)? {
                Entry::File(stored_size) if moved => Some(stored_size),
                _ => self.compare(&path, digest, |_, _| None)?,
            };
            if let Some(stored_size) = held {
                self.directories.count_on(&path);
                return Ok(Some((path, stored_size)));
            }
        }
        if there { Err(LandingError::Crowded(below)) } else { Ok(None) }
    }

    /// Remove a content from quarantine; [`Zone::sync`] settles that. One that is not there is left so.
    pub fn drop_quarantined(&self, quarantined: &str) -> Result<(), LandingError> {
        if self.root.remove(quarantined)? {
            self.directories.count_on(quarantined);
        }
        Ok(())
    }

    /// Erase a file that landed; [`Zone::sync`] settles that, and settles it again where it is gone already.
    pub fn erase(&self, recorded: &str) -> Result<Removed, LandingError> {
        let removed = self.root.erase(recorded)?;
        if removed != Removed::NoDirectory {
            self.directories.count_on(recorded);
        }
        Ok(removed)
    }

    /// The size of the file there, if it holds that content. What cannot be read is other content: it is left alone.
    fn compare(
        &self,
        path: &str,
        digest: &Digest,
        recorded: impl Fn(&str, u64) -> Option<Digest>,
    ) -> Result<Option<u64>, LandingError> {
        let Entry::File(stored_size) = self.entry(path)? else { return Ok(None) };
        let found = recorded(path, stored_size);
        let found = found.or_else(|| Some(self.identify(path).unwrap_or(None)?.0));
        Ok((found.as_ref() == Some(digest)).then_some(stored_size))
    }

    /// Whether the name of a directory, and all names above it, are known to be durable.
    pub fn is_settled(&self, directory: &str) -> bool {
        self.directories.is_settled(directory)
    }

    /// An earlier run counted on a file in this directory, and made its name durable with all names above it.
    pub fn settle(&self, directory: &str) {
        self.directories.settle(directory);
    }

    /// Have the next [`Zone::sync`] make a file's name durable.
    pub fn count_on(&self, path: &str) {
        self.directories.count_on(path);
    }

    /// Make the names that were counted on durable. After an error every later call fails too.
    pub fn sync(&self) -> Result<(), LandingError> {
        Ok(self.directories.sync(&self.root)?)
    }
}

/// A content that has no name yet. It is packed once, whichever name it gets.
enum Unplaced {
    Staged(Staged),
    Packed(Packed),
    /// Packing it failed.
    Lost,
}

impl Unplaced {
    fn pack(&mut self, directory: &Directory) -> Result<&mut Packed, LandingError> {
        if let Self::Staged(_) = self
            && let Self::Staged(staged) = std::mem::replace(self, Self::Lost)
        {
            *self = Self::Packed(staged.pack(directory)?);
        }
        match self {
            Self::Packed(packed) => Ok(packed),
            Self::Staged(_) | Self::Lost => Err(crate::disk::gone("a content that could not be packed").into()),
        }
    }
}
