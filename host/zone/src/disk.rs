//! The landing zone's file system: directories, temporary files, links, locks and syncs, one call each.
//!
//! Everything is opened relative to the root's handle and beneath it; a symbolic link on the way is refused.

mod beneath;
mod erased;
mod existing;
mod listing;
mod locks;
mod purpose;
mod quarantined;
mod system;
mod unnamed;
mod walk;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rules::domain::{Digest, Fault, LandError};

use crate::{LandingError, content};
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat};
use rustix::io::Errno;
use rustix::path::Arg;

use beneath::Way;
pub use erased::Removed;
pub use listing::Found;
pub use locks::{Holder, Lock};
pub use unnamed::{Scratch, Unnamed, Writer, is_leftover};
pub use walk::{Met, Seen, Walk};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
/// The state database's name.
pub const DATABASE: &str = ".state.sqlite";

/// A failed call, with what it was for.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct DiskError {
    action: &'static str,
    path: String,
    /// What the system said.
    pub source: io::Error,
}

impl From<DiskError> for LandError {
    fn from(error: DiskError) -> Self {
        Fault::new(error).into()
    }
}

impl DiskError {
    /// A path that is not what it should be: it may come out of a database that anybody wrote.
    pub(crate) fn refused(action: &'static str, path: String, reason: &'static str) -> Self {
        Self { action, path, source: io::Error::new(io::ErrorKind::InvalidInput, reason) }
    }

    /// A sync that is not tried, since an earlier one failed.
    pub(crate) fn again() -> Self {
        Self {
            action: "sync",
            path: "the landing directory".into(),
            source: io::Error::other("an earlier sync failed"),
        }
    }
}

/// Something else is in a directory's place than when the run first wrote into it.
pub(crate) fn replaced(path: &str) -> DiskError {
    let source = io::Error::other("somebody put another directory in its place while the run was going on");
    DiskError { action: "write into", path: path.to_owned(), source }
}

/// What is sorted does not get to its file, or back.
pub(crate) fn spilled(source: io::Error) -> DiskError {
    DiskError { action: "sort by means of", path: "a temporary file".into(), source }
}

/// There is no directory on the whole way to this one.
pub(crate) fn gone(path: &str) -> DiskError {
    DiskError { action: "make a temporary file for", path: path.to_owned(), source: io::ErrorKind::NotFound.into() }
}

fn failed(action: &'static str, path: impl Into<String>) -> impl FnOnce(Errno) -> DiskError {
    let path = path.into();
    move |errno| DiskError { action, path, source: io::Error::from(errno) }
}

/// How a path below the root is given to the system: the root itself has an empty one.
fn spelled(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

/// The landing directory.
pub struct Root {
    handle: OwnedFd,
    path: PathBuf,
    way: Way,
}

/// A directory below the root.
pub struct Directory {
    handle: OwnedFd,
    path: String,
}

/// What tells a directory from any other, whatever its name: its device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity(u64, u64);

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// Nothing.
    Missing,
    /// A regular file of that many bytes.
    File(u64),
    /// Anything else: a directory, a symbolic link, a device.
    Other,
}

