//! The landing zone: a body is staged, then committed under a name that nothing else has.
//!
//! It owns what the write protocol of `FORMAT.md` does to files.

#[cfg(test)]
mod conformance;
mod content;
mod deflate;
mod directories;
#[expect(clippy::disallowed_methods, reason = "this is the file system's room")]
mod disk;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod local;
mod packer;
mod shelf;
mod sorter;
mod staging;
mod stored;

use std::io::{self, Read};
use std::sync::Arc;

pub use content::{Intake, IntakeError, Limits, unpack};
pub use disk::{DATABASE, DiskError, Entry, Found, Holder, Lock, Met, Removed, Root, Scratch, Seen, Walk, is_leftover};
pub use packer::pack;
pub use sorter::{Sorted, Sorter};
pub use staging::{Bytes, Likely, Staged, Staging};
pub use stored::STATES;

use local::Local;
use objects::{Objects, ObjectsError};
use rules::domain::{Digest, Fault, FetchError, LandError};
use rules::name::Names;
use shelf::{Shelf, Unplaced};
use staging::Packed;
use stored::Stored;

/// Why a body could not be staged or committed.
#[derive(Debug, thiserror::Error)]
pub enum LandingError {
    /// The body is not what it should be.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The zone could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The object store did not do as it was asked.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
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

/// What became of a file of another zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// It has its name here.
    Written,
    /// It had it already.
    There,
    /// Something else has its name.
    Taken,
    /// It does not hold what is recorded.
    Altered,
    /// It is not there any more.
    Gone,
}

/// Give a content its place in a landing zone: in a directory of this machine, or in an object store.
pub struct Zone {
    shelf: Box<dyn Shelf>,
    /// Where bodies are kept until it is decided what becomes of them: the landing directory, or one of the run's own.
    spool: Arc<Root>,
}

impl Zone {
    /// The zone in that directory.
    pub fn new(root: Arc<Root>) -> Self {
        Self::over(root, None)
    }

    /// The zone in a directory that lies over another zone, which is only read.
    pub fn over(root: Arc<Root>, base: Option<Self>) -> Self {
        let shelf = Local::new(Arc::clone(&root), base.map(|base| base.shelf));
        Self { shelf: Box::new(shelf), spool: root }
    }

    /// The zone in an object store; what it has to put somewhere meanwhile goes into a directory of this machine.
    pub fn stored(objects: Arc<Objects>, spool: Arc<Root>) -> Self {
        let shelf = Stored::new(objects, Arc::clone(&spool));
        Self { shelf: Box::new(shelf), spool }
    }

    /// A nameless file for whatever a run has to put somewhere meanwhile.
    pub fn scratch(&self) -> Result<Scratch, DiskError> {
        self.spool.scratch()
    }

    /// All files of a source, in the order of their paths.
    pub fn list(&self, source: &str) -> Result<Vec<Found>, LandingError> {
        self.shelf.list(source)
    }

    /// Whether a file of that path and size is there.
    pub fn holds(&self, path: &str, stored_size: u64) -> Result<bool, LandingError> {
        self.shelf.holds(path, stored_size)
    }

