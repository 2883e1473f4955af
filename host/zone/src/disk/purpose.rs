//! Whether a zone is for data or for tests, which never mix: what a test lands stands under the URL of a real source.

use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use super::locks::LOCKS;
use super::{DIRECTORY, DiskError, Entry, FILE_MODE, Root, failed, system};

/// Says that a zone is for tests. It lies among the locks, which are never removed and are no data.
const MARK: &str = ".locks/.tests";

impl Root {
    /// Whether the zone is for tests.
    pub fn is_for_tests(&self) -> Result<bool, DiskError> {
        match self.entry(MARK)? {
            Entry::Missing => Ok(false),
            Entry::File(_) => Ok(true),
            Entry::Other => Err(failed("read as a file", MARK)(Errno::INVAL)),
        }
    }

    /// Whether nothing is there beside the locks.
    pub fn is_unused(&self) -> Result<bool, DiskError> {
        let listing = || failed("list", "the landing directory");
        let handle = self.beneath(".", DIRECTORY, Mode::empty()).map_err(listing())?;
        for entry in fs::Dir::read_from(&handle).map_err(listing())? {
            let entry = entry.map_err(listing())?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") && name != LOCKS.as_bytes() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Say that the zone is for tests, durably. The caller has the zone's lock alone, and found it unused.
    pub fn mark_for_tests(&self) -> Result<(), DiskError> {
        self.directory(LOCKS)?;
        let made = self.beneath(MARK, OFlags::RDWR | OFlags::CREATE, FILE_MODE).map_err(failed("make", MARK))?;
        system::sync(made).map_err(failed("sync", MARK))?;
        self.sync(LOCKS, None)?;
        self.sync("", None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_marked_once_and_for_ever() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = Root::open(directory.path()).expect("a root");
        let _lock = root.lock_zone(true).expect("no error").expect("free");
        assert!(root.is_unused().expect("a list") && !root.is_for_tests().expect("an answer"));
        root.mark_for_tests().expect("a mark");
        root.mark_for_tests().expect("a mark");
        assert!(root.is_unused().expect("a list") && root.is_for_tests().expect("an answer"));
        root.directory("source").expect("a directory");
        assert!(!root.is_unused().expect("a list"));
    }
}