impl Root {
    /// Open the landing directory, making it where it is missing.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let shown = path.display().to_string();
        let error = |source| DiskError { action: "make the landing directory", path: shown.clone(), source };
        let mut missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
        if missing.is_empty() && !path.join(DATABASE).exists() {
            // Nobody used it yet, or whoever made it was killed before syncing.
            missing.push(path);
        }
        std::fs::create_dir_all(path).map_err(error)?;
        for made in missing {
            let above = made.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(above).and_then(|above| above.sync_all()).map_err(error)?;
        }
        let handle =
            openat(CWD, path, DIRECTORY, Mode::empty()).map_err(failed("open the landing directory", &shown))?;
        // The state database is opened by path, which must not change its meaning by a link on the way.
        let path = std::fs::canonicalize(path).map_err(error)?;
        Self::of(handle, path)
    }

    fn of(handle: OwnedFd, path: PathBuf) -> Result<Self, DiskError> {
        let way = Way::here(&handle).map_err(failed("open", "the landing directory"))?;
        Ok(Self { handle, path, way })
    }

    /// Where the root is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What kind of network file system this is; `None` for a local one, as far as the kernel tells.
    pub fn network_file_system(&self) -> Result<Option<&'static str>, DiskError> {
        system::network(&self.handle).map_err(failed("inspect the file system of", "the landing directory"))
    }

    fn beneath(&self, path: impl Arg, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        self.way.open(&self.handle, path, flags, mode)
    }

    /// Where the state database is.
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Rename the database and its side files, so that another can take its place; the database's new path.
    pub fn set_database_aside(&self, suffix: &str) -> Result<PathBuf, DiskError> {
        for side in ["-journal", "-wal", "-shm"] {
            self.rename(&format!("{DATABASE}{side}"), &format!("{DATABASE}.{suffix}{side}"))?;
        }
        let aside = format!("{DATABASE}.{suffix}");
        self.rename(DATABASE, &aside)?;
        self.sync("", None)?;
        Ok(self.path.join(aside))
    }

    /// The identity of a stored file's content; `None` where there is no such file, or it is not whole.
    pub fn identify(&self, path: &str) -> Result<Option<(Digest, u64)>, LandingError> {
        match self.file(path)? {
            Some(file) => content::identify(file).map_err(|error| LandingError::Io("read a landed file", error)),
            None => Ok(None),
        }
    }

    /// Rename a file beside itself, never replacing another; one that is not there is left so.
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        match system::rename_to_free(&self.handle, from, &self.handle, to) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(failed("rename", from)(errno)),
        }
    }

    /// Open a directory, making it and those above it where they are missing; whether it was made. [`Root::sync`] makes
    /// them durable.
    pub fn directory(&self, path: &str) -> Result<(Directory, bool), DiskError> {
        let found = |handle| Directory { handle, path: path.to_owned() };
        match self.beneath(path, DIRECTORY, Mode::empty()) {
            Ok(handle) => return Ok((found(handle), false)),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed("open the directory", path)(errno)),
        }
        let above = match path.rsplit_once('/') {
            Some((above, _)) => Some(self.directory(above)?.0),
            None => None,
        };
        let parent = above.as_ref().map_or(self.handle.as_fd(), |above| above.handle.as_fd());
        let name = path.rsplit('/').next().unwrap_or(path);
        match mkdirat(parent, name, DIRECTORY_MODE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed("make the directory", path)(errno)),
        }
        let opened = self.beneath(path, DIRECTORY, Mode::empty()).map_err(failed("open the directory", path))?;
        Ok((found(opened), true))
    }

    /// What directory has that name now; `None` where none has.
    pub fn identity(&self, path: &str) -> Result<Option<Identity>, DiskError> {
        match self.beneath(path, system::THROUGH, Mode::empty()) {
            Ok(handle) => identity(&handle, path).map(Some),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(errno) => Err(failed("inspect", path)(errno)),
        }
    }

    /// Open a regular file to read; `None` where there is nothing of that name.
    pub fn file(&self, path: &str) -> Result<Option<File>, DiskError> {
        let opened = match self.beneath(path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(errno) => return Err(failed("open", path)(errno)),
        };
        let stat = fstat(&opened).map_err(failed("inspect", path))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(failed("read as a file", path)(Errno::INVAL));
        }
        Ok(Some(File::from(opened)))
    }

    /// Make a file of that name anew, in the place of one that there may be. Only for a directory that is this process's own.
    pub fn fresh(&self, name: &str) -> Result<File, DiskError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW;
        self.beneath(name, flags, FILE_MODE).map(File::from).map_err(failed("make", name))
    }

    /// What a name stands for.
    pub fn entry(&self, path: &str) -> Result<Entry, DiskError> {
        let stat = match self.way.stat(&self.handle, path) {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Entry::Missing),
            Err(Errno::LOOP) => return Ok(Entry::Other),
            Err(errno) => return Err(failed("inspect", path)(errno)),
        };
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Entry::File(stat.st_size.unsigned_abs()),
            _ => Entry::Other,
        })
    }

    /// Make the names in a directory durable; an empty path is the root itself. Where it was opened before, it must still
    /// be the same.
    pub fn sync(&self, path: &str, known: Option<&Identity>) -> Result<(), DiskError> {
        let handle = self.beneath(spelled(path), DIRECTORY, Mode::empty());
        let handle = handle.map_err(failed("sync the directory", spelled(path)))?;
        if known.is_some_and(|known| identity(&handle, path).as_ref().ok() != Some(known)) {
            return Err(replaced(path));
        }
        system::sync(handle).map_err(failed("sync the directory", spelled(path)))
    }

    /// A nameless file in a directory, or `None` where there is no such directory; an empty path is the root itself.
    pub fn unnamed_in(&self, path: &str) -> Result<Option<Unnamed>, DiskError> {
        match self.beneath(spelled(path), DIRECTORY, Mode::empty()) {
            Ok(handle) => Unnamed::new(&handle, path).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed("open the directory", path)(errno)),
        }
    }

    /// A nameless file beside the sources, for what is too large to hold while it is looked at.
    pub fn scratch(&self) -> Result<Scratch, DiskError> {
        Unnamed::new(&self.handle, "the landing directory")?.into_scratch()
    }

    /// A nameless file for what upkeep sorts: beside the sources, or where temporary files go if that cannot be written.
    pub(crate) fn spill_file(&self) -> Result<Scratch, DiskError> {
        let temporary = [std::env::temp_dir(), PathBuf::from("/var/tmp")];
        let temporary: Vec<OwnedFd> =
            temporary.iter().filter_map(|path| openat(CWD, path, DIRECTORY, Mode::empty()).ok()).collect();
        unnamed::spill_file(&self.handle, &temporary)
            .map_err(failed("make a temporary file in", "the landing directory"))
    }

    /// Remove a file that a killed run left, unless somebody still holds it; whether it was removed.
    pub fn sweep(&self, leftover: &str) -> Result<bool, DiskError> {
        let (directory, name) = leftover.rsplit_once('/').unwrap_or(("", leftover));
        match self.beneath(spelled(directory), DIRECTORY, Mode::empty()) {
            Ok(handle) => Ok(unnamed::remove_unless_held(&handle, name)),
            Err(errno) => Err(failed("open the directory", directory)(errno)),
        }
    }
}

