//! Names in a directory of this machine: files without a name are linked into it.

use std::io::Read;
use std::sync::Arc;

use rules::domain::Digest;

use crate::LandingError;
use crate::directories::Directories;
use crate::disk::{Entry, Found, Removed, Root, Seen, Unnamed};
use crate::shelf::{Shelf, Unplaced};

/// A directory, and what lies under it, to be read only.
pub(crate) struct Local {
    root: Arc<Root>,
    base: Option<Box<dyn Shelf>>,
    directories: Directories,
}

impl Local {
    pub(crate) fn new(root: Arc<Root>, base: Option<Box<dyn Shelf>>) -> Self {
        Self { root, base, directories: Directories::default() }
    }
}

impl Shelf for Local {
    fn entry(&self, path: &str) -> Result<Entry, LandingError> {
        match (self.root.entry(path)?, &self.base) {
            (Entry::Missing, Some(base)) => base.entry(path),
            (found, _) => Ok(found),
        }
    }

    fn list(&self, source: &str) -> Result<Vec<Found>, LandingError> {
        let mut files = self.root.list(source)?;
        if let Some(base) = &self.base {
            files.extend(base.list(source)?);
            files.sort_unstable();
            files.dedup_by(|one, other| one.path == other.path);
        }
        Ok(files)
    }

    fn walk(&self) -> Result<Box<dyn Iterator<Item = Result<Seen, LandingError>> + Send + '_>, LandingError> {
        Ok(Box::new(self.root.walk()?.map(|seen| Ok(seen?))))
    }

    fn read(&self, path: &str) -> Result<Option<Box<dyn Read + Send>>, LandingError> {
        match (self.root.file(path)?, &self.base) {
            (Some(file), _) => Ok(Some(Box::new(file))),
            (None, Some(base)) => base.read(path),
            (None, None) => Ok(None),
        }
    }

    fn identify(&self, path: &str) -> Result<Option<(Digest, u64)>, LandingError> {
        match (self.root.entry(path)?, &self.base) {
            (Entry::Missing, Some(base)) => base.identify(path),
            _ => self.root.identify(path),
        }
    }

    fn file(&self, directory: &str) -> Result<Unnamed, LandingError> {
        Ok(self.directories.open(&self.root, directory)?.unnamed()?)
    }

    fn put(&self, content: &mut Unplaced, directory: &str, name: &str) -> Result<Option<u64>, LandingError> {
        let opened = self.directories.open(&self.root, directory)?;
        if self.entry(&format!("{directory}/{name}"))? != Entry::Missing {
            return Ok(None);
        }
        let packed = content.pack(|| opened.unnamed())?;
        packed.file.sync()?;
        Ok(opened.link(&mut packed.file, name)?.then_some(packed.stored_size))
    }

    fn give(&self, quarantined: &str, directory: &str, name: &str) -> Result<bool, LandingError> {
        let opened = self.directories.open(&self.root, directory)?;
        Ok(self.root.give(quarantined, &opened, name)?)
    }

    fn drop_quarantined(&self, quarantined: &str) -> Result<(), LandingError> {
        if self.root.remove(quarantined)? {
            self.directories.count_on(quarantined);
        }
        Ok(())
    }

    fn erase(&self, recorded: &str) -> Result<Removed, LandingError> {
        let removed = self.root.erase(recorded)?;
        if removed != Removed::NoDirectory {
            self.directories.count_on(recorded);
        }
        Ok(removed)
    }

    fn sweep(&self, leftover: &str) -> Result<bool, LandingError> {
        Ok(self.root.sweep(leftover)?)
    }

    fn is_settled(&self, directory: &str) -> bool {
        self.directories.is_settled(directory)
    }

    fn settle(&self, directory: &str) {
        self.directories.settle(directory);
    }

    fn count_on(&self, path: &str) {
        self.directories.count_on(path);
    }

    fn sync(&self) -> Result<(), LandingError> {
        Ok(self.directories.sync(&self.root)?)
    }
}
