//! Files without a name, and how they get one: `O_TMPFILE` and a link, or a dot-file and a rename where the system or the
//! file system has no nameless files.

use std::borrow::Borrow;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{self, AtFlags, FlockOperation, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::{DiskError, FILE_MODE, failed, system};

/// How the names of dot-files begin that stand in for nameless files.
const STAND_IN: &str = ".tmp-";
/// How often a dot-file is made that another process takes for a left-over before it is locked.
const ATTEMPTS: usize = 5;

/// A file that has no name yet; it is gone when this is dropped.
pub struct Unnamed {
    file: File,
    /// The dot-file that stands in for a nameless file where the file system has none.
    stand_in: Option<(OwnedFd, String)>,
}

impl Unnamed {
    /// A file that can be linked into a directory, which errors call `path`.
    pub(super) fn new(directory: &OwnedFd, path: &str) -> Result<Self, DiskError> {
        match system::nameless(directory, FILE_MODE) {
            Ok(handle) => Ok(Self { file: File::from(handle), stand_in: None }),
            Err(errno) if has_none(errno) => Self::stand_in(directory, path),
            Err(errno) => Err(failed("make a temporary file in", path)(errno)),
        }
    }

    /// A dot-file in place of a nameless file. It is locked while it is in use, so that what a killed run left can be
    /// told from what a live one needs, and removed.
    fn stand_in(directory: &OwnedFd, path: &str) -> Result<Self, DiskError> {
        // One at a time, so that only other processes can meet a file that is not locked yet.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        remove_stale(directory);
        let above = directory.try_clone().map_err(|source| DiskError { action: "use", path: path.into(), source })?;
        let mut made = Err(Errno::AGAIN);
        for _ in 0..ATTEMPTS {
            made = locked_dot_file(directory);
            if !matches!(made, Err(Errno::EXIST | Errno::WOULDBLOCK)) {
                break;
            }
        }
        let (file, name) = made.map_err(failed("make a temporary file in", path))?;
        Ok(Self { file, stand_in: Some((above, name)) })
    }

    /// Write to the file, from its start.
    pub fn writer(&self) -> Writer<&File> {
        Writer { file: &self.file, at: 0 }
    }

    /// Write to the file, from its start, for as long as that takes.
    pub fn own_writer(&self) -> io::Result<Writer<File>> {
        Ok(Writer { file: self.file.try_clone()?, at: 0 })
    }

    /// The same, read from its start.
    pub(crate) fn reader(&self) -> impl io::Read {
        Reader { file: &self.file, at: 0 }
    }

    /// What was written, to be read.
    pub(crate) fn content(&self) -> &File {
        &self.file
    }

    /// In bytes.
    pub fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Make the content durable. An error is final: a second call may succeed without the data being there.
    pub fn sync(&self) -> Result<(), DiskError> {
        system::sync(&self.file).map_err(failed("sync", "a new file"))
    }

    /// Give the file a name that nothing has.
    pub(super) fn link(&mut self, directory: &OwnedFd, name: &str) -> rustix::io::Result<()> {
        let Some((above, stand_in)) = &self.stand_in else {
            return system::link_nameless(&self.file, directory, name);
        };
        system::rename_to_free(above, stand_in, directory, name)?;
        self.stand_in = None;
        Ok(())
    }

    /// The file alone, which will never have a name.
    pub(super) fn into_scratch(mut self) -> Result<Scratch, DiskError> {
        self.remove_stand_in();
        let scratch = self.file.try_clone();
        let file = scratch.map_err(|source| DiskError { action: "use", path: "a temporary file".into(), source })?;
        Ok(Writer { file, at: 0 })
    }

    fn remove_stand_in(&mut self) {
        if let Some((directory, name)) = self.stand_in.take() {
            // It may be gone already, and nothing depends on it: `host` ignores dot-files.
            let _ = unlinkat(directory, name, AtFlags::empty());
        }
    }
}

/// Reads one piece after the other, each at its position (`pread`).
struct Reader<'a> {
    file: &'a File,
    at: u64,
}

impl io::Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Writes one piece after the other, each at its position (`pwrite`): the file's own position stays at its start, for
/// whoever reads.
#[derive(Debug)]
pub struct Writer<F> {
    file: F,
    at: u64,
}

/// A file that will never have a name: written first, and then read from its start.
pub type Scratch = Writer<File>;

impl Scratch {
    /// Read what was written.
    pub fn reader(&self) -> &File {
        &self.file
    }

    /// In bytes.
    pub fn written(&self) -> u64 {
        self.at
    }

    /// The file itself, to read at any position.
    pub fn into_file(self) -> File {
        self.file
    }
}

impl<F: Borrow<File>> Write for Writer<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.borrow().write_at(bytes, self.at)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        self.remove_stand_in();
    }
}

