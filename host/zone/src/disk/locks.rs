//! The locks: one of each extractor, and one that all runs share and a repair has alone. It must not know who waits.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

use super::{DiskError, FILE_MODE, Root, failed};
use rules::name::check_name;
use rules::text;

/// Where the locks are.
pub(super) const LOCKS: &str = ".locks";
/// The zone's own; no extractor's name begins with a dot.
const ZONE: &str = ".locks/.zone";

/// A lock that lasts as long as this value, and no longer than the process.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its lock, which closing it gives back")] OwnedFd);

impl Root {
    /// Take an extractor's lock; `None` where another run holds it.
    pub fn lock_extractor(&self, extractor: &str) -> Result<Option<Lock>, DiskError> {
        self.lock(&of(extractor)?, FlockOperation::NonBlockingLockExclusive)
    }

    /// Take the zone's own lock, shared by all runs, or alone for a repair; `None` where the other kind holds it.
    pub fn lock_zone(&self, alone: bool) -> Result<Option<Lock>, DiskError> {
        let operation = match alone {
            true => FlockOperation::NonBlockingLockExclusive,
            false => FlockOperation::NonBlockingLockShared,
        };
        self.lock(ZONE, operation)
    }

    /// Take the zone's own lock alone, as far as its file is there: `None` where it is not, and so nobody can hold it; none
    /// in it where somebody does. Nothing is made for it.
    pub fn lock_zone_if_there(&self) -> Result<Option<Option<Lock>>, DiskError> {
        match self.beneath(ZONE, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()) {
            Ok(file) => locked(file, ZONE, FlockOperation::NonBlockingLockExclusive).map(Some),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(failed("open the lock file", ZONE)(errno)),
        }
    }

    /// Whether a run holds an extractor's lock. Nothing is made to find out, and a run that starts just then finds the
    /// lock held for an instant.
    pub fn is_locked(&self, extractor: &str) -> Result<bool, DiskError> {
        let path = of(extractor)?;
        match self.beneath(&path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()) {
            Ok(file) => Ok(locked(file, &path, FlockOperation::NonBlockingLockShared)?.is_none()),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(errno) => Err(failed("open the lock file", &path)(errno)),
        }
    }

    /// Take a lock, making its file where it is missing; `None` where another process is in the way.
    fn lock(&self, path: &str, operation: FlockOperation) -> Result<Option<Lock>, DiskError> {
        self.directory(LOCKS)?;
        let file = self.beneath(path, OFlags::RDWR | OFlags::CREATE, FILE_MODE);
        locked(file.map_err(failed("open the lock file", path))?, path, operation)
    }
}

fn locked(file: OwnedFd, path: &str, operation: FlockOperation) -> Result<Option<Lock>, DiskError> {
    match flock(&file, operation) {
        Ok(()) => Ok(Some(Lock(file))),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(errno) => Err(failed("lock", path)(errno)),
    }
}

/// The file of an extractor's lock. The name may come out of a database that anybody wrote.
fn of(extractor: &str) -> Result<String, DiskError> {
    match check_name(extractor) {
        Ok(()) => Ok(format!("{LOCKS}/{extractor}")),
        Err(error) => {
            let source = io::Error::new(io::ErrorKind::InvalidInput, error);
            Err(DiskError { action: "lock", path: text::quoted(extractor), source })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = Root::open(directory.path()).expect("a root");
        (directory, root)
    }

    #[test]
    fn a_lock_is_held_once_or_shared_and_given_back() {
        let (_guard, root) = root();
        let own = |name| root.lock_extractor(name).expect("no error");
        let first = own("one").expect("free");
        assert!(own("one").is_none() && own("two").is_some());
        drop(first);
        assert!(own("one").is_some());
        let zone = |alone| root.lock_zone(alone).expect("no error");
        let shared = [zone(false).expect("free"), zone(false).expect("free")];
        assert!(zone(true).is_none());
        drop(shared);
        assert!(zone(true).is_some());
    }

    #[test]
    fn looking_whether_a_lock_is_held_makes_nothing() {
        let (guard, root) = root();
        assert_eq!(root.is_locked("one").ok(), Some(false));
        assert_eq!(std::fs::read_dir(guard.path()).expect("a directory").count(), 0);
        let held = root.lock_extractor("one").expect("no error");
        assert_eq!(root.is_locked("one").ok(), Some(true));
        drop(held);
        assert_eq!(root.is_locked("one").ok(), Some(false));
    }

    #[test]
    fn only_an_extractors_name_leads_to_a_lock() {
        let (guard, root) = root();
        for name in ["../planted", "/tmp/planted", "a/b", "", ".zone", "x\0", "nul", "X"] {
            assert!(root.lock_extractor(name).is_err() && root.is_locked(name).is_err(), "{name:?}");
        }
        assert_eq!(std::fs::read_dir(guard.path()).expect("a directory").count(), 0);
    }
}
