//! The operator's own files, apart from the landing zone: replaced whole or not at all, and by one process at a time.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clock::Stopwatch;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::{Error, Kind};

/// How long a turn is waited for. Whoever has it needs it for an instant.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// Wait for the turn to change a file, which lasts until what is returned is dropped. The lock is one of the directory, since
/// the file itself is replaced, and another file would be left behind.
#[expect(clippy::disallowed_methods, reason = "these files are not the landing zone's")]
pub fn turn(path: &Path) -> io::Result<File> {
    let (_, directory) = real(path);
    let directory = File::open(directory)?;
    match locked(&directory, PATIENCE) {
        true => Ok(directory),
        false => Err(io::Error::other("another program has its directory locked")),
    }
}

/// Lock what is open against others, for as long as it is open; whether that came about in time.
pub fn locked(open: &File, patience: Duration) -> bool {
    let waited = Stopwatch::start();
    loop {
        match flock(open, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if waited.elapsed() < patience => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => return false,
            // Where a file system has no locks, there is nothing to wait for.
            _ => return true,
        }
    }
}

/// Where a file really is, and its directory.
fn real(path: &Path) -> (PathBuf, PathBuf) {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    (path.clone(), directory.to_owned())
}

/// Why something that is there cannot be replaced; nothing where it can be, or nothing is there. A device or a pipe in its
/// place is somebody else's, and would be gone.
fn irreplaceable(path: &Path) -> Option<&'static str> {
    let found = fs::metadata(path).ok()?;
    (!found.is_file()).then_some(if found.is_dir() { "it is a directory" } else { "it is no regular file" })
}

/// The error of a file that somebody named and that could not be written; `what` begins its sentence.
pub fn unwritten(what: &str, path: &Path, error: &io::Error) -> Error {
    let hint = match irreplaceable(path) {
        Some(_) => "name a regular file, or one that is not there yet",
        None => "its directory must be there, and writable for the user that runs host",
    };
    Error::new(Kind::Failed, format!("{what} {}: {error}", path.display())).hint(hint)
}

/// Give a file new content: written beside it, synced, and renamed over it. A link is followed, and modes are kept.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_as(path, content, None)
}

/// The same with a file that nobody but its owner may read, whatever was before.
pub fn replace_privately(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_as(path, content, Some(Permissions::from_mode(0o600)))
}

/// The same with a file that everybody may read if it is new, whatever the umask says.
pub fn publish(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_as(path, content, Some(Permissions::from_mode(0o644)))
}

#[expect(clippy::disallowed_methods, reason = "these files are not the landing zone's")]
fn replace_as(path: &Path, content: &[u8], new: Option<Permissions>) -> io::Result<()> {
    if let Some(reason) = irreplaceable(path) {
        return Err(io::Error::other(reason));
    }
    let (path, directory) = real(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.join(format!(".{name}.{}", std::process::id()));
    let write = || {
        let before = fs::metadata(&path).ok();
        let private = new.as_ref().is_some_and(|new| new.mode() & 0o077 == 0);
        let before = before.filter(|_| !private);
        // No moment in which more people can read it than before.
        let mode = if private || before.is_some() { 0o600 } else { 0o666 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(content)?;
        if let Some(before) = before {
            // Root may have edited somebody else's file. Others cannot give files away, and need not.
            let _ = std::os::unix::fs::fchown(&file, Some(before.uid()), Some(before.gid()));
            file.set_permissions(before.permissions())?;
        } else if let Some(new) = new {
            file.set_permissions(new)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(&directory)?.sync_all()
    };
    write().inspect_err(|_| {
        // What could not be written is of no use.
        let _ = fs::remove_file(&temporary);
    })
}
