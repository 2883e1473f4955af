//! Everything below the landing directory, in the order of paths, in memory that does not grow with it. It must not know
//! which of it belongs there.

use std::borrow::Cow;
use std::os::fd::OwnedFd;

use rustix::fs::{self, AtFlags, FileType, Mode};
use rustix::io::Errno;

use super::locks::LOCKS;
use super::{DATABASE, DIRECTORY, DiskError, Root, failed, spelled};
use crate::sorter::{Sorted, Sorter};

/// How deep anything is looked at.
const MAX_DEPTH: usize = 16;
/// Bytes of names of one directory that are held in memory; as many directories are open as are above each other.
const HELD: usize = 1024 * 1024;

/// What a walk meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Met {
    /// A regular file of that many bytes.
    File(u64),
    /// Neither a file nor a directory.
    Other,
    /// A directory of which not everything can be seen, and what the system says.
    Unreadable(String),
}

/// Something below the landing directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its path as bytes, since names may be any; that of a directory ends with `/`.
    pub path: Vec<u8>,
    /// What it is.
    pub met: Met,
}

impl Seen {
    /// Its path, as it can be shown.
    pub fn shown(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.path.strip_suffix(b"/").unwrap_or(&self.path))
    }
}

/// Goes through everything below the landing directory but directories that can be read, the state database and the
/// locks. Paths come in the order of their bytes, as SQLite sorts them too: what is in `a` is `a/…`, and after `a-b`.
pub struct Walk<'a> {
    root: &'a Root,
    open: Vec<Level>,
    /// Where the innermost directory cannot be read to its end.
    unreadable: Option<Seen>,
}

/// A directory on the way.
struct Level {
    /// With `/` at its end; empty for the root.
    path: Vec<u8>,
    entries: Sorted,
}

/// How a directory could be read.
enum Read {
    /// To its end, or until something went wrong.
    Entries(Sorted, Option<Errno>),
    Gone,
}

impl Root {
    /// Look at everything.
    pub fn walk(&self) -> Result<Walk<'_>, DiskError> {
        let mut walk = Walk { root: self, open: Vec::new(), unreadable: None };
        walk.enter(Vec::new())?;
        Ok(walk)
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Seen, DiskError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

impl Walk<'_> {
    fn step(&mut self) -> Result<Option<Seen>, DiskError> {
        loop {
            if let Some(seen) = self.unreadable.take() {
                return Ok(Some(seen));
            }
            let Some(level) = self.open.last_mut() else { return Ok(None) };
            let Some(record) = level.entries.next().transpose()? else {
                self.open.pop();
                continue;
            };
            let (name, met) = unpacked(&record);
            let path = [&level.path, name].concat();
            match met {
                Some(met) => return Ok(Some(Seen { path, met })),
                None if self.open.len() < MAX_DEPTH => self.enter(path)?,
                None => {}
            }
        }
    }

    fn enter(&mut self, path: Vec<u8>) -> Result<(), DiskError> {
        if let Read::Entries(entries, error) = self.read(&path)? {
            self.unreadable = error.map(|errno| Seen {
                path: path.clone(),
                met: Met::Unreadable(std::io::Error::from(errno).to_string()),
            });
            self.open.push(Level { path, entries });
        }
        Ok(())
    }