fn identity(handle: &OwnedFd, path: &str) -> Result<Identity, DiskError> {
    fstat(handle).map(|stat| Identity::of(&stat)).map_err(failed("inspect", path))
}

impl Identity {
    #[allow(clippy::unnecessary_cast, reason = "the types differ between machines")]
    fn of(stat: &Stat) -> Self {
        Self(stat.st_dev as u64, stat.st_ino as u64)
    }
}

impl Directory {
    /// A nameless file that can be linked here.
    pub fn unnamed(&self) -> Result<Unnamed, DiskError> {
        Unnamed::new(&self.handle, &self.path)
    }

    /// What tells it from any other.
    pub fn identity(&self) -> Result<Identity, DiskError> {
        identity(&self.handle, &self.path)
    }

    /// Make the names in this directory durable.
    pub fn sync(&self) -> Result<(), DiskError> {
        system::sync(&self.handle).map_err(failed("sync the directory", &self.path))
    }

    /// Give the file its name, never replacing another; `false` where the name is taken.
    pub fn link(&self, unnamed: &mut Unnamed, name: &str) -> Result<bool, DiskError> {
        match unnamed.link(&self.handle, name) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(failed("link", format!("{}/{name}", self.path))(errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = Root::open(directory.path()).expect("a root");
        (directory, root)
    }

    #[test]
    fn a_link_never_replaces() {
        let (_guard, root) = root();
        let (directory, made) = root.directory("source/2025").expect("a directory");
        assert!(made && !root.directory("source/2025").expect("a directory").1);
        for (content, expected) in [(b"one", true), (b"two", false)] {
            let mut unnamed = directory.unnamed().expect("a file");
            unnamed.writer().write_all(content).expect("a write");
            assert_eq!(directory.link(&mut unnamed, "name.gz").expect("a link"), expected);
        }
        assert_eq!(std::fs::read(root.path().join("source/2025/name.gz")).expect("a file"), b"one");
        assert_eq!(
            root.list("source").expect("a list"),
            [Found { path: "source/2025/name.gz".into(), stored_size: 3 }]
        );
    }

    #[test]
    fn links_on_the_way_are_refused() {
        let (guard, root) = root();
        let outside = tempfile::tempdir().expect("a temporary directory");
        std::os::unix::fs::symlink(outside.path(), guard.path().join("source")).expect("a link");
        assert!(root.directory("source/2025").is_err());
        assert!(root.file("source/secret").is_err());
        assert_eq!(root.list("source").expect("nothing"), []);
        assert_eq!(std::fs::read_dir(outside.path()).expect("a directory").count(), 0);
    }

    #[test]
    fn nothing_but_files_is_read() {
        let (guard, root) = root();
        std::fs::create_dir_all(guard.path().join("source/2025/name.gz")).expect("a directory");
        assert!(root.file("source/2025/name.gz").is_err());
        assert_eq!(root.entry("source/2025/name.gz").expect("no error"), Entry::Other);
        assert_eq!(root.entry("source/2025/none.gz").expect("no error"), Entry::Missing);
        std::os::unix::fs::symlink("/etc/passwd", guard.path().join("source/2025/link.gz")).expect("a link");
        assert_eq!(root.entry("source/2025/link.gz").expect("no error"), Entry::Other);
        assert!(root.file("source/2025/none.gz").expect("no error").is_none());
    }
}