/// A file that never has a name, in the zone or in one of the directories for temporary files: the first that takes one.
/// No other file comes or goes for it, so that looking at a zone changes nothing in it; so where there are no nameless
/// files, it is none of the zone's, and has a name for an instant.
pub(super) fn spill_file(zone: &OwnedFd, temporary: &[OwnedFd]) -> rustix::io::Result<Scratch> {
    let mode = Mode::RUSR | Mode::WUSR;
    let nameless = std::iter::once(zone).chain(temporary).map(|directory| system::nameless(directory, mode));
    let mut made = Err(Errno::NOENT);
    for next in nameless.chain(temporary.iter().map(briefly_named)) {
        made = next;
        if made.is_ok() {
            break;
        }
    }
    Ok(Writer { file: File::from(made?), at: 0 })
}

/// A file whose name is gone at once.
fn briefly_named(directory: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let (handle, name) = dot_file(directory, Mode::RUSR | Mode::WUSR)?;
    unlinkat(directory, name, AtFlags::empty()).map(|()| handle)
}

/// The three ways in which file systems and kernels say that they have no nameless files.
fn has_none(errno: Errno) -> bool {
    [Errno::OPNOTSUPP, Errno::ISDIR, Errno::INVAL].contains(&errno)
}

/// Whether a file is one of those that stand in for nameless files.
pub fn is_leftover(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with(STAND_IN))
}

fn locked_dot_file(directory: &OwnedFd) -> rustix::io::Result<(File, String)> {
    let (handle, name) = dot_file(directory, FILE_MODE)?;
    fs::flock(&handle, FlockOperation::NonBlockingLockExclusive)?;
    // Whoever took it for a left-over may have removed it, and given the lock back, between the two calls.
    match fs::fstat(&handle)?.st_nlink {
        0 => Err(Errno::WOULDBLOCK),
        _ => Ok((File::from(handle), name)),
    }
}

fn dot_file(directory: &OwnedFd, mode: Mode) -> rustix::io::Result<(OwnedFd, String)> {
    // Two hashers are never seeded alike, whatever the process ids are.
    let name = format!("{STAND_IN}{:016x}", RandomState::new().build_hasher().finish());
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = openat(directory, name.as_str(), flags, mode)?;
    Ok((handle, name))
}

/// Remove what killed runs left. Nothing depends on it, so a failure is none.
fn remove_stale(directory: &OwnedFd) {
    let Ok(entries) = fs::Dir::read_from(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_bytes().starts_with(STAND_IN.as_bytes()) {
            remove_unless_held(directory, name);
        }
    }
}

/// Remove a file that stood in for a nameless one, unless somebody holds it locked; whether it was removed.
pub(super) fn remove_unless_held(directory: &OwnedFd, name: impl Arg + Copy) -> bool {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let held = openat(directory, name, flags, Mode::empty());
    // Locked to its end, so that nobody takes it for a live one meanwhile.
    let stale = held.and_then(|handle| fs::flock(&handle, FlockOperation::NonBlockingLockExclusive).map(|()| handle));
    stale.is_ok() && unlinkat(directory, name, AtFlags::empty()).is_ok()
}

#[cfg(test)]
mod tests {
    use rustix::fs::CWD;

    use super::*;

    #[test]
    fn a_stand_in_works_and_what_killed_runs_left_is_removed() {
        let guard = tempfile::tempdir().expect("a temporary directory");
        let directory = openat(CWD, guard.path(), OFlags::DIRECTORY, Mode::empty()).expect("a directory");
        std::fs::write(guard.path().join(".tmp-dead"), "left").expect("a file");
        let mut live = Unnamed::stand_in(&directory, "source").expect("a file");
        let mut other = Unnamed::stand_in(&directory, "source").expect("a file");
        live.writer().write_all(b"one").expect("a write");
        live.link(&directory, "name.gz").expect("a link");
        assert_eq!(other.link(&directory, "name.gz"), Err(Errno::EXIST));
        drop((live, other));
        let names: Vec<_> = std::fs::read_dir(guard.path()).expect("a directory").collect();
        assert_eq!(names.len(), 1);
        assert_eq!(std::fs::read(guard.path().join("name.gz")).expect("a file"), b"one");
    }

    #[test]
    fn nobody_takes_what_another_one_has_just_made_for_a_left_over() {
        let guard = tempfile::tempdir().expect("a temporary directory");
        let directory = openat(CWD, guard.path(), OFlags::DIRECTORY, Mode::empty()).expect("a directory");
        let make = &|name: String| {
            let mut unnamed = Unnamed::stand_in(&directory, "source").expect("a file");
            unnamed.link(&directory, &name).expect("a link");
        };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || (0..200).for_each(|number| make(format!("{thread}-{number}"))));
            }
        });
        assert_eq!(std::fs::read_dir(guard.path()).expect("a directory").count(), 800);
    }

    #[test]
    fn a_file_to_sort_by_has_no_name_on_any_system() {
        let guard = tempfile::tempdir().expect("a temporary directory");
        let directory = openat(CWD, guard.path(), OFlags::DIRECTORY, Mode::empty()).expect("a directory");
        let mut made = Writer { file: File::from(briefly_named(&directory).expect("a file")), at: 0 };
        made.write_all(b"one").expect("a write");
        assert_eq!(io::read_to_string(made.reader()).expect("a read"), "one");
        assert_eq!(std::fs::read_dir(guard.path()).expect("a directory").count(), 0);
    }
}
