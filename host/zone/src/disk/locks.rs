//! The locks: those of each extractor, and one that all runs share and a repair has alone. It must not know who waits.
//!
//! An extractor has one file. A run takes a range of its bytes, which its scope gives. So the kernel finds which windows overlap, in one step, and a process that ends leaves nothing.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

use super::{DiskError, FILE_MODE, Root, failed, system};
use rules::domain::{Scope, Window};
use rules::name::check_name;
use rules::text;

/// Where the locks are.
pub(super) const LOCKS: &str = ".locks";
/// The zone's own; no extractor's name begins with a dot.
const ZONE: &str = ".locks/.zone";

/// A lock that lasts as long as this value, and no longer than the process.
#[derive(Debug)]
pub struct Lock(OwnedFd);

/// Who is in the way of a run: of the same part, since others never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A run for the newest data.
    Newest,
    /// A run for these days.
    Window(Window),
    /// Somebody that does not say so, such as an older host.
    Somebody,
}

/// How often a lock is tried that was held, and is not when it is looked who holds it.
const TRIES: usize = 3;

impl Root {
    /// Take an extractor's lock for a scope; the inner error says who is in the way.
    pub fn lock_extractor(&self, extractor: &str, scope: &Scope) -> Result<Result<Lock, Holder>, DiskError> {
        let path = of(extractor)?;
        // Shared by all runs. A host that knows no windows takes it alone.
        let Some(Lock(file)) = self.lock(&path, FlockOperation::NonBlockingLockShared)? else {
            return Ok(Err(Holder::Somebody));
        };
        let range = scope.bytes();
        for _ in 0..TRIES {
            match system::take_range(&file, &range) {
                Ok(true) => return Ok(Ok(Lock(file))),
                Ok(false) => {}
                // Then there is one run of an extractor at a time.
                Err(errno) if system::lacks(errno) => {
                    let alone = locked(file, &path, FlockOperation::NonBlockingLockExclusive)?;
                    return Ok(alone.ok_or(Holder::Somebody));
                }
                Err(errno) => return Err(failed("lock", &path)(errno)),
            }
            if let Some(found) = system::range_in_the_way(&file, &range).map_err(failed("ask who locks", &path))? {
                return Ok(Err(match Scope::window_of(&found) {
                    Some(None) => Holder::Newest,
                    Some(Some(window)) => Holder::Window(window),
                    None => Holder::Somebody,
                }));
            }
        }
        Ok(Err(Holder::Somebody))
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

    /// Whether a run of an extractor holds any of its lock for a scope. Nothing is made, and nobody kept from running, to
    /// find out.
    pub fn is_locked(&self, extractor: &str, scope: &Scope) -> Result<bool, DiskError> {
        let path = of(extractor)?;
        let file = match self.beneath(&path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(false),
            Err(errno) => return Err(failed("open the lock file", &path)(errno)),
        };
        match system::range_in_the_way(&file, &scope.bytes()) {
            Ok(Some(_)) => Ok(true),
            Err(errno) if !system::lacks(errno) => Err(failed("ask who locks", &path)(errno)),
            _ => Ok(locked(file, &path, FlockOperation::NonBlockingLockShared)?.is_none()),
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

    fn scope(text: &str) -> Scope {
        text.parse().expect(text)
    }

    #[test]
    fn a_lock_is_held_once_or_shared_and_given_back() {
        let (_guard, root) = root();
        let own = |name| root.lock_extractor(name, &Scope::default()).expect("no error");
        let first = own("one").expect("free");
        assert_eq!(own("one").err(), Some(Holder::Newest));
        assert!(own("two").is_ok());
        drop(first);
        assert!(own("one").is_ok());
        let zone = |alone| root.lock_zone(alone).expect("no error");
        let shared = [zone(false).expect("free"), zone(false).expect("free")];
        assert!(zone(true).is_none());
        drop(shared);
        assert!(zone(true).is_some());
    }

    #[test]
    fn windows_that_share_a_day_exclude_each_other_and_say_who_is_in_the_way() {
        let (_guard, root) = root();
        let own = |text| root.lock_extractor("one", &scope(text)).expect("no error");
        let january = own("2025-01-01..2025-02-01").expect("free");
        let _others = ["2025-02-01..2025-03-01", "0000-01-01..2025-01-01", "", "2025-01-01..2025-02-01 a=b", "a=b"]
            .map(|text| own(text).expect("free"));
        for overlapping in ["2025-01-01..2025-02-01", "2025-01-31..2025-02-01", "2025-01-10..2025-02-10"] {
            let held = scope("2025-01-01..2025-02-01").window.map(Holder::Window);
            assert_eq!(own(overlapping).err(), held, "{overlapping}");
        }
        drop(january);
        assert!(own("2025-01-31..2025-02-01").is_ok());
    }

    #[test]
    fn a_host_that_knows_no_windows_keeps_all_out_and_waits_for_all() {
        let (guard, root) = root();
        let january = root.lock_extractor("one", &scope("2025-01-01..2025-02-01")).expect("no error");
        let older = std::fs::File::open(guard.path().join(".locks/one")).expect("the file");
        assert!(older.try_lock().is_err());
        drop(january);
        older.try_lock().expect("free");
        for scope in ["", "2025-01-01..2025-02-01"].map(scope) {
            let held = root.lock_extractor("one", &scope).expect("no error");
            assert_eq!(held.err(), Some(Holder::Somebody));
            assert_eq!(root.is_locked("one", &scope).ok(), Some(true));
        }
    }

    #[test]
    fn looking_whether_a_lock_is_held_makes_nothing() {
        let (guard, root) = root();
        let asked = |text| root.is_locked("one", &scope(text)).expect("an answer");
        assert!(!asked(""));
        assert_eq!(std::fs::read_dir(guard.path()).expect("a directory").count(), 0);
        let january = "2025-01-01..2025-02-01";
        let held = root.lock_extractor("one", &scope(january)).expect("no error");
        assert!(asked(january) && asked("2025-01-31..2025-03-01"));
        assert!(!asked("") && !asked("2025-02-01..2025-03-01") && !asked("2025-01-01..2025-02-01 a=b"));
        drop(held);
        assert!(!asked(january));
    }

    #[test]
    fn only_an_extractors_name_leads_to_a_lock() {
        let (guard, root) = root();
        for name in ["../planted", "/tmp/planted", "a/b", "", ".zone", "x\0", "nul", "X"] {
            assert!(
                root.lock_extractor(name, &scope("")).is_err() && root.is_locked(name, &scope("")).is_err(),
                "{name:?}"
            );
        }
        assert_eq!(std::fs::read_dir(guard.path()).expect("a directory").count(), 0);
    }
}