    /// Everything in it but what the host keeps there for itself, in the order of paths.
    pub fn walk(&self) -> Result<impl Iterator<Item = Result<Seen, LandingError>> + Send + '_, LandingError> {
        self.shelf.walk()
    }

    /// What a name stands for.
    pub fn entry(&self, path: &str) -> Result<Entry, LandingError> {
        self.shelf.entry(path)
    }

    /// A file, to be read as it is stored; `None` where there is none.
    pub fn read(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, LandingError> {
        self.shelf.read(path)
    }

    /// The identity of a stored file's content; `None` where there is no such file, or it is not whole.
    pub fn identify(&self, path: &str) -> Result<Option<(Digest, u64)>, LandingError> {
        self.shelf.identify(path)
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
        let digest = staged.digest();
        let mut content = Unplaced::Staged(staged);
        let mut taken = Vec::new();
        for name in candidates {
            let path = format!("{below}/{name}");
            let (found, written) = match self.shelf.put(&mut content, &below, &name)? {
                Some(stored_size) => (Some(stored_size), true),
                None => (self.compare(&path, &digest, &recorded)?, false),
            };
            let Some(stored_size) = found else {
                taken.push(path);
                continue;
            };
            self.shelf.count_on(&path);
            return Ok(Landed { path, stored_size, written, taken });
        }
        Err(LandingError::Crowded(below))
    }

    /// Give a file of another zone its name here, as it is stored there. `recorded` is what it has to hold.
    pub fn adopt(
        &self,
        path: &str,
        file: Box<dyn Read + Send>,
        recorded: Option<Digest>,
    ) -> Result<Adopted, LandingError> {
        let Some((below, name)) = path.rsplit_once('/') else { return Ok(Adopted::Taken) };
        if let (Entry::File(_), Some(recorded)) = (self.entry(path)?, recorded)
            && self.identify(path)?.is_some_and(|(found, _)| found == recorded)
        {
            self.shelf.count_on(path);
            return Ok(Adopted::There);
        }
        let mut content = Unplaced::Packed(Packed::copy(file, self.shelf.file(below)?)?);
        let Unplaced::Packed(packed) = &content else { return Ok(Adopted::Gone) };
        let held = content::identify(packed.file.reader()).map_err(|error| LandingError::Io("read the copy", error))?;
        let held = held.map(|(digest, _)| digest);
        if recorded.is_some() && held != recorded {
            return Ok(Adopted::Altered);
        }
        let given = self.shelf.put(&mut content, below, name)?.is_some();
        if !given && (held.is_none() || self.identify(path)?.map(|(digest, _)| digest) != held) {
            return Ok(Adopted::Taken);
        }
        self.shelf.count_on(path);
        Ok(if given { Adopted::Written } else { Adopted::There })
    }

    /// Give a content in quarantine a name among these, which it then has in the place of its own. Where it was moved
    /// already, it is found. Its path, and the size of its file; `None` where nothing holds it. [`Zone::sync`] settles the
    /// name.
    pub fn release(
        &self,
        quarantined: &str,
        names: Names,
        digest: &Digest,
    ) -> Result<Option<(String, u64)>, LandingError> {
        let Names { directory: below, candidates } = names;
        let there = self.shelf.identify(quarantined)?.is_some_and(|(found, _)| found == *digest);
        for name in candidates {
            let path = format!("{below}/{name}");
            let moved =
                there && self.shelf.entry(&path)? == Entry::Missing && self.shelf.give(quarantined, &below, &name)?;
            let held = match self.shelf.entry(&path)? {
                Entry::File(stored_size) if moved => Some(stored_size),
                _ => self.compare(&path, digest, |_, _| None)?,
            };
            if let Some(stored_size) = held {
                self.shelf.count_on(&path);
                return Ok(Some((path, stored_size)));
            }
        }
        if there { Err(LandingError::Crowded(below)) } else { Ok(None) }
    }

    /// Remove a content from quarantine; [`Zone::sync`] settles that. One that is not there is left so.
    pub fn drop_quarantined(&self, quarantined: &str) -> Result<(), LandingError> {
        self.shelf.drop_quarantined(quarantined)
    }

    /// Erase a file that landed; [`Zone::sync`] settles that, and settles it again where it is gone already.
    pub fn erase(&self, recorded: &str) -> Result<Removed, LandingError> {
        self.shelf.erase(recorded)
    }

    /// Remove what a killed run left, unless somebody still holds it; whether it was removed.
    pub fn sweep(&self, leftover: &str) -> Result<bool, LandingError> {
        self.shelf.sweep(leftover)
    }

    /// The size of the file there, if it holds that content. What cannot be read is other content: it is left alone.
    fn compare(
        &self,
        path: &str,
        digest: &Digest,
        recorded: impl Fn(&str, u64) -> Option<Digest>,
    ) -> Result<Option<u64>, LandingError> {
        let Entry::File(stored_size) = self.shelf.entry(path)? else { return Ok(None) };
        let found = recorded(path, stored_size);
        let found = found.or_else(|| Some(self.identify(path).unwrap_or(None)?.0));
        Ok((found.as_ref() == Some(digest)).then_some(stored_size))
    }

    /// Whether the name of a directory, and all names above it, are known to be durable.
    pub fn is_settled(&self, directory: &str) -> bool {
        self.shelf.is_settled(directory)
    }

    /// An earlier run counted on a file in this directory, and made its name durable with all names above it.
    pub fn settle(&self, directory: &str) {
        self.shelf.settle(directory);
    }

    /// Have the next [`Zone::sync`] make a file's name durable.
    pub fn count_on(&self, path: &str) {
        self.shelf.count_on(path);
    }

    /// Make the names that were counted on durable. After an error every later call fails too.
    pub fn sync(&self) -> Result<(), LandingError> {
        self.shelf.sync()
    }
}
