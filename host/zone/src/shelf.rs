//! Where contents have their names: what a landing zone needs of a directory or of an object store.

use std::io::Read;

use objects::{Begun, Content};
use rules::domain::Digest;

use crate::disk::{DiskError, Entry, Found, Removed, Seen, Unnamed};
use crate::staging::{Packed, Staged};
use crate::{LandingError, disk};

/// A place of names, each of which is given once. What it promises stands in `FORMAT.md`; both kinds pass the same suite.
pub(crate) trait Shelf: Send + Sync {
    /// What a name stands for.
    fn entry(&self, path: &str) -> Result<Entry, LandingError>;

    /// Whether a file of that path and size is there, as far as a run knows: it may ask twice.
    fn holds(&self, path: &str, stored_size: u64) -> Result<bool, LandingError> {
        Ok(self.entry(path)? == Entry::File(stored_size))
    }

    /// All files of a source, in the order of their paths. Hidden ones do not count.
    fn list(&self, source: &str) -> Result<Vec<Found>, LandingError>;

    /// Everything below the root but what the host keeps there for itself, in the order of paths.
    fn walk(&self) -> Result<Box<dyn Iterator<Item = Result<Seen, LandingError>> + Send + '_>, LandingError>;

    /// A file, to be read as it is stored; `None` where there is none.
    fn read(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, LandingError>;

    /// The identity of a file's content; `None` where there is no such file, or it is not whole.
    fn identify(&self, path: &str) -> Result<Option<(Digest, u64)>, LandingError>;

    /// A file without a name, for what is to get one below `directory`.
    fn file(&self, directory: &str) -> Result<Unnamed, LandingError>;

    /// Get ready to send what goes into `file` while it is still being made, so that [`Shelf::put`] can give it that name
    /// sooner. Nothing is seen of it before. `None` where there is nothing to send.
    fn begin(&self, _directory: &str, _name: &str, _file: &Unnamed) -> Result<Option<Begun>, LandingError> {
        Ok(None)
    }

    /// Give a content a name below `directory` that nothing has; the size of its file, or `None` where the name is taken.
    fn put(&self, content: &mut Unplaced, directory: &str, name: &str) -> Result<Option<u64>, LandingError>;

    /// Give a file in quarantine such a name in the place of its own; whether it has it now.
    fn give(&self, quarantined: &str, directory: &str, name: &str) -> Result<bool, LandingError>;

    /// Remove a file from quarantine; one that is not there is left so.
    fn drop_quarantined(&self, quarantined: &str) -> Result<(), LandingError>;

    /// Remove a file of a source.
    fn erase(&self, recorded: &str) -> Result<Removed, LandingError>;

    /// Remove what a killed run left, unless somebody still holds it; whether it was removed.
    fn sweep(&self, leftover: &str) -> Result<bool, LandingError>;

    /// Whether the name of a directory, and all names above it, are known to be durable.
    fn is_settled(&self, directory: &str) -> bool;

    /// The name of a directory, and all names above it, are durable.
    fn settle(&self, directory: &str);

    /// Have the next [`Shelf::sync`] make a file's name durable.
    fn count_on(&self, path: &str);

    /// Make the names that were counted on durable. After an error every later call fails too.
    fn sync(&self) -> Result<(), LandingError>;
}

/// A content that has no name yet. It is packed once, whichever name it gets.
pub(crate) enum Unplaced {
    Staged(Staged),
    Packed(Packed),
    /// Packed in memory, for a place that needs no file of it.
    Held(Content),
    /// Packing it failed.
    Lost,
}

impl Unplaced {
    /// What it is packed to, in memory; `None` where it is too large for that. A file costs a file system more than its
    /// bytes: of thousands that come and go, each is looked for longer than the one before.
    pub(crate) fn hold(&mut self) -> Result<Option<&Content>, LandingError> {
        if let Self::Staged(staged) = self
            && staged.is_held()
            && let Self::Staged(staged) = std::mem::replace(self, Self::Lost)
        {
            *self = staged.hold()?;
        }
        if let Self::Held(content) = self { Ok(Some(content)) } else { Ok(None) }
    }

    /// The file that holds it, in what `file` makes where it has none yet.
    pub(crate) fn pack(
        &mut self,
        file: impl FnOnce() -> Result<Unnamed, DiskError>,
    ) -> Result<&mut Packed, LandingError> {
        if let Self::Staged(_) = self
            && let Self::Staged(staged) = std::mem::replace(self, Self::Lost)
        {
            *self = Self::Packed(staged.pack(file)?);
        }
        match self {
            Self::Packed(packed) => Ok(packed),
            Self::Staged(_) | Self::Held(_) | Self::Lost => {
                Err(disk::gone("a content that could not be packed").into())
            }
        }
    }
}
