//! The directories that a run writes into: opened once, known again, and synced where their names are new.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Directory, DiskError, Identity, Root, replaced};

/// Most directories that are open at once. A run over months and sources has many more.
const MAX_OPEN: usize = 64;

/// The directories of one run.
#[derive(Default)]
pub(crate) struct Directories(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    open: HashMap<String, Open>,
    /// What each directory was when it was opened first.
    known: HashMap<String, Identity>,
    /// Those whose own names, and the names of all above them, are durable.
    settled: HashSet<String>,
    /// Those whose entries count for this run and were not synced since.
    unsynced: BTreeSet<String>,
    /// Whether a sync failed. What it should have made durable is lost to a second one.
    failed: bool,
    clock: u64,
}

struct Open {
    directory: Arc<Directory>,
    used: u64,
}

impl Directories {
    /// Open a directory, making it where it is missing. What somebody put in its place since is not written to.
    pub(crate) fn open(&self, root: &Root, path: &str) -> Result<Arc<Directory>, DiskError> {
        let mut inner = self.inner();
        inner.clock += 1;
        let now = inner.clock;
        if let Some(open) = inner.open.get_mut(path) {
            open.used = now;
            let directory = Arc::clone(&open.directory);
            return match root.identity(path)? {
                Some(identity) if inner.known.get(path) == Some(&identity) => Ok(directory),
                _ => Err(replaced(path)),
            };
        }
        let (directory, made) = root.directory(path)?;
        let identity = directory.identity()?;
        if *inner.known.entry(path.to_owned()).or_insert(identity) != identity {
            return Err(replaced(path));
        }
        if made {
            inner.settled.remove(path);
        }
        if inner.open.len() >= MAX_OPEN {
            let oldest = inner.open.iter().min_by_key(|(_, open)| open.used).map(|(path, _)| path.clone());
            oldest.and_then(|oldest| inner.open.remove(&oldest));
        }
        let directory = Arc::new(directory);
        inner.open.insert(path.to_owned(), Open { directory: Arc::clone(&directory), used: now });
        Ok(directory)
    }

    /// Whether a directory is there and its name, and all names above it, are known to be durable.
    pub(crate) fn is_settled(&self, path: &str) -> bool {
        self.inner().settled.contains(path)
    }

    /// An earlier run counted on something in this directory, and synced it with all above it.
    pub(crate) fn settle(&self, path: &str) {
        self.inner().settled.insert(path.to_owned());
    }

    /// Have the next sync make a file's name durable, and the names above it where they may not be: whoever made them may
    /// have been killed before syncing.
    pub(crate) fn count_on(&self, path: &str) {
        let mut inner = self.inner();
        let mut above = path;
        while let Some((directory, _)) = above.rsplit_once('/') {
            inner.unsynced.insert(directory.to_owned());
            if inner.settled.contains(directory) {
                return;
            }
            above = directory;
        }
        inner.unsynced.insert(String::new());
    }

    /// Make the names that were counted on durable. After an error every later call fails too.
    pub(crate) fn sync(&self, root: &Root) -> Result<(), DiskError> {
        let mut inner = self.inner();
        if inner.failed {
            return Err(DiskError::again());
        }
        let synced = inner.unsynced.iter().try_for_each(|path| match (inner.open.get(path), inner.known.get(path)) {
            (Some(open), _) => open.directory.sync(),
            (None, known) => root.sync(path, known),
        });
        inner.failed = synced.is_err();
        let unsynced = std::mem::take(&mut inner.unsynced);
        if synced.is_ok() {
            inner.settled.extend(unsynced);
        }
        synced
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // It is whole after every statement, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