    fn read(&self, path: &[u8]) -> Result<Read, DiskError> {
        let mut sorter = Sorter::new(self.root, HELD);
        let name = path.strip_suffix(b"/").unwrap_or(b".");
        let error = match self.root.beneath(name, DIRECTORY, Mode::empty()) {
            Ok(handle) => match fill(&mut sorter, &handle, path.is_empty()) {
                Ok(read) => read.err(),
                Err(error) => return Err(error),
            },
            // Somebody removed it, or put something else in its place.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(Read::Gone),
            Err(errno) => Some(errno),
        };
        match error {
            // It says nothing of the directory.
            Some(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => {
                Err(failed("list the directory", spelled(&String::from_utf8_lossy(path)))(errno))
            }
            error => Ok(Read::Entries(sorter.sorted()?, error)),
        }
    }
}

/// Put the entries of a directory into order; the inner error is one of the directory.
fn fill(sorter: &mut Sorter<'_>, handle: &OwnedFd, is_root: bool) -> Result<Result<(), Errno>, DiskError> {
    let entries = match fs::Dir::read_from(handle) {
        Ok(entries) => entries,
        Err(errno) => return Ok(Err(errno)),
    };
    let mut record = Vec::new();
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(errno) => return Ok(Err(errno)),
        };
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..")
            || is_root && (name.starts_with(DATABASE.as_bytes()) || name == LOCKS.as_bytes())
        {
            continue;
        }
        let stat = match fs::statat(handle, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // It was somebody's temporary file.
            Err(Errno::NOENT) => continue,
            Err(errno) => return Ok(Err(errno)),
        };
        pack(&mut record, name, FileType::from_raw_mode(stat.st_mode), stat.st_size.unsigned_abs());
        sorter.push(&record)?;
    }
    Ok(Ok(()))
}

/// An entry as a record: NUL, which is in no name, ends the name, so that the order of records is that of the names.
fn pack(record: &mut Vec<u8>, name: &[u8], kind: FileType, size: u64) {
    record.clear();
    record.extend_from_slice(name);
    match kind {
        FileType::Directory => record.extend_from_slice(b"/\0"),
        FileType::RegularFile => {
            record.push(0);
            record.extend_from_slice(&size.to_le_bytes());
        }
        _ => record.extend_from_slice(b"\0o"),
    }
}

/// A name, and what it stands for; `None` for a directory.
fn unpacked(record: &[u8]) -> (&[u8], Option<Met>) {
    let end = record.iter().position(|byte| *byte == 0).unwrap_or(record.len());
    let (name, rest) = record.split_at(end);
    let met = match rest.get(1..).unwrap_or_default() {
        [] => None,
        size => Some(size.try_into().map_or(Met::Other, |size| Met::File(u64::from_le_bytes(size)))),
    };
    (name, met)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn walked(root: &Root) -> Vec<Seen> {
        root.walk().expect("a walk").map(|seen| seen.expect("an entry")).collect()
    }

    #[test]
    fn paths_come_in_the_order_of_their_bytes() {
        let guard = tempfile::tempdir().expect("a temporary directory");
        let root = Root::open(guard.path()).expect("a root");
        let shown: [&[u8]; 9] =
            [b"a/b/c", b"a/b-c", b"a/b.c", b"a/b0", b"a-b", b"a0", b"\xff\xfe/x", b"b/\x1b[2J", b"b/.locks/y"];
        let own: [&[u8]; 2] = [b".state.sqlite-wal", b".locks/x"];
        for name in shown.iter().chain(&own) {
            let path = guard.path().join(OsStr::from_bytes(name));
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            std::fs::write(path, b"four").expect("a file");
        }
        std::os::unix::fs::symlink("a", guard.path().join("link")).expect("a link");
        let mut expected: Vec<Vec<u8>> = shown.iter().map(|name| name.to_vec()).chain([b"link".to_vec()]).collect();
        expected.sort();
        let seen = walked(&root);
        assert_eq!(seen.iter().map(|seen| seen.path.clone()).collect::<Vec<_>>(), expected);
        let met = |path: &[u8]| seen.iter().find(|seen| seen.path == path).map(|seen| seen.met.clone());
        assert_eq!((met(b"a-b"), met(b"link")), (Some(Met::File(4)), Some(Met::Other)));
    }

    #[test]
    fn a_directory_of_any_size_is_in_order() {
        let guard = tempfile::tempdir().expect("a temporary directory");
        let root = Root::open(guard.path()).expect("a root");
        // More than is held in memory.
        let long = "x".repeat(240);
        let count = 2 * HELD / long.len();
        for number in 0..count {
            std::fs::File::create(guard.path().join(format!("{}{long}", number * 7919 % count))).expect("a file");
        }
        let seen = walked(&root);
        assert_eq!(seen.len(), count);
        assert!(seen.is_sorted_by(|one, other| one.path < other.path));
    }
}
